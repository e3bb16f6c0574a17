"""Optimisers against the published recurrences written in NumPy on whole vectors, and against closed forms."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from autograd import Value
from autograd.compile.executors import MACHINE
from nn import SGD, Adam, AdamW
from nn.optim import (
    Optimizer,
    clip_by_norm,
    clip_by_value,
    constant_rate,
    cosine_rate,
    exponential_rate,
    step_rate,
)

Vector = NDArray[np.float64]
START = np.array([1.0, -2.0, 0.5])
CURVATURE = np.array([1.0, 4.0, 0.1])  # of the bowl that is descended


def slope(x: Vector) -> Vector:
    return CURVATURE * x + 0.3


def descend(make: Callable[[list[Value]], Optimizer], steps: int = 30) -> list[list[float]]:
    """The path of our optimiser down the bowl sum(curvature x²/2 + 0.3 x)."""
    xs = [Value(x) for x in START]
    optimizer = make(xs)
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = sum(0.5 * c * x * x + 0.3 * x for c, x in zip(CURVATURE, xs, strict=True))
        loss.backward()
        optimizer.step()
        path.append([x.data for x in xs])
    return path


def sgd(rate: float, momentum: float = 0.0, nesterov: bool = False, decay: float = 0.0) -> Iterator[Vector]:
    x, v = START.copy(), None
    while True:
        g = slope(x) + decay * x
        v = g if v is None else momentum * v + g
        x = x - rate * (g + momentum * v if nesterov else v)
        yield x


def adam(rate: float, b1: float, b2: float, epsilon: float, l2: float = 0.0, decay: float = 0.0) -> Iterator[Vector]:
    x, m, v = START.copy(), np.zeros(3), np.zeros(3)
    t = 0
    while True:
        t += 1
        g = slope(x) + l2 * x
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        x = x - rate * decay * x
        x = x - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + epsilon)
        yield x


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (lambda p: SGD(p, 0.1), sgd(0.1)),
        (lambda p: SGD(p, 0.1, weight_decay=0.2), sgd(0.1, decay=0.2)),
        (lambda p: SGD(p, 0.05, momentum=0.9), sgd(0.05, 0.9)),
        (lambda p: SGD(p, 0.05, momentum=0.9, nesterov=True), sgd(0.05, 0.9, True)),
        (lambda p: SGD(p, 0.05, momentum=0.5, nesterov=True, weight_decay=0.1), sgd(0.05, 0.5, True, 0.1)),
        (lambda p: Adam(p), adam(0.001, 0.9, 0.999, 1e-8)),
        (lambda p: Adam(p, 0.1, betas=(0.8, 0.9), epsilon=1e-3), adam(0.1, 0.8, 0.9, 1e-3)),
        (lambda p: Adam(p, 0.1, weight_decay=0.3), adam(0.1, 0.9, 0.999, 1e-8, l2=0.3)),
        (lambda p: AdamW(p, 0.1), adam(0.1, 0.9, 0.999, 1e-8, decay=0.01)),
        (lambda p: AdamW(p, 0.1, weight_decay=0.3, betas=(0.5, 0.6)), adam(0.1, 0.5, 0.6, 1e-8, decay=0.3)),
    ],
    ids=lambda item: None,
)
def test_paths_are_those_of_the_recurrences(make: Callable[[list[Value]], Optimizer], reference: Iterator[Vector]):
    for ours, theirs in zip(descend(make), reference, strict=False):
        assert ours == pytest.approx(list(theirs), rel=1e-12, abs=1e-14)


def test_plain_descent_in_a_bowl_shrinks_by_one_minus_rate_times_curvature():
    path = descend(lambda p: SGD(p, 0.1), 30)
    bottom = -0.3 / CURVATURE
    expected = bottom + (START - bottom) * (1 - 0.1 * CURVATURE) ** 30
    assert path[-1] == pytest.approx(list(expected), rel=1e-12)


def test_adams_first_step_is_the_rate_whatever_the_gradient():
    for g in (1e-3, 5.0, -1e6):
        x = Value(1.0)
        x.grad = g
        Adam([x], 0.01, epsilon=0.0).step()
        assert x.data == pytest.approx(1 - math.copysign(0.01, g), rel=1e-12)


def test_each_parameter_of_adam_counts_its_own_steps():
    late = Value(1.0)
    other = Value(1.0)
    optimizer = Adam([late, other], 0.01, epsilon=0.0)
    other.grad = 1.0
    for _ in range(5):
        optimizer.step()
    assert late.data == 1.0
    late.grad = 3.0
    optimizer.step()
    assert late.data == pytest.approx(0.99, rel=1e-12)


# ---- all or nothing --------------------------------------------------------------------------------------------------


def test_a_parameter_without_a_gradient_is_left_alone():
    moving, off = Value(1.0), Value(1.0)
    optimizer = SGD([moving, off], 0.1, momentum=0.9, weight_decay=0.5)
    moving.grad = off.grad = 1.0
    optimizer.step()
    assert moving.data == off.data == 1 - 0.1 * 1.5
    here = off.data
    off.grad = None
    optimizer.step()
    assert off.data == here
    assert moving.data < here


def steps_with(optimizer: Optimizer, slopes: list[float]) -> None:
    for parameter, g in zip(optimizer.parameters, slopes, strict=True):
        parameter.grad = g
    optimizer.step()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, momentum=0.9), lambda p: Adam(p), lambda p: AdamW(p)])
def test_a_step_that_fails_changes_nothing(make: Callable[[list[Value]], Optimizer], bad: float):
    optimizer, twin = (make([Value(1.0, "a"), Value(-1.0, "b")]) for _ in range(2))
    steps_with(optimizer, [0.5, -0.25])
    steps_with(twin, [0.5, -0.25])
    with pytest.raises(FloatingPointError, match=rf"{type(optimizer).__name__}, step 1, parameter b: its gradient is"):
        steps_with(optimizer, [0.5, bad])
    assert optimizer.steps == 1
    # the numbers are as before, and so is the state: the next good step is the one that would have come next
    for slopes in ([0.1, 0.2], [0.3, -0.1]):
        steps_with(optimizer, slopes)
        steps_with(twin, slopes)
        assert [p.data for p in optimizer.parameters] == [p.data for p in twin.parameters]


def test_a_step_out_of_range_changes_nothing():
    a, b = Value(1.0, "a"), Value(-1.7e308)
    with pytest.raises(FloatingPointError, match=r"SGD, step 0, parameter number 1: .* would become -inf"):
        steps_with(SGD([a, b], 10.0), [1.0, 1e308])
    assert (a.data, b.data) == (1.0, -1.7e308)
    with pytest.raises(FloatingPointError, match=r"Adam, step 0, parameter number 1: .* with state \(.*inf"):
        steps_with(Adam([a, b]), [1.0, 1e200])  # its square is too large
    assert (a.data, b.data) == (1.0, -1.7e308)


def test_a_step_that_fails_changes_no_state_of_a_rule_that_works_in_place():
    class Momentum(Optimizer):
        state = 1

        def _moved(self, xs: Vector, slopes: Vector, state: Vector, rate: float) -> tuple[Vector, Vector]:
            state *= 0.5
            state += slopes
            xs -= rate * state[0]
            return xs, state

    parameter = Value(1.0)
    optimizer = Momentum([parameter], lambda step: 1.0 if step != 1 else 1e308)
    parameter.grad = 2.0
    optimizer.step()
    parameter.grad = 4.0
    with pytest.raises(FloatingPointError, match="No parameter was changed"):
        optimizer.step()
    optimizer.rate = 1.0
    optimizer.step()
    assert parameter.data == 1.0 - 2.0 - (0.5 * 2.0 + 4.0)


def test_ctrl_c_in_the_middle_of_a_step_finishes_it(monkeypatch: pytest.MonkeyPatch):
    values = [Value(1.0), Value(1.0), Value(1.0)]
    optimizer = SGD(values, 0.5)
    for value in values:
        value.grad = 1.0
    set_data = MACHINE.set_data

    def interrupted(parameters: list[Value], moved: Any) -> None:
        monkeypatch.undo()
        set_data(parameters[:1], moved[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(MACHINE, "set_data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    assert [value.data for value in values] == [0.5, 0.5, 0.5]


def test_what_is_wrong_is_said():
    x = Value(1.0)
    for make, error, message in [
        (lambda: SGD([]), ValueError, "at least one parameter"),
        (lambda: SGD([1.0]), TypeError, "takes leaf Values, such as model.parameters.., not 1.0"),
        (lambda: SGD([x * 2]), TypeError, "takes leaf Values"),
        (lambda: SGD([x, x]), ValueError, "one is given twice"),
        (lambda: SGD([x], -0.1), ValueError, r"rate must be a finite number of at least 0, not -0\.1"),
        (lambda: SGD([x], math.nan), ValueError, "rate must be"),
        (lambda: SGD([x], momentum=-1), ValueError, "momentum must be"),
        (lambda: SGD([x], weight_decay=math.inf), ValueError, "weight_decay must be"),
        (lambda: SGD([x], nesterov=True), ValueError, "nesterov needs a momentum"),
        (lambda: SGD([x], clip_norm=0), ValueError, "clip_norm must be above 0, not 0"),
        (lambda: SGD([x], clip_value=-1.0), ValueError, "clip_value must be above 0"),
        (lambda: Adam([x], betas=(0.9, 1.0)), ValueError, "betas must lie in"),
        (lambda: Adam([x], epsilon=-1e-8), ValueError, "epsilon must be"),
        (lambda: SGD([x], lambda step: math.nan).step(), ValueError, "rate of step 0 must be .* not nan"),
        (lambda: step_rate(0.1, 0), ValueError, "every must be at least 1"),
        (lambda: cosine_rate(0.1, 0), ValueError, "steps must be at least 1"),
    ]:
        with pytest.raises(error, match=message):
            make()


def test_an_optimizer_of_ones_own_needs_its_rule():
    x = Value(1.0)
    x.grad = 1.0
    with pytest.raises(NotImplementedError):
        Optimizer([x], 0.1).step()


# ---- rates -----------------------------------------------------------------------------------------------------------


def test_schedules():
    assert [constant_rate(0.3)(k) for k in (0, 1, 1000)] == [0.3] * 3
    steps = step_rate(1.0, every=3, factor=0.5)
    assert [steps(k) for k in range(8)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    exponential = exponential_rate(2.0, 0.9)
    assert [exponential(k) for k in range(3)] == pytest.approx([2.0, 1.8, 1.62], rel=1e-15)
    cosine = cosine_rate(1.0, 100, floor=0.2)
    assert [cosine(k) for k in (0, 25, 50, 75, 100, 500)] == pytest.approx(
        [1.0, 0.6 + 0.4 * math.sqrt(0.5), 0.6, 0.6 - 0.4 * math.sqrt(0.5), 0.2, 0.2], rel=1e-14
    )


def test_a_rate_may_be_any_function_of_the_step():
    x = Value(0.0)
    x.grad = -1.0
    optimizer = SGD([x], lambda step: 10.0**step)
    for _ in range(4):
        optimizer.step()
    assert x.data == 1111.0


# ---- clipping --------------------------------------------------------------------------------------------------------


def test_clipping_by_hand():
    assert clip_by_value([3.0, -0.5, -7.0], 2.0) == [2.0, -0.5, -2.0]
    assert clip_by_norm([3.0, 4.0], 5.0) == [3.0, 4.0]
    assert clip_by_norm([3.0, 4.0], 1.0) == pytest.approx([0.6, 0.8], rel=1e-15)
    assert clip_by_norm([0.0, 0.0], 1.0) == [0.0, 0.0]
    assert clip_by_norm([], 1.0) == []
    assert clip_by_norm([1.5e308, -1.5e308], 1.0) == pytest.approx([0.5**0.5, -(0.5**0.5)], rel=1e-15)
    assert clip_by_norm([1.5e308, 1.5e308], 1e308) == pytest.approx([1e308 * 0.5**0.5] * 2, rel=1e-15)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=8), st.floats(1e-3, 1e3))
def test_a_clipped_gradient_points_the_same_way_and_is_no_longer_than_the_limit(slopes: list[float], limit: float):
    clipped = clip_by_norm(slopes, limit)
    norm = math.hypot(*slopes)
    assert math.hypot(*clipped) == pytest.approx(min(norm, limit), rel=1e-12)
    for before, after in zip(slopes, clipped, strict=True):
        assert after == pytest.approx(before * min(1.0, limit / norm if norm else 1.0), rel=1e-9, abs=1e-300)


def test_optimizers_clip_by_value_and_then_by_norm_and_leave_grad_alone():
    values = [Value(0.0), Value(0.0)]
    values[0].grad, values[1].grad = 30.0, 4.0
    SGD(values, 1.0, clip_value=3.0, clip_norm=1.0).step()
    assert [v.data for v in values] == pytest.approx([-(0.5**0.5), -(0.5**0.5)], rel=1e-14)
    assert [v.grad for v in values] == [30.0, 4.0]


def test_a_parameter_of_a_class_of_ones_own_moves_by_its_own_setter():
    class Share(Value):
        @property
        def data(self) -> float:
            return Value.data.__get__(self)

        @data.setter
        def data(self, x: float) -> None:
            Value.data.__set__(self, min(max(x, 0.0), 1.0))

    share = Share(0.5)
    share.grad = -100.0
    SGD([share], 1.0).step()
    assert share.data == 1.0
