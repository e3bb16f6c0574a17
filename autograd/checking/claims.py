"""Claimed derivatives as matrices: a row for each number in f's result, a column for each among its arguments."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .box import BlackBox, complex_in
from .plain import Plain, mapped

Matrix = Sequence[Sequence[float]]
Claim = Callable[[Sequence[float]], Matrix]  # of the numbers among the arguments


def of_gradient(df: Callable[..., Any], box: BlackBox) -> Claim:
    """The claim of a gradient: the derivative itself of one argument, else a sequence of one for each."""
    if len(box.ys) != 1:
        raise ValueError(
            f"grad= is for a function with one number; {box.title} returns {len(box.ys)}: use jacobian=, vjp= or jvp="
        )
    return lambda xs: [by_arguments(df(*box.arguments(xs)), box, "grad")]


def of_jacobian(df: Callable[..., Any], box: BlackBox) -> Claim:
    """The claim of a Jacobian: of each argument an array (or nested lists, or a sparse matrix) of the result's shape
    followed by the argument's; of a dict, a dict of these."""

    def claim(xs: Sequence[float]) -> Matrix:
        blocks = [
            _block(given, part, size, len(box.ys), f"jacobian{place}")
            for given, part, size, place in _each(df(*box.arguments(xs)), box, "jacobian")
        ]
        return [[x for block in blocks for x in block[o]] for o in range(len(box.ys))]

    return claim


def of_vjp(df: Callable[..., Any], box: BlackBox) -> Claim:
    """The claim of f's pullback: it takes f's arguments and a cotangent of the result, and returns as a gradient."""

    def claim(xs: Sequence[float]) -> Matrix:
        m = len(box.ys)
        return [
            by_arguments(df(*box.arguments(xs), box.result.rebuild(unit(m, o))), box, f"vjp of cotangent {o}")
            for o in range(m)
        ]

    return claim


def of_jvp(df: Callable[..., Any], box: BlackBox) -> Claim:
    """The claim of f's pushforward: it takes f's arguments and a tangent of each, and returns as f."""
    n, what = len(box.xs), "the result of jvp"

    def claim(xs: Sequence[float]) -> Matrix:
        def along(d: Sequence[float]) -> list[float]:
            return matched(box.result, df(*box.arguments(xs), *box.arguments(d)), what)

        return ByColumns(along, len(box.ys), n)

    return claim


class ByColumns(Sequence[Sequence[float]]):
    """A Jacobian of which only the products with tangents are known: a column is computed when it is asked for."""

    def __init__(self, along: Callable[[Sequence[float]], list[float]], outputs: int, inputs: int) -> None:
        self.along, self.outputs, self.inputs = along, outputs, inputs
        self.columns: dict[int, list[float]] = {}

    def __len__(self) -> int:
        return self.outputs

    def __getitem__(self, o: Any) -> Any:
        return _Row(self, range(self.outputs)[o])

    def column(self, i: int) -> list[float]:
        if i not in self.columns:
            self.columns[i] = self.along(unit(self.inputs, i))
        return self.columns[i]


class _Row(Sequence[float]):
    def __init__(self, matrix: ByColumns, o: int) -> None:
        self.matrix, self.o = matrix, o

    def __len__(self) -> int:
        return self.matrix.inputs

    def __getitem__(self, i: Any) -> Any:
        return self.matrix.column(range(self.matrix.inputs)[i])[self.o]


def of_hessian(df: Callable[..., Any], box: BlackBox) -> Claim:
    """The claim of a Hessian: the matrix by all numbers, or for several arguments a row of blocks for each."""
    n = len(box.xs)

    def claim(xs: Sequence[float]) -> Matrix:
        given = df(*box.arguments(xs))
        if len(box.parts) == 1 or hasattr(given, "shape"):
            whole = box.parts[0] if len(box.parts) == 1 else Plain([0.0] * n, "arguments")
            return _block(given, whole, n, n, "hessian(…)")
        rows = []
        for blocks, _, size, place in _each(given, box, "hessian"):
            parts = [
                _block(block, part, width, size, f"hessian(…){place}{beside}")
                for block, part, width, beside in _each(blocks, box, f"hessian(…){place}")
            ]
            rows += [[x for part in parts for x in part[o]] for o in range(size)]
        return rows

    return claim


def of_hvp(df: Callable[..., Any], box: BlackBox) -> Claim:
    """The claim of a Hessian's product with a tangent of each argument."""

    def claim(xs: Sequence[float]) -> Matrix:
        n = len(box.xs)
        columns = [
            by_arguments(df(*box.arguments(xs), *box.arguments(unit(n, i))), box, "the result of hvp") for i in range(n)
        ]
        return [list(row) for row in zip(*columns, strict=True)]

    return claim


def pattern_of(pattern: Any, box: BlackBox) -> list[list[bool]]:
    """Where a Jacobian may have entries."""
    n = len(box.xs)
    whole = box.parts[0] if len(box.parts) == 1 else Plain([0.0] * n, "arguments")
    return [[x != 0 for x in row] for row in _block(pattern, whole, n, len(box.ys), "pattern")]


def of_autograd(f: Callable[..., Any], box: BlackBox, engine: str) -> Claim:
    """What PyTorch's or JAX's own autograd says of f."""
    return (_torch if engine == "torch" else _jax)(f, box)


def _torch(f: Callable[..., Any], box: BlackBox) -> Claim:
    torch = sys.modules["torch"]

    def claim(xs: Sequence[float]) -> Matrix:
        inputs: list[Any] = []

        def leaf(x: Any) -> Any:
            if isinstance(x, torch.Tensor) and x.is_floating_point():
                x = x.detach().clone().requires_grad_(True)
                inputs.append(x)
            elif isinstance(x, float):
                x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
                inputs.append(x)
            return x

        outputs: list[Any] = []
        mapped(f(*[mapped(arg, leaf) for arg in box.arguments(xs)]), outputs.append)
        rows = []
        for output in outputs:
            if not isinstance(output, torch.Tensor) or not output.is_floating_point():
                continue
            for number in output.reshape(-1):
                slopes = [None] * len(inputs)
                if number.requires_grad:
                    slopes = torch.autograd.grad(number, inputs, retain_graph=True, allow_unused=True)
                row: list[float] = []
                for x, slope in zip(inputs, slopes, strict=True):
                    row += [0.0] * x.numel() if slope is None else slope.double().reshape(-1).tolist()
                rows.append(row)
        return rows

    return claim


def _jax(f: Callable[..., Any], box: BlackBox) -> Claim:
    jax, numpy = sys.modules["jax"], sys.modules["numpy"]

    def claim(xs: Sequence[float]) -> Matrix:
        args = box.arguments(xs)
        leaves: list[Any] = []
        mapped(args, leaves.append)
        places = [i for i, x in enumerate(leaves) if isinstance(x, float) or _is_floating(jax, x)]

        def flat(*moving: Any) -> Any:
            new = list(leaves)
            for i, x in zip(places, moving, strict=True):
                new[i] = x
            supply = iter(new)
            outputs: list[Any] = []
            mapped(f(*mapped(args, lambda x: next(supply))), outputs.append)
            return jax.numpy.concatenate([jax.numpy.ravel(y) for y in outputs])

        blocks = jax.jacrev(flat, argnums=tuple(range(len(places))))(*[leaves[i] for i in places])
        m = len(box.ys)
        rows = numpy.concatenate([numpy.asarray(block, dtype=float).reshape(m, -1) for block in blocks], axis=1)
        return [[float(x) for x in row] for row in rows]

    return claim


def _is_floating(jax: Any, x: Any) -> bool:
    return isinstance(x, jax.Array) and bool(jax.numpy.issubdtype(x.dtype, jax.numpy.floating))


# ---- shapes ----------------------------------------------------------------------------------------------------------


def unit(n: int, i: int) -> list[float]:
    return [1.0 if j == i else 0.0 for j in range(n)]


def matched(part: Plain, given: Any, what: str) -> list[float]:
    """The numbers of a tree of the same structure; TypeError says where it differs."""
    refuse_complex_claim(given, what)
    plain = Plain(given, what)
    if plain.structure == part.structure:
        return plain.numbers
    if part.structure.is_number and len(plain.numbers) == 1:
        return plain.numbers
    shape = getattr(given, "shape", None)
    if shape is not None and math.prod(shape) == len(part.numbers) and _is_list(part.tree):
        return plain.numbers
    return [float(x) for x in part.structure.match(mapped(given, _as_plain), what)]


def refuse_complex_claim(given: Any, what: str) -> None:
    if kind := complex_in(given):
        raise TypeError(
            f"{what} has complex numbers ({kind}): derivatives of real functions are real, give them as such"
        )


def _as_plain(x: Any) -> Any:
    from .plain import taken

    return taken(x)[0]


def _is_list(tree: Any) -> bool:
    return isinstance(tree, list | tuple) and any(isinstance(item, list | tuple) for item in tree)


def _each(given: Any, box: BlackBox, what: str) -> list[tuple[Any, Plain, int, str]]:
    """What is given by each argument."""
    if len(box.parts) == 1:
        return [(given, box.parts[0], box.sizes[0], "")]
    if not isinstance(given, list | tuple) and not (getattr(given, "ndim", 0) and len(given) == len(box.parts)):
        raise TypeError(
            f"{what} must return a derivative for each of the {len(box.parts)} arguments of {box.title}, "
            f"not {type(given).__name__}"
        )
    if len(given) != len(box.parts):
        raise TypeError(
            f"{what} returned {len(given)} derivatives for the {len(box.parts)} arguments of {box.title}: "
            "it must return one for each"
        )
    return [
        (item, part, size, f"[{i}]")
        for i, (item, part, size) in enumerate(zip(given, box.parts, box.sizes, strict=True))
    ]


def by_arguments(given: Any, box: BlackBox, what: str) -> list[float]:
    result: list[float] = []
    for item, part, size, place in _each(given, box, what):
        if size:
            result += matched(part, item, f"{what}(…){place}")
    return result


def _block(given: Any, part: Plain, size: int, m: int, what: str) -> list[list[float]]:
    """A Jacobian's rows by one argument."""
    if hasattr(given, "toarray"):  # a sparse matrix
        given = given.toarray()
    if isinstance(given, dict) and isinstance(part.tree, dict) and set(given) == set(part.tree):
        blocks = []
        for key, item in part.tree.items():
            inner = Plain(item, f"{what}[{key!r}]")
            blocks.append(_block(given[key], inner, len(inner.numbers), m, inner.name))
        return [[x for block in blocks for x in block[o]] for o in range(m)]
    refuse_complex_claim(given, what)
    numbers = Plain(given, what).numbers
    if len(numbers) != m * size:
        shape = getattr(given, "shape", f"{len(numbers)} numbers")
        raise TypeError(f"{what} has {shape}: it must have {m} x {size} numbers, those of f's result by the argument's")
    return [numbers[o * size : (o + 1) * size] for o in range(m)]
