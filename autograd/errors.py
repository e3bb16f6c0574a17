"""What the engine says when it cannot go on: each message names the operation, its operands and what to do."""

from __future__ import annotations

from typing import Any, NoReturn

from .primitives import Primitive, R

ERRORS = (ValueError, ZeroDivisionError, OverflowError)  # what a function on floats raises where it has no value


def explained(error: Exception, row: Primitive, operands: Any, xs: Any, by: int | None = None) -> Exception:
    """The error of ``row`` at ``xs``, or of its partial by operand ``by``, with a message that says what to do."""
    labels = [getattr(arg, "label", "") for arg in operands]
    named = [f"{label}={x!r}" if label else repr(x) for label, x in zip(labels, xs, strict=True)]
    call = f"{row}({', '.join(named)})"
    kind = next(kind for kind in ERRORS if isinstance(error, kind))
    if by is not None:
        return kind(
            f"{call} has no finite derivative by operand {by + 1} ({named[by]}): {error}; "
            "move off this point, or keep it from the output with autograd.math.where or if"
        )
    remedy = "the result is too large for a float: scale the operands, or compute with logarithms"
    if kind is not OverflowError:
        where = [f"({low:g}, {high:g})" for low, high in row.domain]
        remedy = f"its operands must lie in {' x '.join(where)}" if row.domain != (R,) else "check the operands"
    return kind(f"{call}: {error}; {remedy}")


def unset(value: Any) -> NoReturn:
    """Raise the AttributeError of a Value whose ``__init__`` never ran."""
    message = f"this {type(value).__name__} was not initialised: call super().__init__(data)"
    raise AttributeError(message, name="data")  # or Python would guess at another name


def refuse(value: Any) -> NoReturn:
    """Raise the TypeError of a Value that is asked for a plain number."""
    raise TypeError(
        f"{value!r} would lose its gradient as a plain number: "
        "use autograd.math (autograd.math.exp for math.exp) to differentiate, .data for the number"
    )
