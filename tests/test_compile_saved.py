"""Flat programs as text: listed to read, and in JSON that is exact and never believed unseen."""

from __future__ import annotations

import json
import math
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd.compile import saved
from autograd.compile.program import CODES, Loop, Program
from tests.flat import ORDINARY, assembled, evaluate, repeating, straight


def bits(xs: Any) -> list[bytes]:
    return [struct.pack("<d", x) for x in xs]


def everything() -> Program:
    """All kinds of instructions, lists, rows, nested loops, places and constants there are."""
    body = repeating(5, 6)
    start = len(body)
    here = body.inputs + start
    code = [
        *body.code.tolist(),
        [CODES["skip_lt"], 0, -1, 1, 0],
        [CODES["pow"], 1, -2, 0, 0],
        [CODES["take"], 2, 0, 0, 0],
        [CODES["call"], 0, 1, 0, 0],
    ]
    return assembled(
        body.inputs,
        code,
        [here + 1, here + 2, here + 3, -4, 0],
        [0.5, 2.0, -0.25, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308, 0.1],
        lists=[np.array([0, -4, 1, here + 1], np.int32), np.array([0, 1, here + 2], np.int32)],
        rows=["hypot"],
        loops=[Loop(0, 12, 3, (Loop(0, 6, 2),))],
        lines=np.array([i % 3 - 1 for i in range(start + 4)], np.int32),
        places=[("model.py", 3), ("größe \u2028 \"'.py", 2**31 - 1)],
    )


def test_a_program_comes_back_from_json_to_the_bit(tmp_path: Path) -> None:
    for n, program in enumerate([everything(), straight(1, 400), repeating(2, 9), assembled(0, [], [], [])]):
        path = tmp_path / f"{n}.json"
        program.save(path)
        again = Program.load(path)
        assert (again.inputs, again.rows, again.places) == (program.inputs, list(program.rows), list(program.places))
        assert (again.code == program.code).all()
        assert again.code.dtype == np.int32
        assert (again.outputs == program.outputs).all()
        assert bits(again.constants) == bits(program.constants)
        assert [x.tolist() for x in again.lists] == [x.tolist() for x in program.lists]
        assert str(again) == str(program)
        again.save(tmp_path / "again.json")
        assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_what_is_loaded_computes_the_same(tmp_path: Path) -> None:
    program = straight(7, 200)
    program.save(tmp_path / "p.json")
    inputs = [0.3, -0.2, 1.5, 0.7]
    assert bits(evaluate(Program.load(tmp_path / "p.json"), inputs)) == bits(evaluate(program, inputs))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    straight(1, 10).save(path)
    before = path.read_bytes()
    wrong = straight(1, 10)
    wrong.code[3, 1] = 1000
    with pytest.raises(ValueError, match="instruction 3"):
        wrong.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["p.json"]


def stored(**changed: Any) -> bytes:
    """``everything`` with parts changed, under a checksum that is right."""
    fields = saved._fields(everything()) | changed
    fields = {key: value for key, value in fields.items() if value is not KeyError}
    return json.dumps(fields | {"sha256": saved._digest(fields)}).encode()


def instruction(i: int, row: Any) -> bytes:
    code = saved._fields(everything())["code"]
    code[i] = row
    return stored(code=code)


REFUSED = {
    "no JSON": b"{",
    "no JSON ": b"\xff\xfe",
    "not marked": b"[]",
    "not marked ": stored(format="another"),
    "version 2": stored(version=2),
    "version True": stored(version=True),
    "parts missing or unknown: more": stored(more=1),
    "parts missing or unknown: rows": stored(rows=KeyError),
    "nested too deeply": b"[" * 100_000,
    "a bare NaN": b'{"format": NaN}',
    "names a part twice": b'{"format": 1, "format": 1}',
    "inputs must be": stored(inputs=True),
    "-1 inputs": stored(inputs=-1),
    "2147483640 inputs": stored(inputs=2**31 - 8),
    "inputs must be a list of integers of 32 bits": stored(inputs=2**31),
    "constants must be a list": stored(constants=None),
    "constant 0 must be a float": stored(constants=[1]),
    "constant 0 must be a float ": stored(constants=["1.0"]),
    "constant 1 must be a float": stored(constants=[1.0, "infinity"]),
    "list 0 must be": stored(lists=[[0, 1.0], [0]]),
    "there is no list 1": stored(lists=[[0]]),
    "list 0 is empty": stored(lists=[[], [0, 1]]),
    "row 0 must be a name": stored(rows=[0]),
    "no primitive named 'nobody'": stored(rows=["nobody"]),
    "takes 1 operands, not 3": stored(rows=["exp"]),
    "there is no row 0": stored(rows=[]),
    "place 0 must be": stored(places=[["a.py", "1"], ["b.py", 1]]),
    "1 lines for": stored(lines=[0]),
    "and 1 places": stored(places=[["a.py", 1]]),
    "lines must be": stored(lines="no"),
    "output 0: operand 1000": stored(outputs=[1000]),
    "output 0: operand -11": stored(outputs=[-11]),
    "output 1: operand 46 is the result of a skip": stored(outputs=[0, 46]),
    "begins with no operation": instruction(0, ["system", 0, 1]),
    "begins with no operation ": instruction(0, []),
    "begins with no operation  ": instruction(0, [0, 0, 1]),
    "takes 2 integers": instruction(36, ["sub", 1]),
    "instruction 37, pow: what follows": instruction(37, ["pow", 0.0, 1]),
    "instruction 37, pow: operand 47": instruction(37, ["pow", 0, 47]),
    "instruction 37, pow: operand 46 is the result of a skip": instruction(37, ["pow", 0, 46]),
    "it skips 4 of 3": instruction(36, ["skip_lt", 0, 0, 4, 0]),
    "it skips 1 of 3 instructions if 2": instruction(36, ["skip_lt", 0, 0, 1, 2]),
    "it skips -1 of": instruction(36, ["skip_lt", 0, 0, -1, 0]),
    "instruction 38, take: there is no list 2": instruction(38, ["take", 0, 2]),
    "instruction 38, take: operand 49": stored(lists=[[49], [0]]),
    "a loop is its start": stored(loops=[[0, 6, 6]]),
    "start, period and count": stored(loops=[[0, 6.0, 6, []]]),
    "must lie within": stored(loops=[[0, 6, 7, []]]),
    "must lie within ": stored(loops=[[0, 0, 7, []]]),
    "must lie within  ": stored(loops=[[0, 6, 2, []], [6, 6, 2, []]]),
    "must lie within   ": stored(loops=[[0, 12, 3, [[0, 6, 3, []]]]]),
    "must lie within    ": stored(loops=[[-6, 6, 3, []]]),
    "turns are not alike": stored(loops=[[1, 5, 3, []]]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_right_program_is_refused_by_name(what: str, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(REFUSED[what])
    with pytest.raises(ValueError, match=r"p\.json' is no program: ") as caught:
        Program.load(path)
    assert what.strip() in str(caught.value)


def test_turns_must_call_alike() -> None:
    program = straight(1, 4, names=["add"])
    lists = [np.array([0, 1], np.int32), np.array([0, 1, 2], np.int32)]
    for name, first, second in [("take", [0, 0], [0, 1]), ("call", [0, 0], [1, 0]), ("skip_lt", [0, 0, 1], [0, 0, 0])]:
        code = [[CODES[name], *first], [CODES[name], *second]]
        program = assembled(4, code, [], [1.0], lists=lists, rows=["hypot", "max"], loops=[Loop(0, 1, 2)])
        with pytest.raises(ValueError, match="turns are not alike"):
            saved.check(program)
    program.code = program.code[:, :3]
    with pytest.raises(ValueError, match="five integers"):
        saved.check(program)
    program = assembled(1, [[99]], [], [])
    with pytest.raises(ValueError, match="no operation 99"):
        saved.check(program)


def test_no_damaged_file_is_loaded(tmp_path: Path) -> None:
    """Bytes changed, cut, doubled or swapped: refused always, or what is loaded is the very program."""
    path = tmp_path / "p.json"
    everything().save(path)
    content = path.read_bytes()
    listed = str(Program.load(path))
    draw = random.Random(1)
    refused = 0
    for _ in range(600):
        damaged = bytearray(content)
        at, to = sorted((draw.randrange(len(content)), draw.randrange(len(content))))
        kind = draw.randrange(5)
        if kind == 0:
            damaged[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            damaged[at] = ord(draw.choice('0123456789-.,[]{}"eE '))
        elif kind == 2:
            del damaged[at:]
        elif kind == 3:
            del damaged[at : min(to, at + 20)]
        else:
            damaged[at:at] = content[at : min(to, at + 20)]
        path.write_bytes(damaged)
        try:
            program = Program.load(path)
        except ValueError as error:
            assert "is no program" in str(error)
            refused += 1
        else:  # a blank, or 1e5 for 1E5
            assert str(program) == listed
            assert bits(program.constants) == bits(everything().constants)
    assert refused > 500


def mutated(fields: Any, draw: random.Random) -> None:
    """Change one thing, anywhere in nested lists and dicts, in place."""
    while True:
        keys = list(fields) if isinstance(fields, dict) else list(range(len(fields)))
        if not keys:
            fields.append(draw.choice([0, [], "nan", None]))
            return
        key = draw.choice(keys)
        if isinstance(fields[key], list | dict) and draw.random() < 0.9:
            fields = fields[key]
            continue
        if isinstance(fields, list) and draw.random() < 0.2:
            del fields[key]
        else:
            fields[key] = draw.choice(
                [-1, -2, 0, 1, 5, 46, 47, 1000, 2**31, -(2**40), 0.5, True, None, "add", "nan", []]
            )
        return


def test_no_mutant_under_a_right_checksum_does_harm(tmp_path: Path) -> None:
    """Whatever is loaded is right in the oracle's eyes: every operand is there when it is used."""
    draw = random.Random(2)
    path = tmp_path / "p.json"
    loaded = 0
    for _ in range(1500):
        fields = saved._fields(everything())
        mutated(fields, draw)
        path.write_text(json.dumps(fields | {"sha256": saved._digest(fields)}))
        try:
            program = Program.load(path)
        except ValueError as error:
            assert "is no program" in str(error)
            continue
        loaded += 1
        try:
            evaluate(program, [0.5] * program.inputs if program.inputs < 100 else [], lambda row, *xs: math.hypot(*xs))
        except (IndexError, ValueError) as error:
            assert program.inputs >= 100 or "list index" in str(error)  # take, with an index out of range
    assert 20 < loaded < 1200


def test_the_listing_has_an_operation_a_line() -> None:
    program = assembled(
        3,
        [
            [CODES["mul"], 0, 1],
            [CODES["skip_lt"], 3, -1, 1, 1],
            [CODES["log"], 3],
            [CODES["select_lt"], -1, 3, 5, -2],
            [CODES["take"], 2, 0],
            [CODES["call"], 0, 1],
        ],
        [6, 8, -2],
        [0.0, -0.5],
        lists=[np.array([0, 6, -2], np.int32), np.array([6, 7], np.int32)],
        rows=["hypot"],
        lines=np.array([0, -1, 1, 1, -1, 0], np.int32),
        places=[("model.py", 3), ("model.py", 4)],
    )
    assert str(program).splitlines() == [
        "inputs: v0 ... v2",
        "v3 = mul(v0, v1)                                          # model.py:3",
        "v4 = skip_lt(v3, 0.0, next 1 if True)",
        "v5 = log(v3)                                              # model.py:4",
        "v6 = select_lt(0.0, v3, v5, -0.5)                         # model.py:4",
        "v7 = take(v2, [v0, v6, -0.5])",
        "v8 = hypot(v6, v7)                                        # model.py:3",
        "outputs: v6, v8, -0.5",
    ]
    assert repr(program) == "<Program: 3 inputs, 6 instructions, 3 outputs>"


def test_the_listing_of_a_loop_is_one_turn_of_it() -> None:
    rows = []
    for t in range(4):
        here = 5 + 2 * t
        rows += [[CODES["mul"], t, -1], [CODES["add"], here, here - 1 if t else 0]]
    program = assembled(5, rows, [12], [2.0], loops=[Loop(0, 2, 4)])
    assert str(program).splitlines() == [
        "inputs: v0 ... v4",
        "for i in range(4):",
        "    v5+2i = mul(v0+i, 2.0)",
        "    v6+2i = add(v5+2i, v0|v4+2i)",
        "outputs: v12",
    ]
    program.code[4, 1], program.code[6, 1] = 3, 2  # mul takes inputs 0, 1, 3, 2
    assert "    v5+2i = mul(v0..., 2.0)" in str(program)
    nested = everything()
    assert str(nested).splitlines()[1:3] == ["for i in range(3):", "    for j in range(2):"]
    assert len(str(nested).splitlines()) == 2 + 2 + 6 + 4
    assert str(assembled(0, [], [], [])) == "no inputs\noutputs: none"


def test_every_operation_is_listed_and_kept(tmp_path: Path) -> None:
    program = straight(3, 500, names=ORDINARY)
    program.save(tmp_path / "p.json")
    assert len(str(Program.load(tmp_path / "p.json")).splitlines()) == 502
