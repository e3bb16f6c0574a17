"""Where operations record: ``no_grad``, and the ``recording`` that it is made of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import FrameType
from typing import Any, TypeVar

from .value import Switch, recording_here

F = TypeVar("F", bound=Callable[..., Any])


class recording:  # noqa: N801  # in use it reads like a function
    """A context (or decorator) in which operations record, or do not, in this thread and task.

    One object can be entered many times, also within itself.  In a generator it holds while the generator runs, and not
    for who iterates over it; in a generator that ``contextlib`` makes a context of, it holds for the context's block.
    A decorated function may be a generator or a coroutine.
    """

    def __init__(self, on: bool) -> None:
        self.on = on

    def __enter__(self) -> None:
        recording_here.set(Switch(self.on, self, recording_here.get(), _generator(sys._getframe(1))))

    def __exit__(self, *_: object) -> None:
        top = entry = recording_here.get()
        while entry is not None and (entry.left or entry.owner is not self):
            entry = entry.before
        if entry is None:
            return  # it was entered in another context, which ended with it
        entry.left = entry is not top or entry.frame is not None  # what was entered within it goes on
        entry.frame = None  # copies of this context must not keep alive what the generator worked on
        if entry is top:
            top = entry.before
            while top is not None and top.left:
                top = top.before
            recording_here.set(top)

    def __call__(self, function: F) -> F:
        wrapped: Any

        if isgeneratorfunction(function):

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return (yield from function(*args, **kwargs))

        elif isasyncgenfunction(function):

            async def wrapped(*args: Any, **kwargs: Any) -> Any:
                with self:
                    generator: Any = function(*args, **kwargs)
                    step = generator.__anext__()
                    while True:
                        try:
                            item = await step
                        except StopAsyncIteration:
                            return
                        try:
                            step = generator.asend((yield item))
                        except GeneratorExit:
                            await generator.aclose()
                            raise
                        except BaseException as error:
                            step = generator.athrow(error)

        elif iscoroutinefunction(function):

            async def wrapped(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

        else:

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return function(*args, **kwargs)

        return wraps(function)(wrapped)  # type: ignore[return-value]  # it takes and gives what the function does


def no_grad() -> recording:
    """A context (or decorator) in which operations on Values give leaves without a history, in this thread only.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.op
    (9.0, None)
    """
    return recording(False)


def _generator(frame: FrameType | None) -> FrameType | None:
    """The frame, if a generator's: it may be suspended while who iterates over it computes.

    ``contextlib`` enters on behalf of who called it, and runs the generators that it makes contexts of.
    """
    while frame is not None:
        suspends = frame.f_code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR)
        if not _is_contextlib(frame) and not (suspends and _is_contextlib(frame.f_back)):
            return frame if suspends else None
        frame = frame.f_back
    return None


def _is_contextlib(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_globals.get("__name__") == "contextlib"
