"""A call's price in the Heston model by one Gauss–Laguerre integral, on whatever has operators.

The spot S has the variance v: dS = r S dt + √v S dW, dv = κ (θ − v) dt + σ √v dZ, and ρ correlates dW and dZ.  With the
characteristic function φ of ln(S_T / forward) the price is

    S − √(S K) exp(−r T / 2) / π · ∫₀^∞ Re[exp(i u ln(forward / K)) φ(u − i/2)] / (u² + ¼) du

(Lewis 2001), and φ is written so that its logarithm crosses no cut (Albrecher et al. 2007).  Complex numbers are pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np

from autograd.math import atan2, cos, exp, log, sin, sqrt

NAMES = ("spot", "strike", "rate", "years", "kappa", "theta", "sigma", "rho", "variance")
# Fang and Oosterlee 2008, section 5.4: prices 5.785155450 at one year and 22.318945791 at ten
MARKET = [100.0, 100.0, 0.0, 1.0, 1.5768, 0.0398, 0.5751, -0.5711, 0.0175]
PUBLISHED = {1.0: 5.785155450, 10.0: 22.318945791}


@dataclass(frozen=True)
class Complex:
    re: Any
    im: Any = 0.0

    def __add__(self, other: Complex) -> Complex:
        return Complex(self.re + other.re, self.im + other.im)

    def __sub__(self, other: Complex) -> Complex:
        return Complex(self.re - other.re, self.im - other.im)

    def __mul__(self, other: Complex) -> Complex:
        return Complex(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)

    def times(self, real: Any) -> Complex:
        return Complex(self.re * real, self.im * real)

    def __truediv__(self, other: Complex) -> Complex:
        size = other.re * other.re + other.im * other.im
        over = Complex(other.re, -other.im)
        return (self * over).times(1.0 / size)

    def exp(self) -> Complex:
        size = exp(self.re)
        return Complex(size * cos(self.im), size * sin(self.im))

    def log(self) -> Complex:
        return Complex(0.5 * log(self.re * self.re + self.im * self.im), atan2(self.im, self.re))

    def sqrt(self) -> Complex:
        """The root with a positive real part, of what is no negative number."""
        half = sqrt(0.5 * (sqrt(self.re * self.re + self.im * self.im) + self.re))
        return Complex(half, 0.5 * self.im / half)


def rule(nodes: int) -> tuple[list[float], list[float]]:
    """The nodes and weights of ∫₀^∞ f(u) du."""
    at, weights = np.polynomial.laguerre.laggauss(nodes)
    return at.tolist(), (weights * np.exp(at)).tolist()


def price(market: Sequence[Any], nodes: int = 64) -> Any:
    """The price of a call, from a number for each of NAMES."""
    spot, strike, rate, years, kappa, theta, sigma, rho, variance = market
    one = Complex(1.0)
    moneyness = log(spot / strike) + rate * years
    square = sigma * sigma
    total: Any = 0.0
    for u, weight in zip(*rule(nodes), strict=True):
        beside = u * u + 0.25
        xi = Complex(kappa - 0.5 * rho * sigma, -rho * sigma * u)
        d = (xi * xi + Complex(square * beside)).sqrt()
        less, more = xi - d, xi + d
        g, decay = less / more, d.times(-years).exp()
        mean = (less.times(years) - ((one - g * decay) / (one - g)).log().times(2.0)).times(kappa * theta / square)
        spread = (less * ((one - decay) / (one - g * decay))).times(variance / square)
        total = total + weight / beside * (mean + spread + Complex(0.0, u * moneyness)).exp().re
    return spot - sqrt(spot * strike) * exp(-0.5 * rate * years) / pi * total
