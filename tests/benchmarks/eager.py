"""Nanoseconds per operation to record, sweep and free a random scalar program, beside other engines in the same run.

    python tests/benchmarks/eager.py [--sizes 10000 200000 1000000] [--repeat 5] [--engines glassgrad micrograd floats]

The program works on 16 rolling variables; a step is ``v[k] = v[k]*0.9 + v[i]*0.1`` or ``v[k] = v[k] - v[i]*v[j]*0.01``,
three operations each; the result is the sum of the 16, differentiated by the 16 inputs.  Every measurement runs in a
process of its own with the collector on, as users run it; engines take turns, and the medians are printed.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# how many operations an engine is asked for at most: beyond, a run takes minutes
LIMITS = {"micrograd": 200_000, "micrograd, collector off": 200_000}
ENGINES = ["glassgrad", "micrograd", "micrograd, collector off", "floats"]


def plan(n: int) -> list[tuple[bool, int, int, int]]:
    """The steps of a program of ``n`` operations, the same for every engine."""
    source = random.Random(0)
    return [
        (source.random() < 0.5, source.randrange(16), source.randrange(16), source.randrange(16)) for _ in range(n // 3)
    ]


def leaf_type(engine: str):
    if engine == "glassgrad":
        sys.path.insert(0, str(ROOT))
        from autograd import Value

        return Value
    if engine.startswith("micrograd"):
        from micrograd.engine import Value

        return Value
    return float


def measure(engine: str, n: int) -> dict[str, float]:
    """Seconds for forward, backward and free, and the gradient's sum, by which engines are seen to agree."""
    kind = leaf_type(engine)
    steps = plan(n)
    if engine.endswith("collector off"):
        gc.disable()
    leaves = [kind(1 + i / 16) for i in range(16)]
    v = list(leaves)
    start = time.perf_counter()
    for add, k, i, j in steps:
        if add:
            v[k] = v[k] * 0.9 + v[i] * 0.1
        else:
            v[k] = v[k] - v[i] * v[j] * 0.01
    out = sum(v)
    forward = time.perf_counter() - start
    if kind is float:
        return {"forward": forward, "backward": 0.0, "free": 0.0, "check": out}
    start = time.perf_counter()
    out.backward()
    backward = time.perf_counter() - start
    check = sum(leaf.grad for leaf in leaves)
    start = time.perf_counter()
    del out, v
    if engine.startswith("micrograd"):
        gc.collect()  # its nodes are cycles, which only the collector frees
    free = time.perf_counter() - start
    return {"forward": forward, "backward": backward, "free": free, "check": check}


def in_own_process(engine: str, n: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", engine, str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{engine} at {n:,} operations failed:\n{done.stderr}")
    return json.loads(done.stdout)


def one(engine: str, n: int) -> None:
    def run() -> None:
        print(json.dumps(measure(engine, n)))

    sys.setrecursionlimit(10**7)  # micrograd sorts its graph by recursion
    threading.stack_size(1 << 29)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 200_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--engines", nargs="+", default=ENGINES)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one[0], int(options.one[1]))
        return
    print("| operations | engine | forward ns | backward ns | free ns | total ns | times glassgrad |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    totals: dict[int, float] = {}
    for n in options.sizes:
        engines = [engine for engine in options.engines if n <= LIMITS.get(engine, n)]
        runs: dict[str, list[dict[str, float]]] = {engine: [] for engine in engines}
        for _ in range(options.repeat):
            for engine in engines:
                runs[engine].append(in_own_process(engine, n))
        checks = {round(run[0]["check"], 9) for engine, run in runs.items() if engine != "floats"}
        if len(checks) > 1:
            sys.exit(f"the engines disagree on the gradient: {checks}")
        base = 0.0
        for engine, results in runs.items():
            parts = [
                statistics.median(result[part] for result in results) / n * 1e9 for part in ("forward", "backward", "free")
            ]
            total = statistics.median(r["forward"] + r["backward"] + r["free"] for r in results) / n * 1e9
            if engine == "glassgrad":
                base = totals[n] = total
            ratio = f"{total / base:.2f}" if base else ""
            print(f"| {n:,} | {engine} | " + " | ".join(f"{part:,.0f}" for part in parts) + f" | {total:,.0f} | {ratio} |")
    if len(totals) > 1:
        first, last = min(totals), max(totals)
        print(f"\nglassgrad: {totals[last] / totals[first]:.2f} times as long per operation at {last:,} as at {first:,}")


if __name__ == "__main__":
    main()
