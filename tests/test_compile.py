"""compile: the eager engine's numbers to the bit, on every way through a function; what it refuses, and how."""

from __future__ import annotations

import math as floats
import pickle
import random
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, math, no_grad, primitive
from autograd.compile import BranchError, Compiled
from autograd.compile import function as function_module
from autograd.rows import BUILTIN, TABLE
from tests.branching import random_function, same

TIERS = ["interpreter", "llvm"] if autograd.__native__ and find_spec("llvmlite") else ["interpreter"]
CALLED = {"gamma", "lgamma", "digamma", "polygamma1", "polygamma2", "polygamma3"}  # by programs, in Python
ROOT = Path(__file__).resolve().parents[1]


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    try:
        return f(*args)
    except (ArithmeticError, ValueError) as error:
        return type(error)


def check(f: Callable[..., Any], *points: tuple[Any, ...], **options: Any) -> Compiled:
    """The compiled function, after it gave at each of the points what the function gives."""
    fast: Compiled = autograd.compile(f, **options)
    for point in [*points, *points]:
        assert same(fast(*point), f(*point)), point
    return fast


# ---- the same numbers ------------------------------------------------------------------------------------------------


def transforms(f: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    return {
        "itself": f,
        "value_and_grad": autograd.value_and_grad(f, (0, 1, 2)),
        "grad by one": autograd.grad(f, 1),
        "jacobian": autograd.jacobian(lambda x, y, z: [f(x, y, z), x * f(y, x, z)], 1),
        "hessian": autograd.hessian(f, (0, 2)),
        "hvp": lambda x, y, z: autograd.hvp(f, (x, y, z), (1.0, 0.5, y)),
        "jvp": lambda x, y, z: autograd.jvp(f, (x, y, z), (1.0, 0.5, y)),
        "gradients": lambda x, y, z: inner_gradient(f, x, y, z),
    }


def inner_gradient(f: Callable[..., Any], x: Any, y: Any, z: Any) -> Any:
    """A gradient by the low-level function, differentiated with what is around it."""
    leaf = +x if isinstance(x, Value) else Value(x)
    output = f(leaf, y, z) + leaf * 0.5
    (slope,) = autograd.gradients(output, [leaf], create_graph=True)
    return slope if isinstance(x, Value) else slope.data


@pytest.mark.parametrize("block", range(8))
def test_random_programs_give_the_bits_of_the_eager_engine(block: int) -> None:
    finite = 0
    for seed in range(12 * block, 12 * block + 12):
        f, draw = random_function(seed), random.Random(seed + 10**6)
        for name, transformed in transforms(f).items():
            if name not in ("itself", "value_and_grad") and seed % 3:
                continue
            fast = autograd.compile(transformed)
            for _ in range(4):
                special = (0.0, 1.0, -0.0, 0.5)
                point = [
                    draw.choice([draw.uniform(-2, 2), draw.uniform(-2, 2), draw.choice(special)]) for _ in range(3)
                ]
                expected, got = outcome(transformed, *point), outcome(fast, *point)
                if isinstance(expected, type) and not isinstance(got, type):
                    continue  # what failed there is nothing that a result needs
                assert same(expected, got), (seed, name, point)
                finite += not isinstance(expected, type)
    assert finite > 40


AWKWARD = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 0.25, 0.75, 1 - 2**-53, 2**-53, 3.0, -3.0, 19.9, 38.4, -38.4, 39.999, 40.0, -40.0, 700.0,
    -700.0, 1e-160, 5e-324, -5e-324, 1e160, -1e308,
]  # fmt: skip


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", sorted(name for name in BUILTIN if TABLE[name].arity == 1))
def test_every_row_of_one_argument_at_awkward_points(name: str, tier: str) -> None:
    """Programs have no branches, so that functions with some are written again: where to the bit, also far out."""
    row = TABLE[name]

    def f(x: Any) -> Any:
        return row(x) * 1.5

    draw = random.Random(name)
    points = [*AWKWARD, *(draw.gauss(0, 3) for _ in range(40)), *(draw.random() for _ in range(40))]
    for g in (f, autograd.value_and_grad(f)):
        fast = autograd.compile(g, tier=tier)
        for x in points:
            assert same(outcome(fast, x), outcome(g, x)), x
        assert bool(fast.program.rows) == (name in CALLED)


def test_a_list_of_arrays_is_no_axis_of_points() -> None:
    fast = autograd.compile(lambda v: v[0] * v[1])
    assert fast.lanes([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).tolist() == [2.0, 12.0, 30.0]
    with pytest.raises(TypeError, match=r"np\.stack"):
        fast.lanes([np.array([1.0, 2.0]), np.array([3.0, 4.0])])


def test_lanes_are_the_points_one_by_one() -> None:
    for seed in range(25):
        f, draw = random_function(seed), np.random.default_rng(seed)
        slopes = autograd.value_and_grad(f, (0, 1, 2))
        xs, z = draw.uniform(-2, 2, (45, 2)), 0.25
        expected = [outcome(slopes, x, y, z) for x, y in xs.tolist()]
        fast = autograd.compile(slopes)
        if any(isinstance(one, type) for one in expected):
            continue
        value, (dx, dy, dz) = fast.lanes(xs[:, 0], xs[:, 1], z, shared=(2,))
        for i, (one, (a, b, c)) in enumerate(expected):
            assert same((one, a, b, c), (value[i], dx[i], dy[i], dz[i])), (seed, i)
        total = 0.0
        for one, _ in expected:
            total += one
        summed, _ = fast.lanes(xs[:, 0], xs[:, 1], z, shared=(2,), reduce="sum")
        mean, _ = fast.lanes(xs[:, 0], xs[:, 1], z, shared=(2,), reduce="mean")
        assert same(total, summed)
        assert same(total / 45, mean)


@pytest.mark.parametrize("where", [0, 3, 20])
def test_lanes_where_symbols_have_no_value(where: int) -> None:
    """x^y has no slope by y at 0 on symbols, and 0 times it is 0 to the eager engine: also at the first points."""
    f = autograd.hessian(lambda x, y: math.where(x > 0.5, x, x**y * 0.0) + x * y, (0, 1))
    xs, ys = np.linspace(0.25, 1.5, 24), np.full(24, 2.0)
    xs[: where + 1] = 0.0
    expected = [f(*point) for point in zip(xs.tolist(), ys.tolist(), strict=True)]
    ((a, b), (c, d)) = autograd.compile(f).lanes(xs, ys)
    assert same([((a[i], b[i]), (c[i], d[i])) for i in range(24)], expected)
    total = autograd.compile(f).lanes(xs, ys, reduce="sum")
    assert total[0][1] == sum(one[0][1] for one in expected)
    xs[-1] = -1.0
    with pytest.raises(ValueError, match=r"pow\(-1\.0, 2\.0\) has no finite derivative"):
        autograd.compile(f).lanes(xs, ys)


def test_every_structure_comes_back_as_it_does_without() -> None:
    Point = namedtuple("Point", "x y")

    @dataclass
    class Pair:
        left: float
        right: float

    def f(p: Any, q: Any, *, scale: float = 2.0) -> Any:
        return {"sum": p["w"][0] * q.x + scale, "pair": Pair(p["b"], q.y), "array": p["v"] * q.x, "one": 1}

    p, q = {"w": [1.0, 2], "b": np.float64(3.0), "v": np.arange(6.0).reshape(2, 3)}, Point(2.0, -1)
    fast = autograd.compile(f)
    for scale in (2.0, 5.0):
        one, other = f(p, q, scale=scale), fast(p, q, scale=scale)
        assert one["sum"] == other["sum"]
        assert (one["pair"].left, one["pair"].right) == (other["pair"].left, other["pair"].right)
        assert np.array_equal(one["array"], other["array"])
        assert other["array"].dtype == float
    check(autograd.value_and_grad(lambda p: (p**2).sum()), (np.arange(6.0).reshape(2, 3),))
    check(autograd.jacobian(lambda p: p * p[0]), (np.arange(1.0, 4.0),))
    check(autograd.hessian(lambda p: p["a"] ** 2 * p["b"][0]), ({"a": 3.0, "b": [2.0, 1.0]},))
    value, slopes = autograd.compile(autograd.value_and_grad(lambda p, s: p["a"] * s[0] + s[1])).lanes(
        {"a": np.array([1.0, 2.0])}, [3.0, 4.0], shared=(1,)
    )
    assert value.tolist() == [7.0, 10.0]
    assert slopes["a"].tolist() == [3.0, 3.0]


def test_many_numbers_in_arrays_give_what_they_give_one_by_one() -> None:
    """From the second call on they are put together and taken apart as arrays: with the same types, and as exactly."""
    w, b = np.linspace(-1, 1, 60).reshape(4, 15), np.array([0.5])

    def f(p: Any, x: list[Any], scale: Any) -> Any:
        rows = [math.dot(list(row), x) + p["b"][0] for row in p["w"]]
        hidden = [math.tanh(row) if row > 0 else row * 0.1 for row in rows]
        return sum(hidden) * scale

    def shapes(f: Callable[..., Any]) -> Callable[..., Any]:
        return autograd.value_and_grad(f, (0, 1, 2))

    def kinds(tree: Any) -> Any:
        if isinstance(tree, dict | list | tuple):
            items = [*tree.items()] if isinstance(tree, dict) else tree
            return type(tree), [kinds(item) for item in items]
        return (type(tree), tree.shape, tree.dtype) if isinstance(tree, np.ndarray) else type(tree)

    x = [0.1 * k for k in range(15)]
    points: list[Any] = [
        ({"w": w * s, "b": b}, [t * v for v in x], s) for s, t in ((1.0, 1.0), (2.0, -0.5), (-1.5, 1.0), (0.25, 3.0))
    ]
    points += [
        ({"w": w[:, ::-1].T.copy().T, "b": b}, x, 1.0),  # in another order in memory
        ({"w": w.astype(np.float32), "b": b}, x, 1.0),
        ({"w": w.astype(">f8"), "b": b}, x, 1.0),
        ({"b": b, "w": w}, x, 1.0),
        ({"w": w, "b": b}, [1, *x[1:]], 2),
        ({"w": w[:2], "b": np.array([0.5, 1.5])}, x, 1.0),
        ({"w": w * np.where(w > 0.9, np.nan, 1.0), "b": b}, x, 1.0),
        ({"w": w.tolist(), "b": [0.5]}, tuple(x), np.float64(1.0)),
        points[0],
    ]
    for g in (autograd.grad(f, 1), shapes(f)):
        fast = autograd.compile(g)
        for point in [*points, *points]:
            given, expected = fast(*point), g(*point)
            assert same(given, expected), point
            if {*map(type, [*point[1], point[2]])} == {float}:
                assert kinds(given) == kinds(expected)
        assert fast._arrays
    slopes = fast(*points[0])[1][0]
    slopes["w"][:] = 7.0  # what was given belongs to who asked
    assert same(fast(*points[0]), g(*points[0]))
    with pytest.raises(OverflowError):
        autograd.compile(lambda a: math.exp(a[0]) + a[99])(np.full(100, 800.0))


def test_values_are_differentiated_through() -> None:
    fast = autograd.compile(lambda x: math.sin(x) * x)
    x = Value(2.0)
    y = fast(x)
    y.backward()
    assert x.grad == autograd.grad(lambda x: math.sin(x) * x)(2.0)
    assert autograd.grad(fast)(2.0) == x.grad


# ---- branches --------------------------------------------------------------------------------------------------------


def collatz(x: Any) -> Any:
    steps = 0.0
    while x > 1.5:
        x, steps = (x * 0.5, steps + 1) if (x % 2) < 1 else (x * 1.5 - 1.25, steps + x)
    return steps + x


def test_loops_and_branches_that_depend_on_data() -> None:
    points = [(float(x),) for x in (1, 2, 3, 7, 12, 27, 3, 7)]
    fast = check(autograd.value_and_grad(collatz), *points)
    assert len(fast._counts) == 1
    xs = np.array([x for (x,) in points] * 11)
    value, slope = fast.lanes(xs)
    for x, y, dy in zip(xs.tolist(), value.tolist(), slope.tolist(), strict=True):
        assert (y, dy) == autograd.value_and_grad(collatz)(x)


def test_random_branches_over_random_points() -> None:
    def f(x: Any, y: Any) -> Any:
        total = x * 0.0
        for k in range(6):
            if x * (k + 1) > y:
                total = total + math.tanh(x)
            elif max(x, y) > 1:
                total = total * y
            else:
                x, y = sorted((x - 0.1, y + 0.1))
        return total + x

    draw = random.Random(5)
    points = [(draw.uniform(-2, 2), draw.uniform(-2, 2)) for _ in range(60)]
    check(autograd.value_and_grad(f, (0, 1)), *points)


def test_a_branch_can_be_refused() -> None:
    @autograd.compile(on_branch="raise")
    def f(x: Any) -> Any:
        return x * 2 if x > 1 else x * 3

    assert f(2.0) == 4.0
    assert f(5.0) == 10.0
    with pytest.raises(BranchError, match=r"where the condition at .*test_compile\.py:\d+ was 1, and here it is 0"):
        f(0.5)
    with pytest.raises(BranchError):
        f.lanes(np.array([2.0, 0.5]))
    assert f(3.0) == 6.0


def test_too_many_ways_are_left_to_the_eager_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_module, "LIMIT", 5)
    fast = autograd.compile(lambda x: x * x.data if isinstance(x, Value) else x * x)
    with pytest.warns(RuntimeWarning, match=r"took 5 ways through its branches, the last at .*test_compile\.py"):
        results = [fast(float(x)) for x in range(1, 9)]
    assert results == [float(x * x) for x in range(1, 9)]


def test_where_and_take_are_one_program() -> None:
    def f(x: Any, i: Any) -> Any:
        row = math.take([[x, 1.0], [2.0, x * x], [x + 1, 3.0]], i)
        return math.where(x > 0, row[0] * 2, row[1]) + math.take([x, 5.0, x * 3], i)

    fast = check(autograd.value_and_grad(f), *((x, i) for x in (1.5, -0.5, 0.0) for i in (0, 1, 2, -1, -3)))
    assert sum(fast._counts.values()) == 1
    assert "take" in {name for _, name, _ in fast.program.instructions()}
    for i in (3, -4, 0.5, floats.nan):
        with pytest.raises(IndexError, match="is no place among 3 items"):
            fast(1.0, i)


def test_sorting_comparing_and_asking_are_guards() -> None:
    points = [(0.1, 0.5), (0.5, 0.1), (0.3, 0.3), (1.0, 0.0), (0.0, 0.0)]
    check(lambda x, y: sorted([x, y])[0] * 2 + (x >= y) * y, *points)
    check(lambda x, y: (x if x != y else x * 7) + (1 if not x else 2), *points)
    check(lambda x, y: x if math.isclose(x, y) else y * 2, *points)
    check(lambda x, y: x if math.isnan(x) or math.isinf(y) or not math.isfinite(x) else y * 2, *points)
    check(lambda x, y: (x == y) + (x < y) * 2.0 + (x <= 0.3) * 3.0, *points)


# ---- rows of one's own -----------------------------------------------------------------------------------------------


def test_rows_of_ones_own_are_compiled_or_called_back() -> None:
    smooth = primitive("compile_smooth", lambda x: math.exp(-x * x), lambda y, x: -2 * x * y)
    opaque = primitive("compile_opaque", lambda x: floats.sin(x) / x, lambda y, x: (floats.cos(x) - y) / x)
    split = primitive("compile_split", lambda x: x * x if x > 0 else -x, lambda y, x: 2 * x if x > 0 else -1)
    try:
        for row, called in (smooth, False), (opaque, True), (split, True):
            fast = check(autograd.value_and_grad(lambda x, row=row: row(x) * x), (0.5,), (-1.5,), (2.0,))
            assert ("call" in {name for _, name, _ in fast.program.instructions()}) == called, row
    finally:
        for name in ("compile_smooth", "compile_opaque", "compile_split"):
            del TABLE[name]


def test_a_row_defined_anew_invalidates_what_was_compiled_from_it() -> None:
    rows = {"f": primitive("compile_anew", lambda x: 2 * x, lambda y, x: 2)}
    try:
        fast = autograd.compile(autograd.value_and_grad(lambda x: rows["f"](x) * x))
        assert fast(3.0) == (18.0, 12.0)
        rows["f"] = primitive("compile_anew", lambda x: 5 * x, lambda y, x: 5)
        assert fast(3.0) == (45.0, 30.0)
    finally:
        del TABLE["compile_anew"]


def test_what_a_called_row_raises_comes_through() -> None:
    class OddError(Exception):
        pass

    def refuse(x: float) -> float:
        if x > 2:
            raise OddError("too large")
        return floats.sqrt(x)

    row = primitive("compile_odd", refuse, lambda y, x: 0.5 / y)
    try:
        fast = autograd.compile(lambda x: row(x) + 1)
        assert fast(1.0) == 2.0
        with pytest.raises(OddError):
            fast(3.0)
        assert fast(1.0) == 2.0
    finally:
        del TABLE["compile_odd"]


# ---- what has no value -----------------------------------------------------------------------------------------------


def test_errors_are_those_of_the_eager_engine() -> None:
    for f, good, bad in [
        (lambda x: math.log(x) * 2, 1.0, -1.0),
        (lambda x: 1 / (x - 1), 3.0, 1.0),
        (lambda x: math.exp(x) ** 2, 1.0, 500.0),
        (lambda x: math.sqrt(x), 4.0, 0.0),
    ]:
        transformed = autograd.value_and_grad(f)
        fast = autograd.compile(transformed)
        assert fast(good) == transformed(good)
        with pytest.raises((ArithmeticError, ValueError)) as eager:
            transformed(bad)
        with pytest.raises(type(eager.value)) as compiled:
            fast(bad)
        assert str(eager.value) == str(compiled.value)
        assert fast(good) == transformed(good)
    quiet = autograd.compile(autograd.grad(math.sqrt), check=False)
    assert quiet(4.0) == 0.25
    assert quiet(0.0) == floats.inf


def test_a_branch_that_is_not_taken_has_no_say() -> None:
    check(autograd.value_and_grad(lambda x: math.where(x > 0, math.sqrt(x), 0 * x)), (1.0,), (0.0,))


def test_infinities_that_are_meant() -> None:
    check(lambda x: min(x, floats.inf) + math.max(x, -floats.inf), (1.0,), (-2.0,))


# ---- what cannot be recorded -----------------------------------------------------------------------------------------


def test_values_from_outside_are_refused_by_name() -> None:
    w = Value(2.0, "w")
    fast = autograd.compile(lambda x: x * w)
    with pytest.raises(TypeError, match=r"computes with Value\(2.0, label='w'\), which is none of its arguments"):
        fast(1.0)


def test_backward_inside_is_refused() -> None:
    def f(x: Any) -> Any:
        y = x * x
        y.backward()
        return x.grad

    with pytest.raises(TypeError, match=r"backward is called in a function that is being compiled, at .*test_compile"):
        autograd.compile(f)(2.0)

    def g(x: Any) -> Any:
        x.data = 3.0
        return x

    with pytest.raises(TypeError, match="the data of a Value is set in a function that is being compiled"):
        autograd.compile(g)(2.0)


def test_what_is_drawn_inside_is_recorded_once() -> None:
    """Random numbers and outside state are read when the function is recorded, not when it is replayed."""
    draw, state = random.Random(0), {"scale": 2.0}
    fast = autograd.compile(lambda x: x * draw.random() * state["scale"])
    first = fast(1.0)
    state["scale"] = 3.0
    assert fast(1.0) == first
    assert fast(2.0) == 2 * first


def test_detached_numbers_and_no_grad_are_followed_but_not_differentiated() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            y = x * x
        return x * y + x * (x.detach() if isinstance(x, Value) else x)

    for transformed in (f, autograd.value_and_grad(f), autograd.hessian(f)):
        check(transformed, (3.0,), (2.0,))


# ---- an object of many uses ------------------------------------------------------------------------------------------


@autograd.compile
def decorated(x: Any) -> Any:
    """Its docstring."""
    return x * x


def test_decorators_names_and_methods() -> None:
    assert decorated(3.0) == 9.0
    assert decorated.__doc__ == "Its docstring."
    assert repr(decorated) == "<compiled decorated>"

    class Model:
        @autograd.compile
        def forward(self, x: Any) -> Any:
            return x + 1

    assert Model().forward(1.0) == 2.0


def test_pickles() -> None:
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    fast = autograd.compile(autograd.value_and_grad(collatz))
    fast(3.0)
    again = pickle.loads(pickle.dumps(fast))
    assert again(7.0) == fast(7.0)
    code = (
        "import multiprocessing, tests.test_compile as t, autograd\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(autograd.compile(autograd.grad(t.collatz)), [3.0, 7.0]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{[autograd.grad(collatz)(x) for x in (3.0, 7.0)]}\n"


def test_threads() -> None:
    fast = autograd.compile(autograd.value_and_grad(collatz))
    expected = {x: autograd.value_and_grad(collatz)(float(x)) for x in range(1, 40)}
    wrong: list[Any] = []

    def work(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(200):
            x = draw.randrange(1, 40)
            if fast(float(x)) != expected[x]:
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_one_function_is_not_confused_by_another_that_records_beside_it() -> None:
    """Comparisons in other threads are answers while a function is traced here."""
    stop = threading.Event()
    wrong: list[Any] = []

    def compare() -> None:
        x = Value(1.0)
        while not stop.is_set():
            y = x * 2
            if (y > 1) is not True:
                wrong.append(y)

    thread = threading.Thread(target=compare)
    thread.start()
    try:
        for k in range(50):
            autograd.compile(lambda x, k=k: x * k if x > 0.5 else x)(1.0)
    finally:
        stop.set()
        thread.join()
    assert not wrong


def test_options_and_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="tier is one of"):
        autograd.compile(abs, tier="fast")
    with pytest.raises(TypeError, match="compile takes a function, not int 3"):
        autograd.compile(3)
    with pytest.raises(AttributeError, match="has no program yet"):
        autograd.compile(abs).program  # noqa: B018  # a property
    fast = autograd.compile(lambda x, y: x * y)
    with pytest.raises(ValueError, match="has 3 points, not 2"):
        fast.lanes(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="has no axis of points"):
        fast.lanes(np.ones(2), 1.0)
    with pytest.raises(ValueError, match="shared names argument 7 of 2"):
        fast.lanes(np.ones(2), 1.0, shared=(7,))
    with pytest.raises(ValueError, match="reduce is"):
        fast.lanes(np.ones(2), np.ones(2), reduce="max")
    with pytest.raises(TypeError, match="must return one number to have a gradient"):
        autograd.compile(autograd.grad(lambda x: [x, x]))(1.0)
    assert autograd.compile(lambda x, how: x * 2 if how == "twice" else x)(3.0, "twice") == 6.0


def test_nan_goes_the_way_of_the_eager_engine() -> None:
    """Where an operand does not matter, a nan does not either: no processor's flag tells of one."""
    f = autograd.value_and_grad(lambda x, y: math.where(x > 0, x * y, y) * math.sign(y), (0, 1))
    fast = autograd.compile(f)
    points = [(1.0, 2.0), (floats.nan, 2.5), (-1.0, floats.nan), (3.0, 0.5)]
    for point in points:
        assert same(fast(*point), f(*point)), point
    points += [(1e308, 1.0), (floats.inf, 1.0), (-floats.inf, 1.0)]  # whose sum overflows, or is nan
    xs, ys = np.array(points).T
    value, (dx, dy) = fast.lanes(xs, ys)
    for i, point in enumerate(points):
        assert same((value[i], (dx[i], dy[i])), f(*point)), point


# ---- signs -----------------------------------------------------------------------------------------------------------


def signs(seed: int, size: int = 30) -> Callable[..., Any]:
    """A random program of signs, sums, products and quotients, of constants as well."""
    draw = random.Random(seed)
    plan = [
        (draw.choice(("neg", "neg", "add", "sub", "mul", "div", "factor", "over")), draw.random(), draw.random())
        for _ in range(size)
    ]
    constants = [draw.choice((-2.0, -1.0, -0.75, 0.0, 1.0, 0.3)) for _ in range(size)]

    def f(x: Any, y: Any, z: Any) -> list[Any]:
        v: list[Any] = [x, y, z]
        for (name, i, j), c in zip(plan, constants, strict=True):
            a, b = v[int(i * len(v))], v[int(j * len(v))]
            if name == "neg":
                v.append(-a)
            elif name == "add":
                v.append(a + b)
            elif name == "sub":
                v.append(a - b)
            elif name == "mul":
                v.append(a * b)
            elif name == "div":
                v.append(a / (b * b + 1.5))
            else:
                v.append(a * c if name == "factor" else c / (a * a + 2.5))
        return v[3:]

    return f


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("seed", range(25))
def test_signs_that_are_moved_change_no_bit(seed: int, tier: str) -> None:
    """Not that of a zero either."""
    f = signs(seed)
    fast = autograd.compile(f, tier=tier)
    slopes = autograd.grad(lambda x, y, z: math.dot(f(x, y, z), range(1, 31)), (0, 1, 2))
    fast_slopes = autograd.compile(slopes, tier=tier)
    for point in [(1.5, -0.25, 3.0), (0.0, -1.0, 2.0), (-0.0, 0.0, -0.5), (1e-300, -1e-200, 7.0)]:
        assert [x.hex() for x in fast(*point)] == [x.hex() for x in f(*point)], point
        assert fast_slopes(*point) == slopes(*point), point


def test_a_sign_is_no_instruction_where_a_constant_or_a_sum_can_take_it() -> None:
    slopes = autograd.compile(autograd.grad(lambda x, y, z: x - x * (y * z * 0.01 - (y - z) * 3.0), (0, 1, 2)))
    slopes(1.0, 2.0, 3.0)
    assert "neg" not in [name for _, name, _ in slopes.program.instructions()]


def test_a_sign_that_many_products_share_is_one_instruction() -> None:
    factors = [0.1 * i + 0.1 for i in range(100)]
    fast = autograd.compile(lambda x, ys: [-x * y for y in ys])
    fast(0.3, factors)
    assert len(fast.program) == 101


def test_a_list_of_floats_is_not_taken_for_as_many_arguments() -> None:
    fast = autograd.compile(
        lambda *xs: math.dot(xs[0], xs[0]) if isinstance(xs[0], list) else sum(xs), tier="interpreter"
    )
    points: list[tuple[Any, ...]] = [
        ([1.5, 2.0],), (1.5, 2.0), ([3.0],), (3.0,), ([3.0, 1.0],), ([1, 2.0],), ([2.0, 5.0, 1.0],), ([0.5, 4.0],), (2.5,),
    ]  # fmt: skip
    for point in [*points, *points, *points[::-1]]:
        assert fast(*point) == fast.function(*point), point
    gradient = autograd.compile(autograd.value_and_grad(lambda v: v[0] * v[1] + v[0]), tier="interpreter")
    vectors: list[Any] = [[2.0, 3.0], [4.0, 5.0], (4.0, 5.0), [math.inf, 1.0], [4, 5], [4.0, 6.0]]
    for v in vectors:
        value, slopes = gradient(v)
        assert (value, slopes) == (v[0] * v[1] + v[0], type(v)([v[1] + 1, v[0]]))
    with pytest.raises(TypeError):
        gradient(2.0, 3.0)
    with pytest.raises(IndexError):
        gradient([2.0])


def test_long_lists_are_taken_directly_too() -> None:
    for count in (63, 64, 300):
        fast = autograd.compile(lambda xs: xs[0] * xs[1] + xs[-1], tier="interpreter")
        x = [0.5 + 0.001 * k for k in range(count)]
        assert [fast(x) for _ in range(4)] == [x[0] * x[1] + x[-1]] * 4
        assert fast._direct is not None
        assert fast(np.array(x)) == fast(tuple(x)) == x[0] * x[1] + x[-1]


@pytest.mark.parametrize("row", [math.sigmoid, math.tanh, math.cbrt, math.softplus, math.norm_cdf])
def test_what_rules_have_in_common_with_functions_is_computed_once(row: Any) -> None:
    fast = autograd.compile(autograd.hessian(lambda x: row(x)), tier="interpreter")
    fast(0.5)
    code = [(*map(int, instruction),) for instruction in fast.program.code]
    assert len({*code}) == len(code)
