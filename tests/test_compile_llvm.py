"""Machine code made by LLVM, against the C library's functions called one by one: bit by bit, nan and infinities too."""

from __future__ import annotations

import ctypes
import math
import os
import platform
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from autograd.compile.program import ARITY, CODES, NAMES, Program
from autograd.native import choice
from tests import flat

pytest.importorskip("llvmlite", reason="llvmlite (extra jit) is not installed")

from autograd.compile import cache, jit, llvm, vector_math
from autograd.compile.emit import HELPERS, LIBRARY, Emitter
from autograd.compile.straight import straight

ROOT = Path(__file__).resolve().parent.parent
EXTREMES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 1e-310, -1e-310, 5e-324, 1e308, -1e308, 1e-8, 700.0, -745.0,
            3.141592653589793, 1e22, math.inf, -math.inf, math.nan]  # fmt: skip
OPERATIONS = [name for name in NAMES if not name.startswith("skip") and name not in ("take", "call")]


# ---- the oracle ------------------------------------------------------------------------------------------------------

library = ctypes.CDLL("ucrtbase") if sys.platform == "win32" else ctypes.CDLL(None)


def c_function(name: str) -> Callable[..., float]:
    function = getattr(library, name)
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_double] * ARITY.get(name, 1)
    return function


C = {name: c_function(name) for name in LIBRARY}


def operation(name: str, xs: Sequence[float]) -> float:
    """One operation in IEEE arithmetic: by NumPy, the C library, and Python's own % and // where they have a result."""
    with np.errstate(all="ignore"):
        if name.startswith("select"):
            return xs[2] if flat.RELATIONS[name[-2:]](xs[0], xs[1]) else xs[3]
        if name in LIBRARY:
            return C[name](*xs)
        if name in ("mod", "floordiv"):
            if xs[1] == 0:
                return math.nan
            return xs[0] % xs[1] if name == "mod" else xs[0] // xs[1]
        ufunc = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative}
        return float((ufunc.get(name) or getattr(np, name))(*map(np.float64, xs)))


def same(a: float, b: float) -> bool:
    """The same bits; of nan there is one."""
    return struct.pack("d", a) == struct.pack("d", b) or (a != a and b != b)


def evaluate(program: Program, inputs: Sequence[float]) -> list[float]:
    """The outputs, with the library's bits."""
    values = list(map(float, inputs))

    def value(operand: int) -> float:
        return values[operand] if operand >= 0 else float(program.constants[-1 - operand])

    for _, name, rest in program.instructions():
        xs = [value(x) for x in rest[: ARITY[name]]]
        if name.startswith("skip"):
            values.append(0.0)
        elif name == "take":
            values.append(value(int(program.lists[rest[1]][int(xs[0])])))
        else:
            values.append(operation(name, xs))
    return [value(int(x)) for x in program.outputs]


# ---- calls -----------------------------------------------------------------------------------------------------------


def room(n: int) -> np.ndarray:
    """Memory at a multiple of 64 bytes, full of what must not matter."""
    memory = np.full(n + 8, 123.0)
    first = -memory.ctypes.data // 8 % 8
    return memory[first : first + n]


FLAGS = {"x86_64": 1 + 4 + 8, "AMD64": 4 + 8 + 16, "aarch64": 1 + 2 + 4, "arm64": 1 + 2 + 4}.get(platform.machine(), 0)
flagged = False  # whether the last call raised overflow, invalid or division by zero


def call(address: int, *arrays: np.ndarray, points: int = 0) -> None:
    global flagged
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * len(arrays), ctypes.c_int64)(address)
    pointers = [array.ctypes.data for array in arrays]
    library.feclearexcept(FLAGS)
    status = function(*pointers, points)
    flagged = bool(library.fetestexcept(FLAGS))  # at once, as NumPy clears them
    assert status == 0


def flags(function: Callable[..., object], *arguments: object) -> bool:
    """Whether a call raises them."""
    if not FLAGS:
        pytest.skip("the flags' bits are not known on this processor")
    function(*arguments)
    return flagged


def run(code: llvm.Code, program: Program, inputs: Sequence[float]) -> list[float]:
    x, outputs, work = np.array([*inputs, 0.0]), np.full(len(program.outputs) + 1, 99.0), room(code.work)
    call(code.point, x, outputs, work)
    assert outputs[-1] == 99.0
    return outputs[:-1].tolist()


def block(code: llvm.Code, program: Program, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outputs of some points, one a row, and the sums, which start from 0.25."""
    assert code.least <= len(points) <= code.width
    every = points[np.minimum(np.arange(code.width), len(points) - 1)]  # the other lanes hold the last one's
    shared_at = [k for k in range(program.inputs) if code.shared and code.shared[k]]
    varying_at = [k for k in range(program.inputs) if k not in shared_at]
    count = sum(code.reduced)
    shared, varying = np.array([*points[0, shared_at], 0.0]), np.ascontiguousarray(every[:, varying_at].T)
    outputs, sums = np.full((len(program.outputs) - count + 1, code.width), 99.0), np.full(count + 1, 0.25)
    call(code.block, shared, varying, outputs, sums, room(code.block_work), points=len(points))
    assert (outputs[-1] == 99.0).all()
    assert sums[-1] == 0.25
    return outputs[:-1, : len(points)].T, sums[:-1]


def compiled(program: Program, **options: object) -> llvm.Code:
    return llvm.machine_code(program, cached=False, **options)  # type: ignore[arg-type]  # options of many types


def assert_same(got: Sequence[float], wanted: Sequence[float]) -> None:
    assert len(got) == len(wanted)
    for k, (a, b) in enumerate(zip(got, wanted)):
        assert same(a, b), f"output {k} is {a!r} instead of {b!r}"


# ---- random programs -------------------------------------------------------------------------------------------------


def random_program(seed: int, size: int, names: Sequence[str] = OPERATIONS) -> Program:
    """Any operations, choices at run time, and regions that are skipped where a later selection does not look."""
    draw = random.Random(seed)
    inputs = 5
    constants = [0.0, 1.0, -1.0, 0.5, -2.0, 1e-3, draw.uniform(-3, 3), 1e300]
    code: list[list[int]] = []
    lists: list[np.ndarray] = []
    hidden: set[int] = set()  # values that were perhaps not computed

    def operand() -> int:
        while True:
            here = inputs + len(code)
            x = draw.randrange(max(0, here - 30), here) if draw.random() < 0.85 else draw.randrange(here)
            x = -1 - draw.randrange(len(constants)) if draw.random() < 0.12 else x
            if x not in hidden:
                return x

    def one() -> None:
        name = draw.choice(names)
        code.append([CODES[name], *(operand() for _ in range(ARITY[name]))])

    def skipped(depth: int) -> None:
        relation, a, b, when = draw.choice(["lt", "le", "eq"]), operand(), operand(), draw.randrange(2)
        other = operand()
        before = set(hidden)
        code.append([CODES[f"skip_{relation}"], a, b, 0, when])
        at = len(code)
        hidden.add(inputs + at - 1)
        for _ in range(draw.choice([1, 3, 30])):
            skipped(depth + 1) if depth < 3 and draw.random() < 0.1 else one()
        code[at - 1][3] = len(code) - at
        inside = inputs + len(code) - 1
        if inside in hidden:
            one()
            code[at - 1][3] = len(code) - at
            inside += 1
        hidden.update(range(inputs + at - 1, inputs + len(code)))
        code.append([CODES[f"select_{relation}"], a, b, *((other, inside) if when else (inside, other))])
        hidden.update(before)

    def choice() -> None:
        count = draw.randrange(1, 6)
        lists.append(np.array([operand() for _ in range(count)], np.int32))
        # an index within the list, of any value: trunc(count * (0.49 +- 0.5)) through atan, which is bounded
        x = operand()
        code.append([CODES["select_eq"], x, x, x, -1])  # nan -> 0
        code.append([CODES["atan"], inputs + len(code) - 1])
        constants.append(count * 0.6)
        code.append([CODES["mul"], inputs + len(code) - 1, -len(constants)])
        code.append([CODES["take"], inputs + len(code) - 1, len(lists) - 1])

    while len(code) < size:
        kind = draw.random()
        skipped(0) if kind < 0.02 else choice() if kind < 0.04 else one()
    outputs = [operand() for _ in range(6)] + [-2, 0, 0, inputs + len(code) - 1]
    outputs[-1] = outputs[0] if outputs[-1] in hidden else outputs[-1]
    return flat.assembled(inputs, code, outputs, constants, lists=lists)


def tame(seed: int, size: int) -> Program:
    """Operations that keep values finite, so that what is compared is not only nan."""
    return random_program(
        seed, size, ["add", "sub", "mul", "sin", "tanh", "abs", "select_lt", "atan", "copysign", "neg"]
    )


def points(seed: int, n: int, inputs: int = 5) -> np.ndarray:
    draw = random.Random(seed)
    return np.array([
        [draw.choice(EXTREMES) if draw.random() < 0.1 else draw.uniform(-2, 2) for _ in range(inputs)] for _ in range(n)
    ])  # fmt: skip


PROGRAMS = [(kind, seed, size) for seed, size in enumerate([1, 5, 40, 300, 300, 1200]) for kind in ("any", "tame")]


def program_of(kind: str, seed: int, size: int) -> Program:
    return random_program(seed, size) if kind == "any" else tame(seed, size)


# ---- tests -----------------------------------------------------------------------------------------------------------


def test_the_random_programs_have_all_operations_and_say_something() -> None:
    rows = np.concatenate([program_of(*which).code for which in PROGRAMS])
    assert {NAMES[op] for op in rows[:, 0]} == set(NAMES) - {"call"}
    outputs = np.array([evaluate(tame(seed, 300), points(seed, 1)[0]) for seed in range(10)])
    assert np.isfinite(outputs).mean() > 0.5


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_the_librarys_bits(name: str) -> None:
    arity = ARITY[name]
    program = flat.assembled(arity, [[CODES[name], *range(arity)]], [arity], [])
    draw = random.Random(name)
    ordinary = [draw.uniform(-3, 3) for _ in range(40)]
    some = [[draw.choice(EXTREMES + ordinary) for _ in range(arity)] for _ in range(400)]
    if arity == 1:
        some = [[x] for x in EXTREMES + ordinary + [0.0] * (-len(EXTREMES + ordinary) % 8)]
    code = compiled(program, lanes=True)
    alone = compiled(program)
    for k in range(0, len(some), 8):
        outputs, _ = block(code, program, np.array(some[k : k + 8]))
        for xs, (y,) in zip(some[k : k + 8], outputs.tolist()):
            assert_same(run(alone, program, xs), [operation(name, xs)])
            assert same(y, operation(name, xs)), (xs, y)
            assert_same(run(code, program, xs), [operation(name, xs)])


@pytest.mark.parametrize("which", PROGRAMS, ids=str)
def test_a_point_has_the_oracles_bits(which: tuple[str, int, int]) -> None:
    program = program_of(*which)
    code = compiled(program)
    for x in points(which[1], 6):
        assert_same(run(code, program, x), evaluate(program, x))


@pytest.mark.parametrize("which", PROGRAMS, ids=str)
def test_lanes_have_the_bits_of_points(which: tuple[str, int, int]) -> None:
    program = program_of(*which)
    draw = random.Random(which[1])
    shared = [draw.random() < 0.4 for _ in range(program.inputs)]
    reduced = [draw.random() < 0.4 for _ in program.outputs]
    code = compiled(program, lanes=True, shared=shared, reduced=reduced)
    for count in {max(code.least, 1), max(code.least, 5), code.width}:
        xs = points(which[1], count)
        xs[:, shared] = xs[0, shared]
        wanted = np.array([evaluate(program, x) for x in xs])
        outputs, sums = block(code, program, xs)
        assert_same(outputs.ravel(), wanted[:, np.logical_not(reduced)].ravel())
        totals = np.full(sum(reduced), 0.25)
        with np.errstate(all="ignore"):
            for row in wanted[:, reduced]:
                totals += row
        assert_same(sums, totals)
    xs = points(which[1], 8)
    xs[:, shared] = xs[0, shared]
    wanted = np.array([evaluate(program, x) for x in xs])
    assert_same(run(code, program, xs[3]), wanted[3])


@pytest.mark.no_cover  # other tests run the same lines, sooner
@pytest.mark.parametrize("size", [1, 2, 7, 50])
@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_wherever_it_is_cut(size: int, width: int) -> None:
    """Parts of any length, few or many registers, vectors of any width: also skips that lead out of their part."""
    blocks = set()
    for seed in range(4):
        # the last one skips nothing: each part is done for all points before the next
        program = tame(seed + 100, 150) if seed < 3 else random_program(5, 150, ["add", "sub", "mul", "tanh", "abs"])
        text = straight(program, width, size=size, registers=4 if seed else 30, shared=[seed == 2] * 5)
        loaded = jit.Loaded(jit.compile_object(text.text, optimize=seed == 1))
        code = llvm.Code(loaded.address("f"), text.work, loaded.address("g") if width > 1 else 0, text.block_work,
                         (seed == 2,) * 5, (), loaded, text.block)  # fmt: skip
        xs = points(seed, text.block)
        xs = xs[:1].repeat(text.block, 0) if seed == 2 else xs
        wanted = [evaluate(program, x) for x in xs]
        assert_same(run(code, program, xs[0]), wanted[0])
        for count in (text.block, 5, 1) if width > 1 else ():
            assert_same(block(code, program, xs[:count])[0].ravel(), np.array(wanted[:count]).ravel())
        blocks.add(text.block)
    assert blocks == ({8, 64} if width > 1 else {8})


def test_a_skipped_region_is_not_run() -> None:
    """Whatever would raise a flag in it does not."""
    for filler in (0, 3000):
        code = [[CODES["skip_lt"], 0, -1, 1 + filler, 1], [CODES["div"], -1, -1]]
        code += [[CODES["neg"], 2 + k] for k in range(filler)]
        last = 1 + len(code)
        code[1][0] = CODES["log"]
        program = flat.assembled(1, [*code, [CODES["select_lt"], 0, -1, 0, last - 1]], [last], [0.0])
        one, many = compiled(program), compiled(program, lanes=True)
        for x, raised in ((-1.0, False), (1.0, True)):
            assert flags(run, one, program, [x]) is raised
            assert flags(block, many, program, np.full((8, 1), x)) is raised
        mixed = np.array([[-1.0]] * 7 + [[1.0]])
        assert block(many, program, mixed)[0][:7].tolist() == [[-1.0]] * 7


@pytest.mark.parametrize(
    ("name", "operands"),
    [("div", [1.0, 0.0]), ("mul", [1e300, 1e300]), ("sub", [math.inf, math.inf]), ("sqrt", [-1.0])],
)
def test_constants_raise_flags_too(name: str, operands: list[float]) -> None:
    program = flat.assembled(1, [[CODES[name], *range(-1, -1 - len(operands), -1)]], [1], operands)
    for options in ({}, {"lanes": True}):
        code = compiled(program, **options)
        assert flags(run, code, program, [1.0])
    emitter = Emitter()
    emitter.operation(name, [emitter.constant(x) for x in operands], "%y")
    text = [emitter.preamble(), "define i64 @f(ptr %x, ptr %y.at, ptr %w) {", *emitter.lines]
    loaded = jit.Loaded(
        jit.compile_object("\n".join([*text, "store double %y, ptr %y.at\nret i64 0\n}"]), optimize=True)
    )
    assert flags(run, llvm.Code(loaded.address("f"), 1, 0, 0, (), (), loaded), program, [1.0])


def test_an_index_beyond_the_list_raises_the_invalid_flag() -> None:
    program = flat.assembled(1, [[CODES["take"], 0, 0]], [1], [7.0, 8.0], lists=[np.array([-1, 0, -2], np.int32)])
    code = compiled(program)
    for index, value in ((0.0, 7.0), (1.0, 1.0), (2.0, 8.0), (-1.0, 8.0), (-3.0, 7.0), (2.9, 8.0), (-0.5, 7.0)):
        assert run(code, program, [index]) == [value]
    for index in (3.0, -4.0, 1e30, -1e30, math.inf, math.nan):
        assert flags(run, code, program, [index])
        assert math.isnan(run(code, program, [index])[0])


def test_no_instruction_and_no_output() -> None:
    for code in (
        compiled(p := flat.assembled(2, [], [1, -1, 0], [5.0])),
        compiled(p, lanes=True, shared=[True, False]),
    ):
        assert run(code, p, [3.0, 4.0]) == [4.0, 5.0, 3.0]
    empty = flat.assembled(0, [], [], [])
    assert run(compiled(empty), empty, []) == []
    assert run(compiled(empty, lanes=True), empty, []) == []
    many = flat.assembled(1, [], [0, -1] * 1000, [5.0])
    assert run(compiled(many), many, [3.0]) == [3.0, 5.0] * 1000


def test_what_cannot_be_compiled_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = flat.straight(1, 10)
    with pytest.raises(ValueError, match="shared has 1 entries for 4 inputs"):
        compiled(fine, lanes=True, shared=[True])
    with pytest.raises(ValueError, match="reduced has 1 entries"):
        compiled(fine, lanes=True, reduced=[True])
    with pytest.raises(ValueError, match="is not an operation"):
        Emitter().operation("take", ["%a"])
    monkeypatch.setattr(jit, "obstacle", lambda: "it is Sunday")
    with pytest.raises(ValueError, match="cannot compile here: it is Sunday"):
        compiled(fine)


def test_the_code_stays_as_long_as_its_owner() -> None:
    program = tame(3, 100)
    x = points(3, 1)[0]
    codes = [compiled(program) for _ in range(5)]
    del codes[1:4]
    assert_same(run(codes[0], program, x), evaluate(program, x))
    assert_same(run(codes[1], program, x), evaluate(program, x))


def ulps(a: float, b: float) -> float:
    if a == b or (a != a and b != b):
        return 0.0
    return abs(a - b) / math.ulp(b) if math.isfinite(a) and math.isfinite(b) else math.inf


@pytest.mark.parametrize("name", vector_math.NAMES)
def test_lanes_that_need_not_be_exact_have_vector_functions(name: str) -> None:
    """Within 3 ulp of the library, which itself errs by up to 1; and they are ours: somewhere they differ, or are as good."""
    program = flat.assembled(ARITY[name], [[CODES[name], *range(ARITY[name])]], [ARITY[name]], [])
    code = compiled(program, lanes=True, exact=False)
    draw = random.Random(name)
    low, high = {"log": (0.1, 90.0), "log2": (0.1, 90.0), "log10": (0.1, 90.0), "pow": (0.1, 9.0)}.get(
        name, (-0.9, 6.0)
    )
    for _ in range(20):
        x = np.array([[draw.uniform(low, high) for _ in range(ARITY[name])] for _ in range(8)])
        outputs, _ = block(code, program, x)
        for xs, (y,) in zip(x.tolist(), outputs.tolist()):
            assert ulps(y, operation(name, xs)) <= 3, (xs, y)
    if name not in (
        "sin",
        "cos",
        "pow",
    ):  # which hand what is rare to the library, and so pass by LLVM's own module too
        return
    rare = np.full((8, ARITY[name]), 1e22)
    assert_same(block(code, program, rare)[0].ravel(), [operation(name, rare[0].tolist())] * 8)


def test_exactness_is_given_up_by_ulps_only() -> None:
    for seed in range(5):
        program = random_program(seed, 60, ["add", "sub", "mul", "tanh", "atan", "select_lt", "abs"])
        xs = np.random.default_rng(seed).uniform(-1, 1, (8, 5))
        for code in (compiled(program, lanes=True, exact=False), compiled(program, exact=False)):
            wanted = np.array([evaluate(program, x) for x in xs])
            got = block(code, program, xs)[0] if code.block else np.array([run(code, program, x) for x in xs])
            assert np.allclose(got, wanted, rtol=1e-9, atol=1e-11)


def test_the_machine_calls_it() -> None:
    if choice.why_interpreted:
        with pytest.raises(RuntimeError, match="compiled engine only"):
            llvm.compiled(tame(1, 40), cached=False)
        return
    program = tame(21, 300)
    x = points(21, 21)
    native = llvm.compiled(program, cached=False)
    assert_same(native.run(x[0].tolist()), evaluate(program, x[0]))
    assert native.flagged == flags(run, compiled(program), program, x[0])
    shared, reduced = np.array([True, False, False, True, False]), np.array([k % 3 == 0 for k in program.outputs], bool)
    x[:, shared] = x[0, shared]
    wanted = np.array([evaluate(program, row) for row in x])
    native = llvm.compiled(program, lanes=True, shared=shared, reduced=reduced, cached=False)
    varying, shared_at = np.flatnonzero(~shared).astype(np.int32), np.flatnonzero(shared).astype(np.int32)
    per_point, sums, _ = native.lanes(x[:, ~shared].copy(), x[0, shared].copy(), varying, shared_at, reduced)
    assert_same(per_point.ravel(), wanted[:, ~reduced].ravel())
    totals = np.zeros(int(reduced.sum()))
    for row in wanted:
        totals += row[reduced]
    assert_same(sums, totals)


@pytest.mark.skipif(bool(choice.why_interpreted), reason="machine code is called by the compiled engine only")
def test_of_a_long_programs_points_eight_are_flagged_for_one() -> None:
    base = flat.straight(1, 2500, names=("sin", "cos", "tanh", "sub"))
    code = [*base.code.tolist(), [CODES["exp"], 0]]
    last = base.inputs + len(code) - 1
    program = flat.assembled(base.inputs, code, [last, last - 1], base.constants.tolist())
    assert compiled(program, lanes=True).width == 64
    native = llvm.compiled(program, lanes=True, cached=False)
    x = np.random.default_rng(0).uniform(-1, 1, (150, base.inputs))
    x[[17, 149], 0] = 1000.0  # whose exp overflows
    wanted = np.array([evaluate(program, row) for row in x])
    varying, none, nothing = np.arange(base.inputs, dtype=np.int32), np.zeros(0), np.zeros(0, np.int32)
    per_point, _, flagged = native.lanes(x, none, varying, nothing, np.zeros(2, bool))
    assert np.flatnonzero(flagged).tolist() == [*range(16, 24), *range(144, 150)]
    assert_same(per_point.ravel(), wanted.ravel())
    second = np.array([False, True])  # what is summed is not added again to find out
    native = llvm.compiled(program, lanes=True, reduced=second, cached=False)
    _, sums, flagged = native.lanes(x, none, varying, nothing, second)
    assert np.flatnonzero(flagged).tolist() == [*range(64), *range(128, 150)]
    assert sums.tolist() == [np.cumsum(wanted[:, 1])[-1]]


# ---- the cache -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setenv("GLASSGRAD_CACHE", str(place))
    return place


@pytest.fixture
def compiles(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the texts that LLVM gets."""
    lengths: list[int] = []
    compile_object = jit.compile_object

    def counted(text: str, optimize: bool | None = None) -> bytes:
        lengths.append(len(text))
        return compile_object(text, optimize)

    monkeypatch.setattr(jit, "compile_object", counted)
    return lengths


def test_code_is_found_again(folder: Path, compiles: list[int]) -> None:
    program, x = tame(7, 200), points(7, 8)
    wanted = [evaluate(program, row) for row in x]
    for _ in range(3):
        assert_same(run(llvm.machine_code(program), program, x[0]), wanted[0])
    assert len(compiles) == 1
    for _ in range(2):
        outputs, _ = block(llvm.machine_code(program, lanes=True), program, x)
        assert_same(outputs.ravel(), np.array(wanted).ravel())
    assert len(compiles) == 2
    assert len(list(folder.iterdir())) == 2
    if os.name == "posix":
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_whatever_differs_is_compiled_anew(folder: Path, compiles: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    program = random_program(8, 400)
    assert len(program.lists)
    variants: list[tuple[Program, dict[str, object]]] = [
        (program, {}),
        (program, {"lanes": True}),
        (program, {"exact": False}),
    ]
    variants += [(program, {"lanes": True, "shared": [k == j for k in range(5)]}) for j in range(2)]
    variants += [(program, {"lanes": True, "reduced": [k == j for k in range(10)]}) for j in range(2)]
    for change in ("code", "constants", "outputs", "inputs", "lists"):
        other = random_program(8, 400)
        if change == "code":
            other.code[5, 1] = 0 if other.code[5, 1] else 1
        elif change == "constants":
            other.constants[0] = -0.0  # equal, and another number
        elif change == "outputs":
            other.outputs[0] = 1
        elif change == "inputs":
            other.inputs += 1  # other programs, whatever their operands now are
            other.code[:] = CODES["neg"], 0, 0, 0, 0
            other.code[:, 1] = 5
        else:
            other.lists[0][0] = 0 if other.lists[0][0] else 1
        variants.append((other, {}))
    for n, (each, options) in enumerate(variants):
        llvm.machine_code(each, **options)  # type: ignore[arg-type]  # as above
        assert len(compiles) == n + 1
    monkeypatch.setattr(jit, "host", lambda: "another processor")
    llvm.machine_code(program)
    monkeypatch.setattr(llvm, "_sources", lambda: b"another version")
    llvm.machine_code(program)
    assert len(compiles) == len(variants) + 2


def test_altered_files_are_refused(folder: Path, compiles: list[int]) -> None:
    """Cut short, any byte altered, extended, another program's: compiled anew, never run; and mended."""
    program, other, x = tame(9, 60), tame(10, 60), points(9, 1)[0]
    wanted = evaluate(program, x)
    llvm.machine_code(other)
    (foreign,) = folder.iterdir()
    llvm.machine_code(program)
    (path,) = set(folder.iterdir()) - {foreign}
    content = path.read_bytes()
    draw = random.Random(1)
    altered = [b"", content[:10], content[:-1], content[: len(content) // 2], content + b"\0", foreign.read_bytes()]
    for _ in range(40):
        at = draw.randrange(len(content))
        altered.append(content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :])
    for n, bad in enumerate(altered):
        path.write_bytes(bad)
        assert_same(run(llvm.machine_code(program), program, x), wanted)
        assert len(compiles) == 3 + n
        assert path.read_bytes() == content


@pytest.mark.skipif(os.name != "posix", reason="files have no owner and mode here")
def test_what_others_may_have_written_is_not_run(folder: Path, compiles: list[int]) -> None:
    program = tame(11, 60)
    llvm.machine_code(program)
    (path,) = folder.iterdir()
    path.chmod(0o666)
    llvm.machine_code(program)
    assert len(compiles) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    folder.chmod(0o777)
    llvm.machine_code(tame(12, 60))
    assert len(list(folder.iterdir())) == 1, "nothing is put where others could replace it"


def test_it_can_be_switched_off_and_need_not_work(
    tmp_path: Path, compiles: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tame(13, 60)
    file = tmp_path / "file"
    file.write_text("no folder")
    for n, wish in enumerate(["off", str(file), str(file / "below")]):
        monkeypatch.setenv("GLASSGRAD_CACHE", wish)
        llvm.machine_code(program)
        llvm.machine_code(program)
        assert len(compiles) == 2 * n + 2
    assert list(tmp_path.iterdir()) == [file]


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GLASSGRAD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for system, place in (
        ("linux", "glassgrad"),
        ("win32", "glassgrad/Cache"),
        ("darwin", "home/Library/Caches/glassgrad"),
    ):
        monkeypatch.setattr(sys, "platform", system)
        assert cache.folder() == tmp_path / place

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    assert cache.folder() is None


def test_the_cache_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 3500)
    for k in range(5):
        cache.save(bytes([k] * 32), bytes(1000))
        os.utime(folder / (bytes([k] * 32).hex() + ".code"), (k, k))
        if k == 2:
            assert cache.load(bytes(32)) == bytes(1000)  # used again, so that the next one gives way
    assert [cache.load(bytes([k] * 32)) is not None for k in range(5)] == [True, False, False, True, True]
    cache.save(bytes([9] * 32), bytes(4000))
    assert cache.load(bytes([9] * 32)) is None


def test_processes_at_once(folder: Path) -> None:
    """Several compile, save and load the same programs; all have the right results."""
    script = (
        "from tests.test_compile_llvm import *\n"
        "for seed in range(6):\n"
        "    program, x = tame(seed, 60), points(seed, 1)[0]\n"
        "    assert_same(run(llvm.machine_code(program), program, x), evaluate(program, x))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    assert len(list(folder.iterdir())) == 6


def test_the_tests_notice_a_wrong_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    """An oracle that could not tell right from wrong would be none."""
    monkeypatch.setitem(HELPERS, "mod", HELPERS["mod"].replace("fadd double %r, %b", "fsub double %r, %b"))
    with pytest.raises(AssertionError):
        test_an_operation_has_the_librarys_bits("mod")
