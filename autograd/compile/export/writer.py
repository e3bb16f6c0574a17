"""The text of a program in a language that has numbers, arrays, loops and functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..listing import place
from ..program import Program
from .plan import Block, Constant, Either, Found, Operand, Part, Place, Plan, Repeat, Statement, Variable


@dataclass(frozen=True)
class Language:
    """How things are said.  Templates take what their fields are called, or operands by number."""

    name: str
    operations: Mapping[str, str | Callable[..., str]]  # an expression with {0}, {1}, ... or made of the operands
    calls: Mapping[str, str | Callable[..., str]]  # the same of rows that are called
    number: Callable[[float], str]
    define: str  # {name} {value}
    variable: str  # {name} {value}: one that is set anew
    place: str  # {name} {value}: one that is a whole number
    set: str  # {name} {value}
    open: str  # {axis} {count}
    close: str
    either: str  # {axis} {first} {others}
    taken: str  # {name} {value}: the element, or nan where the place ``name`` is none
    at: str  # {index} {length}: the place in a list, or -1
    part: Callable[[str, Sequence[str]], str]  # the head of a function with this name and these parameters
    part_end: str
    call: str  # {name} {arguments}
    comment: str  # {text}: after a statement
    libm: frozenset[str] = frozenset()  # operations whose calls the compiler might compute itself, unlike the library
    opaque: str = "{0}"  # an operand that it cannot see through


@dataclass
class Written:
    """The pieces of a file, as lines."""

    tables: list[tuple[str, list[int] | list[float]]]
    parts: list[str]
    body: list[str]
    used: set[str]  # the operations and rows that occur
    plan: Plan


class Writer:
    def __init__(self, program: Program, language: Language) -> None:
        self.program, self.language = program, language
        self.plan = Plan(program)
        self.used: set[str] = set()
        self.parts: list[str] = []

    def write(self) -> Written:
        body = list(self._block(self.plan.block, 1, ("x", "w")))
        body += self._outputs()
        body = [*self._copies(), *body]  # what has to be copied is known last
        tables = [(f"t{n}", table.tolist()) for n, table in enumerate(self.plan.tables, 1)]
        return Written(tables, self.parts, body, self.used, self.plan)

    # -- statements

    def _block(self, block: Block, depth: int, arguments: tuple[str, ...]) -> Iterator[str]:
        if block.parts is not None:
            for part in block.parts:
                yield self._indented(depth, self._part(part, arguments))
            return
        for item in block.items:
            if isinstance(item, Repeat):
                yield from self._repeat(item, depth, arguments)
            else:
                for line in self._statement(item):
                    yield self._indented(depth, line)

    def _part(self, part: Part, arguments: tuple[str, ...]) -> str:
        """Write a function; returns its call."""
        say, name = self.language, f"part{part.number}"
        lines = list(self._block(part.block, 1, arguments))
        self.parts += [say.part(name, arguments), *lines, *([say.part_end] if say.part_end else []), ""]
        return say.call.format(name=name, arguments=", ".join(arguments))

    def _repeat(self, repeat: Repeat, depth: int, arguments: tuple[str, ...]) -> Iterator[str]:
        say, name = self.language, repeat.axis
        for last in repeat.lasts:
            yield self._indented(depth, say.variable.format(name=last, value=say.number(0.0)))
        for carry in repeat.carries.values():
            yield self._indented(depth, say.variable.format(name=carry.name, value=self._text(carry.start)))
        yield self._indented(depth, say.open.format(axis=name, count=repeat.loop.count))
        yield from self._block(repeat.body, depth + 1, (*arguments, name))
        sets = [*repeat.sets.items(), *((carry.name, carry.left) for carry in repeat.carries.values())]
        for to, value in sets:
            yield self._indented(depth + 1, say.set.format(name=to, value=value))
        if say.close:
            yield self._indented(depth, say.close)

    def _statement(self, statement: Statement) -> Iterator[str]:
        say, at = self.language, statement.at
        kept = self.plan.kept_at(at)
        if statement.name == "take":
            index = say.at.format(index=self._text(statement.operands[0]), length=statement.length)
            yield say.place.format(name=f"p{at}", value=index)
            assert statement.members is not None
            value = say.taken.format(name=f"p{at}", value=self._found(self.plan.found(statement.members)))
            self.used.add("take")
        else:
            value = self._expression(statement)
        line = -1 if self.program.lines is None else int(self.program.lines[at])
        note = say.comment.format(text=place(self.program, line)) if line >= 0 else ""
        if kept is None or at in self.plan.named:
            yield say.define.format(name=f"v{at}", value=value) + note
            value, note = f"v{at}", ""
        if kept is not None:
            yield say.set.format(name=self._found(kept), value=value) + note

    def _expression(self, statement: Statement) -> str:
        say, name = self.language, statement.name
        operands = [self._text(operand) for operand in statement.operands]
        if name in say.libm or name == "call":
            operands = [
                say.opaque.format(x) if fixed else x for x, fixed in zip(operands, statement.fixed, strict=True)
            ]
        known = say.operations
        if name == "call":
            name, known = self.program.rows[self.plan.code[statement.at][1]], say.calls
        if name not in known:
            raise ValueError(
                f"{say.name} has nothing for {name}{self._where(statement.at)}: "
                "write it with other functions of autograd.math, or keep it out of what is exported"
            )
        self.used.add(name)
        written = known[name]
        return written.format(*operands) if isinstance(written, str) else written(*operands)

    def _where(self, at: int) -> str:
        line = -1 if self.program.lines is None else int(self.program.lines[at])
        return f", instruction {at}" + (f" ({place(self.program, line)})" if line >= 0 else "")

    def _outputs(self) -> Iterator[str]:
        say, outputs = self.language, self.plan.outputs
        if isinstance(outputs, list):
            for n, operand in enumerate(outputs):
                yield self._indented(1, say.set.format(name=f"y[{n}]", value=self._text(operand)))
            return
        yield self._indented(1, say.open.format(axis="o", count=len(self.program.outputs)))
        yield self._indented(2, say.set.format(name="y[o]", value=self._found(self.plan.found(outputs))))
        if say.close:
            yield self._indented(1, say.close)

    def _copies(self) -> Iterator[str]:
        """Inputs and constants that are looked up in one table with results are put beside them."""
        say, extra = self.language, self.plan.extra
        run: list[int] = []
        for x in [*extra, None]:
            if run and (x is None or not (0 <= x == run[-1] + 1 and extra[x] == extra[run[-1]] + 1)):
                if len(run) > 2:
                    yield self._indented(1, say.open.format(axis="o", count=len(run)))
                    to, source = Place("w", extra[run[0]], (("o", 1),)), Place("x", run[0], (("o", 1),))
                    yield self._indented(2, say.set.format(name=self._found(to), value=self._found(source)))
                    if say.close:
                        yield self._indented(1, say.close)
                else:
                    for one in run:
                        value: Found = Place("x", one) if one >= 0 else Constant(self.plan.constants[-1 - one])
                        to = Place("w", extra[one])
                        yield self._indented(1, say.set.format(name=self._found(to), value=self._found(value)))
                run = []
            if x is not None:
                run.append(x)

    # -- operands

    def _text(self, operand: Operand) -> str:
        return self._found(self.plan.found(operand))

    def _found(self, found: Found) -> str:
        say = self.language
        if isinstance(found, Constant):
            return say.number(found.value)
        if isinstance(found, Variable):
            return found.name
        if isinstance(found, Either):
            return say.either.format(axis=found.axis, first=self._found(found.first), others=self._found(found.others))
        index = _sum(found.base, found.steps)
        if found.table:
            index = f"{found.table}[{index}]"
            return f"{found.array}[{index}]" if found.array else index
        return f"{found.array}[{index}]"

    @staticmethod
    def _indented(depth: int, line: str) -> str:
        return "    " * depth + line


def _sum(base: int, steps: Sequence[tuple[str, int]]) -> str:
    text = str(base) if base or not steps else ""
    for name, step in steps:
        sign = "-" if step < 0 else "+"
        term = name if abs(step) == 1 else f"{abs(step)} * {name}"
        text += f" {sign} {term}" if text else f"{'-' if step < 0 else ''}{term}"
    return text


# ---- names -----------------------------------------------------------------------------------------------------------


def checked_name(name: str, language: str, reserved: set[str]) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in reserved or re.fullmatch(r"t\d+|part\d+", name):
        raise ValueError(f"a function in {language} cannot be called {name!r}: choose an identifier that is not taken")
    return name


def checked_names(names: Sequence[str] | None, count: int, what: str) -> list[str] | None:
    """As many names as there are, each once; None stays None."""
    if names is None:
        return None
    names = list(names)
    if len(names) != count or not all(isinstance(name, str) for name in names) or len(set(names)) != count:
        raise ValueError(f"the program has {count} {what}: give a different name to each, not {names!r:.100}")
    return names


def wrapped(head: str, items: Sequence[str], tail: str) -> str:
    """A long list of items between head and tail, on lines of moderate length."""
    one = f"{head}{', '.join(items)}{tail}"
    if len(one) <= 110:
        return one
    lines = [""]
    for item in items:
        if len(lines[-1]) + len(item) > 106:
            lines.append("")
        lines[-1] += f"{item}, "
    return "\n    ".join([head, *(line.rstrip() for line in lines)]).removesuffix(",") + tail


def summary(program: Program) -> str:
    parts = [(program.inputs, "input"), (len(program.outputs), "output"), (len(program), "operation")]
    return ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in parts)
