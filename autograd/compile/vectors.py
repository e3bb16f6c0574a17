"""Symbols that write down LLVM's text, one instruction an operation: what ``vector_math`` is written in."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field


def bits(x: float) -> int:
    """The bits of a double as a whole number."""
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


@dataclass
class Body:
    """The lines of a function that is being written: of the row ``name``, over ``width`` lanes."""

    name: str
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
        text = (
            f"0x{bits(x) % 2**64:016X}" if kind == "double" else str(int(x)) if kind != "i1" else str(bool(x)).lower()
        )
        return Vector(self, kind, f"splat ({kind} {text})")

    def usually(self, usual: Vector, result: Vector, *arguments: Vector) -> Vector:
        """``result``, if ``usual`` is true in all lanes; else what the function ``lanes.name.rare`` gives for them."""
        of = self.type("double")
        lanes = self.instruction(f"i{self.width}", f"bitcast {self.type('i1')} {usual.name} to i{self.width}")
        every = self.instruction("i1", f"icmp eq i{self.width} {lanes.name}, -1")
        self.lines += [f"br i1 {every.name}, label %end, label %rare", "rare:"]
        operands = ", ".join(f"{of} {x.name}" for x in arguments)
        other = self.instruction("double", f"call {of} @lanes.{self.name}.rare({operands})")
        self.lines += ["br label %end", "end:"]
        return self.instruction("double", f"phi {of} [ {result.name}, %start ], [ {other.name}, %rare ]")

    def one_by_one(self, *arguments: Vector) -> Vector:
        """The C library's results, lane by lane."""
        of, scalars = self.type("double"), ", ".join(["double"] * len(arguments))
        self.declarations[f"declare double @libm.{self.name}({scalars}) nobuiltin nounwind"] = None
        result = "poison"
        for i in range(self.width):
            xs = [self.instruction("double", f"extractelement {of} {x.name}, i32 {i}").name for x in arguments]
            y = self.instruction("double", f"call double @libm.{self.name}({', '.join(f'double {x}' for x in xs)})")
            result = self.instruction("double", f"insertelement {of} {result}, double {y.name}, i32 {i}").name
        return Vector(self, "double", result)

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

    def below(self, limit: int) -> Vector:
        """Whether whole numbers without sign are."""
        return self.body.instruction("i1", f"icmp ult {self.body.type('i64')} {self.name}, {self._other(limit).name}")

    def __lt__(self, other: Vector | float) -> Vector:
        return self._compared("olt", other)

    def __gt__(self, other: Vector | float) -> Vector:
        return self._compared("ogt", other)

    def __ge__(self, other: Vector | float) -> Vector:
        return self._compared("oge", other)

    def __le__(self, other: Vector | float) -> Vector:
        return self._compared("ole", other)

    def equals(self, other: Vector | float | int) -> Vector:
        if self.kind == "double":
            return self._compared("oeq", other)
        operands = f"{self.body.type(self.kind)} {self.name}, {self._other(other).name}"
        return self.body.instruction("i1", f"icmp eq {operands}")

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

    def cut(self) -> Vector:
        """The first 26 bits, so that products of two such are exact."""
        return (self.as_bits() & (-1 << 27)).as_double()

    def with_sign_of(self, other: Vector) -> Vector:
        return self.body.intrinsic("copysign", self, other)


def fma(a: Vector, b: Vector | float, d: Vector | float) -> Vector:
    """a*b + d, rounded once where the processor can, else twice."""
    return a.body.intrinsic("fmuladd", a, a._other(b), a._other(d))


def horner(x: Vector, coefficients: Sequence[float]) -> Vector:
    """The sum of coefficients[k] * x**k, one after the other from the last."""
    *rest, last = coefficients
    total: Vector | float = last
    for c in reversed(rest):
        total = fma(x, total, c)
    assert isinstance(total, Vector)
    return total


def polynomial(x: Vector, coefficients: Sequence[float]) -> Vector:
    """The same with even and odd powers apart, so that fewer operations wait for one another."""
    if len(coefficients) <= 5:
        return horner(x, coefficients)
    square = x * x
    return fma(x, polynomial(square, coefficients[1::2]), polynomial(square, coefficients[::2]))
