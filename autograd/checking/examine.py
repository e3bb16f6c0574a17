"""One function at a point, first order: reverse and forward mode against each other and against finite differences.

There is no tolerance to set: a row's tolerance is its own error estimate and rounding, four times.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ERRORS
from ..functional import float_of, jacobian, jvp, vjp
from .differences import EPSILON, RESOLUTION
from .flat import Flat, derivative
from .lines import Line, Slope
from .report import GradientRow
from .rounding import is_opaque, rounding_bounds
from .stairs import numeric_slope
from .taylor import Remainder, remainder

SAFETY = 4.0  # times the error estimate: what a difference may be
TINY = 1e-290  # a tolerance that leaves room for nothing but 0


class Examined:
    """A flat function at a point: its derivatives in both modes, the numeric ones, and what its graph tells of them.

    ``plain`` is the function on floats.  ``nodes`` are the operations through which a derivative flows.
    """

    def __init__(self, f: Flat, plain: Flat, xs: list[float]) -> None:
        self.f, self.plain, self.xs = f, plain, xs
        n = len(xs)
        bounds, self.sizes, self.nodes = rounding_bounds(f, xs)
        runs = [plain(xs), plain(xs)]
        self.random = runs[0] != runs[1]
        if self.random:
            runs += [plain(xs) for _ in range(8)]
        self.ys = runs[0]
        noise = [e + max(ys) - min(ys) for e, *ys in zip(bounds, *runs, strict=True)]
        known = all(map(math.isfinite, noise))
        self.noise = [e if math.isfinite(e) else EPSILON * abs(y) for e, y in zip(noise, self.ys, strict=True)]
        self.opaque = self.random or not known or any(is_opaque(node.op) for node in self.nodes)
        values, pullback = vjp(f, xs)
        self.values = [float_of(y) for y in values]
        m = len(self.values)

        def by_inputs(o: int) -> list[float] | None:
            return _attempt(lambda: pullback(_unit(m, o))[0])[0]

        def of_outputs(i: int) -> list[float] | None:
            return _attempt(lambda: jvp(f, (xs,), (_unit(n, i),))[1])[0]

        self.reverse = [by_inputs(o) for o in range(m)]
        self.forward = [of_outputs(i) for i in range(n)]
        self.lines = [Line(plain, xs, i, self.ys) for i in range(n)]
        self.finer: list[float] | None = None

    def rows(self) -> list[GradientRow]:
        """A row for each output and input, in this order; the caller names them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of steps outside the domain
            outputs = [[self._row(o, i) for i in range(len(self.xs))] for o in range(len(self.ys))]
        for rows in outputs:
            settle_zeros(rows, self.xs)
        return [row for rows in outputs for row in rows]

    def _row(self, o: int, i: int) -> GradientRow:
        (reverse, why), (forward, why_forward) = self._reverse(o, i), self._forward(o, i)
        y, guide = self.ys[o], reverse if reverse is not None and math.isfinite(reverse) else 0.0
        slope = numeric_slope(self.lines[i], o, self.noise[o], guide, self.opaque)
        row = GradientRow(1, "", (), reverse, forward, slope.value, slope.error, math.inf, "not finite")
        row.left, row.right = slope.left, slope.right
        if not math.isfinite(y):
            row.note = f"the function is {y}"
        elif reverse is None or forward is None:
            row.note = why or why_forward
        elif not math.isfinite(reverse) or not math.isfinite(forward):
            row.note = "a derivative is not finite"
        elif abs(self.values[o] - y) > SAFETY * (self.noise[o] + EPSILON * abs(y)):
            row.verdict = "different"
            row.note = f"the function is {y!r} of floats but {self.values[o]!r} of Values"
        else:
            rounding = self.sizes[o][i] * EPSILON * (len(self.nodes) + 1)
            judge(row, reverse, forward, slope, rounding)
            if row.verdict == "wrong":  # look again: at other steps, and at rounding within the rules
                rounding += self.rounding_of_rules(o, i)
                judge(row, reverse, forward, slope, rounding)
            if row.verdict == "wrong" and slope.kind != "kink":
                again = numeric_slope(self.lines[i], o, self.noise[o], guide, self.opaque, again=True)
                judge(row, reverse, forward, again, rounding)
            hear(row, remainder(self.lines[i].rises(o), reverse, self.noise[o]))
        resolve(row)
        return row

    def _reverse(self, o: int, i: int) -> tuple[float | None, str]:
        """The derivative in reverse mode, or why there is none."""
        slopes, why = self.reverse[o], ""
        if slopes is not None:
            return slopes[i], why
        slopes, why = _attempt(lambda: jacobian(self._alone(o, i))([self.xs[i]])[0])
        return (slopes[0] if slopes else None), why

    def _forward(self, o: int, i: int) -> tuple[float | None, str]:
        slopes, why = self.forward[i], ""
        if slopes is not None:
            return slopes[o], why
        slopes, why = _attempt(lambda: jvp(self._alone(o, i), ([self.xs[i]],), ([1.0],))[1])
        return (slopes[0] if slopes else None), why

    def _alone(self, o: int, i: int) -> Flat:
        """Output o as a function of input i: for when a derivative raises, and not that of all outputs or inputs."""
        return lambda x: [self.f([*self.xs[:i], x[0], *self.xs[i + 1 :]])[o]]

    def rounding_of_rules(self, o: int, i: int) -> float:
        """What rounding within the rules does to a derivative; asked for only when it would make a row wrong."""
        if self.finer is None:
            try:
                self.finer = rounding_bounds(derivative(self.f), self.xs, wide=True)[0]
            except (*ERRORS, TypeError):  # the rule cannot be recorded
                self.finer = [0.0] * (len(self.ys) * len(self.xs))
        return self.finer[o * len(self.xs) + i]


def judge(
    row: GradientRow, reverse: float, forward: float, slope: Slope, rounding: float, resolution: float = RESOLUTION
) -> None:
    """Fill in the tolerance, the verdict and the note; ``resolution`` is the relative fault that an "ok" excludes.

    What is resolved is measured against the derivative itself, however small; only a derivative of 0 against the
    difference quotients that it was computed from.  "still", if these are 0 as well, is for the caller to settle.
    """
    row.numeric, row.error, row.left, row.right = slope.value, slope.error, slope.left, slope.right
    row.tolerance = SAFETY * (slope.error + rounding)
    ends = [end for end in (slope.left, slope.right) if end is not None]
    row.note = "the function fails on the other side" if slope.kind == "one-sided" else ""
    if abs(reverse - forward) > SAFETY * rounding + sys.float_info.min:
        row.verdict, row.note = "wrong", "reverse and forward mode disagree"
    elif not slope.error < math.inf:
        row.verdict = "inconclusive"
    elif slope.kind in ("kink", "jump"):
        sides = [(slope.left, "below"), (slope.right, "above")]
        row.note = ", ".join(f"slope {end:.6g} {side}" for end, side in sides if end is not None)
        within = min(ends) - row.tolerance <= reverse <= max(ends) + row.tolerance
        row.verdict = slope.kind if within else "wrong" if len(ends) == 2 else "inconclusive"
    elif math.isinf(slope.value):
        row.verdict, row.note = "wrong", "the slope is infinite"
    elif abs(reverse - slope.value) > row.tolerance:
        row.verdict = "wrong"
    elif row.tolerance <= resolution * (abs(reverse) or max(abs(slope.value), slope.scale)):
        row.verdict = slope.kind or "ok"
    elif reverse == slope.value == slope.scale == 0.0:
        row.verdict = "still" if slope.error else slope.kind or "ok"  # it does not move, at least by more than rounding
    else:
        row.verdict = "inconclusive"


def hear(row: GradientRow, second: Remainder) -> None:
    """The second witness, the Taylor remainder, and what to say if it contradicts the first."""
    row.rate = second.rate
    gap = abs(row.claimed - row.numeric)
    if row.verdict == "wrong" and not row.note and second.speaks_for and second.bound < gap / 2:
        row.note = f"but the Taylor remainder {_falls(second)}: the two witnesses differ"
    elif row.verdict == "ok" and second.speaks_against and second.bound > 10 * row.tolerance:
        row.note = f"though the Taylor remainder {_falls(second)}, over all steps that noise does not hide"
    elif row.verdict == "inconclusive" and not row.note:
        row.note = "finite differences are too rough"


def _falls(second: Remainder) -> str:
    return "is noise alone" if second.rate is None else f"falls as h^{second.rate:.2g}"


def resolve(row: GradientRow) -> None:
    """Fill in the smallest relative fault that would have been noticed."""
    size = abs(row.numeric) or abs(row.claimed)
    known = row.tolerance < math.inf and math.isfinite(row.numeric) and row.verdict not in ("kink", "jump")
    if not known or not (size or not row.tolerance):
        row.resolution = math.inf
    elif row.verdict == "wrong":
        row.resolution = row.tolerance / size if size else 0.0
    else:
        row.resolution = (row.tolerance + abs(row.claimed - row.numeric)) / size if size else 0.0


def settle_zeros(rows: Sequence[GradientRow], xs: Sequence[float], resolution: float = 0.0) -> None:
    """A derivative of 0 has no size of its own: it is measured by the largest of its output's, for steps of the scale
    of the arguments; what is then resolved is "ok"."""
    scales = [abs(x) or 1.0 for x in xs]
    largest = max((abs(row.claimed) * scale for row, scale in zip(rows, scales, strict=True)), default=0.0)
    for row, scale in zip(rows, scales, strict=True):
        if row.claimed != 0.0 or not abs(row.numeric) <= row.tolerance < math.inf:
            continue
        if row.verdict in ("ok", "one-sided", "still"):
            row.resolution = row.tolerance * scale / largest if largest else 0.0 if row.tolerance < TINY else math.inf
        elif row.verdict == "inconclusive" and largest:
            row.resolution = row.tolerance * scale / largest
            if row.resolution <= resolution:
                row.verdict, row.note = "ok", "0 beside the others"


def _attempt(function: Callable[[], Any]) -> tuple[list[float] | None, str]:
    try:
        return [float_of(number) for number in function()], ""
    except ERRORS as error:
        return None, str(error)


def _unit(n: int, i: int) -> list[float]:
    return [1.0 if j == i else 0.0 for j in range(n)]
