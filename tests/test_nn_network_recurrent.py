"""Networks with delays and gates: their formulas, their gradients through time, and what they learn to remember."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Value
from autograd.math import log, softmax
from nn import Adam, Module, Network, evaluate, fit, half_squared, predict
from nn.optim import cosine_rate


def lstm(
    inputs: int, cells: int, outputs: int, seed: int, output: str = "sigmoid"
) -> tuple[Network, dict[str, list[int]]]:
    """An LSTM layer with a forget gate and without peepholes (Gers et al. 2000), made of nodes, delays and gates."""
    rng, network = random.Random(seed), Network()
    ids: dict[str, list[int]] = {"x": [network.add_node("input").id for _ in range(inputs)]}
    for part, activation in (("i", "sigmoid"), ("f", "sigmoid"), ("o", "sigmoid"), ("g", "tanh")):
        bias = 1.0 if part == "f" else 0.0
        ids[part] = [network.add_node(activation=activation, bias=bias).id for _ in range(cells)]
    for part, activation in (("c", "linear"), ("t", "tanh"), ("h", "linear")):
        ids[part] = [network.add_node(activation=activation).id for _ in range(cells)]
    ids["y"] = [network.add_node("output", activation=output).id for _ in range(outputs)]
    for k in range(cells):
        i, f, o, g, c, t, h = (ids[part][k] for part in "ifogcth")
        for gate in (i, f, o, g):
            for x in ids["x"]:
                network.add_connection(x, gate, rng.uniform(-0.5, 0.5))
            for other in ids["h"]:
                network.add_connection(other, gate, rng.uniform(-0.5, 0.5), delay=1)
        network.add_connection(g, c, 1.0, gate=i)
        network.add_connection(c, c, 1.0, gate=f, delay=1)
        network.add_connection(c, t, 1.0)
        network.add_connection(t, h, 1.0, gate=o)
    for y in ids["y"]:
        for h in ids["h"]:
            network.add_connection(h, y, rng.uniform(-1, 1))
    return network, ids


def weight(network: Network, source: int, target: int) -> float:
    return next(c.weight.data for c in network.connections.values() if (c.source, c.target) == (source, target))


def test_an_lstm_cell_is_its_formulas():
    """i, f, o = σ(W x + U h + b), g = tanh(…), c = f c + i g, h = o tanh(c), in NumPy."""
    network, ids = lstm(3, 4, 2, seed=1)
    rng = random.Random(5)
    for parameter in network.parameters():  # biases as well, save those of nodes that only pass on
        if parameter.label.startswith("b") and int(parameter.label[1:]) not in ids["c"] + ids["t"] + ids["h"]:
            parameter.data = rng.uniform(-1, 1)
    w = {p: np.array([[weight(network, x, n) for x in ids["x"]] for n in ids[p]]) for p in "ifog"}
    u = {p: np.array([[weight(network, h, n) for h in ids["h"]] for n in ids[p]]) for p in "ifog"}
    b = {p: np.array([network.nodes[n].bias.data for n in ids[p]]) for p in "ifogy"}
    v = np.array([[weight(network, h, y) for h in ids["h"]] for y in ids["y"]])
    sequence = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(25)]
    h, c = np.zeros(4), np.zeros(4)
    for x, outputs in zip(sequence, network.run(sequence), strict=True):
        net = {p: w[p] @ x + u[p] @ h + b[p] for p in "ifog"}
        i, f, o = (1 / (1 + np.exp(-net[p])) for p in "ifo")
        c = f * c + i * np.tanh(net["g"])
        h = o * np.tanh(c)
        expected = 1 / (1 + np.exp(-(v @ h + b["y"])))
        assert np.abs([y.data for y in outputs] - expected).max() <= 1e-15


def test_gradients_through_time_are_the_finite_differences():
    network, _ = lstm(2, 2, 1, seed=3)
    rng = random.Random(2)
    sequence = [[rng.gauss(0, 1) for _ in range(2)] for _ in range(6)]

    def loss() -> Value:
        return sum((half_squared(y, [0.3 * t]) for t, y in enumerate(network.run(sequence))), Value(0.0))

    network.zero_grad()
    loss().backward()
    for parameter in network.parameters():
        middle, step = parameter.data, 1e-6
        parameter.data = middle + step
        high = loss().data
        parameter.data = middle - step
        slope = (high - loss().data) / (2 * step)
        parameter.data = middle
        assert parameter.grad == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_a_delay_of_two_is_the_input_of_two_steps_before():
    network = Network()
    x, y = network.add_node("input").id, network.add_node("output", activation="linear").id
    network.add_connection(x, y, 1.0, delay=2)
    network.add_connection(x, y, 10.0)
    assert [out[0].data for out in network.run([[1.0], [2.0], [3.0], [4.0]])] == [10.0, 20.0, 31.0, 42.0]
    assert network.activate([0.0])[0].data == 3.0  # goes on where run ended
    network.reset()
    assert network.activate([5.0])[0].data == 50.0
    assert network([1.0, 2.0, 3.0])[0].data == 31.0  # a sequence in a row, from the start
    with pytest.raises(ValueError, match="a connection 0 -> 1 already"):
        network.add_connection(x, y, 1.0, delay=2)


def test_a_gate_multiplies_and_gets_its_gradient():
    network = Network()
    a, g = network.add_node("input").id, network.add_node("input").id
    y = network.add_node("output", activation="linear").id
    connection = network.add_connection(a, y, 3.0, gate=g)
    xs = [Value(5.0), Value(7.0)]
    (out,) = network.activate(xs)
    assert out.data == 3.0 * 7.0 * 5.0
    out.backward()
    assert (xs[0].grad, xs[1].grad, connection.weight.grad) == (21.0, 15.0, 35.0)


def test_cycles_without_a_delay_are_refused_those_with_one_are_not(tmp_path: Path):
    network = Network()
    a, h, y = network.add_node("input").id, network.add_node().id, network.add_node("output").id
    network.add_connection(a, h, 1.0)
    network.add_connection(h, y, 1.0)
    for call, message in [
        (lambda: network.add_connection(y, h, 1.0), "would close a cycle: 2 -> 1 -> 2; give it delay=1"),
        (lambda: network.add_connection(h, h, 1.0), "would close a cycle: 1 -> 1; give it delay=1"),
        (lambda: network.add_connection(a, h, 1.0, delay=1, gate=y), "would close a cycle: 2 -> 1 -> 2"),
        (lambda: network.add_connection(a, h, 1.0, delay=1, gate=h), "would close a cycle: 1 -> 1"),
        (lambda: network.add_connection(a, h, 1.0, delay=-1), "delay must be a whole number of at least 0"),
        (lambda: network.add_connection(a, h, 1.0, delay=1, gate=9), "there is no node 9"),
        (lambda: network.add_node(aggregation="mode"), "no aggregation 'mode': give sum, builtin_sum, product"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    network.add_connection(y, h, 0.5, delay=1)
    network.add_connection(h, h, -0.5, delay=1, gate=a)
    sequence = [[0.5], [-1.0], [2.0]]
    outputs = [out[0].data for out in network.run(sequence)]
    network.save(tmp_path / "model.json")
    again = nn.load(tmp_path / "model.json")
    assert [out[0].data for out in again.run(sequence)] == outputs
    assert again.architecture() == network.architecture()
    with pytest.raises(ValueError, match="takes 1 inputs a step"):
        network([])
    network.remove_node(h)
    assert not network.connections


@pytest.mark.long
@pytest.mark.trains
def test_an_lstm_learns_the_adding_task():
    """The sum of the two numbers that a second input marks (Hochreiter and Schmidhuber 1997), in sequences of 5."""
    network, _ = lstm(2, 3, 1, seed=0, output="linear")
    rng = random.Random(1)

    def sample() -> tuple[list[float], float]:
        numbers, marked = [rng.uniform(-1, 1) for _ in range(5)], rng.sample(range(5), 2)
        row = [x for t, number in enumerate(numbers) for x in (number, float(t in marked))]
        return row, sum(numbers[t] for t in marked)

    train, test = ([sample() for _ in range(count)] for count in (250, 50))
    fit(network, *zip(*train, strict=True), optimizer=Adam(network.parameters(), 0.02), epochs=40, batch_size=10)
    error = evaluate(network, *zip(*test, strict=True), "mse")
    spread = sum(t * t for _, t in test) / len(test)
    assert error < 0.05 * spread


def test_a_recurrent_network_is_trained_step_by_step():
    """``propagate`` goes back to the propagate before; an output is to be the input of the step before."""
    network = Network()
    x, h, y = (
        network.add_node("input").id,
        network.add_node(activation="linear").id,
        network.add_node("output", activation="linear").id,
    )
    network.add_connection(x, h, 0.3, delay=1)
    network.add_connection(h, y, 0.3)
    rng, last, losses = random.Random(3), 0.0, []
    for _ in range(500):
        now = rng.uniform(-1, 1)
        network.activate([now])
        losses.append(network.propagate(0.2, [last]))
        last = now
    assert max(losses[-50:]) < 1e-6


# ---- what recurrent networks are tried on ----------------------------------------------------------------------------


class Steps(Module[list[list[Value]]]):
    """A network on sequences, each given as one row: the outputs of all steps."""

    def __init__(self, network: Network, width: int) -> None:
        self.network, self.width = network, width

    def __call__(self, inputs: Any, /) -> list[list[Value]]:
        return self.network.run([inputs[i : i + self.width] for i in range(0, len(inputs), self.width)])


def surprise(outputs: list[list[Value]], targets: list[float]) -> Value:
    """−Σ t ln softmax(y) over all steps: nothing where a step asks for nothing."""
    wanted, total = iter(targets), Value(0.0)
    for ys in outputs:
        for share in softmax(ys):
            total = total - next(wanted) * log(share)
    return total


def one_hot(symbol: str, symbols: str) -> list[float]:
    return [float(symbol == one) for one in symbols]


def trained(
    network: Network,
    ids: dict[str, list[int]],
    width: int,
    samples: list[Any],
    loss: Any,
    epochs: int,
    size: int,
    remembers: bool = True,
) -> Steps:
    """An LSTM layer after training; without its connections that have a delay if it is not to remember.

    What leads to c, t and h stays as the formulas have it: a weight of 1, no bias.
    """
    if not remembers:
        network.mask([c.innovation for c in network.connections.values() if not c.delay])
    fixed = {*ids["c"], *ids["t"], *ids["h"]}
    weights = [c.weight for c in network.connections.values() if c.target not in fixed]
    biases = [node.bias for node in network.nodes.values() if node.id not in fixed and node.bias is not None]
    rates = cosine_rate(0.03, epochs * len(samples) // size, 0.0015)
    adam, model = Adam(weights + biases, rates, clip_norm=1.0), Steps(network, width)
    fit(model, *zip(*samples, strict=True), loss=loss, optimizer=adam, epochs=epochs, batch_size=size, compile=True)
    return model


def recalled(count: int, seed: int) -> list[tuple[list[float], list[float]]]:
    """Distracted sequence recall: A or B twice among seven symbols of which the others are x and y, then 1 and 2, which
    ask for the first and for the second of them; else the answer is silence (Hochreiter and Schmidhuber 1997, section
    5.6, in synaptic's size)."""
    rng, samples = random.Random(seed), []
    for _ in range(count):
        symbols, asked = [rng.choice("xy") for _ in range(7)], rng.choices("AB", k=2)
        for place, symbol in zip(sorted(rng.sample(range(7), 2)), asked, strict=True):
            symbols[place] = symbol
        row = [x for symbol in [*symbols, "1", "2"] for x in one_hot(symbol, "ABxy12")]
        samples.append((row, [x for symbol in [*"-------", *asked] for x in one_hot(symbol, "AB-")]))
    return samples


@pytest.mark.long
@pytest.mark.trains
@pytest.mark.parametrize(("remembers", "low", "high"), [(True, 0.95, 1.0), (False, 0.1, 0.4)])
def test_distracted_sequence_recall(remembers: bool, low: float, high: float):
    """All nine answers right in held-out sequences: by chance, silence where it is due, in a quarter of them."""
    network, ids = lstm(6, 4, 3, seed=0, output="linear")
    model = trained(network, ids, 6, recalled(300, 0), surprise, 20, 10, remembers)
    test = recalled(200, 1)
    outputs = predict(model, [row for row, _ in test])
    right = [
        all(ys.index(max(ys)) == wanted[3 * k : 3 * k + 3].index(1.0) for k, ys in enumerate(steps))
        for steps, (_, wanted) in zip(outputs, test, strict=True)
    ]
    assert low <= sum(right) / len(test) <= high


def timed(count: int, seed: int) -> list[tuple[list[float], list[float]]]:
    """The timing task of synaptic: after a trigger, 0.5 for as many steps as a second input says, in twentieths."""
    rng, samples = random.Random(seed), []
    for _ in range(count):
        row: list[float] = []
        wanted: list[float] = []
        while len(wanted) < 40:
            length, rest = rng.randint(0, 20), rng.randint(0, 20)
            for step in range(length + 1 + rest):
                row += [float(step == 0), length / 20]
                wanted.append(0.5 if step <= length else 0.0)
        samples.append((row[:80], wanted[:40]))
    return samples


def mean_square(outputs: list[list[Any]], targets: list[float]) -> Any:
    return sum(((y - t) ** 2 for (y,), t in zip(outputs, targets, strict=True)), Value(0.0)) / len(targets)


@pytest.mark.long
@pytest.mark.trains
@pytest.mark.parametrize(("remembers", "low", "high"), [(True, 0.0, 0.01), (False, 0.04, 0.07)])
def test_timing(remembers: bool, low: float, high: float):
    """The mean square on held-out sequences: 1/16 at most for the best constant, some .05 for what knows the length."""
    network, ids = lstm(2, 4, 1, seed=0)
    model = trained(network, ids, 2, timed(100, 0), mean_square, 40, 5, remembers)
    assert low <= evaluate(model, *zip(*timed(50, 1), strict=True), mean_square) <= high


REBER: list[dict[str, int]] = [  # from each state, where its symbols lead to
    {"B": 1}, {"T": 2, "P": 3}, {"S": 2, "X": 4}, {"T": 3, "V": 5}, {"X": 3, "S": 6}, {"P": 4, "V": 6}, {"E": 7},
]  # fmt: skip
LETTERS, LONGEST = "BTPSXVE", 15


def reber(start: int = 0, before: str = "") -> Iterator[str]:
    """All strings of Reber's grammar of at most 12 symbols (Reber 1967)."""
    if start == 7:
        yield before
    elif len(before) < LONGEST - 3:
        for symbol, state in REBER[start].items():
            yield from reber(state, before + symbol)


def followers(string: str) -> list[str]:
    """What may follow each symbol but the last of an embedded string: the last but one must be the second again."""
    state, found = 0, ["TP", "B"]
    for symbol in string[2:-3]:
        state = REBER[state][symbol]
        found.append("".join(REBER[state]))
    return [*found, string[1], "E"]


def spelled(string: str) -> tuple[list[float], list[float]]:
    """All symbols but the last, and what follows each; then nothing, and nothing asked."""
    row = [x for symbol in string[:-1] for x in one_hot(symbol, LETTERS)]
    wanted = [x for symbol in string[1:] for x in one_hot(symbol, LETTERS)]
    rest = [0.0] * (7 * LONGEST - len(row))
    return row + rest, wanted + rest


@pytest.mark.long
@pytest.mark.trains
@pytest.mark.parametrize("remembers", [True, False])
def test_embedded_reber_grammar(remembers: bool):
    """Strings that were held out: all that may follow a symbol gets a larger share than all that may not, throughout.

    The last but one symbol is the second of the string, up to thirteen steps before, and a coin without memory.
    """
    rng = random.Random(0)
    strings = [f"B{end}{inner}{end}E" for inner in reber() for end in "TP"]
    assert len(strings) == 206
    rng.shuffle(strings)
    test, train = strings[:51], strings[51:]
    often = [0.5 ** sum(len(symbols) > 1 for symbols in followers(string)) for string in train]  # as the grammar does
    drawn = rng.choices(train, often, k=1000)
    network, ids = lstm(7, 5, 7, seed=0, output="linear")
    model = trained(network, ids, 7, list(map(spelled, drawn)), surprise, 12 if remembers else 2, 4, remembers)
    remembered = grammatical = 0
    for string, outputs in zip(test, predict(model, [spelled(string)[0] for string in test]), strict=True):
        shares = [dict(zip(LETTERS, ys, strict=True)) for ys in outputs]
        other = "PT"["TP".index(string[1])]
        remembered += shares[len(string) - 3][string[1]] > shares[len(string) - 3][other]
        grammatical += all(
            min(share[x] for x in allowed) > max(share[x] for x in set(LETTERS) - {*allowed})
            for share, allowed in zip(shares, followers(string), strict=False)
        )
    if remembers:
        assert remembered > 0.9 * len(test)
        assert grammatical > 0.9 * len(test)
    else:
        assert 0.25 * len(test) < remembered < 0.75 * len(test)
        assert grammatical < 0.5 * len(test)


@pytest.mark.long
@pytest.mark.trains
def test_xor_of_what_came_one_after_the_other():
    """The exclusive or of the last two inputs, one input a step: nothing that one step alone can tell."""
    network, ids = lstm(1, 3, 1, seed=2)
    rng = random.Random(4)

    def sample() -> tuple[list[float], list[float]]:
        bits = [rng.getrandbits(1) for _ in range(10)]
        return list(map(float, bits)), [0.0, *(float(a ^ b) for a, b in pairwise(bits))]

    model = trained(network, ids, 1, [sample() for _ in range(100)], mean_square, 40, 5)
    for row, wanted in [sample() for _ in range(50)]:
        assert [round(y.data) for (y,) in model(row)] == wanted


def test_gates_and_delays_are_drawn():
    network, ids = lstm(1, 1, 1, seed=0)
    network.connections[1].enabled = False
    graph = network.draw()
    assert repr(graph) == "<Graph of 9 nodes and 13 edges>"
    edges = dict(re.findall(r"^ *(\w+ -> \w+) \[id=\w+, (.*)\]$", graph.source, re.MULTILINE))
    name = {id: f"n{i}" for i, id in enumerate(network.nodes)}
    (g,), (c,), (i,), (f,), (h,) = (ids[part] for part in "gcifh")
    into, itself = (number for number, one in network.connections.items() if one.target == c)
    for number, source, gate in ((into, g, i), (itself, c, f)):
        assert "arrowhead=none" in edges[f"{name[source]} -> g{number}"]
        assert "arrowhead=odot" in edges[f"{name[gate]} -> g{number}"]
        assert f"gated by {gate}" in edges[f"g{number} -> {name[c]}"]
    assert 'label="1 (t−1)"' in edges[f"g{itself} -> {name[c]}"]
    assert "constraint=false" in edges[f"{name[h]} -> {name[i]}"]
    assert "constraint=false" not in edges[f"{name[ids['x'][0]]} -> {name[f]}"]
    # nodes that take the same inputs are in their order
    alike = " -> ".join(name[ids[part][0]] for part in "ifog")
    assert f"{{rank=same; {alike} [style=invis]}}" in graph.source
    svg = graph.svg()
    assert all(f'id="{number}"' in svg for number in (f"g{into}", f"e{itself}", f"e{itself}a", f"e{itself}g"))


def test_of_many_connections_the_numbers_are_hints_only():
    network, _ = lstm(2, 3, 1, seed=0)
    assert len(network.connections) > 60
    weight = next(iter(network.connections.values())).weight.data
    source = network.draw().source
    assert f'label="", tooltip="innovation 1: weight {weight!r}"' in source
    assert f'label="{weight:.5g}"' not in source
