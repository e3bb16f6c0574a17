"""neat-python's activation functions on Values: the same operations in the same order, so the same bits.

They choose by ``where``, not by ``if``, so that a program of one goes for all numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd.math import abs, exp, log, max, min, relu, sin, tanh, where


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
