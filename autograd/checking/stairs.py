"""Stairs: what rounding makes of a slope inside a black box, and what a solver that stops at a tolerance does.

On the tread of a stair f has a slope to all digits, and it is not that of what f stands for.  A tread ends by a jump,
where a kink is turned from by less and less; and behind its end there are others.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from .differences import Differences
from .lines import Line, Slope

WIDEST = 1e-3  # a tread, relative to x or 1
NARROW = 1e-6  # the same where the claim is its slope, as wider ones may be meant
LITTLE, MUCH = 0.02, 0.4  # what part of a slope a stair may make, for a close look; beyond, it is as if it were MUCH
BEHIND = (1.37, 2.55, 4.21, 7.69)  # where other treads are looked for, in widths of one
SAME = 3  # how many of them at least are to have its slope: at one there may be a jump
WIDE = 0.35  # where the jumps of solvers are looked for, relative to x or 1: in an interval that is halved
HALVINGS = 23
SMALL = 0.03  # how large such a jump may be, relative to f

FEW = tuple(math.sqrt(v) for v in (0.96, 0.58, 0.37, 0.19, 0.06, 0.007))  # nodes of a window on one side, about an end


class Stair(NamedTuple):
    """A tread of about this ``width`` around x, and the ``noise`` that such treads make of f.  ``doubt``: how far the
    slope of the whole stair may be from f's, as treads so wide may be meant."""

    noise: float
    width: float
    doubt: float = 0.0


class Stairs(Differences):
    """Differences that know of stairs."""

    def farther(self, found: Slope) -> float:
        """The slope that larger steps agree on, where a window was narrow; or else the slope that was found."""
        pairs = zip(self.steps, self.scouts[-1], self.scouts[1], strict=True)
        means = [(a.quotient + b.quotient) / 2 for step, a, b in pairs if step > found.reach and a and b]
        if found.reach < self.narrow() and len(self.sides) == 2:
            for mean, finer in itertools.pairwise(means):
                if abs(mean - finer) < 0.1 * abs(mean - found.value):
                    return mean
        return found.value

    def narrow(self) -> float:
        """How wide a tread may be of which the slope is claimed."""
        x = abs(self.line.x)
        return min(NARROW * self.line.unit, 0.1 * x or NARROW)

    def stairs(self, found: Slope, other: float, confirmed: bool = False) -> Stair | None:
        """The stair of which a slope is that of a tread; None if the slope is f's own.

        ``other`` is the slope that the stair would have as a whole: that which is claimed or, if that is ``confirmed``
        by the one that was found, that which larger steps tell.
        """
        most, gap = max(abs(found.value), abs(other)), abs(abs(found.value) - abs(other))
        part = gap / most if most else 0.0
        closely = confirmed or LITTLE < part < MUCH
        taken = dict(self.line.taken)
        widest = self.narrow() if confirmed else WIDEST * self.line.unit
        stair = None if confirmed else self.treads(found, MUCH, widest, closely)
        if stair is None and closely:
            stair = self.treads(found, min(part, MUCH), widest, closely)
        if stair is None:
            self.line.forget_all_but(taken)
        elif closely and stair.width > self.narrow():  # steps that may be meant
            return stair._replace(doubt=gap)
        return stair

    def treads(self, found: Slope, part: float, widest: float, closely: bool) -> Stair | None:
        """What is where a slope ceases to hold; None if f is smooth there, to one side of x at least, or ``closely``
        seen has that slope on no other treads."""
        width, noises = 0.0, []
        for side in self.sides:
            end = self.end_of(side, found, part / 2, widest)
            window = self.window(1.2 * end, [side], self.noise, FEW) if end else None
            if window is None or window.fit.noise <= part / 20 * window.scale * window.reach:
                return None
            width += end
            noises.append(window.fit.noise)
        if closely and not any(self.goes_on(side, width, found, part / 2) for side in self.sides):
            return None
        return Stair(min(noises), width)

    def end_of(self, side: int, found: Slope, loose: float, widest: float) -> float:
        """About the largest step up to which a slope holds; 0.0 if it does as far as f, or a tread, may reach."""

        def holds(step: float) -> bool:
            sample = self.sample(side * step)
            if sample is None or not sample.step:
                return sample is not None
            return close(sample.quotient, found.value, loose)

        within = found.reach
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
        return end

    def goes_on(self, side: int, width: float, found: Slope, loose: float) -> bool:
        """Whether f has the same slope again behind the tread, which is no wider than this: on other treads."""
        same = 0
        for part in BEHIND:
            near, far = self.sample(side * part * width), self.sample(side * (part * width + found.reach / 8))
            if near is None or far is None or near.step == far.step:
                return False
            same += close((far.rise - near.rise) / (far.step - near.step), found.value, loose)
        return same >= SAME

    def beyond(self, stair: Stair) -> Slope:
        """The slope by large steps, over the whole stair."""
        self.noise = max(self.noise, stair.noise)
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


def close(one: float, other: float, loose: float) -> bool:
    return abs(one - other) <= loose * max(abs(one), abs(other))


def numeric_slope(line: Line, o: int, noise: float, guide: float, opaque: bool, again: bool = False) -> Slope:
    """The numeric derivative of output ``o`` along the line.

    ``again`` takes other steps, and of a black box a longer look: before a claim that contradicts the first is refused.
    """
    if not math.isfinite(line.ys[o]):
        return Slope()
    differences = Stairs(line, o, noise, guide, opaque, again)
    found = differences.slope()
    if again and opaque and not found.kind and found.reach and (stair := differences.stairs(found, abs(guide))):
        return differences.beyond(stair)
    return found
