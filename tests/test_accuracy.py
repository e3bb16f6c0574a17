"""How right the table's partials are: to 14 digits over the whole range of floats, beside mpmath's 60.

``SLOPES`` states each derivative once more, in a form for arithmetic of any precision; nothing of it is taken from the
rules.  The points have random bits and extreme exponents, and lie close to the ends of domains and to poles.  A partial
is compared where its arguments, its row's output and its own true value are normal floats.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import operator
import random
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import pytest

from autograd import Value, grad, gradients, hessian, jvp
from autograd import math as am
from autograd.primitives import BUILTIN, TABLE, Primitive
from tests.test_table import MPMATH

mp = mpmath.mp.clone()
mp.dps = 60


def first(y: Callable[[Any, Any], bool]) -> Callable[..., list[int]]:
    """1 for the place of the first argument that no other beats, else 0."""

    def chosen(*xs: Any) -> list[int]:
        best = next(i for i, x in enumerate(xs) if not any(y(other, x) for other in xs))
        return [int(i == best) for i in range(len(xs))]

    return chosen


def weights(*xs: Any) -> list[Any]:
    total = mp.fsum(mp.exp(x - max(xs)) for x in xs)
    return [mp.exp(x - max(xs)) / total for x in xs]


def others(*xs: Any) -> list[Any]:
    return [mp.fprod(x for j, x in enumerate(xs) if j != i) for i in range(len(xs))]


def halves(*xs: Any) -> list[Any]:
    return [*xs[len(xs) // 2 :], *xs[: len(xs) // 2]]


def toward_zero(x: Any) -> Any:
    return mp.floor(x) if x > 0 else mp.ceil(x)


def sech_squared(x: Any) -> Any:
    return 1 / mp.cosh(x) ** 2


SLOPES: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: (1, 1),
    "sub": lambda a, b: (1, -1),
    "mul": lambda a, b: (b, a),
    "div": lambda a, b: (1 / b, -a / (b * b)),
    "neg": lambda a: -1,
    "pos": lambda a: 1,
    "pow": lambda a, b: (b * mp.power(a, b - 1), mp.power(a, b) * mp.log(a)),
    "mod": lambda a, b: (1, -mp.floor(a / b)),
    "floordiv": lambda a, b: (0, 0),
    "where": lambda c, a, b: (0, int(c != 0), int(c == 0)),
    "sign": lambda a: 0,
    "abs": mp.sign,
    "copysign": lambda a, b: (mp.sign(a) * mp.sign(b), 0),
    "relu": lambda a: int(a > 0),
    "leaky_relu": lambda a, b: (1, 0) if a > 0 else (b, a),
    "max": first(lambda other, x: other > x),
    "min": first(lambda other, x: other < x),
    "exp": mp.exp,
    "expm1": mp.exp,
    "exp2": lambda a: mp.power(2, a) * mp.log(2),
    "log": lambda a: 1 / a,
    "log1p": lambda a: 1 / (1 + a),
    "log2": lambda a: 1 / (a * mp.log(2)),
    "log10": lambda a: 1 / (a * mp.log(10)),
    "sqrt": lambda a: 1 / (2 * mp.sqrt(a)),
    "cbrt": lambda a: 1 / (3 * mp.cbrt(a * a)),
    "hypot": lambda *xs: [x / mp.sqrt(mp.fsum(x * x for x in xs)) for x in xs],
    "sin": mp.cos,
    "cos": lambda a: -mp.sin(a),
    "tan": lambda a: mp.sec(a) ** 2,
    "asin": lambda a: 1 / mp.sqrt((1 - a) * (1 + a)),
    "acos": lambda a: -1 / mp.sqrt((1 - a) * (1 + a)),
    "atan": lambda a: 1 / (1 + a * a),
    "atan2": lambda a, b: (b / (a * a + b * b), -a / (a * a + b * b)),
    "sinh": mp.cosh,
    "cosh": mp.sinh,
    "tanh": sech_squared,
    "asinh": lambda a: 1 / mp.sqrt(1 + a * a),
    "acosh": lambda a: 1 / mp.sqrt((a - 1) * (a + 1)),
    "atanh": lambda a: 1 / ((1 - a) * (1 + a)),
    "erf": lambda a: 2 / mp.sqrt(mp.pi) * mp.exp(-a * a),
    "erfc": lambda a: -2 / mp.sqrt(mp.pi) * mp.exp(-a * a),
    "sigmoid": lambda a: sech_squared(a / 2) / 4,
    "softplus": lambda a: 1 / (1 + mp.exp(-a)),
    "floor": lambda a: 0,
    "ceil": lambda a: 0,
    "trunc": lambda a: 0,
    "fmod": lambda a, b: (1, -toward_zero(a / b)),
    "remainder": lambda a, b: (1, -mp.nint(a / b)),
    "degrees": lambda a: 180 / mp.pi,
    "radians": lambda a: mp.pi / 180,
    "gamma": lambda a: mp.gamma(a) * mp.digamma(a),
    "lgamma": mp.digamma,
    "digamma": lambda a: mp.polygamma(1, a),
    **{f"polygamma{n}": lambda a, n=n: mp.polygamma(n + 1, a) for n in (1, 2, 3)},
    "erfinv": lambda a: mp.sqrt(mp.pi) / 2 * mp.exp(MPMATH["erfinv"](a) ** 2),
    "norm_pdf": lambda a: -a * mp.npdf(a),
    "norm_cdf": mp.npdf,
    "norm_ppf": lambda a: 1 / mp.npdf(MPMATH["norm_ppf"](a)),
    "fsum": lambda *xs: [1] * len(xs),
    "sumprod": halves,
    "sum": lambda *xs: [1] * len(xs),
    "dot": halves,
    "prod": others,
    "logsumexp": weights,
}
# What the partials are right to: 1e-14, but where rounding in a rule must show more.
WITHIN: dict[str, Callable[..., float]] = {
    "pow": lambda a, b: 1e-13 + abs(b) * 2.0**-53,  # |b| if a**b is normal and a**(b-1) is not
    "logsumexp": lambda *xs: 1e-14 + (max(xs) - min(xs)) * 2.0**-53,  # the rounding of x - max(xs), in an exponent
    "erfinv": lambda a: 3e-14,  # that of erfinv(a), times the square of it
    "norm_ppf": lambda a: 4e-13,  # as for erfinv: the square is up to 1,400
    "prod": lambda *xs: 1e-14 if all(map(normal, running_products(xs))) else math.inf,
}
NORMAL = 2.0**-1022


def normal(x: Any) -> bool:
    return NORMAL <= abs(x) <= 1.7e308


def running_products(xs: Sequence[float]) -> list[float]:
    """From the left and from the right."""
    return [*itertools.accumulate(xs, operator.mul), *itertools.accumulate(reversed(xs), operator.mul)]


def extreme(rng: random.Random) -> float:
    """A float of any sign and exponent; often of a moderate one, or next to a number at which something happens."""
    kind = rng.randrange(6)
    mantissa = rng.choice([1.0, -1.0]) * rng.uniform(1.0, 2.0)
    if kind < 2:
        return math.ldexp(mantissa, rng.randint(-1022, 1023))
    if kind == 2:
        return math.ldexp(mantissa, rng.randint(-30, 11))
    if kind == 3:
        return rng.gauss(0.0, 3.0)
    if kind == 4:
        return rng.choice([1.0, -1.0]) + math.ldexp(mantissa, -rng.randint(2, 53))
    return rng.choice([math.pi, math.pi / 2, 25.0, 709.78, 745.0, 37.0, 0.5]) * mantissa


def points(row: Primitive, count: int) -> list[tuple[float, ...]]:
    rng = random.Random(row.name)
    sizes = [row.arity] if row.arity is not None else [2, 4, 6]
    found: list[tuple[float, ...]] = []
    for _ in range(100 * count):
        n = rng.choice(sizes)
        xs = [extreme(rng) for _ in range(n)]
        if n > 1 and rng.random() < 0.3:  # alike in size
            xs = [xs[0], *(xs[0] * (1 + 0.5 * rng.gauss(0, 1)) for _ in range(n - 1))]
        if row.name == "pow" and rng.random() < 0.5:
            xs[1] = rng.choice([-1, 1]) * rng.uniform(0, 750) / abs(math.log(abs(xs[0])) or 1)
        if all(row.domain[i % len(row.domain)][0] < x < row.domain[i % len(row.domain)][1] for i, x in enumerate(xs)):
            found.append(tuple(xs))
        if len(found) == count:
            return found
    raise AssertionError(f"{row} has no points")


def slopes(row: Primitive, xs: Sequence[float]) -> tuple[Value, list[Any]]:
    leaves = [Value(x) for x in xs]
    y = Value._apply(row, tuple(leaves))
    return y, [gradients(y, [leaf])[0] for leaf in leaves]


def wrong(row: Primitive, count: int = 400) -> tuple[list[str], int]:
    """The partials of a row that are not right to what is promised, and how many were compared."""
    bad, compared = [], 0
    for xs in points(row, count):
        try:
            y, ours = slopes(row, xs)
        except (OverflowError, ValueError, ZeroDivisionError):  # checked below
            y, ours = None, []
        true = SLOPES[row.name](*map(mp.mpf, xs))
        true = list(true) if isinstance(true, tuple | list) else [true]
        if y is None:
            try:
                value = row.fn(*xs)
            except (OverflowError, ValueError, ZeroDivisionError):
                continue
            if normal(value) and all(map(normal, true)):
                bad.append(f"{row}{xs} raises")
            continue
        if not (normal(y.data) or y.data == 0):
            continue
        for i, (a, b) in enumerate(zip(ours, true, strict=True)):
            if normal(b):
                compared += 1
                allowed = WITHIN.get(row.name, lambda *_: 1e-14)(*xs)
                if not abs(a - b) <= allowed * abs(b):
                    bad.append(f"{row}{xs} by {i}: {a!r}, and not {mp.nstr(b, 17)}: off by {float(abs(a / b - 1)):.1e}")
            elif b == 0 and a != 0:
                bad.append(f"{row}{xs} by {i}: {a!r}, and not 0")
    return bad, compared


def test_every_row_is_compared() -> None:
    assert set(SLOPES) == BUILTIN


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_partials_are_right_to_14_digits_everywhere(name: str) -> None:
    bad, compared = wrong(TABLE[name])
    assert not bad, (len(bad), bad[:5])
    assert compared > 50 or name in ("sign", "floordiv", "floor", "ceil", "trunc")


def test_a_digit_lost_anywhere_is_seen() -> None:
    plain = {
        "tanh": lambda y, a: 1 - y * y,
        "sigmoid": lambda y, a: y * (1 - y),
        "log10": lambda y, a: 1 / (a * math.log(10)) * (1 + 2e-14 * (a > 1e300)),
        "asinh": lambda y, a: 1 / am.sqrt(1 + a * a),
        "erf": lambda y, a: 2 / math.sqrt(math.pi) * am.exp(-a * a),
        "asin": lambda y, a: 1 / am.sqrt(1 - a * a),
    }
    for name, rule in plain.items():
        assert wrong(dataclasses.replace(TABLE[name], partials=(rule,)))[0], name


def nth(f: Callable[[Any], Any], order: int) -> Callable[[Any], Any]:
    return f if order == 0 else nth(grad(f), order - 1)


@pytest.mark.parametrize("x", [0.5, 1.5, 1.9, 5.0, 8.4, 18.0, 20.0, 40.0, 300.0])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "erf"])
def test_saturated_functions_to_the_third_order(name: str, x: float) -> None:
    of = {"tanh": mp.tanh, "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "softplus": lambda x: mp.log1p(mp.exp(x))}
    for order in (1, 2, 3):
        with mp.workdps(900):
            true = mp.diff(of.get(name, mp.erf), mp.mpf(x), order)
        for at in (x, -x):
            sign = (
                1 if at == x or (order % 2 and name != "softplus") or (order % 2 == 0) is (name == "softplus") else -1
            )
            if name == "softplus" and order == 1 and at == -x:
                true = 1 - true
                sign = 1
            if normal(true):
                assert nth(TABLE[name], order)(at) == pytest.approx(float(sign * true), rel=1e-12), (order, at)


# ---- no entry of a Hessian that does not exist -----------------------------------------------------------------------


def power(x: Any, y: Any) -> Any:
    return x**y


@pytest.mark.parametrize("y", [1.0, 0.0, 0.5, 1.5])
def test_derivatives_of_a_power_that_do_not_exist_at_0_raise(y: float) -> None:
    with pytest.raises((ZeroDivisionError, ValueError), match=r"pow\(.* has no finite derivative"):
        hessian(power, (0, 1))(0.0, y)
    with pytest.raises((ZeroDivisionError, ValueError)):
        jvp(lambda x, y: jvp(power, (x, y), (1.0, 0.5))[1], (0.0, y), (0.25, 1.0))


@pytest.mark.parametrize("y", [1.0, 0.0, 0.5])
def test_neither_mixed_derivative_of_a_power_exists_at_0(y: float) -> None:
    for first, second in ((0, 1), (1, 0)):
        with pytest.raises((ZeroDivisionError, ValueError)):
            grad(lambda *at, first=first: grad(power, first)(*at), second)(0.0, y)


def test_derivatives_of_a_power_that_exist_at_0() -> None:
    assert hessian(power, (0, 1))(0.0, 2.0) == ((2.0, 0.0), (0.0, 0.0))
    assert hessian(power, (0, 1))(0.0, 3.0) == ((0.0, 0.0), (0.0, 0.0))
    for y in (1.0, 0.5):
        assert grad(grad(lambda y: 0.0**y))(y) == 0.0
    for n, second in ((0, 0.0), (1, 0.0), (2, 2.0), (3, 0.0)):
        assert grad(grad(lambda x, n=n: x**n))(0.0) == second
        assert hessian(power)(0.0, float(n)) == second  # by x alone


@pytest.mark.parametrize("x", [1e-310, -1e-310, 1e-200, 0.0, 3.0])
def test_a_power_of_0_is_constant(x: float) -> None:
    def f(x: Any) -> Any:
        return x**0 + x

    assert [nth(f, order)(x) for order in (1, 2)] == [1.0, 0.0]


def test_the_exponent_0_is_no_constant() -> None:
    (xx, xy), (yx, yy) = hessian(power, (0, 1))(3.0, 0.0)
    assert [xx, xy, yx] == pytest.approx([0.0, 1 / 3, 1 / 3], rel=1e-15)
    assert yy == pytest.approx(math.log(3) ** 2, rel=1e-15)
