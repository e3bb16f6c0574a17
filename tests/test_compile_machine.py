"""The interpreter of flat programs against Python's own functions and the oracle of ``flat``, to the bit."""

from __future__ import annotations

import ctypes
import math
import random
import shutil
import struct
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value
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


@pytest.mark.parametrize("seed", range(30))
def test_random_programs_agree_with_the_oracle_at_one_point_and_in_lanes(seed: int) -> None:
    program = flat.straight(seed, 150) if seed % 2 else flat.repeating(seed, 20)
    machine = Machine(program)
    points = points_for(program, POINTS, seed)
    one_by_one, flags = [], []
    for point in points:
        one_by_one.append(machine.run(point))
        flags.append(machine.flagged)
        if not machine.flagged:
            assert bits(one_by_one[-1]) == bits(flat.evaluate(program, point))
    outputs = len(program.outputs)
    for shared in ([], [0], [1, 3], list(range(program.inputs))):
        for point in points:
            for k in shared:
                point[k] = points[0][k]
        one_by_one = [machine.run(point) for point in points]
        for count in (1, 5, 32, POINTS):
            reduced = [0, *range(2, outputs - 2), outputs - 1]
            per_point, sums, flagged = lanes(machine, points[:count], shared, reduced)
            for got, ys in zip(per_point, one_by_one, strict=False):
                assert bits(got) == bits([y for k, y in enumerate(ys) if k not in reduced])
            for got_sum, k in zip(sums, reduced, strict=True):
                total = 0.0
                for ys in one_by_one[:count]:
                    total += ys[k]
                assert bits([got_sum]) == bits([total])
            assert all(told or not flag for told, flag in zip(flagged, flags, strict=False)) or shared


def test_sums_are_made_point_after_point() -> None:
    machine = Machine(flat.assembled(1, [], [0], []))
    terms = [1.0, 1e16, 1.0, -1e16, 1e-3] * 20
    in_order = 0.0
    for x in terms:
        in_order += x
    assert math.fsum(terms) != in_order
    for threads in (1, 3):
        assert lanes(machine, [[x] for x in terms], reduced=[0], threads=threads)[1] == [in_order]
    assert lanes(machine, [], reduced=[0])[1] == [0.0]
    assert lanes(machine, [[-0.0]], reduced=[0])[1] == [0.0]


def test_all_flags_are_raised_and_none_without_a_reason() -> None:
    program = flat.assembled(
        2,
        [
            [CODES["mul"], 0, 1],
            [CODES["div"], 0, 1],
            [CODES["log"], 0],
            [CODES["sub"], 2, 2],
            [CODES["select_lt"], 0, 1, 0, 1],
        ],
        [6],
        [],
    )
    machine = Machine(program)
    for point, flag in [
        ([1.0, 2.0], False), ([1e200, 1e200], True), ([1.0, 0.0], True), ([-1.0, 1.0], True), ([1e-200, 1e-200], False),
        ([1e-320, 1.0], False), ([math.nan, 1.0], False), ([math.inf, 1.0], True), ([2.0, 4.0], False),
    ]:  # fmt: skip
        machine.run(point)
        assert machine.flagged is flag, point
        flagged = lanes(machine, [[1.0, 2.0], point])[2]
        assert flagged[1] is flag or point[0] != point[0]  # lanes may flag a comparison with nan
    points = [[1.0, 2.0]] * 100
    points[70] = [1.0, 0.0]
    flagged = lanes(machine, points)[2]
    assert flagged[70]
    assert not any(flagged[:64])
    assert not any(flagged[96:])


def test_flags_are_those_of_the_threads_own_run() -> None:
    machine = Machine(one_operation("log"))
    machine.run([-1.0])
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: (machine.run([1.0]), seen.append(machine.flagged)))
    thread.start()
    thread.join()
    assert seen == [False]
    assert machine.flagged
    machine.run([1.0])
    assert not machine.flagged


def test_take_counts_from_either_end_and_refuses_what_is_outside() -> None:
    program = flat.assembled(
        3, [[CODES["add"], 1, 2], [CODES["take"], 0, 0], [CODES["take"], 3, 0]], [4, 5], [7.0],
        lists=[np.array([1, -1, 2, 3], np.int32)],
    )  # fmt: skip
    machine = Machine(program)
    for i in (0.0, 1.0, 2.0, 3.0, -1.0, -4.0, -0.0):
        point = [i, 1.0, 2.0]
        listed = [1.0, 7.0, 2.0, 3.0]
        assert machine.run(point) == [listed[int(i)], listed[3]] == flat.evaluate(program, point)
        assert lanes(machine, [point] * 3)[0] == [[listed[int(i)], listed[3]]] * 3
        assert lanes(machine, [point] * 3, shared=[1, 2])[0] == [[listed[int(i)], listed[3]]] * 3
    for bad in (4.0, -5.0, 1.9, -0.5, math.nan, 1e300, -math.inf):
        for call in (machine.run, lambda p: lanes(machine, [[0.0, 1.0, 2.0], p], shared=[2])):
            with pytest.raises(IndexError, match=r"take: index .* is no place among 4 items"):
                call([bad, 1.0, 2.0])
    assert machine.run([1.0, 1.0, 2.0]) == [7.0, 3.0]


@pytest.fixture
def called() -> Any:
    """A row that is called back, and what it was called with."""
    calls: list[tuple[float, ...]] = []

    def function(x: float, y: float) -> float:
        calls.append((x, y))
        if x > 100:
            raise KeyError("too large")
        if x == 99:
            return math.inf
        float("1e400")
        return x * y + 0.5

    autograd.primitive("called_back", function, lambda y, a, b: b, lambda y, a, b: a)
    yield calls
    del autograd.primitives.TABLE["called_back"]


def test_rows_are_called_back_once_for_each_point(called: list[tuple[float, ...]]) -> None:
    program = flat.assembled(
        2, [[CODES["mul"], 0, -1], [CODES["call"], 0, 0], [CODES["add"], 3, 0]], [4, 3], [2.0],
        lists=[np.array([2, 1], np.int32)], rows=["called_back"],
    )  # fmt: skip
    machine = Machine(program)
    assert machine.run([3.0, 4.0]) == [27.5, 24.5]
    assert not machine.flagged
    assert called == [(6.0, 4.0)]
    called.clear()
    points = [[float(k), 0.5] for k in range(40)]
    assert lanes(machine, points)[0] == [[k + 0.5 + k, k + 0.5] for k in range(40)]
    assert sorted(called) == [(2.0 * k, 0.5) for k in range(40)]
    called.clear()
    assert lanes(machine, [[3.0, 4.0]] * 40, shared=[0, 1])[0] == [[27.5, 24.5]] * 40
    machine.run([49.5, 1.0])
    assert machine.flagged
    with pytest.raises(KeyError, match="too large"):
        machine.run([51.0, 1.0])
    with pytest.raises(KeyError, match="too large"):
        lanes(machine, [*points, [51.0, 1.0]], threads=2)
    assert machine.run([3.0, 4.0]) == [27.5, 24.5]


def test_a_row_may_run_the_machine_that_calls_it() -> None:
    def function(x: float) -> float:
        return machine.run([x - 1.0])[0] + 1.0 if x > 0 else 0.0

    autograd.primitive("calls_itself", function, lambda y, x: 1.0)
    try:
        machine = Machine(
            flat.assembled(1, [[CODES["call"], 0, 0]], [1], [], lists=[np.array([0], np.int32)], rows=["calls_itself"])
        )
        assert machine.run([20.0]) == [20.0]
        assert lanes(machine, [[3.0], [5.0]])[0] == [[3.0], [5.0]]
    finally:
        del autograd.primitives.TABLE["calls_itself"]


def test_what_is_skipped_is_not_computed_where_it_need_not_be() -> None:
    add, mul, log = CODES["add"], CODES["mul"], CODES["log"]
    code = [
        [mul, 0, 1],  # 2
        [CODES["skip_lt"], 0, -1, 4, 1],  # 3: where x < 0, four are skipped
        [log, 0],  # 4
        [mul, 4, 2],  # 5
        [CODES["skip_eq"], 1, -1, 1, 0],  # 6: unless y == 0, one is skipped
        [add, 5, 1],  # 7
        [CODES["select_lt"], 0, -1, 1, 5],  # 8
        [add, 8, 2],  # 9
    ]
    program = flat.assembled(2, code, [9, 8], [0.0])
    machine = Machine(program)
    for point in [[-1.0, 3.0], [2.0, 3.0], [2.0, 0.0], [-1.0, 0.0]] * 2:
        assert machine.run(point) == lanes(machine, [point])[0][0]
        if point[0] > 0:
            assert machine.run(point) == flat.evaluate(program, point)
        if COMPILED:
            assert not machine.flagged
    assert machine.run([-1.0, 3.0]) == [0.0, 3.0]


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_give_what_one_gives(threads: int) -> None:
    program = flat.straight(5, 120, names=("add", "sub", "mul", "tanh", "sin"))
    machine = Machine(program)
    points = points_for(program, 3000 if COMPILED else 1700)
    if not COMPILED:
        points = points[:1] * 1700
    assert lanes(machine, points, [1], [0, 2], threads) == lanes(
        machine, [[p[0], points[0][1], *p[2:]] for p in points], [1], [0, 2]
    )


def test_one_machine_serves_several_threads_at_once() -> None:
    program = flat.straight(3, 9000 if COMPILED else 300, names=("add", "sub", "mul", "abs", "sin"))
    machine = Machine(program)
    points = points_for(program, 40)
    wanted = [machine.run(point) for point in points]
    with ThreadPoolExecutor(4) as pool:
        assert list(map(bits, pool.map(machine.run, points * 5))) == list(map(bits, wanted * 5))


@pytest.mark.parametrize(
    "program",
    [
        flat.assembled(1, [[CODES["add"], 0, 1]], [0], []),  # its own result
        flat.assembled(1, [[CODES["add"], 0, -1]], [0], []),
        flat.assembled(1, [[CODES["neg"], 0]], [2], []),
        flat.assembled(1, [[CODES["neg"], 0]], [-2], [1.0]),
        flat.assembled(1, [[len(NAMES), 0, 0]], [0], []),
        flat.assembled(1, [[-1, 0, 0]], [0], []),
        flat.assembled(1, [[CODES["take"], 0, 0]], [0], []),
        flat.assembled(1, [[CODES["take"], 0, 0]], [0], [], lists=[np.array([1], np.int32)]),
        flat.assembled(1, [[CODES["call"], 0, 0]], [0], [], lists=[np.array([0], np.int32)]),
        flat.assembled(1, [[CODES["skip_lt"], 0, 0, 1, 0]], [0], []),
        flat.assembled(1, [[CODES["skip_lt"], 0, 0, -1, 0], [CODES["neg"], 0]], [0], []),
        flat.assembled(1, [[CODES["skip_lt"], 0, 0, 0, 0], [CODES["neg"], 1]], [2], []),
        flat.assembled(1, [[CODES["skip_lt"], 0, 0, 0, 0]], [1], []),
    ],
)
def test_what_is_no_program_is_refused(program: Program) -> None:
    with pytest.raises(ValueError, match="no flat program"):
        Machine(program)


def test_wrong_arguments_are_refused() -> None:
    machine = Machine(flat.assembled(2, [[CODES["add"], 0, 1]], [2], []))
    with pytest.raises(ValueError, match="takes 2 inputs, not 3"):
        machine.run([1.0, 2.0, 3.0])
    with pytest.raises((TypeError, ValueError), match=r"float|real number"):
        machine.run([1.0, "x"])
    assert machine.run((1, np.float64(2.0))) == [3.0]
    assert machine.program.inputs == 2
    into = np.zeros(1)
    assert machine.run(np.array([1.5, 2.0]), into) is into
    assert into.tolist() == [3.5]
    with pytest.raises(ValueError, match="takes 2 inputs, not 3"):
        machine.run(np.zeros(3))
    if COMPILED:  # which reads memory as it lies
        for wrong in (np.zeros(2, np.float32), np.zeros((2, 2))[:, 0], np.zeros(2, int)):
            with pytest.raises((TypeError, ValueError), match=r"float64|contiguous"):
                machine.run(wrong)
        with pytest.raises(ValueError, match="takes 1 outputs, not 2"):
            machine.run([1.0, 2.0], np.zeros(2))
        readonly = np.zeros(1)
        readonly.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            machine.run([1.0, 2.0], readonly)
    points, none = np.zeros((3, 2)), np.zeros(0)
    both, nothing, mask = np.array([0, 1], np.int32), np.zeros(0, np.int32), np.zeros(1, np.bool_)
    machine.lanes(points, none, both, nothing, mask)
    with pytest.raises(ValueError, match="each must be varying or shared"):
        machine.lanes(points, none, np.array([0, 0], np.int32), nothing, mask)
    with pytest.raises(ValueError, match="each must be varying or shared"):
        machine.lanes(points, none, both, np.array([1], np.int32), mask)
    with pytest.raises(ValueError, match=r"shape \(3, 1\), not \(n, 2\)"):
        machine.lanes(points[:, :1].copy(), none, both, nothing, mask)
    with pytest.raises(TypeError, match="C-contiguous"):
        machine.lanes(points.astype(np.float32), none, both, nothing, mask)
    with pytest.raises(TypeError, match="C-contiguous"):
        machine.lanes(np.zeros((2, 3)).T, none, both, nothing, mask)
    with pytest.raises(ValueError, match="reduced"):
        machine.lanes(points, none, both, nothing, np.zeros(2, np.bool_))


def test_the_numbers_of_values_as_arrays() -> None:
    values = [Value(0.5), Value(-2.0), Value(0.1)]
    (values[0] * values[2]).backward()
    assert unit.data_of_all(values).tolist() == [0.5, -2.0, 0.1]
    slopes, has = unit.slopes_of(values)
    assert (slopes.tolist(), has.tolist()) == ([0.1, 0.0, 0.5], [True, False, True])
    unit.set_data(values, np.array([1.0, 2.0, 3.0]))
    unit.set_slopes(values, np.array([4.0, 5.0, 6.0]), np.array([False, True, True]))
    assert [(v.data, v.grad, v.has_grad) for v in values] == [(1.0, 0.0, False), (2.0, 5.0, True), (3.0, 6.0, True)]
    assert {type(x) for v in values for x in (v.data, v.grad)} == {float}
    for wrong in (np.zeros(2), np.zeros(4)):
        with pytest.raises(ValueError, match=f"3 numbers, not {len(wrong)}"):
            unit.set_data(values, wrong)
        with pytest.raises(ValueError, match=f"3 numbers, not {len(wrong)}"):
            unit.set_slopes(values, wrong, np.zeros(3, bool))
        with pytest.raises(ValueError, match=f"not {len(wrong)}"):
            unit.set_slopes(values, np.zeros(3), np.zeros(len(wrong), bool))


# ---- code that others compiled: here by the C compiler --------------------------------------------------------------

SOURCE = """
#include <math.h>
#include <stdint.h>
int64_t point(const double *in, double *out, double *work) {
    work[0] = in[0] * in[1];
    work[1] = log(in[2]);
    out[0] = work[0] + work[1];
    out[1] = work[0];
    return in[1] == 77.0;
}
int64_t block(const double *shared, const double *varying, double *out, double *sums, double *work,
              int64_t points) {
    for (int l = 0; l < 8; l++) work[l] = shared[0] * varying[l];
    for (int l = 0; l < 8; l++) out[l] = work[l] + log(varying[8 + l]);
    for (int l = 0; l < points; l++) sums[0] += work[l];
    return 0;
}
"""


@pytest.mark.skipif(not COMPILED, reason="machine code is called by the compiled engine only")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc to make machine code with")
@pytest.mark.parametrize("least", [8, 1])
def test_compiled_code_is_called_as_the_machine_runs_programs(least: int, tmp_path: Path) -> None:
    source, library = tmp_path / "code.c", tmp_path / "code.so"
    source.write_text(SOURCE)
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", source, "-o", library, "-lm"], check=True)
    code = ctypes.CDLL(str(library))
    point, block = (ctypes.cast(f, ctypes.c_void_p).value for f in (code.point, code.block))
    program = flat.assembled(3, [[CODES["mul"], 0, 1], [CODES["log"], 2], [CODES["add"], 3, 4]], [5, 3], [])
    machine = Machine(program)
    native = Native(3, 2, point, 2, block, 8, 8, least, [1, 2], [0], [False, True], owner=code)
    points = [[1.5, 0.1 * k, 1.0 + k] for k in range(75)]
    for p in points:
        assert native.run(p) == machine.run(p) == native.run(np.array(p), np.empty(2)).tolist()
        assert not native.flagged
    for count in (0, 1, 7, 8, 75):  # 75: nine blocks and three points
        table = np.array(points[:count]).reshape(-1, 3)
        arguments = (
            np.ascontiguousarray(table[:, 1:]), np.array([1.5]), np.array([1, 2], np.int32), np.array([0], np.int32),
            np.array([False, True]),
        )  # fmt: skip
        for threads in (1, 3):
            for got, wanted in zip(native.lanes(*arguments, threads), machine.lanes(*arguments), strict=True):
                assert got.tolist() == wanted.tolist()
    points[40][2] = points[74][2] = -1.0
    together = {*range(40, 48), *([74] if least == 8 else range(72, 75))}
    flagged = native.lanes(np.array(points)[:, 1:].copy(), *arguments[1:])[2]
    assert flagged.tolist() == [k in together for k in range(75)]
    native.run([1.0, 77.0, 1.0])
    assert native.flagged
    native.run([1.0, 7.0, 1.0])
    assert not native.flagged
    with pytest.raises(ValueError, match="compiled for other"):
        native.lanes(*arguments[:-1], np.array([False, False]))
    with pytest.raises(ValueError, match="takes 3 inputs"):
        native.run([1.0])


@pytest.mark.skipif(COMPILED, reason="the compiled engine calls machine code")
def test_machine_code_needs_the_compiled_engine() -> None:
    with pytest.raises(RuntimeError, match="compiled engine only"):
        Native(1, 1, 4096, 0)
