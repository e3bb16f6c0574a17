"""The 27 nonlinear regressions of NIST's StRD: ``python tests/benchmarks/strd.py [--repeat 3]``.

Each is fitted by SciPy's ``least_squares`` (Levenberg and Marquardt, tolerances 1e-15) from both of NIST's points, once
with residuals and slopes by a compiled program, compiling included, once with residuals in NumPy and SciPy's own
differences, in turns; the sums of the medians are printed, and the digits of the worst parameter.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import warnings
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ["GLASSGRAD_CACHE"] = "off"

import numpy as np

from tests.strd import Problem, problems


def digits(problem: Problem, found: np.ndarray) -> float:
    certified = np.array(problem.certified)
    return float(-np.log10(max(1e-11, np.max(np.abs(found - certified) / np.abs(certified)))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of overflow at trial steps
    kinds = {True: "compiled slopes", False: "differences"}
    problems()[0].fit(1, compiled=True)  # imports
    print("| start | slopes | seconds, all 27 | least digits, median | fits to 6 digits |")
    print("|---|---|---:|---:|---:|")
    for start in (0, 1):
        times: dict[bool, list[float]] = {True: [], False: []}
        right: dict[bool, list[float]] = {True: [], False: []}
        for problem in problems():
            taken: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(args.repeat):
                for compiled, each in taken.items():
                    begin = perf_counter()
                    found = problem.fit(start, compiled)
                    each.append(perf_counter() - begin)
                    if len(each) == 1:
                        right[compiled].append(digits(problem, found.x))
            for compiled, each in taken.items():
                times[compiled].append(statistics.median(each))
        for compiled, name in kinds.items():
            good = sum(d >= 6 for d in right[compiled])
            print(
                f"| {start + 1} | {name} | {sum(times[compiled]):.2f} | {statistics.median(right[compiled]):.1f} | "
                f"{good} of {len(right[compiled])} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
