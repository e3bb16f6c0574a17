"""Claimed derivatives of black boxes: right ones pass, wrong ones are found, and what is known of them is said."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, grad
from autograd import math as am
from autograd.checking import GradientMismatch, GradientReport, check_grads
from autograd.checking.plain import Format
from autograd.checking.taylor import remainder
from autograd.testing import RandomFunction, check_everywhere, numbers, programs
from tests.bank import kinked, sums, tasks

x3 = np.array([1.0, 2.0, 3.5])


def report(f: Callable[..., Any], args: Any, **claims: Any) -> GradientReport:
    try:
        return check_grads(f, args, **claims)
    except GradientMismatch as mismatch:
        assert not mismatch.report.passed
        assert str(mismatch) == str(mismatch.report)
        return mismatch.report


def mean_square(x: Any) -> Any:
    return np.mean(x**2)


def rosenbrock(x: Any) -> Any:
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def rosenbrock_gradient(x: Any) -> Any:
    return np.array([-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)])


def rosenbrock_hessian(x: Any) -> Any:
    return np.array([[2 - 400 * (x[1] - 3 * x[0] ** 2), -400 * x[0]], [-400 * x[0], 200.0]])


# ---- every kind of claim ---------------------------------------------------------------------------------------------


@dataclass
class Point:
    x: float
    y: list[float]


KINDS: dict[str, tuple[Callable[..., Any], Any, dict[str, Callable[..., Any]]]] = {
    "number": (lambda x: math.sin(x), 0.7, {"grad": lambda x: math.cos(x)}),
    "two numbers": (lambda x, y: x * math.exp(y), (0.7, 0.2), {"grad": lambda x, y: (math.exp(y), x * math.exp(y))}),
    "array": (mean_square, x3, {"grad": lambda x: 2 * x / 3}),
    "array and number": (lambda x, c: c * np.sum(x), (x3, 2.0), {"grad": lambda x, c: (0 * x + c, np.sum(x))}),
    "matrix": (lambda a: np.sum(a @ a), (np.eye(2) + 1,), {"grad": lambda a: (np.ones((2, 2)) @ a.T + a.T @ np.ones((2, 2)))}),
    "nested": (
        lambda p: p["w"][0] * p["w"][1] + p["b"] ** 2,
        ({"w": [2.0, 3.0], "b": 0.5},),
        {"grad": lambda p: {"b": 2 * p["b"], "w": p["w"][::-1]}},
    ),
    "dataclass": (lambda p: p.x * p.y[0], (Point(2.0, [3.0]),), {"grad": lambda p: Point(p.y[0], [p.x])}),
    "list": (lambda x: x[0] * x[1], ([2.0, 3.0],), {"grad": lambda x: (x[1], x[0])}),
    "Jacobian": (lambda x: np.array([x[0] * x[1], x[2] ** 2]), x3, {"jacobian": lambda x: np.array([[x[1], x[0], 0], [0, 0, 2 * x[2]]])}),
    "sparse Jacobian": (lambda x: x**2, x3, {"jacobian": lambda x: scipy.sparse.diags(2 * x)}),
    "Jacobian by two": (lambda x, y: [x * y, x], (2.0, 3.0), {"jacobian": lambda x, y: ([y, 1.0], [x, 0.0])}),
    "Jacobian by a dict": (lambda p: [p["a"] * p["b"], p["a"]], ({"a": 1.0, "b": 2.0},), {"jacobian": lambda p: {"b": [p["a"], 0.0], "a": [p["b"], 1.0]}}),
    "pullback": (lambda x: [x[0] * x[1], x[0]], ([1.0, 2.0],), {"vjp": lambda x, u: [u[0] * x[1] + u[1], u[0] * x[0]]}),
    "pushforward": (lambda x: [x[0] * x[1], x[0]], ([1.0, 2.0],), {"jvp": lambda x, v: [v[0] * x[1] + x[0] * v[1], v[0]]}),
    "Hessian": (rosenbrock, np.array([1.0, 2.0]), {"hessian": rosenbrock_hessian}),
    "Hessian of a gradient": (rosenbrock, np.array([1.0, 2.0]), {"grad": rosenbrock_gradient, "hessian": rosenbrock_hessian}),
    "Hessian by two": (lambda x, y: x * y**2, (2.0, 3.0), {"hessian": lambda x, y: ((0.0, 2 * y), (2 * y, 2 * x))}),
    "product with a Hessian": (rosenbrock, np.array([1.0, 2.0]), {"hvp": lambda x, v: rosenbrock_hessian(x) @ v}),
    "Hessian of floats only": (lambda x: math.exp(x) * 2, 0.5, {"hessian": lambda x: math.exp(x) * 2}),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_claim_passes_if_it_is_right_and_is_found_if_it_is_not(kind: str) -> None:
    f, args, claims = KINDS[kind]
    found = check_grads(f, args, strict=True, **claims)
    assert {row.verdict for row in found.rows} == {"ok"}
    assert found.evaluations > 0
    assert f"{found.evaluations} evaluations of f" in str(found).replace(found.function, "f")
    name, claim = list(claims.items())[-1]
    for factor in (1.001, -1.0):
        wrong = report(f, args, **{**claims, name: lambda *xs, factor=factor: scaled(claim(*xs), factor)})
        assert not wrong.passed
        for row in wrong.rows:
            if row.order == max(each.order for each in wrong.rows):
                assert (row.verdict == "wrong") == (row.numeric != 0.0), (kind, row)


def scaled(tree: Any, factor: float) -> Any:
    if isinstance(tree, dict):
        return {key: scaled(item, factor) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(scaled(item, factor) for item in tree)
    if isinstance(tree, Point):
        return Point(scaled(tree.x, factor), scaled(tree.y, factor))
    return tree * factor


def test_the_value_and_the_gradient_of_one_function() -> None:
    assert check_grads(lambda x: (np.sum(x**2), 2 * x), x3, value_and_grad=True).passed
    assert not report(lambda x: (np.sum(x**2), x), x3, value_and_grad=True).passed
    with pytest.raises(TypeError, match="return the pair"):
        check_grads(lambda x: x, 1.0, value_and_grad=True)
    with pytest.raises(ValueError, match="not both"):
        check_grads(lambda x: (x, 1.0), 1.0, value_and_grad=True, grad=lambda x: 1.0)


def test_no_value_is_passed_to_a_black_box() -> None:
    seen: list[type] = []

    def f(x: Any) -> float:
        seen.append(type(x))
        return float(x) ** 2

    check_grads(f, Value(3.0), grad=lambda x: 2 * x)
    assert set(seen) == {float, complex} or set(seen) == {float}


def test_arguments_keep_their_kind_and_precision() -> None:
    seen: set[Any] = set()

    def f(x: Any, y: Any) -> Any:
        seen.update({(type(x), x.dtype, x.shape), (type(y), y.dtype)})
        return np.sum(x) * y

    a, b = np.ones((2, 1), np.float32), np.float32(2.0)
    assert check_grads(f, (a, b), grad=lambda x, y: (np.full((2, 1), y), np.sum(x))).passed
    assert seen == {(np.ndarray, np.dtype(np.float32), (2, 1)), (np.float32, np.dtype(np.float32))}


def test_the_report_is_json_and_has_what_was_found() -> None:
    data = json.loads(json.dumps(report(mean_square, x3, grad=lambda x: -2 * x / 3).as_dict(), allow_nan=False))
    assert data["claim"] == "grad"
    assert data["causes"] == ["likely cause: the sign is wrong"]
    assert data["rows"][0]["rate"] == pytest.approx(1.0, abs=0.05)


# ---- the bank --------------------------------------------------------------------------------------------------------


def on_bank(task: Any, claim: tuple[float, ...]) -> GradientReport:
    if len(task.xs) == 1:
        return report(lambda x: task.f([x]), task.xs[0], grad=lambda x: claim[0])
    return report(task.f, (list(task.xs),), grad=lambda x: list(claim))


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_the_bank_is_large_and_of_all_kinds() -> None:
    assert len({task.name for task in tasks()}) >= 100
    assert sum(len(task.xs) > 1 for task in tasks()) >= 25


def test_no_right_gradient_of_the_bank_is_accused_and_evaluations_are_few() -> None:
    counts = []
    for task in tasks():
        found = on_bank(task, task.gradient)
        assert found.passed, (task, str(found))
        counts.append(found.evaluations / len(task.xs))
        near = task.name in kinked(math) or task.name in sums(math)
        for row, floor in zip(found.rows, task.floors, strict=True):
            seen = row.verdict == "ok" or (near and row.resolution < 1e-4)
            assert seen or 1e3 * floor > 1e-5, (task, row)
            assert counts[-1] <= (93 if near else 60 if 1e3 * floor <= 1e-5 else 80), (task, counts[-1])
    assert sorted(counts)[len(counts) * 3 // 4] <= 40


@pytest.mark.parametrize("fault", [1e-1, -1e-3, 1e-4, -2.0])
def test_every_fault_in_the_bank_that_rounding_shows_is_found(fault: float) -> None:
    for task in tasks()[:: 2 if fault == 1e-4 else 4]:
        for i, slope in enumerate(task.gradient):
            if task.shows(i, fault):
                found = on_bank(task, (*task.gradient[:i], slope * (1 + fault), *task.gradient[i + 1 :]))
                assert found.rows[i].verdict == "wrong", (task, i, str(found))
                assert found.rows[i].resolution <= abs(fault) or task.name in kinked(math)  # a mean of two slopes
                most = (112 if task.name in kinked(math) else 100) * len(task.xs)
                assert found.evaluations <= most, (task, i, found.evaluations)


def test_a_derivative_of_0_is_refused_where_rounding_makes_stairs() -> None:
    counts = [
        on_bank(task, tuple(slope if j != i else 0.0 for j, slope in enumerate(task.gradient)))
        for task in tasks()
        for i in range(len(task.xs))
        if task.gradient[i] and task.shows(i, -1.0)
    ]
    assert not any(found.passed for found in counts)
    evaluations = sorted(found.evaluations / len(found.point) for found in counts)
    assert evaluations[-3] <= 110
    assert evaluations[-1] <= 130  # of a coarse bisection, and of interest near 0


@given(programs(), st.tuples(numbers(), numbers()), st.sampled_from((0, 1)), st.sampled_from((1.001, 0.9, -1.0)))
@settings(max_examples=60)
def test_random_programs_pass_and_one_perturbed_partial_does_not(
    f: RandomFunction, xs: tuple[float, float], i: int, factor: float
) -> None:
    true = grad(f, (0, 1))
    assert check_grads(f, xs, grad=true).passed
    wrong = report(f, xs, grad=lambda *at: tuple(g * factor if k == i else g for k, g in enumerate(true(*at))))
    if true(*xs)[i]:
        assert wrong.rows[i].verdict not in ("ok", "one-sided"), wrong
        assert wrong.rows[1 - i].verdict != "wrong"


# ---- noise and what is still seen ------------------------------------------------------------------------------------


def test_what_a_wider_step_shows_is_not_hidden() -> None:
    def f(x: float, y: float) -> float:
        return 1e6 * x + 1e-6 * math.sin(y)

    right = check_grads(f, (2.0, 0.3), grad=lambda x, y: (1e6, 1e-6 * math.cos(y)))
    assert right.rows[1].resolution < 0.02
    wrong = report(f, (2.0, 0.3), grad=lambda x, y: (1e6, 1.1e-6 * math.cos(y)))
    assert [row.verdict for row in wrong.rows] == ["ok", "wrong"]
    with pytest.raises(GradientMismatch, match="not confirmed"):
        check_grads(f, (2.0, 0.3), grad=lambda x, y: (1e6, 1e-6 * math.cos(y)), strict=True)


def test_the_resolution_is_the_fault_that_is_still_seen() -> None:
    def f(x: float) -> float:
        return float(np.float32(1000) + np.sin(np.float32(x)))

    found = check_grads(f, 0.7, grad=lambda x: math.cos(x))
    (row,) = found.rows
    assert row.verdict == "inconclusive"
    assert 1e-4 < row.resolution < 0.2
    assert "no fault above" in row.note
    seen = report(f, 0.7, grad=lambda x: (1 + 1.2 * row.resolution) * math.cos(x))
    assert not seen.passed
    assert check_grads(f, 0.7, grad=lambda x: math.cos(x), resolution=0.2, strict=True).rows[0].verdict == "ok"


def test_a_function_that_is_never_twice_the_same_is_measured_with_its_spread() -> None:
    rng = np.random.default_rng(1)

    def f(x: float) -> float:
        return float(x**2 + 1e-4 * rng.normal())

    (row,) = check_grads(f, 3.0, grad=lambda x: 2 * x).rows
    assert 1e-5 < row.resolution < 0.1
    assert not report(f, 3.0, grad=lambda x: 3 * x).passed


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_steps_in_low_precision_do_not_vanish(dtype: Any) -> None:
    x = np.array([1.0, 2.0, 3.0], dtype)
    found = check_grads(lambda x: np.sum(x * x, dtype=dtype), x, grad=lambda x: 2 * x)
    assert [row.verdict for row in found.rows] == ["ok"] * 3
    assert max(row.resolution for row in found.rows) < (1e-3 if dtype is np.float32 else 0.1)
    assert not report(lambda x: np.sum(x * x, dtype=dtype), x, grad=lambda x: 2.5 * x).passed


def test_a_format_rounds_as_numpy_does() -> None:
    single, half = Format(24, 2.0**-149), Format(11, 2.0**-24)
    for x in (1.0, 0.1, -3.7e5, 2.0**-130, 0.0, 1234.567, -1 / 3):
        assert single.nearest(x) == float(np.float32(x))
        assert not x or single.spacing(x) == float(np.spacing(np.float32(abs(x))))
        if abs(x) < 6e4:
            assert half.nearest(x) == float(np.float16(x))


# ---- the witnesses ---------------------------------------------------------------------------------------------------


def test_the_remainder_falls_as_its_square_or_not() -> None:
    steps = [s * 2.0**-k for k in range(4, 30) for s in (1, -1)]
    rises = [(h, math.sin(0.7 + h) - math.sin(0.7)) for h in steps]
    right = remainder(rises, math.cos(0.7), 1e-16)
    assert right.rate == pytest.approx(2.0, abs=0.05)
    assert right.bound < 1e-7
    wrong = remainder(rises, 1.01 * math.cos(0.7), 1e-16)
    assert wrong.rate == pytest.approx(1.0, abs=0.05)
    assert wrong.bound == pytest.approx(0.01 * math.cos(0.7), rel=0.9)
    assert remainder([(h, 2 * h) for h in steps], 2.0, 1e-16).rate is None


def test_rates_are_in_the_report() -> None:
    assert check_grads(math.sin, 0.7, grad=math.cos).rows[0].rate == pytest.approx(2.0, abs=0.1)
    wrong = report(math.sin, 0.7, grad=lambda x: 1.1 * math.cos(x))
    assert wrong.rows[0].rate == pytest.approx(1.0, abs=0.1)
    assert "rate" in str(wrong)


def test_one_step_for_all_scales_accuses_nobody() -> None:
    rng = np.random.default_rng(0)
    for _ in range(25):
        a, b = rng.normal(size=2), rng.normal(size=2) * 20000
        assert check_grads(
            lambda a, b: np.sum(np.sin(a) * b**2), (a, b), grad=lambda a, b: (np.cos(a) * b**2, 2 * np.sin(a) * b)
        ).passed


def test_the_complex_step_is_named_where_f_is_analytic() -> None:
    (row,) = check_grads(lambda x: np.tanh(x), 20.0, grad=lambda x: 1 / np.cosh(x) ** 2, strict=True).rows
    assert (row.verdict, row.oracle) == ("ok", "complex step")
    wrong = report(lambda x: np.tanh(x), 20.0, grad=lambda x: 1.001 / np.cosh(x) ** 2)
    assert (wrong.rows[0].verdict, wrong.rows[0].oracle) == ("wrong", "complex step")
    assert check_grads(lambda x: math.tanh(x), 20.0, grad=lambda x: 0.0).rows[0].oracle == "differences"


@pytest.mark.parametrize(
    ("f", "df", "x"),
    [
        (abs, lambda x: 1.0, 2.0),
        (lambda x: abs(x) ** 2, lambda x: 2 * x, 2.0),
        (lambda x: x.real * 3 if isinstance(x, complex) else 3 * x, lambda x: 3.0, 2.0),
        (lambda x: x.conjugate() ** 2, lambda x: 2 * x, 2.0),
        (lambda x: np.abs(x) + x, lambda x: 2.0, 2.0),
        (lambda x: np.real(x) ** 2 + 1e8, lambda x: 2 * x, 2.0),
    ],
)
def test_what_takes_complex_numbers_and_is_not_analytic_is_judged_by_differences(f: Any, df: Any, x: float) -> None:
    (row,) = check_grads(f, x, grad=df).rows
    assert row.verdict in ("ok", "inconclusive")
    assert not report(f, x, grad=lambda x: 1.1 * df(x)).passed


@pytest.mark.parametrize("x", [1e-3, 1e-5, 1e-7, 1e-9])
def test_a_complex_step_in_which_numbers_cancel_accuses_nobody(x: float) -> None:
    def slope(x: Any) -> Any:
        return sum(k * x ** (k - 1) / math.factorial(k + 1) for k in range(1, 14))

    assert check_grads(lambda x: (np.exp(x) - 1) / x, x, grad=slope).passed
    assert check_grads(lambda x: (1 - np.cos(x)) / x, x, grad=lambda x: 0.5 - x * x / 8).passed


def test_mpmath_may_be_asked() -> None:
    (row,) = check_grads(lambda x: 1e20 + mpmath.exp(x), 1.0, grad=lambda x: mpmath.exp(x), oracle="mpmath").rows
    assert (row.verdict, row.oracle) == ("ok", "mpmath")
    assert not report(lambda x: 1e20 + mpmath.exp(x), 1.0, grad=lambda x: 1.0001 * math.exp(x), oracle="mpmath").passed
    with pytest.raises(ValueError, match="does not compute with mpmath's numbers"):
        check_grads(lambda x: math.exp(x), 1.0, grad=lambda x: math.exp(x), oracle="mpmath")


# ---- likely causes ---------------------------------------------------------------------------------------------------


class Stale:
    """A gradient that is that of the point before."""

    def __init__(self, df: Callable[[Any], Any], first: Any) -> None:
        self.df, self.last = df, first

    def __call__(self, x: Any) -> Any:
        before, self.last = self.last, np.array(x)
        return self.df(before)


A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 7.0]])
weighted = (lambda x, y: np.sum(x * np.exp(y)), (x3, np.array([0.1, 0.2, 0.3])))


@pytest.mark.parametrize(
    ("f", "args", "claims", "said"),
    [
        (mean_square, x3, {"grad": lambda x: -2 * x / 3}, "the sign is wrong"),
        (mean_square, x3, {"grad": lambda x: 4 * x / 3}, "a factor of 2 too many"),
        (mean_square, x3, {"grad": lambda x: x / 3}, "a factor of 2 is missing"),
        (mean_square, x3, {"grad": lambda x: 2 * x}, "the sum returned where the mean was meant, over the 3 numbers of x"),
        (mean_square, x3, {"grad": lambda x: 2 * x / 9}, "a factor of 1/3 too many"),
        (mean_square, x3, {"grad": lambda x: 2 * x / 3 * [1, 1, -1]}, "the sign is wrong by x[2]"),
        (mean_square, x3, {"grad": lambda x: (2 * x / 3)[[0, 2, 1]]}, "the derivatives by x[1] and x[2] are swapped"),
        (lambda x: np.sum(x**2 * [1, 2, 3, 4]), np.array([1.0, 2.0, 3.5, 0.4]), {"grad": lambda x: (2 * x * [1, 2, 3, 4])[::-1]}, "in reverse order"),
        (mean_square, x3, {"grad": lambda x: 2 * x / 3 * [1, 0, 1]}, "the derivative by x[1] was never set"),
        (mean_square, x3, {"grad": lambda x: 0 * x}, "the gradient was never set"),
        (mean_square, x3, {"grad": Stale(lambda x: 2 * x / 3, np.zeros(3))}, "a stale gradient"),
        (mean_square, x3, {"grad": lambda x: 2.2 * x / 3}, "is 1.1 times the derivative"),
        (*weighted, {"grad": lambda x, y: (x * np.exp(y), x * np.exp(y))}, "what is returned by x is the derivative by y"),
        (*weighted, {"grad": lambda x, y: (x * np.exp(y), np.exp(y))}, "the derivatives by x and y are swapped"),
        (lambda x: A @ x, np.array([1.0, 2.0]), {"jacobian": lambda x: A.T}, "the Jacobian is transposed"),
        (lambda x: B @ x, x3, {"jacobian": lambda x: B.T}, "the Jacobian is transposed: its numbers are in the order of 3 x 2"),
        (lambda x: np.mean(x), np.arange(12.0).reshape(3, 4), {"grad": lambda x: np.full((3, 4), 1 / 3)}, "over axis 1 of x"),
    ],
)  # fmt: skip
def test_the_likely_cause_is_named(f: Any, args: Any, claims: dict[str, Any], said: str) -> None:
    found = report(f, args, **claims)
    assert len(found.causes) == 1, found.causes
    assert said in found.causes[0]
    assert found.causes[0] in str(found)


def test_no_cause_is_made_up() -> None:
    wrong = report(mean_square, x3, grad=lambda x: 2 * x / 3 + np.array([0.1, -0.03, 0.7]))
    assert (wrong.causes, wrong.passed) == ([], False)
    assert check_grads(mean_square, x3, grad=lambda x: 2 * x / 3).causes == []


def test_a_claim_that_is_no_function_of_the_point_is_called_that() -> None:
    rng = np.random.default_rng(2)
    found = report(mean_square, x3, grad=lambda x: 2 * x / 3 * rng.uniform(0.5, 0.9))
    assert "called again at the same one, it returns something else" in found.causes[0]


# ---- wrong use and verdicts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args", "claims", "kind", "said"),
    [
        (lambda x: x * 1j, 2.0, {"grad": lambda x: 1j}, TypeError, "f returns complex numbers .* its real and its imaginary"),
        (lambda x: np.array([x * 1j]), 2.0, {"grad": lambda x: 1j}, TypeError, "f returns complex numbers"),
        (lambda x: x, 2.0 + 1j, {"grad": lambda x: 1.0}, TypeError, r"f is given complex numbers \(complex\).* as two arguments"),
        (lambda x: x, (np.array([1j]),), {"grad": lambda x: 1.0}, TypeError, "given complex numbers .ndarray of complex128"),
        (lambda x: (-x) ** 0.5, 2.0, {"grad": lambda x: 1.0}, TypeError, "f returns complex numbers"),
        (lambda x: np.exp(1j * x), x3, {"jacobian": lambda x: np.diag(x)}, TypeError, "f returns complex numbers"),
        (lambda x: x * x, 2.0, {"grad": lambda x: 2j * x}, TypeError, r"grad\(…\) has complex numbers .*real functions are real"),
        (lambda x: x * x, x3, {"jacobian": lambda x: np.diag(2j * x)}, TypeError, r"jacobian has complex numbers"),
        (lambda x: x * 1j, 2.0, {}, TypeError, "f returns complex numbers .* its real and its imaginary"),
        (lambda x: [x, complex(1, 2)], 2.0, {}, TypeError, "f returns complex numbers"),
        (lambda x: np.array([x]) * 1j, 2.0, {}, TypeError, "f returns complex numbers"),
        (lambda x: x, 1j, {}, TypeError, "f is given complex numbers"),
        (lambda x: [x, x], 2.0, {"grad": lambda x: 1.0}, ValueError, "use jacobian=, vjp= or jvp="),
        (lambda x: [x, x], 2.0, {"hessian": lambda x: 1.0}, ValueError, "a function with one number"),
        (np.sum, x3, {"grad": lambda x: [1.0, 1.0]}, TypeError, r"grad\(…\) must be"),
        (lambda x, y: x * y, (2.0, 3.0), {"grad": lambda x, y: y}, TypeError, "a derivative for each of the 2 arguments"),
        (lambda x, y: x * y, (2.0, 3.0), {"grad": lambda x, y: (y,)}, TypeError, "1 derivatives for the 2 arguments"),
        (lambda x: x**2, x3, {"jacobian": lambda x: np.eye(2)}, TypeError, "must have 3 x 3 numbers"),
        (lambda x: x, 2.0, {"grad": lambda x: "a"}, TypeError, "must be a number"),
        (lambda x: [], 2.0, {"jacobian": lambda x: []}, ValueError, "nothing to check"),
        (lambda x: x, 2.0, {"oracle": "luck", "grad": lambda x: 1.0}, ValueError, "oracle must be 'mpmath'"),
        (lambda x: x, 2.0, {"oracle": "mpmath"}, ValueError, "is for a claimed derivative"),
        (lambda x: sum(x), ([1.0] * 300,), {"hessian": lambda x: 0}, ValueError, "a Hessian is checked of up to"),
    ],
)  # fmt: skip
def test_wrong_use_is_refused(f: Any, args: Any, claims: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        check_grads(f, args, **claims)


def test_a_claim_that_is_not_finite_fails() -> None:
    found = report(lambda x: x * x, 2.0, grad=lambda x: math.nan)
    assert (found.rows[0].verdict, found.rows[0].note) == ("not finite", "the claim is not finite")
    assert found.rows[0].numeric == pytest.approx(4.0)


def test_a_kink_is_a_kink_of_a_black_box_too() -> None:
    for claim in (-1.0, 0.0, 1.0):
        assert check_grads(abs, 0.0, grad=lambda x, claim=claim: claim).rows[0].verdict == "kink"
    assert report(abs, 0.0, grad=lambda x: 1.5).rows[0].verdict == "wrong"


def test_strict_is_for_values_too() -> None:
    assert check_grads(am.tanh, 25.0, order=1).rows[0].verdict in ("ok", "inconclusive")
    with pytest.raises(GradientMismatch, match="1 of 1 derivatives is not confirmed"):
        check_grads(lambda x: 1e16 + am.sin(x), 0.3, order=1, strict=True)


# ---- everywhere ------------------------------------------------------------------------------------------------------


def test_a_domain_is_searched_and_the_failure_is_the_simplest() -> None:
    def df(x: float, y: float) -> tuple[float, float]:
        return math.cos(x) * y, math.sin(x) * (0.9 if y > 1.5 else 1.0)

    check_everywhere(lambda x, y: math.sin(x) * y, [(0, 1), (0, 1.5)], grad=df, max_examples=30)
    with pytest.raises(GradientMismatch) as caught:
        check_everywhere(lambda x, y: math.sin(x) * y, [(0, 1), (0, 2)], grad=df)
    assert caught.value.report.point == {"x": 1.0, "y": 2.0}
    assert "wrong" in str(caught.value)


def test_strategies_and_values_everywhere() -> None:
    check_everywhere(
        lambda x: am.sum([y * y for y in x]), [st.lists(numbers(), min_size=1, max_size=3)], max_examples=10
    )
    check_everywhere(am.exp, [(0, 1)], max_examples=10, order=1)
    for domain in ([(1, 1)], [(2, 1)], [3], []):
        with pytest.raises(ValueError, match="domain"):
            check_everywhere(am.exp, domain)


# ---- PyTorch and JAX -------------------------------------------------------------------------------------------------


def test_neither_is_imported_for_anybody_else() -> None:
    check_grads(math.sin, 0.7, grad=math.cos)
    assert "torch" not in sys.modules or "jax" not in sys.modules


def test_tensors() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not needed by anybody else")

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2 * ctx.saved_tensors[0] ** 2

    for dtype in (torch.float64, torch.float32):
        x = torch.tensor([1.0, 2.0, 3.0], dtype=dtype)
        assert {row.verdict for row in check_grads(lambda x: (x.sin() * x).sum(), x).rows} == {"ok"}
        assert check_grads(lambda x: x.sin() * x, x).passed
        assert check_grads(lambda x: (x**2).sum(), x, grad=lambda x: 2 * x, strict=True).passed
        found = report(lambda x: Cube.apply(x).sum(), x)
        assert [row.verdict for row in found.rows] == ["wrong"] * 3
        assert "0.666667 times" in found.causes[0]
        index = torch.tensor([0, 2])
        assert len(check_grads(lambda x, i: x[i].sum(), (x, index)).rows) == 3


def test_jax_arrays() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not needed by anybody else")
    jnp = jax.numpy
    y = jnp.array([1.0, 2.0, 3.0])
    assert {row.verdict for row in check_grads(lambda x: jnp.sum(jnp.sin(x) * x), y).rows} == {"ok"}
    assert check_grads(lambda p: jnp.tanh(p["w"] @ y) + p["b"], ({"w": y / 10, "b": jnp.float32(1)},)).passed
    assert check_grads(lambda x: jnp.sin(x) * x, y, jacobian=lambda x: jnp.diag(jnp.cos(x) * x + jnp.sin(x))).passed

    @jax.custom_vjp
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (g * 2 * x**2,))
    assert "0.666667 times" in report(lambda x: cube(x).sum(), y).causes[0]


def test_what_the_wrappers_of_tensors_need_of_them() -> None:
    """A stand-in, where PyTorch is not: its tensors are made anew, of the same kind."""

    class Tensor(np.ndarray):
        pass

    with pytest.raises(TypeError, match=r"numpy\.asarray makes a plain array"):
        check_grads(np.sum, (np.ones(2).view(Tensor),), grad=lambda x: x)
