"""What tests/test_compile_jax.py checks, in a process of its own: JAX is told before it starts how many devices it has."""

from __future__ import annotations

import json
import os
import random
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd
from autograd.compile.export import to_jax
from autograd.compile.program import ARITY, CODES, Loop, Program
from autograd.math import cos, dot, norm_cdf, sin, take, tanh, where
from tests.flat import assembled, evaluate, repeating, straight

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"
CHECKS: dict[str, Callable[[], None]] = {}
BOUNDED = ("add", "sub", "mul", "neg", "abs", "sin", "cos", "tanh", "atan", "select_lt", "select_le", "select_eq")


def check(function: Callable[[], None]) -> Callable[[], None]:
    CHECKS[function.__name__] = function
    return function


def point(program: Program, seed: int = 0) -> np.ndarray:
    return np.array([random.Random(seed * 100 + k).uniform(-1, 1) for k in range(program.inputs)])


def agrees(program: Program, seed: int = 0) -> None:
    import jax

    x = point(program, seed)
    found, expected = np.asarray(jax.jit(to_jax(program))(x)), evaluate(program, x.tolist())
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@check
def every_operation() -> None:
    import jax

    names = [name for name in ARITY if name not in ("take", "call") and not name.startswith("skip")]
    code = [[CODES[name], *(k % 4 for k in range(ARITY[name]))] for name in names]
    program = assembled(4, code, list(range(4, 4 + len(code))), [])
    f = jax.jit(to_jax(program))
    rows = [[0.3, 0.7, 1.5, -2.0], [0.9, -0.2, 1.0, 2.0], [2.5, 0.7, 0.5, 3.0], [-7.5, 2.0, 0.1, 0.2], [1.5, -1.5, 0, 1],
            [6.0, 4.0, -1.0, 2.0], [-0.0, 3.0, 1.0, 2.0], [5.0, 2.0, -3.0, 8.0], [-5.0, -3.0, -3.0, 8.0]]  # fmt: skip
    compared = 0
    for row in rows:
        for name, a, b in zip(names, np.asarray(f(np.array(row))).tolist(), evaluate(program, row), strict=True):
            if b == b:
                assert abs(a - b) <= 1e-13 * max(1.0, abs(b)), (name, row, a, b)
                compared += 1
            else:
                assert a != a or abs(a) == float("inf"), (name, row, a, b)
    assert compared > 250


@check
def straight_programs() -> None:
    for seed, size in [(1, 1), (2, 40), (3, 400), (4, 2000)]:
        agrees(straight(seed, size, names=BOUNDED), seed)


@check
def loops() -> None:
    for seed in (1, 3, 7):
        program = repeating(seed, 60)
        program.loops = [Loop(0, 6, 60)]
        agrees(program, seed)
    # sums of products of sums: one inner loop carries, the outer one does not
    inputs, code = 24, []
    for t in range(4):
        here = inputs + len(code)
        for k in range(6):
            code += [[CODES["tanh"], 6 * t + k], [CODES["add"], here + 2 * k - 1 if k else t, here + 2 * k]]
    program = assembled(inputs, code, [inputs + 12 * t + 11 for t in range(4)], [0.5])
    program.loops = [Loop(0, 12, 4, (Loop(0, 2, 6),))]
    agrees(program)


@check
def nests() -> None:
    from tests.test_compile_export import Nest, takes_within

    done = 0
    for seed in (0, 2, 3, 5, 7, 14, 23, 31):
        program = Nest(seed, names=BOUNDED).program
        if takes_within(program, point(program, seed).tolist()):
            agrees(program, seed)
            done += 1
    assert done >= 6


@check
def takes_and_rows() -> None:
    import jax

    lists = [np.array([1, -1, 2], np.int32), np.array([1, 2], np.int32)]
    code = [[CODES["take"], 0, 0], [CODES["call"], 0, 1], [CODES["call"], 1, 1]]
    program = assembled(3, [*code[:2]], [3, 4], [0.25], lists=lists, rows=["hypot", "fsum"])
    f = jax.jit(to_jax(program))
    for index, expected in [(0, 3.0), (1.9, 0.25), (-1, 4.0), (-3, 3.0), (3, None), (-4, None), (float("nan"), None)]:
        first, second = np.asarray(f(np.array([index, 3.0, 4.0]))).tolist()
        assert second == 5.0
        assert first == expected if expected is not None else first != first
    program = assembled(3, code, [3, 4, 5], [0.25], lists=lists, rows=["hypot", "fsum"])
    refuses(ValueError, "JAX has nothing for fsum, instruction 2", lambda: to_jax(program))


def refuses(kind: type[Exception], message: str, function: Callable[[], Any]) -> None:
    try:
        function()
    except kind as error:
        assert message in str(error), error
        return
    raise AssertionError(f"{message!r} was not raised")


@check
def wrong_inputs() -> None:
    import jax
    import jax.numpy as jnp

    f = to_jax(straight(1, 10))
    refuses(TypeError, "takes an array of shape (4,), not (3,)", lambda: f(jnp.zeros(3)))
    jax.config.update("jax_enable_x64", False)
    try:
        refuses(TypeError, "float32 would lose half the digits", lambda: f(jnp.zeros(4)))
    finally:
        jax.config.update("jax_enable_x64", True)


@check
def vmap_and_grad() -> None:
    import jax

    program = repeating(3, 20)
    program.loops = [Loop(0, 6, 20)]
    f = to_jax(program)
    points = np.stack([point(program, seed) for seed in range(7)])
    found = np.asarray(jax.jit(jax.vmap(f))(points))
    np.testing.assert_allclose(found, [evaluate(program, row.tolist()) for row in points], rtol=1e-10, atol=1e-12)
    smooth = straight(5, 30, names=["add", "mul", "sin", "tanh"])
    g, x, h = to_jax(smooth), point(smooth), 1e-6
    slopes = np.asarray(jax.jacobian(g)(x))
    for k in range(4):
        step = h * np.eye(4)[k]
        ahead, behind = (evaluate(smooth, (x + d).tolist()) for d in (step, -step))
        np.testing.assert_allclose(slopes[:, k], (np.array(ahead) - behind) / (2 * h), rtol=1e-6, atol=1e-8)


@dataclass
class Layer:
    w: list[float]
    b: float


@check
def compiled_functions() -> None:
    import jax
    import jax.numpy as jnp

    def price(spot: Any, strike: Any, volatility: Any) -> Any:
        d = (autograd.math.log(spot / strike) + 0.5 * volatility**2) / volatility
        return spot * norm_cdf(d) - strike * norm_cdf(d - volatility)

    fast = autograd.compile(autograd.value_and_grad(price, (0, 2)))
    f = to_jax(fast)
    refuses(ValueError, "has not seen such arguments", lambda: f(1.0, 2.0, 3.0))
    expected = fast(100.0, 95.0, 0.2)
    found = jax.jit(f)(100.0, 95.0, 0.2)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    np.testing.assert_allclose(jax.tree.leaves(found), jax.tree.leaves(expected), rtol=1e-12)

    def loss(weights: dict[str, Any], x: Any, which: Any) -> Any:
        hidden = [tanh(dot(row, x)) for row in weights["in"]]
        y = dot(weights["out"], hidden) + where(x[0] > 0, cos(x[1]), sin(x[0]))
        return (y - take(weights["bias"], which)) ** 2

    weights = {"out": [0.1, -0.2], "in": np.array([[0.3, 0.4], [-0.5, 0.6]]), "bias": (0.5, 1.5, 2.5)}
    x = np.array([0.7, -0.3])
    fast = autograd.compile(autograd.value_and_grad(loss))
    value, slopes = fast(weights, x, 1.0)
    found_value, found = jax.jit(to_jax(fast))(jax.tree.map(jnp.asarray, weights), x, 1.0)
    np.testing.assert_allclose(found_value, value, rtol=1e-12)
    assert jax.tree.structure(found) == jax.tree.structure(slopes)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(slopes), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)

    branching = autograd.compile(lambda x: x if x > 0 else -x)
    branching(1.0)
    refuses(ValueError, "takes a branch at", lambda: to_jax(branching)(1.0))


@check
def a_fit_whose_samples_are_spread_over_devices() -> None:
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    assert jax.device_count() == 4

    def loss(weights: dict[str, Any], x: Any, y: Any) -> Any:
        hidden = [tanh(w * x + b) for w, b in zip(weights["w"], weights["b"], strict=True)]
        return (dot(weights["out"], hidden) - y) ** 2

    fast = autograd.compile(autograd.value_and_grad(loss))
    weights: Any = {"w": [1.0, -1.0, 0.5], "b": [0.1, 0.0, -0.3], "out": [0.2, -0.1, 0.3]}
    xs = np.linspace(-2, 2, 64)
    ys = np.sin(xs)
    fast(weights, 0.0, 0.0)

    f = to_jax(fast)
    mesh = Mesh(np.array(jax.devices()), ("samples",))
    spread, everywhere = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("samples",), ()))

    @jax.jit
    def step(weights: Any, xs: Any, ys: Any) -> Any:
        losses, slopes = jax.vmap(f, in_axes=(None, 0, 0))(weights, xs, ys)
        return jax.tree.map(lambda w, slope: w - 0.3 * slope.mean(axis=0), weights, slopes), losses.mean()

    x_there, y_there = jax.device_put((xs, ys), spread)
    there = jax.device_put(weights, everywhere)
    assert len(x_there.sharding.device_set) == 4
    losses = []
    for n in range(100):
        there, mean = step(there, x_there, y_there)
        losses.append(float(mean))
        if n < 5:  # the same fit, sample by sample on this engine
            here = [fast(weights, x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
            np.testing.assert_allclose(losses[-1], np.mean([value for value, _ in here]), rtol=1e-12)
            weights = {
                key: [w - 0.3 * np.mean([slopes[key][k] for _, slopes in here]) for k, w in enumerate(weights[key])]
                for key in weights
            }
            for key, those in weights.items():
                np.testing.assert_allclose(np.array(there[key]), those, rtol=1e-11)
    assert losses[-1] < 0.2 * losses[0], losses[::10]


if __name__ == "__main__":
    import jax

    jax.config.update("jax_enable_x64", True)
    for name in sys.argv[1:] or CHECKS:
        try:
            CHECKS[name]()
        except Exception:
            print(json.dumps([name, traceback.format_exc()]), flush=True)
        else:
            print(json.dumps([name, ""]), flush=True)
