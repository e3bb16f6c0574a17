"""``TableModel``: a network that reads the rows of a table.

How cells become numbers is learned from the rows that a model is trained on, and saved with the model as JSON: it takes
raw rows ever after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..layers import MLP
from ..losses import binary_cross_entropy, half_squared, softmax_cross_entropy
from ..module import Module
from ..rows import listed
from .columns import (
    IMPUTE,
    CategoryColumn,
    Column,
    DateColumn,
    NumberColumn,
    Target,
    column_of,
    description,
    is_class,
    kind_of,
    learned,
    outputs_for,
    refuse_units,
    text_of,
)
from .table import DataError, Table, quoted

RAMPS = ("relu", "leaky_relu", "elu", "silu", "gelu", "softplus")


# What both the estimators and ``python -m nn train`` take, if nothing is said, for tables of any kind and size.
HIDDEN = (64,)
RATE = 0.01  # Adam's at first; it falls to 0
ALPHA = 2.0  # the sum of squared parameters counts alpha / (2 rows) times


def usual_activation(numbers: bool) -> str:
    """tanh where numbers are predicted, whose curves it keeps from running away beyond the rows; relu for classes."""
    return "tanh" if numbers else "relu"


def usual_batch(rows: int, numbers: bool) -> int:
    """Rows a step: 200 for classes; for numbers a 75th of the rows, but from 16 to 200."""
    return max(16, min(200, rows // 75)) if numbers else 200


def usual_epochs(rows: int) -> int:
    """How many epochs a table of so many rows is trained for: 900,000 rows in all, but from 10 to 200 epochs."""
    return max(10, min(200, 900_000 // max(1, rows)))


def usual_init(activation: str) -> str:
    """He's initial weights for activations that are ramps, Xavier's for all others."""
    return "he" if activation in RAMPS else "xavier"


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
        self._columns = [column_of(description) for description in columns]
        self._targets: list[Target] = []
        for target in map(column_of, targets):
            if isinstance(target, DateColumn):
                raise ValueError(f"target {target.name!r} is one of dates, which are not predicted")
            self._targets.append(target)
            if isinstance(target, CategoryColumn) and target.width < 2:
                raise ValueError(
                    f"target {target.name!r} is always {target.categories[0]!r}: there is nothing to learn"
                )
        self.network = MLP(**network)
        n_in = sum(column.width for column in self._columns)
        n_out = sum(map(outputs_for, self._targets))
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
        activation: str | None = None,
        seed: int = 0,
        impute: str | None = None,
        categories: Iterable[str] = (),
        numbers: Iterable[str] = (),
    ) -> TableModel:
        """A new model for a table, its scales learned from the rows ``train`` (all of them if None).

        A column is of numbers, or of dates, if nearly all of its cells are; numbers among the targets are classes if
        they are at most 10 whole ones and each occurs more than once.  ``categories`` and ``numbers`` say so instead.
        ``impute`` is "mean" or "median" to fill gaps among the inputs: categories by the most frequent one.
        ``activation`` is that of ``usual_activation`` if None.  Weights are Xavier's, or He's for ramps such as relu,
        from ``seed``.

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
            kind = "category" if name in categories else "number" if name in numbers else kind_of(cells)
            if is_target and None in cells:
                raise DataError(f"{table.where(cells.index(None))}: the target {name!r} is missing")
            if is_target and name not in categories:
                refuse_units(name, cells)
                if kind == "date":
                    raise DataError(
                        f"target {name!r} is {cells[0]!r}: dates are read and not predicted; name another column, or "
                        f"say --category {name}"
                    )
                if kind == "number" and name not in numbers and is_class(cells):
                    kind = "category"
            if is_target and kind == "category" and len(set(map(text_of, cells))) < 2:
                raise DataError(f"target {name!r} is {text_of(cells[0])!r} in every row: there is nothing to learn")
            return learned(name, cells, [cells[i] for i in chosen], kind, None if is_target else impute)

        inputs = [column(name) for name in table.header if name not in targets]
        if not inputs:
            raise DataError(f"{table.name} has no column beside the target: there is nothing to learn from")
        outputs: list[Any] = [column(name) for name in targets]
        activation = activation or usual_activation(any(isinstance(target, NumberColumn) for target in outputs))
        network = MLP(
            sum(c.width for c in inputs),
            [*hidden, sum(map(outputs_for, outputs))],
            activation,
            init=usual_init(activation),
            seed=seed,
        )
        model = cls(map(description, inputs), map(description, outputs), network.architecture())
        model.network.load_state_dict(network.state_dict())
        return model

    @property
    def columns(self) -> list[Column]:
        """What it reads."""
        return list(self._columns)

    @property
    def targets(self) -> list[Target]:
        """What it predicts."""
        return list(self._targets)

    @property
    def has_numbers(self) -> bool:
        """Whether a number is among what it predicts."""
        return any(isinstance(target, NumberColumn) for target in self._targets)

    def architecture(self) -> dict[str, Any]:
        return {
            "columns": [description(column) for column in self._columns],
            "targets": [description(column) for column in self._targets],
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
            count = outputs_for(target)
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
