"""The flat program: what ``compile`` makes of a recorded graph, and what every executor and exporter takes.

An instruction is a row of five integers: the operation and up to four operands.  An operand from 0 on is a value: first
the inputs, then the result of each instruction; one below 0 is a constant, -1 the first.  Nothing is ever overwritten,
and operands come before what uses them, so that the order of the instructions is a topological one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int32]
Floats = NDArray[np.float64]

# What an instruction can be, and how many of its operands are values.
#
# select_lt(a, b, c, d) is c if a < b, else d; le and eq likewise.  skip_lt(a, b, n, p): if (a < b) == p, the next n
# instructions need not be run, as nothing will look at their results; it may be ignored, and nobody uses its result.
# take(i, list): the value in the list of operands at the place i, counted from the end if i < 0.  call(row, list): the
# row's own function, in Python, of the operands in the list.  The others are the rows of the table with that name,
# as the C library computes them.
ARITY = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "neg": 1, "abs": 1, "sqrt": 1, "floor": 1, "ceil": 1, "trunc": 1,
    "copysign": 2, "select_lt": 4, "select_le": 4, "select_eq": 4, "skip_lt": 2, "skip_le": 2, "skip_eq": 2,
    "take": 1, "call": 0,
    "pow": 2, "mod": 2, "floordiv": 2, "fmod": 2, "remainder": 2, "atan2": 2,
    "exp": 1, "expm1": 1, "exp2": 1, "log": 1, "log1p": 1, "log2": 1, "log10": 1, "cbrt": 1, "sin": 1, "cos": 1,
    "tan": 1, "asin": 1, "acos": 1, "atan": 1, "sinh": 1, "cosh": 1, "tanh": 1, "asinh": 1, "acosh": 1, "atanh": 1,
    "erf": 1, "erfc": 1,
}  # fmt: skip
NAMES = tuple(ARITY)
CODES = {name: code for code, name in enumerate(NAMES)}


@dataclass(frozen=True, eq=False)
class Loop:
    """Instructions that repeat: ``count`` turns of ``period`` instructions from ``start`` on.

    The turns have the same operations and the same kinds of operands; how an operand moves from turn to turn is read
    from the instructions themselves.  ``inner`` are loops within the first turn, and so in every one.
    """

    start: int
    period: int
    count: int
    inner: tuple[Loop, ...] = ()


@dataclass(eq=False)
class Program:
    """A straight sequence of operations on floats.

    ``code`` has one row ``(op, a, b, c, d)`` for each instruction, ``outputs`` are operands, ``lists`` the operands of
    ``take`` and ``call``, ``rows`` the names of the rows that are called.  ``loops`` says where it repeats itself; the
    instructions stand there in full all the same.  ``lines`` has for each instruction the place in ``places`` of the
    source line that it comes from, or -1.
    """

    inputs: int
    code: Integers
    outputs: Integers
    constants: Floats
    lists: Sequence[Integers] = ()
    rows: Sequence[str] = ()
    loops: Sequence[Loop] = ()
    lines: Integers | None = None
    places: Sequence[tuple[str, int]] = ()
    cache: dict[str, Any] = field(default_factory=dict, repr=False)  # what executors made of it

    def __len__(self) -> int:
        return len(self.code)

    def __repr__(self) -> str:
        return f"<Program: {self.inputs} inputs, {len(self)} instructions, {len(self.outputs)} outputs>"

    def __str__(self) -> str:
        """An operation a line, with the source line that it comes from; of a loop, one turn.

        ``v7+3i`` is the value 7 + 3 * i, and ``v2|v7+3i`` is value 2 in the first turn of ``i``; ``v2...`` moves in
        another way.
        """
        from .listing import listing

        return listing(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the program to a file, as JSON, whole or not at all; every float in it is kept to the bit."""
        from .saved import save

        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Program:
        """The program that ``save`` wrote.

        Raises ValueError, with the path and what is wrong, for a file that is damaged or no right program: operations,
        operands, lists, rows (the user's own must be defined) and loops are all looked through, and nothing is run.
        """
        from .saved import load

        return load(path)

    def to_c(self, name: str = "f", inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None) -> str:
        """The text of a file in C with the program as a function; see ``export.to_c``."""
        from .export import to_c

        return to_c(self, name, inputs, outputs)

    def to_javascript(
        self, name: str = "f", inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
    ) -> str:
        """The text of an ES module with the program as a function; see ``export.to_javascript``."""
        from .export import to_javascript

        return to_javascript(self, name, inputs, outputs)

    def to_python(
        self, name: str = "f", inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
    ) -> str:
        """The text of a module of Python with the program as a function; see ``export.to_python``."""
        from .export import to_python

        return to_python(self, name, inputs, outputs)

    def operands(self, i: int) -> list[int]:
        """The operands of instruction ``i`` that are values or constants, those of its list among them."""
        op, *rest = map(int, self.code[i])
        name = NAMES[op]
        if name == "take":
            return [rest[0], *(int(x) for x in self.lists[rest[1]])]
        if name == "call":
            return [int(x) for x in self.lists[rest[1]]]
        return rest[: ARITY[name]]

    def instructions(self) -> Iterator[tuple[int, str, list[int]]]:
        """The result, the operation's name and the four integers of each instruction."""
        for i, (op, *rest) in enumerate(self.code.tolist()):
            yield self.inputs + i, NAMES[op], rest
