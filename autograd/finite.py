"""``why_not_finite``: the first operation that made nan or infinity, and the source line it stands in."""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .backward import birth_of, topological
from .sweeps import edges
from .value import Value, numbers_of


@dataclass(frozen=True)
class NotFinite:
    """The first operation that made nan or infinity: itself with its operands, what came of it, and its source line."""

    operation: str
    result: str
    line: str  # "file.py:12", or "" where lines were not traced
    backward: bool  # whether it is a derivative that is not finite

    def __str__(self) -> str:
        where = f", at {self.line}" if self.line else ""
        return f"{self.operation}{', whose ' if self.backward else ' = '}{self.result}{where}"


def why_not_finite(output: Value) -> NotFinite | None:
    """The first operation, from the inputs on, whose result is nan or infinite though its operands are not.

    If all results are finite, the first one, from the output back, that makes a finite derivative nan or infinite;
    None if there is none either.  The source line is known of what was computed within ``trace_lines``.  No ``.grad``
    is touched; raises as ``backward`` where a partial does not exist.

    >>> with trace_lines():
    ...     x = Value(1e200, "x")
    ...     y = x * x - x
    >>> print(why_not_finite(y))
    mul(x=1e+200, x=1e+200) = inf, at <doctest autograd.finite.why_not_finite[0]>:3
    """
    order = topological(output)
    for node in order:
        xs = numbers_of(node)
        if not math.isfinite(node.data) and all(map(math.isfinite, xs)):
            return NotFinite(_written(node), repr(node.data), _line(node), False)
    adjoints = {output: 1.0}
    for node in reversed(order):
        adjoint = adjoints.get(node)
        if adjoint is None or not math.isfinite(adjoint):
            continue
        for operand, partial in edges(node):
            if type(partial) is int and partial == 0:
                continue
            term = adjoint * partial
            total = adjoints.get(operand, 0.0) + term
            if not math.isfinite(term):
                name = operand.label or _short(operand)
                return NotFinite(
                    _written(node), f"derivative by {name} is {float(partial)!r} times {adjoint!r}", _line(node), True
                )
            if not math.isfinite(total):
                name = operand.label or _short(operand)
                returns = f"return to {name} makes {total!r} of {adjoints[operand]!r}"
                return NotFinite(_written(node), returns, _line(node), True)
            adjoints[operand] = total
    return None


class _Lines:
    """The source lines that ran, each with the number of nodes that were born before it."""

    def __init__(self) -> None:
        self.births: list[int] = []
        self.places: list[str] = []

    def note(self, frame: Any) -> None:
        while frame is not None and frame.f_code.co_filename.startswith(_HERE):
            frame = frame.f_back
        if frame is not None:
            self.births.append(birth_of(Value(0.0)))
            self.places.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")

    def trace(self, frame: Any, event: str, _arg: Any) -> Any:
        if frame.f_code.co_filename.startswith(_HERE):
            return None
        self.note(frame.f_back if event == "return" else frame)
        return self.trace

    def of(self, node: Value) -> str:
        i = bisect_right(self.births, birth_of(node)) - 1
        return self.places[i] if 0 <= i < len(self.births) - 1 else ""


_HERE = str(Path(__file__).parent)
_lines = _Lines()


@contextmanager
def trace_lines() -> Iterator[None]:
    """Within it, the source lines that make nodes are kept, for ``why_not_finite``; of the latest such block.

    It uses ``sys.settrace``, in this thread: programs run slower within it, and a debugger's breakpoints rest.  Outside
    of it, recording costs nothing more.
    """
    global _lines
    _lines = lines = _Lines()
    before, stopped = sys.gettrace(), list[tuple[Any, Any]]()
    frame: Any = sys._getframe(2)
    while frame is not None:  # those that are running have begun without it
        stopped.append((frame, frame.f_trace))
        frame.f_trace = lines.trace
        frame = frame.f_back
    sys.settrace(lines.trace)
    try:
        yield
    finally:
        sys.settrace(before)
        for frame, tracer in stopped:
            frame.f_trace = tracer
        lines.births.append(birth_of(Value(0.0)))
        lines.places.append("")


def _line(node: Value) -> str:
    return _lines.of(node)


def _written(node: Value) -> str:
    if node.op is None:
        return f"the number {node.label or 'without a label'}"
    parts = [
        _short(arg, x) if isinstance(arg, Value) else repr(arg)
        for arg, x in zip(node.args, numbers_of(node), strict=True)
    ]
    if len(parts) > 8:
        parts = [*parts[:7], f"… {len(parts) - 7} more"]
    return f"{node.op}({', '.join(parts)})"


def _short(arg: Value, x: float | None = None) -> str:
    number = repr(arg.data if x is None else x)
    return f"{arg.label}={number}" if arg.label else number
