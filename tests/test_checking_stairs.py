"""Black boxes that rounding turns to stairs: the slope of a tread is neither taken for f's nor made an excuse of."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from autograd.checking import GradientMismatch, GradientRow, check_grads

Function = Callable[[float], float]


def single(x: float) -> float:
    return float(np.float32(x))  # which stands still between two float32


def row_of(f: Function, x: float, claim: float) -> GradientRow:
    try:
        report = check_grads(f, x, grad=lambda x: claim)
    except GradientMismatch as mismatch:
        report = mismatch.report
    (row,) = report.rows
    return row


def verdict(f: Function, x: float, claim: float) -> str:
    return row_of(f, x, claim).verdict


@pytest.mark.parametrize("x", [0.31, 0.77, 1.3, 2.9])
def test_a_term_in_float32_in_a_sum_of_doubles(x: float) -> None:
    def f(x: float) -> float:
        return x * x + float(np.sin(np.float32(x)))

    slope = 2 * x + math.cos(x)
    assert verdict(f, x, slope) == "ok"
    for fault in (-2.0, 0.1, 0.03, 1e-3):
        assert verdict(f, x, (1 + fault) * slope) != "ok"
    left_out = row_of(f, x, 2 * x)  # the slope to all digits, on a tread
    assert left_out.verdict == "wrong"
    assert left_out.numeric == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("x", [0.31, 0.77, 1.3])
def test_a_term_that_is_rounded_to_nine_digits(x: float) -> None:
    assert verdict(lambda x: x * x + round(x, 9), x, 2 * x + 1) == "ok"
    assert verdict(lambda x: x * x + round(x, 9), x, 2 * x) != "ok"


def test_steps_that_are_wider_than_rounding_makes_them_may_be_meant() -> None:
    assert verdict(lambda x: x * x + round(x, 3), 1.3, 2.6) == "ok"
    assert verdict(lambda x: x * x + 1e-4 * (1e4 * x % 1), 1.30003, 2 * 1.30003 + 1) == "ok"  # the teeth of a saw


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda t: 1e-4 * t + (t % 86400) / 3600, 1700006400.0 + 600, 1e-4 + 1 / 3600),  # seconds, and hours of the day
        (lambda t: t * t + round(t, 5), 1.3000051, 2 * 1.3000051),  # near to the edge of a tread
        (lambda t: 101325 + t / 1e-8 % 1, 3e-9, 1e8),  # ten nanoseconds, at three
        (lambda t: 3 * t + 5e-6 * math.floor(t / 1e-5), 1.3 + 1e-6, 3.0),
        (lambda t: t * t + 1e-5 * min(t / 1e-5 % 1, 500 * (1 - t / 1e-5 % 1)), 1.3 + 1e-6, 3.6 + 2e-6),
    ],
)
def test_wide_treads_have_slopes_of_their_own_wherever_x_is_on_them(f: Function, x: float, slope: float) -> None:
    assert verdict(f, x, slope) == "ok"


def test_a_claim_of_the_slope_of_the_whole_stair_is_in_doubt_where_treads_are_wide() -> None:
    def f(x: float) -> float:
        return x * x + 2e-6 * ((x - 1.3) / 1e-5 % 1)

    x = 1.300003
    assert verdict(f, x, 2 * x + 0.2) == "ok"
    whole = row_of(f, x, 2 * x)
    assert whole.verdict == "inconclusive"
    assert "f jumps at steps 1e-05 wide, between which its slope is 2.80001" in whole.note
    assert verdict(f, x, 2 * x - 0.1) == "wrong"


@pytest.mark.parametrize(
    ("f", "x", "slope", "meant"),
    [
        (lambda t: (math.exp(t) - 1) / t if abs(t) > 1e-8 else 1 + 0.4 * t, 0.0, 0.4, 0.5),
        (lambda t: (1 - (1 + t) ** -10) / t if abs(t) > 1e-8 else 10 - 40 * t, 0.0, -40.0, -55.0),
        (lambda t: math.log(1 + t) / t if abs(t) > 1e-8 else 1 - 0.4 * t, 3e-9, -0.4, -0.5),
    ],
)
def test_a_guard_against_cancellation_is_no_tread(f: Function, x: float, slope: float, meant: float) -> None:
    assert verdict(f, x, slope) == "ok"
    assert verdict(f, x, meant) == "wrong"


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda x: x * x + single(0.2 * x) + single(0.3 * x), 0.82, 2 * 0.82 + 0.5),
        (lambda x: x * x + round(0.6 * x, 7) + round(0.4 * x, 7), 1.46, 2 * 1.46 + 1),
        (lambda x: x * x + round(0.6 * x, 7) + round(0.4 * x, 7), 1.52, 2 * 1.52 + 1),
    ],
)
def test_two_stairs_in_one_sum(f: Function, x: float, slope: float) -> None:
    assert verdict(f, x, slope) == "ok"
    assert verdict(f, x, 2 * x) != "ok"
    assert verdict(f, x, -slope) == "wrong"


def test_a_network_in_float32_with_a_regulariser_in_double() -> None:
    rng = np.random.default_rng(57)
    weights, inputs = rng.normal(size=(8, 8)).astype(np.float32), rng.normal(size=8)
    slopes = weights.astype(float) @ inputs

    def f(x: float) -> float:
        return 5 * x * x + float(np.maximum(weights @ (inputs * x).astype(np.float32), 0).sum())

    x = 0.83
    slope = 10 * x + float(slopes[slopes > 0].sum())
    assert verdict(f, x, slope) == "ok"
    assert verdict(f, x, 10 * x) != "ok"
    assert verdict(f, x, 1.01 * slope) == "wrong"


@pytest.mark.parametrize("width", [1e-6, 1e-5, 1e-4, 3e-4])
def test_a_branch_beside_the_point_is_no_tread(width: float) -> None:
    def f(x: float) -> float:
        return math.expm1(x) / x if abs(x) > width else 1 + 0.4 * x  # which should be 0.5 * x

    assert verdict(f, 0.0, 0.5) == "wrong"
    assert verdict(f, 0.0, 0.4) == "ok"


def test_two_turns_beside_the_point_are_no_tread() -> None:
    x = 0.7

    def f(t: float) -> float:
        return 3 * t + 0.35 * (t - x) * (math.tanh((t - x + 8e-6) / 1e-8) - math.tanh((t - x - 8e-6) / 1e-8))

    assert verdict(f, x, 3.7) == "ok"
    assert verdict(f, x, 3.0) == "wrong"


@pytest.mark.parametrize("width", [1e-4, 1e-6])
@pytest.mark.parametrize("x", [0.31, 1.3])
def test_a_clip_on_both_sides_is_no_tread(x: float, width: float) -> None:
    def f(t: float) -> float:
        return t * t + min(max(t, x - width), x + width)

    assert verdict(f, x, 2 * x + 1) == "ok"
    for claim in (2 * x, 1.1 * (2 * x + 1), 0.97 * (2 * x + 1)):
        assert verdict(f, x, claim) != "ok"


def test_a_fast_wave_is_no_stair() -> None:
    def f(x: float) -> float:
        return x * x + 1e-8 * math.sin(1e8 * x)

    x = 1.3
    assert verdict(f, x, 2 * x + math.cos(1e8 * x)) != "wrong"
    assert verdict(f, x, 2 * x) != "ok"


@pytest.mark.parametrize("fault", [0.03, 0.1])
def test_a_fault_beside_a_fast_wave_is_found(fault: float) -> None:
    turns = 2e9 * math.pi

    def f(x: float) -> float:
        return 0.584 * math.tanh(3 * x) + 0.0235 * math.sin(turns * x) / 1e9

    x = 0.9032146765933529
    slope = 3 * 0.584 * (1 - math.tanh(3 * x) ** 2) + 0.0235 * math.cos(turns * x) * turns / 1e9
    assert verdict(f, x, (1 + fault) * slope) == "wrong"


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: 10 + math.sin(3 * x) + 1e-3 * x * math.exp(-((x / 1.5e-3) ** 2)), 3.001),
        (lambda x: 10 + math.sin(3 * x) + 1e-3 * x / math.cosh(x / 4e-4), 3.001),
        (lambda x: 100 + x + 2.5e-4 * x * math.exp(-((920 * x) ** 2) / 2), 1.00025),
    ],
)
def test_what_only_the_nearest_steps_see_is_looked_at(f: Function, slope: float) -> None:
    assert verdict(f, 0.0, slope) == "ok"
    assert verdict(f, 0.0, round(slope)) == "wrong"


def test_a_jump_near_by_is_a_doubt_whatever_was_looked_at_before() -> None:
    row = row_of(lambda x: x**3 - x + round(0.032 * x, 4), 0.915, 3 * 0.915**2 - 1 + 0.032)
    assert row.verdict == "inconclusive"
    assert "f jumps" in row.note


def test_a_table_that_ends_is_the_end_of_f() -> None:
    table = [k / 4000 for k in range(20001)]

    def f(x: float) -> float:
        return 3 * x + table[round(4000 * x)]

    x = 4.01
    assert verdict(f, x, 4.0) != "wrong"
    assert verdict(f, x, 8.0) == "wrong"


@pytest.mark.parametrize("distance", [1.4e-5, 1e-4])
def test_a_kink_beside_which_noise_hides_is_a_doubt(distance: float) -> None:
    """A window that is wide enough for the noise has the kink within, and takes the mean of two slopes for f's."""
    kink = 0.9001
    x = kink - distance

    def f(x: float) -> float:
        return 5.35 * math.sin(x) + 2.79 * (abs(x - kink) + float(np.sin(np.float32(x))))

    smooth = 5.35 * math.cos(x) + 2.79 * math.cos(x)
    row = row_of(f, x, smooth - 2.79)
    assert row.verdict == "inconclusive"
    assert verdict(f, x, smooth) != "ok"  # the mean
    assert verdict(f, x, -(smooth - 2.79)) == "wrong"
    assert verdict(f, x, 1.3 * (smooth - 2.79)) == "wrong"


def beside_a_kink(seed: int) -> tuple[Function, float, float]:
    """A function with noise of one kind or another, a point beside its kink, and its slope there."""
    draw = random.Random(seed)
    x = draw.uniform(0.2, 3.0)
    kink = x + draw.choice((1, -1)) * x * 10 ** draw.uniform(-5.5, -1.5)
    a, b, on = draw.uniform(0.5, 3.0), draw.choice((1, -1)) * draw.uniform(0.2, 2.0), x > kink
    single = np.float32
    if seed % 3 == 0:
        f = lambda t: a * math.sin(t) + b * abs(t - kink) + float(single(math.cos(single(t))))  # noqa: E731  # as short as its formula
        return f, x, a * math.cos(x) + (b if on else -b) - math.sin(x)
    if seed % 3 == 1:
        f = lambda t: float(  # noqa: E731  # as short as its formula
            single(a) * single(t) ** 2 + single(b) * np.maximum(single(t) - single(kink), single(0))
        )
        return f, x, 2 * a * x + (b if on else 0.0)
    f = lambda t: a * t * t + round(b * max(t - kink, 0.0) + math.exp(-t), 6)  # noqa: E731  # as short as its formula
    return f, x, 2 * a * x + (b if on else 0.0) - math.exp(-x)


def test_right_claims_beside_a_kink_are_hardly_ever_accused_and_wrong_ones_are() -> None:
    points = [beside_a_kink(seed) for seed in range(90)]
    points = [(f, x, slope) for f, x, slope in points if abs(slope) > 0.05]
    assert len(points) > 80
    assert sum(verdict(f, x, slope) == "wrong" for f, x, slope in points) <= 6  # 35, if kinks were not thought of
    for fault, least in ((-1.0, 0.95), (1.3, 0.9), (1.03, 0.7)):
        found = sum(verdict(f, x, fault * slope) == "wrong" for f, x, slope in points)
        assert found >= least * len(points), fault
