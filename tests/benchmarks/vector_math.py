"""Nanoseconds a lane of the vector functions, beside the C library's one by one and NumPy's, in the same run.

    python tests/benchmarks/vector_math.py [names ...] [--rounds 15]

Each function runs over 4,096 arguments again and again, in loops that LLVM compiled for this processor; the ways take
turns, and the shortest time of each counts, as the machine may be shared.  Errors are the largest at those arguments, in
units of the last place, against mpmath; ``tests/test_compile_vector_math.py`` looks for larger ones everywhere.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
from mpmath import mp, mpf

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from autograd.compile.vector_math import NAMES, definition
from tests.test_compile_vector_math import EXACT, ulps
from tests.vectors import loop, machine, over, symbols

COUNT = 4096
ARRAYS = {"atan": "arctan", "pow": "power"}  # NumPy's names
RANGES = {"log": (0.01, 100), "log2": (0.01, 100), "log10": (0.01, 100), "log1p": (-0.9, 10), "sin": (-100, 100),
          "cos": (-100, 100), "erf": (-3, 3), "tanh": (-5, 5)}  # fmt: skip


def points(name: str) -> np.ndarray:
    """Arguments, a row for each of the function's."""
    draw = np.random.default_rng(0)
    ranges = [(0.1, 10), (-5, 5)] if name == "pow" else [RANGES.get(name, (-8, 8))]
    return np.array([draw.uniform(*ends, COUNT) for ends in ranges])


def ways(name: str, arguments: np.ndarray, outputs: np.ndarray) -> dict[str, Callable[[], None]]:
    """What is measured: functions that go over all arguments once, each a row of the first array."""
    count = len(arguments)
    addresses = arguments.ctypes.data, outputs.ctypes.data
    scalar = f"declare double @libm.{name}({', '.join(['double'] * count)}) nobuiltin nounwind"

    def over_all(text: str) -> Callable[[], None]:
        function = loop(text, machine())
        return lambda: function(*addresses, None, COUNT)

    found = {
        f"{width} lanes": over_all(over(f"lanes.{name}", definition(name, width), width, count)) for width in (8, 4)
    }
    found["libm"] = over_all(over(f"libm.{name}", scalar, 1, count))
    function = getattr(np, ARRAYS.get(name, name), None)
    if function is not None:
        found["numpy"] = lambda: function(*arguments, out=outputs)
    return found


def measured(name: str, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Nanoseconds a lane and largest errors, by the way."""
    arguments, outputs = points(name), np.empty(COUNT)  # of which the ways know the addresses only
    found = ways(name, arguments, outputs)
    best = dict.fromkeys(found, float("inf"))
    errors = {}
    with mp.workprec(200):
        exact = [EXACT[name](*map(mpf, x)) for x in arguments.T.tolist()]
    for way, run in found.items():
        run()
        errors[way] = max(map(ulps, outputs.tolist(), exact))
    for _ in range(rounds):
        for way, run in found.items():
            run()
            start = time.perf_counter()
            for _ in range(8):
                run()
            best[way] = min(best[way], (time.perf_counter() - start) / 8 / COUNT * 1e9)
    return best, errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    symbols(NAMES)
    print(f"{llvm.get_host_cpu_name()}, LLVM {'.'.join(map(str, llvm.llvm_version_info))}\n")
    print("| function | 8 lanes ns | 4 lanes ns | libm ns | NumPy ns | libm / 8 lanes | error | libm's error |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in options.names:
        best, errors = measured(name, options.rounds)
        times = [f"{best[way]:.2f}" if way in best else "–" for way in ("8 lanes", "4 lanes", "libm", "numpy")]
        cells = [name, *times, f"{best['libm'] / best['8 lanes']:.1f}"]
        print("| " + " | ".join([*cells, *(f"{errors[way]:.2f}" for way in ("8 lanes", "libm"))]) + " |", flush=True)


if __name__ == "__main__":
    main()
