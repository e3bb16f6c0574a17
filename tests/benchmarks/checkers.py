"""Gradient checkers on one bank of functions, side by side: ``python tests/benchmarks/checkers.py [--peers PYTHON]``.

Every checker is given every function of ``tests/bank.py`` as a black box on floats: first with its exact gradient (an
accusation is a false alarm), then with one partial derivative wrong by a known part of it, of the other sign, left out
(0) or swapped with its neighbour.  A fault counts only if rounding in the function lets it be seen in principle, which
the bank computes with mpmath.  Each checker is used as its documentation says, with its own defaults:

* ``scipy.optimize.check_grad`` returns the norm of the difference; it accuses if that is above 1e-5 of the claim's;
* ``torch.autograd.gradcheck`` and ``jax.test_util.check_grads`` (with 64 bits) judge themselves, on an operation whose
  backward rule returns the claim;
* ``numdifftools.Gradient`` gives numbers only; it accuses if the claim is not within a relative 1e-5 of them.

The peers run in the environment of ``--peers``, which needs torch, jax, scipy, numdifftools and mpmath.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from apart import ROOT, answer, in_own_process

FAULTS = (1e-1, -1e-2, 1e-3, -1e-4, 1e-5, -1e-6, 1e-7)
KINDS = [*(f"{abs(fault):.0e}" for fault in FAULTS), "sign", "left out", "swapped"]
NEEDS = {"glassgrad": "mpmath", "scipy": "scipy", "torch": "torch", "jax": "jax", "numdifftools": "numdifftools"}
Checker = Callable[[Callable[[Any], float], tuple[float, ...], tuple[float, ...]], bool]


def glassgrad(f: Callable[[Any], float], xs: tuple[float, ...], claim: tuple[float, ...]) -> bool:
    from autograd.checking import GradientMismatch, check_grads

    try:
        if len(xs) == 1:
            check_grads(lambda x: f([x]), xs[0], grad=lambda x: claim[0])
        else:
            check_grads(f, (list(xs),), grad=lambda x: list(claim))
    except GradientMismatch:
        return True
    return False


def scipy(f: Callable[[Any], float], xs: tuple[float, ...], claim: tuple[float, ...]) -> bool:
    import numpy as np
    from scipy.optimize import check_grad

    found = check_grad(lambda x: f(x.tolist()), lambda x: np.array(claim), np.array(xs))
    return not found <= 1e-5 * float(np.linalg.norm(claim))


def torch(f: Callable[[Any], float], xs: tuple[float, ...], claim: tuple[float, ...]) -> bool:
    import torch

    class Operation(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return torch.tensor(f(x.tolist()), dtype=torch.float64)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * torch.tensor(claim, dtype=torch.float64)

    x = torch.tensor(xs, dtype=torch.float64, requires_grad=True)
    return not torch.autograd.gradcheck(Operation.apply, (x,), raise_exception=False)


def jax(f: Callable[[Any], float], xs: tuple[float, ...], claim: tuple[float, ...]) -> bool:
    import jax
    import numpy as np
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    @jax.custom_vjp
    def operation(x: Any) -> Any:
        return jax.numpy.asarray(f(np.asarray(x).tolist()))  # never traced: these are numbers

    operation.defvjp(lambda x: (operation(x), None), lambda _, g: (g * np.array(claim),))
    try:
        check_grads(operation, (np.array(xs),), order=1, modes=["rev"])
    except AssertionError:
        return True
    return False


def numdifftools(f: Callable[[Any], float], xs: tuple[float, ...], claim: tuple[float, ...]) -> bool:
    import numdifftools as nd
    import numpy as np

    found = np.atleast_1d(nd.Gradient(lambda x: f(np.atleast_1d(x).tolist()))(np.array(xs)))
    return not np.allclose(found, claim, rtol=1e-5, atol=0.0)


CHECKERS: dict[str, Checker] = {
    "glassgrad": glassgrad,
    "scipy": scipy,
    "torch": torch,
    "jax": jax,
    "numdifftools": numdifftools,
}


def planted(task: Any) -> Iterator[tuple[str, tuple[float, ...]]]:
    """All faults of a task's gradient that can be seen in principle: of which kind, and what is claimed then."""
    g = task.gradient
    for i, slope in enumerate(g):
        for kind, fault in [*zip(KINDS, FAULTS, strict=False), ("sign", -2.0), ("left out", -1.0)]:
            if slope and task.shows(i, fault):
                yield kind, (*g[:i], slope * (1 + fault), *g[i + 1 :])
        j = i + 1
        if j < len(g) and slope and g[j] and task.shows(i, g[j] / slope - 1) and task.shows(j, slope / g[j] - 1):
            yield "swapped", (*g[:i], g[j], slope, *g[j + 1 :])


def measure(checker: str, each: str) -> dict[str, Any]:
    """False alarms, faults missed of each kind, evaluations an argument and seconds; at so many points of each
    function."""
    sys.path.insert(0, str(ROOT))
    from tests.bank import tasks

    check = CHECKERS[checker]
    calls = 0
    missed, planted_ = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    alarms, evaluations, accusing, names = [], [], [], []
    some = tasks(int(each))
    start = time.perf_counter()
    warnings.simplefilter("ignore")
    for task in some:

        def f(x: Any, task: Any = task) -> float:
            nonlocal calls
            calls += 1
            return float(task.f(x))

        def accused(claim: tuple[float, ...], f: Any = f, task: Any = task) -> bool:
            nonlocal calls
            calls = 0
            try:
                return check(f, task.xs, claim)
            except Exception:  # a step left the domain of f, or the checker gave up: it did not pass
                return True

        if accused(task.gradient):
            alarms.append(f"{task.name} at {task.xs}")
        evaluations.append(calls / len(task.xs))
        for kind, claim in planted(task):
            planted_[kind] += 1
            if not accused(claim):
                missed[kind] += 1
                names.append(f"{kind}: {task.name} at {task.xs}")
            accusing.append(calls / len(task.xs))
    return {
        "tasks": len(some),
        "functions": len({task.name for task in some}),
        "alarms": alarms,
        "missed": missed,
        "planted": planted_,
        "names": names,
        "evaluations": [statistics.median(evaluations), max(evaluations), max(accusing)],
        "seconds": time.perf_counter() - start,
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results as Markdown."""
    first = next(iter(results.values()))
    head = ["checker", "false alarms", *KINDS, "evaluations", "at most", "of a fault", "seconds"]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    counts = [f"{first['planted'][kind]:,}" for kind in KINDS]
    lines.append(f"| *of so many* | {first['tasks']:,} | {' | '.join(counts)} | | | | |")
    for name, found in results.items():
        median, most, of_fault = found["evaluations"]
        missed = [f"{found['missed'][kind]:,}" for kind in KINDS]
        figures = [f"{median:.0f}", f"{most:.0f}", f"{of_fault:.0f}", f"{found['seconds']:,.0f}"]
        lines.append(f"| {' | '.join([name, str(len(found['alarms'])), *missed, *figures])} |")
    return "\n".join(lines)


def installed(module: str, python: str) -> bool:
    if not python:
        return importlib.util.find_spec(module) is not None
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="", metavar="PYTHON", help="the interpreter of the peers' environment")
    parser.add_argument("--checkers", nargs="+", default=list(CHECKERS), choices=list(CHECKERS))
    parser.add_argument("--each", default="99", metavar="N", help="at most so many points of each function")
    parser.add_argument("--names", action="store_true", help="list false alarms and faults of 1e-4 and more missed")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        answer(measure, *options.one)
        return
    results, missing = {}, []
    for name in options.checkers:
        python = "" if name == "glassgrad" else options.peers
        if installed(NEEDS[name], python):
            results[name] = in_own_process(__file__, name, options.each, python=python)
        else:
            missing.append(name)
    print(table(results))
    if options.names:
        print(json.dumps({name: [found["alarms"], found["names"]] for name, found in results.items()}, indent=1))
    if missing:
        print(f"\nnot installed: {', '.join(missing)}")


if __name__ == "__main__":
    main()
