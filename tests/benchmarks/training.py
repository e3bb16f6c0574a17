"""Milliseconds per training step of two models, beside the same on other scalar engines in the same run.

    python tests/benchmarks/training.py [--repeat 3] [--programs moons demo gpt documents]

moons: 100 points through a 2-16-16-1 network of relu neurons, forward, backward and update, with each engine's own MLP,
beside micrograd.  demo: the same as micrograd's users write it, on micrograd's own MLP, with nothing exchanged but the
class Value.  gpt: one step of the GPT of ``notebooks/gpt.ipynb`` on the word "elephant", beside the same cells on
``slots.py``, a node in plain Python with slots; "compiled" is the notebook's other step, on the word's own program,
which was recorded and made machine code before.  Every measurement has a process of its own, with the collector on as
users run it: steps after one that is not counted, of which the median counts.

documents: the mean of the GPT's steps over 1,000 words; "compiled" is the notebook's program, all 1,000 of them, with
recording; of the other engines' steps the first 20.

Engines take turns; the medians over the turns are printed, with the ratio to glassgrad; all engines must have told the
same loss and gradient, or, of documents, the same losses, each of which follows from the steps before it.
"""

from __future__ import annotations

import argparse
import csv
import gc
import importlib.util
import json
import math
import operator
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from apart import ROOT, answer, in_own_process

ENGINES = {
    "moons": ["glassgrad", "interpreted", "micrograd", "micrograd, collector off"],
    "demo": ["glassgrad", "interpreted", "micrograd", "micrograd, collector off"],
    "gpt": ["glassgrad", "compiled", "interpreted", "slots-only node", "slots-only node, collector off"],
    "documents": ["glassgrad", "compiled", "slots-only node", "slots-only node, collector off"],
}
STEPS = {
    "glassgrad": 100,
    "compiled": 200,
    "interpreted": 3,
    "micrograd": 5,
    "micrograd, collector off": 3,
    "slots-only node": 5,
}
MOONS = Path(ROOT, "tests", "data", "moons")
Step = tuple[float, Iterable[Any]]  # the loss, and the parameters with their gradients


def moons_rows(name: str) -> list[dict[str, float]]:
    with Path(MOONS, name).open(newline="") as file:
        return [{key: float(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


def moons_on_glassgrad() -> Iterator[Step]:
    sys.path.insert(0, str(ROOT))
    from autograd.math import dot
    from nn import MLP, SGD, hinge

    points = [([row["x1"], row["x2"]], row["label"]) for row in moons_rows("points.csv")]
    model = MLP(2, [16, 16, 1], activation="relu", seed=1337)
    parameters = model.parameters()
    optimizer = SGD(parameters, 0.1)

    def learn() -> float:
        losses = [hinge(model(point), label) for point, label in points]
        loss = sum(losses) / len(losses) + 1e-4 * dot(parameters, parameters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.data)

    while True:
        yield learn(), parameters


def moons_on_micrograd(value: Any = None) -> Iterator[Step]:
    """On micrograd's MLP, with its own class Value or another in its place."""
    import micrograd.nn
    from micrograd.engine import Value

    micrograd.nn.Value = value or Value
    points = [
        ([micrograd.nn.Value(row["x1"]), micrograd.nn.Value(row["x2"])], row["label"])
        for row in moons_rows("points.csv")
    ]
    random.seed(1337)
    model = micrograd.nn.MLP(2, [16, 16, 1])
    parameters = model.parameters()

    def learn() -> float:
        losses = [(1 - label * model(point)).relu() for point, label in points]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)
        model.zero_grad()
        loss.backward()
        for p in parameters:
            p.data -= 0.1 * p.grad
        return float(loss.data)

    while True:
        yield learn(), parameters


def demo_on_glassgrad() -> Iterator[Step]:
    sys.path.insert(0, str(ROOT))
    from autograd import Value

    return moons_on_micrograd(Value)


def gpt_cells() -> list[str]:
    notebook = json.loads(Path(ROOT, "notebooks", "gpt.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def gpt_names(value: Any) -> dict[str, Any]:
    """What the notebook's own cells define, up to the one that defines a step, on this engine's class."""
    names: dict[str, Any] = {"random": random, "Value": value, "take": lambda items, index: items[index]}
    for name in ("exp", "log", "relu"):  # of autograd.math in the notebook
        names[name] = operator.methodcaller(name)
    for cell in gpt_cells()[1:]:  # the first imports glassgrad and reads the words
        if "STEPS =" in cell:
            break
        exec(compile(cell, "gpt.ipynb", "exec"), names)
    return names


def gpt(value: Any) -> Iterator[Step]:
    names = gpt_names(value)
    step = 0
    while True:
        step += 1
        yield names["learn"]("elephant", step, rate=0.01), names["parameters"]


def notebook_names() -> tuple[dict[str, Any], Callable[[], None]]:
    """What the notebook's cells define, up to a step of training, and what adds the compiled one."""
    sys.path.insert(0, str(ROOT))
    names: dict[str, Any] = {"print": lambda *_: None}
    cells = gpt_cells()
    os.chdir(Path(ROOT, "notebooks"))  # where the words are

    def define(cell: str) -> None:
        exec(compile(cell, "gpt.ipynb", "exec"), names)

    for cell in cells[:4]:
        define(cell)
    return names, lambda: define(next(cell for cell in cells if "def learn_fast" in cell))


def documents(engine: str, all_: int = 1000, counted: int = 20) -> dict[str, float]:
    """Seconds a word over the same words, and the sum of the first losses: each step decides on those after it."""
    words = Path(ROOT, "notebooks", "animals.txt").read_text(encoding="utf-8").split()
    order = random.Random(5).choices(words, k=all_)
    if engine.startswith("slots"):
        from slots import Node

        learn = gpt_names(Node)["learn"]
        start = time.perf_counter()
    else:
        names, add_fast = notebook_names()
        start = time.perf_counter()
        if engine == "compiled":
            add_fast()
        learn = names["learn_fast" if engine == "compiled" else "learn"]
    losses = [
        learn(word, step, rate=0.01) for step, word in enumerate(order[: None if engine == "compiled" else counted], 1)
    ]
    seconds = (time.perf_counter() - start) / len(losses)
    return {"loss": sum(losses[:counted]), "gradient": losses[counted - 1], "seconds": seconds}


def told(step: Step) -> dict[str, float]:
    """What all engines must agree on."""
    loss, parameters = step
    return {"loss": loss, "gradient": math.fsum(abs(p.grad) for p in parameters)}


def gpt_on_glassgrad() -> Iterator[Step]:
    sys.path.insert(0, str(ROOT))
    from autograd import Value

    return gpt(Value)


def gpt_compiled() -> Iterator[Step]:
    names, add_fast = notebook_names()
    add_fast()

    def surprise(numbers: Any, tokens: Any) -> Any:
        return names["surprise"](names["model_of"](numbers), tokens)

    program = names["autograd"].compile(names["autograd"].value_and_grad(surprise), tier="llvm")
    found: list[Any] = []

    def fast(*arguments: Any) -> Any:
        found[:] = program(*arguments)
        return found

    names["fast"], names["padded"] = fast, lambda word: [names["tokens_of"](word)]
    step = 0
    while True:
        step += 1
        loss = names["learn_fast"]("elephant", step, rate=0.01)
        yield loss, (SimpleNamespace(grad=x) for x in found[1])


def gpt_on_slots() -> Iterator[Step]:
    from slots import Node

    return gpt(Node)


PROGRAMS: dict[str, Callable[[], Iterator[Step]]] = {
    "moons glassgrad": moons_on_glassgrad,
    "moons interpreted": moons_on_glassgrad,
    "moons micrograd": moons_on_micrograd,
    "demo glassgrad": demo_on_glassgrad,
    "demo interpreted": demo_on_glassgrad,
    "demo micrograd": moons_on_micrograd,
    "gpt glassgrad": gpt_on_glassgrad,
    "gpt compiled": gpt_compiled,
    "gpt interpreted": gpt_on_glassgrad,
    "gpt slots-only node": gpt_on_slots,
}


def measure(engine: str, program: str) -> dict[str, float]:
    """The median seconds of some steps after the first, and what the first told."""
    if engine.endswith("collector off"):
        gc.disable()
    if program == "documents":
        return documents(engine)
    steps = PROGRAMS[f"{program} {engine.removesuffix(', collector off')}"]()
    first = told(next(steps))
    seconds = []
    for _ in range(STEPS.get(engine, 3)):
        start = time.perf_counter()
        next(steps)
        seconds.append(time.perf_counter() - start)
    return first | {"seconds": statistics.median(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", nargs="+", default=list(ENGINES))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args()  # with eager.py's, where both run
    if options.one:
        answer(measure, *options.one)
        return
    print("| program | engine | ms a step | times glassgrad |")
    print("|---|---|---:|---:|")
    missing = importlib.util.find_spec("micrograd") is None
    for program in [program for program in options.programs if not (missing and program == "demo")]:
        runs: dict[str, list[dict[str, float]]] = {
            engine: [] for engine in ENGINES[program] if not (missing and engine.startswith("micrograd"))
        }
        for _ in range(options.repeat):
            for engine, results in runs.items():
                results.append(in_own_process(__file__, engine, program))
        for key in ("loss", "gradient"):
            all_told = [results[0][key] for results in runs.values()]
            if not all(math.isclose(x, all_told[0], rel_tol=1e-9) for x in all_told):
                sys.exit(f"{program}: the engines disagree on the {key}: {all_told}")
        ours = statistics.median(run["seconds"] for run in runs["glassgrad"])
        for engine, results in runs.items():
            seconds = statistics.median(run["seconds"] for run in results)
            print(f"| {program} | {engine} | {1000 * seconds:,.3f} | {seconds / ours:.3f} |", flush=True)
    if missing and {"moons", "demo"} & set(options.programs):
        print("\nnot installed: micrograd")


if __name__ == "__main__":
    main()
