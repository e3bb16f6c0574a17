"""Kinks beside the point: where windows are wider than their distance, the slope of the side that the point is on.

A window that a kink is in takes it for noise, and the mean of two slopes for one.  Nearer to x there may be another
slope, to all digits; but so there is on the tread of a stair that rounding makes.  A kink is left by less and less, and
a tread by a jump.
"""

from __future__ import annotations

import math

from .differences import ENOUGH, GRID
from .lines import Slope, Window
from .rounding import EPSILON
from .stairs import LITTLE, Stairs

BENDS = 20  # halvings of an interval in which f departs from a polynomial
APART = 6.0  # the ratio of steps, at least, of which what is left is compared
BEYOND = 1.1 * GRID  # windows' sizes, at most, to where f is seen to depart
EXCLUDES = 30.0  # times its error: how far from a window's slope a claim is not confirmed by any larger window
LARGER = 6  # windows, at most, up to the kink


class Sided(Stairs):
    """Differences that know of kinks beside x."""

    def beside(self, claim: float, found: Slope, noise: float) -> Slope | None:
        """The slope nearer to x than a kink, if f has the claimed one there, down to rounding, and goes on to the one
        that was found without a jump.  What ends by a jump is the tread of a stair, and its slope is none of f's."""
        gap = abs(claim - found.value)
        if found.error <= ENOUGH * max(abs(found.value), found.scale) or len(self.sides) < 2:
            return None
        inner = min(self.falls_from(side, claim, noise) for side in self.sides)
        reach = self.on_grid(inner)
        if not inner or reach > inner or 8 * noise > 1e-2 * gap * reach:
            return None
        best, ended = None, False
        for k in range(LARGER):
            window = self.window(reach, self.sides, noise)
            if window is not None and window.fit.noise <= 4 * noise:
                best, reach = window, reach * GRID
                if abs(best.slope - claim) > EXCLUDES * best.error + 1e-7 * abs(claim):
                    return None
            elif k and best is None:
                return None
            elif best is None:  # the kink is nearer than that
                reach /= GRID**2
            else:
                ended = True
                break
        if best is None or not ended or not best.error < 1e-2 * gap:
            return None
        if abs(best.slope - claim) > 4 * best.error + 1e-7 * abs(claim) or not self.bends(best, noise, gap):
            return None
        return Slope(best.slope, best.error, best.scale, best.reach)

    def turns(self, claim: float, found: Slope, floor: float) -> str:
        """What f does if a window took the mean of two slopes for f's, and the claim is that of the side which x is on:
        noise hides how far the kink is.  Empty if that is not so."""
        taken = dict(self.line.taken)
        rough = found.reach and found.error > 1e-2 * abs(claim - found.value)
        ends = [self.window(found.reach, [side], self.noise) for side in self.sides] if rough else []
        if len(ends) == 2 and (below := ends[0]) is not None and (above := ends[1]) is not None:
            least, gap = min(below.slope, above.slope), abs(below.slope - above.slope)
            clear, other = sorted((below, above), key=lambda end: end.error)
            kinked = gap > max(8 * clear.error, LITTLE * abs(claim))  # the other one has the kink within
            between = least + gap / 10 < found.value < least + 0.9 * gap
            # a term that was left out would be missing on both sides: the clear one must tell the two slopes apart
            apart = abs(found.value - clear.slope) > 8 * clear.error
            right = abs(claim - clear.slope) <= 2 * clear.error
            if kinked and between and apart and right and not self.starts_with(other.slope, gap, floor):
                return f"f turns near by, from a slope of {below.slope:.6g} to {above.slope:.6g}"
        self.line.forget_all_but(taken)
        return ""

    def starts_with(self, slope: float, gap: float, floor: float) -> bool:
        """Whether this is f's slope at steps as small as the ``floor`` of rounding lets them be, told from another one
        by a tenth of the gap between them."""
        step = max(100 * floor / gap, 100 * self.line.spacing)
        pair = [sample for side in self.sides if (sample := self.sample(side * step)) is not None]
        return len(pair) == 2 and abs((pair[0].quotient + pair[1].quotient) / 2 - slope) < gap / 10

    def nearer(self, found: Slope, noise: float) -> Slope | None:
        """The slope nearer to x than a kink, whatever is claimed: where the quotients of both sides together settle to
        another than a window found that is wider than its distance."""
        if len(self.sides) < 2 or found.error <= ENOUGH * max(abs(found.value), found.scale):
            return None
        pairs = [
            (a, b) for a, b in zip(self.scouts[-1], self.scouts[1], strict=True) if a is not None and b is not None
        ]
        means = [
            (b.step, (a.quotient + b.quotient) / 2, 8 * (noise + EPSILON * abs(b.rise)) / b.step) for a, b in pairs
        ]
        for (step, mean, room), (_, other, more), (_, third, most) in zip(means, means[1:], means[2:], strict=False):
            gap = abs(mean - found.value)
            if gap > found.error and abs(mean - other) < more + 1e-3 * gap and abs(mean - third) < most + 1e-3 * gap:
                reach = self.on_grid(step)
                window = self.window(reach, self.sides, noise) if room < 1e-3 * gap and reach <= step else None
                if window is None or window.fit.noise > 4 * noise:
                    return None
                return self.beside(window.slope, found, noise)
        return None

    def falls_from(self, side: int, claim: float, noise: float) -> float:
        """The step from which on what is left of the rises falls faster than the steps do, down to rounding; or rather
        a smaller one, as there may be a kink before it."""
        rises = sorted((step * side, abs(rise), abs(rise - claim * step)) for step, rise in self.line.rises(self.o))
        before, now, last = 0.0, 0.0, (0.0, 0.0, 0.0)
        for step, rise, left in rises:
            if step <= APART * now or not step > 0.0:
                continue
            if now and last[2] > 8 * (noise + EPSILON * last[1]) + 0.3 * left * now / step:
                break
            before, now, last = now, step, (step, rise, left)
        return before

    def bends(self, window: Window, noise: float, gap: float) -> bool:
        """Whether f departs from a window's cubic, not far beyond it, without a jump.

        It departs where more than a trifle is left.  Of a slope that is other by ``gap`` there is no more just beyond.
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

        steps = [h for h, _ in self.line.rises(self.o) if reach < abs(h) < BEYOND * reach]
        out = max(steps, key=left, default=0.0)
        within, trifle = math.copysign(reach, out), max(100 * noise, 1e-3 * left(out))
        small = 0
        for _ in range(BENDS if out and left(out) > 3 * trifle else 0):
            middle = (within + out) / 2
            within, out = (within, middle) if left(middle) > trifle else (middle, out)
            small = small + 1 if left(out) <= 3 * trifle else 0  # once may be a jump that is made up for
            if small == 4:
                return True
            if left(out) > 10 * gap * abs(out - within):  # so steep that it is none
                return False
        return False
