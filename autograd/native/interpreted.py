"""What the engine takes from C where it is compiled, for where it is not: nothing is computed here.

Every function on floats answers nan, which means: ask the row itself.
"""

from __future__ import annotations

from math import nan
from typing import Any


def _ask_the_row(*_: Any) -> float:
    return nan


compute1 = compute2 = compute_many = partial1 = partial2 = partial_many = _ask_the_row


def _nothing(*_: Any) -> Any:
    return None


dead1 = dead2 = dead_many = free = prefetch = use_slabs = untrack = _nothing


def more_room(items: list[Any] | None, _room: int, more: int) -> list[Any]:
    """The list with ``more`` empty places at its end."""
    items = [] if items is None else items
    items.extend([None] * more)
    return items


try:
    # A node refers to older nodes only and so is never part of a cycle, yet CPython's collector would walk all live
    # nodes again and again, which makes an operation the dearer the larger the graph (5 times at a million nodes).
    from ctypes import py_object, pythonapi

    untrack = pythonapi.PyObject_GC_UnTrack
    untrack.argtypes, untrack.restype = [py_object], None
except (ImportError, AttributeError):
    pass  # not CPython: its collector decides
