"""``Value``: a number that remembers how it was made.

Reading order: ``primitives`` (the table of rules), ``value`` (this file), ``sweeps`` (the 20 lines that say it all),
``backward`` (the same, fast).

Every operation on Values makes a node that holds its result, the code of its row in the table, its operands and the
operands' numbers as they were.  Nodes point backwards only, so a graph is freed as soon as its output is dropped.

This file runs as it stands; compiled, it is the same file with the C types of ``value.pxd``.  There, a row's function
is first tried in C, as generated from the table (``native/rules.h``), and whatever is not finite is asked of the row
itself, so that results, exceptions and messages are the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from numbers import Real
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import cython
from cython import cast

from . import primitives as rows
from .errors import ERRORS, explained, refuse, unset
from .primitives import ROWS, Primitive
from .primitives import is_real as is_real

if not cython.compiled:  # in C, all these come from value.pxd
    from math import isfinite

    from .native.interpreted import (
        born,
        compute1,
        compute2,
        compute_many,
        current,
        document,
        doubles,
        new_node,
        new_numbers,
        untrack,
        use_calls,
        use_slabs,
    )

    # How a node keeps its operands; None stands in the place of an operand that is a plain number.
    LEAF = 0  # none
    UNARY = 1  # one in _a, its number in _xa
    BINARY = 2  # two in _a and _b, their numbers in _xa and _xb
    MANY = 3  # a tuple in _a, their numbers in _b
    UNSET = 4  # its __init__ did not run; interpreted, such a node has no fields at all

if TYPE_CHECKING:
    import numpy as np

    Number = float | Real | np.floating[Any] | np.integer[Any] | np.bool_  # what Python and NumPy call a real number

COMPILED = bool(cython.compiled)

# the codes of the rows that operators and methods record
ADD, SUB, MUL, DIV, MOD = rows.add.code, rows.sub.code, rows.mul.code, rows.div.code, rows.mod.code
NEG, POS, POW, FLOORDIV = rows.neg.code, rows.pos.code, rows.pow_.code, rows.floordiv.code
ABS, SIGN, RELU, SIGMOID = rows.abs_.code, rows.sign.code, rows.relu.code, rows.sigmoid.code
EXP, EXP2, EXPM1, SOFTPLUS = rows.exp.code, rows.exp2.code, rows.expm1.code, rows.softplus.code
LOG, LOG2, LOG10, LOG1P = rows.log.code, rows.log2.code, rows.log10.code, rows.log1p.code
SQRT, CBRT, ERF, ERFC = rows.sqrt.code, rows.cbrt.code, rows.erf.code, rows.erfc.code
SIN, COS, TAN, ASIN, ACOS, ATAN = (row.code for row in (rows.sin, rows.cos, rows.tan, rows.asin, rows.acos, rows.atan))
SINH, COSH, TANH = rows.sinh.code, rows.cosh.code, rows.tanh.code
ASINH, ACOSH, ATANH, ATAN2 = rows.asinh.code, rows.acosh.code, rows.atanh.code, rows.atan2.code

DETACH = rows.DETACHED.code
LT, LE, GT, GE, EQ, NE = 0, 1, 2, 3, 4, 5
RELATIONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)

NOTHING: Any = None
PAIR = rows.dot.gather  # a compiled call of a row that gathers so has a shortcut


@cython.no_gc  # nodes point backwards only: they are part of no cycle, unless a subclass's leaf refers to its results
@cython.cclass
class Value:
    """A real number that records what is computed from it.

    ``data`` is the number (a float), ``grad`` the derivative that ``backward`` left here (0.0 if none came, as
    ``has_grad`` tells), ``label`` a name for messages and drawings, ``op`` the primitive that made the node (None: a
    leaf) and ``args`` its operands in order; plain numbers among them stay plain floats and are no nodes.

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

    def __init__(self, data: Number, label: str = "") -> None:
        if self._code:
            raise TypeError(f"{self!r} is the result of {self.op} and cannot be made anew: make another Value")
        self._data = required(data, "Value")
        self._grad = self._xa = self._xb = 0.0
        self._graded = False
        self._a = self._b = NOTHING
        self._index = 0  # its place in the last list that was made of its graph
        self._code: int = 0  # its row in the table; 0 for a leaf
        self._shape = LEAF
        self._birth = born()
        self.label = label

    @property
    def data(self) -> float:
        """The number.  It can be set on a leaf; an intermediate node's is what its operation gave."""
        if self._shape == UNSET:
            unset(self)
        if watching and watched(self):
            _watcher.read(self)
        return self._data

    @data.setter
    def data(self, data: Number) -> None:
        if self._shape == UNSET:
            unset(self)
        if watching and watched(self):
            _watcher.refuse("the data of a Value is set")
        if self._code:
            raise AttributeError(
                f"the data of {self!r} is the result of {self.op}: set the data of a leaf and compute again"
            )
        self._data = required(data, "data")

    @data.deleter
    def data(self) -> None:
        raise AttributeError("the data of a Value cannot be deleted")

    @property
    def grad(self) -> float:
        """The sum of the derivatives that ``backward`` left here, 0.0 before the first; None begins anew."""
        if self._shape == UNSET:
            unset(self)
        return self._grad

    @grad.setter
    def grad(self, grad: Number | None) -> None:
        self._grad = 0.0 if grad is None else required(grad, "grad")
        self._graded = grad is not None

    @grad.deleter
    def grad(self) -> None:
        raise AttributeError("the grad of a Value cannot be deleted: set it to None")

    @property
    def has_grad(self) -> bool:
        """Whether ``grad`` was computed, or set to a number, since it last began anew."""
        if self._shape == UNSET:
            unset(self)
        return bool(self._graded)

    @property
    def label(self) -> str:
        """A name for messages and drawings."""
        if self._shape == UNSET:
            unset(self)
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        if not isinstance(label, str):
            raise TypeError(f"a label is a string, not {type(label).__name__} {label!r}")
        self._label = label

    @label.deleter
    def label(self) -> None:
        raise AttributeError("the label of a Value cannot be deleted: set it to ''")

    @property
    def op(self) -> Primitive | None:
        """The primitive that made this node; None for a leaf."""
        if self._shape == UNSET:
            unset(self)
        return ROWS[self._code]

    @property
    def args(self) -> tuple[Value | float, ...]:
        """The operands in order: Values, and plain floats for plain numbers."""
        if self._shape == UNSET:
            unset(self)
        return operands_of(self)

    def backward(self, grad: Number = 1.0) -> None:
        """Put the derivatives of ``grad * self`` into ``.grad`` of every node this one was computed from.

        Leaves add them to what they hold (set ``.grad = None`` to begin anew); intermediate nodes, this one among
        them, hold the latest call's.  The numbers are those of the forward pass: setting a leaf's data afterwards
        does not change them.  Takes time linear in the number of operations, at any depth.  If a derivative does not
        exist (sqrt at 0), raises ZeroDivisionError, ValueError or OverflowError and leaves every ``.grad`` as it was.
        """
        if watching and watched(self):
            _watcher.refuse("backward is called")
        _backward(self, grad)

    def detach(self) -> Value:
        """A leaf with the same data and label, and no history."""
        if watching and watched(self):
            return _apply(rows.DETACHED, (self,))
        return Value(self.data, self._label)

    # ---- operators ---------------------------------------------------------------------------------------------------

    # fmt: off
    def __add__(self, other: Value | Number) -> Value: return _binary(ADD, self, other)
    def __radd__(self, other: Number) -> Value: return _binary(ADD, other, self)
    def __sub__(self, other: Value | Number) -> Value: return _binary(SUB, self, other)
    def __rsub__(self, other: Number) -> Value: return _binary(SUB, other, self)
    def __mul__(self, other: Value | Number) -> Value: return _binary(MUL, self, other)
    def __rmul__(self, other: Number) -> Value: return _binary(MUL, other, self)
    def __truediv__(self, other: Value | Number) -> Value: return _binary(DIV, self, other)
    def __rtruediv__(self, other: Number) -> Value: return _binary(DIV, other, self)
    def __mod__(self, other: Value | Number) -> Value: return _binary(MOD, self, other)
    def __rmod__(self, other: Number) -> Value: return _binary(MOD, other, self)
    def __floordiv__(self, other: Value | Number) -> Value: return _binary(FLOORDIV, self, other)
    def __rfloordiv__(self, other: Number) -> Value: return _binary(FLOORDIV, other, self)
    def __neg__(self) -> Value: return _unary(NEG, self)
    def __pos__(self) -> Value: return _unary(POS, self)
    def __abs__(self) -> Value: return _unary(ABS, self)
    # fmt: on

    def __pow__(self, other: Value | Number, modulus: None = None) -> Value:
        return _binary(POW, self, other) if modulus is None else NotImplemented

    def __rpow__(self, other: Number, modulus: None = None) -> Value:
        return _binary(POW, other, self) if modulus is None else NotImplemented

    def __divmod__(self, other: Value | Number) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Value, Value]:
        return other // self, other % self

    # ---- comparisons are those of the data; identity is what hash and dict keys go by --------------------------------

    # fmt: off
    def __eq__(self, other: object) -> bool: return _compare(EQ, self, other)
    def __ne__(self, other: object) -> bool: return _compare(NE, self, other)
    def __lt__(self, other: Value | Number) -> bool: return _compare(LT, self, other)
    def __le__(self, other: Value | Number) -> bool: return _compare(LE, self, other)
    def __gt__(self, other: Value | Number) -> bool: return _compare(GT, self, other)
    def __ge__(self, other: Value | Number) -> bool: return _compare(GE, self, other)
    # fmt: on

    def __hash__(self) -> int:
        return id(self) >> 4

    def __bool__(self) -> bool:
        if self._shape == UNSET:
            unset(self)
        if watching and watched(self):
            return bool(_watcher.decide(self))
        return self._data != 0.0

    # ---- nothing drops a gradient in silence -------------------------------------------------------------------------

    # fmt: off
    def __float__(self) -> NoReturn: refuse(self)
    def __int__(self) -> NoReturn: refuse(self)
    def __complex__(self) -> NoReturn: refuse(self)
    def __trunc__(self) -> NoReturn: refuse(self)
    def __floor__(self) -> NoReturn: refuse(self)
    def __ceil__(self) -> NoReturn: refuse(self)
    def __round__(self, ndigits: Any = None) -> NoReturn: refuse(self)
    # fmt: on

    # ---- looks, copies -----------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        grad = f", grad={self._grad!r}" if self._graded else ""
        label = f", label={self._label!r}" if self._label else ""
        return f"{type(self).__name__}({data_of(self)!r}{grad}{label})"

    def __format__(self, spec: str) -> str:
        return format(data_of(self), spec)

    def __copy__(self) -> Value:
        from .copying import copied

        return copied(self)

    def __deepcopy__(self, memo: Any) -> Value:
        from .copying import deepcopied

        return deepcopied(self, memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        from .copying import reduced

        return reduced(self)

    def __setstate__(self, state: tuple[float, float | None, str, dict[str, Any]]) -> None:
        if self._shape == UNSET:
            unset(self)
        data, self.grad, self.label, attributes = state
        self._data = required(data, "data")
        for name, value in attributes.items():  # of a subclass
            setattr(self, name, value)

    # ---- a method for each row of one argument that programs often call, documented below from the table -------------

    # fmt: off
    def exp(self) -> Value: return _unary(EXP, self)
    def expm1(self) -> Value: return _unary(EXPM1, self)
    def exp2(self) -> Value: return _unary(EXP2, self)
    def log(self) -> Value: return _unary(LOG, self)
    def log1p(self) -> Value: return _unary(LOG1P, self)
    def log2(self) -> Value: return _unary(LOG2, self)
    def log10(self) -> Value: return _unary(LOG10, self)
    def sqrt(self) -> Value: return _unary(SQRT, self)
    def cbrt(self) -> Value: return _unary(CBRT, self)
    def sin(self) -> Value: return _unary(SIN, self)
    def cos(self) -> Value: return _unary(COS, self)
    def tan(self) -> Value: return _unary(TAN, self)
    def asin(self) -> Value: return _unary(ASIN, self)
    def acos(self) -> Value: return _unary(ACOS, self)
    def atan(self) -> Value: return _unary(ATAN, self)
    def sinh(self) -> Value: return _unary(SINH, self)
    def cosh(self) -> Value: return _unary(COSH, self)
    def tanh(self) -> Value: return _unary(TANH, self)
    def asinh(self) -> Value: return _unary(ASINH, self)
    def acosh(self) -> Value: return _unary(ACOSH, self)
    def atanh(self) -> Value: return _unary(ATANH, self)
    def erf(self) -> Value: return _unary(ERF, self)
    def erfc(self) -> Value: return _unary(ERFC, self)
    def sigmoid(self) -> Value: return _unary(SIGMOID, self)
    def softplus(self) -> Value: return _unary(SOFTPLUS, self)
    def relu(self) -> Value: return _unary(RELU, self)
    def sign(self) -> Value: return _unary(SIGN, self)
    def floor(self) -> Value: return _apply(rows.floor, (self,))
    def ceil(self) -> Value: return _apply(rows.ceil, (self,))
    def trunc(self) -> Value: return _apply(rows.trunc, (self,))
    # fmt: on

    def leaky_relu(self, slope: Value | Number = 0.01) -> Value:
        return _apply(rows.leaky_relu, (self, slope))

    # ---- names by which NumPy's functions ask the items of an array --------------------------------------------------

    # fmt: off
    arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh
    def fabs(self) -> Value: return _unary(ABS, self)
    def arctan2(self, other: Value | Number) -> Value: return _binary(ATAN2, self, other)
    def hypot(self, other: Value | Number) -> Value: return _apply(rows.hypot, (self, other))
    # fmt: on

    def degrees(self) -> Value:
        """This angle in radians as one in degrees."""
        return _apply(rows.degrees, (self,))

    def radians(self) -> Value:
        """This angle in degrees as one in radians."""
        return _apply(rows.radians, (self,))

    def conjugate(self) -> Value:
        """The number itself, as it is real."""
        return self

    rad2deg, deg2rad = degrees, radians

    @staticmethod
    def _apply(row: Primitive, args: tuple[Any, ...]) -> Value:
        return _apply(row, args)  # the hook by which a row that is called finds out that an argument records


# ---- recording -------------------------------------------------------------------------------------------------------


def _number(x: Any) -> float | None:
    """``x`` as a float if it is a real number (int, float, bool, Fraction, a NumPy real scalar), else None."""
    if type(x) is float:
        return x
    return float(x) if type(x) is int or is_real(x) else None


def required(x: Any, what: str) -> float:
    number = _number(x)
    if number is None:
        remedy = "; a Value already has a history: use it as it is, or its .data" if isinstance(x, Value) else ""
        raise TypeError(f"{what} takes a real number, not {type(x).__name__} {x!r}{remedy}")
    return number


def _compare(relation: int, value: Value, other: Any) -> Any:
    if value._shape == UNSET:
        unset(value)
    a = value._data
    b = 0.0
    if type(other) is float:
        b = other
    elif type(other) is Value or isinstance(other, Value):
        if cast(Value, other)._shape == UNSET:
            unset(other)
        b = cast(Value, other)._data
    elif type(other) is int or is_real(other):  # compared as it is: a float may not have all its digits
        if watching and watched(value):
            return _watcher.compared(relation, value, other)
        return bool(RELATIONS[relation](value._data, other))
    else:
        return NotImplemented
    if watching and (watched(value) or watched(other)):
        return _watcher.compared(relation, value, other)
    if relation == LT:
        return a < b
    if relation == LE:
        return a <= b
    if relation == GT:
        return a > b
    if relation == GE:
        return a >= b
    return a == b if relation == EQ else a != b


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
    off = paused and not _is_on()
    if off and not (watching and _watcher.is_here()):
        code, shape, a, b, xa, xb = 0, LEAF, None, None, 0.0, 0.0
    node = new_node(Value, a, b)
    node._code = code
    node._shape = shape
    node._birth = born()
    node._data = y
    node._xa = xa
    node._xb = xb
    if watching and _watcher.is_here():
        _watcher.note(node._birth)
        if off and code != DETACH:
            return _unary(DETACH, node)
    return node


def freeze(leaf: Value) -> Value:
    """Make a leaf a constant: a node without operands that nobody differentiates by (see ``rows.CONSTANT``)."""
    leaf._code = rows.CONSTANT.code
    return leaf


def constant(number: Any) -> Value:
    """A Value that depends on nothing and is no leaf."""
    return freeze(Value(number))


watching = False  # whether a function is being compiled, in whatever thread
_watcher: Any = None  # what its comparisons and the reading of its numbers are told; see compile/trace.py


def watch(watcher: Any) -> Any:
    """Have the watcher told of comparisons, decisions and reads of its own Values; None: nobody.  Returns the last."""
    global watching, _watcher
    before, _watcher, watching = _watcher, watcher, watcher is not None
    return before


def watched(value: Any) -> bool:
    """Whether a Value was made since a function that is being compiled began, in its thread."""
    return (
        watching
        and (type(value) is Value or isinstance(value, Value))
        and cast(Value, value)._birth >= _watcher.since
        and bool(_watcher.is_here())
    )


def data_of(node: Value) -> float:
    """The number of a Value, for the engine's own use: nobody is told."""
    if node._shape == UNSET:
        unset(node)
    return node._data


recording_here: ContextVar[Switch | None] = ContextVar("recording", default=None)  # the innermost entry
paused = False  # whether a switch was ever off: until then, an operation need not look at the context


@cython.cclass
class Switch:
    """An entry into a context in which operations record, or do not; see ``recording.py``."""

    __slots__ = ("before", "frame", "left", "on", "owner")

    def __init__(self, on: bool, owner: object, before: Switch | None, frame: FrameType | None) -> None:
        global paused
        paused = paused or not on
        self.on = on
        self.owner = owner  # what was entered
        self.before = before  # the entry that this one is within
        self.frame = frame  # the generator that entered, for which alone it holds: not while that is suspended
        self.left = False  # whether it was left before an entry within it was


def _is_on() -> bool:
    """Whether operations record here."""
    switch = current(recording_here)
    while switch is not None:
        if not switch.left and (switch.frame is None or switch.frame.f_back is not None):
            return switch.on
        switch = switch.before
    return True


# ---- a row's function and partials -----------------------------------------------------------------------------------


def _computed(row: Primitive, operands: Any, xs: Any) -> float:
    """The row's own result, with an error that names the operation."""
    try:
        y = row.fn(*xs)
    except ERRORS as error:
        raise explained(error, row, operands, xs) from error
    return y if type(y) is float else required(y, f"the result of {row}")


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


def made(row: Primitive, y: float, args: Iterable[Any], xs: Sequence[float], grad: float | None, label: str) -> Value:
    """A node of these parts: ``args`` are its operands, floats for plain numbers, and ``xs`` the numbers of all."""
    node = Value(y, label)
    node.grad = grad
    node._code = row.code
    operands = tuple([None if type(arg) is float else arg for arg in args])
    if not operands:
        return node  # a constant
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


_backward: Any = NOTHING  # the sweep, which ``backward.py`` puts here when it is imported


def use_backward(function: Callable[[Value, Any], None]) -> None:
    """Have ``Value.backward`` call this function."""
    global _backward
    _backward = function


use_slabs(Value, unset)
use_calls(Primitive)
for _name in Value.__dict__:
    _row = rows.TABLE.get({"arctan2": "atan2", "fabs": "abs"}.get(_name, _name))
    if _row is not None:
        document(Value, _name, f"``autograd.math.{_row}`` of this number{_row.convention and '; '}{_row.convention}.")
