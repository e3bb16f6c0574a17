"""The sweep: whatever was born between the nodes of a graph, each is visited once, after everything that uses it."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, gradients, hessian, hvp, jvp
from autograd import math as am
from autograd.backward import topological
from autograd.primitives import Primitive
from autograd.sweeps import dependents, edges, push

# A step: how many Values are born before it, and its terms, each a factor times the node so many before.  The factors
# are powers of two and few enough for all sums to be exact.
FACTORS = st.sampled_from([-2.0, -0.5, 0.5, 1.0, 2.0])
GAPS = st.sampled_from([0, 0, 0, 1, 100, 130, 1000, 1100, 2500])
STEPS = st.lists(
    st.tuples(GAPS, st.lists(st.tuples(FACTORS, st.integers(0, 30)), min_size=1, max_size=4), st.booleans()),
    min_size=1,
    max_size=25,
)
LEAVES = 3


def run(steps: Any) -> tuple[list[Value], list[list[tuple[float, int]]]]:
    """The nodes of a program, and the terms of each by place: none of a leaf."""
    nodes = [Value(1.0 + i) for i in range(LEAVES)]
    terms: list[list[tuple[float, int]]] = [[] for _ in nodes]
    for gap, picks, fused in steps:
        for _ in range(gap):
            Value(0.0)
        chosen = [(factor, max(len(nodes) - 1 - back, 0)) for factor, back in picks]
        if fused:
            nodes.append(am.dot([factor for factor, _ in chosen], [nodes[i] for _, i in chosen]))
            terms.append(chosen)
            continue
        total = None
        for factor, i in chosen:  # each term and each partial sum is a node as well
            nodes.append(nodes[i] * factor)
            terms.append([(factor, i)])
            if total is not None:
                nodes.append(nodes[total] + nodes[-1])
                terms.append([(1.0, total), (1.0, len(nodes) - 2)])
            total = len(nodes) - 1
    return nodes, terms


def adjoints(terms: list[list[tuple[float, int]]], stop: frozenset[int] = frozenset()) -> list[Fraction]:
    """The derivatives of the last node by every node, exactly; what lies behind ``stop`` is held fixed."""
    result = [Fraction(0)] * len(terms)
    result[-1] = Fraction(1)
    for place in range(len(terms) - 1, -1, -1):
        if place not in stop:
            for factor, operand in terms[place]:
                result[operand] += Fraction(factor) * result[place]
    return result


def behind(terms: list[list[tuple[float, int]]], stop: frozenset[int] = frozenset()) -> set[int]:
    """The places that the last node was computed from, itself among them."""
    found = {len(terms) - 1}
    for place in range(len(terms) - 1, -1, -1):
        if place in found and place not in stop:
            found.update(operand for _, operand in terms[place])
    return found


@given(STEPS)
@settings(max_examples=60)
def test_backward(steps: Any) -> None:
    nodes, terms = run(steps)
    nodes[-1].backward()
    told = {place: node.grad for place, node in enumerate(nodes) if node.has_grad}
    expected = adjoints(terms)
    assert told == {place: expected[place] for place in behind(terms)}


@given(STEPS, st.lists(st.integers(0, 60), min_size=1, max_size=4))
@settings(max_examples=60)
def test_gradients_by_leaves_and_nodes(steps: Any, picks: list[int]) -> None:
    nodes, terms = run(steps)
    places = [pick % len(nodes) for pick in picks]
    stop = frozenset(places)
    expected = adjoints(terms, stop)
    assert gradients(nodes[-1], [nodes[place] for place in places]) == [expected[place] for place in places]


@given(STEPS, st.lists(st.integers(0, 60), max_size=3))
@settings(max_examples=60)
def test_topological_order(steps: Any, picks: list[int]) -> None:
    nodes, terms = run(steps)
    stop = frozenset(pick % len(nodes) for pick in picks)
    place = {node: i for i, node in enumerate(nodes)}
    order = [place[node] for node in topological(nodes[-1], stop={nodes[i] for i in stop})]
    assert len(order) == len(set(order))
    assert set(order) == behind(terms, stop)
    at = {i: position for position, i in enumerate(order)}
    assert all(at[operand] < at[i] for i in order if i not in stop for _, operand in terms[i])


def test_an_operand_of_long_ago_and_very_many_of_them() -> None:
    """Results that wait for long: more than the ring ever had room for, in the order of use and against it."""
    x = Value(1.5)
    many = [x * float(i) for i in range(6000)]
    for _ in range(20_000):
        Value(0.0)
    recent = [x * float(i) for i in range(100)]
    total = am.sum([many[0], *recent, many[3000], *many, many[-1]])
    for node in (*many, *recent):
        total = node * 2.0 + total
    total.backward()
    times = [3.0 + (i in (0, 3000, 5999)) for i in range(6000)]
    assert [node.grad for node in many] == times
    assert [node.grad for node in recent] == [3.0] * 100
    assert x.grad == sum(i * t for i, t in enumerate(times)) + 3.0 * sum(range(100))


@pytest.mark.parametrize("first", [5999, 3000, 0])
def test_the_ring_is_widened_while_others_wait_beyond_it(first: int) -> None:
    """One result waits in the heap, then so many older ones do that the ring is made to hold them all."""
    x = Value(1.5)
    many = [x * float(i) for i in range(6000)]
    for _ in range(20_000):
        Value(0.0)
    total = am.sum([many[first], *many[:first], *many[first + 1 :]])
    assert topological(total) == [x, *many, total]
    total.backward()
    assert [node.grad for node in many] == [1.0] * 6000
    assert gradients(total, [x]) == [sum(range(6000))]


def test_a_failed_backward_leaves_the_gradients_of_visited_nodes() -> None:
    x, w = Value(0.0), Value(2.0)
    fresh, seen, infinite = w * 3.0, w * 5.0, w * 7.0
    seen.backward()
    infinite.grad = float("inf")
    nodes = [x, w, fresh, seen, infinite]
    before = [(node.grad, node.has_grad) for node in nodes]
    total = am.sqrt(x * w) * 2.0  # its derivative does not exist; it is older than what is visited first
    for node in (fresh, seen, infinite):
        total = total + node * 1.0
    with pytest.raises(ZeroDivisionError):
        total.backward()
    assert [(node.grad, node.has_grad) for node in nodes] == before
    assert not total.has_grad


def test_a_rule_that_is_interrupted_leaves_the_gradients() -> None:
    def interrupt(_y: float, _a: float) -> float:
        raise KeyboardInterrupt

    row = Primitive("interrupted", lambda a: a, (interrupt,))
    x = Value(2.0)
    inner = row(x * 2.0)
    total = inner * 3.0
    total.grad = 7.0
    with pytest.raises(KeyboardInterrupt):
        total.backward()
    assert [(node.grad, node.has_grad) for node in (total, inner, x)] == [(7.0, True), (0.0, False), (0.0, False)]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer here that sends a signal")
def test_a_long_backward_can_be_interrupted_and_leaves_no_gradient() -> None:
    def interrupt(_signal: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    x = y = Value(1.0)
    for _ in range(3_000_000 if autograd.__native__ else 100_000):
        y = y * 1.0
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(KeyboardInterrupt):
            y.backward()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not x.has_grad
    assert not any(node.has_grad for node in topological(y))


MODES: dict[str, Callable[[Any, list[float]], Any]] = {
    "backward": lambda f, xs: f(*map(Value, xs)).backward(),
    "gradients": lambda f, xs: autograd.grad(lambda v: f(*v))(xs),
    "gradients by one": lambda f, xs: autograd.grad(f)(*xs),
    "create_graph": lambda f, xs: gradients(f(*(vs := [Value(x) for x in xs])), vs, create_graph=True),
    "jvp": lambda f, xs: autograd.jvp(f, xs, [1.0] * len(xs)),
    "hvp": lambda f, xs: autograd.hvp(f, xs, [1.0] * len(xs)),
    "hessian": lambda f, xs: autograd.hessian(lambda v: f(*v))(xs),
    "draw": lambda f, xs: autograd.draw(f(*map(Value, xs))),
}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (lambda xs: [1.0] * (len(xs) + 1), "4 partials"),
        (lambda xs: [1.0] * (len(xs) - 1), "2 partials"),
        (lambda xs: (1.0 for _ in xs[1:]), "2 partials"),
        (lambda xs: [], "0 partials"),
        (lambda xs: 1.0, "float"),
        (lambda xs: None, "NoneType"),
    ],
)
def test_a_rule_for_any_number_of_arguments_gives_a_partial_for_each(mode: Any, returned: Any, told: str) -> None:
    row = Primitive("total", lambda *xs: math.fsum(xs), lambda y, *xs: returned(xs))
    with pytest.raises(TypeError, match=f"the rule of total returned {told} for 3 arguments"):
        mode(row, [1.0, 2.0, 3.0])


@pytest.mark.skipif(autograd.__native__, reason="a compiled node hides its birth")
@pytest.mark.parametrize("birth", ["of another", "later"])
def test_a_broken_order_of_birth_is_noticed(birth: str) -> None:
    x: Any = Value(2.0)
    a: Any = x * 3.0
    b: Any = x * 5.0
    a._birth = b._birth if birth == "of another" else b._birth + 9
    with pytest.raises(RuntimeError, match="younger than its operands"):
        (a * b).backward()


# ---- the two modes on Values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("partial", [-3, -2, -1, 0, 1, 2, 3, True])
def test_a_rule_may_return_an_integer(partial: int) -> None:
    """In every mode and order a partial of n is n times what comes in: x -> (n x)**3, say, has the slope 3 n**3 x**2."""
    row = Primitive("times", lambda a: float(partial * a), (lambda _y, _a: partial,))
    x = Value(1.5)
    y = row(x) ** 3
    assert gradients(y, [x]) == [3.0 * partial**3 * 1.5**2]
    (slope,) = gradients(y, [x], create_graph=True)
    assert slope.data == 3.0 * partial**3 * 1.5**2
    (second,) = gradients(slope, [x], create_graph=True)
    assert second.data == 6.0 * partial**3 * 1.5
    assert gradients(second, [x]) == [6.0 * partial**3]
    assert jvp(lambda z: row(z) ** 3, (1.5,), (10.0,)) == ((partial * 1.5) ** 3, 30.0 * partial**3 * 1.5**2)
    assert jvp(lambda z: row(z) * z, (1.5,), (10.0,))[1] == 2 * 1.5 * 10.0 * partial
    assert hvp(lambda z: row(z) ** 3, (1.5,), (10.0,)) == (60.0 * partial**3 * 1.5,)
    y.backward()
    assert x.grad == 3.0 * partial**3 * 1.5**2


NAN = float("nan")


@pytest.mark.parametrize(("before", "after"), [(1.0, 2.0), (1.0, NAN), (NAN, 1.0), (0.0, 5e-324)])
def test_a_graph_of_other_data_is_not_differentiated_again(before: float, after: float) -> None:
    x = Value(before)
    y = x * 3.0
    x.data = after
    assert gradients(y, [x]) == [3.0]
    with pytest.raises(RuntimeError, match=rf"Value\({after!r}\) was {before!r} when mul was computed from it"):
        gradients(y, [x], create_graph=True)


@pytest.mark.parametrize("data", [1.0, NAN, -0.0, float("inf")])
def test_a_graph_of_the_same_data_is(data: float) -> None:
    x = Value(data)
    y = x * 3.0
    x.data = data
    (slope,) = gradients(y, [x], create_graph=True)
    assert slope.data == 3.0


@given(STEPS, st.lists(st.integers(0, 60), min_size=1, max_size=4))
@settings(max_examples=60)
def test_what_depends_on_the_inputs(steps: Any, picks: list[int]) -> None:
    nodes, terms = run(steps)
    inputs = frozenset(pick % len(nodes) for pick in picks)
    place = {node: i for i, node in enumerate(nodes)}
    order = topological(nodes[-1], stop={nodes[i] for i in inputs})
    expected = set(inputs)
    for i in sorted(place[node] for node in order):
        if any(operand in expected for _, operand in terms[i]):
            expected.add(i)
    found = dependents(order, [nodes[i] for i in inputs])
    assert {place[node] for node in found} == expected
    assert found == {nodes[i] for i in expected}


@given(STEPS, st.lists(st.integers(0, 60), min_size=1, max_size=4))
@settings(max_examples=60)
def test_both_modes_on_values(steps: Any, picks: list[int]) -> None:
    """The programs are linear: the derivatives are exact, and their own derivatives are 0."""
    nodes, terms = run(steps)
    places = [pick % len(nodes) for pick in picks]
    expected = adjoints(terms, frozenset(places))
    slopes = gradients(nodes[-1], [nodes[place] for place in places], create_graph=True)
    assert [slope.data for slope in slopes] == [expected[place] for place in places]
    inputs = {nodes[place]: float(i + 1) for i, place in enumerate(dict.fromkeys(places))}
    order = topological(nodes[-1], stop=set(inputs))
    moved = push(order, inputs, [nodes[-1]]).get(nodes[-1], 0.0)
    assert type(moved) is float
    assert moved == sum(t * expected[place] for place, t in zip(dict.fromkeys(places), inputs.values(), strict=True))


def test_forward_mode_from_a_node_and_what_it_was_computed_from() -> None:
    x = Value(3.0)
    h = x * x
    y = h * x
    order = topological(y, stop={x, h})
    tangents = push(order, {x: 1.0, h: 10.0}, [y])
    assert tangents[y] == 9.0 + 30.0  # h moves as it is told
    assert tangents[h] == 10.0
    assert gradients(y, [x, h]) == [9.0, 3.0]


@pytest.mark.parametrize("lift", [False, True])
def test_forward_mode_asks_for_no_partial_that_does_not_matter(lift: bool) -> None:
    x, w = Value(0.0), Value(0.0)
    for aside in (am.where(x > 0, x.sqrt(), 0.0), w.sqrt() * 0.0, x.sqrt().detach()):
        y = x * 2.0 + aside
        unused = x.sqrt()
        tangents = push(topological(y, unused), {x: 1.0}, [y], lift)
        assert float(getattr(tangents[y], "data", tangents[y])) == 2.0


def test_edges_lead_to_the_operands_that_are_values_and_asked_for() -> None:
    x, w = Value(3.0), Value(0.0)
    for y in (am.sum([x, 2.0, w, x]), am.hypot(x, 0.0, w)):
        assert [arg for arg, _ in edges(y)] == [arg for arg in y.args if isinstance(arg, Value)]
        assert {id(arg) for arg, _ in edges(y, {w})} == {id(w)}
        assert edges(y, {Value(2.0), Value(0.0)}) == []
    y = x * 2.0 + w
    assert [(id(arg), partial) for arg, partial in edges(y, {w})] == [(id(w), 1)]
    assert edges(y.args[0], {w}) == []  # type: ignore[arg-type]  # args are Values or floats, and this is one


@pytest.mark.parametrize(
    "total", [lambda a, b: a + b, lambda a, b: am.sum([a, 1.0, b]), lambda a, b: am.hypot(a, b, 1.0)]
)
def test_what_does_not_depend_on_the_inputs_is_not_entered(total: Any) -> None:
    x, w = Value(3.0), Value(0.0)
    y = total(x * x, (w * 2.0).sqrt())  # whose slope at 0 does not exist
    (slope,) = gradients(y, [x], create_graph=True)
    assert slope.data == gradients(y, [x])[0]
    (second,) = gradients(slope, [x])
    assert second == pytest.approx(hessian(lambda z: total(z * z, 0.0))(3.0), rel=1e-14, abs=0)
    assert push(topological(y, stop={x}), {x: 1.0}, [y])[y] == slope.data
    with pytest.raises(ZeroDivisionError, match="sqrt"):
        gradients(y, [w], create_graph=True)
