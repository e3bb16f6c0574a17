"""LLVM's text of a flat program with its loops: each body once, and where turns are independent, several at once.

The order of additions is kept: a wide loop adds its lanes to a sum one after the other, unless ``exact`` is False.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .blocks import BLOCK
from .emit import Emitter
from .program import Loop, Program
from .rolled import (
    CONSTANTS,
    LANES,
    OUTPUTS,
    SUMS,
    TABLES,
    VARYING,
    WORK,
    Block,
    Carried,
    Memory,
    Number,
    Operand,
    Register,
    Rolled,
    Step,
    rolled,
)
from .straight import Text

MANY = 32  # points to a call, where several registers are filled at once
PARTS = 4  # ... as a sum that goes on from term to term waits for each addition: meanwhile others are made


def looped(
    program: Program,
    loops: Sequence[Loop],
    width: int = 1,
    exact: bool = True,
    lanes: bool = False,
    shared: Sequence[bool] = (),
    reduced: Sequence[bool] = (),
    functions: Mapping[str, str] | None = None,
    ordered: bool = True,
) -> Text:
    """The text of ``program`` rolled up along ``loops``; it does ``width`` turns at once where it can, or points.

    Unless ``ordered``, sums over the points are those of each lane, added up at the end of a block.

    The other arguments are those of ``straight``, but that ``lanes`` asks for ``g``; ``loops`` are such as ``find``
    gives.  Raises ValueError if they are none of the program's, or it calls rows of Python.
    """
    scalar, vector = _Emitter(1, exact), _Emitter(width, exact, functions) if width > 1 else None
    plan = rolled(program, loops, wide=2 * width if width > 1 else 0, apart=not exact)
    body = _function("f", plan, scalar, vector)
    block_work, block, several, apart = 0, BLOCK, None, None
    if lanes:
        many, block = (PARTS * width, MANY) if width > 1 else (1, BLOCK)
        several = _Emitter(many, exact, functions, PARTS) if many > 1 else scalar
        every = np.array(shared or [False] * program.inputs, np.bool_)
        chosen = np.array(reduced or [False] * len(program.outputs), np.bool_)
        other = rolled(program, loops, varying=np.flatnonzero(~every).astype(np.int32), reduced=chosen)
        sums = 0 if ordered or many == 1 else int(chosen.sum())
        apart = Emitter(width) if sums else None
        if apart is not None:
            apart.need["ordered_sum"] = None
        body += _function("g", other, several, None, block, sums, apart)
        block_work = block * other.work + width * sums
    numbers = _array("constants", "double", [_Emitter().constant(x) for x in program.constants.tolist()])
    preambles = [emitter.preamble() for emitter in (scalar, vector, several, apart) if emitter is not None]
    work = plan.work + width * plan.lanes
    return Text("\n".join([*_merged(preambles), numbers, *body]), work, block_work, True, block, least=block)


class _Emitter(Emitter):
    """Two of them, of different widths, may write into the same function."""

    def register(self) -> str:
        self._count += 1
        return f"%r{self.width}.{self._count}"


def _function(
    name: str,
    plan: Rolled,
    first: _Emitter,
    second: _Emitter | None,
    points: int = 0,
    sums: int = 0,
    apart: Emitter | None = None,
) -> list[str]:
    """A function that calls one for each block of the plan, in order; for ``points``, until all are done.

    ``sums`` is the number of those that lie behind all else in the workspace, each as one register of lanes, the type
    of ``apart``.
    """
    parameters = ("inputs", "varying", "outputs", "sums", "work") if points else ("inputs", "outputs", "work")
    signature = ", ".join(f"ptr noalias %{p}" for p in parameters)
    attributes = (second or first).attributes
    body = [_array(f"{name}.tables", "i32", [str(x) for x in plan.tables.tolist()])]
    for n, block in enumerate(plan.blocks):
        lines = _Function(first, second, points, f"@{name}.tables", apart).write(block)
        if plan.lanes:
            lines.insert(0, f"%lanes = getelementptr double, ptr %work, i64 {plan.work}")
        body += [f"define internal void @{name}.{n}({signature}) {attributes} {{", "entry:", *lines, "ret void", "}"]
    count = ", i64 %all" if points else ""  # always as many as a block has
    body += [f"define i64 @{name}({signature}{count}) {attributes} {{"]
    if apart is not None:
        body += [
            f"%apart = getelementptr double, ptr %work, i64 {points * plan.work}",
            *_emptied(apart.type, sums),
        ]
    for lane in range(0, points or 1, first.width):
        moved = {p: f"%{p}.{lane}" for p in ("varying", "outputs", "work")} if lane else {}
        body += [f"{to} = getelementptr double, ptr %{p}, i64 {lane}" for p, to in moved.items()]
        moved |= {"sums": "%apart"} if sums else {}
        arguments = ", ".join(f"ptr {moved.get(p, f'%{p}')}" for p in parameters)
        body += [f"call void @{name}.{n}({arguments})" for n in range(len(plan.blocks))]
    if apart is not None:
        body += _together(apart, sums)
    return [*body, "ret i64 0", "}"]


def _emptied(kind: str, sums: int) -> list[str]:
    """A loop that sets the lanes' sums to 0: ``memset`` would have to be found, as all that others define."""
    return [
        "br label %empty",
        "empty:",
        "%e = phi i64 [0, %0], [%e.next, %empty]",
        f"%e.at = getelementptr {kind}, ptr %apart, i64 %e",
        f"store {kind} zeroinitializer, ptr %e.at, align 8",
        "%e.next = add i64 %e, 1",
        f"%e.more = icmp ult i64 %e.next, {sums}",
        "br i1 %e.more, label %empty, label %points",
        "points:",
    ]


def _together(emitter: Emitter, sums: int) -> list[str]:
    """A loop that adds the lanes' sums to those of all points."""
    kind = emitter.type
    add = f"@llvm.vector.reduce.fadd.v{emitter.width}f64"
    return [
        "br label %sum",
        "sum:",
        "%k = phi i64 [0, %points], [%next, %sum]",
        f"%from = getelementptr {kind}, ptr %apart, i64 %k",
        f"%lanes = load {kind}, ptr %from, align 8",
        "%to = getelementptr double, ptr %sums, i64 %k",
        "%before = load double, ptr %to, align 8",
        f"%after = call reassoc double {add}(double %before, {kind} %lanes)",
        "store double %after, ptr %to, align 8",
        "%next = add i64 %k, 1",
        f"%more = icmp ult i64 %next, {sums}",
        "br i1 %more, label %sum, label %done",
        "done:",
    ]


def _array(name: str, kind: str, items: Sequence[str]) -> str:
    return f"@{name} = private constant [{len(items)} x {kind}] [{', '.join(f'{kind} {x}' for x in items)}]"


def _merged(preambles: Sequence[str]) -> list[str]:
    """What the preambles declare and define, each thing once."""
    pieces: dict[str, None] = {
        "declare i64 @llvm.fptosi.sat.i64.f64(double)": None,
        "declare double @llvm.sqrt.f64(double)": None,
        "declare i64 @llvm.umin.i64(i64, i64)": None,
    }
    for preamble in preambles:
        piece: list[str] = []
        for line in preamble.splitlines():
            piece.append(line)
            if not piece[0].startswith("define") or line == "}":
                pieces["\n".join(piece)] = None
                piece = []
    return list(pieces)


@dataclass
class _Scope:
    """What is known inside a turn: the registers that steps gave and those carried, and where spaces begin."""

    emitter: _Emitter
    wide: int = -1  # the level of the loop that does several turns at once
    registers: dict[int, tuple[str, bool]] = field(default_factory=dict)  # and whether they are the emitter's type
    carried: dict[Carried, str] = field(default_factory=dict)
    pointers: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)  # by the strides so far
    new: str = ""  # which lanes are of turns not done yet, where that is not all of them

    def inner(self, emitter: _Emitter, wide: int) -> _Scope:
        registers = self.registers
        if emitter is not self.emitter:
            registers = {step: (register, False) for step, (register, _) in registers.items()}
        return _Scope(emitter, wide, dict(registers), {}, dict(self.pointers), self.new)


class _Function:
    """Writes a block into the lines of the emitters."""

    def __init__(
        self, first: _Emitter, second: _Emitter | None, points: int, tables: str, apart: Emitter | None = None
    ) -> None:
        self.first, self.second, self.points, self.tables, self.apart = first, second, points, tables, apart
        self.lines: list[str] = []
        first.lines = self.lines
        if second is not None:
            second.lines = self.lines
        self.label = "entry"
        self.labels = 0

    def write(self, block: Block) -> list[str]:
        scope = _Scope(self.first)
        names = {TABLES: self.tables, CONSTANTS: "@constants"}
        for space, _ in _strides(block):
            scope.pointers[space, ()] = names.get(space, f"%{space}")
        self.block(block, scope)
        return self.lines

    def line(self, text: str) -> str:
        """A new register with what the instruction gives."""
        register = self.first.register()
        self.lines.append(f"{register} = {text}")
        return register

    # --- loops

    def block(self, block: Block, outer: _Scope) -> None:
        for copying in block.before:
            self.block(copying, outer)
        if not (block.wide and self.second is not None):
            self.late(block, outer, self.loop(block, outer, outer.emitter, outer.wide))
            return
        self.empty(block, self.second)
        inner = self.loop(block, outer, self.second, block.level)
        self.together(block, outer, self.second)
        for carried in _carried(block):
            register = inner.registers[carried.step][0]
            if not self.second.exact:
                register = self.second.ordered_sum(self.first.constant(-0.0), register)
            inner.registers[carried.step] = register, False
        self.late(block, outer, inner)

    def empty(self, block: Block, emitter: _Emitter) -> None:
        """Nothing in the sums that the lanes have of their own."""
        for first, _, count in block.apart:
            turn, go_on = self.counted(count)
            nothing = emitter.constant(-0.0)  # to which all can be added, even a zero with its sign
            self.lines.append(f"store {emitter.type} {nothing}, ptr {self.lane_sum(first, turn)}, align 8")
            go_on()

    def together(self, block: Block, outer: _Scope, emitter: _Emitter) -> None:
        """The lanes' sums added to what they began with."""
        for first, to, count in block.apart:
            pointer = self.address(to, outer)
            turn, go_on = self.counted(count)
            lanes = self.line(f"load {emitter.type}, ptr {self.lane_sum(first, turn)}, align 8")
            place = self.line(f"getelementptr double, ptr {pointer}, i64 {turn}")
            total = emitter.ordered_sum(self.line(f"load double, ptr {place}, align 8"), lanes)
            self.lines.append(f"store double {total}, ptr {place}, align 8")
            go_on()

    def lane_sum(self, first: int, turn: str) -> str:
        place = self.line(f"add i64 {turn}, {first}")
        return self.line(f"getelementptr {self.slot(LANES)}, ptr %lanes, i64 {place}")

    def counted(self, count: int) -> tuple[str, Callable[[], None]]:
        """Begin a loop of so many turns: the register of the turn, and what ends it."""
        turn, following, more = (self.first.register() for _ in range(3))
        before, head, end = self.label, self.new_label(), self.new_label()
        self.lines.append(f"br label %{head}")
        self.start(head)
        self.lines.append(f"{turn} = phi i64 [ 0, %{before} ], [ {following}, %{head} ]")

        def go_on() -> None:
            self.lines.append(f"{following} = add nuw nsw i64 {turn}, 1")
            self.lines.append(f"{more} = icmp ult i64 {following}, {count}")
            self.lines.append(f"br i1 {more}, label %{head}, label %{end}")
            self.start(end)

        return turn, go_on

    def loop(self, block: Block, outer: _Scope, emitter: _Emitter, wide: int) -> _Scope:
        """All turns, several at once if the block's own level is the wide one; the scope of the last."""
        scope = outer.inner(emitter, wide)
        if block.count == 1:
            self.move(block, scope, "0")
            self.body(block, scope)
            return scope
        mine = wide == block.level
        firsts = {}
        for carried in _carried(block):
            first = self.value(carried.first, outer)
            if mine and not emitter.exact:  # the lanes have sums of their own, and the first goes on from there
                first = self.line(f"insertelement {emitter.type} {emitter.constant(-0.0)}, double {first}, i32 0")
            firsts[carried] = first
        kind = "double" if mine and emitter.exact else emitter.type
        before = self.label
        head, end = self.new_label(), self.new_label()
        self.lines.append(f"br label %{head}")
        self.start(head)
        turn, following, more = (self.first.register() for _ in range(3))
        at = len(self.lines)
        scope.carried = {carried: self.first.register() for carried in firsts}
        if mine and block.count % emitter.width:
            self.move(block, scope, self.again(block, scope, turn))
        else:
            self.move(block, scope, turn)
        self.body(block, scope)
        phis = [f"{turn} = phi i64 [ 0, %{before} ], [ {following}, %{self.label} ]"]
        for carried, register in scope.carried.items():
            next_one, own = scope.registers[carried.step]
            if not own and kind != "double":
                next_one = emitter.splat(next_one)
            phis.append(f"{register} = phi {kind} [ {firsts[carried]}, %{before} ], [ {next_one}, %{self.label} ]")
        self.lines[at:at] = phis
        self.lines.append(f"{following} = add nuw nsw i64 {turn}, {emitter.width if mine else 1}")
        self.lines.append(f"{more} = icmp ult i64 {following}, {block.count}")
        self.lines.append(f"br i1 {more}, label %{head}, label %{end}")
        self.start(end)
        return scope

    def again(self, block: Block, scope: _Scope, turn: str) -> str:
        """The turn to begin with, so that several fit in: the last ones are done again, and give the same.

        Sums take only those that are new.
        """
        width = scope.emitter.width
        begin = self.line(f"call i64 @llvm.umin.i64(i64 {turn}, i64 {block.count - width})")
        if any(step.sum >= 0 or step.kept >= 0 for step in block.steps()):
            done = self.line(f"sub i64 {turn}, {begin}")
            kind = f"<{width} x i64>"
            one = self.line(f"insertelement {kind} poison, i64 {done}, i32 0")
            every = self.line(f"shufflevector {kind} {one}, {kind} poison, <{width} x i32> zeroinitializer")
            lanes = ", ".join(f"i64 {lane}" for lane in range(width))
            scope.new = self.line(f"icmp sle {kind} {every}, <{lanes}>")
        return begin

    def only_new(self, new: str, other: str, scope: _Scope) -> str:
        """What is new in the lanes of turns that are not done yet, and the other in those done again."""
        if not scope.new:
            return new
        kind = scope.emitter.type
        return self.line(f"select <{scope.emitter.width} x i1> {scope.new}, {kind} {new}, {kind} {other}")

    def new_label(self) -> str:
        self.labels += 1
        return f"l{self.labels}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def move(self, block: Block, scope: _Scope, turn: str) -> None:
        """Pointers into the spaces, as far as they move with this loop."""
        level = block.level
        for space, strides in _strides(block):
            if len(strides) > level and (space, strides[: level + 1]) not in scope.pointers:
                pointer = scope.pointers[space, strides[:level]]
                if strides[level] and turn != "0":
                    by = self.line(f"mul i64 {turn}, {strides[level]}")
                    pointer = self.line(f"getelementptr {self.slot(space)}, ptr {pointer}, i64 {by}")
                scope.pointers[space, strides[: level + 1]] = pointer

    def late(self, block: Block, outer: _Scope, inner: _Scope) -> None:
        """Store what was to be stored after the last turn."""
        for step in block.items:
            if isinstance(step, Step) and step.late:
                assert step.store is not None
                register, own = inner.registers[step.number]
                here = replace(step.store, strides=step.store.strides[:-1])
                self.store(register if own else self.as_own(register, outer), here, outer)

    def as_own(self, register: str, scope: _Scope) -> str:
        return register if scope.wide < 0 and not self.points else scope.emitter.splat(register)

    # --- steps

    def body(self, block: Block, scope: _Scope) -> None:
        for item in block.items:
            if isinstance(item, Block):
                self.block(item, scope)
                continue
            self.step(item, scope)

    def step(self, step: Step, scope: _Scope) -> None:
        emitter = scope.emitter
        if step.sum >= 0 and scope.wide >= 0:
            first, term = step.operands[step.sum], self.value(step.operands[1 - step.sum], scope)
            if step.lanes is not None:
                before = self.line(f"load {emitter.type}, ptr {self.address(step.lanes, scope)}, align 8")
                after = emitter.operation(step.name, [before, term])
                self.store(self.only_new(after, before, scope), step.lanes, scope)
                return
            if emitter.exact or isinstance(first, Memory):
                if step.name == "sub":
                    term = emitter.operation("neg", [term])
                term = self.only_new(term, emitter.constant(-0.0), scope)  # which leaves even the sign of a zero
                start = scope.carried[first] if isinstance(first, Carried) else self.double(first, scope)
                total = emitter.ordered_sum(start, term)
                scope.registers[step.number] = total, False
                if step.store is not None and not step.late:
                    self.lines.append(f"store double {total}, ptr {self.address(step.store, scope)}, align 8")
                return
            assert isinstance(first, Carried)
            pair = [scope.carried[first], term]
            operands = pair if step.sum == 0 else pair[::-1]
            result = self.only_new(emitter.operation(step.name, operands), pair[0], scope)
        else:
            operands = [self.value(operand, scope) for operand in step.operands]
            if step.name == "copy":
                result = operands[0]
            elif step.name == "take":
                result = self.take(step, operands[0], scope)
            else:
                result = emitter.operation(step.name, operands)
            if step.kept >= 0:
                result = self.only_new(result, operands[step.kept], scope)
        scope.registers[step.number] = result, True
        if step.store is not None and not step.late:
            self.store(result, step.store, scope)

    def take(self, step: Step, index: str, scope: _Scope) -> str:
        """The value at a place of a list known only at run time; nan, and the flag for it, outside of the list."""
        emitter = scope.emitter
        assert step.choices is not None
        results = []
        for lane in range(emitter.width):
            x = index if emitter.width == 1 else self.line(f"extractelement {emitter.type} {index}, i32 {lane}")
            whole = self.line(f"call i64 @llvm.fptosi.sat.i64.f64(double {x})")
            negative = self.line(f"icmp slt i64 {whole}, 0")
            wrapped = self.line(f"add i64 {whole}, {step.among}")
            place = self.line(f"select i1 {negative}, i64 {wrapped}, i64 {whole}")
            within = self.line(f"icmp ult i64 {place}, {step.among}")
            good = self.line(f"and i1 {within}, {self.line(f'fcmp ord double {x}, 0.0')}")
            inside = self.line(f"select i1 {good}, i64 {place}, i64 0")
            begin = self.entry(step.choices, scope, lane)
            spot = self.line(f"getelementptr i32, ptr {self.tables}, i64 {begin}")
            there = self.line(f"load i32, ptr {self.line(f'getelementptr i32, ptr {spot}, i64 {inside}')}, align 4")
            at = self.line(f"getelementptr {self.slot(step.space)}, ptr {scope.pointers[step.space, ()]}, i32 {there}")
            if self.points and self.slot(step.space) != "double":
                at = self.line(f"getelementptr double, ptr {at}, i64 {lane}")
            value = self.line(f"load double, ptr {at}, align 8")
            test = self.line(f"select i1 {good}, double 0.0, double -1.0")
            nothing = self.line(f"call double @llvm.sqrt.f64(double {test})")
            results.append(self.line(f"select i1 {good}, double {value}, double {nothing}"))
        return results[0] if emitter.width == 1 else self.joined(results, emitter)

    def entry(self, choices: Memory, scope: _Scope, lane: int) -> str:
        """The number that ``choices`` says, which is a place in the tables, for a lane."""
        shift = lane * choices.strides[scope.wide] if scope.wide >= 0 else 0
        total = self.line(f"ptrtoint ptr {scope.pointers[TABLES, choices.strides]} to i64")
        total = self.line(f"sub i64 {total}, ptrtoint (ptr {self.tables} to i64)")
        total = self.line(f"sdiv exact i64 {total}, 4")
        total = self.line(f"add i64 {total}, {choices.base + shift}")
        if choices.table >= 0:
            total = self.line(f"add i64 {total}, {self.looked_up(choices, scope, lane)}")
        return total

    # --- operands

    def value(self, operand: Operand, scope: _Scope) -> str:
        emitter = scope.emitter
        if isinstance(operand, Number):
            return emitter.constant(operand.value)
        if isinstance(operand, Register):
            register, own = scope.registers[operand.step]
            if not own:
                register = emitter.splat(register)
                scope.registers[operand.step] = register, True
            return register
        if isinstance(operand, Carried):
            return scope.carried[operand]
        if emitter.width == 1:
            return self.double(operand, scope)
        if self.points:
            if self.slot(operand.space) == "double":
                return emitter.splat(self.double(operand, scope))
            return self.line(f"load {emitter.type}, ptr {self.address(operand, scope)}, align 8")
        stride = operand.strides[scope.wide]
        looked_up = operand.table >= 0 and operand.along[scope.wide]
        if not stride and not looked_up:
            return emitter.splat(self.double(operand, scope))
        if stride == 1 and not looked_up:
            return self.line(f"load {emitter.type}, ptr {self.address(operand, scope)}, align 8")
        if stride == -1 and not looked_up:
            last = self.address(operand, scope, 1 - emitter.width)
            turned = ", ".join(f"i32 {lane}" for lane in range(emitter.width - 1, -1, -1))
            vector = self.line(f"load {emitter.type}, ptr {last}, align 8")
            return self.line(
                f"shufflevector {emitter.type} {vector}, {emitter.type} poison, <{emitter.width} x i32> <{turned}>"
            )
        return self.joined(
            [
                self.line(f"load double, ptr {self.address(operand, scope, lane * stride, lane)}, align 8")
                for lane in range(emitter.width)
            ],
            emitter,
        )

    def joined(self, doubles: Sequence[str], emitter: _Emitter) -> str:
        vector = "poison"
        for lane, x in enumerate(doubles):
            vector = self.line(f"insertelement {emitter.type} {vector}, double {x}, i32 {lane}")
        return vector

    def double(self, memory: Number | Memory | Operand, scope: _Scope) -> str:
        assert isinstance(memory, Memory)
        return self.line(f"load double, ptr {self.address(memory, scope)}, align 8")

    def slot(self, space: str) -> str:
        """The type of what lies at one place of a space."""
        if space == TABLES:
            return "i32"
        if space == LANES and self.second is not None:
            return self.second.type
        if space == SUMS and self.apart:
            return self.apart.type
        return f"[{self.points} x double]" if self.points and space in (VARYING, WORK, OUTPUTS) else "double"

    def address(self, memory: Memory, scope: _Scope, shift: int = 0, lane: int = 0) -> str:
        pointer = scope.pointers[memory.space, memory.strides]
        slot = self.slot(memory.space)
        if memory.table >= 0:
            pointer = self.line(f"getelementptr {slot}, ptr {pointer}, i64 {self.looked_up(memory, scope, lane)}")
        if not memory.base + shift:
            return pointer
        return self.line(f"getelementptr {slot}, ptr {pointer}, i64 {memory.base + shift}")

    def looked_up(self, memory: Memory, scope: _Scope, lane: int) -> str:
        shift = lane * memory.along[scope.wide] if scope.wide >= 0 else 0
        pointer = scope.pointers[TABLES, memory.along]
        spot = self.line(f"getelementptr i32, ptr {pointer}, i64 {memory.table + shift}")
        return self.line(f"sext i32 {self.line(f'load i32, ptr {spot}, align 4')} to i64")

    def folded(self, value: str, width: int, to: int) -> str:
        """The upper half of the lanes added to the lower one, until there are so few."""
        while width > to:
            kind, width = f"<{width} x double>", width // 2
            halves = []
            for start in (0, width):
                places = ", ".join(f"i32 {lane}" for lane in range(start, start + width))
                halves.append(self.line(f"shufflevector {kind} {value}, {kind} poison, <{width} x i32> <{places}>"))
            value = self.line(f"fadd <{width} x double> {halves[0]}, {halves[1]}")
        return value

    def store(self, value: str, memory: Memory, scope: _Scope) -> None:
        address = self.address(memory, scope)
        if memory.space == SUMS and self.apart is not None:
            value = self.folded(value, scope.emitter.width, self.apart.width)
            kind = self.apart.type
            before = self.line(f"load {kind}, ptr {address}, align 8")
            self.lines.append(f"store {kind} {self.line(f'fadd {kind} {before}, {value}')}, ptr {address}, align 8")
        elif memory.space == SUMS:
            value = scope.emitter.ordered_sum(self.line(f"load double, ptr {address}, align 8"), value)
            self.lines.append(f"store double {value}, ptr {address}, align 8")
        else:
            self.lines.append(f"store {scope.emitter.type} {value}, ptr {address}, align 8")


def _carried(block: Block) -> list[Carried]:
    """What is carried from turn to turn of this loop, each thing once."""
    found: dict[Carried, None] = {}
    for step in block.items:
        if isinstance(step, Step):
            found.update((operand, None) for operand in step.operands if isinstance(operand, Carried))
    return list(found)


def _strides(block: Block) -> list[tuple[str, tuple[int, ...]]]:
    """How operands and results in memory move, and in which spaces, each way once."""
    found: dict[tuple[str, tuple[int, ...]], None] = {}

    def look(memory: Operand | None) -> None:
        if isinstance(memory, Carried):
            memory = memory.first
        if isinstance(memory, Memory):
            found[memory.space, memory.strides] = None
            if memory.table >= 0:
                found[TABLES, memory.along] = None

    def walk(block: Block) -> None:
        for item in (*block.before, *block.items):
            if isinstance(item, Block):
                walk(item)
                continue
            for operand in (*item.operands, item.store, item.lanes, item.choices):
                look(operand)
            if item.space:
                found[item.space, ()] = None

    walk(block)
    return list(found)
