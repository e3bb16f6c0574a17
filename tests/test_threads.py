"""Threads: separate graphs never touch each other; a graph in several gives right gradients or a RuntimeError."""

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from autograd import Value, grad, gradients, no_grad, primitive
from autograd import math as am
from autograd.primitives import Primitive

THREADS = 4


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """What ``work(i)`` returned, or raised, in each of some threads that run it at the same time."""
    results: list[Any] = [None] * threads
    start = threading.Barrier(threads)

    def run(i: int) -> None:
        start.wait()
        try:
            results[i] = work(i)
        except Exception as error:  # for the main thread to look at
            results[i] = error

    workers = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results


@contextmanager
def refused() -> Iterator[None]:
    """It may raise the RuntimeError that says that the graph was swept meanwhile, but nothing else."""
    try:
        yield
    except RuntimeError as error:
        if "swept by another thread, or by a rule of its own" not in str(error):
            raise


def slow(name: str) -> Primitive:
    """A row that is Python in either engine, so that threads can be switched inside its rule."""

    def rule(_y: Any, x: Any) -> Any:
        for _ in range(3):
            threading.Event().is_set()
        return 2 * x

    return primitive(name, lambda x: x * x, rule)


def program(x: Value, w: Value, square: Primitive, steps: int) -> Value:
    y = x
    for i in range(steps):
        y = (square(y) * 0.001 + am.sin(w * y) + am.dot([w, y], [x, 0.5])) if i % 3 else am.where(y > 0, y, -y) * w
    return y


def test_separate_graphs_in_separate_threads() -> None:
    square = slow("slow_square")

    def alone(i: int) -> list[float]:
        told = []
        for round_ in range(30):
            x, w = Value(0.3 + i), Value(1.0 + round_ / 100)
            y = program(x, w, square, 20)
            y.backward()
            assert x.has_grad
            assert w.has_grad
            told += [y.data, x.grad, w.grad, *gradients(y, [x, w])]
            told.append(grad(grad(lambda z: square(z) * am.sin(z)))(0.1 * round_))
        return told

    expected = [alone(i) for i in range(THREADS)]
    assert in_threads(alone) == expected


def _scaled(x: Value, w: Value, square: Primitive, i: int) -> Value:
    return program(x * (1 + i), w, square, 25)


def test_parts_of_a_graph_made_in_threads_and_put_together() -> None:
    """The order of birth stays an order of the graph, in whichever thread a part of it is born."""
    square = slow("slow_square")
    for _ in range(5):
        x, w = Value(0.5), Value(1.1)
        parts = in_threads(functools.partial(_scaled, x, w, square))
        total = sum(parts)
        total.backward()
        once = [gradients(_scaled(x, w, square, i), [x, w]) for i in range(THREADS)]
        assert x.grad == pytest.approx(sum(one[0] for one in once), rel=1e-12)
        assert w.grad == pytest.approx(sum(one[1] for one in once), rel=1e-12)


def test_a_graph_swept_by_several_threads_is_right_or_raises() -> None:
    square = slow("slow_square")
    a, b, c = Value(0.7), Value(1.2), Value(-0.4)
    inner = program(a, b, square, 10)
    outputs = [program(a, b, square, 30), inner * c + square(a), program(b, c, square, 20) + inner]
    questions = [(output, inputs) for output in outputs for inputs in ([a, b, c], [b], [c, a], [inner, b])]
    expected = [gradients(output, inputs) for output, inputs in questions]

    def ask(i: int) -> list[str]:
        wrong = []
        for round_ in range(100):
            which = (i + round_ * (i + 1)) % len(questions)
            with refused():
                told = gradients(*questions[which])
                if told != expected[which]:
                    wrong.append(f"{told} for {expected[which]}")
        return wrong

    assert in_threads(ask) == [[]] * THREADS


def test_backward_in_several_threads_on_shared_leaves_is_right_or_raises() -> None:
    """Each call adds its graph's derivative to the shared leaf once, or raises and adds nothing."""
    square = slow("slow_square")
    w = Value(2.0)

    def learn(i: int) -> int:
        done = 0
        for _ in range(50):
            loss = square(w * float(i + 1)) + w  # d/dw = 2 * (i + 1)**2 * w + 1
            with refused():
                loss.backward()
                done += 1
        return done

    done = in_threads(learn)
    assert all(type(count) is int for count in done), done
    assert w.grad == sum(count * (4.0 * (i + 1) ** 2 + 1) for i, count in enumerate(done))


def test_no_grad_is_of_its_own_thread() -> None:
    def work(i: int) -> bool:
        told = True
        for _ in range(200):
            if i % 2:
                with no_grad():
                    told &= (Value(2.0) * 3.0).op is None
            told &= (Value(2.0) * 3.0).op is not None
        return told

    assert in_threads(work) == [True] * THREADS


def test_a_finalizer_that_takes_long_holds_up_no_other_thread() -> None:
    """While one thread is in the middle of freeing a graph, another's is freed as soon as it is dropped."""
    inside, freed = threading.Event(), threading.Event()
    waited: list[bool] = []

    def wait() -> None:
        inside.set()
        waited.append(freed.wait(30))

    inner = Value(1.0) * 2.0
    weakref.finalize(inner, wait)
    outer = inner + 1.0
    del inner

    def drop() -> None:
        nonlocal outer
        del outer

    thread = threading.Thread(target=drop)
    thread.start()
    assert inside.wait(30)
    other = Value(3.0) * 2.0
    weakref.finalize(other, freed.set)
    last = other + 1.0
    del other, last
    at_once = freed.is_set()
    freed.set()
    thread.join()
    assert at_once
    assert waited == [True]


# ---- the same without threads: a rule that sweeps the graph that is being swept --------------------------------------


def _sweeping(name: str, sweep: Callable[[], Any]) -> Primitive:
    def rule(_y: Any, _x: Any) -> float:
        sweep()
        return 1.0

    return primitive(name, lambda x: x, rule)


def right_or_raises(question: Callable[[], Any], right: Any) -> None:
    with refused():
        assert question() == right


@pytest.mark.parametrize("how", ["gradients", "backward", "create_graph"])
def test_a_rule_that_sweeps_an_input_is_right_or_raises(how: str) -> None:
    w, x = Value(2.0), Value(3.0)

    def sweep() -> None:
        if how == "backward":
            (x * x).backward()
        else:
            gradients(x * x * x, [x], create_graph=how == "create_graph")

    out = _sweeping("sweeps_x", sweep)(x) * w
    right_or_raises(lambda: gradients(out, [w, x]), [3.0, 2.0])

    def both() -> list[float | None]:
        w.grad = x.grad = None
        out.backward()
        return [w.grad, x.grad]

    if how != "backward":  # which adds to x.grad
        right_or_raises(both, [3.0, 2.0])


def test_rules_that_move_the_inputs_and_put_them_back_are_right_or_raise() -> None:
    """The second inner sweep leaves every node where the outer one had put it: only what lay between went astray."""
    w, x = Value(2.0), Value(3.0)
    moves = _sweeping("moves", lambda: gradients(x * x, [x]))
    restores = _sweeping("restores", lambda: gradients(w * x, [w, x]))
    restored = restores(w)  # swept last
    between = x * 10.0
    out = (restored + between) + moves(w)  # swept first
    right_or_raises(lambda: gradients(out, [w, x]), [2.0, 10.0])


def test_a_constant_whose_place_a_rule_takes_has_the_whole_gradient() -> None:
    slope = gradients(Value(3.0) * 1.0, [Value(0.0)], create_graph=True)[0]  # a constant
    assert slope.op is not None
    taking = _sweeping("takes", lambda: gradients(slope * Value(1.0), [slope]))
    out = slope * 2.0 + taking(slope) * 5.0
    slope.grad = 100.0  # of an earlier sweep: a constant's gradient begins anew
    out.backward()
    assert slope.grad == 7.0


def test_dead_branches_of_graphs_in_threads_do_not_disturb_each_other() -> None:
    """What one sweep learns of its partial of 0 is not what another sweep just learned of its own."""

    def work(i: int) -> int:
        errors = 0
        for _ in range(400):
            x, y = Value(0.0), Value(2.0)
            if i % 2:
                out = am.where(x > 0, am.sqrt(x), y)  # the slope of sqrt at 0 does not exist, and is not asked for
            else:
                out = y
                for _ in range(10):
                    out = out * x * 1.5  # partials of 0 that do count
            try:
                out.backward()
            except ZeroDivisionError:
                errors += 1
        return errors

    assert in_threads(work) == [0] * THREADS


def test_a_rule_that_sweeps_a_graph_of_its_own_is_right() -> None:
    def rule(_y: Any, x: Any) -> Any:
        inner = Value(x if isinstance(x, float) else x.data)
        (inner**3).backward()
        return inner.grad

    cube = primitive("inner_cube", lambda x: x**3, rule)
    x, w = Value(2.0), Value(5.0)
    out = cube(x * w) * cube(w) + cube(x)
    assert gradients(out, [x, w]) == pytest.approx([3 * 4 * 125 * 125 + 12, 6 * 8 * 5**5])
