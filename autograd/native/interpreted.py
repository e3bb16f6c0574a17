"""What the engine takes from C where it is compiled, for where it is not: nothing is computed here.

Every function on floats answers nan, which means: ask the row itself.
"""

from __future__ import annotations

from array import array
from itertools import count
from math import nan
from typing import Any


def _ask_the_row(*_: Any) -> float:
    return nan


compute1 = compute2 = compute_many = partial1 = partial2 = partials_many = _ask_the_row


def _nothing(*_: Any) -> Any:
    return None


check_signals = dead1 = dead2 = dead_many = free = prefetch_older = use_calls = untrack = _nothing


def new_numbers(n: int) -> array[float]:
    return array("d", bytes(8 * n))


def doubles(numbers: Any) -> Any:
    return numbers


def use_slabs(kind: Any, unset: Any) -> None:
    """A node whose ``__init__`` did not run has the two fields that tell; ``unset`` says so if another is asked for."""

    def missing(node: Any, name: str) -> Any:
        if name in told:
            return told[name]
        if name in kind.__slots__:
            unset(node)
        return object.__getattribute__(node, name)  # raises once more what was raised

    told = {"_code": 0, "_shape": 4}  # UNSET in value.py

    kind.__getattr__ = missing


def document(kind: Any, name: str, text: str) -> None:
    """Give a method of the class this docstring."""
    getattr(kind, name).__doc__ = text


def new_node(kind: Any, a: Any, b: Any) -> Any:
    """A node of these operands and no other fields."""
    node = object.__new__(kind)
    node._a = a
    node._b = b
    node._label = ""
    node._grad = 0.0
    node._graded = False
    node._index = 0
    untrack(node)
    return node


def current(variable: Any) -> Any:
    return variable.get()


def make_room(nodes: Any, room: int) -> None:
    """Have ``room`` places, the new ones empty."""
    more = room - nodes.room
    nodes.items = (nodes.items or []) + [None] * more
    nodes.numbers = (nodes.numbers or []) + [0.0] * more
    nodes.states = (nodes.states or bytearray()) + bytes(more)
    nodes.room = room


def next_birth(items: list[Any], at: int, room: int) -> int:
    """The first birth from ``at`` downwards for which there is a node in the ring."""
    while items[at & (room - 1)] is None:
        at -= 1
    return at


born = count().__next__

try:
    # A node refers to older nodes only and so is never part of a cycle, yet CPython's collector would walk all live
    # nodes again and again, which makes an operation the dearer the larger the graph (5 times at a million nodes).
    from ctypes import py_object, pythonapi

    untrack = pythonapi.PyObject_GC_UnTrack
    untrack.argtypes, untrack.restype = [py_object], None
except (ImportError, AttributeError):
    pass  # not CPython: its collector decides
