"""Rows that only Python can compute, called from machine code: their numbers, their errors, Ctrl-C, and the cache."""

from __future__ import annotations

import dataclasses
import json
import math as floats
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import math, primitive
from autograd.compile import saved
from autograd.compile.captured import Captured
from autograd.compile.machine import Machine
from autograd.compile.program import CODES, Program
from autograd.rows import TABLE
from tests.flat import assembled

pytestmark = pytest.mark.skipif(
    not (autograd.__native__ and find_spec("llvmlite")), reason="machine code needs the compiled engine and llvmlite"
)


def stepped(x: float, y: float) -> float:
    """What runs on no symbols: Python decides within."""
    if x > 700.0:
        raise ValueError("no step up there")
    return floats.inf if x > 600.0 else floats.floor(x) + y * (2.0 if floats.copysign(1.0, y) > 0 else 3.0)


@pytest.fixture(scope="module")
def row() -> Iterator[Any]:
    yield primitive("stepped_in_python", stepped, lambda out, x, y: 0.0 * x, lambda out, x, y: out * 0.0 + 2.5)
    del TABLE["stepped_in_python"]


def calling(row: Any) -> Any:
    """Some arithmetic around calls of several rows, as value and slopes."""

    def f(x: Any, y: Any) -> Any:
        total = x * y
        for k in range(1, 12):
            total = total + math.lgamma(x * x + k) * y + math.hypot(x, y * k, total) - math.sin(total)
            total = total + row(x * k, y - k) * 0.25 + math.fsum([x, total, y]) / k
        return total

    return autograd.value_and_grad(f, (0, 1))


def test_rows_of_python_are_called_from_machine_code(row: Any) -> None:
    f = calling(row)
    fast = autograd.compile(f, tier="llvm")
    draw = random.Random(7)
    given = [(draw.uniform(-3, 3), draw.uniform(-3, 3)) for _ in range(45)]
    expected = [f(*point) for point in given]
    assert [fast(*point) for point in given] == expected
    assert {"stepped_in_python", "hypot", "fsum", "lgamma"} <= {name.partition("/")[0] for name in fast.program.rows}
    for threads in (1, 2):
        value, (dx, dy) = fast.lanes(*np.array(given).T, threads=threads)
        assert list(zip(value.tolist(), zip(dx.tolist(), dy.tolist()), strict=True)) == expected


def test_what_a_row_of_python_raises_is_raised(row: Any) -> None:
    fast = autograd.compile(calling(row), tier="llvm")
    fast(1.0, 2.0)
    with pytest.raises(ValueError, match="no step up there"):
        fast(701.0, 2.0)
    with pytest.raises(ValueError, match="no step up there"):
        fast.lanes(np.array([1.0, 2.0, 701.0]), np.ones(3))
    with pytest.raises(ValueError, match=r"sin\(inf\): math domain error"):  # of the infinity that the row gives there
        fast(650.0, 2.0)
    assert fast(1.0, 2.0) == calling(row)(1.0, 2.0)


def test_ctrl_c_within_a_row_of_python_is_not_lost() -> None:
    asked = []

    def slow(x: float) -> float:
        asked.append(x)
        if len(asked) == 20:
            raise KeyboardInterrupt  # once: who computes it again does not come to it
        return 2.0 * int(x)

    row = primitive("slow_in_python", slow, lambda out, x: 2.0)
    fast = autograd.compile(lambda x: row(x) * 3.0, tier="llvm")

    def often() -> None:
        for _ in range(100):
            assert fast(1.0) == 6.0

    try:
        with pytest.raises(KeyboardInterrupt):
            often()
        assert 19 < len(asked) < 25
    finally:
        del TABLE["slow_in_python"]


def test_code_from_the_cache_calls_the_rows_of_this_process(tmp_path: Path) -> None:
    code = """
import autograd
row = autograd.primitive("mine", lambda x: {result}, lambda out, x: 1.0)
fast = autograd.compile(lambda x: row(x) + x * x, tier="llvm")
fast(1.0)
print(fast(3.0))
"""
    environment = {**os.environ, "GLASSGRAD_CACHE": str(tmp_path)}
    for result, expected in (("float(int(x))", "12.0"), ("float(int(x)) + 1.0", "13.0")):
        program = [sys.executable, "-c", code.format(result=result)]
        done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected
    assert len([*tmp_path.rglob("*")]) > 0


@pytest.mark.parametrize("tier", ["interpreter", "llvm"])
def test_errors_of_a_row_are_the_same_in_every_tier(tier: str) -> None:
    """Unchecked ones too: a row's own fault is no number."""

    class BoomError(Exception):
        pass

    def fragile(x: float) -> float:
        if not isinstance(x, float):
            raise TypeError
        if x > 5:
            raise BoomError
        return floats.sin(x)

    row = primitive("fragile_in_python", fragile, lambda out, x: 1.0)
    try:
        for check in (True, False):
            fast = autograd.compile(lambda x: row(x) + 1.0, tier=tier, check=check)
            assert fast(0.5) == floats.sin(0.5) + 1.0
            with pytest.raises(BoomError):
                fast(6.0)
            with pytest.raises(BoomError):
                fast.lanes([0.5, 6.0])
            with pytest.raises(BoomError):
                fast.lanes([0.5, 6.0], reduce="sum")
    finally:
        del TABLE["fragile_in_python"]


def test_a_row_that_no_result_needs_keeps_nothing_from_machine_code() -> None:
    row = primitive("unneeded_in_python", floats.sin, lambda out, x: math.cos(x))
    try:
        fast = autograd.compile(autograd.grad(lambda x: row(x) + x), tier="llvm")
        assert fast(0.3) == floats.cos(0.3) + 1.0
        assert fast.program.rows
        assert "call" not in [name for _, name, _ in fast.program.instructions()]
    finally:
        del TABLE["unneeded_in_python"]


def test_a_row_of_one_branch_may_be_defined_anew() -> None:
    def rounded(x: float) -> float:
        return floats.floor(x * 10) / 10

    row = primitive("branch_in_python", rounded, lambda out, x: 1.0)
    try:
        fast = autograd.compile(lambda x: x * 2 if x > 0 else TABLE["branch_in_python"](x))
        assert (fast(1.0), fast(-0.55)) == (2.0, -0.6)
        row = primitive("branch_in_python", lambda x: 100.0 + x, lambda out, x: 1.0)
        assert (fast(1.0), fast(-0.55)) == (2.0, row(-0.55)) == (2.0, 99.45)
        assert fast.lanes([1.0, -0.55]).tolist() == [2.0, 99.45]
    finally:
        del TABLE["branch_in_python"]


@pytest.mark.parametrize("read", [float, lambda x: x], ids=["called", "inlined"])  # float(symbol) raises
@pytest.mark.parametrize("tier", ["interpreter", "llvm"])
def test_a_row_that_is_held_is_run_as_it_was_when_its_name_is_defined_anew(tier: str, read: Any) -> None:
    """... also within another row's function and partial, and where only Python can compute it."""
    try:
        old = primitive("compile_held", lambda x: 2.0 * read(x), lambda y, x: 2)
        outer = primitive("compile_outer", lambda x: old(x) * x, lambda y, x: old(x) * 2)
        slope = autograd.value_and_grad(lambda x: old(x) * 100 + outer(x))
        fast = autograd.compile(slope, tier=tier)
        assert fast(3.0) == slope(3.0) == (618.0, 212.0)
        primitive("compile_held", lambda x: 7.0 * x, lambda y, x: 7)
        for _ in range(2):
            assert fast(3.0) == autograd.compile(slope, tier=tier)(3.0) == (618.0, 212.0)
    finally:
        TABLE.pop("compile_held", None)
        TABLE.pop("compile_outer", None)


@pytest.mark.parametrize("tier", ["interpreter", "llvm"])
def test_a_row_that_another_row_uses_is_defined_anew(tier: str) -> None:
    """By name, as the table has it when it is run: what was compiled before is outdated."""
    try:
        primitive("compile_inner", lambda x: 2.0 * x, lambda y, x: 2)
        outer = primitive(
            "compile_outer", lambda x: TABLE["compile_inner"](x) * x, lambda y, x: TABLE["compile_inner"](x) * 2
        )
        fast = autograd.compile(autograd.value_and_grad(outer), tier=tier)
        assert fast(3.0) == (18.0, 12.0)
        primitive("compile_inner", lambda x: 5.0 * x, lambda y, x: 5)
        assert fast(3.0) == autograd.value_and_grad(outer)(3.0) == (45.0, 30.0)
    finally:
        TABLE.pop("compile_inner", None)
        TABLE.pop("compile_outer", None)


def test_a_row_that_was_held_for_a_while_gives_way_to_the_new_one() -> None:
    rows: dict[str, Any] = {}
    try:
        rows["f"] = primitive("compile_rebound", math.sin, lambda y, x: math.cos(x))
        fast = autograd.compile(lambda x: rows["f"](x))
        assert fast(0.5) == floats.sin(0.5)
        new = primitive("compile_rebound", math.exp, lambda y, x: y)
        assert fast(0.5) == floats.sin(0.5)  # it is the old one that the function still calls
        rows["f"] = new
        assert fast(0.5) == floats.exp(0.5)
    finally:
        TABLE.pop("compile_rebound", None)


def test_a_row_that_is_defined_anew_while_it_is_compiled_is_called_all_the_same() -> None:
    def made(k: float) -> Any:
        def slope(y: Any, x: Any) -> Any:
            if k == 1.0 and not isinstance(x, float):  # as the rule is looked at, not when it is computed
                made(2.0)
            return k * floats.cos(k * float(x))

        return primitive("compile_meanwhile", lambda x: floats.sin(k * float(x)), slope)

    try:
        row = made(1.0)
        slope = autograd.grad(lambda x: row(x) * x)
        for tier in ("interpreter", "llvm"):
            fast = autograd.compile(slope, tier=tier)
            assert [fast(0.3), fast(0.3)] == [slope(0.3)] * 2
    finally:
        TABLE.pop("compile_meanwhile", None)


def test_a_program_of_an_outdated_row_is_run_only_where_that_is_known() -> None:
    try:
        row = primitive("compile_outdated", lambda x: floats.sin(float(x)), lambda y, x: 1.0)
        del TABLE["compile_outdated"]
        fast = autograd.compile(lambda x: row(x), tier="interpreter")
        assert fast(0.5) == floats.sin(0.5)
        primitive("compile_outdated", lambda x: 0.0, lambda y, x: 0)
        with pytest.raises(KeyError, match="compile_outdated#"):
            Machine(pickle.loads(pickle.dumps(fast.program)))
        with pytest.raises(ValueError, match="a row that is not in the table"):
            fast.program.save("nowhere.json")
    finally:
        TABLE.pop("compile_outdated", None)


def test_a_function_that_goes_on_with_an_outdated_row_is_run_as_it_is_without_a_word() -> None:
    try:
        old = primitive("compile_held", lambda x: float(x), lambda y, x: 1.0)
        primitive("compile_held", lambda x: 2.0 * float(x), lambda y, x: 2.0)
        fast = autograd.compile(lambda x: old(x) * x if x > 0 else x * 3, tier="interpreter")
        for _ in range(100):
            assert (fast(0.5), fast(-0.5)) == (0.25, -1.5)
        assert fast.lanes([0.5, -0.5, 2.0]).tolist() == [0.25, -1.5, 4.0]
    finally:
        TABLE.pop("compile_held", None)


def test_rows_may_have_any_name_that_is_an_identifier(tmp_path: Path) -> None:
    try:
        row = primitive("x\u00b7y", lambda x: float(x), lambda y, x: 1.0)
        fast = autograd.compile(lambda x: row(x) * x)
        assert fast(0.5) == 0.25
        fast.program.save(tmp_path / "f.json")
        assert Machine(Program.load(tmp_path / "f.json")).run([0.5]) == [0.25]
    finally:
        TABLE.pop("x\u00b7y", None)


def test_what_a_fit_has_recorded_is_outdated_when_another_row_takes_the_place_of_one() -> None:
    def made(k: float) -> Any:
        return primitive("compile_fitted", lambda x: floats.sin(k * float(x)), lambda y, x: k * math.cos(k * x))

    try:
        rows = {"f": made(1.0)}
        w = autograd.Value(0.7)
        captured = Captured(lambda x: rows["f"](x * w), [(0.5,), (0.25,)], [w], [w])
        captured.sums([0, 1])
        assert captured.check(0)
        new = made(2.0)
        assert captured.check(0)  # the function still calls the old one
        rows["f"] = new
        assert not captured.check(0)
    finally:
        TABLE.pop("compile_fitted", None)


def test_partials_in_a_file_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    try:
        primitive(
            "compile_many", lambda *xs: sum(map(float, xs)), variadic=lambda y, *xs: [k + 1.0 for k in range(len(xs))]
        )
        primitive("compile_one", lambda x: float(x), lambda y, x: 1.0)

        def loaded(row: str, operands: list[int]) -> Program:
            code = [[CODES["call"], 0, 0]]
            program = assembled(3, code, [3], [], lists=[np.array(operands, np.int32)])
            text = saved._text(saved._fields(dataclasses.replace(program, rows=[row])))
            fields = json.loads(text)
            path.write_text(json.dumps(fields | {"sha256": saved._digest(fields)}))
            return Program.load(path)

        assert Machine(loaded("compile_many/1", [0, 1, 2])).run([0.5, 0.25, 2.0]) == [2.0]
        assert Machine(loaded("compile_one/0", [0, 1])).run([0.5, 0.25, 2.0]) == [1.0]
        for row, operands in [
            *((f"compile_many/{by}", [0, 1, 2]) for by in ("-1", "2", "9", "abc", "0/1", "0#1", "", "\u0663", "1" * 5000)),
            *((f"compile_one/{by}", [0, 1]) for by in ("1", "00", "", "9" * 5000)),
            *((row, [0, 1]) for row in ("dot/0", "compile_one#3", "compile_one#3/0", "/0", "polygamma" + "9" * 5000)),
            ("compile_many/0", []), ("compile_one/0", [0]), ("compile_one", [0, 1]),
        ]:  # fmt: skip
            with pytest.raises(ValueError, match="is no program"):
                loaded(row, operands)
    finally:
        TABLE.pop("compile_many", None)
        TABLE.pop("compile_one", None)


def test_a_program_that_calls_a_partial_is_saved(tmp_path: Path) -> None:
    try:
        row = primitive("compile_opaque", lambda x: math.sin(float(x)), lambda y, x: math.cos(float(x)))
        fast = autograd.compile(autograd.value_and_grad(lambda x: row(x)), tier="interpreter")
        assert fast(0.5) == (math.sin(0.5), math.cos(0.5))
        fast.program.save(tmp_path / "f.json")
        assert str(Program.load(tmp_path / "f.json")) == str(fast.program)
    finally:
        TABLE.pop("compile_opaque", None)
