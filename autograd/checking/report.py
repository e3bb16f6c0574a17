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

    * ``ok``: all agree, and a fault of 1e-5, relative to the derivative itself, would have been seen; or derivative and
      function stand still, as the note says;
    * ``one-sided``: the same with a difference to one side only, as the function fails on the other;
    * ``kink``: the slopes ``left`` and ``right`` differ; ours is a convention there;
    * ``jump``: the function itself jumps; ``left`` and ``right`` are the slopes of its two pieces;
    * ``inconclusive``: finite differences are too rough here to tell; the note says whether every primitive was
      confirmed on its own, or nothing is;
    * ``wrong``, ``not finite``, ``different`` (f gives another value on floats than on Values) and ``unconfirmed`` (too
      rough or at a kink, and a primitive is wrong) fail.

    ``resolution`` is the smallest fault, relative to the derivative, that would have been noticed; ``rate`` the power
    of the step as which the Taylor remainder falls: 2 or more where the derivative is right, 1 where it is not, None if
    the remainder is noise; ``oracle`` what told the numeric derivative.  Of a black box ``reverse`` and ``forward``
    are both what is ``claimed``.
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
    resolution: float = math.inf
    rate: float | None = None
    oracle: str = "differences"

    @property
    def claimed(self) -> float:
        """The derivative on trial: that of reverse mode, or what a black box's user says it is."""
        return math.nan if self.reverse is None else self.reverse

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
class Directions:
    """How many random directions out of how many coordinates' were looked at, and what that can miss.

    ``tolerance`` is what a slope in a direction may differ, ``size`` the mean of a derivative's size times the scale of
    its coordinate.
    """

    count: int
    coordinates: int
    tolerance: float
    size: float

    def chance_to_miss(self, fault: float) -> float:
        """The chance that a fault in one coordinate is not noticed in any direction; the fault is its size times the
        scale of the coordinate.  A direction takes from a half to all of the scale, all equally likely."""
        if not fault:
            return 1.0
        return min(1.0, max(0.0, 2 * self.tolerance / abs(fault) - 1)) ** self.count

    def __str__(self) -> str:
        kind = "random direction" if self.count == 1 else "random directions"
        text = f"{self.count} {kind} in {self.coordinates:,} coordinates: one fault alone"
        if not self.size or not math.isfinite(self.tolerance):
            return f"{text} may be missed"
        sure, half = 2 * self.tolerance / self.size, 2 * self.tolerance / (1 + 0.5 ** (1 / self.count)) / self.size
        return (
            f"{text} is missed with chance 0 if it is larger than {sure:.1g} of the mean derivative, 1/2 if "
            f"{half:.1g}, 1 if smaller than {sure / 2:.1g} (derivatives times the scales of their coordinates)"
        )


@dataclass
class GradientReport:
    """What ``check_grads`` found; ``print`` it, or read ``rows``, or ``as_dict`` it into JSON."""

    function: str
    point: dict[str, float]
    order: int
    rows: list[GradientRow] = field(default_factory=list)
    culprits: list[Culprit] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    claim: str = ""  # which of a black box's derivatives was on trial, as "grad"
    causes: list[str] = field(default_factory=list)  # what the fault of a claim looks like
    evaluations: int = 0  # of a black box
    directions: Directions | None = None  # if not each coordinate was looked at
    strict: bool = False

    @property
    def passed(self) -> bool:
        """Whether nothing was found wrong; a row that is inconclusive passes, unless the check is ``strict``."""
        return not any(map(self.fails, self.rows))

    def fails(self, row: GradientRow) -> bool:
        return not row.passed or (self.strict and row.verdict == "inconclusive")

    @property
    def resolution(self) -> float:
        """The smallest fault, relative to its derivative, that would have been noticed in every row."""
        return max((row.resolution for row in self.rows), default=math.inf)

    def as_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers; a number that is not finite as "inf", "-inf" or "nan"."""
        return {"passed": self.passed, **_for_json(asdict(self))}

    def __str__(self) -> str:
        table = _table(self.rows, claimed=bool(self.claim))
        lines = [self._headline(), *table, *map(str, self.culprits), *self.causes]
        lines += [str(self.directions)] if self.directions else []
        return "\n".join([*lines, *self.remarks])

    def _headline(self) -> str:
        point = [f"{path} = {_shown(x)}" for path, x in list(self.point.items())[:6]]
        count = self.directions.coordinates if self.directions else len(self.point)
        at = ", ".join(point) + (f", … ({count} numbers)" if count > 6 else "")
        failed = sum(map(self.fails, self.rows))
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


def listed(names: Sequence[str], most: int = 4) -> str:
    """The names, or the first of them."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _for_json(x: Any) -> Any:
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    if isinstance(x, dict):
        return {key: _for_json(item) for key, item in x.items()}
    return [_for_json(item) for item in x] if isinstance(x, list | tuple) else x


def _table(rows: Sequence[GradientRow], limit: int = 40, claimed: bool = False) -> list[str]:
    """The rows in aligned columns, at most ``limit`` of them: first of all those that are not plainly ok."""
    first = sorted(range(len(rows)), key=lambda i: (rows[i].verdict == "ok", i))[:limit]
    shown = [rows[i] for i in sorted(first)]
    ours = ["claimed"] if claimed else ["reverse", "forward"]
    cells = [["order", "output", "by", *ours, "numeric", "± error", "resolution", "rate", "verdict"]]
    for row in shown:
        numbers = [_shown(row.reverse), _shown(row.forward)][: len(ours)]
        rate = "—" if row.rate is None else f"{row.rate:.2f}"
        numbers += [_shown(row.numeric), f"{row.error:.1g}", f"{row.resolution:.1g}", rate]
        by = "" if row.oracle == "differences" else f"by {row.oracle}"
        verdict = ": ".join(filter(None, [row.verdict, ", ".join(filter(None, [row.note, by]))]))
        cells.append([str(row.order), row.output, ", ".join(row.by), *numbers, verdict])
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
