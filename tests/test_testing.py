"""The strategies: what they draw stays inside domains, is written as it computes, shrinks, and finds faults."""

from __future__ import annotations

import dataclasses
import importlib
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import autograd.testing
from autograd import Value, primitive
from autograd import math as am
from autograd.checking import GradientMismatch, check_grads
from autograd.primitives import BUILTIN, TABLE, Primitive
from autograd.testing import KINKED, SMOOTH, RandomFunction, expressions, numbers, points, programs

ROWS = [TABLE[name] for name in sorted(BUILTIN)]
every_row = pytest.mark.parametrize("row", ROWS, ids=str)
quickly = settings(max_examples=300, database=None, report_multiple_bugs=False, phases=[Phase.generate])
everything = programs(variables=3, rows=(*SMOOTH, *KINKED), size=12)
triples = st.tuples(numbers(), numbers(), numbers())


def smallest(strategy: Any, condition: Any) -> Any:
    return find(strategy, condition, settings=settings(max_examples=200, database=None))


class Met(Exception):  # noqa: N818  # what a search is for
    pass


def is_met(strategy: Any, condition: Any) -> bool:
    @settings(quickly, max_examples=10_000)
    @given(strategy)
    def search(drawn: Any) -> None:
        if condition(drawn):
            raise Met

    with pytest.raises(Met):
        search()
    return True


# ---- numbers and points ----------------------------------------------------------------------------------------------


@given(numbers(), numbers(0.5, 2.0), numbers(-2.0, -0.5))
def test_numbers_are_moderate(x: float, above: float, below: float) -> None:
    assert x == 0.0 or 2.0**-10 <= abs(x) <= 3.0
    assert 0.5 <= above <= 2.0
    assert -2.0 <= below <= -0.5


@given(numbers(0.0, 1e-4), numbers(-1e-200, 1e-200))
def test_small_bounds_have_small_numbers(x: float, y: float) -> None:
    assert x == 0.0 or 1e-4 * 2.0**-10 <= x <= 1e-4
    assert y == 0.0 or 1e-200 * 2.0**-10 <= abs(y) <= 1e-200


def test_small_bounds_have_other_numbers_than_0() -> None:
    assert is_met(numbers(0.0, 1e-4), lambda x: 0.0 < x < 1e-4)
    assert is_met(numbers(-1e-200, 1e-200), lambda x: -1e-200 < x < 0.0)


def test_numbers_have_both_zeros_and_all_digits() -> None:
    assert is_met(numbers(), lambda x: x == 0.0 and math.copysign(1.0, x) > 0)
    assert is_met(numbers(), lambda x: x == 0.0 and math.copysign(1.0, x) < 0)
    assert is_met(numbers(), lambda x: x * 2**20 != int(x * 2**20))
    assert smallest(numbers(), lambda x: x > 1.5) == 2.0


@every_row
@given(data=st.data())
def test_points_are_inside_the_domain_and_off_kinks(row: Primitive, data: st.DataObject) -> None:
    args = data.draw(points(row))
    xs = tuple(row.gather(*args)) if row.gather else args
    assert len(xs) == row.arity or (row.arity is None and 2 <= len(xs) <= 4)
    for i, x in enumerate(xs):
        low, high = row.domain[i % len(row.domain)]
        assert low < x < high
        assert abs(x) <= 7.0
        assert x == 0.0 or abs(x) >= 2.0**-10
    if row.singular is not None:
        assert abs(row.singular(*xs)) >= 1 / 128
    y = row(*args)
    assert math.isfinite(y)
    wrapped = [[Value(x) for x in arg] if isinstance(arg, list) else Value(arg) for arg in args]
    assert row(*wrapped).data == y


def test_points_reach_both_sides_of_a_kink_and_both_ends_of_a_domain() -> None:
    assert is_met(points(TABLE["abs"]), lambda args: args[0] < 0)
    assert is_met(points(TABLE["abs"]), lambda args: 0 < args[0] < 0.05)
    for row, low, high in ((TABLE["asin"], -0.9, 0.9), (TABLE["log"], 0.1, 2.5), (TABLE["acosh"], 1.1, 3.0)):
        assert is_met(points(row), lambda args, low=low: args[0] < low)
        assert is_met(points(row), lambda args, high=high: args[0] > high)
    assert is_met(points(TABLE["max"]), lambda args: args[0] < args[1])
    for n in (2, 3, 4):
        assert is_met(points(TABLE["sum"]), lambda args, n=n: len(args[0]) == n)
    assert is_met(points(TABLE["dot"]), lambda args: len(args[0]) == len(args[1]) == 2)


@given(st.data())
def test_points_of_a_primitive_of_ones_own(data: st.DataObject) -> None:
    below = primitive("below", lambda x: math.log(1 - x), lambda y, x: -1 / (1 - x), domain=((-math.inf, 1.0),))
    (x,) = data.draw(points(below))
    assert -5.0 <= x < 1.0
    narrow = primitive("narrow", lambda x: x, lambda y, x: 1, domain=((100.0, 100.5),))
    assert 100.0 < data.draw(points(narrow))[0] < 100.5
    pole = primitive("pole", lambda x: 1 / x, lambda y, x: -y / x, singular=lambda x: 1 / (1 / x))
    assert abs(data.draw(points(pole))[0]) >= 1 / 128
    every = primitive("every", lambda *xs: sum(xs), variadic=lambda y, *xs: [1] * len(xs))
    assert 2 <= len(data.draw(points(every))) <= 4


def test_a_primitive_that_takes_its_arguments_in_another_form_is_refused() -> None:
    odd = primitive("odd", lambda *xs: sum(xs), variadic=lambda y, *xs: [1] * len(xs), gather=lambda *, xs: tuple(xs))
    with pytest.raises(ValueError, match="odd takes 2 arguments neither one by one, nor in a list, nor in two"):
        points(odd)


# ---- random functions ------------------------------------------------------------------------------------------------


@given(everything, triples)
@settings(max_examples=300)
def test_random_functions_are_safe_and_the_same_on_values(f: RandomFunction, xs: tuple[float, float, float]) -> None:
    y = f(*xs)
    assert type(y) is float
    assert abs(y) <= am.polygamma(3, 0.25)  # no row gives more than this one, 1,541, at the edge of what it is given
    on_values = f(*map(Value, xs))
    assert y == (on_values.data if isinstance(on_values, Value) else on_values)


@given(st.one_of(everything, expressions(variables=3, rows=(*SMOOTH, *KINKED), size=10)), triples)
@settings(max_examples=300)
def test_the_repr_is_source_of_the_same_function(f: RandomFunction, xs: tuple[float, float, float]) -> None:
    names: dict[str, Any] = {name: getattr(am, name) for name in am.__all__}
    source = repr(f)
    if source.startswith("lambda"):
        g = eval(source, names)
    else:
        exec(source, names)
        g = names["f"]
    assert g(*xs) == f(*xs)


@pytest.mark.parametrize(
    ("steps", "source"),
    [
        ([("add", 0, 1), ("mul", 2, 0)], "lambda x, y: (x + y) * x"),
        ([("mul", 0, 1), ("add", 2, 0)], "lambda x, y: x * y + x"),
        ([("sub", 0, 1), ("sub", 1, 2)], "lambda x, y: y - (x - y)"),
        ([("sub", 0, 1), ("sub", 2, 1)], "lambda x, y: x - y - y"),
        ([("pow", 0, 1), ("pow", 2, 1)], "lambda x, y: (x ** y) ** y"),
        ([("pow", 0, 1), ("pow", 1, 2)], "lambda x, y: y ** x ** y"),
        ([("neg", 0), ("pow", 2, 1)], "lambda x, y: (-x) ** y"),
        ([("pow", 0, 1), ("neg", 2)], "lambda x, y: -x ** y"),
        ([("add", 0, 1), ("neg", 2)], "lambda x, y: -(x + y)"),
        ([("pow", -2.0, 1)], "lambda x, y: (-2.0) ** y"),
        ([("sub", 0, -2.0)], "lambda x, y: x - -2.0"),
        ([("mod", 0, 1), ("div", 2, 1)], "lambda x, y: x % y / y"),
        ([("sum", 0, 1, 2.0), ("dot", 2, 0, 1, 3.0)], "lambda x, y: dot([sum([x, y, 2.0]), x], [y, 3.0])"),
        ([("sin", 0), ("mul", 2, 2)], "def f(x, y):\n    t0 = sin(x)\n    return t0 * t0"),
    ],
)
def test_the_repr_brackets_what_needs_it(steps: list[tuple[Any, ...]], source: str) -> None:
    f = RandomFunction(("x", "y"), tuple((TABLE[name], tuple(operands)) for name, *operands in steps))
    assert repr(f) == source


def test_programs_share_results_and_expressions_do_not() -> None:
    assert is_met(programs(), lambda f: repr(f).startswith("def"))
    fan_out = smallest(programs(variables=1, rows=[TABLE["add"]], size=2), lambda f: f(1.0) == f(2.0) / 2 == 4.0)
    assert repr(fan_out) == "def f(x):\n    t0 = x + x\n    return t0 + t0"

    @given(expressions(size=10))
    def tree(f: RandomFunction) -> None:
        assert repr(f).startswith("lambda x, y: ")

    tree()


def test_every_row_is_drawn() -> None:
    drawn: set[str] = set()

    def all_drawn(f: RandomFunction) -> bool:
        drawn.update(row.name for row, _ in f.steps)
        return drawn == BUILTIN

    assert is_met(everything, all_drawn)


def test_rows_of_ones_own_are_drawn_inside_their_domain() -> None:
    seen: list[float] = []

    def picky(x: float) -> float:
        assert 4.0 < x < 5.0
        seen.append(x)
        return 1e6 * x

    mine = primitive("mine", picky, lambda y, x: 1e6, domain=((4.0, 5.0),))

    @given(programs(rows=[mine, TABLE["mul"]]), numbers(), numbers())
    def run(f: RandomFunction, x: float, y: float) -> None:
        f(x, y)

    run()
    assert len(set(seen)) > 20


@given(programs(rows=[*KINKED, TABLE["add"]]), numbers(), numbers())
def test_kinks_name_the_calls_at_kinks(f: RandomFunction, x: float, y: float) -> None:
    named = f.kinks(x, y)
    for text in named:
        assert text.split("(")[0] in {row.name for row in KINKED}
    if not named:
        check_grads(f, (x, y), order=1)


def test_kinks_of_a_known_function() -> None:
    f = RandomFunction(("x",), ((TABLE["abs"], (0,)), (TABLE["relu"], (0,)), (TABLE["add"], (1, 2))))
    assert check_grads(f, (0.5,)).rows[0].by == ("x",)
    assert f.kinks(0.0) == ["abs(0.0)", "relu(0.0)"]
    assert f.kinks(0.5) == []


def test_a_random_function_refuses_a_wrong_number_of_numbers() -> None:
    with pytest.raises(TypeError, match="a function of 1 numbers was called with 2"):
        RandomFunction(("x",), ((TABLE["abs"], (0,)),))(1.0, 2.0)


def test_many_variables_have_names() -> None:
    names = ("x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7")
    assert is_met(expressions(variables=8, size=1), lambda f: f.variables == names and f(*[1.5] * 8) is not None)


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_failures_shrink_to_the_wrong_call() -> None:
    bad = primitive("bad", math.sin, lambda y, x: am.cos(x) * 1.001)

    def fails(f: RandomFunction) -> bool:
        try:
            check_grads(f, (0.5, 0.25), order=1)
        except GradientMismatch:
            return True
        return False

    drawn = programs(rows=[bad, TABLE["sin"], TABLE["mul"], TABLE["add"]], size=5)
    assert repr(smallest(drawn, fails)) in ("lambda x, y: bad(x)", "lambda x, y: bad(y)")


MANY = ["tanh", "exp", "sin", "cos", "atan", "sigmoid", "sqrt", "add", "sub", "mul", "div", "hypot"]


def planted(original: Primitive) -> Primitive:
    """The row with partials that are wrong by a hundredth."""
    partials: Any = original.partials
    assert isinstance(partials, tuple)
    wrong = tuple(lambda *args, rule=rule: rule(*args) * 1.01 for rule in partials)
    return dataclasses.replace(original, name="bad", partials=wrong, text="")


@pytest.mark.parametrize(("strategy", "name"), [(programs, "tanh"), (expressions, "mul")])
def test_a_fault_among_many_rows_shrinks_to_a_formula_that_can_be_read(name: str, strategy: Any) -> None:
    bad = planted(TABLE[name])
    rows = [bad if row.name == name else row for row in map(TABLE.get, MANY) if row is not None]

    @settings(max_examples=200, database=None, derandomize=True, report_multiple_bugs=False)
    @given(strategy(rows=rows, size=12))
    def search(f: RandomFunction) -> None:
        last.append(f)
        if any(row is bad for row, _ in f.steps):
            check_grads(f, (0.5, 0.25), order=1)

    last: list[RandomFunction] = []
    with pytest.raises(GradientMismatch):
        search()
    simplest = last[-1]  # hypothesis runs it once more
    assert any(row is bad for row, _ in simplest.steps)
    assert len(simplest.steps) <= 4, simplest
    assert len(repr(simplest)) <= 60, simplest


# ---- health ----------------------------------------------------------------------------------------------------------


@every_row
def test_no_row_has_hypothesis_complain_of_filtering_or_slowness(row: Primitive) -> None:
    """All of hypothesis's health checks are on: one that fails is an error."""

    @settings(max_examples=50, database=None, suppress_health_check=[], phases=[Phase.generate])
    @given(points(row))
    def healthy(args: tuple[Any, ...]) -> None:
        row(*args)

    healthy()


@pytest.mark.parametrize("rows", [SMOOTH, (*SMOOTH, *KINKED)], ids=["smooth", "all"])
@pytest.mark.parametrize("strategy", [programs, expressions])
def test_large_programs_have_hypothesis_complain_of_nothing(strategy: Any, rows: Any) -> None:
    sizes: list[int] = []

    @settings(max_examples=100, database=None, suppress_health_check=[], phases=[Phase.generate])
    @given(strategy(rows=rows, size=20), st.tuples(numbers(), numbers()))
    def healthy(f: RandomFunction, xs: tuple[float, float]) -> None:
        sizes.append(len(f.steps))
        assert math.isfinite(f(*xs))

    healthy()
    assert max(sizes) >= 10


# ---- three lines are enough, and find faults -------------------------------------------------------------------------


def test_three_lines_pass_a_right_primitive_and_fail_a_wrong_one() -> None:
    right = primitive("right", lambda a, b: a * math.exp(b), lambda y, a, b: am.exp(b), lambda y, a, b: y)
    wrong = primitive("wrong", lambda a, b: a * math.exp(b), lambda y, a, b: am.exp(b), lambda y, a, b: y * 1.0001)

    @given(points(right))
    def test_right(args: Any) -> None:
        check_grads(right, args)

    test_right()

    @quickly
    @given(points(wrong))
    def test_wrong(args: Any) -> None:
        check_grads(wrong, args)

    with pytest.raises(GradientMismatch, match="the rule of 'wrong' by operand 2 is to blame"):
        test_wrong()


def test_three_lines_find_a_rule_that_is_wrong_on_one_side_only() -> None:
    wrong = primitive("wrong", lambda x: x * abs(x), lambda y, x: 2 * x)

    @quickly
    @given(points(wrong))
    def search(args: Any) -> None:
        check_grads(wrong, args, order=1)

    with pytest.raises(GradientMismatch, match="the sign is wrong"):
        search()


def test_three_lines_for_a_function() -> None:
    @given(st.tuples(numbers(), numbers()))
    def search(args: Any) -> None:
        check_grads(lambda x, y: am.exp(x) * am.sin(y) + x / (2 + y * y), args)

    search()


# ---- hypothesis is needed here and nowhere else ----------------------------------------------------------------------


def test_only_this_module_imports_hypothesis() -> None:
    code = (
        "import sys, autograd, autograd.checking, autograd.math, autograd.functional;"
        "assert 'hypothesis' not in sys.modules; import autograd.testing; assert 'hypothesis' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r"autograd\.testing needs hypothesis: pip install hypothesis"):
        importlib.reload(autograd.testing)
    monkeypatch.undo()
    importlib.reload(autograd.testing)
