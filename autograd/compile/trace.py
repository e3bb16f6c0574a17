"""A function run once on Values while its decisions are watched: what was computed, and what was decided by it.

While a function is traced, comparisons of its Values are Values themselves, 1.0 or 0.0.  As long as they only choose
between numbers (``where``) they are part of the program.  When Python asks whether one is true (``if``, ``while``,
``max``), or reads the ``data`` of a Value, the rest of the run depends on the answer: that is a guard, and the program
is the right one for other inputs only if all its guards come out as they did.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple, NoReturn

from ..backward import birth_of
from ..rows import EQUAL, LESS, LESS_EQUAL
from ..value import RELATIONS, Value, data_of, watch
from .flat import Notes

PACKAGE = str(Path(__file__).resolve().parents[1])
Place = tuple[str, int]  # a file and a line in it

RECORDED = {  # comparisons by the rows that stand for them, and whether with operands swapped
    operator.lt: (LESS, False),
    operator.le: (LESS_EQUAL, False),
    operator.gt: (LESS, True),
    operator.ge: (LESS_EQUAL, True),
    operator.eq: (EQUAL, False),
}
_one_at_a_time = RLock()  # the engine tells one watcher


class Guard(NamedTuple):
    """A number on which Python decided: it was ``expected``, at a line of the user's."""

    node: Value
    expected: float
    place: Place
    what: str  # how a person would call it


class Watcher(Notes):
    """What is told of everything that the traced function does with its Values."""

    def __init__(self) -> None:
        super().__init__(birth_of(Value(0.0)) + 1, PACKAGE)
        self.guards: list[Guard] = []
        self.asked: dict[int, float] = {}  # births of the nodes that have a guard

    def compared(self, relation: int, a: Value, b: Any) -> Value:
        """A comparison as a number; ``relation`` is its place in RELATIONS."""
        if RELATIONS[relation] is operator.ne:
            return 1.0 - Value._apply(EQUAL, (a, b))
        row, swapped = RECORDED[RELATIONS[relation]]
        return Value._apply(row, (b, a) if swapped else (a, b))

    def decide(self, value: Value) -> bool:
        """Python asks whether a number is not 0."""
        number = data_of(value)
        op = value.op
        if op not in (LESS, LESS_EQUAL, EQUAL):
            value = Value._apply(EQUAL, (value, 0.0))
            self._guard(value, data_of(value), "whether the number is 0")
        else:
            self._guard(value, number, "the condition")
        return number != 0.0

    def read(self, value: Value) -> None:
        """Python reads a number."""
        self._guard(value, data_of(value), "the number read as .data")

    def refuse(self, what: str) -> NoReturn:
        raise TypeError(
            f"{what} in a function that is being compiled, at {_told(_place())}: a compiled function computes its "
            "result from its arguments; use autograd.value_and_grad or autograd.grad for derivatives, outside or inside"
        )

    def _guard(self, value: Value, number: float, what: str) -> None:
        at = birth_of(value)
        if at not in self.asked:
            self.asked[at] = number
            self.guards.append(Guard(value, number, _place(), what))


def _place() -> Place:
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _told(place: Place) -> str:
    return f"{place[0]}:{place[1]}"


def traced(function: Callable[[list[Value]], Any], numbers: list[float]) -> tuple[list[Value], Any, Watcher]:
    """Run a function on fresh Values of these numbers: those Values, its result, and what was watched.

    One function is traced at a time, and a function that is traced can trace another.
    """
    with _one_at_a_time:
        watcher = Watcher()
        inputs = [Value(number) for number in numbers]
        before = watch(watcher)
        try:
            result = function(inputs)
        finally:
            watch(before)
    return inputs, result, watcher
