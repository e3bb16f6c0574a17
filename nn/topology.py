"""What a ``Network`` is put together from: ``Node`` and ``Connection``, and how a node adds up what comes in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import Value
from autograd import primitive as _primitive
from autograd.math import abs, dot, max, min, prod, where

KINDS = ("input", "hidden", "output")

# Python's own sum, whatever it does: from 3.12 on it compensates for rounding
_total = _primitive("builtin_sum", lambda *xs: sum(xs), variadic=lambda y, *xs: [1] * len(xs), gather=tuple)


def _maxabs(terms: Sequence[Any]) -> Any:
    """The first of the terms that are largest in size."""
    best = terms[0]
    for term in terms[1:]:
        best = where(abs(term) > abs(best), term, best)
    return best


def _median(terms: Sequence[Any]) -> Any:
    """The term in the middle, or the mean of the two."""
    ordered = sorted(terms, key=lambda x: x.data if isinstance(x, Value) else x)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else _mean(ordered[half - 1 : half + 1])


def _mean(terms: Sequence[Any]) -> Any:
    return _total(terms) / float(len(terms))


def _of_products(function: Callable[[Sequence[Any]], Any], of_none: float = 0.0) -> Callable[[Any, Any], Any]:
    """A function of the products of weights and sources, and what it is of none."""
    return lambda weights, sources: (
        function([x * w for x, w in zip(sources, weights, strict=True)]) if weights else of_none
    )


AGGREGATIONS: dict[str, Callable[[Sequence[Any], Sequence[Any]], Any]] = {  # of weights and sources
    "sum": lambda weights, sources: dot(weights, sources) if weights else 0.0,
    "builtin_sum": _of_products(_total),
    "product": _of_products(prod, 1.0),
    "max": _of_products(lambda terms: max(*terms, -float("inf"))),
    "min": _of_products(lambda terms: min(*terms, float("inf"))),
    "maxabs": _of_products(_maxabs),
    "median": _of_products(_median),
    "mean": _of_products(_mean),
}


@dataclass(eq=False, slots=True)
class Node:
    """A node: an input passes its number on; another gives activation(bias + response · aggregation of what comes in).

    What comes in over a connection is weight · output of the source.  ``response`` None counts as 1.  ``idle`` is what
    a node gives to which no connection that is on leads; None: activation(bias + response · aggregation of nothing).
    """

    id: int
    kind: str
    bias: Value | None = None  # None for an input
    activation: Callable[[Any], Any] | None = None  # None for an input
    aggregation: str = "sum"
    response: Value | None = None
    idle: float | None = None


@dataclass(eq=False, slots=True)
class Connection:
    """An edge from one node to another; while it is not ``enabled``, it takes part in nothing.

    With a ``delay``, the source's output of so many steps before comes in, 0 before the first step; with a ``gate``,
    the weight is multiplied by the output of that node.
    """

    innovation: int
    source: int
    target: int
    weight: Value
    enabled: bool = True
    delay: int = 0
    gate: int | None = None

    def starts(self, now: bool = False) -> set[int]:
        """The nodes whose outputs it takes; ``now``: those of the same step, which must be computed before."""
        starts = set() if now and self.delay else {self.source}
        return starts if self.gate is None else starts | {self.gate}
