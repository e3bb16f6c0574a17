"""Finite differences that know their error.

The numeric side is Richardson's extrapolation to step 0 with Ridders' idea of choosing the step: every estimate comes
with the distance to its neighbours in the tableau, and the one that moves least wins (C. J. F. Ridders, "Accurate
computation of F'(x) and F'(x)F''(x)", Advances in Engineering Software 4, 1982).
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..errors import ERRORS
from .flat import Flat

EPSILON = sys.float_info.epsilon
RESOLUTION = 1e-5  # "ok" is said only where a fault of this relative size would have been seen
DEPTH = 6  # columns of a tableau: an error of order h**14 (two-sided) or h**7 (one-sided)
FIRST_STEP = 761 / 2048  # times a power of 2 near max(1, |x|): few bits, so that x + step is exact; but not a power
# of 2 itself, or the steps would fall in with the periods of functions
SMALLEST = 2.0**-200  # the step at which a function at x = 0, where floats have no spacing, is given up


class Estimate(NamedTuple):
    """A number with the estimate of its error, of which ``rounding`` is due to rounding; ``scale`` is the size of what
    it was computed from."""

    value: float = math.nan
    error: float = math.inf
    rounding: float = 0.0
    scale: float = 0.0

    @property
    def resolved(self) -> bool:
        """Whether two digits are right."""
        return self.error <= 1e-2 * max(abs(self.value), self.scale) and self.error < math.inf

    @property
    def lost(self) -> bool:
        """Whether what changes as the step is halved is more than rounding: then not even the error is right."""
        return not self.resolved and not self.error <= 4 * self.rounding

    @property
    def doubt(self) -> tuple[float, float]:
        """What estimates are ranked by: the relative error of resolved ones, the error of the others.

        Not the error alone: the quotients of a fast oscillation shrink as the step grows, and their errors with them.
        """
        size = max(abs(self.value), self.scale)
        return (2.0 if self.lost else self.error / size if self.resolved and size else 1.0, self.error)

    def beats(self, best: Estimate) -> bool:
        """Whether this estimate, from smaller steps, is to be preferred: if it is better, or contradicts the other.

        What larger steps tell may be resolved well and yet miss a fine structure, or have met it in step.
        """
        return self.doubt < best.doubt or (not self.lost and abs(self.value - best.value) > self.error + best.error)


class Tableau:
    """Neville's tableau: samples at halving steps, extrapolated to step 0; ``best`` is the least doubtful estimate.

    ``power`` is that of the step in the leading error: 2 for two-sided difference quotients (then only even powers
    occur), otherwise 1.  The weights of the extrapolation add up to at most 2 or 8.3: so rounding grows.
    """

    def __init__(self, power: int = 1) -> None:
        self.factor = 2.0**power
        self.growth = 8.3 if power == 1 else 2.0
        self.row: list[float] = []
        self.best = Estimate()

    def add(self, sample: float, rounding: float) -> Estimate:
        """Take the sample of the next step, with its rounding error; returns the estimate that moved least."""
        row = [sample]
        now = Estimate(sample)
        for j, above in enumerate(self.row[:DEPTH]):
            row.append(row[j] + (row[j] - above) / (self.factor ** (j + 1) - 1))
            error = max(abs(row[-1] - row[j]), abs(row[-1] - above)) + self.growth * rounding
            if error < now.error and j > 0:  # two samples may agree by chance
                now = Estimate(row[-1], error, self.growth * rounding, abs(sample))
        self.row = row
        if now.beats(self.best):
            self.best = now
        return now


@dataclass
class Slope:
    """A numeric derivative; ``scale`` is what its error is to be compared with, if that is larger."""

    value: float = math.nan
    error: float = math.inf
    scale: float = 0.0
    kind: str = ""  # or "one-sided", "kink", "jump"
    left: float | None = None
    right: float | None = None


class Differences:
    """The samples of one output around x, from large steps to small, and what they tell of its slope."""

    def __init__(self, y: float, noise: float, sides: Sequence[int], enough: float) -> None:
        self.y, self.noise, self.sides, self.enough = y, noise, sides, enough
        self.restart()

    def restart(self) -> None:
        """Forget the samples: the function failed at a step, so larger ones tell nothing of the slope."""
        self.two_sided = Tableau(2)
        self.one_sided = {side: Tableau() for side in self.sides}
        self.samples: dict[int, list[tuple[float, float]]] = {side: [] for side in self.sides}  # (signed step, output)
        self.lost = 0  # the number of steps since the last at which a difference was larger than rounding
        self.agreed = (Estimate(), math.inf)  # the best slope on which both sides agree, and by how much

    def add(self, at: dict[int, tuple[float, float]]) -> bool:
        """Take one step's samples, {side: (signed step, output)}; returns whether smaller steps are pointless."""
        rounding, sides = 0.0, {}
        for side, (h, y) in at.items():
            self.samples[side].append((h, y))
            rounding = max(rounding, (self.noise + EPSILON * max(abs(y), abs(self.y))) / abs(h))
            sides[side] = self.one_sided[side].add((y - self.y) / h, 2 * rounding)
        if len(at) == 1:
            (best,) = (tableau.best for tableau in self.one_sided.values())
            return best.doubt[0] <= self.enough or self.swamped(at)
        (below, y0), (above, y1) = at[-1], at[1]
        now = self.two_sided.add((y1 - y0) / (above - below), rounding)
        # Both sides, which know f(x) itself, must agree with the two-sided slope: it misses a narrow peak at x, and
        # takes a kink for smooth, as (|h| - |-h|) / 2h is 0.
        if all(abs(now.value - side.value) <= now.error + side.error < math.inf for side in sides.values()):
            worse = max(sides.values(), key=lambda side: side.error)
            total = Estimate(
                now.value,
                now.error + worse.error,
                now.rounding + worse.rounding,
                max(side.scale for side in sides.values()),
            )
            if total.beats(self.agreed[0]):
                self.agreed = (total, now.error)
        return self.agreed[0].doubt[0] <= self.enough or self.swamped(at)

    def swamped(self, at: dict[int, tuple[float, float]]) -> bool:
        """Whether at the last few steps no difference was larger than rounding."""
        lost = all(self.noise >= abs(y - self.y) for _, y in at.values())
        self.lost = self.lost + 1 if lost else 0
        return self.enough > 0.0 and self.lost > 3

    def slope(self) -> Slope:
        """What the samples tell."""
        ends = {side: tableau.best for side, tableau in self.one_sided.items()}
        if not ends:
            return Slope()
        scale = max(
            (abs((y - self.y) / h) for h, y in (taken[0] for taken in self.samples.values() if taken)), default=0.0
        )
        if len(ends) == 2:
            total, error = self.agreed
            spread, gap = ends[-1].error + ends[1].error, abs(ends[1].value - ends[-1].value)
            if gap > 1e3 * spread and total.error > gap / 4:
                return self.at_kink(ends)
            found, best = Slope(total.value, error, total.scale), total
        else:
            (best,) = ends.values()
            found = Slope(best.value, best.error, scale, "one-sided")
        if best.resolved:
            return found
        pieces = {side: self.piece(side) for side in ends}
        if any(jumps for _, jumps in pieces.values()):
            return self.at_kink({side: piece for side, (piece, _) in pieces.items()}, "jump")
        infinite = [piece.value for piece, _ in pieces.values() if math.isinf(piece.value)]
        if infinite:
            slopes = {piece.value for piece, _ in pieces.values()}
            if len(slopes) == 1:
                return Slope(infinite[0], 0.0, 0.0, found.kind)
            return self.at_kink({side: piece for side, (piece, _) in pieces.items()})
        if best.error <= RESOLUTION * scale:
            return replace(found, scale=scale)  # as for x**1.5 at 0, whose quotients tend to 0 like sqrt(step)
        return replace(found, error=math.inf if best.lost else best.error)

    def at_kink(self, ends: dict[int, Estimate], kind: str = "kink") -> Slope:
        error = sum(end.error for end in ends.values())
        slopes = {side: end.value for side, end in ends.items()}
        middle = sum(slopes.values()) / len(slopes)
        return Slope(middle, error, 0.0, kind, slopes.get(-1), slopes.get(1))

    def piece(self, side: int) -> tuple[Estimate, bool]:
        """Of a side without a good slope: the slope of the piece of f on that side, and whether f jumps to it."""
        limit, differences = Tableau(), Tableau()
        previous: tuple[float, float] | None = None
        for h, y in self.samples[side]:
            rounding = self.noise + EPSILON * abs(y)
            limit.add(y, rounding)
            if previous is not None:
                differences.add((previous[1] - y) / (previous[0] - h), 2 * rounding / abs(h))
            previous = (h, y)
        if abs(limit.best.value - self.y) > 1e3 * (limit.best.error + self.noise):
            return differences.best, True
        quotients = [abs((y - self.y) / h) for h, y in self.samples[side][-20:]]
        if len(quotients) == 20 and all(b > 1.05 * a for a, b in itertools.pairwise(quotients)):
            h, y = self.samples[side][-1]
            return Estimate(math.copysign(math.inf, (y - self.y) / h), 0.0), False
        return self.one_sided[side].best, False


def numeric_slopes(
    f: Flat, xs: list[float], i: int, ys: list[float], noise: list[float], enough: float = 1e-9
) -> list[Slope]:
    """The numeric derivatives of all outputs of f by input i; ``ys`` is f(xs), with the rounding errors ``noise``.

    Ends at steps so small that rounding is all there is, or as soon as the relative error is ``enough``.
    """
    x = xs[i]
    usable = [o for o, y in enumerate(ys) if math.isfinite(y)]

    def sample(step: float) -> tuple[float, list[float]] | None:
        t = x + step
        try:
            result = f([*xs[:i], t, *xs[i + 1 :]]) if math.isfinite(t) else []
        except (*ERRORS, TypeError):  # TypeError: ** of a negative float gave a complex number
            return None
        return (t - x, result) if result and all(math.isfinite(result[o]) for o in usable) else None

    smallest = max(16 * math.ulp(x), SMALLEST)
    steps = [FIRST_STEP * 2.0 ** max(0, min(math.frexp(x)[1], 1023))]
    while steps[-1] > smallest:
        steps.append(steps[-1] / 16)
    start: dict[int, float] = {}  # the largest step at which the function exists, on either side
    for step in steps:
        found = [side for side in (-1, 1) if sample(side * step) is not None]
        for side in found:
            start.setdefault(side, step)
        if len(found) == 2:
            start = dict.fromkeys(found, step)
            break
    differences = {o: Differences(ys[o], noise[o], list(start), enough) for o in usable}
    open_ = set(usable) if start else set()
    step = min(start.values(), default=0.0)
    while open_ and step > smallest:
        got = {side: sample(side * step) for side in start}
        for o in list(open_):
            if any(result is None for result in got.values()):
                differences[o].restart()
            elif differences[o].add({side: (result[0], result[1][o]) for side, result in got.items() if result}):
                open_.remove(o)
        step /= 2
    return [differences[o].slope() if o in differences else Slope() for o in range(len(ys))]
