"""The rules as formulas: what is printed, evaluated again, is the derivative."""

from __future__ import annotations

import math
import pydoc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import math as am
from autograd import primitive
from autograd.formulas import Symbol, call_formula, derivative_formula, described, domain_formula
from autograd.primitives import BUILTIN, TABLE, Primitive, Switched
from autograd.testing import points
from tests.test_table import flat

FUNCTIONS: dict[str, Any] = {name: getattr(am, name) for name in am.__all__}


@pytest.mark.parametrize("name", sorted(BUILTIN))
@given(data=st.data())
@settings(max_examples=20)
def test_a_formula_is_source_of_the_derivative(name: str, data: st.DataObject) -> None:
    row = TABLE[name]
    half = 2 if row.gather is TABLE["dot"].gather else 1
    n = row.arity or 2 * half
    xs = data.draw(points(row).map(lambda args: flat(row, args)).filter(lambda xs: len(xs) == n))
    names = call_names(row, n)
    numbers = {**FUNCTIONS, **dict(zip(names, xs, strict=True))}
    assert eval(call_formula(row), numbers) == row.fn(*xs)
    for formula, partial in zip(derivative_formula(row), row.partials_at(row.fn(*xs), xs), strict=True):
        assert eval(formula, numbers) == pytest.approx(partial, rel=1e-9, abs=1e-12), formula


def call_names(row: Primitive, n: int) -> list[str]:
    return {1: ["x"], 3: ["c", "a", "b"], 4: ["w1", "w2", "x1", "x2"]}.get(
        n, ["a", "b"] if row.arity == 2 else ["x1", "x2"]
    )


@pytest.mark.parametrize(
    ("name", "formulas"),
    [
        ("add", ("1", "1")),
        ("div", ("1 / b", "-(a / b) / b")),
        ("pow", ("b * a ** (b - 1)", "a ** b * log(a)")),
        ("tanh", ("1 - tanh(x) * tanh(x)",)),
        ("sigmoid", ("sigmoid(x) * (1 - sigmoid(x))",)),
        ("erf", ("2 / sqrt(pi) * exp(-x * x)",)),
        ("acos", ("-1 / sqrt((1 - x) * (1 + x))",)),
        ("relu", ("where(x <= 0, 0, 1)",)),
        ("hypot", ("x1 / hypot(x1, x2)", "x2 / hypot(x1, x2)")),
        ("dot", ("x1", "x2", "w1", "w2")),
        ("prod", ("x2", "x1")),
        ("digamma", ("polygamma(1, x)",)),
    ],
)
def test_formulas_read_well(name: str, formulas: tuple[str, ...]) -> None:
    assert derivative_formula(TABLE[name]) == formulas


def test_a_row_of_ones_own() -> None:
    cube = primitive("cube", lambda x: x**3, lambda y, x: 3 * x**2, domain=((0.0, 1.0),), convention="none at all")
    assert described(cube) == "cube(x)\n    d/dx = 3 * x ** 2\n    for x in (0, 1)\n    none at all"
    assert domain_formula(cube) == "x in (0, 1)"
    four = primitive("four", lambda *xs: xs[0], *[lambda y, *xs, i=i: xs[i] for i in range(4)])
    assert derivative_formula(four) == ("x1", "x2", "x3", "x4")


def test_a_rule_that_does_not_run_on_symbols_has_no_formula() -> None:
    for rule in (lambda y, x: math.cos(x), lambda y, x: 1 if x > 0 else 0, lambda y, x: {}[x]):
        assert derivative_formula(primitive("mine", math.sin, rule)) == ("(a function without a formula)",)


def test_help_shows_the_function_and_its_derivative() -> None:
    text = pydoc.plain(pydoc.render_doc(am.log))
    assert "The natural logarithm" in text
    text = pydoc.plain(pydoc.render_doc(am.sqrt))
    for line in ("sqrt(x)", "d/dx = 0.5 / sqrt(x)", "for x in (0, inf)", "infinite slope at 0: raises"):
        assert line in text
    assert "class Primitive" not in text
    assert (am.tanh.__doc__ or "").startswith("tanh(x)\n    d/dx = 1 - tanh(x) * tanh(x)")
    assert (Primitive.__doc__ or "").startswith("One row of the table; call it on numbers")


def test_symbols_are_neither_true_nor_false() -> None:
    x = Symbol("x")
    with pytest.raises(TypeError, match="use where"):
        bool(x > 0)
    assert str(abs(-x) % 2 // 3) == "abs(-x) % 2 // 3"
    assert str((x + 1) * 1 - (x - (2 - x))) == "x + 1 - (x - (2 - x))"
    assert str((2**x) ** -x) == "(2 ** x) ** (-x)"
    assert str(-(x**2)) == "-x ** 2"
    assert str(Switched(lambda y, x: x < 0, lambda y, x: x, lambda y, x: -x)(x, x)) == "where(x < 0, x, -x)"
