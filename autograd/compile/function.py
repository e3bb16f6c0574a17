"""``compile``: a function, recorded once for each structure of its arguments and each way through its branches."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import update_wrapper
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from .. import functional
from ..errors import ERRORS
from ..functional import name_of, transform_of
from ..structures import Structure, flatten
from .arguments import Arguments, Points
from .program import Floats, Program
from .recorded import OutdatedError, Recorded, first_failed, first_failed_of_each, record

FLOATS = {float}
LARGE = 64  # numbers from which on arguments are put together by NumPy
TRIED = 8  # points at which lanes tries to record a function, before the eager engine takes all
LIMIT = 64  # ways through a function before the eager engine takes those that are left
TIERS = ("auto", "interpreter", "llvm")
BRANCHES = ("retrace", "raise")
FAILED = (*ERRORS, IndexError, OutdatedError)  # raised where a function has no value, or no program to be kept
REDUCE = (None, "sum", "mean")


class BranchError(RuntimeError):
    """A compiled function came to a branch that its program does not take."""


class Compiled:
    """What ``compile`` makes of a function."""

    def __init__(self, function: Callable[..., Any], tier: str, exact: bool, check: bool, on_branch: str) -> None:
        for name, given, known in (("tier", tier, TIERS), ("on_branch", on_branch, BRANCHES)):
            if given not in known:
                raise ValueError(f"compile: {name} is one of {', '.join(map(repr, known))}, not {given!r}")
        if not callable(function):
            raise TypeError(f"compile takes a function, not {type(function).__name__} {function!r}")
        self.function = function
        self.options = (tier, exact, check, on_branch)
        self.check = check
        self._recorded: dict[Any, Recorded] = {}
        self._counts: dict[Any, int] = {}
        self._last: Recorded | None = None
        self._arrays: dict[Any, Any] = {}  # keys of many numbers in arrays and lists, by the arguments' sizes
        # whose program may be run without looking any further at floats, or, where this is so, at one list of them
        self._direct: tuple[Recorded, bool] | None = None
        self._recording = RLock()
        update_wrapper(self, function)

    def __repr__(self) -> str:
        return f"<compiled {name_of(self.function)}>"

    def __get__(self, instance: Any, owner: Any) -> Any:
        from types import MethodType

        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        module = sys.modules.get(getattr(self, "__module__", ""))
        name = getattr(self, "__qualname__", "")
        if getattr(module, name, None) is self:
            return name
        return _rebuilt, (_Recipe.of(self.function), self.options)

    @property
    def program(self) -> Program:
        """The program that ran last.  AttributeError if none was recorded yet."""
        if self._last is None:
            raise AttributeError(f"{self!r} has no program yet: call it, and it is recorded")
        return self._last.program

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's result, from its program if the arguments are numbers; of Values, the function itself."""
        if self._direct is not None and not kwargs:
            direct, of_list = self._direct
            given: Any = args
            if of_list:
                given = tuple(args[0]) if len(args) == 1 and type(args[0]) is list else None
            try:
                found = None if given is None else direct.executor.best.direct(given)
            except FAILED:
                found = None
            if found is not None:
                self._last = direct
                return direct.built(found)
        packed = _packed(self._arrays.get(_sizes(args)), args) if self._arrays and not kwargs else None
        key, numbers = packed or self._listed(args, kwargs)
        if key is None:
            return self.function(*args, **kwargs)
        recorded = self._recorded.get(key)
        if recorded is None or (recorded.users and recorded.is_outdated):
            try:
                recorded = self._first(key, args, kwargs)
            except FAILED:
                return self.function(*args, **kwargs)
        while True:
            executor = recorded.executor
            try:
                outputs = executor.run(numbers, np.empty(len(recorded.program.outputs)) if packed else None)
            except FAILED:
                return self.function(*args, **kwargs)  # which says what it is that has no value
            if executor.best.flagged and self.check:
                return self.function(*args, **kwargs)
            if recorded.guards:
                failed = first_failed(recorded, outputs)
                if failed >= 0:
                    branch = (failed, float(outputs[recorded.size + failed]))
                    found = recorded.way(branch)
                    try:
                        if found is None:
                            found = self._branched(recorded, branch, key, args, kwargs)
                    except FAILED:
                        found = None
                    if found is None:
                        return self.function(*args, **kwargs)
                    recorded = found
                    continue
            self._last = recorded
            if executor.left < 0 and not recorded.guards and not recorded.users and not kwargs:
                of_list = len(args) == 1 and type(args[0]) is list and {*map(type, args[0])} == FLOATS
                if of_list or type(key) is int:
                    self._direct = recorded, of_list
            return recorded.result.cut(outputs[recorded.inside]) if packed else recorded.built(outputs)

    def _listed(self, args: Any, kwargs: Any) -> tuple[Any, Sequence[float]]:
        """What a program is recorded for, and its numbers; None for Values and nan, which the function itself takes."""
        if not kwargs and {*map(type, args)} == FLOATS:
            key, numbers = len(args), args
        else:
            taken = Arguments(self.function, args, kwargs)
            if taken.values:
                return None, ()
            key, numbers = taken.key, taken.numbers
            if len(numbers) >= LARGE and type(key) is tuple and not (taken.names or taken.statics):
                self._arrays[_sizes(args)] = key
        total = sum(numbers)  # a nan raises no flag of the processor's as it goes on through a program
        return (key if total == total else None), numbers

    def _first(self, key: Any, args: Any, kwargs: Any) -> Recorded:
        self._counts[key] = 1
        recorded = self._recorded[key] = self._record(args, kwargs)
        return recorded

    def _record(self, args: Any, kwargs: Any) -> Recorded:
        tier, exact, _, _ = self.options
        return record(self.function, Arguments(self.function, args, kwargs), tier, exact)

    def _branched(self, recorded: Recorded, branch: tuple[int, float], key: Any, args: Any, kwargs: Any) -> Any:
        """What was recorded for arguments that take another branch; None when there are too many of these."""
        guard = recorded.guards[branch[0]]
        if self.options[3] == "raise":
            place = f"{guard.place[0]}:{guard.place[1]}"
            raise BranchError(
                f"{name_of(self.function)} was compiled where {guard.what} at {place} was {guard.expected:g}, "
                f'and here it is {branch[1]:g}: use where or take there, or on_branch="retrace"'
            )
        with self._recording:  # another thread may have come to the same branch
            return recorded.way(branch) or self._another(recorded, branch, key, args, kwargs)

    def _another(self, recorded: Recorded, branch: tuple[int, float], key: Any, args: Any, kwargs: Any) -> Any:
        guard = recorded.guards[branch[0]]
        if self._counts[key] >= LIMIT:
            if self._counts[key] == LIMIT:
                self._counts[key] += 1
                warnings.warn(
                    f"{name_of(self.function)} took {LIMIT} ways through its branches, the last at {guard.place[0]}:"
                    f"{guard.place[1]}; others run uncompiled from here on: use where or take there",
                    RuntimeWarning,
                    stacklevel=4,
                )
            return None
        found = recorded.branches[branch] = self._record(args, kwargs)
        self._counts[key] += 1
        return found

    # ---- many points at once -----------------------------------------------------------------------------------------

    def lanes(self, *args: Any, shared: Sequence[int] = (), reduce: str | None = None, threads: int = 1) -> Any:
        """The results at many points at once.

        Arguments are arrays with a leading axis of points (a list is taken as an array), or tuples, dicts and
        dataclasses of these; those whose places are in ``shared`` are the same at all points and have none.  The
        numbers of the result get the leading axis too, or, with ``reduce``, are the "sum" or "mean" over the points,
        added in their order.  It is what the function gives point by point, also where points take different branches.
        Raises ValueError for arrays of different lengths, or no point to take a mean of, and TypeError for a list of
        arrays, whose axis of points may be either.
        """
        if reduce not in REDUCE:
            raise ValueError(f"reduce is 'sum', 'mean' or None, not {reduce!r}")
        points = Points(self.function, args, shared)
        if points.count == 0:
            raise ValueError(f"{name_of(self.function)}.lanes was given no points")
        first = points.at(0)
        taken = Arguments(self.function, first, {})
        recorded = self._recorded.get(taken.key)
        if recorded is None or recorded.is_outdated:
            recorded = self._first_of_points(taken.key, points)
        self._last = recorded or self._last
        if recorded is None:
            structure, results = self._eager_at_all(points)
        else:
            if reduce is not None and not recorded.guards and not (self.check and points.has_nan()):
                sums, flagged = self._summed(recorded, points, threads)
                if not (flagged.any() and self.check):
                    return recorded.result.rebuild((sums / points.count if reduce == "mean" else sums).tolist())
            results = np.empty((points.count, len(recorded.places)))
            structure = self._split(taken.key, recorded, points, np.arange(points.count), results, threads)
        if reduce is None:
            return structure.stacked(results)
        total = np.cumsum(results, axis=0)[-1] + 0.0  # one after the other
        return structure.rebuild((total / points.count if reduce == "mean" else total).tolist())

    def _first_of_points(self, key: Any, points: Points) -> Recorded | None:
        """Record the function at the first of some points where that can be done, or nowhere; raises as it does."""
        for i in range(min(points.count, TRIED)):
            try:
                return self._first(key, points.at(i), {})
            except FAILED:
                if self.check:
                    self.function(*points.at(i))  # if that has a value, it is by rules that symbols cannot follow
        return None

    def _eager_at_all(self, points: Points) -> tuple[Structure, Any]:
        structure = flatten(self.function(*points.at(0)), "the result")[1]
        results = np.empty((points.count, structure.size))
        for i in range(points.count):
            self._eager(points, i, structure, results)
        return structure, results

    def _summed(self, recorded: Recorded, points: Points, threads: int) -> tuple[Any, Any]:
        reduced = np.ones(len(recorded.program.outputs), bool)
        _, sums, flagged = recorded.executor.lanes(
            points.rows, points.shared, points.varying_at, points.shared_at, reduced, threads
        )
        return sums[recorded.inside], flagged

    def _split(self, key: Any, recorded: Recorded, points: Points, at: Any, results: Any, threads: int) -> Structure:
        """Fill in the results of the points ``at``: those that take other branches are run by other programs."""
        reduced = np.zeros(len(recorded.program.outputs), bool)
        rows = points.rows if len(at) == points.count else np.ascontiguousarray(points.rows[at])
        outputs, _, flagged = recorded.executor.lanes(
            rows, points.shared, points.varying_at, points.shared_at, reduced, threads
        )
        flagged = flagged | points.is_nan(rows) if self.check else np.zeros(len(at), bool)
        failed = first_failed_of_each(recorded, outputs)
        failed[flagged] = -1
        good = (failed < 0) & ~flagged
        if len(at) == points.count and good.all():  # most often
            results[:] = outputs[:, recorded.inside]
            return recorded.result
        results[at[good]] = outputs[good][:, recorded.places]
        for i in at[flagged]:  # as eager has it, errors too
            self._eager(points, int(i), recorded.result, results)
        for k in sorted({*failed.tolist()} - {-1}):
            column = outputs[:, recorded.size + k]
            for number in np.unique(column[failed == k]).tolist():
                there = at[(failed == k) & ((column == number) | (np.isnan(column) & (number != number)))]
                first = points.at(int(there[0]))
                found = recorded.way((k, number))
                if found is None:
                    with suppress(*FAILED):  # the eager engine says of which point
                        found = self._branched(recorded, (k, number), key, first, {})
                if found is None:
                    for i in there:
                        self._eager(points, int(i), recorded.result, results)
                elif found.result != recorded.result:
                    raise ValueError(f"{name_of(self.function)} returns different structures at different points")
                else:
                    self._split(key, found, points, there, results, threads)
        return recorded.result

    def _eager(self, points: Points, i: int, structure: Structure, results: Any) -> None:
        results[i] = structure.match(self.function(*points.at(i)), "the result")


def _sizes(args: Sequence[Any]) -> Any:
    """What tells structures apart most often, and at once."""
    sized = (list, tuple, dict)
    return tuple([a.shape if type(a) is np.ndarray else len(a) if isinstance(a, sized) else 0 for a in args])


def _packed(key: Any, args: Sequence[Any]) -> tuple[Any, Floats] | None:
    """The key, and the arguments' numbers, if they are floats and arrays as it has them, and none is nan."""
    parts: list[Any] = []
    if key is None or not all(structure.packed(arg, parts) for structure, arg in zip(key[0], args, strict=True)):
        return None
    numbers = np.concatenate(parts)
    return None if np.isnan(numbers).any() else (key, numbers)


# ---- pickles ---------------------------------------------------------------------------------------------------------


class _Recipe(NamedTuple):
    """How a function can be made again in another process: by its name, or by a transform of one that can."""

    kind: str
    function: Any
    argnums: Any

    @classmethod
    def of(cls, function: Any) -> _Recipe:
        transform = transform_of(function)
        if transform is None:
            return cls("", function, None)
        return cls(transform.kind, cls.of(transform.function), transform.argnums)

    def made(self) -> Any:
        return getattr(functional, self.kind)(self.function.made(), self.argnums) if self.kind else self.function


def _rebuilt(recipe: _Recipe, options: tuple[Any, ...]) -> Compiled:
    return Compiled(recipe.made(), *options)
