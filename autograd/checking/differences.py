"""Finite differences that know their error.

Two kinds of steps look at a function near x.  A window is a handful of steps of one size, through which a polynomial is
fitted (``fits``); it gives the slope, and finds by itself how much of it is noise.  Scouts are single steps of all
sizes down to those at which rounding hides the slope; what the polynomial foretells of them must hold.  For a window
alone is blind to what is finer than its steps, be it a tooth, a kink, a narrow peak or a wave.  No two steps are in a
ratio of small whole numbers, nor a simple part of a power of 2: so they cannot all fall in with a period.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import replace

from .fits import fit
from .lines import SMALLEST, Line, Sample, Slope, Window
from .rounding import natural_length

EPSILON = sys.float_info.epsilon
RESOLUTION = 1e-5  # "ok" is said only where a fault of this size, relative to the derivative, would have been seen
ENOUGH = 2e-7  # the relative error of which larger steps are not tried against rounding
FINE = 1e-10  # the relative error of which smaller steps are not tried
TRIFLE = 2e-9  # the same of a black box, of the slope and of the claim: what a claim may be off anyway is 25 times that
FIRST = 0.0418  # the size of the first window, relative to x, 1 or f / f'
GRID = 8.0  # the ratio of the sizes of windows: so few that several outputs share their samples
WIDER = 2  # windows that are larger than the first, for slopes that rounding hides from it
SCOUTS = 9  # at most, on either side
DEEPER = (2.0**-400, 2.0**-700, 2.0**-960)

EVALUATIONS = 60  # of f along a line for one output, at most, unless a claim is wrong; about 30 for a smooth one

TREAD = 13  # steps of the search for its end, which other outputs share, and so may go beyond what is allowed for one

TWO_SIDED = tuple(math.sqrt(v) for v in (35 / 36, 0.625, 0.33, 0.12, 1 / 60))
ONE_SIDED = tuple(math.sqrt(v) for v in (0.971, 0.818, 0.624, 0.43, 0.255, 0.13, 0.0529 + 1e-3, 0.0145, 0.0016))
GOLDEN = (math.sqrt(5) - 1) / 2


class Differences:
    """What can be told of one output's slope along a line.

    ``noise`` is the rounding in f, as far as it is known; ``opaque``: some of it was estimated, or f is not known to be
    smooth between floats that are far apart.  ``guide`` is the slope that is claimed: it has a say in the choice of
    the steps, and in nothing else.
    """

    claimed = 0.0  # the slope of a black box by the claim, if there is one: it tells how small an error is small enough

    def __init__(self, line: Line, o: int, noise: float, guide: float, opaque: bool, again: bool = False) -> None:
        self.line, self.o, self.noise, self.opaque = line, o, noise, opaque
        self.before = len(line.taken)
        self.y, self.guide = line.ys[o], abs(guide)
        x, spacing = abs(line.x), line.spacing
        self.first = FIRST * line.unit * (GOLDEN if again else 1.0)
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
        self.scouts = {side: [self.sample(side * step) for step in self.steps] for side in (-1, 1)}
        self.sides = [side for side in (-1, 1) if self.scouts[side][-1] is not None]

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
        if got is None or not math.isfinite(rise := got[self.o] - self.y):
            return None
        return Sample(self.line.actual(step), rise)

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
        if not scale and self.opaque:
            error = max(error, self.tread(reach))
        return Window(reach, slope, error, scale, found_fit, asked)

    # ---- the search for a window

    def search(self, sides: Sequence[int], start: float = 0.0) -> Window | None:
        """The window that tells the slope best, among those that foretell the scouts; or the best of the others, with
        the noise that it then takes."""
        best: Window | None = None
        unheld: list[Window] = []
        start = start or min([self.start, *(3 * step for step in self.settled(sides, together=True)[:1])])
        reach = self.on_grid(start)
        low, high = 0.0, math.inf  # at low, rounding is all the error; at high, structure is
        for _ in range(5):
            if len(self.line.taken) - self.before > EVALUATIONS - 10 or not self.line.has_room_for(10):
                break
            now = self.window(reach, sides, self.noise)
            if now is None:  # outside the domain
                high = reach
                reach = self.on_grid(min([reach / GRID, *self.inside(sides)[:1]]))
                continue
            held = self.holds(now, sides)
            if not held:
                unheld.append(now)
            elif best is None or self.prefers(now, best):
                best = now
            rounding = held and now.fit.noise <= (4 if self.opaque else 2) * self.noise
            still = now.scale == self.guide == 0.0  # nothing moves, and nothing should
            if now is best and (still or now.resolves(ENOUGH if rounding else FINE) or self.is_trifle(now, sides)):
                break
            wanted = now.error / (FINE * (abs(now.slope) or self.guide or 1.0))
            if rounding:
                low = reach
                reach *= min(max(1e-3 * wanted, GRID), GRID**3) * 1.001
            else:
                high = reach
                smaller = min([reach / GRID, *self.settled(sides)[:1]])
                reach = reach / max(GRID, wanted ** (1 / 6)) if now.resolves(1e-3) and held else smaller
            reach = self.on_grid(reach)
            if low and not low < reach < high:
                reach = self.on_grid(math.sqrt(low * high))
            if not low < reach < high:
                break
        if unheld and self.opaque and (best is None or not best.resolves(1e-2)):
            rough = min((self.rough(window, sides) for window in unheld), key=lambda window: window.error)
            if best is None or (rough.error < best.error and not rough.contradicts(best)):
                self.noise = max(self.noise, rough.fit.noise)
                return rough
        return best

    def is_trifle(self, window: Window, sides: Sequence[int]) -> bool:
        """Whether a window's error is little beside that which a claim may have anyway; the scouts are to agree."""
        return window.error < TRIFLE * min(abs(window.slope), self.claimed) and self.holds(window, sides, 10 * TRIFLE)

    def prefers(self, now: Window, best: Window) -> bool:
        """Whether a later window is better; if they contradict each other, the smaller one is, if it resolves at all,
        as the larger one is blind to what is finer.  But a black box may stand still where rounding makes stairs."""
        if now.contradicts(best) and (now.scale or not self.opaque):
            return now.reach < best.reach and now.error < 1e-2 * abs(now.slope - best.slope)
        return now.error < best.error

    def near(self, window: Window, sides: Sequence[int]) -> list[Sample]:
        return [s for side in sides for s in self.scouts[side] if s is not None and abs(s.step) < window.reach]

    def holds(self, window: Window, sides: Sequence[int], within: float = 1e-3) -> bool:
        """Whether all scouts nearer to x are where the window says, up to a part of its slope."""
        doubt = within * abs(window.slope) + 4 * window.error + 8 * window.fit.noise / window.reach
        return all(
            window.missed(sample) <= 8 * (self.noise + EPSILON * abs(sample.rise)) + doubt * abs(sample.step)
            for sample in self.near(window, sides)
        )

    def rough(self, window: Window, sides: Sequence[int]) -> Window:
        """The window, if what it misses of the scouts is noise."""
        noise = max(map(window.missed, self.near(window, sides)))
        return self.window(window.asked, sides, noise) or window

    def inside(self, sides: Sequence[int]) -> list[float]:
        """The scouts' steps at which f exists, and at all smaller ones."""
        there: list[float] = []
        for step, *samples in zip(self.steps, *(self.scouts[side] for side in sides), strict=True):
            there = [] if None in samples else [*there, step]
        return there

    def settled(self, sides: Sequence[int], together: bool = False) -> list[float]:
        """The scouts' steps from the first on after which the quotients of no side change, but for noise; or those of
        both sides ``together``, in which what bends f to the same side cancels."""
        there = self.inside(sides)
        skip, count = len(self.steps) - len(there), len(there)
        quotients = [[s.quotient for s in self.scouts[side][skip:] if s is not None] for side in sides]
        largest = max((abs(q) for line in quotients for q in line), default=0.0)
        if together:
            quotients = [[sum(pair) / len(pair) for pair in zip(*quotients, strict=True)]]
        for line in quotients:
            low, high, same = -math.inf, math.inf, 0
            for step, quotient in zip(reversed(there), reversed(line), strict=True):
                room = 8 * self.noise / step + max(0.1 * abs(quotient), 1e-3 * largest)
                low, high = max(low, quotient - room), min(high, quotient + room)
                if low > high:
                    break
                same += 1
            count = min(count, same)
        return there[len(there) - count :] if count >= 2 else []

    def tread(self, width: float) -> float:
        """Where a black box stands still within this width: the slope of the stair of which that may be a tread."""
        moved = [(abs(t - self.line.x), got[self.o]) for t, got in self.line.taken.items() if got is not None]
        rises = [(h, abs(y - self.y)) for h, y in moved if y != self.y and h > width]
        far = width
        while not rises and far < 1e3 * self.line.unit and self.line.has_room_for(2 - TREAD):
            far *= 6.0
            found = [self.sample(-far), self.sample(far)]
            rises = [(far, abs(sample.rise)) for sample in found if sample is not None and sample.rise]
            if not rises and None in found:  # f ends there, and may move before
                return math.inf
        if not rises:
            return 0.0 if far >= 1e3 * self.line.unit else math.inf
        far, rise = min(rises)
        side = next((s for s in (-1, 1) if (sample := self.sample(s * far)) is not None and sample.rise), 1)
        near = width
        for _ in range(TREAD):  # to where it begins to move: by a jump, or by less and less
            middle = near * math.sqrt(far / near)
            sample = self.sample(side * middle)
            if sample is not None and sample.rise:
                far, rise = middle, abs(sample.rise)
            else:
                near = middle
        return rise / near

    # ---- the slope

    def slope(self) -> Slope:
        """What the samples tell."""
        unseen = [s for s in (-1, 1) if s not in self.sides and self.sample(s * self.line.spacing) is not None]
        if unseen or not self.sides:  # f ends nearby, and changes over distances that rounding hides
            return Slope()
        if 0 < abs(self.line.x) < 1e6 * self.line.format.least:  # a subnormal number
            return Slope()
        one = "" if len(self.sides) == 2 else "one-sided"
        if any(map(self.jumps, self.sides)):
            if self.guide * self.steps[-1] > max(abs(self.last(side, 1)[0].rise) for side in self.sides):
                return Slope()  # as steep as this, it need not be a jump
            return self.apart({s: self.piece(s) if self.jumps(s) else self.search([s]) for s in self.sides}, "jump")
        infinite = {side: self.infinite(side) for side in self.sides}
        if any(infinite.values()):
            if len(set(infinite.values())) == 1:
                return Slope(infinite[self.sides[0]], 0.0, kind=one)
            values = {s: value or self.apart({s: self.search([s])}, "").value for s, value in infinite.items()}
            return Slope(math.inf, 0.0, 0.0, 0.0, "kink", values.get(-1), values.get(1))
        kinked = not one and self.kinked()
        whole = None if kinked else self.search(self.sides)
        if whole is not None and self.may_turn(whole):
            return Slope()
        if whole is not None and whole.resolves(1e-5):
            return Slope(whole.slope, whole.error, whole.scale, whole.reach, one)
        rounding = whole is not None and whole.fit.noise <= (4 if self.opaque else 2) * self.noise
        left, right = (None, None) if one or rounding else (self.search([-1]), self.search([1]))
        if left is not None and right is not None:
            gap, spread = abs(left.slope - right.slope), left.error + right.error
            if gap > 1e3 * spread and (whole is None or whole.error > gap / 50):
                return self.apart({-1: left, 1: right}, "kink")
        if kinked:
            whole = self.search(self.sides)
        limit = self.limit()
        if whole is not None and self.opaque and not whole.scale:  # a tread, perhaps
            return Slope(whole.slope, whole.error, 0.0, whole.reach, one)
        if whole is not None and whole.error < limit.error and (whole.resolves(1e-4) or rounding or self.opaque):
            return Slope(whole.slope, whole.error, whole.scale, whole.reach, one)
        return replace(limit, kind=one)

    def may_turn(self, window: Window) -> bool:
        """Whether f, if it is as steep as is claimed, may turn between the steps that were taken: it would rise by more
        than it does in all between two floats near by; or, where it moves by much more than rounding, in a hundred."""
        rise, step = window.scale * window.reach, self.guide * self.line.spacing
        if window.reach < 1e4 * self.line.spacing and step > rise:
            return True
        wide = self.opaque and window.reach > 1e6 * self.line.spacing
        return wide and 1e4 * EPSILON * abs(self.y) < rise < 100 * step

    def kinked(self) -> bool:
        """Whether the quotients settle on either side, but not to the same slope."""
        settled = set(self.settled(self.sides))
        pairs = [p for h, *p in zip(self.steps, self.scouts[-1], self.scouts[1], strict=True) if h in settled]
        gaps = [(abs(a.quotient - b.quotient), 8 * self.noise / b.step) for a, b in pairs if a and b]
        gaps = [(gap, noise) for gap, noise in gaps if 100 * noise < gaps[0][0]]
        return len(gaps) > 1 and all(gap > 0.9 * gaps[0][0] for gap, _ in gaps)

    def apart(self, ends: dict[int, Window | None], kind: str) -> Slope:
        found = {side: end for side, end in ends.items() if end is not None}
        slopes = {side: end.slope for side, end in found.items()}
        middle = sum(slopes.values()) / len(slopes) if slopes else math.nan
        error = sum(end.error for end in found.values()) if slopes else math.inf
        return Slope(middle, error, 0.0, 0.0, kind, slopes.get(-1), slopes.get(1))

    def last(self, side: int, count: int) -> list[Sample]:
        """The smallest steps, if there are so many in a row."""
        samples = self.scouts[side][-count:]
        found = [sample for sample in samples if sample is not None]
        return found if len(found) == count else []

    def jumps(self, side: int) -> bool:
        """Whether the rises on that side tend to a number other than 0."""
        rises = [sample.rise for sample in self.last(side, 4)]
        if not self.close or not rises or min(map(abs, rises)) <= 1e3 * self.noise:
            return False
        return max(rises) - min(rises) < 1e-2 * abs(rises[-1])

    def infinite(self, side: int) -> float:
        """The sign of an infinite slope, times infinity, if the quotients grow without end and the rises vanish."""
        samples = self.last(side, 5)
        grow = all(abs(b.quotient) > 1.5 * abs(a.quotient) for a, b in itertools.pairwise(samples))
        vanish = all(abs(b.rise) < 0.9 * abs(a.rise) for a, b in itertools.pairwise(samples))
        if not self.close or not samples or abs(samples[-1].quotient) < 10 * self.guide:
            return 0.0
        if grow and vanish and abs(samples[-1].rise) > 1e3 * self.noise:
            return math.copysign(math.inf, samples[-1].quotient)
        return 0.0

    def piece(self, side: int) -> Window | None:
        """The fit to the piece of f on that side of a jump at x."""
        reach = self.start
        for _ in range(3):
            sizes = [reach * part for part in ONE_SIDED]
            samples = [sample for size in sizes if (sample := self.sample(side * size)) is not None]
            if len(samples) == len(sizes):
                nodes, rises = [s.step / reach for s in samples], [s.rise for s in samples]
                noise = self.noise + EPSILON * max(map(abs, rises))
                found = fit(nodes, rises, noise)
                window = Window(reach, found.slope / reach, found.error / reach, 0.0, found, reach)
                if window.resolves(ENOUGH) or found.error <= 1e3 * noise:
                    return window
            reach = self.on_grid(reach / GRID)
        return None

    def limit(self) -> Slope:
        """For want of better the quotient at the smallest steps, if rises vanish there, and how much it changed."""
        pairs = [[s for s in samples if s] for samples in zip(*self.scouts.values(), strict=True)]
        scale = max((abs(s.quotient) for samples in pairs for s in samples), default=0.0)
        last = [samples for samples in pairs[-3:] if len(samples) == len(self.sides)]
        sizes = [max(abs(s.rise) for s in samples) for samples in last]
        if (
            len(last) < 3
            or (self.opaque and not any(sizes))
            or not all(4 * small <= large for large, small in itertools.pairwise(sizes))
        ):
            return Slope(scale=scale)
        found = [s.quotient for samples in last for s in samples]
        value = sum(s.quotient for s in last[-1]) / len(last[-1])
        return Slope(value, 2 * (max(found) - min(found)) + 1e-2 * abs(value) + self.noise / self.steps[-1], scale)
