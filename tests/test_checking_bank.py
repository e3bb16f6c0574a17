"""The checker measured: no right rule is accused, no fault is called ok, and every fault that can be seen is found."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, grad
from autograd import math as am
from autograd.checking import GradientMismatch, GradientReport, GradientRow, check_grads, examine
from autograd.checking.analytic import COUNTERPARTS, complex_step
from autograd.checking.differences import Differences
from autograd.checking.fits import fit
from autograd.checking.lines import Line
from autograd.checking.rounding import noise_along
from autograd.primitives import BUILTIN, TABLE, Elementwise, Primitive, primitive
from autograd.testing import SMOOTH, RandomFunction, numbers, programs
from tests.bank import Case, cases

FAULTS = (1e-1, 1e-3, -1e-4, 1e-5, -2.0)  # relative; the last turns the sign
SURE = ("ok", "one-sided")


def report(f: Callable[..., Any], args: Any, order: int = 1) -> GradientReport:
    try:
        return check_grads(f, args, order)
    except GradientMismatch as mismatch:
        return mismatch.report


def row(f: Callable[..., Any], args: Any) -> GradientRow:
    return report(f, args).rows[0]


def scaled(original: Primitive, factor: float) -> Primitive:
    """The row with all its partials multiplied."""
    partials: Any = original.partials
    if isinstance(partials, tuple):
        partials = tuple(
            lambda *args, rule=rule: p if type(p := rule(*args)) is int and p == 0 else p * factor for rule in partials
        )
    else:
        inner = partials
        partials = lambda *args: [p if type(p) is int and p == 0 else p * factor for p in inner(*args)]  # noqa: E731  # as short as its formula
    return dataclasses.replace(original, partials=partials)


# ---- the bank --------------------------------------------------------------------------------------------------------


def claiming(case: Case, fault: float) -> GradientRow:
    """The check of the case's function, as a black box with a rule that is wrong by this."""
    black_box = Primitive("case", lambda x: float(case.f(x)), (lambda y, x: case.slope * (1 + fault),))
    return row(black_box, case.x)


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_the_bank_has_all_kinds() -> None:
    assert len({case.name for case in cases()}) >= 70
    assert 200 < sum(case.visible for case in cases()) < len(cases()) - 30


def test_no_right_rule_is_accused() -> None:
    for case in cases():
        found = claiming(case, 0.0)
        assert found.passed, (case, found)
        if case.visible:
            assert found.verdict == "ok", (case, found)
            assert abs(found.numeric - case.slope) <= found.tolerance, (case, found)


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_every_fault_that_can_be_seen_is_found_and_none_is_called_ok() -> None:
    for case in cases():
        for fault in FAULTS:
            found = claiming(case, fault)
            assert found.verdict not in ("ok", "one-sided", "kink", "jump"), (case, fault, found)
            if case.visible and abs(fault) >= 1e-4:
                assert found.verdict == "wrong", (case, fault, found)


# ---- the table over its whole domain ---------------------------------------------------------------------------------


def anywhere(rng: random.Random, low: float, high: float) -> float:
    """A number of any size between the two; often near an end, if that is finite."""
    while True:
        kind = rng.random()
        if kind < 0.5:
            x = 10 ** rng.uniform(-300, 300)
        elif kind < 0.8:
            x = 10 ** rng.uniform(-8, 8)
        else:
            x = rng.choice((0.0, 0.5, 1.0, 2.0, math.pi / 2, 3.0)) * (
                1 + rng.choice((0, 1, -1)) * 10 ** rng.uniform(-16, -1)
            )
        x *= rng.choice((-1, 1))
        if math.isfinite(high - low) and rng.random() < 0.5:
            part = (high - low) * 10 ** rng.uniform(-16, 0)
            x = rng.choice((low + part, high - part))
        if low < x < high:
            return x


def everywhere(name: str, count: int, seed: str) -> Iterator[tuple[float, ...]]:
    """Points of a row at which its function is finite; often with operands that are equal, or nearly."""
    rng, entry = random.Random(seed + name), TABLE[name]
    for _ in range(count):
        n = entry.arity or (4 if isinstance(entry.partials, Elementwise) else rng.choice((1, 2, 3)))
        domain = [entry.domain[i % len(entry.domain)] for i in range(n)]
        xs = [anywhere(rng, low, high) for low, high in domain]
        if n > 1 and rng.random() < 0.3:
            near = xs[0] * (1 + rng.choice((0, 1, -1)) * 10 ** rng.uniform(-16, -3))
            xs[1] = near if domain[1][0] < near < domain[1][1] else xs[1]
        try:
            if math.isfinite(entry.fn(*xs)):
                yield tuple(xs)
        except (ValueError, ZeroDivisionError, OverflowError):
            continue


def applied(entry: Primitive) -> Callable[..., Any]:
    return lambda *xs: Value._apply(entry, xs) if any(isinstance(x, Value) for x in xs) else entry.fn(*xs)


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_no_row_of_the_table_is_accused_anywhere(name: str) -> None:
    for xs in everywhere(name, 25, "right"):
        try:
            rows = report(applied(TABLE[name]), xs).rows
        except (ValueError, ZeroDivisionError, OverflowError):
            continue  # f itself fails on Values, as a partial overflows
        for found in rows:
            assert found.passed or found.verdict == "not finite", (name, xs, found)


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_a_faulty_row_is_never_called_ok(name: str) -> None:
    for xs in everywhere(name, 8, "wrong"):
        for factor in (1.001, -1.0):
            try:
                rows = report(applied(scaled(TABLE[name], factor)), xs).rows
            except (ValueError, ZeroDivisionError, OverflowError):
                continue
            for found in rows:
                if found.reverse and math.isfinite(found.reverse) and abs(found.reverse) > 1e-300:
                    assert found.verdict not in SURE, (name, xs, factor, found)


# ---- random programs -------------------------------------------------------------------------------------------------


@given(programs(), st.tuples(numbers(), numbers()))
@settings(max_examples=40)
def test_right_programs_pass(f: RandomFunction, xs: tuple[float, float]) -> None:
    assert check_grads(f, xs).passed


def with_row(f: RandomFunction, original: Primitive, other: Primitive) -> RandomFunction:
    steps = tuple((other if entry is original else entry, operands) for entry, operands in f.steps)
    return dataclasses.replace(f, steps=steps)


@given(programs(), st.tuples(numbers(), numbers()), st.sampled_from(SMOOTH), st.sampled_from((1.001, 0.9, -1.0)))
@settings(max_examples=80)
def test_a_derivative_that_a_faulty_row_makes_wrong_is_never_called_ok(
    f: RandomFunction, xs: tuple[float, float], original: Primitive, factor: float
) -> None:
    used = [entry for entry, _ in f.steps]
    original = original if original in used else used[0]
    faulty = with_row(f, original, scaled(original, factor))
    true = grad(f, (0, 1))(*xs)
    for found, slope in zip(report(faulty, xs).rows, true, strict=True):
        assert found.reverse is not None
        if abs(found.reverse - slope) >= 0.9e-3 * max(abs(slope), abs(found.reverse)) > 0:
            assert found.verdict not in SURE, (found, slope)


# ---- what hid faults -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [10, 12, 16, 20])
@pytest.mark.parametrize("x", [0.0, 0.7, 1.0, 3.0, 1 / 3])
def test_no_period_falls_in_with_the_steps(power: int, x: float) -> None:
    def wavy(m: Any) -> Callable[[Any], Any]:
        return lambda x: x * x + 1e-3 * m.sin(2 * math.pi * 2**power * x)

    assert row(wavy(am), x).verdict == "ok"
    assert row(Primitive("wavy", wavy(math), (lambda y, x: 2 * x,)), x).verdict == "wrong"


@pytest.mark.parametrize("base", [3, 5, 7, 10, 761, (1 + math.sqrt(5)) / 2, math.e])
def test_no_other_period_does_either(base: float) -> None:
    for k in range(2, 20):
        period = base**-k
        if period > 1e-10:
            wavy = lambda x, p=period: x + p * math.sin(2 * math.pi * x / p)  # noqa: E731  # as short as its formula
            found = row(Primitive("wavy", wavy, (lambda y, x: 1.0,)), 0.7)
            assert found.verdict not in SURE, (base, k, found)


@pytest.mark.parametrize("factor", [0.5, 1.5])
@pytest.mark.parametrize(
    ("fn", "rule", "f", "x"),
    [
        (math.tanh, lambda y, x: 1 / am.cosh(x) ** 2, lambda g: g, 15.0),
        (math.tanh, lambda y, x: 1 / am.cosh(x) ** 2, lambda g: g, 25.0),
        (math.exp, lambda y, x: y, lambda g: lambda x: 1 + g(x), -34.0),
        (math.exp, lambda y, x: y, lambda g: lambda x: 1 + g(x), -60.0),
        (math.erf, lambda y, x: 2 / math.sqrt(math.pi) * am.exp(-x * x), lambda g: g, 6.0),
        (math.sin, lambda y, x: am.cos(x), lambda g: g, 1e20),
        (math.atan, lambda y, x: 1 / (1 + x * x), lambda g: lambda x: g(x) + 1e9, 1e4),
    ],
)
def test_a_slope_far_below_the_function_is_confirmed_or_refuted_by_itself(
    factor: float, fn: Callable[[float], float], rule: Callable[..., Any], f: Callable[[Any], Any], x: float
) -> None:
    right = report(f(Primitive("right", fn, (rule,))), x)
    assert right.passed
    if right.rows[0].verdict == "inconclusive":
        assert "confirmed one by one" in right.rows[0].note
    wrong = report(f(Primitive("faulty", fn, (lambda y, x: factor * rule(y, x),))), x)
    assert not wrong.passed
    assert wrong.culprits[0].primitive == "faulty"


def test_what_nothing_resolves_is_not_called_confirmed() -> None:
    hidden = Primitive("hidden", lambda x: 1 + 1e-30 * x, (lambda y, x: 5e-31,))
    found = report(hidden, 1.0)
    assert [entry.verdict for entry in found.rows] == ["inconclusive"]
    assert "0 of 1 derivatives of order 1 confirmed, 1 inconclusive" in str(found)
    assert "also for hidden(1.0) alone: nothing is confirmed" in str(found)


# ---- what made right rules look wrong --------------------------------------------------------------------------------

RIGHT: dict[str, tuple[Callable[[float], float], Callable[..., Any]]] = {
    "sqrt(1 + x²) - 1": (lambda x: math.sqrt(1 + x * x) - 1, lambda y, x: x / am.sqrt(1 + x * x)),
    "log(cosh(x))": (lambda x: math.log(math.cosh(x)), lambda y, x: am.tanh(x)),
    "(exp(x) - 1) / x": (lambda x: (math.exp(x) - 1) / x, lambda y, x: (am.exp(x) - y) / x),
    "the same, by its series": (
        lambda x: (math.exp(x) - 1) / x,
        lambda y, x: sum(k * x ** (k - 1) / math.factorial(k + 1) for k in range(1, 14)),
    ),
    "(1 - cos(x)) / x²": (lambda x: (1 - math.cos(x)) / (x * x), lambda y, x: (am.sin(x) - 2 * x * y) / (x * x)),
    "the same, by a series": (
        lambda x: (1 - math.cos(x)) / (x * x),
        lambda y, x: sum((-1) ** k * 2 * k * x ** (2 * k - 1) / math.factorial(2 * k + 2) for k in range(1, 8)),
    ),
}


@pytest.mark.no_cover  # other tests run the same lines, sooner
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", RIGHT)
def test_rows_in_which_numbers_cancel_are_not_accused(name: str, order: int) -> None:
    rng = random.Random(name)
    for _ in range(60):
        x = rng.choice((-1, 1)) * 10 ** rng.uniform(-9, -1)
        right = primitive("cancelling", *RIGHT[name])
        assert check_grads(right, x, order).passed


@pytest.mark.parametrize(
    ("f", "x", "verdict"),
    [
        (am.log, 1e-70, "ok"),
        (am.sqrt, 1e-70, "ok"),
        (lambda x: 1 / x, 1e-70, "ok"),
        (lambda x: 1 / x, -1e-150, "ok"),
        (am.sin, 1e15, "ok"),
        (am.sin, 1e16, "inconclusive"),
        (lambda x: am.max(x, 1.0), 1 + 1e-9, "ok"),
        (lambda x: am.max(x, 1.0), 1 - 1e-9, "ok"),
        (lambda x: am.max(x, 1.0), 1 - 1e-15, "inconclusive"),
        (lambda x: am.min(x, 1.0), 1 - 1e-12, "ok"),
        (lambda x: am.cos(x) + 1e3, 1e-20, None),
        (am.asin, -0.9999999999999993, "inconclusive"),
        (lambda x: x // 1e-30, 0.5, "inconclusive"),
    ],
)
def test_the_scale_of_steps_follows_the_function(f: Callable[[Any], Any], x: float, verdict: str | None) -> None:
    found = row(f, x)
    assert found.passed
    assert verdict is None or found.verdict == verdict


# ---- the parts -------------------------------------------------------------------------------------------------------

NODES = (-1.0, -0.77, -0.55, -0.31, -0.12, 0.0, 0.14, 0.29, 0.58, 0.81, 0.97)


@pytest.mark.parametrize("noise", [0.0, 1e-12, 1e-8, 1e-4])
def test_a_fit_knows_its_error_and_the_noise(noise: float) -> None:
    rng = random.Random(1)
    for a in (0.1, 0.5, 1.0):
        for _ in range(100):
            found = fit(NODES, [math.exp(a * u) + rng.gauss(0.0, noise) for u in NODES])
            assert abs(found.slope - a) <= 4 * found.error
            assert found.error < 1e-3 * a**6 + 100 * noise + 1e-13
            if noise:
                assert noise / 30 < found.noise < 10 * noise + 1e-3 * a**6


def test_a_fit_of_huge_and_tiny_samples_is_the_same() -> None:
    plain = fit(NODES, [math.sin(u) for u in NODES])
    for power in (-1000, 900):
        other = fit(NODES, [math.ldexp(math.sin(u), power) for u in NODES])
        assert math.ldexp(other.slope, -power) == plain.slope
        assert math.ldexp(other.noise, -power) == pytest.approx(plain.noise, rel=1e-6)


def test_noise_in_a_black_box_is_estimated() -> None:
    for x in (1e-3, 1e-6, 1e-9):
        f: Callable[[float], float] = lambda t: (math.exp(t) - 1) / t  # noqa: E731  # as short as its formula
        assert 1e-17 / x < noise_along(f, x, f(x), 2.0**-40) < 1e-14 / x
    assert noise_along(math.exp, 1.0, math.e, 2.0**-40) < 1e-14
    assert noise_along(lambda t: 3.0, 1.0, 3.0, 2.0**-40) == 0.0


@pytest.mark.parametrize(
    "name", sorted(entry.name for entry in SMOOTH if entry.arity == 1 and entry.fn in COUNTERPARTS)
)
def test_the_complex_step_agrees_with_the_rules(name: str) -> None:
    for (x,) in everywhere(name, 30, "complex"):
        known = complex_step(TABLE[name].fn, (x,), 0)
        if known is not None and 1e-3 < abs(x) < 1e3:
            assert grad(TABLE[name])(x) == pytest.approx(known, rel=1e-8)


def test_the_number_of_evaluations_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Line] = []

    def collecting(*args: Any) -> Line:
        lines.append(Line(*args))
        return lines[-1]

    monkeypatch.setattr(examine, "Line", collecting)
    counts = []
    for case in cases():
        lines.clear()
        claiming(case, 0.0)
        counts.append(len(lines[0].taken))
        assert counts[-1] <= (60 if case.visible else 130), case  # a black box is looked at twice before it is accused
    assert sorted(counts)[len(counts) // 2] <= 32
    assert sorted(counts)[len(counts) * 9 // 10] <= 45
    for f in (am.sin, am.exp, am.log, am.tanh, am.sqrt):
        lines.clear()
        check_grads(f, 0.7, 1)
        assert len(lines[0].taken) <= 40


def test_outputs_share_their_samples() -> None:
    taken = []

    def f(xs: list[float]) -> list[float]:
        taken.append(xs[0])
        return [math.sin(xs[0]), math.cos(xs[0]), xs[0] ** 2]

    line = Line(f, [0.7], 0, f([0.7]))
    for o, slope in enumerate((0.76, -0.64, 1.4)):
        Differences(line, o, 1e-16, slope, False, False).slope()
    assert len(taken) < 75
