"""Instructions run on an array of JAX: levels in a scan, turns that do not wait in a vmap, others in a scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program import ARITY, NAMES, Loop, Program

Array = Any  # of JAX
Indices = NDArray[np.int64]

FEW = 48  # instructions that XLA is given one by one
LEAST_TURNS = 3  # with fewer a loop is written out

Kind = tuple[Any, ...]  # the operation, and what else must be equal for instructions to be done as one


@dataclass(eq=False)
class Block:
    """Instructions, whose operands are numbers: first ``outside``, that many, then the results of the block itself."""

    outside: int
    kinds: list[Kind]
    starts: Indices  # of the operands of each instruction among all, and the end
    operands: Indices
    loops: list[Loop]
    live: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def of(self, i: int) -> Indices:
        return self.operands[self.starts[i] : self.starts[i + 1]]


def listed(program: Program, number: Callable[[NDArray[Any]], Indices]) -> tuple[list[Kind], Indices, Indices]:
    kinds: list[Kind] = []
    parts: list[NDArray[Any]] = []
    for op, a, b, c, d in program.code.tolist():
        name = NAMES[op]
        if name == "call":
            parts.append(program.lists[b])
            kinds.append((name, program.rows[a], len(parts[-1])))
        elif name == "take":
            parts.append(np.concatenate([[a], program.lists[b]]))
            kinds.append((name, len(parts[-1]) - 1))
        else:
            parts.append(np.array([a, b, c, d][: ARITY[name]]))
            kinds.append((name,))
    starts = np.cumsum([0, *map(len, parts)])
    return kinds, starts, number(np.concatenate([np.zeros(0, np.int64), *parts]))


@dataclass(eq=False)
class _Turns:
    """A loop in a block: what its turns look at outside themselves, a row for each turn, and the turn as a block."""

    start: int
    loop: Loop
    places: list[int]  # the instructions of a turn that this is about
    outside: Indices
    block: Block
    waits: bool  # whether a turn looks at another


@dataclass(eq=False)
class _Step:
    """A stretch of instructions, or a loop."""

    instructions: list[int]
    turns: _Turns | None = None
    at: int = 0  # where the results are put
    built: Built | None = None


class Built:
    """How a block is run on an array of what it looks at; its live results follow there, each at its slot."""

    def __init__(self, block: Block, functions: dict[str, Any], called: dict[str, Any]) -> None:
        self.block, self.functions, self.called = block, functions, called
        self.slots = np.full(len(block.kinds), -1)
        self.size = 0
        self.loops = 0  # that there are in the block, also within others
        self.steps: list[_Step] = []
        for step in self._steps():
            step.at = self.size
            if step.turns is None:
                self.slots[step.instructions] = self.size + np.arange(len(step.instructions))
                self.size += len(step.instructions)
            else:
                turns = step.turns
                step.built = Built(turns.block, functions, called)
                self.loops += 1 + step.built.loops
                for t in range(turns.loop.count):
                    at = turns.start + t * turns.loop.period + np.array(turns.places)
                    self.slots[at] = np.where(step.built.slots < 0, -1, self.size + step.built.slots)
                    self.size += step.built.size
            self.steps.append(step)

    # -- what there is to do

    def _units(self, loops: Sequence[Loop], low: int, high: int) -> Iterator[int | _Turns]:
        """Instructions, and loops in one or two parts, in an order in which they can be done."""
        for loop in loops:
            yield from (i for i in range(low, loop.start) if self.block.live[i])
            low = loop.start + loop.period * loop.count
            parts = self._parts(loop) if loop.count >= LEAST_TURNS else None
            if parts is not None:
                yield from parts
                continue
            for t in range(loop.count):  # written out
                start = loop.start + t * loop.period
                yield from self._units(
                    [_moved(one, start - loop.start) for one in loop.inner], start, start + loop.period
                )
        yield from (i for i in range(low, high) if self.block.live[i])

    def _parts(self, loop: Loop) -> list[_Turns] | None:
        """First the part of a loop's turns that need not wait for other turns, then the part that must."""
        block, first, period, count = self.block, loop.start, loop.period, loop.count
        low, high = block.starts[first], block.starts[first + period * count]
        numbers = block.operands[low:high].reshape(count, -1)
        begins = block.outside + first + period * np.arange(count)[:, None]
        local = (numbers >= begins) & (numbers < begins + period)
        if (local != local[0]).any() or ((numbers - begins)[:, local[0]] != (numbers - begins)[0, local[0]]).any():
            return None  # an operand that is within the turn in some turns only, or moves there
        crossing = ~local[0] & ((numbers >= begins[0]) & (numbers < begins[-1] + period)).any(axis=0)
        starts = block.starts[first : first + period + 1] - low

        waiting = np.zeros(period, bool)
        inner = sorted(loop.inner, key=lambda one: one.start)
        unit = np.arange(period)  # an inner loop waits as a whole
        for one in inner:
            unit[one.start - first : one.start - first + one.period * one.count] = one.start - first
        while True:  # a second time only if something in an inner loop looks at a later turn of it
            before = waiting.copy()
            for j in range(period):
                mine = slice(starts[j], starts[j + 1])
                near = (numbers[0, mine] - begins[0])[local[0, mine]]
                waiting[unit[j]] |= crossing[mine].any() or waiting[unit[near]].any()
            waiting = waiting[unit]
            if (waiting == before).all():
                break
        parts = []
        for waits in (False, True):
            places = np.flatnonzero(waiting == waits)
            if block.live[first + places].any():
                parts.append(self._turns(loop, places, numbers, begins, local[0], starts, waits))
        return parts

    def _turns(
        self,
        loop: Loop,
        places: Indices,
        numbers: Indices,
        begins: Indices,
        local: NDArray[np.bool_],
        starts: Indices,
        waits: bool,
    ) -> _Turns:
        place_of = np.full(loop.period, -1)
        place_of[places] = np.arange(len(places))
        columns: dict[bytes, int] = {}
        outside: list[Indices] = []
        operands: list[tuple[bool, int]] = []
        lengths = [0]
        for j in places.tolist():
            for k in range(starts[j], starts[j + 1]):
                within = place_of[numbers[0, k] - begins[0, 0]] if local[k] else -1
                if within >= 0:
                    operands.append((True, int(within)))
                    continue
                column = np.ascontiguousarray(numbers[:, k])
                key = column.tobytes()
                if key not in columns:
                    columns[key] = len(outside)
                    outside.append(column)
                operands.append((False, columns[key]))
            lengths.append(len(operands))
        kinds = [self.block.kinds[loop.start + j] for j in places.tolist()]
        flat = np.array([len(outside) + x if within else x for within, x in operands], np.int64)
        inner = []
        for one in loop.inner:
            at = place_of[one.start - loop.start]
            if at >= 0:
                inner.append(_moved(one, int(at) - one.start))
        block = Block(len(outside), kinds, np.array(lengths), flat, inner, self.block.live[loop.start + places])
        rows = np.stack(outside, axis=1) if outside else np.zeros((loop.count, 0), np.int64)
        return _Turns(loop.start, loop, places.tolist(), rows, block, waits)

    # -- in which steps

    def _steps(self) -> Iterator[_Step]:
        stretch: list[int] = []
        for unit in self._units(self.block.loops, 0, len(self.block.kinds)):
            if isinstance(unit, int):
                stretch.append(unit)
            else:
                if stretch:
                    yield _Step(stretch)
                    stretch = []
                yield _Step([], unit)
        if stretch:
            yield _Step(stretch)

    # -- run

    def where(self, numbers: Indices) -> Indices:
        """Where in the array the values with these numbers are."""
        outside = self.block.outside
        slots = np.concatenate([np.arange(outside), outside + self.slots])
        return slots[numbers]

    def run(self, given: Array) -> Array:
        import jax.numpy as jnp

        state = jnp.concatenate([given, jnp.zeros(self.size, given.dtype)])
        for step in self.steps:
            if step.turns is not None:
                state = self._loop(step, state)
            elif len(step.instructions) <= FEW:
                state = self._directly(step, state)
            else:
                state = self._by_level(step, state)
        return state

    def _function(self, kind: Kind) -> Callable[..., Array]:
        """Of the array and one argument for each operand: numbers or vectors, but of ``take``'s list the places."""
        if kind[0] == "take":
            return _taken
        function = self.called[kind[1]] if kind[0] == "call" else self.functions[kind[0]]
        return lambda _, *operands: function(*operands)

    def _directly(self, step: _Step, state: Array) -> Array:
        """One after the other, each a scalar."""
        import jax.numpy as jnp

        results: dict[int, Array] = {}

        def value(number: int) -> Array:
            at = number - self.block.outside
            return results[at] if at in results else state[int(self.where(np.array(number)))]

        def at_once(numbers: Indices) -> Array:
            return jnp.stack([value(x) for x in numbers.tolist()])

        for i in step.instructions:
            kind, operands = self.block.kinds[i], self.block.of(i)
            if kind[0] == "take":
                results[i] = _taken(at_once(operands[1:]), value(int(operands[0])), np.arange(len(operands) - 1))
            else:
                results[i] = self._function(kind)(state, *map(value, operands.tolist()))
        return _put(state, jnp.stack(list(results.values())), self.block.outside + step.at)

    def _by_level(self, step: _Step, state: Array) -> Array:
        """Level by level in a scan: of each kind, as many at once as a level has on average.

        An instruction's level is how many others it has to wait for, one after the other.  What a level has less than
        the average is made up by instructions of no meaning, whose results go to a place that nobody looks at.
        """
        import jax.numpy as jnp
        from jax import lax

        levels = np.full(len(self.block.kinds), -1)
        groups: dict[Kind, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for i in step.instructions:
            waits_for = self.block.of(i) - self.block.outside
            levels[i] = 1 + levels[waits_for[waits_for >= 0]].max(initial=-1)
            groups[self.block.kinds[i]][int(levels[i])].append(i)
        depth = int(levels.max()) + 1
        widths = {kind: -(-sum(map(len, those.values())) // depth) for kind, those in groups.items()}
        scanned = [
            max(-(-len(those.get(level, ())) // widths[kind]) for kind, those in groups.items())
            for level in range(depth)
        ]
        firsts = np.cumsum([0, *scanned])
        nowhere = self.block.outside + self.size
        rows = {}
        for kind, those in groups.items():
            count = len(self.block.of(next(iter(those.values()))[0]))
            at = np.zeros((int(firsts[-1]), count, widths[kind]), np.int32)
            to = np.full((int(firsts[-1]), widths[kind]), nowhere, np.int32)
            for level, members in those.items():
                where = self.where(np.stack([self.block.of(i) for i in members]))
                row, lane = np.divmod(np.arange(len(members)), widths[kind])
                at[firsts[level] + row, :, lane] = where
                to[firsts[level] + row, lane] = self.block.outside + self.slots[members]
            rows[kind] = (at, to)

        def turn(state: Array, row: dict[Kind, tuple[Array, Array]]) -> tuple[Array, None]:
            results = []
            for kind, (at, _) in row.items():
                looked_at = 1 if kind[0] == "take" else len(at)
                operands = [state.at[at[k]].get(mode="promise_in_bounds") for k in range(looked_at)]
                more = (at[1:],) if kind[0] == "take" else ()
                results.append(self._function(kind)(state, *operands, *more))
            to = jnp.concatenate([to for _, to in row.values()])
            return state.at[to].set(jnp.concatenate(results), mode="promise_in_bounds"), None

        state = jnp.concatenate([state, jnp.zeros(1, state.dtype)])
        names = {kind: "/".join(map(str, kind)) for kind in rows}  # JAX sorts keys, and these are of one type
        given = {names[kind]: row for kind, row in rows.items()}
        state, _ = lax.scan(lambda s, row: turn(s, {kind: row[names[kind]] for kind in rows}), state, given)
        return state[:-1]

    def _loop(self, step: _Step, state: Array) -> Array:
        import jax
        from jax import lax

        turns, built = step.turns, step.built
        assert turns is not None
        assert built is not None
        at, outside = self.where(turns.outside).astype(np.int32), turns.block.outside
        begin = self.block.outside + step.at
        if not turns.waits:
            looked_at = gathered(state, at.ravel()).reshape(at.shape)
            results = jax.vmap(lambda row: built.run(row)[outside:])(looked_at)
            return _put(state, results.ravel(), begin)

        def turn(state: Array, row: tuple[Array, Array]) -> tuple[Array, None]:
            where, to = row
            results = built.run(state.at[where].get(mode="promise_in_bounds"))[outside:]
            return lax.dynamic_update_slice(state, results, (to,)), None

        begins = (begin + built.size * np.arange(turns.loop.count)).astype(np.int32)
        return lax.scan(turn, state, (at, begins))[0]


def _moved(loop: Loop, by: int) -> Loop:
    return Loop(loop.start + by, loop.period, loop.count, tuple(_moved(one, by) for one in loop.inner))


def gathered(state: Array, at: NDArray[Any]) -> Array:
    """Elements of an array: a slice, where they stand side by side."""
    if len(at) and (np.diff(at) == 1).all():
        return state[int(at[0]) : int(at[-1]) + 1]
    return state.at[at.astype(np.int32)].get(mode="promise_in_bounds")


def _taken(state: Array, index: Array, members: Array) -> Array:
    """The element of ``state`` at the place in ``members`` (a column for each index) that an index means, or nan."""
    import jax.numpy as jnp

    place = jnp.trunc(index)
    place = jnp.where(place < 0, place + len(members), place)
    inside = (place >= 0) & (place < len(members))
    chosen = jnp.where(inside, place, 0).astype(int)
    members = jnp.asarray(members)
    at = members[chosen] if members.ndim == 1 else jnp.take_along_axis(members, chosen[None], axis=0)[0]
    return jnp.where(inside, state.at[at].get(mode="promise_in_bounds"), jnp.nan)


def _put(state: Array, results: Array, at: int) -> Array:
    from jax import lax

    return lax.dynamic_update_slice(state, results, (at,))
