"""Hostile use of the engine at random: whatever Python code can do to a graph while the graph is at work.

Rules, finalizers and callbacks of weak references sweep, drop, copy and change the very nodes that called them, raise,
collect garbage and start threads.  The engine may refuse with an exception; it must not crash, and a gradient that it
returns must be the right one.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import random
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

from autograd import Value, gradients, no_grad
from autograd import math as am
from autograd.backward import topological
from autograd.primitives import TABLE, Primitive
from autograd.sweeps import sweep

REFUSALS = (
    ArithmeticError, AttributeError, KeyError, MemoryError, RuntimeError, TypeError, ValueError, pickle.PicklingError,
)  # fmt: skip


class Life:
    """A random life of some graphs; ``wrong`` tells of gradients that came out wrong."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.pool: list[Value] = [Value(self.rng.gauss(0, 1)) for _ in range(4)]
        self.refs: list[Any] = []
        self.wrong: list[str] = []
        self.depth = 0
        self.rows = [
            self.row("h_one", lambda x: 0.5 * x, lambda y, x: 0.5),
            self.row("h_zero", lambda x: 1.0, lambda y, x: 0),
            self.row("h_two", lambda a, b: a - b, lambda y, a, b: 1, lambda y, a, b: -1),
            self.row("h_three", lambda a, b, c: a + b * c, *[lambda y, a, b, c, i=i: (1, c, b)[i] for i in range(3)]),
        ]  # fmt: skip
        self.rows.append(Primitive("h_many", lambda *xs: 2.0 * sum(xs), self.naughty(lambda y, *xs: [2.0] * len(xs))))
        self.leaf = self.leaf_class()

    def row(self, name: str, fn: Callable[..., float], *partials: Callable[..., Any]) -> Primitive:
        """A row of which each function does some mischief before it answers."""

        return Primitive(name, self.naughty(fn), tuple(map(self.naughty, partials)))

    def naughty(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any) -> Any:
            self.mischief()
            return function(*args)

        return called

    def leaf_class(self) -> type[Value]:
        life = self

        class Leaf(Value):
            extra: Any = None

            def __del__(self) -> None:
                life.mischief()

        return Leaf

    # ---- what code can do --------------------------------------------------------------------------------------------

    def mischief(self) -> None:
        """Something unexpected, sometimes; not without end."""
        if self.depth > 3 or self.rng.random() < 0.6:
            return
        self.depth += 1
        try:
            action = self.rng.choice([
                self.collect, self.drop, self.drop, self.sweep_one, self.sweep_one, self.go_back, self.make, self.make,
                self.chain, self.anew, self.set_data, self.copies, self.in_thread, self.swallow, self.look,
            ])  # fmt: skip
            action()
            if self.rng.random() < 0.05:
                raise self.rng.choice([KeyError, ZeroDivisionError, MemoryError, RecursionError])("mischief")
        finally:
            self.depth -= 1

    def any(self) -> Value:
        return self.rng.choice(self.pool) if self.pool else Value(1.0)

    def collect(self) -> None:
        gc.collect(self.rng.randint(0, 1))

    def drop(self) -> None:
        for _ in range(self.rng.randint(1, 4)):
            if self.pool:
                self.pool.pop(self.rng.randrange(len(self.pool)))

    def swallow(self) -> None:
        self.pool.clear()

    def sweep_one(self) -> None:
        """A gradient, compared with one by the plain sweep over dictionaries, which keeps nothing in the nodes."""
        output, inputs = self.any(), [self.any() for _ in range(self.rng.randint(1, 3))]
        if self.rng.random() < 0.2:  # not compared: a rule that changes a leaf changes what it is just about to return
            gradients(output, inputs, create_graph=True)
            return
        told = gradients(output, inputs)
        if self.depth == 0:
            self.depth = 9  # no mischief in what it is compared with
            adjoints = sweep(topological(output, stop=set(inputs)), {output: 1.0}, stop=set(inputs))
            self.depth = 0
            right = [adjoints.get(x, 0.0) for x in inputs]
            if not all(abs(a - b) <= 1e-9 * (1 + abs(b)) or a != a or b != b for a, b in zip(told, right, strict=True)):
                self.wrong.append(f"gradients {told}, right {right}")

    def go_back(self) -> None:
        self.any().backward(self.rng.choice([1.0, -2.0]))

    def make(self) -> None:
        kind = self.rng.randint(0, 9)
        if kind == 0:
            leaf = self.leaf(self.rng.gauss(0, 1))
            leaf.extra = self.any()  # type: ignore[attr-defined]  # a subclass's attribute
            self.pool.append(leaf)
        elif kind == 1:
            self.pool.append(Value(self.rng.gauss(0, 1), "x"))
        elif kind < 5:
            row = self.rng.choice(self.rows)
            n = row.arity or self.rng.randint(1, 4)
            args: list[Any] = [self.any() if self.rng.random() < 0.8 else 1.5 for _ in range(n)]
            node = row(*args)
            if isinstance(node, Value):
                self.pool.append(node)
        elif kind < 7:
            self.pool.append(am.dot([self.any(), 1.0, self.any()], [self.any(), self.any(), 0.25]) * 0.1)
        else:
            a, b = self.any(), self.any()
            self.pool.append(
                self.rng.choice([a + b, a - b, a * b, a * 0.5, -a, a.tanh(), am.where(a > 0, a, b), am.max(a, b)])
            )
        if self.rng.random() < 0.3 and self.pool:
            callback = self.rng.choice([None, lambda _: self.mischief()])
            self.refs.append(weakref.ref(self.any(), callback))
        if len(self.pool) > 60:
            del self.pool[: self.rng.randint(1, 60)]

    def chain(self) -> None:
        y = self.any()
        for _ in range(self.rng.choice([3, 200])):
            y = y * 0.999
        self.pool.append(y)

    def anew(self) -> None:
        self.any().__init__(0.25)  # type: ignore[misc]  # called again on purpose

    def set_data(self) -> None:
        self.any().data = self.rng.gauss(0, 1)

    def copies(self) -> None:
        value = self.any()
        how = self.rng.randint(0, 2)
        self.pool.append(
            copy.copy(value) if how == 0 else copy.deepcopy(value) if how == 1 else pickle.loads(pickle.dumps(value))
        )

    def look(self) -> None:
        value = self.any()
        repr(value), value.args, value.op, topological(value)[:2], hash(value), value == 1.0, f"{value:.1f}"
        with no_grad():
            value * 2.0

    def in_thread(self) -> None:
        def work() -> None:
            with contextlib.suppress(Exception):
                self.rng.choice([self.go_back, self.drop, self.make, self.chain])()

        thread = threading.Thread(target=work)
        thread.start()
        if self.rng.random() < 0.7:
            thread.join()

    # ---- the life ----------------------------------------------------------------------------------------------------

    def live(self, steps: int) -> None:
        make, sweep_one = self.make, self.sweep_one
        actions = [make, make, make, sweep_one, self.go_back, self.drop, self.copies, self.set_data, self.chain]
        for _ in range(steps):
            with contextlib.suppress(*REFUSALS):
                self.rng.choice(actions)()
            self.depth = 0


def live(seed: int, steps: int = 150) -> list[str]:
    """What went wrong in the life of this seed."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None  # finalizers and callbacks raise on purpose
    life = Life(seed)
    TABLE.update({row.name: row for row in life.rows})
    try:
        life.live(steps)
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join()
        life.pool.clear()
        life.refs.clear()
        return life.wrong
    finally:
        for row in life.rows:
            TABLE.pop(row.name, None)
        sys.unraisablehook = hook
