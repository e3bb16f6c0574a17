"""The stepping page of a large graph in boxes: their numbers against the engine's, and that they open and close."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, animate, draw, gradients
from autograd import math as am
from autograd.backward import topological
from autograd.view import Film, Page, clusters
from autograd.view.clusters import scenes
from autograd.view.notation import number, ratio
from autograd.view.render import svgs
from nn import MLP, hinge
from tests.browser import complaints, violations
from tests.pictures import programs

FIGURE = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def loss_of(samples: int, sizes: tuple[int, ...] = (4, 1), activation: str = "tanh") -> tuple[Value, MLP]:
    model = MLP(2, list(sizes), activation=activation, seed=1)
    losses = [hinge(model([0.1 * i - 0.3, 0.7 - 0.2 * i]), 1.0 if i % 2 else -1.0) for i in range(samples)]
    loss = sum(losses[1:], losses[0]) / samples
    loss.label = "loss"
    return loss, model


def figures(line: str) -> list[float]:
    return [float(x) for x in FIGURE.findall(line.replace("−", "-"))]


def all_scenes(page: Page) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    return [data, *data["scenes"]]


def named(scene: dict[str, Any], name: str) -> int:
    return [node["name"] for node in scene["nodes"]].index(name)


# ---- what it says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["neurons", "layers"])
@pytest.mark.parametrize("samples", [1, 5])
def test_the_gradient_of_each_parameter_is_in_the_box_that_holds_it(samples: int, level: str) -> None:
    loss, model = loss_of(samples, (3, 2, 1))
    slopes = dict(zip(model.parameters(), gradients(loss, model.parameters()), strict=True))
    seen = {}
    for scene in all_scenes(animate(loss, level=level)):
        for node, shown in zip(scene["nodes"], scene["frames"][0]["nodes"], strict=True):
            if node["name"][0] in "wb" and node["leaf"]:
                assert node["name"] not in seen
                seen[node["name"]] = shown["g"]
    assert seen == {w.label: f"{slope:.5g}" for w, slope in slopes.items()}


def test_of_one_sample_the_neurons_pass_on_adjoint_times_partial() -> None:
    """By the engine's gradients by each neuron's output, and that output's own by each neuron before it."""
    loss, _ = loss_of(1, (3, 2, 1))
    order = topological(loss)
    tanhs = [node for node in order if str(node.op) == "tanh"]
    (scene, *_) = all_scenes(animate(loss, level="neurons"))
    outputs = {f"tanh_{i}": node for i, node in enumerate(tanhs, 1)}
    returns = 0
    for move, said in zip(scene["steps"], scene["frames"][0]["steps"], strict=True):
        if move["k"] != "r":
            continue
        of, by = (scene["nodes"][move[end]]["name"] for end in "nm")
        if of in outputs and by in outputs:
            adjoint, partial, term = figures(said["t"][1])
            (slope,) = gradients(outputs[of], [outputs[by]])
            assert adjoint == pytest.approx(gradients(loss, [outputs[of]])[0], abs=2e-9)
            assert partial == pytest.approx(slope, abs=2e-9)
            assert term == pytest.approx(adjoint * partial, abs=2e-9)
            assert scene["frames"][0]["edges"][move["e"]] == f"∂ {slope:.5g}"
            returns += 1
    assert returns == 3 * 2
    for name, node in outputs.items():
        assert scene["frames"][0]["nodes"][named(scene, name)]["g"] == f"{gradients(loss, [node])[0]:.5g}"


def test_of_several_samples_it_shows_the_least_and_the_largest() -> None:
    w = Value(0.5, "w")
    outputs = [am.tanh(w * x) for x in (0.1, 0.9, -0.4)]
    loss = am.sum([y * y for y in outputs])
    (scene, *inner) = all_scenes(animate(loss, level="neurons"))
    slopes = gradients(loss, outputs)
    shown = {node["name"]: x for node, x in zip(scene["nodes"], scene["frames"][0]["nodes"], strict=True)}
    everything = json.dumps([scene, *inner], ensure_ascii=False)
    assert f"{min(slopes):.5g} … {max(slopes):.5g}" in everything
    assert f"{min(y.data for y in outputs):.5g} … {max(y.data for y in outputs):.5g}" in everything
    (slope,) = gradients(loss, [w])
    assert f"3 contributions add up:  dy/dw = {number(slope)}" in everything or shown["w"]["g"] == f"{slope:.5g}"


@pytest.mark.parametrize("level", ["neurons", "layers"])
def test_a_box_passes_nothing_on_before_all_its_returns_are_there(level: str) -> None:
    loss, _ = loss_of(3, (4, 3, 1), "relu")
    for scene in all_scenes(animate(loss, level=level)):
        left = [node["uses"] for node in scene["nodes"]]
        for move in scene["steps"]:
            if move["k"] == "r":
                assert left[move["n"]] == 0
                left[move["m"]] -= 1
        assert min(left) == 0


def test_inside_a_neuron_are_its_operations_and_what_it_takes_from_outside() -> None:
    loss, _ = loss_of(1, (3, 2, 1))
    top, *inner = all_scenes(animate(loss, level="neurons"))
    opened = inner[top["nodes"][named(top, "tanh_4")]["opens"] - 1]
    assert (opened["title"], opened["within"]) == ("Inside tanh_4", 0)
    names = [node["name"] for node in opened["nodes"]]
    assert names == ["tanh_1", "tanh_2", "tanh_3", "w1.0.0", "w1.0.1", "w1.0.2", "b1.0", "dot_1", "add_1", "tanh_4"]
    text = [line for step in opened["frames"][0]["steps"] for line in step["t"]]
    assert any(line.startswith("partial:  dtanh_4/dadd_1 = 1 − tanh_4²") for line in text)
    # what returns to a neuron outside is what the whole picture says that this one returns
    outer = [step["t"][1] for step in top["frames"][0]["steps"] if step["t"][0] == "tanh_4 returns to tanh_2"]
    own = [step["t"][1] for step in opened["frames"][0]["steps"] if step["t"][0] == "dot_1 returns to tanh_2"]
    assert figures(outer[0])[-1] == figures(own[0])[-1]


def test_what_is_inside_has_no_name_of_what_is_outside() -> None:
    x, w = Value(0.3, "x"), Value(0.7, "w")
    s = x + w
    y = am.tanh(am.sin(s * x) + s) * s + (x * w + 1.0)
    _, *inner = clusters._played(y, "neurons", 1000)
    assert [scene.names for scene in inner] == [
        ["x", "add_1", "mul_1", "sin_1", "add_2", "tanh_1"],
        ["x", "w", "add_1", "tanh_1", "mul_1", "mul_2", "add_2", "y"],
    ]
    said = [line for scene in inner for step in scene.said for line in step["t"]]
    assert "add_2 = sin_1 + add_1 = 0.295520207 + 1 = 1.295520207" in said


def test_a_layer_opens_into_neurons_and_these_into_operations() -> None:
    loss, _ = loss_of(2, (3, 2, 1))
    found = all_scenes(animate(loss, level="layers"))
    assert [node["name"] for node in found[0]["nodes"]][:2] == ["layer_1", "layer_2"]
    assert found[0]["nodes"][-1]["name"] == "loss"
    layer = found[found[0]["nodes"][1]["opens"]]
    assert [node["name"] for node in layer["nodes"]] == ["layer_1", "layer_2.1", "layer_2.2"]
    neuron = found[layer["nodes"][2]["opens"]]
    assert found[neuron["within"]] is layer
    assert {"layer_1", "b1.1", "layer_2.2"} <= {node["name"] for node in neuron["nodes"]}


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_graphs_too_large_for_single_nodes_are_played_in_boxes() -> None:
    loss, model = loss_of(100, (16, 16, 1), "relu")
    assert len(model.parameters()) == 337
    with pytest.raises(ValueError, match="more than 1,000 nodes"):
        animate(loss)
    page = animate(loss, level="neurons")
    assert page.nodes < 40
    assert (page.steps or 0) > 16 * 16
    with pytest.raises(ValueError, match="more than 3 boxes at the level of neurons: raise limit=3"):
        animate(loss, level="neurons", limit=3)
    with pytest.raises(ValueError, match="level must be layers, neurons, full, not 'cells'"):
        animate(loss, level="cells")


@pytest.mark.parametrize("level", ["full", "neurons", "layers"])
@pytest.mark.parametrize("label", ["", "y"])
def test_the_output_has_a_name_that_nothing_else_has(label: str, level: str) -> None:
    x, y = Value(2.0, "x"), Value(0.5, "y")
    output = am.log(x) * y + am.sin(y)
    output.label = label
    page = animate(output, level=level)
    found = all_scenes(page)
    (name,) = [found[0]["nodes"][move["n"]]["name"] for move in found[0]["steps"] if move["k"] == "s"]
    assert [node["name"] for node in found[0]["nodes"]].count(name) == 1
    assert name == "y#2" if label else name not in ("x", "y")
    said = [line for one in found for step in one["frames"][0]["steps"] for line in step["t"]]
    assert not any("dy/dy" in line for line in said)
    assert any(f"{ratio(name, 'y')} = {number(gradients(output, [y])[0])}" in line for line in said)
    assert found[0]["frames"][0]["about"] == f"1 of 1: {name} = {number(output.data)}"
    assert f"Backward, step by step: {name} by everything" in page.html


def test_a_box_of_more_nodes_than_the_limit_stays_shut_and_says_so() -> None:
    x = Value(0.3, "x")
    y = x
    for _ in range(60):
        y = am.sin(y)
    assert len(all_scenes(animate(y, level="neurons", limit=61))) == 2
    page = animate(y, level="neurons", limit=60)
    (scene,) = all_scenes(page)
    assert "opens" not in scene["nodes"][0]
    assert scene["frames"][0]["nodes"][0]["t"].endswith("(too large to open: 61 nodes)")
    assert "▸" not in page.html
    assert len(re.findall(r">too large to open: 61 nodes<", page.html)) == 1
    loss, _ = loss_of(2, (20, 1))
    outside, *inner = all_scenes(animate(loss, level="layers", limit=12))
    assert len(outside["nodes"]) <= 12
    assert all(len(scene["nodes"]) <= 12 for scene in inner)
    assert "too large to open: 20 nodes" in outside["frames"][0]["nodes"][named(outside, "layer_1")]["t"]


def test_nothing_flows_where_a_branch_was_not_taken() -> None:
    x, w = Value(0.0, "x"), Value(3.0, "w")
    y = am.where(x.data > 0, am.sqrt(x * w), x * w * 2.0)  # sqrt has no slope at 0
    found = all_scenes(animate(y, level="neurons"))
    assert gradients(y, [x, w]) == [6.0, 0.0]
    assert any("nothing flows" in line for one in found for step in one["frames"][0]["steps"] for line in step["t"])


def test_training_is_played_in_boxes_with_the_numbers_that_it_had() -> None:
    w, b = Value(0.5, "w"), Value(0.1, "b")
    film = Film(lambda: am.tanh(w * 0.7 + b) ** 2)
    slopes = []
    for x in (0.5, 0.25, -0.5):
        w.data = x
        film()
        slopes.append(gradients(film.graphs[-1], [w])[0])
    found = all_scenes(animate(film, level="neurons"))
    (scene,) = [one for one in found if any(node["name"] == "w" for node in one["nodes"])]
    k = named(scene, "w")
    assert [frame["nodes"][k]["v"] for frame in scene["frames"]] == ["0.5", "0.25", "-0.5"]
    assert [frame["nodes"][k]["g"] for frame in scene["frames"]] == [f"{slope:.5g}" for slope in slopes]
    with pytest.raises(ValueError, match="graph 0 of the steps is of another shape"):
        animate(Film(film.record, graphs=[w * 2.0, film.graphs[0]]), level="neurons")


@given(programs(), st.sampled_from(["neurons", "layers"]))
@settings(max_examples=60, deadline=None)
def test_every_box_ends_with_the_gradients_of_its_results(values: list[Value], level: str) -> None:
    output = values[-1]
    for scene in clusters._played(output, level, 10_000):
        assert len({*scene.names}) == len(scene.names)
        for group, shown in zip(scene.groups, scene.grads, strict=True):
            if group.kind != "reference":  # what lies outside has the returns of this box alone
                slopes = gradients(output, group.results)
                found = [0.0] if shown == "—" else list(map(float, shown.split(" … ")))
                assert [found[0], found[-1]] == pytest.approx([min(slopes), max(slopes)], rel=1e-4, abs=1e-12)


def test_pictures_rendered_at_once_are_those_rendered_one_by_one() -> None:
    graphs = [draw(Value(1.0, "<a>") * 2.0), draw(am.sin(Value(2.0))), draw(Value(3.0), title="</svg>")]
    assert [svg.strip() for svg in svgs(graphs)] == [graph.svg().strip() for graph in graphs]
    assert svgs([]) == []


def test_a_scene_has_a_picture_of_each_of_its_nodes_and_edges() -> None:
    loss, _ = loss_of(2, (3, 2, 1))
    for scene in scenes([loss], "layers", 1000):
        svg = scene.graph.svg()
        for k in range(len(scene.nodes)):
            assert f'id="n{k}"' in svg
        for move in scene.moves:
            if move["k"] == "r":
                assert f'id="{move["e"]}"' in svg


# ---- in a browser ----------------------------------------------------------------------------------------------------


def press(browser: Any, key: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(key).perform()


def names_shown(browser: Any) -> list[str]:
    return list(browser.execute_script("return data.nodes.map(node => node.name)"))


def test_a_box_opens_by_a_click_and_closes(opened: Callable[[Page], Any]) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    loss, _ = loss_of(1, (3, 2, 1))
    page = animate(loss, level="neurons")
    browser, top = opened(page), all_scenes(page)[0]
    outside = names_shown(browser)
    k = named(top, "tanh_4")
    element = browser.find_element("id", f"n{k}")
    assert element.get_attribute("aria-expanded") == "false"
    assert not browser.find_element("id", "close").is_displayed()
    browser.execute_script("show(3)")
    ActionChains(browser).move_to_element(element).click().perform()
    assert names_shown(browser)[-1] == "tanh_4"
    assert browser.find_element("id", "within").text == "Inside tanh_4"
    assert browser.find_element("id", "close").get_attribute("aria-expanded") == "true"
    last = browser.execute_script("return data.steps.length")
    assert browser.find_element("id", "slider").get_attribute("max") == str(last)
    browser.find_element("id", "end").click()
    weight = browser.execute_script("return document.getElementById('n3').textContent")
    assert "w1.0.0" in weight
    by_label = {node.label: node for node in topological(loss)}
    assert f"{gradients(loss, [by_label['w1.0.0']])[0]:.5g}" in weight
    browser.find_element("id", "close").click()
    assert names_shown(browser) == outside
    assert browser.find_element("id", "count").text.startswith("3 of ")
    assert browser.execute_script("return document.activeElement.id") == f"n{k}"
    assert not browser.find_element("id", "close").is_displayed()
    assert complaints(browser) == []


def test_a_box_opens_by_the_space_bar_as_by_enter(opened: Callable[[Page], Any]) -> None:
    from selenium.webdriver.common.keys import Keys

    loss, _ = loss_of(2, (3, 2, 1))
    browser = opened(animate(loss, level="layers"))
    browser.execute_script("nodes[1].g.focus()")
    press(browser, Keys.SPACE)
    assert browser.find_element("id", "within").text == "Inside layer_2"
    assert browser.execute_script("return [document.activeElement.id, playing]") == ["close", False]
    press(browser, Keys.SPACE)
    assert names_shown(browser)[0] == "layer_1"
    assert browser.execute_script("return [document.activeElement.id, playing]") == ["n1", False]
    browser.execute_script("document.activeElement.blur()")
    press(browser, Keys.SPACE)  # elsewhere, it plays
    assert browser.execute_script("return playing")
    assert complaints(browser) == []


def test_boxes_open_and_close_by_keyboard_one_within_another(opened: Callable[[Page], Any]) -> None:
    from selenium.webdriver.common.keys import Keys

    loss, _ = loss_of(2, (3, 2, 1))
    browser = opened(animate(loss, level="layers"))
    browser.execute_script("show(data.steps.length); nodes[1].g.focus()")
    press(browser, Keys.ENTER)
    assert browser.execute_script("return document.activeElement.id") == "close"
    assert browser.execute_script("return data.steps[at - 1].k") == "s"  # its adjoint arrives
    browser.execute_script("nodes[1].g.focus()")
    press(browser, Keys.ENTER)
    assert browser.find_element("id", "within").text == "Inside layer_2 › Inside layer_2.1"
    press(browser, Keys.ARROW_RIGHT)
    press(browser, Keys.ESCAPE)
    assert browser.find_element("id", "within").text == "Inside layer_2"
    browser.find_element("id", "slider").send_keys(Keys.ESCAPE)
    press(browser, Keys.ESCAPE)  # nothing is open any more
    assert names_shown(browser)[0] == "layer_1"
    assert browser.execute_script("return at === data.steps.length")
    assert complaints(browser) == []


def test_what_is_open_follows_the_training(opened: Callable[[Page], Any]) -> None:
    w, b = Value(0.5, "w"), Value(0.1, "b")
    film = Film(lambda: am.tanh(w * 0.7 + b) ** 2)
    for x in (0.5, 0.25):
        w.data = x
        film()
    page = animate(film, level="neurons")
    browser, found = opened(page), all_scenes(page)
    place = next(i for i, one in enumerate(found) if any(node["name"] == "w" for node in one["nodes"]))
    if place:
        browser.execute_script(f"open(data.nodes.findIndex(node => node.opens === {place}))")
    text = f"return document.getElementById('n{named(found[place], 'w')}').textContent"
    assert "0.25" in browser.execute_script(text)
    browser.execute_script(
        "const f = document.getElementById('frame'); f.value = 0; f.dispatchEvent(new Event('input'))"
    )
    assert "data\u00a00.5" in browser.execute_script(text).replace("\n", "")


@pytest.mark.parametrize("dark", [False, True])
def test_everyone_can_open_and_close(opened: Callable[[Page], Any], dark: bool) -> None:
    loss, _ = loss_of(3, (3, 2, 1))
    browser = opened(animate(loss, level="layers"))
    browser.execute_script(f"document.documentElement.className = '{'dark' if dark else 'light'}'")
    assert violations(browser) == []
    browser.execute_script("show(4); open(1)")
    assert violations(browser) == []
    browser.execute_script("show(data.steps.length); explain(0)")
    assert violations(browser) == []


def test_no_label_does_harm(opened: Callable[[Page], Any]) -> None:
    hostile = "</script><script>alert(1)</script></template><img src=x onerror=alert(2)>&\"'\\]]>$title\\"
    w, x = Value(2.0, hostile), Value(0.5, hostile[::-1])
    y = am.tanh(am.sin(x * w) * w)
    y.label = f"y{hostile}"
    browser = opened(animate(y, level="neurons"))
    assert browser.execute_script("return document.images.length + document.scripts.length") == 2
    names = names_shown(browser)
    opens = browser.execute_script("return data.nodes.findIndex(node => node.opens)")
    assert opens >= 0
    browser.execute_script(f"open({opens}); show(data.steps.length)")
    assert browser.execute_script("return document.images.length + document.scripts.length") == 2
    assert any(hostile in name for name in names + names_shown(browser))
    assert complaints(browser) == []
