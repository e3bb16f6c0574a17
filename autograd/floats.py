"""Functions on floats that Python's math module lacks, for the rows of the table."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable


def pow_(a: float, b: float) -> float:
    y = a**b
    if isinstance(y, complex):
        raise ValueError("a negative base with a fractional power is not real")
    return y  # type: ignore[no-any-return]  # float ** float is typed Any, for the complex case refused above


def sign(x: float) -> float:
    return math.copysign(1.0, x) if x < 0 or x > 0 else x


def sigmoid(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)  # never of a positive number, so it cannot overflow
    return e / (1.0 + e)


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def sum_(*xs: float) -> float:
    return functools.reduce(operator.add, xs, 0.0)  # the same on every version: builtin sum compensates from 3.12 on


def dot(*xs: float) -> float:
    n = len(xs) // 2
    return functools.reduce(operator.add, map(operator.mul, xs[:n], xs[n:]), 0.0)


def logsumexp(*xs: float) -> float:
    top = max(xs)
    if math.isinf(top):
        return top
    i = xs.index(top) if top == top else 0
    return top + math.log1p(sum_(*(math.exp(x - top) for j, x in enumerate(xs) if j != i)))


def whole(rounding: Callable[[float], int]) -> Callable[[float], float]:
    """math.floor, ceil or trunc with a float for its result, of the sign of its argument, as in C."""
    return lambda x: math.copysign(float(rounding(x)), x)


def exact_product(a: float, b: float) -> tuple[float, float]:
    """a * b as a float and what it lacks (Dekker 1971, by Veltkamp's splitting), if nothing over- or underflows."""
    product = a * b
    high_a, high_b = (x * 134217729.0 - (x * 134217729.0 - x) for x in (a, b))
    low_a, low_b = a - high_a, b - high_b
    return product, ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b


def sumprod(*xs: float) -> float:
    """The scalar product, rounded once if all its products are of moderate size; the same on every version."""
    n = len(xs) // 2
    products = list(map(operator.mul, xs[:n], xs[n:]))
    if not all(p == 0 or 1e-280 < abs(p) < 1e280 for p in products) or not all(abs(x) < 1e290 for x in xs):
        return dot(*xs)
    return math.fsum(part for a, b in zip(xs[:n], xs[n:], strict=True) for part in exact_product(a, b))


# ---- gamma's derivatives ---------------------------------------------------------------------------------------------

# digamma's root, as the sum of two floats (DLMF 5.4)
ROOT, REST_OF_ROOT = 1.4616321449683622, 9.549995429965697e-17
# B(2k), the Bernoulli numbers (DLMF 24.2)
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)


def zeta(s: int, x: float) -> float:
    """Hurwitz's zeta, the sum of 1 / (x + k)**s over k >= 0, for s > 1 and x > 0 (Euler and Maclaurin; DLMF 25.11)."""
    total = 0.0
    while x < s + 20:
        total += x**-s
        x += 1
    tail = x**-s
    rest = x ** (1 - s) / (s - 1) + tail / 2
    term = s * tail / x
    for k, b in enumerate(BERNOULLI, 1):
        rest += b * term / math.factorial(2 * k)
        term *= (s + 2 * k - 1) * (s + 2 * k) / (x * x)
    return total + rest


@functools.cache
def series_at_root() -> list[float]:
    """The coefficients of digamma's power series about its root."""
    return [(1.0 if k % 2 else -1.0) * zeta(k + 1, ROOT) for k in range(1, 34)]


def digamma(x: float) -> float:
    """The derivative of log(gamma(x)); right to 1e-14 for x > 0, to 1e-14 of pi / tan(pi*x) below."""
    if x <= 0:
        if x == math.floor(x):
            raise ValueError("digamma has poles at 0, -1, -2, ...")
        return digamma(1 - x) - math.pi / math.tan(math.pi * (x - round(x)))  # DLMF 5.5.4
    if abs(x - ROOT) < 0.4:
        d = (x - ROOT) - REST_OF_ROOT
        total = 0.0
        for c in reversed(series_at_root()):
            total = total * d + c
        return d * total
    terms = []
    while x < 10:
        terms.append(-1 / x)
        x += 1
    terms += [-b / (2 * k) * x ** (-2 * k) for k, b in enumerate(BERNOULLI, 1)]  # DLMF 5.11.2
    return math.log(x) + math.fsum([-0.5 / x, *terms])


def polygamma(n: int, x: float) -> float:
    """The n-th derivative of digamma; right to 1e-14 for x > 0 (DLMF 25.11.12), by reflection (DLMF 5.15.6) below."""
    if n == 0:
        return digamma(x)
    if x > 0:
        return (1.0 if n % 2 else -1.0) * float(math.factorial(n)) * zeta(n + 1, x)
    if x != x:
        return x
    if x == math.floor(x):
        raise ValueError("polygamma has poles at 0, -1, -2, ...")
    # the n-th derivative of c = pi / tan(pi*x) is pi**(n+1) times a polynomial in c / pi, as c' = -pi**2 - c**2
    polynomial = [0, 1]
    for _ in range(n):
        slope = [k * a for k, a in enumerate(polynomial)][1:]
        polynomial = [-a for a in map(operator.add, [*slope, 0, 0], [0, 0, *slope])]
    c = 1 / math.tan(math.pi * (x - round(x)))
    total = 0.0
    for a in reversed(polynomial):
        total = total * c + a
    sign = -1.0 if n % 2 else 1.0
    return sign * polygamma(n, 1 - x) - math.pi ** (n + 1) * total


# ---- the normal distribution -----------------------------------------------------------------------------------------


def erfinv(y: float) -> float:
    """The x with erf(x) = y, by Newton's method."""
    if y != y:
        return y
    if not -1 < y < 1:
        raise ValueError("erfinv is defined between -1 and 1")
    if abs(y) > 0.5:
        return math.copysign(erfcinv(1 - abs(y)), y)
    x = y * (math.sqrt(math.pi) / 2) * (1 + math.pi / 12 * y * y)  # the series at 0 (DLMF 7.17.2)
    for _ in range(4):
        x -= (math.erf(x) - y) * (math.sqrt(math.pi) / 2) * math.exp(x * x)
    return x


def erfcinv(q: float) -> float:
    """The x with erfc(x) = q, for 0 < q <= 0.5, by Newton's method on the logarithm.

    It starts from Hastings' approximation of the normal distribution's quantiles (Abramowitz and Stegun, 26.2.23).
    """
    t = math.sqrt(-2 * math.log(q / 2))
    above = 2.515517 + t * (0.802853 + t * 0.010328)
    x = (t - above / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))) / math.sqrt(2)
    for _ in range(4):
        slope = 2 / math.sqrt(math.pi) * math.exp(-x * x) / math.erfc(x) if x < 20 else 2 * x
        x += (log_erfc(x) - math.log(q)) / slope
    return x


def log_erfc(x: float) -> float:
    """The logarithm of erfc(x), also where that is less than any float (the series of DLMF 7.12.1)."""
    if x < 20:
        return math.log(math.erfc(x))
    term = series = 1.0
    for k in range(1, 9):
        term *= (1 - 2 * k) / (2 * x * x)
        series += term
    return math.log(series / (x * math.sqrt(math.pi))) - x * x


def norm_pdf(x: float) -> float:
    """The density of the standard normal distribution, exp(-x*x/2) / sqrt(2*pi)."""
    if not abs(x) < 40:
        return 0.0 if x == x else x
    square, rest = exact_product(x, x)
    return math.exp(-square / 2) * (1 - rest / 2) / math.sqrt(2 * math.pi)


def norm_cdf(x: float) -> float:
    """The standard normal distribution: the probability of less than x, erfc(-x / sqrt(2)) / 2."""
    if not -40 < x < 40:
        return 0.0 if x < 0 else 1.0 if x > 0 else x
    at, rest = exact_product(x, 0.7071067811865476)
    rest += x * -4.833646656726457e-17  # 1 / sqrt(2) is less than its float
    return math.erfc(-at) / 2 + rest * math.exp(-at * at) / math.sqrt(math.pi)


def norm_ppf(p: float) -> float:
    """The quantile of the standard normal distribution: the x with norm_cdf(x) = p."""
    if p != p:
        return p
    if not 0 < p < 1:
        raise ValueError("norm_ppf is defined between 0 and 1")
    if p < 0.25:
        return -math.sqrt(2) * erfcinv(2 * p)
    return math.sqrt(2) * (erfcinv(2 * (1 - p)) if p > 0.75 else erfinv(2 * p - 1))
