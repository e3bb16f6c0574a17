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
    """The function, recorded when it is first called and run as a program of floats from then on; also a decorator.

    Results are those of the function to the bit, in the same structures, and so are errors.  ``value_and_grad``,
    ``grad``, ``jacobian`` and ``hessian`` of a function are compiled with their derivatives, and a function may use
    ``jvp``, ``hvp`` and the others inside.  Arguments are numbers and structures of numbers; what is none (a string)
    must be hashable, and is recorded with the program.  With Values among the arguments the function itself is called.

    A program is recorded for each structure of the arguments and each way through the function's branches: where
    Python decides by a number (``if``, ``while``, ``max``, ``.data``), the decision is remembered, and looked at again
    in each run.  If it comes out otherwise, ``on_branch="retrace"`` records that way too (after 64 the eager engine
    takes the others, with a warning) and ``"raise"`` raises BranchError with the line and both numbers.  ``where`` and
    ``take`` of ``autograd.math`` choose within one program.  (Of an index that is a plain number ``take`` gives the
    item itself, and no operation: called without ``compile``, the function may then add the parts of that item's slope
    in another order, and differ in its last bit.)

    ``tier`` is "interpreter", "llvm" (at once; it needs llvmlite), or "auto": interpreted until machine code pays.
    ``exact=False`` lets machine code add sums in another order and take vector functions within 2 ulp.
    ``check=False`` gives infinities and nan where the function would raise, or compute on with them.

    What the function reads besides its arguments (globals, random numbers, a file) is read when it is recorded, and
    what no result depends on is not computed again.  Raises TypeError for a function that computes with Values from
    outside, calls ``backward``, or sets ``data``.

    >>> import autograd
    >>> from autograd import math
    >>> fast = autograd.compile(autograd.value_and_grad(lambda x, y: math.sin(x) * y))
    >>> fast(0.0, 2.0)
    (0.0, 2.0)
    >>> print(fast.lanes([0.0, 0.0], [2.0, 3.0])[1])
    [2. 3.]
    """
    if function is None:
        return lambda f: Compiled(f, tier, exact, check, on_branch)
    return Compiled(function, tier, exact, check, on_branch)


class _Package(ModuleType):
    """So that ``autograd.compile`` is the function, and the package that it lies in as well."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return compile(*args, **kwargs)


sys.modules[__name__].__class__ = _Package
