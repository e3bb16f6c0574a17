"""Tables: columns of texts and numbers with names, as a task makes them or as pandas reads them from a file."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
    often, or else blanks; lines above the table that have far fewer fields are left out, and those below; a first line
    of numbers only is no header; a column in which nearly all cells are numbers, with a decimal comma or thousands
    separated if need be, is one of numbers.  Raises DataError for text of another encoding, a quote that is not closed,
    a row that is longer than the header, and a file without rows; ImportError, with the remedy, without pandas.
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
        above = 0
        if len(delimiter) == 1:
            text, above, below = _table_in(text, delimiter)
            notes += [f"{above:,} lines above the table and {below:,} below it left out"] if above else []
        if header is None:
            first = next(csv.reader(io.StringIO(text), delimiter=delimiter if len(delimiter) == 1 else " "), [])
            header = not first or not all(number(cell) is not None for cell in first)
            notes += [] if header else ["no header: the columns are named 1, 2, …"]
        if len(delimiter) == 1:
            _refuse_ragged(text, delimiter, name, above)
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
        if header and str(frame.columns[-1]).startswith("Unnamed: ") and (frame.iloc[:, -1] == "").all():
            frame = frame.iloc[:, :-1]  # a delimiter more at the end of each line, or of the header
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


def _table_in(text: str, delimiter: str) -> tuple[str, int, int]:
    """The lines of the table itself, and how many there are above and below: those of far fewer fields.

    A header may lack one field, the name of a first column.  Only below a table that has such lines above, too, are
    they no rows that are cut short.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    ends, widths = [0], []
    for record in reader:
        widths.append(len(record))
        ends.append(reader.line_num)
    least = max(*statistics.multimode(filter(None, widths)), 2) - 1
    wide = [i for i, width in enumerate(widths) if width >= least]
    first, last = wide[0], wide[-1] + 1
    if not any(widths[:first]):
        return text, 0, 0
    lines = text.splitlines(keepends=True)[: ends[-1]]
    below = sum(bool(line.strip()) for line in lines[ends[last] :])
    return "".join(lines[ends[first] : ends[last]]), ends[first], below


def _refuse_ragged(text: str, delimiter: str, name: str, above: int) -> None:
    """DataError, with the line, for a quote that is never closed, or a row of another length than the header."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    end, width, records, open_ended = 0, 0, 0, False
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            unclosed = "end of data" in str(error)
            reason = "a quote is opened here and never closed" if unclosed else str(error)
            line = above + (end + 1 if unclosed else reader.line_num)
            raise DataError(f"{name}, line {line}: {reason}") from None
        if record is None:
            return
        if record:
            records += 1
            if records == 1:
                width, open_ended = len(record), record[-1] == ""
            elif records == 2 and len(record) in (width + 1, width - open_ended):
                width = len(record)  # the first column has no name, or the header ends in a delimiter
            elif len(record) != width:
                fields = f"{len(record)} field{'s' * (len(record) != 1)}"
                raise DataError(f"{name}, line {above + end + 1}: {fields}, where the lines before have {width}")
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
    header, *rows = [len(line.split()) for line in lines]
    wide = {*rows} or {header}  # a header may lack the name of a first column
    return r"\s+" if len(wide) == 1 and max(wide) > 1 and max(wide) - header in (0, 1) else ","


def _cells(cells: list[Any], decimal: str | None, thousands: str | None, notes: list[str], name: str) -> list[Any]:
    """The cells of a column as texts and numbers, None for what is missing."""
    tidy = _each(cells, _tidy)
    texts = Counter(cell for cell in tidy if isinstance(cell, str))
    form: tuple[str | None, str | None] = (".", None)
    if texts and not _numeric(texts, *form):
        forms = [(decimal, thousands)] if decimal or thousands else [(".", ","), (",", None), (",", ".")]
        wanted = next((form for form in forms if _numeric(texts, *form)), None)
        if wanted is None:
            return tidy
        form = wanted
        if not (decimal or thousands):
            notes.append(f"{name!r} written with decimal {form[0]!r}" + (f", {form[1]!r} between" * bool(form[1])))
    return _each(tidy, lambda cell: _number_in(cell, *form) if isinstance(cell, str) else cell)


def _each(cells: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    """The function of each cell; of texts that are alike, once."""
    known = {text: function(text) for text in {cell for cell in cells if isinstance(cell, str)}}
    return [known[cell] if isinstance(cell, str) else function(cell) for cell in cells]


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


def _numeric(texts: Counter[str], decimal: str | None, thousands: str | None) -> bool:
    """Whether nearly all of these texts are numbers, infinite ones among them, written so."""
    found = sum(count for text, count in texts.items() if _looks_like_a_number(_plain(text, decimal, thousands)))
    return found > NEARLY * texts.total()


def _looks_like_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _number_in(text: str, decimal: str | None, thousands: str | None) -> float | int | str:
    """The number that a text is, a short whole one as an int; the text itself if it is none that is finite."""
    plain = _plain(text, decimal, thousands)
    x = number(plain)
    return text if x is None else int(plain) if re.fullmatch(r"[-+]?\d{1,15}", plain) else x
