"""A network as JavaScript and as a page gives the numbers of ``activate``, in Node and in a browser."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nn import Network
from nn.exchange.functions import AGGREGATIONS
from nn.layers import ACTIVATIONS
from tests.browser import chromium, complaints, requests, violations

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node to run JavaScript: apt-get install nodejs")
ARITHMETIC = (
    "linear",
    "relu",
    "leaky_relu",
    "abs",
    "neat_relu",
    "neat_lelu",
    "neat_clamped",
    "neat_hat",
    "neat_square",
)
SMOOTH = [name for name in ACTIVATIONS if name != "gelu"] + [
    "sigmoid",
    "tanh",
    "softplus",
    "sin",
    "exp",
]  # gelu is erf's
BRANCHING = ("median",)


def run(folder: Path, network: Network, steps: list[list[float]], before: str = "") -> list[list[float]]:
    """What the JavaScript gives for each of these inputs, one after another."""
    (folder / "f.mjs").write_text(network.to_javascript("f"))
    program = f'import {{ f, PARAMETERS }} from "./f.mjs";\n{before}\n'
    (folder / "main.mjs").write_text(f"{program}console.log(JSON.stringify({json.dumps(steps)}.map(x => f(x))))")
    done = subprocess.run([str(NODE), "main.mjs"], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    results: list[list[float]] = json.loads(done.stdout)
    return results


def mixed(seed: int, names: list[str] | tuple[str, ...], ends: tuple[str, ...] = ("linear",)) -> Network:
    """Each activation in a hidden node with gates and delays, self-connections, aggregations, and one that is off."""
    rng, network = random.Random(seed), Network()
    inputs = [network.add_node("input").id for _ in range(3)]
    ways = [name for name in AGGREGATIONS if name not in BRANCHING]
    hidden = [
        network.add_node(activation=name, bias=rng.gauss(0, 1), aggregation=ways[i % len(ways)], response=response).id
        for i, name in enumerate(names)
        for response in (None, rng.uniform(0.5, 1.5))
    ]
    outputs = [network.add_node("output", activation=name).id for name in ends]
    for node in hidden:
        for source in inputs:
            network.add_connection(source, node, rng.gauss(0, 1))
        for target in outputs:
            network.add_connection(node, target, rng.gauss(0, 0.1), gate=rng.choice(hidden))
    network.add_connection(hidden[1], hidden[1], 0.5, delay=1)
    network.add_connection(outputs[0], hidden[2], -0.7, delay=3, gate=inputs[1])
    network.add_connection(inputs[0], hidden[2], 0.7, delay=2)
    network.connections[4].enabled = False
    return network


def ulps(found: list[list[float]], wanted: list[list[Any]]) -> float:
    """The largest difference in units in the last place of what is wanted."""
    pairs = [(a, b.data) for x, y in zip(found, wanted, strict=True) for a, b in zip(x, y, strict=True)]
    return max(abs(a - b) / math.ulp(b) for a, b in pairs)


@needs_node
@pytest.mark.parametrize("seed", range(5))
def test_arithmetic_is_the_same_to_the_bit(seed: int, tmp_path: Path):
    network, rng = mixed(seed, ARITHMETIC), random.Random(seed)
    steps = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(8)]
    assert run(tmp_path, network, steps) == [[y.data for y in outputs] for outputs in network.run(steps)]


@needs_node
@pytest.mark.parametrize("name", SMOOTH)
def test_a_node_of_each_activation_is_within_the_last_places(name: str, tmp_path: Path):
    """Math's functions and C's are each within 1 ulp of the truth; sigmoid and its kind divide and add as well."""
    network = Network()
    x, y = network.add_node("input").id, network.add_node("output", activation=name, bias=0.25).id
    network.add_connection(x, y, 1.0)
    steps = [[-3.0 + k / 16] for k in range(97)]
    found, wanted = run(tmp_path, network, steps), network.run(steps)
    for (a,), (b,) in zip(found, wanted, strict=True):
        assert a == pytest.approx(b.data, rel=3 * 2**-52, abs=2**-53)  # elu and others take 1 from what is near 1


@needs_node
def test_all_together_over_many_steps(tmp_path: Path):
    network, rng = mixed(7, [*ACTIVATIONS.keys() - {"gelu"}], ("linear", "sigmoid")), random.Random(1)
    steps = [[rng.uniform(-0.3, 0.3) for _ in range(3)] for _ in range(6)]
    for found, wanted in zip(run(tmp_path, network, steps), network.run(steps), strict=True):
        assert found == pytest.approx([y.data for y in wanted], rel=1e-12)


@needs_node
def test_it_forgets_and_takes_other_parameters(tmp_path: Path):
    network = Network()
    x, y = network.add_node("input").id, network.add_node("output", activation="linear").id
    network.add_connection(x, y, 2.0)
    network.add_connection(y, y, 0.5, delay=1)
    assert run(tmp_path, network, [[1.0], [1.0]], "f([9]); f.reset();") == [[2.0], [3.0]]
    assert run(tmp_path, network, [[1.0], [1.0]], 'PARAMETERS["w0->1"] = 10;') == [[10.0], [15.0]]


@needs_node
def test_a_wrong_number_of_inputs_is_refused(tmp_path: Path):
    with pytest.raises(subprocess.CalledProcessError) as info:
        run(tmp_path, Network.layered(2, 1, seed=0), [[1.0]])
    assert "f takes 2 inputs, not 1" in info.value.stderr


def test_what_has_no_javascript_is_refused():
    with pytest.raises(ValueError, match="JavaScript has nothing for erf, instruction"):
        Network.layered(2, 1, output="erf", seed=0).to_javascript()
    for name in ("a b", "await", "state"):
        with pytest.raises(ValueError, match=f"a function in JavaScript cannot be called '{name}'"):
            Network.layered(2, 1, seed=0).to_javascript(name)
    with pytest.raises(ValueError, match="cannot be recorded at inputs of 0: log"):
        Network.layered(2, 1, output="log", seed=0).to_javascript()

    def branching(z: Any) -> Any:
        return z if z > 0 else 2 * z

    with pytest.raises(ValueError, match=r"the condition at test_nn_javascript.py:\d+ decides what is computed"):
        Network.layered(2, 1, output=branching, seed=0).to_javascript()
    median = Network([{"kind": "input"}, {"kind": "output", "aggregation": "median"}], [{"source": 0, "target": 1}])
    median.add_connection(0, 1, 2.0, delay=1)
    with pytest.raises(ValueError, match=r"at functions.py:\d+ decides"):
        median.to_javascript()


def test_writing_it_leaves_the_network_as_it_was():
    network = mixed(0, ARITHMETIC)
    steps = [[0.5, -1.0, 2.0], [1.0, 0.0, -0.5]]
    twin = mixed(0, ARITHMETIC)
    network.activate(steps[0])
    twin.activate(steps[0])
    network.to_javascript()
    assert [y.data for y in network.activate(steps[1])] == [y.data for y in twin.activate(steps[1])]
    assert network.state_dict() == twin.state_dict()


# ---- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def opened(browser: Any, folder: Path, network: Network, **names: Any) -> Any:
    path = folder / "page.html"
    network.to_page("<try>", **names).save(path)
    requests(browser), complaints(browser)
    browser.get(path.as_uri())
    assert requests(browser) == [path.as_uri()]
    assert complaints(browser) == []
    assert violations(browser) == []
    assert browser.title == "<try>"
    return browser


def shown(browser: Any) -> list[float]:
    texts = browser.find_elements("css selector", "#outputs output")
    return [float(text.get_attribute("title")) for text in texts]


def enter(browser: Any, values: list[float]) -> None:
    boxes = browser.find_elements("css selector", "#inputs input[type=number]")
    for box, value in zip(boxes, values, strict=True):
        browser.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", box, repr(value)
        )


def test_the_page_shows_what_activate_gives(browser: Any, tmp_path: Path):
    network = Network.layered(2, 5, 2, activation="relu", output="linear", seed=3)
    opened(browser, tmp_path, network, outputs=["</script>", "b"])
    assert "</script>" in browser.find_element("id", "outputs").text
    assert shown(browser) == [y.data for y in network([0.0, 0.0])]
    for x in ([0.3, -0.7], [1.0, 1e3], [-0.1, 1 / 3]):
        enter(browser, x)
        assert shown(browser) == [y.data for y in network(x)]
    assert not browser.find_element("id", "step").is_displayed()
    slider = browser.find_element("css selector", "#inputs input[type=range]")
    browser.execute_script("arguments[0].value = 0.25; arguments[0].dispatchEvent(new Event('input'))", slider)
    assert shown(browser) == [y.data for y in network([0.25, 1 / 3])]


def test_the_page_of_a_network_that_remembers_steps_and_forgets(browser: Any, tmp_path: Path):
    from tests.test_nn_network_recurrent import lstm

    network, _ = lstm(2, 3, 2, seed=1)
    opened(browser, tmp_path, network)
    steps = [[0.5, 1.0], [-0.25, 0.0], [0.75, 1.0]]
    for _ in range(2):
        for x, outputs in zip(steps, network.run(steps), strict=True):
            enter(browser, x)
            browser.find_element("id", "step").click()
            assert ulps([shown(browser)], [outputs]) <= 4
        assert browser.find_element("id", "count").text.startswith("3 steps")
        lines = browser.find_elements("css selector", "#trace polyline")
        assert [len(line.get_attribute("points").split()) for line in lines] == [3, 3]
        browser.find_element("id", "reset").click()
        assert browser.find_element("css selector", "#outputs output").text == "—"
    browser.find_element("id", "ten").click()
    assert ulps([shown(browser)], network.run([steps[-1]] * 10)[-1:]) <= 4


def test_the_page_is_shown_in_a_frame_by_its_title():
    page = Network.layered(2, 1, seed=0).to_page("<try>")
    assert repr(page) == "<Page of 3 nodes>"
    assert 'title="&lt;try&gt;" sandbox="allow-scripts"' in page.frame()


def test_names_of_another_number_are_refused():
    with pytest.raises(ValueError, match="the network has 2 inputs, and 1 names were given"):
        Network.layered(2, 1, seed=0).to_page(inputs=["a"])
