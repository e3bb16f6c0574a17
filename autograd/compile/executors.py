"""What runs a program: the interpreter at first, machine code once it ran often enough to pay for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..native import choice
from ..native.choice import load
from .program import Floats, Integers, Program

MACHINE: Any = load("compile/machine")
Machine = MACHINE.Machine

# Interpreting costs about 2 ns an instruction and compiling about 10 µs: after so many instructions run for each that
# the program has, machine code has paid for itself.
PAYS = 5_000
LARGEST = 3_000_000  # instructions in a program beyond which nothing is compiled unasked


class Executor:
    """Runs a program; ``tier`` "auto" decides by itself when to have it compiled, "llvm" at once, "interpreter" never.

    ``functions`` are those of the rows that it calls.  Sums over points are made in their order if ``ordered``.
    Raises ImportError for "llvm" where llvmlite is not installed, ValueError where LLVM cannot compile the program.
    """

    def __init__(
        self, program: Program, tier: str, exact: bool, ordered: bool, functions: Sequence[Callable[..., float]] = ()
    ) -> None:
        self.program = program
        self.functions = (*functions,)
        self.exact, self.ordered = exact, ordered
        self.tier = tier
        self.lanes_by: dict[Any, Any] = {}  # what runs lanes, by which inputs are shared and which outputs summed
        self.left = PAYS if tier == "auto" and can_compile(program) else -1  # runs until it is compiled
        if tier == "llvm" and find_spec("llvmlite") is None:
            raise ImportError("tier='llvm' needs llvmlite: pip install 'glassgrad[jit]'")
        self._use(self._compiled() if tier == "llvm" else self.machine)

    @cached_property
    def machine(self) -> Any:
        """The interpreter of the program."""
        return Machine(self.program, self.functions)

    @property
    def flagged(self) -> bool:
        """Whether in the last run of this thread a result was not finite."""
        return bool(self.best.flagged)

    def run(self, numbers: Sequence[float] | Floats, into: Floats | None = None) -> Any:
        """The outputs at one point, as ``Machine.run``."""
        if self.left >= 0:
            self.left -= 1
            if self.left < 0:
                self._use(self._compiled())
        outputs = self.best.run(numbers, into)
        if self.program.rows and self.best is not self.machine and self.best.flagged:
            outputs = self.machine.run(numbers, into)  # which raises what a row did
        return outputs

    def _use(self, best: Any) -> None:
        """Run one point with ``best`` from now on; at once, if nothing is left to be decided."""
        self.best = best
        if self.left < 0 and not self.program.rows:
            self.run = best.run  # type: ignore[method-assign]  # 0.1 µs less

    def _compiled(self, **lanes: Any) -> Any:
        """Native code for the program; the interpreter if it cannot be, and nobody asked for more."""
        from . import llvm

        try:
            return llvm.compiled(
                self.program, exact=self.exact, ordered=self.ordered, functions=self.functions, **lanes
            )
        except ValueError:
            if self.tier == "llvm":
                raise
            return self.machine

    def lanes(
        self, points: Floats, shared: Floats, varying: Integers, shared_at: Integers, reduced: Any, threads: int = 1
    ) -> tuple[Floats, Floats, Any]:
        """The outputs at many points, as ``Machine.lanes``."""
        key = (varying.tobytes(), reduced.tobytes())
        best = self.lanes_by.get(key)
        if best is None or isinstance(best, int):
            count = (best or 0) + len(points)
            if self.tier == "llvm" or (self.tier == "auto" and count >= 32 * PAYS // 100 and can_compile(self.program)):
                mask = np.zeros(self.program.inputs, bool)
                mask[shared_at] = True
                best = self._compiled(lanes=True, shared=mask.tolist(), reduced=reduced.tolist())
                self.lanes_by[key] = best
            else:
                self.lanes_by[key] = count
                best = self.machine
        result: tuple[Floats, Floats, Any] = best.lanes(points, shared, varying, shared_at, reduced, threads)
        if self.program.rows and best is not self.machine and result[2].any():
            result = self.machine.lanes(points, shared, varying, shared_at, reduced, threads)  # as above
        return result


def can_compile(program: Program) -> bool:
    """Whether LLVM and who calls its code are at hand, and the program none that it should not compile."""
    return not choice.why_interpreted and len(program) <= LARGEST and find_spec("llvmlite") is not None
