"""Reverse mode on floats, fast: the order of visits, the ring in which nodes wait, and what ``Value.backward`` keeps.

Reading order: ``primitives``, ``value``, ``sweeps`` (the 20 lines that say it all), ``backward`` (this file: the same,
fast).  Compiled, it has the fields of ``Value`` and the partials of the table in C; what C lacks, or what is not
finite, is asked of the row itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

import cython
from cython import NULL, cast, p_void

from .errors import ERRORS, explained, unset
from .native.choice import remind
from .primitives import ROWS
from .value import use_backward

if not cython.compiled:  # in C, all these come from backward.pxd
    from math import isfinite

    from .native.interpreted import (
        check_signals,
        dead1,
        dead2,
        dead_many,
        doubles,
        free,
        make_room,
        next_birth,
        partial1,
        partial2,
        partials_many,
        prefetch_older,
    )
    from .value import BINARY, LEAF, MANY, UNARY, UNSET, Value, numbers_of, operands_of, required

COMPILED = bool(cython.compiled)
LIST, KEEP = 1, 2  # what a sweep does with the nodes that it visits
LIVE = 1  # the state of a node that a derivative came to, or, where they are asked for, that depends on an input
SPARE = 1024 if COMPILED else 128  # ages that a sweep's ring takes in however few wait: it passes over the empty places
NEVER = -(1 << 62)  # a birth before all others
LARGE = 100_000  # nodes for whose sweep one waits, where it is interpreted
MEANWHILE = "the graph was swept by another thread, or by a rule of its own, at the same time"


def backward(output: Value, grad: Any) -> None:
    """What ``Value.backward`` does."""
    _shape_of(output)
    sweep = Sweep(output._birth, ())
    _reach(sweep, output, required(grad, "backward"), True)
    try:
        _visit_all(sweep, KEEP)
    except BaseException:
        _restore(output, sweep)
        raise
    _keep(sweep.leaves)
    if not COMPILED and output._birth - sweep.at >= LARGE:  # so many were born since the oldest result behind it
        remind()


def topological(*outputs: Value, stop: Iterable[Value] = ()) -> list[Value]:
    """All nodes that the outputs were computed from: leaves first, then results, each in the order of their birth.

    So operands come before results.  Nodes in ``stop`` count as leaves: nothing behind them is entered.
    """
    sweep = Sweep(_youngest(outputs), stop)
    for node in outputs:
        _shape_of(node)
        _reach(sweep, node, 0.0, False)
    _visit_all(sweep, LIST)
    leaves, visited = sweep.leaves, sweep.visited
    # a leaf is there twice if another thread swept it too, so that it did not find its place
    order = list(dict.fromkeys([cast(Value, leaves.items[i]) for i in range(leaves.n)]))
    order.sort(key=birth_of)
    order += [cast(Value, visited.items[i]) for i in range(visited.n - 1, -1, -1)]
    return order


def sweep_floats(nodes: list[Value], seeds: dict[Value, float], inputs: list[Value]) -> list[float]:
    """The adjoints of ``inputs`` as floats, from those of the seeds.

    ``nodes`` is the topological order that stops at the inputs.  All that does not depend on an input is left alone.
    """
    if not COMPILED and len(nodes) >= LARGE:
        remind()
    wanted = set(inputs)
    sweep = Sweep(_youngest(seeds), wanted)
    known = sweep.known = sweep.leaves
    places: dict[Value, int] = {}
    for node in nodes:
        place = _place(known, node)
        if (node._shape == LEAF or sweep.stop is not None) and node in wanted:
            places[node] = place
            known.states[place] = LIVE
        elif node._shape == MANY:
            for operand in node._a:
                if _is_active(known, operand):
                    known.states[place] = LIVE
                    break
        elif node._shape != LEAF and (_is_active(known, node._a) or _is_active(known, node._b)):
            known.states[place] = LIVE
    for node, seed in seeds.items():
        if _is_active(known, node):
            _reach(sweep, node, seed, True)
    _visit_all(sweep, 0)
    if known.n != len(nodes):  # one did not find its place and got another
        raise RuntimeError(MEANWHILE)
    return [known.numbers[places[node]] if node in places else 0.0 for node in inputs]


def _is_active(known: Nodes, node: Any) -> bool:
    """Whether an operand depends on an input."""
    if node is None:
        return False
    place = _place_of(known, node)
    if place < 0:
        raise RuntimeError(MEANWHILE)
    return known.states[place] == LIVE


class Nodes:
    """Places for nodes, each with a number and a state; compiled, they do not own them: the outputs keep them alive."""

    __slots__ = ("items", "n", "numbers", "room", "states")

    def __init__(self, room: int) -> None:
        self.n = self.room = 0
        self.items: Any = NULL
        self.numbers: Any = NULL
        self.states: Any = NULL
        make_room(self, room)

    def __dealloc__(self) -> None:
        free(self.items)


def _push(nodes: Nodes, node: Value, number: float) -> int:
    if nodes.n == nodes.room:
        make_room(nodes, 2 * nodes.room)
    nodes.items[nodes.n] = cast(p_void, node)
    nodes.numbers[nodes.n] = number
    nodes.n += 1
    return 0


def _place_of(nodes: Nodes, node: Value) -> int:
    """The node's place in this list, or -1: an index that belongs to another list shows by what lies there."""
    place = node._index  # read once, as another thread may change it
    return place if place < nodes.n and nodes.items[place] is cast(p_void, node) else -1


def _place(nodes: Nodes, node: Value) -> int:
    """The node's place in this list, at its end if it has none yet."""
    place = _place_of(nodes, node)
    if place < 0:
        place = node._index = nodes.n
        _push(nodes, node, 0.0)
    return place


class Sweep:
    """Visits all nodes behind some outputs, each once, the younger before the older, and adds up what they are passed.

    An operand is older than what was computed from it, so that all uses of a node have been visited when its turn
    comes: its adjoint is complete.  (In ``b = a + a; c = b + b`` b must have both returns from c before it passes
    anything on to a.)  Nodes that were reached wait in a ring of places, each at its birth modulo the ring's room; the
    few that are much older wait in a heap until the sweep comes near.
    Leaves and what is in ``stop`` pass nothing on and are just listed: they find their place by their ``_index``.
    """

    __slots__ = (
        "at", "births", "dead", "far", "given", "known", "leaves", "nearest", "ring", "stop", "visited", "waiting",
    )  # fmt: skip

    def __init__(self, at: int, stop: Any) -> None:
        stop = {node for node in stop if isinstance(node, Value) and _shape_of(node) != LEAF}
        self.stop = stop or None
        self.leaves, self.visited, self.ring = Nodes(16), Nodes(64), Nodes(128)
        self.at = at  # the birth of the node that is visited; at first, of the youngest output
        self.dead = False  # whether the partial computed last was an integer 0: "this operand does not matter"
        self.waiting = 0  # how many nodes are in the ring
        self.far: dict[int, list[Any]] = {}  # those beyond it, by birth: node, adjoint, whether it is live
        self.births: list[int] = []  # a heap of their births, negative so that the youngest comes first
        self.nearest = NEVER  # the youngest of their births
        self.known: Nodes | None = None  # see sweep_floats
        self.given = Nodes(16)  # its numbers are the partials of the node that is visited, if it has many operands


def birth_of(node: Value) -> int:
    return node._birth


def _shape_of(node: Value) -> int:
    if node._shape == UNSET:
        unset(node)
    return node._shape


def _youngest(nodes: Any) -> int:
    return max([birth_of(node) for node in nodes], default=0)


def _reach(sweep: Sweep, node: Value, term: float, live: bool) -> int:
    """Let the node wait for its visit, and add the term to its adjoint if it is live."""
    if node._shape == LEAF or (sweep.stop is not None and node in sweep.stop):
        place = _place(sweep.leaves, node)
        if live:
            sweep.leaves.numbers[place] += term
        return 0
    ring, age = sweep.ring, sweep.at - node._birth
    if age >= ring.room:
        if age >= SPARE + 16 * (sweep.waiting + len(sweep.births)):
            return _defer(sweep, node, term, live)
        ring = _widened(sweep, age)
    slot = node._birth & (ring.room - 1)
    if ring.items[slot] is not cast(p_void, node):
        if age < 0 or ring.items[slot] is not NULL:
            raise RuntimeError("a node must be younger than its operands, and no two may have the same birth")
        ring.items[slot] = cast(p_void, node)
        sweep.waiting += 1
    if live:
        ring.numbers[slot] += term
        ring.states[slot] = LIVE
    return 0


def _defer(sweep: Sweep, node: Value, term: float, live: bool) -> int:
    """Let a node wait that is too old for the ring."""
    entry = sweep.far.get(node._birth)
    if entry is None:
        entry = sweep.far[node._birth] = [node, 0.0, False]
        heappush(sweep.births, -node._birth)
        sweep.nearest = -sweep.births[0]
    if live:
        entry[1] += term
        entry[2] = True
    return 0


def _widened(sweep: Sweep, age: int) -> Nodes:
    """A ring with room for this age, in which everything waits that did in the one before."""
    ring, room = sweep.ring, sweep.ring.room
    while room <= age:
        room *= 2
    sweep.ring = Nodes(room)
    sweep.waiting = 0
    for slot in range(ring.room):
        if ring.items[slot] is not NULL:
            _reach(sweep, cast(Value, ring.items[slot]), ring.numbers[slot], ring.states[slot] == LIVE)
    _draw_near(sweep)  # or the next visit would pass over those that this ring has room for
    return sweep.ring


def _draw_near(sweep: Sweep) -> int:
    """Let the nodes wait in the ring that are no longer too old for it."""
    while sweep.at - sweep.nearest < sweep.ring.room:
        node, adjoint, live = sweep.far.pop(-heappop(sweep.births))
        sweep.nearest = -sweep.births[0] if sweep.births else NEVER
        _reach(sweep, node, adjoint, live)
    return 0


def _visit_all(sweep: Sweep, do: int) -> int:
    """Visit the nodes that wait, until none is left.

    What to do with them, beside passing on what they were passed: LIST them in ``visited``; or KEEP their adjoints as
    their gradients, and list those that had one, with it.
    """
    while sweep.waiting or sweep.nearest != NEVER:
        if sweep.waiting:
            sweep.at = next_birth(sweep.ring.items, sweep.at, sweep.ring.room)
        else:
            sweep.at = sweep.nearest
        if sweep.at - sweep.nearest < sweep.ring.room:
            _draw_near(sweep)
        ring = sweep.ring
        slot = sweep.at & (ring.room - 1)
        if sweep.at & 0xFFFF == 0:
            check_signals()  # for Ctrl-C, in a sweep that takes long
        node, adjoint, live = ring.items[slot], ring.numbers[slot], ring.states[slot] == LIVE
        ring.items[slot], ring.numbers[slot], ring.states[slot] = NULL, 0.0, 0
        sweep.waiting -= 1
        _visit(sweep, cast(Value, node), adjoint, do)
        _pass_on(sweep, cast(Value, node), adjoint, live)
    return 0


def _pass_on(sweep: Sweep, node: Value, adjoint: float, live: bool) -> int:
    """Reach the operands of a node: adjoint(a) is the sum over the uses of a of adjoint(use) * d use / d a."""
    if node._shape == BINARY:
        if node._a is not None:
            _pass_to(sweep, node, 0, cast(Value, node._a), adjoint, live, None)
        if node._b is not None:
            _pass_to(sweep, node, 1, cast(Value, node._b), adjoint, live, None)
    elif node._shape == UNARY:
        _pass_to(sweep, node, 0, cast(Value, node._a), adjoint, live, None)
    else:
        operands = node._a
        partials: list[Any] = []
        if COMPILED and live:
            _give(sweep, node)
        for by in range(len(operands)):
            if operands[by] is not None:
                _pass_to(sweep, node, by, cast(Value, operands[by]), adjoint, live, partials)
    return 0


def _pass_to(sweep: Sweep, node: Value, by: int, operand: Value, adjoint: float, live: bool, partials: Any) -> int:
    if sweep.known is not None and not _is_active(sweep.known, operand):
        return 0
    p = 0.0
    if live:
        p = _partial(sweep, node, by, partials) if COMPILED else _asked(sweep, node, by, partials)
        live = p != 0 or not sweep.dead
    return _reach(sweep, operand, adjoint * p, live)


def _visit(sweep: Sweep, node: Value, adjoint: float, do: int) -> int:
    if COMPILED:
        prefetch_older(node)
    if do == KEEP:
        if node._graded:
            _push(sweep.visited, node, node._grad)
        node._grad = adjoint
        node._graded = True
    elif do == LIST:
        _push(sweep.visited, node, 0.0)
    return 0


def _restore(output: Value, sweep: Sweep) -> int:
    """Give the nodes that a sweep from ``output`` has visited the gradients back that they had, or none."""
    for node in topological(output):
        if node._shape != LEAF and node._birth >= sweep.at:
            node._grad = 0.0
            node._graded = False
    visited = sweep.visited
    for i in range(visited.n):
        node = cast(Value, visited.items[i])
        node._grad = visited.numbers[i]
        node._graded = True
    return 0


def _keep(leaves: Nodes) -> int:
    """Add the leaves' adjoints to their gradients; a constant's begins anew.

    A leaf is there twice, with a part of its adjoint each, if another sweep took its place meanwhile.
    """
    for i in range(leaves.n):
        leaf = cast(Value, leaves.items[i])
        leaf._graded = leaf._graded and leaf._code == 0
    for i in range(leaves.n):
        leaf = cast(Value, leaves.items[i])
        leaf._grad = leaf._grad + leaves.numbers[i] if leaf._graded else leaves.numbers[i]
        leaf._graded = True
    return 0


# ---- partials --------------------------------------------------------------------------------------------------------


def _partial(sweep: Sweep, node: Value, by: int, partials: list[Any]) -> float:
    """The partial by operand ``by``; ``partials`` is where all are kept that a rule gives at once."""
    if node._shape == BINARY:
        p = partial2(node._code, by, node._data, node._xa, node._xb)
        if p == 0:
            sweep.dead = dead2(node._code, by, node._data, node._xa, node._xb)
    elif node._shape == UNARY:
        p = partial1(node._code, node._data, node._xa)
        if p == 0:
            sweep.dead = dead1(node._code, node._data, node._xa)
    else:
        p = sweep.given.numbers[by]
        if p == 0:
            sweep.dead = dead_many(node._code, by, len(node._a), node._data, doubles(node._b))
    return p if isfinite(p) else _asked(sweep, node, by, partials)


def _give(sweep: Sweep, node: Value) -> int:
    """Have all the partials of a node of many operands in ``sweep.given``: at once, as they share what takes long."""
    n = len(node._a)
    if n > sweep.given.room:
        make_room(sweep.given, 2 * n)
    partials_many(node._code, n, node._data, doubles(node._b), sweep.given.numbers)
    return 0


def _asked(sweep: Sweep, node: Value, by: int, partials: list[Any]) -> float:
    """The partial that the row itself gives, with an error that names the operation."""
    row = ROWS[node._code]
    try:
        if node._shape == BINARY:
            partial = row.partials[by](node._data, node._xa, node._xb)
        elif row.arity is not None:
            partial = row.partials[by](node._data, *numbers_of(node))
        else:
            if not partials:
                partials.extend(row.partials_at(node._data, numbers_of(node)))
            partial = partials[by]
    except ERRORS as error:
        raise explained(error, row, operands_of(node), numbers_of(node), by) from error
    sweep.dead = type(partial) is int and partial == 0
    return partial if type(partial) is float else required(partial, f"a partial of {row}")


use_backward(backward)
