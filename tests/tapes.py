"""Programs that repeat themselves as users' do, value and gradient: written down by a small tape with a reverse sweep."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from autograd.compile.program import ARITY, CODES, NAMES, Program
from tests.flat import assembled


class Tape:
    """Writes instructions down; ``gradient`` adds the reverse sweep, adjoints added up as it meets them."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.code: list[list[int]] = []
        self.constants: dict[float, int] = {}

    def constant(self, number: float) -> int:
        return self.constants.setdefault(number, -1 - len(self.constants))

    def __call__(self, name: str, *operands: int) -> int:
        self.code.append([CODES[name], *operands])
        return self.inputs + len(self.code) - 1

    def partials(self, name: str, y: int, xs: Sequence[int], g: int) -> list[int]:
        """The contributions to the adjoints of the operands."""
        match name:
            case "add":
                return [g, g]
            case "sub":
                return [g, self("neg", g)]
            case "mul":
                return [self("mul", g, xs[1]), self("mul", g, xs[0])]
            case "neg":
                return [self("neg", g)]
            case "tanh":
                return [self("mul", g, self("sub", self.constant(1.0), self("mul", y, y)))]
            case "exp":
                return [self("mul", g, y)]
            case "select_lt":  # the relu, select_lt(0, x, x, 0)
                return [0, self("select_lt", self.constant(0.0), xs[1], g, self.constant(0.0)), 0, 0]
        raise AssertionError(name)

    def gradient(self, y: int, by: Sequence[int]) -> list[int]:
        adjoints = {y: self.constant(1.0)}
        for i in range(y - self.inputs, -1, -1):
            op, *xs = self.code[i]
            g = adjoints.pop(self.inputs + i, None)
            if g is None:
                continue
            for x, more in zip(xs, self.partials(NAMES[op], self.inputs + i, xs, g), strict=False):
                if x >= 0 and not (NAMES[op] == "select_lt" and more == 0):
                    adjoints[x] = self("add", adjoints[x], more) if x in adjoints else more
        return [adjoints.get(x, self.constant(0.0)) for x in by]

    def program(self, outputs: Sequence[int]) -> Program:
        """Without what the outputs do not need, as the front end leaves none of it."""
        needed = set(outputs)
        for i in range(len(self.code) - 1, -1, -1):
            if self.inputs + i in needed:
                op, *xs = self.code[i]
                needed.update(xs[: ARITY[NAMES[op]]])
        new: dict[int, int] = {}
        code = []
        for i, (op, *xs) in enumerate(self.code):
            if self.inputs + i in needed:
                new[self.inputs + i] = self.inputs + len(code)
                code.append([op, *(new.get(x, x) for x in xs)])
        return assembled(self.inputs, code, [new.get(x, x) for x in outputs], list(self.constants))


def mlp(
    points: int, sizes: Sequence[int] = (2, 16, 16, 1), activation: str = "tanh", seed: int = 0
) -> tuple[Program, list[float]]:
    """The sum of squared errors of a network on some points, and its gradient by the weights; weights first, then the
    points' features and targets."""
    draw = random.Random(seed)
    weights = sum((n + 1) * m for n, m in itertools.pairwise(sizes))
    row = sizes[0] + sizes[-1]
    tape = Tape(weights + points * row)
    total = None
    for p in range(points):
        at = weights + p * row
        layer = list(range(at, at + sizes[0]))
        w = 0
        for depth, m in enumerate(sizes[1:]):
            out = []
            for _ in range(m):
                y = w + len(layer)
                for k, x in enumerate(layer):
                    y = tape("add", y, tape("mul", w + k, x))
                w += len(layer) + 1
                if depth < len(sizes) - 2:
                    y = (
                        tape("tanh", y)
                        if activation == "tanh"
                        else tape("select_lt", tape.constant(0.0), y, y, tape.constant(0.0))
                    )
                out.append(y)
            layer = out
        for k, y in enumerate(layer):
            error = tape("sub", y, at + sizes[0] + k)
            square = tape("mul", error, error)
            total = square if total is None else tape("add", total, square)
    assert total is not None
    gradient = tape.gradient(total, range(weights))
    return tape.program([total, *gradient]), [draw.uniform(-0.5, 0.5) for _ in range(tape.inputs)]


def euler(steps: int, seed: int = 0) -> tuple[Program, list[float]]:
    """A damped pendulum by Euler's method, its last angle, and the gradient by start, damping and force."""
    tape = Tape(4)
    angle, speed = 0, 1
    h = tape.constant(0.001)
    for _ in range(steps):
        pull = tape("add", tape("mul", 2, speed), tape("mul", 3, tape("tanh", angle)))
        angle, speed = tape("add", angle, tape("mul", h, speed)), tape("sub", speed, tape("mul", h, pull))
    return tape.program([angle, *tape.gradient(angle, range(4))]), [0.5, 0.1, 0.3, 2.0]
