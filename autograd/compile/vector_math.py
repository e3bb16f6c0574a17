"""Elementary functions of vectors of doubles, as LLVM text: polynomials, without tables.

A function here is Python code on symbols that writes down one LLVM instruction an operation.  It gets every double
right to 2 units in the last place (tests/test_compile_vector_math.py), subnormals, signed zeros, infinities and nan
among them.  Of the processor's flags it raises overflow, invalid and division by zero just where finite arguments have
no finite result, so that a program can test the flags once at its end and need not test every result; nan may raise
invalid once more.

Multiply-adds are fused where the processor does it, and nothing here depends on that: what must be exact is made of
products that fit into a double.  The methods are the classical ones (Cody and Waite's reduction of arguments; the
logarithm of (1+s)/(1-s); sums and products of two doubles by Dekker and Knuth); their numbers, in ``coefficients.py``,
are made by ``python -m tests.coefficients``.

Where a rare argument would cost all others time, a vector that has one is given to a function of its own: logarithms of
what is not positive, normal and finite; and by the C library, lane by lane, sin and cos beyond 1e6, where pi/2 to 150
bits is not enough, and pow of subnormal bases, of huge exponents, and of what is no ordinary power.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable

from . import coefficients as c
from .vectors import Body, Vector, bits, fma, horner, polynomial

LOG2_E = 1 / math.log(2)
SHIFTER = 1.5 * 2.0**52  # a double near it is a whole number, which its last bits hold in two's complement
ONE = 1023 << 52  # the bits of 1.0
TINY = 2.0**-54  # |x| below it: f(x) = x to the last bit, for functions with slope 1 at 0
INFINITE = math.inf


def _sum(a: Vector, b: Vector) -> tuple[Vector, Vector]:
    """a + b and what it lost, exactly, where abs(a) >= abs(b), or a is 0 (Dekker)."""
    total = a + b
    return total, b - (total - a)


# ---- exponentials ----------------------------------------------------------------------------------------------------


def _reduced(x: Vector, offset: int) -> tuple[Vector, Vector, Vector]:
    """For x = k*ln 2 + r with |r| at most ln(2)/2: (k + offset in the last bits, k, r + k*LN2[1])."""
    shifter = SHIFTER + offset
    shifted = fma(x, LOG2_E, shifter)
    k = shifted - shifter
    near = fma(k, -c.LN2[0], x)  # exact
    return shifted.as_bits(), k, near


def _scaled(y: Vector, shifted: Vector) -> Vector:
    """y * 2**k, where ``shifted`` holds k + 2046 in its last bits."""
    half = shifted >> 1  # holds floor(k/2) + 1023, the exponent of 2**floor(k/2); what stands before is shifted out
    return y * (half << 52).as_double() * ((shifted - half) << 52).as_double()


def exp(x: Vector) -> Vector:
    """2**k * exp(r).  The scale is a product of two, so that results can be subnormal, or overflow, as they should."""
    x = x.at_most(1400.0).at_least(-1400.0)
    shifted, k, near = _reduced(x, 2046)
    r = fma(k, -c.LN2[1], near)
    return _scaled(1.0 + fma(r * r, polynomial(r, c.EXP), r), shifted)


def _exp_of_two(x: Vector, rest: Vector) -> Vector:
    """exp(x + rest), the rest being a small part of x."""
    shifted, k, near = _reduced(x, 2046)
    r, lost = _sum(near, fma(k, -c.LN2[1], rest))
    return _scaled(1.0 + (r + fma(r * r, polynomial(r, c.EXP), lost)), shifted)


def _expm1(x: Vector, scale: float) -> tuple[Vector, Vector]:
    """exp(x) - 1, times ``scale``, a power of two, as a sum of two: exact but for a small part of the last place."""
    exponent = (bits(scale) >> 52) & 0x7FF
    shifted, k, near = _reduced(x, exponent)
    r = fma(k, -c.LN2[1], near)
    lost = fma(k, -c.LN2[1], near - r)
    power = (shifted << 52).as_double()  # scale * 2**k
    first, left = _sum(power - scale, power * r)
    return first, fma(power, fma(r * r, polynomial(r, c.EXP), lost), left)


def expm1(x: Vector) -> Vector:
    """2**k - 1 + 2**k * (exp(r) - 1), halved until the end, so that 2**1024 can be had."""
    first, second = _expm1(x.at_most(710.0).at_least(-50.0), 0.5)
    return (abs(x) < TINY).where(x, 2.0 * (first + second))


def tanh(x: Vector) -> Vector:
    """-e / (e + 2) with e = exp(-2*abs(x)) - 1, and what the sum in the denominator lost put back."""
    first, second = _expm1(-2.0 * abs(x).at_most(22.0), 1.0)
    e, e_lost = _sum(first, second)
    below = e + 2.0
    below_lost = e - (below - 2.0)
    y = e / below
    # 1/below is (1 - y) / 2
    y = fma(fma(y, -0.5, 0.5), e_lost - y * (below_lost + e_lost), y)
    return y.with_sign_of(x)


def exp2(x: Vector) -> Vector:
    """2**k * 2**r"""
    x = x.at_most(2000.0).at_least(-2000.0)
    shifted = x + (SHIFTER + 2046)
    r = x - (shifted - (SHIFTER + 2046))
    y = 1.0 + fma(r, c.LN2_FULL[0], fma(r * r, polynomial(r, c.EXP2), r * c.LN2_FULL[1]))
    return _scaled(y, shifted.as_bits())


def _hyperbolic(x: Vector) -> tuple[Vector, Vector, Vector, Vector, Vector]:
    """For abs(x) = k*ln 2 + r: 2**(k-4), 2**(-k-4), r, cosh(r) - 1 and what sinh(r) has beyond r."""
    shifted, k, near = _reduced(abs(x).at_most(711.0), 1019)
    r = fma(k, -c.LN2[1], near)
    lost = fma(k, -c.LN2[1], near - r)
    power = (shifted << 52).as_double()
    inverse = (((SHIFTER + 1019) - k.at_most(100.0)).as_bits() << 52).as_double()
    z = r * r
    return power, inverse, r, z * polynomial(z, c.COSH), fma(r * z, polynomial(z, c.SINH), lost)


def sinh(x: Vector) -> Vector:
    """8 * (p*exp(r) - q*exp(-r)) with p = 2**(k-4), q = 2**(-k-4), so that p is a double wherever the result is."""
    p, q, r, even, odd = _hyperbolic(x)
    first, first_lost = _sum(p - q, p * r)
    second, second_lost = _sum(first, q * r)
    rest = fma(p - q, even, fma(p + q, odd, first_lost + second_lost))
    return (abs(x) < TINY).where(x, (8.0 * (second + rest)).with_sign_of(x))


def cosh(x: Vector) -> Vector:
    """8 * (p*exp(r) + q*exp(-r))"""
    p, q, r, even, odd = _hyperbolic(x)
    return 8.0 * ((p + q) + fma(p - q, r, fma(p + q, even, (p - q) * odd)))


# ---- logarithms ------------------------------------------------------------------------------------------------------

ROOT_HALF = bits(math.sqrt(0.5)) - 1  # m is between sqrt(1/2) and sqrt(2)
MANTISSA = (1 << 52) - 1
LEAST_NORMAL = bits(2.0**-1022)

Logarithm = Callable[[Vector, Vector], Vector]


def _ordinary(x: Vector) -> Vector:
    """Where x is positive, normal and finite."""
    return (x.as_bits() - LEAST_NORMAL).below(bits(INFINITE) - LEAST_NORMAL)


def _split(x: Vector) -> tuple[Vector, Vector]:
    """x = 2**k * m for ordinary x: (k, m); for any other x numbers of the usual size."""
    moved = x.as_bits() + (ONE - ROOT_HALF)
    k = ((moved >> 52) | bits(2.0**52)).as_double() - (2.0**52 + 1023)
    return k, ((moved & MANTISSA) + ROOT_HALF).as_double()


def _positive(x: Vector) -> Vector:
    """x; but for x <= 0 it is nan, and invalid is raised, by 0*inf."""
    return x.at_least(0.0) * (x <= 0.0).where(INFINITE, 1.0)


def _with_ends(y: Vector, x: Vector) -> Vector:
    """y = log(x), but -inf for 0, nan below, and inf and nan for themselves."""
    positive = _positive(x)
    return x.equals(0.0).where(-INFINITE, (positive < INFINITE).where(y, positive))


def _log1p_core(f: Vector) -> tuple[Vector, Vector]:
    """log(1 + f) = f - (a - b), with (a, b) = (f*f/2, s*(a + R(s*s))) and s = f / (2 + f)."""
    s = f / (2.0 + f)
    z = s * s
    a = 0.5 * f * f
    return a, s * fma(z, polynomial(z, c.LOG), a)


def _log(k: Vector, f: Vector) -> Vector:
    """k*ln 2 + log(1 + f)"""
    a, b = _log1p_core(f)
    return fma(k, c.LN2[0], f - (a - fma(k, c.LN2[1], b)))


def _log_to(factor: tuple[float, ...], unit: tuple[float, ...]) -> Logarithm:
    """k*unit + log(1 + f)*factor; the larger part of log is cut, so that its product with the first factor is exact."""

    def formula(k: Vector, f: Vector) -> Vector:
        a, b = _log1p_core(f)
        high = ((f - a).as_bits() & (-1 << 32)).as_double()
        low = (f - high - a) + b
        total, lost = _sum(k * unit[0], high * factor[0])
        rest = fma(low, factor[0], fma(low + high, factor[1], lost))
        return total + (fma(k, unit[1], rest) if unit[1:] else rest)

    return formula


LOGARITHMS: dict[str, Logarithm] = {
    "log": _log,
    "log2": _log_to(c.LOG2_E, (1.0,)),
    "log10": _log_to(c.LOG10_E, c.LOG10_2),
}


def _logarithm(x: Vector) -> Vector:
    k, m = _split(x)
    return x.body.usually(_ordinary(x), LOGARITHMS[x.body.name](k, m - 1.0), x)


def _rare_logarithm(x: Vector) -> Vector:
    """The same with subnormals lifted to where they are normal, and with the ends."""
    subnormal = x < 2.0**-1022
    k, m = _split(x * subnormal.where(2.0**54, 1.0))
    return _with_ends(LOGARITHMS[x.body.name](subnormal.where(k - 54.0, k), m - 1.0), x)


def _log1p(x: Vector, whole: Vector) -> Vector:
    """log of m = 1 + x, with what the sum lost added to m - 1; where k = 0, that is x."""
    back = whole - 1.0
    lost = (1.0 - (whole - back)) + (x - back)
    k, m = _split(whole)
    inverse = (((SHIFTER + 1024) - k).as_bits() << 52).as_double()  # 2**(1-k), since 2**-k is subnormal for k = 1024
    f = k.equals(0.0).where(x, fma(0.5 * lost, inverse, m - 1.0))
    return (abs(x) < TINY).where(x, _log(k, f))


def log1p(x: Vector) -> Vector:
    whole = 1.0 + x
    return x.body.usually(_ordinary(whole), _log1p(x, whole), x)


def _rare_log1p(x: Vector) -> Vector:
    whole = 1.0 + x
    return _with_ends(_log1p(x, whole), whole)


# ---- roots and powers ------------------------------------------------------------------------------------------------


def cbrt(x: Vector) -> Vector:
    """2**q * cbrt(m * 2**e), k = 3*q + e: a guess of m**(-1/3), made better by one step of the third order."""
    size = abs(x)
    subnormal = size < 2.0**-1022
    k, m = _split(size * subnormal.where(2.0**54, 1.0))
    shifted = fma(k, 1 / 3, SHIFTER + 1023)
    e = fma(shifted - (SHIFTER + 1023), -3.0, k)
    m = m * ((e + (SHIFTER + 1023)).as_bits() << 52).as_double()
    w = polynomial(m * (e < 0.0).where(2.0, (e > 0.0).where(0.5, 1.0)), c.CBRT)
    w = w * (e < 0.0).where(2.0 ** (1 / 3), (e > 0.0).where(0.5 ** (1 / 3), 1.0))
    error = 1.0 - m * w * w * w
    w = fma(w * error, fma(error, 2 / 9, 1 / 3), w)
    y = m * w * w
    y = fma(fma(-(y * y), y, m), w * w * (1 / 3), y)  # Newton's step; w*w is 1/(y*y)
    y = y * subnormal.where(2.0**-18, 1.0) * (shifted.as_bits() << 52).as_double()
    return ((size < INFINITE) & (size > 0.0)).where(y.with_sign_of(x), x)


def _log_of_two(m: Vector, k: Vector) -> tuple[Vector, Vector]:
    """k*ln 2 + log(m) as a sum of two, to about 2**-66 of it."""
    f = m - 1.0
    d = 2.0 + f
    s = f / d
    # s = high + low: 1/d is (1 - s) / 2
    high, d_high = s.cut(), d.cut()
    d_low = f - (d_high - 2.0)
    low = ((f - high * d_high) - high * d_low) * fma(s, -0.5, 0.5)
    # z = s*s
    square = high * high
    z = square + (2.0 * high + low) * low
    z_high = z.cut()
    z_low = (square - z_high) + (2.0 * high + low) * low
    # s*z
    product = high * z_high
    cube_high = product.cut()
    cube_low = (product - cube_high) + fma(high, z_low, low * z)
    # 2/3 + 2/5*z + ...
    more = z * polynomial(z, c.LOG_MORE)
    factor = c.TWO_THIRDS[0] + more
    factor_high = factor.cut()
    factor_low = (c.TWO_THIRDS[0] - factor_high) + more + c.TWO_THIRDS[1]
    second = cube_high * factor_high
    second_low = fma(cube_low, factor, cube_high * factor_low)
    first, lost = _sum(2.0 * high, second)
    rest = lost + fma(low, 2.0, second_low)
    total, lost = _sum(k * c.LN2[0], first)
    rest = rest + fma(k, c.LN2[1], lost)
    return _sum(total, rest)


def pow_(x: Vector, y: Vector) -> Vector:
    """exp(y * log(abs(x))), the logarithm and the product as sums of two; a negative x has a whole y."""
    size = abs(x)
    zero = size.equals(0.0)
    shifted = y + SHIFTER
    whole = (shifted - SHIFTER).equals(y)
    odd = whole.where(shifted.as_bits() << 63, 0)
    usual = (zero & (y > 0.0) | (size < INFINITE) & ((size >= 2.0**-1022) & (whole | (x > 0.0)))) & (abs(y) < 2.0**50)
    safe, y_safe = (usual & (size > 0.0)).where(size, 1.0), usual.where(y, 1.0)
    k, m = _split(safe)
    log_high, log_low = _log_of_two(m, k)
    a, b = log_high.cut(), y_safe.cut()
    a_low = (log_high - a) + log_low
    power, rest = _sum(a * b, fma(b, a_low, (y_safe - b) * log_high))
    power = power.at_most(1400.0).at_least(-1400.0)
    result = _exp_of_two(power, rest)
    result = zero.where(0.0, result)
    result = (result.as_bits() | (x.as_bits() & odd)).as_double()
    return x.body.usually(usual, result, x, y)


# ---- trigonometric ---------------------------------------------------------------------------------------------------

FAR = 1e6


def _turned(x: Vector) -> tuple[Vector, Vector, Vector, Vector]:
    """For x = k*pi/2 + r: (whether x is near, k in the last bits, r as a sum of two); r = 0 for those that are not.

    Each part of pi/2 has so few bits that its product with k is exact, and what is left of x after it is either large
    enough for the rounding not to matter or exact.
    """
    near = abs(x) <= FAR
    x = near.where(x, 0.0)
    shifted = fma(x, 2 / math.pi, SHIFTER)
    k = SHIFTER - shifted
    r = fma(k, c.HALF_PI[0], x)
    r, first_lost = _sum(r, k * c.HALF_PI[1])
    r, second_lost = _sum(r, k * c.HALF_PI[2])
    return near, shifted.as_bits(), r, fma(k, c.HALF_PI[3], first_lost + second_lost)


def _sine(quarters: Vector, r: Vector, lost: Vector) -> Vector:
    """sin(quarters*pi/2 + r + lost)"""
    z = r * r
    half = 0.5 * z
    sine = r + fma(r * z, polynomial(z, c.SIN), fma(-half, lost, lost))
    w = 1.0 - half
    cosine = w + (((1.0 - w) - half) + fma(z * z, polynomial(z, c.COS), -(r * lost)))
    y = (quarters & 1).equals(0).where(sine, cosine)
    return (y.as_bits() ^ ((quarters & 2) << 62)).as_double()


def sin(x: Vector) -> Vector:
    near, quarters, r, lost = _turned(x)
    y = (abs(x) < 2.0**-27).where(x, _sine(quarters, r, lost))
    return x.body.usually(near, y, x)


def cos(x: Vector) -> Vector:
    near, quarters, r, lost = _turned(x)
    return x.body.usually(near, _sine(quarters + 1, r, lost), x)


def atan(x: Vector) -> Vector:
    """Of 1/x beyond 1: pi/2 minus it."""
    size = abs(x)
    large = size > 1.0
    # not large.where(-1 / ..., size): LLVM may divide by all lanes' sizes first, and 1 by the smallest overflows
    u = large.where(-1.0, size) / large.where(size, 1.0)
    z = u * u
    first, lost = _sum(large.where(c.HALF_PI_FULL[0], 0.0), u)
    # terms take turns in sign: near 1 even and odd powers would cancel, if the first ones were not kept together
    square = z * z
    fourth = square * square
    series = fma(fourth * fourth, polynomial(z, c.ATAN[8:]), horner(z, c.ATAN[:8]))
    rest = fma(u * z, series, lost + large.where(c.HALF_PI_FULL[1], 0.0))
    return (first + rest).with_sign_of(x)


# ---- the error function ----------------------------------------------------------------------------------------------


def erf(x: Vector) -> Vector:
    """x * (1 + a polynomial of x*x) up to 1, then 1 - exp(a polynomial)."""
    size = abs(x)
    near = size.at_most(1.0)
    near = fma(near, polynomial(near * near, c.ERF), near)
    far = 1.0 - exp(polynomial(size.at_most(6.0), c.ERFC))
    return (size < 1.0).where(near, far).with_sign_of(x)


FUNCTIONS: dict[str, Callable[..., Vector]] = {
    "exp": exp, "expm1": expm1, "exp2": exp2, "log": _logarithm, "log1p": log1p, "log2": _logarithm,
    "log10": _logarithm, "cbrt": cbrt, "pow": pow_, "sin": sin, "cos": cos, "atan": atan, "sinh": sinh, "cosh": cosh,
    "tanh": tanh, "erf": erf,
}  # fmt: skip
# what some of them give vectors with an unusual argument to
RARE: dict[str, Callable[..., Vector]] = {
    **dict.fromkeys(LOGARITHMS, _rare_logarithm),
    "log1p": _rare_log1p,
    **dict.fromkeys(("sin", "cos", "pow"), lambda *xs: xs[0].body.one_by_one(*xs)),
}
ARGUMENTS = {"pow": 2}  # the others have one
NAMES = tuple(FUNCTIONS)


@functools.cache
def definition(name: str, width: int, inline: bool = True) -> str:
    """LLVM's text of ``lanes.name``, of vectors of ``width`` doubles, after the declarations that it needs.

    Made part of its callers if ``inline``, which saves a loop a tenth of the time; a program with hundreds of calls is
    compiled faster without.
    """
    declarations: dict[str, None] = {}
    functions = []
    for function, formula in ((name, FUNCTIONS[name]), (f"{name}.rare", RARE.get(name))):
        if formula is None:
            continue
        body = Body(name, width)
        of = body.type("double")
        arguments = [f"%x{k}" for k in range(ARGUMENTS.get(name, 1))]
        result = formula(*(Vector(body, "double", x) for x in arguments))
        kind = "alwaysinline" if inline and function == name else "noinline"
        # without the last attribute LLVM would take vectors of 512 bits apart on some processors that have them
        head = f"define private {of} @lanes.{function}({', '.join(f'{of} {x}' for x in arguments)})"
        functions.append(f'{head} {kind} nounwind "min-legal-vector-width"="{64 * width}" {{\nstart:')
        functions += [*body.lines, f"ret {of} {result.name}\n}}"]
        declarations |= body.declarations
    return "\n".join([*declarations, *functions])


def definitions(names: Iterable[str], width: int, inline: bool = True) -> str:
    """The text of several: every declaration and every function once."""
    declarations: dict[str, None] = {}
    functions: dict[str, None] = {}
    for name in names:
        declared, define, function = definition(name, width, inline).partition("define ")
        declarations.update(dict.fromkeys(declared.splitlines()))
        functions[define + function] = None
    return "\n".join([*declarations, *functions])
