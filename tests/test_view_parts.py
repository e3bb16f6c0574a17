"""Drawings of parts of a graph, their limits, and that they are the same every time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value
from autograd import math as am
from autograd.view import draw, drawing
from tests.pictures import (
    Picture,
    loop,
    network,
    neuron,
    numbered,
    operands,
    programs,
    run,
    shared,
    weighted,
)

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
