"""Scalar programs recorded once and run at machine speed: ``autograd.compile``."""

import sys
from types import ModuleType
from typing import Any

from ..native.choice import load

load("compile/flat")  # before others import them, so that they run as the engine does
load("compile/machine")

from .function import BranchError, Compiled  # noqa: E402  # see above
from .program import Program  # noqa: E402  # see above

__all__ = ["BranchError", "Compiled", "Program", "compile"]


def compile(  # as JAX and PyTorch call it
    function: Any = None,
    *,
    tier: str = "auto",
    exact: bool = True,
    check: bool = True,
    on_branch: str = "retrace",
) -> Any:
    """The function, recorded on its first call and then run as a program of floats; also a decorator."""
    if function is None:
        return lambda f: Compiled(f, tier, exact, check, on_branch)
    return Compiled(function, tier, exact, check, on_branch)


class _Package(ModuleType):
    """So that ``autograd.compile`` is the function, and the package that it lies in as well."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return compile(*args, **kwargs)


sys.modules[__name__].__class__ = _Package
