"""``Value``: a number that remembers how it was made, and the sweep that turns the memory into gradients.

Every operation on Values makes a node that holds its result, its row in the table, its operands and the operands'
numbers as they were.  Nodes point backwards only, so a graph is freed as soon as its output is dropped.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Real
from typing import Any, NoReturn

from . import primitives as rows
from .primitives import Primitive

try:
    # A node refers to older nodes only and so is never part of a cycle, yet CPython's collector would walk all live
    # nodes again and again, which makes an operation the dearer the larger the graph (5 times at a million nodes).
    from ctypes import py_object, pythonapi

    _untrack: Callable[[object], None] = pythonapi.PyObject_GC_UnTrack
    _untrack.argtypes, _untrack.restype = [py_object], None  # type: ignore[attr-defined]  # a ctypes function has both
except (ImportError, AttributeError):  # not CPython: its collector decides

    def _untrack(node: object) -> None:
        return None


_ERRORS = (ValueError, ZeroDivisionError, OverflowError)


class Value:
    """A real number that records what is computed from it.

    ``data`` is the number (a float), ``grad`` the derivative that the last ``backward`` left here (None: not computed),
    ``label`` a name for messages and drawings, ``op`` the primitive that made the node (None: a leaf) and ``args`` its
    operands in order; plain numbers among them stay plain floats and are no nodes.

    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> c = a * b + a
    >>> c.backward()
    >>> c.data, a.grad, b.grad
    (-4.0, -2.0, 2.0)

    Raises TypeError for anything that is not a real number, and OverflowError for an integer too large for a float.
    """

    # A node of one or two operands keeps them in _a and _b and their numbers in _xa and _xb; a node of more keeps a
    # tuple of operands in _a and a tuple of numbers in _xa.
    __slots__ = ("__weakref__", "_a", "_b", "_data", "_row", "_xa", "_xb", "grad", "label")

    _data: float
    _row: Primitive | None
    _a: Any
    _b: Any
    _xa: Any
    _xb: Any
    grad: float | None
    label: str

    def __init__(self, data: Any, label: str = "") -> None:
        self._data = _required(data, "Value")
        self.grad = None
        self.label = label
        self._row = self._a = self._b = self._xa = self._xb = None

    @property
    def data(self) -> float:
        """The number.  It can be set on a leaf; an intermediate node's is what its operation gave."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        if self._row is not None:
            raise AttributeError(
                f"the data of {self!r} is the result of {self._row}: set the data of a leaf and compute again"
            )
        number = _number(data)
        if number is None:
            raise TypeError(
                f"data takes a real number, not {type(data).__name__} {data!r}; for a Value, give its .data"
            )
        self._data = number

    @property
    def op(self) -> Primitive | None:
        """The primitive that made this node; None for a leaf."""
        return self._row

    @property
    def args(self) -> tuple[Value | float, ...]:
        """The operands in order: Values, and plain floats for plain numbers."""
        return _operands(self)

    def backward(self, grad: float = 1.0) -> None:
        """Put the derivatives of ``grad * self`` into ``.grad`` of every node this one was computed from.

        Leaves add them to what they hold (set ``.grad = None`` to start anew); intermediate nodes, this one among
        them, hold the latest call's.  The numbers are those of the forward pass: setting a leaf's data afterwards
        does not change them.  Takes time linear in the number of operations, at any depth.  If a derivative does not
        exist (sqrt at 0), raises ZeroDivisionError, ValueError or OverflowError and leaves every ``.grad`` as it was.
        """
        order = topological(self)
        adjoints = sweep(order, {self: _required(grad, "backward")})
        for node in order:
            g = adjoints.get(node, 0.0)
            node.grad = node.grad + g if node._row is None and node.grad is not None else g

    def detach(self) -> Value:
        """A leaf with the same data and label, and no history."""
        return Value(self._data, self.label)

    # ---- operators ---------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Value:
        return _binary(rows.add, self, other)

    def __radd__(self, other: Any) -> Value:
        return _binary(rows.add, other, self)

    def __sub__(self, other: Any) -> Value:
        return _binary(rows.sub, self, other)

    def __rsub__(self, other: Any) -> Value:
        return _binary(rows.sub, other, self)

    def __mul__(self, other: Any) -> Value:
        return _binary(rows.mul, self, other)

    def __rmul__(self, other: Any) -> Value:
        return _binary(rows.mul, other, self)

    def __truediv__(self, other: Any) -> Value:
        return _binary(rows.div, self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return _binary(rows.div, other, self)

    def __pow__(self, other: Any) -> Value:
        return _binary(rows.pow_, self, other)

    def __rpow__(self, other: Any) -> Value:
        return _binary(rows.pow_, other, self)

    def __mod__(self, other: Any) -> Value:
        return _binary(rows.mod, self, other)

    def __rmod__(self, other: Any) -> Value:
        return _binary(rows.mod, other, self)

    def __floordiv__(self, other: Any) -> Value:
        return _binary(rows.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> Value:
        return _binary(rows.floordiv, other, self)

    def __divmod__(self, other: Any) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Value, Value]:
        return other // self, other % self

    def __neg__(self) -> Value:
        return _unary(rows.neg, self)

    def __pos__(self) -> Value:
        return _unary(rows.pos, self)

    def __abs__(self) -> Value:
        return _unary(rows.abs_, self)

    # ---- comparisons are those of the data; identity is what hash and dict keys go by --------------------------------

    def __eq__(self, other: object) -> bool:
        return _compare(operator.eq, self, other)

    def __ne__(self, other: object) -> bool:
        return _compare(operator.ne, self, other)

    def __lt__(self, other: Any) -> bool:
        return _compare(operator.lt, self, other)

    def __le__(self, other: Any) -> bool:
        return _compare(operator.le, self, other)

    def __gt__(self, other: Any) -> bool:
        return _compare(operator.gt, self, other)

    def __ge__(self, other: Any) -> bool:
        return _compare(operator.ge, self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return self._data != 0.0

    # ---- nothing drops a gradient in silence -------------------------------------------------------------------------

    def __float__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} would lose its gradient as a plain number: "
            "use autograd.math (autograd.math.exp for math.exp) to differentiate, .data for the number"
        )

    __int__ = __trunc__ = __floor__ = __ceil__ = __complex__ = __float__

    def __round__(self, ndigits: int | None = None) -> NoReturn:
        self.__float__()

    # ---- looks, copies -----------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        grad = "" if self.grad is None else f", grad={self.grad!r}"
        label = f", label={self.label!r}" if self.label else ""
        return f"{type(self).__name__}({self._data!r}{grad}{label})"

    def __format__(self, spec: str) -> str:
        return format(self._data, spec)

    def __copy__(self) -> Value:
        return _copied(self, lambda arg: arg)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological(self):
            if id(node) not in memo:
                memo[id(node)] = _copied(node, lambda arg: memo[id(arg)])
        copy: Value = memo[id(self)]
        return copy

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        # A graph is pickled as one flat list, so that its depth does not matter; its leaves are pickled as objects, so
        # that outputs pickled together share them.
        if self._row is None:
            return (_leaf, (type(self),), (self._data, self.grad, self.label, getattr(self, "__dict__", None)))
        index: dict[Value, int] = {}
        program: list[Any] = []
        for node in topological(self):
            index[node] = len(program)
            if node._row is None:
                program.append(node)
            else:
                args = tuple(arg if type(arg) is float else index[arg] for arg in _operands(node))
                program.append((node._row, node._data, args, _numbers(node), node.grad, node.label))
        return (_unpickled, (program,))

    def __setstate__(self, state: tuple[float, float | None, str, dict[str, Any] | None]) -> None:
        self._data, self.grad, self.label, attributes = state
        if attributes:
            self.__dict__.update(attributes)

    # ---- a method for each row of one argument (NumPy's ufuncs call them by these names) -----------------------------

    def exp(self) -> Value:
        return _unary(rows.exp, self)

    def expm1(self) -> Value:
        return _unary(rows.expm1, self)

    def exp2(self) -> Value:
        return _unary(rows.exp2, self)

    def log(self) -> Value:
        return _unary(rows.log, self)

    def log1p(self) -> Value:
        return _unary(rows.log1p, self)

    def log2(self) -> Value:
        return _unary(rows.log2, self)

    def log10(self) -> Value:
        return _unary(rows.log10, self)

    def sqrt(self) -> Value:
        return _unary(rows.sqrt, self)

    def cbrt(self) -> Value:
        return _unary(rows.cbrt, self)

    def sin(self) -> Value:
        return _unary(rows.sin, self)

    def cos(self) -> Value:
        return _unary(rows.cos, self)

    def tan(self) -> Value:
        return _unary(rows.tan, self)

    def asin(self) -> Value:
        return _unary(rows.asin, self)

    def acos(self) -> Value:
        return _unary(rows.acos, self)

    def atan(self) -> Value:
        return _unary(rows.atan, self)

    def sinh(self) -> Value:
        return _unary(rows.sinh, self)

    def cosh(self) -> Value:
        return _unary(rows.cosh, self)

    def tanh(self) -> Value:
        return _unary(rows.tanh, self)

    def asinh(self) -> Value:
        return _unary(rows.asinh, self)

    def acosh(self) -> Value:
        return _unary(rows.acosh, self)

    def atanh(self) -> Value:
        return _unary(rows.atanh, self)

    def erf(self) -> Value:
        return _unary(rows.erf, self)

    def erfc(self) -> Value:
        return _unary(rows.erfc, self)

    def sigmoid(self) -> Value:
        return _unary(rows.sigmoid, self)

    def softplus(self) -> Value:
        return _unary(rows.softplus, self)

    def relu(self) -> Value:
        return _unary(rows.relu, self)

    def sign(self) -> Value:
        return _unary(rows.sign, self)

    def leaky_relu(self, slope: Any = 0.01) -> Value:
        return _apply(rows.leaky_relu, (self, slope))

    @staticmethod
    def _apply(row: Primitive, args: tuple[Any, ...]) -> Value:
        return _apply(row, args)  # the hook by which a row that is called finds out that an argument records


# ---- recording -------------------------------------------------------------------------------------------------------


def _number(x: Any) -> float | None:
    """``x`` as a float if it is a real number (int, float, bool, Fraction, a NumPy real scalar), else None."""
    if type(x) is float:
        return x
    return float(x) if _is_real(x) else None


def _is_real(x: Any) -> bool:
    return isinstance(x, Real) or (type(x).__module__ == "numpy" and type(x).__name__ in ("bool", "bool_"))


def _required(x: Any, what: str) -> float:
    number = _number(x)
    if number is None:
        remedy = "; a Value already has a history: use it as it is, or its .data" if isinstance(x, Value) else ""
        raise TypeError(f"{what} takes a real number, not {type(x).__name__} {x!r}{remedy}")
    return number


def _compare(relation: Callable[[Any, Any], Any], value: Value, other: Any) -> bool:
    if isinstance(other, Value):
        other = other._data
    elif not _is_real(other):
        return NotImplemented  # type: ignore[no-any-return]  # as the protocol of comparisons has it
    return bool(relation(value._data, other))


def _apply(row: Primitive, args: tuple[Any, ...]) -> Value:
    """The node ``row(*args)``.  Raises TypeError for a wrong number of arguments, or one that is not a real number."""
    if row.arity is not None and len(args) != row.arity:
        raise TypeError(f"{row} takes {row.arity} argument{'s' * (row.arity != 1)}, not {len(args)}")
    operands: list[Any] = [arg if isinstance(arg, Value) else _number(arg) for arg in args]
    for arg, operand in zip(args, operands, strict=True):
        if operand is None:
            raise TypeError(f"{row} takes real numbers and Values, not {type(arg).__name__} {arg!r}")
    if row.arity == 1:
        return _unary(row, operands[0])
    if row.arity == 2:
        return _binary(row, operands[0], operands[1])
    xs = tuple([operand._data if isinstance(operand, Value) else operand for operand in operands])
    try:
        y = row.fn(*xs)
    except _ERRORS as error:
        raise _explained(error, row, operands, xs) from error
    return _node(row, y, tuple(operands), None, xs, None)


def _unary(row: Primitive, a: Value) -> Value:
    x = a._data
    try:
        y = row.fn(x)
    except _ERRORS as error:
        raise _explained(error, row, (a,), (x,)) from error
    return _node(row, y, a, None, x, None)


def _binary(row: Primitive, a: Any, b: Any) -> Value:
    """The node of an operator, or NotImplemented if an operand is not a real number."""
    xa: Any
    xb: Any
    if type(a) is Value or isinstance(a, Value):
        xa = a._data
    else:
        a = xa = _number(a)
        if a is None:
            return NotImplemented  # type: ignore[no-any-return]  # as the protocol of operators has it
    if type(b) is Value or isinstance(b, Value):
        xb = b._data
    else:
        b = xb = _number(b)
        if b is None:
            return NotImplemented  # type: ignore[no-any-return]  # as above
    try:
        y = row.fn(xa, xb)
    except _ERRORS as error:
        raise _explained(error, row, (a, b), (xa, xb)) from error
    return _node(row, y, a, b, xa, xb)


_new = Value.__new__


def _node(row: Primitive, y: float, a: Any, b: Any, xa: Any, xb: Any) -> Value:
    node = _new(Value)
    node._data = y if type(y) is float else _required(y, f"the result of {row}")
    node.grad = None
    node.label = ""
    if _paused and _recording.get() is False:
        node._row = node._a = node._b = node._xa = node._xb = None
        return node
    _untrack(node)
    node._row = row
    node._a = a
    node._b = b
    node._xa = xa
    node._xb = xb
    return node


def freeze(leaf: Value) -> Value:
    """Make a leaf a constant: a node without operands that nobody differentiates by (see ``rows.CONSTANT``)."""
    leaf._row, leaf._a, leaf._xa = rows.CONSTANT, (), ()
    return leaf


def constant(number: Any) -> Value:
    """A Value that depends on nothing and is no leaf."""
    return freeze(Value(number))


def _explained(error: Exception, row: Primitive, operands: Any, xs: Any, by: int | None = None) -> Exception:
    """The same error, with a message that names the operation, its operands and what to do."""
    labels = [arg.label if isinstance(arg, Value) else "" for arg in operands]
    named = [f"{label}={x!r}" if label else repr(x) for label, x in zip(labels, xs, strict=True)]
    call = f"{row}({', '.join(named)})"
    kind = next(kind for kind in _ERRORS if isinstance(error, kind))
    if by is not None:
        return kind(
            f"{call} has no finite derivative by operand {by + 1} ({named[by]}): {error}; "
            "move off this point, or keep it from the output with autograd.math.where or if"
        )
    remedy = "the result is too large for a float: scale the operands, or compute with logarithms"
    if kind is not OverflowError:
        where = [f"({low:g}, {high:g})" for low, high in row.domain]
        remedy = f"its operands must lie in {' x '.join(where)}" if row.domain != (rows.R,) else "check the operands"
    return kind(f"{call}: {error}; {remedy}")


_recording: ContextVar[bool] = ContextVar("recording", default=True)
_paused = False  # whether no_grad was ever entered: until then, an operation need not look at the context


@contextmanager
def recording(on: bool) -> Iterator[None]:
    """Within it, in this thread and task, operations record (or do not)."""
    global _paused
    _paused = _paused or not on
    token = _recording.set(on)
    try:
        yield
    finally:
        _recording.reset(token)


def no_grad() -> Any:
    """A context (or decorator) in which operations on Values give leaves without a history, in this thread only.

    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.op
    (9.0, None)
    """
    return recording(False)


# ---- the graph -------------------------------------------------------------------------------------------------------


def _operands(node: Value) -> tuple[Any, ...]:
    return _shaped(node, node._a, node._b)


def _numbers(node: Value) -> tuple[float, ...]:
    """The operands' numbers when the node was recorded."""
    return _shaped(node, node._xa, node._xb)


def _shaped(node: Value, a: Any, b: Any) -> tuple[Any, ...]:
    if node._row is None:
        return ()
    arity = node._row.arity
    return (a, b) if arity == 2 else (a,) if arity == 1 else a


def topological(*outputs: Value, stop: Container[Value] = ()) -> list[Value]:
    """All nodes that the outputs were computed from, operands before results; nothing behind a node in ``stop``.

    The order matters as soon as a node has two uses: in ``b = a + a; c = b + b`` b must have both returns from c before
    it passes anything on to a.  Depth first with a stack of our own, since a graph may be deeper than Python's.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Value | None] = [*reversed(outputs)]
    while stack:
        node = stack.pop()
        if node is None:  # all that the node below was computed from is in order now
            order.append(stack.pop())  # type: ignore[arg-type]  # never None: they are pushed in pairs
        elif node not in seen:
            seen.add(node)
            if node._row is None or node in stop:
                order.append(node)
                continue
            stack.append(node)
            stack.append(None)
            arity = node._row.arity
            if arity == 2:
                if type(node._b) is not float:
                    stack.append(node._b)
                if type(node._a) is not float:
                    stack.append(node._a)
            elif arity == 1:
                stack.append(node._a)
            else:
                stack.extend([arg for arg in reversed(node._a) if type(arg) is not float])
    return order


def edges(node: Value, active: Container[Value] | None = None, lift: bool = False) -> list[tuple[Value, Any]]:
    """The operands of a node that are Values (and in ``active``, if given), each with the partial derivative by it.

    The table's rules run here and nowhere else: on the numbers of the forward pass, or, with ``lift``, on the Values
    themselves, which makes the partials Values that can be differentiated again.
    """
    row = node._row
    if row is None:
        return []
    a, b = node._a, node._b
    y, xa, xb = (node, a, b) if lift else (node._data, node._xa, node._xb)
    if lift:
        _check_unchanged(node)
    arity, by = row.arity, 0
    rules: Any = row.partials
    result: list[tuple[Value, Any]] = []
    try:
        if arity == 2:
            if type(a) is not float and (active is None or a in active):
                result.append((a, rules[0](y, xa, xb)))
            by = 1
            if type(b) is not float and (active is None or b in active):
                result.append((b, rules[1](y, xa, xb)))
        elif arity == 1:
            if active is None or a in active:
                result.append((a, rules[0](y, xa)))
        elif arity is None:
            for arg, partial in zip(a, rules(y, *xa), strict=True):
                if type(arg) is not float and (active is None or arg in active):
                    result.append((arg, partial))
        else:
            for by, arg in enumerate(a):  # the handler below reads `by`
                if type(arg) is not float and (active is None or arg in active):
                    result.append((arg, rules[by](y, *xa)))
    except _ERRORS as error:
        raise _explained(error, row, _operands(node), _numbers(node), by) from error
    return result


def _check_unchanged(node: Value) -> None:
    for arg, x in zip(_operands(node), _numbers(node), strict=True):
        if type(arg) is not float and arg._data is not x and arg._data != x:
            raise RuntimeError(
                f"{arg!r} was {x!r} when {node._row} was computed from it: "
                "a derivative that is to be differentiated again needs a graph computed from the present data"
            )


def _add(into: dict[Value, Any], node: Value, factor: Any, partial: Any) -> None:
    """Add ``factor * partial`` to the node's entry: a partial of integer 0 adds nothing, whatever the factor is."""
    if type(partial) is int:
        if partial == 0:
            return
        term = factor if partial == 1 else -factor if partial == -1 else partial * factor
    else:
        term = factor * partial
    into[node] = into[node] + term if node in into else term


def sweep(
    order: list[Value],
    seeds: dict[Value, Any],
    stop: Container[Value] = (),
    active: Container[Value] | None = None,
    lift: bool = False,
) -> dict[Value, Any]:
    """Reverse mode: the adjoint of every node that the seeds reach, by one pass from outputs to inputs.

    adjoint(a) = sum over the uses of a of adjoint(use) * d use / d a; a node used twice, or twice by one operation,
    adds up.  ``order`` is topological; see ``edges`` for ``active`` and ``lift``.
    """
    adjoints = dict(seeds)
    for node in reversed(order):
        adjoint = adjoints.get(node)
        if adjoint is not None and node not in stop:
            for arg, partial in edges(node, active, lift):
                _add(adjoints, arg, adjoint, partial)
    return adjoints


def push(order: list[Value], seeds: dict[Value, Any], lift: bool = False) -> dict[Value, Any]:
    """Forward mode: the tangent of every node that depends on the seeds, by one pass from inputs to outputs.

    tangent(y) = sum over the operands a of y of tangent(a) * d y / d a.
    """
    tangents = dict(seeds)
    for node in order:
        if node not in seeds:
            for arg, partial in edges(node, tangents, lift):
                _add(tangents, node, tangents[arg], partial)
    return tangents


# ---- copies and pickles ----------------------------------------------------------------------------------------------


def _copied(node: Value, operand: Callable[[Any], Any]) -> Value:
    """A node like this one, of the operands that ``operand`` gives for its Values."""
    if node._row is None:
        leaf = _leaf(type(node))
        leaf.__setstate__((node._data, node.grad, node.label, getattr(node, "__dict__", None)))
        return leaf
    args = [arg if type(arg) is float else operand(arg) for arg in _operands(node)]
    return _made(node._row, node._data, args, _numbers(node), node.grad, node.label)


def _made(row: Primitive, y: float, args: Iterable[Any], xs: Iterable[float], grad: float | None, label: str) -> Value:
    flat = row.arity in (1, 2)
    a, b, *_ = (*args, None, None) if flat else (tuple(args), None)
    xa, xb, *_ = (*xs, None, None) if flat else (tuple(xs), None)
    with recording(True):
        node = _node(row, y, a, b, xa, xb)
    node.grad, node.label = grad, label
    return node


def _leaf(kind: type[Value]) -> Value:
    leaf = kind.__new__(kind)
    leaf._row = leaf._a = leaf._b = leaf._xa = leaf._xb = None
    return leaf


def _unpickled(program: list[Any]) -> Value:
    nodes: list[Value] = []
    for entry in program:
        if isinstance(entry, Value):
            nodes.append(entry)
        else:
            row, y, args, xs, grad, label = entry
            nodes.append(_made(row, y, [arg if type(arg) is float else nodes[arg] for arg in args], xs, grad, label))
    return nodes[-1]
