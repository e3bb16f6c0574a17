"""C code for the table's rows: ``python -m autograd.native.generate`` writes ``rules.h`` beside this file.

A row's partials are run on symbols that write down C expressions, so that the header states no derivative of its own.
The functions themselves are those of C's math library where the row's is Python's ``math``, and short expressions else.
A row that C has nothing for (hypot, a user's) is left out: it answers NAN, and the engine asks the row itself.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..primitives import BUILTIN, TABLE, Elementwise, Primitive
from .choice import table_mark

HEADER = Path(__file__).with_name("rules.h")

# Functions on floats, by what the row has for fn: those of math that C has under the same name and to the same bit ...
SAME_IN_C = {
    "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "sin", "cos", "tan", "asin", "acos",
    "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "copysign", "fmod", "remainder",
}  # fmt: skip
OPERATORS = {operator.add: "a + b", operator.sub: "a - b", operator.mul: "a * b", operator.truediv: "a / b",
             operator.neg: "-a", operator.pos: "a", operator.abs: "fabs(a)"}  # fmt: skip
# ... and those that the table defines in Python, again (the tests compare them bit for bit)
COMPOSED = {
    "pow": "pow(a, b)",
    "mod": "rules_mod(a, b)",
    "floordiv": "rules_floordiv(a, b)",
    "floor": "floor(a)",
    "ceil": "ceil(a)",
    "trunc": "trunc(a)",
    "degrees": f"a * {180 / math.pi!r}",
    "radians": f"a * {math.pi / 180!r}",
    "sign": "rules_sign(a)",
    "relu": "a <= 0 ? 0.0 : a",
    "leaky_relu": "a <= 0 ? b * a : a",
    "sigmoid": "rules_sigmoid(a)",
    "softplus": "(a < 0 ? 0.0 : a) + log1p(exp(-fabs(a)))",
}
OF_MANY = {
    "sum": "for (i = 0; i < n; i++) y += x[i];",
    "dot": "n /= 2; for (i = 0; i < n; i++) y += x[i] * x[n + i];",
    "prod": "y = 1.0; for (i = 0; i < n; i++) y *= x[i];",
    "max": "y = x[0]; for (i = 1; i < n; i++) if (x[i] > y) y = x[i];",
    "min": "y = x[0]; for (i = 1; i < n; i++) if (x[i] < y) y = x[i];",
    "logsumexp": (
        "for (k = 0, i = 1; i < n; i++) if (x[i] > x[k]) k = i;"
        " for (i = 0; i < n; i++) if (i != k) y += exp(x[i] - x[k]);"
        " y = x[k] + log1p(y);"
    ),
    "where": "y = x[0] != 0 ? x[1] : x[2];",
}


# The partials of a row whose rule is a loop of its own, again: all in p at once, since they share what takes long.
ALL_PARTIALS = {
    "max": (FIRST_EQUAL := "for (k = 0, i = n; i-- > 0; p[i] = 0.0) if (x[i] == y) k = i; p[k] = 1.0;"),
    "min": FIRST_EQUAL,
    "prod": ("for (y = 1.0, i = 0; i < n; y *= x[i++]) p[i] = y; for (y = 1.0, i = n; i-- > 0; y *= x[i]) p[i] *= y;"),
    "logsumexp": (
        "for (k = 0, i = 1; i < n; i++) if (x[i] > x[k]) k = i;"
        " for (y = 0.0, i = 0; i < n; i++) y += p[i] = exp(x[i] - x[k]);"
        " for (i = 0; i < n; i++) p[i] /= y;"
    ),
}
# ... of which these have no 0 but the integer 0
ALL_DEAD = {"max", "min"}


class NoCodeError(Exception):
    """C has nothing for an operation that a rule uses."""


class Symbol:
    """A C expression; operators and the table's functions of it are longer expressions."""

    def __init__(self, code: str, dead: str = "0") -> None:
        self.code = code
        self.dead = dead  # the condition under which it stands for an integer 0: "this argument does not matter"

    @staticmethod
    def _apply(row: Primitive, args: tuple[Any, ...]) -> Symbol:
        if row.name == "where":
            condition, a, b = args
            c, (x, y) = _symbol(condition).code, (_symbol(a), _symbol(b))
            dead = x.dead if x.dead == y.dead else f"({c} ? {x.dead} : {y.dead})"
            return Symbol(f"({c} ? {x.code} : {y.code})", dead)
        return Symbol(function(row, *(_symbol(arg).code for arg in args)))

    def __neg__(self) -> Symbol:
        return Symbol(f"(-{self.code})")

    def __pow__(self, other: Any) -> Symbol:
        return Symbol(f"pow({self.code}, {_symbol(other).code})")

    def __floordiv__(self, other: Any) -> Symbol:
        return Symbol(f"rules_floordiv({self.code}, {_symbol(other).code})")

    def __abs__(self) -> Symbol:
        return Symbol(f"fabs({self.code})")


def _infix(symbol: str) -> tuple[Callable[[Symbol, Any], Symbol], Callable[[Symbol, Any], Symbol]]:
    return (
        lambda self, other: Symbol(f"({self.code} {symbol} {_symbol(other).code})"),
        lambda self, other: Symbol(f"({_symbol(other).code} {symbol} {self.code})"),
    )


for _name, _sign in {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}.items():
    for _prefix, _method in zip(("__", "__r"), _infix(_sign), strict=True):
        setattr(Symbol, f"{_prefix}{_name}__", _method)
for _name, _sign in {"eq": "==", "ne": "!=", "le": "<=", "lt": "<", "ge": ">=", "gt": ">"}.items():
    setattr(Symbol, f"__{_name}__", _infix(_sign)[0])


def _symbol(x: Any) -> Symbol:
    if isinstance(x, Symbol):
        return x
    return Symbol(repr(float(x)), "1" if type(x) is int and x == 0 else "0")


def function(row: Primitive, *parts: str) -> str:
    """A row's function on floats as a C expression of ``parts``."""
    if row.name in SAME_IN_C and row.fn is getattr(math, row.name):
        return f"{row.name}({', '.join(parts)})"
    if row.name == "sigmoid":
        return f"rules_sigmoid({parts[0]})"
    if row.name == "sign":
        return f"rules_sign({parts[0]})"
    if row.name == "floor":
        return f"floor({parts[0]})"
    raise NoCodeError(row.name)


def _compute(row: Primitive) -> str:
    if row.name in COMPOSED:
        return COMPOSED[row.name]
    if row.fn in OPERATORS:
        return OPERATORS[row.fn]
    return function(row, *("ab"[: row.arity]))


def _cases(rows: list[Primitive], body: Callable[[Primitive], str]) -> Iterator[str]:
    for row in rows:
        try:
            yield f"    case {row.code}: {body(row)}  /* {row.name} */"
        except NoCodeError:
            continue


def _chosen(expressions: list[str]) -> str:
    """A C expression that depends on ``by``."""
    *first, last = expressions
    return "".join(f"by == {i} ? {code} : " for i, code in enumerate(first)) + last


def _switch(signature: str, cases: Iterator[str], otherwise: str) -> str:
    head, tail = f"static {signature} {{\n    switch (code) {{", f"    default: return {otherwise};\n    }}\n}}"
    return "\n".join([head, *cases, tail])


def _partials(row: Primitive) -> list[Symbol]:
    """The partials of a row as expressions of y, a, b (up to two operands) or y and places in x (more).

    Of a row whose arguments come in runs they are those at place i, and one run is n arguments long.
    """
    rules = row.partials
    if isinstance(rules, Elementwise):
        place = [f"x[{run} * n + i]" if run else "x[i]" for run in range(len(rules.rules))]
        return [_symbol(rule(Symbol("y"), *map(Symbol, place))) for rule in rules.rules]
    if not isinstance(rules, tuple):
        raise NoCodeError(row.name)
    names = {1: ["a"], 2: ["a", "b"]}.get(len(rules)) or [f"x[{i}]" for i in range(len(rules))]
    return [_symbol(rule(Symbol("y"), *map(Symbol, names))) for rule in rules]


def _all_partials(row: Primitive) -> str:
    """Statements that put the partials of a row of many operands in p."""
    if row.name in ALL_PARTIALS:
        return ALL_PARTIALS[row.name]
    codes = [p.code for p in _partials(row)]
    if not isinstance(row.partials, Elementwise):
        return " ".join(f"p[{i}] = {code};" for i, code in enumerate(codes))
    places = " ".join(f"p[{run} * n + i] = {code};" if run else f"p[i] = {code};" for run, code in enumerate(codes))
    runs = f"n /= {len(codes)}; " if len(codes) > 1 else ""
    return f"{runs}for (i = 0; i < n; i++) {{ {places} }}"


PREAMBLE = """\
/* Made from the table by python -m autograd.native.generate: do not edit.
   TABLE
   NAN, or anything not finite, means: ask the row itself. */

#include <math.h>

static double rules_sigmoid(double a) {
    double e;
    if (a >= 0) return 1.0 / (1.0 + exp(-a));
    e = exp(a);
    return e / (1.0 + e);
}

static double rules_sign(double a) { return a < 0 || a > 0 ? copysign(1.0, a) : a; }

/* Python's % and //: the remainder has the divisor's sign, and the quotient is the integer that belongs to it. */
static double rules_mod(double a, double b) {
    double r = fmod(a, b);
    if (r == 0) return copysign(0.0, b);
    return (r < 0) == (b < 0) ? r : r + b;
}

static double rules_floordiv(double a, double b) {
    double r = fmod(a, b), q = (a - r) / b, whole;
    if (b == 0) return NAN;
    if (r != 0 && (r < 0) != (b < 0)) q -= 1.0;
    if (q == 0) return copysign(0.0, a / b);
    whole = floor(q);
    return q - whole > 0.5 ? whole + 1.0 : whole;
}"""

COMPUTE_MANY = """\
static double rules_compute(int code, const double *x, long n) {
    double y = 0.0;
    long i, k;
    switch (code) {
CASES
    default: return NAN;
    }
}"""

ALL_AT_ONCE = """\
static void rules_partials(int code, long n, double y, const double *x, double *p) {
    long i, k;
    switch (code) {
CASES
    default: for (i = 0; i < n; i++) p[i] = NAN; return;
    }
}"""


def header() -> str:
    """The text of ``rules.h``."""
    rows = [row for row in TABLE.values() if row.name in BUILTIN]
    one, two = ([row for row in rows if row.arity == arity] for arity in (1, 2))
    many = [row for row in rows if row.arity not in (1, 2)]
    computed = _cases([row for row in many if row.name in OF_MANY], lambda row: OF_MANY[row.name] + " return y;")
    by_two = "int code, long by, double y, double a, double b"
    by_many = "int code, long by, long n, double y, const double *x"
    all_partials = _cases(many, lambda row: _all_partials(row) + " return;")

    def compute(row: Primitive) -> str:
        return f"return {_compute(row)};"

    def partial(row: Primitive) -> str:
        return f"return {_chosen([p.code for p in _partials(row)])};"

    def dead(row: Primitive) -> str:
        if row.name in ALL_DEAD:
            return "return 1;"
        conditions = [p.dead for p in _partials(row)]
        if not any("1" in condition for condition in conditions):
            raise NoCodeError(f"{row} has no integer 0")
        if isinstance(row.partials, Elementwise) and any("x[" in condition for condition in conditions):
            raise NotImplementedError(f"{row}: an integer 0 that depends on the place")
        return f"return {_chosen(conditions)};"

    sections = [
        PREAMBLE.replace("TABLE", table_mark().decode()),
        _switch("double rules_compute1(int code, double a)", _cases(one, compute), "NAN"),
        _switch("double rules_compute2(int code, double a, double b)", _cases(two, compute), "NAN"),
        COMPUTE_MANY.replace("CASES", "\n".join(computed)),
        _switch("double rules_partial1(int code, double y, double a)", _cases(one, partial), "NAN"),
        _switch(f"double rules_partial2({by_two})", _cases(two, partial), "NAN"),
        ALL_AT_ONCE.replace("CASES", "\n".join(all_partials)),
        "/* Whether a partial of 0 is the integer 0, which says that the operand does not matter. */",
        _switch("int rules_dead1(int code, double y, double a)", _cases(one, dead), "0"),
        _switch(f"int rules_dead2({by_two})", _cases(two, dead), "0"),
        _switch(f"int rules_dead({by_many})", _cases(many, dead), "0"),
    ]
    return "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    HEADER.write_text(header())
    print(f"wrote {HEADER}")
