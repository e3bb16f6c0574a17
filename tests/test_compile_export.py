"""Programs exported to C, JavaScript and Python, compiled and run there, against the slow interpreter of tests/flat.py."""

from __future__ import annotations

import ctypes
import json
import math
import random
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
import autograd.math as gm
from autograd.compile.export import to_c, to_javascript, to_python
from autograd.compile.export.plan import MOST
from autograd.compile.program import ARITY, CODES, Loop, Program
from autograd.structures import flatten
from tests.flat import assembled, evaluate, repeating, straight

GCC, NODE = shutil.which("gcc"), shutil.which("node")
needs_gcc = pytest.mark.skipif(GCC is None, reason="no gcc on this machine")
needs_node = pytest.mark.skipif(NODE is None, reason="no node on this machine")
EXTREME = [
    0.0, -0.0, 5e-324, -1e-310, 1e-8, 0.3, -0.5, 0.5, 1.0, -1.0, 1.5, 2.0, -2.5, 3.0, -3.0, 7.0, 40.0, 710.0, -746.0,
    1e15, 1e16 + 2, -1e22, 1e200, 1.7976931348623157e308, -1.7976931348623157e308, math.inf, -math.inf, math.nan,
]  # fmt: skip
ARITHMETIC = ("add", "sub", "mul", "div", "neg", "abs", "sqrt", "floor", "ceil", "trunc", "copysign", "select_lt",
              "select_le", "select_eq", "mod", "floordiv", "fmod", "remainder")  # fmt: skip
UNBOUNDED = ("add", "sub", "mul", "neg", "abs", "sin", "cos", "tanh", "atan", "select_lt", "select_le", "select_eq")


# ---- how the files are run -------------------------------------------------------------------------------------------


Job = tuple[str, Sequence[Sequence[float]]]  # a file, and the points at which its ``f`` is to be run
Results = list[list[float]]
STRICT = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-pedantic", "-Werror")


def run_c(jobs: Sequence[Job], folder: Path, *flags: str) -> list[Results]:
    return [_run_c(text, points, folder, flags or STRICT) for text, points in jobs]


def _run_c(text: str, points: Sequence[Sequence[float]], folder: Path, flags: Sequence[str]) -> Results:
    (folder / "f.c").write_text(text)
    library = folder / f"f{len(list(folder.iterdir()))}.so"  # a library that is loaded is not loaded anew
    command = [str(GCC), *flags, "-shared", "-fPIC", "-o", str(library), str(folder / "f.c"), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]
    found = [re.search(rf"F_{what} = (\d+)", text) for what in ("INPUTS", "OUTPUTS", "WORK")]
    inputs, outputs, work = (int(match[1]) for match in found if match)
    f = ctypes.CDLL(str(library)).f
    f.restype = None
    results = []
    for point in points:
        assert len(point) == inputs
        x, y, w = (ctypes.c_double * inputs)(*point), (ctypes.c_double * outputs)(), (ctypes.c_double * work)()
        f(x, y, w)
        results.append(list(y))
    return results


def run_python(jobs: Sequence[Job], folder: Path) -> list[Results]:
    """In a Python that has the standard library only."""
    for n, (text, _) in enumerate(jobs):
        (folder / f"exported{n}.py").write_text(text)
    (folder / "points.json").write_text(json.dumps([[[x.hex() for x in p] for p in points] for _, points in jobs]))
    script = (
        "import importlib, json\n"
        "for n, points in enumerate(json.load(open('points.json'))):\n"
        "    f = importlib.import_module(f'exported{n}').f\n"
        "    results = [f([float.fromhex(x) for x in point]) for point in points]\n"
        "    assert all(type(y) is float for result in results for y in result)\n"
        "    print(json.dumps([[y.hex() for y in result] for result in results]))"
    )
    command = [sys.executable, "-SE", "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return [[[float.fromhex(y) for y in result] for result in json.loads(line)] for line in done.stdout.splitlines()]


def run_node(jobs: Sequence[Job], folder: Path) -> list[Results]:
    for n, (text, points) in enumerate(jobs):
        (folder / f"exported{n}.mjs").write_text(text)
        (folder / f"points{n}.bin").write_bytes(b"".join(struct.pack(f"<{len(point)}d", *point) for point in points))
    (folder / "run.mjs").write_text(
        "import { readFileSync, writeFileSync } from 'node:fs';\n"
        f"for (const [n, count] of {[len(points) for _, points in jobs]}.entries()) {{\n"
        "    const { f } = await import(`./exported${n}.mjs`);\n"
        "    const bytes = readFileSync(`points${n}.bin`), size = bytes.length / 8 / count, all = [];\n"
        "    for (let k = 0; k < count; k++)\n"
        "        all.push(...f(Array.from({ length: size }, (_, i) => bytes.readDoubleLE(8 * (k * size + i)))));\n"
        "    writeFileSync(`results${n}.bin`, Buffer.from(Float64Array.from(all).buffer));\n"
        "}\n"
    )
    done = subprocess.run([str(NODE), "run.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    results = []
    for n, (_, points) in enumerate(jobs):
        content = (folder / f"results{n}.bin").read_bytes()
        size = len(content) // 8 // len(points)
        results.append([list(struct.unpack_from(f"<{size}d", content, 8 * k * size)) for k in range(len(points))])
    return results


LANGUAGES = [
    pytest.param(to_c, run_c, marks=needs_gcc, id="C"),
    pytest.param(to_javascript, run_node, marks=needs_node, id="JavaScript"),
    pytest.param(to_python, run_python, id="Python"),
]
every_language = pytest.mark.parametrize(("to", "run"), LANGUAGES)


def same(a: float, b: float, ulps: int = 0) -> bool:
    """Equal to the bit or both nan; or finite and so many floats apart, at most."""
    if a != a or b != b:
        return a != a and b != b
    if struct.pack("<d", a) == struct.pack("<d", b):
        return True
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= ulps * math.ulp(b)


def agree(
    programs: Sequence[tuple[Program, Sequence[Sequence[float]]]],
    to: Callable[[Program], str],
    run: Any,
    folder: Path,
    ulps: int = 0,
) -> list[str]:
    """Export all programs, run each at its points, and compare; returns the files."""
    texts = [to(program) for program, _ in programs]
    jobs = [(text, points) for text, (_, points) in zip(texts, programs, strict=True)]
    for (program, points), results in zip(programs, run(jobs, folder), strict=True):
        for point, found in zip(points, results, strict=True):
            for n, (a, b) in enumerate(zip(found, evaluate(program, point), strict=True)):
                assert same(a, b, ulps), f"output {n} of {program!r} at {point}: {a!r}, and not {b!r}"
    return texts


# ---- operations ------------------------------------------------------------------------------------------------------


def each(names: Sequence[str]) -> Program:
    """All these operations of two inputs, or of four, side by side."""
    code = [[CODES[name], *(k % 4 for k in range(ARITY[name]))] for name in names]
    return assembled(4, code, [4 + n for n in range(len(code))], [])


def extreme_points() -> list[list[float]]:
    return [[a, b, 3.0, -7.0] for a in EXTREME for b in EXTREME]


FUNCTIONS = tuple(name for name in ARITY if name not in ("take", "call") and not name.startswith("skip"))


@every_language
def test_every_operation_is_exported(to: Any, run: Any, tmp_path: Path) -> None:
    """Where Python has a result.  Where it raises, C's results are the model of the others: see the next tests."""
    names = [name for name in FUNCTIONS if not (to is to_javascript and name in ("erf", "erfc"))]
    points = [p for p in extreme_points() if all(map(math.isfinite, p)) and 1e-300 < abs(p[0]) < 1e15 > abs(p[1])]
    program = each(names)
    (results,) = run([(to(program), points)], tmp_path)
    compared = 0
    for point, found in zip(points, results, strict=True):
        for name, a, b in zip(names, found, evaluate(program, point), strict=True):
            if math.isfinite(b):
                exact = to is not to_javascript or name in ARITHMETIC
                assert same(a, b, 0 if exact else 2), f"{name} at {point}: {a!r}, and not {b!r}"
                compared += 1
    assert compared > 0.8 * len(points) * len(names)


@needs_gcc
def test_python_is_total_as_c_is(tmp_path: Path) -> None:
    points = extreme_points()
    program = each(FUNCTIONS)
    (c,), (python,) = run_c([(to_c(program), points)], tmp_path), run_python([(to_python(program), points)], tmp_path)
    for point, first, second in zip(points, c, python, strict=True):
        for name, a, b in zip(FUNCTIONS, first, second, strict=True):
            assert same(b, a), f"{name} at {point}: {b!r} in Python, {a!r} in C"


@needs_gcc
@needs_node
def test_javascript_is_total_as_c_is(tmp_path: Path) -> None:
    names = [name for name in FUNCTIONS if name not in ("erf", "erfc")]
    points = extreme_points()
    program = each(names)
    (c,) = run_c([(to_c(program), points)], tmp_path)
    (javascript,) = run_node([(to_javascript(program), points)], tmp_path)
    for point, first, second in zip(points, c, javascript, strict=True):
        for name, a, b in zip(names, first, second, strict=True):
            assert same(b, a, 0 if name in ARITHMETIC else 2), f"{name} at {point}: {b!r} in JavaScript, {a!r} in C"


@every_language
def test_random_straight_programs(to: Any, run: Any, tmp_path: Path) -> None:
    names = UNBOUNDED if to is not to_javascript else [n for n in UNBOUNDED if n in ARITHMETIC]
    points = [[random.Random(k).uniform(-2, 2) for _ in range(4)] for k in range(3)]
    sizes = [5, 60, 300, 3 * MOST, 4000]
    programs = [(straight(seed, size, names=names), points) for seed, size in enumerate(sizes)]
    for size, text in zip(sizes, agree(programs, to, run, tmp_path), strict=True):
        assert ("part2(" in text) == (size > 1000)  # cut into functions


@needs_gcc
def test_neither_fused_nor_computed_by_the_compiler(tmp_path: Path) -> None:
    """What gcc would do by itself: fuse multiply-add, and compute functions of constants unlike the library."""
    constants = [0.1 * k for k in range(1, 60)]
    functions = ("sin", "tan", "exp", "log", "cbrt", "atan", "tanh", "sinh")
    rows = [[CODES[name], -1 - k] for k in range(59) for name in functions]
    rows += [[CODES["pow"], 0, -20], [CODES["pow"], -20, 0], [CODES["select_lt"], 0, 1, -7, -7]]
    rows += [[CODES["exp"], len(rows) + 3], [CODES["mul"], 0, 1], [CODES["add"], len(rows) + 5, 2]]
    product = len(rows) + 2  # is no output, or gcc would not fuse it
    program = assembled(4, rows, [n for n in range(4, 4 + len(rows)) if n != product], constants)
    points = [[random.Random(k).uniform(0.1, 2) for _ in range(4)] for k in range(20)]
    for flags in ((), ("-std=gnu99", "-O3", "-march=native"), ("-std=gnu99", "-O0")):
        (results,) = run_c([(to_c(program), points)], tmp_path, *flags)
        for point, found in zip(points, results, strict=True):
            assert all(map(same, found, evaluate(program, point)))


@needs_gcc
def test_the_c_file_refuses_to_be_compiled_unsafely(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="compile without -ffast-math"):
        run_c([(to_c(straight(1, 9)), [])], tmp_path, "-ffast-math")


# ---- loops -----------------------------------------------------------------------------------------------------------


class Nest:
    """A random nest of loops, written out in full, whose operands move in all the ways there are."""

    def __init__(self, seed: int, inputs: int = 6, depth: int = 3, names: Sequence[str] = UNBOUNDED) -> None:
        self.draw, self.inputs, self.names = random.Random(seed), inputs, names
        self.code: list[list[int]] = []
        self.lists: list[Any] = []
        self.results: dict[int, list[int]] = {}  # of each node of the template, those so far
        self.constants = [0.5, -1.0, 0.25, 2.0, -0.0]
        self.nodes = 0
        self.loops = self.play(self.template(depth), ())
        outputs = [self.draw.randrange(inputs + len(self.code)) for _ in range(6)]
        self.program = assembled(
            inputs,
            self.code,
            [*outputs, inputs + len(self.code) - 1],
            self.constants,
            lists=self.lists,
            loops=self.loops,
            lines=np.arange(len(self.code), dtype=np.int32) % 3 - 1,
            places=[("model.py", 1), ("a */ b.py\n", 2)],
        )

    def template(self, depth: int) -> list[Any]:
        nodes: list[Any] = []
        for _ in range(self.draw.randrange(2, 5)):
            if depth and self.draw.random() < 0.5:
                nodes.append((self.draw.choice([1, 2, 3, 7]), self.template(depth - 1)))
            else:
                name = "take" if self.draw.random() < 0.1 else self.draw.choice(list(self.names))
                count = 1 + self.draw.randrange(1, 5) if name == "take" else ARITY[name]
                kinds = [self.draw.choice("llllimxrcC") for _ in range(count)]
                nodes.append((name, self.nodes, [(kind, self.draw.randrange(1000)) for kind in kinds]))
                self.nodes += 1
        return nodes

    def play(self, nodes: list[Any], turns: tuple[int, ...]) -> list[Loop]:
        loops = []
        for node in nodes:
            if len(node) == 3:
                self.emit(*node, turns)
                continue
            count, body = node
            start = len(self.code)
            played = [self.play(body, (*turns, t)) for t in range(count)]
            loops.append(Loop(start, (len(self.code) - start) // count, count, tuple(played[0])))
        return loops

    def operand(self, kind: str, r: int, turns: tuple[int, ...]) -> int:
        here = self.inputs + len(self.code)
        turn = sum(t * (1, 3, 2)[k % 3] for k, t in enumerate(turns))
        if kind == "l":  # the latest result of a node: of this turn, of the one before, or of a loop that is over
            return self.results.get(r % max(1, self.nodes), [r % self.inputs])[-1]
        if kind == "m":  # moving through the results of a node
            those = self.results.get(r % max(1, self.nodes), [r % self.inputs])
            return those[(turn if r % 2 else -1 - turn) % len(those)]
        if kind == "x":
            return (r + turn) % self.inputs
        if kind == "r":  # anywhere, but no constant, as the turns are to be alike
            return self.draw.randrange(here)
        if kind == "c":
            return -1 - r % len(self.constants)
        if kind == "C":
            return -1 - (r + turn) % len(self.constants)
        return r % self.inputs

    def emit(self, name: str, node: int, kinds: list[tuple[str, int]], turns: tuple[int, ...]) -> None:
        operands = [self.operand(kind, r, turns) for kind, r in kinds]
        if name == "take":
            self.lists.append(np.array(operands[1:], np.int32))
            operands = [operands[0], len(self.lists) - 1]
        self.results.setdefault(node, []).append(self.inputs + len(self.code))
        self.code.append([CODES[name], *operands])


def takes_within(program: Program, point: Sequence[float]) -> bool:
    try:
        evaluate(program, point)
    except (IndexError, OverflowError, ValueError):
        return False
    return True


@every_language
def test_random_nests_of_loops(to: Any, run: Any, tmp_path: Path) -> None:
    names = UNBOUNDED if to is not to_javascript else [n for n in UNBOUNDED if n in ARITHMETIC]
    programs = []
    for seed in range(60):
        program = Nest(seed, names=names).program
        point = [random.Random(seed).uniform(-1, 1) for _ in range(program.inputs)]
        if takes_within(program, point):
            programs.append((program, [point]))
    if to is to_c:
        programs = programs[::2]
    texts = agree(programs, to, run, tmp_path)
    assert len(programs) > 20
    assert (
        sum(len(text.splitlines()) < len(program) / 2 for text, (program, _) in zip(texts, programs, strict=True)) > 5
    )


@every_language
def test_a_loop_is_a_loop(to: Any, run: Any, tmp_path: Path) -> None:
    program = repeating(1, 500)
    program.loops = [Loop(0, 6, 500)]
    points = [[random.Random(k).uniform(-1, 1) for _ in range(program.inputs)] for k in range(2)]
    (text,) = agree([(program, points)], to, run, tmp_path, 4)
    assert len(text.splitlines()) < 110
    program.loops = []  # then they are looked for
    assert len(to(program).splitlines()) < 130


@every_language
def test_bodies_that_are_too_long_are_cut(to: Any, run: Any, tmp_path: Path) -> None:
    names = [name for name in UNBOUNDED if name in ARITHMETIC]
    body = straight(8, 2 * MOST + 50, names=names)
    rows: list[list[int]] = []
    for _ in range(3):
        shift = len(rows)
        for row in body.code.tolist():
            name = list(ARITY)[row[0]]
            moved = [x + shift if x >= 4 else x for x in row[1 : 1 + ARITY[name]]]
            rows.append([row[0], *moved])
        at = 4 + len(rows)
        rows += [[CODES["sub"], at - 1 + k, at - 5 + k] for k in range(8)]
    program = assembled(
        4,
        rows,
        list(range(4 + len(rows) - 100, 4 + len(rows))),
        body.constants.tolist(),
        loops=[Loop(0, len(rows) // 3, 3, (Loop(len(body), 1, 8),))],
    )
    (text,) = agree([(program, [[0.3, -0.7, 1.1, 0.9]])], to, run, tmp_path)
    assert "part3(" in text


# ---- lists, rows, names ----------------------------------------------------------------------------------------------


@every_language
def test_take(to: Any, run: Any, tmp_path: Path) -> None:
    lists = [np.array([1, -1, 2, 4, 3], np.int32), np.array([3], np.int32)]
    rows = [[CODES["mul"], 1, 2], [CODES["take"], 0, 0], [CODES["take"], -2, 0], [CODES["take"], 0, 1]]
    program = assembled(4, rows, [5, 6, 7], [0.25, -1.0], lists=lists)
    indices = [0.0, 1.0, 4.0, -1.0, -5.0, 2.9, -0.9, -0.0, 5.0, -6.0, math.nan, math.inf, -math.inf, 1e300]
    points = [[i, 10.0, 20.0, 30.0] for i in indices]
    elements = [10.0, 0.25, 20.0, 200.0, 30.0]
    for i, (first, second, third) in zip(indices, run([(to(program), points)], tmp_path)[0], strict=True):
        inside = -6 < i < 5
        assert same(first, elements[int(i)] if inside else math.nan)
        assert second == 30.0
        assert same(third, 30.0 if -2 < i < 1 else math.nan)


def calling(row: str, count: int) -> Program:
    operands = np.array([*range(count - 1), -1][:count], np.int32)
    more = {"lines": np.array([0], np.int32), "places": [("loss.py", 12)]}
    return assembled(3, [[CODES["call"], 0, 0]], [3], [0.7], lists=[operands], rows=[row], **more)


@every_language
def test_rows_that_the_language_has(to: Any, run: Any, tmp_path: Path) -> None:
    rows: dict[str, tuple[int, float]] = {"hypot": (4, math.hypot(0.3, -1.2, 2.5, 0.7))}
    if to is not to_javascript:
        rows |= {"gamma": (1, math.gamma(0.3)), "lgamma": (1, math.lgamma(0.3))}
    if to is to_python:
        rows |= {"fsum": (4, math.fsum([0.3, -1.2, 2.5, 0.7]))}
    for row, (count, expected) in rows.items():
        program = calling(row, count)
        if count == 1:
            program.lists = [np.array([0], np.int32)]
        (((found,),),) = run([(to(program), [[0.3, -1.2, 2.5]])], tmp_path)
        assert same(found, expected, 0 if to is to_python else 4)


@every_language
def test_what_the_language_lacks_is_refused_by_name(to: Any, run: Any) -> None:
    with pytest.raises(ValueError, match=r"digamma.*instruction 0 \(loss.py:12\)"):
        to(calling("digamma", 1))
    if to is to_javascript:
        with pytest.raises(ValueError, match="JavaScript has nothing for erf, instruction 0: write"):
            to(each(["erf"]))
    if to is to_c:
        with pytest.raises(ValueError, match="C has nothing for fsum"):
            to(calling("fsum", 4))


@every_language
def test_names_are_told(to: Any, run: Any, tmp_path: Path) -> None:
    program = assembled(2, [[CODES["sub"], 0, 1]], [2, -1], [0.5])
    text = to(program, inputs=["spot", "p['w'][0] */ \n"], outputs=["price", "half"])
    assert "spot" in text
    assert "price" in text
    assert run([(text, [[5.0, 3.0]])], tmp_path) == [[[2.0, 0.5]]]
    for wrong in (["a"], ["a", "a"], ["a", 2]):
        with pytest.raises(ValueError, match="the program has 2 inputs"):
            to(program, inputs=wrong)
        with pytest.raises(ValueError, match="the program has 2 outputs"):
            to(program, outputs=wrong)
    long = [f"weights['{n}', or so] of the layer" for n in range(40)]
    program = assembled(40, [], [39, *range(39)], [])
    text = to(program, inputs=long, outputs=long[::-1])
    assert max(map(len, text.splitlines())) < 120
    point = [float(n) for n in range(40)]
    assert run([(text, [point])], tmp_path) == [[[39.0, *point[:39]]]]
    for name in ("while", "1f", "f g", "", "größe", "t1", "part1"):
        with pytest.raises(ValueError, match="cannot be called"):
            to(program, name)
    assert "price(" in to(program, "price")


def test_a_dict_by_names() -> None:
    program = assembled(2, [[CODES["sub"], 0, 1]], [2], [])
    space: dict[str, Any] = {}
    exec(to_python(program, inputs=["a", "b"], outputs=["difference"]), space)
    assert space["f"]({"b": 1, "a": 3}) == space["f"]([3, 1]) == space["f"]((3.0, 1.0)) == [2.0]
    assert (space["INPUTS"], space["OUTPUTS"]) == (("a", "b"), ("difference",))
    with pytest.raises(ValueError, match="f takes 2 numbers, not 3"):
        space["f"]([1, 2, 3])


@needs_node
def test_an_object_by_names(tmp_path: Path) -> None:
    program = assembled(2, [[CODES["sub"], 0, 1]], [2], [])
    (tmp_path / "f.mjs").write_text(to_javascript(program, inputs=["a", "b"], outputs=["difference"]))
    (tmp_path / "run.mjs").write_text(
        "import { f, INPUTS, OUTPUTS } from './f.mjs';\n"
        "console.log(f({ b: 1, a: 3 })[0], f([3, 1])[0], INPUTS.join(), OUTPUTS.join());\n"
        "try { f([1]); } catch (e) { console.log(e.message); }"
    )
    done = subprocess.run([str(NODE), str(tmp_path / "run.mjs")], capture_output=True, text=True)
    assert done.stdout == "2 2 a,b difference\nf takes 2 numbers, not 1\n"


@every_language
def test_many_outputs_and_none(to: Any, run: Any, tmp_path: Path) -> None:
    base = straight(3, 100, names=["add", "sub", "select_lt"])
    each = [[], [0] * 70, list(range(2, 104)), [-1, *range(103, 3, -1), -2, 0], [-1, -2] * 50, list(range(4)) * 30]
    code, constants = base.code.tolist(), base.constants.tolist()
    programs = [(assembled(4, code, outputs, constants), [[0.1, 0.2, 0.3, 0.4]]) for outputs in each]
    agree(programs, to, run, tmp_path)


def test_a_wrong_program_is_refused() -> None:
    program = straight(1, 10)
    program.code[3, 1] = 500
    for to in (program.to_c, program.to_javascript, program.to_python):
        with pytest.raises(ValueError, match="instruction 3"):
            to()


def test_programs_have_the_exporters_as_methods() -> None:
    program = straight(1, 10)
    names = {"name": "g", "inputs": list("abcd"), "outputs": [f"y{n}" for n in range(8)]}
    assert program.to_c(**names) == to_c(program, **names)
    assert program.to_javascript(**names) == to_javascript(program, **names)
    assert program.to_python(**names) == to_python(program, **names)


# ---- compiled functions ----------------------------------------------------------------------------------------------


def price(spot: Any, strike: Any, rate: Any, volatility: Any, time: Any) -> Any:
    """Black and Scholes' price of a call."""
    spread = volatility * gm.sqrt(time)
    d = (gm.log(spot / strike) + (rate + volatility**2 / 2) * time) / spread
    below = [gm.erfc(-z / math.sqrt(2)) / 2 for z in (d, d - spread)]
    return spot * below[0] - strike * gm.exp(-rate * time) * below[1]


def network(weights: Any, points: Any) -> Any:
    """The squared error of a small network at some points."""
    total = 0.0
    for x, y, wanted in points:
        hidden = [gm.tanh(gm.dot(row[:2], [x, y]) + row[2]) for row in weights[:-1]]
        total = total + (gm.relu(gm.dot(weights[-1], hidden)) - wanted) ** 2
    return total


def flat(tree: Any) -> list[float]:
    return flatten(tree, "it")[0]


@every_language
def test_compiled_functions(to: Any, run: Any, tmp_path: Path) -> None:
    draw = random.Random(3)
    weights = [[draw.uniform(-1, 1) for _ in range(3)] for _ in range(3)] + [[0.7, 0.2, 0.4]]
    points = [tuple(draw.uniform(-1, 1) for _ in range(3)) for _ in range(40)]
    jobs, expected = [], []
    for function, args in [(network, (weights, points)), (price, (100.0, 95.0, 0.03, 0.2, 0.7))]:
        if function is price and to is to_javascript:
            continue  # there is no erfc
        wanted = (0, 1, 3) if function is price else 0
        eager = autograd.value_and_grad(function, wanted)
        fast = autograd.compile(eager)
        fast(*args)
        program = fast.program
        jobs.append((to(program), [flat(args)]))
        if function is network:
            assert len(program) > 4000 > 600 > len(jobs[-1][0].splitlines())  # a loop over the points
        recorded = fast._last
        value = flat(eager(*args))
        expected.append((value, recorded.places))
    for (value, places), (found,) in zip(expected, run(jobs, tmp_path), strict=True):
        for a, place in zip(value, places, strict=True):
            assert same(found[place], a) or (to is to_javascript and math.isclose(found[place], a, rel_tol=1e-13))
