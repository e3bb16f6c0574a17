"""Drawings: what the DOT text and the SVG say, held against the graph itself and against finite differences."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd import Value, demo, explain, gradients, primitive
from autograd import math as am
from autograd.backward import topological
from autograd.sweeps import edges
from autograd.value import constant
from autograd.view import Graph, dot, draw, drawing

SVG = "{http://www.w3.org/2000/svg}"
HINT = "{http://www.w3.org/1999/xlink}title"


# ---- reading a drawing back ------------------------------------------------------------------------------------------


class Picture:
    """A drawing's SVG taken apart: the text of every node, cut and edge by id, in the order of the document."""

    def __init__(self, graph: Graph) -> None:
        self.root = ET.fromstring(graph.svg())
        ids = [element.get("id") for element in self.root.iter() if element.get("id")]
        assert len(ids) == len(set(ids)), "an id occurs twice"
        self.groups = {g.attrib["id"]: g for g in self.root.iter(f"{SVG}g")}
        classes = {name: (g.get("class") or "").split() for name, g in self.groups.items()}
        nodes = {name: kinds[1:] for name, kinds in classes.items() if kinds[:1] == ["node"]}
        self.kinds = {name: kinds for name, kinds in nodes.items() if kinds not in (["cut"], ["reference"])}
        self.texts = {name: texts(self.groups[name]) for name in self.kinds}
        self.cuts = {name: " ".join(texts(self.groups[name])) for name in nodes if nodes[name] == ["cut"]}
        self.references = {name: texts(self.groups[name]) for name in nodes if nodes[name] == ["reference"]}
        joins = [name for name, kinds in classes.items() if kinds[:1] == ["edge"]]
        self.edges = {name: " ".join(texts(self.groups[name])) for name in joins if re.fullmatch(r"e\d+_\d+", name)}
        self.ends = {name: self._ends(name) for name in joins}
        assert (graph.nodes, graph.edges) == (len(self.kinds), len(self.edges))

    def _ends(self, name: str) -> tuple[str, ...]:
        title = self.groups[name].find(f"{SVG}title")
        assert title is not None
        return tuple(end.split(":")[0] for end in (title.text or "").split("->"))

    def hint(self, name: str) -> str:
        """What pointing at a node or an edge shows."""
        return next(a.attrib[HINT] for a in self.groups[name].iter(f"{SVG}a"))

    def fields(self, name: str) -> dict[str, str]:
        """The numbers of a node by their names."""
        words = [word.strip() for word in self.texts[name]]
        return {word: words[i + 1] for i, word in enumerate(words) if word in ("data", "used", "grad")}

    def tip(self, name: str) -> tuple[float, float]:
        """Where the arrow of an edge ends."""
        polygon = next(self.groups[name].iter(f"{SVG}polygon"))
        corners = [tuple(map(float, corner.split(","))) for corner in polygon.attrib["points"].split()]
        return max(corners)  # type: ignore[return-value]  # the rightmost: drawings go from left to right


def texts(group: ET.Element) -> list[str]:
    return [(element.text or "").replace("\u00a0", " ") for element in group.iter(f"{SVG}text")]


def neuron() -> Value:
    x1, x2 = Value(2.0, "x1"), Value(0.0, "x2")
    w1, w2, b = Value(-3.0, "w1"), Value(1.0, "w2"), Value(6.881373587019543, "b")
    out = (x1 * w1 + x2 * w2 + b).tanh()
    out.label = "out"
    return out


def network() -> Value:
    """The 2-2-2 network worked by hand in the literature, with half the squared error."""
    inputs = [Value(0.05, "i1"), Value(0.10, "i2")]
    w = [Value(x, f"w{i}") for i, x in enumerate((0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55), 1)]
    b1, b2 = Value(0.35, "b1"), Value(0.60, "b2")
    hidden = [(v[0] * inputs[0] + v[1] * inputs[1] + b1).sigmoid() for v in (w[0:2], w[2:4])]
    outputs = [(v[0] * hidden[0] + v[1] * hidden[1] + b2).sigmoid() for v in (w[4:6], w[6:8])]
    errors = [0.5 * (target - out) ** 2 for target, out in zip((0.01, 0.99), outputs, strict=True)]
    return errors[0] + errors[1]


def loop(steps: int) -> Value:
    x = Value(2.0)
    y = Value(1.0)
    for _ in range(steps):
        y = (y * x).sin()
    return y


OPERATIONS: list[Callable[[Value, Value], Value]] = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: b - 0.5,
    lambda a, b: a.tanh(),
    lambda a, b: am.sum([a, b, a]),
    lambda a, b: am.dot([a, b], [b, 2.0]),
    lambda a, b: am.max(a, b, 0.25),
]


@st.composite
def programs(draw: st.DrawFn) -> list[Value]:
    """All values of a random program with fan-out, inputs first."""
    values = [Value(x) for x in draw(st.lists(st.floats(-2.0, 2.0, width=16), min_size=1, max_size=3))]
    for _ in range(draw(st.integers(0, 12))):
        a, b = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        values.append(draw(st.sampled_from(OPERATIONS))(a, b))
    return values


def operands(node: Value) -> list[Value]:
    return [arg for arg in node.args if isinstance(arg, Value)]


def numbered(output: Value | list[Value]) -> dict[Value, int]:
    outputs = [output] if isinstance(output, Value) else output
    return {node: i for i, node in enumerate(topological(*outputs))}


# ---- nodes and edges -------------------------------------------------------------------------------------------------


def twice() -> Value:
    a = Value(3.0, "a")
    return a + a


def shared() -> Value:
    b = Value(3.0) ** 2
    return (b + 1.0) * (b - 1.0)


def weighted() -> Value:
    result: Value = am.dot([Value(float(i)) for i in range(4)], [Value(2.0), 1.0, 1.0, 1.0])
    return result


@pytest.mark.parametrize(
    ("make", "nodes", "joins"),
    [
        (lambda: Value(1.0), 1, []),
        (twice, 2, ["n0 n1", "n0 n1"]),
        (lambda: 2.0 * Value(3.0) ** 2, 3, ["n0 n1", "n1 n2"]),
        (shared, 5, ["n0 n1", "n1 n2", "n1 n3", "n2 n4", "n3 n4"]),
        (weighted, 6, ["n0 n5", "n1 n5", "n2 n5", "n3 n5", "n4 n5"]),
        (neuron, 10, None),
        (network, 39, None),
    ],
)
def test_the_picture_has_the_nodes_and_edges_of_the_graph(
    make: Callable[[], Value], nodes: int, joins: list[str] | None
) -> None:
    output = make()
    picture = Picture(draw(output))
    number = numbered(output)
    expected = {
        f"e{i}_{j}": (f"n{number[arg]}", f"n{i}")
        for node, i in number.items()
        for j, arg in enumerate(node.args)
        if isinstance(arg, Value)
    }
    assert picture.ends == expected
    assert len(picture.kinds) == nodes
    assert joins is None or sorted(" ".join(ends) for ends in expected.values()) == joins


def assert_partials(output: Value) -> None:
    """What the edges show is what ``edges`` says, and the slope of the operation's function there."""
    picture = Picture(draw(output))
    for node, i in numbered(output).items():
        partials = iter(edges(node))
        for j, arg in enumerate(node.args):
            if not isinstance(arg, Value):
                continue
            drawn = float(picture.hint(f"e{i}_{j}").split("= ")[1].split(" (")[0])
            assert drawn == next(partials)[1]
            assert picture.edges[f"e{i}_{j}"] == f"∂ {drawn:.5g}"
            xs = [x.data if isinstance(x, Value) else x for x in node.args]
            up, down = ([x + h * (k == j) for k, x in enumerate(xs)] for h in (1e-5, -1e-5))
            assert node.op is not None
            assert drawn == pytest.approx((node.op.fn(*up) - node.op.fn(*down)) / 2e-5, rel=1e-8, abs=1e-8)


def formula() -> Value:
    a, b = Value(0.7, "a"), Value(1.3, "b")
    ratios = [a * b, a / b, a**b]
    result: Value = am.dot(ratios, [b - a, am.atan2(a, b), am.logsumexp([a, b, 0.5])]).tanh() + am.hypot(a, b)
    return result


@pytest.mark.parametrize("make", [formula, neuron, network, twice, weighted])
def test_edges_show_the_partials_which_are_those_of_finite_differences(make: Callable[[], Value]) -> None:
    assert_partials(make())


def test_the_check_of_partials_finds_operands_that_were_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    right = drawing._partials
    monkeypatch.setattr(drawing, "_partials", lambda node: right(node)[::-1])
    with pytest.raises(AssertionError):
        assert_partials(formula())


def test_numbers_are_short_in_the_boxes_and_full_in_the_hints() -> None:
    x = Value(1 / 3, "x")
    y = x / 7e20
    y.backward()
    picture = Picture(draw(y))
    assert picture.texts["n0"] == ["x", "data", " 0.33333", "grad", " 1.4286e-21"]
    assert picture.texts["n1"] == ["/ 7e+20", "output", "data", " 4.7619e-22", "grad", " 1"]
    assert picture.hint("n0") == f"n0: leaf\ndata {1 / 3!r}\ngrad {x.grad!r}"
    assert picture.hint("e1_0") == f"∂n1/∂n0 = {1 / 7e20!r} (operand 1)"


def test_a_gradient_that_was_not_computed_is_not_drawn_as_zero() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    product = x * 0.0
    before = Picture(draw([product, y]))
    assert [before.fields(f"n{i}")["grad"] for i in range(3)] == ["—", "—", "—"]
    assert "grad not computed" in before.hint("n0")
    product.backward()
    after = Picture(draw([product, y]))
    assert [after.fields(f"n{i}")["grad"] for i in range(3)] == ["0", "—", "1"]
    assert "grad 0.0" in after.hint("n0")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.0])
def test_special_numbers_are_shown(number: float) -> None:
    x = Value(number)
    picture = Picture(draw(x * number))
    assert picture.fields("n0")["data"] == f"{number:g}"
    assert picture.texts["n1"][0] == f"* {number:g}"


def test_a_partial_without_a_value_is_marked_and_the_others_are_drawn() -> None:
    zero, base = Value(0.0), Value(-2.0)
    outputs = [zero.sqrt(), base**base]
    picture = Picture(draw(outputs))
    with pytest.raises(ZeroDivisionError):
        outputs[0].backward()
    with pytest.raises(ValueError, match="operand 2"):
        outputs[1].backward()
    assert picture.edges == {"e2_0": "∂ undefined", "e3_0": "∂ 0.25", "e3_1": "∂ undefined"}
    assert [name for name, g in picture.groups.items() if "undefined" in g.get("class", "")] == ["e2_0", "e3_1"]


def test_when_one_rule_gives_all_partials_and_fails_all_are_marked() -> None:
    spread = primitive("spread", lambda *xs: max(xs) - min(xs), variadic=lambda y, *xs: [1 / (y - y) for _ in xs])
    assert set(Picture(draw(spread(Value(1.0), Value(2.0), 3.0))).edges.values()) == {"∂ undefined"}


def test_a_leaf_that_was_set_after_the_forward_pass_shows_both_numbers() -> None:
    a, b, c = Value(0.4, "a"), Value(2.0, "b"), Value(math.nan, "c")
    output = a * b + a + c
    output.backward()
    a.data = 0.35891648
    picture = Picture(draw(output))
    assert picture.fields("n0") == {"data": "0.35892", "used": "0.4", "grad": "3"}
    assert "used as 0.4" in picture.hint("n0")
    assert "used" not in picture.fields("n1") | picture.fields("n2")  # a nan that was not set is the same nan
    assert picture.edges["e3_1"] == "∂ 0.4"  # by b, at the numbers of the forward pass


def test_a_leaf_that_was_set_between_its_uses_shows_all_of_its_numbers() -> None:
    a = Value(8.0)
    first = a * 2.0
    a.data = 1.0
    second = a * 3.0
    picture = Picture(draw([first, second]))
    assert picture.fields("n0") == {"data": "1", "used": "8, 1", "grad": "—"}
    assert [picture.fields(f"n{i}")["data"] for i in (1, 2)] == ["16", "3"]


# ---- operations and their operands -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x**2, ["** 2"]),
        (lambda x: 2**x, ["2 **"]),
        (lambda x: x - 1, ["- 1"]),
        (lambda x: 1 - x, ["1 -"]),
        (lambda x: x * -3, ["* -3"]),
        (lambda x: x % 3, ["% 3"]),
        (lambda x: 3 // x, ["3 //"]),
        (lambda x: -x, ["neg"]),
        (lambda x: x.tanh(), ["tanh"]),
        (lambda x: x + x, ["+"]),
        (lambda x: x - x, ["1", "2", "-"]),
        (lambda x: x.leaky_relu(), ["1", "2: 0.01", "leaky_relu"]),
        (lambda x: am.max(0.0, x), ["1: 0", "2", "max"]),
        (lambda x: am.sum([x, 2.5, x]), ["1", "2: 2.5", "3", "sum"]),
        (lambda x: am.sum([x, x, x]), ["sum"]),
        (lambda x: am.dot([x, 3.0], [0.5, x]), ["1", "2: 3", "3: 0.5", "4", "dot"]),
        (lambda x: am.where(x, 1.0, x), ["1", "2: 1", "3", "where"]),
    ],
)
def test_numbers_among_the_operands_and_their_places_are_visible(f: Callable[[Value], Value], words: list[str]) -> None:
    texts = Picture(draw(f(Value(2.0)))).texts["n1"]
    assert texts[: texts.index("output")] == words


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: b - a,
        lambda a, b: b / a,
        lambda a, b: b**a,
        lambda a, b: b % a,
        lambda a, b: am.atan2(b, a),
        lambda a, b: am.where(b, 0.0, a),
        lambda a, b: am.dot([b, 1.0, a], [a, b, 2.0]),
        lambda a, b: primitive(
            "fma", lambda x, y, z: x * y + z, lambda w, x, y, z: y, lambda w, x, y, z: x, lambda w, *_: 1
        )(b, a, b),
    ],
)
def test_where_the_order_matters_an_edge_ends_at_its_place(f: Callable[[Value, Value], Value]) -> None:
    assert_places(f(Value(2.0), Value(3.0)))


def assert_places(output: Value) -> None:
    """Every edge into the output, the third node, comes from its operand and ends beside that operand's number."""
    picture = Picture(draw(output))
    assert len(picture.edges) == len(operands(output)) > 1
    small = [t for t in picture.groups["n2"].iter(f"{SVG}text") if t.get("font-size") == "9.00"]
    heights = {(t.text or "").split(":")[0]: float(t.attrib["y"]) - 3 for t in small}  # y is that of the baseline
    places = {int(text): y for text, y in heights.items() if text.isdigit()}
    number = numbered(output)
    for name in picture.edges:
        j = int(name.split("_")[1])
        arg = output.args[j]
        assert isinstance(arg, Value)
        assert picture.ends[name] == (f"n{number[arg]}", "n2")
        x, y = picture.tip(name)
        assert x < min(float(t.attrib["x"]) for t in small)
        assert min(places, key=lambda place: abs(places[place] - y)) == j + 1


def test_the_check_of_places_finds_places_that_were_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    right = drawing._operation
    exchanged = {0: "2", 1: "1"}
    monkeypatch.setattr(drawing, "_operation", lambda *a: (right(*a)[0], [(j, exchanged[j]) for j, _ in right(*a)[1]]))
    with pytest.raises(AssertionError):
        assert_places(Value(2.0) - Value(3.0))


def test_a_users_primitive_is_drawn_as_it_is_written() -> None:
    rules = (lambda y, a, b: 1, lambda y, a, b: 2)
    odd = primitive("odd", lambda a, b: a + 2 * b, *rules, text="%s <b>\\N %s")
    plain = primitive("plain", lambda a, b: a + 2 * b, *rules, text="plain of %s and %s")
    x = Value(1.0)
    picture = Picture(draw([odd(x, 2.0), plain(x, 3.0)]))
    assert picture.texts["n1"][0] == "<b>\\N 2"
    assert picture.texts["n2"][:3] == ["1", "2: 3", "plain"]


def test_the_kinds_of_node_differ_in_outline_and_not_in_colour_alone() -> None:
    x = Value(2.0)
    y = (x * x).tanh() * x
    picture = Picture(draw([y, constant(1.0)], depth=1))

    def outline(name: str) -> tuple[Any, ...]:
        shapes = [e for e in picture.groups[name].iter() if e.tag in (f"{SVG}path", f"{SVG}polygon")]
        count = sum(
            len(e.get("points", e.get("d", "")).split()) > 4 and e.get("fill") != e.get("stroke") for e in shapes
        )
        return shapes[0].tag, shapes[0].get("stroke-dasharray"), count

    assert picture.kinds == {
        "n0": ["leaf"],
        "n1": ["constant", "output"],
        "n3": ["operation"],
        "n4": ["operation", "output"],
    }
    outlines = [outline(name) for name in ("n0", "n1", "n3", "n4", "b3")]
    assert len(set(outlines)) == 5
    assert outlines[0] == (f"{SVG}polygon", None, 1)
    assert outlines[3] == (f"{SVG}path", None, 2)
    assert picture.texts["n1"][0] == "constant"


def test_outputs_are_marked_in_the_order_in_which_they_are_given() -> None:
    x = Value(2.0)
    y = x * 3.0
    picture = Picture(draw([y, x]))
    assert (picture.texts["n0"][0], picture.texts["n1"][1]) == ("output 2", "output 1")
    again = Picture(draw([y, x, y]))
    assert again.texts["n1"][1] == "output 1 3"


def test_a_graph_of_second_derivatives_is_drawn() -> None:
    x = Value(2.0, "x")
    y = x**3
    (slope,) = gradients(y, [x], create_graph=True)
    picture = Picture(draw([y, slope]))
    assert picture.fields("n0")["data"] == "2"
    assert "12" in {picture.fields(name)["data"] for name in picture.kinds}


# ---- labels ----------------------------------------------------------------------------------------------------------

PIECES = [
    *"<>&\"'\\{}|[];#%$/ \t\n\r\0\x07\x1b\x7f\x85\xa0\xad\u2028\u202e\ufeff\ufffe\uffff\ud800\udfff",
    *("<b>x</b>", "<BR/>", "</TABLE>", ">]; n9 [label=<", "<!--", "-->", "]]>", "<![CDATA[", "&amp;", "&lt;", "&#0;"),
    *("\\N", "\\n", "\\l", "\\\\", '\\"', "\r\n", "  ", "data", "grad", "—", "%s", "n0"),
    *( "🙂", "👩‍👩‍👧", "é", "e\u0301", "漢字", "שלום", "مرحبا"),
]  # fmt: skip
labels = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), min_size=1, max_size=8).map("".join)


def as_shown(label: str) -> list[str]:
    """The lines a label must show: characters that XML 1.0 lacks and controls as U+FFFD; empty lines take no text."""
    label = re.sub("\r\n?", "\n", label).replace("\t", "    ")
    label = re.sub("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", label)
    return [line.replace("\u00a0", " ") for line in label.split("\n") if line]


def assert_shown(names: list[str]) -> None:
    values = [Value(float(i), name) for i, name in enumerate(names)]
    picture = Picture(draw(am.sum(values)))
    assert len(picture.kinds) == len(names) + 1
    for i, name in enumerate(names):
        assert picture.texts[f"n{i}"] == [*as_shown(name), "data", f" {i}", "grad", " —"]


@settings(max_examples=150)
@given(st.lists(labels, min_size=1, max_size=6))
@example(["".join(PIECES)])
@example([*PIECES])
@example([" lead", "trail ", " ", "\n", "\n\n a \n\n", "]", "[", "]]"])
def test_labels_are_shown_as_typed(names: list[str]) -> None:
    assert_shown(names)


def test_labels_hold_in_older_renderers_too() -> None:
    graph = draw(Value(1.0, " a] "))
    assert "\u00a0a&#93;\u00a0" in graph.source  # a space at either end is dropped, and ] taken for the end of a CDATA
    assert "\u00a0a]\u00a0" in graph.svg()


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        ("<b>x</b>", lambda text: text),
        ("a & b &lt;", lambda text: text.replace("<", "&lt;")),
        ("back\\N", lambda text: text),
        ("two\nlines", lambda text: text.replace("\n", " ")),
        ("nul\0", lambda text: text.replace("\0", "")),
        ("bell\x07", lambda text: text),
    ],
)
def test_the_check_of_labels_finds_planted_faults(
    label: str, fault: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_shown([label])
    monkeypatch.setattr(dot, "typed", fault)
    with pytest.raises((AssertionError, RuntimeError, ET.ParseError)):
        assert_shown([label])


# ---- parts of a graph ------------------------------------------------------------------------------------------------


def assert_part(picture: Picture, number: dict[Value, int], expected: set[Value]) -> None:
    """The picture shows these nodes, numbered as in the whole graph, and counts all that it leaves out beside them."""
    assert picture.kinds.keys() == {f"n{number[node]}" for node in expected}
    for node in expected:
        i = number[node]
        assert f"data {node.data!r}" in picture.hint(f"n{i}")
        behind, ahead = operands(node), [user for user in number for arg in operands(user) if arg is node]
        for cut, whole, end in ((f"b{i}", behind, 1), (f"a{i}", ahead, 0)):
            drawn = sum(picture.ends[name][end] == f"n{i}" for name in picture.edges)
            hidden = len(whole) - drawn
            assert drawn == sum(other in expected for other in whole)
            noun = ("operand" if end else "use") + "s" * (hidden != 1)
            assert picture.cuts.get(cut) == (f"… {hidden} {noun}" if hidden else None)
            assert not hidden or (cut, f"n{i}")[:: 1 if end else -1] in picture.ends.values()


@settings(max_examples=60)
@given(programs(), st.integers(0, 4), st.booleans(), st.data())
def test_depth_and_around_show_what_lies_that_near(
    values: list[Value], depth: int, around: bool, data: st.DataObject
) -> None:
    outputs = data.draw(st.lists(st.sampled_from(values[-4:]), min_size=1, max_size=2))
    number = numbered(outputs)
    center = data.draw(st.sampled_from(list(number))) if around else None
    expected = {center} if center is not None else set(outputs)
    for _ in range(depth):
        beyond = {arg for node in expected for arg in operands(node)}
        if around:
            beyond |= {user for user in number if any(arg in expected for arg in operands(user))}
        expected = expected | beyond
    assert_part(Picture(draw(outputs, depth=depth, around=center)), number, expected)


def test_around_alone_shows_operands_and_users() -> None:
    output = network()
    number = numbered(output)
    hidden = next(node for node in number if node.op is not None and node.op.name == "sigmoid")
    users = {user for user in number if any(arg is hidden for arg in operands(user))}
    assert len(users) == 2
    picture = Picture(draw(output, around=hidden))
    assert_part(picture, number, {hidden, *operands(hidden), *users})
    assert picture.cuts


def test_nothing_is_marked_as_cut_when_nothing_is() -> None:
    output = neuron()
    whole = draw(output)
    assert draw(output, depth=10**9) == whole
    assert draw(output, around=output, depth=100) == whole


def test_the_drawings_of_parts_are_checked_by_a_check_that_finds_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    output = network()
    number = numbered(output)
    monkeypatch.setattr(drawing, "_cut", lambda name, count, noun: f'{name} [class=cut, label="… 1 {noun}"]')
    with pytest.raises(AssertionError):
        assert_part(Picture(draw(output, depth=0)), number, {output})


# ---- limits ----------------------------------------------------------------------------------------------------------


def test_a_graph_that_is_too_large_is_refused_after_looking_at_no_more_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    y = Value(1.0)
    for _ in range(1_000_000):
        y = y * 1.0
    looked = 0
    behind = drawing._behind

    def counted(node: Value) -> list[Value]:
        nonlocal looked
        looked += 1
        return behind(node)

    with monkeypatch.context() as patch:
        patch.setattr(drawing, "_behind", counted)
        with pytest.raises(ValueError, match=r"more than 2,000 nodes.*depth=.*around=.*limit=") as caught:
            draw(y)
        assert looked == 2000
    assert "\n" not in str(caught.value)


def test_a_part_of_a_deep_graph_is_drawn() -> None:
    x = y = Value(1.0)
    for _ in range(100_000):
        y = y * 1.0
    assert draw(y, depth=2).nodes == 3
    near_the_leaf = draw(y, around=x, depth=3)
    assert near_the_leaf.nodes == 4
    assert "n100000 [" not in near_the_leaf.source


def test_the_limit_itself_is_allowed() -> None:
    graph = draw(loop(10), limit=22)
    assert graph.nodes == 22
    with pytest.raises(ValueError, match="more than 21 nodes"):
        draw(loop(10), limit=21)
    with pytest.raises(ValueError, match="more than 2 nodes"):
        draw(loop(10), depth=2, limit=2)
    assert draw(loop(10), depth=1, limit=2).nodes == 2


def test_few_nodes_with_very_many_operands_are_refused() -> None:
    x = Value(1.0)
    with pytest.raises(ValueError, match="more than 20,000 operands"):
        draw(am.sum([x] * 20_001))
    with pytest.raises(ValueError, match="more than 20 operands"):
        draw(am.sum([x] + [1.0] * 20), limit=2)
    assert draw(am.sum([x] * 20), limit=2).edges == 20
    many = am.sum([x] * 50_000)
    assert "… 50,000 operands" in draw(many, depth=0).source


def test_edges_begin_at_references_only_where_they_are_long() -> None:
    output = loop(60)
    number = numbered(output)
    x = number[output.args[0].args[1]]
    picture = Picture(draw(output))
    assert len(picture.edges) == 180
    far = {name: ends for name, ends in picture.ends.items() if ends[0].startswith("r")}
    assert len(far) > 50
    assert picture.references == {f"r{ends[1][1:]}_{x}": [f"n{x}"] for ends in far.values()}
    assert all(ends == (f"r{name[1:-2]}_{x}", f"n{name[1:-2]}") for name, ends in far.items())
    assert picture.texts[f"n{x}"][0] == f"n{x}"  # the node says which it is, or nobody would find it
    assert picture.hint(min(far)).startswith(f"∂n{far[min(far)][1][1:]}/∂n{x} = ")
    y = Value(1.0)
    for _ in range(60):
        y = (y * Value(2.0)).sin()  # as long, but each leaf is beside its only use
    for graph in (draw(loop(20)), draw(network()), draw(y)):
        assert "reference" not in graph.source


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((3.0,), {}, TypeError, "draw takes Values, not float 3.0"),
        (("x",), {}, TypeError, "draw takes Values, not str 'x'"),
        (([Value(1.0), [Value(2.0)]],), {}, TypeError, "draw takes Values, not list"),
        ((Value(1.0),), {"around": 2.0}, TypeError, "draw takes Values, not float 2.0"),
        ((Value(1.0),), {"around": Value(2.0, "w")}, ValueError, "around=Value(2.0, label='w') is not in the graph"),
        (([],), {}, ValueError, "at least one output"),
        ((Value(1.0),), {"depth": -1}, ValueError, "depth must be 0 or more, not -1"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        draw(*arguments, **options)


# ---- the same drawing every time -------------------------------------------------------------------------------------


def test_the_same_graph_gives_the_same_source() -> None:
    for make in (neuron, network, shared, weighted):
        assert draw(make()).source == draw(make()).source
    assert draw(neuron()).source != draw(network()).source


def test_the_source_does_not_depend_on_the_process(tmp_path: Path) -> None:
    program = (
        "from autograd import Value, math\n"
        "from autograd.view import draw\n"
        "xs = [Value(float(i), f'x{i}') for i in range(20)]\n"
        "y = math.dot(xs[:10], xs[10:]) * math.sum(xs)\n"
        "z = xs[3] * xs[4]\n"
        "y.backward()\n"
        "for x in xs: x.data = 0.5\n"
        "print(ascii(draw([y, z], depth=2).source))"
    )
    sources = {run(program, PYTHONHASHSEED=seed) for seed in ("1", "2")}
    assert len(sources) == 1
    assert "used" in sources.pop()


def run(program: str, **environment: str) -> str:
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env=os.environ | {"PYTHONPATH": root} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- rendering and saving --------------------------------------------------------------------------------------------

posix = pytest.mark.skipif(os.name != "posix", reason="the stand-in for dot is a shell script")


@pytest.fixture
def no_renderer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(empty))


def stand_in(folder: Path, name: str, script: str) -> None:
    program = folder / "empty" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_graphviz_is_imported_when_something_is_rendered_and_not_before() -> None:
    program = (
        "import sys\n"
        "from autograd import Value\n"
        "from autograd.view import draw\n"
        "graph = draw(Value(1.0) * 2.0)\n"
        "graph.source, repr(graph)\n"
        "before = 'graphviz' in sys.modules\n"
        "graph.svg()\n"
        "print(before, 'graphviz' in sys.modules)"
    )
    assert run(program).split() == ["False", "True"]


def test_no_dot_on_the_path_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len(Picture(draw(neuron())).edges) == 9


@pytest.mark.usefixtures("no_renderer")
def test_without_a_renderer_the_error_names_both_remedies_and_dot_text_is_at_hand(tmp_path: Path) -> None:
    graph = draw(neuron())
    kept = tmp_path / "g.svg"
    kept.write_text("kept")
    for render in (graph.svg, lambda: graph.save(kept)):
        with pytest.raises(RuntimeError, match=r"apt install graphviz.*pip install .*graphviz-pure.*Graph\.source"):
            render()
    assert kept.read_text() == "kept"
    graph.save(tmp_path / "g.dot")
    assert (tmp_path / "g.dot").read_text(encoding="utf-8") == graph.source
    assert graph.source.startswith("digraph")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "g.dot", "g.svg"]


@pytest.mark.usefixtures("no_renderer")
def test_without_a_renderer_jupyter_shows_text() -> None:
    bundle = draw(twice())._repr_mimebundle_()
    assert bundle.keys() == {"text/plain"}
    assert bundle["text/plain"].startswith("<Graph of 2 nodes and 2 edges>\nnot drawn: ")
    assert "graphviz-pure" in bundle["text/plain"]


def test_without_the_graphviz_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("graphviz", "graphviz.backend", "graphviz.backend.execute"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RuntimeError, match=r"package graphviz is not installed.*pip install graphviz"):
        draw(twice()).svg()


@posix
@pytest.mark.usefixtures("no_renderer")
def test_dot_comes_before_graphviz_pure(tmp_path: Path) -> None:
    stand_in(tmp_path, "graphviz-pure", "echo '<svg by=\"pure\"/>'")
    assert 'by="pure"' in draw(twice()).svg()
    stand_in(tmp_path, "dot", 'echo "<svg by=\\"dot $*\\"/>"')
    assert 'by="dot -Kdot -Tsvg"' in draw(twice()).svg()


@posix
@pytest.mark.usefixtures("no_renderer")
@pytest.mark.parametrize("script", ["echo 'no plugin for svg' >&2; exit 3", "exec /nonexistent", "exit 0"])
def test_a_renderer_that_fails_is_named_and_nothing_is_written(script: str, tmp_path: Path) -> None:
    stand_in(tmp_path, "dot", script)
    kept = tmp_path / "g.svg"
    kept.write_text("kept")
    with pytest.raises(RuntimeError, match=r"empty/dot failed on <Graph of 2 nodes.*Graph\.source") as caught:
        draw(twice()).save(kept)
    assert ("no plugin" in script) == ("no plugin for svg" in str(caught.value))
    assert kept.read_text() == "kept"
    assert draw(twice())._repr_mimebundle_().keys() == {"text/plain"}


def test_a_renderer_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(command: list[str], **options: Any) -> None:
        assert options["timeout"] == 60
        raise subprocess.TimeoutExpired(command, 60)

    monkeypatch.setattr("graphviz.backend.execute.run_check", stuck)
    with pytest.raises(RuntimeError, match=r"more than a minute.*depth= or around="):
        draw(twice()).svg()


def test_jupyter_shows_svg_and_text() -> None:
    graph = draw(neuron())
    bundle = graph._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"image/svg+xml": graph.svg(), "text/plain": "<Graph of 10 nodes and 9 edges>"}


def test_the_svg_stands_alone_on_white_and_says_what_it_is() -> None:
    root = Picture(draw(neuron())).root
    assert root.get("aria-label") == "Computation graph of 10 nodes and 9 edges"
    assert "monospace" in root.attrib["font-family"]
    assert not any("font-family" in text.attrib for text in root.iter(f"{SVG}text"))
    assert next(root.iter(f"{SVG}polygon")).get("fill") == "white"
    assert not any(name.endswith("href") for element in root.iter() for name in element.attrib)


def test_drawings_go_from_left_to_right() -> None:
    picture = Picture(draw(network()))
    for name in picture.edges:
        tail, head = (
            min(float(t.attrib["x"]) for t in picture.groups[end].iter(f"{SVG}text")) for end in picture.ends[name]
        )
        assert tail < head


def test_files_are_saved_by_their_ending(tmp_path: Path) -> None:
    graph = draw(network())
    for name, text in (("g.svg", graph.svg()), ("g.dot", graph.source), ("h.SVG", graph.svg())):
        graph.save(str(tmp_path / name))
        assert (tmp_path / name).read_bytes() == text.encode()
    for name in ("g.gif", "g", "svg", "g.svg.txt"):
        with pytest.raises(ValueError, match=re.escape(f"{name!r}: the name must end in .svg, .dot, .png or .pdf")):
            graph.save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.dot", "g.svg", "h.SVG"]
    graph.save(tmp_path / "g.png")
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.usefixtures("no_renderer")
def test_a_pdf_is_what_the_renderer_writes(tmp_path: Path) -> None:
    stand_in(tmp_path, "dot", "[ $2 = -Tpdf ] && echo '%PDF-'")
    draw(Value(1.0)).save(tmp_path / "g.pdf")
    assert (tmp_path / "g.pdf").read_bytes() == b"%PDF-\n"


def test_the_paths_of_an_explanation_are_bold() -> None:
    nodes = demo.recorded()
    found = explain(nodes["E"], nodes["w1"])
    source = draw(nodes["E"], highlight=found).source
    bold = set(re.findall(r"id=(e\d+_\d+),.*penwidth=2.5", source))
    assert bold == {f"e{i}_{place}" for i, place in found.edges}
    assert "penwidth" not in draw(nodes["E"]).source


def test_gradients_have_shades() -> None:
    x = Value(1.0, "x")
    y = x * 1e-3 * 2.0
    y.backward()
    fills = dict(
        re.findall(r"^  (n\d) .*fillcolor=\"(#\w+)\", tooltip", draw(y, by_gradient=True).source, re.MULTILINE)
    )
    assert (fills["n2"], fills["n1"], fills["n0"]) == (dot.SHADES[0], dot.SHADES[0], dot.SHADES[3])
    with pytest.raises(ValueError, match="leave them out, or level"):
        draw(y, level="layers", by_gradient=True)


def test_the_lines_to_the_places_of_a_long_sum_stay_apart() -> None:
    """Each can be followed from its operand to its place: no two cross, and they end well apart."""
    from nn import Network, half_squared

    network = Network.layered(2, 4, 1, seed=1)
    loss = half_squared(network.activate([0.35, 0.8]), [0.9])
    loss.backward()
    (number,) = [i for i, node in enumerate(topological(loss)) if len(node.args) == 8]
    lines = []
    for k in range(8):
        found = re.search(rf'<g id="e{number}_{k}".*? d="M([^"]*)"', draw(loss).svg(), re.DOTALL)
        assert found is not None
        points = [tuple(map(float, point.split(","))) for point in re.findall(r"[-.\d]+,[-.\d]+", found[1])]
        lines.append(curve(points))
    ends = [line[-1][1] for line in lines]
    assert ends == sorted(ends)
    assert min(b - a for a, b in pairwise(ends)) > 15
    for a, b in combinations(lines, 2):
        assert not any(cross(p, q) for p in pairwise(a) for q in pairwise(b))


def curve(points: list[Any]) -> list[tuple[float, float]]:
    """Points along the cubic curves that Graphviz writes: a start, then three points for each."""
    found = [points[0]]
    for k in range(0, len(points) - 1, 3):
        a, b, c, d = points[k : k + 4]
        for t in (i / 8 for i in range(1, 9)):
            u = 1 - t
            found.append(tuple(
                u**3 * p + 3 * u * u * t * q + 3 * u * t * t * r + t**3 * s for p, q, r, s in zip(a, b, c, d, strict=True)
            ))  # fmt: skip
    return found


def cross(one: Any, other: Any) -> bool:
    """Whether two pieces of lines meet."""

    def side(a: Any, b: Any, c: Any) -> bool:
        return bool((b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0]))

    (a, b), (c, d) = one, other
    return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)
