"""The paths from an output back to one node: what they pass, where they part and meet, and what comes back along them.

A node ``dominates`` another if every path to that one passes it.  The dominators of a node, in their order, cut the
derivative into factors: dE/dw = dE/dc · dc/dw, where c is one of them.  What lies between two neighbours is a single
edge, or a block in which the returns of a fan-out add up.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..backward import topological
from ..errors import ERRORS, explained
from ..value import Value, numbers_of

Edge = tuple[int, int]  # (number of the result in topological order, place of the operand)
COUNTED = 10**18  # paths that are counted one by one; beyond, it is the order of magnitude that counts


Use = tuple[int, int, Any]  # an edge as its operand sees it: the result, the place in it, the partial


class Return(NamedTuple):
    """What comes back to a node by one of its uses, and along how many paths."""

    use: Use
    value: float
    paths: int


@dataclass
class Between:
    """The derivative of one node by another, as the sum of the returns that arrive there."""

    value: float
    paths: int
    returns: list[Return]


class Paths:
    """All paths from ``output`` to ``wrt`` along which something may come back, by numbers in topological order.

    ``derivative`` is what the sweep gives, added up in the engine's order.  Takes time linear in the graph.  Raises as
    ``backward`` where a partial has no finite value.
    """

    def __init__(self, output: Value, wrt: Value) -> None:
        self.order = topological(output)
        self.args = [node.args for node in self.order]
        self.number = number = {node: i for i, node in enumerate(self.order)}
        self.top = len(self.order) - 1
        self.bottom = number.get(wrt, -1)
        self.active = active = [False] * len(self.order)
        if self.bottom >= 0:
            active[self.bottom] = True
        for i, args in enumerate(self.args):
            for arg in args:
                if type(arg) is not float and active[number[arg]]:  # type: ignore[index]
                    active[i] = True
                    break
        self.uses: dict[int, list[Use]] = {}
        self.operands: dict[int, list[tuple[int, int, Any]]] = {}  # (place, operand, partial)
        self.adjoint: dict[int, float] = {self.top: 1.0} if active[self.top] else {}
        self._sweep()
        self.derivative = self.adjoint.get(self.bottom, 0.0)
        self._find_dominators()
        self.budget = 2 * len(self.order) + 10_000  # edges that ``between`` may pass in all

    def _sweep(self) -> None:
        """Reverse mode, as in ``sweeps``, keeping the edges that it takes."""
        adjoints, uses, switched_off = self.adjoint, self.uses, False
        for i in range(self.top, self.bottom, -1):
            if i not in adjoints or not self.active[i]:
                continue
            adjoint, live = adjoints[i], []
            for edge in partials(self.order[i], self.args[i], self.number, self.active):
                place, j, partial = edge
                if type(partial) is int and partial == 0:
                    switched_off = True
                    continue
                live.append(edge)
                if j in adjoints:
                    adjoints[j] += adjoint * partial
                    uses[j].append((i, place, partial))
                else:
                    adjoints[j] = adjoint * partial
                    uses[j] = [(i, place, partial)]
            self.operands[i] = live
        if switched_off:
            self._keep_those_that_lead_down()

    def _keep_those_that_lead_down(self) -> None:
        """Drop the nodes that are left only by edges on which nothing flows."""
        useful = {self.bottom}
        for i in reversed(list(self.operands)):
            self.operands[i] = [edge for edge in self.operands[i] if edge[1] in useful]
            if self.operands[i]:
                useful.add(i)
            else:
                del self.operands[i]
        for j in list(self.uses):
            if j in useful:
                self.uses[j] = [use for use in self.uses[j] if use[0] in useful]
            else:
                del self.uses[j]

    def _find_dominators(self) -> None:
        """The nearest dominator of each node, by jump pointers: each answer takes the logarithm of the depth."""
        top = self.top
        self.dominator = above = [top] * (top + 1)
        depth, jump = [0] * (top + 1), [top] * (top + 1)
        for j in sorted(self.uses, reverse=True):
            uses = self.uses[j]
            found = uses[0][0]
            for a, _, _ in uses[1:]:
                while a != found:
                    if depth[a] < depth[found]:
                        a, found = found, a
                    if depth[a] > depth[found]:
                        a = jump[a] if depth[jump[a]] >= depth[found] else above[a]
                    elif jump[a] != jump[found]:
                        a, found = jump[a], jump[found]
                    else:
                        a, found = above[a], above[found]
                if found == top:
                    break
            above[j], depth[j] = found, depth[found] + 1
            far = jump[found]
            jump[j] = jump[far] if depth[found] - depth[far] == depth[far] - depth[jump[far]] else found

    def edges(self) -> frozenset[Edge]:
        """All edges on the paths."""
        return frozenset((i, place) for i, found in self.operands.items() for place, _, _ in found)

    def chain(self, above: int, below: int) -> list[int]:
        """The dominators of ``below`` from ``above``, one of them, down to ``below`` itself."""
        found = [below]
        while found[-1] != above:
            found.append(self.dominator[found[-1]])
        return found[::-1]

    def edge(self, below: int) -> Use | None:
        """The single edge that leads to a node, or None where several do."""
        uses = self.uses[below]
        return uses[0] if len(uses) == 1 else None

    def ratio(self, above: int, below: int) -> float:
        """The derivative of a node by another that it dominates, from those of the output; nan if that is 0 there."""
        known = self.adjoint[above]
        return self.adjoint[below] / known if known else math.nan

    def between(self, above: int, below: int) -> Between | None:
        """The derivative of a node by another that it dominates; None where the work for it would be too much."""
        inside, ring = {above, below}, [below]
        while ring and self.budget > 0:
            uses = self.uses[ring.pop()]
            self.budget -= len(uses)
            for user, _, _ in uses:
                if user not in inside:
                    inside.add(user)
                    ring.append(user)
        if ring:
            return None
        kept = {user for user, _, _ in self.uses[below]}
        adjoints, paths = {above: 1.0}, {above: 1}
        for i in sorted(inside, reverse=True):
            if i == below:
                break
            adjoint, count = adjoints[i], paths[i]
            if i not in kept:
                del paths[i]  # these may be very large numbers
            for _, j, partial in self.operands[i]:
                if j in inside:
                    adjoints[j] = adjoints[j] + adjoint * partial if j in adjoints else adjoint * partial
                    paths[j] = paths.get(j, 0) + count
        returns = [Return(use, adjoints[use[0]] * use[2], paths[use[0]]) for use in self.uses[below]]
        return Between(adjoints[below], sum(found.paths for found in returns), returns)


def partials(node: Value, args: Any, number: dict[Value, int], active: list[bool]) -> list[tuple[int, int, Any]]:
    """(place, operand, partial) for each operand that is active."""
    row = node.op
    if row is None or not args:
        return []
    y, xs = node.data, numbers_of(node)
    place, rules = 0, row.partials
    try:
        if isinstance(rules, tuple):
            found = []
            for place, arg in enumerate(args):  # the handler below reads `place`
                if type(arg) is not float and active[number[arg]]:
                    found.append((place, number[arg], rules[place](y, *xs)))
            return found
        return [
            (place, number[arg], partial)
            for place, (arg, partial) in enumerate(zip(args, row.partials_at(y, xs), strict=True))
            if type(arg) is not float and active[number[arg]]
        ]
    except ERRORS as error:
        raise explained(error, row, args, xs, place) from error


@contextmanager
def uncollected() -> Iterator[None]:
    """Python's collector left out for as long as many small objects are made, none of which is part of a cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def central_difference(paths: Paths) -> tuple[float, float] | None:
    """The derivative by central differences of the recorded graph, and its error; None where it has no value there.

    Two pairs of samples and Richardson's extrapolation, at the best of several steps; of a large graph, one pair.
    """
    order, bottom, top = paths.order, paths.bottom, paths.top
    value = [node.data for node in order]
    x = next((numbers_of(order[i])[place] for i, place, _ in paths.uses.get(bottom, ())), order[bottom].data)
    plan = []
    for i in range(bottom + 1, top + 1):
        node, args = order[i], paths.args[i]
        if paths.active[i] and node.op is not None:
            places = []
            for place, arg in enumerate(args):
                if type(arg) is not float and paths.active[paths.number[arg]]:  # type: ignore[index]
                    places.append((place, paths.number[arg]))  # type: ignore[index]
            plan.append((i, node.op.fn, list(numbers_of(node)), places))

    def at(t: float) -> float:
        value[bottom] = t
        for i, fn, xs, places in plan:
            for place, j in places:
                xs[place] = value[j]
            value[i] = fn(*xs)
        return float(value[top])

    y = order[top].data
    unit = max(abs(x), 1e-2 if x else 1.0)
    few = len(plan) > 20_000
    best: tuple[float, float] | None = None
    for step in [1e-5] if few else [1e-3, 1e-4, 1e-5, 1e-6]:
        h = step * unit
        noise = 4e-16 * max(abs(y), abs(x * paths.derivative)) / h
        try:
            high, low = at(x + h), at(x - h)
            slope = (high - low) / ((x + h) - (x - h))
            if few:
                bend = abs(high + low - 2 * y) / h  # how much the slope changes; the error is of second order in it
                found = (slope, max(noise, bend * bend / (abs(slope) + bend or 1.0)))
            else:
                narrow = (at(x + h / 2) - at(x - h / 2)) / ((x + h / 2) - (x - h / 2))
                found = ((4 * narrow - slope) / 3, max(noise, 0.01 * abs(narrow - slope)))
        except (*ERRORS, TypeError):  # TypeError: ** of a negative float gave a complex number
            continue
        if math.isfinite(found[0]) and (best is None or found[1] < best[1]):
            best = found
        if best is not None and best[1] <= 1e-9 * abs(best[0]):
            break
    return best


def labels(order: Iterable[Value]) -> dict[int, str]:
    """The numbers of the nodes that have a label, each with one that no other has."""
    from .notation import clean

    found: dict[int, str] = {}
    taken: dict[str, int] = {}
    for i, node in enumerate(order):
        name = node.label and clean(node.label)
        if name:
            taken[name] = taken.get(name, 0) + 1
            found[i] = name if taken[name] == 1 else f"{name}#{taken[name]}"
    return found
