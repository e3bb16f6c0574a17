"""The table's rules as formulas to read: its rules, run on symbols that print.

>>> from autograd.primitives import TABLE
>>> derivative_formula(TABLE["tanh"])
('1 - tanh(x) * tanh(x)',)
>>> derivative_formula(TABLE["pow"])
('b * a ** (b - 1)', 'a ** b * log(a)')
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from textwrap import fill
from typing import Any, NoReturn

from . import primitives as rows
from .rows import Elementwise, Interval, Primitive, R, Switched, use_documents

NAMES = {0: (), 1: ("x",), 2: ("a", "b"), 3: ("c", "a", "b")}
# the constants of the rules, as a reader knows them
CONSTANTS = {
    math.log(2): "log(2)",
    1 / math.log(2): "1 / log(2)",
    1 / math.log(10): "1 / log(10)",
    2 / math.sqrt(math.pi): "2 / sqrt(pi)",
    math.sqrt(math.pi) / 2: "sqrt(pi) / 2",
    180 / math.pi: "180 / pi",
    math.pi / 180: "pi / 180",
}
COMPARISON, PRODUCT, NEGATIVE, POWER, ATOM = 0, 2, 3, 4, 9  # precedences, as in the table


class Symbol:
    """A formula; operators, comparisons and rows of it are longer ones, with brackets where they are needed.

    ``row`` and ``args`` are what it is a call of (None: a name, a number or a comparison), ``number`` is what a name
    stands for, where that is known.
    """

    __slots__ = ("args", "number", "precedence", "row", "text")
    __hash__ = None  # type: ignore[assignment]  # == gives a formula

    def __init__(
        self,
        text: str,
        precedence: int = ATOM,
        row: Primitive | None = None,
        args: tuple[Symbol, ...] = (),
        number: float | None = None,
    ) -> None:
        self.text = text
        self.precedence = precedence
        self.row, self.args, self.number = row, args, number

    def __repr__(self) -> str:
        return self.text

    @staticmethod
    def _apply(row: Primitive, args: tuple[Any, ...]) -> Symbol:
        return written(row, args)

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self} is neither true nor false: use where")

    def __neg__(self) -> Symbol:
        return written(rows.neg, (self,))

    def __abs__(self) -> Symbol:
        return written(rows.abs_, (self,))


def _operator(row: Primitive, reflected: bool) -> Callable[[Symbol, Any], Symbol]:
    if reflected:
        return lambda self, other: written(row, (other, self))
    return lambda self, other: written(row, (self, other))


for _name, _row in {
    "add": rows.add, "sub": rows.sub, "mul": rows.mul, "truediv": rows.div, "pow": rows.pow_, "mod": rows.mod,
    "floordiv": rows.floordiv,
}.items():  # fmt: skip
    setattr(Symbol, f"__{_name}__", _operator(_row, False))
    setattr(Symbol, f"__r{_name}__", _operator(_row, True))
for _name, _sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
    setattr(
        Symbol,
        f"__{_name}__",
        lambda self, other, sign=_sign: Symbol(
            f"{self} {sign} {_symbol(other)}", COMPARISON, None, (self, _symbol(other))
        ),
    )


def _symbol(x: Any) -> Symbol:
    if isinstance(x, Symbol):
        return x
    if x in CONSTANTS:
        return Symbol(CONSTANTS[x], PRODUCT if "/" in CONSTANTS[x] else ATOM)
    if -x in CONSTANTS:
        return Symbol(f"-{CONSTANTS[-x]}", PRODUCT)
    text = f"{x:g}" if math.isfinite(x) and x == int(x) and abs(x) < 1e6 else repr(x)
    return Symbol(text, NEGATIVE if x < 0 else ATOM, number=float(x))


def written(row: Primitive, args: Sequence[Any]) -> Symbol:
    """A call, or an operator between its operands, as a formula."""
    parts = list(map(_symbol, args))
    if row is rows.mul and "1" in (parts[0].text, parts[1].text):
        return parts[parts[0].text == "1"]
    if not row.text or row.precedence == ATOM:
        if row.gather is rows.dot.gather:
            half = len(parts) // 2
            return Symbol(f"{row.name}({parts[:half]}, {parts[half:]})", ATOM, row, tuple(parts))
        if row.gather is tuple:
            return Symbol(f"{row.name}({parts})", ATOM, row, tuple(parts))
        return Symbol(row.write(*(part.text for part in parts)), ATOM, row, tuple(parts))
    least = [row.precedence, row.precedence + (row not in (rows.add, rows.mul))]
    if row is rows.pow_:
        least.reverse()
        least[0] = ATOM
    bracketed = [
        part.text if part.precedence >= bound else f"({part})" for part, bound in zip(parts, least, strict=False)
    ]
    return Symbol(row.write(*bracketed), row.precedence, row, tuple(parts))


def names_of(row: Primitive) -> tuple[str, ...]:
    """Names for the arguments; a row of any number of arguments gets two, or two a run."""
    if row.arity is not None:
        return NAMES.get(row.arity) or tuple(f"x{i}" for i in range(1, row.arity + 1))
    if isinstance(row.partials, Elementwise) and len(row.partials.rules) == 2:
        return ("w1", "w2", "x1", "x2")
    return ("x1", "x2")


def call_formula(primitive: Primitive) -> str:
    """The call of a row on named arguments, as ``a ** b`` or ``hypot(x1, x2)``."""
    return written(primitive, [Symbol(name) for name in names_of(primitive)]).text


def derivative_formula(primitive: Primitive) -> tuple[str, ...]:
    """The partial derivative by each argument, in the names and functions of ``call_formula``.

    A row of any number of arguments is written for two (dot: for two weights and two inputs).  Where a rule is written
    in two ways, as ``tanh``'s is for the sake of digits far out, it is the usual one.  A rule that does not run on
    symbols, as a user's may, is "(a function without a formula)".
    """
    xs = [Symbol(name) for name in names_of(primitive)]
    y = written(primitive, xs)
    rules = primitive.partials
    try:
        if isinstance(rules, tuple):
            return tuple(_symbol(usual(rule)(y, *xs)).text for rule in rules)
        return tuple(_symbol(partial).text for _, partial in zip(xs, usual(rules)(y, *xs), strict=True))
    except Exception:  # whatever a function may do with what is no number
        return ("(a function without a formula)",) * len(xs)


def usual(rule: Any) -> Any:
    """A rule without the other way in which it is written for the sake of digits."""
    while isinstance(rule, Switched):
        rule = rule.usual
    return Elementwise(tuple(map(usual, rule.rules))) if isinstance(rule, Elementwise) else rule


def domain_formula(primitive: Primitive) -> str:
    """Where a row is real and smooth, as ``x in (0, inf)``; empty if that is everywhere."""
    if primitive.domain == (R,):
        return ""
    names = names_of(primitive)
    bounded = [
        (name, primitive.domain[i % len(primitive.domain)])
        for i, name in enumerate(names)
        if primitive.domain[i % len(primitive.domain)] != R
    ]
    return ", ".join(f"{name} in {_interval(interval)}" for name, interval in bounded)


def _interval(interval: Interval) -> str:
    return f"({interval[0]:g}, {interval[1]:g})"


def described(primitive: Primitive, width: int = 100) -> str:
    """A row in a few lines: its call, its derivatives, where it is smooth, and the convention elsewhere."""
    call, names = call_formula(primitive), names_of(primitive)
    lines = [call]
    for name, formula in zip(names, derivative_formula(primitive), strict=True):
        lines.append(fill(f"d/d{name} = {formula}", width, initial_indent="    ", subsequent_indent="        "))
    if domain := domain_formula(primitive):
        lines.append(f"    for {domain}")
    if primitive.convention:
        lines.append(fill(primitive.convention, width, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(lines)


use_documents(described)
