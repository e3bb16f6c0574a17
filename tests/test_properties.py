"""Random expressions, random programs with fan-out, and random lives of a graph, against independent oracles.

Oracle 1 is finite differences (``check_grads``); oracle 2 is an evaluator of a few lines that runs the same program on
mpmath numbers (derivatives of 40 digits) or on complex ones (the complex step); oracle 3, for the graph that lives on
between calls of backward, is exact integer arithmetic.
"""

from __future__ import annotations

import cmath
import dataclasses
import functools
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import autograd.functional
import autograd.sweeps
import autograd.value
from autograd import Value, grad, gradients, hessian, hvp, jacobian, jvp, no_grad, vjp
from autograd.checking import GradientMismatch, check_grads
from autograd.checking.flat import derivative
from autograd.checking.rounding import rounding_bounds
from autograd.primitives import TABLE
from autograd.testing import KINKED, SMOOTH, RandomFunction, expressions, numbers, programs
from tests.test_table import MPMATH, mp

functions = st.one_of(expressions(), programs())
kinked = st.one_of(expressions(rows=(*SMOOTH, *KINKED * 3)), programs(rows=(*SMOOTH, *KINKED * 3)))
pairs = st.tuples(numbers(), numbers())

# ---- an evaluator that knows nothing of the engine -------------------------------------------------------------------


def split(xs: tuple[Any, ...]) -> Any:
    return zip(xs[: len(xs) // 2], xs[len(xs) // 2 :], strict=True)


def on(f: Any) -> dict[str, Callable[..., Any]]:
    """The functions of the table in the arithmetic of the module ``f`` (mpmath's or cmath)."""
    return {
        "add": operator.add,
        "sub": operator.sub,
        "mul": operator.mul,
        "div": operator.truediv,
        "neg": operator.neg,
        "pos": operator.pos,
        "pow": lambda a, b: f.exp(b * f.log(a)) if a != 0 and b != int(b.real) else a ** int(b.real),
        "exp": f.exp,
        "expm1": lambda x: f.exp(x) - 1,
        "exp2": lambda x: f.exp(x * f.log(2)),
        "log": f.log,
        "log1p": lambda x: f.log(1 + x),
        "log2": lambda x: f.log(x) / f.log(2),
        "log10": lambda x: f.log(x) / f.log(10),
        "sqrt": f.sqrt,
        "cbrt": lambda x: f.exp(f.log(x) / 3),
        "hypot": lambda *xs: f.sqrt(sum(x * x for x in xs)),
        "sin": f.sin,
        "cos": f.cos,
        "tan": f.tan,
        "asin": f.asin,
        "acos": f.acos,
        "atan": f.atan,
        "atan2": lambda a, b: f.atan(a / b),  # b is positive in what is drawn
        "sinh": f.sinh,
        "cosh": f.cosh,
        "tanh": f.tanh,
        "asinh": f.asinh,
        "acosh": f.acosh,
        "atanh": f.atanh,
        "sigmoid": lambda x: 1 / (1 + f.exp(-x)),
        "softplus": lambda x: f.log(1 + f.exp(x)),
        "where": lambda c, a, b: a if c.real != 0 else b,
        "sum": lambda *xs: sum(xs),
        "dot": lambda *xs: sum(a * b for a, b in split(xs)),
        "prod": lambda *xs: functools.reduce(operator.mul, xs),
        "logsumexp": lambda *xs: f.log(sum(map(f.exp, xs))),
    }


IN_COMPLEX = on(cmath)
IN_MPMATH = on(mp) | {
    "erf": mp.erf,
    "erfc": mp.erfc,
    "abs": abs,
    "copysign": lambda a, b: abs(a) * mp.sign(b),
    **{
        name: MPMATH[name]
        for name in (
            *("floor", "ceil", "trunc", "fmod", "remainder", "degrees", "radians", "fsum", "sumprod"),
            *("gamma", "lgamma", "digamma", "polygamma1", "polygamma2", "polygamma3"),
            *("erfinv", "norm_pdf", "norm_cdf", "norm_ppf"),
        )
    },
    "sign": mp.sign,
    "relu": lambda x: max(x, 0 * x),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "max": max,
    "min": min,
    "mod": lambda a, b: a - b * mp.floor(a / b),
    "floordiv": lambda a, b: mp.floor(a / b),
}
ANALYTIC = [row for row in SMOOTH if row.name in IN_COMPLEX]


def evaluate(
    program: RandomFunction, table: dict[str, Callable[..., Any]], xs: Any, number: Callable[[float], Any]
) -> Any:
    values = list(xs)
    for row, operands in program.steps:
        values.append(table[row.name](*(values[at] if isinstance(at, int) else number(at) for at in operands)))
    return values[-1]


def in_mpmath(program: RandomFunction, xs: tuple[float, ...], *by: int) -> float:
    """The derivative by the variables ``by``, to 40 digits."""
    order = tuple(by.count(i) for i in range(len(xs)))
    return float(mp.diff(lambda *xs: evaluate(program, IN_MPMATH, xs, mp.mpf), tuple(map(mp.mpf, xs)), order))


def bounds(f: RandomFunction, xs: tuple[float, ...], order: int) -> list[float]:
    """What rounding can do to the derivatives of an order; in the constants' part of the program, too."""
    constants: list[float] = []
    places = len(xs) + sum(isinstance(at, float) for _, operands in f.steps for at in operands)

    def place(at: int | float) -> int:
        if isinstance(at, float):
            constants.append(at)
            return len(xs) + len(constants) - 1
        return at if at < len(xs) else at - len(xs) + places

    steps = tuple((row, tuple(map(place, operands))) for row, operands in f.steps)
    g = RandomFunction(tuple(f"x{i}" for i in range(places)), steps)

    def slopes(numbers: list[Any]) -> list[Any]:
        return list(grad(g, tuple(range(len(xs))))(*numbers))

    at = [*xs, *constants]
    if order == 1:
        return rounding_bounds(slopes, at)[0]
    return [bound for i, bound in enumerate(rounding_bounds(derivative(slopes), at)[0]) if i % places < len(xs)]


def assert_right_in_mpmath(f: RandomFunction, xs: tuple[float, ...]) -> None:
    """First and second derivatives, in both modes; wrong by no more than rounding can do."""
    n = len(xs)
    first, second = bounds(f, xs, 1), bounds(f, xs, 2)
    argnums = tuple(range(n))
    slopes, curvatures = grad(f, argnums)(*xs), hessian(f, argnums)(*xs)
    for i in range(n):
        unit = tuple(float(i == j) for j in range(n))
        true = in_mpmath(f, xs, i)
        for ours in (slopes[i], jvp(f, xs, unit)[1]):
            assert abs(ours - true) <= 4 * first[i] + 1e-30, (i, ours, true)
        product = hvp(f, xs, unit)
        for j in range(n):
            true = in_mpmath(f, xs, i, j)
            for ours in (curvatures[i][j], product[j]):
                assert abs(ours - true) <= 4 * second[i * n + j] + 1e-30, (i, j, ours, true)


# ---- random functions ------------------------------------------------------------------------------------------------


@given(functions, pairs)
def test_finite_differences(f: RandomFunction, xs: tuple[float, float]) -> None:
    check_grads(f, xs, order=2)


@given(kinked, pairs)
def test_finite_differences_off_kinks(f: RandomFunction, xs: tuple[float, float]) -> None:
    assume(not f.kinks(*xs))
    check_grads(f, xs, order=2)


@given(programs(variables=1, size=4), numbers())
@settings(max_examples=30)
def test_finite_differences_to_order_3(f: RandomFunction, x: float) -> None:
    check_grads(f, (x,), order=3)


@given(functions, pairs)
def test_mpmath(f: RandomFunction, xs: tuple[float, float]) -> None:
    assert_right_in_mpmath(f, xs)


@given(kinked, pairs)
def test_mpmath_off_kinks(f: RandomFunction, xs: tuple[float, float]) -> None:
    assume(not f.kinks(*xs))
    assert_right_in_mpmath(f, xs)


def assert_right_by_complex_step(f: RandomFunction, xs: tuple[float, ...]) -> None:
    step = 1e-150
    slopes = grad(f, tuple(range(len(xs))))(*xs)
    allowed = bounds(f, xs, 1)
    for i, slope in enumerate(slopes):
        moved = [complex(x, step if i == j else 0.0) for j, x in enumerate(xs)]
        true = evaluate(f, IN_COMPLEX, moved, complex).imag / step
        assert abs(slope - true) <= 100 * allowed[i] + 1e-13 * abs(true) + 1e-100, (i, slope, true)


@given(st.one_of(expressions(rows=ANALYTIC), programs(rows=ANALYTIC)), pairs)
def test_complex_step(f: RandomFunction, xs: tuple[float, float]) -> None:
    assert_right_by_complex_step(f, xs)


@given(programs(variables=3, size=12), st.tuples(numbers(), numbers(), numbers()))
def test_backward_is_gradients_is_forward(f: RandomFunction, xs: tuple[float, float, float]) -> None:
    leaves = [Value(x) for x in xs]
    y = f(*leaves)
    found = gradients(y, leaves)
    y.backward()
    y.backward()
    assert [leaf.grad or 0.0 for leaf in leaves] == [2 * slope for slope in found]
    allowed = bounds(f, xs, 1)
    for i, slope in enumerate(found):
        _, forward = jvp(f, xs, tuple(float(i == j) for j in range(3)))
        assert abs(forward - slope) <= 4 * allowed[i] + 1e-15 * abs(slope)


@given(functions, functions, pairs, st.integers(-4, 4), st.integers(-4, 4))
def test_gradients_are_linear(f: RandomFunction, g: RandomFunction, xs: tuple[float, float], a: int, b: int) -> None:
    def combined(x: Any, y: Any) -> Any:
        return a * f(x, y) + b * g(x, y)

    whole = grad(combined, (0, 1))(*xs)
    parts = zip(grad(f, (0, 1))(*xs), grad(g, (0, 1))(*xs), strict=True)
    for ours, (df, dg), bound_f, bound_g in zip(whole, parts, bounds(f, xs, 1), bounds(g, xs, 1), strict=True):
        assert abs(ours - (a * df + b * dg)) <= 16 * (bound_f + bound_g) + 1e-14 * (abs(a * df) + abs(b * dg))


@given(functions, functions, pairs, pairs, pairs)
def test_jvp_and_vjp_are_adjoint(f: Any, g: Any, xs: Any, tangents: Any, cotangents: Any) -> None:
    def both(x: Any, y: Any) -> list[Any]:
        return [f(x, y), g(x, y)]

    moved = jvp(both, xs, tangents)[1]
    pulled = vjp(both, *xs)[1](list(cotangents))
    rows = jacobian(both, (0, 1))(*xs)
    size = sum(
        abs(u * d * v) for u, row in zip(cotangents, rows, strict=True) for d, v in zip(row, tangents, strict=True)
    )
    left = sum(map(operator.mul, cotangents, moved))
    right = sum(map(operator.mul, pulled, tangents))
    assert abs(left - right) <= 1e-9 * size + 1e-200


@given(functions, pairs)
def test_second_derivatives_are_symmetric(f: RandomFunction, xs: tuple[float, float]) -> None:
    (_, b), (c, _) = hessian(f, (0, 1))(*xs)
    _, bound_b, bound_c, _ = bounds(f, xs, 2)
    assert abs(b - c) <= 4 * (bound_b + bound_c)


# ---- planted faults: every oracle above sees them --------------------------------------------------------------------

quickly = settings(max_examples=200, database=None, report_multiple_bugs=False, phases=[Phase.generate])
WRONG = dataclasses.replace(TABLE["tanh"], partials=(lambda y, a: 1 - 0.9999 * y * y,))
faulty = programs(rows=[WRONG, TABLE["mul"], TABLE["add"], TABLE["sin"]])


@pytest.mark.parametrize(
    "oracle", [check_grads, assert_right_in_mpmath, assert_right_by_complex_step], ids=lambda f: f.__name__
)
def test_a_wrong_rule_is_seen(oracle: Callable[[Any, Any], Any]) -> None:
    @quickly
    @given(faulty, pairs)
    def search(f: RandomFunction, xs: tuple[float, float]) -> None:
        oracle(f, xs)

    with pytest.raises(AssertionError) as caught:
        search()
    if oracle is check_grads:
        assert isinstance(caught.value, GradientMismatch)
        assert caught.value.report.culprits[0].primitive == "tanh"


def sweep(nodes: list[Value], seeds: dict[Value, float], *, add: bool) -> dict[Value, float]:
    """The engine's reverse sweep in short; without ``add`` a node keeps only what the last of its uses returns."""
    adjoints = dict(seeds)
    for node in reversed(nodes):
        for arg, partial in autograd.sweeps.edges(node) if node in adjoints else []:
            adjoints[arg] = partial * adjoints[node] + (adjoints.get(arg, 0.0) if add else 0.0)
    return adjoints


def overwriting(nodes: list[Value], seeds: dict[Value, float], inputs: list[Value]) -> list[float]:
    adjoints = sweep(nodes, seeds, add=False)
    return [adjoints.get(node, 0.0) for node in inputs]


@pytest.mark.parametrize(
    "oracle", [check_grads, assert_right_in_mpmath, assert_right_by_complex_step], ids=lambda f: f.__name__
)
def test_a_sweep_that_does_not_add_up_is_seen(
    oracle: Callable[[Any, Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autograd.functional, "sweep_floats", overwriting)

    @quickly
    @given(programs(rows=[TABLE["mul"], TABLE["add"], TABLE["sin"]]), pairs)
    def search(f: RandomFunction, xs: tuple[float, float]) -> None:
        oracle(f, xs)

    with pytest.raises(AssertionError):
        search()


# ---- the life of a graph: fan-out, repeated backward -----------------------------------------------------------------

LARGE = 2**40  # integers up to here are exact in floats, with room for products


class Life(RuleBasedStateMachine):
    """Values that are made, used again, differentiated and reset, beside a model in exact integers.

    The model knows of each node its integer, its operands with the derivatives by them, and the gradient it should
    show: leaves add up over calls, other nodes hold that of the latest call that reached them.
    """

    nodes = Bundle("nodes")
    call_backward = staticmethod(Value.backward)
    call_gradients = staticmethod(gradients)

    def __init__(self) -> None:
        super().__init__()
        self.values: list[Value] = []
        self.integers: list[int] = []
        self.operands: list[list[tuple[int, int]]] = []  # (node, derivative by it)
        self.grads: list[int | None] = []

    def new(self, value: Value, integer: int, operands: list[tuple[int, int]]) -> int:
        self.values.append(value)
        self.integers.append(integer)
        self.operands.append(operands)
        self.grads.append(None)
        assert value.data == integer
        return len(self.values) - 1

    def derivatives(self, output: int, by: int, held: set[int] = frozenset()) -> int:  # type: ignore[assignment]  # an empty set that cannot change
        """The derivative of one node by another, forwards, with the nodes ``held`` fixed."""
        found = [0] * (output + 1)
        for node in range(output + 1):
            if node == by:
                found[node] = 1
            elif node not in held:
                found[node] = sum(partial * found[operand] for operand, partial in self.operands[node])
        return found[output]

    def ancestors(self, output: int) -> set[int]:
        seen, stack = set(), [output]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += [operand for operand, _ in self.operands[node]]
        return seen

    @rule(target=nodes, number=st.integers(-3, 3))
    def leaf(self, number: int) -> int:
        return self.new(Value(number), number, [])

    @rule(target=nodes, a=nodes, b=nodes, name=st.sampled_from(["add", "sub", "mul", "max"]))
    def binary(self, a: int, b: int, name: str) -> int:
        x, y = self.integers[a], self.integers[b]
        if abs(x * y) > 1000:
            return a
        run, integer, partials = {
            "add": (operator.add, x + y, (1, 1)),
            "sub": (operator.sub, x - y, (1, -1)),
            "mul": (operator.mul, x * y, (y, x)),
            "max": (TABLE["max"], max(x, y), (int(x >= y), int(x < y))),
        }[name]
        return self.new(run(self.values[a], self.values[b]), integer, list(zip((a, b), partials, strict=True)))

    @rule(
        target=nodes, a=nodes, number=st.integers(-3, 3), name=st.sampled_from(["add", "rsub", "mul", "square", "abs"])
    )
    def unary(self, a: int, number: int, name: str) -> int:
        x, value = self.integers[a], self.values[a]
        if abs(x) > 100:
            return a
        result, integer, partial = {
            "add": (value + number, x + number, 1),
            "rsub": (number - value, number - x, -1),
            "mul": (number * value, number * x, number),
            "square": (value**2, x * x, 2 * x),
            "abs": (abs(value), abs(x), (x > 0) - (x < 0)),
        }[name]
        return self.new(result, integer, [(a, partial)])

    @rule(target=nodes, a=nodes, detach=st.booleans())
    def cut(self, a: int, detach: bool) -> int:
        if detach:
            return self.new(self.values[a].detach(), self.integers[a], [])
        with no_grad():
            return self.new(self.values[a] + 1, self.integers[a] + 1, [])

    @rule(output=nodes, seed=st.integers(-2, 2))
    def backward(self, output: int, seed: int) -> None:
        reached = self.ancestors(output)
        slopes = {node: seed * self.derivatives(output, node) for node in reached}
        if max(map(abs, slopes.values())) > LARGE:
            return
        self.call_backward(self.values[output], float(seed))
        for node, slope in slopes.items():
            known = self.grads[node]
            self.grads[node] = slope if self.operands[node] or known is None else known + slope

    @rule(node=nodes)
    def reset(self, node: int) -> None:
        self.values[node].grad = None
        self.grads[node] = None

    @rule(output=nodes, inputs=st.lists(nodes, min_size=1, max_size=3))
    def gradients(self, output: int, inputs: list[int]) -> None:
        wanted = [self.derivatives(output, i, set(inputs) - {i}) for i in inputs]
        if max(map(abs, wanted)) < LARGE:
            assert self.call_gradients(self.values[output], [self.values[i] for i in inputs]) == wanted

    @invariant()
    def gradients_are_as_in_the_model(self) -> None:
        assert [value.grad if value.has_grad else None for value in self.values] == self.grads


def live(machine: type[Life] = Life, **options: Any) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=30, database=None, **options))


def test_the_life_of_a_graph() -> None:
    live(max_examples=100)


def backward_by(*, add: bool, leaves_only: bool) -> Callable[[Value, float], None]:
    """``Value.backward`` in short, right if both are true."""

    def backward(output: Value, grad: float) -> None:
        nodes = autograd.backward.topological(output)
        adjoints = sweep(nodes, {output: grad}, add=add)
        for node in nodes:
            known = node.grad if node.op is None or not leaves_only else 0.0
            node.grad = adjoints.get(node, 0.0) + known

    return backward


class Short(Life):
    call_backward = staticmethod(backward_by(add=True, leaves_only=True))


class Overwriting(Life):
    call_backward = staticmethod(backward_by(add=False, leaves_only=True))


class AddingUp(Life):
    """As if intermediate nodes were leaves: each call adds to what the one before left."""

    call_backward = staticmethod(backward_by(add=True, leaves_only=False))


class Leaking(Life):
    """Goes on behind the inputs, so that one input is not held fixed for another."""

    @staticmethod
    def call_gradients(output: Value, inputs: list[Value]) -> list[float]:
        adjoints = sweep(autograd.backward.topological(output), {output: 1.0}, add=True)
        return [adjoints.get(node, 0.0) for node in inputs]


def test_a_right_graph_in_short_lives_too() -> None:
    live(Short, max_examples=100)


@pytest.mark.parametrize("machine", [Overwriting, AddingUp, Leaking])
def test_a_wrong_graph_is_seen(machine: type[Life]) -> None:
    with pytest.raises(AssertionError):
        live(machine, phases=[Phase.generate], report_multiple_bugs=False, max_examples=500)
