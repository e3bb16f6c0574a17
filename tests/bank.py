"""Functions with exact derivatives at ordinary and awkward points, for the checker to be measured by.

Each is a function on floats, as a user would write it, and the same in mpmath's arithmetic; a case is a point at which
both are smooth, with the true slope and whether a fault of it can be seen in principle: over the distance in which the
function is like its Taylor polynomial, rounding must leave the slope's digits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath

mp = mpmath.mp.clone()
mp.dps = 400


@dataclass(frozen=True)
class Case:
    name: str
    f: Callable[[float], float]
    x: float
    slope: float
    visible: bool


def on(m: Any) -> dict[str, tuple[Callable[[Any], Any], tuple[float, ...]]]:
    """The functions, in the arithmetic of the module ``m``, and the points."""
    tiny = (1e-200, 1e-100, 1e-30, 1e-9, 1e-4)
    huge = (1e4, 1e9, 1e30, 1e100, 1e200)
    near = (0.1, 3e-2, 1e-3, 2.3e-5, 1e-6, 3.7e-8, 1e-10, 1e-12)
    c = m.mpf if hasattr(m, "mpf") else float
    erf, erfc = m.erf, m.erfc
    return {
        # ordinary
        "line": (lambda x: 3 * x + 1, (0.0, 1.0, -2.5, 1e6, 1e-6)),
        "square": (lambda x: x * x, (1.0, -3.3, *tiny[2:], *huge[:3], 1e100)),
        "cube": (lambda x: x**3, (0.7, -2.0, 1e-100, 1e90)),
        "polynomial": (lambda x: ((x - 2) * x + 3) * x - 5, (0.4, 5.0, -30.0)),
        "quotient": (lambda x: (x - 1) / (x * x + 2), (0.0, 3.0, -40.0, 1e5)),
        "sine": (m.sin, (0.3, 2.0, 22.0, 1e8, 1e12, 1e-9)),
        "cosine": (m.cos, (0.3, 2.0, 1e6, 1e-4)),
        "tangent": (m.tan, (0.3, 1.5, 1.5707, 1.570796)),
        "exponential": (m.exp, (0.0, 1.0, -30.0, -300.0, -600.0, 300.0, 700.0)),
        "logarithm": (m.log, (0.5, 1.0 + 1e-9, 7.0, *tiny, *huge, 1e300)),
        "root": (m.sqrt, (0.5, 2.0, *tiny, *huge)),
        "inverse": (lambda x: 1 / x, (0.5, -2.0, *tiny[1:], *huge[:4])),
        "inverse square": (lambda x: 1 / (x * x), (0.5, -2.0, 1e-70, 1e70)),
        "power": (lambda x: x ** c(1.7), (0.5, 1e-50, 1e50)),
        "hyperbolic tangent": (m.tanh, (0.2, -3.0, 8.0, 12.0, 15.0, 17.0, 20.0, 1e-8)),
        "hyperbolic sine": (m.sinh, (0.2, -30.0, 600.0)),
        "error function": (erf, (0.2, 2.0, 4.0, 5.5)),
        "complement": (erfc, (0.2, 2.0, 10.0, 25.0, -3.0)),
        "arctangent": (m.atan, (0.2, 50.0, 1e5)),
        "arcsine": (m.asin, (0.2, 0.999, 1 - 1e-9)),
        "arcosh": (m.acosh, (1.5, 1 + 1e-6, 1 + 1e-9, 1e9)),
        "sigmoid": (lambda x: 1 / (1 + m.exp(-x)), (0.0, 3.0, -20.0, 20.0, 34.0, 37.0)),
        "softplus": (lambda x: m.log(1 + m.exp(x)), (0.0, 3.0, -10.0, -30.0, 30.0)),
        "bell": (lambda x: m.exp(-x * x / 2), (0.0 + 1e-5, 0.5, 5.0, 12.0)),
        # scales
        "tiny values": (lambda x: c(1e-200) * m.sin(x), (0.4, 3.0)),
        "huge values": (lambda x: c(1e200) * m.sin(x), (0.4, 3.0)),
        "steep": (lambda x: m.exp(300 * x), (0.1, 1.0, -1.0)),
        "flat": (lambda x: m.exp(x * c(1e-12)), (1.0, 100.0)),
        "fast": (lambda x: m.sin(c(1e6) * x), (0.3, 1.0)),
        "faster": (lambda x: m.sin(c(1e9) * x), (0.3, 1e-9)),
        "scaled": (lambda x: m.atan(x / c(1e-40)), (1e-40, 3e-41)),
        "scaled up": (lambda x: m.atan(x / c(1e60)), (1e60, 3e59)),
        "stretched": (lambda x: m.sin(m.log(x)), (1e-100, 1e-5, 0.3, 1e100)),
        # offsets
        "offset": (lambda x: 1 + m.exp(x), (-5.0, -20.0, -30.0, -34.0)),
        "large offset": (lambda x: c(1e6) + m.sin(x), (0.3, 1.4)),
        "larger offset": (lambda x: c(1e12) + m.sin(x), (0.3, 1.4)),
        "absorbed": (lambda x: c(1e16) + m.sin(x), (0.3, 1.4)),
        "added and taken": (lambda x: (x + c(1e9)) - c(1e9), (0.3, 1e-4)),
        "small part": (lambda x: m.cos(x) + c(1e-9) * x, (1e-9, 0.0)),
        # cancellation
        "versine": (lambda x: m.sqrt(1 + x * x) - 1, near),
        "log cosh": (lambda x: m.log(m.cosh(x)), near),
        "relative exponential": (lambda x: (m.exp(x) - 1) / x, (*near, 1e-14, -1e-7)),
        "relative cosine": (lambda x: (1 - m.cos(x)) / (x * x), (*near, -1e-7)),
        "relative sine": (lambda x: m.sin(x) / x, (1e-3, 0.2, 30.0)),
        "difference of roots": (lambda x: m.sqrt(x + 1) - m.sqrt(x), (1.0, 1e4, 1e8)),
        "one less cosine": (lambda x: 1 - m.cos(x), near),
        "expanded": (lambda x: x**3 - 3 * x**2 + 3 * x - 1, (1.1, 1.01, 1.0001)),
        "log of one and": (lambda x: m.log(1 + x), (1e-3, 1e-8, 1e-12)),
        # oscillation
        "tooth": (lambda x: x * x + c(1e-3) * m.sin(2 * c(math.pi) * 65536 * x), (0.7, 1.0, 0.2, 3.0)),
        "period 1024": (lambda x: x * x + c(1e-3) * m.sin(2 * c(math.pi) * 1024 * x), (0.7, 1.0)),
        "period 2**30": (lambda x: x + c(1e-8) * m.sin(2 * c(math.pi) * 2**30 * x), (0.7, 1.0)),
        "fine tooth": (lambda x: x + m.sin(c(1e7) * x) / c(1e7), (0.5, 1.1)),
        "chirp": (lambda x: m.sin(1 / x), (0.3, 1e-2, 1e-4)),
        "beat": (lambda x: m.sin(x) * m.sin(1000 * x), (0.3, 2.0)),
        "modulated": (lambda x: m.exp(x) * (1 + c(0.01) * m.cos(c(1e4) * x)), (0.3, 2.0)),
        # peaks
        "peak": (lambda x: m.exp(-((x / c(1e-3)) ** 2)), (1e-3, 2e-4, 3e-3)),
        "narrow peak": (lambda x: x + m.exp(-(((x - c(0.5)) / c(1e-6)) ** 2)), (0.5000005, 0.4999991)),
        "ridge": (lambda x: 1 / (1 + (x / c(1e-5)) ** 2), (1e-5, 3e-6, 1e-3)),
        "rounded corner": (lambda x: m.sqrt(x * x + c(1e-12)), (1e-6, 1e-7, 1e-3)),
        "logistic step": (lambda x: m.tanh(c(1e5) * (x - c(0.25))), (0.25, 0.25001, 0.250001)),
        # poles nearby
        "pole": (lambda x: 1 / (x - 1), (1.001, 1 + 1e-6, 0.999999)),
        "log at the edge": (lambda x: m.log(1 - x), (0.999, 1 - 1e-9)),
        "root at the edge": (lambda x: m.sqrt(1 - x), (0.999, 1 - 1e-9)),
        "tangent of tangent": (lambda x: m.tan(m.tan(x)), (0.9, 1.0)),
        # kinks, jumps and clips beside the point
        "kink beside": (lambda x: abs(x - 1), (1 + 1e-3, 1 - 1e-6, 1 + 1e-9)),
        "clip beside": (lambda x: min(max(x, c(-1)), c(1)) * 3, (0.999999, 1 - 1e-9, 0.2)),
        "jump beside": (lambda x: m.sin(x) + (1 if x > 1 else 0), (1 + 1e-3, 1 - 1e-6, 1 - 1e-9)),
        "saw": (lambda x: m.sin(x) + (x - m.floor(x)), (0.5, 0.999, 3.0001)),
        "floor": (lambda x: x + m.floor(10 * x), (0.55, 0.599)),
        "tie": (lambda x: max(m.sin(x), m.cos(x)), (math.pi / 4 + 1e-4, math.pi / 4 - 1e-7)),
        "leaky": (lambda x: x if x > 0 else x / 100, (1e-3, -1e-3, 1e-12, -1e-12)),
        # compositions
        "tower": (lambda x: m.exp(m.sin(m.exp(x))), (0.3, 1.5, 3.0)),
        "swish": (lambda x: x / (1 + m.exp(-x)), (0.5, -4.0, -30.0, 30.0)),
        "Black and Scholes": (lambda x: x * erfc(-m.log(x / 100) / c(0.3)) - 95 * erfc(c(0.2) - m.log(x / 100) / c(0.3)), (60.0, 100.0, 160.0)),
        "log sum": (lambda x: m.log(m.exp(x) + m.exp(2 * x) + 1), (0.5, -20.0, 50.0)),
        "continued": (lambda x: 1 / (1 + 1 / (1 + 1 / (1 + x))), (0.5, 1e-8, 1e6)),
    }  # fmt: skip


def smooth_length(f: Callable[[Any], Any], x: Any, slope: Any, scale: float) -> float:
    """The distance over which the slope stays about what it is: halved until it does."""
    h = mp.mpf(scale)
    for _ in range(1200):
        try:
            if all(abs((f(x + s * h) - f(x)) / (s * h) - slope) < abs(slope) / 2 for s in (1, -1, 0.7, -0.6, 0.1)):
                return float(h)
        except (ValueError, ZeroDivisionError, TypeError):
            pass
        h /= 2
    return 0.0


@functools.cache
def cases() -> tuple[Case, ...]:
    found = []
    exact = on(mp)
    for name, (f, points) in on(math).items():
        for x in points:
            true = exact[name][0]
            at = mp.mpf(x)
            h = mp.mpf(10) ** -60 * (min(1, abs(at)) or 1)
            slope = (true(at + h) - true(at - h)) / (2 * h)
            length = smooth_length(true, at, slope, max(1.0, abs(x)))
            noise = 0.0
            for k in range(-8, 9):
                t = x + k / 8 * 0.03 * length
                noise = max(noise, abs(float(mp.mpf(f(t)) - true(mp.mpf(t)))) if t else 0.0)
            visible = noise < 3e-9 * abs(float(slope)) * length and length > 100 * math.ulp(x)
            found.append(Case(name, f, x, float(slope), visible))
    return tuple(found)
