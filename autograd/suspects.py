"""The search for what sets a claimed derivative apart from the true one: factors, paths and inputs tried one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Protocol

from .backward import topological
from .functional import gradients
from .sweeps import sweep
from .value import Value, numbers_of

Edge = tuple[int, int]  # (number of the node in topological order, which of its edges)
Change = dict[Edge, float]  # edges whose partial is replaced

# kinds of fault
FACTOR = "a factor is missing"
RESET = "a sum is never reset"
EARLY = "updated too early"
BEFORE = "the gradient of the point before the update"
AFTER = "the gradient of the point after the update"
STORED = "stored inputs are not those of the forward pass"
MASK = "a masked edge passes gradient back"
OTHER = "another fault"
UNEXPLAINED = "unexplained"


class Claims(Protocol):
    """What is claimed of all parameters at one step."""

    params: Mapping[str, Value]
    claimed: Mapping[str, float]
    wrong: list[str]

    def allowed(self, name: str) -> float: ...


def local_partials(node: Value) -> list[tuple[Value, float]]:
    """The operands of a node, each once, with the partial derivative of the node by it."""
    operands = list(dict.fromkeys(arg for arg in node.args if isinstance(arg, Value)))
    return list(zip(operands, gradients(node, operands), strict=True))


def close(a: float, b: float, tolerance: float) -> bool:
    return a == b or (math.isfinite(a) and math.isfinite(b) and abs(a - b) <= tolerance * max(abs(a), abs(b)))


class Search:
    """The graph of a loss, and its derivatives with some of the partials replaced."""

    def __init__(self, loss: Value) -> None:
        self.order = topological(loss)
        self.edges = [local_partials(node) for node in self.order]
        self.number = {node: i for i, node in enumerate(self.order)}
        distance = [0] * len(self.order)  # from the loss, along the longest path
        for i in reversed(range(len(self.order))):
            for operand, _ in self.edges[i]:
                j = self.number[operand]
                distance[j] = max(distance[j], distance[i] + 1)
        self.distance = distance
        self.cache: dict[tuple[tuple[Edge, float], ...], list[float]] = {}
        self.columns: dict[int, list[float]] = {}

    def adjoints(self, change: Change) -> list[float]:
        key = tuple(sorted(change.items()))
        if key not in self.cache:
            result = [0.0] * len(self.order)
            result[-1] = 1.0
            for i in reversed(range(len(self.order))):
                for k, (operand, partial) in enumerate(self.edges[i]):
                    result[self.number[operand]] += result[i] * change.get((i, k), partial)
            self.cache[key] = result
        return self.cache[key]

    def below(self, top: int) -> list[float]:
        """The derivatives of one node by all."""
        if top not in self.columns:
            result = [0.0] * len(self.order)
            result[top] = 1.0
            for i in range(top, -1, -1):
                if result[i]:
                    for operand, partial in self.edges[i]:
                        result[self.number[operand]] += result[i] * partial
            self.columns[top] = result
        return self.columns[top]

    def at(self, params: Mapping[str, Value], other: Value, name: str) -> float | None:
        """The derivative by a parameter of this program at the numbers that another graph was recorded with."""
        numbers = {
            arg: x
            for node in topological(other)
            for arg, x in zip(node.args, numbers_of(node), strict=True)
            if isinstance(arg, Value)
        }
        mine = set(params.values())
        made: dict[Value, Value] = {}
        try:
            for node in self.order:
                if node.op is None:
                    made[node] = Value(numbers.get(node, node.data) if node in mine else self._used(node), node.label)
                else:
                    made[node] = _again(node, made)
        except (ValueError, ArithmeticError):
            return None
        leaf = made.get(params[name])
        if leaf is None:
            return None
        top = made[self.order[-1]]
        return float(sweep(topological(top), {top: 1.0}).get(leaf, 0.0))

    def _used(self, leaf: Value) -> float:
        for node in self.order:
            for arg, x in zip(node.args, numbers_of(node), strict=True):
                if arg is leaf:
                    return x
        return leaf.data

    def early(self, params: Mapping[str, Value], after: Mapping[str, float]) -> Callable[[Value], tuple[str, float]]:
        """For a parameter: the others that it is taken through with their numbers after the update, and the result."""
        names = {value: name for name, value in params.items()}
        change: Change = {}
        through: dict[Edge, str] = {}
        for i, node in enumerate(self.order):
            for k, (operand, partial) in enumerate(self.edges[i]):
                for arg in node.args:
                    if arg is not operand and isinstance(arg, Value) and arg in names and partial == arg.data:
                        change[i, k] = after[names[arg]]
                        through[i, k] = names[arg]
        slopes = self.adjoints(change)

        def moved(parameter: Value) -> tuple[str, float]:
            p = self.number.get(parameter)
            if p is None:
                return "", 0.0
            passed = [name for (i, k), name in through.items() if self.below(self.number[self.edges[i][k][0]])[p]]
            return ", ".join(dict.fromkeys(passed)), slopes[p]

        return moved

    def finding(self, parameter: Value, ours: float, theirs: float, tolerance: float, step: Claims) -> tuple[str, str]:
        """The kind of fault and what is to be said of it."""
        if theirs == 0:
            return OTHER, "never set: it is 0"
        if not math.isfinite(theirs):
            return OTHER, f"it is {theirs}"
        if parameter not in self.number:
            return self._of_no_part(parameter, theirs, tolerance, step)
        p = self.number[parameter]
        groups = self._groups(p)
        for signed, sign in (("", 1.0), ("has the wrong sign", -1.0)):
            for extra, own in (("", 1.0), ("has its own value as a factor too many", parameter.data)):
                notes = [note for note in (signed, extra) if note]
                if close(ours * sign * own, theirs, tolerance):
                    return OTHER, " and ".join(notes)
        for count in (1, 2):
            for own in (1.0, parameter.data):
                for chosen in itertools.combinations(groups, count):
                    change = {edge: 1.0 for group in chosen for edge in group}
                    if close(self.adjoints(change)[p] * own, theirs, tolerance):
                        lacks = " and ".join(self._described(group) for group in chosen)
                        note = "" if own == 1.0 else " and has its own value as a factor too many"
                        return FACTOR, f"lacks the factor{'s' * (len(chosen) > 1)} {lacks}{note}"
        for group in groups:
            if len(group) == 1 and close(self.adjoints({group[0]: 0.0})[p], theirs, tolerance):
                return FACTOR, f"lacks what comes back through {self._described(group)}"
        stored = self._stored(p, ours, theirs, tolerance)
        if stored:
            return STORED, stored
        masked = self._masked(p, ours, theirs, tolerance, step)
        if masked:
            return MASK, masked
        if ours and _is_simple(theirs / ours, tolerance):
            return OTHER, f"{theirs / ours:.6g} times the true one"
        ratio = f"{theirs / ours:.6g} times the true one" if ours else "the true one is 0"
        return UNEXPLAINED, f"unexplained, off by {theirs - ours:.6g}; {ratio}"

    def _of_no_part(self, parameter: Value, theirs: float, tolerance: float, step: Claims) -> tuple[str, str]:
        """Of a parameter that the loss does not depend on."""
        nothing = "the loss does not depend on it"
        for name, other in step.params.items():
            claim = step.claimed[name]
            if (
                other is not parameter
                and claim
                and close(claim * other.data, theirs, max(tolerance, step.allowed(name)))
            ):
                return (
                    STORED,
                    f"{nothing}; it is {name}'s times {name}, as in a chain that forward did not have",
                )
        return MASK if step.wrong != [*step.params] and self._passed_back(parameter, step) else OTHER, nothing

    def _passed_back(self, parameter: Value, step: Claims) -> bool:
        """Whether what is claimed of a parameter of no part has come back along an edge that was off.

        Then it is an adjoint of the graph times one of its numbers, if the edge leaves a node that others use; else it
        belongs to a node that nothing else uses, whose derivatives are one of the other times an input, and the weight
        of whose edge is an adjoint times the node's own number, of which the others have the slope.
        """
        claims = {value: step.claimed[name] for name, value in step.params.items() if value not in self.number}
        claim = claims.pop(parameter)
        others = [other for other in claims.values() if other]
        adjoints = {a for node, a in zip(self.order, self.adjoints({}), strict=True) if a and node.op is not None}
        inputs = {x for node in self.order for x in (node.data, *numbers_of(node))} - {0.0, 1.0, -1.0}
        if any(close(a * x, claim, 1e-7) for a in adjoints for x in inputs):
            return True
        if any(close(x * claim, other, 1e-7) or close(x * other, claim, 1e-7) for other in others for x in inputs):
            return True
        for a in adjoints:
            out, back = claim / a, a * parameter.data
            slopes = (back * out * (1 - out), back * (1 - out * out))
            if any(slope and close(slope, other, 1e-7) for slope in slopes for other in others):
                return True
        return False

    def _stored(self, p: int, ours: float, theirs: float, tolerance: float) -> str:
        """Of an operand that the claimed number was multiplied by instead of the one that forward used."""
        users = [(node, k) for node in self.order for k, arg in enumerate(node.args) if arg is self.order[p]]
        if len(users) != 1 or not ours or users[0][0].op is None or users[0][0].op.name not in ("mul", "dot"):
            return ""
        node, k = users[0]
        xs = numbers_of(node)
        other = k - len(xs) // 2 if k >= len(xs) // 2 else k + len(xs) // 2
        used = xs[other]
        claimed = theirs / ours * used
        for one in self.order:
            if (
                one is not self.order[p]
                and one.data not in (0.0, 1.0, -1.0)
                and close(one.data, claimed, min(tolerance, 1e-6))
            ):
                return f"is taken with the input {one.data:.6g} ({called(one)}), where forward used {used:.6g}"
        for number in {x for one in self.order for x in numbers_of(one)} - {0.0, 1.0, -1.0}:
            if close(number, claimed, min(tolerance, 1e-6)):
                return f"is taken with the input {number:.6g}, where forward used {used:.6g}"
        return ""

    def _masked(self, p: int, ours: float, theirs: float, tolerance: float, step: Claims) -> str:
        """Of a parameter that took no part forward, along which gradient has come back."""
        absent = [(name, value.data) for name, value in step.params.items() if value not in self.number and value.data]
        adjoints, loss = self.adjoints({}), max(abs(ours), abs(theirs))
        for name, weight in absent:
            for k in reversed(range(len(self.order))):
                adjoint = adjoints[k] if self.order[k].op is not None else 0.0
                for j in range(p + 1, len(self.order)) if adjoint else ():
                    more = weight * adjoint * self.below(j)[p]
                    if more and abs(ours + more - theirs) <= min(tolerance, 1e-6) * loss:
                        return (
                            f"has {more:.6g} too much, which comes back from {called(self.order[k])} along {name}: "
                            "the loss does not depend on that"
                        )
        return ""

    def _groups(self, p: int) -> list[list[Edge]]:
        """The edges on the paths from the loss to a node: those of one operation at one distance, then each alone."""
        behind = [False] * len(self.order)
        behind[p] = True
        alike: dict[tuple[str, int], list[Edge]] = {}
        for i in range(p + 1, len(self.order)):
            for k, (operand, partial) in enumerate(self.edges[i]):
                if behind[self.number[operand]]:
                    behind[i] = True
                    if partial != 1:
                        alike.setdefault((str(self.order[i].op), self.distance[i]), []).append((i, k))
        groups = list(alike.values())
        return groups + [[edge] for group in groups if len(group) > 1 for edge in group]

    def _described(self, group: Iterable[Edge]) -> str:
        return ", ".join(map(self._edge, group))

    def _edge(self, edge: Edge) -> str:
        i, k = edge
        node, (operand, partial) = self.order[i], self.edges[i][k]
        return f"d{called(node)}/d{called(operand)} = {partial:.6g}{self._same(node, operand, partial)}"

    def _same(self, node: Value, operand: Value, partial: float) -> str:
        """Which operand the partial is, if it is one: the weight, for an input of a dot."""
        for other in node.args:
            if isinstance(other, Value) and other is not operand and other.label and other.data == partial:
                return f" ({other.label})"
        return ""


def called(node: Value) -> str:
    return node.label or ("number" if node.op is None else str(node.op))


def _again(node: Value, made: Mapping[Value, Value]) -> Value:
    """The operation of a node on other operands."""
    args = tuple(made[arg] if isinstance(arg, Value) else arg for arg in node.args)
    return Value._apply(node.op, args)  # type: ignore[arg-type]  # it has one


def _is_simple(ratio: float, tolerance: float) -> bool:
    """Whether a number is a fraction that one would write by hand."""
    near = Fraction(ratio).limit_denominator(12)
    return abs(near) <= 1000 and near != 0 and close(float(near), ratio, max(tolerance, 1e-9))
