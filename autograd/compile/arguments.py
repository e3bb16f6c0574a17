"""Arguments of a compiled function taken apart: the numbers that are inputs, and what a program is recorded for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from ..functional import name_of
from ..structures import Structure, flatten
from ..value import Value

FLOATS = {float}


class Arguments:
    """Arguments taken apart: the numbers are inputs, all that is no number belongs to the key.

    Raises TypeError for what is neither a number, or a structure of numbers, nor hashable.
    """

    def __init__(self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.numbers: list[float] = []
        self.structures: list[Structure | None] = []
        self.statics: list[Any] = []
        self.names = sorted(kwargs)
        self.count = len(args)
        self.values = False
        for i, arg in enumerate([*args, *(kwargs[name] for name in self.names)]):
            what = f"argument {i if i < len(args) else self.names[i - len(args)]} of {name_of(function)}"
            try:
                leaves, structure = flatten(arg, what)
            except TypeError:
                if isinstance(arg, list | tuple | dict | np.ndarray):
                    raise
                try:
                    hash(arg)
                except TypeError:
                    raise TypeError(f"{what} is neither made of numbers nor hashable: {arg!r}") from None
                self.structures.append(None)
                self.statics.append(arg)
                continue
            kinds = {*map(type, leaves)}
            self.values = self.values or any(issubclass(kind, Value) for kind in kinds)
            self.structures.append(structure)
            if not self.values:
                self.numbers += leaves if kinds <= FLOATS else map(float, leaves)
        self.key: Any = (tuple(self.structures), tuple(self.names), tuple(self.statics))
        if self.structures and not kwargs and all(s is not None and s.spec is None for s in self.structures):
            self.key = len(args)

    def sizes(self) -> list[int]:
        return [0 if structure is None else structure.size for structure in self.structures]

    def rebuilt(self, numbers: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments with other numbers."""
        statics, at, built = iter(self.statics), 0, []
        for structure in self.structures:
            if structure is None:
                built.append(next(statics))
            else:
                built.append(structure.rebuild(numbers[at : at + structure.size]))
                at += structure.size
        return built[: self.count], dict(zip(self.names, built[self.count :], strict=True))


class Points:
    """The arguments of ``lanes``: a row of numbers for each point, and the numbers that all points share."""

    def __init__(self, function: Callable[..., Any], args: Sequence[Any], shared: Sequence[int]) -> None:
        alike = {i % len(args) if -len(args) <= i < len(args) else i for i in shared}
        if not alike <= set(range(len(args))):
            raise ValueError(f"shared names argument {max(alike)} of {len(args)}")
        self.args = [arg if i in alike else _arrays(arg) for i, arg in enumerate(args)]
        self.alike = alike
        columns: list[Any] = []
        numbers: list[float] = []
        varying_at: list[int] = []
        shared_at: list[int] = []
        self.count = -1
        at = 0
        for i, arg in enumerate(self.args):
            if i in alike:
                leaves = Arguments(function, [arg], {}).numbers
                numbers += leaves
                shared_at += range(at, at + len(leaves))
                at += len(leaves)
                continue
            for array in _leaves(arg):
                if array.ndim == 0:
                    raise ValueError(
                        f"argument {i} of {name_of(function)} has no axis of points: give it one, or name it in shared"
                    )
                if self.count not in (-1, len(array)):
                    raise ValueError(f"argument {i} of {name_of(function)} has {len(array)} points, not {self.count}")
                self.count = len(array)
                flat = array.reshape(len(array), -1)
                columns.append(flat)
                varying_at += range(at, at + flat.shape[1])
                at += flat.shape[1]
        if self.count < 0:
            raise ValueError(f"all arguments of {name_of(function)} are shared: call it for the one point that is")
        self.rows = np.ascontiguousarray(np.concatenate(columns, axis=1))
        self.shared = np.array(numbers, float)
        self.varying_at = np.array(varying_at, np.int32)
        self.shared_at = np.array(shared_at, np.int32)

    def is_nan(self, rows: Any) -> Any:
        """For each of these rows, whether a number of the point is nan."""
        with np.errstate(all="ignore"):
            total = rows.sum() + self.shared.sum()
        if not np.isnan(total):  # which is quick to see, and most often so
            return np.zeros(len(rows), bool)
        return np.isnan(rows).any(axis=1) | bool(np.isnan(self.shared).any())

    def has_nan(self) -> bool:
        """Whether a number of any point is nan."""
        return bool(self.is_nan(self.rows).any())

    def at(self, point: int) -> list[Any]:
        """The arguments at one point."""
        return [
            arg
            if i in self.alike
            else _mapped(arg, lambda array: array[point].tolist() if array.ndim == 1 else array[point])
            for i, arg in enumerate(self.args)
        ]


def _mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, np.ndarray):
        return change(tree)
    if isinstance(tree, dict):
        return type(tree)((key, _mapped(item, change)) for key, item in tree.items())
    if isinstance(tree, tuple):
        items = [_mapped(item, change) for item in tree]
        return tree._make(items) if hasattr(tree, "_make") else tuple(items)
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(tree, **{field.name: _mapped(getattr(tree, field.name), change) for field in fields(tree)})
    if isinstance(tree, list) and any(isinstance(item, np.ndarray) and item.ndim for item in tree):
        raise TypeError(
            "a list of arrays may be one array for each point or one for each number of a list: give one array, its "
            "first axis that of the points, such as np.stack(arrays) or np.stack(arrays, axis=1)"
        )
    return change(np.asarray(tree, float))


def _arrays(tree: Any) -> Any:
    return _mapped(tree, lambda array: np.asarray(array, float))


def _leaves(tree: Any) -> list[Any]:
    found: list[Any] = []

    def kept(array: Any) -> Any:
        found.append(array)
        return array

    _mapped(tree, kept)
    return found
