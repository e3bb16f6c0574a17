"""Random flat programs of loops within loops, written out in full, with the loops that they came from."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from autograd.compile.program import ARITY, CODES, Integers, Loop
from tests.flat import assembled

OPERATIONS = (
    *("add", "sub", "mul", "tanh", "sin", "abs", "neg", "select_lt", "select_le", "atan", "copysign", "floor", "take"),
)
KINDS = (
    *("local", "local", "around", "before", "fixed", "moving", "random", "number", "numbers"),
    *("earlier", "backwards", "anything"),
)
Turns = tuple[tuple[int, int], ...]  # of the loops from the outermost: which, of how many


class Nest:
    """Operands are of the same turn, of the turns of the loops around, of a turn before, sums (of the innermost loop and
    of those around it), inputs and constants that stand still, move evenly or at random, and results of any loop
    before, forwards, backwards and at random; some are others in the first or last turn.  In every second loop at the
    top no turn needs another one's results, other than to add to them.
    """

    def __init__(self, seed: int, inputs: int = 40, depth: int = 3, longest: int = 9) -> None:
        self.draw = random.Random(seed)
        self.inputs, self.longest = inputs, longest
        self.code: list[list[int]] = []
        self.lists: list[Integers] = []
        self.history: dict[int, dict[tuple[int, ...], int]] = {}  # what each item of the plan gave, by turn
        self.previous: list[list[int]] = []  # what the turn before gave, for each of the loops around
        self.loops: list[Loop] = []
        for _ in range(self.draw.randrange(1, 4)):
            self.calm = self.draw.random() < 0.5
            self.limit = len(self.code)  # where the loop at the top begins
            self.loops.append(self.unrolled(self.planned(depth), (), []))
        constants = [0.5, -1.0, *(self.draw.uniform(-2, 2) for _ in range(8))]
        made = range(inputs, inputs + len(self.code))
        outputs = [*self.draw.sample(made, min(12, len(made))), made[-1], 0, -1]
        self.program = assembled(inputs, self.code, outputs, constants, lists=self.lists)
        # the first stands for places in lists: both of these are in all of them
        self.points = [
            [self.draw.choice((0.0, -1.0)), *(self.draw.uniform(-2, 2) for _ in range(inputs - 1))] for _ in range(8)
        ]

    def planned(self, depth: int) -> tuple[int, list[Any]]:
        """A loop: how many turns, and what is in its body."""
        draw = self.draw
        body: list[Any] = []
        for _ in range(draw.randrange(1, 7)):
            if depth > 1 and draw.random() < 0.3:
                body.append(self.planned(depth - 1))
            elif draw.random() < 0.25:
                name = draw.choice(("add", "add", "sub"))
                body.append({"name": name, "sum": draw.random(), "operands": [self.operand(), self.operand()]})
            else:
                name = draw.choice(OPERATIONS)
                body.append({"name": name, "operands": [self.operand() for _ in range(ARITY[name])]})
        return draw.randrange(2, self.longest), [*body, {"name": "sin", "operands": [self.operand()]}]

    def operand(self) -> tuple[str, float, int, str]:
        draw = self.draw
        return draw.choice(KINDS), draw.random(), draw.randrange(-2, 3), draw.choice(("",) * 8 + ("first", "last"))

    def unrolled(self, plan: tuple[int, list[Any]], turns: Turns, around: list[int]) -> Loop:
        count, body = plan
        start, period, inner = len(self.code), 0, []
        self.previous.append([])
        for t in range(count):
            now: list[int] = []
            for item in body:
                if isinstance(item, tuple):
                    loop = self.unrolled(item, (*turns, (t, count)), around + now)
                    inner += [loop] if not t else []
                else:
                    made = self.written(item, (*turns, (t, count)), now, around)
                    if not (self.calm and "sum" in item):  # that would be another turn's result
                        now.append(made)
            self.previous[-1] = now
            period = period or len(self.code) - start
        self.previous.pop()
        return Loop(start, period, count, tuple(inner))

    def written(self, item: dict[str, Any], turns: Turns, local: list[int], around: list[int]) -> int:
        name = item["name"]
        operands = [self.picked(operand, turns, local, around) for operand in item["operands"]]
        history = self.history.setdefault(id(item), {})
        here = tuple(t for t, _ in turns)
        if "sum" in item:
            level = int(item["sum"] * len(here))
            if here[level]:
                operands[0] = history[tuple(t - (x == level) for x, t in enumerate(here))]
            elif operands[0] < 0 or self.calm:
                operands[0] = 0
            if name == "add" and item["sum"] < 0.3:
                operands.reverse()
        if name == "take":
            length = len(str(item["operands"][0])) % 4 + 1  # the same in every turn
            self.lists.append(np.array([self.anything() for _ in range(length)], np.int32))
            operands = [0, len(self.lists) - 1]
        self.code.append([CODES[name], *operands])
        history[here] = self.inputs + len(self.code) - 1
        return history[here]

    def anything(self) -> int:
        return self.draw.randrange(self.inputs + self.made())

    def made(self) -> int:
        """How many instructions there are whose results may be used anywhere."""
        return self.limit if self.calm else len(self.code)

    def picked(self, operand: tuple[str, float, int, str], turns: Turns, local: list[int], around: list[int]) -> int:
        kind, r, s, odd = operand
        t, count = turns[-1]
        flat = 0
        for turn, n in turns:
            flat = flat * n + turn
        if kind == "number":
            return -1 - int(r * 10)
        if kind == "numbers":
            return -1 - self.draw.randrange(10)
        if kind == "anything" or (odd == "first" and t == 0) or (odd == "last" and t == count - 1):
            return self.anything()
        if kind == "local" and local:
            return local[-1 - int(r * min(3, len(local)))]
        if kind == "around" and around:
            return around[int(r * len(around))]
        before = self.previous[int(r * 100) % len(self.previous)]
        if kind == "before" and before and not self.calm:
            return before[int(r * len(before))]
        if kind == "random":
            return self.draw.randrange(self.inputs)
        if kind == "moving":
            return (int(r * self.inputs) + s * flat) % self.inputs
        if kind == "earlier" and self.made() > 20:
            return self.inputs + (int(r * 20) + s * flat) % self.made()
        if kind == "backwards" and self.made() > 20:
            return self.inputs + (int(r * 20) + 3 * (count - 1 - t)) % self.made()
        return int(r * self.inputs)
