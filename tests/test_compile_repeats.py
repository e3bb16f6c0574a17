"""Repeats are found, and programs rolled up along them give the bits of the instructions one after the other."""

from __future__ import annotations

import copy
import ctypes
import dataclasses
import math
import random
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import autograd
from autograd.compile import repeats, rolled
from autograd.compile.program import CODES, Loop, Program
from autograd.math import cos, sin, tanh
from tests.flat import assembled, evaluate, repeating, straight
from tests.nests import Nest
from tests.tapes import euler, mlp

pytest.importorskip("llvmlite.binding", reason="llvmlite is not installed (the extra jit)")
from autograd.compile import jit
from autograd.compile.loops import looped
from autograd.compile.straight import BLOCK, Text

Space = np.ndarray[Any, np.dtype[np.float64]]


def call(name: str, text: Text, *spaces: Space) -> None:
    loaded = jit.Loaded(jit.compile_object(text.text, text.optimize))
    # what was not stored is read as nan, and noticed
    work = np.full(text.work if name == "f" else text.block_work, math.nan)
    types = [ctypes.c_void_p] * (len(spaces) + 1)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *types, ctypes.c_int64)(loaded.address(name))
    assert function(*(space.ctypes.data for space in (*spaces, work)), text.block) == 0


def run(text: Text, point: Sequence[float], outputs: int) -> list[float]:
    result = np.full(outputs, math.nan)
    call("f", text, np.array(point, float), result)
    found: list[float] = result.tolist()
    return found


def bits(numbers: Sequence[float]) -> list[bytes]:
    return [struct.pack("<d", x) for x in numbers]


def finite(program: Program, point: Sequence[float]) -> bool:
    """Whether all intermediate results are; only then the bits are promised."""
    everything = np.arange(program.inputs + len(program), dtype=np.int32)
    return all(map(math.isfinite, evaluate(dataclasses.replace(program, outputs=everything), point)))


def left(program: Program, found: Sequence[Loop]) -> int:
    """How many instructions remain when bodies stand there once."""

    def body(inner: Sequence[Loop], total: int) -> int:
        return total - sum(x.period * x.count - body(x.inner, x.period) for x in inner)

    return body(found, len(program))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short repeats are loops too."""
    monkeypatch.setattr(repeats, "LEAST", 8)
    monkeypatch.setattr(repeats, "LONGEST", 20)


# --- the finder


def test_a_network_on_points_is_a_loop_forwards_and_one_backwards() -> None:
    program, _ = mlp(100)
    found = repeats.find(program)
    assert repeats.problem(program, found) == ""
    assert {loop.count for loop in found if loop.period > 500} <= {98, 99, 100}
    assert left(program, found) < 3000 < len(program) / 60


def test_a_long_integration_is_two_short_loops() -> None:
    program, _ = euler(5000)
    found = repeats.find(program)
    assert [loop.count > 4990 for loop in found] == [True, True]
    assert left(program, found) < 100


def test_samples_and_neurons_are_a_nest() -> None:
    program, _ = mlp(12, (64, 32, 10))
    found = repeats.find(program)
    assert repeats.problem(program, found) == ""
    nests = [loop for loop in found if loop.inner]
    assert len(nests) >= 2
    assert left(program, found) < 4500 < len(program) / 25


def matrices(rows: int, columns: int, several: int) -> tuple[Any, list[float]]:
    """Slopes of a matrix's product with several vectors, one made of the other; with the numbers to take them at."""

    def f(v: list[Any]) -> Any:
        x, matrix = v[:columns], v[columns:]
        for _ in range(several):
            y = [
                sum(w * a for w, a in zip(matrix[i * columns : (i + 1) * columns], x, strict=True)) for i in range(rows)
            ]
            x = [tanh(a) for a in y[:columns]] + x[rows:]  # where there are fewer rows, each is of two pieces
        return sum(x)

    point = [math.sin(3.0 * k + 1.0) for k in range(columns * (rows + 1))]
    return autograd.compile(autograd.value_and_grad(f), tier="interpreter"), point


@pytest.mark.parametrize(("rows", "columns"), [(40, 16), (23, 33), (20, 20)])
def test_the_rows_of_a_matrix_are_told_from_each_other(rows: int, columns: int) -> None:
    """Backwards their instructions are all alike, and operands move evenly only within a row."""

    def nests(loops: Sequence[Loop]) -> int:
        return sum(any(x.count == columns for x in loop.inner) + nests(loop.inner) for loop in loops)

    fast, point = matrices(rows, columns, 6)
    _, slopes = fast(point)
    found = repeats.find(fast.program)
    assert repeats.problem(fast.program, found) == ""
    assert nests(found) >= 2
    plan = rolled.rolled(fast.program, found, wide=8)
    assert len(plan.tables) < 2 * rows * columns  # without rows there are three entries for each product
    for width in (2, 4):
        assert run(looped(fast.program, found, width), point, len(slopes) + 1)[1:] == slopes


def test_columns_are_done_at_once_where_rows_add_up() -> None:
    fast, point = matrices(40, 16, 3)
    fast(point)
    plan = rolled.rolled(fast.program, repeats.find(fast.program), wide=8)
    nests = [block for block in plan.blocks if any(isinstance(item, rolled.Block) for item in block.items)]
    backwards = [block for block in nests if any(step.name == "add" for step in block.steps())]
    assert len(backwards) >= 2
    assert not any(step.sum >= 0 for block in backwards for step in block.steps() if block.items[0].wide)
    assert sum(block.items[0].wide and not block.wide for block in backwards) >= 2


@pytest.mark.parametrize(
    ("rows", "columns", "piece"), [(20, 8, 8), (40, 24, 8), (33, 16, 16), (9, 40, 40), (60, 12, 4)]
)
def test_a_sum_that_goes_on_from_row_to_row(rows: int, columns: int, piece: int) -> None:
    """Each turn begins where the one before it ended, so that several cannot be done at once."""

    def f(w: list[Any], x: list[Any]) -> Any:
        total = 0.0
        for i in range(rows):
            for j in range(columns):
                total = total + w[columns * i + j] * x[j % piece]
        return total

    w, x = [math.sin(k) for k in range(rows * columns)], [math.cos(k) for k in range(piece)]
    fast = autograd.compile(f, tier="interpreter")
    wanted = [fast(w, x)]
    assert wanted == [f(w, x)]
    found = repeats.find(fast.program)
    for width in (2, 4, 8):
        for exact in (True, False):
            got = run(looped(fast.program, found, width, exact=exact), [*w, *x], 1)
            assert got == (wanted if exact else pytest.approx(wanted, rel=1e-12)), width


def test_rows_are_looked_for_in_bodies_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    program, _ = mlp(12, (64, 32, 10))
    monkeypatch.setattr(repeats, "ENOUGH", 10)
    assert repeats.problem(program, repeats.find(program)) == ""


def test_a_piece_of_nothing_but_a_skip() -> None:
    inputs, code = 401, [[CODES["skip_lt"], 0, 1, 0, 0]]
    for t in range(400):
        code += [[CODES["mul"], t, t + 1], [CODES["sin"], inputs + len(code)]]
        code.append([CODES["add"], inputs + len(code) - 1, inputs + len(code) - 2])
    program = assembled(inputs, code, [inputs + len(code) - 1], [])
    point = [math.sin(k) for k in range(inputs)]
    loops = (Loop(1, 3, 400),)
    assert run(looped(program, loops, 4), point, 1) == evaluate(program, point)


def test_nothing_repeats_in_a_random_program() -> None:
    assert repeats.find(straight(1, 5000)) == ()


def test_loops_are_found_again(small: None) -> None:
    for seed in range(20):
        program = repeating(seed, 40, period=random.Random(seed).randrange(2, 30))
        found = repeats.find(program)
        assert repeats.problem(program, found) == ""
        assert left(program, found) <= len(program) / 8, seed


def test_turns_are_cut_where_few_values_cross() -> None:
    # x*y and the addition belong together; the additions come first in the instructions by one
    code = [[CODES["add"], 0, 1]]
    for t in range(300):
        code.append([CODES["mul"], t, t + 1])
        code.append([CODES["sin"], 400 + len(code) - 1])
        code.append([CODES["add"], 400 + len(code) - 1, 0 if t == 0 else 400 + len(code) - 4])
    (loop,) = repeats.find(assembled(400, code, [400 + len(code) - 1], []))
    assert (loop.start, loop.period) == (1, 3)


def test_an_odd_turn_at_an_end_is_left_out() -> None:
    code = []
    for t in range(100):
        code += [[CODES["mul"], 0 if t == 0 else 3 * t + 7, t], [CODES["sin"], 500 + len(code)], [CODES["exp"], 5]]
    (loop,) = repeats.find(assembled(500, code, [500 + len(code) - 1], []))
    assert (loop.start, loop.count) == (3, 99)


def test_wrong_loops_are_told() -> None:
    program, _ = mlp(12, (64, 32, 10))
    found = list(repeats.find(program))
    n = max(range(len(found)), key=lambda k: len(found[k].inner))
    loop = found[n]
    inner = loop.inner[0]
    wrong = [
        dataclasses.replace(loop, start=loop.start + 1),
        dataclasses.replace(loop, period=loop.period + 1),
        dataclasses.replace(loop, count=loop.count + 2),
        dataclasses.replace(loop, start=-1),
        dataclasses.replace(loop, count=0),
        dataclasses.replace(loop, period=0),
        dataclasses.replace(loop, inner=(dataclasses.replace(inner, start=loop.start + loop.period),)),
        dataclasses.replace(loop, inner=(inner, inner)),
        dataclasses.replace(loop, inner=(dataclasses.replace(inner, period=inner.period - 1),)),
    ]
    for other in wrong:
        assert repeats.problem(program, [*found[:n], other, *found[n + 1 :]]), other
        with pytest.raises(ValueError, match="Loop"):
            rolled.rolled(program, [other])


# --- rolled programs against their instructions


def disagreements(seed: int) -> int:
    """On how many outputs a random nest differs from the oracle, along its own loops and those found."""
    nest = Nest(seed, depth=2 + seed % 2, longest=(9, 12, 20)[seed % 3])
    program, point = nest.program, nest.points[0]
    if len(program) > 8000 or not finite(program, point):
        return 0
    wanted = bits(evaluate(program, point))
    wrong = 0
    for found in (nest.loops, repeats.find(program)):
        assert repeats.problem(program, found) == ""
        for width in (1, 2 + 2 * (seed % 2)):
            outputs = run(looped(program, found, width=width), point, len(wanted))
            wrong += sum(a != b for a, b in zip(bits(outputs), wanted, strict=True))
    return wrong


@pytest.mark.no_cover  # other tests run the same lines, sooner
@pytest.mark.parametrize("seed", range(36))
def test_random_nests_keep_their_bits(seed: int, small: None) -> None:
    assert disagreements(seed) == 0


def test_random_nests_have_it_all() -> None:
    """Or the test above would say little: finite results, and every kind of operand."""
    nests = [Nest(seed, depth=2 + seed % 2, longest=(9, 12, 20)[seed % 3]) for seed in range(36)]
    good = [nest for nest in nests if len(nest.program) <= 8000 and finite(nest.program, nest.points[0])]
    assert len(good) > 22
    kinds = set()
    for nest in good:
        for block in rolled.rolled(nest.program, nest.loops, wide=4).blocks:
            for step in block.steps():
                kinds |= {type(operand).__name__ for operand in step.operands}
                kinds |= {"table" for operand in step.operands if getattr(operand, "table", -1) >= 0}
                kinds |= {"late"} if step.late else set()
                kinds |= {f"sum of {type(step.operands[step.sum]).__name__}"} if step.sum >= 0 else set()
    assert kinds == {
        *("Number", "Register", "Memory", "Carried", "table", "late", "sum of Carried", "sum of Memory"),
    }


@pytest.mark.parametrize("fault", ["earlier", "crosses", "near", "kept"])
def test_planted_faults_are_noticed(fault: str, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the conditions under which something is carried, kept in one place or done at once is needed."""
    roller = rolled._Roller
    if fault == "earlier":
        monkeypatch.setattr(roller, "earlier", lambda self, r, level, values: np.ones(values.shape[-1], np.bool_))
    elif fault == "crosses":
        monkeypatch.setattr(roller, "crosses", lambda self, r, level, values: False)
    elif fault == "near":
        monkeypatch.setattr(roller, "read", lambda self, r, values: self.use(values))
    else:
        monkeypatch.setattr(roller, "keep", lambda self, r: None)
    assert any(disagreements(seed) for seed in range(36))


@pytest.mark.no_cover  # other tests run the same lines, sooner
@pytest.mark.parametrize("seed", range(16))
def test_random_nests_over_lanes(seed: int, small: None) -> None:
    nest = Nest(seed + 100, depth=2 + seed % 2)
    program, draw = nest.program, random.Random(seed)
    varying = np.array([i for i in range(program.inputs) if draw.random() < 0.5], np.int32)
    shared = np.setdiff1d(np.arange(program.inputs), varying)
    reduced = np.array([draw.random() < 0.4 for _ in program.outputs])
    points = np.array(nest.points)
    points[:, shared] = points[0, shared]
    if len(program) > 4000 or not all(finite(program, point) for point in points.tolist()):
        return
    points = np.tile(points, (4, 1))
    wanted = np.array([evaluate(program, point) for point in points.tolist()]).T
    every = [i in shared for i in range(program.inputs)]
    for width in (1, 2, 4, 8):
        for ordered in (True, False):
            text = looped(program, nest.loops, width, True, True, every, reduced.tolist(), ordered=ordered)
            assert text.block == (BLOCK if width == 1 else 4 * BLOCK)
            found = np.full((int((~reduced).sum()), text.block), math.nan)
            totals = np.full(int(reduced.sum()), 0.25)
            call("g", text, points[0, shared].copy(), points[: text.block, varying].T.copy(), found, totals)
            assert bits(found.ravel()) == bits(wanted[~reduced, : text.block].ravel())
            terms = [[0.25, *row] for row in wanted[reduced, : text.block].tolist()]
            if ordered or width == 1:
                assert bits(totals) == bits([sum(row[1:], row[0]) for row in terms])
            else:
                scales = [sum(map(abs, row)) for row in terms]
                assert all(
                    abs(total - math.fsum(row)) <= 1e-15 * len(row) * scale
                    for total, row, scale in zip(totals.tolist(), terms, scales, strict=True)
                )


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_network_has_the_bits_of_its_instructions(width: int, activation: str) -> None:
    program, point = mlp(37, (2, 5, 4, 1), activation)
    outputs = run(looped(program, repeats.find(program), width=width), point, len(program.outputs))
    assert bits(outputs) == bits(evaluate(program, point))


def test_a_nest_of_samples_and_neurons_has_the_bits_of_its_instructions() -> None:
    program, point = mlp(11, (40, 20, 5))
    found = repeats.find(program)
    assert any(loop.inner for loop in found)
    for width in (1, 4):
        assert bits(run(looped(program, found, width=width), point, len(program.outputs))) == bits(
            evaluate(program, point)
        )


@pytest.mark.parametrize("tier", ["interpreter", "llvm"])
@pytest.mark.parametrize("steps", [3, 900])  # straight code, and a loop
def test_slopes_are_added_in_the_order_of_the_points(tier: str, steps: int) -> None:
    def f(x: Any) -> Any:
        for _ in range(steps):
            x = sin(x) + 0.1 * x * x
        return x

    slopes = autograd.value_and_grad(f)
    points = np.sin(np.arange(200.0))
    value, slope = 0.0, 0.0
    for one, other in map(slopes, points.tolist()):
        value, slope = value + one, slope + other
    for threads in (1, 3):
        fast = autograd.compile(slopes, tier=tier)
        assert fast.lanes(points, reduce="sum", threads=threads) == (value, slope)


def test_sums_in_another_order_are_close() -> None:
    program, point = mlp(100, (2, 6, 1), "relu")
    found = repeats.find(program)
    outputs = run(looped(program, found, 4, exact=False), point, len(program.outputs))
    assert outputs == pytest.approx(evaluate(program, point), rel=1e-12, abs=1e-12)
    assert bits(outputs) != bits(evaluate(program, point))


@pytest.mark.no_cover  # other tests run the same lines, sooner
@pytest.mark.parametrize(
    ("points", "shape", "width"),
    [(100, (2, 16, 16, 1), 4), *((43, (2, 16, 16, 1), width) for width in (2, 4, 8)), (40, (40, 20, 5), 8)],
)
def test_turns_done_at_once_may_have_sums_of_their_own(points: int, shape: tuple[int, ...], width: int) -> None:
    """... of which each is as many in memory, where a loop further in makes many of them."""
    program, point = mlp(points, shape, "tanh")
    found = repeats.find(program)
    assert rolled.rolled(program, found, 2 * width, apart=True).lanes > 0
    outputs = run(looped(program, found, width, exact=False), point, len(program.outputs))
    assert outputs == pytest.approx(evaluate(program, point), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("width", [2, 4])
def test_sums_of_turns_done_at_once_within_a_loop_that_goes_on_from_them(width: int) -> None:
    """Steps of a descent, one after the other, each over 17 samples and 350 numbers."""
    data = [[math.sin(3 * i + j) for j in range(350)] for i in range(17)]

    def descended(w: list[Any]) -> list[Any]:
        for _ in range(4):
            sums: list[Any] = [0.125 * x for x in w]
            for sample in data:
                scale = tanh(sample[0] * w[0] + sample[1])
                for j, x in enumerate(sample):
                    sums[j] = sums[j] - scale * tanh(w[j] * x)
            w = [x - 0.01 * s for x, s in zip(w, sums, strict=True)]
        return w

    start = [0.01 * k - 1.0 for k in range(350)]
    fast = autograd.compile(descended, tier="interpreter")
    assert fast(start) == [x.data for x in descended([autograd.Value(x) for x in start])]
    found = repeats.find(fast.program)
    assert rolled.rolled(fast.program, found, 2 * width, apart=True).lanes > 0
    outputs = run(looped(fast.program, found, width, exact=False), start, 350)
    assert outputs == pytest.approx(fast(start), rel=1e-12)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("count", [401, 402, 403, 404])
def test_turns_that_are_done_again_add_nothing_to_sums_of_a_loop_further_out(count: int, exact: bool) -> None:
    def f(w: list[Any]) -> list[Any]:
        c, s = w[0], [0.5 * x for x in w]
        for _ in range(9):
            c = sin(c)  # each turn needs the one before
            s = [a + tanh(x * c) if k % 2 else a - tanh(x * c) for k, (a, x) in enumerate(zip(s, w, strict=True))]
        return s

    w = [0.01 * k - 1 for k in range(count)]
    fast = autograd.compile(f, tier="interpreter")
    wanted = fast(w)
    for width in (2, 4, 8):
        outputs = run(looped(fast.program, repeats.find(fast.program), width, exact=exact), w, count)
        assert outputs == (wanted if exact else pytest.approx(wanted, rel=1e-12))


def test_a_sum_that_is_looked_at_in_the_last_turn_is_not_apart() -> None:
    turns, count = 17, 352
    data = [[math.sin(3 * i + j) for j in range(count)] for i in range(turns)]

    def f(w: list[Any]) -> list[Any]:
        h, s, t = [sin(x) for x in w[:turns]], [0.5 * x for x in w], [0.25 * x for x in w]
        for i in range(turns):
            for j in range(count):
                s[j] = s[j] + tanh(w[j] * data[i][j])
            for j in range(count):
                t[j] = t[j] + cos((s[5] if (i, j) == (turns - 1, 3) else h[i]) - data[i][j])
        return t + s

    w = [0.01 * k - 1 for k in range(count)]
    fast = autograd.compile(f, tier="interpreter")
    wanted, found = fast(w), repeats.find(fast.program)
    assert run(looped(fast.program, found, 4), w, 2 * count) == wanted
    assert run(looped(fast.program, found, 4, exact=False), w, 2 * count) == pytest.approx(wanted, rel=1e-12)


def test_loops_are_those_of_the_code_as_it_is_now() -> None:
    program = assembled(1, [[CODES["sin"], k] for k in range(1000)], [1000], [])
    assert repeats.problem(program, repeats.find(program)) == ""
    changed = copy.deepcopy(program)
    changed.code[996, 0] = CODES["cos"]
    assert repeats.problem(changed, repeats.find(program)) != ""
    assert run(looped(changed, repeats.find(changed)), [0.3], 1) == evaluate(changed, [0.3])


def test_straight_code_is_a_program_without_loops() -> None:
    program = straight(3, 2000, names=("add", "sub", "sin", "tanh", "select_lt", "abs"))
    point = [0.3, -0.7, 1.1, 0.2]
    assert bits(run(looped(program, ()), point, len(program.outputs))) == bits(evaluate(program, point))


def test_sums_over_an_outer_loop_lie_in_one_place() -> None:
    """Not in one for each turn: memory is what nests of samples and neurons are short of."""
    few, many = (mlp(points, (40, 20, 5))[0] for points in (10, 40))
    plans = [rolled.rolled(program, repeats.find(program)) for program in (few, many)]
    assert plans[1].work - plans[0].work < 30 * 300


def test_a_place_beyond_a_list_is_nan() -> None:
    code = [[CODES["take"], 0, 0], *([CODES["sin"], 3 + k] for k in range(40)), [CODES["take"], 0, 0]]
    program = assembled(3, code, [3, 3 + 41], [], lists=[np.array([1, 2], np.int32)])
    for index, wanted in ((0.0, 5.0), (1.0, 7.0), (-1.0, 7.0), (-2.0, 5.0)):
        assert run(looped(program, ()), [index, 5.0, 7.0], 2) == [wanted, wanted]
    for index in (2.0, -3.0, 1e300, -1e300, math.inf, math.nan):
        assert all(map(math.isnan, run(looped(program, ()), [index, 5.0, 7.0], 2))), index
