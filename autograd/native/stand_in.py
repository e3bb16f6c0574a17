"""Stands in for Cython's ``cython`` module where code that Cython can compile runs interpreted: all names mean nothing.

So the package needs no Cython to run, and an installed one need not be imported.
"""

from typing import Any

compiled = False


def declare(_kind: Any, value: Any = None) -> Any:
    return value


def cast(_kind: Any, value: Any) -> Any:
    return value


def _as_it_is(decorated: Any) -> Any:
    return decorated


cclass = cfunc = final = inline = no_gc = _as_it_is


def freelist(_size: int) -> Any:
    return _as_it_is


def exceptval(_value: Any = None, check: bool = False) -> Any:
    return _as_it_is


int = bint = double = char = short = longlong = Py_ssize_t = object  # types mean nothing either
p_void = None
NULL = None


def pointer(_kind: Any) -> None:
    return None
