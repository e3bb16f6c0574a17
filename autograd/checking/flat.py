"""Functions from a list of numbers to a list of numbers, and their derivatives as such functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..functional import float_of, jacobian

Flat = Callable[[list[Any]], list[Any]]


def derivative(f: Flat) -> Flat:
    """The function whose outputs are the derivatives of f's outputs by its inputs, output by output."""

    def derived(xs: list[Any]) -> list[Any]:
        return [slope for row in jacobian(f)(xs) for slope in row]

    return derived


def derivatives(f: Flat, order: int) -> Flat:
    for _ in range(order):
        f = derivative(f)
    return f


def on_floats(f: Flat) -> Flat:
    def plain(xs: list[float]) -> list[float]:
        return [float_of(y) for y in f(xs)]

    return plain
