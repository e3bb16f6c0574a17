"""``check_grads``: a function's derivatives at a point, checked, or an error that says which is wrong and why."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..functional import float_of, name_of
from ..primitives import Primitive, Switched
from ..structures import Structure, flatten, is_array
from ..value import Value, is_real
from .blame import explain
from .box import refuse_complex, refuse_complex_arguments
from .examine import Examined
from .flat import Flat, derivatives, on_floats
from .plain import engine_of, is_tensor
from .report import GradientMismatch, GradientReport
from .trial import Trial


def check_grads(
    f: Callable[..., Any],
    args: Any,
    order: int = 2,
    *,
    grad: Callable[..., Any] | None = None,
    value_and_grad: bool = False,
    jacobian: Callable[..., Any] | None = None,
    pattern: Any = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    hessian: Callable[..., Any] | None = None,
    hvp: Callable[..., Any] | None = None,
    oracle: str = "",
    strict: bool = False,
    resolution: float | None = None,
    coordinates: int = 200,
    directions: int = 3,
    seed: int = 0,
) -> GradientReport:
    """The report of a check of f's derivatives at ``args``, by all numbers among the arguments.

    ``args`` is the tuple (or list) of f's positional arguments: numbers, NumPy arrays, or lists, tuples, dicts
    and dataclasses of these; a single argument that is a number or an array may be given as it is.  f may return any
    such structure, and each number in it is checked.  Order 1 compares reverse mode, forward mode and finite
    differences of f on floats (on Values, if f takes nothing else); order 2 the derivatives of the gradient: reverse
    over reverse, forward over reverse and finite differences of the gradient; and so on up to ``order``.

    >>> from autograd.math import exp
    >>> report = check_grads(lambda x, y: x * exp(-y), (2.0, 1.0))
    >>> report.passed, [(row.order, row.by, row.verdict) for row in report.rows][:3]
    (True, [(1, ('x',), 'ok'), (1, ('y',), 'ok'), (2, ('x', 'x'), 'ok')])

    With a claimed derivative f is a black box, which never meets a Value, and the claim is what is checked:

    * ``grad(*args)``: the derivative itself of one argument, else a tuple of one for each, in its structure;
      ``value_and_grad=True``: f returns the pair of its value and that;
    * ``jacobian(*args)``: for each argument an array of the result's shape followed by the argument's, or a sparse
      matrix; ``pattern``, an array or sparse matrix of the same shape, is not 0 where entries may be: columns that
      share no row are then differenced together;
    * ``vjp(*args, u)`` of a cotangent u of the result, which returns as ``grad``; ``jvp(*args, *v)`` of a tangent of
      each argument, which returns as f;
    * ``hessian(*args)``, the matrix by all numbers, and ``hvp(*args, *v)``, its product with a tangent of each
      argument, which returns as ``grad``; with ``grad`` beside them, that is checked first and differentiated.

    >>> check_grads(lambda x: x * x, 3.0, grad=lambda x: 2 * x).rows[0].verdict
    'ok'

    Functions of PyTorch tensors or JAX arrays are taken as they are; with no claim, their own autograd is on trial.
    Above ``coordinates`` numbers not each has a row: f is differentiated in so many random ``directions`` (drawn with
    ``seed``), and where one disagrees the coordinates are bisected to the worst.  ``oracle="mpmath"`` calls f with
    mpmath's numbers, for differences of 70 digits.  ``strict`` lets nothing inconclusive pass; of a black box,
    ``resolution`` is what it takes to be conclusive: a relative fault that would have been seen (1e-5; of numbers with
    fewer bits 4 times the square root of their rounding).  Steps in a black box up to 1e-6 of an argument (or of 1)
    wide are taken for rounding: the slope of what they stand for is told, and not that between two of them.  Wider
    ones, up to 1e-3, may be meant: they are so taken only where a claim contradicts the slope between two.

    Raises GradientMismatch, an AssertionError with the table, unless every row passes (the verdicts are those of
    ``GradientRow``); it names the primitive whose rule is to blame, which it finds by checking each primitive on its
    own where f used it, or what the fault of a claim looks like.  A kink is no mismatch: the row shows both one-sided
    slopes.  Raises what f raises when the point is outside its domain, TypeError for arguments that are not real
    numbers, for a complex result and for a claim of another structure, and ValueError when there is nothing to check.
    """
    if order < 1:
        raise ValueError(f"check_grads takes an order of 1 or more, not {order!r}")
    if oracle not in ("", "mpmath"):
        raise ValueError(f"oracle must be 'mpmath' or left out, not {oracle!r}")
    title = "f" if name_of(f) == "<lambda>" else getattr(f, "__name__", None) or str(f)
    refuse_complex_arguments(args, title)
    args = _arguments(f, args)
    parameters = _parameters(f, args)
    named = {"grad": grad, "jacobian": jacobian, "vjp": vjp, "jvp": jvp, "hessian": hessian, "hvp": hvp}
    claims = {name: claim for name, claim in named.items() if claim is not None}
    engine = engine_of(args)
    if claims or value_and_grad or engine:
        trial = Trial(f, args, parameters, title, claims, value_and_grad, engine)
        trial.pattern, trial.mpmath = pattern, oracle == "mpmath"
        trial.coordinates, trial.directions, trial.seed = coordinates, directions, seed
        trial.resolution = resolution
        report = trial.report(strict)
    elif oracle or pattern is not None:
        raise ValueError(f"{'oracle' if oracle else 'pattern'}= is for a claimed derivative: give grad= or jacobian=")
    else:
        report = _of_values(f, args, parameters, title, order, strict)
    if not report.passed:
        raise GradientMismatch(report)
    return report


def _of_values(
    f: Callable[..., Any], args: tuple[Any, ...], parameters: list[str], title: str, order: int, strict: bool
) -> GradientReport:
    """The report on the derivatives that f has on Values, up to the first order that fails."""
    parts = [flatten(arg, name) for name, arg in zip(parameters, args, strict=True)]
    given = Structure.of_tuple([structure for _, structure in parts])
    xs = [float_of(number) for numbers, _ in parts for number in numbers]
    names = [path for name, (_, part) in zip(parameters, parts, strict=True) for path in part.paths(name)]

    def flat(numbers: list[Any]) -> list[Any]:
        return flatten(f(*given.rebuild(numbers)), f"the result of {title}")[0]

    try:
        result = f(*given.rebuild([Value(x) for x in xs]))
    except TypeError:  # as of a Value and a complex number
        _refuse_if_complex(f, given.rebuild(xs), title)
        raise
    refuse_complex(result, title)
    outputs = flatten(result, f"the result of {title}")[1].paths(title)
    if not xs or not outputs:
        raise ValueError(f"nothing to check: no number among the {'results' if xs else 'arguments'} of {title}")
    report = GradientReport(title, dict(zip(names, xs, strict=True)), order, strict=strict)
    labels: list[tuple[str, tuple[str, ...]]] = [(output, ()) for output in outputs]
    for k in range(1, order + 1):
        labels = [(output, (*by, name)) for output, by in labels for name in names]
        g = derivatives(flat, k - 1)
        rows = Examined(g, _plainly(flat, xs) if k == 1 else on_floats(g), xs).rows()
        for row, (output, by) in zip(rows, labels, strict=True):
            row.order, row.output, row.by = k, output, by
            if row.verdict == "still" and k > 1:
                row.verdict = "ok"  # what knows better, the complex step, only knows first derivatives
        report.rows += rows
        if any(row.verdict not in ("ok", "one-sided") for row in rows):
            explain(report, rows, flat, xs, k)
        if not report.passed:
            break
    return report


def _refuse_if_complex(f: Callable[..., Any], args: Any, title: str) -> None:
    try:
        result = f(*args)
    except Exception:  # f does not take floats either: what it says of Values is the error
        return
    refuse_complex(result, title)


def _plainly(f: Flat, xs: list[float]) -> Flat:
    """f on floats, or, if it uses methods of Value, on Values that are dropped again."""
    try:
        f(xs)
    except (AttributeError, TypeError):
        return lambda numbers: [float_of(y) for y in f([Value(x) for x in numbers])]
    return on_floats(f)


def _arguments(f: Callable[..., Any], args: Any) -> tuple[Any, ...]:
    if isinstance(args, Value) or is_real(args) or is_array(args) or is_tensor(args):
        args = (args,)
    if not isinstance(args, list | tuple):
        raise TypeError(
            f"check_grads takes the tuple of f's arguments, not {type(args).__name__} {args!r}: write (x,) for one"
        )
    try:
        inspect.signature(f).bind(*args)
    except TypeError as error:
        raise TypeError(
            f"{name_of(f)} cannot be called with the {len(args)} arguments of args ({error}): "
            "check_grads takes the tuple of them; a single list x is written (x,)"
        ) from None
    except ValueError:
        pass  # a C function that does not publish its signature
    return tuple(args)


def _parameters(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """What the arguments are called: the parameters' names where f (or, of a primitive, a rule) tells them."""
    names = [f"args[{i}]" for i in range(len(args))]
    skip = 0
    if isinstance(f, Primitive) and isinstance(f.partials, tuple) and f.gather is None:
        f, skip = f.partials[0], 1  # its first parameter is the output
        while isinstance(f, Switched):
            f = f.usual
    try:
        parameters = list(inspect.signature(f).parameters.values())[skip:]
    except (TypeError, ValueError):
        parameters = []
    for i, parameter in enumerate(parameters[: len(args)]):
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names[i] = parameter.name
    return names
