"""``check_grads``: passes what is right, catches what is wrong and names it, and says so when it cannot tell."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd.functional
import autograd.sweeps
import autograd.value
from autograd import Value, primitive
from autograd import math as am
from autograd.checking import Culprit, GradientMismatch, GradientReport, GradientRow, check_grads
from autograd.checking.examine import hear
from autograd.checking.taylor import Remainder


def mismatch(f: Callable[..., Any], args: Any, order: int = 2) -> GradientReport:
    with pytest.raises(GradientMismatch) as caught:
        check_grads(f, args, order)
    assert isinstance(caught.value, AssertionError)
    assert str(caught.value) == str(caught.value.report)
    assert not caught.value.report.passed
    return caught.value.report


def verdicts(report: GradientReport) -> list[str]:
    return [row.verdict for row in report.rows]


# ---- right functions -------------------------------------------------------------------------------------------------


def network(p: dict[str, Any], x: Any) -> Any:
    hidden = [am.tanh(am.dot(row, x) + b) for row, b in zip(p["w"], p["b"], strict=True)]
    return [am.sum(hidden), {"spread": hidden[0] - hidden[1]}]


def test_a_right_function_passes_in_every_row() -> None:
    report = check_grads(lambda x, y: am.tanh(x * y + am.exp(-x)), (1.5, 2.0), order=3)
    assert verdicts(report) == ["ok"] * (2 + 4 + 8)
    assert report.passed
    assert [row.by for row in report.rows[:6]] == [("x",), ("y",), ("x", "x"), ("x", "y"), ("y", "x"), ("y", "y")]
    for row in report.rows:
        assert row.reverse == pytest.approx(row.forward, rel=1e-13)
        assert abs(row.reverse - row.numeric) <= row.tolerance < 1e-9
        assert row.error < row.tolerance
    true = (1 - math.tanh(3 + math.exp(-1.5)) ** 2) * 1.5
    assert report.rows[1].numeric == pytest.approx(true, rel=1e-10)


def test_structures_and_their_paths() -> None:
    p = {"w": [[0.1, 0.2], [0.3, -0.4]], "b": (0.5, 0.6)}
    report = check_grads(network, (p, np.array([1.0, -2.0])), order=1)
    assert verdicts(report) == ["ok"] * 16
    assert {row.output for row in report.rows} == {"network[0]", "network[1]['spread']"}
    assert list(report.point) == [
        *("p['w'][0][0]", "p['w'][0][1]", "p['w'][1][0]", "p['w'][1][1]", "p['b'][0]", "p['b'][1]", "x[0]", "x[1]")
    ]
    assert report.point["p['w'][1][1]"] == -0.4
    assert "network[1]['spread']  p['b'][1]" in str(report)


def test_arrays_of_any_shape_and_numpy_functions() -> None:
    report = check_grads(lambda a: np.sum(np.tanh(a @ a)) * a[0, 1], (np.array([[0.1, 0.2], [0.3, 0.4]]),))
    assert verdicts(report) == ["ok"] * 20
    assert report.rows[1].by == ("a[0, 1]",)


@pytest.mark.parametrize("args", [2, 2.0, Value(2.0), np.float64(2.0), np.int64(2), (2.0,), [2.0]])
def test_a_single_number_may_stand_alone(args: Any) -> None:
    assert check_grads(lambda x: x**3, args).rows[0].reverse == 12.0


def test_a_single_array_may_stand_alone() -> None:
    assert check_grads(lambda a: a[0] * a[1], np.array([2.0, 3.0])).rows[0].reverse == 3.0


def test_functions_that_take_values_only() -> None:
    assert check_grads(lambda x, y: (x * y).tanh().exp(), (0.3, 0.2)).passed


def test_functions_that_use_values_from_outside() -> None:
    w = Value(2.0, "w")
    report = check_grads(lambda x: w * x * x, 3.0)
    assert [row.reverse for row in report.rows] == [12.0, 4.0]
    assert not w.has_grad


def test_primitives_and_functions_without_a_signature() -> None:
    assert check_grads(am.atan2, (1.0, 2.0)).rows[1].by == ("b",)
    assert check_grads(am.dot, ([1.0, 2.0], [3.0, 4.0])).rows[0].by == ("args[0][0]",)
    assert check_grads(max, (1.0, 2.0)).rows[0].by == ("args[0]",)
    assert str(check_grads(am.tanh, 0.5)).startswith("tanh at a = 0.5: 2 derivatives of orders 1 to 2 confirmed\n")


def test_constants_and_derivatives_that_are_zero() -> None:
    report = check_grads(lambda x, y: [3.0, x * 0 + am.cos(y)], (1.0, 0.0))
    assert set(verdicts(report)) == {"ok"}
    assert all(row.reverse == 0 for row in report.rows[:4])


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (am.sqrt, 1e-8),
        (am.log, 1e-8),
        (lambda x: 1 / x, 1e-8),
        (lambda x: x * x, 1e8),
        (am.log, 1e300),
        (lambda x: x**3, 1e-100),
        (am.sin, 1e8),
        (lambda x: am.sin(1e6 * x), 1.0),
        (lambda x: am.exp(300 * x), 1.0),
        (lambda x: am.exp(-((x / 1e-3) ** 2)), 1e-3),  # a peak much narrower than the first steps
        (lambda x: am.sin(2 * math.pi * 1024 * x), 0.0),  # has a period that powers of 2 are multiples of
        (lambda x: x % 0.001, 0.0123),  # a saw
        (lambda x: x + am.sin(1e7 * x) / 1e7, 0.5),  # a straight line with teeth that large steps cannot see
        (lambda x: 1e-12 * x + 1.0, 2.0),
        (am.acosh, 1 + 1e-9),
        (lambda x: am.sqrt(x * x + 1e-30), 0.0),  # a kink, but for the last 1e-15
    ],
)
def test_scales_and_steep_functions(f: Callable[[Any], Any], x: float) -> None:
    report = check_grads(f, x)
    assert set(verdicts(report)) <= {"ok", "inconclusive"}
    assert report.rows[0].verdict == "ok" or f(2.0) == 1.0 + 2e-12


def test_the_error_estimate_holds_and_is_small() -> None:
    for f, slope in [
        (am.sin, math.cos(0.7)),
        (am.exp, math.exp(0.7)),
        (am.log, 1 / 0.7),
        (lambda x: am.tanh(30 * x - 20), 30 / math.cosh(1) ** 2),
    ]:
        row = check_grads(f, 0.7, order=1).rows[0]
        assert abs(row.numeric - slope) <= row.error < 1e-8 * abs(slope)


def test_noise_is_measured_and_stated() -> None:
    noise = random.Random(0)
    row = check_grads(lambda x: x * x + 1e-6 * noise.random(), 3.0, order=1).rows[0]
    assert 1e-7 < row.error < 1e-3
    assert row.verdict in ("ok", "inconclusive")


def test_what_finite_differences_cannot_see_is_confirmed_primitive_by_primitive() -> None:
    report = check_grads(lambda x: (x + 1e16) - 1e16, 1.0)
    assert report.rows[0].verdict == "inconclusive"
    assert "finite differences are too rough; all 2 primitives confirmed one by one" in str(report)
    report = check_grads(lambda x, y: 1e6 * y + 1e-8 * x, (1.0, 2.0), order=1)
    assert verdicts(report) == ["inconclusive", "ok"]


def test_saturated_functions_are_flat() -> None:
    for f in (am.tanh, am.sigmoid, am.erf):
        assert check_grads(f, 1000.0).rows[0].reverse == 0.0


def test_a_passing_check_leaves_no_trace() -> None:
    x = Value(2.0, "x")
    check_grads(lambda x: x * x, (x,))
    assert not x.has_grad
    assert x.data == 2.0


def test_both_witnesses_and_what_would_have_been_noticed_are_in_each_row() -> None:
    report = check_grads(lambda x, y: [am.sin(x) * y, 1e10 * y + am.sin(x)], (0.5, 2.0))
    first, zero, offset = report.rows[0], report.rows[7], report.rows[2]
    assert first.rate == pytest.approx(2.0, abs=0.05)
    assert 1e-13 < first.resolution < 1e-10
    assert zero.reverse == 0.0
    assert zero.resolution < 1e-6  # of the largest of its output's
    assert offset.verdict == "inconclusive"
    assert 1e-6 < offset.resolution < 1e-3
    assert "resolution  rate" in str(report)
    bad = primitive("bad", math.sin, lambda y, x: am.cos(x) * 1.001)
    (wrong,) = mismatch(bad, 0.5, order=1).rows
    assert wrong.rate == pytest.approx(1.0, abs=0.05)
    assert wrong.resolution < 1e-3


def test_a_verdict_names_both_witnesses_where_they_differ() -> None:
    row = GradientRow(1, "", (), 1.0, 1.0, 2.0, 1e-9, 4e-9, "wrong")
    hear(row, Remainder(2.0, 1e-3))
    assert row.note == "but the Taylor remainder falls as h^2: the two witnesses differ"
    row = GradientRow(1, "", (), 1.0, 1.0, 1.0, 1e-9, 4e-9, "ok")
    hear(row, Remainder(1.01, 1e-3))
    assert row.note == "though the Taylor remainder falls as h^1, over all steps that noise does not hide"
    row = GradientRow(1, "", (), 1.0, 1.0, 1.0, 1e-9, 4e-9, "ok")
    hear(row, Remainder(1.99, 1e-3))
    assert row.note == ""


# ---- wrong rules -----------------------------------------------------------------------------------------------------


def wrong_rules() -> dict[str, tuple[Any, int, int, str]]:
    """Wrong primitives: the row, the operand and the order at which it is wrong, and what the message says of it."""
    return {
        "sign": (primitive("bad", math.sin, lambda y, x: -am.cos(x)), 0, 1, "the sign is wrong"),
        "factor": (primitive("bad", lambda x: x * x, lambda y, x: x), 0, 1, "0.5 times what it should be"),
        "1e-4": (primitive("bad", math.sin, lambda y, x: am.cos(x) * 1.0001), 0, 1, "1.0001 times what it should be"),
        "1e-5": (primitive("bad", math.exp, lambda y, x: y * 1.00001), 0, 1, "1.00001 times what it should be"),
        "second": (
            primitive("bad", math.atan2, lambda y, a, b: b / (a * a + b * b), lambda y, a, b: a),
            1,
            1,
            "by operand 2",
        ),
        "constant": (primitive("bad", lambda x: x + 1, lambda y, x: 0), 0, 1, "it gives 0, finite differences 1 "),
        "nan": (primitive("bad", math.sin, lambda y, x: math.nan), 0, 1, "it gives nan"),
        "raises": (primitive("bad", math.sin, lambda y, x: am.log(-1.0)), 0, 1, "it raises"),
        "detached": (
            primitive("bad", math.sin, lambda y, x: math.cos(getattr(x, "data", x))),
            *(0, 2, "the derivative (order 2) of the rule of 'bad'"),
        ),
        "variadic": (
            primitive("bad", lambda *xs: sum(xs), variadic=lambda y, *xs: [1, 1.001, *[1] * (len(xs) - 2)]),
            1,
            1,
            "",
        ),
    }


KINDS = "sign factor 1e-4 1e-5 second constant nan raises detached variadic"


@pytest.mark.parametrize("kind", KINDS.split())
@pytest.mark.parametrize("setting", ["alone", "inside", "used twice"])
def test_a_wrong_rule_is_caught_and_named(kind: str, setting: str) -> None:
    rules = wrong_rules()  # defined here, so that the table is as it was after the test
    assert KINDS.split() == list(rules)
    bad, operand, order, said = rules[kind]

    def f(x: Any, y: Any) -> Any:
        args = [x, y, x * y][: bad.arity or 3]
        if setting == "alone":
            return bad(*args)
        inner = bad(*[am.tanh(arg) + 2 for arg in args])
        return am.exp(0.1 * inner) * y + (inner * inner if setting == "used twice" else am.sin(x))

    report = mismatch(f, (0.6, 0.7))
    culprit = report.culprits[0]
    assert (culprit.primitive, culprit.operand, culprit.order) == ("bad", operand, order)
    assert all(culprit.primitive == "bad" for culprit in report.culprits)
    assert said in str(report)
    assert "is to blame: at bad(" in str(report)
    assert report.rows[-1].order == order  # what comes after is not looked at


def test_a_right_primitive_of_the_same_form_passes() -> None:
    good = primitive("good", math.sin, lambda y, x: am.cos(x))
    assert set(verdicts(check_grads(lambda x, y: good(x) * y + good(y), (0.6, 0.7), order=3))) == {"ok"}


def test_a_wrong_rule_that_runs_on_floats_only_is_caught() -> None:
    bad = primitive("bad", math.sin, lambda y, x: 2 * math.cos(x))
    assert mismatch(bad, 0.5, order=1).culprits[0].primitive == "bad"
    right = primitive("right", math.sin, lambda y, x: math.cos(x))
    assert check_grads(right, 0.5, order=1).passed
    with pytest.raises(TypeError, match="would lose its gradient"):
        check_grads(right, 0.5, order=2)


def test_the_worst_of_two_wrong_rules_comes_first() -> None:
    slightly = primitive("slightly", math.sin, lambda y, x: am.cos(x) * 1.001)
    grossly = primitive("grossly", math.exp, lambda y, x: 2 * y)
    report = mismatch(lambda x: slightly(x) + grossly(x), 0.5)
    assert [culprit.primitive for culprit in report.culprits] == ["grossly", "slightly"]


def test_a_wrong_rule_is_not_hidden_by_noise_nor_by_a_kink_nor_by_size() -> None:
    bad = primitive("bad", math.sin, lambda y, x: am.cos(x) * 1.0001)
    noise = random.Random(0)
    assert mismatch(lambda x: bad(x) + 1e-6 * noise.random(), 3.0).culprits[0].primitive == "bad"
    assert mismatch(lambda x: am.abs(x) + bad(x), 0.0).culprits[0].primitive == "bad"
    assert mismatch(lambda x: (1e16 + bad(x)) - 1e16, 3.0).culprits[0].primitive == "bad"


def test_a_rule_that_is_wrong_at_its_own_kink_is_caught() -> None:
    bad = primitive("bad", abs, lambda y, x: am.sign(x) + 3 * am.where(x == 0, 1, 0), singular=lambda x: x)
    assert check_grads(bad, 0.5).passed
    report = mismatch(bad, 0.0, order=1)
    assert report.culprits[0].primitive == "bad"
    assert report.rows[0].note == "slope -1 below, slope 1 above"


# ---- a wrong engine --------------------------------------------------------------------------------------------------


def backwards(nodes: Any, seeds: dict[Value, float], add: bool) -> dict[Value, float]:
    adjoints = dict(seeds)
    for node in reversed(nodes):
        for arg, partial in autograd.sweeps.edges(node) if node in adjoints else []:
            adjoints[arg] = partial * adjoints[node] + (adjoints.get(arg, 0.0) if add else 0.0)
    return adjoints


def fan_out(x: Any) -> Any:
    b = am.sin(x)
    return b * x + b


@pytest.mark.parametrize("add", [True, False])
def test_a_sweep_that_overwrites_is_caught(add: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def sweep(nodes: Any, seeds: Any, inputs: list[Value]) -> list[float]:
        adjoints = backwards(nodes, seeds, add)
        return [adjoints.get(node, 0.0) for node in inputs]

    monkeypatch.setattr(autograd.functional, "sweep_floats", sweep)
    if add:  # the sweep put in its place is right but for this
        assert check_grads(fan_out, 0.7, order=1).passed
    else:
        report = mismatch(fan_out, 0.7, order=1)
        assert report.culprits == []
        assert report.rows[0].note == "reverse and forward mode disagree"
        assert "all 3 primitives are right on their own: what combines them is wrong" in str(report)


def test_a_fault_that_both_modes_share_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def sweep(nodes: Any, seeds: Any, inputs: list[Value]) -> list[float]:
        adjoints = backwards(nodes, seeds, add=False)
        return [adjoints.get(node, 0.0) for node in inputs]

    def push(nodes: Any, seeds: dict[Value, Any], _outputs: Any, lift: bool = False) -> dict[Value, Any]:
        (x,) = seeds
        return {node: backwards(nodes, {node: 1.0}, add=False).get(x, 0.0) for node in nodes[-1:]}

    monkeypatch.setattr(autograd.functional, "sweep_floats", sweep)
    monkeypatch.setattr(autograd.functional, "push", push)
    report = mismatch(fan_out, 0.7, order=1)
    assert report.rows[0].reverse == report.rows[0].forward
    assert report.rows[0].note == ""


def test_a_wrong_forward_mode_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    push = autograd.functional.push
    monkeypatch.setattr(autograd.functional, "push", lambda *args: {n: 1.0001 * t for n, t in push(*args).items()})
    assert mismatch(fan_out, 0.7).rows[0].note == "reverse and forward mode disagree"


def test_a_second_order_sweep_that_is_wrong_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = autograd.functional.sweep

    def dropping(order: Any, seeds: Any, stop: Any = (), active: Any = None, lift: bool = False) -> Any:
        return {
            n: g.detach() if isinstance(g, Value) else g for n, g in sweep(order, seeds, stop, active, lift).items()
        }

    assert check_grads(fan_out, 0.7, order=2).passed
    monkeypatch.setattr(autograd.functional, "sweep", dropping)
    assert mismatch(fan_out, 0.7, order=2).rows[-1].order == 2


def test_a_function_that_tells_floats_from_values_is_caught() -> None:
    report = mismatch(lambda x: 2 * x if isinstance(x, float) else x, 1.0)
    assert verdicts(report) == ["different"]
    assert "the function is 2.0 of floats but 1.0 of Values" in str(report)


# ---- kinks, jumps, edges ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args", "left", "right", "ours", "named"),
    [
        (am.abs, (0.0,), -1.0, 1.0, 0.0, "abs(0.0)"),
        (am.relu, (0.0,), 0.0, 1.0, 0.0, "relu(0.0)"),
        (am.leaky_relu, (0.0,), 0.01, 1.0, 0.01, "leaky_relu(0.0, 0.01)"),
        (am.max, (1.0, 1.0), 0.0, 1.0, 1.0, "max(1.0, 1.0)"),
        (am.min, (2.0, 2.0), 0.0, 1.0, 1.0, "min(2.0, 2.0)"),
        (am.hypot, (0.0, 0.0), -1.0, 1.0, 0.0, "hypot(0.0, 0.0)"),
        (lambda x: am.exp(x) * am.abs(x - 2), (2.0,), -math.exp(2), math.exp(2), 0.0, "abs(0.0)"),
        (lambda x: x if x > 0 else 3 * x, (0.0,), 3.0, 1.0, 3.0, None),  # a branch in Python
        (lambda x: am.relu(x) - 2 * am.relu(-x), (0.0,), 2.0, 1.0, 0.0, "relu(0.0)"),  # conventions that do not add up
    ],
)
def test_a_kink_is_reported_with_both_slopes(
    f: Callable[..., Any], args: tuple[float, ...], left: float, right: float, ours: float, named: str | None
) -> None:
    if (named and f is am.max) or f is am.min:
        left, right = sorted((left, right)) if f is am.max else (1.0, 0.0)
    report = check_grads(f, args, order=1)
    row = report.rows[0]
    assert row.verdict == "kink"
    assert row.left == pytest.approx(left, abs=1e-9)
    assert row.right == pytest.approx(right, abs=1e-9)
    assert row.reverse == row.forward == ours
    assert "kink: slope " in str(report)
    assert (f"at a kink or jump: {named}" in str(report)) if named else "at a kink" not in str(report)
    assert report.passed


def test_a_side_with_an_infinite_slope_is_a_kink() -> None:
    row = check_grads(lambda x: am.sqrt(x) if x > 0 else 3 * x, 0.0, order=1).rows[0]
    assert (row.verdict, row.left, row.right, row.reverse) == ("kink", pytest.approx(3.0), math.inf, 3.0)


def test_a_gap_in_the_domain_is_stepped_over() -> None:
    def f(x: Any) -> Any:
        if 0.09 < abs(x - 1.0) < 0.1:
            raise ValueError("not here")
        return am.exp(x) if abs(x - 1.0) < 0.09 else x

    row = check_grads(f, 1.0, order=1).rows[0]
    assert row.verdict == "ok"
    assert row.numeric == pytest.approx(math.e, rel=1e-9)


def test_second_order_at_a_kink_says_jump() -> None:
    report = check_grads(lambda x, y: y * am.relu(x), (0.0, 2.0))
    assert [(row.by, row.verdict) for row in report.rows] == [
        (("x",), "kink"),
        (("y",), "ok"),
        (("x", "x"), "jump"),
        (("x", "y"), "ok"),
        (("y", "x"), "kink"),
        (("y", "y"), "ok"),
    ]


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 1e-12])
def test_beside_a_kink_the_slope_is_the_slope(distance: float) -> None:
    for f in (am.abs, am.relu, lambda x: am.max(x, 0.0)):
        assert set(verdicts(check_grads(f, distance))) == {"ok"}


def test_jumps_are_reported_with_the_slopes_of_both_pieces() -> None:
    report = check_grads(am.mod, (6.0, 3.0), order=1)
    assert verdicts(report) == ["jump", "jump"]
    assert report.rows[1].left == pytest.approx(-2.0)
    assert report.rows[1].right == pytest.approx(-1.0)
    assert check_grads(am.sign, 0.0).rows[0].verdict == "jump"
    assert check_grads(am.atan2, (0.0, -1.0)).rows[0].verdict == "jump"
    assert set(verdicts(check_grads(am.floordiv, (7.0, 2.0)))) == {"ok"}


def test_where_conventions_contradict_a_smooth_function_the_check_fails_and_says_why() -> None:
    report = mismatch(lambda x: am.relu(x) - am.relu(-x), 0.0)
    assert report.culprits == []
    assert "at a kink or jump: relu(0.0), relu(-0.0)" in str(report)
    assert "move off the point" in str(report)


def test_a_special_case_with_a_slope_of_its_own_is_wrong() -> None:
    assert verdicts(mismatch(lambda x: 5 * x if x == 0 else am.sin(x), 0.0)) == ["wrong"]
    assert verdicts(mismatch(lambda x: 5 * x if x == 0 else abs(x), 0.0)) == ["wrong"]


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda x: x**1.5, 0.0, 0.0),
        (lambda x: (1 - x) ** 2.5 + x, 1.0, 1.0),
        (lambda x: x**3 + 2 * x if x >= 0 else am.log(x), 0.0, 2.0),
    ],
)
def test_at_the_edge_of_a_domain_one_side_will_do(f: Callable[[Any], Any], x: float, slope: float) -> None:
    row = check_grads(f, x, order=1).rows[0]
    assert row.verdict == "one-sided"
    assert row.numeric == pytest.approx(slope, abs=1e-9)
    assert row.note == "the function fails on the other side"


def test_what_raises_is_told_apart_from_what_does_not() -> None:
    report = mismatch(lambda x, y: [x * x, am.sqrt(x) * y], (0.0, 2.0), order=1)
    assert [(row.output, row.by, row.reverse, row.forward) for row in report.rows] == [
        ("f[0]", ("x",), 0.0, 0.0),
        ("f[0]", ("y",), 0.0, 0.0),
        ("f[1]", ("x",), None, None),
        ("f[1]", ("y",), 0.0, 0.0),
    ]
    assert verdicts(report) == ["one-sided", "ok", "not finite", "ok"]


def test_a_power_at_the_edge_of_its_domain() -> None:
    report = check_grads(lambda x, y: x**y, (0.0, 2.5), order=2)
    assert report.rows[0].verdict == "one-sided"
    assert report.rows[0].reverse == 0.0


# ---- nothing that is not finite passes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args", "said"),
    [
        (am.sqrt, (0.0,), "not finite: sqrt(0.0) has no finite derivative by operand 1"),
        (am.cbrt, (0.0,), "not finite: cbrt(0.0) has no finite derivative"),
        (am.atan2, (0.0, 0.0), "not finite: atan2(0.0, 0.0) has no finite derivative"),
        (lambda x: x * 1e308 * 10, (1.0,), "not finite: the function is inf"),
        (lambda x: x - x, (math.inf,), "not finite: the function is nan"),
        (lambda x: am.min(x, math.inf) * am.exp(-x), (math.nan,), "not finite: the function is nan"),
        (lambda x, y: x**y, (-2.0, 3.0), "not finite: pow(-2.0, 3.0) has no finite derivative by operand 2"),
    ],
)
def test_what_is_not_finite_fails(f: Callable[..., Any], args: tuple[float, ...], said: str) -> None:
    report = mismatch(f, args, order=1)
    assert said in str(report)
    assert report.culprits == []
    json.dumps(report.as_dict(), allow_nan=False)


def test_a_second_derivative_that_is_not_finite_fails() -> None:
    report = mismatch(lambda x: x**1.5, 0.0)
    assert verdicts(report) == ["one-sided", "not finite"]
    assert check_grads(lambda x: x**1.5, 0.0, order=1).passed


def test_an_infinite_slope_that_a_rule_calls_finite_is_wrong() -> None:
    bad = primitive("bad", math.sqrt, lambda y, x: 1.0)
    report = mismatch(bad, 0.0, order=1)
    assert report.rows[0].numeric == math.inf
    assert report.rows[0].note == "the slope is infinite"


def test_a_point_outside_the_domain_is_the_functions_own_error() -> None:
    with pytest.raises(ValueError, match=r"log\(-1.0\): .*its operands must lie in \(0, inf\)"):
        check_grads(am.log, -1.0)


# ---- the report ------------------------------------------------------------------------------------------------------


def test_the_table_is_aligned_and_complete() -> None:
    bad = primitive("bad", lambda x: x * x, lambda y, x: x)
    text = str(mismatch(lambda x, y: bad(x) * y, (1.5, -20.0)))
    assert text.splitlines() == [
        "f at x = 1.5, y = -20: 1 of 2 derivatives is not confirmed",
        "order  by  reverse  forward  numeric  ± error  resolution  rate  verdict",
        text.splitlines()[2],
        text.splitlines()[3],
        text.splitlines()[4],
    ]
    head, *rows = text.splitlines()[1:4]
    for name in ("reverse", "forward", "numeric", "± error", "resolution", "rate"):
        end = head.index(name) + len(name)
        assert all(row[end - 1] != " " and row[end : end + 2] == "  " for row in rows)
    assert rows[0].split()[:5] == ["1", "x", "-30", "-30", "-60"]
    assert rows[0].endswith("wrong")
    assert rows[1].endswith("ok")
    assert text.splitlines()[4].startswith(
        "the rule of 'bad' by operand 1 is to blame: at bad(1.5) it gives 1.5, finite "
    )
    assert text.splitlines()[4].endswith(": 0.5 times what it should be")


def test_a_long_table_is_cut_but_shows_what_failed() -> None:
    bad = primitive("bad", lambda x: x * x, lambda y, x: x)
    xs = [0.5 + i / 100 for i in range(60)]
    text = str(check_grads(lambda xs: am.sum([x * x for x in xs]), (xs,), order=1))
    assert "(20 more rows that are ok)" in text
    text = str(mismatch(lambda xs: am.sum([x * x for x in xs[:-1]]) + bad(xs[-1]), (xs,), order=1))
    assert "… (60 numbers): 1 of 60 derivatives is not confirmed" in text
    assert "xs[59]" in text
    assert len(text.splitlines()) < 50


def test_as_dict_is_json() -> None:
    report = check_grads(lambda x, y: x * y, (2.0, 3.0))
    data = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert data["passed"] is True
    assert data["function"] == "f"
    assert data["point"] == {"x": 2.0, "y": 3.0}
    assert data["rows"][0]["by"] == ["x"]
    assert data["rows"][0]["reverse"] == 3.0
    assert len(data["rows"]) == 6
    failed = mismatch(am.sqrt, 0.0).as_dict()
    assert failed["rows"][0]["numeric"] == "inf"
    assert failed["rows"][0]["reverse"] is None
    bad = primitive("bad", math.sin, lambda y, x: -am.cos(x))
    assert mismatch(bad, 1.0).as_dict()["culprits"][0]["primitive"] == "bad"


def test_the_parts_of_a_report_can_be_made_and_compared() -> None:
    row = GradientRow(1, "f", ("x",), 1.0, 1.0, 1.0, 1e-12, 4e-12, "ok")
    assert row.passed
    assert not GradientRow(1, "f", ("x",), None, 1.0, 1.0, 1e-12, 4e-12, "not finite").passed
    assert Culprit("sin", 0, (1.0,), 1, None, 1.0, 0.0).fault == math.inf
    assert Culprit("sin", 0, (1.0,), 1, 1.0, 2.0, 0.0).fault == 0.5


# ---- wrong use -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args", "order", "kind", "said"),
    [
        (lambda x: x, "abc", 1, TypeError, "takes the tuple of f's arguments, not str 'abc'"),
        (lambda p: p["a"], {"a": 1.0}, 1, TypeError, "takes the tuple of f's arguments, not dict"),
        (lambda x: x[0], [1.0, 2.0], 1, TypeError, r"a single list x is written \(x,\)"),
        (lambda x: x, ("abc",), 1, TypeError, "must be a number"),
        (lambda x: x, (1j,), 1, TypeError, "given complex numbers"),
        (lambda x: "abc", (1.0,), 1, TypeError, "the result of f must be a number"),
        (lambda x: None, (1.0,), 1, TypeError, "the result of f must be a number"),
        (lambda: 1.0, (), 1, ValueError, "no number among the arguments of f"),
        (lambda x: [], (1.0,), 1, ValueError, "no number among the results of f"),
        (lambda x: x, (1.0,), 0, ValueError, "order of 1 or more"),
    ],
)
def test_wrong_use_is_refused(f: Any, args: Any, order: int, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        check_grads(f, args, order)


def test_the_checker_imports_the_standard_library_only() -> None:
    code = (
        "import sys, autograd.checking; autograd.checking.check_grads(lambda x: x * x, 2.0);"
        "print(sorted({'numpy', 'hypothesis', 'graphviz'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
