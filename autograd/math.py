"""Python's ``math`` module, differentiable: numbers in, a float out; a Value among them, a Value out.

Beside the names of ``math`` there are ``sign``, ``where``, the activation functions of neural networks and, under the
names of the built-ins, ``abs``, ``min``, ``max`` and ``sum``.

>>> from autograd import Value
>>> exp(0.0), exp(Value(0.0))
(1.0, Value(1.0))
>>> hypot(Value(3.0), 4.0)
Value(5.0)
"""

from math import e, inf, nan, pi, tau
from typing import Any

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
    copysign,
    cos,
    cosh,
    div,
    dot,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floordiv,
    hypot,
    leaky_relu,
    log1p,
    log2,
    log10,
    logsumexp,
    mod,
    mul,
    neg,
    pos,
    prod,
    relu,
    sigmoid,
    sign,
    sin,
    sinh,
    softmax,
    softplus,
    sqrt,
    sub,
    tan,
    tanh,
    where,
)
from .primitives import log as _log
from .primitives import max_ as max
from .primitives import min_ as min
from .primitives import pow_ as pow
from .primitives import sum_ as sum


def log(x: Any, base: Any = None) -> Any:
    """The natural logarithm of ``x``, or the logarithm to ``base``: log(x) / log(base).

    >>> log(8.0, 2.0)
    3.0
    """
    return _log(x) if base is None else _log(x) / _log(base)


__all__ = [  # noqa: RUF022  # in the order of the table
    "e", "inf", "nan", "pi", "tau",
    "add", "sub", "mul", "div", "neg", "pos", "pow", "mod", "floordiv",
    "where", "sign", "abs", "copysign", "relu", "leaky_relu", "max", "min",
    "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "hypot",
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "erf", "erfc", "sigmoid", "softplus",
    "sum", "dot", "prod", "logsumexp", "softmax",
]  # fmt: skip
