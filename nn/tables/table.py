"""Tables: columns of texts and numbers with names, as a task makes them or as pandas reads them from a file."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "<na>", "#n/a"})  # in any case of letters
DELIMITERS = ",;\t|"
NEARLY = 0.9  # of the cells: a few typing errors do not make a column one of texts


class DataError(ValueError):
    """Data that cannot be used as it is; the message says where and why."""


@dataclass
class Table:
    """Columns under their names, all of one length; a cell is a text, a number, or None where there is nothing."""

    name: str
    columns: dict[str, list[Any]]
    notes: list[str] = field(default_factory=list)  # what was found out or left out when it was read
    places: Sequence[int] = ()  # the numbers of the rows, from 1, in the table that this one is a part of

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return list(self.columns)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), []))

    def part(self, chosen: Sequence[int]) -> Table:
        """A table of some of the rows."""
        columns = {name: [cells[i] for i in chosen] for name, cells in self.columns.items()}
        return Table(self.name, columns, places=[self.places[i] if self.places else i + 1 for i in chosen])

    def where(self, i: int) -> str:
        """The place of row ``i``, for messages."""
        return f"{self.name}, row {self.places[i] if self.places else i + 1}"

    def column(self, name: str) -> list[Any]:
        """The cells of one column; DataError if it is not there."""
        if name not in self.columns:
            raise DataError(f"{self.name} has no column {name!r}; its columns are {quoted(self.header)}")
        return self.columns[name]

    def without(self, names: Iterable[str]) -> Table:
        """A table without these columns."""
        left_out = set(names)
        return Table(
            self.name, {n: cells for n, cells in self.columns.items() if n not in left_out}, self.notes, self.places
        )

    def csv(self) -> str:
        """The table as CSV text."""
        return csv_text([self.header, *zip(*self.columns.values(), strict=True)])


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV text, quoted where it must be; None as nothing."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def quoted(names: Sequence[str]) -> str:
    """The names in quotes; the first twelve of many."""
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def number(cell: Any) -> float | None:
    """The finite number that a cell is, or None."""
    try:
        x = float(cell)
    except (TypeError, ValueError):
        return None
    return x if math.isfinite(x) and not (isinstance(cell, str) and "_" in cell) else None


def read(
    source: str | os.PathLike[str] | bytes,
    name: str,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    header: bool | None = None,
    encoding: str = "utf-8",
) -> Table:
    """The table in a file, or in the bytes of one: CSV, or by the name's ending Parquet (.parquet) or Excel (.xlsx).

    What is not said is found out: the delimiter is the one of comma, semicolon, tab and bar that every line has equally
    often, or else blanks; a first line of numbers only is no header; a column in which nearly all cells are numbers,
    with a decimal comma or thousands separated if need be, is one of numbers.  Raises DataError for text of another
    encoding, a quote that is not closed, a row that is longer than the header, and a file without rows; ImportError,
    with the remedy, without pandas.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("files are read by pandas, which is not installed: pip install 'glassgrad[data]'") from error
    ending = Path(name).suffix.lower()
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    notes: list[str] = []
    if ending in (".parquet", ".xlsx", ".xls", ".ods"):
        frame = (pd.read_parquet if ending == ".parquet" else pd.read_excel)(io.BytesIO(content))
    else:
        text = _decoded(content, name, encoding)
        if delimiter is None:
            delimiter = _delimiter(text)
            notes += [f"delimiter {delimiter!r}"] if delimiter != "," else []
        if header is None:
            first = next(csv.reader(io.StringIO(text), delimiter=delimiter if len(delimiter) == 1 else " "), [])
            header = not first or not all(number(cell) is not None for cell in first)
            notes += [] if header else ["no header: the columns are named 1, 2, …"]
        if len(delimiter) == 1:
            _refuse_ragged(text, delimiter, name)
        try:
            frame = pd.read_csv(
                io.StringIO(text),
                sep=delimiter,
                header=0 if header else None,
                dtype=str,
                keep_default_na=False,
                skipinitialspace=True,
            )
        except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
            reason = str(error).replace("Error tokenizing data. C error: ", "").strip()
            raise DataError(f"{name}: {reason or 'it is empty: it needs a header line and rows'}") from None
        if not isinstance(frame.index, pd.RangeIndex):
            frame = frame.reset_index()  # a first column without a name
        if not header:
            frame.columns = [str(i + 1) for i in range(frame.shape[1])]
    if not frame.shape[0] or not frame.shape[1]:
        raise DataError(f"{name} has no rows")
    columns = {str(c).strip(): _cells(frame[c].tolist(), decimal, thousands, notes, str(c)) for c in frame.columns}
    return Table(name, columns, notes)


def _decoded(content: bytes, name: str, encoding: str) -> str:
    try:
        text = content.decode("utf-8-sig" if encoding.lower().replace("-", "") == "utf8" else encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{name}, line {line}: byte {content[error.start]:#04x} is not {encoding} text: say which with --encoding, "
            "such as latin-1"
        ) from None
    if not text.strip():
        raise DataError(f"{name} is empty: it needs a header line and rows")
    if "\0" in text:
        raise DataError(f"{name} is no text: it holds NUL characters")
    return text


def _refuse_ragged(text: str, delimiter: str, name: str) -> None:
    """DataError, with the line, for a quote that is never closed, or a row of another length than the header."""
    reader, end, width, records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 0, 0, 0
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            unclosed = "end of data" in str(error)
            reason = "a quote is opened here and never closed" if unclosed else str(error)
            raise DataError(f"{name}, line {end + 1 if unclosed else reader.line_num}: {reason}") from None
        if record is None:
            return
        if record:
            records += 1
            if records == 1 or (records == 2 and len(record) == width + 1):  # then the first column has no name
                width = len(record)
            elif len(record) != width:
                fields = f"{len(record)} field{'s' * (len(record) != 1)}"
                raise DataError(f"{name}, line {end + 1}: {fields}, where the lines before have {width}")
        end = reader.line_num


def _delimiter(text: str) -> str:
    lines = [re.sub(r'"[^"]*"', '""', line) for line in text.splitlines()[:30] if line.strip()]
    counts = {d: {line.count(d) for line in lines} for d in DELIMITERS}
    steady = [d for d, found in counts.items() if len(found) == 1 and found != {0}]
    if steady:
        return max(steady, key=lambda d: lines[0].count(d))
    there = [d for d in DELIMITERS if d in lines[0]]
    if there:
        return max(there, key=lines[0].count)
    wide = {len(line.split()) for line in lines}
    return r"\s+" if len(wide) == 1 and wide != {1} else ","


def _cells(cells: list[Any], decimal: str | None, thousands: str | None, notes: list[str], name: str) -> list[Any]:
    """The cells of a column as texts and numbers, None for what is missing."""
    tidy = [_tidy(cell) for cell in cells]
    present = [cell for cell in tidy if isinstance(cell, str)]
    if not present or _numeric(present):
        wanted = None
    else:
        forms = [(decimal, thousands)] if decimal or thousands else [(".", ","), (",", None), (",", ".")]
        wanted = next((form for form in forms if _numeric([_plain(cell, *form) for cell in present])), None)
        if wanted is not None and not (decimal or thousands):
            notes.append(
                f"{name!r} written with decimal {wanted[0]!r}" + (f", {wanted[1]!r} between" * bool(wanted[1]))
            )
    if wanted is None and present and not _numeric(present):
        return tidy
    return [cell if not isinstance(cell, str) or number(plain := _plain(cell, *wanted or (".", None))) is None
            else _short(plain) for cell in tidy]  # fmt: skip


def _tidy(cell: Any) -> Any:
    if isinstance(cell, str):
        cell = cell.strip()
        return None if cell.lower() in MISSING else cell
    if cell is None or cell != cell:
        return None
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None if str(cell) in ("NaT", "<NA>") else str(cell)
    return cell


def _plain(cell: str, decimal: str | None, thousands: str | None) -> str:
    """A number's text as Python writes it; as it is if its separators are not where they would be."""
    if thousands and re.fullmatch(rf"[-+]?\d{{1,3}}({re.escape(thousands)}\d{{3}})+([^\d].*)?", cell):
        cell = cell.replace(thousands, "")
    return cell.replace(decimal, ".") if decimal and decimal != "." and cell.count(decimal) == 1 else cell


def _numeric(cells: Sequence[str]) -> bool:
    return sum(_looks_like_a_number(cell) for cell in cells) > NEARLY * len(cells)


def _looks_like_a_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _short(text: str) -> float | int:
    x = float(text)
    return int(text) if re.fullmatch(r"[-+]?\d{1,15}", text) else x
