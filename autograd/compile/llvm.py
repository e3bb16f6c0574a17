"""The LLVM executor: a flat program as machine code of this processor, kept on disk for the next process."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..native.choice import load
from . import cache, jit, vector_math
from .blocks import BLOCK
from .emit import Emitter
from .loops import looped
from .program import ARITY, CODES, NAMES, Program
from .repeats import find
from .straight import SIZE, Text, straight
from .templates import called

UNROLLED = 10_000  # instructions in a program with skips to which it is compiled as straight code


@dataclass(frozen=True, eq=False)
class Code:
    """Machine code in this process, which is there as long as ``owner`` is.

    ``point`` is the address of ``int64 f(const double *inputs, double *outputs, double *work)``; ``block``, or 0, that
    of ``int64 g(const double *shared, const double *varying, double *outputs, double *sums, double *work, int64
    points)``: ``width`` points at once, [index][lane], or ``least`` and more of them.  ``work`` and ``block_work`` are
    what they need, in doubles, at a multiple of 64 bytes.  ``shared`` and ``reduced`` say which inputs are shared and
    which outputs are summed.
    """

    point: int
    work: int
    block: int
    block_work: int
    shared: tuple[bool, ...]
    reduced: tuple[bool, ...]
    owner: Any
    width: int = BLOCK
    least: int = 1


def compiled(
    program: Program,
    lanes: bool = False,
    exact: bool = True,
    shared: Sequence[bool] = (),
    reduced: Sequence[bool] = (),
    cached: bool = True,
    ordered: bool | None = None,
    functions: Sequence[Callable[..., float]] | None = None,
) -> Any:
    """A ``machine.Native`` that runs a program; its arguments and errors are those of ``machine_code``.

    Raises RuntimeError where the compiled engine, which calls it, was not built.
    """
    ordered = exact if ordered is None else ordered
    code = machine_code(program, lanes, exact, shared, reduced, cached, ordered, functions)
    every = np.array(code.shared or (False,) * program.inputs, np.bool_)
    return load("compile/machine").Native(
        inputs=program.inputs, outputs=len(program.outputs), point=code.point, work=code.work, block=code.block,
        block_work=code.block_work, width=code.width, least=code.least, varying=np.flatnonzero(~every) if lanes else (),
        shared_at=np.flatnonzero(every) if lanes else (),
        reduced=code.reduced or (False,) * len(program.outputs), owner=code, cost=len(program), exact=ordered,
    )  # fmt: skip


def machine_code(
    program: Program,
    lanes: bool = False,
    exact: bool = True,
    shared: Sequence[bool] = (),
    reduced: Sequence[bool] = (),
    cached: bool = True,
    ordered: bool | None = None,
    functions: Sequence[Callable[..., float]] | None = None,
) -> Code:
    """The machine code of a program, for one point or also for blocks of them; from the cache if it is there.

    ``shared`` says for each input whether all points have the same, ``reduced`` for each output whether it is summed
    over the points, which is done in their order if ``ordered`` (None: if ``exact``); without them nothing is.  Unless
    ``exact``, multiply-adds may be fused and lanes take vector functions within 2 ulp.  Raises ValueError if the
    program cannot be compiled: the processor or llvmlite is too old.
    """
    obstacle = jit.obstacle()
    if obstacle:
        raise ValueError(f"LLVM cannot compile here: {obstacle}")
    masks = (*(bool(x) for x in shared),) if lanes else (), (*(bool(x) for x in reduced),) if lanes else ()
    if lanes and len(shared) not in (0, program.inputs):
        raise ValueError(f"shared has {len(shared)} entries for {program.inputs} inputs")
    if lanes and len(reduced) not in (0, len(program.outputs)):
        raise ValueError(f"reduced has {len(reduced)} entries for {len(program.outputs)} outputs")
    ordered = exact if ordered is None else ordered
    options = (
        jit.host(),
        lanes,
        exact,
        ordered,
        masks,
        program.inputs,
        program.rows,
        len(program.lists),
        program.loops,
    )
    numbers: list[NDArray[Any]] = [program.constants, program.code, program.outputs, *program.lists]

    def make() -> bytes:
        text = _text(program, lanes, exact, ordered, *masks)
        return _SIZES.pack(text.work, text.block_work, text.block, text.least) + jit.compile_object(
            text.text, text.optimize
        )

    found = _kept(make, repr(options), *numbers) if cached else make()
    work, block_work, width, least = _SIZES.unpack_from(found)
    loaded = jit.Loaded(found[_SIZES.size :])
    owners: list[Any] = [loaded]
    if not exact and loaded.engine.get_global_value_address("vectors"):
        used = {NAMES[op] for op in np.unique(program.code[:, 0]).tolist()}
        vectors = {name: _vector_function(name, jit.width(), cached) for name in vector_math.NAMES if name in used}
        pointers = [vectors[name].address("entry") if name in used else 0 for name in vector_math.NAMES]
        loaded.fill("vectors", struct.pack(f"{len(pointers)}P", *pointers))
        owners += vectors.values()
    if program.rows:
        rows = tuple(map(called, program.rows)) if functions is None else (*functions,)
        loaded.fill("functions", struct.pack(f"{len(rows)}P", *map(id, rows)))
        loaded.fill("callback", struct.pack("P", load("compile/machine").callback()))
        owners.append(rows)
    block = loaded.address("g") if lanes else 0
    return Code(loaded.address("f"), work, block, block_work, *masks, owners, width, least)


_SIZES = struct.Struct("<qqqq")


@once
def _vector_function(name: str, width: int, cached: bool) -> jit.Loaded:
    """``entry``, one of our vector functions: optimized, once in a process, as straight code is not."""

    def make() -> bytes:
        emitter = Emitter(width, False, {name: vector_math.definition(name, width, inline=False)})
        parameters = [f"%x{k}" for k in range(ARITY[name])]
        emitter.operation(name, parameters, "%y")
        head = f"define {emitter.type} @entry({', '.join(f'{emitter.type} {x}' for x in parameters)})"
        body = [f"{head} {emitter.attributes} {{", *emitter.lines, f"ret {emitter.type} %y", "}"]
        return jit.compile_object("\n".join([emitter.preamble(), *body]), optimize=True)

    return jit.Loaded(_kept(make, f"{jit.host()} {name} {width}") if cached else make())


def _caller(name: str, width: int) -> str:
    """The definition of ``lanes.name`` that goes on to one in another module, by its address in ``@vectors``."""
    kind = f"<{width} x double>"
    arguments = ", ".join(f"{kind} %x{k}" for k in range(ARITY[name]))
    return f"""\
@vectors = dso_local global [{len(vector_math.NAMES)} x ptr] zeroinitializer
define internal {kind} @lanes.{name}({arguments}) noinline {Emitter(width).attributes} {{
%f = load ptr, ptr getelementptr (ptr, ptr @vectors, i64 {vector_math.NAMES.index(name)})
%y = musttail call {kind} %f({arguments})
ret {kind} %y
}}"""


def _text(
    program: Program, lanes: bool, exact: bool, ordered: bool, shared: Sequence[bool], reduced: Sequence[bool]
) -> Text:
    # no loop calls Python; and loops run through what straight code skips, which is right all the same, but may flag a
    # run for nothing
    skips = bool(np.isin(program.code[:, 0], [CODES[name] for name in ("skip_lt", "skip_le", "skip_eq")]).any())
    loops = () if program.rows or (skips and len(program) <= UNROLLED) else program.loops or find(program)
    width = jit.width() if lanes or loops else 1
    functions = {} if exact or width == 1 else {name: _caller(name, width) for name in vector_math.NAMES}
    if loops:
        return looped(program, loops, width, exact, lanes, shared, reduced, functions, ordered)
    return straight(program, width, exact, shared, reduced, functions, SIZE, jit.registers(width))


def _kept(make: Callable[[], bytes], *parts: str | NDArray[Any]) -> bytes:
    """What ``make`` makes, from the cache if it was made before; ``parts`` tell it from all else."""
    if cache.folder() is None:
        return make()
    digest = hashlib.sha256(_sources())
    for part in parts:
        content = np.frombuffer(part.encode(), np.uint8) if isinstance(part, str) else np.ascontiguousarray(part)
        digest.update(struct.pack("<q", content.nbytes))
        digest.update(content.data)
    found = cache.load(digest.digest())
    if found is None:
        found = make()
        cache.save(digest.digest(), found)
    return found


@once
def _sources() -> bytes:
    """A digest of the code that writes the machine code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
