"""What a program in another language is made of: loops, functions of moderate size, and where each operand is found.

A statement is emitted once for all turns of the loops around it.  Its result is a variable; it is also kept in the
work array ``w``, an element for each turn, if somebody looks at it from another function or from another turn (other
than the next one, which gets it in a variable that is carried on).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..listing import axis
from ..nests import affine, offsets
from ..program import ARITY, NAMES, Loop, Program
from ..repeats import find
from ..saved import check

MOST = 400  # statements in a function: compilers take more than linear time, and V8 leaves long functions slow
FEW = 64  # outputs that are written one by one

Nest = tuple[Loop, ...]
Numbers = Any  # of an operand: an int, or in loops an array with an axis for each


# ---- where an operand is ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Constant:
    value: float


@dataclass(frozen=True)
class Variable:
    name: str


@dataclass(frozen=True)
class Place:
    """An element of an array, at ``base`` and so many steps of each axis; of numbers in ``table``, if it has one."""

    array: str
    base: int
    steps: tuple[tuple[str, int], ...] = ()
    table: str = ""


@dataclass(frozen=True)
class Either:
    """``first`` in the first turn along an axis, ``others`` in the others."""

    axis: str
    first: Constant | Place | Either
    others: Constant | Place | Either


@dataclass(frozen=True, eq=False)
class Memory:
    """Not known yet: only when all statements are looked through is it known what is kept, and where."""

    numbers: Numbers
    axes: tuple[str, ...]


Operand = Constant | Variable | Memory
Found = Constant | Variable | Place | Either


# ---- what is emitted -------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Statement:
    """An instruction, and with it those that are the same in the other turns."""

    at: int
    nest: Nest
    name: str
    operands: list[Operand] = field(default_factory=list)
    fixed: list[bool] = field(default_factory=list)  # which operands are the same whatever the inputs
    members: Memory | None = None  # of take: with one axis more, for the list
    length: int = 0


@dataclass(eq=False)
class Carry:
    """A variable that takes a result to the next turn."""

    name: str
    start: Operand
    left: str  # the variable that a turn leaves


@dataclass(eq=False)
class Repeat:
    loop: Loop
    nest: Nest
    body: Block
    carries: dict[Any, Carry] = field(default_factory=dict)
    lasts: dict[str, None] = field(default_factory=dict)  # variables that outlive the loop ...
    sets: dict[str, str] = field(default_factory=dict)  # ... and those that each turn sets

    @property
    def axis(self) -> str:
        return axis(len(self.nest) - 1)


@dataclass(eq=False)
class Block:
    """Statements and loops, in order; ``parts`` instead, functions of their own, where those would be too many."""

    items: list[Statement | Repeat]
    parts: list[Part] | None = None

    @property
    def size(self) -> int:
        return sum(item.body.size if isinstance(item, Repeat) else 1 for item in self.items)


@dataclass(eq=False)
class Part:
    number: int
    nest: Nest
    block: Block


class Plan:
    def __init__(self, program: Program) -> None:
        check(program)
        self.program = program
        self.loops = tuple(program.loops) or find(program)
        self.inputs = program.inputs
        self.constants: list[float] = program.constants.tolist()
        self.code: list[list[int]] = program.code.tolist()
        self.leaf = np.arange(len(program))  # the instruction whose statement stands for an instruction
        self._find_leaves(self.loops)
        self.live = _live(program, self.code, self.leaf)
        self.known = _known(program, self.code)
        self.statements: dict[int, Statement] = {}
        self.home: dict[Any, int] = {}  # the number of the function that a statement or a loop is in
        self.kept: set[int] = set()  # statements whose results are in memory
        self.named: set[int] = set()  # statements whose results are looked at as variables
        self.tables: list[NDArray[Any]] = []
        self.extra: dict[int, int] = {}  # inputs and constants that are in memory, too
        self._carries = 0
        self._parts = 0
        self.repeats: dict[Loop, Repeat] = {}

        self.block = self._items(0, len(program), self.loops, ())
        self._cut(self.block, (), 0)
        for at in sorted(self.statements):
            self._look(self.statements[at])
        self._keep_outputs()
        self._give_slots()

    # -- loops and functions

    def _find_leaves(self, loops: Sequence[Loop]) -> None:
        for loop in loops:
            self._find_leaves(loop.inner)
            first = self.leaf[loop.start : loop.start + loop.period]
            self.leaf[loop.start : loop.start + loop.period * loop.count] = np.tile(first, loop.count)

    def _items(self, low: int, high: int, loops: Sequence[Loop], nest: Nest) -> Block:
        items: list[Statement | Repeat] = []

        def straight(low: int, high: int) -> None:
            for i in range(low, high):
                if i in self.live:
                    items.append(Statement(i, nest, NAMES[self.code[i][0]]))
                    self.statements[i] = items[-1]  # type: ignore[assignment]  # which is one of them

        for loop in loops:
            straight(low, loop.start)
            inside = (*nest, loop)
            body = self._items(loop.start, loop.start + loop.period, loop.inner, inside)
            if body.items:
                items.append(Repeat(loop, inside, body))
            low = loop.start + loop.period * loop.count
        straight(low, high)
        return Block(items)

    def _cut(self, block: Block, nest: Nest, home: int) -> None:
        """Say which function each item is in: all in ``home``, or in new ones where there are too many."""
        if block.size <= MOST:
            for each in block.items:
                self.home[each.loop if isinstance(each, Repeat) else each.at] = home
                if isinstance(each, Repeat):
                    self.repeats[each.loop] = each
                    self._cut(each.body, each.nest, home)
            return
        block.parts = []
        group: list[Statement | Repeat] = []
        size = 0
        ends: list[Statement | Repeat | None] = [*block.items, None]
        for item in ends:
            more = 0 if item is None else item.body.size if isinstance(item, Repeat) else 1
            if group and (item is None or size + more > MOST):
                self._parts += 1
                part = Part(self._parts, nest, Block(group))
                block.parts.append(part)
                if len(group) == 1 and isinstance(group[0], Repeat) and size > MOST:
                    self.repeats[group[0].loop] = group[0]
                    self.home[group[0].loop] = part.number
                    self._cut(group[0].body, group[0].nest, part.number)
                else:
                    self._cut(part.block, nest, part.number)
                group, size = [], 0
            if item is not None:
                group.append(item)
                size += more

    # -- operands

    def _look(self, statement: Statement) -> None:
        """Find the operands of a statement, as far as that is known before memory is given out."""
        at, nest = statement.at, statement.nest
        listed = self.code[at][2]
        rows = self.program.code[at + offsets(nest)] if nest else None
        count = ARITY[statement.name]

        def column(k: int) -> Numbers:
            return self.code[at][1 + k] if rows is None else rows[..., 1 + k]

        numbers = [column(k) for k in range(count)]
        if statement.name in ("take", "call"):
            if rows is None:
                members = self.program.lists[listed].astype(np.int64)
            else:
                members = np.array([self.program.lists[n] for n in rows[..., 2].ravel().tolist()], np.int64)
                members = members.reshape(*rows.shape[:-1], -1)
            statement.length = members.shape[-1]
            if statement.name == "take":
                axes = (*map(axis, range(len(nest))), f"p{at}")
                statement.members = self._memory(members, axes)
            else:
                numbers = [members[..., k] if nest else int(members[k]) for k in range(statement.length)]
        for x in numbers:
            statement.operands.append(self._operand(x, nest, self.home[at]))
            statement.fixed.append(bool(self.known[np.asarray(x)].any()))

    def _memory(self, numbers: Numbers, axes: tuple[str, ...]) -> Memory:
        looked_at = np.asarray(numbers)
        self.kept.update(self.leaf[looked_at[looked_at >= self.inputs] - self.inputs].tolist())
        return Memory(numbers, axes)

    def _operand(self, numbers: Numbers, nest: Nest, home: int | None) -> Operand:
        axes = tuple(axis(depth) for depth in range(len(nest)))
        first = int(numbers) if not nest else int(numbers.flat[0])
        if not nest:
            if first < 0:
                return Constant(self.constants[-1 - first])
            if first < self.inputs:
                return Memory(first, ())
        elif first < 0 and (numbers == first).all():
            return Constant(self.constants[-1 - first])
        return self._variable(numbers, nest, home) or self._carried(numbers, nest, home) or self._memory(numbers, axes)

    def _variable(self, numbers: Numbers, nest: Nest, home: int | None) -> Variable | None:
        """The operand as the result of a statement before it in the same turn, or of the last turn of an inner loop.

        ``numbers`` may lack the last turn: then it is what the statement's turn leaves to the next one.
        """
        first = (int(numbers.flat[0]) if nest else int(numbers)) - self.inputs
        source = self.statements.get(int(self.leaf[first])) if first >= 0 else None
        if source is None or self.home[source.at] != home:
            return None
        if not nest and not source.nest:
            self.named.add(source.at)
            return Variable(f"v{source.at}")
        shared = min(len(nest), len(source.nest))
        if source.nest[:shared] != nest[:shared]:
            return None
        within = source.nest[shared:]
        if first != source.at + sum((loop.count - 1) * loop.period for loop in within):
            return None
        turns = offsets(nest[:shared])
        expected = first + self.inputs + turns.reshape(turns.shape + (1,) * (len(nest) - shared))
        if shared == len(nest) and nest:
            expected = expected[..., : numbers.shape[-1]]
        if not np.all(numbers == expected):
            return None
        self.named.add(source.at)
        if not within:
            return Variable(f"v{source.at}")
        name = f"l{source.at}_{shared}"
        self.repeats[within[0]].lasts[name] = None
        self.repeats[within[-1]].sets[name] = f"v{source.at}"
        return Variable(name)

    def _carried(self, numbers: Numbers, nest: Nest, home: int | None) -> Variable | None:
        """The operand as a variable that the turn before left, if it is such a result in all turns but the first."""
        if not nest or nest[-1].count < 2 or self.home[nest[-1]] != home:
            return None
        loop, outer = nest[-1], nest[:-1]
        start = numbers[..., 0] if outer else int(numbers[0])
        if not np.all(start < self.inputs + loop.start + offsets(outer)):  # it must be there when the loop begins
            return None
        left = self._variable(numbers[..., 1:], nest, home)
        if left is None:
            return None
        carries = self.repeats[loop].carries
        key = (left.name, np.asarray(start).tobytes())
        if key not in carries:
            self._carries += 1
            carries[key] = Carry(f"c{self._carries}", self._operand(start, outer, home), left.name)
        return Variable(carries[key].name)

    # -- memory

    def _keep_outputs(self) -> None:
        numbers = self.program.outputs.astype(np.int64)
        home = None if self.block.parts else 0
        self.outputs: list[Operand] | Memory
        if len(numbers) > FEW:
            self.outputs = self._memory(numbers, ("o",))
        else:
            self.outputs = [self._operand(x, (), home) for x in numbers.tolist()]

    def _give_slots(self) -> None:
        self.slots = np.full(len(self.program), -1)
        self.work = 0
        for at in sorted(self.kept):
            places = at + offsets(self.statements[at].nest)
            self.slots[places] = self.work + np.arange(places.size).reshape(places.shape)
            self.work += places.size

    def kept_at(self, at: int) -> Place | None:
        """Where a statement leaves its result in memory, if it does."""
        if at not in self.kept:
            return None
        nest = self.statements[at].nest
        base, strides = affine(self.slots[at + offsets(nest)]) or (0, ())
        return Place("w", base, _steps(strides, tuple(map(axis, range(len(nest))))))

    def found(self, operand: Operand) -> Found:
        """Where an operand is."""
        if not isinstance(operand, Memory):
            return operand
        numbers = operand.numbers
        if not operand.axes:
            if numbers < self.inputs:
                return Place("x", int(numbers))
            return Place("w", int(self.slots[numbers - self.inputs]))
        return self._simply(numbers, operand.axes, True) or self._looked_up(numbers, operand.axes)

    def _simply(self, numbers: NDArray[Any], axes: tuple[str, ...], whole: bool) -> Constant | Place | Either | None:
        """A place that moves by steps, or two of them; None if it is neither."""
        if (numbers < 0).all():
            if (numbers == numbers.flat[0]).all():
                return Constant(self.constants[-1 - int(numbers.flat[0])])
        elif (numbers >= self.inputs).all():
            found = affine(self.slots[numbers - self.inputs])
            if found:
                return Place("w", found[0], _steps(found[1], axes))
        elif (numbers >= 0).all() and (numbers < self.inputs).all():
            found = affine(numbers)
            if found:
                return Place("x", found[0], _steps(found[1], axes))
        if not whole:
            return None
        for k in reversed(range(numbers.ndim)):
            if numbers.shape[k] < 2 or axes[k][0] in "op":  # these are no loops of the program
                continue
            first = self._simply(np.take(numbers, [0], k), axes, False)
            others = self._simply(np.delete(numbers, 0, k), axes, False)
            if first and others:
                return Either(axes[k], first, _earlier(others, axes[k]))
        return None

    def _looked_up(self, numbers: NDArray[Any], axes: tuple[str, ...]) -> Place:
        """A place in memory that a table tells."""
        if (numbers < 0).all():
            array, values = "", np.array(self.constants)[-1 - numbers]
        elif (numbers >= 0).all() and (numbers < self.inputs).all():
            array, values = "x", numbers
        else:
            for x in np.unique(numbers[numbers < self.inputs]).tolist():
                if x not in self.extra:
                    self.extra[x] = self.work
                    self.work += 1
            slots = np.vectorize(lambda x: self.extra[x] if x < self.inputs else self.slots[x - self.inputs])
            array, values = "w", slots(numbers)
        for k in range(values.ndim):  # along these nothing moves
            one = np.take(values, [0], k)
            values = one if (values == one).all() else values
        strides = [math.prod(values.shape[k + 1 :]) if n > 1 else 0 for k, n in enumerate(values.shape)]
        self.tables.append(values.ravel())
        return Place(array, 0, _steps(tuple(strides), axes), f"t{len(self.tables)}")


def _steps(strides: tuple[int, ...], axes: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((name, stride) for name, stride in zip(axes, strides, strict=True) if stride)


def _earlier(found: Constant | Place | Either, name: str) -> Constant | Place | Either:
    """The same place, counted from one turn earlier on."""
    if isinstance(found, Place):
        return Place(found.array, found.base - dict(found.steps).get(name, 0), found.steps)
    return found


def _live(program: Program, code: list[list[int]], leaf: NDArray[Any]) -> set[int]:
    """The instructions that an output depends on, and those that share a statement with one."""
    live = bytearray(program.inputs + len(code))
    for x in program.outputs.tolist():
        if x >= 0:
            live[x] = 1
    lists = [operands.tolist() for operands in program.lists]
    while True:
        for i in range(len(code) - 1, -1, -1):
            if live[program.inputs + i]:
                name = NAMES[code[i][0]]
                operands = code[i][1 : 1 + ARITY[name]]
                if name in ("take", "call"):
                    operands = [*operands, *lists[code[i][2]]]
                for x in operands:
                    if x >= 0:
                        live[x] = 1
        alive = np.frombuffer(live, np.uint8)[program.inputs :]
        shared = np.zeros(len(code), np.uint8)
        shared[leaf[alive != 0]] = 1
        shared = shared[leaf]
        if (shared == alive).all():
            return set(np.flatnonzero(alive).tolist())
        live[program.inputs :] = shared.tobytes()


def _known(program: Program, code: list[list[int]]) -> NDArray[np.bool_]:
    """For each value, and from the end on for each constant, whether it is the same whatever the inputs."""
    known = [False] * program.inputs
    lists = [operands.tolist() for operands in program.lists]
    for op, a, b, c, d in code:
        name = NAMES[op]
        operands = [a, b, c, d][: ARITY[name]]
        if name in ("take", "call"):
            operands = [*operands, *lists[b]]
        known.append(all(x < 0 or known[x] for x in operands) or (name.startswith("select") and c == d < 0))
    return np.array(known + [True] * len(program.constants), bool)
