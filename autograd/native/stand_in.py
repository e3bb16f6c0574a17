"""Stands in for Cython's ``cython`` module where the engine runs interpreted: all its names mean nothing.

So the package needs no Cython to run, and an installed one is not imported.
"""

from typing import Any

compiled = False
NULL = None
p_void = None


def cast(_kind: Any, value: Any) -> Any:
    return value


def no_gc(decorated: Any) -> Any:
    return decorated


cclass = no_gc
