"""``TableModel``: a network that reads the rows of a table.

How cells become numbers is learned from the rows that a model is trained on, and saved with the model as JSON: it takes
raw rows ever after.
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..layers import MLP
from ..losses import binary_cross_entropy, half_squared, softmax_cross_entropy
from ..module import Module, finite
from ..rows import listed
from .table import DataError, Table, number, quoted

IMPUTE = ("mean", "median")
MOST_CATEGORIES = 100
COUNTS = "it counts the rows"
RAMPS = ("relu", "leaky_relu", "elu", "silu", "gelu", "softplus")
GAP = "fill it, take the row out, or train with --impute mean or --impute median"


def usual_epochs(rows: int) -> int:
    """How many epochs a table of so many rows is trained for: 40,000 rows in all, but from 10 to 200 epochs."""
    return max(10, min(200, 40_000 // max(1, rows)))


def usual_init(activation: str) -> str:
    """He's initial weights for activations that are ramps, Xavier's for all others."""
    return "he" if activation in RAMPS else "xavier"


@dataclass
class NumberColumn:
    """Numbers, passed on as (x − mean) / scale; a missing one becomes ``fill``, or is refused if that is None."""

    name: str
    mean: float
    scale: float
    fill: float | None = None

    width = 1

    def __post_init__(self) -> None:
        self.mean, self.scale = finite("a mean", self.mean), finite("a scale", self.scale)
        if self.scale <= 0:
            raise ValueError(f"the scale of {self.name!r} must be above 0, not {self.scale}")
        if self.fill is not None:
            self.fill = finite("a fill", self.fill)

    def encode(self, cell: Any) -> list[float]:
        """The number for a cell, in a list; DataError if there is none."""
        x = self.fill if cell is None else number(cell)
        if x is None:
            what = f"is missing: {GAP}" if cell is None else f"is {cell!r}, not a finite number"
            raise DataError(f"column {self.name!r} {what}")
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

    def place(self, cell: Any) -> int:
        """Which category a cell is; DataError if it is none."""
        cell = self.fill if cell is None else _text(cell)
        if cell is None:
            raise DataError(f"column {self.name!r} is missing: {GAP}")
        if cell not in self.categories:
            raise DataError(f"column {self.name!r} is {cell!r}, which is none of {quoted(self.categories)}")
        return self.categories.index(cell)

    def encode(self, cell: Any) -> list[float]:
        """0 for every category, and 1 for that of the cell."""
        place = self.place(cell)
        return [float(i == place) for i in range(self.width)]


Column = NumberColumn | CategoryColumn


def _text(cell: Any) -> str:
    """A cell as the text of a category: 2.0 and 2 are one."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def names_rows(cells: Sequence[Any]) -> str:
    """Why an input column is taken to name rows and teaches nothing, or ""."""
    present = [cell for cell in cells if cell is not None]
    if not present:
        return "it is empty"
    different = len(set(present))
    if _is_text(present):
        if different == len(cells) >= 20:
            return "a different text in every row"
        if different > MOST_CATEGORIES:
            return f"{different} different texts"
    elif len(cells) >= 20 and all(isinstance(cell, int) for cell in cells):
        return COUNTS if all(b - a == 1 for a, b in itertools.pairwise(cells)) else ""
    return ""


def _is_class(cells: Sequence[Any]) -> bool:
    """Whether numbers look like names of classes: at most 10 whole numbers, each of which occurs more than once."""
    counts = Counter(map(number, cells))
    return len(counts) <= 10 and min(counts.values()) > 1 and all(x is not None and x == int(x) for x in counts)


def _is_text(cells: Sequence[Any]) -> bool:
    """Whether a column is one of categories: fewer than nearly all of its cells are numbers."""
    present = [cell for cell in cells if cell is not None]
    return sum(not isinstance(cell, str) or number(cell) is not None for cell in present) <= 0.9 * len(present)


def _refuse_units(name: str, cells: Sequence[Any]) -> None:
    """DataError for a target of texts such as $5 or 7%, which are numbers with something about them."""
    present = [cell for cell in cells if isinstance(cell, str)]
    bare = [re.sub(r"^[$€£¥]\s*|\s*[%$€£¥]$", "", cell).replace(",", "") for cell in present]
    dressed = [cell for cell, rest in zip(present, bare, strict=True) if rest != cell and number(rest) is not None]
    if len(dressed) > 0.5 * len(cells):
        raise DataError(
            f"target {name!r} is {dressed[0]!r}: a number with a unit; write it as a number, or say --category {name}"
        )


def learned(name: str, known: Sequence[Any], train: Sequence[Any], category: bool, impute: str | None = None) -> Column:
    """A column: its categories from all rows that are known, everything else from those to train on."""
    present = [cell for cell in train if cell is not None]
    if not present:
        raise DataError(f"column {name!r} has no value in any row to train on: leave it out with --drop {name}")
    if category:
        texts = {_text(cell) for cell in known if cell is not None}
        if len(texts) > MOST_CATEGORIES:
            raise DataError(
                f"column {name!r} has {len(texts)} different texts, such as {min(texts)!r}; more than "
                f"{MOST_CATEGORIES} are not taken as categories: leave it out with --drop {name}"
            )
        numeric = all(number(text) is not None for text in texts)
        categories = sorted(texts, key=lambda text: (float(text), text)) if numeric else sorted(texts)
        fill = Counter(sorted(map(_text, present))).most_common(1)[0][0] if impute else None
        return CategoryColumn(name, categories, fill)
    numbers = [x for cell in present if (x := number(cell)) is not None]
    try:
        mean = math.fsum(numbers) / len(numbers)
        scale = math.sqrt(math.fsum((x - mean) ** 2 for x in numbers) / len(numbers))
    except OverflowError:
        raise DataError(f"column {name!r} has numbers too large to scale: use another unit") from None
    typical = {None: None, "mean": mean, "median": statistics.median(numbers)}[impute]
    return NumberColumn(name, mean, scale if scale > 1e-12 * abs(mean) else 1.0, typical)


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
        if [n_in, n_out] != [self.network.n_in, len(self.network.layers[-1].neurons)]:
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
        or He's for ramps such as relu, from ``seed``.

        Raises DataError for columns that are not there, gaps (``impute`` None), numbers that are none, a target with
        gaps or with units, and a target of a single class.
        """
        categories, numbers = set(categories), set(numbers)
        if impute not in (None, *IMPUTE):
            raise ValueError(f"impute must be one of {', '.join(IMPUTE)} or None, not {impute!r}")
        chosen = range(table.rows) if train is None else train
        for name in (*targets, *categories, *numbers):
            table.column(name)

        def column(name: str) -> Column:
            cells, is_target = table.column(name), name in targets
            category = name in categories or (name not in numbers and _is_text(cells))
            if is_target and name not in categories:
                _refuse_units(name, cells)
            if is_target and not category and name not in numbers:
                category = _is_class(cells)
            if is_target and None in cells:
                raise DataError(f"{table.where(cells.index(None))}: the target {name!r} is missing")
            if is_target and category and len(set(map(_text, cells))) < 2:
                raise DataError(f"target {name!r} is {_text(cells[0])!r} in every row: there is nothing to learn")
            return learned(name, cells, [cells[i] for i in chosen], category, None if is_target else impute)

        inputs = [column(name) for name in table.header if name not in targets]
        if not inputs:
            raise DataError(f"{table.name} has no column beside the target: there is nothing to learn from")
        outputs = [column(name) for name in targets]
        network = MLP(
            sum(c.width for c in inputs),
            [*hidden, sum(map(_outputs, outputs))],
            activation,
            init=usual_init(activation),
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
        """The network's inputs for each row; DataError, with the row, for a cell that it does not take."""
        encoded = [self._cells(table, column, column.encode) for column in self._columns]
        return [[x for cell in row for x in cell] for row in zip(*encoded, strict=True)]

    def encode_targets(self, table: Table) -> list[list[float]]:
        """For each row a number for each target: the class number, or the number scaled."""
        encoded = [
            self._cells(table, target, target.place if isinstance(target, CategoryColumn) else target.encode)
            for target in self._targets
        ]
        return [[float(x[0] if isinstance(x, list) else x) for x in row] for row in zip(*encoded, strict=True)]

    @staticmethod
    def _cells(table: Table, column: Column, encode: Callable[[Any], Any]) -> list[Any]:
        result, known = [], {}
        for i, cell in enumerate(table.column(column.name)):
            if cell not in known:
                try:
                    known[cell] = encode(cell)
                except DataError as error:
                    raise DataError(f"{table.where(i)}: {error}") from None
            result.append(known[cell])
        return result

    def loss(self, outputs: Any, targets: Sequence[float]) -> Any:
        """The sum over the targets of the cross-entropy of categories, or half the squared error of scaled numbers."""
        total: Any = None
        for target, part, t in zip(self._targets, self.parts(outputs), targets, strict=True):
            if isinstance(target, NumberColumn):
                term = half_squared(part, [t])
            elif target.width == 2:
                term = binary_cross_entropy(part, [t])
            else:
                term = softmax_cross_entropy(part, int(t))
            total = term if total is None else total + term
        return total

    def parts(self, outputs: Any) -> list[list[Any]]:
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
        for target, part in zip(self._targets, self.parts(outputs), strict=True):
            if isinstance(target, NumberColumn):
                result.append((target.decode(part), None))
            else:
                shares = probabilities(part)
                best = max(range(len(shares)), key=shares.__getitem__)
                result.append((target.categories[best], shares[best]))
        return result

    def __call__(self, inputs: Sequence[Any], /) -> Any:
        """The network's output or outputs for one row: its cells, in the order of the columns."""
        cells = listed("inputs", inputs)
        names = [column.name for column in self._columns]
        if len(cells) != len(names):
            raise ValueError(f"this model reads {quoted(names)}: {len(names)} cells, not {len(cells)}")
        (row,) = self.encode(Table("the inputs", {name: [cell] for name, cell in zip(names, cells, strict=True)}))
        return self.network(row)

    def __repr__(self) -> str:
        columns, targets = ([c.name for c in some] for some in (self._columns, self._targets))
        return f"<TableModel from {quoted(columns)} to {quoted(targets)}: {self.network!r}>"


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
