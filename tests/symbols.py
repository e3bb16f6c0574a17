"""A number that is only written down: what a rule does to it is an expression, which can be evaluated afterwards.

It has no truth value, so a rule that runs on it takes no branch but by ``where``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

from autograd.primitives import Primitive, lookup


class Symbol:
    """An expression as text.  Rows that are called on it find the ``_apply`` hook, as they do on Values."""

    __hash__ = None  # type: ignore[assignment]  # == gives an expression

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    @staticmethod
    def _apply(row: Primitive, args: tuple[Any, ...]) -> Symbol:
        assert row.arity is None or len(args) == row.arity
        return Symbol(f"row({row.name!r})({', '.join(map(repr, args))})")

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self} is neither true nor false: use where")

    __float__ = __int__ = __bool__

    def __neg__(self) -> Symbol:
        return Symbol(f"(-{self})")

    def __pos__(self) -> Symbol:
        return Symbol(f"(+{self})")

    def __abs__(self) -> Symbol:
        return Symbol(f"abs({self})")


def _operator(symbol: str, reflected: bool) -> Callable[[Symbol, Any], Symbol]:
    if reflected:
        return lambda self, other: Symbol(f"({other!r} {symbol} {self})")
    return lambda self, other: Symbol(f"({self} {symbol} {other!r})")


_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "mod": "%", "floordiv": "//"}
_RELATIONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
for _name, _symbol in _ARITHMETIC.items():
    setattr(Symbol, f"__{_name}__", _operator(_symbol, False))
    setattr(Symbol, f"__r{_name}__", _operator(_symbol, True))
for _name, _symbol in _RELATIONS.items():
    setattr(Symbol, f"__{_name}__", _operator(_symbol, False))


def evaluate(expression: Any, numbers: dict[str, float]) -> Any:
    """The value of what a rule gave, for numbers in place of the symbols."""
    if not isinstance(expression, Symbol):
        return expression
    names = {"row": lambda name: lookup(name).fn, "abs": operator.abs, "inf": float("inf"), "nan": float("nan")}
    return eval(expression.text, {"__builtins__": {}}, {**names, **numbers})
