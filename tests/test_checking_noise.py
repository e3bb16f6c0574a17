"""The noise of black boxes: estimated beside Moré and Wild's difference table, and solvers that stop at a tolerance."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable

import numpy as np
import pytest

from autograd.checking import GradientMismatch, GradientRow, check_grads
from autograd.checking.rounding import natural_length, noise_along
from tests.bank import Task, bisected, descent, fixed_point, kinked, mp, on, ripple, sums, tasks


def row(f: Callable[[float], float], x: float, slope: float) -> GradientRow:
    try:
        return check_grads(f, x, grad=lambda x: slope).rows[0]
    except GradientMismatch as mismatch:
        return mismatch.report.rows[0]


# ---- estimates -------------------------------------------------------------------------------------------------------


def difference_table(samples: list[float]) -> float | None:
    """ECNoise's estimate of the standard deviation, from samples at equal steps (J. J. Moré and S. M. Wild, "Estimating
    computational noise", SIAM J. Sci. Comput. 33, 2011, section 4); 0.0: the step is too small, None: too large."""
    unit = max(map(abs, samples)) or 1.0  # or squares would overflow, or vanish
    column, gamma = [sample / unit for sample in samples], 1.0
    levels: list[float] = []
    signs: list[bool] = []
    if 2 * sum(a == b for a, b in itertools.pairwise(samples)) >= len(samples) - 1:
        return 0.0
    for k in range(1, len(samples)):
        column = [b - a for a, b in itertools.pairwise(column)]
        gamma *= k / (4 * k - 2)  # (k!)² / (2k)!
        levels.append(math.sqrt(gamma * math.fsum(d * d for d in column) / len(column)))
        signs.append(min(column) < 0 < max(column))
    for k in range(len(levels) - 2):
        if signs[k] and max(levels[k : k + 3]) <= 4 * min(levels[k : k + 3]):
            return levels[k] * unit
    return None


def ecnoise(f: Callable[[float], float], x: float, reach: float) -> float:
    """With 9 points, and a step a hundred times larger or smaller where the table asks for it."""
    step = reach / 4
    for _ in range(6):
        step = max(round(step / math.ulp(x)), 1) * math.ulp(x)
        found = difference_table([f(x + k * step) - f(x) for k in range(-4, 5)])
        if found:
            return found
        step *= 100 if found == 0.0 else 0.01
    return 0.0


def noisy() -> list[tuple[Task, float]]:
    """Functions of one number, with the standard deviation of their noise within ten times where it is looked for."""
    exact, found = on(mp), []
    for task in tasks():
        if len(task.xs) == 1 and task.xs[0] and task.name in exact and task.floors[0] < 1e-4:
            x, true = task.xs[0], exact[task.name][0]
            reach = 10 * 2.0**-35 * natural_length(x, task.f([x]), task.gradient[0])
            ts = [x + reach * math.sin(k) for k in range(1, 24)]
            errors = [float(mp.mpf(task.f([t])) - true(mp.mpf(t))) for t in ts if t]
            noise = statistics.pstdev(errors)
            if noise > 0.0 and reach > 1000 * math.ulp(x):
                found.append((task, noise))
    return found


def test_a_known_noise_is_found() -> None:
    for amplitude in (1e-3, 1e-6, 1e-10):
        for x in np.linspace(0.1, 3.0, 12):
            f = lambda t, a=amplitude: math.sin(t) + a * ripple(t)  # noqa: E731  # as short as its formula
            found = noise_along(f, float(x), f(float(x)), 2.0**-35)
            assert 0.2 < found / 3 / (amplitude / math.sqrt(3)) < 4


def test_irregular_steps_and_fits_tell_the_noise_of_the_bank_as_a_difference_table_does_not() -> None:
    ours, table, count = 0, 0, 0
    for task, noise in noisy():
        x, f = task.xs[0], lambda t, task=task: float(task.f([t]))
        reach = 2.0**-35 * natural_length(x, f(x), task.gradient[0])
        try:
            by_table = ecnoise(f, x, reach)
        except (ValueError, ZeroDivisionError):
            continue
        count += 1
        ours += not 0.1 < noise_along(f, x, f(x), reach) / (3 * noise) < 10
        table += not 0.1 < by_table / noise < 10
    assert count > 200
    assert ours < 0.8 * table, (ours, table, count)


# ---- solvers that stop at a tolerance --------------------------------------------------------------------------------


def bisection(x: float, tolerance: float) -> float:
    return bisected(lambda y: y * y - x, 0.0, 10.0, tolerance)


def implicit(name: str, x: float) -> float:
    """The slope of what is solved for, by the implicit function theorem."""
    if name == "bisection":
        return 0.5 / math.sqrt(x)
    y = {"fixed_point": fixed_point, "descent": descent}[name](x, 1e-15)
    if name == "fixed_point":
        return -math.sin(x * y) * y / (1 + math.sin(x * y) * x)
    return 1 / (2 - math.tanh(y) ** 2)


SOLVERS = {"fixed_point": fixed_point, "descent": descent, "bisection": bisection}


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_that_stop_at_a_coarse_tolerance(name: str, tolerance: float) -> None:
    accused = 0
    for x in np.linspace(0.4, 1.1, 15):
        f = lambda x: SOLVERS[name](x, tolerance)  # noqa: E731  # as short as its formula
        slope = implicit(name, float(x))
        right = row(f, float(x), slope)
        accused += not right.passed
        assert right.verdict != "ok" or abs(right.numeric - slope) < 1e-3 * abs(slope)
        if right.resolution < 0.3:
            for factor in (2.0, -1.0):
                assert row(f, float(x), factor * slope).verdict == "wrong"
    assert accused <= {"fixed_point": 3, "descent": 8, "bisection": 0}[name]


# ---- what was misjudged ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        # stairs that are wider than any step: a slope of 0 is seen, and is none
        (lambda x: math.floor(x * x * 2.094 / 9e-4) * 9e-4, 5.6e-8, 2 * 2.094 * 5.6e-8),
        (lambda x: round(2 * x * (x - math.sinh(x)), 6), -0.011372169836469532, 1.9609790774196796e-06),
        (lambda x: math.floor(math.sqrt(math.atan(1.94e8 * x)) / 2.456e-4) * 1e-4, 2.41e-5, 1.44),
        (lambda x: round(math.atan(x * x) ** 2, 6), -0.010907333133481835, -5.190577932439531e-06),
        # what turns within a thousand floats is not noise
        (lambda x: math.cos(math.sinh(math.sinh(x))), 3.995723583199358, 6659743967201.963),
        (lambda x: math.cos(math.sinh(x)), 53.61334510513684, -4.432587189421774e22),
    ],
)
def test_right_slopes_that_were_accused(f: Callable[[float], float], x: float, slope: float) -> None:
    assert row(f, x, slope).passed


@pytest.mark.parametrize(
    ("f", "x", "claim"),
    [
        # a claim of 0, where rounding makes teeth far steeper than the slope
        (lambda x: (math.exp(x) - 1) / x, 1e-6, 0.0),
        (lambda x: (math.exp(x) - 1) / x, -1e-7, 0.0),
        (lambda x: (1 - math.cos(x)) / (x * x), 1e-3, 0.0),
        (lambda x: (1 - math.cos(x)) / (x * x), 1e-3, 8.3333e-5),
        # noise that is larger than its estimate
        (lambda x: round(0.7641 * x + 0.0016497958, 6), -7.692069515535821e-09, -0.7641),
        (lambda x: math.cos(450.6 * x) - 450.6 * x + 3e-8 * ripple(x), -7.172849840202236, 227.6),
        (lambda x: math.cos(math.sinh(math.sinh(x))), 3.995723583199358, -2 * 6659743967201.963),
    ],
)
def test_wrong_slopes_that_were_missed(f: Callable[[float], float], x: float, claim: float) -> None:
    assert row(f, x, claim).verdict == "wrong"


@pytest.mark.parametrize("x", [-100.0, -5.0, -0.3])
def test_where_a_function_stands_still_a_slope_is_wrong_and_none_is_right(x: float) -> None:
    """It begins to move by less and less, and not by the jump of a stair."""
    relu = lambda x: max(x, 0.0)  # noqa: E731  # as short as its formula
    assert row(relu, x, 0.0).verdict == "ok"
    for claim in (1.0, 0.01, -0.01):
        assert row(relu, x, claim).verdict == "wrong"


# ---- stairs of rounding, and kinks beside the point ------------------------------------------------------------------


def named(kind: Callable[[object], dict[str, object]]) -> list[Task]:
    return [task for task in tasks() if task.name in kind(math)]


def term(name: str, k: int, x: float) -> float:
    """The slope of one of the two terms of a sum."""
    f, at, h = sums(mp)[name][k], mp.mpf(x), mp.mpf(10) ** -60
    return float((f(at + h) - f(at - h)) / (2 * h))


@pytest.mark.parametrize("name", sums(math))
def test_a_term_left_out_is_found_where_rounding_makes_stairs_of_it(name: str) -> None:
    for task in named(sums):
        if task.name == name and task.xs[0] in sums(math)[name][2]:
            x, slope, f = task.xs[0], task.gradient[0], lambda x, task=task: task.f([x])
            assert row(f, x, slope).verdict == "ok"
            for k in (0, 1):
                left_out = term(name, 1 - k, x)
                if abs(left_out / slope) > 1e-5 and abs(left_out / slope) > 1e3 * task.floors[0]:
                    found = row(f, x, slope - left_out)
                    assert found.verdict == "wrong" or (x == 1e-6 and found.verdict == "inconclusive"), (task, k, found)


@pytest.mark.parametrize("name", kinked(math))
def test_beside_a_kink_the_slope_of_the_side_is_right_and_nothing_else(name: str) -> None:
    for task in named(kinked):
        if task.name == name:
            x, slope, f = task.xs[0], task.gradient[0], lambda x, task=task: task.f([x])
            right = row(f, x, slope)
            assert right.verdict == "ok" or right.resolution < 1e-4, right
            for factor in (1.1, 0.9, 1.001, 1.0001, 2.0, 0.5, -1.0, 0.0):
                assert row(f, x, factor * slope).verdict == "wrong", (task, factor)


@pytest.mark.parametrize("distance", [1e-2, 1e-3, 1e-5, 1e-6])
@pytest.mark.parametrize("at", [0.0, 1.0, 3.78, -20.0])
def test_where_a_rectifier_is_0_a_slope_of_0_is_right(at: float, distance: float) -> None:
    x = at - distance * (abs(at) or 1.0)
    f = lambda x: max(x - at, 0.0)  # noqa: E731  # as short as its formula
    assert row(f, x, 0.0).verdict == ("inconclusive" if at == 0.0 and distance == 1e-3 else "ok")
    assert row(f, x, 1.0).verdict == row(f, x, -0.3).verdict == "wrong"


@pytest.mark.parametrize("height", [1e-3, 1e-6, 1e-9])
def test_a_tread_is_no_side_of_a_kink(height: float) -> None:
    """Near x the function has the slope of its first term alone, to all digits; it leaves it by a jump."""
    f = lambda x: math.floor(x / height) * height  # noqa: E731  # as short as its formula
    for x in (0.3000004, 1.71, -2.9):
        assert row(f, x, 0.0).verdict == "wrong"
        assert row(f, x, 1.0).passed


STAMP = 1.7e9 + 0.25  # large beside what f depends on, as a time of day is


@pytest.mark.parametrize(
    ("f", "x", "truth", "left_out"),
    [
        # of a large x the last bit is much, but f has it exactly
        (lambda t: (t - (STAMP - 50)) + 1e-8 * math.tanh(1e3 * (t - STAMP)), STAMP, 1 + 1e-5, 1.0),
        (lambda t: 50 * (t - (STAMP - 0.37)) + 3e-8 * math.sin(1.4e4 * (t - STAMP)), STAMP, 50 + 4.2e-4, 50.0),
        # stairs with treads so wide that a window has room on one, and curvature beside them
        (lambda t: t * t + float(np.float16(0.000136 * t)), 0.5900722125807594, None, 2 * 0.5900722125807594),
        (lambda t: math.sin(t) + ((4.3e8 - 0.00026 * t) - 4.3e8), 2.52, None, math.cos(2.52)),
        (lambda t: math.exp(t) + ((2.3e9 + 0.00068 * t) - 2.3e9), 1.92, None, math.exp(1.92)),
        (lambda t: t**3 - t + 7e-4 * int(1393 * t) / 1393, 1.87, None, 3 * 1.87**2 - 1),
        (lambda t: math.log(t) + round(0.00033 * t, 7), 0.336, None, 1 / 0.336),
    ],
)
def test_a_small_term_left_out_is_found(
    f: Callable[[float], float], x: float, truth: float | None, left_out: float
) -> None:
    """Where no truth is given, the function as floats have it is accused of right claims as well."""
    assert row(f, x, left_out).verdict == "wrong"
    if truth is not None:
        assert row(f, x, truth).verdict == "ok"


@pytest.mark.parametrize(("p", "change", "w"), [(0.2, 1e-3, 0.6), (0.1, -1.5e-4, 0.55), (0.18, -0.0071, 0.6)])
def test_one_jump_as_of_a_solver_is_no_fault(p: float, change: float, w: float) -> None:
    x = 0.7
    f = lambda t: math.sin(t) if t > x + p else math.sin(t) + change * math.cos(x) * (t - x - w * p)  # noqa: E731  # as short as its formula
    assert row(f, x, math.cos(x)).verdict == "inconclusive"
