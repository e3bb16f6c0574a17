"""Runs flat programs: an interpreter, at one point or many at once, and the same around code that others compiled.

``Machine`` interprets.  A program is first laid out as a tape (``tape.h``), once for a run at one point and once for
each choice of the inputs that vary; ``interpreter.h`` has the loops that run it.  ``Native`` calls machine code.

This file runs as it stands, with ``interpreted.py`` in the place of C; compiled, it is the same file with the C types
of ``machine.pxd``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

from ..value import Value
from .program import NAMES, Floats, Integers, Program
from .templates import called

if not cython.compiled:  # in C, all these come from machine.pxd
    from threading import get_ident as this_thread

    from .interpreted import (
        add_terms,
        compute,
        compute_native,
        flags_of,
        floats_of,
        machine_callback,
        machine_operations,
        make_room,
        new_tape,
        run_native,
        run_tape,
    )

Flags = NDArray[np.bool_]
COMPILED = bool(cython.compiled)
BLOCK = 32  # points that are computed at once
SHORT = 200_000  # instructions times points that take no longer than threads take to start
STRETCH = 1 << 25  # ... after which Python looks for Ctrl-C

assert machine_operations().split() == list(NAMES), "tape.h and program.py number the operations differently"


class Machine:
    """Interprets a program.  ``functions`` are those of the rows that it calls back, by default as they are now.

    Raises ValueError for what is no program: an operand that is not there, or that comes after its use.
    """

    def __init__(self, program: Program, functions: Sequence[Callable[..., Any]] | None = None) -> None:
        self.program = program
        self.functions = tuple(map(called, program.rows) if functions is None else functions)
        self.lists = np.concatenate([np.empty(0, np.int32), *program.lists]).astype(np.int32)
        self.starts = np.cumsum([0, *map(len, program.lists)], dtype=np.int64)
        self.tape = new_tape(program, self.lists, self.starts, np.zeros(program.inputs, np.bool_))
        self.tapes: dict[tuple[bytes, bytes], Any] = {}
        self.raised: set[int] = set()

    @property
    def flagged(self) -> bool:
        """Whether in this thread's last ``run`` an operation overflowed, divided by zero or was undefined."""
        return this_thread() in self.raised

    def run(self, inputs: Sequence[float] | Floats, into: Floats | None = None) -> Any:
        """The outputs at one point, as a list, or written to the array ``into``.

        Raises ValueError for another number of inputs, IndexError where ``take`` has an index outside its list, and
        what a row that is called back raises.
        """
        return run_tape(self, inputs, into)

    def direct(self, numbers: tuple[Any, ...]) -> list[float] | None:
        """The outputs; None if these are not the inputs, as floats that are not nan, or if the run is flagged."""
        if not _are_floats(numbers, self.program.inputs):
            return None
        outputs: list[float] = run_tape(self, numbers)
        return None if self.raised and self.flagged else outputs

    def lanes(
        self,
        points: Floats,
        shared: Floats,
        varying: Integers,
        shared_at: Integers,
        reduced: Flags,
        threads: int = 1,
    ) -> tuple[Floats, Floats, Flags]:
        """The outputs at many points: ``(per_point, sums, flagged)``.

        Row i of ``points`` has at point i the inputs whose places are in ``varying``; ``shared`` has those in
        ``shared_at``, the same for all points.  ``per_point`` has a row for each point with the outputs that are not
        ``reduced``; ``sums`` the others, added up point after point from 0.0 on, whatever ``threads`` is.  ``flagged``
        tells for each point what ``Machine.flagged`` would, or that of another in its block (to 64), or that nan was
        compared.

        Raises what ``run`` raises; with which of the points, if several do, is not said.
        """
        key = (varying.tobytes(), shared_at.tobytes())
        tape = self.tapes.get(key)
        if tape is None:
            mask = _mask(self.program.inputs, varying, shared_at)
            tape = self.tapes[key] = new_tape(self.program, self.lists, self.starts, mask)
        _check(points, shared, len(varying), len(shared_at), reduced, len(self.program.outputs))
        per_point, sums, flagged = _results(len(points), reduced)

        def part(start: int, stop: int, into: Floats | None) -> None:
            compute(
                self, tape, points, shared, varying, shared_at, reduced, start, stop, per_point, sums, into, flagged
            )

        _in_parts(part, len(points), len(self.program), sums, threads, True)
        return per_point, sums, flagged


class Native:
    """Calls compiled code: ``point``, and ``block`` for ``width`` points at once, are addresses of C functions.

        int64 point(const double *inputs, double *outputs, double *work)
        int64 block(const double *shared, const double *varying, double *outputs, double *sums, double *work,
                    int64 points)

    The arguments of ``block`` lie lane by lane, as ``varying[input * width + lane]``; it adds the reduced outputs to
    ``sums``, point after point.  It takes ``least`` points to ``width``, where the lanes of others hold the last one's
    numbers.  ``work`` and ``block_work`` are the numbers of doubles that they need beside, which may hold anything at
    first.  They return 0, or something else to have the run flagged.  ``varying``, ``shared_at`` and ``reduced`` are
    those that ``block`` was compiled for.  ``owner`` is kept, as what owns the code.

    ``cost`` estimates the instructions of a point: where they take long, the GIL is released.  With ``exact``, sums are
    added up point after point, so that threads help only where nothing is reduced.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        point: int,
        work: int,
        block: int = 0,
        block_work: int = 0,
        width: int = 8,
        least: int = 8,
        varying: Sequence[int] | Integers = (),
        shared_at: Sequence[int] | Integers = (),
        reduced: Sequence[bool] | Flags = (),
        owner: Any = None,
        cost: int = 0,
        exact: bool = True,
    ) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.point, self.work, self.block, self.block_work = point, work, block, block_work
        self.width, self.least = width, least
        self.varying = np.array(varying, np.int32)
        self.shared_at = np.array(shared_at, np.int32)
        self.reduced = np.array(reduced, np.bool_)
        self.mask = (self.varying.tobytes(), self.shared_at.tobytes(), self.reduced.tobytes())
        if len(self.varying) or len(self.shared_at):
            _mask(inputs, self.varying, self.shared_at)
        self.owner = owner
        self.large = cost >= 50_000
        self.cost = max(cost, 1)
        self.exact = exact
        self.raised: set[int] = set()
        make_room(self)

    @property
    def flagged(self) -> bool:
        """As ``Machine.flagged``."""
        return this_thread() in self.raised

    def run(self, inputs: Sequence[float] | Floats, into: Floats | None = None) -> Any:
        """As ``Machine.run``."""
        return run_native(self, inputs, into)

    def direct(self, numbers: tuple[Any, ...]) -> list[float] | None:
        """As ``Machine.direct``."""
        if not _are_floats(numbers, self.inputs):
            return None
        outputs: list[float] = run_native(self, numbers)
        return None if self.raised and self.flagged else outputs

    def lanes(
        self,
        points: Floats,
        shared: Floats,
        varying: Integers,
        shared_at: Integers,
        reduced: Flags,
        threads: int = 1,
    ) -> tuple[Floats, Floats, Flags]:
        """As ``Machine.lanes``, for the inputs and outputs that the code was compiled for: ValueError for others."""
        if (varying.tobytes(), shared_at.tobytes(), reduced.tobytes()) != self.mask:
            raise ValueError("this code was compiled for other shared inputs or other reduced outputs")
        _check(points, shared, len(varying), len(shared_at), reduced, self.outputs)
        per_point, sums, flagged = _results(len(points), reduced)

        def part(start: int, stop: int, into: Floats | None) -> None:
            compute_native(self, points, shared, start, stop, per_point, sums if into is None else into[0], flagged)

        together = len(sums) and self.exact
        _in_parts(part, len(points), self.cost, sums, 1 if together else threads, False)
        return per_point, sums, flagged


def callback() -> int:
    """The address of ``double f(PyObject *function, const double *numbers, int64 count)``, which calls the function."""
    address: int = machine_callback()
    return address


def _are_floats(numbers: tuple[Any, ...], count: int) -> bool:
    total = 0.0
    for x in numbers:
        if type(x) is not float:
            return False
        total += x
    return total == total and len(numbers) == count


def _mask(inputs: int, varying: Integers, shared_at: Integers) -> Flags:
    """By input, whether it varies."""
    if sorted([*varying.tolist(), *shared_at.tolist()]) != list(range(inputs)):
        raise ValueError(f"of the {inputs} inputs each must be varying or shared, and only one of them")
    mask = np.zeros(inputs, np.bool_)
    mask[varying] = True
    return mask


def _check(points: Floats, shared: Floats, varying: int, shared_count: int, reduced: Flags, outputs: int) -> None:
    for array, kind in (points, np.float64), (shared, np.float64), (reduced, np.bool_):
        if array.dtype != kind or not array.flags.c_contiguous:
            raise TypeError(f"lanes take C-contiguous arrays of {kind.__name__}, not of {array.dtype}")
    if points.ndim != 2 or points.shape[1] != varying:
        raise ValueError(f"points have the shape {points.shape}, not (n, {varying})")
    if shared.shape != (shared_count,) or reduced.shape != (outputs,):
        raise ValueError(
            f"shared and reduced have the shapes {shared.shape} and {reduced.shape}, "
            f"not ({shared_count},) and ({outputs},)"
        )


def _results(points: int, reduced: Flags) -> tuple[Floats, Floats, Flags]:
    sums = int(np.count_nonzero(reduced))
    return np.empty((points, len(reduced) - sums)), np.zeros(sums), np.zeros(points, np.bool_)


def _in_parts(
    part: Callable[[int, int, Floats | None], None], points: int, cost: int, sums: Floats, threads: int, terms: bool
) -> None:
    """Call ``part(start, stop, into)`` for all points; several at a time, if there are threads and enough to do.

    Sums are made in the order of the points: parts that run at the same time have their terms put aside, one row for
    each point, or one for the whole part.
    """
    if points * cost <= SHORT:
        part(0, points, None)
        return
    blocks = -(-points // BLOCK)
    most = max(1, STRETCH // (max(cost, 1) * BLOCK))
    if threads > 1:
        most = max(1, min(most, -(-blocks // (4 * threads))))
    bounds = [(start * BLOCK, min((start + most) * BLOCK, points)) for start in range(0, blocks, most)]
    if threads <= 1:
        for start, stop in bounds:
            part(start, stop, None)
        return

    def aside(start: int, stop: int) -> Floats | None:
        into = np.zeros((stop - start if terms else 1, len(sums))) if len(sums) else None
        part(start, stop, into)
        return into

    with ThreadPoolExecutor(threads) as pool:
        rest: Iterator[tuple[int, int]] = iter(bounds)
        running: list[Future[Floats | None]] = [pool.submit(aside, *bound) for bound in islice(rest, 2 * threads)]
        try:
            while running:
                into = running.pop(0).result()
                running += [pool.submit(aside, *bound) for bound in islice(rest, 1)]
                if into is not None:
                    add_terms(sums, into)
        except BaseException:
            for future in running:
                future.cancel()
            raise


# ---- Values' numbers as arrays: those of subclasses by their own properties ------------------------------------------


def data_of_all(values: list[Value]) -> Floats:
    """The numbers of Values."""
    n = len(values)
    data = np.empty(n)
    numbers = floats_of(data, n)
    for i in range(n):
        node = values[i]
        numbers[i] = node._data if type(node) is Value else node.data
    return data


def set_data(values: list[Value], data: Floats) -> None:
    """Give leaves these numbers, which are to be finite; all of them, as Ctrl-C waits."""
    n = len(values)
    numbers = floats_of(data, n)
    for i in range(n):
        node = values[i]
        if type(node) is Value:
            node._data = float(numbers[i])
        else:
            node.data = float(numbers[i])


def slopes_of(values: list[Value]) -> tuple[Floats, Flags]:
    """The gradients of Values, and whether each has one: 0.0 stands for none."""
    n = len(values)
    slopes, has = np.empty(n), np.empty(n, np.bool_)
    numbers, flags = floats_of(slopes, n), flags_of(has, n)
    for i in range(n):
        node = values[i]
        numbers[i] = node._grad
        flags[i] = node._graded
    return slopes, has


def set_slopes(values: list[Value], slopes: Floats, has: Flags) -> None:
    """Give Values these gradients, and none to those that have none."""
    n = len(values)
    numbers, flags = floats_of(slopes, n), flags_of(has, n)
    for i in range(n):
        node = values[i]
        node._grad = float(numbers[i]) if flags[i] else 0.0
        node._graded = bool(flags[i])
