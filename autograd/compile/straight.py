"""LLVM's text for a flat program as straight code: functions of some 1,000 instructions over a workspace.

LLVM takes more than linear time for long functions, so that the program is cut into parts, one function each.  Within
a part values are registers, as long as there are enough of them; others, and those that later parts use, have a slot of
the workspace until their last use.  A driver calls the parts one after the other.

With lanes a slot has ``width`` doubles, as many as a register of the processor holds.  The driver takes a part through
all points of a block, ``width`` of them after another, and then the next part: so the code of a long program is read
from afar once a block.  Where parts are skipped they go together, as other points may take another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .blocks import BLOCK, KINDS, MANY, TAKE, one_point, over_points, summing
from .emit import HELPERS, LIBRARY, Emitter
from .program import ARITY, CODES, NAMES, Program

SIZE = 1000  # instructions in a part

ARITIES = tuple(ARITY.values())  # by code
NEG, SUB, COPYSIGN = CODES["neg"], CODES["sub"], CODES["copysign"]
SKIPS = frozenset({"skip_lt", "skip_le", "skip_eq"})
LISTED = (CODES["take"], CODES["call"])
SPECIAL = frozenset({*SKIPS, "take", "call", *LIBRARY, *HELPERS})  # across which no register is relied on
NOW, NEVER = -1, 1 << 40  # the next use of what is read for an instruction, and of what is not used again


@dataclass(frozen=True)
class Text:
    """A module's text, and the sizes of the workspaces that its functions need, in doubles.

    It defines ``i64 f(inputs, outputs, work)``, and with lanes ``i64 g(shared, varying, outputs, sums, work, points)``
    of a ``block``, where varying inputs and outputs are [index][lane] and those outputs that are reduced are added,
    lane by lane, to ``sums``.  ``points`` are from ``least`` to ``block``; where they are fewer, the other lanes must
    hold the numbers of one of them.  A workspace lies at a multiple of 64 bytes and may hold anything.
    """

    text: str
    work: int
    block_work: int
    optimize: bool = False  # whether LLVM's better translation pays: it does for loops
    block: int = BLOCK
    least: int = 1


@dataclass(frozen=True)
class _Part:
    """Instructions ``start`` to ``end``; the last one is a skip to a later part if there is a ``jump``."""

    start: int
    end: int
    jump: int | None = None


def straight(
    program: Program,
    width: int = 1,
    exact: bool = True,
    shared: Sequence[bool] = (),
    reduced: Sequence[bool] = (),
    functions: Mapping[str, str] | None = None,
    size: int = SIZE,
    registers: int = 14,
) -> Text:
    """The text of ``program`` for one point, or with a ``width`` from 2 on for a block of lanes.

    ``shared`` says for each input whether all points have the same, ``reduced`` for each output whether it is summed.
    Rows that it calls are Python's: the module has ``@functions`` for them, by number, and ``@callback`` to call one.
    """
    return _Writer(program, Emitter(width, exact, functions), shared, reduced, size, registers).module()


class _Writer:
    """Writes a program's parts in order and knows, at each instruction, where each value is.

    At most ``registers`` values are in registers; the one whose next use is furthest gives way to another (Belady's
    rule), so that LLVM's fast register allocator has nothing to decide.  A value is written to its slot when it gives
    way, and before calls and the ends of blocks, across which no register is relied on.
    """

    def __init__(
        self,
        program: Program,
        emitter: Emitter,
        shared: Sequence[bool],
        reduced: Sequence[bool],
        size: int,
        registers: int,
    ) -> None:
        self.program = program
        self.emitter = emitter
        self.size = size
        self.registers = registers
        self.numbers = [*program.constants.tolist(), -0.0]
        self.rows: list[list[int]] = program.code.tolist()
        if not (program.code[:, 0] == COPYSIGN).any():  # which alone asks for a nan's sign
            for row in self.rows:
                if row[0] == NEG:  # of which LLVM, when it translates one by one, makes more
                    row[:3] = SUB, -len(self.numbers), row[1]
        skips = np.flatnonzero(np.isin(program.code[:, 0], [CODES[name] for name in SKIPS])).tolist()
        self.parts = list(_cut(self.rows, skips, size))
        self.targets = {part.jump for part in self.parts if part.jump is not None}  # of skips out of their part
        self.lanes = 1 if emitter.width == 1 else MANY if len(self.parts) > 2 and not self.targets else BLOCK
        every = "" if emitter.width == 1 else ", align 8"  # slots and constants are aligned as LLVM has it by itself
        self.align = {"work": "", "constants": "", "varying": every, "outputs": every, "terms": every}
        self.tables: list[str] = []
        self.constants: dict[int, int] = {}  # the place of those that are used ...
        self.addresses: dict[int, str] = {}  # ... and its text
        self._place_inputs(shared)
        self._place_outputs(reduced)
        self.next_uses = self._next_uses()
        self.next: dict[int, int] = {}  # of each live value the instruction that uses it next ...
        self.held: dict[int, str] = {}  # ... its register ...
        self.slot: dict[int, int] = {}  # ... and its slot, once it has one
        self.places: dict[tuple[str, int], str] = {}  # the registers of pointers in this block
        self.free: list[int] = []
        self.slots = 0

    # Where things are: a pointer and an index, which counts doubles.

    def _place_inputs(self, shared: Sequence[bool]) -> None:
        every = list(shared) if self.lanes > 1 and shared else [False] * self.program.inputs
        self.inputs: list[tuple[str, int]] = []
        counts = [0, 0]
        for is_shared in every:
            pointer, step = ("shared", 1) if is_shared else ("varying", self.lanes)
            self.inputs.append((pointer, counts[is_shared] * step))
            counts[is_shared] += 1

    def _place_outputs(self, reduced: Sequence[bool]) -> None:
        self.outputs: dict[int, list[tuple[str, int]]] = {}
        self.output_places: list[tuple[str, int]] = []
        counts = [0, 0]
        for k, operand in enumerate(self.program.outputs.tolist()):
            is_reduced = bool(self.lanes > 1 and reduced and reduced[k])
            place = ("terms" if is_reduced else "outputs", counts[is_reduced] * self.lanes)
            self.outputs.setdefault(operand, []).append(place)
            self.output_places.append(place)
            counts[is_reduced] += 1
        self.sums = counts[True]

    def _next_uses(self) -> tuple[list[int], list[int]]:
        """The next uses of each instruction's operands, those that it lists and its result; where they begin."""
        code, inputs, lists = self.program.code, self.program.inputs, self.program.lists
        count = len(code)
        at = np.arange(count)
        arity = np.array(ARITIES)[code[:, 0]]
        listed = np.flatnonzero(np.isin(code[:, 0], LISTED))
        taken = {int(i): lists[code[i, 2]] for i in listed}
        lengths = arity + 1
        for i, chosen in taken.items():
            lengths[i] += len(chosen)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        values = np.empty(starts[-1], np.int64)
        for k in range(max(ARITIES)):
            has = at[arity > k]
            values[starts[has] + k] = code[has, 1 + k]
        for i, chosen in taken.items():
            values[starts[i] + arity[i] : starts[i + 1] - 1] = chosen
        values[starts[1:] - 1] = inputs + at
        times = np.repeat(at, lengths)
        order = np.lexsort((times, values))
        values, times = values[order], times[order]
        new_value = np.diff(values, append=-NEVER) != 0  # of the next one
        ends = np.flatnonzero(new_value | (np.diff(times, append=-1) != 0))  # of uses of a value by one instruction
        following = np.where(new_value[ends], NEVER, times[np.minimum(ends + 1, len(times) - 1)])
        uses = np.empty_like(values)
        uses[order] = np.repeat(following, np.diff(ends, prepend=-1))
        return uses.tolist(), starts.tolist()

    # The text.

    def module(self) -> Text:
        copies = [(x, place) for x, places in self.outputs.items() if x < self.program.inputs for place in places]
        functions = [self._part(k, part, copies[: self.size] if k == 0 else ()) for k, part in enumerate(self.parts)]
        later = range(self.size, len(copies), self.size)
        functions += [self._copies(k, copies[k : k + self.size]) for k in later]
        functions.append(self._driver(list(later)))
        tables = [*self.tables, TAKE] if self.tables else []
        preamble = self.emitter.preamble()
        if tables and "@llvm.trunc.f64" not in preamble:
            preamble += "\ndeclare double @llvm.trunc.f64(double)"
        if self.constants:
            kind = self.emitter.type
            values = ", ".join(f"{kind} {self.emitter.constant(self.numbers[k])}" for k in self.constants)
            tables.append(f"@constants = internal global [{len(self.constants)} x {kind}] [{values}], align 64")
        elif self.tables:
            tables.append("@constants = internal global double 0.0")
        if self.program.rows:
            tables.append(f"@functions = dso_local global [{len(self.program.rows)} x ptr] zeroinitializer")
            tables.append("@callback = dso_local global ptr null")
        text = [preamble, *tables, *functions]
        block_work = 0
        work = max(1, self.slots) * self.lanes
        if self.lanes > 1:
            block_work = -(-(work + self.sums * self.lanes) // BLOCK) * BLOCK
            one, work = one_point(
                block_work, self.inputs, self.output_places, self.sums, self.lanes, self.emitter.width,
                self.emitter.attributes,
            )  # fmt: skip
            text.append(one)
        return Text("\n".join([*text, ""]), work, block_work, block=max(self.lanes, BLOCK))

    def _part(self, k: int, part: _Part, copies: Sequence[tuple[int, tuple[str, int]]]) -> str:
        emitter, inputs, outputs, lists = self.emitter, self.program.inputs, self.outputs, self.program.lists
        held, slot, free, following = self.held, self.slot, self.free, self.next
        rows, (next_uses, starts) = self.rows, self.next_uses
        lines = self._begin()
        self._copy(copies)
        skips: set[int] = set()  # where skips lead to
        result = "ret void"
        for i in range(part.start, part.end):
            if i in skips:
                self._leave()
                lines += [f"br label %to{i}", f"to{i}:"]
            row = rows[i]
            op = row[0]
            name = NAMES[op]
            operands = row[1 : 1 + ARITIES[op]]
            special = name in SPECIAL
            if special and name not in SKIPS:
                self._leave()
            registers = [held.get(x) or self._read(x) for x in operands]
            if op in LISTED:
                chosen = lists[row[2]].tolist()
                table = self._table(chosen) if name == "take" else ""
                registers += map(self._load, chosen if name == "call" else ())
                operands += chosen
            uses = next_uses[starts[i] : starts[i + 1]]
            last = uses.pop()
            for x, use in zip(operands, uses):  # noqa: B905  # they are equally many, and to ask takes time
                if use != NEVER:
                    following[x] = use
                elif x >= 0:  # nobody uses it any more
                    held.pop(x, None)
                    if x in slot:
                        free.append(slot.pop(x))
            if special and name in SKIPS:
                test = emitter.skips(name, registers[0], registers[1], row[4])
                to = i + 1 + row[3]
                self._leave()
                if part.jump is not None and i == part.end - 1:
                    result = f"ret i1 {test}"
                else:
                    skips.add(to)
                    lines += [f"br i1 {test}, label %to{to}, label %on{i}", f"on{i}:"]
                continue
            value = inputs + i
            if name == "take":
                register = self._take(registers[0], table, len(chosen))
            elif name == "call":
                register = self._call(row[1], registers)
            else:
                register = emitter.operation(name, registers)
            if value in outputs:
                for place in outputs[value]:
                    self._write(register, *place)
            if last != NEVER:
                self._make_room()
                following[value] = last
                held[value] = register
        self._leave()
        if part.end in skips:
            lines += [f"br label %to{part.end}", f"to{part.end}:"]
        kind = "void" if part.jump is None else "i1"
        room = [f"%args = alloca [{max(map(len, lists), default=1)} x double]"] if self.program.rows else []
        return self._function(f"{kind} @part{k}", [*room, *lines, result])

    def _copies(self, k: int, copies: Sequence[tuple[int, tuple[str, int]]]) -> str:
        lines = self._begin()
        self._copy(copies)
        return self._function(f"void @copies{k}", [*lines, "ret void"])

    def _copy(self, copies: Sequence[tuple[int, tuple[str, int]]]) -> None:
        """Write outputs that are inputs or constants."""
        for value, place in copies:
            self._write(self._load(value), *place)

    def _begin(self) -> list[str]:
        self.places.clear()
        return self.emitter.begin()

    def _read(self, operand: int) -> str:
        """A register with a value that has none, or a constant, which is used now."""
        register = self._load(operand)
        if operand >= 0:
            self._make_room()
            self.held[operand] = register
            self.next[operand] = NOW
        return register

    def _make_room(self) -> None:
        """If all registers are taken, give up the value that is used last; those that are used now are not."""
        held = self.held
        if len(held) >= self.registers:
            value = max(held, key=self.next.__getitem__)
            self._save(value)
            del held[value]

    def _save(self, value: int) -> None:
        """Write a live value that is in a register only to a slot."""
        if value >= self.program.inputs and value not in self.slot:
            if not self.free:
                self.free.append(self.slots * self.emitter.width)
                self.slots += 1
            place = self.slot[value] = self.free.pop()
            self._write(self.held[value], "work", place)

    def _leave(self) -> None:
        """Rely on no register from here on."""
        for value in self.held:
            self._save(value)
        self.held.clear()
        self.places.clear()

    def _load(self, operand: int) -> str:
        emitter = self.emitter
        place, aligned = self.addresses.get(operand), ""
        if place is None:
            pointer, index = self._where(operand)
            place = self._at(pointer, index)
            if pointer == "constants":
                self.addresses[operand] = place
            elif pointer == "shared":
                register = emitter.register()
                emitter.lines.append(f"{register} = load double, ptr {place}")
                return emitter.splat(register)
            else:
                aligned = self.align[pointer]
        register = emitter.register()
        emitter.lines.append(f"{register} = load {emitter.type}, ptr {place}{aligned}")
        return register

    def _write(self, register: str, pointer: str, index: int) -> None:
        place = self._at(pointer, index)
        self.emitter.lines.append(f"store {self.emitter.type} {register}, ptr {place}{self.align[pointer]}")

    def _where(self, operand: int) -> tuple[str, int]:
        if operand < 0:
            place = self.constants.setdefault(-1 - operand, len(self.constants))
            return "constants", place * self.emitter.width
        return self.inputs[operand] if operand < self.program.inputs else ("work", self.slot[operand])

    def _at(self, pointer: str, index: int) -> str:
        if pointer == "constants":
            return f"getelementptr (double, ptr @constants, i64 {index})" if index else "@constants"
        if index == 0:
            return f"%{pointer}"
        place = self.places.get((pointer, index))
        if place is None:
            place = self.places[pointer, index] = self.emitter.register()
            self.emitter.lines.append(f"{place} = getelementptr double, ptr %{pointer}, i64 {index}")
        return place

    def _table(self, values: Sequence[int]) -> str:
        """A table of where the values are; they must all be in memory."""
        table = f"@table{len(self.tables)}"
        entries = ", ".join(f"i32 {index * 4 + KINDS[pointer]}" for pointer, index in map(self._where, values))
        self.tables.append(f"{table} = internal constant [{len(values)} x i32] [{entries}]")
        return table

    def _take(self, index: str, table: str, count: int) -> str:
        """Write the choice at run time, of each lane for itself."""
        emitter, lines = self.emitter, self.emitter.lines
        shared = "%shared" if self.lanes > 1 else "null"
        before = "poison"
        for lane in range(emitter.width):
            one = self._lane(index, lane)
            chosen = emitter.register()
            lines.append(
                f"{chosen} = call double @take(double {one}, i64 {count}, ptr {table}, ptr {shared}, "
                f"ptr %varying, ptr %work, i64 {lane})"
            )
            before = self._with_lane(before, chosen, lane)
        return before

    def _call(self, row: int, registers: Sequence[str]) -> str:
        """Write a call of a row of Python's, of each lane for itself."""
        emitter, lines = self.emitter, self.emitter.lines
        function = emitter.register()
        lines.append(f"{function} = load ptr, ptr getelementptr (ptr, ptr @functions, i64 {row})")
        callback = emitter.register()
        lines.append(f"{callback} = load ptr, ptr @callback")
        before = "poison"
        for lane in range(emitter.width):
            for k, register in enumerate(registers):
                one, place = self._lane(register, lane), emitter.register()
                lines.append(f"{place} = getelementptr double, ptr %args, i64 {k}")
                lines.append(f"store double {one}, ptr {place}")
            answer = emitter.register()
            lines.append(f"{answer} = call double {callback}(ptr {function}, ptr %args, i64 {len(registers)})")
            before = self._with_lane(before, answer, lane)
        return before

    def _lane(self, register: str, lane: int) -> str:
        """The double in a lane."""
        emitter = self.emitter
        if emitter.width == 1:
            return register
        one = emitter.register()
        emitter.lines.append(f"{one} = extractelement {emitter.type} {register}, i32 {lane}")
        return one

    def _with_lane(self, before: str, one: str, lane: int) -> str:
        """``before`` with the double ``one`` in a lane."""
        emitter = self.emitter
        if emitter.width == 1:
            return one
        after = emitter.register()
        emitter.lines.append(f"{after} = insertelement {emitter.type} {before}, double {one}, i32 {lane}")
        return after

    def _names(self) -> tuple[str, ...]:
        if self.lanes == 1:
            return ("varying", "outputs", "work")
        return ("shared", "varying", "outputs", "terms", "work")

    def _function(self, head: str, lines: Sequence[str]) -> str:
        parameters = ", ".join(f"ptr noalias %{name}" for name in self._names())
        head = f"define internal {head}({parameters}) noinline {self.emitter.attributes} {{"
        return "\n".join([head, "start:", *lines, "}"])

    def _driver(self, copies: Sequence[int]) -> str:
        """The function that calls the parts; with lanes, for as many as are computed at once after another."""
        calls = [[f"call void @copies{k}({self._arguments()})"] for k in copies]
        calls += [self._called(k) for k in range(len(self.parts))]
        if len(self.rows) in self.targets:
            calls[-1] += [f"br label %to{len(self.rows)}", f"to{len(self.rows)}:"]
        attributes = self.emitter.attributes
        if self.lanes == 1:
            lines = [line for call in calls for line in call]
            head = "define i64 @f(ptr %varying, ptr %outputs, ptr %work)"
            return "\n".join([f"{head} {attributes} {{", "start:", *lines, "ret i64 0", "}"])
        if self.targets:
            calls = [[line for call in calls for line in call]]
        turns = [
            over_points(f"@turns{k}", call, max(1, self.slots), self.emitter.width, attributes)
            for k, call in enumerate(calls)
        ]
        lines = [f"%slots = getelementptr double, ptr %work, i64 {self.sums * self.lanes}"]
        arguments = "ptr %shared, ptr %varying, ptr %outputs, ptr %work, ptr %slots, i64 %points"
        lines += [f"call void @turns{k}({arguments})" for k in range(len(turns))]
        if self.sums:
            lines += summing(self.sums, self.lanes)
        head = "define i64 @g(ptr %shared, ptr %varying, ptr %outputs, ptr %sums, ptr %work, i64 %points)"
        return "\n".join([*turns, f"{head} {attributes} {{", "start:", *lines, "ret i64 0", "}"])

    def _called(self, k: int) -> list[str]:
        """The call of a part, and where it leads."""
        part, lines = self.parts[k], []
        if part.start in self.targets:
            lines += [f"br label %to{part.start}", f"to{part.start}:"]
        if part.jump is None:
            return [*lines, f"call void @part{k}({self._arguments()})"]
        lines.append(f"%t{k} = call i1 @part{k}({self._arguments()})")
        return [*lines, f"br i1 %t{k}, label %to{part.jump}, label %on{part.end}", f"on{part.end}:"]

    def _arguments(self) -> str:
        return ", ".join(f"ptr %{name}" for name in self._names())


def _cut(rows: Sequence[Sequence[int]], skips: Sequence[int], size: int) -> Iterator[_Part]:
    """The parts.  A skip leads to a place within its part, or is its last instruction and leads to a part's start."""
    starts: set[int] = set()  # where parts must start, as skips lead there
    start = at = 0
    while start < len(rows):
        end = min([len(rows), start + size, *(s for s in starts if s > start)])
        jump = None
        while at < len(skips) and skips[at] < end:
            i = skips[at]
            to = min(i + 1 + rows[i][3], len(rows))
            if to > end:
                if i > start and to <= min([i + size, *(s for s in starts if s > i)]):
                    end = i  # all of it fits into the next part
                else:
                    end, jump = i + 1, to
                    starts.add(to)
                    at += 1
                break
            at += 1
        yield _Part(start, end, jump)
        start = end
    if not rows:
        yield _Part(0, 0)
