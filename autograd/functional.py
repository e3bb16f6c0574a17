"""Derivatives as functions of functions: ``grad``, ``jacobian``, ``hessian``, ``jvp``, ``vjp``, ``hvp`` and their kin.

Each transform runs the function on fresh inputs and differentiates what it recorded.  Arguments are numbers, NumPy
arrays, or lists, tuples and dicts of these, nested as you like; a derivative comes back in the same structure.  It
consists of plain floats, unless the function's value depends on Values besides the transform's own inputs (Values among
the arguments, or used by the function from outside): then it consists of Values that can be differentiated again.
So transforms nest to any order, and a gradient taken inside a differentiated program is differentiated with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from .backward import sweep_floats, topological
from .sweeps import dependents, push, sweep
from .value import Value, constant, freeze, is_real, recording

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


def gradients(output: Value, inputs: Iterable[Value], create_graph: bool = False) -> list[Any]:
    """The derivative of ``output`` by each of ``inputs``, in order; no ``.grad`` is touched.

    The inputs count as independent variables: what lies behind one of them is not entered and held fixed.  An input
    that the output does not depend on has derivative 0.  With ``create_graph`` the derivatives are Values that can be
    differentiated again; otherwise floats.  Raises as ``Value.backward`` does, and RuntimeError when ``create_graph``
    meets a leaf whose data was set after the forward pass.

    >>> x = Value(3.0)
    >>> (slope,) = gradients(x**3, [x], create_graph=True)
    >>> slope.data, gradients(slope, [x])
    (27.0, [18.0])
    """
    inputs = list(inputs)
    for value in (output, *inputs):
        if not isinstance(value, Value):
            raise TypeError(f"gradients takes Values, not {type(value).__name__} {value!r}")
    with recording(True):
        return _reverse(topological(output, stop=set(inputs)), {output: 1.0}, inputs, create_graph)


def _reverse(order: list[Value], seeds: dict[Value, Any], inputs: list[Value], lift: bool) -> list[Any]:
    """Adjoints of the inputs; the work is confined to the nodes that depend on them."""
    if not lift:
        return sweep_floats(order, seeds, inputs)
    active = dependents(order, inputs)
    adjoints = sweep(order, {node: seed for node, seed in seeds.items() if node in active}, set(inputs), active, lift)
    return [_finished(adjoints.get(node, 0.0), lift) for node in inputs]


def _finished(number: Any, lift: bool) -> Any:
    return number if isinstance(number, Value) else constant(number) if lift else float(number)


# ---- structures ------------------------------------------------------------------------------------------------------


def _is_array(x: Any) -> bool:
    numpy = sys.modules.get("numpy")  # whoever passes an array has imported it
    return numpy is not None and isinstance(x, numpy.ndarray)


def _map(function: Callable[[Any], Any], tree: Any, what: str) -> Any:
    """The same structure with ``function`` of every number in it; arrays become object arrays."""
    if isinstance(tree, Value) or is_real(tree):
        return function(tree)
    if isinstance(tree, dict):
        return {key: _map(function, item, f"{what}[{key!r}]") for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        items = [_map(function, item, f"{what}[{i}]") for i, item in enumerate(tree)]
        if isinstance(tree, list):
            return items
        return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
    if _is_array(tree):
        result = sys.modules["numpy"].empty(tree.shape, dtype=object)
        for index, item in zip(sys.modules["numpy"].ndindex(tree.shape), tree.flat, strict=True):
            result[index] = _map(function, item, f"{what}[{', '.join(map(str, index))}]")
        return result
    raise TypeError(
        f"{what} must be a number, a NumPy array, or a list, tuple or dict of these, not {type(tree).__name__} {tree!r}"
    )


def _numbers(tree: Any, what: str) -> list[Any]:
    numbers: list[Any] = []
    _map(numbers.append, tree, what)
    return numbers


def _like(tree: Any, numbers: Iterable[Any]) -> Any:
    """``tree`` with its numbers replaced in order; arrays whose new numbers are all floats become float arrays."""
    supply = iter(numbers)
    return _tightened(_map(lambda _: next(supply), tree, "a derivative"))


def _tightened(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _tightened(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_tightened(item) for item in tree]
    if isinstance(tree, tuple):
        items = [_tightened(item) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
    if _is_array(tree) and all(type(item) is float for item in tree.flat):
        return tree.astype(float)
    return tree


def _stacked(shape: tuple[int, ...], trees: list[Any], like: Any) -> Any:
    """Trees of the structure of ``like``, one for each entry of an array of this shape, as one tree of arrays."""
    if isinstance(like, dict):
        return {key: _stacked(shape, [tree[key] for tree in trees], item) for key, item in like.items()}
    if isinstance(like, list | tuple):
        items = [_stacked(shape, [tree[i] for tree in trees], item) for i, item in enumerate(like)]
        return items if isinstance(like, list) else type(like)(*items) if hasattr(like, "_fields") else tuple(items)
    inner = like.shape if _is_array(like) else ()
    result = sys.modules["numpy"].empty((len(trees), *inner), dtype=object)
    for i, tree in enumerate(trees):
        result[i] = tree
    return _tightened(result.reshape(shape + inner))


# ---- one run of a function -------------------------------------------------------------------------------------------


class _Run:
    """A function run on fresh inputs: its result, and the graph between the two."""

    def __init__(self, f: Function, args: Sequence[Any], kwargs: dict[str, Any], argnums: Argnums) -> None:
        self.f = f
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for i in chosen:
            if not -len(args) <= i < len(args):
                raise TypeError(
                    f"argnums {i} is out of range: {_name(f)} was called with {len(args)} positional arguments"
                )
        self.inputs: list[Value] = []
        fresh = list(args)
        with recording(True):
            for i in chosen:
                fresh[i] = _map(self._fresh, args[i], f"argument {i} of {_name(f)}")
            self.result = f(*fresh, **kwargs)
        self.given = args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in chosen)
        self.numbers = _numbers(self.result, f"the result of {_name(f)}")
        self.outputs = [number for number in self.numbers if isinstance(number, Value)]
        self.order = topological(*self.outputs, stop=set(self.inputs))
        self.lift = False
        for node in self.inputs:
            if node.op is None:
                freeze(node)  # while f ran, transforms inside it had to see a leaf; nobody else differentiates by it
            else:
                self.lift = True
        self.lift = self.lift or any(node.op is None for node in self.order)

    def _fresh(self, number: Any) -> Value:
        # a number that is a Value already gets a node of its own, so that the outer program's uses of it stay apart
        node = +number if isinstance(number, Value) else Value(number)
        self.inputs.append(node)
        return node

    def scalar(self) -> Any:
        if len(self.numbers) != 1 or self.numbers[0] is not self.result:
            raise TypeError(
                f"{_name(self.f)} must return one number to have a gradient, not {type(self.result).__name__} "
                f"{self.result!r}; for several numbers use autograd.jacobian"
            )
        return self.result

    def value(self) -> Any:
        """The function's value: floats, or Values if it depends on Values besides the inputs."""
        return self.result if self.lift else _like(self.result, [_plain(number) for number in self.numbers])

    def reverse(self, seeds: dict[Value, Any], lift: bool = False) -> Any:
        """The derivatives by the inputs, in the structure in which these were given."""
        lift = lift or self.lift
        with recording(True):
            return _like(self.given, _reverse(self.order, seeds, self.inputs, lift))


def _plain(number: Any) -> float:
    return number.data if isinstance(number, Value) else float(number)


def _name(f: Function) -> str:
    return getattr(f, "__name__", None) or repr(f)


def _seed(outputs: Iterable[Any], seeds: Iterable[Any]) -> dict[Value, Any]:
    """Seeds by node; an output that occurs twice has the sum of its seeds."""
    result: dict[Value, Any] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        if isinstance(output, Value):
            result[output] = result[output] + seed if output in result else seed
    return result


def _matching(tree: Any, like: Any, what: str) -> list[Any]:
    numbers, wanted = _numbers(tree, what), _numbers(like, what)
    if len(numbers) != len(wanted):
        raise TypeError(
            f"{what} must have the structure of what they go with: {len(wanted)} numbers, not {len(numbers)}"
        )
    return [number if isinstance(number, Value) else float(number) for number in numbers]


# ---- the transforms --------------------------------------------------------------------------------------------------


def value_and_grad(f: Function, argnums: Argnums = 0) -> Function:
    """A function that returns ``(f(*args), gradient)``; what ``scipy.optimize.minimize(..., jac=True)`` wants.

    The gradient is by the argument (or the tuple of arguments) that ``argnums`` names, in its structure.  Raises
    TypeError when f does not return one number.

    >>> value_and_grad(lambda x, y: x * x * y)(3.0, 2.0)
    (18.0, 12.0)
    """

    @wraps(f)
    def derived(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Run(f, args, kwargs, argnums)
        return run.value(), run.reverse(_seed([run.scalar()], [1.0]))

    return derived


def grad(f: Function, argnums: Argnums = 0) -> Function:
    """The gradient of ``f`` by the argument (or the tuple of arguments) that ``argnums`` names, as a function.

    >>> grad(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 2.0})
    {'a': 12.0, 'b': 9.0}
    >>> cube = lambda x: x**3
    >>> grad(grad(grad(cube)))(5.0)
    6.0
    """

    @wraps(f)
    def derived(*args: Any, **kwargs: Any) -> Any:
        return value_and_grad(f, argnums)(*args, **kwargs)[1]

    return derived


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """The derivatives of all numbers in f's result, as a function: the result's structure of the argument's structure.

    For an array of shape s from an array of shape t it is an array of shape s + t.  Takes one backward sweep for each
    number in the result.

    >>> jacobian(lambda v: [v[0] * v[1], v[0] + v[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """

    @wraps(f)
    def derived(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, args, kwargs, argnums)
        rows = iter([run.reverse(_seed([number], [1.0])) for number in run.numbers])

        def arranged(result: Any) -> Any:
            if isinstance(result, dict):
                return {key: arranged(item) for key, item in result.items()}
            if isinstance(result, list | tuple):
                return type(result)(map(arranged, result)) if isinstance(result, list) else tuple(map(arranged, result))
            if _is_array(result):
                return _stacked(result.shape, [next(rows) for _ in range(result.size)], run.given)
            return next(rows)

        return arranged(run.result)

    return derived


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The second derivatives of ``f``, as a function: the jacobian of its gradient.

    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 2.0])
    [[4.0, 6.0], [6.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """``(f(*primals), J @ tangents)`` in forward mode: how the result moves when the arguments move by ``tangents``.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    run = _Run(f, primals, {}, tuple(range(len(primals))))
    directions = _matching(tuple(tangents), run.given, "tangents")
    lift = run.lift or any(isinstance(direction, Value) for direction in directions)
    with recording(True):
        pushed = push(run.order, _seed(run.inputs, directions), run.outputs, lift)
    moved = [_finished(pushed.get(number, 0.0) if isinstance(number, Value) else 0.0, lift) for number in run.numbers]
    return run.value(), _like(run.result, moved)


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """``(f(*primals), pullback)``: the pullback maps a cotangent of the result to ``cotangent @ J``, one per argument.

    >>> value, pullback = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> value, pullback(10.0)
    (6.0, (30.0, 20.0))
    """
    run = _Run(f, primals, {}, tuple(range(len(primals))))

    def pullback(cotangent: Any) -> Any:
        seeds = _matching(cotangent, run.result, "cotangents")
        return run.reverse(_seed(run.numbers, seeds), any(isinstance(seed, Value) for seed in seeds))

    return run.value(), pullback


def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of ``f`` at ``primals`` times ``tangents``, in the structure of the primals, without the Hessian.

    Forward over reverse: the jvp of the gradient, at a few times the cost of one gradient.

    >>> hvp(lambda x, y: x * x * y, (3.0, 2.0), (1.0, 0.0))
    (4.0, 6.0)
    """
    return jvp(grad(f, tuple(range(len(primals)))), primals, tangents)[1]
