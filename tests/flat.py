"""Random flat programs, and a slow interpreter of them that shares no code with any executor: the oracle of their tests."""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.compile.program import ARITY, CODES, NAMES, Program

INFINITE = 1e308 * 10
RELATIONS: dict[str, Callable[[float, float], bool]] = {"lt": operator.lt, "le": operator.le, "eq": operator.eq}
ORDINARY = (
    "add",
    "sub",
    "mul",
    "div",
    "neg",
    "abs",
    "sqrt",
    "select_lt",
    "select_le",
    "select_eq",
    "exp",
    "log",
    "sin",
    "tanh",
)


def _divide(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


FUNCTIONS: dict[str, Callable[..., float]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": _divide, "neg": operator.neg, "abs": abs,
    "floor": lambda a: math.copysign(float(math.floor(a)), a), "ceil": lambda a: math.copysign(float(math.ceil(a)), a),
    "trunc": lambda a: math.copysign(float(math.trunc(a)), a), "mod": operator.mod, "floordiv": operator.floordiv,
    "pow": math.pow,
}  # fmt: skip


def step(name: str, xs: Sequence[float]) -> float:
    """One operation; what Python's math refuses (a pole, too large a result, outside the domain) is nan here."""
    try:
        return float((FUNCTIONS.get(name) or getattr(math, name))(*xs))
    except (ArithmeticError, ValueError):
        return math.nan


def evaluate(program: Program, inputs: Sequence[float], call: Callable[..., float] | None = None) -> list[float]:
    """The outputs.  Where they are finite and no intermediate result is not, every executor must give the same bits."""
    values = [float(x) for x in inputs]
    constants = program.constants.tolist()

    def value(operand: int) -> float:
        return values[operand] if operand >= 0 else constants[-1 - operand]

    for _, name, rest in program.instructions():
        xs = [value(operand) for operand in rest[: ARITY[name]]]
        if name.startswith("select"):
            values.append(xs[2] if RELATIONS[name[-2:]](xs[0], xs[1]) else xs[3])
        elif name.startswith("skip"):
            values.append(0.0)  # a hint
        elif name == "take":
            values.append(value(int(program.lists[rest[1]][int(xs[0])])))
        elif name == "call":
            assert call is not None
            values.append(call(program.rows[rest[0]], *(value(int(x)) for x in program.lists[rest[1]])))
        else:
            values.append(step(name, xs))
    return [value(int(operand)) for operand in program.outputs]


def assembled(
    inputs: int, code: list[list[int]], outputs: list[int], constants: Sequence[float], **more: Any
) -> Program:
    rows = [(row + [0] * 5)[:5] for row in code]
    return Program(
        inputs, np.array(rows, np.int32).reshape(-1, 5), np.array(outputs, np.int32), np.array(constants, float), **more
    )


def straight(seed: int, size: int, inputs: int = 4, names: Sequence[str] = ORDINARY) -> Program:
    """A random program in which nothing repeats; about a tenth of the operands are constants."""
    draw = random.Random(seed)
    constants = [0.0, 1.0, -1.0, 0.5, 2.0, *(draw.uniform(-2, 2) for _ in range(5))]
    code: list[list[int]] = []

    def operand() -> int:
        here = inputs + len(code)
        if draw.random() < 0.1:
            return -1 - draw.randrange(len(constants))
        return draw.randrange(max(0, here - 20), here) if draw.random() < 0.9 else draw.randrange(here)

    for _ in range(size):
        name = draw.choice(names)
        code.append([CODES[name], *(operand() for _ in range(ARITY[name]))])
    last = inputs + size
    return assembled(inputs, code, [draw.randrange(last) for _ in range(5)] + [last - 1, -1, 0], constants)


def repeating(seed: int, count: int, inputs: int = 4, period: int = 6) -> Program:
    """A random body again and again: operands in the same turn, of the turn before, fixed, and moving through inputs."""
    draw = random.Random(seed)
    total = inputs + count
    constants = [0.5, 1.0, -0.25]
    kinds = ["local", "carried", "fixed", "moving", "constant"]
    body = []
    for j in range(period):
        name = draw.choice(("add", "sub", "mul", "tanh", "select_lt", "abs", "sin"))
        body.append((name, [(draw.choice(kinds), draw.randrange(1000)) for _ in range(ARITY[name])], j))
    code: list[list[int]] = []
    for t in range(count):
        for name, operands, j in body:
            row = [CODES[name]]
            for kind, r in operands:
                if kind == "local" and j:
                    row.append(total + t * period + r % j)
                elif kind == "carried" and t:
                    row.append(total + (t - 1) * period + r % period)
                elif kind == "moving":
                    row.append(inputs + t)
                elif kind == "constant":
                    row.append(-1 - r % len(constants))
                else:
                    row.append(r % inputs)
            code.append(row)
    return assembled(total, code, [total + len(code) - 1 - k for k in range(min(period, len(code)))], constants)


assert set(NAMES) == set(ARITY)
