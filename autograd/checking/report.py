"""What a check of derivatives found: a row for each, the rules to blame, and the table in which it is printed."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

PASSING = ("ok", "one-sided", "kink", "jump", "inconclusive")


@dataclass
class GradientRow:
    """One derivative: ours in both modes, theirs with its error estimate, and what follows.

    ``order`` is 1 for a slope, 2 for a second derivative; ``output`` the path of the number in the result, ``by`` the
    paths of the arguments it is differentiated by, the last one by ours in ``reverse`` and ``forward`` mode (None: it
    raised) and numerically in ``numeric``.  ``error`` is the estimate of the numeric error, ``tolerance`` what the
    difference may be.  Verdicts:

    * ``ok``: all agree, and a fault of 1e-5, relative to the derivative itself, would have been seen;
    * ``one-sided``: the same with a difference to one side only, as the function fails on the other;
    * ``kink``: the slopes ``left`` and ``right`` differ; ours is a convention there;
    * ``jump``: the function itself jumps; ``left`` and ``right`` are the slopes of its two pieces;
    * ``inconclusive``: finite differences are too rough here to tell; the note says whether every primitive was
      confirmed on its own, or nothing is;
    * ``wrong``, ``not finite``, ``different`` (f gives another value on floats than on Values) and ``unconfirmed`` (too
      rough or at a kink, and a primitive is wrong) fail.
    """

    order: int
    output: str
    by: tuple[str, ...]
    reverse: float | None
    forward: float | None
    numeric: float
    error: float
    tolerance: float
    verdict: str
    note: str = ""
    left: float | None = None
    right: float | None = None

    @property
    def passed(self) -> bool:
        return self.verdict in PASSING


@dataclass
class Culprit:
    """A primitive whose rule disagrees with finite differences of the primitive alone, at the point where f used it."""

    primitive: str
    operand: int  # counted from 0
    point: tuple[float, ...]
    order: int
    ours: float | None  # None: the rule raised
    numeric: float
    error: float
    wrong: bool = True  # or, too rough a numeric derivative to tell

    @property
    def fault(self) -> float:
        """The relative difference."""
        if self.ours is None or not math.isfinite(self.ours) or not math.isfinite(self.numeric):
            return math.inf
        return abs(self.ours - self.numeric) / max(abs(self.ours), abs(self.numeric), sys.float_info.min)

    def __str__(self) -> str:
        call = f"{self.primitive}({', '.join(map(repr, self.point))})"
        what = "" if self.order == 1 else f"the derivative (order {self.order}) of "
        text = f"{what}the rule of {self.primitive!r} by operand {self.operand + 1} is to blame: at {call} "
        text += "it raises" if self.ours is None else f"it gives {_shown(self.ours)}"
        text += f", finite differences {_shown(self.numeric)} ± {self.error:.1g}"
        if self.ours and self.numeric and math.isfinite(self.ours / self.numeric):
            ratio = self.ours / self.numeric
            if abs(ratio + 1) < 1e-6:
                text += ": the sign is wrong"
            elif abs(ratio - 1) < 1e-5:
                text += f": off by {ratio - 1:.1g} of its size"
            else:
                text += f": {ratio:.6g} times what it should be"
        return text


@dataclass
class GradientReport:
    """What ``check_grads`` found; ``print`` it, or read ``rows``, or ``as_dict`` it into JSON."""

    function: str
    point: dict[str, float]
    order: int
    rows: list[GradientRow] = field(default_factory=list)
    culprits: list[Culprit] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was found wrong; a row that is inconclusive passes."""
        return all(row.passed for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers; a number that is not finite as "inf", "-inf" or "nan"."""
        return {"passed": self.passed, **_for_json(asdict(self))}

    def __str__(self) -> str:
        return "\n".join([self._headline(), *_table(self.rows), *map(str, self.culprits), *self.remarks])

    def _headline(self) -> str:
        point = [f"{path} = {_shown(x)}" for path, x in list(self.point.items())[:6]]
        at = ", ".join(point) + (f", … ({len(self.point)} numbers)" if len(self.point) > 6 else "")
        failed = sum(not row.passed for row in self.rows)
        if failed:
            verb = "is" if failed == 1 else "are"
            return f"{self.function} at {at}: {failed} of {len(self.rows)} derivatives {verb} not confirmed"
        orders = "order 1" if self.order == 1 else f"orders 1 to {self.order}"
        unsure = sum(row.verdict == "inconclusive" for row in self.rows)
        confirmed = f"{len(self.rows) - unsure} of {len(self.rows)}" if unsure else str(len(self.rows))
        rest = f", {unsure} inconclusive" if unsure else ""
        return f"{self.function} at {at}: {confirmed} derivatives of {orders} confirmed{rest}"


class GradientMismatch(AssertionError):  # noqa: N818  # a mismatch is what it is called
    """A derivative was not confirmed; the message is the table, ``report`` the whole."""

    def __init__(self, report: GradientReport) -> None:
        super().__init__(str(report))
        self.report = report


def _shown(x: float | None) -> str:
    return "raises" if x is None else f"{x:.12g}"


def _for_json(x: Any) -> Any:
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    if isinstance(x, dict):
        return {key: _for_json(item) for key, item in x.items()}
    return [_for_json(item) for item in x] if isinstance(x, list | tuple) else x


def _table(rows: Sequence[GradientRow], limit: int = 40) -> list[str]:
    """The rows in aligned columns, at most ``limit`` of them: first of all those that are not plainly ok."""
    first = sorted(range(len(rows)), key=lambda i: (rows[i].verdict == "ok", i))[:limit]
    shown = [rows[i] for i in sorted(first)]
    cells = [["order", "output", "by", "reverse", "forward", "numeric", "± error", "verdict"]]
    for row in shown:
        ours = [_shown(row.reverse), _shown(row.forward), _shown(row.numeric), f"{row.error:.1g}"]
        cells.append(
            [str(row.order), row.output, ", ".join(row.by), *ours, ": ".join(filter(None, [row.verdict, row.note]))]
        )
    if len({row.output for row in rows}) == 1:
        cells = [[line[0], *line[2:]] for line in cells]
    columns = []
    for column in zip(*cells, strict=True):
        width = max(map(len, column))
        left = column[0] in ("output", "by", "verdict")
        columns.append([cell.ljust(width) if left else cell.rjust(width) for cell in column])
    lines = ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]
    if len(shown) < len(rows):
        lines.append(f"({len(rows) - len(shown)} more rows that are ok)" if shown[-1].verdict == "ok" else "(…)")
    return lines
