"""A function along a line: its samples, the windows that are fitted to them, and the slope that they tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import ERRORS
from .fits import Fit
from .flat import Flat
from .plain import DOUBLE, Format

SMALLEST = 2.0**-200  # the smallest step at x = 0, where floats have no spacing


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
        self.known: dict[float, list[float] | None] = {}  # what was taken before, by a look that told nothing
        self.allowed = math.inf  # evaluations, at most, as far as that can be kept

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
        if self.format is DOUBLE:  # asked for so often that a call more is felt
            return (self.x + step) - self.x
        return self.format.nearest(self.x + step) - self.x

    def at(self, step: float) -> list[float] | None:
        """The outputs at x + step; None where the function fails."""
        t = self.x + step if self.format is DOUBLE else self.format.nearest(self.x + step)
        if t in self.taken:
            return self.taken[t]
        if t in self.known:
            self.taken[t] = self.known[t]
        else:
            try:
                found = self.f(self.moved(t)) if math.isfinite(t) else None
            except (*ERRORS, TypeError, IndexError):  # ** of a negative float gave a complex number; a table ends
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
