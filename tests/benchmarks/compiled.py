"""Compiled programs beside the eager engine and beside compiled peers: value and gradient.

    python tests/benchmarks/compiled.py [--repeat 3] [--programs random ...] [--peers ddx=PYTHON numba=PYTHON ...]

Each measurement has a process of its own, peers run in the interpreters that are named, engines take turns, and medians
over the turns are printed, with the time over that of glassgrad's exact machine code.  "first" is what the first call
takes, recording and compiling included, after one of a single operation, so that LLVM is loaded; "run" is a later one,
the peers' and ours with what Python does around it, for one point of the whole.  All engines must have told the same
value.

random: a program in which nothing repeats, on 16 variables, of so many operations; lanes: the same at 256 points.  ddx
fuses multiply-adds, which changes bits, unless it is "uncontracted"; "interpreted" is its interpreter.
mlp: the hinge loss of a 2-16-16-1 network on 100 points, unrolled.  digits: the softmax loss of a 64-32-10 network over
1,797 samples, one thread; unrolled: the same in one program of all samples, that Python's loops wrote.  asian: an arithmetic Asian call, 252 steps, 20,000 paths, and its five Greeks, beside an
adjoint written by hand.  call: a function of five operations on two floats.  million: a random one of 1,000,000.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import resource
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OURS = ("eager", "interpreter", "exact", "inexact")
PROGRAMS = {  # and the peers that have them
    "call": ["floats"],
    "random 3000": ["ddx", "uncontracted", "interpreted", "casadi"],
    "random 30000": ["ddx", "uncontracted", "interpreted", "casadi"],
    "random 300000": ["casadi"],
    "lanes 3000": ["ddx", "uncontracted", "interpreted"],
    "lanes 30000": ["ddx", "uncontracted", "interpreted"],
    "mlp relu": ["ddx"],
    "mlp tanh": ["ddx"],
    "digits": ["torch", "sklearn"],
    "unrolled": [],
    "asian": ["numba"],
    "million": [],
}
WITHOUT = {
    "lanes": ("eager",),
    "digits": ("eager",),
    "unrolled": ("interpreter", "inexact"),
    "asian": ("eager",),
    "million": ("eager", "inexact", "exact"),
}
POINTS, PATHS, STEPS = 256, 20_000, 252
MARKET = [100.0, 100.0, 0.05, 0.2, 1.0]  # spot, strike, rate, volatility, years

# ---- the programs, on whatever has operators --------------------------------------------------------------------------


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


def perceptron(activation: Callable[[Any], Any], relu: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
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
                    net = w[at] * layer[0]
                    for i in range(1, len(layer)):
                        net = net + w[at + i] * layer[i]
                    sums.append(net + w[at + len(layer)])
                    at += len(layer) + 1
                layer = [activation(s) for s in sums] if size > 1 else sums
            total = total + relu(1 - layer[0] * (1.0 if x * y > 0 else -1.0))
        return total * 0.01

    return loss


def numbers(count: int, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [draw.uniform(0.1, 1.0) for _ in range(count)]


def weights(count: int = 337) -> list[float]:
    draw = random.Random(3)
    return [draw.gauss(0.0, 0.5) for _ in range(count)]


def timed(call: Callable[[], Any], least: float = 0.3) -> float:
    """The median time of a call, of as many as take so long, at least 5."""
    times: list[float] = []
    total = 0.0  # and not their sum each time: to read them all would empty the caches that the call has filled
    while total < least or len(times) < 5:
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
        total += times[-1]
    return statistics.median(times)


# ---- ours ------------------------------------------------------------------------------------------------------------


def ours(engine: str, program: str) -> dict[str, float]:
    sys.path.insert(0, str(ROOT))
    os.environ["GLASSGRAD_CACHE"] = "off"
    import numpy as np

    import autograd
    from autograd import math

    options: dict[str, Any] = {
        "interpreter": {"tier": "interpreter"}, "exact": {"tier": "llvm"}, "inexact": {"tier": "llvm", "exact": False}
    }.get(engine, {})  # fmt: skip
    kind, _, size = program.partition(" ")
    if kind == "digits":
        return digits(engine)

    def asian(market: list[Any], normals: list[Any]) -> Any:
        spot, strike, rate, volatility, years = market
        step = years / STEPS
        drift, spread = (rate - 0.5 * volatility * volatility) * step, volatility * math.sqrt(step)
        total: Any = 0.0
        for z in normals:
            spot = spot * math.exp(drift + spread * z)
            total = total + spot
        return math.exp(-rate * years) * math.relu(total / STEPS - strike)

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    if kind == "asian":
        function, arguments = asian, (MARKET, np.random.default_rng(0).standard_normal((PATHS, STEPS)))
    elif kind == "call":
        function, arguments = five, (1.5, 2.5)
    elif kind == "mlp":
        function, arguments = perceptron(math.tanh if size == "tanh" else math.relu, math.relu), (weights(),)
    elif kind == "unrolled":
        function, arguments = loss_of_digits(), ([0.2 * x for x in weights(2410)],)
    else:
        function, arguments = rolling(1_000_000 if kind == "million" else int(size)), (numbers(16),)
    slopes = function if kind == "call" else autograd.value_and_grad(function)
    fast = slopes if engine == "eager" else autograd.compile(slopes, **options)
    if engine != "eager":
        autograd.compile(lambda x: x + x, **options)(1.0)
    start = perf_counter()
    if kind == "asian":
        value = call_lanes(fast, arguments, "mean")
    elif kind == "lanes":
        arguments = (np.tile(arguments[0], (POINTS, 1)),)
        value = call_lanes(fast, arguments, None)
    else:
        value = fast(*arguments)[0] if kind != "call" else fast(*arguments)
    first = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if kind == "asian":
        run = timed(lambda: call_lanes(fast, arguments, "mean"))
    elif kind == "lanes":
        executor, width = fast._last.executor, np.arange(16, dtype=np.int32)
        none, kept = np.empty(0), np.zeros(len(executor.program.outputs), bool)
        run = timed(lambda: executor.lanes(arguments[0], none, width, none.astype(np.int32), kept)) / POINTS
    elif kind == "call":
        run = timed(lambda: [fast(1.5, 2.5) for _ in range(10_000)]) / 10_000
    elif engine == "eager":
        run = timed(lambda: fast(*arguments))
    else:
        executor, inputs = fast._last.executor, np.array(arguments[0])
        outputs = np.empty(len(executor.program.outputs))  # as ddx's, which has a place for both
        run = timed(lambda: executor.run(inputs, outputs))
    return {"value": float(np.ravel(value)[0]), "first": first, "run": run, "peak": peak}


def call_lanes(fast: Any, arguments: tuple[Any, ...], reduce: str | None) -> Any:
    shared = (0,) if len(arguments) == 2 else ()
    return fast.lanes(*arguments, shared=shared, reduce=reduce)[0]


def five(x: Any, y: Any) -> Any:
    return x * y + x / y - 1.5


def digits(engine: str) -> dict[str, float]:
    """An epoch of ``fit``: the sums over all samples of the loss and its slopes."""
    from autograd.compile.captured import Captured
    from nn import MLP
    from nn.losses import softmax_cross_entropy

    samples, classes = samples_of_digits()
    model: Any = MLP(64, [32, 10], "relu", seed=0)
    given = weights(len(model.parameters()))
    for parameter, x in zip(model.parameters(), given, strict=True):
        parameter.data = 0.2 * x
    captured = Captured(
        lambda x, k: softmax_cross_entropy(model(x), k), list(zip(samples, classes, strict=True)),
        model.parameters(), model.parameters(), "interpreter" if engine == "interpreter" else "llvm", engine != "inexact",
    )  # fmt: skip
    every = range(len(samples))
    start = perf_counter()
    sums = captured.sums(every)
    first = perf_counter() - start
    assert sums is not None
    return {"value": sums[0] / len(samples), "first": first, "run": timed(lambda: captured.sums(every))}


def loss_of_digits() -> Callable[[list[Any]], Any]:
    """The mean loss of all samples, as a function of the weights; a class is a list of zeros and a one."""
    from autograd.math import dot, logsumexp, relu

    samples, classes = samples_of_digits()
    wanted = [[float(k == label) for k in range(10)] for label in classes]

    def loss(w: list[Any]) -> Any:
        hidden = [w[65 * k : 65 * k + 65] for k in range(32)]
        output = [w[2080 + 33 * k : 2080 + 33 * k + 33] for k in range(10)]
        total: Any = 0.0
        for sample, label in zip(samples, wanted, strict=True):
            layer = [relu(dot(row[:64], sample) + row[64]) for row in hidden]
            scores = [dot(row[:32], layer) + row[32] for row in output]
            total = total + logsumexp(scores) - dot(label, scores)
        return total / len(samples)

    return loss


def samples_of_digits() -> tuple[list[list[float]], list[int]]:
    draw = random.Random(5)
    rows = [[draw.randrange(17) / 16 for _ in range(64)] for _ in range(1797)]
    return rows, [draw.randrange(10) for _ in rows]


# ---- peers -----------------------------------------------------------------------------------------------------------


def floats(program: str) -> dict[str, float]:
    return {
        "value": five(1.5, 2.5),
        "first": 0.0,
        "run": timed(lambda: [five(1.5, 2.5) for _ in range(10_000)]) / 10_000,
    }


def ddx(program: str, backend: str = "COMPILE", contract: bool = True) -> dict[str, float]:
    import ddx as peer
    import numpy as np
    from ddx._options import Options

    kind, _, size = program.partition(" ")
    count = 337 if kind == "mlp" else 16

    def model() -> Any:
        v = [peer.var(f"x{k}") for k in range(count)]
        if kind != "mlp":
            return rolling(int(size))(v)

        def relu(x: Any) -> Any:
            return peer.max(x, 0.0)

        return perceptron(peer.tanh if size == "tanh" else relu, relu)(v)

    one = peer.equation(lambda: peer.var("x0") + peer.var("x0"))
    one.options = Options(backend=peer.Backend[backend], cache_dir="", contract=contract)
    one.buffer(np.ones(1), want=peer.Want.JACOBIAN)()
    start = perf_counter()
    equation = peer.equation(model)
    lanes = {"points": POINTS} if kind == "lanes" else {}
    equation.options = Options(backend=peer.Backend[backend], cache_dir="", contract=contract, **lanes)
    point = np.array(weights() if kind == "mlp" else numbers(16))
    inputs = np.repeat(point[:, None], POINTS, axis=1) if lanes else point
    call = equation.buffer(inputs, want=peer.Want.JACOBIAN)
    call()
    first = perf_counter() - start
    assert equation.uses_kernel or backend == "INTERPRET"
    value = float(np.ravel(call.value)[0])
    return {"value": value, "first": first, "run": timed(call) / (POINTS if lanes else 1)}


def casadi(program: str) -> dict[str, float]:
    import casadi as peer

    v = [peer.SX.sym(f"x{k}") for k in range(16)]
    start = perf_counter()
    y = rolling(int(program.partition(" ")[2]))(v)
    x = peer.vertcat(*v)
    function = peer.Function("f", [x], [y, peer.gradient(y, x)])
    buffers = function.buffer()
    import numpy as np

    given, value, slopes = np.array(numbers(16)), np.zeros(1), np.zeros(16)
    buffers[0].set_arg(0, memoryview(given))
    buffers[0].set_res(0, memoryview(value))
    buffers[0].set_res(1, memoryview(slopes))
    buffers[1]()
    first = perf_counter() - start
    return {"value": float(value[0]), "first": first, "run": timed(buffers[1])}


def torch(program: str) -> dict[str, float]:
    import torch as peer

    peer.set_num_threads(1)
    samples, classes = samples_of_digits()
    x, k = peer.tensor(samples, dtype=peer.float64), peer.tensor(classes)
    net = peer.nn.Sequential(peer.nn.Linear(64, 32), peer.nn.ReLU(), peer.nn.Linear(32, 10)).double()
    given = iter(weights(2410))
    with peer.no_grad():
        for layer in (net[0], net[2]):
            for row in range(layer.out_features):
                layer.weight[row] = peer.tensor([0.2 * next(given) for _ in range(layer.in_features)])
                layer.bias[row] = 0.2 * next(given)
    loss = peer.nn.CrossEntropyLoss()

    def step() -> Any:
        net.zero_grad()
        value = loss(net(x), k)
        value.backward()
        return value

    start = perf_counter()
    value = float(step())
    first = perf_counter() - start
    return {"value": value, "first": first, "run": timed(step)}


def sklearn(program: str) -> dict[str, float]:
    import warnings

    import numpy as np
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")
    samples, classes = samples_of_digits()

    def fitted(epochs: int) -> float:
        model = MLPClassifier(
            (32,), solver="sgd", batch_size=len(samples), max_iter=epochs, tol=0, n_iter_no_change=10**6, shuffle=False
        )
        start = perf_counter()
        model.fit(np.array(samples), classes)
        return perf_counter() - start

    with threadpool_limits(1):
        first = fitted(1)
        run = statistics.median((fitted(45) - fitted(5)) / 40 for _ in range(5))
    return {"value": float("nan"), "first": first, "run": run}


def numba(program: str) -> dict[str, float]:
    from math import exp, sqrt

    import numpy as np
    from numba import njit

    @njit  # type: ignore[untyped-decorator]  # numba publishes no types
    def price(s0, k, r, v, t, zs):  # type: ignore[no-untyped-def]  # nor does it take any
        n, m = zs.shape
        dt = t / m
        drift, vol, discount = (r - 0.5 * v * v) * dt, v * sqrt(dt), exp(-r * t)
        value = by_s = by_k = by_r = by_v = by_t = 0.0
        path = np.empty(m)
        for i in range(n):
            s, total = s0, 0.0
            for j in range(m):
                s = s * exp(drift + vol * zs[i, j])
                path[j] = s
                total += s
            pays = total / m - k
            if pays <= 0:
                continue
            value += discount * pays
            by_k -= discount
            adjoint = by_drift = by_vol = 0.0
            for j in range(m - 1, -1, -1):
                adjoint += discount / m
                along = adjoint * path[j]
                by_drift += along
                by_vol += along * zs[i, j]
                adjoint = along / (path[j - 1] if j else s0)
            by_s += adjoint
            by_r += by_drift * dt - t * discount * pays
            by_v += by_vol * sqrt(dt) - by_drift * v * dt
            by_t += (by_drift * (r - 0.5 * v * v) + by_vol * v * 0.5 / sqrt(dt)) / m - r * discount * pays
        return value / n, by_s / n, by_k / n, by_r / n, by_v / n, by_t / n

    normals = np.random.default_rng(0).standard_normal((PATHS, STEPS))
    start = perf_counter()
    value = price(*MARKET, normals)[0]
    first = perf_counter() - start
    return {"value": value, "first": first, "run": timed(lambda: price(*MARKET, normals))}


PEERS = {
    "floats": floats,
    "ddx": ddx,
    "uncontracted": functools.partial(ddx, contract=False),
    "interpreted": functools.partial(ddx, backend="INTERPRET"),
    "casadi": casadi,
    "torch": torch,
    "sklearn": sklearn,
    "numba": numba,
}


def measure(engine: str, program: str) -> dict[str, float]:
    return ours(engine, program) if engine in OURS else PEERS[engine](program)


def main() -> None:
    from apart import answer, in_own_process

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--programs", nargs="*", default=[*PROGRAMS], help="by the words that they begin with")
    parser.add_argument("--peers", nargs="*", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        answer(measure, *args.one)
        return
    pythons = {"floats": sys.executable} | dict(peer.split("=", 1) for peer in args.peers)
    if "ddx" in pythons:
        pythons["uncontracted"] = pythons["interpreted"] = pythons["ddx"]
    print("| program | engine | first s | run µs | times exact | peak MiB |\n|---|---|---:|---:|---:|---:|")
    for program, peers in PROGRAMS.items():
        if not any(f"{program} ".startswith(f"{name} ") for name in args.programs):
            continue
        engines = [engine for engine in OURS if engine not in WITHOUT.get(program.split()[0], ())]
        engines += [peer for peer in peers if peer in pythons]
        taken: dict[str, list[dict[str, float]]] = {engine: [] for engine in engines}
        for _ in range(args.repeat):
            for engine in engines:
                taken[engine].append(in_own_process(__file__, engine, program, python=pythons.get(engine, "")))
        values = [rounds[0]["value"] for rounds in taken.values() if rounds[0]["value"] == rounds[0]["value"]]
        assert all(abs(value - values[0]) <= 1e-9 * abs(values[0]) for value in values), (program, values)
        middle = {
            engine: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
            for engine, rounds in taken.items()
        }
        base = middle["exact" if "exact" in middle else "interpreter"]["run"]
        for engine, one in middle.items():
            peak = f"{one['peak'] / 2**20:.0f}" if program == "million" else ""
            print(
                f"| {program} | {engine} | {one['first']:.3f} | {one['run'] * 1e6:,.2f} | {one['run'] / base:.2f} | {peak} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
