"""Networks in any topology: what they compute, what is switched off, what is refused, and how they are drawn."""

import contextlib
import math
import random
import xml.etree.ElementTree as ET
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

import autograd.math as am
import nn
from autograd import Value, gradients, no_grad
from autograd.backward import topological
from nn import MLP, SGD, Network, half_squared, logistic_cross_entropy


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def skipping() -> Network:
    """Two inputs, 2 -> 3, both into an output, and a connection that skips from the input 0 to it."""
    network = Network()
    a, b = network.add_node("input"), network.add_node("input")
    hidden = network.add_node("hidden", bias=0.1, activation="tanh")
    deeper = network.add_node("hidden", bias=-0.2, activation="relu")
    out = network.add_node("output", bias=0.3)
    for source, target, weight in [
        (a, hidden, 0.5),
        (b, hidden, -1.5),
        (hidden, deeper, 2.0),
        (a, deeper, 0.7),
        (hidden, out, -0.4),
        (deeper, out, 1.2),
        (a, out, 0.9),
    ]:
        network.add_connection(source.id, target.id, weight)
    return network


def by_hand(x: float, y: float, on: set[int]) -> float:
    w = {1: 0.5, 2: -1.5, 3: 2.0, 4: 0.7, 5: -0.4, 6: 1.2, 7: 0.9}
    w = {i: weight if i in on else 0.0 for i, weight in w.items()}
    h = math.tanh(w[1] * x + w[2] * y + 0.1)
    d = max(0.0, w[3] * h + w[4] * x - 0.2)
    return sigmoid(w[5] * h + w[6] * d + w[7] * x + 0.3)


ALL = frozenset(range(1, 8))


# ---- forward ---------------------------------------------------------------------------------------------------------


def test_a_topology_with_skips():
    network = skipping()
    assert network([0.6, -0.3])[0].data == pytest.approx(by_hand(0.6, -0.3, set(ALL)), rel=1e-14)
    assert repr(network) == "<Network of 2 inputs, 2 hidden nodes, 1 output and 7 connections>"


@given(st.sets(st.sampled_from(sorted(ALL))), st.sets(st.sampled_from(sorted(ALL))))
def test_what_is_off_counts_as_a_weight_of_0_and_has_no_gradient(disabled: set[int], masked: set[int]):
    network = skipping()
    for innovation in disabled:
        network.connections[innovation].enabled = False
    network.mask(ALL - masked)
    on = set(ALL - disabled - masked)
    (out,) = network.activate([0.6, -0.3])
    assert out.data == pytest.approx(by_hand(0.6, -0.3, on), rel=1e-14)
    before = network.state_dict()
    half_squared(out, 0.0).backward()
    for connection in network.connections.values():
        assert network.is_on(connection) == (connection.innovation in on)
        if connection.innovation not in on:
            assert not connection.weight.has_grad
    # an optimiser with decay and momentum leaves them alone too, and so does propagate
    SGD(network.parameters(), 0.5, momentum=0.9, weight_decay=0.5).step()
    network.activate([0.6, -0.3])
    network.propagate(0.5, [0.0])
    for connection in network.connections.values():
        if connection.innovation not in on:
            assert connection.weight.data == before[connection.weight.label]
    network.mask(None)
    assert [c.innovation for c in network.connections.values() if network.is_on(c)] == sorted(ALL - disabled)


def test_a_node_with_nothing_on_gives_the_activation_of_its_bias():
    network = skipping()
    network.mask([])
    assert network([5.0, 5.0])[0].data == sigmoid(0.3)
    lonely = Network(nodes=[{"kind": "output", "bias": 2.5, "activation": "linear"}])
    (out,) = lonely.activate([])
    assert out.data == 2.5
    assert lonely.nodes[0].bias.label == "b0"
    assert lonely.propagate(1.0, [0.5]) == 2.0
    assert lonely([])[0].data == 0.5


def test_activation_functions_and_labels():
    network = Network.layered(1, 1, 1, activation=am.sin, output=lambda x: x * x, init=lambda *_: 0.5, seed=0)
    (out,) = network.activate([0.8])
    assert out.data == pytest.approx((0.5 * math.sin(0.4)) ** 2, rel=1e-15)
    labels = [node.label for node in topological(out) if node.label]
    assert sorted(labels) == ["b1", "b2", "net1", "net2", "out1", "out2", "w0->1", "w1->2"]


def test_any_depth():
    network = Network()
    last = network.add_node("input").id
    for _ in range(5000):
        node = network.add_node("hidden", activation="linear").id
        network.add_connection(last, node, 1.0)
        last = node
    out = network.add_node("output", activation="linear").id
    network.add_connection(last, out, 2.0)
    with pytest.raises(ValueError, match="would close a cycle"):
        network.add_connection(last, 1, 1.0)
    network.activate([3.0])
    assert network.propagate(0.0, [0.0]) == 18.0


def test_an_mlp_and_its_network_agree():
    network = Network.layered(3, 4, 2, activation="tanh", output="sigmoid", seed=5)
    model = MLP(3, [4, 2], "tanh", "sigmoid", seed=5)
    x = [0.1, -0.9, 0.4]
    assert [y.data for y in network(x)] == [y.data for y in model(x)]


# ---- backward and update ---------------------------------------------------------------------------------------------


def test_propagate_moves_everything_at_once_along_the_finite_difference_gradient():
    network = skipping()
    x, t, rate, h = [0.6, 0.3], [0.25], 0.5, 1e-6
    before = network.state_dict()
    slopes = {}
    for name, parameter in network.named_parameters():
        parameter.data = before[name] + h
        above = half_squared(network(x), t).data
        parameter.data = before[name] - h
        slopes[name] = (above - half_squared(network(x), t).data) / (2 * h)
        parameter.data = before[name]
    loss = half_squared(network(x), t).data
    network.activate(x)
    assert network.propagate(rate, t) == loss
    for name, x_after in network.state_dict().items():
        assert x_after == pytest.approx(before[name] - rate * slopes[name], rel=1e-8), name
    assert all(abs(slope) > 1e-3 for slope in slopes.values())
    assert [p.has_grad for p in network.parameters()] == [False] * 10


def test_propagate_takes_a_loss():
    one, other = skipping(), skipping()
    one.activate([0.6, 0.3])
    value = one.propagate(0.1, [1.0], loss=logistic_cross_entropy)
    (out,) = other.activate([0.6, 0.3])
    assert value == pytest.approx(-math.log(out.data), rel=1e-14)
    # with this loss the delta at the output is target - out
    assert one.nodes[4].bias.data == pytest.approx(0.3 + 0.1 * (1 - out.data), rel=1e-14)


def test_propagate_needs_an_activate_that_records():
    network = skipping()
    with pytest.raises(RuntimeError, match="propagate needs an activate before it"):
        network.propagate(0.1, [1.0])
    network.activate([1.0, 0.0])
    network.propagate(0.1, [1.0])
    with pytest.raises(RuntimeError, match="propagate needs an activate before it"):
        network.propagate(0.1, [1.0])
    network.activate([1.0, 0.0])
    network.split(1)
    with pytest.raises(RuntimeError, match="propagate needs an activate before it"):
        network.propagate(0.1, [1.0])
    with no_grad():
        network.activate([1.0, 0.0])
    with pytest.raises(RuntimeError, match="no_grad"):
        network.propagate(0.1, [1.0])


def test_a_propagate_that_fails_changes_nothing():
    network = skipping()
    before = network.state_dict()
    network.activate([1.0, 0.5])
    with pytest.raises(ValueError, match="1 outputs, 2 targets"):
        network.propagate(0.1, [1.0, 0.0])
    with pytest.raises(FloatingPointError, match=r"would become .*inf by a step of rate 1e\+308"):
        network.propagate(1e308, [1e9])
    assert network.state_dict() == before


def test_a_mask_set_between_activate_and_propagate_does_not_change_what_took_part():
    network, twin = skipping(), skipping()
    for n in (network, twin):
        n.activate([0.5, 0.5])
    network.mask([1])
    assert network.propagate(0.5, [0.0]) == twin.propagate(0.5, [0.0])
    assert network.state_dict() == twin.state_dict()


# ---- changing the topology -------------------------------------------------------------------------------------------


def test_layered():
    network = Network.layered(2, 3, 1, seed=0)
    assert [(n.id, n.kind) for n in network.nodes.values()] == [
        *((0, "input"), (1, "input"), (2, "hidden"), (3, "hidden"), (4, "hidden"), (5, "output")),
    ]
    assert [(c.innovation, c.source, c.target) for c in network.connections.values()] == [
        *((1, 0, 2), (2, 1, 2), (3, 0, 3), (4, 1, 3), (5, 0, 4), (6, 1, 4), (7, 2, 5), (8, 3, 5), (9, 4, 5)),
    ]
    rng = random.Random(0)
    assert [c.weight.data for c in network.connections.values()] == [rng.uniform(-1, 1) for _ in range(9)]
    assert list(network.state_dict()) == [
        *("w0->2", "w1->2", "w0->3", "w1->3", "w0->4", "w1->4", "w2->5", "w3->5", "w4->5", "b2", "b3", "b4", "b5"),
    ]


def test_split_as_neat_does():
    network = skipping()
    before = network([0.6, -0.3])[0].data
    node = network.split(7, activation="linear")  # input 0 -> output 4
    old, into, on = (network.connections[i] for i in (7, 8, 9))
    assert (old.enabled, into.enabled, on.enabled) == (False, True, True)
    assert (into.source, into.target, into.weight.data) == (0, node.id, 1.0)
    assert (on.source, on.target, on.weight.data) == (node.id, 4, 0.9)
    assert (node.id, node.kind, node.bias.data) == (5, "hidden", 0.0)
    assert network([0.6, -0.3])[0].data == pytest.approx(before, rel=1e-15)  # with a linear node nothing changes
    assert repr(network) == "<Network of 2 inputs, 3 hidden nodes, 1 output and 9 connections, 1 of them off>"


def test_removing():
    network = skipping()
    network.mask([3, 7])
    network.remove_connection(7)
    network.remove_node(3)
    assert [c.innovation for c in network.connections.values()] == [1, 2, 5]
    assert list(network.nodes) == [0, 1, 2, 4]
    network.mask(None)
    h = math.tanh(0.5 * 0.6 + 1.5 * 0.3 + 0.1)
    assert network([0.6, -0.3])[0].data == pytest.approx(sigmoid(-0.4 * h + 0.3), rel=1e-14)
    # numbers are not used again
    assert network.add_connection(0, 4, 0.5).innovation == 8
    assert network.add_node().id == 5
    network.remove_node(0)
    assert [c.innovation for c in network.connections.values()] == [2, 5]
    with pytest.raises(ValueError, match=r"takes 1 inputs \(nodes 1\), not 2"):
        network([0.6, -0.3])


def test_what_is_wrong_is_refused_by_name():
    network = skipping()
    state, architecture = network.state_dict(), network.architecture()
    network.connections[5].enabled = False
    for call, message in [
        (lambda: network.add_connection(4, 2, 1.0), "connection 4 -> 2 would close a cycle: 4 -> 2 -> 4"),
        (lambda: network.add_connection(3, 2, 1.0), "connection 3 -> 2 would close a cycle: 3 -> 2 -> 3"),
        (lambda: network.add_connection(2, 2, 1.0), "connection 2 -> 2 would close a cycle: 2 -> 2"),
        (lambda: network.add_connection(0, 2, 1.0), "a connection 0 -> 2 already: innovation 1, enabled"),
        (lambda: network.add_connection(2, 4, 1.0), "a connection 2 -> 4 already: innovation 5, disabled"),
        (lambda: network.add_connection(9, 2, 1.0), "there is no node 9; there are 0, 1, 2, 3, 4"),
        (lambda: network.add_connection(0, [], 1.0), r"there is no node \[\]"),
        (lambda: network.add_connection(2, 1, 1.0), "node 1 is an input"),
        (lambda: network.add_connection(1, 4, 1.0, innovation=3), "innovation 3 is taken by the connection 2 -> 3"),
        (lambda: network.add_connection(1, 4, 1.0, innovation=-1), "innovation must be a whole number"),
        (lambda: network.add_node("bias"), "a node is of kind input, hidden, output, not 'bias'"),
        (lambda: network.add_node(id=3), "there is a node 3 already"),
        (lambda: network.add_node(id="x"), "node id must be a whole number, not 'x'"),
        (lambda: network.add_node(activation="swish"), "no activation 'swish'"),
        (lambda: network.remove_node(9), "there is no node 9"),
        (lambda: network.remove_connection(9), "no connection with innovation 9; there are 1, 2, 3, 4, 5, 6, 7"),
        (lambda: network.split(0), "no connection with innovation 0"),
        (lambda: network.mask([1, 99]), "no connection with innovation 99"),
        (lambda: network.activate([1.0]), r"takes 2 inputs \(nodes 0, 1\), not 1"),
        (lambda: network.activate([1.0, 2.0, 3.0]), r"takes 2 inputs \(nodes 0, 1\), not 3"),
        (lambda: Network.layered(2), "at least two sizes"),
        (lambda: Network.layered(2, 0, 1), "at least two sizes, each at least 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    network.connections[5].enabled = True
    assert (network.state_dict(), network.architecture()) == (state, architecture)
    with pytest.raises(TypeError):
        network.nodes[7] = None  # the topology changes by its methods only


def test_a_cycle_through_a_disabled_connection_is_refused_too():
    network = skipping()
    network.connections[3].enabled = False
    with pytest.raises(ValueError, match="would close a cycle: 3 -> 2 -> 3"):
        network.add_connection(3, 2, 1.0)


@given(seed=st.integers(0, 2**32))
def test_random_topologies_compute_in_order_and_survive_a_file(seed: int, tmp_path_factory: pytest.TempPathFactory):
    rng = random.Random(seed)
    network = Network()
    kinds = ["input", "input", *rng.choices(["hidden", "output"], k=rng.randint(1, 8)), "output"]
    rng.shuffle(kinds)
    curves = {}
    for id, kind in enumerate(kinds):
        name, curves[id] = rng.choice([("tanh", math.tanh), ("sigmoid", sigmoid), ("linear", float)])
        network.add_node(kind, bias=rng.uniform(-1, 1), activation=name)
    for _ in range(25):
        source, target = rng.sample(list(network.nodes), 2)
        with contextlib.suppress(ValueError):  # a cycle, a second one, or one to an input
            network.add_connection(source, target, rng.uniform(-2, 2), enabled=rng.random() < 0.8)

    def value(id: int, given: dict[int, float]) -> float:  # by the definition, from the output back
        node = network.nodes[id]
        if node.kind == "input":
            return given[id]
        net = node.bias.data
        for c in network.connections.values():
            if c.target == id and c.enabled:
                net += c.weight.data * value(c.source, given)
        return curves[id](net)

    x = [0.3, -0.8]
    inputs = [node.id for node in network.nodes.values() if node.kind == "input"]
    outputs = [node.id for node in network.nodes.values() if node.kind == "output"]
    expected = [value(id, dict(zip(inputs, x, strict=True))) for id in outputs]
    assert [y.data for y in network(x)] == pytest.approx(expected, rel=1e-12, abs=1e-14)
    path = tmp_path_factory.getbasetemp() / "network.json"
    network.save(path)
    loaded = nn.load(path)
    assert [y.data for y in loaded(x)] == [y.data for y in network(x)]
    assert loaded.architecture() == network.architecture()


def test_a_damaged_topology_is_refused(tmp_path: Path):
    path = tmp_path / "network.json"
    skipping().save(path)
    text = path.read_text()
    for old, new, message in [
        ('"source": 0,\n    "target": 2', '"source": 3,\n    "target": 2', "would close a cycle"),
        ('"source": 0,\n    "target": 2', '"source": 1,\n    "target": 2', "a connection 1 -> 2 already"),
        ('"target": 3', '"target": 33', "there is no node 33"),
        ('"kind": "output"', '"kind": "end"', "a node is of kind"),
        ('"mask": null', '"mask": [77]', "no connection with innovation 77"),
        ('"mask": null', '"mask": 7', "does not describe a Network"),
        ('"mask": null', '"mask": null, "extra": 1', "extra"),
        ('"activation": "tanh"', '"activation": "tan h"', "no activation 'tan h'"),
        ('"w0->2"', '"w0->9"', "lacks w0->2 and has w0->9"),
    ]:
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(ValueError, match=message):
            nn.load(path)


# ---- drawing ---------------------------------------------------------------------------------------------------------


def test_the_drawing_shows_nodes_weights_and_what_is_off(tmp_path: Path):
    network = skipping()
    network.connections[3].enabled = False
    network.mask(ALL - {7})
    graph = network.draw()
    assert repr(graph) == "<Graph of 5 nodes and 7 edges>"
    network.draw().save(tmp_path / "topology.svg")
    svg = ET.fromstring((tmp_path / "topology.svg").read_text())
    groups = {g.get("id"): g for g in svg.iter("{http://www.w3.org/2000/svg}g") if g.get("id")}
    texts = {
        id: ["".join(t.itertext()) for t in g.iter("{http://www.w3.org/2000/svg}text")] for id, g in groups.items()
    }
    titles = {id: g.findtext("{http://www.w3.org/2000/svg}title") for id, g in groups.items()}
    assert titles["e3"].replace("&gt;", ">") == "n2->n3"
    assert {id: texts[id] for id in ("e1", "e2", "e3", "e7")} == {
        "e1": ["0.5"],
        "e2": ["-1.5"],
        "e3": ["2"],
        "e7": ["0.9"],
    }
    assert {id for id, g in groups.items() if "off" in (g.get("class") or "").split()} == {"e3", "e7"}
    assert "".join(texts["n2"]).replace("\N{NO-BREAK SPACE}", " ") == "hidden2tanhbias 0.1"
    assert texts["n0"] == ["input", "0"]
    assert "output" in groups["n4"].get("class").split()


def test_the_computation_graph_is_drawn_beside_it():
    from autograd.view import draw

    (out,) = skipping().activate([0.6, -0.3])
    source = draw(out).source
    assert all(name in source for name in ("w0-&gt;2", "net2", "out4"))


def test_a_hostile_activation_name_is_drawn_as_typed():
    def f(x: Value) -> Value:
        return x * 1.0

    f.__name__ = '<b>"&\\n'
    network = Network.layered(1, 1, activation=f, output=f, seed=0)
    svg = ET.fromstring(network.draw().svg())
    assert '<b>"&\\n' in ["".join(t.itertext()) for t in svg.iter("{http://www.w3.org/2000/svg}text")]


def test_gradients_reach_inputs_that_are_values():
    network = skipping()
    x, y = Value(0.6), Value(-0.3)
    slopes = gradients(network([x, y])[0], [x, y])
    h = 1e-6
    for slope, (dx, dy) in zip(slopes, [(h, 0.0), (0.0, h)], strict=True):
        difference = by_hand(0.6 + dx, -0.3 + dy, set(ALL)) - by_hand(0.6 - dx, -0.3 - dy, set(ALL))
        assert slope == pytest.approx(difference / (2 * h), rel=1e-8)
