"""The nodes of a graph by name, and their formulas in these names."""

from __future__ import annotations

from typing import Any

from .. import primitives as rows
from ..formulas import ATOM, Symbol, usual, written
from ..rows import Elementwise
from ..value import Value
from ..value import numbers_of as operands_at
from . import notation
from .notation import Name
from .paths import labels

LONG = 60  # characters of a formula beyond which its number must do


class Formulas:
    """The nodes of a graph, given in topological order, by name, and what they and their partials are computed from.

    Labels are names; a node without one gets a short one, v1, v2, …, when it is spoken of.
    """

    def __init__(self, order: list[Value], number: dict[Value, int]) -> None:
        self.order, self.number = order, number
        self.names = labels(order)
        self.taken = set(self.names.values())
        self.short: dict[int, str] = {}
        self.mentioned: set[int] = set()
        self.count = 0  # of short names
        self.closed = False  # whether what has no name goes by its number

    def christen(self, i: int, name: str = "") -> str:
        while not name or name in self.taken:
            self.count += 1
            name = f"v{self.count}"
        self.taken.add(name)
        self.names[i] = self.short[i] = name
        return name

    def name(self, i: int) -> str:
        self.mentioned.add(i)
        return self.names[i] if i in self.names else self.christen(i)

    def symbol(self, arg: Any, x: float, depth: int = 0) -> Any:
        """An operand in a formula: its name, or for one without a name what it is a call of, if that is short."""
        if not isinstance(arg, Value):
            return x
        i = self.number[arg]
        if i not in self.names and arg.op is not None and arg.args and depth < 3:
            formula = self.call(i, depth + 1)
            if formula is not None and len(formula.text) <= LONG // 2:
                return formula
            if self.closed:
                return x
        return Name(self.name(i), x)

    def call(self, i: int, depth: int = 0) -> Symbol | None:
        """What a node is a call of; None for a leaf, and for a call of too many operands."""
        node = self.order[i]
        if node.op is None or not node.args or len(node.args) > 12:
            return None
        known = {*self.names}
        mentioned = {*self.mentioned}
        parts = [self.symbol(arg, x, depth) for arg, x in zip(node.args, operands_at(node), strict=True)]
        formula = written(node.op, parts)
        if len(formula.text) > 2 * LONG and depth:  # it will not be used, nor the names that it gave
            for j in {*self.names} - known:
                self.taken.discard(self.names.pop(j))
                self.short.pop(j, None)
            self.mentioned = mentioned
        return formula

    def partial(self, user: int, place: int, value: float) -> Symbol | None:
        """The partial of one operation as a formula; None if its rule has none, or a long one."""
        node = self.order[user]
        row, args = node.op, node.args
        assert row is not None
        if len(args) > 40 and not isinstance(row.partials, Elementwise):
            return None
        numbers = operands_at(node)
        rules = row.partials
        try:
            if isinstance(rules, Elementwise):
                run = len(args) // len(rules.rules)
                places = range(place % run, len(args), run)
                rule = rules.rules[place // run]
            else:
                places = range(len(args))
                rule = rules[place] if isinstance(rules, tuple) else rules
            xs = [_Later(self, args[k], numbers[k]) for k in places]
            out = _Later(self, node, node.data)
            formula: Any = usual(rule)(_Asked(out), *map(_Asked, xs))
            if not isinstance(rules, tuple | Elementwise):
                formula = list(formula)[place]
            formula = _asked(formula)
        except Exception:  # whatever a user's rule may do with what is no number
            return None
        if not isinstance(formula, Symbol):
            formula = Symbol(repr(formula), ATOM, number=float(formula))
        known = notation.constant(formula)
        if len(formula.text) > LONG or (known is not None and abs(known - value) > 1e-9 * abs(value)):
            return None
        return formula if isinstance(formula, Symbol) else None


class _Later:
    """A symbol that is made when a rule asks for it, so that operands that it does not use get no names."""

    def __init__(self, derivation: Formulas, arg: Any, x: float) -> None:
        self.derivation, self.arg, self.x = derivation, arg, x

    def symbol(self) -> Any:
        return self.derivation.symbol(self.arg, self.x)


class _Asked(Symbol):
    """A symbol that stands for a later one in a rule's formula."""

    __slots__ = ("later",)

    def __init__(self, later: _Later) -> None:
        super().__init__("?")
        self.later = later


def _asked(formula: Any) -> Any:
    """The formula with the symbols that it asks for."""
    if isinstance(formula, _Asked):
        return formula.later.symbol()
    if not isinstance(formula, Symbol) or not formula.args:
        return formula
    args = [_asked(arg) for arg in formula.args]
    if formula.row is None:
        sign = formula.text.split()[1]
        parts = [arg if isinstance(arg, Symbol) else Symbol(f"{arg:g}") for arg in args]
        return Symbol(f"{parts[0]} {sign} {parts[1]}", formula.precedence, None, tuple(parts))
    numbers = [part.number if isinstance(part, Symbol) and not isinstance(part, Name) else part for part in args]
    if formula.row is not rows.mul and all(isinstance(x, float) for x in numbers):  # 2 - 1, say
        return float(formula.row.fn(*numbers))
    return written(formula.row, args)
