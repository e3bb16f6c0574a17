"""``check_grads``: a function's derivatives at a point, checked, or an error that says which is wrong and why."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from ..functional import _is_array, _like, _name, _numbers, _plain
from ..primitives import Primitive
from ..value import Value, is_real
from .blame import explain
from .examine import Examined
from .flat import Flat, derivatives, on_floats
from .report import GradientMismatch, GradientReport


def check_grads(f: Callable[..., Any], args: Any, order: int = 2) -> GradientReport:
    """The report of a check of f's derivatives up to ``order`` at ``args``, by all numbers among the arguments.

    ``args`` is the tuple (or list) of f's positional arguments: numbers, NumPy arrays, or lists, tuples and dicts of
    these; a single argument that is a number or an array may be given as it is.  f may return any such structure, and
    each number in it is checked.  Order 1 compares reverse mode, forward mode and finite differences of f on floats
    (on Values, if f takes nothing else); order 2 the derivatives of the gradient: reverse over reverse, forward over
    reverse and finite differences of the gradient; and so on.

    >>> from autograd.math import exp
    >>> report = check_grads(lambda x, y: x * exp(-y), (2.0, 1.0))
    >>> report.passed, [(row.order, row.by, row.verdict) for row in report.rows][:3]
    (True, [(1, ('x',), 'ok'), (1, ('y',), 'ok'), (2, ('x', 'x'), 'ok')])

    Raises GradientMismatch, an AssertionError with the table, unless every row passes (the verdicts are those of
    ``GradientRow``); it names the primitive whose rule is to blame, which it finds by checking each primitive on its
    own where f used it.  A kink is no mismatch: the row shows both one-sided slopes.  Raises what f raises when the
    point is outside its domain, TypeError for arguments that are not real numbers, and ValueError when there is
    nothing to check.
    """
    if order < 1:
        raise ValueError(f"check_grads takes an order of 1 or more, not {order!r}")
    args = _arguments(f, args)
    title = "f" if _name(f) == "<lambda>" else getattr(f, "__name__", None) or str(f)
    xs = [_plain(number) for number in _numbers(args, f"the arguments of {title}")]
    names = _argument_paths(f, args)

    def flat(numbers: list[Any]) -> list[Any]:
        return _numbers(f(*_like(args, numbers)), f"the result of {title}")

    outputs = _paths(f(*_like(args, [Value(x) for x in xs])), title)
    if not xs or not outputs:
        raise ValueError(f"nothing to check: no number among the {'results' if xs else 'arguments'} of {title}")
    report = GradientReport(title, dict(zip(names, xs, strict=True)), order)
    labels: list[tuple[str, tuple[str, ...]]] = [(output, ()) for output in outputs]
    for k in range(1, order + 1):
        labels = [(output, (*by, name)) for output, by in labels for name in names]
        g = derivatives(flat, k - 1)
        rows = Examined(g, _plainly(flat, xs) if k == 1 else on_floats(g), xs).rows()
        for row, (output, by) in zip(rows, labels, strict=True):
            row.order, row.output, row.by = k, output, by
        report.rows += rows
        if any(row.verdict not in ("ok", "one-sided") for row in rows):
            explain(report, rows, flat, xs, k)
        if not report.passed:
            raise GradientMismatch(report)
    return report


def _plainly(f: Flat, xs: list[float]) -> Flat:
    """f on floats, or, if it uses methods of Value, on Values that are dropped again."""
    try:
        f(xs)
    except (AttributeError, TypeError):
        return lambda numbers: [_plain(y) for y in f([Value(x) for x in numbers])]
    return on_floats(f)


def _arguments(f: Callable[..., Any], args: Any) -> tuple[Any, ...]:
    if isinstance(args, Value) or is_real(args) or _is_array(args):
        args = (args,)
    if not isinstance(args, list | tuple):
        raise TypeError(
            f"check_grads takes the tuple of f's arguments, not {type(args).__name__} {args!r}: write (x,) for one"
        )
    try:
        inspect.signature(f).bind(*args)
    except TypeError as error:
        raise TypeError(
            f"{_name(f)} cannot be called with the {len(args)} arguments of args ({error}): "
            "check_grads takes the tuple of them; a single list x is written (x,)"
        ) from None
    except ValueError:
        pass  # a C function that does not publish its signature
    return tuple(args)


def _argument_paths(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """The path of each number: by the parameters' names where f (or, of a primitive, a rule) tells them."""
    names = [f"args[{i}]" for i in range(len(args))]
    skip = 0
    if isinstance(f, Primitive) and isinstance(f.partials, tuple) and f.gather is None:
        f, skip = f.partials[0], 1  # its first parameter is the output
    try:
        parameters = list(inspect.signature(f).parameters.values())[skip:]
    except (TypeError, ValueError):
        parameters = []
    for i, parameter in enumerate(parameters[: len(args)]):
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names[i] = parameter.name
    return [path for name, arg in zip(names, args, strict=True) for path in _paths(arg, name)]


def _paths(tree: Any, path: str) -> list[str]:
    if isinstance(tree, dict):
        return [p for key, item in tree.items() for p in _paths(item, f"{path}[{key!r}]")]
    if isinstance(tree, list | tuple):
        return [p for i, item in enumerate(tree) for p in _paths(item, f"{path}[{i}]")]
    if _is_array(tree):
        indices = sys.modules["numpy"].ndindex(tree.shape)
        return [
            p
            for index, item in zip(indices, tree.flat, strict=True)
            for p in _paths(item, f"{path}[{', '.join(map(str, index))}]")
        ]
    return [path]
