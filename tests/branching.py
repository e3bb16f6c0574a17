"""Random functions of three numbers with branches, loops and every row of the table, for the tests of ``compile``."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from autograd import Value
from autograd import math as am

UNARY = [
    "neg",
    "abs",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "softplus",
    "relu",
    "exp",
    "log1p",
    "atan",
    "erf",
    "sqrt",
    "log",
    "cbrt",
    "sign",
    "floor",
    "expm1",
    "asinh",
    "sinh",
    "cosh",
    "erfc",
    "log2",
    "log10",
    "exp2",
    "tan",
    "asin",
    "acos",
    "acosh",
    "atanh",
    "ceil",
    "trunc",
    "degrees",
    "radians",
    "gamma",
    "lgamma",
    "digamma",
    "norm_cdf",
    "norm_pdf",
]
BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "add",
    "sub",
    "mul",
    "pow",
    "mod",
    "floordiv",
    "atan2",
    "copysign",
    "fmod",
    "remainder",
    "leaky_relu",
]
VARIADIC = ["max", "min", "sum", "prod", "logsumexp", "hypot", "fsum"]
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "=": lambda a, b: a == b, "!": lambda a, b: a != b,
}  # fmt: skip


def random_function(seed: int) -> Callable[[Any, Any, Any], Any]:
    draw = random.Random(seed)
    plan: list[tuple[Any, ...]] = []
    for _ in range(draw.randrange(3, 25)):
        at = [draw.random() for _ in range(6)]
        kind = draw.choices(
            ["unary", "binary", "variadic", "where", "dot", "if", "detach", "loop"], [35, 35, 8, 8, 4, 5, 2, 3]
        )[0]
        name = {"unary": UNARY, "binary": BINARY, "variadic": VARIADIC, "where": list(COMPARISONS)}.get(kind, [""])
        number = draw.choice([0.5, 2.0, 1.0, -1.0, 0.0, 3.0]) if draw.random() < 0.2 else None
        plan.append((kind, draw.choice(name), at, number, draw.randrange(1, 5)))

    def f(x: Any, y: Any, z: Any) -> Any:
        values = [x, y, z]

        def pick(u: float) -> Any:
            return values[int(u * len(values))]

        for kind, name, at, number, count in plan:
            a, b = pick(at[0]), pick(at[1]) if number is None else number
            if kind == "unary":
                values.append(-a if name == "neg" else getattr(am, name)(a))
            elif kind == "binary":
                values.append(getattr(am, name)(a, b))
            elif kind == "variadic":
                items = [pick(u) for u in at[:count]]
                values.append(am.hypot(*items) if name == "hypot" else getattr(am, name)(items))
            elif kind == "where":
                values.append(am.where(COMPARISONS[name](a, pick(at[1])), pick(at[2]), pick(at[3])))
            elif kind == "dot":
                values.append(am.dot([pick(u) for u in at[:3]], [pick(u) for u in at[3:]]))
            elif kind == "if":
                values.append(pick(at[2]) * 0.5 if a > (number or 0.5) else am.tanh(pick(at[2])))
            elif kind == "detach":
                values.append(values[-1] * (a.detach() if isinstance(a, Value) else a))
            else:
                turns = 0
                while abs(a) > 0.3 and turns < 6:
                    a, turns = a * 0.6, turns + 1
                values.append(a)
        return values[-1] * values[-2] + values[len(values) // 2]

    return f


def same(a: Any, b: Any) -> bool:
    """Equal numbers, nan and nan too, in equal structures."""
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if hasattr(a, "tolist"):
        return bool(type(a) is type(b) or a.shape == ()) and same(a.tolist(), b.tolist() if hasattr(b, "tolist") else b)
    return bool(a == b or (a != a and b != b))
