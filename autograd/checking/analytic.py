"""Derivatives of elementary functions by a complex step: an oracle that knows nothing of the table's rules.

For an analytic function Im f(x + ih) / h is f'(x) up to an error of order h**2, and as nothing is subtracted, h can be
so small that nothing is left of that (W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real
functions", SIAM Review 40, 1998).  So it tells the slope where differences cannot, as there is none left in the floats:
of tanh at 20.  It holds for functions of which the complex counterpart is known, and only for these: that a black box
takes complex numbers does not make it analytic.
"""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable

from ..primitives import BUILTIN, TABLE


def _erfc(z: complex) -> complex:
    """The complementary error function where Re z >= 2: its continued fraction (NIST DLMF 7.9.1)."""
    fraction = z
    for k in range(120, 0, -1):
        fraction = z + k / 2 / fraction
    return cmath.exp(-z * z) / math.sqrt(math.pi) / fraction


def _tail(z: complex) -> complex:
    """erfc, but for a constant and far from 0."""
    if abs(z.real) < 2:
        raise ValueError("differences do here")
    return _erfc(z) if z.real > 0 else -_erfc(-z)


def _sigmoid(z: complex) -> complex:
    """The sigmoid, but for a constant: so that nothing cancels."""
    return -1 / (1 + cmath.exp(z)) if z.real > 0 else 1 / (1 + cmath.exp(-z)) if z.real > -700 else cmath.exp(z)


def _softplus(z: complex) -> complex:
    return z + cmath.log(1 + cmath.exp(-z)) if z.real > 0 else cmath.log(1 + cmath.exp(z))


def _tanh(z: complex) -> complex:
    """tanh, but for a constant."""
    return -2 / (1 + cmath.exp(2 * z)) if z.real > 1 else 2 / (1 + cmath.exp(-2 * z)) if z.real < -1 else cmath.tanh(z)


def _counterparts() -> dict[Callable[..., float], Callable[..., complex]]:
    """The complex counterparts of functions on floats, some but for a constant."""
    found: dict[Callable[..., float], Callable[..., complex]] = {
        math.tan: lambda z: cmath.sin(z) / cmath.cos(z),
        math.tanh: _tanh,
        math.expm1: cmath.exp,
        math.exp2: lambda z: cmath.exp(z * math.log(2)),
        math.log1p: lambda z: cmath.log(1 + z),
        math.log2: lambda z: cmath.log(z) / math.log(2),
        math.cbrt: lambda z: cmath.exp(cmath.log(z) / 3) if z.real > 0 else -cmath.exp(cmath.log(-z) / 3),
        math.erf: lambda z: -_tail(z),
        math.erfc: _tail,
        operator.add: operator.add,
        operator.sub: operator.sub,
        operator.mul: operator.mul,
        operator.truediv: operator.truediv,
    }
    for name in ("exp", "log", "log10", "sqrt", "sin", "cos", "asin", "acos", "atan", "sinh", "cosh"):
        found[getattr(math, name)] = getattr(cmath, name)
    for name in ("asinh", "acosh", "atanh"):
        found[getattr(math, name)] = getattr(cmath, name)
    rows: dict[str, Callable[..., complex]] = {
        "pow": operator.pow,
        "sigmoid": _sigmoid,
        "softplus": _softplus,
        "sum": lambda *zs: sum(zs),
        "prod": lambda *zs: math.prod(zs),
        "dot": lambda *zs: sum(map(operator.mul, zs[: len(zs) // 2], zs[len(zs) // 2 :])),
    }
    return found | {TABLE[name].fn: function for name, function in rows.items() if name in BUILTIN}


COUNTERPARTS = _counterparts()


def complex_step(fn: Callable[..., float], point: tuple[float, ...], i: int) -> float | None:
    """The derivative of a known function by its argument i, to about 13 digits; None if there is none to be had."""
    counterpart = COUNTERPARTS.get(fn)
    if counterpart is None:
        return None
    size = abs(point[i])
    for step in (1e-40 * min(1.0, size) if size else 1e-40, 1e-20 * size, 1e-10 * size):
        args: list[complex] = [complex(x) for x in point]
        args[i] = complex(point[i], step)
        try:
            rise = counterpart(*args).imag
        except (ArithmeticError, ValueError):
            return None
        if abs(rise) > 1e-290 and 1e-300 < abs(rise / step) < math.inf:
            return rise / step
    return None
