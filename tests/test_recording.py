"""Where operations record: in this thread and task, in this generator, within this block, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import inspect
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from autograd import Value, no_grad
from autograd.recording import recording

X = Value(2.0)


def on() -> bool:
    """Whether an operation records here, and the two kinds of operation agree on it."""
    once, twice = (X * X).op is not None, X.tanh().op is not None
    assert once == twice
    return once


def test_no_grad_records_nothing_in_this_thread_only() -> None:
    x = Value(2.0)
    seen: list[object] = []
    with no_grad():
        y = x * x
        other = threading.Thread(target=lambda: seen.append((x * x).op))
        other.start()
        other.join()
        with pytest.raises(RuntimeError), no_grad():
            raise RuntimeError
        assert (x + 1).op is None
    assert (y.data, y.op, y.args) == (4.0, None, ())
    assert str(seen[0]) == "mul"
    assert (x + 1).op is not None
    y.data = 1.0  # a leaf

    @no_grad()
    def decorated() -> Value:
        return x * 3

    assert decorated().op is None


def test_one_object_can_be_entered_again_and_within_itself() -> None:
    quiet = no_grad()
    for _ in range(2):
        with quiet:
            assert not on()
            with quiet, recording(True):
                assert on()
                with quiet:
                    assert not on()
                assert on()
            assert not on()
        assert on()

    @quiet
    def factorial(n: int) -> Value:
        assert not on()
        return X if n == 0 else factorial(n - 1) * n

    assert factorial(3).op is None
    assert on()


def test_exits_in_another_order_than_entries() -> None:
    first, second = no_grad(), recording(True)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert on()
    second.__exit__(None, None, None)
    assert on()
    first.__enter__()
    second.__enter__()
    first.__enter__()
    second.__exit__(None, None, None)
    assert not on()
    first.__exit__(None, None, None)
    assert not on()  # the first entry of two
    first.__exit__(None, None, None)
    assert on()
    first.__exit__(None, None, None)  # nothing was entered
    assert on()


def test_a_decorated_function_keeps_its_looks() -> None:
    @no_grad()
    def f(a: int, b: str = "b") -> None:
        """Says nothing."""

    assert (f.__name__, f.__doc__, str(inspect.signature(f))) == (
        "f", "Says nothing.", "(a: 'int', b: 'str' = 'b') -> 'None'",
    )  # fmt: skip


# ---- generators ------------------------------------------------------------------------------------------------------


def quiet_inside() -> Iterator[bool]:
    with no_grad():
        yield on()
        yield on()
    yield on()


def test_a_generator_suspended_in_no_grad_leaves_its_caller_alone() -> None:
    steps = quiet_inside()
    assert not next(steps)
    assert on()
    with no_grad():
        assert not on()
        assert not next(steps)
        assert not on()
    assert on()
    assert next(steps)
    assert on()


def test_two_generators_and_their_caller_in_turns() -> None:
    def loud_inside() -> Iterator[bool]:
        with recording(True):
            yield on()
            yield on()

    quiet, loud = quiet_inside(), loud_inside()
    with no_grad():
        assert [next(quiet), on(), next(loud), on(), next(quiet), on(), next(loud), on()] == [
            False, False, True, False, False, False, True, False,
        ]  # fmt: skip
        assert list(loud) == []
        assert not on()
        assert not next(quiet)  # it has left its own block, within ours
    assert on()


def test_the_caller_leaves_while_a_generator_is_inside() -> None:
    quiet = no_grad()
    quiet.__enter__()
    steps = quiet_inside()
    assert not next(steps)
    quiet.__exit__(None, None, None)
    assert on()
    assert not next(steps)
    assert next(steps)
    assert on()


def test_a_generator_that_is_dropped_inside_lets_go() -> None:
    class Thing:
        pass

    def work() -> Iterator[None]:
        thing = Thing()
        seen.append(weakref.ref(thing))
        with no_grad():
            yield None

    seen: list[Any] = []
    steps = work()
    next(steps)
    assert on()
    del steps
    assert on()
    gc.collect()
    assert seen[0]() is None


def test_a_copy_of_the_context_keeps_no_generator_alive() -> None:
    class Thing:
        pass

    def work() -> Iterator[contextvars.Context]:
        thing = Thing()
        seen.append(weakref.ref(thing))
        with no_grad():
            yield contextvars.copy_context()

    seen: list[Any] = []
    (context,) = work()
    gc.collect()
    assert seen[0]() is None
    assert context.run(on)


def test_a_generator_reaches_into_what_it_calls_and_delegates_to() -> None:
    def inner() -> Iterator[bool]:
        yield on()

    def outer() -> Iterator[Any]:
        with no_grad():
            yield from inner()
            yield list(inner())
            yield [on() for _ in range(2)]

    assert list(outer()) == [False, [False], [False, False]]
    assert on()


def test_a_context_made_of_a_generator_holds_for_its_block() -> None:
    @contextlib.contextmanager
    def evaluating() -> Iterator[None]:
        with no_grad():
            yield

    @contextlib.contextmanager
    def twice() -> Iterator[None]:
        with evaluating(), contextlib.ExitStack() as stack:
            stack.enter_context(no_grad())
            yield

    for context in (evaluating, twice):
        with context():
            assert not on()
        assert on()

        @context()
        def decorated() -> bool:
            return on()

        assert not decorated()

        def steps(context: Any = context) -> Iterator[bool]:
            with context():
                yield on()

        running = steps()
        assert not next(running)
        assert on()
        assert list(running) == []
        assert on()


def test_a_decorated_generator_function() -> None:
    @no_grad()
    def echo(first: bool) -> Any:
        got = first
        while got is not None:
            try:
                got = yield (got, on())
            except KeyError:
                got = yield ("caught", on())
        return ("done", on())

    assert inspect.isgeneratorfunction(echo)
    running = echo(True)
    assert next(running) == (True, False)
    assert on()
    assert running.send("b") == ("b", False)
    assert running.throw(KeyError) == ("caught", False)
    with pytest.raises(StopIteration) as stop:
        running.send(None)
    assert stop.value.value == ("done", False)
    assert on()


# ---- tasks and threads -----------------------------------------------------------------------------------------------


def test_tasks_have_their_own() -> None:
    async def told(quiet: bool) -> list[bool]:
        found = []
        for _ in range(3):
            with recording(not quiet):
                await asyncio.sleep(0)
                found.append(on())
            await asyncio.sleep(0)
            found.append(on())
        return found

    async def child() -> bool:
        await asyncio.sleep(0)
        return on()

    async def main() -> None:
        results = await asyncio.gather(told(True), told(False), told(True))
        assert results == [[False, True] * 3, [True] * 6, [False, True] * 3]
        with no_grad():
            assert await asyncio.gather(child(), child()) == [False, False]
            later = asyncio.ensure_future(child())
        assert on()
        assert not await later  # it began within

    asyncio.run(main())


def test_decorated_coroutines_and_asynchronous_generators() -> None:
    @no_grad()
    async def compute() -> bool:
        await asyncio.sleep(0)
        return on()

    closed = []

    @no_grad()
    async def echo() -> AsyncIterator[Any]:
        got: Any = "first"
        try:
            while True:
                await asyncio.sleep(0)
                try:
                    got = yield (got, on())
                except KeyError:
                    got = "caught"
                if got == "end":
                    return
        finally:
            closed.append(on())

    async def plain() -> AsyncIterator[bool]:
        with no_grad():
            yield on()
            yield on()

    async def main() -> None:
        assert not await compute()
        assert on()
        running: Any = echo()
        assert await anext(running) == ("first", False)
        assert on()
        assert await running.asend("b") == ("b", False)
        assert await running.athrow(KeyError) == ("caught", False)
        with pytest.raises(StopAsyncIteration):
            await running.asend("end")
        assert closed == [False]
        running = echo()
        await anext(running)
        await running.aclose()
        assert closed == [False, False]
        async for quiet in plain():
            assert not quiet
            assert on()

    asyncio.run(main())
    assert inspect.iscoroutinefunction(compute)
    assert inspect.isasyncgenfunction(echo)


def test_an_exit_in_another_context_does_nothing_there() -> None:
    quiet = no_grad()
    contextvars.copy_context().run(quiet.__enter__)
    assert on()
    quiet.__exit__(None, None, None)
    assert on()


def test_one_object_in_many_threads() -> None:
    quiet = no_grad()
    wrong = []

    def work() -> None:
        for _ in range(300):
            if not on():
                wrong.append("off outside")
            with quiet:
                if on():
                    wrong.append("on inside")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
