"""Formulas typed by a user, read as functions: ``parse("tanh(a*b + c)", ["a", "b", "c"])``.

A formula is read with ``ast``, checked node by node against what is allowed, and turned into a short list of steps; no
Python code is made of it, and nothing of it is executed but the functions of ``autograd.math``.  Allowed are

* numbers, the given variables, and pi, e and tau (a variable of that name goes first);
* ``+ - * / // % **``, signs and brackets;
* calls of the table's functions as ``autograd.math`` has them, among them ``log(x, base)``; ``sum``, ``prod``, ``min``,
  ``max`` and ``logsumexp`` take numbers or one list of them, ``dot([a, b], [c, d])`` takes two lists;
* ``where(condition, a, b)``, whose condition may be a comparison: ``where(0 < x <= 1, x, 0)``; both branches are
  computed, so both must have a value.

All numbers are floats, as in a Value.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import Parameter, Signature
from math import isfinite
from typing import Any

from . import math as functions
from .primitives import Primitive
from .value import Value

MAX_LENGTH = 10_000
MAX_DEPTH = 500

Function = Callable[..., Any]

_CONSTANTS = {"pi": functions.pi, "e": functions.e, "tau": functions.tau}
_UNARY: dict[type[ast.AST], Function] = {ast.UAdd: functions.pos, ast.USub: functions.neg}
_BINARY: dict[type[ast.AST], Function] = {
    ast.Add: functions.add,
    ast.Sub: functions.sub,
    ast.Mult: functions.mul,
    ast.Div: functions.div,
    ast.FloorDiv: functions.floordiv,
    ast.Mod: functions.mod,
    ast.Pow: functions.pow,
}
_RELATIONS: dict[type[ast.AST], Function] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_PUNCTUATION = frozenset("+-*/%<>=!.,()[] ")
_ALLOWED = "numbers, names, operators and calls of functions are"
_HINTS = {
    "^": "a power is written **",
    ast.Attribute: "there are no attributes",
    ast.BoolOp: "nest where(condition, a, b) instead",
    ast.Compare: "a comparison belongs into the condition of where(condition, a, b)",
    ast.IfExp: "write where(condition, a, b)",
    ast.List: "only sum, prod, min, max, logsumexp and dot take lists",
    ast.Starred: "write the arguments out",
    ast.Subscript: "give each number a name of its own",
}


class ExpressionError(ValueError):
    """A formula that is refused; ``column`` (from 1) says where, ``reason`` why; str() gives both in one line."""

    def __init__(self, column: int, reason: str) -> None:
        super().__init__(f"column {column}: {reason}")
        self.column = column
        self.reason = reason


@dataclass(frozen=True)
class Expression:
    """A formula as a function of its variables, in the order of ``names``: of floats a float, of Values a Value.

    ``steps`` is the formula in postfix order: a float is a constant, a str the name of a variable, and a pair
    ``(function, n)`` replaces the last n results by the function's value.
    """

    text: str
    names: tuple[str, ...]
    steps: tuple[float | str | tuple[Function, int], ...]

    @property
    def __signature__(self) -> Signature:
        """The variables as parameters: gradient checks name the arguments by them."""
        return Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in self.names])

    @property
    def unused(self) -> list[str]:
        """The names among ``names`` that the formula does not contain."""
        return [name for name in self.names if name not in self.steps]

    def __call__(self, *numbers: Any) -> Any:
        """The value at these numbers; raises TypeError for a wrong count, otherwise what the operations raise."""
        if len(numbers) != len(self.names):
            raise TypeError(
                f"{self.text!r} takes {len(self.names)} numbers ({', '.join(self.names)}), not {len(numbers)}"
            )
        # plain numbers become floats, as a power of Python's integers may not end
        floats = [number if isinstance(number, Value) else float(number) for number in numbers]
        variables = dict(zip(self.names, floats, strict=True))
        stack: list[Any] = []
        for step in self.steps:
            if isinstance(step, float):
                stack.append(step)
            elif isinstance(step, str):
                stack.append(variables[step])
            else:
                function, count = step
                operands = stack[-count:]
                del stack[-count:]
                stack.append(function(*operands))
        return stack.pop()

    def __str__(self) -> str:
        return self.text


def parse(text: str, names: Iterable[str]) -> Expression:
    """The formula ``text`` as a function of the variables ``names``.

    Raises ExpressionError for anything that is not allowed (see the module's text), for an unknown name, for a constant
    part that has no finite value (``9**9**9``, ``1/0``), and for more than MAX_LENGTH characters or MAX_DEPTH levels.

    >>> area = parse("pi * r**2", ["r"])
    >>> round(area(2.0), 6)
    12.566371
    >>> parse("r.real", ["r"])
    Traceback (most recent call last):
    autograd.expression.ExpressionError: column 1: 'r.real' is not allowed: there are no attributes
    """
    names = tuple(names)
    source = _Source(text, names)
    steps: list[Any] = []
    # Depth first with a stack of our own.  An entry is a node on the way down, or, on the way up, its finished step.
    stack: list[tuple[ast.expr, int, Any]] = [(source.tree(), 1, None)]
    while stack:
        node, depth, step = stack.pop()
        if step is not None:
            if isinstance(step, tuple) and all(isinstance(operand, float) for operand in steps[-step[1] :]):
                step = source.folded(node, step, steps)
            steps.append(step)
            continue
        if depth > MAX_DEPTH:
            raise source.refused(node, f"nested deeper than {MAX_DEPTH} levels; for a long sum write sum(a, b, ...)")
        step, operands = source.read(node)
        stack.append((node, depth, step))
        stack.extend((operand, depth + 1, None) for operand in reversed(operands))
    return Expression(text, names, tuple(steps))


class _Source:
    """A text on its way to an expression: knows what is allowed, and where a node stands."""

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self.names = names
        self.blanked = "".join(" " if char.isspace() else char for char in text)
        self.code = self.blanked.lstrip()
        self.indent = len(text) - len(self.code)
        self.conditions: set[ast.expr] = set()  # where a comparison may stand

    def tree(self) -> ast.expr:
        """The root of the syntax tree; text that Python's parser cannot read is refused."""
        if len(self.blanked) > MAX_LENGTH:
            raise ExpressionError(MAX_LENGTH + 1, f"longer than {MAX_LENGTH:,} characters")
        if not self.code:
            raise ExpressionError(1, "the expression is empty")
        for i, char in enumerate(self.code):
            if char not in _PUNCTUATION and not f"_{char}".isidentifier():
                hint = _HINTS.get(char, _ALLOWED)
                raise ExpressionError(self.indent + i + 1, f"the character {char!a} is not allowed: {hint}")
        digits = re.search(r"[\d_]{400}", self.code)  # more than a float can hold, and slow to convert
        if digits:
            raise ExpressionError(self.indent + digits.start() + 1, "a number of too many digits")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # such as for "1if": refused like any other error of syntax
                return ast.parse(self.code, mode="eval").body
        except SyntaxError as error:
            end = len(self.code.rstrip()) + 1
            column = min(error.offset or end, end)  # offset 0 stands for the end
            # the first sentence: what may follow is advice on Python
            raise ExpressionError(self.indent + column, (error.msg or "invalid syntax").split(". ")[0]) from None
        except (RecursionError, MemoryError):
            raise ExpressionError(self.indent + 1, "nested too deeply") from None

    def read(self, node: ast.expr) -> tuple[float | str | tuple[Function, int], list[ast.expr]]:
        """The step that a node stands for, and the nodes of its operands."""
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.finite(node, lambda: float(number)), []
            case ast.Name(id=name):
                return self.name(node, name), []
            case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _UNARY:
                return (_UNARY[type(sign)], 1), [operand]
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
                return (_BINARY[type(sign)], 2), [left, right]
            case ast.Compare(left=left, ops=ops, comparators=others) if node in self.conditions:
                if all(type(op) in _RELATIONS for op in ops):
                    return (_chain([_RELATIONS[type(op)] for op in ops]), 1 + len(others)), [left, *others]
                raise self.refused(node, "is not allowed: conditions compare with < <= > >= == !=")
            case ast.Call(func=ast.Name(id=name)):
                return self.call(node, name)
            case ast.Call():
                raise self.refused(node.func, "is not allowed: only functions are called, by their names")
        hint = _HINTS.get(type(node), _ALLOWED)
        raise self.refused(node, f"is not allowed: {hint}")

    def name(self, node: ast.expr, name: str) -> float | str:
        if name in self.names:
            return name
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name in FUNCTIONS:
            raise self.refused(node, f"is a function: write {name}(...), or give a variable of that name: {name}=1.0")
        raise self.refused(node, f"is not known: give it a value, as in {name}=1.0")

    def call(self, node: ast.Call, name: str) -> tuple[tuple[Function, int], list[ast.expr]]:
        if name not in FUNCTIONS:
            from difflib import get_close_matches

            close = get_close_matches(name, FUNCTIONS, 1)
            hint = f"did you mean {close[0]}?" if close else "the functions are those of autograd.math"
            raise self.refused(node.func, f"is not a function here: {hint}")
        if node.keywords:
            raise self.refused(node, "has a keyword argument: give the arguments in order")
        function, least, most = FUNCTIONS[name]
        args = node.args
        if name in ("dot", "sumprod"):
            rows = [arg.elts for arg in args if isinstance(arg, ast.List)]
            if len(args) != 2 or len(rows) != 2 or len(rows[0]) != len(rows[1]) or not rows[0]:
                raise self.refused(node, f"must be given two lists of one length, as in {name}([a, b], [c, d])")
            args = [*rows[0], *rows[1]]
        elif name in _OF_LISTS and len(args) == 1 and isinstance(args[0], ast.List):
            args = args[0].elts
        if not least <= len(args) <= most:
            wanted = f"{least}" if least == most else f"{least} or more" if most > 2 else f"{least} or {most}"
            raise self.refused(node, f"has {len(args)} argument{'s' * (len(args) != 1)}: {name} takes {wanted}")
        if name == "where":
            self.conditions.add(args[0])
        return (function, len(args)), list(args)

    def folded(self, node: ast.expr, step: tuple[Function, int], steps: list[Any]) -> float:
        """The value of a step whose operands are the constants on top of ``steps``, which are taken off."""
        function, count = step
        operands = steps[-count:]
        del steps[-count:]
        return self.finite(node, lambda: float(function(*operands)))

    def finite(self, node: ast.expr, compute: Callable[[], float]) -> float:
        try:
            number = compute()
        except OverflowError:
            number = float("inf")
        except (ValueError, ZeroDivisionError) as error:
            raise self.refused(node, f"has no value: {error}") from None
        if not isfinite(number):
            raise self.refused(node, "is too large for a float")
        return number

    def refused(self, node: ast.expr, reason: str) -> ExpressionError:
        code = self.code.encode()  # the tree counts in bytes of UTF-8
        fragment = code[node.col_offset : node.end_col_offset].decode()
        shown = fragment if len(fragment) <= 40 else f"{fragment[:37]}..."
        return ExpressionError(self.indent + len(code[: node.col_offset].decode()) + 1, f"{shown!r} {reason}")


def _chain(relations: list[Function]) -> Function:
    """``a < b <= c`` as a function of a, b and c."""
    return lambda *xs: all(relation(a, b) for relation, a, b in zip(relations, xs, xs[1:], strict=False))


# ---- the functions, each with its least and greatest number of arguments ---------------------------------------------

_OF_LISTS = frozenset(["sum", "fsum", "prod", "min", "max", "logsumexp"])


def _functions() -> dict[str, tuple[Function, int, int]]:
    rows = {name: getattr(functions, name) for name in functions.__all__}
    table: dict[str, tuple[Function, int, int]] = {
        name: (row, row.arity or 1, row.arity or MAX_LENGTH)
        for name, row in rows.items()
        if isinstance(row, Primitive)  # leaves out the constants, and softmax, which gives several numbers
    }
    table |= {name: (_of_list(rows[name]), 1, MAX_LENGTH) for name in _OF_LISTS}
    return table | {
        "dot": (_halves(functions.dot), 2, MAX_LENGTH),
        "sumprod": (_halves(functions.sumprod), 2, MAX_LENGTH),
        "leaky_relu": (functions.leaky_relu, 1, 2),
        "log": (functions.log, 1, 2),
        "polygamma": (functions.polygamma, 2, 2),
    }


def _of_list(row: Function) -> Function:
    return lambda *xs: row(xs)


def _halves(row: Function) -> Function:
    return lambda *xs: row(xs[: len(xs) // 2], xs[len(xs) // 2 :])


FUNCTIONS = _functions()
