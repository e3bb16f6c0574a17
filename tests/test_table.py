"""Every row of the table in every mode, against oracles that know nothing of its rules.

The oracles: Python's own float operations bit for bit (values and exceptions); mpmath's derivatives at 40 digits; the
complex step; finite differences; and for awkward points a table of what is to come out, with the row's convention.
"""

from __future__ import annotations

import cmath
import dataclasses
import functools
import itertools
import math
import operator
import statistics
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from autograd import Value, grad, gradients, hessian, hvp, jacobian, jvp, primitive
from autograd import math as am
from autograd.checking import GradientMismatch, check_grads
from autograd.primitives import BUILTIN, TABLE, Elementwise, Primitive
from autograd.testing import KINKED, points
from tests.symbols import Symbol, evaluate

ROWS = [TABLE[name] for name in sorted(BUILTIN)]
UNARY = [row for row in ROWS if row.arity == 1]
SMOOTH_UNARY = [row for row in UNARY if row not in KINKED]
every_row = pytest.mark.parametrize("row", ROWS, ids=str)
few = settings(max_examples=20)

ERRORS = (ValueError, ZeroDivisionError, OverflowError)


def flat(row: Primitive, args: Sequence[Any]) -> tuple[Any, ...]:
    """The numbers that a row's function is given for the arguments of a call."""
    return tuple(row.gather(*args)) if row.gather else tuple(args)


def apply(row: Primitive) -> Callable[..., Any]:
    """The row as a function of those numbers."""
    return lambda *xs: Value._apply(row, xs) if any(isinstance(x, Value) for x in xs) else row.fn(*xs)


def bits(x: float) -> bytes:
    return b"nan" if math.isnan(x) else struct.pack("<d", x)


# ---- values: what Python's floats do, bit for bit --------------------------------------------------------------------


def python_pow(a: float, b: Any) -> float:
    y = a**b
    if isinstance(y, complex):
        raise ValueError("complex")
    return float(y)


PYTHON: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "pos": operator.pos,
    "pow": python_pow,
    "mod": operator.mod,
    "floordiv": operator.floordiv,
    "where": lambda c, a, b: a if c else b,
    "sign": lambda x: x if x == 0 or x != x else math.copysign(1.0, x),
    "abs": abs,
    "copysign": math.copysign,
    "floor": lambda x: math.copysign(float(math.floor(x)), x),
    "ceil": lambda x: math.copysign(float(math.ceil(x)), x),
    "trunc": lambda x: math.copysign(float(math.trunc(x)), x),
    "fsum": lambda *xs: math.fsum(xs),
    "relu": lambda x: x if x > 0 or x != x else 0.0,
    "leaky_relu": lambda x, slope: x if x > 0 or x != x else x * slope,
    "max": max,
    "min": min,
    "hypot": math.hypot,
    "sum": lambda *xs: functools.reduce(operator.add, xs, 0.0),
    "dot": lambda *xs: PYTHON["sum"](*map(operator.mul, xs[: len(xs) // 2], xs[len(xs) // 2 :])),
    "prod": lambda *xs: functools.reduce(operator.mul, xs, 1.0),
    **{
        name: getattr(math, name)
        for name in (
            *("exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "erf", "erfc", "atan2"),
            *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
            *("degrees", "radians", "fmod", "remainder", "gamma", "lgamma"),
        )
    },
}
OWN = {
    *("sigmoid", "softplus", "logsumexp", "sumprod", "digamma", "polygamma1", "polygamma2", "polygamma3"),
    *("erfinv", "norm_pdf", "norm_cdf", "norm_ppf"),
}  # Python has no such function; mpmath is their oracle below

SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    -2.0,
    3.0,
    math.inf,
    -math.inf,
    math.nan,
    5e-324,
    1e308,
    -1e308,
    710.0,
    1e-17,
]
any_float = st.one_of(st.sampled_from(SPECIAL), st.floats(), st.floats(-10, 10))


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """The bits of the result, or the type of the exception."""
    try:
        y = function(*args)
    except ERRORS as error:
        return type(error)
    assert type(y) is float or isinstance(y, Value)
    return bits(y.data if isinstance(y, Value) else y)


def draw_operands(data: st.DataObject, row: Primitive) -> list[float]:
    n = row.arity or data.draw(st.sampled_from([2, 4]))
    return [data.draw(any_float) for _ in range(n)]


def test_every_row_has_an_oracle() -> None:
    assert set(PYTHON) | OWN == BUILTIN
    assert set(MPMATH) == BUILTIN


@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in OWN], ids=str)
@given(data=st.data())
@settings(max_examples=60)
def test_values_are_python_floats_bit_for_bit(row: Primitive, data: st.DataObject) -> None:
    xs = draw_operands(data, row)
    wanted = outcome(PYTHON[row.name], *xs)
    assert outcome(row.fn, *xs) == wanted
    assert outcome(apply(row), *map(Value, xs)) == wanted
    # with plain floats among the operands, but for one
    i = data.draw(st.integers(0, len(xs) - 1))
    assert outcome(apply(row), *(Value(x) if j == i else x for j, x in enumerate(xs))) == wanted


@pytest.mark.parametrize("row", UNARY, ids=str)
@given(x=any_float)
@settings(max_examples=60)
def test_methods_and_functions_do_the_same(row: Primitive, x: float) -> None:
    wanted = outcome(row.fn, x)
    assert outcome(row, Value(x)) == wanted
    assert outcome(row, x) == wanted
    if row.name in ("neg", "pos", "abs"):
        assert outcome(getattr(operator, row.name), Value(x)) == wanted
    elif not row.name.startswith("polygamma"):
        assert outcome(getattr(am, row.name), Value(x)) == wanted
        if hasattr(np, row.name) or hasattr(np, row.name.replace("a", "arc", 1)):
            assert outcome(getattr(Value, row.name), Value(x)) == wanted


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "mod": operator.mod,
    "floordiv": operator.floordiv,
}
other_kinds = st.one_of(
    st.integers(-5, 5),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**53 + 1]),
    st.booleans(),
    st.fractions(max_denominator=100),
    any_float,
)


def real(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], float]:
    """The operator on floats, with a complex result refused."""

    def checked(a: Any, b: Any) -> float:
        y = function(a, b)
        if isinstance(y, complex):
            raise ValueError("complex")
        return float(y)

    return checked


@pytest.mark.parametrize("name", OPERATORS)
@given(x=any_float, other=other_kinds, left=st.booleans())
@example(x=-8.0, other=Fraction(1, 3), left=True)
@example(x=0.0, other=-1, left=True)
@example(x=0.5, other=-8, left=False)
def test_operators_with_python_numbers(name: str, x: float, other: Any, left: bool) -> None:
    run = OPERATORS[name]
    if left:
        assert outcome(run, Value(x), other) == outcome(real(run), x, other)
    else:
        assert outcome(run, other, Value(x)) == outcome(real(run), other, x)


NUMPY_KINDS = [np.float64, np.float32, np.float16, np.int64, np.int8, np.uint8, np.bool_, np.longdouble]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("kind", NUMPY_KINDS, ids=lambda kind: kind.__name__)
@given(x=st.floats(-10, 10), number=st.integers(0, 100), left=st.booleans())
@few
def test_operators_with_numpy_scalars(name: str, kind: Any, x: float, number: int, left: bool) -> None:
    other, run = kind(number), OPERATORS[name]
    as_float = float(other)
    if left:
        assert outcome(run, Value(x), other) == outcome(real(run), x, as_float)
    else:
        assert outcome(run, other, Value(x)) == outcome(real(run), as_float, x)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("left", [True, False])
def test_operators_of_two_values(name: str, left: bool) -> None:
    run = OPERATORS[name]
    for a, b in itertools.product(SPECIAL, SPECIAL):
        assert outcome(run, Value(a), Value(b)) == outcome(real(run), a, b), (a, b)


@every_row
@given(data=st.data(), labels=st.booleans())
@settings(max_examples=50)
def test_an_exception_names_operation_operands_and_labels(row: Primitive, data: st.DataObject, labels: bool) -> None:
    xs = draw_operands(data, row)
    try:
        row.fn(*xs)
    except ERRORS as error:
        expected = type(error)
    else:
        return
    names = [f"p{i}" if labels and i % 2 == 0 else "" for i in range(len(xs))]
    with pytest.raises(expected) as caught:
        apply(row)(*map(Value, xs, names))
    assert type(caught.value) is expected
    written = [f"{name}={x!r}" if name else repr(x) for name, x in zip(names, xs, strict=True)]
    assert str(caught.value).startswith(f"{row.name}({', '.join(written)}): ")
    assert "; " in str(caught.value)  # and a remedy


def test_the_exception_test_meets_exceptions() -> None:
    raised = set()
    for row in ROWS:
        for xs in itertools.product(SPECIAL, repeat=row.arity or 2):
            try:
                row.fn(*xs)
            except ERRORS as error:
                raised.add((row.name, type(error)))
    assert {kind for _, kind in raised} == set(ERRORS)
    assert {"div", "mod", "floordiv", "pow", "log", "sqrt", "asin", "atanh", "exp", "sinh", "acosh"} <= {
        r for r, _ in raised
    }


# ---- derivatives: mpmath ---------------------------------------------------------------------------------------------

mp = mpmath.mp.clone()
mp.dps = 40


def mp_erfinv(y: Any) -> Any:
    """By Newton's method, from a float's digits on: mpmath's own is slow far out."""
    x = mp.mpf(float(mp.erfinv(mp.mpf(float(y)))))
    with mp.workdps(mp.dps + 30):
        for _ in range(4):
            x -= (mp.erf(x) - y) * mp.sqrt(mp.pi) / 2 * mp.exp(x * x)
    return x


def mp_norm_ppf(p: Any) -> Any:
    x = mp.mpf(statistics.NormalDist().inv_cdf(float(p)))
    with mp.workdps(mp.dps + 30):
        for _ in range(5):
            x -= (mp.ncdf(x) - p) / mp.npdf(x)
    return x


def mp_root(x: Any) -> Any:
    return mp.sign(x) * mp.cbrt(abs(x))


MPMATH: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "pos": operator.pos,
    "pow": mp.power,
    "mod": lambda a, b: a - b * mp.floor(a / b),
    "floordiv": lambda a, b: mp.floor(a / b),
    "where": lambda c, a, b: a if c != 0 else b,
    "sign": mp.sign,
    "abs": abs,
    "copysign": lambda a, b: abs(a) * (mp.sign(b) or math.copysign(1.0, b)),
    "floor": mp.floor,
    "ceil": mp.ceil,
    "trunc": lambda x: mp.floor(x) if x > 0 else mp.ceil(x),
    "fmod": lambda a, b: a - b * (mp.floor(a / b) if a / b > 0 else mp.ceil(a / b)),
    "remainder": lambda a, b: a - b * mp.nint(a / b),
    "degrees": lambda x: x * 180 / mp.pi,
    "radians": lambda x: x * mp.pi / 180,
    "gamma": mp.gamma,
    "lgamma": mp.loggamma,
    "digamma": mp.digamma,
    **{f"polygamma{n}": lambda x, n=n: mp.polygamma(n, x) for n in (1, 2, 3)},
    "erfinv": mp_erfinv,
    "norm_pdf": mp.npdf,
    "norm_cdf": mp.ncdf,
    "norm_ppf": mp_norm_ppf,
    "fsum": lambda *xs: mp.fsum(xs),
    "sumprod": lambda *xs: mp.fsum(map(operator.mul, xs[: len(xs) // 2], xs[len(xs) // 2 :])),
    "relu": lambda x: (x + abs(x)) / 2,
    "leaky_relu": lambda x, slope: (x + abs(x)) / 2 + slope * (x - abs(x)) / 2,
    "max": max,
    "min": min,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "exp2": lambda x: mp.power(2, x),
    "log": mp.log,
    "log1p": lambda x: mp.log(1 + x),
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "sqrt": mp.sqrt,
    "cbrt": mp_root,
    "hypot": lambda *xs: mp.sqrt(mp.fsum(x * x for x in xs)),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "atan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "sum": lambda *xs: mp.fsum(xs),
    "dot": lambda *xs: mp.fsum(map(operator.mul, xs[: len(xs) // 2], xs[len(xs) // 2 :])),
    "prod": lambda *xs: mp.fprod(xs),
    "logsumexp": lambda *xs: mp.log(mp.fsum(map(mp.exp, xs))),
}


def mp_derivative(name: str, xs: Sequence[float], by: Sequence[int]) -> float:
    """The derivative by the operands ``by`` (with repetition), to 40 digits, as a float."""
    order = [list(by).count(i) for i in range(len(xs))]
    return float(mp.diff(MPMATH[name], tuple(map(mp.mpf, xs)), tuple(order)))


def assert_close(ours: Any, true: float, size: float, what: object) -> None:
    """Right to 11 digits; ``size`` is that of the terms that may cancel."""
    assert type(ours) is float
    assert abs(ours - true) <= 1e-11 * (abs(true) + size) + 1e-40, (what, ours, true)


def assert_right(row: Primitive, xs: tuple[float, ...]) -> None:
    """First and second derivatives in every mode against mpmath."""
    f, n = apply(row), len(xs)
    size = min(abs(row.fn(*xs)), 1.0)
    argnums = tuple(range(n))
    reverse = grad(f, argnums)(*xs)
    leaves = [Value(x) for x in xs]
    f(*leaves).backward()
    reverse_over_reverse = hessian(f, argnums)(*xs)
    for i in range(n):
        unit = tuple(float(i == j) for j in range(n))
        true = mp_derivative(row.name, xs, [i])
        _, forward = jvp(f, xs, unit)
        for mode, ours in (("reverse", reverse[i]), ("backward", leaves[i].grad), ("forward", forward)):
            assert_close(ours, true, size, (mode, row.name, xs, i))
        forward_over_reverse = hvp(f, xs, unit)

        def slope(*xs: Any, unit: tuple[float, ...] = unit) -> Any:
            return jvp(f, xs, unit)[1]

        reverse_over_forward = grad(slope, argnums)(*xs)
        for j in range(n):
            true = mp_derivative(row.name, xs, [i, j])
            _, forward_over_forward = jvp(slope, xs, tuple(float(j == k) for k in range(n)))
            for mode, ours in (
                ("reverse over reverse", reverse_over_reverse[i][j]),
                ("forward over reverse", forward_over_reverse[j]),
                ("reverse over forward", reverse_over_forward[j]),
                ("forward over forward", forward_over_forward),
            ):
                assert_close(ours, true, size, (mode, row.name, xs, i, j))


@every_row
@given(data=st.data())
@few
def test_derivatives_against_mpmath(row: Primitive, data: st.DataObject) -> None:
    xs = flat(row, data.draw(points(row)))
    assume(row.name != "where" or xs[0] != 0.0)  # there the oracle would see the condition change
    assert_right(row, xs)


@pytest.mark.parametrize("row", SMOOTH_UNARY, ids=str)
@given(data=st.data())
@few
def test_third_derivatives_against_mpmath(row: Primitive, data: st.DataObject) -> None:
    (x,) = data.draw(points(row))
    true = mp_derivative(row.name, [x], [0, 0, 0])
    size = abs(mp_derivative(row.name, [x], [0, 0])) + abs(mp_derivative(row.name, [x], [0]))
    reverse = grad(grad(grad(row)))(x)

    def forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: jvp(f, (x,), (1.0,))[1]

    assert_close(reverse, true, size, "reverse")
    assert_close(forward(forward(forward(row)))(x), true, size, "forward")
    assert_close(forward(grad(forward(row)))(x), true, size, "mixed")


IN_CMATH = ("exp", "log", "log10", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")
ANALYTIC = {name: getattr(cmath, name) for name in (*IN_CMATH, "asinh", "acosh", "atanh")}


@pytest.mark.parametrize("name", ANALYTIC)
@given(data=st.data())
@few
def test_first_derivatives_against_the_complex_step(name: str, data: st.DataObject) -> None:
    (x,) = data.draw(points(TABLE[name]))
    step = 1e-150
    true = ANALYTIC[name](complex(x, step)).imag / step
    assert grad(TABLE[name])(x) == pytest.approx(true, rel=1e-12, abs=0.0 if true else 1e-300)


@every_row
@given(data=st.data())
@settings(max_examples=10)
def test_derivatives_against_finite_differences(row: Primitive, data: st.DataObject) -> None:
    report = check_grads(row, data.draw(points(row)), order=2)
    assert report.passed


# ---- far out ---------------------------------------------------------------------------------------------------------

FAR = [1000.0, 745.0, 710.0, 100.0, 50.0, 37.0, 20.0, 5.0, 1e-3, 1e-9, 1e-300]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus"])
@pytest.mark.parametrize("x", [sign * x for x in FAR for sign in (1.0, -1.0)])
def test_far_out_values_and_three_derivatives_are_right(name: str, x: float) -> None:
    f = TABLE[name]
    true = [float(MPMATH[name](mp.mpf(x))), *(mp_derivative(name, [x], [0] * order) for order in (1, 2, 3))]
    ours = [f(x), grad(f)(x), grad(grad(f))(x), grad(grad(grad(f)))(x)]
    assert ours[0] == pytest.approx(true[0], rel=4e-16, abs=5e-324)
    for a, b in zip(ours[1:], true[1:], strict=True):
        assert abs(a - b) <= 1e-15  # what is left of a slope is relative to the value, which is close to 1 or -1


@pytest.mark.parametrize(
    "xs", [(1000.0, 1000.0), (-1000.0, -1001.0), (1e300, -1e300), (0.0, 800.0), (3.0,), (1e-9, -40.0)]
)
def test_far_out_logsumexp(xs: tuple[float, ...]) -> None:
    f = apply(TABLE["logsumexp"])
    with mp.workdps(400):
        true = [mp.exp(x) / mp.fsum(map(mp.exp, xs)) for x in map(mp.mpf, xs)]
        value = MPMATH["logsumexp"](*map(mp.mpf, xs))
    assert f(*xs) == pytest.approx(float(value), rel=4e-16)
    for ours, slope in zip(grad(f, tuple(range(len(xs))))(*xs), true, strict=True):
        assert ours == pytest.approx(float(slope), rel=1e-12, abs=1e-300)


def all_modes(f: Callable[..., Any], xs: tuple[float, ...]) -> list[Any]:
    """First derivatives in three modes, second ones in three and third ones."""
    argnums, n = tuple(range(len(xs))), len(xs)
    leaves = [Value(x) for x in xs]
    f(*leaves).backward()
    units = [tuple(float(i == j) for j in range(n)) for i in range(n)]
    return [
        [leaf.grad for leaf in leaves],
        grad(f, argnums)(*xs),
        [jvp(f, xs, unit)[1] for unit in units],
        [hvp(f, xs, unit) for unit in units],
        hessian(f, argnums)(*xs),
        jacobian(lambda *xs: grad(f, argnums)(*xs), argnums)(*xs),
        [grad(lambda *xs, i=i: grad(lambda *xs: grad(f)(*xs))(*xs), i)(*xs) for i in argnums],
    ]


@pytest.mark.parametrize("shift", [2.0**53, -(2.0**53), 2.0**40, 1e8, 1e16])
def test_logsumexp_and_softmax_do_not_depend_on_a_shift(shift: float) -> None:
    """To the last bit in every mode and order, if the shift is exact."""
    xs = (0.0, 2.0, -8.0, 2.0)
    moved = tuple(x + shift for x in xs)
    assert all(b - shift == a for a, b in zip(xs, moved, strict=True))
    assert am.softmax(moved) == am.softmax(xs)
    assert sum(am.softmax(moved)) == pytest.approx(1.0, rel=1e-15)
    for f in (lambda *xs: am.logsumexp(xs), *(lambda *xs, i=i: am.softmax(xs)[i] for i in range(4))):
        assert all_modes(f, moved) == all_modes(f, xs)


def test_equal_and_huge_numbers_have_equal_weights() -> None:
    huge = [1e16, 1e16]
    assert am.softmax(huge) == [0.5, 0.5]
    assert grad(lambda *xs: am.logsumexp(xs), (0, 1))(*huge) == (0.5, 0.5)
    leaves = [Value(x) for x in huge]
    am.logsumexp(leaves).backward()
    assert [leaf.grad for leaf in leaves] == [0.5, 0.5]
    assert hessian(lambda *xs: am.logsumexp(xs), (0, 1))(*huge) == ((0.25, -0.25), (-0.25, 0.25))


@pytest.mark.parametrize("gap", [0.5, 5.0, 40.0, 700.0])
def test_small_weights_and_what_is_left_beside_them(gap: float) -> None:
    with mp.workdps(400):
        small = 1 / (1 + mp.exp(mp.mpf(gap)))
        true = float(small * (1 - small))
    for f in (lambda *xs: am.softmax(xs)[0], lambda *xs: am.softmax(xs)[1]):
        for row in (grad(f, (0, 1))(gap, 0.0), [jvp(f, (gap, 0.0), unit)[1] for unit in ((1.0, 0.0), (0.0, 1.0))]):
            assert [abs(slope) for slope in row] == pytest.approx([true, true], rel=1e-13)


@pytest.mark.parametrize("name", sorted(OWN))
@given(data=st.data())
def test_own_functions_against_mpmath(name: str, data: st.DataObject) -> None:
    row = TABLE[name]
    low, high = max(row.domain[0][0], -1e4), min(row.domain[0][1], 1e4)
    drawn = st.floats(low, high, exclude_min=low > -1e4, exclude_max=high < 1e4)
    xs = [data.draw(drawn) for _ in range(row.arity or data.draw(st.sampled_from([2, 4])))]
    assume(name not in ("digamma", *(f"polygamma{n}" for n in (1, 2, 3))) or xs[0] > 1e-60)  # else too large
    with mp.workdps(60):
        true = float(MPMATH[name](*map(mp.mpf, xs)))
    scale = max(map(abs, xs)) if name == "logsumexp" else 0.0  # where log(sum) cancels the largest
    within = 1e-14 if name == "digamma" else 2e-15
    assert row.fn(*xs) == pytest.approx(true, rel=within, abs=1e-15 * scale + 1e-55)


# ---- awkward points --------------------------------------------------------------------------------------------------

inf, nan = math.inf, math.nan
Z, V, O = ZeroDivisionError, ValueError, OverflowError

# what; point; value; slopes, or what they raise; the row, and what its convention says of it
AWKWARD: list[tuple[Callable[..., Any], tuple[float, ...], Any, Any, str, str]] = [
    (abs, (0.0,), 0.0, (0.0,), "abs", "slope 0 at 0"),
    (abs, (-0.0,), 0.0, (0.0,), "abs", "slope 0 at 0"),
    (abs, (-inf,), inf, (-1.0,), "abs", ""),
    (abs, (nan,), nan, (nan,), "abs", ""),
    (am.copysign, (0.0, -1.0), -0.0, (0.0, 0.0), "copysign", "slope 0 at 0, and everywhere by the sign's giver"),
    (am.copysign, (2.0, -0.0), -2.0, (-1.0, 0.0), "copysign", ""),
    (am.copysign, (-2.0, 0.0), 2.0, (-1.0, 0.0), "copysign", ""),
    (am.floor, (2.0,), 2.0, (0.0,), "floor", "slope 0 everywhere, also at the jumps"),
    (am.floor, (-0.0,), -0.0, (0.0,), "floor", ""),
    (am.floor, (inf,), O, None, "floor", ""),
    (am.ceil, (-0.5,), -0.0, (0.0,), "ceil", "slope 0 everywhere, also at the jumps"),
    (am.trunc, (-2.0,), -2.0, (0.0,), "trunc", "slope 0 everywhere, also at the jumps"),
    (am.fmod, (6.0, 3.0), 0.0, (1.0, -2.0), "fmod", "at a jump, the slope of the piece returned"),
    (am.fmod, (-7.0, 3.0), -1.0, (1.0, 2.0), "fmod", ""),
    (am.fmod, (1.0, 0.0), V, None, "fmod", ""),
    (am.remainder, (4.5, 3.0), -1.5, (1.0, -2.0), "remainder", "at a jump, the slope of the piece returned"),
    (am.remainder, (1.5, 3.0), 1.5, (1.0, 0.0), "remainder", ""),
    (am.gamma, (-0.0,), V, None, "gamma", "also between the poles at 0, -1, -2"),
    (am.gamma, (-2.0,), V, None, "gamma", ""),
    (am.lgamma, (-1.0,), V, None, "lgamma", "also between the poles at 0, -1, -2"),
    (am.digamma, (0.0,), V, None, "digamma", "also between the poles at 0, -1, -2"),
    (TABLE["polygamma1"], (-3.0,), V, None, "polygamma1", "also between the poles at 0, -1, -2"),
    (TABLE["polygamma2"], (0.0,), V, None, "polygamma2", "also between the poles at 0, -1, -2"),
    (TABLE["polygamma3"], (-1.0,), V, None, "polygamma3", "also between the poles at 0, -1, -2"),
    (am.digamma, (inf,), inf, (0.0,), "digamma", ""),
    (am.erfinv, (1.0,), V, None, "erfinv", ""),
    (am.norm_ppf, (0.0,), V, None, "norm_ppf", ""),
    (am.norm_cdf, (-inf,), 0.0, (0.0,), "norm_cdf", ""),
    (am.norm_cdf, (inf,), 1.0, (0.0,), "norm_cdf", ""),
    (am.norm_pdf, (1e200,), 0.0, (-0.0,), "norm_pdf", ""),
    (am.relu, (0.0,), 0.0, (0.0,), "relu", "slope 0 at 0"),
    (am.relu, (-0.0,), 0.0, (0.0,), "relu", "slope 0 at 0"),
    (am.relu, (inf,), inf, (1.0,), "relu", ""),
    (am.relu, (nan,), nan, (1.0,), "relu", ""),
    (am.leaky_relu, (0.0,), 0.0, (0.01,), "leaky_relu", "at 0 the slope of the left side"),
    (am.leaky_relu, (-0.0, 0.25), -0.0, (0.25, -0.0), "leaky_relu", "at 0 the slope of the left side"),
    (am.max, (1.0, 1.0), 1.0, (1.0, 0.0), "max", "at a tie the first of the equal arguments has slope 1"),
    (am.max, (0.0, 2.0, 2.0, 2.0), 2.0, (0.0, 1.0, 0.0, 0.0), "max", "at a tie the first"),
    (am.max, (0.0, -0.0), 0.0, (1.0, 0.0), "max", "at a tie the first"),
    (am.max, (nan, 1.0), nan, (1.0, 0.0), "max", ""),  # Python's max keeps a nan that comes first
    (am.max, (1.0, nan), 1.0, (1.0, 0.0), "max", ""),  # and no other
    (am.min, (1.0, 1.0), 1.0, (1.0, 0.0), "min", "at a tie the first of the equal arguments has slope 1"),
    (am.min, (2.0, 1.0, 1.0), 1.0, (0.0, 1.0, 0.0), "min", "at a tie the first"),
    (am.sign, (0.0,), 0.0, (0.0,), "sign", "slope 0 everywhere; sign(0) = 0"),
    (am.sign, (-0.0,), -0.0, (0.0,), "sign", "sign(0) = 0"),
    (am.sign, (nan,), nan, (0.0,), "sign", "slope 0 everywhere"),
    (lambda x: x**0, (0.0,), 1.0, (0.0,), "pow", "x**0 has slope 0, also at 0"),
    (lambda x: x**0.0, (-2.0,), 1.0, (0.0,), "pow", "x**0 has slope 0"),
    (lambda x: x**1, (0.0,), 0.0, (1.0,), "pow", ""),
    (lambda x: x**2, (0.0,), 0.0, (0.0,), "pow", ""),
    (lambda x: x**2, (-3.0,), 9.0, (-6.0,), "pow", ""),
    (lambda x: x**0.5, (0.0,), 0.0, Z, "pow", ""),
    (lambda x: x**-1, (0.0,), Z, None, "pow", ""),
    (lambda x: x ** (1 / 3), (-8.0,), V, None, "pow", ""),
    (lambda x: x**3.0, (-2.0,), -8.0, (12.0,), "pow", ""),
    (lambda x, y: x**y, (-2.0, 3.0), -8.0, V, "pow", "by y, 0**0 and a negative base have no slope: raises"),
    (lambda x, y: x**y, (0.0, 0.0), 1.0, Z, "pow", "by y, 0**0"),
    (lambda x, y: x**y, (0.0, 2.0), 0.0, (0.0, 0.0), "pow", "0**y has slope 0 by y > 0"),
    (lambda x, y: x**y, (0.0, 1.0), 0.0, (1.0, 0.0), "pow", "0**y has slope 0 by y > 0"),
    (lambda y: 0.0**y, (0.5,), 0.0, (0.0,), "pow", "0**y has slope 0 by y > 0"),
    (lambda y: 0**y, (0.0,), 1.0, Z, "pow", "by y, 0**0 and a negative base have no slope: raises"),
    (lambda x: x**0 + x, (1e-310,), 1.0, (1.0,), "pow", "x**0 has slope 0"),
    (lambda x: x**0, (-1e-310,), 1.0, (0.0,), "pow", "x**0 has slope 0"),
    (lambda y: (-2.0) ** y, (2.0,), 4.0, V, "pow", "a negative base have no slope: raises"),
    (lambda x: x**2, (1e200,), O, None, "pow", ""),
    (am.sqrt, (0.0,), 0.0, Z, "sqrt", "infinite slope at 0: raises"),
    (am.sqrt, (-0.0,), -0.0, Z, "sqrt", "infinite slope at 0: raises"),
    (am.sqrt, (inf,), inf, (0.0,), "sqrt", ""),
    (am.cbrt, (0.0,), 0.0, Z, "cbrt", "infinite slope at 0: raises"),
    (am.cbrt, (-8.0,), -2.0, (1 / 12,), "cbrt", ""),
    (am.hypot, (0.0, 0.0), 0.0, (0.0, 0.0), "hypot", "slope 0 at the origin"),
    (am.hypot, (-0.0,), 0.0, (0.0,), "hypot", "slope 0 at the origin"),
    (am.hypot, (0.0, 3.0), 3.0, (0.0, 1.0), "hypot", ""),
    (am.atan2, (0.0, 0.0), 0.0, Z, "atan2", "no slope at the origin: raises"),
    (am.atan2, (0.0, -1.0), math.pi, (-1.0, 0.0), "atan2", ""),
    (am.atan2, (-0.0, -1.0), -math.pi, (-1.0, 0.0), "atan2", ""),
    (am.atan2, (0.0, 1.0), 0.0, (1.0, 0.0), "atan2", ""),
    (am.where, (0.0, 2.0, 3.0), 3.0, (0.0, 0.0, 1.0), "where", "nothing flows to the branch that was not taken"),
    (am.where, (nan, 2.0, 3.0), 2.0, (0.0, 1.0, 0.0), "where", "nor to the condition"),
    (lambda x: am.where(x > 0, am.sqrt(x), 0.0), (0.0,), 0.0, (0.0,), "where", "nothing flows to the branch"),
    (am.mod, (6.0, 3.0), 0.0, (1.0, -2.0), "mod", "the slope of the piece that Python's % returns"),
    (am.mod, (-1.0, 3.0), 2.0, (1.0, 1.0), "mod", ""),
    (am.mod, (0.0, 3.0), 0.0, (1.0, 0.0), "mod", "at a jump"),
    (am.mod, (5.0, -3.0), -1.0, (1.0, 2.0), "mod", ""),
    (am.mod, (1.0, 0.0), Z, None, "mod", ""),
    (am.floordiv, (6.0, 3.0), 2.0, (0.0, 0.0), "floordiv", "slope 0 everywhere, also at the jumps"),
    (am.floordiv, (1.0, 0.0), Z, None, "floordiv", ""),
    (operator.truediv, (1.0, 0.0), Z, None, "div", ""),
    (operator.truediv, (1.0, -0.0), Z, None, "div", ""),
    (operator.truediv, (1.0, inf), 0.0, (0.0, 0.0), "div", ""),
    (operator.neg, (0.0,), -0.0, (-1.0,), "neg", ""),
    (operator.sub, (inf, inf), nan, (1.0, -1.0), "sub", ""),
    (operator.mul, (0.0, inf), nan, (inf, 0.0), "mul", ""),
    (am.exp, (nan,), nan, (nan,), "exp", ""),
    (am.exp, (inf,), inf, (inf,), "exp", ""),
    (am.exp, (-inf,), 0.0, (0.0,), "exp", ""),
    (am.exp, (1000.0,), O, None, "exp", ""),
    (am.expm1, (-0.0,), -0.0, (1.0,), "expm1", ""),
    (am.log, (0.0,), V, None, "log", ""),
    (am.log, (inf,), inf, (0.0,), "log", ""),
    (am.log1p, (-1.0,), V, None, "log1p", ""),
    (am.asin, (1.0,), math.pi / 2, Z, "asin", "infinite slope at -1 and 1: raises"),
    (am.acos, (-1.0,), math.pi, Z, "acos", "infinite slope at -1 and 1: raises"),
    (am.acosh, (1.0,), 0.0, Z, "acosh", "infinite slope at 1: raises"),
    (am.atanh, (1.0,), V, None, "atanh", ""),
    (am.sin, (inf,), V, None, "sin", ""),
    (am.atan, (inf,), math.pi / 2, (0.0,), "atan", ""),
    (am.tanh, (inf,), 1.0, (0.0,), "tanh", ""),
    (am.tanh, (-1000.0,), -1.0, (0.0,), "tanh", ""),
    (am.sigmoid, (-inf,), 0.0, (0.0,), "sigmoid", ""),
    (am.sigmoid, (1000.0,), 1.0, (0.0,), "sigmoid", ""),
    (am.sigmoid, (nan,), nan, (nan,), "sigmoid", ""),
    (am.softplus, (inf,), inf, (1.0,), "softplus", ""),
    (am.softplus, (-inf,), 0.0, (0.0,), "softplus", ""),
    (am.softplus, (1000.0,), 1000.0, (1.0,), "softplus", ""),
    (am.erf, (inf,), 1.0, (0.0,), "erf", ""),
    (lambda *xs: am.prod(xs), (0.0, 2.0, 3.0), 0.0, (6.0, 0.0, 0.0), "prod", ""),
    (lambda *xs: am.prod(xs), (0.0, 0.0, 3.0), 0.0, (0.0, 0.0, 0.0), "prod", ""),
    (lambda *xs: am.logsumexp(xs), (inf, 0.0), inf, (nan, nan), "logsumexp", ""),
    (lambda *xs: am.logsumexp(xs), (-inf, 0.0), 0.0, (0.0, 1.0), "logsumexp", ""),
    (lambda *xs: am.logsumexp(xs), (-inf, -inf), -inf, (nan, nan), "logsumexp", ""),
    (lambda *xs: am.logsumexp(xs), (nan, 1.0), nan, (nan, nan), "logsumexp", ""),
]


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def identify(case: tuple[Any, ...]) -> str:
    return f"{case[4]}{case[1]}"


@pytest.mark.parametrize("case", AWKWARD, ids=identify)
def test_awkward_points(case: tuple[Callable[..., Any], tuple[float, ...], Any, Any, str, str]) -> None:
    f, xs, value, slopes, name, said = case
    assert said in TABLE[name].convention
    leaves = [Value(x) for x in xs]
    if isinstance(value, type):
        with pytest.raises(value, match=name):
            f(*leaves)
        return
    y = f(*leaves)
    assert bits(y.data) == bits(value)
    if isinstance(slopes, type):
        with pytest.raises(slopes, match=f"{name}.* has no finite derivative by operand"):
            gradients(y, leaves)
        with pytest.raises(slopes, match=f"{name}.* has no finite derivative by operand"):
            y.backward()
        assert all(not leaf.has_grad for leaf in leaves)
        with pytest.raises(slopes, match=f"{name}.* has no finite derivative by operand"):
            jvp(f, xs, (1.0,) * len(xs))
    else:
        found = gradients(y, leaves)
        assert all(map(same, found, slopes)), found


FINITE = [case for case in AWKWARD if isinstance(case[3], tuple)]


@pytest.mark.parametrize("case", FINITE, ids=identify)
def test_awkward_points_in_forward_mode(case: tuple[Callable[..., Any], tuple[float, ...], Any, Any, str, str]) -> None:
    f, xs, _, slopes, _, _ = case
    for i, slope in enumerate(slopes):
        _, forward = jvp(lambda x, i=i: f(*xs[:i], x, *xs[i + 1 :]), (xs[i],), (1.0,))
        assert same(forward, slope), (i, forward)


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.convention])
def test_every_convention_has_an_awkward_point(name: str) -> None:
    assert any(case[4] == name and case[5] for case in AWKWARD)


# ---- rules on symbols ------------------------------------------------------------------------------------------------


@every_row
@given(data=st.data())
@few
def test_rules_run_on_symbols(row: Primitive, data: st.DataObject) -> None:
    xs = flat(row, data.draw(points(row)))
    y = row.fn(*xs)
    names = [f"x{i}" for i in range(len(xs))]
    numbers = dict(zip(["y", *names], [y, *xs], strict=True))
    traced = row.partials_at(Symbol("y"), [Symbol(name) for name in names])
    for i, (text, rule) in enumerate(zip(traced, row.partials_at(y, xs), strict=True)):
        assert bits(evaluate(text, numbers)) == bits(rule), (i, text)
    assert isinstance(row.partials, tuple | Elementwise) or callable(row.partials)


def test_a_symbol_takes_no_branch() -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Symbol("x") > 0)
    assert repr(am.exp(Symbol("x")) * 2 <= 3) == "((row('exp')(x) * 2) <= 3)"
    assert evaluate(am.where(Symbol("x") > 0, Symbol("x"), -1), {"x": -2.0}) == -1


# ---- planted faults: each of the oracles above sees them -------------------------------------------------------------


def faulty(row: Primitive, operand: int, change: Callable[[Any], Any]) -> Primitive:
    """A copy of the row whose partial by one operand is changed."""
    right = row.partials
    if isinstance(right, tuple):
        rule = right[operand]
        wrong: Any = (*right[:operand], lambda *args: change(rule(*args)), *right[operand + 1 :])
    else:
        wrong = lambda y, *xs: [change(p) if i == operand else p for i, p in enumerate(right(y, *xs))]  # noqa: E731  # as the other way
    return dataclasses.replace(row, partials=wrong)


PLACES: dict[str, tuple[float, ...]] = {
    "where": (1.0, 2.0, 3.0),
    "leaky_relu": (-1.5, 0.25),
    "floordiv": (7.0, 2.0),
    "mod": (7.5, 2.0),
    "fmod": (7.5, 2.0),
    "remainder": (8.5, 2.0),
    "atan2": (1.0, 2.0),
}


def somewhere(row: Primitive) -> tuple[float, ...]:
    """A point at which no derivative of the row is 0 unless it always is."""
    n = row.arity or 4
    if row.name.startswith("polygamma"):
        return (1.5,)
    return PLACES.get(row.name, tuple(x + (row.domain == ((1.0, inf),)) for x in (0.6, 0.7, 0.75, 0.8)[:n]))


@every_row
def test_a_fault_in_any_partial_is_seen_by_mpmath(row: Primitive) -> None:
    xs = somewhere(row)
    assert_right(row, xs)
    for i in range(len(xs)):
        with pytest.raises(AssertionError):
            assert_right(faulty(row, i, lambda p: 1.0001 * p if p != 0 else p + 1e-4), xs)


@every_row
def test_a_fault_in_any_partial_is_seen_by_finite_differences_and_named(row: Primitive) -> None:
    xs = somewhere(row)
    for i in range(len(xs)):
        wrong = faulty(row, i, lambda p: 1.0001 * p if p != 0 else p + 1e-4)
        with pytest.raises(GradientMismatch) as caught:
            check_grads(lambda *xs, wrong=wrong: apply(wrong)(*xs) * 3.0, xs, order=1)
        assert (caught.value.report.culprits[0].primitive, caught.value.report.culprits[0].operand) == (row.name, i)


def test_a_fault_of_the_function_is_seen_by_python() -> None:
    wrong = dataclasses.replace(TABLE["exp"], fn=lambda x: math.nextafter(math.exp(x), 10.0))
    assert outcome(apply(wrong), Value(1.0)) != outcome(math.exp, 1.0)
    assert bits(0.0) != bits(-0.0)


# ---- a row of one's own ----------------------------------------------------------------------------------------------


def test_a_user_row_gets_every_mode() -> None:
    cube = primitive("cube", lambda x: x * x * x, lambda y, x: 3 * x * x)
    MPMATH["cube"] = lambda x: x**3
    try:
        for x in (-1.5, 0.0, 2.0):
            assert_right(cube, (x,))
        assert check_grads(cube, 1.25, order=3).passed
    finally:
        del MPMATH["cube"]


def test_jacobian_of_rows_side_by_side() -> None:
    everywhere = [row for row in SMOOTH_UNARY if row.domain == ((-inf, inf),) and row.singular is None]
    slopes = jacobian(lambda x: [row(x) for row in everywhere])(0.5)
    assert len(slopes) > 15
    for row, slope in zip(everywhere, slopes, strict=True):
        assert slope == pytest.approx(mp_derivative(row.name, [0.5], [0]), rel=1e-13)
