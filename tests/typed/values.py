"""What type checkers know of Values: this file is checked, and run by the tests."""

from __future__ import annotations

from fractions import Fraction
from typing import assert_type

import numpy as np

from autograd import Value, no_grad
from autograd.primitives import Primitive


def results() -> None:
    """What operations on Values give."""
    w = Value(0.5, "w")
    assert_type(w.data, float)
    assert_type(w.grad, float)
    assert_type(w.has_grad, bool)
    assert_type(w.label, str)
    assert_type(w.op, Primitive | None)
    assert_type(w.args, tuple[Value | float, ...])
    assert_type(2 * w, Value)
    assert_type(2.0 * w + 1, Value)
    assert_type(1 - w, Value)
    assert_type(1 / w, Value)
    assert_type(2**w, Value)
    assert_type(2 % w, Value)
    assert_type(2 // w, Value)
    assert_type(w + w, Value)
    assert_type(w - 1, Value)
    assert_type(w * True, Value)
    assert_type(w / np.float32(2.0), Value)
    assert_type(w * np.int64(2), Value)
    assert_type(w * Fraction(1, 3), Value)
    assert_type(w**2, Value)
    assert_type(w % 2, Value)
    assert_type(w // 2, Value)
    assert_type(divmod(w, 2), tuple[Value, Value])
    assert_type(-w, Value)
    assert_type(+w, Value)
    assert_type(abs(w), Value)
    assert_type(sum([w, w], Value(0.0)), Value)
    assert_type(max(w, w + 1), Value)
    assert_type(w < 1, bool)
    assert_type(w >= 1, bool)
    assert_type(w > w, bool)
    assert_type(w == 1.0, bool)
    assert_type(w.relu(), Value)
    assert_type(w.leaky_relu(0.1).tanh().exp(), Value)
    assert_type(w.detach(), Value)
    assert_type(f"{w:.2f}", str)


def a_step() -> None:
    """Gradient descent as it is written by hand."""
    w = Value(3.0, "x")
    (w * w).backward()
    w.data -= 0.1 * w.grad
    assert_type(w.data, float)
    w.grad = None
    assert_type(w.grad, float)
    w.grad = 0
    w.grad += 1.5
    w.data = 3
    w.data = np.float64(0.5)
    w.data = Fraction(1, 2)
    assert_type(w.data + w.grad, float)
    assert_type(w.has_grad, bool)
    w.label = "w"
    w.backward(2)


class Parameter(Value):
    """A leaf of a user's own."""

    def __init__(self, data: float, rate: float) -> None:
        super().__init__(data)
        self.rate = rate

    def step(self) -> None:
        self.data -= self.rate * self.grad


@no_grad()
def evaluated(w: Value, times: int = 2) -> Value:
    with no_grad():
        return w * times


def what_is_made_of_it() -> None:
    """Subclasses and decorated functions."""
    w = Parameter(2.0, rate=0.1)
    w.step()
    assert_type(w, Parameter)
    assert_type(w * w, Value)
    assert_type(w.data, float)
    assert_type(evaluated(w, times=3), Value)


def mistakes(w: Value) -> None:
    """What is caught before it runs."""
    Value("3")  # type: ignore[arg-type]
    Value(None)  # type: ignore[arg-type]
    Value([1.0])  # type: ignore[arg-type]
    Value(1j)  # type: ignore[arg-type]
    Value(w)  # type: ignore[arg-type]
    Value(1.0, 2)  # type: ignore[arg-type]
    w.data = "x"  # type: ignore[assignment]
    w.data = w  # type: ignore[assignment]
    w.data = None  # type: ignore[assignment]
    w.grad = "x"  # type: ignore[assignment]
    w.label = 1  # type: ignore[assignment]
    w.op = None  # type: ignore[misc]
    w.has_grad = True  # type: ignore[misc]
    w + "a"  # type: ignore[operator]
    "a" + w  # type: ignore[operator]
    w * None  # type: ignore[operator]
    w**1j  # type: ignore[operator]
    print(w < "a")  # type: ignore[operator]
    w @ w  # type: ignore[operator]
    w.backward("1")  # type: ignore[arg-type]
    w.leaky_relu("0")  # type: ignore[arg-type]
    w.relu(1.0)  # type: ignore[call-arg]
    evaluated(1.0)  # type: ignore[arg-type]
    w.gard = 1.0  # type: ignore[attr-defined]


CHECKED = (results, a_step, what_is_made_of_it)
