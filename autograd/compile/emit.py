"""LLVM's text for single instructions of a flat program, over one point or over several lanes at once.

An ``Emitter`` turns an operation's name and its operands, which are texts too (``%x`` or a constant), into lines of a
function's body.  Whoever owns the function, straight code or a loop, loads the operands, stores the results and draws
the blocks; the emitter knows what an operation is.  ``preamble`` has what the module must contain besides::

    emitter = Emitter(width=1)
    emitter.operation("exp", ["%x"], "%y")
    emitter.operation("mul", ["%y", emitter.constant(0.5)], "%z")
    text = "\\n".join([emitter.preamble(), f"define double @f(double %x) {{", *emitter.lines, "ret double %z", "}"])

The bits are those of the C library, one operation after the other: its functions are called by addresses, of which
LLVM knows nothing, and no flag allows it to transform anything.  With ``exact=False`` multiply-adds may be fused, and
lanes take ``functions``, vector code of our own, where there is one.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from collections.abc import Mapping, Sequence

from .program import ARITY

# The C library's functions, by their number of arguments, and what LLVM itself has an operation or intrinsic for.
LIBRARY = {
    name: ARITY[name]
    for name in (
        *("pow", "fmod", "remainder", "atan2", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "cbrt"),
        *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
        *("erf", "erfc"),
    )
}
ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
INTRINSICS = {"abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "copysign": "copysign"}
RELATIONS = {"lt": "olt", "le": "ole", "eq": "oeq"}

# Python's % and //, as in native/rules.h.
HELPERS = {
    "mod": """\
define internal double @helper.mod(double %a, double %b) noinline {
  %r = call double @libm.fmod(double %a, double %b)
  %whole = fcmp oeq double %r, 0.0
  br i1 %whole, label %zero, label %signs
zero:
  %z = call double @llvm.copysign.f64(double 0.0, double %b)
  ret double %z
signs:
  %m = fcmp olt double %r, 0.0
  %n = fcmp olt double %b, 0.0
  %other = xor i1 %m, %n
  br i1 %other, label %move, label %same
same:
  ret double %r
move:
  %moved = fadd double %r, %b
  ret double %moved
}""",
    "floordiv": """\
define internal double @helper.floordiv(double %a, double %b) noinline {
  %r = call double @libm.fmod(double %a, double %b)
  %by.zero = fcmp oeq double %b, 0.0
  br i1 %by.zero, label %none, label %some
none:
  ret double 0x7FF8000000000000
some:
  %d = fsub double %a, %r
  %q0 = fdiv double %d, %b
  %rest = fcmp une double %r, 0.0
  %m = fcmp olt double %r, 0.0
  %n = fcmp olt double %b, 0.0
  %other = xor i1 %m, %n
  %less = and i1 %rest, %other
  %q1 = fsub double %q0, 1.0
  %q = select i1 %less, double %q1, double %q0
  %zero = fcmp oeq double %q, 0.0
  br i1 %zero, label %signed, label %round
signed:
  %s = fdiv double %a, %b
  %z = call double @llvm.copysign.f64(double 0.0, double %s)
  ret double %z
round:
  %whole = call double @llvm.floor.f64(double %q)
  %over = fsub double %q, %whole
  %up = fcmp ogt double %over, 0.5
  %next = fadd double %whole, 1.0
  %out = select i1 %up, double %next, double %whole
  ret double %out
}""",
}
HELPERS_NEED = {"mod": ("fmod", "copysign"), "floordiv": ("fmod", "copysign", "floor")}


ADDRESSES = f"@addresses = dso_local global [{len(LIBRARY)} x ptr] zeroinitializer"


def _library_call(name: str) -> str:
    """A function that goes on to one of the C library, whose address is in a table of the module.

    LLVM knows nothing of it and so transforms nothing; and no code of the module reaches outside it, which needs
    addresses within 2 GB.
    """
    a = ", ".join(f"double %x{k}" for k in range(LIBRARY[name]))
    return (
        f"define internal double @libm.{name}({a}) noinline nounwind {{\n"
        f"{_address_of(name)}\n%y = musttail call double %f({a})\nret double %y\n}}"
    )


def _address_of(name: str) -> str:
    return f"%f = load ptr, ptr getelementptr (ptr, ptr @addresses, i64 {list(LIBRARY).index(name)})"


class Emitter:
    """Writes instructions over ``width`` lanes: on doubles if that is 1, else on vectors of doubles.

    ``functions`` has for names of rows the definition of ``<width x double> @lanes.<name>(<width x double> ...)``, with
    the declarations and variables that it needs; they are used where ``exact`` is False, and take all lanes at once or
    ``parts`` of them, one after another.  ``lines`` is the body as far
    as it is written and may be added to, ``type`` LLVM's name of a value, ``attributes`` what a function's definition
    must end with, and ``need`` the operations that stand in need of definitions.
    """

    def __init__(
        self, width: int = 1, exact: bool = True, functions: Mapping[str, str] | None = None, parts: int = 1
    ) -> None:
        self.width, self.parts = width, parts
        self.type = "double" if width == 1 else f"<{width} x double>"
        self.exact = exact
        self.functions = {} if exact or functions is None or width == 1 else functions
        # or LLVM would take vectors of 512 bits apart on some processors that have them
        self.attributes = "nounwind" if width == 1 else f'nounwind "min-legal-vector-width"="{64 * width}"'
        self.lines: list[str] = []
        self.need: dict[str, None] = {}  # in the order of their first use, so that equal programs have equal texts
        self._suffix = "f64" if width == 1 else f"v{width}f64"
        self._flags = "" if exact else " contract"
        self._prefix, self._count = "%r", 0
        self._constants: dict[float, str] = {}

    def begin(self) -> list[str]:
        """The body of a new function, whose registers are numbers in the order of their definition.

        LLVM reads numbers in half the time of names; its rule is that none is left out.
        """
        self._prefix, self._count = "%", -1
        self.lines = []
        return self.lines

    def register(self) -> str:
        """The name of a register that is not used yet; in a function with a ``begin`` the next line must define it."""
        self._count += 1
        return f"{self._prefix}{self._count}"

    def constant(self, x: float) -> str:
        """``x`` in every lane."""
        text = f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"
        return text if self.width == 1 else f"splat (double {text})"

    def splat(self, scalar: str, result: str | None = None) -> str:
        """A register with the double ``scalar`` in every lane."""
        if self.width == 1:
            return scalar
        first, result = self.register(), result or self.register()
        self.lines.append(f"{first} = insertelement {self.type} poison, double {scalar}, i32 0")
        self.lines.append(f"{result} = shufflevector {self.type} {first}, {self.type} poison, "
                          f"<{self.width} x i32> zeroinitializer")  # fmt: skip
        return result

    def operation(self, name: str, operands: Sequence[str], result: str | None = None) -> str:
        """The register ``result``, or a new one, with what the row ``name`` gives for the operands.

        All of ``ARITY`` but the hints, ``take`` and ``call``, which are no operations on the operands alone.
        """
        lines, kind = self.lines, self.type
        if name in ARITHMETIC:
            a, b = operands
            if a[0] != "%" and b[0] != "%":  # LLVM would compute it, and the flags would stay down
                a = self._opaque(a)
            result = result or self.register()
            lines.append(f"{result} = {ARITHMETIC[name]}{self._flags} {kind} {a}, {b}")
        elif name == "neg":
            result = result or self.register()
            lines.append(f"{result} = fneg {kind} {operands[0]}")
        elif name in INTRINSICS:
            if name == "sqrt" and operands[0][0] != "%":
                operands = [self._opaque(operands[0])]
            self.need[name] = None
            result = self._call(f"llvm.{INTRINSICS[name]}.{self._suffix}", operands, result)
        elif name.startswith("select_"):
            a, b, c, d = operands
            test, condition = self._condition(name, a, b)
            result = result or self.register()
            lines.append(f"{result} = select {condition} {test}, {kind} {c}, {kind} {d}")
        elif name in LIBRARY or name in HELPERS:
            self.need[name] = None
            prefix = self._lanes(name) if self.width > 1 else "libm" if name in LIBRARY else "helper"
            result = self._call(f"{prefix}.{name}", operands, result)
        else:
            raise ValueError(f"{name} is not an operation on its operands alone")
        return result

    def skips(self, name: str, a: str, b: str, when: int) -> str:
        """A register of type i1: whether ``skip_*(a, b)`` may jump, which with lanes is so if all of them agree."""
        test, kind = self._condition(name, a, b)
        if self.width > 1:
            bits, every = self.register(), self.register()
            self.lines.append(f"{bits} = bitcast {kind} {test} to i{self.width}")
            self.lines.append(f"{every} = icmp eq i{self.width} {bits}, {-1 if when else 0}")
            return every
        if when:
            return test
        opposite = self.register()
        self.lines.append(f"{opposite} = xor i1 {test}, true")
        return opposite

    def ordered_sum(self, start: str, lanes: str) -> str:
        """A register with the double ``start`` and then the lanes added one by one; in any order if not ``exact``."""
        if self.width == 1:
            flags, total = self._flags, self.register()
            self.lines.append(f"{total} = fadd{flags} double {start}, {lanes}")
            return total
        self.need["ordered_sum"] = None
        total = self.register()
        flags = "" if self.exact else " reassoc"
        self.lines.append(
            f"{total} = call{flags} double @llvm.vector.reduce.fadd.{self._suffix}(double {start}, {self.type} {lanes})"
        )
        return total

    def preamble(self) -> str:
        """What the module must declare and define for all that was written so far."""
        declarations: dict[str, None] = {}
        definitions: list[str] = []
        for name in self.need:
            self._define(name, declarations, definitions)
        return "\n".join([*declarations, *definitions])

    def _define(self, name: str, declarations: dict[str, None], definitions: list[str]) -> None:
        kind, width = self.type, self.width
        if name == "ordered_sum":
            declarations[f"declare double @llvm.vector.reduce.fadd.{self._suffix}(double, {kind})"] = None
        elif name == "opaque":
            definitions.append("@opaque = internal global i64 0")
        elif name in INTRINSICS:
            types = ", ".join([kind] * ARITY[name])
            declarations[f"declare {kind} @llvm.{INTRINSICS[name]}.{self._suffix}({types})"] = None
        elif name in self.functions:
            for line in self.functions[name].splitlines():
                if line.startswith("declare double @libm."):
                    self._declare(line.partition("@libm.")[2].partition("(")[0], declarations)
                elif line.startswith(("declare", "@")):
                    declarations[line] = None
                else:
                    definitions.append(line)
            if self.parts > 1:
                definitions.append(self._part_by_part(name))
        else:
            for other in HELPERS_NEED.get(name, (name,)):
                if other in LIBRARY:
                    self._declare(other, declarations)
                else:
                    types = ", ".join(["double"] * ARITY[other])
                    declarations[f"declare double @llvm.{INTRINSICS[other]}.f64({types})"] = None
            if name in HELPERS and HELPERS[name] not in definitions:
                definitions.append(HELPERS[name])
            if width > 1:
                definitions.append(self._one_by_one(name))

    def _declare(self, name: str, declarations: dict[str, None]) -> None:
        """A function of the C library."""
        declarations[ADDRESSES] = declarations[_library_call(name)] = None

    def _lanes(self, name: str) -> str:
        """What a function of vectors is called by, before its own name: there may be such of several widths."""
        return "lanes" if name in self.functions and self.parts == 1 else f"lanes{self.width}"

    def _part_by_part(self, name: str) -> str:
        """A function of vectors that calls one of narrower vectors."""
        kind, count, width = self.type, ARITY[name], self.width // self.parts
        part = f"<{width} x double>"
        parameters = ", ".join(f"{kind} %x{k}" for k in range(count))
        lines = [f"define internal {kind} @{self._lanes(name)}.{name}({parameters}) noinline {self.attributes} {{"]
        given = []
        for i in range(self.parts):
            at = _places(range(i * width, (i + 1) * width))
            lines += [f"%x{k}.{i} = shufflevector {kind} %x{k}, {kind} poison, {at}" for k in range(count)]
            lines.append(f"%y{i} = call {part} @lanes.{name}({', '.join(f'{part} %x{k}.{i}' for k in range(count))})")
            given.append(f"%y{i}")
        while len(given) > 1:  # two and two become one of twice the width
            joined = []
            for a, b in zip(given[::2], given[1::2], strict=True):
                joined.append(f"{a}.{width}")
                at = _places(range(2 * width))
                lines.append(f"{joined[-1]} = shufflevector <{width} x double> {a}, <{width} x double> {b}, {at}")
            given, width = joined, 2 * width
        return "\n".join([*lines, f"ret {kind} {given[0]}", "}"])

    def _one_by_one(self, name: str) -> str:
        """A function of vectors that calls the one of doubles for each lane."""
        kind, count = self.type, ARITY[name]
        parameters = ", ".join(f"{kind} %x{k}" for k in range(count))
        lines = [f"define internal {kind} @{self._lanes(name)}.{name}({parameters}) noinline {self.attributes} {{"]
        function = f"@helper.{name}"
        if name in LIBRARY:
            function = "%f"  # and not by way of @libm, as the address is the same for all lanes
            lines.append(_address_of(name))
        for i in range(self.width):
            lines += [f"%x{k}.{i} = extractelement {kind} %x{k}, i32 {i}" for k in range(count)]
            lines.append(f"%y{i} = call double {function}({', '.join(f'double %x{k}.{i}' for k in range(count))})")
        before = "poison"
        for i in range(self.width):
            lines.append(f"%z{i} = insertelement {kind} {before}, double %y{i}, i32 {i}")
            before = f"%z{i}"
        return "\n".join([*lines, f"ret {kind} {before}", "}"])

    def _call(self, function: str, operands: Sequence[str], result: str | None) -> str:
        result = result or self.register()
        arguments = ", ".join(f"{self.type} {x}" for x in operands)
        self.lines.append(f"{result} = call {self.type} @{function}({arguments})")
        return result

    def _condition(self, name: str, a: str, b: str) -> tuple[str, str]:
        """The comparison of ``select_lt`` or ``skip_lt`` and the like: its register and its type."""
        test = self.register()
        self.lines.append(f"{test} = fcmp {RELATIONS[name[-2:]]} {self.type} {a}, {b}")
        return test, "i1" if self.width == 1 else f"<{self.width} x i1>"

    def _opaque(self, constant: str) -> str:
        """A register with a constant of which LLVM knows nothing."""
        self.need["opaque"] = None
        number, bits, value = self.register(), self.register(), self.register()
        scalar = constant.removeprefix("splat (double ").removesuffix(")")
        self.lines.append(f"{number} = load volatile i64, ptr @opaque")
        self.lines.append(f"{bits} = xor i64 {number}, {int(scalar, 16)}")
        self.lines.append(f"{value} = bitcast i64 {bits} to double")
        return self.splat(value)


def _places(places: Sequence[int]) -> str:
    return f"<{len(places)} x i32> <{', '.join(f'i32 {place}' for place in places)}>"


@functools.cache
def addresses() -> bytes:
    """What a module's ``@addresses`` must hold, if it has any: those of the C library that Python's own math calls."""
    if sys.platform == "win32":
        library = ctypes.CDLL("ucrtbase")
    else:
        library = ctypes.CDLL(None)  # what this process has loaded
        if not hasattr(library, "exp"):
            library = ctypes.CDLL("libm.so.6" if sys.platform == "linux" else "libm.dylib")
    pointers = (ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in LIBRARY)
    return struct.pack(f"{len(LIBRARY)}P", *pointers)
