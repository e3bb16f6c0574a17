"""Functions from a list of numbers to a list of numbers: their derivatives, and what rounding does to them.

Rounding is bounded from the recorded graph: each node adds |adjoint| * |data| * 2**-52 (S. Linnainmaa, BIT 16, 1976).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..errors import ERRORS
from ..functional import Run, float_of, jacobian
from ..primitives import CONSTANT, abs_, max_, min_, neg, pos, relu, sign, where
from ..sweeps import dependents, edges
from ..value import Value

Flat = Callable[[list[Any]], list[Any]]

EPSILON = sys.float_info.epsilon
EXACT = (pos, neg, abs_, max_, min_, where, relu, sign)  # these do not round


def rounding_bounds(f: Flat, xs: list[float]) -> tuple[list[float], list[list[float]], list[Value]]:
    """By f's graph: bounds of the rounding errors of its outputs; for each output and input the sum over all paths of
    the product of abs(partial); and the operations through which a derivative flows."""
    run = Run(f, (xs,), {}, 0)
    inputs, active = set(run.inputs), dependents(run.order, run.inputs)
    errors, sizes, alive = [], [], set[Value]()
    for number in run.numbers:
        size: dict[Value, float] = {number: 1.0} if number in active else {}
        error = 0.0
        try:
            for node in reversed(run.order):
                if node in size and node not in inputs and size[node] > 0.0:
                    alive.add(node)
                    if node.op not in EXACT:
                        error += size[node] * abs(node.data) * EPSILON
                    for arg, partial in edges(node, active):
                        size[arg] = size.get(arg, 0.0) + size[node] * abs(partial)
        except ERRORS:
            alive |= active  # the row will say so; any operation may be the cause
        errors.append(error)
        sizes.append([size.get(node, 0.0) for node in run.inputs])
    nodes = [node for node in run.order if node in alive and node not in inputs and node.op not in (None, CONSTANT)]
    return errors, sizes, nodes


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
