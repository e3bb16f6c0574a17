"""Which operation of a graph is to blame for a number that is not finite: going forward, or coming back."""

from __future__ import annotations

import math
from typing import Any

from .backward import topological
from .functional import gradients
from .value import Value


def first_bad(output: Value) -> str | None:
    """The first operation, from the inputs on, whose result is not finite though its operands are, with its operands.

    None if all numbers of the graph are finite.
    """
    bad = next((node for node in topological(output) if not math.isfinite(node.data)), None)
    return None if bad is None else f"{_written(bad)} = {bad.data}"


def first_bad_slope(output: Value) -> str | None:
    """The first operation, from the output back, that makes a finite adjoint infinite or nan; None if there is none.

    Runs ``output.backward()``.
    """
    output.backward()
    for node in reversed(topological(output)):
        operands = list(dict.fromkeys(arg for arg in node.args if isinstance(arg, Value)))
        for operand, partial in zip(operands, gradients(node, operands), strict=True):
            if node.has_grad and not math.isfinite(node.grad * partial):
                name = operand.label or _short(operand)
                return f"{_written(node)}, whose derivative by {name} is {partial!r} times {node.grad!r}"
    return None


def _written(node: Value) -> str:
    if node.op is None:
        return f"the number {node.label or 'without a label'}"
    parts = [_short(arg) for arg in node.args]
    if len(parts) > 8:
        parts = [*parts[:7], f"… {len(parts) - 7} more"]
    return f"{node.op}({', '.join(parts)})"


def _short(arg: Any) -> str:
    if not isinstance(arg, Value):
        return repr(arg)
    return f"{arg.label}={arg.data!r}" if arg.label else repr(arg.data)
