"""Python's ``math`` module, differentiable: numbers in, a float out; a Value among them, a Value out.

Beside the names of ``math`` there are ``sign``, ``where``, the activation functions of neural networks, the normal
distribution (``norm_pdf``, ``norm_cdf``, ``norm_ppf``), ``erfinv``, ``digamma`` and ``polygamma``, and, under the names
of the built-ins, ``abs``, ``min``, ``max`` and ``sum``.  What is for integers only (``comb``, ``gcd``) is not here.
``floor``, ``ceil`` and ``trunc`` give floats; ``isclose``, ``isfinite``, ``isinf`` and ``isnan`` tell of Values' data.
NumPy's functions of an array of objects (``np.exp``, ``np.hypot``, ``np.std``) work on arrays of Values; of
``np.logaddexp`` it has none, which raises TypeError: ``logsumexp([a, b])`` is the same.

>>> from autograd import Value
>>> exp(0.0), exp(Value(0.0))
(1.0, Value(1.0))
>>> hypot(Value(3.0), 4.0)
Value(5.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from math import e, inf, nan, pi, tau
from typing import TYPE_CHECKING, Any, overload

from .primitives import abs_ as abs
from .primitives import (
    acos,
    acosh,
    add,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    copysign,
    cos,
    cosh,
    degrees,
    digamma,
    div,
    dot,
    erf,
    erfc,
    erfinv,
    exp,
    exp2,
    expm1,
    floor,
    floordiv,
    fmod,
    fsum,
    gamma,
    hypot,
    is_real,
    leaky_relu,
    lgamma,
    log1p,
    log2,
    log10,
    logsumexp,
    mod,
    mul,
    neg,
    norm_cdf,
    norm_pdf,
    norm_ppf,
    polygamma_row,
    pos,
    prod,
    radians,
    relu,
    remainder,
    sigmoid,
    sign,
    sin,
    sinh,
    softmax,
    softplus,
    sqrt,
    sub,
    sumprod,
    tan,
    tanh,
    trunc,
    where,
)
from .primitives import log as _log
from .primitives import max_ as max
from .primitives import min_ as min
from .primitives import pow_ as pow
from .primitives import sum_ as sum
from .rows import TAKE, whole

if TYPE_CHECKING:
    from .value import Number, Value

fabs = abs


@overload
def log(x: Number, base: Number | None = None) -> float: ...  # type: ignore[overload-overlap]  # see Primitive.__call__
@overload
def log(x: Value | Number, base: Value | Number | None = None) -> Value: ...
def log(x: Any, base: Any = None) -> Any:
    """The natural logarithm of ``x``, or the logarithm to ``base``: log(x) / log(base).

    >>> log(8.0, 2.0)
    3.0
    """
    return _log(x) if base is None else _log(x) / _log(base)


@overload
def dist(p: Iterable[Number], q: Iterable[Number]) -> float: ...  # type: ignore[overload-overlap]  # see Primitive.__call__
@overload
def dist(p: Iterable[Value | Number], q: Iterable[Value | Number]) -> Value: ...
def dist(p: Any, q: Any) -> Any:
    """The Euclidean distance of two points: the hypot of their differences.

    >>> dist([1.0, 1.0], [4.0, 5.0])
    5.0

    Raises ValueError for points of different dimensions.
    """
    p, q = tuple(p), tuple(q)
    if len(p) != len(q):
        raise ValueError(f"dist needs two points of one dimension, not of {len(p)} and {len(q)}")
    return hypot(*map(sub, p, q))


@overload
def polygamma(n: int, x: Number) -> float: ...
@overload
def polygamma(n: int, x: Value) -> Value: ...
def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma; of order 0, digamma itself.

    >>> round(polygamma(1, 1.0) - pi**2 / 6, 12)
    0.0

    Raises ValueError for an order that is no whole number from 0 on; nothing flows to it.
    """
    if not is_real(n) or n < 0 or n != int(n):
        raise ValueError(f"the order of polygamma must be a whole number from 0 on, not {n!r}")
    return polygamma_row(int(n))(x) if n else digamma(x)


def take(sequence: Any, index: Any) -> Any:
    """``sequence[index]``, for an index that may be a Value; derivatives flow to the item that was taken.

    In a function that is compiled it stays one program whatever the index is, as ``where`` does for a condition.  The
    items are numbers, or lists, tuples and arrays of numbers, of one shape.  Negative indices count from the end.

    >>> take([10.0, 20.0, 30.0], 1.0)
    20.0
    >>> take([[1.0, 2.0], [3.0, 4.0]], -1)
    [3.0, 4.0]

    Raises IndexError for an index that is none of the sequence's, or not a whole number.
    """
    items = list(sequence)
    if is_real(index):
        return items[whole(float(index), len(items))]
    if not items or is_real(items[0]) or (not isinstance(items[0], list | tuple) and not hasattr(items[0], "tolist")):
        return type(index)._apply(TAKE, (index, *items))
    columns = list(zip(*items, strict=True))
    taken = [take(column, index) for column in columns]
    return taken if isinstance(items[0], list) else tuple(taken) if isinstance(items[0], tuple) else _array(taken)


def _array(items: list[Any]) -> Any:
    import numpy as np

    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def isclose(a: Any, b: Any, *, rel_tol: float = 1e-09, abs_tol: float = 0.0) -> bool:
    """Whether two numbers, or the data of Values, differ by no more than the tolerances: ``math.isclose``."""
    return math.isclose(_data(a), _data(b), rel_tol=rel_tol, abs_tol=abs_tol)


def isfinite(x: Any) -> bool:
    """Whether a number, or the data of a Value, is neither infinite nor nan."""
    return math.isfinite(x) if is_real(x) else bool(abs(x) < inf)


def isinf(x: Any) -> bool:
    """Whether a number, or the data of a Value, is infinite."""
    return math.isinf(x) if is_real(x) else bool(abs(x) == inf)


def isnan(x: Any) -> bool:
    """Whether a number, or the data of a Value, is nan."""
    return math.isnan(x) if is_real(x) else bool(x != x)


def _data(x: Any) -> Any:
    return x if is_real(x) else getattr(x, "data", x)


__all__ = [  # noqa: RUF022  # in the order of the table
    "e", "inf", "nan", "pi", "tau",
    "add", "sub", "mul", "div", "neg", "pos", "pow", "mod", "floordiv", "fmod", "remainder",
    "where", "floor", "ceil", "trunc", "sign", "abs", "fabs", "copysign", "relu", "leaky_relu", "max", "min",
    "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "hypot", "dist",
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "degrees", "radians",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "erf", "erfc", "sigmoid", "softplus", "gamma", "lgamma", "digamma", "polygamma",
    "erfinv", "norm_pdf", "norm_cdf", "norm_ppf",
    "sum", "fsum", "dot", "sumprod", "prod", "logsumexp", "softmax", "take",
    "isclose", "isfinite", "isinf", "isnan",
]  # fmt: skip
