"""Drawings: what the DOT text and the SVG say, held against the graph itself and against finite differences."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd import Value, demo, explain, gradients, primitive
from autograd import math as am
from autograd.backward import topological
from autograd.sweeps import edges
from autograd.value import constant
from autograd.view import dot, draw, drawing
from tests.pictures import (
    SVG,
    Picture,
    network,
    neuron,
    numbered,
    operands,
    shared,
    twice,
    weighted,
)

# ---- nodes and edges -------------------------------------------------------------------------------------------------


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


# ---- paths, shades and lines -----------------------------------------------------------------------------------------


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
