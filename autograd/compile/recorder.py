"""When to record: ``Recorder`` runs a function as programs once there is enough to do for that to pay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from random import Random
from types import FunctionType, MethodType
from typing import Any, TypeVar

from ..backward import topological
from ..native import choice
from ..primitives import Primitive
from ..structures import Structure, flatten
from ..value import Value
from .captured import Captured

T = TypeVar("T")
WORTH = 1_000_000  # operations to come from which on it pays to record a program: some .2 s of the eager engine
EACH = 50  # calls to come, for each shape of the points, from which on it does
OWN = ("nn", "autograd")


class Recorder:
    """A function at each of some points, run as programs once ``calls`` of it are worth that.

    ``held`` gives the Values that it computes with, and ``by`` are those that slopes are wanted by.  ``how`` is True to
    record whatever it costs, False never to, None to find out; nothing is recorded while ``is_random()``.  There is one
    program for each structure of the points (sequences of one length), and way through the function's branches.  What
    is not recorded is left to the eager engine: None stands for its results.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        points: Sequence[Any],
        calls: int,
        held: Callable[[], Iterable[Value]],
        by: Iterable[Value] = (),
        how: bool | None = None,
        is_random: Callable[[], bool] = lambda: False,
    ) -> None:
        self.function, self.points, self.calls, self.held, self.by = function, points, calls, held, by
        self.how, self.is_random = how, is_random
        self.seen = False
        self._programs: list[Captured] = []
        self._places: dict[int, tuple[int, int]] = {}  # by point: which program's it is, and which of that one's points

    def see(self, outputs: Any) -> None:
        """Look at what the first call gave: record the function if all ``calls`` of it are worth that."""
        if not self.seen:
            self.seen = True
            operations = len(topological(*[y for y in _flat(outputs) if isinstance(y, Value)]))
            worth = self.how or (self.how is None and operations * self.calls >= WORTH and is_own(self.function))
            if worth and not choice.why_interpreted and not self.is_random():
                self._record()

    def again(self, point: int) -> None:
        """After code of somebody else's has run: what the program gives must still be what the function does.

        If it is not, the function was changed, and is recorded anew; not so where it has come to draw random numbers.
        """
        if self.is_random():
            self._programs = []
        elif self._asked(lambda: self._check(point)) is False:
            self._record()

    def sums(self, at: Sequence[int]) -> tuple[float, Any, Any] | None:
        """The sums of the function and of its slopes by ``by``, and for each of these whether it took part."""
        return self._asked(lambda: self._sums(at))

    def results(self) -> list[Any] | None:
        """What the function gives at all points, with floats for Values."""
        return self._asked(self._results)

    def _check(self, point: int) -> bool:
        """Whether all programs do what the function does: that of the point there, others at the first of theirs."""
        mine, place = self._places[point]
        return all(program.check(place if i == mine else 0) for i, program in enumerate(self._programs))

    def _sums(self, at: Sequence[int]) -> tuple[float, Any, Any] | None:
        if len(self._programs) == 1:
            return self._programs[0].sums(at)
        total, slopes, took_part = 0.0, 0.0, False
        for program, places in groupby(sorted(self._places[i] for i in at), lambda place: place[0]):
            sums = self._programs[program].sums([i for _, i in places])
            if sums is None:
                return None
            total, slopes, took_part = total + sums[0], slopes + sums[1], took_part | sums[2]
        return total, slopes, took_part

    def _results(self) -> list[Any] | None:
        found = []
        for program in self._programs:
            results = program.results(range(len(program.points)))
            if results is None:
                return None
            found.append(results)
        return [found[program][i] for program, i in map(self._places.__getitem__, range(len(self.points)))]

    def _record(self) -> None:
        self._programs, self._places = [], {}
        try:
            groups: dict[Structure, list[int]] = {}
            for i, point in enumerate(self.points):
                groups.setdefault(flatten(tuple(point), "a point")[1], []).append(i)
            if self.how is None and len(groups) > 1 and self.calls < EACH * len(groups):
                return
            held = [*self.held()]
            self._programs = [
                Captured(self.function, [self.points[i] for i in g], held, self.by) for g in groups.values()
            ]
            self._places = {
                i: (program, place) for program, g in enumerate(groups.values()) for place, i in enumerate(g)
            }
            self._check(0)
        except Exception as error:
            undefined = isinstance(error, ArithmeticError | ValueError)  # the eager engine says of which sample
            if self.how and not undefined:
                raise TypeError(f"this model and its loss cannot be compiled: {error}") from error
            self._programs = []

    def _asked(self, question: Callable[[], T]) -> T | None:
        if not self._programs:
            return None
        try:
            return question()
        except Exception:  # whatever it is, the eager engine comes to it too, and says of which point
            self._programs = []
            return None


def is_own(item: Any, known: set[int] | None = None) -> bool:
    """Whether all code in an object is this library's: then what it computes is a function of its arguments alone.

    A function of somebody else's may count its calls, print, or draw random numbers.
    """
    known = set() if known is None else known
    if isinstance(item, Value | float | int | str | Random) or item is None or id(item) in known:
        return True
    known.add(id(item))
    if isinstance(item, dict):
        return all(is_own(part, known) for part in item.values())
    if isinstance(item, list | tuple | set | frozenset):
        return all(is_own(part, known) for part in item)
    if isinstance(item, MethodType):
        return (type(item.__self__).__module__ or "").partition(".")[0] in OWN
    kind = item if isinstance(item, FunctionType | type) else type(item)
    if (kind.__module__ or "").partition(".")[0] not in OWN:
        return False
    slots = [getattr(item, name, None) for name in getattr(kind, "__slots__", ())]
    return isinstance(item, FunctionType | Primitive) or (
        is_own(slots, known) and is_own(getattr(item, "__dict__", {}), known)
    )


def _flat(outputs: Any) -> list[Any]:
    return [y for part in outputs for y in _flat(part)] if isinstance(outputs, list | tuple) else [outputs]
