"""A function that computes with Values that it holds, compiled for those as inputs: a model and its parameters.

``fit`` has such functions: the loss of a sample is one of the sample's numbers and of the parameters.  Its samples are
the points of one program, and the parameters are what all of them share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..structures import flatten
from ..value import Value
from .arguments import Arguments
from .function import LIMIT, Recorded, first_failed, first_failed_of_each, record

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]


class UnlikeError(RuntimeError):
    """A function does not do again what it did, or something else each time: no few programs stand for it."""


@dataclass(eq=False)
class Way:
    """One way through the function's branches."""

    recorded: Recorded
    reached: Bits  # for each of the Values that derivatives are by, whether the result was computed from it
    branches: dict[tuple[int, float], int] = field(default_factory=dict)  # the number of the way that it is then


class Captured:
    """``function(*point)`` for each of the points: the numbers of its result, or the one number and its slopes.

    ``held`` are the Values that it computes with beside its arguments, which may change between runs; ``by`` are those
    of them that derivatives are wanted by.  Each way through the function is compared with the eager engine where it
    was recorded, to the bit.  Raises TypeError for points that are not alike, or not made of numbers.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        points: Sequence[Any],
        held: Iterable[Value],
        by: Iterable[Value] = (),
        tier: str = "auto",
        exact: bool = True,
    ) -> None:
        self.function, self.tier, self.exact = function, tier, exact
        self.points = points
        self.held, self.by = [*held], [*by]
        place = {value: i for i, value in enumerate(self.held)}
        taken = [flatten(tuple(point), "a point") for point in points]
        if any(structure != taken[0][1] for _, structure in taken):
            raise TypeError("the points are not alike")
        self.lists = [[float(x) for x in leaves] for leaves, _ in taken]
        self.rows = np.array(self.lists, float).reshape(len(points), -1)
        wide = self.rows.shape[1]
        self.places = np.arange(wide, dtype=np.int32), np.arange(wide, wide + len(self.held), dtype=np.int32)
        self.by_at = [wide + place[value] for value in self.by]
        self.by_places = np.array([place[value] for value in self.by], np.intp)
        self.now: Floats | None = None
        self.ways: list[Way] = []
        self.last = np.zeros(len(points), np.intp)  # by point, the number of the way that it took last

    def sums(self, at: Sequence[int], held: Floats | None = None) -> tuple[float, Floats, Bits | None] | None:
        """The sums over these points of the one number and of its slopes, and which Values took part: None for all.

        ``held`` are the numbers of the Values that it holds, where those themselves are out of date; they are set to
        them where the function is recorded once more.  None where a number is not finite or an operation is undefined.
        Raises UnlikeError if the function depends on more than its arguments and what it holds, or takes too many ways
        through its branches, and what the function raises where it is recorded.
        """
        self.now = held
        size = 1 + len(self.by)
        if len(at) == 1:
            alone = self._alone(at[0])
            if alone is None:
                return None
            taken, total = alone[0].reached, np.array(alone[1][:size])
        else:
            total, taken = np.zeros(size), np.zeros(len(self.by), bool)
            for way, _, _, sums in self._ways(at, summed=True):
                if sums is None:
                    return None
                total += sums
                taken |= way.reached
        if not np.isfinite(total).all():
            return None
        return float(total[0]), total[1:], None if taken.all() else taken

    def results(self, at: Sequence[int]) -> list[Any] | None:
        """The function's result at each of these points, with floats for Values; None and errors as above."""
        self.now = None
        found: list[Any] = [None] * len(at)
        for way, where, outputs, _ in self._ways(at, summed=False):
            if outputs is None:
                return None
            for i, row in zip(where, outputs.tolist(), strict=True):
                found[i] = way.recorded.built(row)
        return found

    def check(self, point: int) -> bool:
        """Whether the program still gives at this point what the function does."""
        self.now = None
        alone = self._alone(point)
        return alone is None or self._reached(alone[0].recorded, alone[1], point) == alone[0].reached.tolist()

    # ---- runs --------------------------------------------------------------------------------------------------------

    def _numbers(self) -> list[float]:
        return [value.data for value in self.held] if self.now is None else self.now.tolist()

    def _alone(self, point: int) -> tuple[Way, list[float]] | None:
        inputs = [*self.lists[point], *self._numbers()]
        number = self._beginning(point)
        while True:
            way = self.ways[number]
            recorded = way.recorded
            outputs = recorded.executor.run(inputs)
            failed = first_failed(recorded, outputs)
            if failed < 0:
                self.last[point] = number
                return None if recorded.executor.best.flagged else (way, outputs)
            number = self._branched(way, (failed, outputs[recorded.size + failed]), point)

    def _ways(self, at: Sequence[int], summed: bool) -> Iterable[tuple[Way, list[int], Any, Any]]:
        """Run all points: each way, the places in ``at`` of those that took it, and their results or the sums of these.

        The results, or the sums, are None where something is not finite.
        """
        shared = np.array(self._numbers(), float) if self.now is None else self.now
        points = np.array(at)
        self._beginning(at[0])
        numbers = self.last[points]
        left = np.ones(len(points), bool)
        while left.any():
            number = int(numbers[np.argmax(left)])
            where = np.flatnonzero(left & (numbers == number))
            way = self.ways[number]
            recorded = way.recorded
            reduced = np.zeros(len(recorded.program.outputs), bool)
            reduced[: recorded.size] = summed
            outputs, sums, flagged = recorded.executor.lanes(self.rows[points[where]], shared, *self.places, reduced)
            failed = first_failed_of_each(recorded, outputs)
            if (failed >= 0).any():  # the others run again: theirs are neither the sums nor, for sure, the flags
                guards = outputs[:, outputs.shape[1] - len(recorded.guards) :]
                for k in sorted({*failed.tolist()} - {-1}):
                    for answer in np.unique(guards[failed == k, k]).tolist():
                        there = where[(failed == k) & (guards[:, k] == answer)]
                        numbers[there] = self._branched(way, (k, answer), at[there[0]])
                continue
            self.last[points[where]] = number
            left[where] = False
            good = not flagged.any()
            yield way, where.tolist(), outputs if good and not summed else None, sums if good else None

    # ---- recording ---------------------------------------------------------------------------------------------------

    def _beginning(self, point: int) -> int:
        if not self.ways:
            self._recorded(point)
        return int(self.last[point])

    def _branched(self, way: Way, branch: tuple[int, float], point: int) -> int:
        found = way.branches.get(branch)
        if found is None:
            if len(self.ways) >= LIMIT:
                raise UnlikeError(f"more than {LIMIT} ways through it")
            found = way.branches[branch] = self._recorded(point)
        return found

    def _recorded(self, point: int) -> int:
        if self.now is not None:
            for value, x in zip(self.held, self.now.tolist(), strict=True):
                value.data = x
        taken = Arguments(self.function, self.points[point], {})
        recorded = record(self.function, taken, self.tier, self.exact, self.held, self.by_at)
        if self.by and not recorded.result.is_number:
            raise TypeError("derivatives are of one number")
        outputs = recorded.executor.run([*taken.numbers, *self._numbers()])
        reached = None if recorded.executor.best.flagged else self._reached(recorded, outputs, point)
        if reached is None:
            raise UnlikeError("a second run of it gives other numbers")
        self.ways.append(Way(recorded, np.array(reached, bool)))
        return len(self.ways) - 1

    def _reached(self, recorded: Recorded, outputs: Sequence[float], point: int) -> list[bool] | None:
        """By which of the Values the result has a slope, if the eager engine gives these numbers now; None if not."""
        numbers, structure = flatten(self.function(*self.points[point]), "the result")
        expected = [number.data if isinstance(number, Value) else float(number) for number in numbers]
        reached = []
        if self.by:
            before = [(value, value.grad if value.has_grad else None) for value in self.held]
            for value in self.held:
                value.grad = None
            numbers[0].backward()
            reached = [value.has_grad for value in self.by]
            expected += [value.grad for value in self.by]
            for value, grad in before:
                value.grad = grad
        given = outputs[: recorded.size]
        equal = [*given] == expected if self.exact else np.allclose(given, expected, 1e-6, 1e-9)
        alike = structure == recorded.result and equal
        return reached if alike else None
