"""What is claimed of a black box against what its values say: one row for each derivative.

Two witnesses are heard: differences that know their error (``differences``), and the rate at which the Taylor remainder
falls (``taylor``), which has no step to choose.  Where f runs on complex numbers and is analytic there, a complex step
is a third, and the best.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from .box import BlackBox, attempted
from .claims import Claim, Matrix
from .differences import EPSILON, RESOLUTION
from .examine import SAFETY, hear, judge, resolve, settle_zeros
from .kinks import Sided
from .lines import Line, Slope
from .report import GradientRow
from .rounding import SPACING, natural_length, noise_along
from .taylor import Remainder, remainder

EXACT = (
    1e-12  # the relative error of a complex step where nothing cancels, and of mpmath's slopes and a claim's rounding
)
NEAR = 2.0**-35  # where noise is looked for, in parts of the distance over which f changes
MEANT = 5e-8  # a relative fault that no claim is accused of: a black box may be an approximation to what is meant
AGREED = 1e-9  # relative: a claim that is so near to a complex step was not so by chance
TINY = 1e-60  # its step, relative to x or 1
FIRST_LOOK = 55  # evaluations along a line; with those at the point itself and on complex numbers it makes 60
SECOND_LOOK = 40  # where the slope that is claimed is no guide to the steps
GUESSES = (0.0173, 1.1e-5, 0.7e-8, 0.9e-11)  # steps, relative to x
CIRCLE = (1j, -1j, 1.0, -1.0)  # where f is seen to be analytic


class Claimed:
    """A black box at a point, its claimed Jacobian there, and what is known of both."""

    def __init__(self, box: BlackBox, claim: Claim, matrix: Matrix | None = None) -> None:
        self.box, self.claim = box, claim
        self.xs, self.ys = box.xs, box.ys
        self.first = self.on_complex(0, self.xs[0]) if box.takes_complex() else None
        self.complex = self.first is not None
        if self.first is not None and all(map(same, self.first, self.ys)):
            self.spread = [0.0] * len(self.ys)  # called twice, it says the same
        else:
            runs = [self.ys, box.flat(self.xs)]
            if runs[0] != runs[1]:
                runs += [box.flat(self.xs) for _ in range(8)]
            self.spread = [max(ys) - min(ys) for ys in zip(*runs, strict=True)]
        self.matrix = claim(self.xs) if matrix is None else matrix
        self.oracle: Callable[[int], list[float]] | None = None  # a better one that was asked for
        coarsest = min((form.bits for form in [*box.formats, *box.result.formats]), default=53)
        self.resolution = max(RESOLUTION, min(0.2, 4 * 2.0 ** (-coarsest / 2)))  # what an "ok" takes

    def floor(self, o: int) -> float:
        """The noise that there is at least in an output."""
        rounding: float = abs(self.ys[o]) * 2.0 ** (1 - self.box.result.formats[o].bits)
        return self.spread[o] + max(rounding, SPACING)

    def rows(self) -> list[GradientRow]:
        """A row for each output and input, in this order; the caller names them."""
        with quiet():
            columns = [self.column(self.line(i), i) for i in range(len(self.xs))]
        for o in range(len(self.ys)):
            settle_zeros([column[o] for column in columns], self.xs, self.resolution)
        return [columns[i][o] for o in range(len(self.ys)) for i in range(len(self.xs))]

    def line(self, i: int) -> Line:
        return Line(self.box.flat, self.xs, i, self.ys, self.box.formats[i])

    def column(self, line: Line, i: int) -> list[GradientRow]:
        """The rows of all outputs by the argument that moves along the line."""
        claims = [row[i] for row in self.matrix]
        rows = self.along(line, claims, [partial(self.noise_of_claim, o, i, claim) for o, claim in enumerate(claims)])
        if self.oracle is not None:
            for row, slope in zip(rows, self.oracle(i), strict=True):
                adopt(row, slope, EXACT * abs(slope), self.rounding(row), "mpmath")
        elif self.complex:
            self.consult(rows, i, line)
        for row in rows:
            resolve(row)
            if row.verdict == "inconclusive" and row.resolution < 0.5:
                jumps = f"; {row.note}" if row.note.startswith(("f jumps", "f turns")) else ""
                row.note = f"no fault above {row.resolution:.1g} of it; differences show no more{jumps}"
        return rows

    def along(self, line: Line, claims: Sequence[float], roundings: Sequence[Callable[[], float]]) -> list[GradientRow]:
        """The rows of all outputs along a line, on which these are the slopes that are claimed."""
        guides = [self.guide(line, o, claim) for o, claim in enumerate(claims)]
        rows = []
        for o, (claim, noise) in enumerate(zip(claims, self.noise(line, guides), strict=True)):
            line.allowed = max(FIRST_LOOK, len(line.taken) + 40) if o else FIRST_LOOK
            rows.append(self.row(line, o, claim, noise, guides[o], roundings[o]))
        return rows

    def guide(self, line: Line, o: int, claim: float) -> float:
        """About the slope: what is claimed or, if that is 0 or none, the steepest of a few quotients."""
        if claim and math.isfinite(claim):
            return claim
        steepest = 0.0
        for part in GUESSES if line.x else ():
            step = line.actual(part * abs(line.x))
            got = line.at(step) if step else None
            if got is not None and math.isfinite(got[o]) and abs(got[o] - self.ys[o]) > 1e3 * self.floor(o):
                steepest = max(steepest, abs(got[o] - self.ys[o]) / step)
        return steepest

    def noise(self, line: Line, guides: Sequence[float]) -> list[float]:
        """The noise of each output along a line: estimated, from samples that the outputs share."""
        lengths = [
            natural_length(line.x, y, guide) for y, guide in zip(self.ys, guides, strict=True) if math.isfinite(y)
        ]
        found = []
        for o, y in enumerate(self.ys):

            def along(t: float, o: int = o, y: float = y) -> float | None:
                got = line.at(t - line.x)
                return None if got is None or not math.isfinite(got[o] - y) else got[o]

            reach = NEAR * min(lengths, default=1.0)
            noise = noise_along(along, line.x, y, reach, 0.0, line.format, guides[o]) if math.isfinite(y) else 0.0
            found.append(max(noise, self.floor(o)))
        return found

    def row(
        self,
        line: Line,
        o: int,
        claim: float,
        noise: float,
        guide: float,
        rounding_of_claim: Callable[[], float],
    ) -> GradientRow:
        """The verdict on one claim by differences along a line, and the rate of its Taylor remainder."""
        row = GradientRow(1, "", (), claim, claim, math.nan, math.inf, math.inf, "not finite")
        if not math.isfinite(self.ys[o]):
            row.note = f"the function is {self.ys[o]}"
            return row
        differences = Sided(line, o, noise, guide, opaque=True)
        differences.claimed = abs(claim) if math.isfinite(claim) else 0.0
        slope = differences.slope()
        if not math.isfinite(claim):
            row.note, row.numeric, row.error = "the claim is not finite", slope.value, slope.error
            return row
        rounding = self.rounding(row)
        judge(row, claim, claim, slope, rounding, self.resolution)
        if row.verdict == "wrong" and abs(claim - slope.value) < 1e-2 * abs(claim):
            rounding += rounding_of_claim()
            judge(row, claim, claim, slope, rounding, self.resolution)
        if row.verdict == "inconclusive" and not claim and guide:  # the guess was none
            line.allowed = len(line.taken) + SECOND_LOOK
            line.at(GUESSES[0] * line.unit)
            guide = self.remainder(row, line, o, noise).bound
            noise = max(noise, self.noise(line, [guide] * len(self.ys))[o])
            differences = Sided(line, o, noise, guide, opaque=True)
            slope = differences.slope()
            judge(row, claim, claim, slope, rounding, self.resolution)
        if row.verdict in ("wrong", "inconclusive") and not slope.kind and slope.error < math.inf:
            before, near = row.verdict, self.beside(row, line, differences, slope, noise)
            if near is not None:
                judge(row, claim, claim, near, rounding, self.resolution)
                if before == "wrong" and row.verdict == "inconclusive":  # the claim is not confirmed by that
                    judge(row, claim, claim, slope, rounding, self.resolution)
        wide = self.over_stairs(row, differences, slope, rounding) or slope
        held = row.verdict == "wrong" and not slope.kind and row.numeric == wide.value
        if held and (turn := differences.turns(claim, wide, self.floor(o))):
            row.verdict, row.tolerance, row.note = "inconclusive", abs(claim - slope.value), turn
        small = line.single and abs(claim - row.numeric) < 0.1 * abs(row.numeric)
        if row.verdict == "wrong" and not slope.kind and small and (doubt := differences.jump_over_distance(slope)):
            judge(row, claim, claim, replace(slope, error=max(slope.error, doubt)), rounding, self.resolution)
            row.note = row.note or "f jumps near by, as a solver that stops at a tolerance"
        if row.verdict == "still":
            row.verdict, row.note = "ok", "the function does not move"
        second = self.remainder(row, line, o, noise)
        if row.verdict == "wrong" and not slope.kind and second.contradicts(claim, row.numeric):
            row.verdict, row.tolerance = "inconclusive", math.inf
            row.note = "the two witnesses differ: near by, the Taylor remainder falls as it should"
        hear(row, second)
        return row

    def beside(self, row: GradientRow, line: Line, differences: Sided, slope: Slope, noise: float) -> Slope | None:
        """The slope nearer to x than a kink, if there is one that windows were too wide for; it is then seen whether
        the claim is right there, or, of one that nothing was known of, whether it is wrong."""
        taken, floor = dict(line.taken), self.floor(differences.o)
        near = None
        if row.verdict == "wrong":
            near = differences.beside(row.claimed, slope, floor)
        elif noise <= 8 * floor:
            near = Sided(line, differences.o, floor, differences.guide, opaque=True).nearer(slope, floor)
        if near is None:
            line.forget_all_but(taken)
        return near

    def over_stairs(self, row: GradientRow, differences: Sided, slope: Slope, rounding: float) -> Slope | None:
        """Judge once more, by the slope of large steps, if the one that accuses the claim, or confirms it, is that of a
        tread."""
        right = row.verdict == "ok"
        other = differences.guide if row.verdict == "wrong" else differences.farther(slope) if right else slope.value
        if other == slope.value or slope.kind or not slope.reach:
            return None
        stair = differences.stairs(slope, other, right)
        if stair is None:
            return None
        wide = differences.beyond(stair)
        judge(row, row.claimed, row.claimed, wide, rounding, self.resolution)
        if row.verdict == "ok" and stair.doubt:
            row.verdict, row.tolerance = "inconclusive", stair.doubt
            row.note = f"f jumps at steps {stair.width:.1g} wide, between which its slope is {slope.value:.6g}"
        return wide

    def remainder(self, row: GradientRow, line: Line, o: int, noise: float) -> Remainder:
        return remainder(line.rises(o), row.claimed, noise)

    # ---- the complex step

    def consult(self, rows: list[GradientRow], i: int, line: Line) -> None:
        """Hear Im f(x + ih) / h, if f takes complex numbers.

        What it says counts if the claim has all its digits and no difference contradicts it: they have nothing in
        common but the truth.  Against a claim it counts only if f is seen to be analytic, and after its own rounding
        and the claim's have been looked at.
        """
        values = self.first if i == 0 else self.on_complex(i, line.x)
        if values is None:
            self.complex = False
            return
        slopes = [value.imag / step_of(line.x) for value in values]
        circle: list[list[complex]] = []
        for o, (row, slope) in enumerate(zip(rows, slopes, strict=True)):
            error = EXACT * abs(slope)
            if not slope or row.verdict in ("kink", "jump", "not finite", "one-sided") or row.left is not None:
                continue
            fits = not row.error < math.inf or abs(slope - row.numeric) <= SAFETY * row.error + 1e-9 * abs(slope)
            if abs(slope - row.claimed) <= AGREED * abs(slope):
                if fits or self.analytic(i, o, circle):
                    adopt(row, slope, error, self.rounding(row), "complex step")
            elif fits and row.error > error and self.analytic(i, o, circle):
                error += self.noise_of(partial(self.complex_slope, i, o), i, slope)
                rounding = self.rounding(row) + self.noise_of_claim(o, i, row.claimed)
                if not row.error < error:
                    adopt(row, slope, error, rounding, "complex step")

    def on_complex(self, i: int, x: float) -> list[complex] | None:
        """f at x + ih in the place of argument i."""
        values = self.box.on_complex([*self.xs[:i], complex(x, step_of(x)), *self.xs[i + 1 :]])
        return values if values is not None and all(math.isfinite(value.imag) for value in values) else None

    def complex_slope(self, i: int, o: int, x: float) -> float | None:
        values = self.on_complex(i, x)
        return None if values is None else values[o].imag / step_of(x)

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
        """How far a right claim may be off, without a look at its own rounding."""
        return MEANT / SAFETY * abs(row.claimed)

    def noise_of_claim(self, o: int, i: int, claim: float) -> float:
        """The rounding in what is claimed, from its values at neighbouring points."""

        def at(t: float) -> float | None:
            found = attempted(lambda: [self.claim([*self.xs[:i], t, *self.xs[i + 1 :]])[o][i]])
            return None if found is None else found[0]

        return self.noise_of(at, i, claim)

    def noise_of(self, f: Callable[[float], float | None], i: int, y: float) -> float:
        """The noise of a number that depends on argument i."""
        x, form = self.xs[i], self.box.formats[i]

        def along(t: float) -> float | None:
            value = f(t)
            return None if value is None or not math.isfinite(value - y) else value

        return noise_along(along, x, y, 2.0**-40 * max(min(1.0, abs(x)), SPACING), format=form)


@contextmanager
def quiet() -> Iterator[None]:
    """Without NumPy's warnings of steps outside the domain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def step_of(x: float) -> float:
    """The complex step at x."""
    return TINY * (abs(x) if abs(x) > TINY else 1.0)


def same(value: complex, y: float) -> bool:
    return abs(value.real - y) <= 8 * EPSILON * abs(y)


def adopt(row: GradientRow, slope: float, error: float, rounding: float, oracle: str) -> None:
    """Judge the claim by what another oracle says."""
    judge(row, row.claimed, row.claimed, Slope(slope, error), rounding)
    row.oracle = oracle
