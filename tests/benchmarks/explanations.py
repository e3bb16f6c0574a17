"""Seconds in which ``explain`` answers for graphs of 100,000 nodes of several shapes.

python tests/benchmarks/explanations.py --nodes 100000
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autograd import Value, explain, math
from autograd.backward import topological

Shape = Callable[[Value, int], Value]


def chain(x: Value, count: int) -> Value:
    y = x
    for _ in range(count // 2):
        y = y * 0.99999 + 1e-6
    return y


def loop(x: Value, count: int) -> Value:
    """A leaf that every step uses."""
    y = x
    for _ in range(count // 2):
        y = math.sin(y) * x
    return y


def wide(x: Value, count: int) -> Value:
    """One sum of half as many returns."""
    return math.sum([math.sin(x * float(i)) for i in range(count // 2)])


def ladder(x: Value, count: int) -> Value:
    """Two rows of nodes, each of which uses both before it: the number of paths is 2 to the number of rungs."""
    a = b = x
    for _ in range(count // 6):
        a, b = math.tanh(a + b * 0.1), math.tanh(b - a * 0.1)
    return a + b


def random_graph(x: Value, count: int) -> Value:
    rng, nodes = random.Random(1), [x]
    for _ in range(int(count / 1.6)):
        a, b = rng.choice(nodes[-20:]), rng.choice(nodes[-20:])
        nodes.append((a + b) * 0.5 if rng.random() < 0.5 else math.tanh(a * b))
    return nodes[-1]


SHAPES: dict[str, Shape] = {
    "a chain": chain,
    "a loop": loop,
    "a wide sum": wide,
    "a ladder": ladder,
    "a random graph": random_graph,
}


def measure(shape: Shape, count: int, rounds: int) -> tuple[int, float, float]:
    """The number of nodes, and the fastest of some rounds by the clock and by the processor, text included."""
    clock, processor, nodes = [], [], 0
    for _ in range(rounds):
        x = Value(0.5, "x")
        y = shape(x, count)
        nodes = len(topological(y))
        begun, worked = time.perf_counter(), time.process_time()
        str(explain(y, wrt=x))
        clock.append(time.perf_counter() - begun)
        processor.append(time.process_time() - worked)
    return nodes, min(clock), min(processor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print("| shape | nodes | seconds | of the processor |\n|---|---:|---:|---:|")
    for name, shape in SHAPES.items():
        nodes, clock, processor = measure(shape, given.nodes, given.rounds)
        print(f"| {name} | {nodes:,} | {clock:.2f} | {processor:.2f} |")


if __name__ == "__main__":
    main()
