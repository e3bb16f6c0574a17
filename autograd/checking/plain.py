"""What a black box takes and gives, as flat lists of floats: numbers, NumPy arrays, PyTorch tensors, JAX arrays.

A function that is not of this package is called with its own kinds of arguments, of their own floating-point format.
Neither PyTorch nor JAX is imported here: whoever passes an array of theirs has done so.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

from ..structures import flatten
from ..value import Value, is_real


class Format(NamedTuple):
    """A binary floating-point format: the bits of its significand, and its smallest number above 0."""

    bits: int = 53
    least: float = math.ulp(0.0)

    def spacing(self, x: float) -> float:
        """The distance from x to the next larger number in size."""
        return max(math.ldexp(1.0, math.frexp(x)[1] - self.bits), self.least) if math.isfinite(x) else math.nan

    def nearest(self, x: float) -> float:
        if self.bits == 53 or not math.isfinite(x):
            return x
        spacing = self.spacing(x)
        return round(x / spacing) * spacing


DOUBLE = Format()
Make = Callable[[Any], Any]  # of a leaf's numbers, its leaf


class Leaf(NamedTuple):
    """A number or an array among the arguments: how it is made anew."""

    size: int
    format: Format
    make: Make


class Plain:
    """A tree of numbers and arrays of any of these kinds, as a list of floats and a way back.

    ``structure`` is that of the tree with NumPy arrays in the place of all others.  Arrays of integers are taken for
    numbers like others if they are NumPy's; those of PyTorch and JAX stay as they are.  Raises TypeError for what is no
    real number, by its path.
    """

    def __init__(self, tree: Any, name: str) -> None:
        self.tree, self.name = tree, name
        self.leaves: list[Leaf] = []
        numbers, self.structure = flatten(mapped(tree, self._take), name)
        self.is_flat = type(tree) is list and all(type(x) is float for x in tree)
        self.is_float = type(tree) is float
        self.numbers = [float(x.data if isinstance(x, Value) else x) for x in numbers]

    def _take(self, x: Any) -> Any:
        array, leaf = taken(x)
        self.leaves.append(leaf)
        return array

    def rebuild(self, numbers: Sequence[Any]) -> Any:
        """The tree with these numbers, a list or (faster, where there are many) an array."""
        if self.is_float:  # the usual cases, in a tenth of the time
            return numbers[0]
        if self.is_flat:
            return list(numbers)
        places = self._places(numbers)
        return mapped(self.tree, lambda x: next(places))

    def _places(self, numbers: Sequence[Any]) -> Iterator[Any]:
        start = 0
        for leaf in self.leaves:
            yield leaf.make(numbers[start : start + leaf.size])
            start += leaf.size

    @property
    def formats(self) -> list[Format]:
        """The format of each number."""
        return [leaf.format for leaf in self.leaves for _ in range(leaf.size)]

    def path(self, i: int) -> str:
        """How Python writes the number i."""
        return next(itertools.islice(self.structure.each_path(self.name), i, None))

    def shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """The arrays and lists of numbers in the tree, each with its path and shape."""
        return _shapes(self.tree, self.name)


def mapped(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    """The tree with ``leaf`` of everything in it that is no list, tuple, dict or dataclass."""
    kind = type(tree)
    if isinstance(tree, dict):
        return _like(tree, {key: mapped(item, leaf) for key, item in tree.items()})
    if isinstance(tree, list | tuple):
        items = [mapped(item, leaf) for item in tree]
        return kind._make(items) if hasattr(kind, "_make") else _like(tree, items)
    if is_dataclass(kind) and not isinstance(tree, Value | type):
        new = object.__new__(kind)
        for field in fields(kind):
            object.__setattr__(new, field.name, mapped(getattr(tree, field.name), leaf))
        return new
    return leaf(tree)


def _shapes(tree: Any, path: str) -> list[tuple[str, tuple[int, ...]]]:
    shape = getattr(tree, "shape", None)
    if shape is not None:
        return [(path, tuple(shape))]
    if isinstance(tree, dict):
        items = [(f"{path}[{key!r}]", item) for key, item in tree.items()]
    elif isinstance(tree, list | tuple):
        items = [(f"{path}[{i}]", item) for i, item in enumerate(tree)]
    elif is_dataclass(tree):
        items = [(f"{path}.{field.name}", getattr(tree, field.name)) for field in fields(tree)]
    else:
        return []
    inner = [pair for name, item in items for pair in _shapes(item, name)]
    return [(path, (len(items),)), *inner]


def _like(tree: Any, items: Any) -> Any:
    return items if type(tree) is type(items) else type(tree)(items)


def taken(x: Any) -> tuple[Any, Leaf]:
    """A leaf as a float or an array of floats, and how it is made anew; what is neither stays as it is."""
    numpy, torch, jax = map(sys.modules.get, ("numpy", "torch", "jax"))
    if type(x) in (float, int) or isinstance(x, Value):
        return x, Leaf(1, DOUBLE, _number)
    if is_tensor(x):
        return _tensor(torch, numpy, x) if is_tensor(x) == "torch" else _jax_array(jax, x)
    if numpy is not None and isinstance(x, numpy.ndarray | numpy.generic) and type(x) is not numpy.ma.MaskedArray:
        return _numpy_array(numpy, x)
    return x, Leaf(1, DOUBLE, _number if is_real(x) else lambda numbers: x)


def _number(numbers: Sequence[Any]) -> Any:
    return numbers[0]


def _constant(x: Any) -> Leaf:
    return Leaf(0, DOUBLE, lambda numbers: x)


def _format(info: Any) -> Format:
    return Format(int(info.nmant) + 1, float(info.smallest_subnormal))


def _numpy_array(numpy: Any, x: Any) -> tuple[Any, Leaf]:
    kind = x.dtype.kind
    if kind not in "fiubO" or type(x) not in (numpy.ndarray, x.dtype.type):
        return x, _constant(x)  # refused by name when the tree is flattened
    dtype = x.dtype if kind == "f" else numpy.dtype(float)
    shape, number = x.shape, isinstance(x, numpy.generic)
    form = _format(numpy.finfo(dtype)) if dtype.itemsize < 8 else DOUBLE

    def make(numbers: Any) -> Any:
        made = numpy.asarray(numbers)
        made = made if made.dtype.kind in "cO" else made.astype(dtype)  # complex, or mpmath's
        return made.reshape(shape)[()] if number else made.reshape(shape)

    plain = x.astype(float) if kind != "O" else x
    return (float(plain) if number else plain), Leaf(int(x.size), form, make)


def _tensor(torch: Any, numpy: Any, x: Any) -> tuple[Any, Leaf]:
    if x.is_complex():
        return numpy.asarray(x.detach().cpu()), _constant(x)
    if not x.is_floating_point():
        return (), _constant(x)
    info, dtype, device, shape = torch.finfo(x.dtype), x.dtype, x.device, tuple(x.shape)
    bits = 1 - round(math.log2(info.eps))
    wide = x.detach().cpu().double().numpy()

    def make(numbers: Any) -> Any:
        made = torch.as_tensor(numpy.asarray(numbers, dtype=float)).to(dtype).to(device)
        return made.reshape(shape)

    return wide.copy(), Leaf(int(x.numel()), Format(bits, float(info.tiny) * float(info.eps)), make)


def _jax_array(jax: Any, x: Any) -> tuple[Any, Leaf]:
    numpy = sys.modules["numpy"]
    if jax.numpy.issubdtype(x.dtype, jax.numpy.complexfloating):
        return numpy.asarray(x), _constant(x)
    if not jax.numpy.issubdtype(x.dtype, jax.numpy.floating):
        return (), _constant(x)
    dtype, shape = x.dtype, tuple(x.shape)

    def make(numbers: Any) -> Any:
        return jax.numpy.asarray(numpy.asarray(numbers, dtype=float).reshape(shape).astype(dtype))

    return numpy.asarray(x).astype(float), Leaf(int(x.size), _format(jax.numpy.finfo(dtype)), make)


def is_tensor(x: Any) -> str:
    """ "torch" or "jax", if x is an array of theirs; else ""."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and isinstance(x, torch.Tensor):
        return "torch"
    return "jax" if jax is not None and isinstance(x, jax.Array) else ""


def engine_of(tree: Any) -> str:
    """The same of the last of such arrays in a tree."""
    found = [""]
    mapped(tree, lambda x: found.append(is_tensor(x)))
    return max(found)
