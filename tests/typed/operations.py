"""What type checkers know of ``autograd.math``: of numbers a float, of Values a Value."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import assert_type

import numpy as np

from autograd import Value
from autograd import math as am


def of_numbers() -> None:
    assert_type(am.exp(1.0), float)
    assert_type(am.sqrt(2), float)
    assert_type(am.sin(Fraction(1, 3)), float)
    assert_type(am.cos(np.float64(0.5)), float)
    assert_type(am.hypot(3.0, 4.0), float)
    assert_type(am.leaky_relu(-1.0, slope=0.1), float)
    assert_type(am.log(8.0), float)
    assert_type(am.log(8.0, 2.0), float)
    assert_type(am.fabs(-1.0), float)
    assert_type(am.floor(2.5), float)
    assert_type(am.norm_cdf(0.5), float)
    assert_type(am.polygamma(2, 1.5), float)


def of_values() -> None:
    x = Value(0.5, "x")
    assert_type(am.exp(x), Value)
    assert_type(am.hypot(x, 4.0), Value)
    assert_type(am.hypot(3.0, x), Value)
    assert_type(am.pow(x, 2), Value)
    assert_type(am.where(x > 0, x, 0.0), Value)
    assert_type(am.leaky_relu(x, slope=0.1), Value)
    assert_type(am.log(x), Value)
    assert_type(am.log(x, 2.0), Value)
    assert_type(am.log(2.0, x), Value)
    assert_type(am.erfinv(x), Value)
    assert_type(am.polygamma(2, x), Value)
    assert_type(2 * am.tanh(x) + 1, Value)


def of_many() -> None:
    x, y = Value(0.5, "x"), Value(2.0, "y")
    assert_type(am.sum([1.0, 2.0]), float)
    assert_type(am.sum([x, y]), Value)
    assert_type(am.sum((x, 1.0)), Value)
    assert_type(am.sum(w * 2 for w in (x, y)), Value)
    assert_type(am.max(1.0, 2.0), float)
    assert_type(am.max([x, y]), Value)
    assert_type(am.max(x, 1.0), Value)
    assert_type(am.dot([1.0], [2.0]), float)
    assert_type(am.dot([1.0, 2.0], [x, y]), Value)
    assert_type(am.dist([1.0, 2.0], [0.0, 0.0]), float)
    assert_type(am.dist([x, y], [0.0, 0.0]), Value)
    assert_type(am.logsumexp([x, y]), Value)
    assert_type(am.softmax([1.0, 2.0]), list[float])
    assert_type(am.softmax([x, y]), list[Value])


def of_comparisons() -> None:
    x = Value(0.5, "x")
    assert_type(am.isclose(x, 0.5), bool)
    assert_type(am.isfinite(x), bool)
    assert_type(am.isnan(x), bool)
    assert_type(am.isinf(1.0), bool)


CHECKED: tuple[Callable[[], None], ...] = (of_numbers, of_values, of_many, of_comparisons)


def refused() -> None:
    """None of this is let through: were it, mypy would call the comment unused."""
    am.exp("1.0")  # type: ignore[arg-type]
    am.mul("a", 3)  # type: ignore[arg-type]
    am.dot(["a"], [1.0])  # type: ignore[list-item]
    am.log(None)  # type: ignore[call-overload]
