"""Tables of data, from CSV files and built-in tasks, and ``TableModel``: a network that reads their rows.

A table's cells are texts, as they stand in the file.  How they become numbers is learned from the rows that a model is
trained on, and saved with the model: it takes raw rows ever after.
"""

from __future__ import annotations

import csv
import io
import math
import os
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .layers import MLP
from .losses import binary_cross_entropy, half_squared, softmax_cross_entropy
from .module import Module, finite
from .rows import listed

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})  # in any case of letters
IMPUTE = ("mean", "median")
MOST_CATEGORIES = 100


class DataError(ValueError):
    """Data that cannot be used as it is; the message says where and why."""


@dataclass
class Table:
    """Rows of texts under a header; ``lines`` tells where each row begins in its file."""

    name: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int] = field(default_factory=list)

    def where(self, i: int) -> str:
        """The place of row ``i``, for messages."""
        return f"{self.name}, line {self.lines[i]}" if self.lines else f"{self.name}, row {i + 1}"

    def part(self, chosen: Sequence[int]) -> Table:
        """A table of some of the rows."""
        lines = [self.lines[i] for i in chosen] if self.lines else []
        return Table(self.name, self.header, [self.rows[i] for i in chosen], lines)

    def places(self, names: Iterable[str]) -> list[int]:
        """Where the columns of these names are; DataError if one is not there."""
        names = list(names)
        missing = [name for name in names if name not in self.header]
        if missing:
            raise DataError(f"{self.name} has no column {_quoted(missing)}; its columns are {_quoted(self.header)}")
        return [self.header.index(name) for name in names]

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        (place,) = self.places([name])
        return [row[place] for row in self.rows]

    def csv(self) -> str:
        """The table as CSV text."""
        return csv_text([self.header, *self.rows])


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV text, quoted where it must be."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def read_csv(content: bytes, name: str) -> Table:
    """The table in a CSV file: UTF-8, with or without BOM; a header line; fields between commas, in "" where needed.

    Blanks around a field are dropped, and blank lines passed over.  Raises DataError with the line for text that is not
    UTF-8, a quote that is not closed or is misplaced, a row that is longer or shorter than the header, a column without
    a name or with that of another; and for a file without a header or without rows.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{name}, line {line}: byte {content[error.start]:#04x} is not UTF-8 text") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    records: list[tuple[int, list[str]]] = []
    end = 0
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            place = f"{name}, line {end + 1}" if "end of data" in str(error) else f"{name}, line {reader.line_num}"
            reason = "a quote is opened here and never closed" if "end of data" in str(error) else str(error)
            raise DataError(f"{place}: {reason}") from None
        if record is None:
            break
        if record:
            records.append((end + 1, [cell.strip() for cell in record]))
        end = reader.line_num
    if not records:
        raise DataError(f"{name} is empty: it needs a header line and rows")
    (first, header), *body = records
    for i, column in enumerate(header):
        if not column:
            raise DataError(f"{name}, line {first}: column {i + 1} of the header has no name")
        if column in header[:i]:
            raise DataError(f"{name}, line {first}: the header names {column!r} twice")
    if not body:
        raise DataError(f"{name} has a header, and no rows")
    for line, row in body:
        if len(row) != len(header):
            raise DataError(f"{name}, line {line}: {_fields(len(row))}, where the header has {len(header)}")
    return Table(name, header, [row for _, row in body], [line for line, _ in body])


def _fields(count: int) -> str:
    return f"{count} field{'s' * (count != 1)}"


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")


# ---- columns ---------------------------------------------------------------------------------------------------------


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a value that is not there."""
    return cell.lower() in MISSING


@dataclass
class NumberColumn:
    """Numbers, passed on as (x − mean) / scale; a missing one becomes ``fill``, or is refused if that is None."""

    name: str
    mean: float
    scale: float
    fill: float | None = None

    def __post_init__(self) -> None:
        self.mean, self.scale = finite("a mean", self.mean), finite("a scale", self.scale)
        if self.scale <= 0:
            raise ValueError(f"the scale of {self.name!r} must be above 0, not {self.scale}")
        if self.fill is not None:
            self.fill = finite("a fill", self.fill)

    width = 1

    def encode(self, cell: str) -> list[float]:
        """The number for a cell, in a list; DataError if there is none."""
        x = self.fill if is_missing(cell) else _number(cell)
        if x is None:
            if is_missing(cell):
                raise DataError(f"{_nothing(self.name, cell)}: {_GAP}")
            raise DataError(f"column {self.name!r} is {cell!r}, not a finite number")
        return [(x - self.mean) / self.scale]

    def decode(self, outputs: Sequence[float]) -> float:
        """The number that an output stands for."""
        return self.mean + self.scale * outputs[0]


@dataclass
class CategoryColumn:
    """One of several texts, passed on as a 1 in its place among 0s; a missing one as for numbers."""

    name: str
    categories: list[str]
    fill: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.categories, list) or not self.categories:
            raise ValueError(f"{self.name!r} must have a list of categories, not {self.categories!r}")
        if self.fill is not None and self.fill not in self.categories:
            raise ValueError(f"{self.fill!r} is no category of {self.name!r}")

    @property
    def width(self) -> int:
        """How many numbers it takes."""
        return len(self.categories)

    def place(self, cell: str) -> int:
        """Which category a cell is; DataError if it is none."""
        if is_missing(cell) and cell not in self.categories:
            if self.fill is None:
                raise DataError(f"{_nothing(self.name, cell)}: {_GAP}")
            cell = self.fill
        if cell not in self.categories:
            raise DataError(f"column {self.name!r} is {cell!r}, which is none of {_quoted(self.categories)}")
        return self.categories.index(cell)

    def encode(self, cell: str) -> list[float]:
        """0 for every category, and 1 for that of the cell."""
        place = self.place(cell)
        return [float(i == place) for i in range(self.width)]


Column = NumberColumn | CategoryColumn

_GAP = "fill it, take the row out, or train with --impute mean or --impute median"


def _nothing(name: str, cell: str) -> str:
    return f"column {name!r} is missing" + (f" ({cell!r})" if cell else "")


def _refuse_gaps(table: Table, targets: Sequence[str]) -> None:
    for name, place in zip(targets, table.places(targets), strict=True):
        for i, row in enumerate(table.rows):
            if is_missing(row[place]):
                raise DataError(f"{table.where(i)}: the target, {_nothing(name, row[place])}: take the row out")


def _number(cell: str) -> float | None:
    """The finite number that a cell is, or None."""
    try:
        x = float(cell)
    except ValueError:
        return None
    return x if math.isfinite(x) and "_" not in cell else None


def _all_numbers(cells: Iterable[str]) -> bool:
    """Whether nearly all that is there is a number: a few typing errors do not make a column one of texts."""
    present = [cell for cell in cells if not is_missing(cell)]
    return sum(_looks_like_a_number(cell) for cell in present) > 0.9 * len(present)


def _looks_like_a_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_class(cells: Sequence[str]) -> bool:
    """Whether numbers look like names of classes: at most 10 whole numbers, each of which occurs more than once."""
    numbers = [_number(cell) for cell in cells]
    counts = Counter(numbers)
    return len(counts) <= 10 and min(counts.values()) > 1 and all(x is not None and x == int(x) for x in counts)


def _categories(cells: Iterable[str]) -> list[str]:
    present = {cell for cell in cells if not is_missing(cell)}
    if all(_number(cell) is not None for cell in present):
        return sorted(present, key=lambda cell: (float(cell), cell))
    return sorted(present)


def _learned(name: str, known: Sequence[str], train: Sequence[str], category: bool, impute: str | None) -> Column:
    """A column: its categories from all rows that are known, everything else from those to train on."""
    present = [cell for cell in train if not is_missing(cell)]
    if not present:
        raise DataError(f"column {name!r} has no value in any row to train on: take it out of the file")
    if category:
        categories = _categories(known)
        if len(categories) > MOST_CATEGORIES:
            raise DataError(
                f"column {name!r} has {len(categories)} different texts, such as {categories[0]!r}; more than "
                f"{MOST_CATEGORIES} are not taken as categories: take it out of the file if it names rows"
            )
        fill = Counter(sorted(present)).most_common(1)[0][0] if impute else None
        return CategoryColumn(name, categories, fill)
    numbers = [x for cell in present if (x := _number(cell)) is not None]
    try:
        mean = math.fsum(numbers) / len(numbers)
        scale = math.sqrt(math.fsum((x - mean) ** 2 for x in numbers) / len(numbers))
    except OverflowError:
        raise DataError(f"column {name!r} has numbers too large to scale: use another unit") from None
    typical = {None: None, "mean": mean, "median": statistics.median(numbers)}[impute]
    return NumberColumn(name, mean, scale if scale > 1e-12 * abs(mean) else 1.0, typical)


# ---- the model -------------------------------------------------------------------------------------------------------


class TableModel(Module):
    """An MLP with the columns that it reads and the targets that it predicts; called with the cells of a row.

    The network ends in logits: one for a target of two categories, one for each of more, and for a number its
    (x − mean) / scale.  ``TableModel.learn`` makes one for a table; ``save`` and ``Module.load`` keep all of it.
    """

    def __init__(
        self,
        columns: Iterable[Mapping[str, Any]],
        targets: Iterable[Mapping[str, Any]],
        network: Mapping[str, Any],
    ) -> None:
        """From descriptions of the columns and the targets, and the arguments of the MLP, as in a saved file."""
        self._columns = [_column(description) for description in columns]
        self._targets = [_column(description) for description in targets]
        for target in self._targets:
            if isinstance(target, CategoryColumn) and target.width < 2:
                raise ValueError(
                    f"target {target.name!r} is always {target.categories[0]!r}: there is nothing to learn"
                )
        self.network = MLP(**network)
        n_in = sum(column.width for column in self._columns)
        n_out = sum(map(_outputs, self._targets))
        layers = [n_in, n_out]
        if layers != [self.network.n_in, len(self.network.layers[-1].neurons)]:
            raise ValueError(f"the columns make {n_in} inputs and {n_out} outputs, and the network does not fit them")

    @classmethod
    def learn(
        cls,
        table: Table,
        targets: Sequence[str],
        train: Sequence[int] | None = None,
        *,
        hidden: Sequence[int] = (16,),
        activation: str = "tanh",
        seed: int = 0,
        impute: str | None = None,
        categories: Iterable[str] = (),
        numbers: Iterable[str] = (),
    ) -> TableModel:
        """A new model for a table, its scales learned from the rows ``train`` (all of them if None).

        A column is of numbers if nearly all of its cells are; numbers among the targets are classes if they are at most
        10 whole ones and each occurs more than once.  ``categories`` and ``numbers`` say so instead.  ``impute`` is
        "mean" or "median" to fill gaps among the inputs: categories by the most frequent one.  Weights are Xavier's,
        or He's for relu, from ``seed``.

        Raises DataError for columns that are not there, gaps (``impute`` None), numbers that are none, a target with
        gaps, and a target of a single class.
        """
        categories, numbers = set(categories), set(numbers)
        table.places([*targets, *categories, *numbers])
        if impute not in (None, *IMPUTE):
            raise ValueError(f"impute must be one of {', '.join(IMPUTE)} or None, not {impute!r}")
        chosen = range(len(table.rows)) if train is None else train

        def column(name: str) -> Column:
            cells = table.column(name)
            is_target = name in targets
            category = name in categories or (name not in numbers and not _all_numbers(cells))
            if is_target and not category and name not in numbers:
                category = _is_class(cells)
            if is_target and category and len(set(cells)) < 2:
                raise DataError(f"target {name!r} is {cells[0]!r} in every row: there is nothing to learn")
            return _learned(name, cells, [cells[i] for i in chosen], category, None if is_target else impute)

        inputs = [column(name) for name in table.header if name not in targets]
        if not inputs:
            raise DataError(f"{table.name} has no column beside the target: there is nothing to learn from")
        _refuse_gaps(table, targets)
        outputs = [column(name) for name in targets]
        n_in = sum(c.width for c in inputs)
        network = MLP(
            n_in,
            [*hidden, sum(map(_outputs, outputs))],
            activation,
            init="he" if activation in ("relu", "leaky_relu", "softplus") else "xavier",
            seed=seed,
        )
        model = cls(map(_described, inputs), map(_described, outputs), network.architecture())
        model.network.load_state_dict(network.state_dict())
        return model

    @property
    def columns(self) -> list[Column]:
        """What it reads."""
        return list(self._columns)

    @property
    def targets(self) -> list[Column]:
        """What it predicts."""
        return list(self._targets)

    def architecture(self) -> dict[str, Any]:
        return {
            "columns": [_described(column) for column in self._columns],
            "targets": [_described(column) for column in self._targets],
            "network": self.network.architecture(),
        }

    def encode(self, table: Table) -> list[list[float]]:
        """The network's inputs for each row; DataError, with the line, for a cell that it does not take."""
        places = table.places(column.name for column in self._columns)
        pairs = list(zip(self._columns, places, strict=True))
        return [
            [x for column, place in pairs for x in self._cell(table, i, column.encode, row[place])]
            for i, row in enumerate(table.rows)
        ]

    def encode_targets(self, table: Table) -> list[list[float]]:
        """For each row a number for each target: the class number, or the number scaled."""
        names = [target.name for target in self._targets]
        places = table.places(names)
        _refuse_gaps(table, names)
        return [
            [
                float(self._cell(table, i, target.place, row[place]))
                if isinstance(target, CategoryColumn)
                else self._cell(table, i, target.encode, row[place])[0]
                for target, place in zip(self._targets, places, strict=True)
            ]
            for i, row in enumerate(table.rows)
        ]

    @staticmethod
    def _cell(table: Table, i: int, encode: Callable[[str], Any], cell: str) -> Any:
        try:
            return encode(cell)
        except DataError as error:
            raise DataError(f"{table.where(i)}: {error}") from None

    def loss(self, outputs: Any, targets: Sequence[float]) -> Any:
        """The sum over the targets of the cross-entropy of categories, or half the squared error of scaled numbers."""
        total: Any = None
        for target, part, t in zip(self._targets, self._parts(outputs), targets, strict=True):
            if isinstance(target, NumberColumn):
                term = half_squared(part, [t])
            elif target.width == 2:
                term = binary_cross_entropy(part, [t])
            else:
                term = softmax_cross_entropy(part, int(t))
            total = term if total is None else total + term
        return total

    def _parts(self, outputs: Any) -> list[list[Any]]:
        """The outputs that belong to each target."""
        listed = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        parts = []
        for target in self._targets:
            count = _outputs(target)
            parts.append(listed[:count])
            listed = listed[count:]
        return parts

    def answers(self, outputs: Any) -> list[tuple[str | float, float | None]]:
        """For each target what these outputs say: a category and its probability, or a number and None."""
        result: list[tuple[str | float, float | None]] = []
        for target, part in zip(self._targets, self._parts(outputs), strict=True):
            if isinstance(target, NumberColumn):
                result.append((target.decode(part), None))
            else:
                shares = probabilities(part)
                best = max(range(len(shares)), key=shares.__getitem__)
                result.append((target.categories[best], shares[best]))
        return result

    def __call__(self, inputs: Sequence[Any], /) -> Any:
        """The network's output or outputs for one row: its cells, in the order of the columns."""
        cells = [str(cell) for cell in listed("inputs", inputs)]
        table = Table("the inputs", [column.name for column in self._columns], [cells])
        if len(table.rows[0]) != len(table.header):
            raise ValueError(f"this model reads {_quoted(table.header)}: {len(table.header)} cells, not {len(cells)}")
        (inputs,) = self.encode(table)
        return self.network(inputs)

    def __repr__(self) -> str:
        columns, targets = ([c.name for c in some] for some in (self._columns, self._targets))
        return f"<TableModel from {_quoted(columns)} to {_quoted(targets)}: {self.network!r}>"


def probabilities(logits: Sequence[float]) -> list[float]:
    """The probabilities of the classes: softmax of several logits; of one logit z, 1 − σ(z) and σ(z)."""
    if len(logits) == 1:
        logits = [0.0, logits[0]]
    top = max(logits)
    weights = [math.exp(z - top) for z in logits]
    total = sum(weights)
    return [weight / total for weight in weights]


def _outputs(target: Column) -> int:
    return target.width if target.width > 2 else 1


def _described(column: Column) -> dict[str, Any]:
    return {"kind": "number" if isinstance(column, NumberColumn) else "category"} | vars(column)


def _column(description: Mapping[str, Any]) -> Column:
    kinds: dict[Any, type[Any]] = {"number": NumberColumn, "category": CategoryColumn}
    options = {name: option for name, option in description.items() if name != "kind"}
    column: Column = kinds[description["kind"]](**options)
    return column


# ---- tasks -----------------------------------------------------------------------------------------------------------


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
        return Table(name, [*inputs, *outputs.split()], [[str(b) for b in [*row, *rule(*row)]] for row in bits])

    return table


def moons(count: int = 200, noise: float = 0.1, seed: int = 1) -> Table:
    """Two half circles that reach into each other, with normal noise: columns x, y and moon, "upper" or "lower"."""
    rng = random.Random(seed)  # noqa: S311  # not about secrets
    rows = []
    for i in range(count):
        angle = math.pi * (i // 2) / (count // 2 - 1)
        x, y = (math.cos(angle), math.sin(angle)) if i % 2 == 0 else (1 - math.cos(angle), 0.5 - math.sin(angle))
        noisy = [f"{z + rng.gauss(0, noise):.4f}" for z in (x, y)]
        rows.append([*noisy, "lower" if i % 2 else "upper"])
    return Table("moons", ["x", "y", "moon"], rows)


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
    classes = [str(name) for name in data.target_names]
    rows = [[f"{x:g}" for x in row] + [classes[k]] for row, k in zip(data.data, data.target, strict=True)]
    return Table(loader, [*names, target], rows)


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


def read_table(source: str | os.PathLike[str], standard_input: Callable[[], bytes] | None = None) -> Table:
    """The table of a task by its name, of a CSV file by its path, or from ``standard_input`` for ``-``."""
    if source in TASKS:
        return TASKS[str(source)].table()
    if source == "-" and standard_input is not None:
        return read_csv(standard_input(), "standard input")
    return read_csv(Path(source).read_bytes(), str(source))
