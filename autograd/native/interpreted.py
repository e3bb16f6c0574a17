"""What the engine takes from C where it is compiled, for where it is not: nothing is computed here.

Every function on floats answers nan, which means: ask the row itself.
"""

from __future__ import annotations

from array import array
from math import nan
from operator import attrgetter
from typing import Any


def _ask_the_row(*_: Any) -> float:
    return nan


compute1 = compute2 = compute_many = partial1 = partial2 = partial_many = _ask_the_row


def _nothing(*_: Any) -> Any:
    return None


dead1 = dead2 = dead_many = free = prefetch = use_slabs = untrack = _nothing


def new_numbers(n: int) -> array[float]:
    return array("d", bytes(8 * n))


def doubles(numbers: Any) -> Any:
    return numbers


def more_room(items: list[Any] | None, _room: int, more: int) -> list[Any]:
    """The list with ``more`` empty places at its end."""
    items = [] if items is None else items
    items.extend([None] * more)
    return items


def ordered_by_set(outputs: Any, stop: Any, order: Any) -> Any:
    """``order`` filled as ``_ordered`` does it: where there are no pointers, a set and Python's sort are faster."""
    queue = list({id(node): node for node in outputs}.values())
    seen = set(map(id, queue))
    leaves, results = [], []
    for node in queue:
        if not node._shape or (stop and node in stop):
            leaves.append(node)
            continue
        results.append(node)
        for operand in node._a if type(node._a) is tuple else (node._a, node._b):
            if operand is not None and id(operand) not in seen:
                seen.add(id(operand))
                queue.append(operand)
    leaves.sort(key=_birth)
    results.sort(key=_birth)
    order.items = leaves + results
    order.n = len(queue)
    for place, node in enumerate(order.items):
        node._index = place
    return order


def places_of(inputs: Any, nodes: Any) -> list[int]:
    """The place of each input among the nodes, or -1, whatever other threads do to the nodes' indices."""
    places = {id(node): place for place, node in enumerate(nodes)}
    return [places.get(id(node), -1) for node in inputs]


_birth = attrgetter("_birth")

try:
    # A node refers to older nodes only and so is never part of a cycle, yet CPython's collector would walk all live
    # nodes again and again, which makes an operation the dearer the larger the graph (5 times at a million nodes).
    from ctypes import py_object, pythonapi

    untrack = pythonapi.PyObject_GC_UnTrack
    untrack.argtypes, untrack.restype = [py_object], None
except (ImportError, AttributeError):
    pass  # not CPython: its collector decides
