"""Whole trainings by ``fit``, eager and compiled: ``python tests/benchmarks/fits.py [--repeat 3]``.

Both in one process, in turns, recording and compiling included; medians of seconds.  Losses must agree.  xor: 2-4-1,
12,000 epochs of one sample a step.  moons: 2-16-16-1, hinge loss, 500 epochs of all 100 samples.  digits: 64-32-10,
20 epochs of Adam, 32 of 1,797 samples a step.  randhie-like: 10-100-1, Adam, 3 epochs of 20,000 rows, 200 a step.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ["GLASSGRAD_CACHE"] = "off"

from nn import MLP, fit


def moons(count: int) -> tuple[list[list[float]], list[int]]:
    draw, points, labels = random.Random(0), [], []
    for i in range(count):
        angle, upper = math.pi * draw.random(), i % 2
        x, y = math.cos(angle), math.sin(angle)
        points.append([x + draw.gauss(0, 0.1), y + draw.gauss(0, 0.1)] if upper else [1 - x, 0.5 - y])
        labels.append(1 if upper else -1)
    return points, labels


def table(rows: int, columns: int) -> list[list[float]]:
    draw = random.Random(1)
    return [[draw.gauss(0, 1) for _ in range(columns)] for _ in range(rows)]


def trainings() -> dict[str, tuple[Any, Any, Any, dict[str, Any]]]:
    """A model of its own for each run, samples, and options."""
    digits, wide = table(1797, 64), table(20_000, 10)
    return {
        "xor": (
            lambda: MLP(2, [4, 1], "sigmoid", "sigmoid", seed=0), [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0],
            {"epochs": 12_000, "batch_size": 1},
        ),
        "moons": (lambda: MLP(2, [16, 16, 1], "relu", seed=0), *moons(100), {"loss": "hinge", "epochs": 500}),
        "digits": (
            lambda: MLP(64, [32, 10], "relu", seed=0, init="he"), digits, [int(9 * abs(math.sin(x[0]))) for x in digits],
            {"loss": "softmax_cross_entropy", "optimizer": "adam", "epochs": 20, "batch_size": 32},
        ),
        "randhie-like": (
            lambda: MLP(10, [100, 1], seed=0), wide, [math.tanh(x[0] - x[1]) for x in wide],
            {"optimizer": "adam", "epochs": 3, "batch_size": 200},
        ),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    print("| training | eager s | compiled s | times faster |\n|---|---:|---:|---:|")
    for name, (make, inputs, targets, options) in trainings().items():
        seconds: dict[bool, list[float]] = {False: [], True: []}
        last = {}
        for _ in range(args.repeat):
            for compiled, taken in seconds.items():
                start = perf_counter()
                history = fit(make(), inputs, targets, compile=compiled, progress=False, **options)
                taken.append(perf_counter() - start)
                last[compiled] = history.loss[-1]
        assert math.isclose(last[False], last[True], rel_tol=1e-6), last
        eager, compiled_ = (statistics.median(taken) for taken in seconds.values())
        print(f"| {name} | {eager:.2f} | {compiled_:.2f} | {eager / compiled_:.1f} |", flush=True)


if __name__ == "__main__":
    main()
