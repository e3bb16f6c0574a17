"""Arguments taken apart into a flat list of numbers and what is left, their structure, and put together again.

A tree is a number (a Value, or anything real), a NumPy array of numbers, or a list, tuple, named tuple, dict or
dataclass of trees.  Anything else is refused by its name: a subclass would lose what it means, and a set has no order.

>>> leaves, structure = flatten({"w": [1.0, 2.0], "b": 3.0}, "p")
>>> leaves, structure.paths("p")
([1.0, 2.0, 3.0], ["p['w'][0]", "p['w'][1]", "p['b']"])
>>> structure.rebuild([10.0, 20.0, 30.0])
{'w': [10.0, 20.0], 'b': 30.0}
>>> structure.match({"b": 0, "w": (1, 2)}, "q")
[1, 2, 0]
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cached_property
from itertools import islice, product
from math import prod
from reprlib import repr as shortened
from typing import Any

from .value import Value, is_real

# What is left of a tree, as nested tuples, which compare and hash in C: None for a number, else (type, keys, children).
# The keys are a dict's, or the names of the fields; of an array, its shape, and it has no children.
Spec = Any

NUMBERS = frozenset({float, int, bool, Value})  # the types of almost all numbers; the others are looked at one by one
MAPPINGS = (dict, OrderedDict)
FLOATS = frozenset({float})


def flatten(tree: Any, what: str) -> tuple[list[Any], Structure]:
    """The numbers in a tree, in order, and its structure.

    Raises TypeError for what is neither a number nor of a kind listed above; the message has its path, from ``what``.
    Raises ValueError for a tree that contains itself.
    """
    leaves: list[Any] = []
    strange: list[int] = []
    try:
        structure = Structure(_taken(tree, leaves, strange), len(leaves))
    except RecursionError:
        raise ValueError(f"{what} contains itself, or is nested too deeply") from None
    if strange:
        raise _refused(leaves[strange[0]], structure.paths(what)[strange[0]])
    return leaves, structure


class Structure:
    """What is left of a tree when its numbers are taken out.

    Trees with the same types, keys in the same order, lengths and shapes have equal structures, of equal hash.
    ``size`` is the number of numbers.
    """

    __slots__ = ("size", "spec")

    def __init__(self, spec: Spec, size: int) -> None:
        self.spec = spec
        self.size = size

    @classmethod
    def of_tuple(cls, structures: Sequence[Structure]) -> Structure:
        """The structure of a tuple of trees."""
        spec = (tuple, None, tuple([structure.spec for structure in structures]))
        return cls(spec, sum([structure.size for structure in structures]))

    def __eq__(self, other: object) -> bool:
        return self.spec == other.spec if isinstance(other, Structure) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.spec)

    def __repr__(self) -> str:
        return f"<Structure: {_described(self.spec)}, {self.size} numbers in all>"

    @property
    def is_number(self) -> bool:
        """Whether it is that of one number; to NumPy, an array of shape () is one as well."""
        return self.spec is None or (self.size == 1 and self.spec[2] is None and self.spec[1] == ())

    def rebuild(self, leaves: Iterable[Any]) -> Any:
        """The tree with these numbers: an array is one of floats if its numbers are floats, else one of objects.

        A dataclass is made without its ``__init__``: a derivative need not be an instance that it would accept.
        Raises ValueError for a wrong number of leaves.
        """
        leaves = list(leaves)
        if len(leaves) != self.size:
            raise ValueError(f"a structure of {self.size} numbers is rebuilt from as many leaves, not {len(leaves)}")
        return _built(self.spec, iter(leaves), _array)

    def cut(self, numbers: Any) -> Any:
        """As ``rebuild``, from an array of as many floats, whose parts the tree's arrays are."""
        return _cut(self.spec, numbers, 0)[0]

    def packed(self, tree: Any, into: list[Any]) -> bool:
        """Whether a tree is of this very structure, all floats and arrays of float64; these are put into a list."""
        return _packed(self.spec, tree, into)

    def stacked(self, columns: Any) -> Any:
        """The tree with a column of this array of shape (points, size) for each number: arrays by points."""
        points = len(columns)

        def array(shape: tuple[int, ...], items: list[Any]) -> Any:
            return sys.modules["numpy"].stack(items, 1).reshape(points, *shape)

        return _built(self.spec, iter(columns.T), array, lambda column: column.copy())

    def match(self, tree: Any, what: str) -> list[Any]:
        """The numbers of a tree that has this structure, paired by key and shape, in the order of this structure.

        The keys of a dict may be in any order; a list, a tuple and an array of one axis may stand for one another, and
        a number for an array of shape ().  Raises TypeError, with the path and what differs, for anything else.
        """
        return _matched(self.spec, tree, what)

    def paths(self, name: str) -> list[str]:
        """How Python writes each number, if the tree is called ``name``."""
        return list(_paths(self.spec, name))

    def each_path(self, name: str) -> Iterator[str]:
        """The same one after another: of many numbers only a few may be wanted."""
        return _paths(self.spec, name)

    def of_structures(self, inner: Structure, rows: Sequence[Sequence[Any]]) -> Any:
        """This structure with ``inner`` in the place of each number, rebuilt from one row of leaves for each.

        Within an array of shape s, the numbers and arrays (of shape t) of ``inner`` become arrays of shape s + t: so a
        Jacobian is laid out.
        """

        def stacked(shape: tuple[int, ...], rows: list[Sequence[Any]]) -> Any:
            def array(tail: tuple[int, ...], columns: list[Any]) -> Any:
                return _array(shape + tail, [x for row in zip(*columns, strict=True) for x in row])

            columns = [[row[i] for row in rows] for i in range(inner.size)]
            return _built(inner.spec, iter(columns), array, lambda column: _array(shape, column))

        return _built(self.spec, iter(rows), stacked, inner.rebuild)


# ---- apart -----------------------------------------------------------------------------------------------------------


def _opened(tree: Any) -> tuple[Any, Any, Any] | None:
    """The type, keys and items of a tree; None for what is a number, or nothing known here."""
    kind = type(tree)
    if kind is list or kind is tuple:
        return kind, None, tree
    if kind in MAPPINGS:
        return kind, tuple(tree), tree.values()
    if isinstance(tree, tuple):
        return (kind, kind._fields, tree) if hasattr(kind, "_make") else None
    if is_dataclass(kind) and not isinstance(tree, Value) and not _computed(tree):
        names = tuple([field.name for field in fields(kind)])
        return kind, names, [getattr(tree, name) for name in names]
    return None


def _taken(tree: Any, leaves: list[Any], strange: list[int]) -> Spec:
    """The spec of a tree; its numbers are put into ``leaves``, and the places of what is none into ``strange``."""
    if type(tree) in NUMBERS:
        leaves.append(tree)
        return None
    opened = _opened(tree)
    if opened is None:
        if is_array(tree) and tree.dtype.kind in "fiubO":
            items = tree.ravel().tolist()
            if not NUMBERS.issuperset(map(type, items)):
                odd = [i for i, item in enumerate(items) if not _is_number(item)]
                strange += [len(leaves) + i for i in odd]
            leaves += items
            return (type(tree), tree.shape, None)
        if not _is_number(tree):
            strange.append(len(leaves))
        leaves.append(tree)
        return None
    kind, keys, items = opened
    if NUMBERS.issuperset(map(type, items)):
        leaves += items
        return (kind, keys, (None,) * len(items))
    return (kind, keys, tuple([_taken(item, leaves, strange) for item in items]))


def _packed(spec: Spec, tree: Any, into: list[Any]) -> bool:
    """What ``Structure.packed`` says."""
    if spec is None:
        into.append((tree,))
        return type(tree) is float
    kind, keys, children = spec
    if type(tree) is not kind:
        return False
    if children is None:
        into.append(tree.ravel())
        return bool(tree.shape == keys and tree.dtype.char == "d" and tree.dtype.isnative)
    opened = _opened(tree)
    if opened is None or opened[1] != keys or len(opened[2]) != len(children):
        return False
    if not any(children):
        into.append([*opened[2]])
        return FLOATS.issuperset(map(type, opened[2]))
    return all(_packed(child, item, into) for child, item in zip(children, opened[2], strict=True))


def _is_number(x: Any) -> bool:
    return isinstance(x, Value) or is_real(x)


def is_array(x: Any) -> bool:
    """Whether x is a NumPy array, and not of a subclass."""
    numpy = sys.modules.get("numpy")  # whoever passes an array has imported it
    return numpy is not None and type(x) is numpy.ndarray


def _computed(tree: Any) -> str:
    """The name of an attribute of a dataclass that a new one of the same fields would lack, or ""."""
    given = {field.name: field.init for field in fields(tree)}
    for name in (*given, *getattr(tree, "__dict__", ())):
        lazy = isinstance(getattr(type(tree), name, None), cached_property)
        if not (given.get(name) or lazy or name.startswith("__")):
            return str(name)
    return ""


def _refused(tree: Any, path: str) -> TypeError:
    kind = type(tree)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__.partition('.')[0]}.{name}"
    if is_array(tree):
        return TypeError(f"{path} must be an array of real numbers, not of {tree.dtype}")
    if is_dataclass(kind):
        return TypeError(
            f"{path} is a {name} with the attribute {_computed(tree)!r}, which is no argument of its __init__ and "
            "would not follow the fields: make it a property"
        )
    remedy = ""
    if isinstance(tree, dict | list | tuple | set | frozenset | Iterator):
        remedy = f"; {'dict' if isinstance(tree, dict) else 'list'} makes a plain one of it"
    elif hasattr(tree, "__array__"):
        remedy = "; numpy.asarray makes a plain array of it"
        if hasattr(tree, "filled"):
            remedy = "; its methods filled and compressed make plain arrays of it"
    return TypeError(
        f"{path} must be a number, a NumPy array, or a list, tuple, dict or dataclass of these, "
        f"not {name} {' '.join(shortened(tree).split())}{remedy}"
    )


# ---- together --------------------------------------------------------------------------------------------------------


def _built(
    spec: Spec,
    supply: Iterator[Any],
    array: Callable[[tuple[int, ...], list[Any]], Any],
    leaf: Callable[[Any], Any] | None = None,
) -> Any:
    """The tree of what ``supply`` gives, with ``leaf`` of each in the place of a number; ``array`` makes arrays."""
    if spec is None:
        return next(supply) if leaf is None else leaf(next(supply))
    kind, keys, children = spec
    if children is None:
        return array(keys, list(islice(supply, prod(keys))))
    if leaf is None and not any(children):  # numbers only
        items = list(islice(supply, len(children)))
    else:
        items = [_built(child, supply, array, leaf) for child in children]
    return _joined(kind, keys, items)


def _cut(spec: Spec, numbers: Any, at: int) -> tuple[Any, int]:
    """The tree of the numbers of an array from a place on, and the place behind them; its arrays are parts of that."""
    if spec is None:
        return float(numbers[at]), at + 1
    kind, keys, children = spec
    if children is None:
        end = at + prod(keys)
        return numbers[at:end].reshape(keys), end
    if not any(children):
        end = at + len(children)
        return _joined(kind, keys, numbers[at:end].tolist()), end
    items = []
    for child in children:
        item, at = _cut(child, numbers, at)
        items.append(item)
    return _joined(kind, keys, items), at


def _joined(kind: Any, keys: Any, items: list[Any]) -> Any:
    if kind is list:
        return items
    if kind is tuple:
        return tuple(items)
    if kind in MAPPINGS:
        return kind(zip(keys, items, strict=True))
    if issubclass(kind, tuple):
        return kind._make(items)
    tree = object.__new__(kind)
    for name, item in zip(keys, items, strict=True):
        object.__setattr__(tree, name, item)  # a frozen one refuses its own
    return tree


def _array(shape: tuple[int, ...], items: list[Any]) -> Any:
    """An array of these items, one by one: NumPy does not look into them."""
    kind = float if {float}.issuperset(map(type, items)) else object
    return sys.modules["numpy"].fromiter(items, kind, len(items)).reshape(shape)


# ---- paths and matches -----------------------------------------------------------------------------------------------


def _paths(spec: Spec, path: str) -> Iterator[str]:
    if spec is None:
        yield path
        return
    _, keys, children = spec
    if children is None:
        for index in product(*map(range, keys)):
            yield f"{path}[{', '.join(map(str, index))}]" if index else path
        return
    for step, child in zip(_steps(spec), children, strict=True):
        yield from _paths(child, path + step)


def _steps(spec: Spec) -> list[str]:
    kind, keys, children = spec
    if keys is None:
        return [f"[{i}]" for i in range(len(children))]
    return [f"[{key!r}]" if kind in MAPPINGS else f".{key}" for key in keys]


def _matched(spec: Spec, tree: Any, path: str) -> list[Any]:
    leaves, structure = flatten(tree, path)
    found = structure.spec
    if found == spec or _alike(found) == _alike(spec):
        return leaves
    if spec is None or found is None or spec[2] is None or found[2] is None:
        raise _differs(spec, found, path)
    (kind, keys, children), (other, names, _) = spec, found
    if kind in MAPPINGS and other in MAPPINGS and set(keys) == set(names):
        items = [tree[key] for key in keys]
    elif kind not in MAPPINGS and _alike(spec)[0] is _alike(found)[0] and len(children) == len(found[2]):
        items = list(tree) if isinstance(tree, list | tuple) else [getattr(tree, key) for key in keys]
    else:
        raise _differs(spec, found, path)
    triples = zip(children, items, _steps(spec), strict=True)
    return [leaf for child, item, step in triples for leaf in _matched(child, item, path + step)]


def _alike(spec: Spec) -> Spec:
    """The spec that stands for all with which this one matches as it is."""
    if spec is None:
        return None
    kind, keys, children = spec
    if children is None and len(keys) < 2:
        return (list, None, (None,) * keys[0]) if keys else None
    return (list, None, children) if kind is tuple else spec


def _differs(spec: Spec, found: Spec, path: str) -> TypeError:
    return TypeError(f"{path} must be {_described(spec)} to match, not {_described(found)}")


def _described(spec: Spec) -> str:
    if spec is None:
        return "a number"
    kind, keys, children = spec
    if children is None:
        return f"an array of shape {keys}"
    if keys is None:
        return f"a {kind.__name__} of {len(children)}"
    if kind in MAPPINGS:
        return f"a dict with the keys {', '.join(map(repr, keys))}" if keys else "an empty dict"
    return f"a {kind.__name__}"
