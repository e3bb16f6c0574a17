"""Solvers that stop at a tolerance: what they return is smooth in pieces, and jumps where they take a step more.

Within a piece the slope is that of so many steps, and not quite that of what is solved for; no step is so small that
it would tell.  But where the next piece begins, both value and slope change by what the tolerance lets pass.  So f is
followed away from x, to both sides, for as long as a polynomial through the samples so far foretells the next; where it
suddenly does not, the place is looked for.  At a kink the value goes on, and after a mere step the slope: both are no
solver's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .lines import Line

FACTORS = ((1e-3, 5.0), (0.03, 2.2), (math.inf, 1.5))  # the ratio of one distance to the next, up to some distance
FARTHEST = 2.0  # relative to 1, or of the logarithm of x
WALKED = 24  # samples, at most
NODES = (6, 8, 11)  # of the polynomials
SUDDEN = 300.0  # times what was missed before, or what noise explains
HALVINGS = 8
SMALL = 0.12  # how large a jump may be, relative to f
ALIKE = 1e-4  # the change over a distance that is not one of slope, in parts of the jump
BEYOND = 0.01  # what is missed in another piece, at least, in parts of what is missed at the first place in it
JUMP = 0.05  # a jump, in the same parts; less is a kink, or a function that turns


class Jump(NamedTuple):
    rise: float
    slope: float  # its change
    length: float  # of the piece that x is in, at least


class Walk:
    """One output of f, as a function of u: x + u, or for larger numbers x exp(u)."""

    def __init__(self, line: Line, o: int, noise: float) -> None:
        self.line, self.o, self.noise = line, o, noise
        self.scale = line.x if abs(line.x) > 0.25 else 0.0
        self.outermost = [(0.0, line.ys[o])]
        self.taken = [self.u_of(step) for step, _ in line.rises(o) if self.reaches(step)]

    def u_of(self, step: float) -> float:
        return math.log1p(step / self.scale) if self.scale else step

    def reaches(self, step: float) -> bool:
        return not self.scale or step / self.scale > -0.9

    def next(self, side: int, end: float) -> float:
        """Where to go from here: to a sample that was taken, if it is neither too near nor too far."""
        factor = next(factor for most, factor in FACTORS if end < most)
        taken = (u for v in self.taken if 1.3 * end < (u := side * v) < 1.1 * factor * end)
        return side * max(taken, default=factor * end)

    def at(self, u: float) -> tuple[float, float] | None:
        """Where the float next to u is, and f there."""
        step = self.line.actual(self.scale * math.expm1(u) if self.scale else u)
        got = self.line.at(step)
        return None if got is None or not math.isfinite(got[self.o]) else (self.u_of(step), got[self.o])

    def add(self, u: float, y: float) -> None:
        self.outermost.append((u, y))
        self.outermost.sort(key=lambda sample: -abs(sample[0]))

    def missed(self, u: float, y: float, counts: Sequence[int] = NODES) -> tuple[float, float, int]:
        """By how much the polynomial through the outermost samples (Lagrange's) misses one at u, what of that may be
        noise, and of how many samples: of so many with which it misses least."""
        best = math.inf, 0.0, 0
        for count in counts:
            near = self.outermost[:count]
            foretold, size = 0.0, 0.0
            for a, at in near:
                weight = 1.0
                for b, _ in near:
                    if b != a:
                        weight *= (u - b) / (a - b)
                foretold += weight * at
                size += abs(weight)
            if not abs(y - foretold) >= abs(best[0]):
                best = y - foretold, self.noise * size, count
            if abs(best[0]) <= best[1]:
                break
        return best


def jump_near(line: Line, o: int, noise: float, reach: float) -> Jump | None:
    """The jump next to x, if f is smooth over this distance and there is one such as a solver's beyond."""
    walk = Walk(line, o, noise)
    for step, rise in sorted(line.rises(o), key=lambda pair: abs(pair[0])):
        if reach / 50 < abs(step) <= reach * 1.001 and math.isfinite(rise) and walk.reaches(step):
            walk.add(walk.u_of(step), line.ys[o] + rise)
    us = [u for u, _ in walk.outermost]
    if len(us) < NODES[0]:
        return None
    ends = {-1: -min(us), 1: max(us)}
    before = {-1: (0.0, NODES[0]), 1: (0.0, NODES[0])}
    for k in range(WALKED):
        if not line.has_room_for(HALVINGS + 1):
            return None
        side = min(ends, key=lambda side: ends[side]) if k else 1
        u = walk.next(side, ends[side])
        sample = walk.at(u) if abs(u) <= FARTHEST else None
        if sample is None:
            del ends[side]
            if not ends:
                return None
            continue
        u, y = sample
        missed, noise_of, count = walk.missed(u, y)
        least, _ = before[side]
        sudden = abs(missed) > SUDDEN * max(least, noise_of / 10)
        if sudden and (jump := jump_between(walk, side * ends[side], (u, y), before[side])):
            return jump
        before[side] = max(least, abs(missed)), count
        walk.add(u, y)
        ends[side] = abs(u)
    return None


def jump_between(walk: Walk, low: float, beyond: tuple[float, float], before: tuple[float, int]) -> Jump | None:
    """What is between these two places, of which the nearer is in the piece of x."""
    room, count = before
    high, _ = beyond
    missed, noise, _ = walk.missed(*beyond, (count,))
    first, far, room = missed, high, max(room, noise)
    for _ in range(HALVINGS):
        sample = walk.at((low + high) / 2)
        if sample is None:
            return None
        middle, _ = sample
        now, _, _ = walk.missed(*sample, (count,))
        if abs(now) > BEYOND * abs(first):
            high, missed = middle, now
        else:
            low = middle
    line = walk.line
    if far == high or not JUMP * abs(first) < abs(missed) < SMALL * abs(line.ys[walk.o]):
        return None
    if abs(first - missed) < ALIKE * abs(missed) + 10 * room:
        return None
    slope = (first - missed) / (far - high)
    if abs(missed) < 4 * abs(slope * (high - low)):
        return None
    unit = walk.scale or 1.0
    to_other_side = max(-math.copysign(u, u * high) for u, _ in walk.outermost)
    return Jump(missed, slope / unit, (abs(high) + to_other_side) * abs(unit))
