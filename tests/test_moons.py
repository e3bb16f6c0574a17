"""Two moons: 100 full-batch steps of a 2-16-16-1 ReLU network, each beside a recorded reference run."""

import csv
import json
from pathlib import Path

import pytest

from autograd import Value
from autograd.math import dot
from nn import MLP, SGD, fit, hinge, predict

pytestmark = pytest.mark.long  # without coverage's tracer, under which it takes minutes

DATA = Path(__file__).parent / "data" / "moons"
L2 = 1e-4


def rows(name: str) -> list[dict[str, float]]:
    with (DATA / name).open(newline="") as file:
        return [{key: float(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


POINTS = [[row["x1"], row["x2"]] for row in rows("points.csv")]
LABELS = [row["label"] for row in rows("points.csv")]
TRACE = rows("trace.csv")


def model() -> MLP:
    network = MLP(2, [16, 16, 1], activation="relu")
    start = json.loads((DATA / "weights.json").read_text())
    numbers = [x for layer in start for neuron in layer for x in (*neuron["w"], neuron["b"])]
    for parameter, x in zip(network.parameters(), numbers, strict=True):
        parameter.data = x
    return network


def rate(step: int) -> float:
    return 1 - 0.9 * step / 100


def accuracy(scores: list[float]) -> float:
    right = sum((label > 0) == (score > 0) for label, score in zip(LABELS, scores, strict=True))
    return 100 * right / len(LABELS)


def test_the_initial_weights_are_those_of_a_seeded_generator():
    assert MLP(2, [16, 16, 1], activation="relu", seed=1337).state_dict() == model().state_dict()
    assert len(model().parameters()) == 337


def test_fit_matches_the_loss_and_the_accuracy_of_every_step():
    network = model()
    scores: list[float] = []

    def loss(output: Value, label: float) -> Value:
        scores.append(output.data)
        return hinge(output, label)

    optimizer = SGD(network.parameters(), rate)
    history = fit(network, POINTS, LABELS, loss=loss, optimizer=optimizer, epochs=100, l2=L2)
    assert len(TRACE) == 100
    for step, row in enumerate(TRACE):
        assert history.loss[step] == pytest.approx(row["loss"], rel=0, abs=1e-9), step
        assert accuracy(scores[100 * step : 100 * (step + 1)]) == row["accuracy_percent"], step
    assert accuracy(predict(network, POINTS)) == 100


def test_one_graph_for_the_whole_batch_gives_the_same_start():
    """The loss as one expression: what fit takes sample by sample."""
    network = model()
    optimizer = SGD(network.parameters(), rate)
    for step in range(3):
        losses = [hinge(network(point), label) for point, label in zip(POINTS, LABELS, strict=True)]
        parameters = network.parameters()
        total = sum(losses) / len(losses) + L2 * dot(parameters, parameters)
        assert total.data == pytest.approx(TRACE[step]["loss"], rel=0, abs=1e-9)
        network.zero_grad()
        total.backward()
        optimizer.step()
