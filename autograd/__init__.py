"""Scalar automatic differentiation with a graph you can see.

``Value`` records what is computed from it and ``backward`` fills in the gradients; ``autograd.math`` is Python's math
module, differentiable; ``grad``, ``jacobian``, ``hessian``, ``jvp``, ``vjp`` and ``hvp`` make derivatives of functions.
"""

from . import math
from .functional import grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .primitives import primitive
from .value import Value, no_grad

__version__ = "0.1.0"
__all__ = [
    "Value",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "math",
    "no_grad",
    "primitive",
    "value_and_grad",
    "vjp",
]
