"""A flat program with its loops rolled: every instruction once, and where its operands lie from turn to turn.

What an executor needs to write loops down: a tree of ``Block`` (turns), in which steps follow each other, and for each
operand of a step whether it is a number, a register of the same turn, one carried from the turn before, or lies in
memory, at an address that moves evenly with the turns or is looked up in a table.  What is needed outside the turn that
makes it is stored in a work space: one place for each turn, next to each other for the turns of the loop that is to be
run on several turns at once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .program import ARITY, CODES, NAMES, Integers, Loop, Program
from .repeats import problem

PIECE = 400  # instructions of straight code that make a block
COUNTS = np.array([ARITY[name] for name in NAMES])

# where an operand may lie
INPUTS, VARYING, CONSTANTS, WORK, TABLES, OUTPUTS, SUMS, LANES = SPACES = (
    *("inputs", "varying", "constants", "work", "tables", "outputs", "sums", "lanes"),
)


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Register:
    """What another step gave in this turn, or in the turn of a loop around that this one belongs to."""

    step: int


@dataclass(frozen=True)
class Memory:
    """``space[base + Σ turn·stride]``, over the loops from the outermost on.

    If there is a ``table``, ``tables[table + Σ turn·along]`` is added to the place.
    """

    space: str
    base: int
    strides: tuple[int, ...]
    table: int = -1
    along: tuple[int, ...] = ()


@dataclass(frozen=True)
class Carried:
    """What a step gave in the turn before; ``first`` in the first turn."""

    step: int
    first: Number | Memory


Operand = Number | Register | Memory | Carried


@dataclass
class Step:
    """An instruction, or "copy"; ``store`` is where its result is put, after the last turn only if ``late``.

    ``sum`` is the operand that is its own result of the turn before, in the wide loop, and ``kept`` that of a loop
    further out, which lies in memory and is added to there; where turns done at once may add to sums of their own,
    ``lanes`` is where those of one in memory lie.  A ``take`` finds at ``choices`` where in the tables the addresses
    of its ``among`` values begin, which lie in ``space``.
    """

    number: int
    name: str
    operands: list[Operand] = field(default_factory=list)
    store: Memory | None = None
    late: bool = False
    sum: int = -1
    kept: int = -1
    lanes: Memory | None = None
    choices: Memory | None = None
    among: int = 0
    space: str = ""


@dataclass(eq=False)
class Block:
    """``count`` turns of steps and other blocks; ``before`` is to be done first.

    ``wide`` if several turns can be done at once; ``apart`` are those of its sums in memory that have one for each: the
    first of them, where they go together afterwards, and how many they are.
    """

    level: int
    count: int
    items: list[Step | Block] = field(default_factory=list)
    before: list[Block] = field(default_factory=list)
    wide: bool = False
    apart: list[tuple[int, Memory, int]] = field(default_factory=list)

    def steps(self) -> Iterator[Step]:
        for item in self.items:
            if isinstance(item, Step):
                yield item
            elif isinstance(item, Block):
                yield from item.steps()


@dataclass
class Rolled:
    """Blocks in order; ``work`` is how many doubles the work space has, ``lanes`` how many sums are apart."""

    blocks: list[Block]
    tables: Integers
    work: int
    lanes: int


def rolled(
    program: Program,
    loops: Sequence[Loop],
    wide: int = 0,
    varying: Integers | None = None,
    reduced: NDArray[np.bool_] | None = None,
    apart: bool = False,
) -> Rolled:
    """The program rolled up along ``loops``.

    Loops are made wide if ``wide`` is not 0, they have at least that many turns, and no turn needs an earlier one's
    results, other than to add to them; then sums in memory are ``apart`` for each of the turns done at once, or not.
    With ``varying``, the inputs with these indices lie in a space of their own, by their place among them, as do the
    others in theirs; likewise the outputs that are ``reduced``, in "sums".

    Raises ValueError if they are no loops of the program, or Python rows are called, for which there is no such form.
    """
    reason = problem(program, loops)
    if reason or program.rows:
        raise ValueError(reason or f"the program calls {', '.join(program.rows)}")
    return _Roller(program, wide, varying, apart).rolled(loops, reduced)


_NONE, _NUMBER, _REGISTER, _CARRIED, _MEMORY = range(5)


@dataclass
class _Range:
    """Instructions that follow each other in a body, and all their turns."""

    chain: tuple[Loop, ...]
    blocks: tuple[Block, ...]
    steps: list[Step]
    code: Integers  # the instructions of the first turn
    index: Integers  # the instructions, by turn of each loop
    operands: Integers  # theirs, by turn
    kinds: NDArray[np.int8]  # by step and operand
    made: Integers  # the number of the step that made a register
    kept: dict[int, tuple[int, int]] = field(default_factory=dict)  # sums in memory: their loop's level, the operand

    @property
    def wide(self) -> int:
        """The level of the wide loop, or -1."""
        return next((block.level for block in self.blocks if block.wide), -1)


class _Roller:
    def __init__(self, program: Program, wide: int, varying: Integers | None, apart: bool) -> None:
        self.program = program
        self.wide = wide
        self.apart_too = apart
        size = len(program)
        self.ranges: list[_Range] = []
        self.steps: list[Step] = []
        self.chain_of: list[tuple[Loop, ...]] = []  # by step
        self.step_of = np.zeros(size, np.int32)
        self.depth_of = np.zeros(size, np.int8)  # in how many loops the instruction is
        self.first_of = np.zeros(size, np.bool_)  # the instruction is in the first turn of all its loops
        self.used = np.zeros(size, np.bool_)  # its result is read from memory
        self.near = np.zeros(size, np.bool_)  # ... already in the loop in which it is made
        self.place = np.full(size, -1, np.int32)  # in the work space
        self.work = 0
        self.lanes = 0
        self.spaces = np.zeros(program.inputs, np.int8)
        self.places = np.arange(program.inputs, dtype=np.int32)
        if varying is not None:
            self.spaces[varying] = 1
            self.places[varying] = np.arange(len(varying), dtype=np.int32)
            self.places[self.spaces == 0] = np.arange(program.inputs - len(varying), dtype=np.int32)
        self.copied = np.full(program.inputs + len(program.constants), -1, np.int32)  # constants after the inputs
        self.tables: dict[bytes, int] = {}
        self.tabled = 0

    def rolled(self, loops: Sequence[Loop], reduced: NDArray[np.bool_] | None) -> Rolled:
        blocks: list[Block] = []
        at = 0
        for loop in (*loops, Loop(len(self.program), 0, 0)):
            pieces = (Loop(a, min(PIECE, loop.start - a), 1) for a in range(at, loop.start, PIECE))
            blocks += [self.block(piece, (), ()) for piece in (*pieces, loop) if piece.count]
            at = loop.start + loop.period * loop.count
        outputs = self.program.outputs
        chosen = np.zeros(len(outputs), np.bool_) if reduced is None else reduced
        terms = self.terms(outputs, chosen)
        self.use(outputs[~np.isin(outputs - self.program.inputs, np.flatnonzero(terms >= 0))])
        for r in self.ranges:
            self.classify(r)
        for r in self.ranges:
            self.keep(r)
        for r in self.ranges:
            self.add_up(r, terms)
        for block in blocks:
            self.widen(block)
        for r in self.ranges:
            self.lay_out(r)
        for r in self.ranges:
            self.describe(r)
        for space, values in ((OUTPUTS, outputs[~chosen]), (SUMS, outputs[chosen])):
            to = np.arange(len(values), dtype=np.int32)
            left = ~np.isin(values - self.program.inputs, np.flatnonzero(terms >= 0))
            blocks += self.copying(*self.apart(values[left]), space, to[left])
        values = np.flatnonzero(self.copied >= 0).astype(np.int32)
        inputs = self.program.inputs
        to = self.copied[values]
        spaces, places = self.apart(np.where(values < inputs, values, inputs - 1 - values))
        blocks = self.copying(spaces, places, WORK, to) + blocks
        tables = np.frombuffer(b"".join(self.tables), np.int32)
        return Rolled(blocks, tables, self.work, self.lanes)

    def terms(self, outputs: Integers, chosen: NDArray[np.bool_]) -> Integers:
        """For each instruction the sum over the points that it makes the terms of; -1 if none, or other outputs too."""
        made = outputs - self.program.inputs
        alone = chosen & (made >= 0)
        alone[alone] = np.bincount(made[made >= 0])[made[alone]] == 1
        terms = np.full(len(self.program), -1, np.int32)
        terms[made[alone]] = (np.cumsum(chosen) - 1)[alone]
        return terms

    def add_up(self, r: _Range, terms: Integers) -> None:
        """Results that nothing else needs are added to their sums where they are made; the others are stored."""
        here = terms[r.index]
        turns = tuple(range(len(r.chain)))
        every = np.array((here >= 0).all(axis=turns) & ~self.used[r.index].any(axis=turns))
        for k, added in enumerate(every.tolist()):
            if added and k not in r.kept:
                r.steps[k].store = self.evenly(SUMS, here[..., k])
            else:
                instructions = r.index[..., k][here[..., k] >= 0]
                self.used[instructions] = True
                terms[instructions] = -1

    def apart(self, values: Integers) -> tuple[NDArray[np.int8], Integers]:
        """The space of each value, and where in it."""
        inputs = self.program.inputs
        results, numbers = values >= inputs, values < 0
        spaces, places = np.zeros(len(values), np.int8), np.zeros(len(values), np.int32)
        spaces[results], places[results] = SPACES.index(WORK), self.place[values[results] - inputs]
        spaces[numbers], places[numbers] = SPACES.index(CONSTANTS), -1 - values[numbers]
        given = ~(results | numbers)
        spaces[given], places[given] = self.spaces[values[given]], self.places[values[given]]
        return spaces, places

    def copying(self, spaces: NDArray[np.int8], places: Integers, space: str, to: Integers) -> list[Block]:
        """Blocks that copy values to their places: evenly apart, or by a table."""
        blocks = []
        for which in np.unique(spaces).tolist():
            here = spaces == which
            a, b = places[here], to[here]
            bends = np.flatnonzero((np.diff(a, n=2) != 0) | (np.diff(b, n=2) != 0)) + 2
            cuts = [0, len(a)]
            if len(bends) <= 16:
                cuts = [0]
                for bend in bends.tolist():
                    if bend > cuts[-1] + 1:
                        cuts.append(bend)
                cuts.append(len(a))
            for x, y in itertools.pairwise(cuts):
                source, target = self.evenly(SPACES[which], a[x:y]), self.evenly(space, b[x:y])
                wide = 0 < self.wide <= y - x and source.strides == target.strides == (1,) and source.table < 0
                step = Step(-1, "copy", [source], target)
                blocks.append(Block(0, y - x, [step], wide=wide and target.table < 0))
        return blocks

    def block(self, loop: Loop, chain: tuple[Loop, ...], blocks: tuple[Block, ...]) -> Block:
        block = Block(len(chain), loop.count)
        chain, blocks = (*chain, loop), (*blocks, block)
        at = loop.start
        for inner in (*loop.inner, None):
            end = loop.start + loop.period if inner is None else inner.start
            if at < end:
                self.range(at, end - at, chain, blocks)
            if inner is not None:
                block.items.append(self.block(inner, chain, blocks))
                at = inner.start + inner.period * inner.count
        return block

    def range(self, first: int, length: int, chain: tuple[Loop, ...], blocks: tuple[Block, ...]) -> None:
        index: Integers = first + np.arange(length, dtype=np.int32) + _moving(chain, len(chain))
        at = len(self.steps)
        code = self.program.code[first : first + length]
        steps = [Step(at + k, NAMES[op]) for k, op in enumerate(code[:, 0].tolist())]
        self.steps += steps
        blocks[-1].items += [step for step in steps if not step.name.startswith("skip")]
        self.chain_of += [chain] * length
        self.step_of[index] = np.arange(at, at + length, dtype=np.int32)
        self.depth_of[index] = len(chain)
        self.first_of[first : first + length] = True
        operands = self.by_turn(first, length, chain)
        shape = (length, 4)
        kinds, made = np.zeros(shape, np.int8), np.full(shape, -1, np.int32)
        self.ranges.append(_Range(chain, blocks, steps, code, index, operands, kinds, made))

    def by_turn(self, first: int, length: int, chain: tuple[Loop, ...]) -> Integers:
        """The operands of instructions in all their turns, which begin a period after each other."""
        code = self.program.code
        row, column = code.strides
        counts, steps = [loop.count for loop in chain], [loop.period * row for loop in chain]
        turns = np.lib.stride_tricks.as_strided(code[first:, 1:], (*counts, length, 4), (*steps, row, column))
        return np.ascontiguousarray(turns)  # sooner than by their indices

    def use(self, values: Integers) -> None:
        made = np.asarray(values).ravel() - self.program.inputs
        self.used[made[made >= 0]] = True

    # --- what the operands are

    def classify(self, r: _Range) -> None:
        """Numbers, registers and carried ones; all others are read from memory, and those that make them stored."""
        v, d = r.operands, len(r.chain)
        turns = tuple(range(d))
        origin = v[(0,) * d]
        valid = np.arange(4) < COUNTS[r.code[:, 0]][:, None]
        r.kinds[valid] = _MEMORY
        r.kinds[valid & (origin < 0) & (v == origin).all(axis=turns)] = _NUMBER
        for k in range(d, 0, -1):  # it moves with the loops that its step is in, and stands still further in
            rows, columns, makers = self.makers(r, origin, r.chain[:k])
            same = (v[..., rows, columns] - _moving(r.chain, k) == origin[rows, columns]).all(axis=turns)
            r.kinds[rows[same], columns[same]] = _REGISTER
            r.made[rows[same], columns[same]] = makers[same]
        if r.chain[-1].count > 1:
            second = v[(0,) * (d - 1) + (1,)]
            rows, columns, makers = self.makers(r, second, r.chain)
            later = v[..., 1:, :, :][..., rows, columns]
            same = (later - _moving(r.chain, d)[..., :-1, :] == second[rows, columns]).all(axis=turns)
            same &= self.earlier(r, d - 1, v[..., 0, :, :][..., rows, columns])
            rows, columns = rows[same], columns[same]
            r.kinds[rows, columns] = _CARRIED
            r.made[rows, columns] = makers[same]
            self.use(v[..., 0, :, :][..., rows, columns])
        memory = r.kinds == _MEMORY
        for level in range(d - 1):  # a sum in memory: what the same step gave in the turn before of a loop further out
            if r.chain[level].count > 1:
                before = np.moveaxis(v - self.program.inputs - r.index[..., None], level, 0)[1:]
                mine = (before == -r.chain[level].period).all(axis=turns) & memory
                for k, column in zip(*(x.tolist() for x in np.nonzero(mine)), strict=True):
                    name = r.steps[k].name
                    adds = name == "add" or (name == "sub" and column == 0)
                    begin = np.take(v[..., k, column], 0, axis=level)
                    if adds and mine[k].sum() == 1 and self.earlier(r, level, begin[..., None]).all():
                        r.kept[k] = level, column
                        memory[k, column] = False
                        self.use(begin)
        self.read(r, v[..., memory])
        for values in self.lists_of(r):
            self.read(r, values)

    def earlier(self, r: _Range, level: int, values: Integers) -> NDArray[np.bool_]:
        """Whether values, by turn of all loops but that of the level, are always made before that loop."""
        start = np.take(r.chain[level].start + _moving(r.chain, level), 0, axis=level)
        outside: NDArray[np.bool_] = (values - self.program.inputs < start).all(axis=tuple(range(values.ndim - 1)))
        return outside

    def read(self, r: _Range, values: Integers) -> None:
        """Note that values, by turn, are read from memory, and which of them in the very loop that makes them."""
        self.use(values)
        made = values - self.program.inputs
        for level, loop in enumerate(r.chain):
            if loop.count > 1:
                far = made - loop.start - _moving(r.chain, level)
                inside = made[(far >= 0) & (far < loop.period * loop.count)]
                self.near[inside[self.depth_of[inside] == level + 1]] = True

    def lists_of(self, r: _Range) -> Iterator[Integers]:
        """The values that each ``take`` may choose from, by turn."""
        for k in np.flatnonzero(r.code[:, 0] == CODES["take"]).tolist():
            which = r.operands[..., k, 1]
            values = np.array([self.program.lists[x] for x in which.ravel().tolist()], np.int32)
            yield values.reshape(*which.shape, -1)

    def makers(
        self, r: _Range, values: Integers, chain: tuple[Loop, ...]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], Integers]:
        """Which operands in memory are the results, in the first turns, of steps in these loops: and of which."""
        made = np.clip(values - self.program.inputs, 0, None)
        rows, columns = np.nonzero((r.kinds == _MEMORY) & (values >= self.program.inputs) & self.first_of[made])
        makers = self.step_of[made[rows, columns]]
        inside = np.array([self.chain_of[m] == chain for m in makers.tolist()], np.bool_)
        return rows[inside], columns[inside], makers[inside]

    def keep(self, r: _Range) -> None:
        """Sums in memory may be looked at only when they are done, as each turn's takes the place of the last."""
        for k, (level, column) in list(r.kept.items()):
            if np.moveaxis(self.used[r.index[..., k]], level, 0)[:-1].any():
                del r.kept[k]
                self.use(r.operands[..., k, column])

    # --- several turns at once

    def widen(self, block: Block) -> None:
        inner = block.items[0] if len(block.items) == 1 else None
        if isinstance(inner, Block) and self.made_wide(inner, adding=False):
            return  # a matrix, whose rows may add up where its columns need not
        if not self.made_wide(block):
            for item in block.items:
                if isinstance(item, Block):
                    self.widen(item)

    def made_wide(self, block: Block, adding: bool = True) -> bool:
        """Whether turns are done at once; those with sums too, if ``adding``, and then these are marked."""
        found = self.independent(block) if 0 < self.wide <= block.count else None
        if found is None or (found[0] and not adding):
            return False
        block.wide = True
        for number, column in found[0].items():
            self.steps[number].sum = column
        for number, column in found[1].items():
            self.steps[number].kept = column
        return True

    def independent(self, block: Block) -> tuple[dict[int, int], dict[int, int]] | None:
        """If no turn needs an earlier one's results, other than to add to them: the sums, by step.

        Second are those in memory of a loop further out.
        """
        ranges = [r for r in self.ranges if block in r.blocks]
        level = block.level
        sums: dict[int, int] = {}
        further_out: dict[int, int] = {}
        others: set[int] = set()  # those whose results are used within the turn, or carried in a loop further in
        for r in ranges:
            others.update(r.made[r.kinds == _REGISTER].tolist())
            carried = np.array(r.kinds == _CARRIED)
            if r.blocks[-1] is not block:
                others.update(r.made[carried].tolist())
                if self.crosses(r, level, r.operands[..., :1, :, :][..., carried]):  # begins where another turn ended
                    return None
                carried[:] = False
            for k, column in zip(*(x.tolist() for x in np.nonzero(carried)), strict=True):
                step = r.steps[k]
                adds = step.name == "add" or (step.name == "sub" and column == 0)
                if not adds or r.made[k, column] != step.number or step.number in sums:
                    return None
                if self.used[r.index[..., k]][..., :-1].any() or self.near[r.index[..., k]].any():
                    return None
                sums[step.number] = column
            memory = np.array(r.kinds == _MEMORY)
            for k, (kept, column) in r.kept.items():
                if kept == level:
                    sums[r.steps[k].number] = column
                    memory[k, column] = False
                elif kept < level:
                    further_out[r.steps[k].number] = column
            if any(self.crosses(r, level, values) for values in (r.operands[..., memory], *self.lists_of(r))):
                return None
        return None if others & set(sums) else (sums, further_out)

    def looked_at(self, block: Block) -> NDArray[np.bool_]:
        """Which results are read from memory within a block, but by the sums in memory that go on over its turns."""
        found = np.zeros(len(self.program), np.bool_)
        for r in self.ranges:
            if block in r.blocks:
                reading = (r.kinds == _MEMORY) | (r.kinds == _CARRIED)
                for k, (level, column) in r.kept.items():
                    reading[k, column] = level != block.level
                for values in (r.operands[..., reading], *self.lists_of(r)):
                    made = values.ravel() - self.program.inputs
                    found[made[made >= 0]] = True
        return found

    def crosses(self, r: _Range, level: int, values: Integers) -> bool:
        """Whether values, by turn, are ever made in another turn of this level's loop."""
        loop, d = r.chain[level], len(r.chain)
        far = values - self.program.inputs - loop.start - _moving(r.chain, level)
        within = (far >= 0) & (far < loop.period * loop.count)
        turn = np.arange(loop.count).reshape((1,) * level + (-1,) + (1,) * (d - level))
        return bool((within & (far // loop.period != turn)).any())

    # --- where results are stored

    def lay_out(self, r: _Range) -> None:
        """A place in the work space for each turn of each step that is stored."""
        counts = [loop.count for loop in r.chain]
        d, wide = len(counts), r.wide
        order = [x for x in range(d) if x != wide] + ([wide] if wide >= 0 else [])
        used = self.used[r.index]
        apart = self.apart_too and wide >= 0 and any(level == wide for level, _ in r.kept.values())
        inside = self.looked_at(r.blocks[wide])[r.index] if apart else used
        stored = set(np.flatnonzero(used.any(axis=tuple(range(d)))).tolist()) | set(r.kept)
        for k in sorted(stored):
            step = r.steps[k]
            once = -1  # a loop of which only the last turn's result stays
            if k in r.kept:
                once = r.kept[k][0]
            elif (
                counts[-1] > 1
                and (wide != d - 1 or step.sum >= 0)
                and not used[..., :-1, k].any()
                and not self.near[r.index[..., k]].any()
            ):
                once, step.late = d - 1, True
            strides, size = [0] * d, 1
            for x in reversed(order):
                if x != once:
                    strides[x] = size
                    size *= counts[x]
            step.store = Memory(WORK, self.work, tuple(strides))
            if apart and once == wide and k in r.kept and not inside[..., k].any():
                further_in = math.prod(counts[wide + 1 :])
                step.lanes = Memory(LANES, self.lanes, (*[0] * (wide + 1), *strides[wide + 1 :]))
                r.blocks[wide].apart.append(
                    (self.lanes, replace(step.store, strides=tuple(strides[:wide])), further_in)
                )
                self.lanes += further_in
            self.place[r.index[..., k]] = self.work + _sum_of(strides, counts)
            self.work += size

    def lies(self, values: Integers) -> tuple[str, Integers]:
        """The space in which values lie, and where there; if in several, they are copied to the work space."""
        inputs = self.program.inputs
        made = values >= inputs
        if made.all():
            return WORK, self.place[values - inputs]
        spaces, places = self.apart(values.ravel())
        if (spaces == spaces[0]).all():
            return SPACES[spaces[0]], places.reshape(values.shape)
        slots = np.where(values < 0, inputs - 1 - values, values)[~made]
        new, order = np.unique(slots[self.copied[slots] < 0], return_index=True)
        new = new[np.argsort(order)]  # as they come, so that those of turns that follow each other do so too
        self.copied[new] = self.work + np.arange(len(new), dtype=np.int32)
        self.work += len(new)
        there = places.reshape(values.shape)
        there[~made] = self.copied[slots]
        return WORK, there

    # --- how it moves

    def describe(self, r: _Range) -> None:
        d, v = len(r.chain), r.operands
        alone = len(r.index) == 1 and d == 1
        for k, (step, kinds, made) in enumerate(zip(r.steps, r.kinds.tolist(), r.made.tolist(), strict=True)):
            for c, kind in enumerate(kinds):
                if kind == _NONE:
                    break
                if kind == _NUMBER:
                    step.operands.append(self.number(int(v[(0,) * d + (k, c)])))
                elif kind == _REGISTER:
                    step.operands.append(Register(made[c]))
                elif kind == _CARRIED:
                    step.operands.append(Carried(made[c], self.moved(v[..., 0, k, c])))
                elif k in r.kept and r.kept[k][1] == c:
                    assert step.store is not None
                    step.operands.append(step.store)
                    self.begin(r, k)
                elif alone:
                    space, there = self.lies(v[0, k, c : c + 1])
                    step.operands.append(Memory(space, int(there[0]), (0,)))
                else:
                    step.operands.append(self.moved(v[..., k, c]))
            if step.name == "take":
                self.choose(step, v[..., k, 1])

    def number(self, value: int) -> Number:
        return Number(float(self.program.constants[-1 - value]))

    def begin(self, r: _Range, k: int) -> None:
        """Copy what a sum in memory begins with to its place, before the loop."""
        level, column = r.kept[k]
        store = r.steps[k].store
        assert store is not None
        to = Memory(WORK, store.base, (*store.strides[:level], *store.strides[level + 1 :]))
        item: Step | Block = Step(-1, "copy", [self.moved(np.take(r.operands[..., k, column], 0, axis=level))], to)
        for x in range(len(r.chain) - 1, level, -1):
            item = Block(x - 1, r.chain[x].count, [item])
        assert isinstance(item, Block)
        r.blocks[level].before.append(item)

    def choose(self, step: Step, which: Integers) -> None:
        lists, where = np.unique(which, return_inverse=True)
        values = np.array([self.program.lists[x] for x in lists.tolist()], np.int32)
        step.space, there = self.lies(values)
        step.among = values.shape[1]
        step.choices = self.evenly(
            TABLES, np.asarray(self.table(there) + where.reshape(which.shape) * step.among, np.int32)
        )

    def table(self, entries: Integers) -> int:
        key = entries.astype(np.int32).tobytes()
        if key not in self.tables:
            self.tables[key] = self.tabled
            self.tabled += entries.size
        return self.tables[key]

    def moved(self, values: Integers) -> Number | Memory:
        """Where an operand lies, by turn."""
        if (values.flat[0] < 0) and (values == values.flat[0]).all():
            return self.number(int(values.flat[0]))
        return self.evenly(*self.lies(values))

    def evenly(self, space: str, there: Integers) -> Memory:
        base = int(there.flat[0])
        strides = []
        odd = []  # the loops along which it does not move evenly
        for x in range(there.ndim):
            steps = np.diff(there, axis=x)
            even = steps.size == 0 or bool((steps == steps.flat[0]).all())
            strides.append(int(steps.flat[0]) if even and steps.size else 0)
            if not even:
                odd.append(x)
        if not odd:
            return Memory(space, base, tuple(strides))
        entries = there[tuple(slice(None) if x in odd else 0 for x in range(there.ndim))]
        along, size = [0] * there.ndim, 1
        for x in reversed(odd):
            along[x] = size
            size *= there.shape[x]
        return Memory(space, 0, tuple(strides), self.table(entries), tuple(along))


def _sum_of(strides: Sequence[int], counts: Sequence[int]) -> Integers:
    """Σ turn·stride for all turns."""
    total = np.zeros(tuple(counts), np.int32)
    for x, (stride, count) in enumerate(zip(strides, counts, strict=True)):
        total += (np.arange(count, dtype=np.int32) * stride).reshape((1,) * x + (-1,) + (1,) * (len(counts) - 1 - x))
    return total


def _moving(chain: Sequence[Loop], levels: int) -> Integers:
    """By how many instructions the outer ``levels`` loops have moved on, for all turns and one axis more."""
    strides = [loop.period if x < levels else 0 for x, loop in enumerate(chain)]
    return _sum_of(strides, [loop.count for loop in chain])[..., None]
