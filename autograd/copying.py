"""Copies and pickles of Values: shared nodes stay shared, at any depth, in time linear in the number of nodes.

``copy`` and ``pickle`` ask one node after another how it is copied, and remember each by its identity.  A graph is too
deep for them to find their way through it, so that a node that is asked for answers for all those behind it.

A deep copy puts them into the copier's memo.  A pickler's memo is out of reach: there, the nodes behind that are in no
``Block`` yet become one, which is pickled once, as a flat list, and each node is an item of its block.  The pickler's
memo keeps the blocks that it has seen alive, and that is how long a node belongs to one: what is asked for later in the
same pickle is found in its block, and the next pickle makes blocks of its own.  Most often, nodes are asked for in the
order of their age, and nothing new is behind them: such a node is ``Alone``, and pickled with its operands as they are.
Labels, gradients and leaves' data are read when they are pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from itertools import count
from operator import getitem
from threading import RLock, local
from typing import Any
from weakref import WeakValueDictionary

from .backward import birth_of
from .value import Value, made, numbers_of

DEEP = 20  # so many blocks within one another are pickled by recursion, and what lies further back in order


def copied(node: Value) -> Value:
    """A node like this one, of the same operands."""
    if node.op is not None:
        return _like(node, node.args)
    leaf = _leaf(type(node))
    leaf.__setstate__(_state(node))
    return leaf


def deepcopied(node: Value, memo: dict[int, Any]) -> Value:
    """A copy of the node and of all that it was computed from."""
    for each in _behind(node, lambda other: id(other) in memo):
        if id(each) in memo:
            continue  # an attribute of a leaf's referred to it
        if each.op is None:
            memo[id(each)] = leaf = _leaf(type(each))  # before its attributes, which may refer to it
            leaf.__setstate__(deepcopy(_state(each), memo))
        else:
            memo[id(each)] = _like(each, [memo[id(arg)] if isinstance(arg, Value) else arg for arg in each.args])
    copy: Value = memo[id(node)]
    return copy


def reduced(node: Value) -> tuple[Any, ...]:
    """What pickle wants to know of a node."""
    if type(node) is Value and node.op is None:
        return (_leaf, (Value,), _state(node))
    if node.op is None:
        return (_same, (Shell.of(node),), _state(node))
    with _lock:
        block = _blocks.get(id(node))
        if block is None:
            block = Alone(node) if _is_alone(node) else Block(_behind(node, lambda o: o.op is None or id(o) in _blocks))
    return block.reduced(node)


def _is_alone(node: Value) -> bool:
    for arg in node.args:  # a loop is twice as fast as all()
        if type(arg) is not float and id(arg) not in _blocks and (type(arg) is not Value or arg.op is not None):
            return False
    return True


class Alone:
    """A node whose operands are plain leaves or in blocks: to a pickler that has seen those, each is one reference.

    To another, the operands may lie at any depth.  It is the second that asks for this object, which has an answer for
    both: it comes before the operands.
    """

    __slots__ = ("__weakref__", "node", "number", "seen")

    def __init__(self, node: Value) -> None:
        self.node = node
        self.number = next(_numbers)
        self.seen = False
        _blocks[id(node)] = self

    def reduced(self, node: Value) -> tuple[Any, ...]:
        assert node.op is not None
        return (_alone, (self, node.op, node.data, node.args, numbers_of(node), _grad(node), node.label))

    def outside(self) -> dict[int, Value]:
        return {id(arg): arg for arg in self.node.args if isinstance(arg, Value)}

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if self.seen:
            return (list, (), None, _deepest_first(self, self.outside().values()))
        self.seen = True
        return (list, ())


class Block:
    """Nodes that are pickled as one list; operands that are not among them are pickled as objects of their own."""

    __slots__ = ("__weakref__", "nodes", "number", "places")

    def __init__(self, nodes: list[Value]) -> None:
        self.nodes = nodes
        self.number = next(_numbers)
        self.places = {id(node): place for place, node in enumerate(nodes)}
        for key in self.places:
            _blocks[key] = self

    def reduced(self, node: Value) -> tuple[Any, ...]:
        return (getitem, (self, self.places[id(node)]))

    def outside(self) -> dict[int, Value]:
        """The operands that are not among the nodes, by their identities."""
        args = [arg for node in self.nodes for arg in node.args if isinstance(arg, Value)]
        return {id(arg): arg for arg in args if id(arg) not in self.places}

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        outside = self.outside()
        # leaves of subclasses come last, as their attributes may refer to nodes of this block; before, their shells do
        leaves = [arg for arg in outside.values() if arg.op is None and type(arg) is not Value]
        return (Unpickled, (), leaves or None, self._items(outside))

    def _items(self, outside: dict[int, Value]) -> Iterator[Any]:
        """The operands from outside, and each node's parts with its operands' places: those from outside below 0."""
        yield from _deepest_first(
            self, [arg if arg.op is not None or type(arg) is Value else Shell.of(arg) for arg in outside.values()]
        )
        places = self.places | {key: ~n for n, key in enumerate(outside)}
        for node in self.nodes:
            args = tuple([places[id(arg)] if isinstance(arg, Value) else arg for arg in node.args])
            yield (node.op, node.data, args, numbers_of(node), _grad(node), node.label)


class Unpickled(list[Value]):
    """The nodes of a block, made as their parts come in."""

    __slots__ = ("outside",)

    def __init__(self) -> None:
        self.outside: list[Value] = []

    def __setstate__(self, leaves: list[Value]) -> None:
        pass  # by now they have their attributes

    def append(self, item: Any) -> None:
        if isinstance(item, tuple):
            row, y, args, xs, grad, label = item
            operands = [arg if type(arg) is float else self[arg] if arg >= 0 else self.outside[~arg] for arg in args]
            super().append(made(row, y, operands, xs, grad, label))
        elif isinstance(item, Value):
            self.outside.append(item)

    def extend(self, items: Iterable[Any]) -> None:
        for item in items:
            self.append(item)


class Shell:
    """A leaf of a subclass, without its state."""

    __slots__ = ("__weakref__", "leaf")

    def __init__(self, leaf: Value) -> None:
        self.leaf = leaf
        _shells[id(leaf)] = self

    @staticmethod
    def of(leaf: Value) -> Shell:
        with _lock:
            return _shells.get(id(leaf)) or Shell(leaf)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return (_leaf, (type(self.leaf),))


_blocks: WeakValueDictionary[int, Alone | Block] = WeakValueDictionary()  # by the identities of their nodes
_shells: WeakValueDictionary[int, Shell] = WeakValueDictionary()  # by those of their leaves
_numbers = count()
_lock = RLock()  # a node must not get into two blocks
_within = local()


def _deepest_first(block: Alone | Block, outside: Iterable[Any]) -> Iterator[Any]:
    """What the block builds on, for a pickler: it asks for one when that before is pickled, with all that is behind.

    What belongs to another's pickle, so that this pickler has not seen it, is thus pickled by recursion: beyond a
    depth, in order.
    """
    _within.depth = getattr(_within, "depth", 0) + 1
    try:
        if _within.depth == DEEP:
            yield from _all_older(block)
        yield from outside
        yield None  # a pickler asks for two before it pickles the first, and the depth counts until all are
    finally:
        _within.depth -= 1


def _all_older(block: Alone | Block) -> list[Value]:
    """A node of each block that this one builds on, after those that it builds on itself."""
    found, todo = {id(block): block}, [block]
    nodes = {}
    while todo:
        for key, node in todo.pop().outside().items():
            each = _blocks.get(key)
            if each is not None and id(each) not in found:
                found[id(each)] = each
                nodes[each.number] = node
                todo.append(each)
    return [nodes[number] for number in sorted(nodes)]


def _behind(node: Value, known: Callable[[Value], bool]) -> list[Value]:
    """The node and what it was computed from, operands first; nothing that is known, and nothing behind it."""
    found, todo = {id(node): node}, [node]
    while todo:
        for arg in todo.pop().args:
            if isinstance(arg, Value) and id(arg) not in found and not known(arg):
                found[id(arg)] = arg
                todo.append(arg)
    return sorted(found.values(), key=birth_of)


def _alone(_: Any, *parts: Any) -> Value:
    return made(*parts)


def _like(node: Value, args: Iterable[Any]) -> Value:
    assert node.op is not None
    return made(node.op, node.data, args, numbers_of(node), _grad(node), node.label)


def _grad(node: Value) -> float | None:
    return node.grad if node.has_grad else None


def _state(leaf: Value) -> tuple[float, float | None, str, dict[str, Any]]:
    attributes = dict(getattr(leaf, "__dict__", {}))
    for kind in type(leaf).__mro__[: type(leaf).__mro__.index(Value)]:
        slots = getattr(kind, "__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(leaf, name):
                attributes[name] = getattr(leaf, name)
    return (leaf.data, _grad(leaf), leaf.label, attributes)


def _same(leaf: Value) -> Value:
    return leaf


def _leaf(kind: Any) -> Value:
    leaf: Value = kind.__new__(kind)
    Value.__init__(leaf, 0.0)
    return leaf
