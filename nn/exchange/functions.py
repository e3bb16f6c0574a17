"""neat-python's activations and aggregations on Values: the same operations in the same order, so the same bits.

They choose by ``where``, not by ``if``, so that a program of one goes for all numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd import Value
from autograd import primitive as _primitive
from autograd.math import abs, dot, exp, log, max, min, prod, relu, sin, tanh, where


def _within(limit: float, x: Any) -> Any:
    return max(-limit, min(limit, x))


def neat_sigmoid(z: Any) -> Any:
    """1 / (1 + exp(−5 z)), within ±60."""
    return 1.0 / (1.0 + exp(-_within(60.0, 5.0 * z)))


def neat_tanh(z: Any) -> Any:
    """tanh(2.5 z), within ±60."""
    return tanh(_within(60.0, 2.5 * z))


def neat_sin(z: Any) -> Any:
    """sin(5 z), within ±60."""
    return sin(_within(60.0, 5.0 * z))


def neat_gauss(z: Any) -> Any:
    """exp(−5 z²), for z within ±3.4."""
    return exp(-5.0 * _within(3.4, z) ** 2)


def neat_relu(z: Any) -> Any:
    """z above 0, else 0."""
    return relu(z)


def neat_elu(z: Any) -> Any:
    """z above 0, else exp(z) − 1."""
    return where(z > 0.0, z, exp(min(z, 0.0)) - 1)


def neat_lelu(z: Any) -> Any:
    """z above 0, else 0.005 z."""
    return where(z > 0.0, z, 0.005 * z)


def neat_selu(z: Any) -> Any:
    """λ z above 0, else λ α (exp(z) − 1) (Klambauer et al. 2017)."""
    lam, alpha = 1.0507009873554805, 1.6732632423543772
    return where(z > 0.0, lam * z, lam * alpha * (exp(min(z, 0.0)) - 1))


def neat_softplus(z: Any) -> Any:
    """0.2 ln(1 + exp(5 z)), within ±60."""
    return 0.2 * log(1 + exp(_within(60.0, 5.0 * z)))


def neat_identity(z: Any) -> Any:
    """z."""
    return z


def neat_clamped(z: Any) -> Any:
    """z within ±1."""
    return _within(1.0, z)


def neat_inv(z: Any) -> Any:
    """1 / z; 0 at 0."""
    return where(z == 0.0, 0.0 * abs(z), 1.0 / where(z == 0.0, 1.0, z))


def neat_log(z: Any) -> Any:
    """ln z for z from 1e-7 on, ln 1e-7 below."""
    return log(max(1e-7, z))


def neat_exp(z: Any) -> Any:
    """exp(z), within ±60."""
    return exp(_within(60.0, z))


def neat_abs(z: Any) -> Any:
    """|z|."""
    return abs(z)


def neat_hat(z: Any) -> Any:
    """1 − |z| within ±1, else 0."""
    return max(0.0, 1 - abs(z))


def neat_square(z: Any) -> Any:
    """z²."""
    return z**2


def neat_cube(z: Any) -> Any:
    """z³."""
    return z**3


NEAT: dict[str, Callable[[Any], Any]] = {
    function.__name__: function
    for function in (
        neat_sigmoid, neat_tanh, neat_sin, neat_gauss, neat_relu, neat_elu, neat_lelu, neat_selu, neat_softplus,
        neat_identity, neat_clamped, neat_inv, neat_log, neat_exp, neat_abs, neat_hat, neat_square, neat_cube,
    )
}  # fmt: skip

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
