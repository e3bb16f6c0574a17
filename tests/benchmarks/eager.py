"""Nanoseconds per operation to record, sweep and free a random scalar program, beside other engines in the same run.

    python tests/benchmarks/eager.py [--sizes 10000 200000 1000000] [--repeat 3] [--engines glassgrad micrograd ...]

The program works on 16 rolling variables; a step is ``v[k] = v[k]*0.9 + v[i]*0.1`` or ``v[k] = v[k] - v[i]*v[j]*0.01``,
three operations each; the result is the sum of the 16, differentiated by the 16 inputs.  Every measurement has a
process of its own, with the collector on as users run it: a first round that is not counted (it pays for fresh memory;
micrograd's does count, as it takes long), then rounds whose median counts.  Engines take turns; the medians over the
turns are printed, with the ratio to glassgrad, for forward and backward alone as well.  "floats" is the same loop
without derivatives, "interpreted" is glassgrad without its compiled engine.

Peers that are not installed are named at the end: ``pip install micrograd xad torch``.  HIPS autograd has glassgrad's
import name: ``--hips PYTHON`` gives the Python of an environment where it lives.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib.util
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apart import ROOT, answer, in_own_process

ENGINES = ["glassgrad", "interpreted", "micrograd", "micrograd, collector off", "xad", "torch", "hips", "floats"]
NEEDS = {"micrograd": "micrograd", "micrograd, collector off": "micrograd", "xad": "xad", "torch": "torch"}
# beyond so many operations a run takes minutes
LIMITS = {
    "micrograd": 200_000,
    "micrograd, collector off": 200_000,
    "torch": 200_000,
    "hips": 200_000,
    "xad": 1_000_000,
    "interpreted": 1_000_000,
}
ROUNDS = {"micrograd": 1, "micrograd, collector off": 2, "torch": 2, "hips": 1, "interpreted": 2}

Plan = list[tuple[bool, int, int, int]]


def plan(n: int) -> Plan:
    """The steps of a program of ``n`` operations, the same for every engine."""
    source = random.Random(0)
    return [
        (source.random() < 0.5, source.randrange(16), source.randrange(16), source.randrange(16)) for _ in range(n // 3)
    ]


def program(v: list[Any], steps: Plan) -> Any:
    for add, k, i, j in steps:
        if add:
            v[k] = v[k] * 0.9 + v[i] * 0.1
        else:
            v[k] = v[k] - v[i] * v[j] * 0.01
    return sum(v)


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def round_of_values(leaf: Callable[[float], Any], steps: Plan, collect: bool) -> dict[str, float]:
    """Engines whose numbers have ``backward()`` and ``grad``."""
    leaves = [leaf(1 + i / 16) for i in range(16)]
    v = list(leaves)
    forward, out = timed(functools.partial(program, v, steps))
    backward, _ = timed(out.backward)
    check = sum(float(x.grad) for x in leaves)
    start = time.perf_counter()
    v.clear()
    out = None
    if collect:
        gc.collect()  # micrograd's nodes are cycles, which only the collector frees
    return {"forward": forward, "backward": backward, "free": time.perf_counter() - start, "check": check}


def round_of_xad(steps: Plan) -> dict[str, float]:
    import xad.adj_1st as xad

    with xad.Tape() as tape:
        leaves = [xad.Real(1 + i / 16) for i in range(16)]
        for x in leaves:
            tape.registerInput(x)
        tape.newRecording()
        v = list(leaves)
        forward, out = timed(functools.partial(program, v, steps))
        tape.registerOutput(out)
        out.setDerivative(1.0)
        backward, _ = timed(tape.computeAdjoints)
        check = sum(x.getDerivative() for x in leaves)
        start = time.perf_counter()
        v.clear()
        out = None
        tape.clearAll()
        return {"forward": forward, "backward": backward, "free": time.perf_counter() - start, "check": check}


def round_of_hips(steps: Plan) -> dict[str, float]:
    from autograd import elementwise_grad, make_vjp  # noqa: F401  # only HIPS autograd has them

    def f(x: Any) -> Any:
        return program([x[i] for i in range(16)], steps)

    import numpy as np

    start = time.perf_counter()
    vjp, _ = make_vjp(f)(np.array([1 + i / 16 for i in range(16)]))
    forward = time.perf_counter() - start
    backward, gradient = timed(functools.partial(vjp, 1.0))
    start = time.perf_counter()
    vjp = None
    return {
        "forward": forward,
        "backward": backward,
        "free": time.perf_counter() - start,
        "check": float(sum(gradient)),
    }


def one_round(engine: str, steps: Plan) -> dict[str, float]:
    if engine in ("glassgrad", "interpreted"):
        sys.path.insert(0, str(ROOT))
        from autograd import Value

        return round_of_values(Value, steps, collect=False)
    if engine.startswith("micrograd"):
        from micrograd.engine import Value as MicrogradValue

        return round_of_values(MicrogradValue, steps, collect=True)
    if engine == "torch":
        import torch

        return round_of_values(lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True), steps, collect=False)
    if engine == "xad":
        return round_of_xad(steps)
    if engine == "hips":
        return round_of_hips(steps)
    forward, out = timed(lambda: program([1 + i / 16 for i in range(16)], steps))
    return {"forward": forward, "backward": 0.0, "free": 0.0, "check": out}


def measure(engine: str, n: int, rounds: int) -> dict[str, float]:
    """The median seconds of some rounds after one that does not count, and the sum of the gradient."""
    steps = plan(n)
    if engine.endswith("collector off"):
        gc.disable()
    runs = [one_round(engine, steps) for _ in range(rounds + (engine != "micrograd"))][-rounds:]
    return {part: statistics.median(run[part] for run in runs) for part in runs[0]}


def bytes_a_node(nodes: int = 1_000_000) -> dict[str, float]:
    """The memory that a chain of so many operations takes, beyond what the process had before."""
    sys.path.insert(0, str(ROOT))
    from autograd import Value

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    y = Value(1.0)
    before = resident()
    for _ in range(nodes):
        y = y * 1.0
    return {"bytes": (resident() - before) / nodes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 200_000, 1_000_000, 5_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--engines", nargs="+", default=ENGINES)
    parser.add_argument("--hips", default="", help="the Python of an environment with HIPS autograd")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        engine, *n = options.one
        if n:
            answer(measure, engine, int(n[0]), ROUNDS.get(engine, 5))
        else:
            answer(bytes_a_node)
        return
    missing = [e for e in options.engines if e in NEEDS and importlib.util.find_spec(NEEDS[e]) is None]
    missing += ["hips"] if "hips" in options.engines and not options.hips else []
    print("| operations | engine | forward ns | backward ns | free ns | total ns | times glassgrad | without freeing |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    totals: dict[tuple[str, int], float] = {}
    for n in options.sizes:
        engines = [e for e in options.engines if n <= LIMITS.get(e, n) and e not in missing]
        runs: dict[str, list[dict[str, float]]] = {engine: [] for engine in engines}
        for _ in range(options.repeat):
            for engine in engines:
                python = options.hips if engine == "hips" else ""
                runs[engine].append(in_own_process(__file__, engine, n, python=python))
        checks = {round(run[0]["check"], 9) for engine, run in runs.items() if engine != "floats"}
        if len(checks) > 1:
            sys.exit(f"the engines disagree on the gradient: {checks}")
        ours: list[float] = []
        for engine, results in runs.items():
            parts = [statistics.median(r[part] for r in results) / n * 1e9 for part in ("forward", "backward", "free")]
            whole = [
                statistics.median(r["forward"] + r["backward"] + free * r["free"] for r in results) / n * 1e9
                for free in (1, 0)
            ]
            totals[engine, n] = whole[0]
            ours = ours or (whole if engine == "glassgrad" else [])
            ratios = [f"{theirs / own:.2f}" for theirs, own in zip(whole, ours, strict=False)] or ["", ""]
            numbers = " | ".join(f"{number:,.0f}" for number in (*parts, whole[0]))
            print(f"| {n:,} | {engine} | {numbers} | {' | '.join(ratios)} |", flush=True)
    for engine in ("glassgrad", "interpreted"):
        *sizes, largest = [n for n in options.sizes if (engine, n) in totals] or [0]
        if sizes:
            ratios = [f"{totals[engine, largest] / totals[engine, n]:.2f} times that at {n:,}" for n in sizes]
            print(f"\n{engine}: time per operation at {largest:,} is {', '.join(ratios)}")
    for engine in ("glassgrad", "interpreted"):
        if engine in options.engines and Path("/proc/self/statm").exists():
            print(f"\n{engine}: {in_own_process(__file__, engine)['bytes']:.0f} bytes a node")
    if missing:
        print(f"\nnot installed: {', '.join(missing)}")


if __name__ == "__main__":
    main()
