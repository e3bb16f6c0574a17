"""``Value``: a number that remembers how it was made, and the sweep that turns the memory into gradients.

Every operation on Values makes a node that holds its result, the code of its row in the table, its operands and the
operands' numbers as they were.  Nodes point backwards only, so a graph is freed as soon as its output is dropped.

This file runs as it stands; compiled, it is the same file with the C types of ``value.pxd``.  There, a row's function
and partials are first tried in C, as generated from the table (``native/rules.h``), and whatever is not finite is asked
of the row itself, so that results, exceptions and messages are the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from heapq import heappop, heappush
from numbers import Real
from typing import Any, NoReturn

import cython
from cython import NULL, cast, p_void

from . import primitives as rows
from .primitives import ROWS, Primitive

if not cython.compiled:  # in C, all these come from value.pxd
    from math import isfinite

    from .native.interpreted import (
        born,
        check_signals,
        compute1,
        compute2,
        compute_many,
        dead1,
        dead2,
        dead_many,
        doubles,
        free,
        is_on,
        make_room,
        new_node,
        new_numbers,
        next_birth,
        partial1,
        partial2,
        partial_many,
        prefetch_older,
        untrack,
        use_calls,
        use_slabs,
    )

COMPILED = bool(cython.compiled)
ERRORS = (ValueError, ZeroDivisionError, OverflowError)

# the codes of the rows that operators and methods record
ADD, SUB, MUL, DIV, MOD = rows.add.code, rows.sub.code, rows.mul.code, rows.div.code, rows.mod.code
NEG, POS, POW, FLOORDIV = rows.neg.code, rows.pos.code, rows.pow_.code, rows.floordiv.code
ABS, SIGN, RELU, SIGMOID = rows.abs_.code, rows.sign.code, rows.relu.code, rows.sigmoid.code
EXP, EXP2, EXPM1, SOFTPLUS = rows.exp.code, rows.exp2.code, rows.expm1.code, rows.softplus.code
LOG, LOG2, LOG10, LOG1P = rows.log.code, rows.log2.code, rows.log10.code, rows.log1p.code
SQRT, CBRT, ERF, ERFC = rows.sqrt.code, rows.cbrt.code, rows.erf.code, rows.erfc.code
SIN, COS, TAN, ASIN, ACOS, ATAN = (row.code for row in (rows.sin, rows.cos, rows.tan, rows.asin, rows.acos, rows.atan))
SINH, COSH, TANH = rows.sinh.code, rows.cosh.code, rows.tanh.code
ASINH, ACOSH, ATANH = rows.asinh.code, rows.acosh.code, rows.atanh.code

# How a node keeps its operands; None stands in the place of an operand that is a plain number.
LEAF = 0  # none
UNARY = 1  # one in _a, its number in _xa
BINARY = 2  # two in _a and _b, their numbers in _xa and _xb
MANY = 3  # a tuple in _a, their numbers in _b
UNSET = 4  # its __init__ did not run; interpreted, such a node has no fields at all

NOTHING: Any = None
PAIR = rows.dot.gather  # a compiled call of a row that gathers so has a shortcut
LIST, KEEP = 1, 2  # what a sweep does with the nodes that it visits
LIVE = 1  # the state of a node that a derivative came to, or, where they are asked for, that depends on an input
SPARE = 1024 if COMPILED else 128  # ages that a sweep's ring takes in however few wait: it passes over the empty places
NEVER = -(1 << 62)  # a birth before all others


@cython.no_gc  # nodes point backwards only: they are part of no cycle, unless a subclass's leaf refers to its results
@cython.cclass
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

    The collector does not look into nodes: a leaf of a subclass that keeps a result of itself as an attribute
    (``p.squared = p * p``) is never freed; keep its ``.data``, or ``detach`` it.
    """

    __slots__ = (
        "__weakref__", "_a", "_b", "_birth", "_code", "_data", "_grad", "_graded", "_index", "_label", "_shape", "_xa",
        "_xb",
    )  # fmt: skip

    def __init__(self, data: Any, label: Any = "") -> None:
        if getattr(self, "op", None) is not None:
            raise TypeError(f"{self!r} is the result of {self.op} and cannot be made anew: make another Value")
        self._data = _required(data, "Value")
        self._grad = self._xa = self._xb = 0.0
        self._graded = False
        self._a = self._b = NOTHING
        self._index = 0  # its place in the last list that was made of its graph
        self._code = 0  # its row in the table; 0 for a leaf
        self._shape = LEAF
        self._birth = born()
        self.label = label

    @property
    def data(self) -> float:
        """The number.  It can be set on a leaf; an intermediate node's is what its operation gave."""
        if self._shape == UNSET:
            unset(self)
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        if self._code:
            raise AttributeError(
                f"the data of {self!r} is the result of {self.op}: set the data of a leaf and compute again"
            )
        self._data = _required(data, "data")

    @data.deleter
    def data(self) -> None:
        raise AttributeError("the data of a Value cannot be deleted")

    @property
    def grad(self) -> float | None:
        """The derivative that ``backward`` left here; None as long as it was not computed."""
        return self._grad if self._graded else None

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._grad = 0.0 if grad is None else _required(grad, "grad")
        self._graded = grad is not None

    @grad.deleter
    def grad(self) -> None:
        raise AttributeError("the grad of a Value cannot be deleted: set it to None")

    @property
    def label(self) -> str:
        """A name for messages and drawings."""
        return self._label

    @label.setter
    def label(self, label: Any) -> None:
        if not isinstance(label, str):
            raise TypeError(f"a label is a string, not {type(label).__name__} {label!r}")
        self._label = label

    @label.deleter
    def label(self) -> None:
        raise AttributeError("the label of a Value cannot be deleted: set it to ''")

    @property
    def op(self) -> Primitive | None:
        """The primitive that made this node; None for a leaf."""
        return ROWS[self._code]

    @property
    def args(self) -> tuple[Value | float, ...]:
        """The operands in order: Values, and plain floats for plain numbers."""
        return operands_of(self)

    def backward(self, grad: Any = 1.0) -> None:
        """Put the derivatives of ``grad * self`` into ``.grad`` of every node this one was computed from.

        Leaves add them to what they hold (set ``.grad = None`` to start anew); intermediate nodes, this one among
        them, hold the latest call's.  The numbers are those of the forward pass: setting a leaf's data afterwards
        does not change them.  Takes time linear in the number of operations, at any depth.  If a derivative does not
        exist (sqrt at 0), raises ZeroDivisionError, ValueError or OverflowError and leaves every ``.grad`` as it was.
        """
        if self._shape == UNSET:
            unset(self)
        sweep = Sweep(self._birth, ())
        _reach(sweep, self, _required(grad, "backward"), True)
        try:
            _visit_all(sweep, KEEP)
        except BaseException:
            _restore(self, sweep)
            raise
        _keep(sweep.leaves)

    def detach(self) -> Value:
        """A leaf with the same data and label, and no history."""
        return Value(self.data, self._label)

    # ---- operators ---------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Value:
        return _binary(ADD, self, other)

    def __radd__(self, other: Any) -> Value:
        return _binary(ADD, other, self)

    def __sub__(self, other: Any) -> Value:
        return _binary(SUB, self, other)

    def __rsub__(self, other: Any) -> Value:
        return _binary(SUB, other, self)

    def __mul__(self, other: Any) -> Value:
        return _binary(MUL, self, other)

    def __rmul__(self, other: Any) -> Value:
        return _binary(MUL, other, self)

    def __truediv__(self, other: Any) -> Value:
        return _binary(DIV, self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return _binary(DIV, other, self)

    def __pow__(self, other: Any, modulus: Any = None) -> Value:
        return _binary(POW, self, other) if modulus is None else NotImplemented

    def __rpow__(self, other: Any, modulus: Any = None) -> Value:
        return _binary(POW, other, self) if modulus is None else NotImplemented

    def __mod__(self, other: Any) -> Value:
        return _binary(MOD, self, other)

    def __rmod__(self, other: Any) -> Value:
        return _binary(MOD, other, self)

    def __floordiv__(self, other: Any) -> Value:
        return _binary(FLOORDIV, self, other)

    def __rfloordiv__(self, other: Any) -> Value:
        return _binary(FLOORDIV, other, self)

    def __divmod__(self, other: Any) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Value, Value]:
        return other // self, other % self

    def __neg__(self) -> Value:
        return _unary(NEG, self)

    def __pos__(self) -> Value:
        return _unary(POS, self)

    def __abs__(self) -> Value:
        return _unary(ABS, self)

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

    def __hash__(self) -> int:
        return id(self) >> 4

    def __bool__(self) -> bool:
        return self.data != 0.0

    # ---- nothing drops a gradient in silence -------------------------------------------------------------------------

    def __float__(self) -> NoReturn:
        _refuse(self)

    def __int__(self) -> NoReturn:
        _refuse(self)

    def __complex__(self) -> NoReturn:
        _refuse(self)

    def __trunc__(self) -> NoReturn:
        _refuse(self)

    def __floor__(self) -> NoReturn:
        _refuse(self)

    def __ceil__(self) -> NoReturn:
        _refuse(self)

    def __round__(self, ndigits: Any = None) -> NoReturn:
        _refuse(self)

    # ---- looks, copies -----------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        grad = f", grad={self._grad!r}" if self._graded else ""
        label = f", label={self._label!r}" if self._label else ""
        return f"{type(self).__name__}({self.data!r}{grad}{label})"

    def __format__(self, spec: str) -> str:
        return format(self.data, spec)

    def __copy__(self) -> Value:
        return _copied(self, None)

    def __deepcopy__(self, memo: Any) -> Value:
        for node in topological(self):
            if id(node) not in memo:
                memo[id(node)] = _copied(node, memo)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # A graph is pickled as one flat list, so that its depth does not matter; its leaves are pickled as objects, so
        # that outputs pickled together share them.
        if not self._code:
            return (_leaf, (type(self),), _state(self))
        index: dict[Any, int] = {}
        program: list[Any] = []
        for node in topological(self):
            index[node] = len(program)
            if node.op is None:
                program.append(node)
            else:
                args = tuple([arg if type(arg) is float else index[arg] for arg in node.args])
                program.append((node.op, node.data, args, numbers_of(node), node.grad, node.label))
        return (_unpickled, (program,))

    def __setstate__(self, state: tuple[float, float | None, str, dict[str, Any]]) -> None:
        data, self.grad, self.label, attributes = state
        self._data = _required(data, "data")
        for name, value in attributes.items():  # of a subclass
            setattr(self, name, value)

    # ---- a method for each row of one argument (NumPy's ufuncs call them by these names) -----------------------------

    def exp(self) -> Value:
        return _unary(EXP, self)

    def expm1(self) -> Value:
        return _unary(EXPM1, self)

    def exp2(self) -> Value:
        return _unary(EXP2, self)

    def log(self) -> Value:
        return _unary(LOG, self)

    def log1p(self) -> Value:
        return _unary(LOG1P, self)

    def log2(self) -> Value:
        return _unary(LOG2, self)

    def log10(self) -> Value:
        return _unary(LOG10, self)

    def sqrt(self) -> Value:
        return _unary(SQRT, self)

    def cbrt(self) -> Value:
        return _unary(CBRT, self)

    def sin(self) -> Value:
        return _unary(SIN, self)

    def cos(self) -> Value:
        return _unary(COS, self)

    def tan(self) -> Value:
        return _unary(TAN, self)

    def asin(self) -> Value:
        return _unary(ASIN, self)

    def acos(self) -> Value:
        return _unary(ACOS, self)

    def atan(self) -> Value:
        return _unary(ATAN, self)

    def sinh(self) -> Value:
        return _unary(SINH, self)

    def cosh(self) -> Value:
        return _unary(COSH, self)

    def tanh(self) -> Value:
        return _unary(TANH, self)

    def asinh(self) -> Value:
        return _unary(ASINH, self)

    def acosh(self) -> Value:
        return _unary(ACOSH, self)

    def atanh(self) -> Value:
        return _unary(ATANH, self)

    def erf(self) -> Value:
        return _unary(ERF, self)

    def erfc(self) -> Value:
        return _unary(ERFC, self)

    def sigmoid(self) -> Value:
        return _unary(SIGMOID, self)

    def softplus(self) -> Value:
        return _unary(SOFTPLUS, self)

    def relu(self) -> Value:
        return _unary(RELU, self)

    def sign(self) -> Value:
        return _unary(SIGN, self)

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
    return float(x) if type(x) is int or is_real(x) else None


def is_real(x: Any) -> bool:
    return isinstance(x, Real) or (type(x).__module__ == "numpy" and type(x).__name__ in ("bool", "bool_"))


def _required(x: Any, what: str) -> float:
    number = _number(x)
    if number is None:
        remedy = "; a Value already has a history: use it as it is, or its .data" if isinstance(x, Value) else ""
        raise TypeError(f"{what} takes a real number, not {type(x).__name__} {x!r}{remedy}")
    return number


def _compare(relation: Callable[[Any, Any], Any], value: Value, other: Any) -> bool:
    if value._shape == UNSET:
        unset(value)
    if isinstance(other, Value):
        other = other.data
    elif not is_real(other):
        return NotImplemented
    return bool(relation(value._data, other))


def unset(value: Value, name: str = "data") -> NoReturn:
    """Raise the AttributeError of a Value whose ``__init__`` never ran."""
    if name in Value.__slots__ or name in ("data", "grad", "label"):
        message = f"this {type(value).__name__} was not initialised: call super().__init__(data)"
        raise AttributeError(message, name="data")  # or Python would guess at another name
    raise AttributeError(f"{type(value).__name__!r} object has no attribute {name!r}")


def _refuse(value: Value) -> NoReturn:
    raise TypeError(
        f"{value!r} would lose its gradient as a plain number: "
        "use autograd.math (autograd.math.exp for math.exp) to differentiate, .data for the number"
    )


def _apply(row: Primitive, args: tuple[Any, ...]) -> Value:
    """The node ``row(*args)``.  Raises TypeError for a wrong number of arguments, or one that is not a real number."""
    arity = row.arity
    if arity is not None and len(args) != arity:
        raise TypeError(f"{row} takes {arity} argument{'s' * (arity != 1)}, not {len(args)}")
    if arity == 1 and isinstance(args[0], Value):
        return _unary(row.code, args[0])
    if arity == 2:
        node = _binary(row.code, args[0], args[1])
        if node is not NotImplemented:
            return node
    return _many(row, args)


def _unary(code: int, a: Value) -> Value:
    if COMPILED and a._shape == UNSET:
        unset(a)
    y = compute1(code, a._data)
    if not isfinite(y):
        y = _computed(ROWS[code], (a,), (a._data,))
    return _node(code, UNARY, y, a, None, a._data, 0.0)


def _binary(code: int, a: Any, b: Any) -> Any:
    """The node of an operator, or NotImplemented if an operand is not a real number."""
    if type(a) is Value or isinstance(a, Value):
        if COMPILED and cast(Value, a)._shape == UNSET:
            unset(a)
        xa = cast(Value, a)._data
    else:
        number = a if type(a) is float else _number(a)
        if number is None:
            return NotImplemented
        a, xa = None, number
    if type(b) is Value or isinstance(b, Value):
        if COMPILED and cast(Value, b)._shape == UNSET:
            unset(b)
        xb = cast(Value, b)._data
    else:
        number = b if type(b) is float else _number(b)
        if number is None:
            return NotImplemented
        b, xb = None, number
    y = compute2(code, xa, xb)
    if not isfinite(y):
        y = _computed(ROWS[code], (a, b), (xa, xb))
    return _node(code, BINARY, y, a, b, xa, xb)


def _many(row: Primitive, args: tuple[Any, ...]) -> Value:
    n = len(args)
    numbers = new_numbers(n)
    xs = doubles(numbers)
    holed: Any = None  # the operands with None for plain numbers, if there are any
    pure = True  # whether no operand is of a subclass
    for i in range(n):
        arg = args[i]
        if type(arg) is Value or isinstance(arg, Value):
            if COMPILED and cast(Value, arg)._shape == UNSET:
                unset(arg)
            xs[i] = cast(Value, arg)._data
            pure = pure and type(arg) is Value
        else:
            number = arg if type(arg) is float else _number(arg)
            if number is None:
                raise TypeError(f"{row} takes real numbers and Values, not {type(arg).__name__} {arg!r}")
            xs[i] = number
            if holed is None:
                holed = list(args)
            holed[i] = None
    operands = args if holed is None else tuple(holed)
    if pure:  # nothing of it can be part of a cycle
        untrack(operands)
    y = compute_many(row.code, xs, n)
    if not isfinite(y):
        y = _computed(row, operands, _floats(numbers, n))
    return _node(row.code, MANY, y, operands, numbers, 0.0, 0.0)


def _floats(numbers: Any, n: int) -> tuple[float, ...]:
    xs = doubles(numbers)
    return tuple([xs[i] for i in range(n)])


def _node(code: int, shape: int, y: float, a: Any, b: Any, xa: float, xb: float) -> Value:
    """A node, or a leaf where nothing is recorded."""
    if paused and not is_on(_recording):
        code, shape, a, b, xa, xb = 0, LEAF, None, None, 0.0, 0.0
    node = new_node(Value, a, b)
    node._code = code
    node._shape = shape
    node._birth = born()
    node._data = y
    node._xa = xa
    node._xb = xb
    return node


def freeze(leaf: Value) -> Value:
    """Make a leaf a constant: a node without operands that nobody differentiates by (see ``rows.CONSTANT``)."""
    leaf._code = rows.CONSTANT.code
    return leaf


def constant(number: Any) -> Value:
    """A Value that depends on nothing and is no leaf."""
    return freeze(Value(number))


# ---- a row's function and partials -----------------------------------------------------------------------------------


def _computed(row: Primitive, operands: Any, xs: Any) -> float:
    """The row's own result, with an error that names the operation."""
    try:
        y = row.fn(*xs)
    except ERRORS as error:
        raise explained(error, row, operands, xs) from error
    return y if type(y) is float else _required(y, f"the result of {row}")


def _partial(sweep: Sweep, node: Value, by: int, partials: list[Any]) -> float:
    """The partial by operand ``by``; ``partials`` is where all are kept that a rule gives at once."""
    if node._shape == BINARY:
        p = partial2(node._code, by, node._data, node._xa, node._xb)
        if p == 0:
            sweep.dead = dead2(node._code, by, node._data, node._xa, node._xb)
    elif node._shape == UNARY:
        p = partial1(node._code, node._data, node._xa)
        if p == 0:
            sweep.dead = dead1(node._code, node._data, node._xa)
    else:
        xs, n = doubles(node._b), len(node._a)
        p = partial_many(node._code, by, n, node._data, xs)
        if p == 0:
            sweep.dead = dead_many(node._code, by, n, node._data, xs)
    return p if isfinite(p) else _asked(sweep, node, by, partials)


def _asked(sweep: Sweep, node: Value, by: int, partials: list[Any]) -> float:
    """The partial that the row itself gives, with an error that names the operation."""
    row = ROWS[node._code]
    try:
        if node._shape == BINARY:
            partial = row.partials[by](node._data, node._xa, node._xb)
        elif row.arity is not None:
            partial = row.partials[by](node._data, *numbers_of(node))
        else:
            if not partials:
                partials.extend(row.partials(node._data, *numbers_of(node)))
            partial = partials[by]
    except ERRORS as error:
        raise explained(error, row, operands_of(node), numbers_of(node), by) from error
    sweep.dead = type(partial) is int and partial == 0
    return partial if type(partial) is float else _required(partial, f"a partial of {row}")


def explained(error: Exception, row: Primitive, operands: Any, xs: Any, by: int | None = None) -> Exception:
    """The same error, with a message that names the operation, its operands and what to do."""
    labels = [arg.label if isinstance(arg, Value) else "" for arg in operands]
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
        remedy = f"its operands must lie in {' x '.join(where)}" if row.domain != (rows.R,) else "check the operands"
    return kind(f"{call}: {error}; {remedy}")


_recording: ContextVar[bool] = ContextVar("recording", default=True)
paused = False  # whether no_grad was ever entered: until then, an operation need not look at the context


@contextmanager
def recording(on: Any) -> Iterator[None]:
    """Within it, in this thread and task, operations record (or do not)."""
    global paused
    paused = paused or not on
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


def operands_of(node: Value) -> tuple[Any, ...]:
    """The operands in order, plain numbers as floats."""
    shape = node._shape
    if shape == BINARY:
        return (node._xa if node._a is None else node._a, node._xb if node._b is None else node._b)
    if shape == UNARY:
        return (node._a,)
    if shape == MANY:
        return tuple([x if a is None else a for a, x in zip(node._a, numbers_of(node), strict=True)])
    return ()


def numbers_of(node: Value) -> tuple[float, ...]:
    """The operands' numbers when the node was recorded."""
    shape = node._shape
    if shape == BINARY:
        return (node._xa, node._xb)
    if shape == UNARY:
        return (node._xa,)
    return _floats(node._b, len(node._a)) if shape == MANY else ()


class Nodes:
    """Places for nodes, each with a number and a state; compiled, they do not own them: the outputs keep them alive."""

    __slots__ = ("items", "n", "numbers", "room", "states")

    def __init__(self, room: int) -> None:
        self.n = self.room = 0
        self.items: Any = NULL
        self.numbers: Any = NULL
        self.states: Any = NULL
        make_room(self, room)

    def __dealloc__(self) -> None:
        free(self.items)


def _push(nodes: Nodes, node: Value, number: float) -> int:
    if nodes.n == nodes.room:
        make_room(nodes, 2 * nodes.room)
    nodes.items[nodes.n] = cast(p_void, node)
    nodes.numbers[nodes.n] = number
    nodes.n += 1
    return 0


def _place_of(nodes: Nodes, node: Value) -> int:
    """The node's place in this list, or -1: an index that belongs to another list shows by what lies there."""
    place = node._index  # read once, as another thread may change it
    return place if place < nodes.n and nodes.items[place] is cast(p_void, node) else -1


def _place(nodes: Nodes, node: Value) -> int:
    """The node's place in this list, at its end if it has none yet."""
    place = _place_of(nodes, node)
    if place < 0:
        place = node._index = nodes.n
        _push(nodes, node, 0.0)
    return place


class Sweep:
    """Visits all nodes behind some outputs, each once, the younger before the older, and adds up what they are passed.

    An operand is older than what was computed from it, so that all uses of a node have been visited when its turn
    comes: its adjoint is complete.  (In ``b = a + a; c = b + b`` b must have both returns from c before it passes
    anything on to a.)  Nodes that were reached wait in a ring of places, each at its birth modulo the ring's room; the
    few that are much older wait in a heap until the sweep comes near.
    Leaves and what is in ``stop`` pass nothing on and are just listed: they find their place by their ``_index``.
    """

    __slots__ = ("at", "births", "dead", "far", "known", "leaves", "nearest", "ring", "stop", "visited", "waiting")

    def __init__(self, at: int, stop: Any) -> None:
        self.stop = {node for node in stop if isinstance(node, Value) and cast(Value, node)._shape != LEAF} or None
        self.leaves, self.visited, self.ring = Nodes(16), Nodes(64), Nodes(128)
        self.at = at  # the birth of the node that is visited; at first, of the youngest output
        self.dead = False  # whether the partial computed last was an integer 0: "this operand does not matter"
        self.waiting = 0  # how many nodes are in the ring
        self.far: dict[int, list[Any]] = {}  # those beyond it, by birth: node, adjoint, whether it is live
        self.births: list[int] = []  # a heap of their births, negative so that the youngest comes first
        self.nearest = NEVER  # the youngest of their births
        self.known: Nodes | None = None  # see sweep_floats


def _birth_of(node: Value) -> int:
    return node._birth


def _youngest(nodes: Any) -> int:
    return max([_birth_of(node) for node in nodes], default=0)


def _reach(sweep: Sweep, node: Value, term: float, live: bool) -> int:
    """Let the node wait for its visit, and add the term to its adjoint if it is live."""
    if node._shape == LEAF or (sweep.stop is not None and node in sweep.stop):
        place = _place(sweep.leaves, node)
        if live:
            sweep.leaves.numbers[place] += term
        return 0
    ring, age = sweep.ring, sweep.at - node._birth
    if age >= ring.room:
        if age >= SPARE + 16 * (sweep.waiting + len(sweep.births)):
            return _defer(sweep, node, term, live)
        ring = _widened(sweep, age)
    slot = node._birth & (ring.room - 1)
    if ring.items[slot] is not cast(p_void, node):
        if age < 0 or ring.items[slot] is not NULL:
            raise RuntimeError("a node must be younger than its operands, and no two may have the same birth")
        ring.items[slot] = cast(p_void, node)
        sweep.waiting += 1
    if live:
        ring.numbers[slot] += term
        ring.states[slot] = LIVE
    return 0


def _defer(sweep: Sweep, node: Value, term: float, live: bool) -> int:
    """Let a node wait that is too old for the ring."""
    entry = sweep.far.get(node._birth)
    if entry is None:
        entry = sweep.far[node._birth] = [node, 0.0, False]
        heappush(sweep.births, -node._birth)
        sweep.nearest = -sweep.births[0]
    if live:
        entry[1] += term
        entry[2] = True
    return 0


def _widened(sweep: Sweep, age: int) -> Nodes:
    """A ring with room for this age, in which everything waits that did in the one before."""
    ring, room = sweep.ring, sweep.ring.room
    while room <= age:
        room *= 2
    sweep.ring = Nodes(room)
    sweep.waiting = 0
    for slot in range(ring.room):
        if ring.items[slot] is not NULL:
            _reach(sweep, cast(Value, ring.items[slot]), ring.numbers[slot], ring.states[slot] == LIVE)
    _draw_near(sweep)  # or the next visit would pass over those that this ring has room for
    return sweep.ring


def _draw_near(sweep: Sweep) -> int:
    """Let the nodes wait in the ring that are no longer too old for it."""
    while sweep.at - sweep.nearest < sweep.ring.room:
        node, adjoint, live = sweep.far.pop(-heappop(sweep.births))
        sweep.nearest = -sweep.births[0] if sweep.births else NEVER
        _reach(sweep, node, adjoint, live)
    return 0


def _visit_all(sweep: Sweep, do: int) -> int:
    """Visit the nodes that wait, until none is left.

    What to do with them, beside passing on what they were passed: LIST them in ``visited``; or KEEP their adjoints as
    their gradients, and list those that had one, with it.
    """
    while sweep.waiting or sweep.nearest != NEVER:
        if sweep.waiting:
            sweep.at = next_birth(sweep.ring.items, sweep.at, sweep.ring.room)
        else:
            sweep.at = sweep.nearest
        if sweep.at - sweep.nearest < sweep.ring.room:
            _draw_near(sweep)
        ring = sweep.ring
        slot = sweep.at & (ring.room - 1)
        if sweep.at & 0xFFFF == 0:
            check_signals()  # for Ctrl-C, in a sweep that takes long
        node, adjoint, live = ring.items[slot], ring.numbers[slot], ring.states[slot] == LIVE
        ring.items[slot], ring.numbers[slot], ring.states[slot] = NULL, 0.0, 0
        sweep.waiting -= 1
        _visit(sweep, cast(Value, node), adjoint, do)
        _pass_on(sweep, cast(Value, node), adjoint, live)
    return 0


def _pass_on(sweep: Sweep, node: Value, adjoint: float, live: bool) -> int:
    """Reach the operands of a node: adjoint(a) is the sum over the uses of a of adjoint(use) * d use / d a."""
    if node._shape == BINARY:
        if node._a is not None:
            _pass_to(sweep, node, 0, cast(Value, node._a), adjoint, live, None)
        if node._b is not None:
            _pass_to(sweep, node, 1, cast(Value, node._b), adjoint, live, None)
    elif node._shape == UNARY:
        _pass_to(sweep, node, 0, cast(Value, node._a), adjoint, live, None)
    else:
        operands = node._a
        partials: list[Any] = []
        for by in range(len(operands)):
            if operands[by] is not None:
                _pass_to(sweep, node, by, cast(Value, operands[by]), adjoint, live, partials)
    return 0


def _pass_to(sweep: Sweep, node: Value, by: int, operand: Value, adjoint: float, live: bool, partials: Any) -> int:
    if sweep.known is not None and not _is_active(sweep.known, operand):
        return 0
    p = 0.0
    if live:
        p = _partial(sweep, node, by, partials) if COMPILED else _asked(sweep, node, by, partials)
        live = p != 0 or not sweep.dead
    return _reach(sweep, operand, adjoint * p, live)


def _visit(sweep: Sweep, node: Value, adjoint: float, do: int) -> int:
    if COMPILED:
        prefetch_older(node)
    if do == KEEP:
        if node._graded:
            _push(sweep.visited, node, node._grad)
        node._grad = adjoint
        node._graded = True
    elif do == LIST:
        _push(sweep.visited, node, 0.0)
    return 0


def _restore(output: Value, sweep: Sweep) -> int:
    """Give the nodes that a sweep from ``output`` has visited the gradients back that they had, or none."""
    for node in topological(output):
        if node._shape != LEAF and node._birth >= sweep.at:
            node._grad = 0.0
            node._graded = False
    visited = sweep.visited
    for i in range(visited.n):
        node = cast(Value, visited.items[i])
        node._grad = visited.numbers[i]
        node._graded = True
    return 0


def _keep(leaves: Nodes) -> int:
    """Add the leaves' adjoints to their gradients; a constant's begins anew.

    A leaf is there twice, with a part of its adjoint each, if another sweep took its place meanwhile.
    """
    for i in range(leaves.n):
        leaf = cast(Value, leaves.items[i])
        leaf._graded = leaf._graded and leaf._code == 0
    for i in range(leaves.n):
        leaf = cast(Value, leaves.items[i])
        leaf._grad = leaf._grad + leaves.numbers[i] if leaf._graded else leaves.numbers[i]
        leaf._graded = True
    return 0


def topological(*outputs: Value, stop: Iterable[Value] = ()) -> list[Value]:
    """All nodes that the outputs were computed from: leaves first, then results, each in the order of their birth.

    So operands come before results.  Nodes in ``stop`` count as leaves: nothing behind them is entered.
    """
    sweep = Sweep(_youngest(outputs), stop)
    for node in outputs:
        _reach(sweep, node, 0.0, False)
    _visit_all(sweep, LIST)
    leaves, visited = sweep.leaves, sweep.visited
    # a leaf is there twice if another thread swept it too, so that it did not find its place
    order = list(dict.fromkeys([cast(Value, leaves.items[i]) for i in range(leaves.n)]))
    order.sort(key=_birth_of)
    order += [cast(Value, visited.items[i]) for i in range(visited.n - 1, -1, -1)]
    return order


MEANWHILE = "the graph was swept by another thread, or by a rule of its own, at the same time"


def sweep_floats(nodes: list[Value], seeds: dict[Value, float], inputs: list[Value]) -> list[float]:
    """The adjoints of ``inputs`` as floats, from those of the seeds.

    ``nodes`` is the topological order that stops at the inputs.  All that does not depend on an input is left alone.
    """
    wanted = set(inputs)
    sweep = Sweep(_youngest(seeds), wanted)
    known = sweep.known = sweep.leaves
    places: dict[Value, int] = {}
    for node in nodes:
        place = _place(known, node)
        if (node._shape == LEAF or sweep.stop is not None) and node in wanted:
            places[node] = place
            known.states[place] = LIVE
        elif node._shape == MANY:
            for operand in node._a:
                if _is_active(known, operand):
                    known.states[place] = LIVE
                    break
        elif node._shape != LEAF and (_is_active(known, node._a) or _is_active(known, node._b)):
            known.states[place] = LIVE
    for node, seed in seeds.items():
        if _is_active(known, node):
            _reach(sweep, node, seed, True)
    _visit_all(sweep, 0)
    if known.n != len(nodes):  # one did not find its place and got another
        raise RuntimeError(MEANWHILE)
    return [known.numbers[places[node]] if node in places else 0.0 for node in inputs]


def _is_active(known: Nodes, node: Any) -> bool:
    """Whether an operand depends on an input."""
    if node is None:
        return False
    place = _place_of(known, node)
    if place < 0:
        raise RuntimeError(MEANWHILE)
    return known.states[place] == LIVE


# ---- copies and pickles ----------------------------------------------------------------------------------------------


def _copied(node: Value, memo: Any) -> Value:
    """A node like this one, of the same operands, or of those that the memo has for them."""
    if node._code == 0:
        leaf = _leaf(type(node))
        if memo is not None:
            memo[id(node)] = leaf  # before its attributes, which may refer to it
        leaf.__setstate__(_state(node) if memo is None else deepcopy(_state(node), memo))
        return leaf
    args = [arg if memo is None or type(arg) is float else memo[id(arg)] for arg in operands_of(node)]
    return _made(node.op, node._data, args, numbers_of(node), node.grad, node._label)


def _state(leaf: Value) -> tuple[float, float | None, str, dict[str, Any]]:
    attributes = dict(getattr(leaf, "__dict__", {}))
    for kind in type(leaf).__mro__[: type(leaf).__mro__.index(Value)]:
        slots = getattr(kind, "__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(leaf, name):
                attributes[name] = getattr(leaf, name)
    return (leaf._data, leaf.grad, leaf._label, attributes)


def _made(row: Any, y: float, args: Any, xs: Any, grad: Any, label: str) -> Value:
    node = Value(y, label)
    node.grad = grad
    node._code = row.code
    if not args:
        return node  # a constant
    operands = tuple([None if type(arg) is float else arg for arg in args])
    if row.arity == 2:
        node._shape = BINARY
        node._a, node._b = operands
        node._xa, node._xb = xs
    elif row.arity == 1:
        node._shape = UNARY
        (node._a,) = operands
        (node._xa,) = xs
    else:
        node._shape = MANY
        node._a, node._b = operands, new_numbers(len(xs))
        numbers = doubles(node._b)
        for i in range(len(xs)):
            numbers[i] = xs[i]
    if not COMPILED:
        untrack(node)
    return node


def _leaf(kind: Any) -> Value:
    leaf: Value = kind.__new__(kind)
    Value.__init__(leaf, 0.0)
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


use_slabs(Value, unset)
use_calls(Primitive)
