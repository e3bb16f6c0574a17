"""The stepping page: its numbers against the engine's, and the page itself in a browser."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, animate, demo, gradients
from autograd import math as am
from autograd.backward import topological
from autograd.view import Film, Page
from autograd.view.notation import number
from tests.browser import complaints, violations


def labelled(value: Value, label: str) -> Value:
    value.label = label
    return value


def twice() -> Value:
    a = Value(3.0, "a")
    b = labelled(a + a, "b")
    return labelled(b + b, "c")


def data(page: Page) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


# ---- what it says ----------------------------------------------------------------------------------------------------


def test_each_node_ends_with_its_gradient() -> None:
    nodes = demo.recorded()
    found = data(animate(nodes["E"]))
    (frame,) = found["frames"]
    seen = 0
    for about, shown in zip(found["nodes"], frame["nodes"], strict=True):
        if about["name"] in nodes:
            (slope,) = gradients(nodes["E"], [nodes[about["name"]]])
            assert shown["g"] == number(slope)
            seen += 1
    assert seen == len([node for node in nodes.values() if isinstance(node, Value)])


def test_each_return_multiplies_and_adds_up() -> None:
    found = data(animate(demo.recorded()["E"]))
    numbers = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
    old: dict[int, float] = {}
    returns = 0
    for move, said in zip(found["steps"], found["frames"][0]["steps"], strict=True):
        if move["k"] != "r":
            continue
        lines = [line.replace("−", "-") for line in said["t"]]
        adjoint, partial, term = (float(x) for x in numbers.findall(lines[1]))
        assert term == pytest.approx(adjoint * partial, abs=2e-9)
        if move["m"] in old:
            before, more, after = (float(x) for x in numbers.findall(lines[3].partition("new:")[2]))
            assert (before, more) == (pytest.approx(old[move["m"]], abs=2e-9), pytest.approx(term, abs=2e-9))
            assert after == pytest.approx(before + more, abs=2e-9)
            term = after
        old[move["m"]] = term
        returns += 1
    assert returns == sum(node["uses"] for node in found["nodes"])


def test_a_node_passes_nothing_on_before_all_its_returns_are_there() -> None:
    for output in (twice(), demo.recorded()["E"]):
        found = data(animate(output))
        left = [node["uses"] for node in found["nodes"]]
        for move in found["steps"]:
            if move["k"] == "r":
                assert left[move["n"]] == 0
                left[move["m"]] -= 1
        assert set(left) == {0}


def test_it_touches_nothing_and_needs_no_labels() -> None:
    x = Value(0.5)
    y = am.sin(x) * x
    page = animate(y)
    assert repr(page) == "<Page of 3 nodes and 6 steps>"
    assert not x.has_grad
    names = [node["name"] for node in data(page)["nodes"]]
    assert len(set(names)) == 3
    assert names[-1] == "y"


def test_nothing_flows_to_a_branch_that_was_not_taken() -> None:
    x = Value(0.0, "x")
    y = am.where(x.data > 0, am.sqrt(x * 1.0), x * 2.0)  # sqrt has no slope at 0
    said = [line for step in data(animate(y))["frames"][0]["steps"] for line in step["t"]]
    assert any("nothing flows along this edge" in line for line in said)


def test_the_page_for_the_printed_network_is_small() -> None:
    assert len(animate(demo.recorded()["E"]).html.encode()) < 150_000


def test_files(tmp_path: Path) -> None:
    animate(twice(), tmp_path / "backward.html")
    assert (tmp_path / "backward.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(ValueError, match=r"must end in \.html"):
        animate(twice(), tmp_path / "backward.svg")
    with pytest.raises(TypeError, match="animate takes a Value or a Film, not float"):
        animate(1.0)  # type: ignore[arg-type]  # the point


def test_in_jupyter_it_shows_itself_in_a_frame() -> None:
    bundle = animate(twice())._repr_mimebundle_()
    assert bundle["text/html"].startswith("<iframe srcdoc=")
    assert bundle["text/plain"] == "<Page of 3 nodes and 7 steps>"


def test_graphs_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="graph 0 of the steps is of another shape"):
        animate(twice(), steps=[Value(1.0) * 2.0, twice()])
    with pytest.raises(ValueError, match="the film is empty"):
        animate(Film(twice))


def test_training_is_filmed_by_a_callback_of_fit() -> None:
    """A graph after every second epoch, with the numbers that the network had then, and its decision boundary."""
    from nn import MLP, SGD, binary_cross_entropy, fit, predict

    inputs, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    model = MLP(2, [3, 1], output="sigmoid", seed=1)
    plane = [[x / 4, y / 4] for y in range(5) for x in range(5)]

    def boundary() -> list[list[float]]:
        answers = [2 * out - 1 for out in predict(model, plane)]
        return [answers[i : i + 5] for i in range(0, 25, 5)]

    points = [(x, y, float(t)) for (x, y), t in zip(inputs, targets, strict=True)]
    film = Film(lambda: binary_cross_entropy(model([0, 1]), [1]), boundary, points, every=2)
    states: list[dict[str, float]] = []
    history = fit(
        model,
        inputs,
        targets,
        loss=binary_cross_entropy,
        optimizer=SGD(model.parameters(), 1.0),
        epochs=7,
        batch_size=1,
        callbacks=[film, lambda history: states.append({w.label: w.data for w in model.parameters()})],
    )
    assert (len(history.loss), history.stopped) == (7, "epochs")  # the callback does not end the training
    assert len(film) == 4
    page = data(animate(film))
    assert [frame["about"].partition(":")[0] for frame in page["frames"]] == [f"{i} of 4" for i in (1, 2, 3, 4)]
    names = [node["name"] for node in page["nodes"]]
    for frame, state, graph in zip(page["frames"], states[::2], film.graphs, strict=True):
        for name, x in state.items():
            assert frame["nodes"][names.index(name)]["v"] == f"{x:.5g}"
        for w in model.parameters():
            w.data = state[w.label]
        assert graph.data == binary_cross_entropy(model([0, 1]), [1]).data
        assert frame["field"] == [[float(f"{x:.3g}") for x in row] for row in boundary()]
        slopes = [gradients(graph, [node])[0] for node in topological(graph)]
        assert [node["g"] for node in frame["nodes"]] == list(map(number, slopes))


# ---- in a browser ----------------------------------------------------------------------------------------------------


def said(browser: Any) -> str:
    return str(browser.find_element("id", "said").text)


def click(browser: Any, *ids: str) -> None:
    for name in ids:
        browser.find_element("id", name).click()


def press(browser: Any, key: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(key).perform()


def position(browser: Any) -> int:
    return int(browser.find_element("id", "slider").get_attribute("value"))


def text_of(browser: Any, node: int) -> str:
    return str(browser.execute_script(f"return document.getElementById('n{node}').textContent")).replace("\n", "")


def test_buttons_step_and_play(opened: Callable[[Page], Any]) -> None:
    browser = opened(animate(demo.recorded()["E"]))
    assert "Before the forward pass" in said(browser)
    click(browser, "forward", "forward", "back")
    assert position(browser) == 1
    click(browser, "end")
    last = position(browser)
    assert browser.find_element("id", "count").text == f"{last} of {last}"
    click(browser, "back", "start")
    assert position(browser) == 0
    browser.execute_script("document.getElementById('speed').value = '0'")
    click(browser, "play")
    for _ in range(100):
        if position(browser) == last:
            break
        time.sleep(0.05)
    assert position(browser) == last
    assert "Play" in browser.find_element("id", "play").text
    browser.execute_script("document.getElementById('speed').value = '0.5'")
    click(browser, "play")
    assert "Pause" in browser.find_element("id", "play").text
    click(browser, "play")
    here = position(browser)
    time.sleep(0.3)
    assert position(browser) == here < last
    assert complaints(browser) == []


def test_where_it_pauses_all_of_it_is_shown_and_said(opened: Callable[[Page], Any]) -> None:
    """While it plays, words follow ten times a second, and what is far from the view is not painted."""
    x = Value(0.5, "x")
    y = x
    for _ in range(120):
        y = am.sin(y) * x
    browser = opened(animate(y))
    browser.execute_script("document.getElementById('speed').value = '0'")
    click(browser, "play")
    hidden = browser.execute_async_script("""
        const done = arguments[0];
        const look = () => at > 150 ? done(tiles.filter(tile => tile.hidden).length) : requestAnimationFrame(look);
        look();
    """)
    assert hidden > 0
    click(browser, "play")
    at, first, last = browser.execute_script("return [at, shown.steps[at - 1].t[0], data.steps.length]")
    assert 150 < at < last
    assert position(browser) == at
    assert browser.find_element("id", "count").text == f"{at} of {last}"
    assert first in said(browser)
    assert browser.execute_script("return picture.querySelectorAll('.tile[style*=\"hidden\"]').length") == 0


def test_slider_and_keys(opened: Callable[[Page], Any]) -> None:
    browser = opened(animate(demo.recorded()["E"]))
    from selenium.webdriver.common.keys import Keys

    press(browser, Keys.ARROW_RIGHT)
    press(browser, Keys.ARROW_RIGHT)
    press(browser, Keys.ARROW_LEFT)
    assert position(browser) == 1
    press(browser, Keys.END)
    last = position(browser)
    press(browser, Keys.HOME)
    assert (position(browser), last) == (0, 72)
    slider = browser.find_element("id", "slider")
    slider.send_keys(Keys.ARROW_RIGHT * 5)
    assert position(browser) == 5
    assert browser.find_element("id", "count").text == "5 of 72"
    assert slider.get_attribute("aria-valuetext").startswith("step 5 of 72: ")
    before = browser.execute_script("return picture.style.transform + picture.style.width")
    browser.execute_script("document.activeElement.blur()")
    press(browser, "+")
    assert browser.execute_script("return picture.style.transform + picture.style.width") != before
    press(browser, "0")
    click(browser, "in", "out", "fit", "theme")
    assert "dark" in browser.execute_script("return document.documentElement.className")
    press(browser, " ")
    assert position(browser) >= 5


def test_the_panel_and_the_boxes_show_the_engines_numbers(opened: Callable[[Page], Any]) -> None:
    nodes = demo.recorded()
    page = animate(nodes["E"])
    browser, found = opened(page), data(page)
    names = [node["name"] for node in found["nodes"]]
    hidden, w1 = names.index("out_h1"), names.index("w1")
    assert "grad\u00a0—" in text_of(browser, w1)
    assert "data\u00a0?" in text_of(browser, hidden)
    returns = [k for k, move in enumerate(found["steps"], 1) if move.get("m") == hidden]
    assert len(returns) == 2
    browser.execute_script(f"show({returns[0]})")
    assert "out_h1 waits for 1 more return before it passes anything on" in said(browser)
    assert "waits for 1 return" in text_of(browser, hidden)
    browser.execute_script(f"show({returns[1]})")
    (slope,) = gradients(nodes["E"], [nodes["out_h1"]])
    assert number(slope) == "0.036350306"
    lines = said(browser).splitlines()
    assert "old + contribution = new: −0.019049118 + 0.055399425 = 0.036350306" in [
        " ".join(line.split()) for line in lines
    ]
    assert "waits for" not in text_of(browser, hidden).replace("0.5933", "")
    click(browser, "end")
    for i, name in enumerate(names):
        if name in nodes:
            (slope,) = gradients(nodes["E"], [nodes[name]])
            assert f"grad\u00a0{slope:.5g}" in text_of(browser, i)


def test_step_by_step_or_at_once_it_shows_the_same(opened: Callable[[Page], Any]) -> None:
    """A step on changes only what two steps are about; a jump draws all of it anew."""
    browser = opened(animate(demo.recorded()["E"]))
    seen = browser.execute_script("""
        const seen = () => picture.textContent + [...picture.querySelectorAll('.node, .edge')].map(
            g => [g.id, [...g.classList].sort(), g.getAttribute('aria-label')].join());
        const apart = [];
        show(0);
        for (let k = 1; k <= data.steps.length; k++) {
            show(k);
            const onwards = seen();
            show(0);
            show(k);
            if (seen() !== onwards) apart.push(k);
        }
        return [apart, data.steps.length];
    """)
    assert seen == [[], 72]


def test_a_large_picture_begins_near_its_first_node_and_follows_within_its_edges(opened: Callable[[Page], Any]) -> None:
    x = Value(0.5, "x")
    y = x
    for _ in range(60):
        y = am.sin(y) * x
    browser = opened(animate(y))
    scene = """
        const stage = document.getElementById('stage').getBoundingClientRect(), box = picture.getBoundingClientRect();
        const now = nodes[at ? data.steps[at - 1].n : 0].g.getBoundingClientRect();
        return [now.left - stage.left, stage.right - now.right, stage.left - box.left, box.right - stage.right];
    """
    last = browser.execute_script("return data.steps.length")
    for step in (0, 20, 60, 61, last):
        browser.execute_script(f"show({step})")
        assert all(distance >= -1 for distance in browser.execute_script(scene)), step


def test_a_return_travels_from_the_result_to_the_operand(opened: Callable[[Page], Any]) -> None:
    found = data(animate(demo.recorded()["E"]))
    browser = opened(animate(demo.recorded()["E"]))
    k = next(k for k, move in enumerate(found["steps"]) if move["k"] == "r")
    browser.execute_script(f"show({k}); show({k + 1}, true)")
    result, operand = found["steps"][k]["n"], found["steps"][k]["m"]
    from_, to = browser.execute_script(
        """
        const [flight] = dot.getAnimations(), centre = element => {
          const box = element.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        };
        flight.pause();
        const far = (node, time) => {
          flight.currentTime = time;
          const [a, b] = [centre(dot), centre(nodes[node].g)];
          return Math.hypot(a[0] - b[0], a[1] - b[1]);
        };
        const [result, operand] = arguments;
        return [[far(result, 0), far(operand, 0)], [far(result, 599), far(operand, 599)]];
        """,
        result,
        operand,
    )
    assert from_[0] < from_[1]
    assert to[1] < to[0]


def test_a_drag_moves_the_picture_and_a_click_explains(opened: Callable[[Page], Any]) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    browser = opened(animate(demo.recorded()["E"]))
    stage = browser.find_element("id", "stage")
    before = browser.execute_script("return view")
    ActionChains(browser).move_to_element_with_offset(stage, 0, -200).click_and_hold().move_by_offset(
        30, 50
    ).release().perform()
    after = browser.execute_script("return view")
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((30, 50), abs=1)
    browser.execute_script("whole()")
    for i in range(3):  # the picture's sheets lie one upon another: each node is to be had through all of them
        ActionChains(browser).move_to_element(browser.find_element("id", f"n{13 * i}")).click().perform()
        assert browser.find_element("id", "node").text == browser.execute_script(f"return data.nodes[{13 * i}].name")


def test_a_node_is_explained_by_mouse_and_by_keyboard(opened: Callable[[Page], Any]) -> None:
    page = animate(demo.recorded()["E"])
    browser = opened(page)
    hidden = [node["name"] for node in data(page)["nodes"]].index("out_h1")
    browser.execute_script(f"nodes[{hidden}].g.focus()")
    from selenium.webdriver.common.keys import Keys

    press(browser, Keys.ENTER)
    text = browser.find_element("id", "about").text
    assert "out_h1 = sigmoid(net_h1) = sigmoid(0.3775) = 0.593269992" in text
    assert "2 returns add up to 0.036350306" in text
    browser.execute_script("nodes[0].g.dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert browser.find_element("id", "node").text == data(page)["nodes"][0]["name"]


def test_no_label_does_harm(opened: Callable[[Page], Any]) -> None:
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\"'\\]]>$title"
    x = Value(2.0, hostile)
    browser = opened(animate(labelled(am.sin(x) * x, hostile[::-1]), title=hostile))
    click(browser, "end")
    assert browser.execute_script("return document.images.length + document.scripts.length") == 2
    assert hostile in browser.find_element("tag name", "h1").text
    browser.execute_script("explain(0)")
    assert hostile in " ".join(browser.find_element("id", "about").text.split())


@pytest.mark.parametrize("dark", [False, True])
def test_everyone_can_use_it(opened: Callable[[Page], Any], dark: bool) -> None:
    browser = opened(animate(demo.recorded()["E"]))
    browser.execute_script(f"document.documentElement.className = '{'dark' if dark else 'light'}'")
    for step in (0, 40, 72):
        browser.execute_script(f"show({step}); explain(3)")
        assert violations(browser) == []


def test_axe_notices_what_keeps_people_out(opened: Callable[[Page], Any]) -> None:
    browser = opened(animate(twice()))
    browser.execute_script("document.getElementById('slider').removeAttribute('aria-label')")
    assert violations(browser)


def test_in_a_frame_it_shows_its_picture(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "frame.html"
    path.write_text(f"<!DOCTYPE html><title>frame</title><p>above</p>{animate(twice()).frame()}", encoding="utf-8")
    browser.get(path.as_uri())
    browser.switch_to.frame(0)
    time.sleep(0.3)
    assert all(math.isfinite(x) for x in browser.execute_script("return Object.values(view)"))
    assert browser.execute_script("return nodes[0].g.getBoundingClientRect().width") > 20
    browser.switch_to.default_content()


def test_on_paper_the_picture_has_the_width_of_the_page(opened: Callable[[Page], Any]) -> None:
    browser = opened(animate(demo.recorded()["E"]))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        page, left, right, bottom, below = browser.execute_script("""
            const boxes = nodes.map(node => node.g.getBoundingClientRect());
            return [innerWidth, Math.min(...boxes.map(box => box.left)), Math.max(...boxes.map(box => box.right)),
                Math.max(...boxes.map(box => box.bottom)), document.getElementById('panel').getBoundingClientRect().top]
        """)
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert 0 <= left < 0.05 * page
    assert 0.95 * page < right <= page
    assert bottom <= below


def test_where_the_boundary_is_no_number_nothing_is_drawn(opened: Callable[[Page], Any]) -> None:
    nan, inf = math.nan, math.inf
    w = Value(0.5, "w")
    rows = iter([[[1.0, 1.0], [1.0, 1.0]], [[nan, 1.0], [inf, -inf]]])
    film = Film(lambda: w * 2.0, boundary=lambda: next(rows), points=[(nan, 0.1, 1.0), (0.75, 0.25, nan)])
    film()
    film()
    page = animate(film)
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.DOTALL)
    assert found is not None
    field = json.loads(found[1], parse_constant=pytest.fail)["frames"][1]["field"]
    assert field[0] == [None, 1.0]
    assert [math.copysign(1, x) for x in field[1]] == [1, -1]
    browser = opened(page)
    browser.execute_script(
        "const f = document.getElementById('frame');"
        "for (const i of [0, 1]) { f.value = i; f.dispatchEvent(new Event('input')); }"
    )
    pixels = browser.execute_script(
        "return [...document.getElementById('boundary').getContext('2d').getImageData(0, 0, 240, 180).data]"
    )
    middles = [4 * (240 * y + x) for x, y in ((60, 135), (180, 135), (60, 45), (180, 45))]
    colours = [pixels[i : i + 4] for i in middles]
    assert colours[0] == [0, 0, 0, 0]
    assert colours[1] == colours[2] == [120, 140, 255, 255]
    assert colours[3] == [255, 140, 120, 255]
    assert complaints(browser) == []


def test_training_plays(opened: Callable[[Page], Any]) -> None:
    w = Value(0.5, "w")
    film = Film(
        lambda: labelled((am.tanh(w) - 1.0) ** 2, "loss"),
        boundary=lambda: [[w.data, -w.data]] * 2,
        points=[(0.5, 0.5, 1)],
    )
    for _ in range(3):
        film()
        w.data += 0.25
    page = animate(film)
    browser = opened(page)
    click(browser, "end")
    slopes = [2 * (math.tanh(x) - 1) * (1 - math.tanh(x) ** 2) for x in (0.5, 0.75, 1.0)]
    for i, (x, slope) in enumerate(zip((0.5, 0.75, 1.0), slopes, strict=True)):
        browser.execute_script(
            "const f = document.getElementById('frame'); f.value = arguments[0]; f.dispatchEvent(new Event('input'))", i
        )
        assert f"data\u00a0{x:.5g}" in text_of(browser, 0)
        assert f"grad\u00a0{slope:.5g}" in text_of(browser, 0)
        assert f"{i + 1} of 3" in browser.find_element("id", "frameabout").text
    assert browser.execute_script(
        "return document.getElementById('boundary').getContext('2d').getImageData(1,1,1,1).data[0]"
    )
    assert complaints(browser) == []
