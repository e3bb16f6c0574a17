"""LLVM's text for a flat program as straight code: functions of some 1,000 instructions over a workspace.

LLVM takes more than linear time for long functions, so that the program is cut into parts, one function each.  Within
a part values are registers, as long as there are enough of them; others, and those that later parts use, have a slot of
the workspace until their last use.  A driver calls the parts one after the other.

With lanes a slot has ``width`` doubles, as many as a register of the processor holds, and the driver goes through all
parts for the first ``width`` points of a block, then for the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .blocks import BLOCK, KINDS, TAKE, one_point, summing
from .emit import HELPERS, LIBRARY, Emitter
from .program import ARITY, CODES, NAMES, Program

SIZE = 1000  # instructions in a part

ARITIES = tuple(ARITY.values())  # by code
NEG, SUB, COPYSIGN = CODES["neg"], CODES["sub"], CODES["copysign"]
SKIPS = frozenset({"skip_lt", "skip_le", "skip_eq"})
LISTED = frozenset({CODES["take"], CODES["call"]})
SPECIAL = frozenset({*SKIPS, "take", "call", *LIBRARY, *HELPERS})  # across which no register is relied on
NEVER = 1 << 40  # the next use of what is not used again


@dataclass(frozen=True)
class Text:
    """A module's text, and the sizes of the workspaces that its functions need, in doubles.

    It defines ``i64 f(inputs, outputs, work)``, and with lanes ``i64 g(shared, varying, outputs, sums, work)`` of
    ``block`` points, where varying inputs and outputs are [index][lane] and those outputs that are reduced are added,
    lane by lane, to ``sums``.  A workspace lies at a multiple of 64 bytes and may hold anything.
    """

    text: str
    work: int
    block_work: int
    optimize: bool = False  # whether LLVM's better translation pays: it does for loops
    block: int = BLOCK


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
        self.lanes = 1 if emitter.width == 1 else BLOCK
        self.numbers = [*program.constants.tolist(), -0.0]
        self.rows: list[list[int]] = program.code.tolist()
        if not (program.code[:, 0] == COPYSIGN).any():  # which alone asks for a nan's sign
            for row in self.rows:
                if row[0] == NEG:  # of which LLVM, when it translates one by one, makes more
                    row[:3] = SUB, -len(self.numbers), row[1]
        self.parts = list(_cut(self.rows, size))
        own = 8 * emitter.width  # which slots and constants are aligned to
        self.align = {"work": own, "constants": own, "varying": 8, "outputs": 8, "terms": 8}
        self.tables: list[str] = []
        self.constants: dict[int, int] = {}  # the place of those that are used
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

    def _next_uses(self) -> list[list[int]]:
        """For each instruction the next use of each operand after it, and of its result last."""
        inputs, lists = self.program.inputs, self.program.lists
        later: dict[int, int] = {}
        uses: list[list[int]] = [[]] * len(self.rows)
        for i in range(len(self.rows) - 1, -1, -1):
            row = self.rows[i]
            operands = row[1 : 1 + ARITIES[row[0]]]
            if row[0] in LISTED:
                operands += lists[row[2]].tolist()
            mine = uses[i] = [later.get(x, NEVER) for x in operands]
            mine.append(later.pop(inputs + i, NEVER))
            for x in operands:
                later[x] = i
        return uses

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
        work = max(1, self.slots) * self.emitter.width
        if self.lanes > 1:
            block_work = -(-(work + self.sums * self.lanes) // BLOCK) * BLOCK
            one, work = one_point(block_work, self.inputs, self.output_places, self.sums, self.emitter.attributes)
            text.append(one)
        return Text("\n".join([*text, ""]), work, block_work)

    def _part(self, k: int, part: _Part, copies: Sequence[tuple[int, tuple[str, int]]]) -> str:
        emitter, inputs, outputs, lists = self.emitter, self.program.inputs, self.outputs, self.program.lists
        held, slot, free, following = self.held, self.slot, self.free, self.next
        rows, next_uses = self.rows, self.next_uses
        lines = self._begin()
        self._copy(copies)
        skips: set[int] = set()  # where skips lead to
        result = "ret void"
        for i in range(part.start, part.end):
            if i in skips:
                self._leave()
                lines += [f"br label %to{i}", f"to{i}:"]
            op, *rest = rows[i]
            name = NAMES[op]
            operands = rest[: ARITIES[op]]
            uses = next_uses[i]
            special = name in SPECIAL
            if special and name not in SKIPS:
                self._leave()
            registers = [held.get(x) or self._read(x, operands) for x in operands]
            if op in LISTED:
                chosen = lists[rest[1]].tolist()
                table = self._table(chosen) if name == "take" else ""
                registers += map(self._load, chosen if name == "call" else ())
                operands += chosen
            for x, use in zip(operands, uses, strict=False):
                if use != NEVER:
                    following[x] = use
                elif x >= 0:  # nobody uses it any more
                    held.pop(x, None)
                    if x in slot:
                        free.append(slot.pop(x))
            if special and name in SKIPS:
                test = emitter.skips(name, registers[0], registers[1], rest[3])
                to = i + 1 + rest[2]
                self._leave()
                if part.jump is not None and i == part.end - 1:
                    result = f"ret i1 {test}"
                else:
                    skips.add(to)
                    lines += [f"br i1 {test}, label %to{to}, label %on{i}", f"on{i}:"]
                continue
            value = inputs + i
            register = f"%v{value}"
            if name == "take":
                self._take(registers[0], table, len(chosen), register)
            elif name == "call":
                self._call(rest[0], registers, register)
            else:
                emitter.operation(name, registers, register)
            if value in outputs:
                for place in outputs[value]:
                    self._write(register, *place)
            if uses[-1] != NEVER:
                if len(held) >= self.registers:
                    self._give_way(())
                following[value] = uses[-1]
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
        self.emitter.lines = []
        return self.emitter.lines

    def _read(self, operand: int, together: Sequence[int]) -> str:
        """A register with a value that has none, or a constant, which is used now, with others of one instruction."""
        register = self._load(operand)
        if operand >= 0:
            if len(self.held) >= self.registers:
                self._give_way(together)
            self.held[operand] = register
        return register

    def _give_way(self, together: Sequence[int]) -> None:
        """Of the values in registers, but for those that are used together now, give up the one that is used last."""
        following, last, value = self.next, -1, -1
        for x in self.held:
            if x not in together and following[x] > last:
                last, value = following[x], x
        self._save(value)
        del self.held[value]

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
        pointer, index = self._where(operand)
        register, place = emitter.register(), self._at(pointer, index)
        if pointer == "shared":
            emitter.lines.append(f"{register} = load double, ptr {place}, align 8")
            return emitter.splat(register)
        emitter.lines.append(f"{register} = load {emitter.type}, ptr {place}, align {self.align[pointer]}")
        return register

    def _write(self, register: str, pointer: str, index: int) -> None:
        place = self._at(pointer, index)
        self.emitter.lines.append(f"store {self.emitter.type} {register}, ptr {place}, align {self.align[pointer]}")

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

    def _take(self, index: str, table: str, count: int, result: str) -> None:
        """Write the choice at run time, of each lane for itself."""
        emitter, lines = self.emitter, self.emitter.lines
        shared = "%shared" if self.lanes > 1 else "null"
        before = "poison"
        for lane in range(emitter.width):
            one = index
            if emitter.width > 1:
                one = emitter.register()
                lines.append(f"{one} = extractelement {emitter.type} {index}, i32 {lane}")
            chosen = result if emitter.width == 1 else emitter.register()
            lines.append(
                f"{chosen} = call double @take(double {one}, i64 {count}, ptr {table}, ptr {shared}, "
                f"ptr %varying, ptr %work, i64 {lane})"
            )
            if emitter.width > 1:
                after = result if lane == emitter.width - 1 else emitter.register()
                lines.append(f"{after} = insertelement {emitter.type} {before}, double {chosen}, i32 {lane}")
                before = after

    def _call(self, row: int, registers: Sequence[str], result: str) -> None:
        """Write a call of a row of Python's, of each lane for itself."""
        emitter, lines = self.emitter, self.emitter.lines
        function, callback = emitter.register(), emitter.register()
        lines.append(f"{function} = load ptr, ptr getelementptr (ptr, ptr @functions, i64 {row})")
        lines.append(f"{callback} = load ptr, ptr @callback")
        before = "poison"
        for lane in range(emitter.width):
            for k, register in enumerate(registers):
                one, place = register, emitter.register()
                if emitter.width > 1:
                    one = emitter.register()
                    lines.append(f"{one} = extractelement {emitter.type} {register}, i32 {lane}")
                lines.append(f"{place} = getelementptr double, ptr %args, i64 {k}")
                lines.append(f"store double {one}, ptr {place}")
            answer = result if emitter.width == 1 else emitter.register()
            lines.append(f"{answer} = call double {callback}(ptr {function}, ptr %args, i64 {len(registers)})")
            if emitter.width > 1:
                after = result if lane == emitter.width - 1 else emitter.register()
                lines.append(f"{after} = insertelement {emitter.type} {before}, double {answer}, i32 {lane}")
                before = after

    def _names(self) -> tuple[str, ...]:
        if self.lanes == 1:
            return ("varying", "outputs", "work")
        return ("shared", "varying", "outputs", "terms", "work")

    def _function(self, head: str, lines: Sequence[str]) -> str:
        parameters = ", ".join(f"ptr noalias %{name}" for name in self._names())
        return "\n".join([f"define internal {head}({parameters}) noinline {self.emitter.attributes} {{", *lines, "}"])

    def _driver(self, copies: Sequence[int]) -> str:
        """The function that calls the parts, with lanes in turn for as many as are computed at once."""
        lines: list[str] = ["start:"]
        arguments = ", ".join(f"ptr %{name}" for name in self._names())
        targets = {part.jump for part in self.parts}
        if self.lanes > 1:
            arguments = "ptr %shared, ptr %varying.h, ptr %outputs.h, ptr %terms.h, ptr %slots"
            lines += [
                f"%slots = getelementptr double, ptr %work, i64 {self.sums * self.lanes}",
                "br label %turn",
                "turn:",
                "%lane = phi i64 [0, %start], [%next.lane, %turned]",
                "%varying.h = getelementptr double, ptr %varying, i64 %lane",
                "%outputs.h = getelementptr double, ptr %outputs, i64 %lane",
                "%terms.h = getelementptr double, ptr %work, i64 %lane",
            ]
        lines += [f"call void @copies{k}({arguments})" for k in copies]
        for k, part in enumerate(self.parts):
            if part.start in targets:
                lines += [f"br label %to{part.start}", f"to{part.start}:"]
            if part.jump is None:
                lines.append(f"call void @part{k}({arguments})")
            else:
                lines.append(f"%t{k} = call i1 @part{k}({arguments})")
                lines += [f"br i1 %t{k}, label %to{part.jump}, label %on{part.end}", f"on{part.end}:"]
        if len(self.rows) in targets:
            lines += [f"br label %to{len(self.rows)}", f"to{len(self.rows)}:"]
        if self.lanes == 1:
            head = "define i64 @f(ptr %varying, ptr %outputs, ptr %work)"
        else:
            head = "define i64 @g(ptr %shared, ptr %varying, ptr %outputs, ptr %sums, ptr %work)"
            lines += [
                "br label %turned",
                "turned:",
                f"%next.lane = add i64 %lane, {self.emitter.width}",
                f"%again = icmp ult i64 %next.lane, {self.lanes}",
                "br i1 %again, label %turn, label %after",
                "after:",
            ]
            if self.sums:
                lines += summing(self.sums)
        return "\n".join([f"{head} {self.emitter.attributes} {{", *lines, "ret i64 0", "}"])


def _cut(rows: Sequence[Sequence[int]], size: int) -> Iterator[_Part]:
    """The parts.  A skip leads to a place within its part, or is its last instruction and leads to a part's start."""
    skips = {CODES[name] for name in SKIPS}
    starts: set[int] = set()  # where parts must start, as skips lead there
    start = 0
    while start < len(rows):
        end = min([len(rows), start + size, *(s for s in starts if s > start)])
        jump = None
        i = start
        while i < end:
            if rows[i][0] in skips:
                to = min(i + 1 + rows[i][3], len(rows))
                if to > end:
                    if i > start and to <= min([i + size, *(s for s in starts if s > i)]):
                        end = i  # all of it fits into the next part
                    else:
                        end, jump = i + 1, to
                        starts.add(to)
                    break
            i += 1
        yield _Part(start, end, jump)
        start = end
    if not rows:
        yield _Part(0, 0)
