"""A user's function as a black box: at a point, on flat lists of floats, with every call counted."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ERRORS
from .plain import DOUBLE, Format, Plain, mapped


class BlackBox:
    """f at its arguments.

    ``xs`` are the numbers among the arguments, ``formats`` their floating-point formats;
    ``flat`` is f from a list of such numbers to the list of those in its result.  Raises TypeError where f's result is
    not made of real numbers.
    """

    def __init__(self, f: Callable[..., Any], args: Sequence[Any], parameters: Sequence[str], title: str) -> None:
        self.f, self.title = f, title
        self.parts = [Plain(arg, name) for arg, name in zip(args, parameters, strict=True)]
        self.xs = [x for part in self.parts for x in part.numbers]
        self.sizes = [len(part.numbers) for part in self.parts]
        self.calls = 0
        self.result = self.results(self.xs)
        self.ys = self.result.numbers

    @functools.cached_property
    def formats(self) -> list[Format]:
        return [form for part in self.parts for form in part.formats]

    def name(self, i: int) -> str:
        """The path of a number."""
        for part, size in zip(self.parts, self.sizes, strict=True):
            if i < size:
                return part.path(i)
            i -= size
        raise IndexError(i)

    def arguments(self, numbers: Sequence[Any]) -> list[Any]:
        """f's arguments with these numbers."""
        start, result = 0, []
        for part, size in zip(self.parts, self.sizes, strict=True):
            result.append(part.rebuild(numbers[start : start + size]))
            start += size
        return result

    def results(self, numbers: Sequence[Any]) -> Plain:
        self.calls += 1
        return self.taken(self.f(*self.arguments(numbers)))

    def taken(self, result: Any) -> Plain:
        refuse_complex(result, self.title)
        return Plain(result, f"the result of {self.title}")

    def flat(self, numbers: Sequence[Any]) -> list[float]:
        self.calls += 1
        result = self.f(*self.arguments(numbers))
        if type(result) is float:  # the usual case, in a tenth of the time
            return [result]
        return self.taken(result).numbers

    def on(self, numbers: Sequence[Any]) -> list[Any] | None:
        """The numbers of the result for arguments of another kind; None where f does not take them."""
        found: list[Any] = []

        def take(x: Any) -> None:
            numpy = sys.modules.get("numpy")
            found.extend(x.ravel().tolist() if numpy is not None and isinstance(x, numpy.ndarray) else [x])

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # NumPy warns that it drops an imaginary part
                mapped(self.f(*self.arguments(numbers)), take)
            self.calls += 1
        except Exception:  # whatever f does on numbers that it was not written for
            return None
        return found if len(found) == len(self.ys) else None

    def on_complex(self, numbers: Sequence[Any]) -> list[complex] | None:
        found = self.on(numbers)
        try:
            return None if found is None else [complex(x) for x in found]
        except (TypeError, ValueError):
            return None

    def takes_complex(self) -> bool:
        """Whether all its numbers may be replaced by complex ones: they are Python's, or NumPy's doubles."""
        foreign = ("torch", "jax")
        return all(leaf.format == DOUBLE for part in self.parts for leaf in part.leaves) and not any(
            type(x).__module__.partition(".")[0] in foreign for part in self.parts for x in _leaves(part.tree)
        )


def _leaves(tree: Any) -> list[Any]:
    found: list[Any] = []
    mapped(tree, found.append)
    return found


def complex_in(tree: Any) -> str:
    """The type of a complex number, or of an array of them, in a tree; "" if there is none."""
    for x in _leaves(tree):
        dtype = getattr(x, "dtype", None)
        if isinstance(x, complex) or getattr(dtype, "kind", "") == "c" or "complex" in str(dtype or ""):
            return type(x).__name__ if dtype is None else f"{type(x).__name__} of {dtype}"
    return ""


def refuse_complex(result: Any, title: str) -> None:
    if kind := complex_in(result):
        raise TypeError(
            f"{title} returns complex numbers ({kind}): check its real and its imaginary part, "
            "each as a function of real numbers"
        )


def refuse_complex_arguments(args: Any, title: str) -> None:
    if kind := complex_in(args):
        raise TypeError(
            f"{title} is given complex numbers ({kind}), and check_grads checks functions of real ones: "
            "give it the real and the imaginary part as two arguments"
        )


def attempted(call: Callable[[], list[float]]) -> list[float] | None:
    try:
        return call()
    except (*ERRORS, TypeError):
        return None
