"""What is claimed of a black box against what its values say: one row for each derivative.

Two witnesses are heard: differences that know their error (``differences``), and the rate at which the Taylor remainder
falls (``taylor``), which has no step to choose.  Where f runs on complex numbers and is analytic there, a complex step
is a third, and the best.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial

from .box import BlackBox, attempted
from .claims import Claim, Matrix
from .differences import EPSILON, RESOLUTION, Line, Slope, numeric_slope
from .examine import SAFETY, judge
from .report import GradientRow
from .rounding import SPACING, natural_length, noise_along
from .taylor import remainder

EXACT = (
    1e-12  # the relative error of a complex step where nothing cancels, and of mpmath's slopes and a claim's rounding
)
TINY = 1e-60  # its step, relative to x or 1
CIRCLE = (1j, -1j, 1.0, -1.0)  # where f is seen to be analytic


class Claimed:
    """A black box at a point, its claimed Jacobian there, and what is known of both."""

    def __init__(self, box: BlackBox, claim: Claim, matrix: Matrix | None = None) -> None:
        self.box, self.claim = box, claim
        self.xs, self.ys = box.xs, box.ys
        runs = [self.ys, box.flat(self.xs)]
        self.random = runs[0] != runs[1]
        if self.random:
            runs += [box.flat(self.xs) for _ in range(8)]
        self.spread = [max(ys) - min(ys) for ys in zip(*runs, strict=True)]
        self.matrix = claim(self.xs) if matrix is None else matrix
        self.complex = box.takes_complex()
        self.oracle: Callable[[int], list[float]] | None = None  # a better one that was asked for
        coarsest = min((form.bits for form in [*box.formats, *box.result.formats]), default=53)
        self.resolution = max(RESOLUTION, min(0.2, 4 * 2.0 ** (-coarsest / 2)))  # what an "ok" takes

    def floor(self, o: int) -> float:
        """The noise that there is at least in an output."""
        rounding = abs(self.ys[o]) * 2.0 ** (1 - self.box.result.formats[o].bits)
        return self.spread[o] + max(rounding, SPACING)

    def rows(self) -> list[GradientRow]:
        """A row for each output and input, in this order; the caller names them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of steps outside the domain
            columns = [self.column(self.line(i), i) for i in range(len(self.xs))]
        for o in range(len(self.ys)):
            self.settle_zeros([column[o] for column in columns])
        return [columns[i][o] for o in range(len(self.ys)) for i in range(len(self.xs))]

    def settle_zeros(self, rows: list[GradientRow]) -> None:
        """A derivative of 0 has no size of its own: it is measured by the largest of its output's, for steps of the
        scale of the arguments."""
        scales = [abs(x) or 1.0 for x in self.xs]
        largest = max((abs(row.claimed) * scale for row, scale in zip(rows, scales, strict=True)), default=0.0)
        for row, scale in zip(rows, scales, strict=True):
            known = row.claimed == 0.0 and abs(row.numeric) <= row.tolerance < math.inf and largest
            if known and row.verdict in ("inconclusive", "ok") and row.tolerance:
                row.resolution = row.tolerance * scale / largest
                if row.verdict == "inconclusive" and row.resolution <= self.resolution:
                    row.verdict, row.note = "ok", "0 beside the others"

    def line(self, i: int) -> Line:
        return Line(self.box.flat, self.xs, i, self.ys, self.box.formats[i])

    def column(self, line: Line, i: int, again: bool = True) -> list[GradientRow]:
        """The rows of all outputs by the argument that moves along the line."""
        claims = [row[i] for row in self.matrix]
        rows = []
        for o, (claim, noise) in enumerate(zip(claims, self.noise(line, claims), strict=True)):
            rows.append(self.row(line, o, claim, noise, partial(self.noise_of_claim, o, i, claim), again))
        if self.oracle is not None:
            for row, slope in zip(rows, self.oracle(i), strict=True):
                adopt(row, slope, EXACT * abs(slope), self.rounding(row), "mpmath")
        elif self.complex:
            self.consult(rows, i, line)
        for row in rows:
            resolve(row)
        return rows

    def noise(self, line: Line, claims: Sequence[float]) -> list[float]:
        """The noise of each output along a line: estimated, from samples that the outputs share."""
        lengths = [
            natural_length(line.x, y, claim)
            for y, claim in zip(self.ys, claims, strict=True)
            if math.isfinite(y) and math.isfinite(claim)
        ]
        found = []
        for o, y in enumerate(self.ys):

            def along(t: float, o: int = o, y: float = y) -> float | None:
                got = line.at(t - line.x)
                return None if got is None or not math.isfinite(got[o] - y) else got[o]

            reach = 2.0**-40 * min(lengths, default=1.0)
            noise = noise_along(along, line.x, y, reach, format=line.format) if math.isfinite(y) else 0.0
            found.append(max(noise, self.floor(o)))
        return found

    def row(
        self, line: Line, o: int, claim: float, noise: float, noise_of_claim: Callable[[], float], again: bool
    ) -> GradientRow:
        """The verdict on one claim by differences along a line, and the rate of its Taylor remainder.

        ``again`` looks twice before it accuses.
        """
        row = GradientRow(1, "", (), claim, claim, math.nan, math.inf, math.inf, "not finite")
        if not math.isfinite(self.ys[o]):
            row.note = f"the function is {self.ys[o]}"
            return row
        guide = claim if math.isfinite(claim) else 0.0
        slope = numeric_slope(line, o, noise, guide, opaque=True)
        if not math.isfinite(claim):
            row.note, row.numeric, row.error = "the claim is not finite", slope.value, slope.error
            return row
        rounding = EPSILON * abs(claim)
        judge(row, claim, claim, slope, rounding, self.resolution)
        if row.verdict == "wrong" and abs(claim - slope.value) < 1e-2 * abs(claim):
            rounding += noise_of_claim()
            judge(row, claim, claim, slope, rounding, self.resolution)
        if row.verdict == "wrong" and slope.kind != "kink" and again:
            slope = numeric_slope(line, o, noise, guide, opaque=True, again=True)
            judge(row, claim, claim, slope, rounding, self.resolution)
        if row.verdict == "still":
            row.verdict, row.note = "ok", "the function does not move"
        self.hear(row, line, o, noise)
        return row

    def hear(self, row: GradientRow, line: Line, o: int, noise: float) -> None:
        """The second witness, and what to say if it contradicts the first."""
        taken = [(t - line.x, got[o] - self.ys[o]) for t, got in line.taken.items() if got is not None]
        found = remainder(taken, row.claimed, noise)
        row.rate = found.rate
        gap = abs(row.claimed - row.numeric)
        if row.verdict == "wrong" and not row.note and found.speaks_for and found.bound < gap / 2:
            row.note = _rate(found.rate, "but ") + ": the two witnesses differ"
        elif row.verdict == "ok" and found.speaks_against and found.bound > 10 * row.tolerance:
            row.note = _rate(found.rate, "though ") + ", over all steps that noise does not hide"
        elif row.verdict == "inconclusive" and not row.note:
            row.note = "finite differences are too rough"

    # ---- the complex step

    def consult(self, rows: list[GradientRow], i: int, line: Line) -> None:
        """Hear Im f(x + ih) / h, if f takes complex numbers.

        What it says counts if the claim has all its digits and no difference contradicts it: they have nothing in
        common but the truth.  Against a claim it counts only if f is seen to be analytic, and after its own rounding
        and the claim's have been looked at.
        """
        slopes = self.complex_slopes(i, line.x)
        if slopes is None:
            self.complex = False
            return
        circle: list[list[complex]] = []
        for o, (row, slope) in enumerate(zip(rows, slopes, strict=True)):
            error = EXACT * abs(slope)
            if not slope or row.verdict in ("kink", "jump", "not finite", "one-sided") or row.left is not None:
                continue
            fits = not row.error < math.inf or abs(slope - row.numeric) <= SAFETY * row.error + 1e-9 * abs(slope)
            if abs(slope - row.claimed) <= SAFETY * error:
                if fits or self.analytic(i, o, circle):
                    adopt(row, slope, error, self.rounding(row), "complex step")
            elif fits and row.error > error and self.analytic(i, o, circle):
                error += self.noise_of(partial(self.complex_slope, i, o), i, slope)
                rounding = self.rounding(row) + self.noise_of_claim(o, i, row.claimed)
                if not row.error < error:
                    adopt(row, slope, error, rounding, "complex step")

    def complex_slopes(self, i: int, x: float) -> list[float] | None:
        h = TINY * (abs(x) if abs(x) > TINY else 1.0)
        values = self.box.on_complex([*self.xs[:i], complex(x, h), *self.xs[i + 1 :]])
        if values is None or not all(math.isfinite(value.imag) for value in values):
            return None
        return [value.imag / h for value in values]

    def complex_slope(self, i: int, o: int, x: float) -> float | None:
        slopes = self.complex_slopes(i, x)
        return None if slopes is None else slopes[o]

    def analytic(self, i: int, o: int, circle: list[list[complex]]) -> bool:
        """Whether the integral of f around a small circle is 0, up to rounding: as that of an analytic function is (G.
        Morera), and neither that of abs nor of a part or the conjugate of a number."""
        x = self.xs[i]
        r = 1e-3 * min(natural_length(x, self.ys[o], self.matrix[o][i]), abs(x) or 1.0)
        for turn in CIRCLE[len(circle) :]:
            values = self.box.on_complex([*self.xs[:i], x + r * turn, *self.xs[i + 1 :]])
            if values is None:
                return False
            circle.append(values)
        terms = [(values[o] - self.ys[o]) * turn / r for values, turn in zip(circle, CIRCLE, strict=True)]
        noise = 8 * EPSILON * abs(self.ys[o]) / r
        return abs(sum(terms)) <= 1e-4 * max(map(abs, terms)) + noise

    # ---- rounding in the claim

    def rounding(self, row: GradientRow) -> float:
        return EPSILON * abs(row.claimed)

    def noise_of_claim(self, o: int, i: int, claim: float) -> float:
        """The rounding in what is claimed, from its values at neighbouring points."""

        def at(t: float) -> float | None:
            found = attempted(lambda: self.claim([*self.xs[:i], t, *self.xs[i + 1 :]])[o])
            return None if found is None else found[i]

        return self.noise_of(at, i, claim)

    def noise_of(self, f: Callable[[float], float | None], i: int, y: float) -> float:
        """The noise of a number that depends on argument i."""
        x, form = self.xs[i], self.box.formats[i]

        def along(t: float) -> float | None:
            value = f(t)
            return None if value is None or not math.isfinite(value - y) else value

        return noise_along(along, x, y, 2.0**-40 * max(min(1.0, abs(x)), SPACING), format=form)


def adopt(row: GradientRow, slope: float, error: float, rounding: float, oracle: str) -> None:
    """Judge the claim by what another oracle says."""
    judge(row, row.claimed, row.claimed, Slope(slope, error), rounding)
    row.oracle = oracle


def resolve(row: GradientRow) -> None:
    """The smallest relative fault that would have been noticed."""
    size = abs(row.numeric) or abs(row.claimed)
    known = row.tolerance < math.inf and math.isfinite(row.numeric) and row.verdict not in ("kink", "jump")
    row.resolution = (
        (row.tolerance + abs(row.claimed - row.numeric)) / size
        if known and size
        else (0.0 if known and not row.tolerance else math.inf)
    )
    if row.verdict == "wrong" and known and size:
        row.resolution = row.tolerance / size
    if row.verdict == "inconclusive" and row.resolution < 0.5:
        row.note = f"no fault above {row.resolution:.1g} of it; differences show no more"


def _rate(rate: float | None, link: str) -> str:
    falls = "is noise alone" if rate is None else f"falls as h^{rate:.2g}"
    return f"{link}the Taylor remainder {falls}"
