"""Losses against their definitions at 50 digits (mpmath), at logits as extreme as doubles are."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import hypothesis.strategies as st
import mpmath as mp
import pytest
from hypothesis import given

from autograd import Value, gradients, no_grad
from autograd.math import sigmoid, tanh
from nn import (
    binary_cross_entropy,
    half_squared,
    hinge,
    logistic_cross_entropy,
    mean_squared,
    softmax_cross_entropy,
)

Numbers = Sequence[float]
LOGITS = [0.0, 1e-12, 0.7, -3.0, 30.0, -40.0, 700.0, -745.0, 1000.0, -1000.0, 1e5, -1e5]


def exact_binary(z: float, t: float) -> tuple[float, float]:
    """-t ln s(z) - (1 - t) ln s(-z) and its slope (1 - t) s(z) - t s(-z), at 50 digits."""
    with mp.workdps(50):
        z = mp.mpf(z)
        value = t * softplus(-z) + (1 - t) * softplus(z)
        slope = (1 - t) / (1 + mp.exp(-z)) - t / (1 + mp.exp(z))
        return float(value), float(slope)


def softplus(z: Any) -> Any:
    return max(z, 0) + mp.log1p(mp.exp(-abs(z)))


def exact_softmax(logits: Numbers, k: int) -> tuple[float, list[float]]:
    """-ln p_k = ln(1 + sum of the other exp(z_i - z_k)) and its slopes p_i, p_k - 1, at 50 digits."""
    with mp.workdps(50):
        odds = [mp.exp(mp.mpf(z) - mp.mpf(logits[k])) if i != k else mp.mpf(0) for i, z in enumerate(logits)]
        total = mp.fsum(odds)
        slopes = [odd / (1 + total) if i != k else -total / (1 + total) for i, odd in enumerate(odds)]
        return float(mp.log1p(total)), [float(slope) for slope in slopes]


def ours(loss: Callable[..., Any], xs: Numbers, targets: Any) -> tuple[float, list[float]]:
    values = [Value(x) for x in xs]
    result = loss(values if len(values) > 1 else values[0], targets)
    return result.data, gradients(result, values)


# ---- squared errors and hinge ----------------------------------------------------------------------------------------


def test_half_squared_and_mean_squared():
    outputs, targets = [0.751365070, 0.772928465], [0.01, 0.99]
    expected = sum((t - o) ** 2 / 2 for o, t in zip(outputs, targets, strict=True))
    value, slopes = ours(half_squared, outputs, targets)
    assert value == pytest.approx(expected, rel=1e-15)
    assert value == pytest.approx(0.298371109, abs=5e-10)
    assert slopes == pytest.approx([0.741365070, -0.217071535], rel=1e-12)
    value, slopes = ours(mean_squared, outputs, targets)
    assert value == pytest.approx(expected, rel=1e-15)  # half the sum of two is their mean
    assert slopes == pytest.approx([0.741365070, -0.217071535], rel=1e-12)
    value, slopes = ours(mean_squared, [3.0], 1.0)
    assert (value, slopes) == (4.0, [4.0])


@pytest.mark.parametrize(
    ("score", "target", "value", "slope"),
    [(0.3, 1, 0.7, -1.0), (0.3, -1, 1.3, 1.0), (2.0, 1, 0.0, 0.0), (-2.0, -1, 0.0, 0.0), (1.0, 1.0, 0.0, 0.0)],
)
def test_hinge(score: float, target: float, value: float, slope: float):
    assert ours(hinge, [score], target) == (pytest.approx(value), [slope])


def test_hinge_sums_over_scores():
    value, slopes = ours(hinge, [0.5, -0.5, 3.0], [1, 1, -1])
    assert value == pytest.approx(0.5 + 1.5 + 4.0)
    assert slopes == [-1.0, -1.0, 1.0]


# ---- cross entropies -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("z", LOGITS)
@pytest.mark.parametrize("t", [0, 1, 0.25])
def test_binary_cross_entropy_at_any_logit(z: float, t: float):
    value, slope = exact_binary(z, t)
    got, (got_slope,) = ours(binary_cross_entropy, [z], t)
    assert got == pytest.approx(value, rel=1e-14)
    assert got_slope == pytest.approx(slope, rel=1e-14)


@pytest.mark.parametrize("z", LOGITS)
@pytest.mark.parametrize("t", [0, 1, 0.25])
def test_the_delta_of_logistic_cross_entropy_is_output_minus_target(z: float, t: float):
    logit = Value(z)
    out = sigmoid(logit)
    loss = logistic_cross_entropy(out, t)
    value, slope = exact_binary(z, t)
    assert loss.data == pytest.approx(value, rel=1e-14)
    (delta,) = gradients(loss, [logit])
    assert delta == pytest.approx(slope, rel=1e-14)
    assert delta == pytest.approx(out.data - t, rel=1e-14, abs=1e-16)


def test_the_two_deltas_of_a_logistic_output():
    logit, t = Value(0.8), 0.3
    out = sigmoid(logit)
    o = out.data
    assert gradients(half_squared(out, t), [logit]) == pytest.approx([(o - t) * o * (1 - o)], rel=1e-14)
    assert gradients(logistic_cross_entropy(out, t), [logit]) == pytest.approx([o - t], rel=1e-14)


@pytest.mark.parametrize("t", [0, 1, 0.25])
def test_logistic_cross_entropy_of_an_output_that_no_sigmoid_made(t: float):
    o = 0.5 + 0.5 * math.tanh(0.4)
    z = Value(0.4)
    by_tanh = logistic_cross_entropy(0.5 + 0.5 * tanh(z), t)
    assert by_tanh.data == pytest.approx(-(t * math.log(o) + (1 - t) * math.log(1 - o)), rel=1e-14)
    assert gradients(by_tanh, [z]) == pytest.approx([2 * (o - t)], rel=1e-13)
    with no_grad():
        assert logistic_cross_entropy(sigmoid(Value(0.4)), t).op is None
    assert logistic_cross_entropy(1.0, 1) == 0


@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize(
    "logits", [(0.1, -0.2, 0.3), (1000.0, 0.0, -1000.0), (-1e4, -1e4, -1e4), (1e-9, 0.0, 50.0), (300.0, 299.0, -5.0)]
)
def test_softmax_cross_entropy_at_any_logits(logits: tuple[float, ...], k: int):
    value, slopes = exact_softmax(logits, k)
    got, got_slopes = ours(softmax_cross_entropy, logits, k)
    assert got == pytest.approx(value, rel=1e-14)
    assert got_slopes == pytest.approx(slopes, rel=1e-12, abs=1e-300)
    one_hot = [float(i == k) for i in range(3)]
    assert ours(softmax_cross_entropy, logits, one_hot) == (got, got_slopes)


def test_softmax_cross_entropy_of_a_distribution():
    logits, t = (0.4, -1.0, 2.0), (0.2, 0.5, 0.3)
    parts = [exact_softmax(logits, k) for k in range(3)]
    value = sum(p * part for p, (part, _) in zip(t, parts, strict=True))
    slopes = [sum(p * part[i] for p, (_, part) in zip(t, parts, strict=True)) for i in range(3)]
    got, got_slopes = ours(softmax_cross_entropy, logits, t)
    assert got == pytest.approx(value, rel=1e-14)
    assert got_slopes == pytest.approx(slopes, rel=1e-12)


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=6), st.data())
def test_softmax_cross_entropy_is_at_least_0_and_its_slopes_sum_to_0(logits: list[float], data: st.DataObject):
    k = data.draw(st.integers(0, len(logits) - 1))
    value, slopes = ours(softmax_cross_entropy, logits, k)
    rounding = 2**-52 * max(1.0, *map(abs, logits))  # of a logarithm as large as the logits
    assert value >= 0
    assert abs(sum(slopes)) <= 4 * rounding
    assert all(0 <= slope <= 1 + rounding for i, slope in enumerate(slopes) if i != k)
    assert -1 - rounding <= slopes[k] <= 0


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_said():
    z = Value(0.5)
    for call, message in [
        (lambda: half_squared([z, z], [1.0]), "half_squared needs a target for each output: 2 outputs, 1 targets"),
        (lambda: mean_squared([], []), "mean_squared needs a target for each output: 0 outputs"),
        (lambda: hinge(z, 0), "hinge takes targets -1 and 1, not 0"),
        (lambda: binary_cross_entropy(z, -1), "binary_cross_entropy takes targets from 0 to 1, not -1"),
        (lambda: logistic_cross_entropy(z, 1.5), "logistic_cross_entropy takes targets from 0 to 1, not 1.5"),
        (lambda: softmax_cross_entropy(z, 0), "the logits of at least 2 classes, not 1"),
        (lambda: softmax_cross_entropy([z, z], 2), "has 2 classes, and no class 2"),
        (lambda: softmax_cross_entropy([z, z], -1), "has 2 classes, and no class -1"),
        (lambda: softmax_cross_entropy([z, z], [0.5, 0.6]), "numbers >= 0 that sum to 1"),
        (lambda: softmax_cross_entropy([z, z], [1.5, -0.5]), "numbers >= 0 that sum to 1"),
        (lambda: softmax_cross_entropy([z, z], [math.nan, 1.0]), "numbers >= 0 that sum to 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match=r"takes a class number \(an int\), not 1.0"):
        softmax_cross_entropy([z, z], 1.0)
