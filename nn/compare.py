"""``compare_gradients``: hand-written gradients beside the true ones, and the factor that each of them lacks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autograd import Value, gradients
from autograd.backward import topological

_Edge = tuple[int, int]  # (number of the node in topological order, which of its edges)
_Change = dict[_Edge, float]  # edges whose partial is replaced


@dataclass(frozen=True)
class Comparison:
    """One parameter: the true derivative, the hand-written one, and what sets them apart ("" if nothing does)."""

    name: str
    ours: float
    theirs: float
    finding: str


@dataclass(frozen=True)
class GradientComparison:
    """All parameters compared; true in a condition if all of them agree, and a table when it is printed."""

    rows: list[Comparison]

    @property
    def faults(self) -> list[Comparison]:
        """Those that do not agree."""
        return [row for row in self.rows if row.finding]

    def __bool__(self) -> bool:
        return not self.faults

    def __str__(self) -> str:
        width = max(9, *(len(row.name) for row in self.rows)) if self.rows else 9
        lines = [f"{'parameter':{width}}  {'true':>13}  {'hand-written':>13}"]
        lines += [
            f"{row.name:{width}}  {row.ours:13.6g}  {row.theirs:13.6g}  {row.finding or 'agrees'}" for row in self.rows
        ]
        return "\n".join(lines)


def compare_gradients(
    loss: Value, parameters: Mapping[str, Value], theirs: Mapping[str, float], tolerance: float = 1e-6
) -> GradientComparison:
    """Hand-written derivatives of ``loss`` beside the true ones, saying which factor is missing where they differ.

    A derivative is a sum over paths of products of local partials.  For a number that differs from ours by more than
    ``tolerance`` (relative), partials are left out on trial, all those of one operation at one distance from the loss
    or just one of them, then two at once, until the number comes out; failing that, one path, the sign, a constant, or
    the parameter's own value as a factor too many.  Whatever is left is told as a ratio.  Meant for small graphs; at a
    sample without zeros and ones, since a factor of 1 is not missed and one of 0 hides the others.

    >>> from autograd.math import sigmoid
    >>> w, v = Value(0.5, "w"), Value(-2.0, "v")
    >>> h = sigmoid(w * 3.0)
    >>> out = sigmoid(v * h)
    >>> loss = (out - 1.0) ** 2
    >>> delta = 2 * (out.data - 1) * out.data * (1 - out.data)
    >>> print(compare_gradients(loss, {"w": w, "v": v}, {"w": delta * v.data * 3.0, "v": delta * h.data}))
    parameter           true   hand-written
    w               0.204474        1.37096  lacks the factor dsigmoid/dmul = 0.149146
    v               -0.18681       -0.18681  agrees

    Raises ValueError for a parameter without a hand-written number, or the other way round, and TypeError for what is
    no mapping.
    """
    for what, given in (("parameters", parameters), ("hand-written derivatives", theirs)):
        if not isinstance(given, Mapping):
            raise TypeError(f"compare_gradients takes a dict of {what}, not {type(given).__name__}")
    odd = set(parameters) ^ set(theirs)
    if odd:
        raise ValueError(
            f"a hand-written derivative must go with each parameter: {', '.join(sorted(odd))} has no other"
        )
    true = gradients(loss, parameters.values())
    wrong = {
        name: (value, ours)
        for (name, value), ours in zip(parameters.items(), true, strict=True)
        if not _close(ours, theirs[name], tolerance)
    }
    search = _Search(loss, tolerance) if wrong else None
    return GradientComparison(
        [
            Comparison(
                name,
                ours,
                theirs[name],
                search.finding(parameters[name], ours, theirs[name]) if search is not None and name in wrong else "",
            )
            for name, ours in zip(parameters, true, strict=True)
        ]
    )


def local_partials(node: Value) -> list[tuple[Value, float]]:
    """The operands of a node, each once, with the partial derivative of the node by it."""
    operands = list(dict.fromkeys(arg for arg in node.args if isinstance(arg, Value)))
    return list(zip(operands, gradients(node, operands), strict=True))


def _close(a: float, b: float, tolerance: float) -> bool:
    return a == b or (math.isfinite(a) and math.isfinite(b) and abs(a - b) <= tolerance * max(abs(a), abs(b)))


class _Search:
    """The graph of a loss, and its derivatives with some of the partials replaced."""

    def __init__(self, loss: Value, tolerance: float) -> None:
        self.order = topological(loss)
        self.edges = [local_partials(node) for node in self.order]
        self.number = {node: i for i, node in enumerate(self.order)}
        self.tolerance = tolerance
        distance = [0] * len(self.order)  # from the loss, along the longest path
        for i in reversed(range(len(self.order))):
            for operand, _ in self.edges[i]:
                j = self.number[operand]
                distance[j] = max(distance[j], distance[i] + 1)
        self.distance = distance
        self.cache: dict[tuple[tuple[_Edge, float], ...], list[float]] = {}

    def adjoints(self, change: _Change) -> list[float]:
        key = tuple(sorted(change.items()))
        if key not in self.cache:
            result = [0.0] * len(self.order)
            result[-1] = 1.0
            for i in reversed(range(len(self.order))):
                for k, (operand, partial) in enumerate(self.edges[i]):
                    result[self.number[operand]] += result[i] * change.get((i, k), partial)
            self.cache[key] = result
        return self.cache[key]

    def finding(self, parameter: Value, ours: float, theirs: float) -> str:
        if theirs == 0:
            return "never set: it is 0"
        if not math.isfinite(theirs):
            return f"it is {theirs}"
        if parameter not in self.number:
            return "the loss does not depend on it"
        p = self.number[parameter]
        groups = self._groups(p)
        for signed, sign in (("", 1.0), ("has the wrong sign", -1.0)):
            for extra, own in (("", 1.0), ("has its own value as a factor too many", parameter.data)):
                notes = [note for note in (signed, extra) if note]
                if _close(ours * sign * own, theirs, self.tolerance):
                    return " and ".join(notes)
        for count in (1, 2):
            for own in (1.0, parameter.data):
                for chosen in itertools.combinations(groups, count):
                    change = {edge: 1.0 for group in chosen for edge in group}
                    if _close(self.adjoints(change)[p] * own, theirs, self.tolerance):
                        lacks = " and ".join(self._described(group) for group in chosen)
                        note = "" if own == 1.0 else " and has its own value as a factor too many"
                        return f"lacks the factor{'s' * (len(chosen) > 1)} {lacks}{note}"
        for group in groups:
            if len(group) == 1 and _close(self.adjoints({group[0]: 0.0})[p], theirs, self.tolerance):
                return f"lacks what comes back through {self._described(group)}"
        return f"{theirs / ours:.6g} times the true one" if ours else "the true one is 0"

    def _groups(self, p: int) -> list[list[_Edge]]:
        """The edges on the paths from the loss to a node: those of one operation at one distance, then each alone."""
        behind = [False] * len(self.order)
        behind[p] = True
        alike: dict[tuple[str, int], list[_Edge]] = {}
        for i in range(p + 1, len(self.order)):
            for k, (operand, partial) in enumerate(self.edges[i]):
                if behind[self.number[operand]]:
                    behind[i] = True
                    if partial != 1:
                        alike.setdefault((str(self.order[i].op), self.distance[i]), []).append((i, k))
        groups = list(alike.values())
        return groups + [[edge] for group in groups if len(group) > 1 for edge in group]

    def _described(self, group: Iterable[_Edge]) -> str:
        return ", ".join(map(self._edge, group))

    def _edge(self, edge: _Edge) -> str:
        i, k = edge
        node, (operand, partial) = self.order[i], self.edges[i][k]
        return f"d{_called(node)}/d{_called(operand)} = {partial:.6g}{self._same(node, operand, partial)}"

    def _same(self, node: Value, operand: Value, partial: float) -> str:
        """Which operand the partial is, if it is one: the weight, for an input of a dot."""
        for other in node.args:
            if isinstance(other, Value) and other is not operand and other.label and other.data == partial:
                return f" ({other.label})"
        return ""


def _called(node: Value) -> str:
    return node.label or ("number" if node.op is None else str(node.op))
