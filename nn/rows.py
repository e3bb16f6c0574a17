"""Rows of numbers as they come: lists, arrays, and tables of any library that gives them as an array."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from numbers import Real
from operator import index
from typing import Any

from autograd import Value


class SampleError(ValueError):
    """A sample that does not fit the model or the loss: no rate would help."""


NUMBER = (Value, float, int, Real)  # the usual ones first, as asking an abstract class takes long


def finite(what: str, x: Any) -> float:
    """``x`` as a float; ValueError, saying what it is, if it is no real number or not finite as a float."""
    if type(x) is float and math.isfinite(x):  # almost always
        return x
    if not isinstance(x, Real):
        raise ValueError(f"{what} must be a number, not {type(x).__name__} {x!r}")
    try:
        number = float(x)
    except OverflowError:  # an int too large
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{what} is {x}, not a finite number")
    return number


def listed(what: str, data: Any) -> list[Any]:
    """The items of a row, or the rows of a table, as a list.

    Whatever offers ``to_numpy()`` or ``__array__`` is taken as that array: a DataFrame of pandas or polars and a table
    of pyarrow by its rows, though iterating over it gives its columns; a Series; a tensor in main memory.  Any other
    iterable is taken item by item.  Raises TypeError for a dict, a set or a text, which are no rows, for an array of
    dates, and for what is not iterable.
    """
    if isinstance(data, list | tuple):
        return list(data)
    if isinstance(data, Mapping | Set | str | bytes | bytearray):
        kind = type(data).__name__
        remedy = {"dict": "its keys would be taken: give list(d.values())", "set": "it has no order: give a list"}
        raise TypeError(f"{what} must be a list of numbers or of rows, not a {kind}: {remedy.get(kind, 'give a list')}")
    if hasattr(data, "to_numpy") or hasattr(data, "__array__"):
        return _of_array(what, data)
    if isinstance(data, Value) or not isinstance(data, Iterable):
        raise TypeError(f"{what} must be a list of numbers or of rows, not a {type(data).__name__}")
    return list(data)


def _of_array(what: str, data: Any) -> list[Any]:
    import numpy as np  # whose arrays these are

    array = np.asanyarray(data.to_numpy() if hasattr(data, "to_numpy") else data)  # masked numbers become None
    if array.dtype.kind in "mM":
        raise TypeError(f"{what}: {type(data).__name__} holds {array.dtype}, not numbers: say in which unit, as floats")
    rows = array.tolist()
    return rows if isinstance(rows, list) else [rows]


def row(what: str, data: Any) -> list[Any]:
    """The items of a row as ``listed``; a single number is a row of one."""
    return [data] if isinstance(data, NUMBER) else listed(what, data)


def named(kind: str, name: Any, known: Mapping[str, Any]) -> Any:
    """What goes by a name; ValueError, listing the names, if nothing does."""
    if name not in known:
        raise ValueError(f"no {kind} {name!r}: give {', '.join(known)}, or a function")
    return known[name]


def numbers(what: str, data: Any) -> list[float]:
    """A row as floats; ValueError, naming it, for what is no finite number."""
    return [finite(what, x) for x in row(what, data)]


def target(what: str, t: Any) -> Any:
    """A target as a loss takes it: a whole number as an int, which may be a class, any other as a float; or a row."""
    if not isinstance(t, Real):
        return numbers(what, t)
    try:
        return index(t)  # type: ignore[arg-type]  # what is no int goes the other way
    except TypeError:
        return finite(what, t)
