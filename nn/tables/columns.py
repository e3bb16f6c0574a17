"""Columns: how the cells of a table become numbers, learned from rows and kept with a model."""

from __future__ import annotations

import itertools
import math
import re
import statistics
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..rows import finite
from .table import NEARLY, DataError, number, quoted

IMPUTE = ("mean", "median")
MOST_CATEGORIES = 100
COUNTS = "it counts the rows"
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
CYCLES = {"day": 1.0, "week": 7.0, "year": 365.2425}  # in days
GAP = "fill it, take the row out, or train with --impute mean or --impute median"


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
        cell = self.fill if cell is None else text_of(cell)
        if cell is None:
            raise DataError(f"column {self.name!r} is missing: {GAP}")
        if cell not in self.categories:
            raise DataError(f"column {self.name!r} is {cell!r}, which is none of {quoted(self.categories)}")
        return self.categories.index(cell)

    def encode(self, cell: Any) -> list[float]:
        """0 for every category, and 1 for that of the cell."""
        place = self.place(cell)
        return [float(i == place) for i in range(self.width)]


@dataclass
class DateColumn:
    """Dates, passed on as (days − mean) / scale, and sine and cosine of the phase in each of some cycles.

    ``days`` are those since the beginning of 1970; ``format`` is as for ``datetime.strptime``, and ``cycles`` are names
    of "day", "week" and "year".  A missing date as for numbers, with ``fill`` in days.
    """

    name: str
    format: str
    mean: float
    scale: float
    cycles: list[str]
    fill: float | None = None

    def __post_init__(self) -> None:
        NumberColumn(self.name, self.mean, self.scale, self.fill)
        if not isinstance(self.format, str) or not isinstance(self.cycles, list) or not set(self.cycles) <= {*CYCLES}:
            raise ValueError(f"{self.name!r} must have a format and cycles of {', '.join(CYCLES)}")

    @property
    def width(self) -> int:
        """How many numbers it takes."""
        return 1 + 2 * len(self.cycles)

    def encode(self, cell: Any) -> list[float]:
        """The numbers for a date, written as ``format`` says; DataError for what is none."""
        days = self.fill if cell is None else days_of(cell, self.format)
        if days is None:
            what = (
                f"is missing: {GAP}" if cell is None else f"is {cell!r}, not a date such as {self.written(self.mean)!r}"
            )
            raise DataError(f"column {self.name!r} {what}")
        angles = [2 * math.pi * days / CYCLES[cycle] for cycle in self.cycles]
        return [(days - self.mean) / self.scale, *(f(angle) for angle in angles for f in (math.sin, math.cos))]

    def written(self, days: float) -> str:
        """A number of days as a date."""
        return (BEGIN + timedelta(days=days)).strftime(self.format)


Target = NumberColumn | CategoryColumn
Column = Target | DateColumn


def days_of(cell: Any, form: str) -> float | None:
    """The days from the beginning of 1970 to a date, in UTC where it names no zone; None for what is no such date."""
    try:
        moment = datetime.strptime(cell, form)
    except (TypeError, ValueError):
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - BEGIN) / timedelta(days=1)


def date_format(cells: Sequence[Any]) -> str:
    """How nearly all of these cells are written as dates, for ``datetime.strptime``; "" if they are none.

    Of 01/02/2024 the month is taken to come first, unless that is no date in another row.
    """
    counts = Counter(cell for cell in cells if isinstance(cell, str))
    texts = list(counts)
    if not any(re.search(r"\d", text) for text in texts[:3]):
        return ""
    try:
        from pandas.tseries.api import guess_datetime_format
    except ImportError:  # a table that is built in, without dates
        return ""
    some = texts[:: max(1, len(texts) // 5)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a day comes first, though months were asked for
        forms = [
            form for first in (False, True) for text in some if (form := guess_datetime_format(text, dayfirst=first))
        ]
    found = {
        form: sum(count for text, count in counts.items() if days_of(text, form) is not None)
        for form in dict.fromkeys(forms)
        if form
    }
    best = max(found, key=found.__getitem__, default="")
    return best if best and found[best] > NEARLY * counts.total() else ""


def _date_column(name: str, cells: Sequence[Any], form: str, impute: str | None) -> DateColumn:
    days = [x for cell in cells if (x := days_of(cell, form)) is not None]
    whole = number_column(name, days, impute)
    different = sorted(set(days))
    step = statistics.median(b - a for a, b in itertools.pairwise(different)) if len(different) > 1 else math.inf
    span = different[-1] - different[0]
    cycles = [cycle for cycle, period in CYCLES.items() if step <= period / 2 <= span]  # those that can be told
    return DateColumn(name, form, whole.mean, whole.scale, cycles, whole.fill)


def text_of(cell: Any) -> str:
    """A cell as the text of a category: 2.0 and 2 are one."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def names_rows(cells: Sequence[Any]) -> str:
    """Why an input column is taken to name rows and teaches nothing, or ""."""
    present = [cell for cell in cells if cell is not None]
    if not present:
        return "it is empty"
    different = len(set(present))
    kind = kind_of(present)
    if kind == "category":
        if different == len(cells) >= 20:
            return "a different text in every row"
        if different > MOST_CATEGORIES:
            return f"{different} different texts"
    elif kind == "number" and len(cells) >= 20 and all(isinstance(cell, int) for cell in cells):
        return COUNTS if all(b - a == 1 for a, b in itertools.pairwise(cells)) else ""
    return ""


def is_class(cells: Sequence[Any]) -> bool:
    """Whether numbers look like names of classes: at most 10 whole numbers, each of which occurs more than once."""
    counts = Counter(map(number, cells))
    return len(counts) <= 10 and min(counts.values()) > 1 and all(x is not None and x == int(x) for x in counts)


def kind_of(cells: Sequence[Any]) -> str:
    """What a column is one of: "number" or "date" if nearly all of its cells are, or else "category"."""
    present = [cell for cell in cells if cell is not None]
    if sum(not isinstance(cell, str) or number(cell) is not None for cell in present) > NEARLY * len(present):
        return "number"
    return "date" if date_format(present) else "category"


def refuse_units(name: str, cells: Sequence[Any]) -> None:
    """DataError for a target of texts such as $5 or 7%, which are numbers with something about them."""
    present = [cell for cell in cells if isinstance(cell, str)]
    bare = [re.sub(r"^[$€£¥]\s*|\s*[%$€£¥]$", "", cell).replace(",", "") for cell in present]
    dressed = [cell for cell, rest in zip(present, bare, strict=True) if rest != cell and number(rest) is not None]
    if len(dressed) > 0.5 * len(cells):
        raise DataError(
            f"target {name!r} is {dressed[0]!r}: a number with a unit; write it as a number, or say --category {name}"
        )


def learned(name: str, known: Sequence[Any], train: Sequence[Any], kind: str, impute: str | None = None) -> Column:
    """A column of a kind: categories, and how dates are written, from all rows; the rest from those to train on."""
    present = [cell for cell in train if cell is not None]
    if not present:
        raise DataError(f"column {name!r} has no value in any row to train on: leave it out with --drop {name}")
    if kind == "category":
        texts = {text_of(cell) for cell in known if cell is not None}
        if len(texts) > MOST_CATEGORIES:
            raise DataError(
                f"column {name!r} has {len(texts)} different texts, such as {min(texts)!r}; more than "
                f"{MOST_CATEGORIES} are not taken as categories: leave it out with --drop {name}"
            )
        numeric = all(number(text) is not None for text in texts)
        categories = sorted(texts, key=lambda text: (float(text), text)) if numeric else sorted(texts)
        fill = Counter(sorted(map(text_of, present))).most_common(1)[0][0] if impute else None
        return CategoryColumn(name, categories, fill)
    if kind == "date":
        return _date_column(name, present, date_format(known), impute)
    return number_column(name, [x for cell in present if (x := number(cell)) is not None], impute)


def number_column(name: str, numbers: Sequence[float], impute: str | None) -> NumberColumn:
    """A column with the mean and the standard deviation of these numbers."""
    try:
        mean = math.fsum(numbers) / len(numbers)
        scale = math.sqrt(math.fsum((x - mean) ** 2 for x in numbers) / len(numbers))
    except OverflowError:
        raise DataError(f"column {name!r} has numbers too large to scale: use another unit") from None
    typical = {None: None, "mean": mean, "median": statistics.median(numbers)}[impute]
    return NumberColumn(name, mean, scale if scale > 1e-12 * abs(mean) else 1.0, typical)


def outputs_for(target: Target) -> int:
    """How many outputs a network has for a target."""
    return target.width if target.width > 2 else 1


def description(column: Column) -> dict[str, Any]:
    """What ``column_of`` makes the column of, for JSON."""
    return {"kind": next(kind for kind, made in KINDS.items() if type(column) is made)} | vars(column)


def column_of(description: Mapping[str, Any]) -> Column:
    """The column of a description; KeyError, TypeError or ValueError if it is none."""
    options = {name: option for name, option in description.items() if name != "kind"}
    column: Column = KINDS[description["kind"]](**options)
    return column


KINDS: dict[Any, type[Any]] = {"number": NumberColumn, "category": CategoryColumn, "date": DateColumn}
