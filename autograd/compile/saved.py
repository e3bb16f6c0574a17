"""Flat programs as JSON: exact, and looked through as a whole before any of it is believed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from .. import files
from ..rows import Elementwise, lookup
from .program import ARITY, CODES, NAMES, Loop, Program

FORMAT, VERSION = "glassgrad program", 1
KEYS = ("format", "version", "inputs", "constants", "lists", "rows", "places", "lines", "code", "loops", "outputs")
MOST = 2**31 - 1
# how many integers follow the operation's name: its operands, and those that are no operands
FIELDS = ARITY | {"take": 2, "call": 2, "skip_lt": 4, "skip_le": 4, "skip_eq": 4}
NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


class RefusedError(ValueError):
    """What is wrong with a program, and where."""


def save(program: Program, path: str | os.PathLike[str]) -> None:
    """Write the program to a file, whole or not at all.  ValueError if it is no right program."""
    check(program)
    fields = _fields(program)
    files.write(path, _text(fields | {"sha256": _digest(fields)}) + "\n")


def load(path: str | os.PathLike[str]) -> Program:
    """The program in a file.  ValueError, with the path and what is wrong, unless every part of it is right.

    A row that a program calls must be defined: ``autograd.primitive`` for one of the user's own.
    """
    try:
        return _read(Path(path).read_bytes())
    except (RefusedError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ValueError(f"{os.fspath(path)!r} is no program: {what}; save it anew") from None


# ---- to JSON and back ------------------------------------------------------------------------------------------------


def _fields(program: Program) -> dict[str, Any]:
    def number(x: float) -> float | str:
        return x if math.isfinite(x) else str(x)

    def loops(those: Sequence[Loop]) -> list[Any]:
        return [[loop.start, loop.period, loop.count, loops(loop.inner)] for loop in those]

    rows = ((NAMES[op], rest) for op, *rest in program.code.tolist())
    return {
        "format": FORMAT,
        "version": VERSION,
        "inputs": program.inputs,
        "constants": [number(x) for x in program.constants.tolist()],
        "lists": [[int(x) for x in operands] for operands in program.lists],
        "rows": list(program.rows),
        "places": [[file, line] for file, line in program.places],
        "lines": None if program.lines is None else program.lines.tolist(),
        "code": [[name, *rest[: FIELDS[name]]] for name, rest in rows],
        "loops": loops(program.loops),
        "outputs": program.outputs.tolist(),
    }


def _text(fields: dict[str, Any]) -> str:
    """JSON with an instruction a line."""
    parts = []
    for key, value in fields.items():
        long = key in ("code", "lists", "loops") and value
        rows = ",\n  ".join(json.dumps(row, allow_nan=False) for row in value) if long else ""
        parts.append(f"{json.dumps(key)}: " + (f"[\n  {rows}]" if long else json.dumps(value, allow_nan=False)))
    return "{" + ",\n ".join(parts) + "}"


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _refuse(message: str) -> NoReturn:
    raise RefusedError(message)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _refuse("it names a part twice")


def _read(content: bytes) -> Program:
    try:
        fields = json.loads(
            content.decode(), object_pairs_hook=_pairs, parse_constant=lambda name: _refuse(f"a bare {name}")
        )
    except RefusedError:
        raise
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are
        _refuse(f"no JSON ({error})")
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        _refuse(f"it is not marked as a {FORMAT}")
    if type(fields.get("version")) is not int or fields["version"] != VERSION:
        _refuse(f"version {fields.get('version')!r}, and this is version {VERSION}")
    if missing := sorted({*KEYS, "sha256"} ^ set(fields)):
        _refuse(f"parts missing or unknown: {', '.join(missing)}")
    digest = fields.pop("sha256")
    if digest != _digest(fields):
        _refuse("its content does not match its checksum: it is damaged, or was edited")
    program = _assembled(fields)
    check(program)
    return program


def _integers(what: str, values: Any) -> list[int]:
    if type(values) is not list or not all(type(x) is int and -MOST <= x <= MOST for x in values):
        _refuse(f"{what} must be a list of integers of 32 bits, not {values!r:.80}")
    return values


def _assembled(fields: dict[str, Any]) -> Program:
    """The program, of parts that have the right types."""
    for key in ("constants", "lists", "rows", "places", "code", "loops"):
        if type(fields[key]) is not list:
            _refuse(f"{key} must be a list, not {fields[key]!r:.80}")
    _integers("inputs", [fields["inputs"]])

    constants = [NOT_FINITE.get(x, math.nan) if x in ("inf", "-inf", "nan") else x for x in fields["constants"]]
    for n, (x, given) in enumerate(zip(constants, fields["constants"], strict=True)):
        if type(x) is not float or (type(given) is float and not math.isfinite(x)):
            _refuse(f"constant {n} must be a float, 'inf', '-inf' or 'nan', not {given!r:.80}")

    code = np.zeros((len(fields["code"]), 5), np.int32)
    for i, row in enumerate(fields["code"]):
        name = row[0] if type(row) is list and row else None
        if type(name) is not str or name not in FIELDS:
            _refuse(f"instruction {i}: {row!r:.80} begins with no operation that is known")
        if len(_integers(f"instruction {i}, {name}: what follows", row[1:])) != FIELDS[name]:
            _refuse(f"instruction {i}: {name} takes {FIELDS[name]} integers, not {len(row) - 1}")
        code[i, 0] = CODES[name]
        code[i, 1 : len(row)] = row[1:]

    for n, row in enumerate(fields["rows"]):
        if type(row) is not str:
            _refuse(f"row {n} must be a name, not {row!r:.80}")
    for n, place in enumerate(fields["places"]):
        if type(place) is not list or list(map(type, place)) != [str, int]:
            _refuse(f"place {n} must be a file and a line, not {place!r:.80}")

    def loop(row: Any) -> Loop:
        if type(row) is not list or len(row) != 4 or type(row[3]) is not list:
            _refuse(f"a loop is its start, period, count and the loops in it, not {row!r:.80}")
        start, period, count = _integers("start, period and count of a loop", row[:3])
        return Loop(start, period, count, tuple(map(loop, row[3])))

    lines = fields["lines"]
    return Program(
        fields["inputs"],
        code,
        np.array(_integers("outputs", fields["outputs"]), np.int32),
        np.array(constants, np.float64),
        [np.array(_integers(f"list {n}", operands), np.int32) for n, operands in enumerate(fields["lists"])],
        fields["rows"],
        [loop(row) for row in fields["loops"]],
        None if lines is None else np.array(_integers("lines", lines), np.int32),
        [(file, line) for file, line in fields["places"]],
    )


# ---- what a right program is -----------------------------------------------------------------------------------------


def check(program: Program) -> None:
    """Look through a program.  ValueError, naming the instruction and what is wrong with it, unless all of it is right.

    Right means: operations that exist; operands that are constants, inputs or results of earlier instructions, and no
    result of a ``skip_*``; lists and rows that exist, rows called with as many operands as they take; ``skip_*`` and
    loops that stay within the program; loops apart from each other, whose turns are alike.
    """
    _check_shapes(program)
    inputs, size, constants = program.inputs, len(program), len(program.constants)
    skips = {CODES[name] for name in CODES if name.startswith("skip")}
    ops = program.code[:, 0].tolist()
    hint = [op in skips for op in ops]

    def operand(x: int, where: str, before: int) -> None:
        if not -constants <= x < before:
            what = "there is no such constant" if x < 0 else "only what comes before can be used"
            _refuse(f"{where}: operand {x} with {inputs} inputs, {constants} constants: {what}")
        if x >= inputs and hint[x - inputs]:
            _refuse(f"{where}: operand {x} is the result of a skip, which has none")

    takes = [_operands_of(name) for name in program.rows]
    for i, (op, a, b, c, d) in enumerate(program.code.tolist()):
        if not 0 <= op < len(NAMES):
            _refuse(f"instruction {i}: there is no operation {op}")
        name, where = NAMES[op], f"instruction {i}, {NAMES[op]}"
        for x in (a, b, c, d)[: ARITY[name]]:
            operand(x, where, inputs + i)
        if name in ("take", "call"):
            if not 0 <= b < len(program.lists):
                _refuse(f"{where}: there is no list {b}")
            operands = program.lists[b].tolist()
            for x in operands:
                operand(x, where, inputs + i)
            if name == "take" and not operands:
                _refuse(f"{where}: list {b} is empty")
            if name == "call":
                if not 0 <= a < len(program.rows):
                    _refuse(f"{where}: there is no row {a}")
                if len(operands) not in takes[a]:
                    _refuse(f"{where}: {program.rows[a]} takes {_said(takes[a])} operands, not {len(operands)}")
        elif op in skips and not (0 <= c <= size - 1 - i and d in (0, 1)):
            _refuse(f"{where}: it skips {c} of {size - 1 - i} instructions if {d}")
    for n, x in enumerate(program.outputs.tolist()):
        operand(x, f"output {n}", inputs + size)
    _check_loops(program, program.loops, 0, size)


def _operands_of(called: str) -> range:
    """How many operands a row takes that is called, or, as ``name/by``, one of its partials."""
    name, slash, by = called.partition("/")
    if "#" in name:
        _refuse(f"it calls {name.partition('#')[0]!r}, a row that is not in the table")
    try:
        row = lookup(name)
    except (KeyError, ValueError) as error:
        _refuse(f"it calls {name!r}, and there is {error.args[0]}")
    if not slash:
        return range(MOST) if row.arity is None else range(row.arity, row.arity + 1)
    if not re.fullmatch(r"0|[1-9][0-9]{0,8}", by) or isinstance(row.partials, Elementwise):
        _refuse(f"it calls {called[:60]!r}, which is no partial of a row")
    if row.arity is None:
        return range(int(by) + 2, MOST)
    if int(by) >= row.arity:
        _refuse(f"it calls the partial {by} of {name!r}, which has {row.arity}, from 0 on")
    return range(row.arity + 1, row.arity + 2)


def _said(count: range) -> str:
    return f"{count.start}" if len(count) == 1 else f"{count.start} or more"


def _check_shapes(program: Program) -> None:
    size = len(program)
    if not 0 <= program.inputs <= MOST - size:
        _refuse(f"{program.inputs} inputs and {size} instructions: from 0 to {MOST} values in all")
    if program.code.shape != (size, 5):
        _refuse(f"code of shape {program.code.shape}: five integers an instruction")
    if program.lines is not None:
        if program.lines.shape != (size,):
            _refuse(f"{len(program.lines)} lines for {size} instructions")
        if size and not (program.lines.min() >= -1 and program.lines.max() < len(program.places)):
            _refuse(f"lines from {program.lines.min()} to {program.lines.max()}, and {len(program.places)} places")


def _check_loops(program: Program, loops: Sequence[Loop], low: int, high: int) -> None:
    """Loops are in order, within instructions ``low`` to ``high``, and their turns differ in what operands count."""
    for loop in loops:
        where = f"loop of {loop.count} turns of {loop.period} instructions from {loop.start} on"
        end = loop.start + loop.period * loop.count
        if loop.period < 1 or loop.count < 1 or not low <= loop.start <= end <= high:
            _refuse(f"{where}: it must lie within {low} to {high}, apart from other loops")
        if not turns_alike(program, loop):
            _refuse(f"{where}: its turns are not alike")
        _check_loops(program, loop.inner, loop.start, loop.start + loop.period)
        low = end


def turns_alike(program: Program, loop: Loop) -> bool:
    """Whether all turns have the same operations, of operands of the same kinds (constants or not), as many."""
    code = program.code[loop.start : loop.start + loop.period * loop.count].reshape(loop.count, loop.period, 5)
    if (code[:, :, 0] != code[0, :, 0]).any():
        return False
    for j, op in enumerate(code[0, :, 0].tolist()):
        name = NAMES[op]
        values = code[:, j, 1 : 1 + ARITY[name]] < 0
        if (values != values[0]).any():
            return False
        if name == "call" and (code[:, j, 1] != code[0, j, 1]).any():
            return False
        if name.startswith("skip") and (code[:, j, 3:] != code[0, j, 3:]).any():
            return False
        if name in ("take", "call") and len({len(program.lists[b]) for b in code[:, j, 2].tolist()}) > 1:
            return False
    return True
