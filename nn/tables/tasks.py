"""The tasks that are built in: tables, and how to train on them."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .table import DataError, Table, read


@dataclass(frozen=True)
class Task:
    """A table that is built in, and how to train on it."""

    about: str
    table: Callable[[], Table]
    targets: tuple[str, ...]
    held_out: float = 0.25
    hidden: tuple[int, ...] = (16,)
    epochs: int = 60
    batch: int = 16
    rate: float = 0.01


def split(count: int, held_out: float, seed: int) -> tuple[list[int], list[int]]:
    """The numbers of the rows to train on, and of the share ``held_out`` of them, drawn by the seed; each in order.

    Raises DataError if one of the two would be empty, save that a share of 0 holds out none.
    """
    places = list(range(count))
    if not held_out:
        return places, []
    kept = count - round(held_out * count)
    if not 0 < kept < count:
        raise DataError(f"{held_out:g} of {count} rows leaves none to hold out or none to train on: give --held-out 0")
    random.Random(seed).shuffle(places)  # noqa: S311  # not about secrets
    return sorted(places[:kept]), sorted(places[kept:])


def _gate(name: str, inputs: str, outputs: str, rule: Callable[..., Sequence[int]]) -> Callable[[], Table]:
    def table() -> Table:
        count = len(inputs)
        bits = [[i >> (count - 1 - k) & 1 for k in range(count)] for i in range(2**count)]
        rows = [[*row, *rule(*row)] for row in bits]
        return Table(name, {key: [row[k] for row in rows] for k, key in enumerate([*inputs, *outputs.split()])})

    return table


def moons(count: int = 200, noise: float = 0.1, seed: int = 1) -> Table:
    """Two half circles that reach into each other, with normal noise: columns x, y and moon, "upper" or "lower"."""
    rng = random.Random(seed)  # noqa: S311  # not about secrets
    columns: dict[str, list[Any]] = {"x": [], "y": [], "moon": []}
    for i in range(count):
        angle = math.pi * (i // 2) / (count // 2 - 1)
        x, y = (math.cos(angle), math.sin(angle)) if i % 2 == 0 else (1 - math.cos(angle), 0.5 - math.sin(angle))
        columns["x"].append(round(x + rng.gauss(0, noise), 4))
        columns["y"].append(round(y + rng.gauss(0, noise), 4))
        columns["moon"].append("lower" if i % 2 else "upper")
    return Table("moons", columns)


def _bundled(loader: str, target: str) -> Table:
    """A table that comes with scikit-learn."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            f"the task {loader} takes its data from scikit-learn, which is not installed: pip install 'glassgrad[data]'"
        ) from error
    data = getattr(datasets, f"load_{loader}")()
    names = [name.removesuffix(" (cm)").replace(" ", "_") for name in data.feature_names]
    columns = {name: data.data[:, k].tolist() for k, name in enumerate(names)}
    return Table(loader, columns | {target: [str(data.target_names[k]) for k in data.target]})


def _logic(about: str, table: Callable[[], Table], targets: tuple[str, ...], hidden: tuple[int, ...] = ()) -> Task:
    return Task(about, table, targets, held_out=0.0, hidden=hidden, epochs=200, batch=4, rate=0.1)


TASKS: dict[str, Task] = {
    "and": _logic("a and b", _gate("and", "ab", "out", lambda a, b: [a & b]), ("out",)),
    "or": _logic("a or b", _gate("or", "ab", "out", lambda a, b: [a | b]), ("out",)),
    "not": _logic("not a", _gate("not", "a", "out", lambda a: [1 - a]), ("out",)),
    "xor": _logic("a or b, not both", _gate("xor", "ab", "out", lambda a, b: [a ^ b]), ("out",), (4,)),
    "mirror": _logic(
        "two inputs, given back",
        _gate("mirror", "ab", "a_again b_again", lambda a, b: [a, b]),
        ("a_again", "b_again"),
        (4,),
    ),
    "moons": Task("two half circles in the plane", moons, ("moon",), hidden=(16, 16), epochs=30, rate=0.03),
    "iris": Task("three species of iris by their measures", lambda: _bundled("iris", "species"), ("species",)),
    "digits": Task(
        "handwritten digits of 8 x 8 pixels", lambda: _bundled("digits", "digit"), ("digit",), hidden=(32,), epochs=8
    ),
}


def read_table(
    source: str | os.PathLike[str], standard_input: Callable[[], bytes] | None = None, **options: Any
) -> Table:
    """The table of a task by its name, of a file by its path, or from ``standard_input`` for ``-``; see ``read``."""
    if source in TASKS:
        return TASKS[str(source)].table()
    if source == "-" and standard_input is not None:
        return read(standard_input(), "standard input", **options)
    return read(source, str(source), **options)
