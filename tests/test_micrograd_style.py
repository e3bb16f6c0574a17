"""Programs in the manner of micrograd and of what is written on it run with nothing changed but the class Value."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from autograd import Value

# ---- expressions: the known numbers of micrograd's example ---------------------------------------------------------


def bent(x: Any) -> Any:
    return x.relu() if isinstance(x, Value) else max(x, 0.0)


def known(a: Any, b: Any) -> Any:
    """What micrograd publishes the value and the slopes of at (-4, 2), its steps drawn together; on floats as well."""
    total = a + b
    c = 2 * (2 * total + 1) + 1 - a
    d = 4 * (3 * (a * b + b**3) + bent(b + a)) + bent(b - a)
    f = (c - d) ** 2
    return f / 2.0 + 10.0 / f


def test_the_known_numbers() -> None:
    a, b = Value(-4.0), Value(2.0)
    g = known(a, b)
    assert g.data == pytest.approx(24.70408163265306, rel=1e-14)
    assert f"{g.data:.4f}" == "24.7041"
    g.backward()
    assert a.grad == pytest.approx(138.83381924198252, rel=1e-14)
    assert b.grad == pytest.approx(645.5772594752186, rel=1e-14)
    step = 1e-5
    assert a.grad == pytest.approx((known(-4.0 + step, 2.0) - known(-4.0 - step, 2.0)) / (2 * step), rel=1e-6)
    assert b.grad == pytest.approx((known(-4.0, 2.0 + step) - known(-4.0, 2.0 - step)) / (2 * step), rel=1e-6)


def test_the_gradients_of_what_lies_between_are_there_too() -> None:
    x, w = Value(3.0), Value(-0.5)
    inner = x * w + 2.0
    outer = inner * inner + inner.relu() * w
    outer.backward()
    assert (outer.data, outer.grad) == (0.0, 1.0)
    assert inner.grad == 2 * 0.5 + -0.5
    assert (x.grad, w.grad) == (inner.grad * -0.5, inner.grad * 3.0 + 0.5)
    outer.backward()  # leaves add up, what lies between begins anew
    assert (inner.grad, x.grad) == (0.5, -0.5)


def test_the_graph_can_be_walked() -> None:
    """``args`` and ``op`` are what micrograd has for ``_prev`` and ``_op``, in order, and a node used twice is twice there."""
    a, b = Value(2.0), Value(3.0)
    c = a * b
    d = c + c
    assert d.args == (c, c)
    assert c.args == (a, b)
    assert [str(node.op) for node in (d, c)] == ["add", "mul"]
    assert a.op is None
    assert a.args == ()
    assert (a * 2.0).args == (a, 2.0)  # a plain number is no node


@pytest.mark.parametrize(
    "expression",
    [
        lambda x: x + 1, lambda x: 1 + x, lambda x: x - 3, lambda x: 3 - x, lambda x: x * 2, lambda x: 2 * x, lambda x: x / 4,
        lambda x: 4 / x, lambda x: x**2, lambda x: x**-1, lambda x: x**0.5, lambda x: -x, lambda x: sum([x, x, x]),
    ],
)  # fmt: skip
def test_operators_with_plain_numbers_on_either_side(expression: Callable[[Any], Any]) -> None:
    x = Value(1.75)
    y = expression(x)
    y.backward()
    assert y.data == expression(1.75)
    assert x.grad == pytest.approx((expression(1.75 + 1e-6) - expression(1.75 - 1e-6)) / 2e-6, rel=1e-8)


# ---- a network of neurons, written on the class ------------------------------------------------------------------------


class Cell:
    def __init__(self, rng: random.Random, inputs: int, bent: bool) -> None:
        self.w = [Value(rng.uniform(-1, 1)) for _ in range(inputs)]
        self.b = Value(0)
        self.bent = bent

    def __call__(self, x: Any) -> Any:
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return act.relu() if self.bent else act

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]


class Net:
    def __init__(self, rng: random.Random, sizes: list[int]) -> None:
        self.layers = [
            [Cell(rng, ins, i + 2 < len(sizes)) for _ in range(outs)]
            for i, (ins, outs) in enumerate(itertools.pairwise(sizes))
        ]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = [cell(x) for cell in layer]
        return x[0] if len(x) == 1 else x

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for cell in layer for p in cell.parameters()]

    def zero_grad(self) -> None:
        for p in self.parameters():
            p.grad = 0


def test_a_classifier_trains_by_a_loop_of_its_own() -> None:
    rng = random.Random(1337)
    points, signs = [], []
    for i in range(24):
        t = math.pi * i / 24
        upper = i % 2 == 0
        points.append([math.cos(t), math.sin(t)] if upper else [1 - math.cos(t), 0.5 - math.sin(t)])
        signs.append(1 if upper else -1)
    model = Net(rng, [2, 8, 1])
    assert len(model.parameters()) == 33

    def loss() -> tuple[Value, float]:
        inputs = [list(map(Value, row)) for row in points]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * si).relu() for yi, si in zip(signs, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        right = [(yi > 0) == (si.data > 0) for yi, si in zip(signs, scores, strict=True)]
        return data_loss + reg_loss, sum(right) / len(right)

    first, _ = loss()
    for k in range(60):
        total, accuracy = loss()
        model.zero_grad()
        total.backward()
        rate = 1.0 - 0.9 * k / 60
        for p in model.parameters():
            p.data -= rate * p.grad
    assert total.data < 0.3 * first.data
    assert accuracy > 0.9
    some = model.parameters()[5]
    slope = some.grad
    there = some.data + rate * slope  # where the last gradient was taken, all others moved as well: take it anew
    some.data = there
    model.zero_grad()
    here, _ = loss()
    here.backward()
    some.data = there + 1e-6
    above, _ = loss()
    some.data = there - 1e-6
    below, _ = loss()
    assert some.grad == pytest.approx((above.data - below.data) / 2e-6, rel=1e-4, abs=1e-8)


# ---- a transformer of scalars: matrices are lists of lists of Values ---------------------------------------------------


def matrix(rng: random.Random, rows: int, columns: int) -> list[list[Value]]:
    return [[Value(rng.gauss(0, 0.2)) for _ in range(columns)] for _ in range(rows)]


def linear(x: list[Any], w: list[list[Any]]) -> list[Any]:
    return [sum(wi * xi for wi, xi in zip(row, x, strict=True)) for row in w]


def softmax(scores: list[Any]) -> list[Any]:
    highest = max(s.data for s in scores)
    exps = [(s - highest).exp() for s in scores]
    total = sum(exps)
    return [e / total for e in exps]


def normed(x: list[Any]) -> list[Any]:
    square = sum(xi * xi for xi in x) / len(x)
    scale = (square + 1e-5) ** -0.5
    return [xi * scale for xi in x]


class Transformer:
    """One block of attention and feed-forward over characters, one position at a time, keys and values kept in lists."""

    def __init__(self, rng: random.Random, letters: int, width: int, heads: int, length: int) -> None:
        self.heads, self.size = heads, width // heads
        shapes = {"wte": (letters, width), "wpe": (length, width), "wq": (width, width), "wk": (width, width)}
        shapes |= {"wv": (width, width), "wo": (width, width), "up": (2 * width, width), "down": (width, 2 * width)}
        self.state = {name: matrix(rng, *shape) for name, shape in shapes.items()} | {
            "head": matrix(rng, letters, width)
        }
        self.params = [p for rows in self.state.values() for row in rows for p in row]

    def __call__(self, token: int, position: int, keys: list[Any], values: list[Any]) -> list[Any]:
        w = self.state
        x = normed([t + p for t, p in zip(w["wte"][token], w["wpe"][position], strict=True)])
        kept = x
        q, k, v = linear(x, w["wq"]), linear(x, w["wk"]), linear(x, w["wv"])
        keys.append(k)
        values.append(v)
        mixed = []
        for h in range(self.heads):
            at = slice(h * self.size, (h + 1) * self.size)
            scores = [sum(a * b for a, b in zip(q[at], old[at], strict=True)) / self.size**0.5 for old in keys]
            weights = softmax(scores)
            mixed += [sum(weights[t] * values[t][at][j] for t in range(len(values))) for j in range(self.size)]
        x = [a + b for a, b in zip(linear(mixed, w["wo"]), kept, strict=True)]
        kept = x
        x = linear([xi.relu() for xi in linear(normed(x), w["up"])], w["down"])
        return linear([a + b for a, b in zip(x, kept, strict=True)], w["head"])

    def loss(self, text: list[int]) -> Any:
        keys: list[Any] = []
        values: list[Any] = []
        losses = []
        for position, (token, target) in enumerate(itertools.pairwise(text)):
            probabilities = softmax(self(token, position, keys, values))
            losses.append(-probabilities[target].log())
        return (1 / len(losses)) * sum(losses)


def test_a_transformer_of_scalars_learns_by_an_optimiser_of_its_own() -> None:
    rng = random.Random(42)
    model = Transformer(rng, letters=5, width=8, heads=2, length=6)
    text = [0, 1, 2, 3, 4, 0]
    first = model.loss(text)
    assert first.data == pytest.approx(math.log(5), abs=1.0)
    first.backward()
    probe = model.state["wq"][3][2]
    here = probe.data
    slopes = []
    for step in (1e-6, -1e-6):
        probe.data = here + step
        slopes.append(model.loss(text).data)
    probe.data = here
    assert probe.grad == pytest.approx((slopes[0] - slopes[1]) / 2e-6, rel=1e-4, abs=1e-8)

    rate, beta1, beta2, eps = 0.03, 0.9, 0.95, 1e-8
    m = [0.0] * len(model.params)
    v = [0.0] * len(model.params)
    for p in model.params:
        p.grad = 0
    for step in range(25):
        loss = model.loss(text)
        loss.backward()
        for i, p in enumerate(model.params):
            m[i] = beta1 * m[i] + (1 - beta1) * p.grad
            v[i] = beta2 * v[i] + (1 - beta2) * p.grad**2
            m_hat = m[i] / (1 - beta1 ** (step + 1))
            v_hat = v[i] / (1 - beta2 ** (step + 1))
            p.data -= rate * m_hat / (v_hat**0.5 + eps)
            p.grad = 0
    assert loss.data < 0.2 < first.data
