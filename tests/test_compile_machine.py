"""The interpreter of flat programs against Python's own functions and the oracle of ``flat``, to the bit."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import autograd
from autograd.compile.program import ARITY, CODES, NAMES, Program
from autograd.native.choice import load

from . import flat

unit = load("compile/machine")
Machine, Native = unit.Machine, unit.Native
COMPILED = unit.COMPILED
POINTS = 70  # two whole blocks and a part
EXTREMES = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1.5, -2.5, 3.0, -7.0, 1e-310, -5e-324, 1e-160, 1e160, -1e160, 1.7e308,
    -1.7e308, math.inf, -math.inf, math.nan, 709.5, 710.5, -745.2, math.pi, 1e22, 0.1, -0.3, 27.0,
]  # fmt: skip
COMPUTED = [name for name in NAMES if not name.startswith(("select", "skip")) and name not in ("take", "call")]


def bits(xs: Sequence[float]) -> list[bytes]:
    """What tells floats apart, also 0.0 from -0.0; all nans are one."""
    return [struct.pack("d", x) if x == x else b"nan" for x in xs]


def lanes(
    machine: Any,
    points: Sequence[Sequence[float]],
    shared: Sequence[int] = (),
    reduced: Sequence[int] = (),
    threads: int = 1,
) -> tuple[list[list[float]], list[float], list[bool]]:
    """``Machine.lanes`` at whole points, of which the inputs in ``shared`` are those of the first."""
    count = machine.program.inputs
    varying = [k for k in range(count) if k not in shared]
    table = np.array(points, float).reshape(len(points), count)
    mask = np.zeros(len(machine.program.outputs), np.bool_)
    mask[list(reduced)] = True
    per_point, sums, flagged = machine.lanes(
        np.ascontiguousarray(table[:, varying]),
        np.ascontiguousarray(table[0, list(shared)]) if len(points) else np.zeros(len(shared)),
        np.array(varying, np.int32),
        np.array(shared, np.int32),
        mask,
        threads,
    )
    return per_point.tolist(), sums.tolist(), flagged.tolist()


def points_for(program: Program, count: int, seed: int = 0) -> list[list[float]]:
    draw = random.Random(seed)
    return [[draw.uniform(-2, 2) for _ in range(program.inputs)] for _ in range(count)]


def one_operation(name: str) -> Program:
    """The operation on inputs, on a constant and an input in each order, and on constants, where it has operands."""
    n = ARITY[name]
    code = [[CODES[name], *range(n)]]
    for k in range(n):
        row = list(range(n))
        row[k] = -1
        code.append([CODES[name], *row])
    code.append([CODES[name], *([-1] * n)])
    return flat.assembled(n, code, [n + k for k in range(len(code))], [0.75])


def expected(name: str, xs: Sequence[float]) -> float | None:
    """What Python gives; None where it has no answer."""
    if name.startswith("select"):
        return xs[2] if flat.RELATIONS[name[-2:]](xs[0], xs[1]) else xs[3]
    try:
        return autograd.primitives.TABLE[name].fn(*xs)
    except (ArithmeticError, ValueError):
        return None


@pytest.mark.parametrize(
    "name", [name for name in NAMES if not name.startswith("skip") and name not in ("take", "call")]
)
def test_each_operation_gives_the_bits_of_pythons(name: str) -> None:
    machine = Machine(one_operation(name))
    draw = random.Random(name)
    n = ARITY[name]
    points = [[draw.choice(EXTREMES) for _ in range(n)] for _ in range(200)]
    points += [[draw.uniform(-5, 5) for _ in range(n)] for _ in range(100)]
    if n == 1:
        points += [[x] for x in EXTREMES]
    at_once = lanes(machine, points)[0]
    answered = 0
    for point, found_at_once in zip(points, at_once, strict=True):
        found = machine.run(point)
        flagged = machine.flagged
        wanted = [expected(name, point)]
        wanted += [expected(name, [*point[:k], 0.75, *point[k + 1 :]]) for k in range(n)]
        wanted.append(expected(name, [0.75] * n))
        for y, y_at_once, w in zip(found, found_at_once, wanted, strict=True):
            assert bits([y]) == bits([y_at_once]), (name, point)
            if w is None:
                assert flagged
            else:
                answered += 1
                assert bits([y]) == bits([w]), (name, point)
    assert answered > 100
