"""What a row of the table is: ``Primitive``, the forms that its rules come in, and how rows are added and found.

The table itself is in ``primitives``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from .value import Number, Value

Rule = Callable[..., Any]
Interval = tuple[float, float]

R: Interval = (-math.inf, math.inf)
POSITIVE: Interval = (0.0, math.inf)
UNIT: Interval = (-1.0, 1.0)

TABLE: dict[str, Primitive] = {}
BUILTIN: set[str] = set()  # the names of the rows of primitives.py
NUMBERED: dict[str, Callable[[int], Primitive]] = {}  # families of rows that are made when asked for, as polygamma2
ROWS: list[Any] = [None]  # every row ever made, by its code; code 0 stands for "no row": a leaf
MOST_ROWS = 65_535  # a node has two bytes for the code


class _Document:
    """The docstring of a row: what ``formulas`` writes of it; of the class: what it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __get__(self, row: Primitive | None, kind: type) -> str:
        return self.text if row is None else _documents(row)


def use_documents(function: Callable[[Primitive], str]) -> None:
    """Have ``help(row)`` show what this function says of the row."""
    global _documents
    _documents = function


_documents: Callable[[Primitive], str] = repr


@dataclass(frozen=True, eq=False, slots=True)
class Primitive:
    __doc__ = _Document("""One row of the table; call it on numbers to compute, on Values to record.

    ``partials`` is a tuple with one rule per argument, or, for a row that takes any number of arguments, a single
    function that returns all the partials in order.  ``domain`` gives one open interval per argument (a single one is
    repeated): where the function is real and, off ``singular(*arguments) == 0``, smooth.
    """)

    name: str
    fn: Callable[..., float]
    partials: tuple[Rule, ...] | Callable[..., Sequence[Any]]
    domain: tuple[Interval, ...] = (R,)
    singular: Callable[..., Any] | None = None
    convention: str = ""
    text: str = ""
    latex: str = ""
    precedence: int = 9
    gather: Callable[..., tuple[Any, ...]] | None = None
    symmetric: bool = False  # whether the operands can change places
    arity: int | None = field(init=False)  # the number of arguments, or None for a row that takes any number
    code: int = field(init=False)  # its place in ROWS, by which nodes refer to it

    def __post_init__(self) -> None:
        object.__setattr__(self, "arity", len(self.partials) if isinstance(self.partials, tuple) else None)
        if len(ROWS) > MOST_ROWS:
            raise OverflowError(
                f"primitive {self.name!r}: {MOST_ROWS} rows were made, and all are kept for the graphs that use them; "
                "define a row once, outside the loop, and give it what varies as an argument"
            )
        object.__setattr__(self, "code", len(ROWS))
        ROWS.append(self)

    @property
    def symbol(self) -> str:
        """What stands between or before the operands: ``+`` for ``%s + %s``, else the name."""
        return self.text.replace("%s", "").replace("%%", "%").strip() if self.text else self.name

    @overload
    def __call__(  # type: ignore[overload-overlap]  # an empty list of Values is one of numbers, and has a float
        self, *args: Number | Iterable[Number], **kwargs: Number
    ) -> float: ...
    @overload
    def __call__(self, *args: Value | Number | Iterable[Value | Number], **kwargs: Value | Number) -> Value: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's value: a float for numbers; for anything that records (a Value), whatever its type makes.

        Raises TypeError for what is neither, and what the function on floats raises.
        """
        if self.gather is not None:
            args = self.gather(*args, **kwargs)
        elif kwargs:
            raise TypeError(f"{self.name} takes no keyword arguments")
        for arg in args:
            if type(arg) is not float:
                apply = getattr(type(arg), "_apply", None)
                if apply is not None:
                    return apply(self, args)
                if not is_real(arg):
                    raise TypeError(f"{self.name} takes real numbers and Values, not {type(arg).__name__} {arg!r}")
        return self.fn(*args)

    def partials_at(self, y: Any, args: Sequence[Any]) -> list[Any]:
        """All partial derivatives at ``args``, where the output is ``y``.  TypeError if a rule does not give all."""
        rules = self.partials
        if isinstance(rules, tuple):
            return [rule(y, *args) for rule in rules]
        given: Any = rules(y, *args)
        partials = list(given) if isinstance(given, Iterable) else None
        if partials is None or len(partials) != len(args):
            gave = type(given).__name__ if partials is None else f"{len(partials)} partials"
            raise TypeError(
                f"the rule of {self} returned {gave} for {len(args)} arguments: return a list of one for each"
            )
        return partials

    def write(self, *parts: str, latex: bool = False) -> str:
        """The call written out in plain text or LaTeX, for operands already written (and bracketed) as ``parts``."""
        template = self.latex if latex else self.text
        if not template:
            name = self.name.replace("_", r"\_")
            template = rf"\operatorname{{{name}}}\left(%s\right)" if latex else f"{self.name}(%s)"
        return template % (parts if template.count("%s") == len(parts) else (", ".join(parts),))

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return (lookup, (self.name,))


def is_real(x: Any) -> bool:
    """Whether Python or NumPy calls it a real number: int, float, bool, Fraction, a NumPy scalar."""
    return isinstance(x, Real) or (type(x).__module__ == "numpy" and type(x).__name__ in ("bool", "bool_"))


@dataclass(frozen=True, slots=True)
class Elementwise:
    """The partials of a row whose arguments come in equal runs (dot: weights, then inputs), one rule for each run.

    A partial depends on the output and on the arguments at its own place in the runs only: ``rule(y, *place)``.
    """

    rules: tuple[Rule, ...]

    def __call__(self, y: Any, *xs: Any) -> list[Any]:
        n = len(xs) // len(self.rules)
        places = list(zip(*(xs[start : start + n] for start in range(0, len(xs), n or 1)), strict=True))
        return [rule(y, *place) for rule in self.rules for place in places]


@dataclass(frozen=True, slots=True)
class Switched:
    """One derivative written in two ways: ``usual``, and ``other`` for arguments at which that would lose digits.

    ``applies`` tells for ``(y, *arguments)`` whether the usual way is good.  Of floats and Values only the one that
    counts is computed; a symbol, whose comparisons are symbols, gets both, in a ``where``.
    """

    applies: Rule
    usual: Rule
    other: Rule

    def __call__(self, y: Any, *xs: Any) -> Any:
        applies = self.applies(y, *xs)
        if applies is True:
            return self.usual(y, *xs)
        if applies is False:
            return self.other(y, *xs)
        return TABLE["where"](applies, self.usual(y, *xs), self.other(y, *xs))


# A number that depends on nothing and is no leaf to differentiate by, such as the derivative of 2 * x.  Not in the
# table, as it has no rule.
CONSTANT = Primitive("constant", float, ())


def whole(index: float, count: int) -> int:
    """An index among ``count`` items as an int.  Raises IndexError if it is none of theirs, or not a whole number."""
    if index != index or math.isinf(index) or index != int(index) or not -count <= index < count:
        raise IndexError(f"take: index {index!r} is no place among {count} items")
    return int(index)


def _no_slope(_y: Any, *_: Any) -> int:
    return 0


def _chosen(_y: Any, i: Any, *xs: Any) -> list[Any]:
    """1 for the operand that ``take`` chose, 0 for the others and the index."""
    where = TABLE["where"]
    return [0, *(where(i == k, 1, where(i == k - len(xs), 1, 0)) for k in range(len(xs)))]


# What a function that is being compiled records beside the table's rows: a number that is cut off from where it comes
# from, comparisons as numbers (1.0 where they hold), and an item of a list at a place that is known at run time only.
DETACHED = Primitive("detach", float, (_no_slope,))
LESS = Primitive("less", lambda a, b: float(a < b), (_no_slope, _no_slope), text="%s < %s", precedence=0)
LESS_EQUAL = Primitive("less_equal", lambda a, b: float(a <= b), (_no_slope, _no_slope), text="%s <= %s", precedence=0)
EQUAL = Primitive("equal", lambda a, b: float(a == b), (_no_slope, _no_slope), text="%s == %s", precedence=0)
TAKE = Primitive("take", lambda i, *xs: xs[whole(i, len(xs))], _chosen)
INTERNAL = {row.name: row for row in (CONSTANT, DETACHED, LESS, LESS_EQUAL, EQUAL, TAKE)}


def lookup(name: str) -> Primitive:
    """The row called ``name``; KeyError, with the remedy, if there is none (a user's row must be defined first)."""
    if name in INTERNAL and name not in TABLE:
        return INTERNAL[name]
    family = name.rstrip("0123456789")
    if name not in TABLE and family in NUMBERED and family != name:
        return NUMBERED[family](int(name.removeprefix(family)))
    try:
        return TABLE[name]
    except KeyError:
        raise KeyError(f"no primitive named {name!r}: define it with autograd.primitive before loading") from None


def primitive(
    name: str,
    fn: Callable[..., float],
    *partials: Rule,
    variadic: Callable[..., Sequence[Any]] | None = None,
    domain: tuple[Interval, ...] = (R,),
    singular: Callable[..., Any] | None = None,
    convention: str = "",
    text: str = "",
    latex: str = "",
    precedence: int = 9,
    gather: Callable[..., tuple[Any, ...]] | None = None,
    symmetric: bool = False,
) -> Primitive:
    """Add a row to the table and return it: a function of numbers and Values with derivatives of every order.

    ``fn`` maps floats to a float.  Each partial is a function of ``(y, *arguments)`` with ``y = fn(*arguments)``,
    written with operators and the functions of ``autograd.math``; or ``variadic``, one such function that returns the
    list of all partials, for any number of arguments.  ``domain`` and ``singular`` tell tests where to draw points.

    >>> from autograd.math import cos, sin
    >>> sinc = primitive("sinc", lambda x: math.sin(x) / x, lambda y, x: (cos(x) - y) / x, singular=lambda x: x)
    >>> round(sinc(2.0), 6)
    0.454649

    Raises ValueError for a name that is not an identifier or belongs to a built-in row, and TypeError when the number
    of partials is not the number of arguments.  A user's row may be defined again; graphs keep the row they used.
    """
    if not name.isidentifier():
        raise ValueError(f"a primitive's name must be an identifier, not {name!r}")
    if name in BUILTIN:
        raise ValueError(f"{name!r} is a built-in primitive; choose another name")
    rules: tuple[Rule, ...] | Callable[..., Sequence[Any]] = partials
    if variadic is not None:
        if partials:
            raise TypeError(f"primitive {name!r}: give one partial per argument or variadic=, not both")
        rules = variadic
    elif not partials:
        raise TypeError(f"primitive {name!r} needs a partial derivative for each argument")
    if not callable(fn) or not all(map(callable, partials)):
        raise TypeError(f"primitive {name!r}: fn and the partials must be functions")
    if variadic is None:
        count = len(partials)
        for what, function, takes in [("fn", fn, count), *(("a partial", rule, count + 1) for rule in partials)]:
            try:
                inspect.signature(function).bind(*range(takes))
            except TypeError:
                remedy = f"{what} must take {takes} arguments, as there are {count} partials"
                raise TypeError(f"primitive {name!r}: {remedy}") from None
            except ValueError:
                pass  # a C function that does not publish its signature
    row = Primitive(name, fn, rules, domain, singular, convention, text, latex, precedence, gather, symmetric)
    TABLE[name] = row
    return row
