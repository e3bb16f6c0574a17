"""A function that computes with Values that it holds, compiled for those as inputs: a model and its parameters.

``fit`` has such functions: the loss of a sample is one of the sample's numbers and of the parameters.  Its samples are
the points of one program, and the parameters are what all of them share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backward import topological
from ..structures import Structure, flatten
from ..value import Value
from .arguments import Arguments
from .executors import MACHINE
from .flat import Builder, finished, lowered, place_of
from .function import LIMIT
from .program import Floats
from .recorded import Recorded, first_failed, first_failed_of_each, record
from .trace import traced

Flags = NDArray[np.bool_]


class UnlikeError(RuntimeError):
    """A function does not do again what it did, or something else each time: no few programs stand for it."""


@dataclass(eq=False)
class Way:
    """One way through the function's branches."""

    recorded: Recorded
    reached: Flags  # for each of the Values that derivatives are by, whether the result was computed from it
    written: tuple[Structure, bytes]  # what the function did
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
        self.structure = taken[0][1]
        self.lists = [[float(x) for x in leaves] for leaves, _ in taken]
        self.rows = np.array(self.lists, float).reshape(len(points), -1)
        wide = self.rows.shape[1]
        self.places = np.arange(wide, dtype=np.int32), np.arange(wide, wide + len(self.held), dtype=np.int32)
        self.by_at = [wide + place[value] for value in self.by]
        self.ways: list[Way] = []
        self.last = np.zeros(len(points), np.intp)  # by point, the number of the way that it took last

    def sums(self, at: Sequence[int]) -> tuple[float, Floats, Flags] | None:
        """The sums over these points of the one number and of its slopes, and for each whether it took part in any.

        None where a number is not finite or an operation is undefined.  Raises UnlikeError if the function depends on
        more than its arguments and what it holds, or takes too many ways through its branches, ArithmeticError if not
        all is finite where it is recorded, and what the function raises there.
        """
        if len(at) == 1:
            alone = self._alone(at[0])
            if alone is None:
                return None
            taken, total = alone[0].reached, alone[1]
        else:
            total, taken = np.zeros(1 + len(self.by)), np.zeros(len(self.by), bool)
            for way, _, _, sums in self._ways(at, summed=True):
                if sums is None:
                    return None
                with np.errstate(all="ignore"):
                    total += sums
                taken = taken | way.reached
        total = total[: 1 + len(self.by)]
        slopes = total[1:]
        with np.errstate(all="ignore"):
            are_finite = isfinite(np.add.reduce(total))
        return (float(total[0]), slopes, taken) if are_finite else None

    def results(self, at: Sequence[int]) -> list[Any] | None:
        """The function's result at each of these points, with floats for Values; None and errors as above."""
        found: list[Any] = [None] * len(at)
        for way, where, outputs, _ in self._ways(at, summed=False):
            if outputs is None:
                return None
            for i, row in zip(where.tolist(), outputs.tolist(), strict=True):
                found[i] = way.recorded.built(row)
        return found

    def check(self, point: int) -> bool:
        """Whether at this point the function still does what the program does: the same operations, of equal numbers.

        That the results are equal says little: a weight times an input of 0 is 0 whatever became of the two.
        """
        known = len(self.ways)
        self._alone(point)
        way = self.ways[int(self.last[point])]
        return len(self.ways) > known or way.written == self._written(point)  # what was just recorded, it does

    # ---- runs --------------------------------------------------------------------------------------------------------

    def _alone(self, point: int) -> tuple[Way, Floats] | None:
        inputs = np.concatenate([self.rows[point], MACHINE.data_of_all(self.held)])
        number = self._beginning(point)
        while True:
            way = self.ways[number]
            recorded = way.recorded
            outputs = recorded.executor.run(inputs, np.empty(len(recorded.program.outputs)))
            failed = first_failed(recorded, outputs)
            if failed < 0:
                self.last[point] = number
                return None if recorded.executor.best.flagged else (way, outputs)
            number = self._branched(way, (failed, float(outputs[recorded.size + failed])), point)

    def _ways(self, at: Sequence[int], summed: bool) -> Iterable[tuple[Way, Any, Any, Any]]:
        """Run all points: each way, the places in ``at`` of those that took it, and their results or the sums of these.

        The results, or the sums, are None where something is not finite.
        """
        shared = MACHINE.data_of_all(self.held)
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
            outputs, sums, flagged = recorded.executor.lanes(
                self.rows.take(points[where], axis=0), shared, *self.places, reduced
            )
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
            yield way, where, outputs if good and not summed else None, sums if good else None

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
        taken = Arguments(self.function, self.points[point], {})
        recorded = record(self.function, taken, self.tier, self.exact, self.held, self.by_at)
        if self.by and not recorded.result.is_number:
            raise TypeError("derivatives are of one number")
        way = Way(recorded, np.zeros(len(self.by), bool), self._written(point))
        inputs = np.concatenate([self.rows[point], MACHINE.data_of_all(self.held)])
        outputs = recorded.executor.run(inputs, np.empty(len(recorded.program.outputs)))
        if recorded.executor.best.flagged:
            raise ArithmeticError("where it was recorded, not all that it computes is finite")
        if not self._agrees(way, outputs, point, learn=True):
            raise UnlikeError("a second run of it gives other numbers")
        self.ways.append(way)
        return len(self.ways) - 1

    def _written(self, point: int) -> tuple[Structure, bytes]:
        """The structure of the function's result, and a digest of all that it does at this point to come to it."""
        inputs, result, watcher = traced(lambda xs: self.function(*self.structure.rebuild(xs)), self.lists[point])
        numbers, structure = flatten(result, "the result")
        ends = [*numbers, *(guard.node for guard in watcher.guards)]
        order = topological(*[number for number in ends if isinstance(number, Value)])
        builder = Builder(len(inputs) + len(self.held))
        graph = lowered(builder, order, [*inputs, *self.held], watcher)
        places = [
            int(graph.values[place_of(graph, number)]) if isinstance(number, Value) else builder.constant(float(number))
            for number in ends
        ]
        program = finished(builder, places, [])
        digest = blake2b()
        arrays: list[NDArray[Any]] = [program.code, program.outputs, program.constants, *program.lists]
        for array in arrays:
            digest.update(array.tobytes())
        ops = [node.op.code for node in order if node.op is not None]  # of which some are one in a program: detach
        digest.update(repr((ops, [guard.expected for guard in watcher.guards])).encode())
        return structure, digest.digest()

    def _agrees(self, way: Way, outputs: Floats, point: int, learn: bool = False) -> bool:
        """Whether the eager engine gives these numbers now, and slopes by the Values that the way has it from.

        ``learn`` has the way remember which those are.
        """
        numbers, structure = flatten(self.function(*self.points[point]), "the result")
        expected = np.array([number.data if isinstance(number, Value) else float(number) for number in numbers])
        reached = way.reached
        if self.by:
            before = MACHINE.slopes_of(self.held)
            for value in self.held:
                value.grad = None
            numbers[0].backward()
            slopes, reached = MACHINE.slopes_of(self.by)
            MACHINE.set_slopes(self.held, *before)
            expected = np.concatenate([expected, slopes])
        if learn:
            way.reached = reached
        given = outputs[: way.recorded.size]
        if structure != way.recorded.result or given.shape != expected.shape or not (reached == way.reached).all():
            return False
        return bool((given == expected).all() if self.exact else np.allclose(given, expected, 1e-6, 1e-9))
