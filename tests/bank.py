"""Functions with exact derivatives at ordinary and awkward points, for the checker to be measured by.

Each is a function on floats, as a user would write it, and the same in mpmath's arithmetic; a case is a point at which
both are smooth, with the true slope and whether a fault of it can be seen in principle: over the distance in which the
function is like its Taylor polynomial, rounding must leave the slope's digits.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

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
            quotients = [(f(x + s * h) - f(x)) / (s * h) for s in (1, -1, 0.7, -0.6, 0.1)]
            if all(isinstance(q, mp.mpf) and abs(q - slope) < abs(slope) / 2 for q in quotients):
                return float(h)  # and no complex number, as beyond the end of the domain
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


def hidden(noise: float, slope: float, length: float, x: float) -> float:
    """The part of a slope that rounding hides: all of it, where f changes within 100 floats."""
    if not slope or length < 100 * math.ulp(x):
        return math.inf
    return noise / (abs(slope) * length)


# ---- functions of several numbers, in other precisions, of solvers and with noise ------------------------------------

SEEN = 1000.0  # times what rounding hides: a fault of this part of the derivative can be seen in principle


@dataclass(frozen=True)
class Task:
    """A function of several numbers at a point, as floats give it, and its exact gradient; of each derivative the part
    that rounding hides."""

    name: str
    f: Callable[[list[float]], float]
    xs: tuple[float, ...]
    gradient: tuple[float, ...]
    floors: tuple[float, ...]

    def shows(self, i: int, fault: float) -> bool:
        """Whether a relative fault of derivative i can be seen in principle."""
        return abs(fault) >= SEEN * self.floors[i]


def single(x: Any) -> np.float32:
    return np.float32(x)


def ripple(x: float) -> float:
    """A number from -1 to 1 that x determines, and no neighbour of it."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", x))
    return ((bits * 0x9E3779B97F4A7C15 >> 11) & 0xFFFFFFFF) / 0x7FFFFFFF - 1.0


def newton(g: Callable[[float], tuple[float, float]], y: float, tolerance: float) -> float:
    """A root by Newton's method, stopped at a tolerance."""
    for _ in range(100):
        value, slope = g(y)
        step = value / slope
        y -= step
        if abs(step) < tolerance:
            return y
    return y


def bisected(g: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    while high - low > tolerance:
        middle = (low + high) / 2
        low, high = (middle, high) if g(middle) < 0 else (low, middle)
    return (low + high) / 2


def summed_in_single(xs: list[float]) -> float:
    return float(sum((single(x) * single(x) for x in xs), single(0)))


def kepler(x: float) -> float:
    """The eccentric anomaly of an orbit of eccentricity 0.3, at mean anomaly x."""
    return newton(lambda e: (e - 0.3 * math.sin(e) - x, 1 - 0.3 * math.cos(e)), x, 1e-6)


def fixed_point(x: float, tolerance: float) -> float:
    """y = cos(x y), iterated until it moves by less than this."""
    y = 0.7
    for _ in range(1000):
        y, before = math.cos(x * y), y
        if abs(y - before) < tolerance:
            break
    return y


def descent(x: float, tolerance: float) -> float:
    """The least of (y - x)² / 2 + log cosh y, by gradient descent until it moves by less than this."""
    y = 0.0
    for _ in range(1000):
        step = 0.3 * (y - x + math.tanh(y))
        y -= step
        if abs(step) < tolerance:
            break
    return y


def quadrature(x: float) -> float:
    """The integral of exp(-x t) from 0 to 1 by Simpson's rule, refined until two results agree to 1e-7."""
    before, n = math.inf, 2
    while True:
        h = 1 / n
        terms = (math.exp(-x * k * h) * (1 if k in (0, n) else 4 if k % 2 else 2) for k in range(n + 1))
        now = math.fsum(terms) * h / 3
        if abs(now - before) < 1e-7:
            return now
        before, n = now, 2 * n


def oscillator(m: Any, xs: Any) -> Any:
    """The position of a damped oscillator after 20 steps of Runge and Kutta's: by stiffness, damping and start."""
    k, c, q = xs
    p, h = 0 * q, m.mpf("0.1") if hasattr(m, "mpf") else 0.1
    force = lambda q, p: -k * q - c * p  # noqa: E731  # as short as its formula
    for _ in range(20):
        q1, p1 = p, force(q, p)
        q2, p2 = p + h / 2 * p1, force(q + h / 2 * q1, p + h / 2 * p1)
        q3, p3 = p + h / 2 * p2, force(q + h / 2 * q2, p + h / 2 * p2)
        q4, p4 = p + h * p3, force(q + h * q3, p + h * p3)
        q, p = q + h / 6 * (q1 + 2 * q2 + 2 * q3 + q4), p + h / 6 * (p1 + 2 * p2 + 2 * p3 + p4)
    return q


def several(m: Any) -> dict[str, tuple[Callable[[Any], Any], tuple[tuple[float, ...], ...]]]:
    """Functions of several numbers in the arithmetic of the module ``m``."""
    c = m.mpf if hasattr(m, "mpf") else float
    dot = lambda a, b: sum(x * y for x, y in zip(a, b))  # noqa: E731  # as short as its formula
    points = ((0.3, -1.2), (1.1, 0.4), (-0.7, 2.2), (2.0, 1.0))
    labels = (1, -1, -1, 1)
    return {
        "Rosenbrock": (lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2, ((-1.2, 1.0), (0.5, 2.0))),
        "Himmelblau": (lambda x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2, ((1.0, 1.5), (-3.0, 4.0))),
        "Beale": (lambda x: sum((c(a) - x[0] + x[0] * x[1] ** k) ** 2 for k, a in ((1, 1.5), (2, 2.25), (3, 2.625))), ((1.0, 0.7),)),
        "product": (lambda x: x[0] * x[1] * x[2] * x[3], ((2.0, 1e-6, 3e5, -0.7),)),
        "scales 1 and 20000": (lambda x: m.sin(x[0]) * x[1] + x[2] * x[2] / x[1], ((1.0, 20000.0, 300.0),)),
        "unequal parts": (lambda x: c(1e6) * x[0] + c(1e-3) * m.sin(x[1]), ((2.0, 0.3),)),
        "norm": (lambda x: m.sqrt(dot(x, x)), ((3.0, -4.0, 1e-4), (1e-150, 2e-150, -1e-150))),
        "log sum exp": (lambda x: m.log(sum(m.exp(y) for y in x)), ((0.1, 2.0, -3.0), (-20.0, 1.0, 5.0))),
        "cross entropy": (lambda x: m.log(sum(m.exp(y) for y in x)) - x[1], ((0.2, 1.4, -0.8, 0.0),)),
        "logistic regression": (
            lambda w: sum(m.log(1 + m.exp(-y * (dot(w[:2], p) + w[2]))) for p, y in zip(points, labels)) / 4,
            ((0.4, -0.3, 0.1), (3.0, 2.0, -1.0)),
        ),
        "hidden layer": (
            lambda w: sum((w[4] * m.tanh(w[0] * p[0] + w[1]) + w[5] * m.tanh(w[2] * p[1] + w[3]) - y) ** 2 for p, y in zip(points, labels)),
            ((0.5, -0.1, 0.8, 0.3, 1.2, -0.7),),
        ),
        "normal likelihood": (
            lambda x: sum(m.log(x[1]) + ((p - x[0]) / x[1]) ** 2 / 2 for p in (0.3, 1.9, 2.2, 0.7)),
            ((1.0, 0.8), (1.0, 1e-3), (-50.0, 30.0)),
        ),
        "Lennard-Jones": (lambda x: 4 * ((x[0] / x[1]) ** 12 - (x[0] / x[1]) ** 6), ((1.0, 1.1), (3.4e-10, 4e-10))),
        "option": (
            lambda x: x[0] * m.erfc(-m.log(x[0] / x[1]) / x[2]) - x[1] * m.erfc(x[2] - m.log(x[0] / x[1]) / x[2]),
            ((100.0, 95.0, 0.3), (60.0, 95.0, 0.2)),
        ),
        "distance": (lambda x: m.sqrt((x[0] - x[2]) ** 2 + (x[1] - x[3]) ** 2), ((0.0, 0.0, 3.0, 4.0), (1e4, 2e4, 1e4 + 1, 2e4 - 1))),
        "determinant": (lambda x: x[0] * (x[4] * x[8] - x[5] * x[7]) - x[1] * (x[3] * x[8] - x[5] * x[6]) + x[2] * (x[3] * x[7] - x[4] * x[6]), ((2.0, 1.0, 0.5, -1.0, 3.0, 0.2, 0.7, -0.4, 1.5),)),
        "gas": (lambda x: x[0] * c(8.314462618) * x[1] / (x[2] - x[0] * c(3.2e-5)) - c(0.1382) * x[0] ** 2 / x[2] ** 2, ((2.0, 300.0, 0.05),)),
        "Planck": (lambda x: x[0] ** 3 / (m.exp(c(4.799e-11) * x[0] / x[1]) - 1), ((5e13, 5800.0), (1e9, 300.0))),
        "oscillator": (lambda x: oscillator(m, x), ((4.0, 0.3, 1.0),)),
        "hinge": (lambda w: sum(max(1 - y * (dot(w[:2], p) + w[2]), c(0)) for p, y in zip(points, labels)), ((0.4, -0.3, 0.1),)),
        "clipped": (lambda x: sum(min(max(y, c(-1)), c(1)) ** 2 for y in x), ((0.5, -0.9, 0.01),)),
    }  # fmt: skip


def sums(m: Any) -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], tuple[float, ...]]]:
    """Functions of one number that are sums of two terms, in the arithmetic of the module ``m``; of the second rounding
    makes stairs, with treads that are wide beside the rounding of the first.  One of the terms may be left out."""
    c = m.mpf if hasattr(m, "mpf") else float
    return {
        "and a log of one and a square": (lambda x: x, lambda x: m.log(1 + x * x), (1e-2, 1e-4, 1e-5)),
        "and a versine": (lambda x: 3 * x, lambda x: 1 - m.cos(x), (1e-1, 1e-3, 1e-4)),
        "and an exponential less one": (lambda x: x * x, lambda x: m.exp(x) - 1, (1e-1, 1e-3, 1e-6)),
        "and a root less one": (lambda x: m.sin(x), lambda x: m.sqrt(1 + x) - 1, (0.3, 1e-3, 1e-6)),
        "and a root of one and a square": (lambda x: x / 2, lambda x: m.sqrt(1 + x * x) - 1, (1e-1, 1e-3, 1e-4)),
        "and interest": (lambda x: c(0.1) * x, lambda x: (1 + x) ** 12 - 1, (1e-1, 1e-3, 1e-6)),
        "and a log of a tail": (lambda x: x, lambda x: m.log(1 - m.tanh(x)), (0.3, 2.0, 6.43)),
        "and a softplus": (lambda x: 2 * x, lambda x: m.log(1 + m.exp(x)), (1e-6, 3.0, -8.0)),
        "entropy": (lambda x: -x * m.log(x), lambda x: -(1 - x) * m.log(1 - x), (1e-9, 1e-3, 0.2, 0.999, 1 - 1e-6)),
        "log sum": (lambda x: m.sin(x) / 4, lambda x: m.log(m.exp(x) + m.exp(2 * x) + 1), (1e-5, 0.5, -5.0)),
        "and a hinge": (lambda x: x / 4, lambda x: max(x - 1, c(0)), (1.1, 1.001, 1.00001)),
    }  # fmt: skip


def kinked(m: Any) -> dict[str, tuple[Callable[[Any], Any], float]]:
    """Functions of one number with a kink, or of which the second derivative jumps, and where; in the arithmetic of the
    module ``m``."""
    c = m.mpf if hasattr(m, "mpf") else float
    return {
        "Huber": (lambda x: x * x / 2 if abs(x) < 1 else abs(x) - c(0.5), 1.0),
        "ELU": (lambda x: x if x > 0 else m.exp(x) - 1, 0.0),
        "ELU aside": (lambda x: x - 2 + c(0.5) if x > 2 else m.exp(x - 2) - c(0.5), 2.0),
        "SELU": (lambda x: c(1.0507) * x if x > 0 else c(1.7581) * (m.exp(x) - 1), 0.0),
        "rectified and more": (lambda x: max(x - 3, c(0)) + x * x, 3.0),
        "size and more": (lambda x: abs(x - c(0.7)) + m.sin(x), 0.7),
        "larger of two": (lambda x: max(m.exp(x), 1 + 2 * x), 0.0),
        "leaky rectifier": (lambda x: x + 20 if x > -20 else (x + 20) / 100, -20.0),
        "softsign": (lambda x: x / (1 + abs(x)), 0.0),
        "quantile loss": (lambda x: max(c(0.9) * (5 - x), c(0.1) * (x - 5)), 5.0),
    }  # fmt: skip


DISTANCES = (1e-1, -1e-2, 1e-3, -1e-4, 1e-5, -1e-6)  # from a kink, relative to its place or 1


def unlike() -> dict[str, tuple[Callable[[list[float]], float], Callable[[Any], Any], tuple[tuple[float, ...], ...]]]:
    """Functions as floats give them, and what they stand for in mpmath: in single precision, of solvers, with noise."""
    exp, sin = np.exp, np.sin
    return {
        "single: square": (lambda x: float(single(x[0]) * single(x[0])), lambda x: x[0] ** 2, ((0.7,), (300.0,))),
        "single: sine": (lambda x: float(sin(single(x[0]))), lambda x: mp.sin(x[0]), ((0.7,), (3.0,))),
        "single: exponential": (lambda x: float(exp(single(x[0]))), lambda x: mp.exp(x[0]), ((0.7,), (-9.0,))),
        "single: sum of squares": (summed_in_single, lambda x: sum(y * y for y in x), ((0.5, -1.25, 2.5),)),
        "single: large offset": (lambda x: float(single(1000) + sin(single(x[0]))), lambda x: 1000 + mp.sin(x[0]), ((0.7,),)),
        "half": (lambda x: float(np.float16(x[0]) * np.float16(x[0])), lambda x: x[0] ** 2, ((0.7,),)),
        "rounded to 6 digits": (lambda x: round(math.exp(x[0]), 6), lambda x: mp.exp(x[0]), ((0.7,),)),
        "Kepler to 1e-6": (lambda x: kepler(x[0]), lambda x: mp.findroot(lambda e: e - 0.3 * mp.sin(e) - x[0], x[0]), ((1.0,), (2.5,))),
        "root to 1e-8": (
            lambda x: newton(lambda y: (y**3 - x[0], 3 * y * y), 1.0, 1e-8),
            lambda x: mp.cbrt(x[0]),
            ((0.7,), (30.0,)),
        ),
        "bisection to 1e-10": (lambda x: bisected(lambda y: y * y - x[0], 0.0, 10.0, 1e-10), lambda x: mp.sqrt(x[0]), ((0.7,), (30.0,))),
        "fixed point to 1e-9": (lambda x: fixed_point(x[0], 1e-9), lambda x: mp.findroot(lambda y: mp.cos(x[0] * y) - y, 0.7), ((0.7,), (0.9,))),
        "fixed point to 1e-3": (lambda x: fixed_point(x[0], 1e-3), lambda x: mp.findroot(lambda y: mp.cos(x[0] * y) - y, 0.7), ((0.7,), (0.9,))),
        "descent to 1e-3": (lambda x: descent(x[0], 1e-3), lambda x: mp.findroot(lambda y: y - x[0] + mp.tanh(y), 0.5), ((0.7,), (1.3,))),
        "bisection to 1e-3": (lambda x: bisected(lambda y: y * y - x[0], 0.0, 10.0, 1e-3), lambda x: mp.sqrt(x[0]), ((0.7,), (3.0,))),
        "quadrature to 1e-7": (lambda x: quadrature(x[0]), lambda x: (1 - mp.exp(-x[0])) / x[0], ((0.7,), (3.0,))),
        "noise of 1e-10": (lambda x: math.sin(x[0]) + 1e-10 * ripple(x[0]), lambda x: mp.sin(x[0]), ((0.7,), (3.0,))),
        "noise of 1e-6": (lambda x: math.sin(x[0]) + 1e-6 * ripple(x[0]), lambda x: mp.sin(x[0]), ((0.7,), (3.0,))),
        "noise of 1e-3": (lambda x: math.exp(x[0]) + 1e-3 * ripple(x[0]), lambda x: mp.exp(x[0]), ((0.7,),)),
        "noise in two": (
            lambda x: (x[0] * x[1] ** 2) * (1 + 1e-9 * ripple(x[0] + x[1])),
            lambda x: x[0] * x[1] ** 2,
            ((0.7, 30.0),),
        ),
    }  # fmt: skip


def task(name: str, f: Callable[[Any], Any], true: Callable[[Any], Any], xs: tuple[float, ...]) -> Task:
    """With the gradient and the floors that mpmath tells."""
    at = [mp.mpf(x) for x in xs]
    gradient, floors = [], []
    for i, x in enumerate(xs):
        along = lambda t, i=i: true([*at[:i], t, *at[i + 1 :]])  # noqa: E731  # as short as its formula
        rounded = lambda t, i=i: float(f([*xs[:i], t, *xs[i + 1 :]]))  # noqa: E731  # as short as its formula
        h = mp.mpf(10) ** -60 * (min(1, abs(at[i])) or 1)
        slope = (along(at[i] + h) - along(at[i] - h)) / (2 * h)
        length = smooth_length(along, at[i], slope, max(1.0, abs(x))) if slope else 0.0
        steps = [t for t in (x + k / 8 * 0.03 * length for k in range(-8, 9)) if t or not x]
        errors = [mp.mpf(rounded(t)) - along(mp.mpf(t)) for t in steps]
        gradient.append(float(slope))
        floors.append(hidden(max(abs(float(e)) for e in errors), float(slope), length, x))
    return Task(name, f, xs, tuple(gradient), tuple(floors))


@functools.cache
def tasks(each: int = 99) -> tuple[Task, ...]:
    """All of the bank, or so many points of each function; those of one number first."""
    exact, exact_several = on(mp), several(mp)
    found = []
    for name, (f, points) in on(math).items():
        of_one = lambda x, f=f: float(f(x[0]))  # noqa: E731  # as short as its formula
        true = lambda x, f=exact[name][0]: f(x[0])  # noqa: E731  # as short as its formula
        found += [task(name, of_one, true, (x,)) for x in points[:each]]
    for name, (first, second, points) in sums(math).items():
        one, two, _ = sums(mp)[name]
        of_both = lambda x, first=first, second=second: first(x[0]) + second(x[0])  # noqa: E731  # as short as its formula
        true = lambda x, one=one, two=two: one(x[0]) + two(x[0])  # noqa: E731  # as short as its formula
        found += [task(name, of_both, true, (x,)) for x in points[:each]]
    exact_kinked = kinked(mp)
    for name, (f, at) in kinked(math).items():
        of_one = lambda x, f=f: float(f(x[0]))  # noqa: E731  # as short as its formula
        true = lambda x, f=exact_kinked[name][0]: f(x[0])  # noqa: E731  # as short as its formula
        found += [task(name, of_one, true, (at + d * (abs(at) or 1.0),)) for d in DISTANCES[:each]]
    for name, (f, points) in several(math).items():
        found += [task(name, f, exact_several[name][0], xs) for xs in points[:each]]
    for name, (f, true, points) in unlike().items():
        found += [task(name, f, true, xs) for xs in points[:each]]
    return tuple(found)
