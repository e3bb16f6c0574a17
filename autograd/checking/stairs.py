"""Stairs: what rounding makes of a slope inside a black box, and what a solver that stops at a tolerance does.

On the tread of a stair f has a slope to all digits, and it is not that of what f stands for.  A tread ends by a jump,
where a kink is turned from by less and less; and behind its end there are others.
"""

from __future__ import annotations

import itertools
import math

from .differences import FEW, Differences
from .fits import fit
from .lines import Line, Slope

WIDEST = 1e-3  # a tread, relative to x or 1
NARROW = 1e-6  # the same where the claim is its slope, as wider ones may be meant
LITTLE, MUCH = 0.02, 0.4  # what part of a slope a stair may make, for a close look; beyond, it is as if it were MUCH
BEHIND = 20.0  # how far behind a tread others are looked for, in treads
GOES_ON = 0.1  # the noise behind a tread's end, to that at its end
FINER = 6  # halvings of an interval in which a jump remains, or one of a few, and a turn does not
JUMP = 1 / 6  # the part that remains
WIDE = 0.35  # where the jumps of solvers are looked for, relative to x or 1: in an interval that is halved
HALVINGS = 23
SMALL = 0.03  # how large such a jump may be, relative to f


class Stairs(Differences):
    """Differences that know of stairs."""

    def farther(self, found: Slope) -> float:
        """The slope that larger steps agree on, where a window was narrow; or else the slope that was found."""
        pairs = zip(self.steps, self.scouts[-1], self.scouts[1], strict=True)
        means = [(a.quotient + b.quotient) / 2 for step, a, b in pairs if step > found.reach and a and b]
        if found.reach < NARROW * self.line.unit and len(self.sides) == 2:
            for mean, finer in itertools.pairwise(means):
                if abs(mean - finer) < 0.1 * abs(mean - found.value):
                    return mean
        return found.value

    def stairs(self, found: Slope, other: float, confirmed: bool = False) -> float:
        """The noise that f has if a slope is that of a tread; 0.0 if it is f's own.

        ``other`` is the slope that the stair would have as a whole: that which is claimed or, if that is ``confirmed``
        by the one that was found, that which larger steps tell.
        """
        most = max(abs(found.value), abs(other))
        part = abs(abs(found.value) - abs(other)) / most if most else 0.0
        closely = confirmed or LITTLE < part < MUCH
        taken = dict(self.line.taken)
        noise = 0.0 if confirmed else self.noise_of_treads(found, MUCH, closely)
        if not noise and closely:
            noise = self.noise_of_treads(found, min(part, MUCH), closely)
        if not noise:
            self.line.forget_all_but(taken)
        return noise

    def noise_of_treads(self, found: Slope, part: float, closely: bool) -> float:
        """The noise where a slope ceases to hold; 0.0 if f is smooth there, to one side of x at least, or ``closely``
        seen turns, or does not jump again."""
        ends: dict[int, tuple[float, float]] = {}
        noises: dict[int, float] = {}
        for side in self.sides:
            ends[side] = self.end_of(side, found, part / 2)
            reach = 1.2 * ends[side][1]
            window = self.window(reach, [side], self.noise, FEW) if reach else None
            if window is None or window.fit.noise <= part / 20 * window.scale * window.reach:
                return 0.0
            noises[side] = window.fit.noise
        if closely:
            width = sum(end for _, end in ends.values())
            if not any(self.goes_on(side, width, noise) for side, noise in noises.items()):
                return 0.0
            if part < MUCH and not all(self.breaks(side, *ends[side], found) for side in self.sides):
                return 0.0
        return min(noises.values())

    def end_of(self, side: int, found: Slope, loose: float) -> tuple[float, float]:
        """A step at which a slope holds and a larger one, not twice as large, at which it does not; (0.0, 0.0) if it
        holds as far as f, or a tread, may reach."""

        def holds(step: float) -> bool:
            sample = self.sample(side * step)
            if sample is None or not sample.step:
                return sample is not None
            return abs(sample.quotient - found.value) <= loose * max(abs(sample.quotient), abs(found.value))

        within, widest = found.reach, WIDEST * self.line.unit
        beyond = sorted(h for t in self.line.taken if within < (h := side * (t - self.line.x)) < widest)
        end = 0.0
        for step in [*beyond, widest] if within < widest else []:
            if not holds(step):
                end = step if self.sample(side * step) is not None else 0.0  # f ends there
                break
            within = step
        while end > 1.8 * within:
            middle = within * math.sqrt(end / within)
            within, end = (middle, end) if holds(middle) else (within, middle)
        return (within, end) if end else (0.0, 0.0)

    def goes_on(self, side: int, width: float, noise: float) -> bool:
        """Whether there is noise behind the tread, which is no wider than this, too."""
        steps = [(1.0 + BEHIND * part) * width for part in FEW]
        samples = [sample for step in steps if (sample := self.sample(side * step)) is not None]
        if len(samples) < len(steps):  # f ends there
            return False
        found = fit([s.step / steps[0] for s in samples], [s.rise for s in samples], self.noise)
        return found.noise > GOES_ON * noise

    def breaks(self, side: int, begin: float, end: float, found: Slope) -> bool:
        """Whether f jumps from a slope, between these steps, rather than turns from it."""

        def left(step: float) -> float:
            sample = self.sample(side * step)
            return math.nan if sample is None else sample.rise - found.value * sample.step

        first = gap = abs(left(end) - left(begin))
        for _ in range(FINER):
            middle = (begin + end) / 2
            gap, begin, end = max(
                (abs(left(middle) - left(begin)), begin, middle), (abs(left(end) - left(middle)), middle, end)
            )
        return gap > JUMP * first

    def beyond(self, noise: float) -> Slope:
        """The slope by large steps, over stairs of this height."""
        self.noise = max(self.noise, noise)
        self.line.allowed, self.before = max(self.line.allowed, len(self.line.taken) + 20), len(self.line.taken)
        window = self.search(self.sides, self.first)
        return Slope() if window is None else Slope(window.slope, window.error, window.scale, window.reach)

    def jump_over_distance(self, found: Slope) -> float:
        """How far a slope may be from that of what f stands for, if f jumps now and then by little, as a solver does
        that stops at a tolerance: the jump over its distance from x; 0.0 if none is seen."""
        reach, most = WIDE * self.line.unit, SMALL * abs(self.y)
        wide = self.window(reach, self.sides, self.noise) if found.reach < reach and 100 * self.noise < most else None
        if wide is None or wide.fit.noise <= 4 * self.noise:
            return 0.0

        def left(step: float) -> float:
            sample = self.sample(step)
            return math.nan if sample is None else sample.rise - wide.fit.rise(sample.step / wide.reach)

        steps = sorted(h for t in self.line.taken if abs(h := t - self.line.x) <= wide.reach)
        pairs = [(abs(left(b) - left(a)), a, b) for a, b in itertools.pairwise(steps) if b - a > 1e-3 * wide.reach]
        first, a, b = max(pairs)
        if first >= 2 * most:  # half of it is left at least
            return 0.0
        for k in range(HALVINGS):
            middle = (a + b) / 2
            gap, a, b = max((abs(left(middle) - left(a)), a, middle), (abs(left(b) - left(middle)), middle, b))
            if not max(first / 100 if k > 6 else 0.0, 100 * self.noise) < gap < most:
                return 0.0
        return gap / max(abs(a), abs(b))


def numeric_slope(line: Line, o: int, noise: float, guide: float, opaque: bool, again: bool = False) -> Slope:
    """The numeric derivative of output ``o`` along the line.

    ``again`` takes other steps, and of a black box a longer look: before a claim that contradicts the first is refused.
    """
    if not math.isfinite(line.ys[o]):
        return Slope()
    differences = Stairs(line, o, noise, guide, opaque, again)
    found = differences.slope()
    if again and opaque and not found.kind and found.reach and (noise := differences.stairs(found, abs(guide))):
        return differences.beyond(noise)
    return found
