"""The two modes on anything that adds and multiplies: floats for a first derivative, Values for every higher one.

Reading order: ``primitives``, ``value``, ``sweeps`` (this file), ``backward`` (reverse mode on floats once more, fast).

``edges`` gives the partial derivatives at a node; reverse mode (``sweep``) multiplies them by the adjoint that comes in
from the outputs, forward mode (``push``) by the tangents that come in from the inputs.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from .errors import ERRORS, explained
from .value import Value, data_of, numbers_of


def edges(node: Value, active: Container[Value] | None = None, lift: bool = False) -> list[tuple[Value, Any]]:
    """The operands of a node that are Values (and in ``active``, if given), each with the partial derivative by it.

    The table's rules run here and nowhere else: on the numbers of the forward pass, or, with ``lift``, on the Values
    themselves, which makes the partials Values that can be differentiated again.
    """
    row = node.op
    if row is None:
        return []
    args: Any = node.args
    y: Any
    xs: Any
    y, xs = (node, args) if lift else (data_of(node), numbers_of(node))
    if lift:
        _check_unchanged(node)
    rules: Any = row.partials
    result: list[tuple[Value, Any]] = []
    by = 0
    try:
        if row.arity is None:
            for arg, partial in zip(args, row.partials_at(y, xs), strict=True):
                if type(arg) is not float and (active is None or arg in active):
                    result.append((arg, partial))
        else:
            for by, arg in enumerate(args):  # the handler below reads `by`
                if type(arg) is not float and (active is None or arg in active):
                    result.append((arg, rules[by](y, *xs)))
    except ERRORS as error:
        raise explained(error, row, args, numbers_of(node), by) from error
    return result


def _check_unchanged(node: Value) -> None:
    for arg, x in zip(node.args, numbers_of(node), strict=True):
        data = data_of(arg) if isinstance(arg, Value) else x
        if data != x and (data == data or x == x):
            raise RuntimeError(
                f"{arg!r} was {x!r} when {node.op} was computed from it: "
                "a derivative that is to be differentiated again needs a graph computed from the present data"
            )


def _add(into: dict[Value, Any], node: Value, factor: Any, partial: Any) -> None:
    """Add ``factor * partial`` to the node's entry: a partial of integer 0 adds nothing, whatever the factor is."""
    if type(partial) is int:
        if partial == 0:
            return
        term = factor if partial == 1 else -factor if partial == -1 else partial * factor
    else:
        term = factor * partial
    into[node] = into[node] + term if node in into else term


def sweep(
    order: list[Value],
    seeds: dict[Value, Any],
    stop: Container[Value] = (),
    active: Container[Value] | None = None,
    lift: bool = False,
) -> dict[Value, Any]:
    """Reverse mode: the adjoint of every node that the seeds reach, by one pass from outputs to inputs.

    adjoint(a) = sum over the uses of a of adjoint(use) * d use / d a; a node used twice, or twice by one operation,
    adds up.  ``order`` is topological; see ``edges`` for ``active`` and ``lift``.
    """
    adjoints = dict(seeds)
    for node in reversed(order):
        adjoint = adjoints.get(node)
        if adjoint is not None and node not in stop:
            for arg, partial in edges(node, active, lift):
                _add(adjoints, arg, adjoint, partial)
    return adjoints


def push(order: list[Value], seeds: dict[Value, Any], outputs: Iterable[Value], lift: bool = False) -> dict[Value, Any]:
    """Forward mode: the tangents of the outputs and of what lies between them and the seeds, from inputs to outputs.

    tangent(y) = sum over the operands a of y of tangent(a) * d y / d a.  A first pass, from the outputs, finds the
    partials that matter to them: as in reverse mode, none is computed behind a branch that was not taken.
    """
    active = dependents(order, seeds)
    needed = set(outputs)
    kept: dict[Value, list[tuple[Value, Any]]] = {}
    for node in reversed(order):
        if node in needed and node in active and node not in seeds:
            kept[node] = [edge for edge in edges(node, active, lift) if type(edge[1]) is not int or edge[1] != 0]
            needed.update(arg for arg, _ in kept[node])
    tangents = dict(seeds)
    for node in order:
        for arg, partial in kept.get(node, ()):
            if arg in tangents:
                _add(tangents, node, tangents[arg], partial)
    return tangents


def dependents(order: list[Value], inputs: Iterable[Value]) -> set[Value]:
    """The inputs, and the nodes that were computed from them; nothing behind an input is entered."""
    inputs = set(inputs)
    active = set(inputs)
    for node in order:
        if node not in inputs and not active.isdisjoint(arg for arg in node.args if isinstance(arg, Value)):
            active.add(node)
    return active
