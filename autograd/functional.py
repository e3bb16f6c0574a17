"""Derivatives as functions of functions: ``grad``, ``jacobian``, ``hessian``, ``jvp``, ``vjp``, ``hvp`` and their kin.

Each transform runs the function on fresh inputs and differentiates what it recorded.  Arguments are numbers, NumPy
arrays, or lists, tuples, named tuples, dicts and dataclasses of these, nested as you like; a derivative comes back in
the same structure.  It consists of plain floats, unless the function's value depends on Values besides the transform's
own inputs (Values among the arguments, or used by the function from outside): then it consists of Values that can be
differentiated again.  So transforms nest to any order, and a gradient taken inside a differentiated program is
differentiated with it.  Type checkers see the arguments only: they take the derivative to be of the type of what it is
by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import takewhile
from operator import index
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar, TypeVarTuple, overload

from .backward import sweep_floats, topological
from .recording import recording
from .rows import DETACHED
from .structures import Structure, flatten
from .sweeps import dependents, push, sweep
from .value import Value, constant, data_of, freeze, watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

Function = Callable[..., Any]
Scalar = Callable[..., Value | float]  # what a function is that returns one number
Argnums = int | tuple[int, ...]
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Gradient(Protocol):
    """What ``grad`` makes: the gradient by the first argument, in its structure."""

    @overload
    def __call__(self, x: float, /, *args: Any, **kwargs: Any) -> float: ...
    @overload
    def __call__(self, x: T, /, *args: Any, **kwargs: Any) -> T: ...


class ValueAndGradient(Protocol):
    """What ``value_and_grad`` makes."""

    @overload
    def __call__(self, x: Value, /, *args: Any, **kwargs: Any) -> tuple[Value, Value]: ...
    @overload
    def __call__(self, x: float, /, *args: Any, **kwargs: Any) -> tuple[float, float]: ...
    @overload
    def __call__(self, x: T, /, *args: Any, **kwargs: Any) -> tuple[float, T]: ...


class Hessian(Protocol):
    """What ``hessian`` makes: the argument's structure of its structure."""

    @overload
    def __call__(self, x: Value, /, *args: Any, **kwargs: Any) -> Value: ...
    @overload
    def __call__(self, x: float, /, *args: Any, **kwargs: Any) -> float: ...
    @overload
    def __call__(self, x: list[float], /, *args: Any, **kwargs: Any) -> list[list[float]]: ...
    @overload
    def __call__(self, x: NDArray[Any], /, *args: Any, **kwargs: Any) -> NDArray[Any]: ...
    @overload
    def __call__(self, x: Any, /, *args: Any, **kwargs: Any) -> Any: ...


@overload
def gradients(output: Value, inputs: Iterable[Value], create_graph: Literal[False] = False) -> list[float]: ...
@overload
def gradients(output: Value, inputs: Iterable[Value], create_graph: Literal[True]) -> list[Value]: ...
@overload
def gradients(output: Value, inputs: Iterable[Value], create_graph: bool) -> list[Any]: ...
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
    plain = not create_graph and watched(output)  # numbers, but of a program that is being recorded
    with recording(True):
        slopes = _reverse(topological(output, stop=set(inputs)), {output: 1.0}, inputs, create_graph or plain)
    return [slope.detach() for slope in slopes] if plain else slopes


def _reverse(order: list[Value], seeds: dict[Value, Any], inputs: list[Value], lift: bool) -> list[Any]:
    """Adjoints of the inputs; the work is confined to the nodes that depend on them."""
    if not lift:
        return sweep_floats(order, seeds, inputs)
    active = dependents(order, inputs)
    adjoints = sweep(order, {node: seed for node, seed in seeds.items() if node in active}, set(inputs), active, lift)
    return [_finished(adjoints.get(node, 0.0), lift) for node in inputs]


def _finished(number: Any, lift: bool) -> Any:
    return number if isinstance(number, Value) else constant(number) if lift else float(number)


# ---- one run of a function -------------------------------------------------------------------------------------------


class Run:
    """A function run on fresh inputs: its result, and the graph between the two.

    ``given`` is the structure of the inputs, ``structure`` that of the result.  ``lift`` is whether derivatives are
    Values: whether the result depends on Values besides the inputs, on leaves that were there before the run.  A leaf
    that the function made itself (a detached copy, a constant) is nothing that anybody could differentiate by.
    """

    def __init__(self, f: Function, args: Sequence[Any], kwargs: dict[str, Any], argnums: Argnums) -> None:
        self.name = name_of(f)
        self.inputs: list[Value] = []
        chosen = _chosen(argnums, len(args), self.name)
        taken = [flatten(args[i], f"argument {i} of {self.name}") for i in chosen]
        structures = [structure for _, structure in taken]
        self.given = Structure.of_tuple(structures) if isinstance(argnums, tuple) else structures[0]
        before = Value(0.0)  # older than all that follows
        fresh = list(args)
        with recording(True):
            for i, (leaves, structure) in zip(chosen, taken, strict=True):
                # a number that is a Value already gets a node of its own, so that the outer program's uses stay apart
                nodes = [+number if isinstance(number, Value) else Value(number) for number in leaves]
                self.inputs += nodes
                fresh[i] = structure.rebuild(nodes)
            self.result = f(*fresh, **kwargs)
        self.numbers, self.structure = flatten(self.result, f"the result of {self.name}")
        self.outputs = [number for number in self.numbers if isinstance(number, Value)]
        order = topological(before, *self.outputs, stop=set(self.inputs))
        outside = list(takewhile(lambda node: node is not before, order))  # leaves are in the order of their birth
        self.order = order[: len(outside)] + order[len(outside) + 1 :]
        self.lift = any(node.op is None for node in outside)
        for node in self.inputs:
            if node.op is None:
                freeze(node)  # while f ran, transforms inside it had to see a leaf; nobody else differentiates by it
            else:
                self.lift = True

    def scalar(self) -> Any:
        if not self.structure.is_number:
            raise TypeError(
                f"{self.name} must return one number to have a gradient, not {type(self.result).__name__} "
                f"{self.result!r}; for several numbers use autograd.jacobian"
            )
        return self.numbers[0]

    def value(self) -> Any:
        """The function's value: floats, or Values if it depends on Values besides the inputs."""
        return self.structure.rebuild(_kept(self.numbers if self.lift else map(float_of, self.numbers)))

    def reverse(self, seeds: dict[Value, Any], lift: bool = False) -> list[Any]:
        """The derivatives by the inputs."""
        with recording(True):
            slopes = _reverse(self.order, seeds, self.inputs, lift or self.lift)
        return _kept(slopes)


def _argnums(argnums: Any) -> Argnums:
    """argnums as an int or a tuple of them.  Raises TypeError for anything else, and ValueError for none."""
    try:
        if isinstance(argnums, list | tuple):
            if not argnums:
                raise ValueError(f"argnums {argnums!r} names no argument to differentiate by")
            return tuple([_argnum(i) for i in argnums])
        return _argnum(argnums)
    except TypeError:
        raise TypeError(f"argnums takes a whole number or a tuple of them, not {argnums!r}") from None


def _argnum(i: Any) -> int:
    if isinstance(i, bool):
        raise TypeError
    return index(i)


def _chosen(argnums: Argnums, count: int, name: str) -> list[int]:
    """The places that argnums names among this many arguments."""
    places: list[int] = []
    for i in argnums if isinstance(argnums, tuple) else (argnums,):
        if not -count <= i < count:
            raise TypeError(f"argnums {i} is out of range: {name} was called with {count} positional arguments")
        if i % count in places:
            raise ValueError(f"argnums {argnums} names argument {i % count} of {name} twice")
        places.append(i % count)
    return places


def _kept(numbers: Iterable[Any]) -> list[Any]:
    """The numbers, without their history where nothing is recorded, as of any operation there."""
    numbers = list(numbers)
    if any(isinstance(number, Value) for number in numbers) and (+Value(0.0)).op in (None, DETACHED):
        return [number.detach() if isinstance(number, Value) else number for number in numbers]
    return numbers


def float_of(number: Any) -> float:
    return data_of(number) if isinstance(number, Value) else float(number)


def name_of(f: Function) -> str:
    return getattr(f, "__name__", None) or repr(f)


def _seed(outputs: Iterable[Any], seeds: Iterable[Any]) -> dict[Value, Any]:
    """Seeds by node; an output that occurs twice has the sum of its seeds."""
    result: dict[Value, Any] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        if isinstance(output, Value):
            result[output] = result[output] + seed if output in result else seed
    return result


class Transform(NamedTuple):
    """What a function that ``value_and_grad``, ``grad`` or ``jacobian`` made says of itself, for ``compile``."""

    kind: str
    function: Function
    argnums: Argnums
    made: Function  # itself: a wrapper of it that copied its attributes is another function


def transform_of(f: Any) -> Transform | None:
    """How a function was made of another, if one of the transforms made it."""
    transform = getattr(f, "__transform__", None)
    return transform if isinstance(transform, Transform) and transform.made is f else None


def _marked(kind: str, f: Function, argnums: Argnums, made: Function) -> Function:
    made.__transform__ = Transform(kind, f, argnums, made)  # type: ignore[attr-defined]  # functions take attributes
    return made


# ---- the transforms --------------------------------------------------------------------------------------------------


@overload
def value_and_grad(f: Function, argnums: Literal[0] = 0) -> ValueAndGradient: ...
@overload
def value_and_grad(f: Function, argnums: int) -> Callable[..., tuple[Any, Any]]: ...
@overload
def value_and_grad(f: Function, argnums: tuple[int, ...]) -> Callable[..., tuple[Any, tuple[Any, ...]]]: ...
def value_and_grad(f: Function, argnums: Argnums = 0) -> Function:
    """A function that returns ``(f(*args), gradient)``; what ``scipy.optimize.minimize(..., jac=True)`` wants.

    The gradient is by the argument (or the tuple of arguments) that ``argnums`` names, in its structure.  Raises
    TypeError when f does not return one number, and ValueError when ``argnums`` names none or one twice.

    >>> value_and_grad(lambda x, y: x * x * y)(3.0, 2.0)
    (18.0, 12.0)
    """
    argnums = _argnums(argnums)

    @wraps(f)
    def derived(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = Run(f, args, kwargs, argnums)
        return run.value(), run.given.rebuild(run.reverse(_seed([run.scalar()], [1.0])))

    return _marked("value_and_grad", f, argnums, derived)


@overload
def grad(f: Function, argnums: Literal[0] = 0) -> Gradient: ...
@overload
def grad(f: Function, argnums: int) -> Function: ...
@overload
def grad(f: Function, argnums: tuple[int, ...]) -> Callable[..., tuple[Any, ...]]: ...
def grad(f: Function, argnums: Argnums = 0) -> Function:
    """The gradient of ``f`` by the argument (or the tuple of arguments) that ``argnums`` names, as a function.

    Raises as ``value_and_grad`` does.

    >>> grad(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 2.0})
    {'a': 12.0, 'b': 9.0}
    >>> cube = lambda x: x**3
    >>> grad(grad(grad(cube)))(5.0)
    6.0
    """
    both: Function = value_and_grad(f, argnums)

    @wraps(f)
    def derived(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return _marked("grad", f, _argnums(argnums), derived)


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """The derivatives of all numbers in f's result, as a function: the result's structure of the argument's structure.

    For an array of shape s from an array of shape t it is an array of shape s + t.  Takes one backward sweep for each
    number in the result.

    >>> jacobian(lambda v: [v[0] * v[1], v[0] + v[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """
    argnums = _argnums(argnums)

    @wraps(f)
    def derived(*args: Any, **kwargs: Any) -> Any:
        run = Run(f, args, kwargs, argnums)
        rows = [run.reverse(_seed([number], [1.0])) for number in run.numbers]
        return run.structure.of_structures(run.given, rows)

    return _marked("jacobian", f, argnums, derived)


@overload
def hessian(f: Function, argnums: Literal[0] = 0) -> Hessian: ...
@overload
def hessian(f: Function, argnums: Argnums) -> Function: ...
def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The second derivatives of ``f``, as a function: the jacobian of its gradient.

    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 2.0])
    [[4.0, 6.0], [6.0, 0.0]]
    """
    slope: Function = grad(f, argnums)
    return jacobian(slope, argnums)


@overload
def jvp(f: Scalar, primals: Sequence[Value], tangents: Sequence[Any]) -> tuple[Value, Value]: ...
@overload
def jvp(f: Scalar, primals: Sequence[float], tangents: Sequence[float]) -> tuple[float, float]: ...
@overload
def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]: ...
def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """``(f(*primals), J @ tangents)`` in forward mode: how the result moves when the arguments move by ``tangents``.

    Tangents go with the primals by key and shape; raises TypeError if they cannot.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    primals = _sequence(primals, "primals")
    run = Run(f, primals, {}, tuple(range(len(primals))))
    directions = _floats(run.given.match(_sequence(tangents, "tangents"), "tangents"))
    lift = run.lift or any(isinstance(direction, Value) for direction in directions)
    with recording(True):
        pushed = push(run.order, _seed(run.inputs, directions), run.outputs, lift)
    moved = [_finished(pushed.get(number, 0.0) if isinstance(number, Value) else 0.0, lift) for number in run.numbers]
    return run.value(), run.structure.rebuild(_kept(moved))


@overload
def vjp(f: Scalar, *primals: float) -> tuple[float, Callable[[Any], tuple[float, ...]]]: ...
@overload
def vjp(f: Function, *primals: *Ts) -> tuple[Any, Callable[[Any], tuple[*Ts]]]: ...
def vjp(f: Function, *primals: *Ts) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """``(f(*primals), pullback)``: the pullback maps a cotangent of the result to ``cotangent @ J``, one per argument.

    The cotangent goes with the result by key and shape; the pullback raises TypeError if it cannot.

    >>> value, pullback = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> value, pullback(10.0)
    (6.0, (30.0, 20.0))
    """
    run = Run(f, primals, {}, tuple(range(len(primals))))

    def pullback(cotangent: Any) -> Any:
        seeds = _floats(run.structure.match(cotangent, "the cotangent"))
        lift = any(isinstance(seed, Value) for seed in seeds)
        return run.given.rebuild(run.reverse(_seed(run.numbers, seeds), lift))

    return run.value(), pullback


@overload
def hvp(f: Function, primals: tuple[*Ts], tangents: Sequence[Any]) -> tuple[*Ts]: ...
@overload
def hvp(f: Function, primals: Sequence[T], tangents: Sequence[Any]) -> tuple[T, ...]: ...
def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of ``f`` at ``primals`` times ``tangents``, in the structure of the primals, without the Hessian.

    Forward over reverse: the jvp of the gradient, at a few times the cost of one gradient.  Raises as ``jvp`` does.

    >>> hvp(lambda x, y: x * x * y, (3.0, 2.0), (1.0, 0.0))
    (4.0, 6.0)
    """
    primals = _sequence(primals, "primals")
    return jvp(grad(f, tuple(range(len(primals)))), primals, tangents)[1]


def _sequence(arguments: Any, what: str) -> tuple[Any, ...]:
    if not isinstance(arguments, list | tuple):
        raise TypeError(
            f"{what} are a list or tuple, with one for each argument, not {type(arguments).__name__} {arguments!r}: "
            "write (x,) for one"
        )
    return tuple(arguments)


def _floats(numbers: Iterable[Any]) -> list[Any]:
    return [number if isinstance(number, Value) else float(number) for number in numbers]
