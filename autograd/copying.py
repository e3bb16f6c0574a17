"""Copies and pickles of Values: shared nodes stay shared, at any depth, in time linear in the number of nodes.

``copy`` and ``pickle`` ask one node after another how it is copied, and remember each by its identity.  A graph is too
deep for them to find their way through it, so that a node that is asked for answers for all those behind it.

A deep copy puts them into the copier's memo.  A pickler's memo is out of reach: there, the nodes behind that are in no
``Block`` yet become one, which is pickled once, as a flat list, and each node is an item of its block.  The pickler's
memo keeps the blocks that it has seen alive, and that is how long a node belongs to one: what is asked for later in the
same pickle is found in its block, and the next pickle makes blocks of its own.  Most often, nodes are asked for in the
order of their age, and nothing new is behind them: such nodes are a ``Series``, pickled as they are.
Labels, gradients and leaves' data are read when they are pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from itertools import chain, count
from operator import getitem
from threading import RLock, get_ident, local
from typing import Any
from weakref import ReferenceType, WeakValueDictionary, ref

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
        block = _block(id(node))
        if block is None:
            new = [node] if _is_next(node) else _behind(node, lambda o: o.op is None or _block(id(o)) is not None)
            block = _series(new) if len(new) <= DEEP and _are_plain(new) else Block(new)
    return block.reduced(node)


def _is_next(node: Value) -> bool:
    """Whether nothing new is behind the node."""
    for arg in node.args:  # noqa: SIM110  # twice as fast as all()
        if isinstance(arg, Value) and arg.op is not None and _block(id(arg)) is None:
            return False
    return True


def _are_plain(nodes: list[Value]) -> bool:
    """Whether no operand is a leaf of a subclass, whose attributes may refer to what is being pickled."""
    for node in nodes:
        for arg in node.args:
            if isinstance(arg, Value) and type(arg) is not Value and arg.op is None:
                return False
    return True


def _series(nodes: list[Value]) -> Series:
    """The series that these nodes go on, or one that they begin: no block builds on one that is younger."""
    last: Series | Block | None = None
    for node in nodes:
        for arg in node.args:
            if type(arg) is not float:
                block = _block(id(arg))
                if block is not None and (last is None or block.number > last.number):
                    last = block
    series = last if type(last) is Series and last.open else Series()
    series.extend(nodes)
    return series


class Series:
    """Nodes whose operands come before them, here, in blocks or as plain leaves.

    To a pickler that has seen those, each operand is one reference.  To another, they may lie at any depth.  It is the
    second that asks for this object, which has an answer for both, as it comes before the operands; what that one has
    seen ends here.
    """

    __slots__ = ("__weakref__", "first", "nodes", "number", "open", "ref")

    def __init__(self) -> None:
        self.nodes: dict[int, Value] = {}
        self.number = next(_numbers)
        self.open = True
        self.first: int | None = get_ident()  # the thread whose pickler will ask first
        self.ref = _remembered(self, self.nodes)

    def extend(self, nodes: Iterable[Value]) -> None:
        for node in nodes:
            self.nodes[id(node)] = node
            _blocks[id(node)] = self.ref

    def reduced(self, node: Value) -> tuple[Any, ...]:
        return (self, (node.op, node.data, node.args, numbers_of(node), _grad(node), node.label))

    def outside(self) -> dict[int, Value]:
        return _outside(self.nodes)

    def __call__(self) -> None:
        """A pickle calls what this object became: ``made`` itself, or ``Made``."""

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        with _lock:
            if self.first == get_ident():
                self.first = None
                return (_made, ())
            self.first, self.open = None, False
        return (Made, (), None, _deepest_first(self, chain(self.outside().values(), self.nodes.values())))


class Block:
    """Nodes that are pickled as one list; operands that are not among them are pickled as objects of their own."""

    __slots__ = ("__weakref__", "nodes", "number", "places")

    def __init__(self, nodes: list[Value]) -> None:
        self.nodes = nodes
        self.number = next(_numbers)
        self.places = {id(node): place for place, node in enumerate(nodes)}
        _blocks.update(dict.fromkeys(self.places, _remembered(self, self.places)))

    def reduced(self, node: Value) -> tuple[Any, ...]:
        return (getitem, (self, self.places[id(node)]))

    def outside(self) -> dict[int, Value]:
        return _outside(dict(zip(self.places, self.nodes, strict=True)))

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


_blocks: dict[int, ReferenceType[Series | Block]] = {}  # by the identities of their nodes
_shells: WeakValueDictionary[int, Shell] = WeakValueDictionary()  # by those of their leaves
_numbers = count()
_lock = RLock()  # a node must not get into two blocks


class _Within(local):
    depth = 0  # of the blocks that a pickler of this thread is within


_within = _Within()


def _block(key: int) -> Series | Block | None:
    """The block of the node with this identity."""
    found = _blocks.get(key)
    return found() if found is not None else None


def _remembered(block: Series | Block, keys: Iterable[int]) -> ReferenceType[Series | Block]:
    """What ``_blocks`` has for these nodes as long as the block lives: one reference, as there are many nodes."""

    def forget(gone: ReferenceType[Series | Block]) -> None:
        with _lock:
            for key in keys:
                if _blocks.get(key) is gone:
                    del _blocks[key]

    return ref(block, forget)


def _outside(nodes: dict[int, Value]) -> dict[int, Value]:
    """The operands that are not among the nodes, by their identities."""
    args = [arg for node in nodes.values() for arg in node.args if isinstance(arg, Value)]
    return {id(arg): arg for arg in args if id(arg) not in nodes}


def _deepest_first(block: Series | Block, outside: Iterable[Any]) -> Iterator[Any]:
    """What the block builds on, for a pickler: it asks for one when that before is pickled, with all that is behind.

    What belongs to another's pickle, so that this pickler has not seen it, is thus pickled by recursion: beyond a
    depth, in order.
    """
    _within.depth += 1
    try:
        if _within.depth == DEEP:
            yield from _all_older(block)
        yield from outside
        yield None  # a pickler asks for two before it pickles the first, and the depth counts until all are
    finally:
        _within.depth -= 1


def _all_older(block: Series | Block) -> list[Value]:
    """A node of each block that this one builds on, after those that it builds on itself."""
    found, todo = {id(block): block}, [block]
    nodes = {}
    while todo:
        for key, node in todo.pop().outside().items():
            each = _block(key)
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


class Made(list[Value]):
    """Makes nodes, after those that are its items."""

    def __call__(self, *parts: Any) -> Value:
        return made(*parts)


def _made() -> Callable[..., Value]:
    return made


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
