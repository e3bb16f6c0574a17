"""The table of rules: one row a primitive, and the only place where a derivative is stated.

Reading order: ``primitives`` (this file), ``value`` (what records), ``sweeps`` (the 20 lines that say it all),
``backward`` (the same, fast).

A row holds a function on floats and, for each argument, its partial derivative as a function of ``(y, *arguments)``,
where ``y`` is the output.  Partials are written with operators, comparisons and sibling rows only, so that one rule
runs on floats (a first derivative), on Values (every higher order) and on symbols (printing, code generation).

Three conventions make the rules total:

* An integer ``0`` means "this argument does not matter here": nothing flows along that edge, whatever the adjoint is,
  and what lies behind it is not differentiated.  It is what keeps ``where(x > 0, sqrt(x), 0)`` quiet at 0.
* An infinite slope raises (``sqrt`` at 0: ``0.5 / y``), as Python's own floats do; it is never passed on as inf.
* At a kink a rule returns the one-sided slope or 0 that ``convention`` states; ``singular`` vanishes there.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, overload

from . import floats
from .rows import BUILTIN as BUILTIN
from .rows import CONSTANT as CONSTANT
from .rows import DETACHED as DETACHED
from .rows import NUMBERED, Rule
from .rows import POSITIVE as POSITIVE
from .rows import ROWS as ROWS
from .rows import TABLE as TABLE
from .rows import UNIT as UNIT
from .rows import Elementwise as Elementwise
from .rows import Interval as Interval
from .rows import Primitive as Primitive
from .rows import R as R
from .rows import Switched as Switched
from .rows import is_real as is_real
from .rows import lookup as lookup
from .rows import primitive as primitive

if TYPE_CHECKING:
    from .value import Number, Value

_row = primitive


def _each(*rules: Rule) -> Elementwise:
    return Elementwise(rules)


# ---- partials that take more than a line -----------------------------------------------------------------------------


def _products_of_others(_y: Any, *xs: Any) -> list[Any]:
    """For each x the product of the others, from running products on either side: right where some x is 0."""
    before: list[Any] = [1]
    for x in xs[:-1]:
        before.append(before[-1] * x)
    after: Any = 1
    result = []
    for x, left in zip(reversed(xs), reversed(before), strict=False):
        result.append(left * after)
        after = after * x
    return result[::-1]


def _first_equal(y: Any, *xs: Any) -> list[Any]:
    """1 for the first x equal to ``y``, 0 for the others; if ``y`` is nan, Python's max and min chose the first."""
    unclaimed: Any = 1
    result = []
    for x in xs:
        result.append(where(x == y, unclaimed, 0))
        unclaimed = where(x == y, 0, unclaimed)
    return [result[0] + unclaimed, *result[1:]]


def _weights(_y: Any, *xs: Any) -> list[Any]:
    """exp(x) / sum(exp(xs)) for each x, from exponentials of x - max(xs): none overflows, and their sum is exact.

    (exp(x - y) would be no weight where y is large: y has lost the digits in which it differs from max(xs).)
    """
    top = max_(xs)
    shifted = [exp(x - top) for x in xs]
    total = sum_(shifted)
    return [e / total for e in shifted]


# For b from 0.5 on, b - 1 is exact; below, a**(b-1) would amplify its rounding.  x**0 is constant, at 0 too.
_pow_by_base = Switched(
    lambda y, a, b: b >= 0.5,
    lambda y, a, b: b * a ** (b - 1),
    Switched(lambda y, a, b: b == 0, lambda y, a, b: b / where(a == 0, 1, a) * y, lambda y, a, b: b * y / a),
)

# At a = 0 it is 0, made of what has no slope by a for b <= 1, as a**b * log(a) has none; for b = 0 it does not exist.
_pow_by_exponent = Switched(
    lambda y, a, b: a != 0,
    lambda y, a, b: y * log(a),
    Switched(lambda y, a, b: b > 1, lambda y, a, b: y, lambda y, a, b: a ** (b / 2) / where(a == 0, b, 1)),
)


def _over_squares(a: Any, b: Any) -> Any:
    """a / (a*a + b*b), where a square would be too large or too small."""
    less = abs(a) < abs(b)
    small, large = where(less, a, b), where(less, b, a)
    ratio = small / large
    return where(less, ratio, 1) / (large + small * ratio)


def _moderate(_y: Any, a: Any, b: Any) -> Any:
    square = a * a + b * b
    return where(square < 1e280, square > 1e-280, False)


def _asinh_far_out(_y: Any, a: Any) -> Any:
    """1 / sqrt(1 + a*a) with both sides scaled so that no square is too large."""
    scaled = a * 2.0**-520
    return 2.0**-520 / sqrt(2.0**-1040 + scaled * scaled)


def _bell_far_out(_y: Any, a: Any) -> Any:
    """exp(-a*a) where the rounding of a*a shows: times 1 - rounding, found by Dekker's exact product."""
    square = a * a
    high = a * (2.0**27 + 1) - (a * (2.0**27 + 1) - a)  # Veltkamp's splitting: the upper half of a's digits
    low = a - high
    return exp(-square) * (1 - (((high * high - square) + 2 * high * low) + low * low))


def _bell(factor: float) -> Switched:
    """factor * exp(-a*a)"""
    return Switched(
        lambda y, a: abs(a * a - 512) > 487,
        lambda y, a: factor * exp(-a * a),
        lambda y, a: factor * _bell_far_out(y, a),
    )


def _whole_quotient(y: Any, a: Any, b: Any) -> Any:
    """(a - y) / b, rounded to the whole number that it is."""
    return floor((a - y) / b + 0.5)


@cache
def polygamma_row(n: int) -> Primitive:
    """The n-th derivative of digamma.  Rows up to the third are in the table; those beyond are made when asked for."""
    return _row(f"polygamma{n}", lambda x: floats.polygamma(n, x), lambda y, a: polygamma_row(n + 1)(a),
                domain=(POSITIVE,), convention="also between the poles at 0, -1, -2, ...", text=f"polygamma({n}, %s)",
                latex=rf"\psi^{{({n})}}\left(%s\right)")  # fmt: skip


def _tanh_far_out(y: Any, a: Any) -> Any:
    # (1 - |y|) * (1 + |y|), with 1 - |y| = 2 / (1 + exp(2 * |a|)), as the difference has lost its digits
    return 2 * sigmoid(-2 * abs(a)) * (1 + abs(y))


def _pair(ws: Sequence[Any], xs: Sequence[Any]) -> tuple[Any, ...]:
    ws, xs = tuple(ws), tuple(xs)
    if len(ws) != len(xs):
        raise ValueError(f"dot needs two sequences of one length, not {len(ws)} and {len(xs)} numbers")
    return (*ws, *xs)


def _some(*xs: Any) -> tuple[Any, ...]:
    """The arguments of ``max`` as Python takes them: several numbers, or one iterable of them."""
    return tuple(xs[0]) if len(xs) == 1 else xs


# ---- the table -------------------------------------------------------------------------------------------------------

sin: Primitive  # rows that others refer to before they are stated
cos: Primitive
cosh: Primitive
copysign: Primitive
digamma: Primitive
exp: Primitive
log: Primitive
floor: Primitive
norm_pdf: Primitive
sigmoid: Primitive
where: Primitive

LN2, LN10 = math.log(2), math.log(10)

# fmt: off
# ---- arithmetic ------------------------------------------------------------------------------------------------------
add      = _row("add", operator.add, lambda y, a, b: 1, lambda y, a, b: 1,
                text="%s + %s", latex="%s + %s", precedence=1, symmetric=True)
sub      = _row("sub", operator.sub, lambda y, a, b: 1, lambda y, a, b: -1,
                text="%s - %s", latex="%s - %s", precedence=1)
mul      = _row("mul", operator.mul, lambda y, a, b: b, lambda y, a, b: a,
                text="%s * %s", latex=r"%s \cdot %s", precedence=2, symmetric=True)
div      = _row("div", operator.truediv, lambda y, a, b: 1 / b, lambda y, a, b: -y / b, singular=lambda a, b: b,
                text="%s / %s", latex=r"\frac{%s}{%s}", precedence=2)
neg      = _row("neg", operator.neg, lambda y, a: -1, text="-%s", latex="-%s", precedence=3)
pos      = _row("pos", operator.pos, lambda y, a: 1, text="+%s", latex="%s", precedence=3)
pow_     = _row("pow", floats.pow_, _pow_by_base, _pow_by_exponent, domain=(POSITIVE, R),
                convention="x**0 has slope 0, also at 0; 0**y has slope 0 by y > 0; "
                           "by y, 0**0 and a negative base have no slope: raises",
                text="%s ** %s", latex="{%s}^{%s}", precedence=4)
mod      = _row("mod", operator.mod, lambda y, a, b: 1, lambda y, a, b: -(a // b),
                singular=lambda a, b: sin(math.pi * (a / b)),
                convention="at a jump, the slope of the piece that Python's % returns",
                text="%s %% %s", latex=r"%s \bmod %s", precedence=2)
floordiv = _row("floordiv", operator.floordiv, lambda y, a, b: 0, lambda y, a, b: 0,
                singular=lambda a, b: sin(math.pi * (a / b)), convention="slope 0 everywhere, also at the jumps",
                text="%s // %s", latex=r"\left\lfloor \frac{%s}{%s} \right\rfloor", precedence=2)
fmod      = _row("fmod", math.fmod, lambda y, a, b: 1, lambda y, a, b: -_whole_quotient(y, a, b),
                 singular=lambda a, b: sin(math.pi * (a / b)), convention="at a jump, the slope of the piece returned")
remainder = _row("remainder", math.remainder, lambda y, a, b: 1, lambda y, a, b: -_whole_quotient(y, a, b),
                 singular=lambda a, b: cos(math.pi * (a / b)), convention="at a jump, the slope of the piece returned")

# ---- pieces ----------------------------------------------------------------------------------------------------------
where      = _row("where", lambda c, a, b: a if c else b,
                  lambda y, c, a, b: 0, lambda y, c, a, b: where(c, 1, 0), lambda y, c, a, b: where(c, 0, 1),
                  convention="nothing flows to the branch that was not taken, nor to the condition")
floor      = _row("floor", floats.whole(math.floor), lambda y, a: 0, singular=lambda a: sin(math.pi * a),
                  convention="slope 0 everywhere, also at the jumps", latex=r"\left\lfloor %s \right\rfloor")
ceil       = _row("ceil", floats.whole(math.ceil), lambda y, a: 0, singular=lambda a: sin(math.pi * a),
                  convention="slope 0 everywhere, also at the jumps", latex=r"\left\lceil %s \right\rceil")
trunc      = _row("trunc", floats.whole(math.trunc), lambda y, a: 0, singular=lambda a: sin(math.pi * a),
                  convention="slope 0 everywhere, also at the jumps")
sign       = _row("sign", floats.sign, lambda y, a: 0, singular=lambda a: a,
                  convention="slope 0 everywhere; sign(0) = 0")
abs_       = _row("abs", operator.abs, lambda y, a: sign(a), singular=lambda a: a, convention="slope 0 at 0",
                  latex=r"\left| %s \right|")
relu       = _row("relu", lambda x: 0.0 if x <= 0 else x, lambda y, a: where(a <= 0, 0, 1), singular=lambda a: a,
                  convention="slope 0 at 0")
copysign   = _row("copysign", math.copysign, lambda y, a, b: sign(a) * copysign(1.0, b), lambda y, a, b: 0,
                  singular=lambda a, b: a * b, convention="slope 0 at 0, and everywhere by the sign's giver")
leaky_relu = _row("leaky_relu", lambda x, slope: slope * x if x <= 0 else x,
                  lambda y, a, slope: where(a <= 0, slope, 1), lambda y, a, slope: where(a <= 0, a, 0),
                  singular=lambda a, slope: a, convention="at 0 the slope of the left side",
                  gather=lambda x, slope=0.01: (x, slope))
max_       = _row("max", lambda *xs: max(xs), variadic=_first_equal, gather=_some,
                  singular=lambda *xs: _gap(max(xs), xs),
                  convention="at a tie the first of the equal arguments has slope 1", latex=r"\max\left(%s\right)",
                  symmetric=True)
min_       = _row("min", lambda *xs: min(xs), variadic=_first_equal, gather=_some,
                  singular=lambda *xs: _gap(min(xs), xs),
                  convention="at a tie the first of the equal arguments has slope 1", latex=r"\min\left(%s\right)",
                  symmetric=True)

# ---- powers, exponentials, logarithms --------------------------------------------------------------------------------
exp   = _row("exp", math.exp, lambda y, a: y, latex="e^{%s}")
expm1 = _row("expm1", math.expm1, lambda y, a: exp(a), latex="e^{%s} - 1", precedence=1)
exp2  = _row("exp2", math.exp2, lambda y, a: y * LN2, latex="2^{%s}")
log   = _row("log", math.log, lambda y, a: 1 / a, domain=(POSITIVE,), latex=r"\ln\left(%s\right)")
log1p = _row("log1p", math.log1p, lambda y, a: 1 / (1 + a), domain=((-1.0, math.inf),),
             latex=r"\ln\left(1 + %s\right)")
log2  = _row("log2", math.log2, lambda y, a: 1 / LN2 / a, domain=(POSITIVE,), latex=r"\log_2\left(%s\right)")
log10 = _row("log10", math.log10, lambda y, a: 1 / LN10 / a, domain=(POSITIVE,),
             latex=r"\log_{10}\left(%s\right)")
sqrt  = _row("sqrt", math.sqrt, lambda y, a: 0.5 / y, domain=(POSITIVE,), convention="infinite slope at 0: raises",
             latex=r"\sqrt{%s}")
cbrt  = _row("cbrt", math.cbrt, lambda y, a: 1 / (3 * y * y), singular=lambda a: a,
             convention="infinite slope at 0: raises", latex=r"\sqrt[3]{%s}")
hypot = _row("hypot", math.hypot,
             variadic=_each(Switched(lambda y, x: y != 0, lambda y, x: x / y, lambda y, x: 0)),
             singular=math.hypot, convention="slope 0 at the origin", symmetric=True)

# ---- trigonometric, hyperbolic ---------------------------------------------------------------------------------------
sin   = _row("sin", math.sin, lambda y, a: cos(a), latex=r"\sin\left(%s\right)")
cos   = _row("cos", math.cos, lambda y, a: -sin(a), latex=r"\cos\left(%s\right)")
tan   = _row("tan", math.tan, lambda y, a: 1 + y * y, singular=lambda a: cos(a), latex=r"\tan\left(%s\right)")
asin  = _row("asin", math.asin, lambda y, a: 1 / sqrt((1 - a) * (1 + a)), domain=(UNIT,),
             convention="infinite slope at -1 and 1: raises",
             latex=r"\arcsin\left(%s\right)")
acos  = _row("acos", math.acos, lambda y, a: -1 / sqrt((1 - a) * (1 + a)), domain=(UNIT,),
             convention="infinite slope at -1 and 1: raises",
             latex=r"\arccos\left(%s\right)")
atan  = _row("atan", math.atan, lambda y, a: 1 / (1 + a * a), latex=r"\arctan\left(%s\right)")
atan2 = _row("atan2", math.atan2,
             Switched(_moderate, lambda y, a, b: b / (a * a + b * b), lambda y, a, b: _over_squares(b, a)),
             Switched(_moderate, lambda y, a, b: -a / (a * a + b * b), lambda y, a, b: -_over_squares(a, b)),
             singular=lambda a, b: a if b <= 0 else 1.0, convention="no slope at the origin: raises")
degrees = _row("degrees", math.degrees, lambda y, a: 180 / math.pi)
radians = _row("radians", math.radians, lambda y, a: math.pi / 180)
sinh  = _row("sinh", math.sinh, lambda y, a: cosh(a), latex=r"\sinh\left(%s\right)")
cosh  = _row("cosh", math.cosh, lambda y, a: sinh(a), latex=r"\cosh\left(%s\right)")
tanh  = _row("tanh", math.tanh, Switched(lambda y, a: y * y < 0.9, lambda y, a: 1 - y * y, _tanh_far_out),
             latex=r"\tanh\left(%s\right)")
asinh = _row("asinh", math.asinh,
             Switched(lambda y, a: abs(a) < 1e150, lambda y, a: 1 / sqrt(1 + a * a), _asinh_far_out))
acosh = _row("acosh", math.acosh, lambda y, a: 1 / (sqrt(a - 1) * sqrt(a + 1)), domain=((1.0, math.inf),),
             convention="infinite slope at 1: raises")
atanh = _row("atanh", math.atanh, lambda y, a: 1 / ((1 - a) * (1 + a)), domain=(UNIT,))

# ---- special and neural ----------------------------------------------------------------------------------------------
erf      = _row("erf", math.erf, _bell(2 / math.sqrt(math.pi)))
erfc     = _row("erfc", math.erfc, _bell(-2 / math.sqrt(math.pi)))
sigmoid  = _row("sigmoid", floats.sigmoid,
                Switched(lambda y, a: y < 0.9, lambda y, a: y * (1 - y), lambda y, a: y * sigmoid(-a)),
                latex=r"\sigma\left(%s\right)")
softplus = _row("softplus", floats.softplus, lambda y, a: sigmoid(a))
gamma    = _row("gamma", math.gamma, lambda y, a: y * digamma(a), domain=(POSITIVE,),
                convention="also between the poles at 0, -1, -2, ...", latex=r"\Gamma\left(%s\right)")
lgamma   = _row("lgamma", math.lgamma, lambda y, a: digamma(a), domain=(POSITIVE,),
                convention="also between the poles at 0, -1, -2, ...: log(abs(gamma(x)))")
digamma  = _row("digamma", floats.digamma, lambda y, a: polygamma_row(1)(a), domain=(POSITIVE,),
                convention="also between the poles at 0, -1, -2, ...", latex=r"\psi\left(%s\right)")
NUMBERED["polygamma"] = polygamma_row
polygamma1, polygamma2, polygamma3 = map(polygamma_row, (1, 2, 3))
erfinv   = _row("erfinv", floats.erfinv, lambda y, a: math.sqrt(math.pi) / 2 * exp(y * y), domain=(UNIT,),
                latex=r"\operatorname{erf}^{-1}\left(%s\right)")
norm_pdf = _row("norm_pdf", floats.norm_pdf, lambda y, a: -a * y, latex=r"\varphi\left(%s\right)")
norm_cdf = _row("norm_cdf", floats.norm_cdf, lambda y, a: norm_pdf(a), latex=r"\Phi\left(%s\right)")
norm_ppf = _row("norm_ppf", floats.norm_ppf, lambda y, a: 1 / norm_pdf(y), domain=((0.0, 1.0),),
                latex=r"\Phi^{-1}\left(%s\right)")

# ---- any number of arguments -----------------------------------------------------------------------------------------
sum_      = _row("sum", floats.sum_, variadic=_each(lambda y, x: 1), gather=tuple, symmetric=True)
dot       = _row("dot", floats.dot, variadic=_each(lambda y, w, x: x, lambda y, w, x: w), gather=_pair)
fsum      = _row("fsum", lambda *xs: math.fsum(xs), variadic=_each(lambda y, x: 1), gather=tuple, symmetric=True)
sumprod   = _row("sumprod", floats.sumprod, variadic=_each(lambda y, w, x: x, lambda y, w, x: w), gather=_pair)
prod      = _row("prod", lambda *xs: math.prod(xs, start=1.0), variadic=_products_of_others, gather=tuple,
                  symmetric=True)
logsumexp = _row("logsumexp", floats.logsumexp, variadic=_weights, gather=tuple, symmetric=True)
# fmt: on

BUILTIN.update(TABLE)


def _gap(best: float, xs: Sequence[float]) -> float:
    """The distance from the best to the second best: 0 at a tie."""
    gaps = sorted(abs(x - best) for x in xs)
    return gaps[1] if len(gaps) > 1 else 1.0


@overload
def softmax(xs: Iterable[Number]) -> list[float]: ...  # type: ignore[overload-overlap]  # see Primitive.__call__
@overload
def softmax(xs: Iterable[Value | Number]) -> list[Value]: ...
def softmax(xs: Any) -> list[Any]:
    """exp(x) / sum(exp(xs)) for each x: a composition, so that its derivatives follow from the rows it is made of."""
    return _weights(None, *xs)
