"""Functions on floats that Python's math module lacks, for the rows of the table."""

from __future__ import annotations

import functools
import math
import operator


def pow_(a: float, b: float) -> float:
    y = a**b
    if isinstance(y, complex):
        raise ValueError("a negative base with a fractional power is not real")
    return y  # type: ignore[no-any-return]  # float ** float is typed Any, for the complex case refused above


def sign(x: float) -> float:
    return math.copysign(1.0, x) if x < 0 or x > 0 else x


def sigmoid(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)  # never of a positive number, so it cannot overflow
    return e / (1.0 + e)


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def sum_(*xs: float) -> float:
    return functools.reduce(operator.add, xs, 0.0)  # the same on every version: builtin sum compensates from 3.12 on


def dot(*xs: float) -> float:
    n = len(xs) // 2
    return functools.reduce(operator.add, map(operator.mul, xs[:n], xs[n:]), 0.0)


def logsumexp(*xs: float) -> float:
    top = max(xs)
    if math.isinf(top):
        return top
    i = xs.index(top) if top == top else 0
    return top + math.log1p(sum_(*(math.exp(x - top) for j, x in enumerate(xs) if j != i)))
