"""The table's rows in flat operations: their functions, and their rules run once on symbols.

A template is a short list of operations on placeholders.  ``flat`` copies it for every node that the row made, with the
node's operands in the placeholders' places.  No derivative is stated here: partials are what the table's own rules do
with symbols.  The functions of some rows are written again in terms of others, as the flat program has no loops and no
branches; tests compare them with the rows' own, bit for bit.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NoReturn

from .. import primitives as rows
from ..floats import exact_product
from ..rows import DETACHED, EQUAL, LESS, LESS_EQUAL, TABLE, TAKE, Elementwise, Primitive, lookup
from .program import ARITY, CODES

RELATIONS = {"<": "select_lt", "<=": "select_le", "==": "select_eq"}
SAME = {
    name for name in ARITY if not name.startswith(("select", "skip", "take", "call"))
}  # ... as the row of that name


class NoTemplateError(Exception):
    """A function or rule does something with symbols that has no flat operation."""


class Recorder:
    """Writes down what is done with its symbols."""

    def __init__(self, arguments: int) -> None:
        self.arguments = arguments
        self.constants: list[float] = []
        self.steps: list[tuple[str, tuple[Any, ...]]] = []
        self.places: dict[str, int] = {}  # of those that are no calls
        self.users: list[Primitive] = []  # the rows of the user's own that these come from
        self.symbols = [Symbol(self, ("argument", i)) for i in range(arguments)]

    def step(self, name: str, *operands: Any) -> Symbol:
        step = (name, tuple(map(self.operand, operands)))
        place = self.places.setdefault(repr(step), len(self.steps))  # 0.0 and -0.0 are equal, but for their texts
        if place == len(self.steps):
            self.steps.append(step)
        return Symbol(self, ("step", place))

    def rewind(self, count: int) -> None:
        """Forget all steps but the first ``count``."""
        del self.steps[count:]
        self.places = {step: place for step, place in self.places.items() if place < count}

    def call(self, row: Primitive, operands: Sequence[Any], by: int = -1) -> Symbol:
        """A row's own Python function of these operands, or one of its partials."""
        name = row.name if TABLE.get(row.name) is row else f"{row.name}#{row.code}"
        what = (name, row.fn) if by < 0 else (f"{name}/{by}", partial_of(row, by))
        self.steps.append(("call", (what, tuple(map(self.operand, operands)))))
        return Symbol(self, ("step", len(self.steps) - 1))

    def take(self, index: Any, operands: Sequence[Any]) -> Symbol:
        self.steps.append(("take", (self.operand(index), tuple(map(self.operand, operands)))))
        return Symbol(self, ("step", len(self.steps) - 1))

    def operand(self, x: Any) -> tuple[str, Any]:
        if isinstance(x, Condition):
            x = x.number()
        if isinstance(x, Symbol):
            if x.recorder is not self:
                raise NoTemplateError("a symbol of another rule")
            return x.at
        return ("constant", float(x))


class Symbol:
    """A placeholder; operators and the table's rows on it are written down by its recorder."""

    __slots__ = ("at", "recorder")
    __hash__ = None  # type: ignore[assignment]  # == gives a condition

    def __init__(self, recorder: Recorder, at: tuple[str, Any]) -> None:
        self.recorder = recorder
        self.at = at

    @staticmethod
    def _apply(row: Primitive, args: tuple[Any, ...]) -> Any:
        recorder = next(x.recorder for x in args if isinstance(x, Symbol | Condition))
        return function(recorder, row, args)

    def __bool__(self) -> NoReturn:
        raise NoTemplateError("a branch")

    def __neg__(self) -> Any:
        return self.recorder.step("neg", self)

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Any:
        return self.recorder.step("abs", self)


class Condition:
    """A comparison of symbols: what ``where`` asks."""

    __slots__ = ("a", "b", "recorder", "relation")
    __hash__ = None  # type: ignore[assignment]  # == gives a condition

    def __init__(self, recorder: Recorder, relation: str, a: Any, b: Any) -> None:
        self.recorder = recorder
        self.relation = relation
        self.a = a
        self.b = b

    _apply = Symbol._apply
    __bool__ = Symbol.__bool__

    def chosen(self, c: Any, d: Any) -> Any:
        if self.relation == "!=":
            c, d, relation = d, c, "=="
        else:
            relation = self.relation
        return self.recorder.step(RELATIONS[relation], self.a, self.b, c, d)

    def number(self) -> Any:
        return self.chosen(1.0, 0.0)


def _infix(name: str, reflected: bool) -> Callable[[Any, Any], Any]:
    if reflected:
        return lambda self, other: self.recorder.step(name, other, self)
    return lambda self, other: self.recorder.step(name, self, other)


for _name, _op in {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "mod": "mod", "floordiv": "floordiv",
}.items():  # fmt: skip
    setattr(Symbol, f"__{_name}__", _infix(_op, False))
    setattr(Symbol, f"__r{_name}__", _infix(_op, True))
for _name, (_relation, _swap) in {
    "lt": ("<", False), "le": ("<=", False), "gt": ("<", True), "ge": ("<=", True), "eq": ("==", False),
    "ne": ("!=", False),
}.items():  # fmt: skip
    setattr(
        Symbol,
        f"__{_name}__",
        lambda self, other, relation=_relation, swap=_swap: Condition(
            self.recorder, relation, *((other, self) if swap else (self, other))
        ),
    )


# ---- functions -------------------------------------------------------------------------------------------------------


def where(condition: Any, a: Any, b: Any) -> Any:
    """``a`` where the condition, of symbols or a number of them, holds; else ``b``."""
    if isinstance(condition, Condition):
        return condition.chosen(a, b)
    return _if(condition, "==", 0.0, b, a)


def _sigmoid(x: Any) -> Any:
    e = rows.exp(-abs(x))
    return where(x >= 0, 1.0, e) / (1.0 + e)


def _softplus(x: Any) -> Any:
    return where(x < 0, 0.0, x) + rows.log1p(rows.exp(-abs(x)))


def _sign(x: Any) -> Any:
    return where(x < 0, -1.0, where(x > 0, 1.0, x))


def _max(*xs: Any) -> Any:
    return reduce(lambda best, x: where(x > best, x, best) if isinstance(x, Symbol) else where(best < x, x, best), xs)


def _min(*xs: Any) -> Any:
    return reduce(lambda best, x: where(x < best, x, best) if isinstance(x, Symbol) else where(best > x, x, best), xs)


def _dot(*xs: Any) -> Any:
    n = len(xs) // 2
    return reduce(lambda total, pair: total + pair[0] * pair[1], zip(xs[:n], xs[n:], strict=True), 0.0)


def _logsumexp(*xs: Any) -> Any:
    top = _max(*xs)
    claimed: Any = 0.0
    total: Any = 0.0
    for x in xs:  # the exponentials of all but the first that is the largest
        e = rows.exp(x - top)
        rest = _if(claimed, "==", 0.0, 0.0, e) if isinstance(claimed, Symbol) else 0.0
        total = total + where(top == x, rest, e)
        claimed = where(top == x, 1.0, claimed)
    return top + rows.log1p(total)


def _norm_pdf(x: Any) -> Any:
    near = abs(x) < 40
    square, rest = exact_product(*[where(near, x, 0.0)] * 2)
    density = rows.exp(-square / 2) * (1 - rest / 2) / math.sqrt(2 * math.pi)
    return where(near, density, where(x == x, 0.0, x))


def _norm_cdf(x: Any) -> Any:
    near = abs(x) < 40
    inside = where(near, x, 0.0)
    at, rest = exact_product(inside, 0.7071067811865476)
    rest = rest + inside * -4.833646656726457e-17
    share = rows.erfc(-at) / 2 + rest * rows.exp(-at * at) / math.sqrt(math.pi)
    return where(near, share, where(x < 0, 0.0, where(x > 0, 1.0, x)))


def _erfinv_in_the_middle(y: Any) -> Any:
    x = y * (math.sqrt(math.pi) / 2) * (1 + math.pi / 12 * y * y)
    for _ in range(4):
        x = x - (rows.erf(x) - y) * (math.sqrt(math.pi) / 2) * rows.exp(x * x)
    return x


def _erfcinv(q: Any) -> Any:
    t = rows.sqrt(-2 * rows.log(q / 2))
    above = 2.515517 + t * (0.802853 + t * 0.010328)
    x = (t - above / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))) / math.sqrt(2)
    for _ in range(4):
        near = x < 20
        inside, far = where(near, x, 1.0), where(near, 20.0, x)
        slope = where(near, 2 / math.sqrt(math.pi) * rows.exp(-inside * inside) / rows.erfc(inside), 2 * x)
        term = series = 1.0
        for k in range(1, 9):
            term = term * ((1 - 2 * k) / (2 * far * far))
            series = series + term
        beyond = rows.log(series / (far * math.sqrt(math.pi))) - far * far
        x = x + (where(near, rows.log(rows.erfc(inside)), beyond) - rows.log(q)) / slope
    return x


def _erfinv(y: Any) -> Any:
    tail = abs(y) > 0.5
    x = rows.copysign(_erfcinv(where(tail, 1 - abs(y), 0.25)), y)
    return where(tail, x, _erfinv_in_the_middle(where(tail, 0.0, y)))


def _norm_ppf(p: Any) -> Any:
    low, high = p < 0.25, p > 0.75
    tail = _erfcinv(where(low, 2 * p, where(high, 2 * (1 - p), 0.25)))
    middle = _erfinv_in_the_middle(where(low, 0.0, where(high, 0.0, 2 * p - 1)))
    return where(low, -math.sqrt(2) * tail, math.sqrt(2) * where(high, tail, middle))


COMPOSED: dict[Primitive, Callable[..., Any]] = {
    rows.pos: lambda a: a,
    DETACHED: lambda a: a,
    rows.where: where,
    LESS: lambda a, b: _compared("<", a, b),
    LESS_EQUAL: lambda a, b: _compared("<=", a, b),
    EQUAL: lambda a, b: _compared("==", a, b),
    rows.relu: lambda x: where(x <= 0, 0.0, x),
    rows.leaky_relu: lambda x, slope: _if(x, "<=", 0.0, slope * x, x),
    rows.sign: _sign,
    rows.sigmoid: _sigmoid,
    rows.softplus: _softplus,
    rows.degrees: lambda x: x * (180 / math.pi),
    rows.radians: lambda x: x * (math.pi / 180),
    rows.max_: _max,
    rows.min_: _min,
    rows.sum_: lambda *xs: reduce(lambda total, x: total + x, xs, 0.0),
    rows.dot: _dot,
    rows.prod: lambda *xs: reduce(lambda total, x: total * x, xs, 1.0),
    rows.logsumexp: _logsumexp,
    rows.norm_pdf: _norm_pdf,
    rows.norm_cdf: _norm_cdf,
    rows.norm_ppf: _norm_ppf,
    rows.erfinv: _erfinv,
}


def _recorder(*xs: Any) -> Recorder:
    found: Recorder = next(x.recorder for x in xs if isinstance(x, Symbol | Condition))
    return found


def _compared(relation: str, a: Any, b: Any) -> Any:
    return Condition(_recorder(a, b), relation, a, b).number()


def _if(a: Any, relation: str, b: Any, c: Any, d: Any) -> Any:
    return Condition(_recorder(a, b), relation, a, b).chosen(c, d)


def function(recorder: Recorder, row: Primitive, args: Sequence[Any]) -> Any:
    """A row's function of symbols."""
    if row.name in SAME and rows.TABLE.get(row.name) is row and row.name in rows.BUILTIN:
        return recorder.step(row.name, *args)
    if row in COMPOSED:
        return COMPOSED[row](*args)
    if row is TAKE:
        return recorder.take(args[0], args[1:])
    if row.name in rows.BUILTIN:
        return recorder.call(row, args)
    recorder.users.append(row)
    before = len(recorder.steps)
    try:
        result = row.fn(*(x.number() if isinstance(x, Condition) else x for x in args))
        if isinstance(result, Symbol | Condition):
            return result
    except Exception:  # whatever a user's function may do with what is no number
        recorder.rewind(before)
    return recorder.call(row, args)


def partial_of(row: Primitive, by: int) -> Callable[..., Any]:
    """A row's partial by one argument, of the output and all arguments."""
    if isinstance(row.partials, tuple):
        return row.partials[by]
    return lambda y, *xs: row.partials_at(y, xs)[by]


def called(name: str) -> Callable[..., Any]:
    """What is called back under this name: a row's own function, or, as ``name/by``, a partial of it.

    Raises KeyError if there is none: a row that its name does not stand for, having been defined anew, is
    ``name#code``, and known only to what recorded it.
    """
    name, _, by = name.partition("/")
    row = lookup(name)
    return partial_of(row, int(by)) if by else row.fn


# ---- templates -------------------------------------------------------------------------------------------------------


class Template:
    """Steps on places: first the arguments, then the constants, then the result of each step.

    ``results`` are places, or None where the partial is the integer 0 ("this argument does not matter"), and ``units``
    is 1 or -1 where it is that integer, else 0.
    """

    def __init__(self, recorder: Recorder, results: Sequence[Any]) -> None:
        self.arguments = recorder.arguments
        self.users = recorder.users
        self.rows: list[tuple[str, Callable[..., Any]]] = []  # that are called: name and function
        self.lists: list[list[int]] = []
        ends = []
        units = []
        wanted = []
        for result in results:
            unit = result if type(result) is int and result in (0, 1, -1) else None
            units.append(0 if unit is None else 2 if unit == 0 else unit)
            wanted.append(None if unit is not None else recorder.operand(result))
        numbers = dict.fromkeys(
            x for kind, x in self._operands(recorder, wanted) if kind == "constant" and x == x and x != 0
        )
        self.constants = [*numbers, 0.0, -0.0, math.nan]
        self._places = {x: self.arguments + i for i, x in enumerate(numbers)}
        self.first = self.arguments + len(self.constants)
        code: list[int] = []
        for name, operands in recorder.steps:
            if name == "call":
                self.rows.append(operands[0])
                self.lists.append(list(map(self._place, operands[1])))
                given = [len(self.rows) - 1, len(self.lists) - 1]
            elif name == "take":
                self.lists.append(list(map(self._place, operands[1])))
                given = [self._place(operands[0]), len(self.lists) - 1]
            else:
                given = list(map(self._place, operands))
            code += [CODES[name], *given, *[0] * (4 - len(given))]
        ends = [-1 if at is None else self._place(at) for at in wanted]
        self.code = memoryview(array("i", code))
        self.size = len(recorder.steps)
        self.results = memoryview(array("i", ends))
        self.units = memoryview(array("i", units))

    @staticmethod
    def _operands(recorder: Recorder, wanted: Sequence[Any]) -> list[tuple[str, Any]]:
        found = [at for at in wanted if at is not None]
        for name, operands in recorder.steps:
            if name == "call":
                found += operands[1]
            elif name == "take":
                found += [operands[0], *operands[1]]
            else:
                found += operands
        return found

    def _place(self, at: tuple[str, Any]) -> int:
        kind, x = at
        if kind == "argument":
            return int(x)
        if kind == "step":
            return self.first + int(x)
        if x == 0:
            return self.first - (2 if math.copysign(1.0, x) < 0 else 3)
        return self.first - 1 if x != x else self._places[x]


def function_template(row: Primitive, n: int) -> Template:
    """A row's function of n arguments."""
    recorder = Recorder(n)
    return Template(recorder, [function(recorder, row, recorder.symbols)])


def partial_template(row: Primitive, by: int, n: int) -> Template:
    """A row's partial by one of its arguments; its own arguments are the output and then the n arguments.

    Of a row whose rule goes place by place (``Elementwise``), ``by`` is the number of the rule and n that of the rules.
    """
    recorder = Recorder(n + 1)
    y, *xs = recorder.symbols
    rules: Any = row.partials
    rule = rules.rules[by] if isinstance(rules, Elementwise) else rules[by]
    before = len(recorder.steps)
    try:
        partial = _number(rule(y, *xs))
    except Exception:  # as above
        if isinstance(rules, Elementwise):
            raise
        recorder.rewind(before)
        partial = recorder.call(row, [y, *xs], by)
    return Template(recorder, [partial])


def partials_template(row: Primitive, n: int) -> Template:
    """All partials of a row whose rule gives them at once."""
    recorder = Recorder(n + 1)
    y, *xs = recorder.symbols
    try:
        partials = [_number(p) for p in row.partials_at(y, xs)]
    except Exception:  # as above
        recorder.rewind(0)
        partials = [recorder.call(row, [y, *xs], by) for by in range(n)]
    return Template(recorder, partials)


def _number(x: Any) -> Any:
    if isinstance(x, Condition):
        return x.number()
    if isinstance(x, Symbol) or type(x) is int:
        return x
    return float(x)
