"""XOR in thirty lines: activate, propagate, and the two deltas that libraries use at the output."""

import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autograd import Value, on_trial
from autograd.diagnosis import Verdict
from autograd.math import sigmoid
from autograd.suspects import EARLY, FACTOR
from nn import Network, half_squared, logistic_cross_entropy
from nn.layers import uniform

pytestmark = pytest.mark.long  # without coverage's tracer, under which it takes minutes

XOR = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]
RATE, GOAL = 0.2, 0.005  # on the mean of (target - output)²


def small(seed: int, *sizes: int) -> Network:
    """Weights and biases drawn from ±0.1."""
    rng = random.Random(seed)
    network = Network.layered(*sizes, init=uniform(0.1), seed=rng)
    for name, parameter in network.named_parameters():
        if name.startswith("b"):
            parameter.data = rng.uniform(-0.1, 0.1)
    return network


def epoch(network: Network, samples: list[tuple[list[int], int]], loss: Callable[..., Any]) -> float:
    """One round of all samples; the mean of (target - output)²."""
    error = 0.0
    for inputs, target in samples:
        (out,) = network.activate(inputs)
        error += (target - out.data) ** 2
        network.propagate(RATE, [target], loss=loss)
    return error / len(samples)


def learned(network: Network, samples: list[tuple[list[int], int]]) -> bool:
    outputs = [network(inputs)[0].data for inputs, _ in samples]
    return all(out >= 0.51 if target else out <= 0.49 for out, (_, target) in zip(outputs, samples, strict=True))


def rounds_by_hand(network: Network, seed: int, slope: Callable[[float], float], most: int) -> int:
    """Rounds of the shuffled XOR pairs until the goal, in plain floats, from this network's numbers.

    ``slope`` is the factor beside target - output in the delta of the output.
    """
    numbers = network.state_dict()
    w = [[numbers[f"w0->{j}"], numbers[f"w1->{j}"], numbers[f"b{j}"]] for j in (2, 3, 4)]
    v = [numbers[f"w{j}->5"] for j in (2, 3, 4)] + [numbers["b5"]]
    rng, samples = random.Random(seed), list(XOR)
    for count in range(1, most + 1):
        rng.shuffle(samples)
        error = 0.0
        for (a, b), target in samples:
            h = [1 / (1 + math.exp(-(p * a + q * b + c))) for p, q, c in w]
            out = 1 / (1 + math.exp(-(v[0] * h[0] + v[1] * h[1] + v[2] * h[2] + v[3])))
            error += (target - out) ** 2
            delta = RATE * (target - out) * slope(out)
            for j in range(3):
                back = delta * v[j] * h[j] * (1 - h[j])
                v[j] += delta * h[j]
                w[j][0] += back * a
                w[j][1] += back * b
                w[j][2] += back
            v[3] += delta
        if error / 4 <= GOAL:
            return count
    return most


def test_one_neuron_worked_by_hand():
    network = Network(
        nodes=[{"kind": "input"}, {"kind": "input"}, {"kind": "output", "bias": -2}],
        connections=[{"source": 0, "target": 2, "weight": 7}, {"source": 1, "target": 2, "weight": 3}],
    )
    (out,) = network.activate([1, 0])
    net = out.args[0]
    assert net.data == 5
    assert f"{out:.6f}" == "0.993307"


def rounds(network: Network, seed: int, loss: Callable[..., Any], most: int) -> Iterator[float]:
    """The error of each round of the shuffled XOR pairs."""
    rng, samples = random.Random(seed), list(XOR)
    for _ in range(most):
        rng.shuffle(samples)
        yield epoch(network, samples, loss)


def test_with_the_delta_target_minus_output_it_takes_about_1200_to_1500_rounds():
    counts = [rounds_by_hand(small(seed, 2, 3, 1), seed, lambda out: 1.0, 3000) for seed in range(9)]
    assert 1200 <= sorted(counts)[4] <= 1500
    # a run in nine is stuck with two pairs unlearned, as this network sometimes is
    assert sorted(counts)[-2] < 2000 < sorted(counts)[-1] == 3000
    # and our gradients take as many rounds as those written by hand
    network = small(0, 2, 3, 1)
    errors = list(itertools.takewhile(lambda error: error > GOAL, rounds(network, 0, logistic_cross_entropy, 3000)))
    assert len(errors) + 1 == counts[0]
    assert learned(network, XOR)


def test_with_the_gradient_of_the_squared_error_it_takes_about_8000_to_10000_rounds():
    """… and after 20,000 rounds the outputs, rounded, are XOR."""
    counts = [rounds_by_hand(small(seed, 2, 3, 1), seed, lambda out: out * (1 - out), 12_000) for seed in range(5)]
    assert 8000 <= sorted(counts)[2] <= 10_000
    network = small(0, 2, 3, 1)
    errors = list(rounds(network, 0, half_squared, 20_000))
    assert next(i for i, error in enumerate(errors, 1) if error <= GOAL) == counts[0]
    assert [round(network.activate(inputs)[0].data) for inputs, _ in XOR] == [0, 1, 1, 0]
    assert errors[-1] < 0.001


GATES = {
    "and": [([a, b], a & b) for a in (0, 1) for b in (0, 1)],
    "or": [([a, b], a | b) for a in (0, 1) for b in (0, 1)],
    "not": [([a], 1 - a) for a in (0, 1)],
}


@pytest.mark.parametrize("loss", [half_squared, logistic_cross_entropy])
@pytest.mark.parametrize("gate", GATES)
def test_a_single_layer_learns_the_simple_gates_within_1000_rounds(gate: str, loss: Callable[..., Any]):
    samples = GATES[gate]
    for seed in range(3):
        network = small(seed, len(samples[0][0]), 1)
        for _ in range(1000):
            epoch(network, samples, loss)
        assert learned(network, samples)


def test_a_single_layer_does_not_learn_xor():
    network = small(0, 2, 1)
    for _ in range(1000):
        epoch(network, XOR, half_squared)
    assert [round(network(inputs)[0].data) for inputs, _ in XOR] != [0, 1, 1, 0]


# ---- the library's own program, on trial -----------------------------------------------------------------------------


class Neuron:
    """A neuron in the library's shape: what comes in by the neuron that it comes from, and those that it goes to."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name, self.bias = name, rng.uniform(-0.1, 0.1)
        self.weights: dict[Neuron, float] = {}
        self.projected: list[Neuron] = []
        self.activation = self.error = 0.0

    def project(self, to: "Neuron", weight: float) -> None:
        self.projected.append(to)
        to.weights[self] = weight

    def activate(self) -> None:
        net = self.bias + sum(w * source.activation for source, w in self.weights.items())
        self.activation = 1 / (1 + math.exp(-net))

    def blame(self, target: float | None) -> None:
        """Its delta: target - output, or what comes back through the weights as they are now."""
        if target is not None:
            self.error = target - self.activation
        else:
            back = sum(neuron.error * neuron.weights[self] for neuron in self.projected)
            self.error = self.activation * (1 - self.activation) * back

    def move(self, rate: float) -> None:
        for source in self.weights:
            self.weights[source] += rate * self.error * source.activation
        self.bias += rate * self.error


class Program:
    """2-3-1 with ``activate`` and ``propagate``; as the library does it, a neuron moves as soon as its turn comes."""

    def __init__(self, seed: int, at_once: bool = False) -> None:
        rng = random.Random(seed)
        self.inputs, self.hidden = [Neuron(f"i{k}", rng) for k in range(2)], [Neuron(f"h{k}", rng) for k in range(3)]
        self.output, self.at_once = Neuron("out", rng), at_once
        for source, to in itertools.product(self.inputs, self.hidden):
            source.project(to, rng.uniform(-0.1, 0.1))
        for source in self.hidden:
            source.project(self.output, rng.uniform(-0.1, 0.1))

    def activate(self, inputs: tuple[float, ...] | list[int]) -> float:
        for neuron, x in zip(self.inputs, inputs, strict=True):
            neuron.activation = x
        for neuron in (*self.hidden, self.output):
            neuron.activate()
        return self.output.activation

    def propagate(self, rate: float, target: float) -> None:
        turns = [self.output, *self.hidden]
        for neuron in turns:
            neuron.blame(target if neuron is self.output else None)
            if not self.at_once:
                neuron.move(rate)
        if self.at_once:
            for neuron in turns:
                neuron.move(rate)

    def parameters(self) -> dict[str, float]:
        found = {}
        for neuron in (*self.hidden, self.output):
            found |= {f"{source.name}->{neuron.name}": w for source, w in neuron.weights.items()}
            found[f"bias {neuron.name}"] = neuron.bias
        return found


PAIRS = [((0.35, 0.8), 0.9), ((0.9, 0.15), 0.1), ((0.2, 0.6), 0.7)]


def trial(program: Program, loss: Callable[..., Value]) -> Verdict:
    def step(i: int) -> None:
        program.activate(PAIRS[i][0])
        program.propagate(RATE, PAIRS[i][1])

    def value(w: dict[str, Value], i: int) -> Value:
        inputs, target = PAIRS[i]
        hidden = [sigmoid(sum((w[f"i{k}->h{j}"] * x for k, x in enumerate(inputs)), w[f"bias h{j}"])) for j in range(3)]
        out = sigmoid(sum((w[f"h{j}->out"] * h for j, h in enumerate(hidden)), w["bias out"]))
        return loss([out], [target])

    return on_trial(step, program.parameters, value, rate=RATE)


@pytest.mark.parametrize("seed", range(5))
def test_the_librarys_program_goes_down_the_cross_entropy_and_updates_too_early(seed: int):
    found = trial(Program(seed), logistic_cross_entropy)
    assert (found.step, found.kind) == (0, EARLY)
    assert found.diagnosis is not None
    assert {row.kind for row in found.diagnosis.faults} == {EARLY}
    hidden = {name for name in Program(seed).parameters() if not name.endswith("out")}
    assert {row.name for row in found.diagnosis.faults} == hidden
    assert trial(Program(seed, at_once=True), logistic_cross_entropy)


@pytest.mark.parametrize("seed", range(5))
def test_of_the_squared_error_it_lacks_the_slope_of_the_output(seed: int):
    found = trial(Program(seed, at_once=True), half_squared)
    assert (found.step, found.kind) == (0, FACTOR)
    assert found.diagnosis is not None
    assert len(found.diagnosis.faults) == 13
    assert all("dsigmoid/dadd" in row.finding for row in found.diagnosis.faults)


def test_most_starts_of_the_librarys_program_learn():
    learnt = 0
    for seed in range(10):
        program = Program(seed)
        for _ in range(4000):
            for inputs, target in XOR:
                program.activate(inputs)
                program.propagate(0.3, target)
        learnt += all(abs(program.activate(inputs) - target) < 0.4 for inputs, target in XOR)
    assert 8 <= learnt <= 9
