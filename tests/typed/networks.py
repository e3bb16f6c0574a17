"""What type checkers know of networks: programs as users write them, checked, and run by ``tests/test_typed.py``."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, assert_type

from autograd import Value
from nn import MLP, SGD, Adam, History, Layer, Module, Network, Neuron, evaluate, fit, half_squared, load, predict

PAIRS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
XOR = [0, 1, 1, 0]


def what_models_give() -> None:
    assert_type(Neuron(2, seed=0)([1.0, 2.0]), Value)
    assert_type(Layer(2, 3, seed=0)([1.0, 2.0]), list[Value])
    assert_type(MLP(2, [3, 1], seed=0)([1.0, 2.0]), Value)
    assert_type(MLP[list[Value]](2, [3, 2], seed=0)([1.0, 2.0]), list[Value])
    assert_type(Network.layered(2, 3, 1)([1.0, 2.0]), list[Value])
    assert_type(Network.layered(2, 3, 1).activate([1.0, 2.0]), list[Value])
    assert_type(MLP(2, [1]).parameters(), list[Value])
    assert_type(MLP(2, [1]).state_dict(), dict[str, float])


def what_training_gives() -> None:
    model = MLP(2, [3, 1], output="sigmoid", seed=1)
    assert_type(fit(model, PAIRS, XOR, epochs=2), History)
    assert_type(fit(model, PAIRS, XOR, epochs=1).loss, list[float])
    assert_type(evaluate(model, PAIRS, XOR), float)
    assert_type(predict(model, PAIRS), list[float])
    assert_type(predict(MLP[list[Value]](2, [3, 2], seed=0), PAIRS), list[list[float]])
    assert_type(predict(Network.layered(2, 1), PAIRS), list[list[float]])
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.json")
        assert_type(MLP.load(Path(folder) / "model.json").parameters(), list[Value])
        assert_type(load(Path(folder) / "model.json")([1.0, 2.0]), Any)


class Residual(Module[Value]):
    """A model of a user's own."""

    def __init__(self, width: int) -> None:
        self.inner = MLP(width, [4, 1], seed=3)
        self.scale = Value(0.5, "scale")

    def __call__(self, inputs: Sequence[Any], /) -> Value:
        first: float = inputs[0]
        return self.scale * self.inner(inputs) + first


def programs() -> None:
    """The well-known loop, written as it is always written."""
    model = MLP(2, [4, 1], seed=0)
    rng = random.Random(0)
    for _ in range(3):
        x = rng.choice(PAIRS)
        score = model(x)
        margin = (1 - score * 2.0).relu()
        penalty = 1e-4 * sum((p * p for p in model.parameters()), Value(0.0))
        total = margin + penalty
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad
        assert_type(total.data, float)
        assert_type(p.grad, float)
        assert_type(p.has_grad, bool)

    optimizer = Adam(model.parameters(), 0.05)
    for pair, wanted in zip(PAIRS, XOR, strict=True):
        optimizer.zero_grad()
        half_squared(model(pair), wanted).backward()
        optimizer.step()

    mine = Residual(2)
    assert_type(mine([1.0, 2.0]), Value)
    assert_type(predict(mine, PAIRS), list[float])
    fit(mine, PAIRS, XOR, optimizer=SGD(mine.parameters(), 0.1), epochs=2)

    network = Network.layered(2, 3, 1, seed=0)
    outputs = network.activate([0.0, 1.0])
    assert_type(outputs[0].data, float)
    assert_type(network.propagate(0.5, [1.0]), float)


def what_is_wrong() -> None:
    model = MLP(2, [3, 1])
    model([1.0, 2.0]).backwards()  # type: ignore[attr-defined]
    model([1.0, 2.0])[0]  # type: ignore[index]
    predict(model, PAIRS)[0][0]  # type: ignore[index]
    fit(model, PAIRS, XOR, epochs="2")  # type: ignore[arg-type]
    MLP("2", [3, 1])  # type: ignore[arg-type]
    SGD(model, 0.1)  # type: ignore[arg-type]


CHECKED = (what_models_give, what_training_gives, programs)
