"""What ``machine.py`` takes from C where it is compiled, for where it is not: one instruction after another."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from threading import get_ident
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..primitives import TABLE
from ..rows import whole
from .program import ARITY, NAMES, Floats, Integers, Program

if TYPE_CHECKING:
    from .machine import Flags, Machine, Native

ERRORS = (ArithmeticError, ValueError)  # what Python raises where the C library gives infinity or nan

# what gives the same there, by IEEE 754, where it has another name than in NumPy
IN_NUMPY = {
    "div": "divide", "pow": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
}  # fmt: skip


RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "select_lt": operator.lt, "select_le": operator.le, "select_eq": operator.eq,
}  # fmt: skip


def machine_operations() -> str:
    return " ".join(NAMES)


class Tape:
    """A program with its constants, outputs and lists as Python's own numbers."""

    def __init__(self, program: Program, lists: Sequence[list[int]]) -> None:
        self.rows: list[list[int]] = program.code.tolist()
        self.constants: list[float] = program.constants.tolist()
        self.outputs: list[int] = program.outputs.tolist()
        self.lists = lists
        self.inputs = program.inputs


def new_tape(program: Program, lists: Integers, starts: Any, varying: Flags) -> Tape:
    tape = Tape(program, [lists[start:stop].tolist() for start, stop in pairwise(starts)])
    _verify(tape, len(program.rows))
    return tape


def _verify(tape: Tape, rows: int) -> None:
    hints: set[int] = set()
    for i, (op, a, b, c, d) in enumerate(tape.rows):
        known = 0 <= op < len(NAMES)
        name = NAMES[op] if known else ""
        listed = name in ("take", "call")
        known = known and not (listed and not 0 <= b < len(tape.lists)) and not (name == "call" and not 0 <= a < rows)
        known = known and not (name.startswith("skip") and not 0 <= c <= len(tape.rows) - 1 - i)
        if known:
            operands = [a, b, c, d][: ARITY[name]] + (tape.lists[b] if listed else [])
            known = all(-len(tape.constants) <= x < tape.inputs + i for x in operands) and hints.isdisjoint(operands)
        if not known:
            _refuse()
        if name.startswith("skip"):
            hints.add(tape.inputs + i)
    last = tape.inputs + len(tape.rows)
    if not all(-len(tape.constants) <= x < last for x in tape.outputs) or not hints.isdisjoint(tape.outputs):
        _refuse()


def _refuse() -> NoReturn:
    raise ValueError("this is no flat program: an operand, a list or a row is not there, or not yet")


def _undefined(name: str, xs: Sequence[float]) -> float:
    """What the C library gives where Python's function raises."""
    if name in ("mod", "floordiv"):
        return math.nan
    with np.errstate(all="ignore"):
        return float(getattr(np, IN_NUMPY.get(name, name))(*xs))


def _came_from(y: float, xs: Sequence[float]) -> bool:
    """Whether a result that is not finite is so because an operand was."""
    return any(x != x for x in xs) if y != y else any(math.isinf(x) or x != x for x in xs)


def evaluate(
    tape: Tape, inputs: Sequence[float] | Floats, functions: Sequence[Callable[..., float]]
) -> tuple[list[float], bool]:
    """The outputs, and whether an operation overflowed, divided by zero or was undefined."""
    if len(inputs) != tape.inputs:
        raise ValueError(f"the program takes {tape.inputs} inputs, not {len(inputs)}")
    values = [float(x) for x in inputs]
    constants = tape.constants
    flagged = False
    for op, *rest in tape.rows:
        name = NAMES[op]
        xs = [values[x] if x >= 0 else constants[-1 - x] for x in rest[: ARITY[name]]]
        if name in RELATIONS:
            y = xs[2] if RELATIONS[name](xs[0], xs[1]) else xs[3]
        elif name.startswith("skip"):
            y = 0.0  # it may be ignored
        elif name == "take":
            operands = tape.lists[rest[1]]
            x = operands[whole(xs[0], len(operands))]
            y = values[x] if x >= 0 else constants[-1 - x]
        elif name == "call":
            xs = [values[x] if x >= 0 else constants[-1 - x] for x in tape.lists[rest[1]]]
            y = float(functions[rest[0]](*xs))
            flagged |= not math.isfinite(y)
        else:
            try:
                y = TABLE[name].fn(*xs)
                flagged |= not math.isfinite(y) and not _came_from(y, xs)
            except ERRORS:
                y = _undefined(name, xs)
                flagged = True
        values.append(y)
    return [values[x] if x >= 0 else constants[-1 - x] for x in tape.outputs], flagged


def run_tape(machine: Machine, inputs: Sequence[float] | Floats, into: Floats | None = None) -> Any:
    outputs, flagged = evaluate(machine.tape, inputs, machine.functions)
    (machine.raised.add if flagged else machine.raised.discard)(get_ident())
    if into is None:
        return outputs
    into[:] = outputs
    return into


def compute(
    machine: Machine,
    tape: Tape,
    points: Floats,
    shared: Floats,
    varying: Integers,
    shared_at: Integers,
    reduced: Flags,
    start: int,
    stop: int,
    per_point: Floats,
    sums: Floats,
    terms: Floats | None,
    flagged: Flags,
) -> None:
    """Points ``start`` to ``stop``, one by one; the terms of the sums into ``terms`` if that is given."""
    point = np.empty(tape.inputs)
    point[shared_at] = shared
    for i in range(start, stop):
        point[varying] = points[i]
        outputs, flagged[i] = evaluate(tape, point.tolist(), machine.functions)
        row = np.array(outputs)
        per_point[i] = row[~reduced]
        if terms is None:
            add_terms(sums, row[np.newaxis, reduced])
        else:
            terms[i - start] = row[reduced]


def add_terms(sums: Floats, terms: Floats) -> None:
    with np.errstate(all="ignore"):
        for row in terms:
            sums += row


def machine_callback() -> NoReturn:
    raise RuntimeError("machine code calls Python by way of the compiled engine: install where a C compiler is")


def make_room(native: Native) -> NoReturn:
    raise RuntimeError("machine code is called by the compiled engine only: install where a C compiler is")


run_native: Any = make_room  # never reached
compute_native: Any = make_room


def floats_of(array: Any, n: int) -> Any:
    if len(array) != n:
        raise ValueError(f"the program takes {n} numbers, not {len(array)}")
    return array


flags_of = floats_of
