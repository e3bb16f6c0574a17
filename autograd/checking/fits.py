"""Polynomials through noisy samples, and what is known of their slope at 0.

A sum of discrete orthonormal polynomials is fitted to samples at more nodes than it has coefficients (G. E. Forsythe,
"Generation and use of orthogonal polynomials for data-fitting with a digital computer", J. SIAM 5, 1957).  Of a smooth
function the coefficients fall off until they are as small as the noise in the samples, and stay there: so those that
are left out measure the noise, and what they would add to the slope is the error.  No noise level is to be given, and
none is believed, save as a lower bound.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

SPARE = 3  # coefficients that are left out at least: two may be small by chance


class Basis(NamedTuple):
    """Polynomials of degrees 0 to n - 1, orthonormal on n nodes: p[k+1] = ((u - alpha) p[k] - beta p[k-1]) / gamma."""

    values: tuple[tuple[float, ...], ...]  # at the nodes
    recurrence: tuple[tuple[float, float, float], ...]

    def quotients(self, u: float, count: int | None = None) -> list[float]:
        """(p(u) - p(0)) / u of all of them (or so many), with no cancellation; for u = 0, their slopes there."""
        at_before, at = 0.0, self.values[0][0]  # p(0)
        before, now = 0.0, 0.0
        result = [now]
        for alpha, beta, gamma in self.recurrence[: count and count - 1]:
            before, now = now, ((u - alpha) * now + at - beta * before) / gamma
            at_before, at = at, (-alpha * at - beta * at_before) / gamma
            result.append(now)
        return result


@functools.lru_cache(maxsize=512)
def basis(nodes: tuple[float, ...]) -> Basis:
    """The orthonormal polynomials on these nodes."""
    n = len(nodes)
    before, now = [0.0] * n, [1.0 / math.sqrt(n)] * n
    values, recurrence = [tuple(now)], []
    beta = 0.0
    for _ in range(n - 1):
        alpha = math.fsum(u * p * p for u, p in zip(nodes, now, strict=True))
        rest = [(u - alpha) * p - beta * q for u, p, q in zip(nodes, now, before, strict=True)]
        for row in values:  # or rounding would spoil the orthogonality of the highest degrees
            along = math.fsum(map(float.__mul__, rest, row))
            rest = [r - along * p for r, p in zip(rest, row, strict=True)]
        gamma = math.sqrt(math.fsum(r * r for r in rest))
        before, now = now, [r / gamma for r in rest]
        values.append(tuple(now))
        recurrence.append((alpha, beta, gamma))
        beta = gamma
    return Basis(tuple(values), tuple(recurrence))


@functools.lru_cache(maxsize=512)
def slopes(nodes: tuple[float, ...]) -> list[float]:
    return basis(nodes).quotients(0.0)


class Fit(NamedTuple):
    """A polynomial through samples: its slope at 0 with an estimate of the error, and the noise of the samples."""

    slope: float
    error: float
    noise: float
    basis: Basis
    coefficients: tuple[float, ...]

    def rise(self, u: float) -> float:
        """The polynomial at u, less that at 0."""
        quotients = self.basis.quotients(u, len(self.coefficients))
        return u * math.fsum(map(float.__mul__, self.coefficients, quotients))


def fit(nodes: Sequence[float], samples: Sequence[float], least: float = 0.0) -> Fit:
    """The polynomial, of the degree at which the estimate of the slope's error is least.

    ``nodes`` lie within -1 and 1; ``least`` is a lower bound of the noise.  The error is twice the standard deviation
    that noise gives the slope, and all that the coefficients left out would add to it.
    """
    largest = max(least, *map(abs, samples))
    unit = 2.0 ** min(math.frexp(largest)[1], 1000) if largest else 1.0  # or squares would overflow, or vanish
    samples, least = [sample / unit for sample in samples], least / unit
    found, by_slope = basis(tuple(nodes)), slopes(tuple(nodes))
    coefficients = [math.fsum(map(float.__mul__, row, samples)) for row in found.values]
    n = len(coefficients)
    adds = [c * s for c, s in zip(coefficients, by_slope, strict=True)]
    best: tuple[float, float, int] = (math.inf, math.inf, 0)
    for degree in range(1, n - SPARE):
        left = coefficients[degree + 1 :]
        noise = max(least, math.sqrt(math.fsum(c * c for c in left) / len(left)))
        spread = noise * math.sqrt(math.fsum(s * s for s in by_slope[: degree + 1]))
        error = 2 * spread + math.fsum(map(abs, adds[degree + 1 :]))
        if error < best[0]:
            best = (error, noise, degree)
    error, noise, degree = best
    slope = math.fsum(adds[: degree + 1])
    return Fit(slope * unit, error * unit, noise * unit, found, tuple(c * unit for c in coefficients[: degree + 1]))
