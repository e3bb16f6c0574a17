"""A function along a line: its samples, the windows that are fitted to them, and the slope that they tell."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import ERRORS
from .fits import Fit, fit
from .flat import Flat
from .plain import DOUBLE, Format
from .rounding import EPSILON, natural_length

SMALLEST = 2.0**-200  # the smallest step at x = 0, where floats have no spacing
DEEPER = (2.0**-400, 2.0**-700, 2.0**-960)
RESOLUTION = 1e-5  # "ok" is said only where a fault of this size, relative to the derivative, would have been seen
ENOUGH = 2e-7  # the relative error of which larger steps are not tried against rounding
FINE = 1e-10  # the relative error of which smaller steps are not tried
FIRST = 0.0418  # the size of the first window, relative to x, 1 or f / f'
GRID = 8.0  # the ratio of the sizes of windows: so few that several outputs share their samples
WIDER = 2  # windows that are larger than the first, for slopes that rounding hides from it
SCOUTS = 9  # at most, on either side
HALVINGS = 20  # of an interval in which f departs from a polynomial

TWO_SIDED = tuple(math.sqrt(v) for v in (35 / 36, 0.625, 0.33, 0.12, 1 / 60))
ONE_SIDED = tuple(math.sqrt(v) for v in (0.971, 0.818, 0.624, 0.43, 0.255, 0.13, 0.0529 + 1e-3, 0.0145, 0.0016))
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass
class Slope:
    """A numeric derivative; ``scale`` is the size of the difference quotients that it was computed from."""

    value: float = math.nan
    error: float = math.inf
    scale: float = 0.0
    reach: float = 0.0  # the steps, if a single window tells it
    kind: str = ""  # or "one-sided", "kink", "jump"
    left: float | None = None
    right: float | None = None


class Line:
    """The outputs of f as one of its inputs moves; every sample is taken once, whichever outputs ask for it."""

    single = True  # one number moves along it

    def __init__(self, f: Flat, xs: list[float], i: int, ys: list[float], format: Format = DOUBLE) -> None:
        self.f, self.xs, self.i, self.ys, self.format = f, xs, i, ys, format
        self.x = xs[i]
        self.unit = max(1.0, abs(self.x))
        self.spacing = format.spacing(self.x) if self.x else max(SMALLEST, format.least)
        self.taken: dict[float, list[float] | None] = {}
        self.known: dict[float, list[float] | None] = {}  # and what was taken before, by another look
        self.allowed = math.inf  # evaluations, at most, as far as that can be kept

    def afresh(self) -> Line:
        """The same line, of which nothing is taken yet; but f is not called again where it was."""
        line = copy.copy(self)
        line.taken, line.known = {}, self.known | self.taken
        return line

    def forget_all_but(self, taken: dict[float, list[float] | None]) -> None:
        """Go on as if no other samples than these were taken; but f is not called there again."""
        self.known |= self.taken
        self.taken = taken

    def has_room_for(self, count: int) -> bool:
        return len(self.taken) + count <= self.allowed

    def moved(self, t: float) -> list[float]:
        """All inputs, with the one that moves at t."""
        return [*self.xs[: self.i], t, *self.xs[self.i + 1 :]]

    def actual(self, step: float) -> float:
        """The step that is taken for this one, as x + step is rounded."""
        return self.format.nearest(self.x + step) - self.x

    def at(self, step: float) -> list[float] | None:
        """The outputs at x + step; None where the function fails."""
        t = self.format.nearest(self.x + step)
        if t not in self.taken and t in self.known:
            self.taken[t] = self.known[t]
        elif t not in self.taken:
            try:
                found = self.f(self.moved(t)) if math.isfinite(t) else None
            except (*ERRORS, TypeError):  # TypeError: ** of a negative float gave a complex number
                found = None
            self.taken[t] = found
        return self.taken[t]

    def rises(self, o: int) -> list[tuple[float, float]]:
        """The steps that were taken, each with the rise of an output."""
        return [(t - self.x, got[o] - self.ys[o]) for t, got in self.taken.items() if got is not None]


class Sample(NamedTuple):
    step: float
    rise: float  # the output less that at x

    @property
    def quotient(self) -> float:
        return self.rise / self.step


class Window(NamedTuple):
    """A fit through samples on one side of x or on both, at steps up to ``reach``.

    ``scale`` is the largest rise over the reach.
    """

    reach: float
    slope: float
    error: float
    scale: float
    fit: Fit
    asked: float  # the reach that was asked for, before steps were rounded

    def missed(self, sample: Sample) -> float:
        """By how much a sample is not where the polynomial says."""
        return abs(sample.rise - self.fit.rise(sample.step / self.reach))

    def resolves(self, part: float) -> bool:
        """Whether the error is less than this part of the slope, or of what cancels in it."""
        return self.error <= part * abs(self.slope) or self.error <= 1e-3 * part * self.scale

    def contradicts(self, other: Window) -> bool:
        return abs(self.slope - other.slope) > 4 * (self.error + other.error)


class Windows:
    """One output along a line, in windows of all sizes and at single steps, the scouts, between them.

    ``noise`` is the rounding in f, as far as it is known; ``opaque``: some of it was estimated, or f is not known to be
    smooth between floats that are far apart.  ``guide`` is the slope that is claimed: it has a say in the choice of
    the steps, and in nothing else.
    """

    def __init__(self, line: Line, o: int, noise: float, guide: float, opaque: bool, part: float = 1.0) -> None:
        self.line, self.o, self.noise, self.opaque = line, o, noise, opaque
        self.before = len(line.taken)
        self.y, self.guide = line.ys[o], abs(guide)
        x, spacing = abs(line.x), line.spacing
        self.first = FIRST * line.unit * part
        length = abs(self.y) / self.guide if self.y and self.guide else math.inf
        self.start = self.on_grid(min(max(length, 2.0**-44 * x), line.unit) * self.first / line.unit)
        natural = natural_length(x, self.y, self.guide) if opaque else x
        bottom = max(2.0**-46 * natural, 8 * spacing, noise / self.guide / 0.03 if self.guide else 0.0)
        decades = math.log(self.start / 3, 24.0) - math.log(min(bottom, self.start / 3), 24.0)
        ratio = 24.0 ** max(1, math.ceil(decades / SCOUTS - 1e-9))
        self.steps = [self.start / 3]
        while self.steps[-1] > bottom:
            jitter = 0.7 + 0.5 * (len(self.steps) * GOLDEN % 1)
            self.steps.append(max(self.start / 3 * jitter * ratio ** -len(self.steps), spacing))
        if ratio > 1e6:  # where x is tiny, f may change over distances as small
            near = (part * x for part in (0.37, 3e-4, 1e-7, 3e-11))
            self.steps = sorted({*self.steps, *(h for h in near if bottom < h < self.start)}, reverse=True)
        if not x and bottom <= 8 * SMALLEST:
            self.steps += DEEPER
        self.steps = sorted({self.taken_near(step) for step in self.steps}, reverse=True)
        self.close = not x or self.steps[-1] < x / 4  # or floats are sparse around x

    def taken_near(self, step: float) -> float:
        """A step like this one that was taken already to both sides, or else this one."""
        x, taken = self.line.x, self.line.taken
        like = [h for t in taken if step / 4 < (h := t - x) < 4 * step and x - h in taken and h < self.start]
        return min(like, key=lambda h: abs(math.log(h / step)), default=step)

    def on_grid(self, reach: float) -> float:
        """The next smaller size of a window."""
        down = math.ceil(math.log(self.first, GRID) - math.log(reach, GRID) - 1e-9) if 0 < reach < math.inf else 0
        return max(self.first * GRID ** -max(down, -WIDER), 8 * self.line.spacing)

    def sample(self, step: float) -> Sample | None:
        got = self.line.at(step)
        if got is None or not math.isfinite(got[self.o] - self.y):
            return None
        return Sample(self.line.actual(step), got[self.o] - self.y)

    def window(self, reach: float, sides: Sequence[int], noise: float, parts: Sequence[float] = ()) -> Window | None:
        """The fit through steps of this size on these sides; None if f fails at one of them."""
        spacing = self.line.spacing
        samples, last, asked = [Sample(0.0, 0.0)], 0.0, reach
        parts = parts or (TWO_SIDED if len(sides) == 2 else ONE_SIDED)
        if any(self.sample(side * self.line.actual(reach * parts[0])) is None for side in sides):
            return None
        for part in reversed(parts):
            last = max(self.line.actual(reach * part), last + spacing)
            for side in sides:
                found = self.sample(side * last)
                if found is None:
                    return None
                samples.append(found)
        samples.sort()
        reach = max(abs(samples[0].step), samples[-1].step)
        scale = max(abs(sample.rise) for sample in samples) / reach
        found_fit = fit([s.step / reach for s in samples], [s.rise for s in samples], noise)
        return Window(reach, found_fit.slope / reach, found_fit.error / reach, scale, found_fit, asked)

    def may_turn(self, window: Window) -> bool:
        """Whether f, if it is as steep as is claimed, may turn between the steps that were taken: it would rise by more
        than it does in all between two floats near by; or, where it moves by much more than rounding, in a hundred."""
        rise, step = window.scale * window.reach, self.guide * self.line.spacing
        if window.reach < 1e4 * self.line.spacing and step > rise:
            return True
        wide = self.opaque and window.reach > 1e6 * self.line.spacing
        return wide and 1e4 * EPSILON * abs(self.y) < rise < 100 * step

    def bends(self, window: Window, noise: float, gap: float, part: float) -> bool:
        """Whether f departs from a window's cubic, within so many times its size, without a jump.

        It departs where more than a trifle is left.  A slope that is other by ``gap`` is no more than a trifle there.
        """
        reach = window.reach
        ahead, behind = self.sample(reach), self.sample(-reach)
        if ahead is None or behind is None:
            return False
        square = (ahead.rise + behind.rise) / 2 / reach**2
        cube = ((ahead.rise - behind.rise) / 2 / reach - window.slope) / reach**2

        def left(step: float) -> float:
            sample = self.sample(step)
            return (
                math.inf if sample is None else abs(sample.rise - step * (window.slope + step * (square + step * cube)))
            )

        steps = [h for h, _ in self.line.rises(self.o) if reach < abs(h) < part * reach]
        out = max(steps, key=left, default=0.0)
        within, trifle = math.copysign(reach, out), max(100 * noise, 1e-3 * left(out))
        small = 0
        for _ in range(HALVINGS if out and left(out) > 3 * trifle else 0):
            middle = (within + out) / 2
            within, out = (within, middle) if left(middle) > trifle else (middle, out)
            small = small + 1 if left(out) <= 3 * trifle else 0  # once may be a jump that is made up for
            if small == 4:
                return True
            if left(out) > 10 * gap * abs(out - within):  # so steep that it is none
                return False
        return False
