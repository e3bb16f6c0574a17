"""Large graphs as neurons and layers: what is in a box is counted by hand."""

from __future__ import annotations

import re

import pytest

from autograd import Value, draw
from autograd import math as am
from autograd.view import Graph
from nn import MLP, hinge


def loss_of(samples: int, sizes: tuple[int, ...] = (3, 2, 1)) -> tuple[Value, MLP]:
    model = MLP(2, list(sizes), activation="relu", seed=1)
    total: Value | None = None
    for i in range(samples):
        one = hinge(model([0.1 * i - 0.3, 0.7 - 0.2 * i]), 1.0 if i % 2 else -1.0)
        total = one if total is None else total + one
    assert total is not None
    loss = total / samples
    loss.label = "loss"
    loss.backward()
    return loss, model


def boxes(graph: Graph) -> list[str]:
    """What the boxes say, one line each."""
    found = re.findall(r"^  n\d+ \[.*label=<(.*)>\]$", graph.source, re.MULTILINE)
    return [re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", box.replace("\u00a0", " "))).strip() for box in found]


def count(graph: Graph) -> int:
    """The nodes that all boxes stand for."""
    return sum(int(n.replace(",", "")) for n in re.findall(r'tooltip="([\d,]+) nodes"', graph.source))


def test_a_neuron_is_a_box_and_samples_are_one():
    loss, model = loss_of(7)
    graph = draw(loss, level="neurons")
    neurons = [box for box in boxes(graph) if box.startswith("relu ← add ← dot")]
    assert len(neurons) == 3 + 2
    assert all("samples ×7" in box for box in neurons)
    assert [box.count("parameters 3 ") + box.count("parameters 4 ") for box in neurons] == [1] * 5
    (output,) = [box for box in boxes(graph) if box.startswith("add ← dot")]
    assert "parameters 3 " in output
    assert graph.edges >= 3 * 2 + 2 + 1
    assert len(model.parameters()) == 3 * 3 + 2 * 4 + 3


def test_a_layer_is_a_box():
    loss, _ = loss_of(7)
    found = boxes(draw(loss, level="layers"))
    assert found[0].startswith("3 × (relu ← add ← dot) parameters 9 samples ×7")
    assert found[1].startswith("2 × (relu ← add ← dot) parameters 8 samples ×7")
    assert found[2].startswith("add ← dot parameters 3 w2.0.0 … b2.0 samples ×7")
    assert found[-1].startswith("output loss div")
    assert f"data {loss.data:.5g}" in found[-1]


@pytest.mark.parametrize("samples", [1, 2, 5])
@pytest.mark.parametrize("level", ["neurons", "layers"])
def test_every_parameter_is_in_one_box(samples: int, level: str):
    loss, model = loss_of(samples, (4, 1))
    graph = draw(loss, level=level)
    told = sum(int(n) for box in boxes(graph) for n in re.findall(r"(?<!the )parameters (\d+)", box))
    assert told == len(model.parameters())
    assert count(graph) >= told


def test_numbers_of_several_samples_are_a_range():
    w = Value(2.0, "w")
    ys = [am.tanh(w * x) for x in (0.1, 0.5, -0.2)]
    graph = draw(am.sum(ys), level="neurons")
    assert any("samples ×3" in box or "data" in box for box in boxes(graph))
    low, high = min(y.data for y in ys), max(y.data for y in ys)
    assert f"{low:.5g} … {high:.5g}" in " ".join(boxes(draw(ys, level="neurons")))


def test_the_moons_at_neuron_level():
    loss, _ = loss_of(100, (16, 16, 1))
    graph = draw(loss, level="neurons")
    assert graph.nodes < 40
    assert graph.edges == 16 * 16 + 16 + 3
    assert graph.svg().count("<g id=") > 300


def test_the_neurons_of_a_layer_stand_in_order_one_below_the_other():
    loss, _ = loss_of(3, (8, 8, 1))
    graph = draw(loss, level="neurons")
    text = {f"n{k}": box for k, box in enumerate(boxes(graph))}
    shapes = re.findall(r'<g id="(n\d+)".*?(?: points| d)="([^"]*)"', graph.svg(), re.DOTALL)
    where = {name: [tuple(map(float, p.split(","))) for p in re.findall(r"[-.\d]+,[-.\d]+", d)] for name, d in shapes}
    columns = []
    for layer in (0, 1):
        middles = []
        for j in range(8):
            (name,) = [name for name, box in text.items() if f"w{layer}.{j}.0" in box]
            xs, ys = zip(*where[name], strict=True)
            middles.append(((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2))
        assert max(x for x, _ in middles) - min(x for x, _ in middles) < 20
        assert [y for _, y in middles] == sorted(y for _, y in middles)
        columns.append(middles)
    assert all(abs(a[1] - b[1]) < 50 for a, b in zip(*columns, strict=True))  # and the layers side by side


def test_a_title_stands_above():
    loss, _ = loss_of(2)
    for graph in (draw(loss, level="layers", title="the loss <of> two"), draw(loss, title="the loss <of> two")):
        assert "the loss &lt;of&gt; two" in graph.source
        assert "the loss &lt;of&gt; two" in graph.svg()


def test_what_is_refused():
    x = Value(1.0, "x")
    with pytest.raises(ValueError, match="level must be layers, neurons, full, not 'cells'"):
        draw(x * 2, level="cells")
    with pytest.raises(ValueError, match="leave them out, or level"):
        draw(x * 2, level="layers", depth=1)
    loss, _ = loss_of(2)
    with pytest.raises(ValueError, match="more than 3 boxes at the level of neurons: raise limit=3"):
        draw(loss, level="neurons", limit=3)
