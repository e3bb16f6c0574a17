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
        self.number = number = dict(zip(self.order, range(len(self.order)), strict=True))
        self.top = top = len(self.order) - 1
        self.bottom = bottom = number.get(wrt, -1)
        self.places: list[list[tuple[int, int]]] = [[]] * (bottom + 1)  # (place, operand) where something may come back
        active = [False] * (top + 1)
        if bottom >= 0:
            active[bottom] = True
        nothing: list[tuple[int, int]] = []
        for i in range(bottom + 1, top + 1):
            found = nothing
            for place, arg in enumerate(self.order[i].args):
                if type(arg) is not float and active[j := number[arg]]:  # type: ignore[index]  # no float
                    if found:
                        found.append((place, j))
                    else:
                        found = [(place, j)]
            if found:
                active[i] = True
            self.places.append(found)
        self.uses: dict[int, list[Use]] = {}
        self.live = self.places  # without those on which nothing flows, as from a branch that was not taken
        self.partials: dict[int, list[Any]] = {}  # of each place of ``live``
        self.adjoint: list[Any] = [None] * (top + 1)
        if active[top]:
            self.adjoint[top] = 1.0
        self._sweep()
        self.derivative = 0.0 if self.adjoint[bottom] is None else self.adjoint[bottom]
        self._find_dominators()
        self.edge_count = sum(map(len, self.uses.values()))
        self.budget = self.edge_count + 20_000  # edges that ``between`` may pass in all

    def _sweep(self) -> None:
        """Reverse mode, as in ``sweeps``, keeping the edges that it takes."""
        order, places, adjoints, uses = self.order, self.places, self.adjoint, self.uses
        all_partials, switched_off = self.partials, False
        for i in range(self.top, self.bottom, -1):
            adjoint, mine = adjoints[i], places[i]
            if adjoint is None or not mine:
                continue
            node = order[i]
            rules: Any = node.op.partials  # type: ignore[union-attr]  # no leaf
            if type(rules) is tuple:
                y, xs = node.data, numbers_of(node)
                try:
                    found = [rules[place](y, *xs) for place, _ in mine]
                except ERRORS:
                    partials(node, mine)  # the same, with an error that names the operation
                    raise
            else:
                found = partials(node, mine)
            all_partials[i] = found
            for (place, j), partial in zip(mine, found, strict=True):
                if partial == 0 and type(partial) is int:
                    switched_off = True
                    continue
                known = adjoints[j]
                if known is None:
                    adjoints[j] = adjoint * partial
                    uses[j] = [(i, place, partial)]
                else:
                    adjoints[j] = known + adjoint * partial
                    uses[j].append((i, place, partial))
        if switched_off:
            self._keep_those_that_lead_down()

    def _keep_those_that_lead_down(self) -> None:
        """Drop the edges on which nothing flows, and the nodes that have no others."""
        useful, self.live = {self.bottom}, [*self.places]
        for i in reversed(list(self.partials)):
            kept = [
                (edge, partial)
                for edge, partial in zip(self.places[i], self.partials[i], strict=True)
                if edge[1] in useful and not (type(partial) is int and partial == 0)
            ]
            self.live[i], self.partials[i] = [edge for edge, _ in kept], [partial for _, partial in kept]
            if kept:
                useful.add(i)
            else:
                del self.partials[i]
        for j in list(self.uses):
            if j in useful:
                self.uses[j] = [use for use in self.uses[j] if use[0] in useful]
            else:
                del self.uses[j]

    def _find_dominators(self) -> None:
        """The nearest dominator of each node, by jump pointers: each answer takes the logarithm of the depth."""
        top = self.top
        self.dominator = above = [top] * (top + 1)
        self.depth = depth = [0] * (top + 1)  # how many dominators a node has
        self.jump = jump = [top] * (top + 1)  # one of them, the further up the deeper
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
        return frozenset((i, place) for i in self.partials for place, _ in self.live[i])

    def length(self, above: int, below: int) -> int:
        """How many nodes ``chain`` has."""
        return self.depth[below] - self.depth[above] + 1

    def chain(self, above: int, below: int) -> list[int]:
        """The dominators of ``below`` from ``above``, one of them, down to ``below`` itself."""
        found, dominator = [below], self.dominator
        while below != above:
            below = dominator[below]
            found.append(below)
        return found[::-1]

    def ancestor(self, below: int, steps: int) -> int:
        """The dominator of ``below`` so many steps up, in logarithmic time."""
        depth = self.depth[below] - steps
        while self.depth[below] > depth:
            far = self.jump[below]
            below = far if self.depth[far] >= depth else self.dominator[below]
        return below

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
        uses_of, live, partials_of = self.uses, self.live, self.partials
        inside, ring, budget = {above, below}, [below], self.budget
        if (above, below) == (self.top, self.bottom) and budget > self.edge_count:  # all that there is
            inside, ring, budget = {above, *uses_of}, [], budget - self.edge_count
        while ring and budget > 0:
            uses = uses_of[ring.pop()]
            budget -= len(uses)
            for user, _, _ in uses:
                if user not in inside:
                    inside.add(user)
                    ring.append(user)
        self.budget = budget
        if ring:
            return None
        kept = {user for user, _, _ in uses_of[below]}
        paths = {above: 1}
        whole = above == self.top  # then the sweep has done the sum already
        adjoints: Any = self.adjoint if whole else {above: 1.0}
        for i in sorted(inside, reverse=True):
            if i == below:
                break
            count = paths[i] if i in kept else paths.pop(i)  # these may be very large numbers
            if whole:
                for _, j in live[i]:
                    if j in inside:
                        paths[j] = paths[j] + count if j in paths else count
                continue
            adjoint = adjoints[i]
            for (_, j), partial in zip(live[i], partials_of[i], strict=True):
                if j in adjoints:
                    adjoints[j] += adjoint * partial
                    paths[j] += count
                elif j in inside:
                    adjoints[j] = adjoint * partial
                    paths[j] = count
        returns = [Return(use, adjoints[use[0]] * use[2], paths[use[0]]) for use in uses_of[below]]
        return Between(adjoints[below], paths[below], returns)


def partials(node: Value, places: list[tuple[int, int]]) -> list[Any]:
    """The partial for each (place, operand) of ``places``."""
    row: Any = node.op
    y, xs, rules = node.data, numbers_of(node), row.partials
    place = 0
    try:
        if type(rules) is tuple:
            found = []
            for place, _ in places:  # the handler below reads `place`
                found.append(rules[place](y, *xs))
            return found
        every = row.partials_at(y, xs)
        return every if len(every) == len(places) else [every[place] for place, _ in places]
    except ERRORS as error:
        raise explained(error, row, node.args, xs, place) from error


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
        if paths.places[i]:
            node = order[i]
            fn = node.op.fn  # type: ignore[union-attr]  # no leaf
            plan.append((i, fn, [*numbers_of(node)], paths.places[i]))

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
