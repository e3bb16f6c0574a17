"""The LLVM executor: a flat program as machine code of this processor, kept on disk for the next process."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Any

import numpy as np

from ..native.choice import load
from . import cache, jit
from .program import Program
from .straight import BLOCK, SIZE, Text, straight


@dataclass(frozen=True, eq=False)
class Code:
    """Machine code in this process, which is there as long as ``owner`` is.

    ``point`` is the address of ``int64 f(const double *inputs, double *outputs, double *work)``; ``block``, or 0, that
    of ``int64 g(const double *shared, const double *varying, double *outputs, double *sums, double *work)``: ``width``
    points at once, [index][lane].  ``work`` and ``block_work`` are what they need, in doubles, at a multiple of 64
    bytes.  ``shared`` and ``reduced`` say which inputs are shared and which outputs are summed.
    """

    point: int
    work: int
    block: int
    block_work: int
    shared: tuple[bool, ...]
    reduced: tuple[bool, ...]
    owner: Any
    width: int = BLOCK


def compiled(
    program: Program,
    lanes: bool = False,
    exact: bool = True,
    shared: Sequence[bool] = (),
    reduced: Sequence[bool] = (),
    cached: bool = True,
) -> Any:
    """A ``machine.Native`` that runs a program; its arguments and errors are those of ``machine_code``.

    Raises RuntimeError where the compiled engine, which calls it, was not built.
    """
    code = machine_code(program, lanes, exact, shared, reduced, cached)
    every = np.array(code.shared or (False,) * program.inputs, np.bool_)
    return load("compile/machine").Native(
        inputs=program.inputs, outputs=len(program.outputs), point=code.point, work=code.work, block=code.block,
        block_work=code.block_work, width=code.width, varying=np.flatnonzero(~every) if lanes else (),
        shared_at=np.flatnonzero(every) if lanes else (),
        reduced=code.reduced or (False,) * len(program.outputs), owner=code, cost=len(program), exact=exact,
    )  # fmt: skip


def machine_code(
    program: Program,
    lanes: bool = False,
    exact: bool = True,
    shared: Sequence[bool] = (),
    reduced: Sequence[bool] = (),
    cached: bool = True,
) -> Code:
    """The machine code of a program, for one point or also for blocks of them; from the cache if it is there.

    ``shared`` says for each input whether all points have the same, ``reduced`` for each output whether it is summed
    over the points; without them nothing is.  Unless ``exact``, multiply-adds may be fused and lanes take vector
    functions within 2 ulp.  Raises ValueError if the program cannot be compiled: it calls functions of Python, or the
    processor or llvmlite is too old.
    """
    obstacle = jit.obstacle()
    if obstacle:
        raise ValueError(f"LLVM cannot compile here: {obstacle}")
    masks = (*(bool(x) for x in shared),) if lanes else (), (*(bool(x) for x in reduced),) if lanes else ()
    if lanes and any(shared) and len(shared) != program.inputs:
        raise ValueError(f"shared has {len(shared)} entries for {program.inputs} inputs")
    if lanes and any(reduced) and len(reduced) != len(program.outputs):
        raise ValueError(f"reduced has {len(reduced)} entries for {len(program.outputs)} outputs")
    key = _key(program, lanes, exact, masks) if cached and cache.folder() is not None else None
    found = cache.load(key) if key is not None else None
    if found is None or len(found) < _SIZES.size:
        text = _text(program, lanes, exact, *masks)
        found = _SIZES.pack(text.work, text.block_work) + jit.compile_object(text.text)
        if key is not None:
            cache.save(key, found)
    work, block_work = _SIZES.unpack_from(found)
    loaded = jit.Loaded(found[_SIZES.size :])
    block = loaded.address("g") if lanes else 0
    return Code(loaded.address("f"), work, block, block_work, *masks, loaded)


_SIZES = struct.Struct("<qq")


def _text(program: Program, lanes: bool, exact: bool, shared: Sequence[bool], reduced: Sequence[bool]) -> Text:
    width = jit.width() if lanes else 1
    return straight(program, width, exact, shared, reduced, functions={}, size=SIZE, registers=jit.registers(width))


def _key(program: Program, lanes: bool, exact: bool, masks: tuple[tuple[bool, ...], tuple[bool, ...]]) -> bytes:
    """What tells this machine code from any other: the program, the options, the processor, LLVM and this package."""
    digest = hashlib.sha256(_sources())
    options = (jit.host(), lanes, exact, masks, program.inputs, tuple(program.rows), len(program.lists))
    numbers = [x.tobytes() for x in (program.code, program.outputs, *program.lists)]
    for content in (repr(options).encode(), program.constants.tobytes(), *numbers):
        digest.update(struct.pack("<q", len(content)) + content)
    return digest.digest()


@once
def _sources() -> bytes:
    """A digest of the code that writes the machine code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
