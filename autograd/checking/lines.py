"""A function along a line: its samples, the windows that are fitted to them, and the slope that they tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
ENOUGH = 4e-7  # the relative error of which larger steps are not tried against rounding
FINE = 1e-8  # the relative error of which smaller steps are not tried
FIRST = 0.0418  # the size of the first window, relative to x, 1 or f / f'
KINK = 3.0  # times what a polynomial misses of a kink at x: a quarter of what slopes differ from their mean there
WIDER = 2  # windows that are larger than the first, for slopes that rounding hides from it
SCOUTS = 8  # about, on either side

TWO_SIDED = tuple(math.sqrt(v) for v in (35 / 36, 0.625, 0.33, 0.12, 1 / 60))
GRID = TWO_SIDED[0] / TWO_SIDED[-1]  # the ratio of the sizes of windows: the next larger one shares two samples
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
        self.allowed = math.inf  # evaluations, at most, as far as that can be kept

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
        if t not in self.taken:
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
    """One output along a line, in windows of all sizes and single steps, the scouts, between them.

    ``noise`` is the rounding in f, as far as it is known, and ``estimate`` tells more of it; ``opaque``: f is a black
    box, not known to be smooth between floats that are far apart.  ``guide`` is the slope that is claimed: it has a say
    in the choice of the steps, and in nothing else.
    """

    def __init__(
        self,
        line: Line,
        o: int,
        noise: float,
        guide: float,
        opaque: bool,
        again: bool = False,
        estimate: Callable[[], float] | None = None,
    ) -> None:
        self.line, self.o, self.noise, self.opaque = line, o, noise, opaque
        self.estimate = estimate
        self.enough, self.fine = (ENOUGH, FINE) if opaque else (ENOUGH / 4, FINE / 100)
        self.before = len(line.taken)
        self.y, self.guide = line.ys[o], abs(guide)
        self.first = FIRST * line.unit * (GOLDEN if again else 1.0)
        length = abs(self.y) / self.guide if self.y and self.guide else math.inf
        self.start = self.on_grid(min(max(length, 2.0**-44 * abs(line.x)), line.unit) * self.first / line.unit)
        self.steps = self.ladder()
        self.close = not line.x or self.steps[-1] < abs(line.x) / 4  # or floats are sparse around x
        self.scouts: dict[int, list[Sample | None]] = {}
        self.sides: list[int] = [-1, 1]

    def ladder(self) -> list[float]:
        """The scouts' steps, from a third of the first window down to where rounding hides the slope."""
        x, spacing = abs(self.line.x), self.line.spacing
        natural = natural_length(x, self.y, self.guide) if self.opaque else x
        bottom = max(2.0**-46 * natural, 8 * spacing, self.noise / self.guide / 0.03 if self.guide else 0.0)
        decades = math.log(self.start / 3, 24.0) - math.log(min(bottom, self.start / 3), 24.0)
        ratio = 24.0 ** max(1, decades / SCOUTS)
        steps = [self.start * TWO_SIDED[3]]
        while steps[-1] > bottom:
            jitter = 0.7 + 0.5 * (len(steps) * GOLDEN % 1)
            steps.append(max(self.start * TWO_SIDED[3] * jitter * ratio ** -len(steps), spacing))
        if ratio > 1e6:  # where x is tiny, f may change over distances as small
            near = (part * x for part in (0.37, 3e-4, 1e-7, 3e-11))
            steps = sorted({*steps, *(h for h in near if bottom < h < self.start)}, reverse=True)
        if not x and bottom <= 8 * SMALLEST:
            steps += DEEPER
        return sorted({self.taken_near(step) for step in steps}, reverse=True)

    def know_noise(self, scouts: Sequence[Sample] = ()) -> bool:
        """Estimate the noise, if it is a guess still; whether there is more than was known.

        If the rises over the smallest steps are no smaller than those over larger ones, they are noise as well.
        """
        before = self.noise
        if self.estimate is not None:
            self.noise, self.estimate = max(self.noise, self.estimate()), None
            rises = sorted(abs(sample.rise) for sample in scouts[-4:])
            if len(rises) == 4 and 1.01 * rises[0] < rises[-1] < 30 * rises[0]:
                self.noise = max(self.noise, rises[2])
        return self.noise > before

    def taken_near(self, step: float) -> float:
        """A step like this one that was taken already, or else this one."""
        x, taken = self.line.x, self.line.taken
        like = [h for t in taken if step / 4 < (h := abs(t - x)) < 4 * step and h < self.start]
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

    def samples(self, reach: float) -> list[Sample]:
        """All that were taken within this distance."""
        return [Sample(h, y) for h, y in self.line.rises(self.o) if 0 < abs(h) < reach and math.isfinite(y)]

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
        slope, error = found_fit.slope / reach, found_fit.error / reach
        if found_fit.noise > 4 * noise:  # a kink, perhaps, which is no polynomial
            error = max(error, KINK * found_fit.noise / reach)
        return Window(reach, slope, error, scale, found_fit, asked)

    def foretells(self, window: Window, near: Sequence[Sample]) -> bool:
        """Whether the scouts near to x are where the window says."""
        doubt = 4 * window.error + 8 * window.fit.noise / window.reach
        return all(window.missed(s) <= 8 * (self.noise + EPSILON * abs(s.rise)) + doubt * abs(s.step) for s in near)

    def alike(self, scouts: Sequence[Sample], least: float, part: float = 0.1) -> int:
        """How many of the nearest scouts, which come last, have the same quotient, but for noise."""
        low, high, count = -math.inf, math.inf, 0
        for scout in reversed(scouts):
            room = 8 * self.noise / abs(scout.step) + max(part * abs(scout.quotient), least)
            low, high = max(low, scout.quotient - room), min(high, scout.quotient + room)
            if low > high:
                break
            count += 1
        return count

    def may_turn(self, window: Window) -> bool:
        """Whether f, if it is as steep as is claimed, may turn between the steps that were taken: it would rise by more
        than it does in all between two floats near by; or, where it moves by much more than rounding, in a hundred."""
        rise, step = window.scale * window.reach, self.guide * self.line.spacing
        if window.reach < 1e4 * self.line.spacing and step > rise:
            return True
        wide = self.opaque and window.reach > 1e6 * self.line.spacing
        return wide and 1e4 * EPSILON * abs(self.y) < rise < 100 * step
