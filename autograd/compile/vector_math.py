"""Elementary functions of vectors of doubles, as LLVM text: polynomials without branches, tables or calls.

A function here is Python code on symbols that writes down one LLVM instruction an operation.  It gets every double
right to 2 units in the last place (tests/test_compile_vector_math.py), subnormals, signed zeros, infinities and nan
among them.  Of the processor's flags it raises overflow, invalid and division by zero just where a finite argument has
no finite result, so that a program can test the flags once at its end and need not test every result.

Multiply-adds are fused where the processor does it, and nothing here depends on that: what must be exact is made of
products that fit into a double.  The methods are the classical ones (Cody and Waite's reduction of arguments; the
logarithm of (1+s)/(1-s)); their numbers, in ``coefficients.py``, are made by ``python -m tests.coefficients``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from . import coefficients as c

LOG2_E = 1 / math.log(2)
SHIFTER = 1.5 * 2.0**52  # a double near it is a whole number, which its last bits hold in two's complement
ONE = 1023 << 52  # the bits of 1.0
TINY = 2.0**-54  # |x| below it: f(x) = x to the last bit, for functions with slope 1 at 0
INFINITE = math.inf


def bits(x: float) -> int:
    """The bits of a double as a whole number."""
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


@dataclass
class Body:
    """The lines of a function that is being written."""

    width: int
    lines: list[str] = field(default_factory=list)
    declarations: dict[str, None] = field(default_factory=dict)

    def instruction(self, kind: str, text: str) -> Vector:
        name = f"%v{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return Vector(self, kind, name)

    def type(self, kind: str) -> str:
        return f"<{self.width} x {kind}>"

    def constant(self, kind: str, x: float | int) -> Vector:
        text = f"0x{bits(x) % 2**64:016X}" if kind == "double" else str(int(x))
        return Vector(self, kind, f"splat ({kind} {text})")

    def intrinsic(self, name: str, *operands: Vector) -> Vector:
        types = ", ".join([self.type("double")] * len(operands))
        function = f"@llvm.{name}.v{self.width}f64"
        self.declarations[f"declare {self.type('double')} {function}({types})"] = None
        arguments = ", ".join(f"{self.type('double')} {x.name}" for x in operands)
        return self.instruction("double", f"call {self.type('double')} {function}({arguments})")


@dataclass(frozen=True)
class Vector:
    """A register or constant: a vector of doubles (kind ``double``), whole numbers (``i64``) or truths (``i1``)."""

    body: Body
    kind: str
    name: str

    def _other(self, x: Vector | float | int) -> Vector:
        return x if isinstance(x, Vector) else self.body.constant(self.kind, x)

    def _binary(self, operations: dict[str, str], other: Vector | float | int, swapped: bool = False) -> Vector:
        a, b = self.name, self._other(other).name
        if swapped:
            a, b = b, a
        return self.body.instruction(self.kind, f"{operations[self.kind]} {self.body.type(self.kind)} {a}, {b}")

    def __add__(self, other: Vector | float | int) -> Vector:
        return self._binary({"double": "fadd", "i64": "add"}, other)

    def __radd__(self, other: float | int) -> Vector:
        return self._binary({"double": "fadd", "i64": "add"}, other, True)

    def __sub__(self, other: Vector | float | int) -> Vector:
        return self._binary({"double": "fsub", "i64": "sub"}, other)

    def __rsub__(self, other: float | int) -> Vector:
        return self._binary({"double": "fsub", "i64": "sub"}, other, True)

    def __mul__(self, other: Vector | float | int) -> Vector:
        return self._binary({"double": "fmul"}, other)

    def __rmul__(self, other: float | int) -> Vector:
        return self._binary({"double": "fmul"}, other, True)

    def __truediv__(self, other: Vector | float | int) -> Vector:
        return self._binary({"double": "fdiv"}, other)

    def __rtruediv__(self, other: float | int) -> Vector:
        return self._binary({"double": "fdiv"}, other, True)

    def __and__(self, other: Vector | int) -> Vector:
        return self._binary({"i64": "and", "i1": "and"}, other)

    def __or__(self, other: Vector | int) -> Vector:
        return self._binary({"i64": "or", "i1": "or"}, other)

    def __xor__(self, other: Vector | int) -> Vector:
        return self._binary({"i64": "xor", "i1": "xor"}, other)

    def __lshift__(self, other: int) -> Vector:
        return self._binary({"i64": "shl"}, other)

    def __rshift__(self, other: int) -> Vector:
        """Shifted, with zeros from the left: processors before AVX-512 have no arithmetic shift of 64 bits."""
        return self._binary({"i64": "lshr"}, other)

    def __neg__(self) -> Vector:
        return self.body.instruction("double", f"fneg {self.body.type('double')} {self.name}")

    def __abs__(self) -> Vector:
        return self.body.intrinsic("fabs", self)

    def _compared(self, relation: str, other: Vector | float) -> Vector:
        operands = f"{self.body.type('double')} {self.name}, {self._other(other).name}"
        return self.body.instruction("i1", f"fcmp {relation} {operands}")

    def __lt__(self, other: Vector | float) -> Vector:
        return self._compared("olt", other)

    def __gt__(self, other: Vector | float) -> Vector:
        return self._compared("ogt", other)

    def __le__(self, other: Vector | float) -> Vector:
        return self._compared("ole", other)

    def equals(self, other: Vector | float) -> Vector:
        return self._compared("oeq", other)

    def as_bits(self) -> Vector:
        """The bits of doubles."""
        return self.body.instruction(
            "i64", f"bitcast {self.body.type('double')} {self.name} to {self.body.type('i64')}"
        )

    def as_double(self) -> Vector:
        """The doubles with these bits."""
        return self.body.instruction(
            "double", f"bitcast {self.body.type('i64')} {self.name} to {self.body.type('double')}"
        )

    def where(self, a: Vector | float, b: Vector | float) -> Vector:
        """a where these truth values are true, else b."""
        kind = a.kind if isinstance(a, Vector) else b.kind if isinstance(b, Vector) else "double"
        a, b = (x if isinstance(x, Vector) else self.body.constant(kind, x) for x in (a, b))
        of = self.body.type(kind)
        return self.body.instruction(kind, f"select {self.body.type('i1')} {self.name}, {of} {a.name}, {of} {b.name}")

    def at_most(self, limit: float) -> Vector:
        """The smaller of the two; nan stays nan."""
        return (self > limit).where(limit, self)

    def at_least(self, limit: float) -> Vector:
        """The larger of the two; nan stays nan."""
        return (self < limit).where(limit, self)

    def with_sign_of(self, other: Vector) -> Vector:
        return self.body.intrinsic("copysign", self, other)


def fma(a: Vector, b: Vector | float, d: Vector | float) -> Vector:
    """a*b + d, rounded once where the processor can, else twice."""
    return a.body.intrinsic("fmuladd", a, a._other(b), a._other(d))


def polynomial(x: Vector, coefficients: Sequence[float]) -> Vector:
    """The sum of coefficients[k] * x**k, by Estrin's scheme: pairs, pairs of pairs, so that few operations wait."""
    terms: list[Vector | float] = list(coefficients)
    power = x
    while len(terms) > 1:
        pairs: list[Vector | float] = [
            fma(power, high, low) for low, high in zip(terms[::2], terms[1::2], strict=False)
        ]
        terms = pairs + terms[len(terms) & ~1 :]
        if len(terms) > 1:
            power = power * power
    assert isinstance(terms[0], Vector)
    return terms[0]


# ---- exponentials ----------------------------------------------------------------------------------------------------


def _reduced(x: Vector, offset: int) -> tuple[Vector, Vector, Vector]:
    """For x = k*ln 2 + r with |r| at most ln(2)/2: (k + offset in the last bits, k, r + k*LN2[1])."""
    shifter = SHIFTER + offset
    shifted = fma(x, LOG2_E, shifter)
    k = shifted - shifter
    near = fma(k, -c.LN2[0], x)  # exact
    return shifted.as_bits(), k, near


def exp(x: Vector) -> Vector:
    """2**k * exp(r).  The scale is a product of two, so that results can be subnormal, or overflow, as they should."""
    x = x.at_most(1400.0).at_least(-1400.0)
    shifted, k, near = _reduced(x, 2046)
    r = fma(k, -c.LN2[1], near)
    y = 1.0 + fma(r * r, polynomial(r, c.EXP), r)
    half = (
        shifted >> 1
    )  # the last bits hold floor(k/2) + 1023, the exponent of 2**floor(k/2), and the rest is shifted out
    return y * (half << 52).as_double() * ((shifted - half) << 52).as_double()


def _expm1(x: Vector, scale: float) -> tuple[Vector, Vector]:
    """exp(x) - 1, times ``scale``, a power of two, as a sum of two: exact but for a small part of the last place."""
    exponent = (bits(scale) >> 52) & 0x7FF
    shifted, k, near = _reduced(x, exponent)
    r = fma(k, -c.LN2[1], near)
    lost = fma(k, -c.LN2[1], near - r)
    power = (shifted << 52).as_double()  # scale * 2**k
    whole, part = power - scale, power * r
    first = whole + part
    left = part - (first - whole)
    return first, fma(power, fma(r * r, polynomial(r, c.EXP), lost), left)


def expm1(x: Vector) -> Vector:
    """2**k - 1 + 2**k * (exp(r) - 1), halved until the end, so that 2**1024 can be had."""
    first, second = _expm1(x.at_most(710.0).at_least(-50.0), 0.5)
    return (abs(x) < TINY).where(x, 2.0 * (first + second))


def tanh(x: Vector) -> Vector:
    """e / (e + 2) with e = exp(2*abs(x)) - 1, and what the sum in the denominator lost put back."""
    first, second = _expm1(2.0 * abs(x).at_most(22.0), 1.0)
    e = first + second
    e_lost = second - (e - first)
    below = e + 2.0
    less = e < 2.0
    below_lost = less.where(e, 2.0) - (below - less.where(2.0, e))
    y = e / below
    # 1/below is (1 - y) / 2
    y = fma(fma(y, -0.5, 0.5), e_lost - y * (below_lost + e_lost), y)
    return y.with_sign_of(x)


# ---- logarithms ------------------------------------------------------------------------------------------------------

ROOT_HALF = bits(math.sqrt(0.5)) - 1  # m is between sqrt(1/2) and sqrt(2)
MANTISSA = (1 << 52) - 1


def _split(x: Vector) -> tuple[Vector, Vector]:
    """x = 2**k * m for positive normal x: (k, m)."""
    moved = x.as_bits() + (ONE - ROOT_HALF)
    k = ((moved >> 52) | bits(2.0**52)).as_double() - (2.0**52 + 1023)
    return k, ((moved & MANTISSA) + ROOT_HALF).as_double()


def _log1p_core(f: Vector) -> tuple[Vector, Vector]:
    """log(1 + f) = f - (a - b), with (a, b) = (f*f/2, s*(a + R(s*s))) and s = f / (2 + f)."""
    s = f / (2.0 + f)
    z = s * s
    a = 0.5 * f * f
    return a, s * fma(z, polynomial(z, c.LOG), a)


def log(x: Vector) -> Vector:
    """k*ln 2 + log(m)."""
    # 0*inf for x <= 0: invalid, and nan; subnormals are lifted into the normal range
    subnormal = x < 2.0**-1022
    positive = x.at_least(0.0) * (x <= 0.0).where(INFINITE, subnormal.where(2.0**54, 1.0))
    k, m = _split(positive)
    k = subnormal.where(k - 54.0, k)
    f = m - 1.0
    a, b = _log1p_core(f)
    y = fma(k, c.LN2[0], f - (a - fma(k, c.LN2[1], b)))
    return x.equals(0.0).where(-INFINITE, (positive < INFINITE).where(y, positive))


FUNCTIONS: dict[str, Callable[..., Vector]] = {
    "exp": exp, "expm1": expm1, "log": log, "tanh": tanh,
}  # fmt: skip
ARGUMENTS = {"pow": 2}  # the others have one
NAMES = tuple(FUNCTIONS)


def definition(name: str, width: int) -> str:
    """LLVM's text of ``lanes.name``, of vectors of ``width`` doubles, after the declarations that it needs."""
    body = Body(width)
    of = body.type("double")
    arguments = [f"%x{k}" for k in range(ARGUMENTS.get(name, 1))]
    result = FUNCTIONS[name](*(Vector(body, "double", x) for x in arguments))
    head = f"define private {of} @lanes.{name}({', '.join(f'{of} {x}' for x in arguments)})"
    attributes = f'alwaysinline nounwind "min-legal-vector-width"="{64 * width}"'
    return "\n".join([*body.declarations, f"{head} {attributes} {{", *body.lines, f"ret {of} {result.name}", "}"])


def definitions(names: Iterable[str], width: int) -> str:
    """The text of several: every declaration and every function once."""
    lines: dict[str, None] = {}
    functions: dict[str, None] = {}
    for name in names:
        declared, _, rest = definition(name, width).partition("define ")
        lines.update(dict.fromkeys(declared.splitlines()))
        functions["define " + rest] = None
    return "\n".join([*lines, *functions])
