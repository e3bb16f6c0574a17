"""Copies and pickles of Values: shared nodes stay shared, at any depth, in time linear in the number of nodes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from .backward import topological
from .value import Value, made, numbers_of


def copied(node: Value) -> Value:
    """A node like this one, of the same operands."""
    return _copied(node, None)


def deepcopied(node: Value, memo: Any) -> Value:
    """A copy of the node and of all that it was computed from."""
    for each in topological(node):
        if id(each) not in memo:
            memo[id(each)] = _copied(each, memo)
    copy: Value = memo[id(node)]
    return copy


def reduced(node: Value) -> tuple[Any, ...]:
    """What pickle wants to know of a node."""
    # A graph is pickled as one flat list, so that its depth does not matter; its leaves are pickled as objects, so
    # that outputs pickled together share them.
    if node.op is None:
        return (_leaf, (type(node),), _state(node))
    index: dict[Any, int] = {}
    program: list[Any] = []
    for each in topological(node):
        index[each] = len(program)
        if each.op is None:
            program.append(each)
        else:
            args = tuple([index[arg] if isinstance(arg, Value) else arg for arg in each.args])
            program.append((each.op, each.data, args, numbers_of(each), _grad(each), each.label))
    return (_unpickled, (program,))


def _copied(node: Value, memo: Any) -> Value:
    """A node like this one, of the same operands, or of those that the memo has for them."""
    if node.op is None:
        leaf = _leaf(type(node))
        if memo is not None:
            memo[id(node)] = leaf  # before its attributes, which may refer to it
        leaf.__setstate__(_state(node) if memo is None else deepcopy(_state(node), memo))
        return leaf
    args = [arg if memo is None or type(arg) is float else memo[id(arg)] for arg in node.args]
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


def _leaf(kind: Any) -> Value:
    leaf: Value = kind.__new__(kind)
    Value.__init__(leaf, 0.0)
    return leaf


def _unpickled(program: list[Any]) -> Value:
    nodes: list[Value] = []
    for entry in program:
        if isinstance(entry, Value):
            nodes.append(entry)
        else:
            row, y, args, xs, grad, label = entry
            nodes.append(made(row, y, [arg if type(arg) is float else nodes[arg] for arg in args], xs, grad, label))
    return nodes[-1]
