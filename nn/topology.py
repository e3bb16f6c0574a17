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


def builtin_sum(terms: Sequence[Any]) -> Any:
    """Python's ``sum``."""
    return _total(terms) if terms else 0.0


def mean(terms: Sequence[Any]) -> Any:
    """The mean; 0 of no terms."""
    return builtin_sum(terms) / float(len(terms)) if terms else 0.0


def maxabs(terms: Sequence[Any]) -> Any:
    """The first of the terms that are largest in size; 0 of no terms."""
    best = terms[0] if terms else 0.0
    for term in terms[1:]:
        best = where(abs(term) > abs(best), term, best)
    return best


def median(terms: Sequence[Any]) -> Any:
    """The term in the middle, or the mean of the two; 0 of no terms."""
    ordered = sorted(terms, key=lambda x: x.data if isinstance(x, Value) else x)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else mean(ordered[half - 1 : half + 1])


def of_terms(function: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any], Sequence[Any]], Any]:
    """A function of the products of weights and sources."""
    return lambda weights, sources: function([x * w for x, w in zip(sources, weights, strict=True)])


AGGREGATIONS: dict[str, Callable[[Sequence[Any], Sequence[Any]], Any]] = {  # of weights and sources
    "sum": lambda weights, sources: dot(weights, sources) if weights else 0.0,
    "builtin_sum": of_terms(builtin_sum),
    "product": of_terms(prod),
    "max": of_terms(lambda terms: max(*terms, -float("inf")) if terms else 0.0),
    "min": of_terms(lambda terms: min(*terms, float("inf")) if terms else 0.0),
    "maxabs": of_terms(maxabs),
    "median": of_terms(median),
    "mean": of_terms(mean),
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
        return {self.source if not (now and self.delay) else self.gate, self.gate} - {None}  # type: ignore[return-value]
