"""A first look at a function, which is enough where it is smooth but for noise: at few steps, none of them twice.

A scout of each size goes to one side or the other, and two windows or three tell the slope; what they foretell of the
scouts must hold.  Where a black box stands still, it is found out how it begins to move: by the jump of a stair, whose
rise is noise then, or by less and less, from a piece on which it is constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .fits import SPARE
from .lines import GRID, RESOLUTION, TWO_SIDED, Sample, Slope, Window, Windows
from .rounding import EPSILON

POOR = 2e-4  # the relative error of which still larger steps are tried
WINDOWS = 3
USUAL = 28  # evaluations along a line after which they are not
TREAD = 13  # steps of the search for a tread's end, which other outputs share
JUMPS = 30.0  # times what f, going on as it does beyond, would rise in between: the rise of a jump


class Glance(Windows):
    """The first look."""

    def glance(self) -> Slope | None:
        """What it tells; None where there is more to be seen."""
        if 0 < abs(self.line.x) < 1e6 * self.line.format.least or not (self.opaque or self.guide):
            return None
        found = [self.sample(step if k % 2 else -step) for k, step in enumerate(self.steps)]
        outside = max((k + 1 for k, sample in enumerate(found) if sample is None), default=0)
        scouts = [sample for sample in found[outside:] if sample is not None]
        if len(scouts) < (3 if outside else 1):
            return None
        if self.opaque and not any(sample.rise for sample in scouts[-3:]) and (still := self.still(scouts)):
            return still
        least = 1e-3 * max(abs(sample.quotient) for sample in scouts)
        count = self.alike(scouts, least)
        if count < len(scouts) and self.know_noise(scouts):
            count = self.alike(scouts, least)
        if count < min(2, len(scouts)) or (count < len(scouts) - 1 and self.turns(scouts, least)):
            return None
        widest = self.start if count == len(found) else abs(scouts[-count].step) / TWO_SIDED[3]
        best = self.narrowed(scouts, widest)
        if best is None or self.may_turn(best) or not (self.opaque or best.resolves(RESOLUTION)):
            return None
        return Slope(best.slope, best.error, best.scale, best.reach)

    def narrowed(self, scouts: Sequence[Sample], start: float) -> Window | None:
        """A window in which all error is noise, or hardly any is left: by smaller ones, and a larger one if that is
        better then."""
        reach, best = self.on_grid(start), None
        for _ in range(WINDOWS):
            now = self.window(reach, self.sides, self.noise) if self.line.has_room_for(len(TWO_SIDED)) else None
            if now is None and best is not None and reach > 1.5 * GRID * best.asked:
                reach = self.on_grid(1.001 * GRID * best.asked)  # f ends there
                continue
            if now is None or (self.opaque and not now.scale):
                break
            near = [sample for sample in scouts if abs(sample.step) < now.reach]
            smooth = len(now.fit.coefficients) == 2 * len(TWO_SIDED) + 1 - SPARE and now.resolves(1e-3)
            if smooth and not self.foretells(now, near):  # perhaps as its argument is rounded
                self.noise = max(self.noise, EPSILON * abs(self.line.x * now.slope))
            if now.fit.noise > 4 * self.noise and not smooth and best is None:
                self.know_noise(scouts)
            rounding = now.fit.noise <= 4 * self.noise
            held = self.foretells(now, near) and (rounding or now.resolves(self.fine))
            wanted = now.error / (abs(now.slope) or now.scale or 1.0)
            if held and (best is None or now.error <= best.error):
                late = best is not None and (wanted <= POOR or len(self.line.taken) - self.before > USUAL)
                best = now
                larger = self.on_grid(1.001 * max(reach * GRID, min(reach * wanted / self.enough, self.first)))
                if late or larger <= reach or now.resolves(self.enough if rounding else self.fine):
                    break
                reach = larger
            elif best is not None:
                break
            elif smooth:
                reach = self.on_grid(reach / max(GRID, (wanted / self.fine) ** (1 / 7)))
            else:  # a kink, or a wave: where the scouts nearer to x agree, on the side where they cease to
                count = self.alike(scouts, 2 * now.fit.noise / now.reach, 0.0)
                if count < 3 or rounding:
                    break
                reach = self.on_grid(min(reach / GRID, abs(scouts[1 - count].step)))
        return best

    def turns(self, scouts: Sequence[Sample], least: float) -> bool:
        """Whether the quotients on either side are the same, but those on one side are not those on the other."""
        return all(self.alike(scouts[k::2], least) == len(scouts[k::2]) for k in (0, 1))

    def still(self, scouts: Sequence[Sample]) -> Slope | None:
        """The slope of a black box that stands still near by: 0, if that is a piece of it; None after its noise is
        known, if it is the tread of a stair."""
        far, unit = max(abs(sample.step) for sample in scouts), self.line.unit
        while not any(rise for _, rise in self.line.rises(self.o)) and far < 1e3 * unit:
            far *= 6.0
            if None in (self.sample(-far), self.sample(far)):
                return None
        moved = [(abs(step), step, rise) for step, rise in self.line.rises(self.o) if rise and math.isfinite(rise)]
        if not moved:
            return Slope(0.0, self.noise / min(far, unit), 0.0, far)
        far, step, rise = min(moved)
        side = math.copysign(1.0, step)
        near = max((h for sample in scouts if 0 < (h := sample.step * side) < far), default=self.line.spacing)
        after = sorted((size, rise) for size, step, rise in moved if step * side > 0)[1:2]
        after = after or [(4 * far, found.rise) for found in [self.sample(side * 4 * far)] if found is not None]
        steep = [abs((other - rise) / (size - far)) for size, other in after]
        for _ in range(TREAD):
            middle = near * math.sqrt(far / near)
            sample = self.sample(side * middle)
            if sample is None or not sample.rise:
                near = middle
            else:
                steep = [abs((rise - sample.rise) / (far - middle))]
                far, rise = middle, sample.rise
            if steep and abs(rise) > JUMPS * steep[0] * (far - near):
                break
        else:
            return Slope(0.0, self.noise / near, 0.0, near)
        self.noise, self.estimate = max(self.noise, abs(rise)), None
        if near > self.first * GRID:
            return Slope(0.0, abs(rise) / near, abs(rise) / near, near)
        if near > self.start:
            self.start = self.on_grid(2 * near * GRID)
        return None
