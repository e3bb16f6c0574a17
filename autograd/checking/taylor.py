"""A second opinion, with no step to choose: how fast the Taylor remainder falls.

|f(x + h) - f(x) - h g| falls as h**2, or faster, where g is the slope, and as h where it is not (a test common among
those who write adjoint models: P. E. Farrell et al., "Automated derivation of the adjoint of high-level transient
finite element programs", SIAM J. Sci. Comput. 35, 2013).  It takes the samples that the differences have taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

EPSILON = 2.0**-52
CLEAR = 20.0  # times the noise: what remainders must be to count
SPAN = 30.0  # the rate is that over steps up to so many times the smallest that counts
ENOUGH = 4  # remainders


class Remainder(NamedTuple):
    """The ``rate``, the power of h as which the remainder falls (None: noise is all there is of it); the ``bound``: how
    far the claim can be from the slope by the least of the remainders, over its step."""

    rate: float | None
    bound: float

    @property
    def speaks_for(self) -> bool:
        return self.rate is None or self.rate > 1.5

    def contradicts(self, claim: float, numeric: float) -> bool:
        """Whether a claim that has little in common with the numeric slope is near the truth by the remainders: what
        differences took for noise is then the function, of which they see too little."""
        gap = abs(claim - numeric)
        return self.rate is not None and self.rate > 1.5 and gap > abs(claim) / 2 and self.bound < gap / 100

    @property
    def speaks_against(self) -> bool:
        return self.rate is not None and 0.8 < self.rate < 1.2


def remainder(samples: Iterable[tuple[float, float]], slope: float, noise: float) -> Remainder:
    """What the (step, rise) pairs say of the claim that ``slope`` is the derivative; ``noise`` is that of the rises."""
    found, bound = [], math.inf
    for step, rise in samples:
        if step:
            left = abs(rise - slope * step)
            floor = noise + 2 * EPSILON * abs(rise)
            bound = min(bound, (left + floor) / abs(step))
            if left > CLEAR * floor and math.isfinite(left):
                found.append((math.log(abs(step)), math.log(left)))
    if len(found) < ENOUGH:
        return Remainder(None, bound)
    found.sort()
    near = [pair for pair in found if pair[0] <= found[0][0] + math.log(SPAN)]
    if len(near) < ENOUGH:
        near = found[:ENOUGH]
    n = len(near)
    middle_u, middle_v = (sum(column) / n for column in zip(*near, strict=True))
    width = sum((u - middle_u) ** 2 for u, _ in near)
    if not width:
        return Remainder(None, bound)
    return Remainder(sum((u - middle_u) * (v - middle_v) for u, v in near) / width, bound)
