"""Compiled functions beside the eager engine, in one run: ``python tests/benchmarks/compiled.py``.

Each program's value and gradient are computed by the eager engine, the interpreter and machine code in turns; printed are
medians per operation of the original program, what recording and compiling took, and ratios to the eager engine.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

import autograd
from autograd import Value, math

SIZES = (3_000, 30_000)


def rolling(size: int) -> Callable[[list[Any]], Any]:
    """A random program on 16 rolling variables, in which nothing repeats."""
    draw = random.Random(1)
    plan = [(draw.randrange(16), draw.randrange(16), draw.randrange(16), draw.random() < 0.5) for _ in range(size // 3)]

    def program(v: list[Any]) -> Any:
        v = list(v)
        for k, i, j, linear in plan:
            v[k] = v[k] * 0.9 + v[i] * 0.1 if linear else v[k] - v[i] * v[j] * 0.01
        total = v[0]
        for x in v[1:]:
            total = total + x
        return total

    return program


def perceptron(activation: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
    """The hinge loss of a 2-16-16-1 network on 100 points."""
    draw = random.Random(2)
    points = [(draw.uniform(-1, 1), draw.uniform(-1, 1)) for _ in range(100)]

    def loss(w: list[Any]) -> Any:
        total: Any = 0.0
        for x, y in points:
            layer: list[Any] = [x, y]
            at = 0
            for size in (16, 16, 1):
                sums = []
                for _ in range(size):
                    sums.append(math.dot(w[at : at + len(layer)], layer) + w[at + len(layer)])
                    at += len(layer) + 1
                layer = [activation(s) for s in sums] if size > 1 else sums
            total = total + math.relu(1 - layer[0] * (1.0 if x * y > 0 else -1.0))
        return total / 100

    return loss


def euler(w: list[Any]) -> Any:
    """10,000 steps of a pendulum."""
    angle, speed = w[0], w[1]
    for _ in range(10_000):
        angle, speed = angle + speed * 0.001, speed - w[2] * math.sin(angle) * 0.001
    return angle * angle


def operations(program: Callable[[list[Any]], Any], inputs: list[float]) -> int:
    from autograd.backward import topological

    return sum(node.op is not None for node in topological(program([Value(x) for x in inputs])))


def measured(call: Callable[[], Any], rounds: int, least: float = 0.2) -> float:
    times = []
    for _ in range(rounds):
        count, start = 0, perf_counter()
        while perf_counter() - start < least / rounds or not count:
            call()
            count += 1
        times.append((perf_counter() - start) / count)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="of the program in which nothing repeats")
    parser.add_argument("--quick", action="store_true", help="small programs only")
    args = parser.parse_args()
    os.environ["GLASSGRAD_CACHE"] = "off"
    draw = np.random.default_rng(0)
    programs: list[tuple[str, Any, list[float]]] = [
        (f"random, {size:,}", rolling(size), draw.uniform(-1, 1, 16).tolist()) for size in args.sizes
    ]
    if not args.quick:
        weights = draw.normal(0, 0.5, 337).tolist()
        programs += [("MLP, tanh", perceptron(math.tanh), weights), ("MLP, relu", perceptron(math.relu), weights)]
        programs += [("Euler, 10,000 steps", euler, [0.5, 0.1, 9.81])]
    print(
        "| program | operations | eager ns | recorded µs | interpreted ns | compiled µs | machine code ns | inexact ns |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, program, inputs in programs:
        count = operations(program, inputs)
        gradient = autograd.value_and_grad(program)
        eager = measured(lambda: gradient(inputs), args.rounds)  # noqa: B023  # called at once
        row = [f"{eager / count * 1e9:.1f}"]
        for options in ({"tier": "interpreter"}, {"tier": "llvm"}, {"tier": "llvm", "exact": False}):
            fast = autograd.compile(gradient, **options)
            start = perf_counter()
            fast(inputs)
            first = perf_counter() - start
            numbers, executor = list(inputs), fast._last.executor
            run = measured(lambda: executor.run(numbers), args.rounds)  # noqa: B023  # called at once
            if options.get("exact", True):
                row.append(f"{first / count * 1e6:.2f}")
            row.append(f"{run / count * 1e9:.3f} ({eager / run:.0f} times)")
        print(f"| {name} | {count:,} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
