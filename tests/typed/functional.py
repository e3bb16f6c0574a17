"""What type checkers know of derivatives: this file is checked, and run by the tests of the transforms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, assert_type

import numpy as np
from numpy.typing import NDArray

from autograd import Value, grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp


class Point(NamedTuple):
    x: float
    y: float


@dataclass
class Line:
    slope: float
    intercept: float


def square(x: Value) -> Value:
    return x * x


def norm(v: list[Value]) -> Value:
    total = v[0] * v[0]
    for x in v[1:]:
        total = total + x * x
    return total


def first(p: Any) -> Any:
    return p[0] * p[0]


def height(line: Any, x: float = 2.0) -> Any:
    return line.slope * x + line.intercept


def of_numbers() -> None:
    assert_type(grad(square)(3.0), float)
    assert_type(grad(square)(3), float)
    assert_type(grad(square, argnums=0)(3.0), float)
    assert_type(grad(grad(square))(3.0), float)
    assert_type(grad(square)(Value(3.0)), Value)
    assert_type(grad(lambda x, y: x * y)(3.0, 2.0), float)
    assert_type(value_and_grad(square)(3.0), tuple[float, float])
    assert_type(value_and_grad(square)(Value(3.0)), tuple[Value, Value])
    assert_type(hessian(square)(3.0), float)
    assert_type(jvp(square, (3.0,), (1.0,)), tuple[float, float])
    assert_type(jvp(square, (Value(3.0),), (1.0,)), tuple[Value, Value])
    value, pullback = vjp(square, 3.0)
    assert_type(value, float)
    assert_type(pullback(1.0), tuple[float, ...])
    assert_type(hvp(square, (3.0,), (1.0,)), tuple[float])


def of_structures() -> None:
    assert_type(grad(norm)([1.0, 2.0]), list[float])
    assert_type(grad(first)(Point(1.0, 2.0)), Point)
    assert_type(grad(height)(Line(1.0, 2.0)), Line)
    assert_type(grad(height)(Line(1.0, 2.0), x=3.0), Line)
    array: NDArray[np.float64] = np.ones(2)
    assert_type(grad(first)(array), NDArray[np.float64])
    assert_type(value_and_grad(first)(array), tuple[float, NDArray[np.float64]])
    assert_type(value_and_grad(norm)([1.0]), tuple[float, list[float]])
    assert_type(hessian(norm)([1.0, 2.0]), list[list[float]])
    assert_type(hessian(first)(array), NDArray[Any])
    assert_type(hvp(height, (Line(1.0, 2.0), 3.0), (Line(0.0, 1.0), 0.0)), tuple[Line, float])
    _, pullback = vjp(height, Line(1.0, 2.0), 3.0)
    assert_type(pullback(1.0), tuple[Line, float])


def by_several_arguments() -> None:
    assert_type(grad(height, argnums=(0, 1))(Line(1.0, 2.0), 3.0), tuple[Any, ...])
    assert_type(value_and_grad(height, argnums=(0, 1))(Line(1.0, 2.0), 3.0), tuple[Any, tuple[Any, ...]])
    assert_type(jacobian(norm), Callable[..., Any])
    x = Value(3.0)
    assert_type(gradients(x * x, [x]), list[float])
    assert_type(gradients(x * x, [x], create_graph=True), list[Value])


def what_is_no_argnums() -> None:
    grad(square, "0")  # type: ignore[call-overload]
    grad(square, argnums=1.0)  # type: ignore[call-overload]
    value_and_grad(square, None)  # type: ignore[call-overload]
    gradients(3.0, [Value(1.0)])  # type: ignore[call-overload]


CHECKED = (of_numbers, of_structures, by_several_arguments)
