"""A network written as JavaScript gives the same numbers in Node."""

from __future__ import annotations

import json
import random
import shutil
import subprocess

import pytest

from nn import Network
from nn.exchange.javascript import FUNCTIONS, page

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node to run JavaScript: apt-get install nodejs")


def run(network: Network, steps: list[list[float]]) -> list[list[float]]:
    """What the JavaScript gives for each of these inputs, one after another."""
    program = f"{network.to_javascript('f')}\nconsole.log(JSON.stringify({json.dumps(steps)}.map(x => f(x))))"
    done = subprocess.run([str(NODE), "-e", program], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def mixed(seed: int) -> Network:
    """Every activation in a hidden node, a gate, two delays, a self-connection, and one that is off."""
    rng, network = random.Random(seed), Network()
    inputs = [network.add_node("input").id for _ in range(3)]
    hidden = [network.add_node(activation=name, bias=rng.gauss(0, 1)).id for name in FUNCTIONS]
    outputs = [network.add_node("output", activation=name).id for name in ("linear", "sigmoid")]
    for node in hidden:
        for source in inputs:
            network.add_connection(source, node, rng.gauss(0, 1))
        for target in outputs:
            network.add_connection(node, target, rng.gauss(0, 0.1), gate=hidden[2])
    network.add_connection(hidden[1], hidden[1], 0.5, delay=1)
    network.add_connection(outputs[1], hidden[2], -0.7, delay=2)
    network.connections[4].enabled = False
    return network


@needs_node
def test_the_numbers_are_the_same():
    rng = random.Random(1)
    for seed in range(3):
        network = mixed(seed)
        steps = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(6)]
        for found, wanted in zip(run(network, steps), network.run(steps), strict=True):
            assert found == pytest.approx([y.data for y in wanted], rel=1e-12)


@needs_node
def test_a_wrong_number_of_inputs_is_refused():
    with pytest.raises(subprocess.CalledProcessError) as info:
        run(Network.layered(2, 1, seed=0), [[1.0]])
    assert "f takes 2 inputs, not 1" in info.value.stderr


def test_what_has_no_javascript_is_refused():
    network = Network.layered(2, 1, output="erf", seed=0)
    with pytest.raises(
        ValueError, match="node 2 has the activation erf and the aggregation sum: JavaScript is written"
    ):
        network.to_javascript()
    with pytest.raises(ValueError, match="'a b' is no name"):
        Network.layered(2, 1, seed=0).to_javascript("a b")


def test_the_page_needs_nothing_from_elsewhere():
    text = page(Network.layered(2, 1, seed=0), "<try>")
    assert "<title>&lt;try&gt;</title>" in text
    assert "http" not in text
    assert Network.layered(2, 1, seed=0).to_javascript() in text
