"""Hypothesis strategies for gradient checks: points of a primitive, random expressions, random programs with fan-out.

A property-based check of a primitive or a function of your own takes three lines:

>>> from hypothesis import given
>>> from autograd import primitive
>>> from autograd.checking import check_grads
>>> square = primitive("square", lambda x: x * x, lambda y, x: 2 * x)
>>> @given(points(square))
... def test_square(args):
...     check_grads(square, args)
>>> test_square()

and of a function: ``@given(st.tuples(numbers(), numbers()))``, or in one, ``check_everywhere(f, [(0, 1), (0, 1)])``.
Whatever is drawn stays inside the domains, is of moderate size, and shrinks; a random function prints as source that
can be pasted.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any

from .checking import check_grads
from .primitives import (
    BUILTIN,
    POSITIVE,
    TABLE,
    Interval,
    Primitive,
    R,
    add,
    atan2,
    cbrt,
    div,
    floordiv,
    fmod,
    hypot,
    mod,
    mul,
    remainder,
    sin,
    tan,
    where,
)

try:
    from hypothesis import Phase, given, settings
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise ImportError("autograd.testing needs hypothesis: pip install hypothesis") from error

BOUND = 3.0  # of the numbers and variables
LARGEST = 100.0  # of the operands of anything
MARGIN = 1 / 128  # from the ends of a domain and from a primitive's singular set
TINIEST = 2.0**-10  # smaller numbers are drawn as 0: their neighbours' spacing would be all there is to test

_KINKED = "abs relu leaky_relu max min sign copysign mod floordiv fmod remainder floor ceil trunc"
KINKED = tuple(TABLE[name] for name in _KINKED.split())
SMOOTH = tuple(row for name, row in TABLE.items() if name in BUILTIN and row not in KINKED)

# Where the operands of a random call are kept, if not in the row's domain: away from poles, origins and (where) a
# condition that changes with the numbers.
DOMAINS: dict[Primitive, tuple[Interval, ...]] = {
    div: (R, POSITIVE),
    mod: (R, POSITIVE),
    floordiv: (R, POSITIVE),
    fmod: (R, POSITIVE),
    remainder: (R, POSITIVE),
    atan2: (R, POSITIVE),
    cbrt: (POSITIVE,),
    hypot: (POSITIVE,),
    tan: ((-1.25, 1.25),),
    where: (POSITIVE, R, R),
}


# ---- numbers and points ----------------------------------------------------------------------------------------------


def numbers(low: float = -BOUND, high: float = BOUND) -> SearchStrategy[float]:
    """Floats from ``low`` to ``high``: no nan, no subnormals, nothing between 0 and 2**-10 (of a small bound) in size.

    >>> from hypothesis import find
    >>> find(numbers(), lambda x: x > 1.5)
    2.0
    """
    drawn = st.floats(low, high, allow_nan=False, allow_subnormal=False)
    if low <= 0.0 <= high:
        tiniest = TINIEST * min(1.0, max(-low, high))
        return drawn.map(lambda x: x if abs(x) >= tiniest else math.copysign(0.0, x))
    return drawn


def points(primitive: Primitive) -> SearchStrategy[tuple[Any, ...]]:
    """Arguments to call ``primitive`` with: inside its domain, off its singular set, and of moderate size.

    A primitive of any number of arguments gets 2 to 4 of them, in the form in which it takes them (``dot``: two lists).
    Raises ValueError for one that takes them in no form known here.

    >>> from hypothesis import find
    >>> from autograd.primitives import dot, log
    >>> find(points(log), lambda args: args[0] > 1), find(points(dot), lambda args: args[0][0] > 0)
    ((2.0,), ([1.0], [0.0]))
    """

    def of_size(n: int) -> SearchStrategy[tuple[float, ...]]:
        return st.tuples(*(_inside(primitive.domain[i % len(primitive.domain)]) for i in range(n)))

    drawn = st.one_of(*map(of_size, _sizes(primitive)))
    return drawn.filter(lambda xs: _clear(primitive, xs)).map(lambda xs: _form(primitive, xs))


def check_everywhere(
    f: Callable[..., Any],
    domain: Sequence[tuple[float, float] | SearchStrategy[Any]],
    *,
    max_examples: int = 100,
    **claims: Any,
) -> None:
    """Check f's derivatives all over a domain: hypothesis draws ``max_examples`` points, and looks for the simplest
    at which ``check_grads`` fails.

    ``domain`` has for each argument of f the least and the largest number, or a strategy that draws the argument.
    ``claims`` are those of ``check_grads``: ``grad=df``, ``strict=True``, ...

    >>> check_everywhere(lambda x, y: x * y**2, [(0, 1), (-2, 2)], grad=lambda x, y: (y**2, 2 * x * y))

    Raises GradientMismatch with the table at that point, what f raises within the domain, and ValueError for a domain
    that is none.
    """
    places = [place if isinstance(place, SearchStrategy) else numbers(*_ends(place)) for place in domain]
    if not places:
        raise ValueError("check_everywhere takes a domain for each argument of f: (low, high), or a strategy")

    phases = (Phase.generate, Phase.shrink)  # the table says more than hypothesis's list of lines

    @settings(max_examples=max_examples, phases=phases, deadline=None, database=None, report_multiple_bugs=False)
    @given(st.tuples(*places))
    def everywhere(args: tuple[Any, ...]) -> None:
        check_grads(f, args, **claims)

    everywhere()


def _ends(place: Any) -> tuple[float, float]:
    try:
        low, high = map(float, place)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise ValueError(f"an argument's domain is (low, high) with low < high, or a strategy, not {place!r}")
    return low, high


def _inside(interval: Interval) -> SearchStrategy[float]:
    """Numbers inside an open interval, away from its ends."""
    low, high = interval
    if math.isinf(low) and math.isinf(high):
        return numbers()
    width = min(high - low, 2 * BOUND)
    margin = MARGIN * min(width, 1.0)
    if math.isinf(low):
        return numbers(high - width, high - margin)
    return numbers(low + margin, low + width - margin)


def _clear(primitive: Primitive, xs: Sequence[float]) -> bool:
    """Whether a point is off the primitive's singular set."""
    if primitive.singular is None:
        return True
    try:
        return bool(abs(primitive.singular(*xs)) >= MARGIN)
    except (ValueError, ZeroDivisionError, OverflowError):
        return False


def _form(primitive: Primitive, xs: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments with which to call a primitive so that its function is given ``xs``."""
    xs, half = tuple(xs), len(xs) // 2
    if primitive.gather is None:
        return xs
    for form in (xs, (list(xs),), (list(xs[:half]), list(xs[half:]))):
        try:
            gathered = primitive.gather(*form)
        except (TypeError, ValueError):
            continue
        if len(gathered) == len(xs) and all(a is b for a, b in zip(gathered, xs, strict=True)):
            return form
    raise ValueError(f"{primitive} takes {len(xs)} arguments neither one by one, nor in a list, nor in two")


def _sizes(primitive: Primitive) -> list[int]:
    """The numbers of arguments to call it with."""
    if primitive.arity is not None:
        return [primitive.arity]
    sizes: list[int] = []
    for n in (4, 3, 2):
        try:
            _form(primitive, [0.5] * n)
        except ValueError:
            if n == 2 and not sizes:
                raise
        else:
            sizes.append(n)
    return sizes[::-1]


# ---- random functions ------------------------------------------------------------------------------------------------

Operand = int | float  # the place of a value among the variables and the results before, or a number


@dataclass(frozen=True)
class RandomFunction:
    """A function of ``variables`` numbers: call it on floats or Values; its repr is its source.

    ``steps`` are its operations in order, each a primitive and its operands: an int is the place of a number among
    the variables and the results of earlier steps, a float a constant.  The last step gives the result.
    """

    variables: tuple[str, ...]
    steps: tuple[tuple[Primitive, tuple[Operand, ...]], ...]

    __name__ = "f"

    @property
    def __signature__(self) -> Signature:
        return Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in self.variables])

    def __call__(self, *xs: Any) -> Any:
        if len(xs) != len(self.variables):
            raise TypeError(f"a function of {len(self.variables)} numbers was called with {len(xs)}")
        values = list(xs)
        for row, operands in self.steps:
            values.append(row(*_form(row, [values[at] if isinstance(at, int) else at for at in operands])))
        return values[-1]

    def kinks(self, *xs: float) -> list[str]:
        """The calls that are within 1/128 of a kink, a jump or a pole at this point, as ``abs(0.0)``."""
        values = list(xs)
        found = []
        for row, operands in self.steps:
            point = [values[at] if isinstance(at, int) else at for at in operands]
            if not _clear(row, point):
                found.append(f"{row}({', '.join(map(repr, point))})")
            values.append(row(*_form(row, point)))
        return found

    def __repr__(self) -> str:
        uses = [0] * (len(self.variables) + len(self.steps))
        for _, operands in self.steps:
            for at in operands:
                if isinstance(at, int):
                    uses[at] += 1
        written: list[tuple[str, int]] = [(name, 9) for name in self.variables]  # with the precedence of each
        lines: list[str] = []
        for i, (row, operands) in enumerate(self.steps, len(self.variables)):
            text, precedence = _written(row, [written[at] if isinstance(at, int) else _constant(at) for at in operands])
            if uses[i] > 1:
                name = f"t{len(lines)}"
                lines.append(f"    {name} = {text}\n")
                text, precedence = name, 9
            written.append((text, precedence))
        head = ", ".join(self.variables)
        if not lines:
            return f"lambda {head}: {written[-1][0]}"
        return f"def f({head}):\n{''.join(lines)}    return {written[-1][0]}"


def _constant(x: float) -> tuple[str, int]:
    return repr(x), 9 if math.copysign(1.0, x) > 0 else 3


def _written(row: Primitive, parts: list[tuple[str, int]]) -> tuple[str, int]:
    """A call as source, and its precedence."""
    if not row.text:
        form = _form(row, [_Name(text) for text, _ in parts])
        return f"{row.name}({', '.join(map(repr, form))})", 9
    least = [row.precedence, row.precedence + 1] if row.name != "pow" else [row.precedence + 1, row.precedence]
    bracketed = [
        text if precedence >= (bound if len(parts) == 2 else row.precedence) else f"({text})"
        for (text, precedence), bound in zip(parts, least, strict=False)
    ]
    return row.write(*bracketed), row.precedence


class _Name(str):
    """Text that is shown without quotes, in a list too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class _Builder:
    """Adds steps, with operands wrapped so that each is inside the row's domain and nothing grows beyond LARGEST.

    ``ranges`` says of every number so far between what it lies.
    """

    def __init__(self, variables: int) -> None:
        self.names = tuple("xyzuvw"[:variables]) if variables <= 6 else tuple(f"x{i}" for i in range(variables))
        self.steps: list[tuple[Primitive, tuple[Operand, ...]]] = []
        self.ranges: list[Interval] = [(-BOUND, BOUND)] * variables

    def range(self, at: Operand) -> Interval:
        return self.ranges[at] if isinstance(at, int) else (at, at)

    def add(self, row: Primitive, operands: Sequence[Operand], range_: Interval) -> int:
        self.steps.append((row, tuple(operands)))
        self.ranges.append(range_)
        return len(self.ranges) - 1

    def between(self, at: Operand, low: float, high: float) -> Operand:
        """The operand, wrapped by a sine so that it lies between two numbers."""
        half, middle = (high - low) / 2, (high + low) / 2
        at = self.add(sin, [at], (-1.0, 1.0))
        if half != 1.0:
            at = self.add(mul, [half, at], (-half, half))
        return self.add(add, [middle, at], (low, high)) if middle else at

    def result(self, row: Primitive, operands: Sequence[Operand]) -> Interval:
        """About where the results lie, from those at a few points."""
        ranges = map(self.range, operands)
        places = [(low, (low + high) / 2, high) if len(operands) < 4 else (low, high) for low, high in ranges]
        try:
            found = [row.fn(*place) for place in itertools.product(*places)]
        except (ValueError, ZeroDivisionError, OverflowError):
            return (-math.inf, math.inf)
        spare = (max(found) - min(found)) / 4
        return (min(found) - spare, max(found) + spare)

    def call(self, row: Primitive, operands: Sequence[Operand]) -> int:
        """The row's result for these operands, wrapped where need be."""
        domain = DOMAINS.get(row, row.domain)
        wrapped: list[Operand] = []
        for i, at in enumerate(operands):
            low, high = domain[i % len(domain)]
            if math.isinf(low) and math.isinf(high):
                wrapped.append(at)
                continue
            width = min(high - low, 2.5)
            low, high = (high - width, high) if math.isinf(low) else (low, low + width)
            wrapped.append(self.between(at, low + width / 10, high - width / 10))
        range_ = self.result(row, wrapped)
        if not max(map(abs, range_)) <= LARGEST:
            wrapped = [
                self.between(at, -1.0, 1.0) if at is operand else at
                for at, operand in zip(wrapped, operands, strict=True)
            ]
            range_ = self.result(row, wrapped)
        return self.add(row, wrapped, range_)

    def function(self) -> RandomFunction:
        """All of it that the last step needs."""
        n = len(self.names)
        needed, places = {len(self.ranges) - 1}, {i: i for i in range(n)}
        for i in range(len(self.ranges) - 1, n - 1, -1):
            if i in needed:
                needed.update(at for at in self.steps[i - n][1] if isinstance(at, int))
        steps: list[tuple[Primitive, tuple[Operand, ...]]] = []
        for i, (row, operands) in enumerate(self.steps, n):
            if i in needed:
                places[i] = n + len(steps)
                steps.append((row, tuple(places[at] if isinstance(at, int) else at for at in operands)))
        return RandomFunction(self.names, tuple(steps))


_constants = st.integers(-12, 12).map(lambda k: k / 4)


def _calls(rows: Sequence[Primitive]) -> list[tuple[Primitive, int]]:
    """The rows with the numbers of operands to call them with."""
    return [(row, n) for row in rows for n in _sizes(row)]


def expressions(
    variables: int = 2, rows: Iterable[Primitive] = SMOOTH, size: int = 6
) -> SearchStrategy[RandomFunction]:
    """Random expressions in so many variables: trees of calls of ``rows``, with about ``size`` leaves.

    Each is a RandomFunction, safe to call with any numbers from -3 to 3 (as ``numbers`` draws them): operands are
    wrapped in sines where a row's domain or the size of its result demands it.  ``rows`` are the smooth ones of the
    table; add your own, or ``KINKED``: then ``.kinks(*point)`` tells whether a point is near a kink.

    >>> from hypothesis import find
    >>> from autograd.primitives import log
    >>> find(expressions(rows=[log]), lambda f: True)
    lambda x, y: log(1.25 + sin(x))
    """
    calls = _calls(tuple(rows))
    leaves = st.one_of(*[st.integers(0, variables - 1)] * 3, _constants)

    def extended(parts: SearchStrategy[Any]) -> SearchStrategy[Any]:
        return st.sampled_from(calls).flatmap(lambda call: st.tuples(st.just(call[0]), *[parts] * call[1]))

    def built(tree: Any) -> RandomFunction:
        builder = _Builder(variables)

        def add(tree: Any) -> Operand:
            return builder.call(tree[0], [add(part) for part in tree[1:]]) if isinstance(tree, tuple) else tree

        add(tree)
        return builder.function()

    return extended(st.recursive(leaves, extended, max_leaves=size)).map(built)


def programs(variables: int = 2, rows: Iterable[Primitive] = SMOOTH, size: int = 8) -> SearchStrategy[RandomFunction]:
    """Random straight-line programs of at most ``size`` calls (and their wrapping), whose results are used any number
    of times.

    As ``expressions``, but an operand is any variable or earlier result, so that gradients must add up over uses.

    >>> from hypothesis import find
    >>> from autograd.primitives import add
    >>> print(find(programs(variables=1, rows=[add], size=2), lambda f: f(1.0) == f(2.0) / 2 == 4.0))
    def f(x):
        t0 = x + x
        return t0 + t0
    """
    calls = _calls(tuple(rows))
    longest = max(n for _, n in calls)
    operands = st.lists(st.one_of(*[st.integers(0, 999)] * 3, _constants), min_size=longest, max_size=longest)
    steps = st.tuples(st.sampled_from(calls), st.integers(0, longest), operands)

    def built(drawn: list[tuple[tuple[Primitive, int], int, list[Operand]]]) -> RandomFunction:
        builder = _Builder(variables)
        results: list[Operand] = [*range(variables)]
        for (row, n), slot, chosen in drawn:
            picked = [results[at % len(results)] if isinstance(at, int) else at for at in chosen[:n]]
            picked[slot % n] = results[-1]  # so that every result is used
            results.append(builder.call(row, picked))
        return builder.function()

    return st.lists(steps, min_size=1, max_size=size).map(built)
