"""Python's functions on floats made total: as in C, infinite or nan where Python raises.

Each is copied into exported programs as it stands here, and so refers to nothing but these names.
"""

from __future__ import annotations

import math
from math import inf, nan


def over_zero(a: float, b: float) -> float:
    return math.copysign(inf, a) * math.copysign(1.0, b) if a < 0 or a > 0 else nan


def mod(a: float, b: float) -> float:
    return a % b if b else nan


def floordiv(a: float, b: float) -> float:
    return a // b if b else nan


def fmod(a: float, b: float) -> float:
    return math.fmod(a, b) if b and abs(a) != inf else nan


def remainder(a: float, b: float) -> float:
    return math.remainder(a, b) if b and abs(a) != inf else nan


def pow(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return -inf if a < 0 and b % 2 == 1 else inf
    except ValueError:
        return nan if a else math.copysign(inf, a) if b % 2 == 1 else inf


def sqrt(a: float) -> float:
    return math.sqrt(a) if a >= 0 else nan


def floor(a: float) -> float:
    return math.copysign(float(math.floor(a)), a) if -inf < a < inf else a


def ceil(a: float) -> float:
    return math.copysign(float(math.ceil(a)), a) if -inf < a < inf else a


def trunc(a: float) -> float:
    return math.copysign(float(math.trunc(a)), a) if -inf < a < inf else a


def exp(a: float) -> float:
    try:
        return math.exp(a)
    except OverflowError:
        return inf


def expm1(a: float) -> float:
    try:
        return math.expm1(a)
    except OverflowError:
        return inf


def exp2(a: float) -> float:
    try:
        return math.exp2(a)
    except OverflowError:
        return inf


def sinh(a: float) -> float:
    try:
        return math.sinh(a)
    except OverflowError:
        return math.copysign(inf, a)


def cosh(a: float) -> float:
    try:
        return math.cosh(a)
    except OverflowError:
        return inf


def log(a: float) -> float:
    return math.log(a) if a > 0 else -inf if a == 0 else nan


def log2(a: float) -> float:
    return math.log2(a) if a > 0 else -inf if a == 0 else nan


def log10(a: float) -> float:
    return math.log10(a) if a > 0 else -inf if a == 0 else nan


def log1p(a: float) -> float:
    return math.log1p(a) if a > -1 else -inf if a == -1 else nan


def sin(a: float) -> float:
    return math.sin(a) if -inf < a < inf else nan


def cos(a: float) -> float:
    return math.cos(a) if -inf < a < inf else nan


def tan(a: float) -> float:
    return math.tan(a) if -inf < a < inf else nan


def asin(a: float) -> float:
    return math.asin(a) if -1 <= a <= 1 else nan


def acos(a: float) -> float:
    return math.acos(a) if -1 <= a <= 1 else nan


def acosh(a: float) -> float:
    return math.acosh(a) if a >= 1 else nan


def atanh(a: float) -> float:
    return math.atanh(a) if -1 < a < 1 else math.copysign(inf, a) if abs(a) == 1 else nan


def gamma(a: float) -> float:
    try:
        return math.gamma(a)
    except OverflowError:
        return inf
    except ValueError:
        return math.copysign(inf, a) if a == 0 else nan


def lgamma(a: float) -> float:
    try:
        return math.lgamma(a)
    except (OverflowError, ValueError):
        return inf


def fsum(*xs: float) -> float:
    try:
        return math.fsum(xs)
    except (OverflowError, ValueError):
        return nan


def take(index: float, n: int) -> int:
    """The place in a list of n, counted from the end if the index is negative; -1 if there is none."""
    if not -n - 1 < index < n:
        return -1
    place = int(index)
    return place + n if place < 0 else place
