"""A first look, which may only confirm: half the scouts and a window or two, by the strictest measure of noise.

Nothing is estimated here.  All that a black box is allowed is the rounding of its result, and of its argument: what is
left of the rises, less those claimed, must fall as fast as that of a smooth function does, down to that; and a window
must foretell them.  If any sample is elsewhere, there is more to be seen: stairs, a kink, a solver, noise.  Then, and
of a claim that is not confirmed, ``differences`` look as if nothing had been; they find the samples taken.
"""

from __future__ import annotations

import math

from .lines import ENOUGH, GRID, Sample, Slope, Window, Windows
from .rounding import EPSILON

NARROW = 1.2e-8  # the relative error that is enough
WINDOWS = 3
GROSS = 0.1
FALLS = 0.3  # what is left over a step, less than in parts of what is left over the one before
ROUNDING = 8.0  # times the rounding of a number: what two of them may be apart
BOTH = (-1, 1)


class Glance(Windows):
    """The first look at an output along a line, with the least ``noise`` that it has; ``guide`` is what is claimed."""

    def slope(self, claim: float) -> Slope | None:
        """What it tells; None where there is more to be seen."""
        line = self.line
        if not claim or 0 < abs(line.x) < 1e6 * line.format.least:
            return None
        floor = self.noise
        if (found := self.at_once(floor)) is not None:
            return found
        near: list[Sample] = []
        reach, turn = self.start, 0.0
        for k, step in enumerate(self.steps):
            scout = self.sample(step if k % 2 else -step)
            if scout is None and not near:  # f ends there
                reach = step
                continue
            if scout is None:
                return None
            if near and not self.falls(near[-1], scout, claim, floor):
                if not self.turns(near[-1], scout, claim):
                    return None
                turn = abs(near[-1].step)
                near.clear()
                reach = min(reach, 3 * step)
            near.append(scout)
        wider: Window | None = None
        low, high = 0.0, math.inf
        for _ in range(WINDOWS if len(near) > 2 else 0):
            reach = self.on_grid(reach)
            if not low < reach < high:
                return None
            window = self.window(reach, BOTH, self.noise)
            if window is None:
                high, reach = reach, reach / GRID
                continue
            if not window.scale or abs(window.slope - claim) > 1.5 * window.error:
                return None
            if not all(self.foretold(window, scout, floor) for scout in near):
                return None
            if wider is not None and not self.goes_on(window, wider, floor):
                return None
            rounding = window.fit.noise <= 4 * floor
            wanted = window.error / (NARROW * abs(claim))
            if self.resolves(window, floor):
                if turn and not self.bends(window, floor, abs(claim), 1.1 * turn / window.reach):
                    return None
                return Slope(window.slope, window.error, window.scale, window.reach)
            if rounding:
                low, reach = reach, reach * 1.001 * min(max(wanted, GRID), GRID**2)
            else:
                high, reach, wider = reach, reach / GRID, window
        return None

    def at_once(self, floor: float) -> Slope | None:
        """What the first window tells, if all scouts are where it says; their quotients settle, or it is not tried."""
        scouts: list[Sample] = []
        apart, before = math.inf, 0.0
        for k, step in enumerate(self.steps):
            scout = self.sample(step if k % 2 else -step)
            if scout is None:
                return None
            if scouts:
                before, apart = apart, abs(scout.quotient - scouts[-1].quotient)
                room = ROUNDING * (floor + EPSILON * abs(scout.rise)) / step
                if apart > room + (FALLS * before if k > 1 else 0.4 * abs(scout.quotient)):
                    return None
            scouts.append(scout)
        window = self.window(self.start, BOTH, self.noise)
        if window is None or not window.scale or not self.resolves(window, floor) or self.may_turn(window):
            return None
        if not all(self.foretold(window, scout, floor) for scout in scouts):
            return None
        return Slope(window.slope, window.error, window.scale, window.reach)

    def resolves(self, window: Window, floor: float) -> bool:
        """Whether a window has all digits that are wanted."""
        enough = ENOUGH if window.fit.noise <= 4 * floor else NARROW
        return window.error <= enough * min(self.guide, abs(window.slope))

    def falls(self, before: Sample, now: Sample, claim: float, floor: float) -> bool:
        """Whether what is left of a rise falls by more than the step does, if it is more than rounding."""
        left, had = (abs(sample.rise - claim * sample.step) for sample in (now, before))
        room = ROUNDING * (floor + EPSILON * abs(now.rise))
        return left <= room + FALLS * had * abs(now.step / before.step)

    def turns(self, before: Sample, now: Sample, claim: float) -> bool:
        """Whether f turns within a step: what was left is most of the rise, and less than at its rate nearer to x."""
        left, had = (abs(sample.rise - claim * sample.step) for sample in (now, before))
        return had > GROSS * abs(claim * before.step) and had < 2 * left * (before.step / now.step) ** 2

    def foretold(self, window: Window, sample: Sample, floor: float) -> bool:
        """Whether a sample is where the window says, but for rounding, if the window is larger."""
        room = ROUNDING * (floor + EPSILON * abs(sample.rise)) + 4 * window.error * abs(sample.step)
        return abs(sample.step) > window.reach or window.missed(sample) <= room

    def goes_on(self, window: Window, wider: Window, floor: float) -> bool:
        """Whether f goes on beyond a window as its polynomial does: or what was missed in a wider one was no curvature,
        but stairs, and the smaller one is on a tread of them."""
        if window.fit.noise > max(4 * floor, wider.fit.noise / GRID**2):
            return False
        for step, rise in self.line.rises(self.o):
            if window.reach < abs(step) < 0.4 * wider.reach:
                u = step / window.reach
                powers = window.fit.basis.quotients(u, len(window.fit.coefficients))
                noise = window.fit.noise * math.hypot(*powers) * abs(u)
                room = ROUNDING * (floor + EPSILON * abs(rise)) + 4 * noise + 0.1 * wider.fit.noise
                if window.missed(Sample(step, rise)) > room:
                    return False
        return True
