"""What runs a program: the interpreter at first, machine code once it ran often enough to pay for that."""

from __future__ import annotations

from typing import Any

from ..native.choice import load
from .program import Program

Machine: Any = load("compile/machine").Machine


class Executor:
    def __init__(self, program: Program, tier: str, exact: bool) -> None:
        self.machine = Machine(program)
        self.flagged = False

    def run(self, numbers: Any) -> list[float]:
        outputs: list[float] = self.machine.run(numbers)
        self.flagged = self.machine.flagged
        return outputs

    def lanes(self, *args: Any) -> Any:
        return self.machine.lanes(*args)
