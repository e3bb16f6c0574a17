"""Copies and pickles: what was shared is shared, however it is asked for, and long lists of deep nodes take linear time."""

from __future__ import annotations

import copy
import io
import pickle
import random
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd.copying
from autograd import Value, gradients
from autograd import math as am
from autograd.backward import topological
from autograd.value import numbers_of

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class PurePickler(pickle._Pickler):  # type: ignore[name-defined]  # the one in Python, on which others are built
    pass


def by_pure_python(thing: Any) -> Any:
    file = io.BytesIO()
    PurePickler(file).dump(thing)
    return pickle._loads(file.getvalue())  # type: ignore[attr-defined]  # the one in Python has no other name


WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle in Python": by_pure_python,
    **{f"pickle {n}": lambda thing, n=n: pickle.loads(pickle.dumps(thing, n)) for n in PROTOCOLS},  # type: ignore[misc]  # a default's type
}
every_way = pytest.mark.parametrize("duplicate", WAYS.values(), ids=WAYS)


class Parameter(Value):
    """A leaf with an attribute of its own."""

    def __init__(self, data: float, unit: Any) -> None:
        super().__init__(data)
        self.unit = unit


class Slotted(Value):
    __slots__ = ("unit",)

    def __init__(self, data: float, unit: str) -> None:
        super().__init__(data)
        self.unit = unit


def written(nodes: Iterable[Value]) -> list[Any]:
    """The graph of these nodes written down: an entry a node, in the order in which they are met, operands as places."""
    found: dict[int, tuple[int, Value]] = {}
    todo = list(nodes)
    asked = [id(node) for node in todo]
    while todo:
        node = todo.pop()
        if id(node) not in found:
            found[id(node)] = (len(found), node)
            todo.extend(arg for arg in node.args if isinstance(arg, Value))
    entries: list[Any] = [found[key][0] for key in asked]
    for _, node in found.values():
        args = [("node", found[id(arg)][0]) if isinstance(arg, Value) else arg for arg in node.args]
        known = (node.data, node.grad, node.has_grad, node.label, str(node.op), numbers_of(node))
        entries.append((type(node), *known, getattr(node, "unit", None), args))
    return entries


@every_way
def test_a_node_that_two_outputs_share_stays_one(duplicate: Callable[[Any], Any]) -> None:
    h = Value(1.0) * 2
    h2, l2 = duplicate((h, h * h))
    assert l2.args[0] is l2.args[1] is h2
    assert gradients(l2, [h2]) == [4.0]
    l3, h3 = duplicate((h * h, h))
    assert gradients(l3, [h3]) == [4.0]


def graph(rng: random.Random, size: int) -> list[Value]:
    """Some leaves, and nodes of one, two and many operands computed from them, with labels and gradients here and there."""
    nodes: list[Value] = [Value(1.5, "x"), Parameter(0.5, "volt"), Slotted(2.0, "m"), Value(-1.0)]
    for _ in range(size):
        a, b, c = rng.choice(nodes), rng.choice(nodes), rng.choice([rng.choice(nodes), 0.25])
        make = rng.choice([
            lambda a, b, c: a * b, lambda a, b, c: a + 1.0, lambda a, b, c: 2.0 - a, lambda a, b, c: a.tanh(),
            lambda a, b, c: am.dot([a, 1.0], [b, c]), lambda a, b, c: am.where(a > 0, b, c), lambda a, b, c: am.max(a, b, c),
        ])  # fmt: skip
        made = make(a, b, c)
        if isinstance(made, Value):
            nodes.append(made)
            if rng.random() < 0.2:
                made.label = f"n{len(nodes)}"
            if rng.random() < 0.2:
                made.backward()
    return nodes


@given(st.randoms(use_true_random=False), st.integers(0, 30), st.sampled_from(list(WAYS)))
@settings(max_examples=300, deadline=None)
def test_any_nodes_in_any_order_come_back_as_they_were(rng: random.Random, size: int, way: str) -> None:
    nodes = graph(rng, size)
    chosen = [rng.choice(nodes) for _ in range(rng.randint(1, 8))]
    assert written(WAYS[way](chosen)) == written(chosen)


@given(st.randoms(use_true_random=False), st.integers(0, 30))
@settings(max_examples=150, deadline=None)
def test_one_pickler_for_several_dumps_and_another_beside_it(rng: random.Random, size: int) -> None:
    """What one pickler has seen is not what another has, and each remembers its own."""
    nodes = graph(rng, size)
    files = [io.BytesIO(), io.BytesIO()]
    picklers = [pickle.Pickler(files[0]), rng.choice([pickle.Pickler, PurePickler])(files[1])]
    dumped: list[list[Value]] = [[], []]
    for _ in range(rng.randint(2, 12)):
        which = rng.randrange(2)
        node = rng.choice(nodes)
        picklers[which].dump(node)
        dumped[which].append(node)
    for file, expected in zip(files, dumped, strict=True):
        file.seek(0)
        unpickler = pickle.Unpickler(file)
        loaded = [unpickler.load() for _ in expected]
        if expected:
            assert written(loaded) == written(expected)


@every_way
def test_what_changed_between_two_copies_is_in_the_second(duplicate: Callable[[Any], Any]) -> None:
    x = Value(3.0)
    h = x * 2.0
    duplicate([h])
    x.data, x.label, h.label = 5.0, "x", "h"
    (h * 1.0).backward()
    (again,) = duplicate([h])
    assert written([again]) == written([h])
    assert (again.args[0].data, again.args[0].grad, again.grad, again.label) == (5.0, 2.0, 1.0, "h")


@every_way
def test_a_leaf_that_keeps_its_own_results(duplicate: Callable[[Any], Any]) -> None:
    p = Parameter(2.0, None)
    squared = p * p
    p.unit = [squared, p, squared * 3.0]
    try:
        for asked in (p, squared, [p, squared], [squared, p], p.unit):
            found = duplicate(asked)
            leaf = topological(found[0] if isinstance(found, list) else found)[0]
            assert isinstance(leaf, Parameter)
            assert leaf.unit[1] is leaf
            assert leaf.unit[0].args == (leaf, leaf)
            assert leaf.unit[2].args[0] is leaf.unit[0]
            assert leaf is not p
    finally:
        p.unit = None  # or it would never be freed


def test_a_pickle_within_a_pickle_has_blocks_of_its_own() -> None:
    h = Value(1.0) * 2.0

    class Carrier:
        def __reduce__(self) -> Any:
            return (bytes, (pickle.dumps([h, h * h]),))

    a, inner, b = pickle.loads(pickle.dumps([h, Carrier(), h]))
    c, d = pickle.loads(inner)
    assert a is b
    assert d.args == (c, c)


def chain(n: int) -> list[Value]:
    nodes = [Value(1.0)]
    for _ in range(n):
        nodes.append(nodes[-1] * 1.0000001)
    return nodes


ORDERS: dict[str, Callable[[list[Value]], list[Value]]] = {
    "the oldest first": lambda nodes: nodes,
    "the youngest first": lambda nodes: nodes[::-1],
    "shuffled": lambda nodes: random.Random(0).sample(nodes, len(nodes)),
    "steps of 51": lambda nodes: nodes[::51] + nodes,
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(
    "duplicate", [WAYS["deepcopy"], WAYS["pickle 2"], WAYS["pickle 5"]], ids=["deepcopy", "2", "5"]
)
def test_lists_of_the_nodes_of_a_deep_graph(duplicate: Callable[[Any], Any], order: Callable[..., Any]) -> None:
    nodes = order(chain(20_000))
    found = duplicate(nodes)
    assert [node.data for node in found] == [node.data for node in nodes]
    assert written(found) == written(nodes)


@pytest.mark.parametrize("way", ["deepcopy", "pickle 5"])
def test_twice_the_nodes_take_twice_the_work(way: str) -> None:
    """Counted in calls and lines of Python, which both engines run here: no clock."""

    def work(n: int) -> int:
        nodes, count = chain(n), 0

        def tracer(frame: Any, event: str, _: Any) -> Any:
            nonlocal count
            if frame.f_code.co_filename != autograd.copying.__file__:
                return None
            count += 1
            return tracer

        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            for order in ORDERS.values():
                WAYS[way](order(nodes))
        finally:
            sys.settrace(before)
        return count

    few, many = work(300), work(1200)
    assert few > 300
    assert many < 4.3 * few


def test_what_another_pickler_has_seen_is_pickled_at_any_depth() -> None:
    nodes = chain(20_000)
    other = pickle.Pickler(io.BytesIO())
    other.dump(nodes)  # a block each, all of which the other pickler keeps alive
    found = pickle.loads(pickle.dumps([nodes[-1], nodes[0]]))
    assert found[0].data == nodes[-1].data
    assert gradients(found[0], [found[1]]) == gradients(nodes[-1], [nodes[0]])
    assert autograd.copying._within.depth == 0


def test_another_pickler_takes_many_series_in_the_order_in_which_they_build_on_each_other() -> None:
    other = pickle.Pickler(io.BytesIO())
    starts = [Value(1.0) * 2 for _ in range(2_000)]
    other.dump(starts)  # a series each
    nodes = [Value(0.0)]
    for start in reversed(starts):  # each leans on a start that is older than all before it, and on the last of these
        nodes.append(start + nodes[-1])
        other.dump(nodes[-1])
    assert written([pickle.loads(pickle.dumps(nodes[-1]))]) == written(nodes[-1:])


def test_a_pickle_that_fails_leaves_nothing_behind() -> None:
    p = Parameter(1.0, lambda: None)  # cannot be pickled
    nodes = [p]
    for _ in range(100):
        nodes.append(nodes[-1] * 2.0)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(nodes)
    assert autograd.copying._within.depth == 0
    p.unit = "volt"
    assert written(pickle.loads(pickle.dumps(nodes))) == written(nodes)


def test_blocks_last_as_long_as_the_pickler() -> None:
    pickle.dumps(chain(50))
    assert not autograd.copying._blocks
    pickler = pickle.Pickler(io.BytesIO())
    pickler.dump(chain(50))
    assert autograd.copying._blocks
    del pickler
    assert not autograd.copying._blocks


def test_threads_that_pickle_one_graph_at_once() -> None:
    nodes = chain(300)
    expected = written(nodes)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        order = random.Random(seed).sample(nodes, len(nodes))
        for _ in range(5):
            found = pickle.loads(pickle.dumps((order, nodes)))[1]
            if written(found) != expected:
                wrong.append(seed)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
