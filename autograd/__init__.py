"""Scalar automatic differentiation with a graph you can see.

``Value`` records what is computed from it and ``backward`` fills in the gradients; ``autograd.math`` is Python's math
module, differentiable; ``grad``, ``jacobian``, ``hessian``, ``jvp``, ``vjp`` and ``hvp`` make derivatives of functions;
``check_grads`` compares them with finite differences, ``draw`` shows the graph and ``explain`` writes a derivative out.
"""

from typing import TYPE_CHECKING, Any

from .native.choice import engine

__native__ = engine()  # first, as it decides whether ``autograd.value`` is the compiled engine: then this is True

from . import math
from .functional import grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .primitives import primitive
from .recording import no_grad
from .value import Value

if TYPE_CHECKING:
    from .checking import GradientMismatch, check_grads
    from .compile import compile
    from .diagnosis import diagnose, on_trial, trace_lines, why_not_finite
    from .formulas import derivative_formula
    from .view import Graph, draw
    from .view.explain import explain
    from .view.steps import animate

__version__ = "0.1.0"
__all__ = [
    "GradientMismatch",
    "Graph",
    "Value",
    "animate",
    "check_grads",
    "compile",
    "derivative_formula",
    "diagnose",
    "draw",
    "explain",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "math",
    "no_grad",
    "on_trial",
    "primitive",
    "trace_lines",
    "value_and_grad",
    "vjp",
    "why_not_finite",
]

_LATER = {
    "GradientMismatch": "checking",
    "check_grads": "checking",
    "Graph": "view",
    "animate": "view",
    "compile": "compile",
    "derivative_formula": "formulas",
    "diagnose": "diagnosis",
    "on_trial": "diagnosis",
    "trace_lines": "diagnosis",
    "why_not_finite": "diagnosis",
    "draw": "view",
    "explain": "view",
}


def __getattr__(name: str) -> Any:
    # what takes longer to import than most programs need it for
    if name in _LATER:
        from importlib import import_module

        if name == "compile":  # a package that can be called
            return import_module(".compile", __name__)
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
