"""``Value``: a number that remembers how it was made, and the sweep that turns the memory into gradients.

Every operation on Values makes a node that holds its result, the code of its row in the table, its operands and the
operands' numbers as they were.  Nodes point backwards only, so a graph is freed as soon as its output is dropped.

This file runs as it stands, and Cython compiles it as it stands (the ``cython`` names only add C types).  Compiled, a
row's function and its partials are first tried in C, as generated from the table (``native/rules.h``); whatever is
not finite there is computed again by the row itself, so that results, exceptions and messages are the same.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Real
from typing import Any, NoReturn

import cython

from . import primitives as rows
from .primitives import ROWS, Primitive

if not cython.compiled:
    try:
        # A node refers to older nodes only and so is never part of a cycle, yet CPython's collector would walk all live
        # nodes again and again, which makes an operation the dearer the larger the graph (5 times at a million nodes).
        from ctypes import py_object, pythonapi

        _untrack: Callable[[object], None] = pythonapi.PyObject_GC_UnTrack
        _untrack.argtypes, _untrack.restype = [py_object], None  # type: ignore[attr-defined]  # a ctypes function
    except (ImportError, AttributeError):  # not CPython: its collector decides

        def _untrack(node: object) -> None:
            return None

else:

    @cython.cfunc
    def _untrack(node: object) -> None:  # a compiled Value never was in the collector's lists
        pass


COMPILED = cython.compiled
SOURCES = GLASSGRAD_SOURCES if cython.compiled else b""  # which sources this was compiled from, see native/choice.py
_ERRORS = (ValueError, ZeroDivisionError, OverflowError)

# How a node keeps its operands; None stands in the place of an operand that is a plain number.
LEAF = cython.declare(cython.int, 0)  # none
UNARY = cython.declare(cython.int, 1)  # one in _a, its number in _xa
BINARY = cython.declare(cython.int, 2)  # two in _a and _b, their numbers in _xa and _xb
MANY = cython.declare(cython.int, 3)  # a tuple in _a, an array of their numbers in _b

# the codes of the rows that operators and methods record
ADD = cython.declare(cython.int, rows.add.code)
SUB = cython.declare(cython.int, rows.sub.code)
MUL = cython.declare(cython.int, rows.mul.code)
DIV = cython.declare(cython.int, rows.div.code)
NEG = cython.declare(cython.int, rows.neg.code)
POS = cython.declare(cython.int, rows.pos.code)
POW = cython.declare(cython.int, rows.pow_.code)
MOD = cython.declare(cython.int, rows.mod.code)
FLOORDIV = cython.declare(cython.int, rows.floordiv.code)
ABS = cython.declare(cython.int, rows.abs_.code)
SIGN = cython.declare(cython.int, rows.sign.code)
RELU = cython.declare(cython.int, rows.relu.code)
EXP = cython.declare(cython.int, rows.exp.code)
EXP2 = cython.declare(cython.int, rows.exp2.code)
EXPM1 = cython.declare(cython.int, rows.expm1.code)
LOG = cython.declare(cython.int, rows.log.code)
LOG10 = cython.declare(cython.int, rows.log10.code)
LOG1P = cython.declare(cython.int, rows.log1p.code)
LOG2 = cython.declare(cython.int, rows.log2.code)
SQRT = cython.declare(cython.int, rows.sqrt.code)
CBRT = cython.declare(cython.int, rows.cbrt.code)
SIN = cython.declare(cython.int, rows.sin.code)
COS = cython.declare(cython.int, rows.cos.code)
TAN = cython.declare(cython.int, rows.tan.code)
ASIN = cython.declare(cython.int, rows.asin.code)
ACOS = cython.declare(cython.int, rows.acos.code)
ATAN = cython.declare(cython.int, rows.atan.code)
SINH = cython.declare(cython.int, rows.sinh.code)
COSH = cython.declare(cython.int, rows.cosh.code)
TANH = cython.declare(cython.int, rows.tanh.code)
ASINH = cython.declare(cython.int, rows.asinh.code)
ACOSH = cython.declare(cython.int, rows.acosh.code)
ATANH = cython.declare(cython.int, rows.atanh.code)
ERF = cython.declare(cython.int, rows.erf.code)
ERFC = cython.declare(cython.int, rows.erfc.code)
SIGMOID = cython.declare(cython.int, rows.sigmoid.code)
SOFTPLUS = cython.declare(cython.int, rows.softplus.code)

_rows = cython.declare(list, ROWS)
AHEAD = cython.declare(cython.int, 32)  # how many nodes ahead the memory is asked to fetch
_births = cython.declare(cython.longlong, 0)  # how many nodes were ever made
_dead = cython.declare(cython.bint, False)  # whether the partial just computed was an integer 0
_depth = cython.declare(cython.int, 0)
_dying = cython.declare(list, [])


@cython.no_gc  # type: ignore[untyped-decorator]  # Cython publishes no type for it
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
    """

    __slots__ = (
        "__weakref__", "_a", "_b", "_birth", "_code", "_data", "_grad", "_graded", "_index", "_label", "_shape", "_xa", "_xb",
    )  # fmt: skip

    _birth: cython.longlong  # how many nodes were made before it
    _index: cython.int  # its place in the last list of nodes that was made of its graph
    _code: cython.short  # its row in the table; 0 for a leaf
    _shape: cython.char  # how it keeps its operands
    _graded: cython.char  # whether grad was computed
    _a: object
    _b: object
    _data: cython.double
    _xa: cython.double
    _xb: cython.double
    _grad: cython.double
    _label: object
    __weakref__: object

    def __init__(self, data: Any, label: Any = "") -> None:
        self._data = _required(data, "Value")
        self._grad = self._xa = self._xb = 0.0
        self._graded = False
        self._a = self._b = None
        self._index = self._code = self._shape = 0
        self._birth = _born()
        self.label = label

    @property
    def data(self) -> float:
        """The number.  It can be set on a leaf; an intermediate node's is what its operation gave."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        if self._code:
            raise AttributeError(
                f"the data of {self!r} is the result of {self.op}: set the data of a leaf and compute again"
            )
        self._data = _required(data, "data")

    @property
    def grad(self) -> float | None:
        """The derivative that ``backward`` left here; None as long as it was not computed."""
        return self._grad if self._graded else None

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._grad = 0.0 if grad is None else _required(grad, "grad")
        self._graded = grad is not None

    @property
    def label(self) -> str:
        """A name for messages and drawings."""
        return self._label  # type: ignore[return-value]  # the setter sees to it

    @label.setter
    def label(self, label: Any) -> None:
        if not isinstance(label, str):
            raise TypeError(f"a label is a string, not {type(label).__name__} {label!r}")
        self._label = label

    @property
    def op(self) -> Primitive | None:
        """The primitive that made this node; None for a leaf."""
        return ROWS[self._code]  # type: ignore[no-any-return]

    @property
    def args(self) -> tuple[Value | float, ...]:
        """The operands in order: Values, and plain floats for plain numbers."""
        return _operands(self)

    def backward(self, grad: Any = 1.0) -> None:
        """Put the derivatives of ``grad * self`` into ``.grad`` of every node this one was computed from.

        Leaves add them to what they hold (set ``.grad = None`` to start anew); intermediate nodes, this one among
        them, hold the latest call's.  The numbers are those of the forward pass: setting a leaf's data afterwards
        does not change them.  Takes time linear in the number of operations, at any depth.  If a derivative does not
        exist (sqrt at 0), raises ZeroDivisionError, ValueError or OverflowError and leaves every ``.grad`` as it was.
        """
        order: _Nodes = _ordered((self,), ())
        n = order.n
        adjoints = array("d", bytes(8 * n))
        adjoints[n - 1] = _required(grad, "backward")
        reached = bytearray(n)
        reached[n - 1] = 1
        _sweep(order, adjoints, reached, bytearray(b"\x01") * n)
        _keep(order, adjoints)

    def detach(self) -> Value:
        """A leaf with the same data and label, and no history."""
        return Value(self._data, self._label)

    def __dealloc__(self) -> None:
        # Compiled only (Python has its own way): lets go of the operands without a C stack as deep as the graph.
        global _depth
        if self._shape == LEAF:
            return
        if _depth < 100:
            _depth += 1
            self._a = None
            self._b = None
            _depth -= 1
            if _depth == 0:
                while _dying:
                    _dying.pop()
        else:
            _dying.append(self._a)
            _dying.append(self._b)

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

    def __pow__(self, other: Any) -> Value:
        return _binary(POW, self, other)

    def __rpow__(self, other: Any) -> Value:
        return _binary(POW, other, self)

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
        return self._data != 0.0

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
        return f"{type(self).__name__}({self._data!r}{grad}{label})"

    def __format__(self, spec: str) -> str:
        return format(self._data, spec)

    def __copy__(self) -> Value:
        return _copied(self, None)

    def __deepcopy__(self, memo: Any) -> Value:
        for node in topological(self):
            if id(node) not in memo:
                memo[id(node)] = _copied(node, memo)
        return memo[id(self)]  # type: ignore[no-any-return]  # a memo holds anything

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # A graph is pickled as one flat list, so that its depth does not matter; its leaves are pickled as objects, so
        # that outputs pickled together share them.
        if not self._code:
            return (_leaf, (type(self),), _state(self))
        index: dict[Value, int] = {}
        program: list[Any] = []
        for node in topological(self):
            index[node] = len(program)
            if node.op is None:
                program.append(node)
            else:
                args = tuple([arg if type(arg) is float else index[arg] for arg in node.args])
                program.append((node.op, node.data, args, _numbers(node), node.grad, node.label))
        return (_unpickled, (program,))

    def __setstate__(self, state: tuple[float, float | None, str, dict[str, Any] | None]) -> None:
        self._data, self.grad, self.label, attributes = state
        if attributes:
            self.__dict__.update(attributes)

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


if cython.compiled:
    slab_install(cython.cast(cython.pointer(PyTypeObject), Value))


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
        other = cython.cast(Value, other)._data
    elif not _is_real(other):
        return NotImplemented  # type: ignore[no-any-return]  # as the protocol of comparisons has it
    return bool(relation(value._data, other))


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
            return node  # type: ignore[no-any-return]  # a Value
    return _many(row, args)


@cython.cfunc
def _unary(code: cython.int, a: Value) -> Value:
    y: cython.double
    try:
        y = _compute1(code, a._data)
    except _ERRORS as error:
        raise _explained(error, _rows[code], (a,), (a._data,)) from error
    node: Value = _node(code, UNARY, y)
    if node._shape != LEAF:
        node._a = a
        node._xa = a._data
    return node


@cython.cfunc
def _binary(code: cython.int, a: Any, b: Any) -> Any:
    """The node of an operator, or NotImplemented if an operand is not a real number."""
    xa: cython.double
    xb: cython.double
    y: cython.double
    if type(a) is Value or isinstance(a, Value):
        xa = cython.cast(Value, a)._data
    else:
        number = a if type(a) is float else _number(a)
        if number is None:
            return NotImplemented
        a, xa = None, number
    if type(b) is Value or isinstance(b, Value):
        xb = cython.cast(Value, b)._data
    else:
        number = b if type(b) is float else _number(b)
        if number is None:
            return NotImplemented
        b, xb = None, number
    try:
        y = _compute2(code, xa, xb)
    except _ERRORS as error:
        raise _explained(error, _rows[code], (a, b), (xa, xb)) from error
    node: Value = _node(code, BINARY, y)
    if node._shape != LEAF:
        node._a = a
        node._b = b
        node._xa = xa
        node._xb = xb
    return node


@cython.cfunc
def _many(row: Any, args: tuple) -> Value:
    i: cython.Py_ssize_t
    n: cython.Py_ssize_t = len(args)
    numbers = array("d", bytes(8 * n))
    xs: cython.double[::1] = numbers
    operands: list = [None] * n
    for i in range(n):
        arg = args[i]
        if type(arg) is Value or isinstance(arg, Value):
            operands[i] = arg
            xs[i] = cython.cast(Value, arg)._data
        else:
            number = _number(arg)
            if number is None:
                raise TypeError(f"{row} takes real numbers and Values, not {type(arg).__name__} {arg!r}")
            xs[i] = number
    y: cython.double
    try:
        y = _compute(row.code, xs)
    except _ERRORS as error:
        raise _explained(error, row, operands, tuple(numbers)) from error
    node: Value = _node(row.code, MANY, y)
    if node._shape != LEAF:
        node._a = tuple(operands)
        node._b = numbers
    return node


@cython.cfunc
@cython.inline
def _born() -> cython.longlong:
    global _births
    _births += 1
    return _births - 1


@cython.cfunc
def _node(code: cython.int, shape: cython.int, y: cython.double) -> Value:
    """A node without its operands; a leaf where nothing is recorded."""
    node: Value = Value.__new__(Value)
    node._data = y
    node._label = ""
    node._index = 0
    node._birth = _born()
    if not cython.compiled:  # there, what is not set is 0 or None
        node._grad = node._xa = node._xb = 0.0
        node._graded = False
        node._a = node._b = None
        _untrack(node)
    if _paused and not _recording.get():
        node._code = node._shape = 0
    else:
        node._code = code
        node._shape = shape
    return node


def freeze(leaf: Value) -> Value:
    """Make a leaf a constant: a node without operands that nobody differentiates by (see ``rows.CONSTANT``)."""
    leaf._code = rows.CONSTANT.code
    return leaf


def constant(number: Any) -> Value:
    """A Value that depends on nothing and is no leaf."""
    return freeze(Value(number))


# ---- a row's function and partials, in C where there is C for it and the result is finite -----------------------------


@cython.cfunc
@cython.inline
@cython.exceptval(-1, check=True)
def _compute1(code: cython.int, a: cython.double) -> cython.double:
    if cython.compiled:
        y: cython.double = rules_compute1(code, a)
        if isfinite(y):
            return y
    return _float(_rows[code].fn(a), code)


@cython.cfunc
@cython.inline
@cython.exceptval(-1, check=True)
def _compute2(code: cython.int, a: cython.double, b: cython.double) -> cython.double:
    if cython.compiled:
        y: cython.double = rules_compute2(code, a, b)
        if isfinite(y):
            return y
    return _float(_rows[code].fn(a, b), code)


@cython.cfunc
@cython.exceptval(-1, check=True)
def _compute(code: cython.int, xs: cython.double[::1]) -> cython.double:
    if cython.compiled:
        if len(xs) > 0:
            y: cython.double = rules_compute(code, cython.address(xs[0]), len(xs))
            if isfinite(y):
                return y
    return _float(_rows[code].fn(*xs), code)


@cython.cfunc
@cython.inline
def _float(y: Any, code: cython.int) -> Any:
    return y if type(y) is float else _required(y, f"the result of {_rows[code]}")


@cython.cfunc
@cython.inline
@cython.exceptval(-1, check=True)
def _partial1(code: cython.int, y: cython.double, a: cython.double) -> cython.double:
    global _dead
    if cython.compiled:
        p: cython.double = rules_partial1(code, y, a)
        if isfinite(p):
            if p == 0:
                _dead = rules_dead1(code, y, a)
            return p
    return _checked(_rows[code].partials[0](y, a))


@cython.cfunc
@cython.inline
@cython.exceptval(-1, check=True)
def _partial2(code: cython.int, by: cython.int, y: cython.double, a: cython.double, b: cython.double) -> cython.double:
    global _dead
    if cython.compiled:
        p: cython.double = rules_partial2(code, by, y, a, b)
        if isfinite(p):
            if p == 0:
                _dead = rules_dead2(code, by, y, a, b)
            return p
    return _checked(_rows[code].partials[by](y, a, b))


@cython.cfunc
@cython.exceptval(-1, check=True)
def _partial(node: Value, by: cython.Py_ssize_t, xs: cython.double[::1], partials: list) -> cython.double:
    """The partial by operand ``by`` of a node of many; ``partials`` is where all are kept that a rule gives at once."""
    global _dead
    if cython.compiled:
        p: cython.double = rules_partial(node._code, by, len(xs), node._data, cython.address(xs[0]))
        if isfinite(p):
            if p == 0:
                _dead = rules_dead(node._code, by, len(xs), node._data, cython.address(xs[0]))
            return p
    row = _rows[node._code]
    if row.arity is not None:
        return _checked(row.partials[by](node._data, *xs))
    if not partials:
        partials.extend(row.partials(node._data, *xs))
    return _checked(partials[by])


@cython.cfunc
def _checked(partial: Any) -> Any:
    global _dead
    if type(partial) is int and partial == 0:
        _dead = True
    return partial


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
    """The operands in order, plain numbers as floats."""
    shape = node._shape
    if shape == BINARY:
        return (node._xa if node._a is None else node._a, node._xb if node._b is None else node._b)
    if shape == UNARY:
        return (node._a,)
    return tuple([x if a is None else a for a, x in zip(node._a, node._b, strict=True)]) if shape == MANY else ()


def _numbers(node: Value) -> tuple[float, ...]:
    """The operands' numbers when the node was recorded."""
    shape = node._shape
    if shape == BINARY:
        return (node._xa, node._xb)
    if shape == UNARY:
        return (node._xa,)
    return tuple(node._b) if shape == MANY else ()


@cython.final
@cython.cclass
class _Nodes:
    """A list of nodes that grows at its end; compiled, it does not own them: the outputs they led to keep them alive."""

    __slots__ = ("items", "n", "room")

    items: cython.pointer(cython.p_void)
    n: cython.Py_ssize_t
    room: cython.Py_ssize_t

    def __init__(self, room: cython.Py_ssize_t) -> None:
        self.n = 0
        self.room = room if room > 0 else 1
        if cython.compiled:
            self.items = cython.cast(
                cython.pointer(cython.p_void), PyMem_Calloc(self.room, cython.sizeof(cython.p_void))
            )
            if self.items is cython.NULL:
                raise MemoryError
        else:
            self.items = [None] * self.room

    def __dealloc__(self) -> None:
        PyMem_Free(self.items)


@cython.cfunc
@cython.exceptval(-1)
def _grow(nodes: _Nodes) -> cython.int:
    if cython.compiled:
        more = cython.cast(
            cython.pointer(cython.p_void), PyMem_Realloc(nodes.items, 2 * nodes.room * cython.sizeof(cython.p_void))
        )
        if more is cython.NULL:
            raise MemoryError
        nodes.items = more
    else:
        nodes.items.extend([None] * nodes.room)
    nodes.room *= 2
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _push(nodes: _Nodes, node: cython.p_void) -> cython.int:
    """Put the node at the end.  Taken as a pointer, it is not touched: it may be far from the processor."""
    if nodes.n == nodes.room:
        _grow(nodes)
    nodes.items[nodes.n] = node
    nodes.n += 1
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _request(nodes: _Nodes, node: cython.p_void) -> cython.int:
    """Put the node at the end, and have the memory fetch it, which is most of what a large sweep waits for."""
    if cython.compiled:
        slab_prefetch(node)
    return _push(nodes, node)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _place(nodes: _Nodes, node: Value) -> cython.int:
    """Put the node at the end, unless it lies in this list already: then return 1."""
    if _placed(nodes, node):
        return 1
    node._index = nodes.n
    return _push(nodes, cython.cast(cython.p_void, node))


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _placed(nodes: _Nodes, node: Value) -> cython.bint:
    """Whether the node's index is its place in this list: an index from another list shows by what lies there."""
    return node._index < nodes.n and nodes.items[node._index] is cython.cast(cython.p_void, node)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _prefetch(nodes: _Nodes, i: cython.Py_ssize_t) -> cython.void:
    """Have the memory fetch a node that is due soon."""
    if cython.compiled and 0 <= i < nodes.n:
        slab_prefetch(nodes.items[i])


def topological(*outputs: Value, stop: Container[Value] = ()) -> list[Value]:
    """All nodes that the outputs were computed from, operands before results; nothing behind a node in ``stop``.

    The order matters as soon as a node has two uses: in ``b = a + a; c = b + b`` b must have both returns from c before
    it passes anything on to a.  A node is younger than its operands, so it is enough to collect the nodes and to put
    them in the order of their birth: leaves first, then the results.
    """
    order: _Nodes = _ordered(outputs, stop)
    i: cython.Py_ssize_t
    return [cython.cast(Value, order.items[i]) for i in range(order.n)]


@cython.cfunc
def _ordered(outputs: tuple, stop: Any) -> _Nodes:
    queue: _Nodes = _Nodes(64)
    found: _Nodes = _Nodes(64)
    results: _Nodes = _Nodes(64)
    leaves: list = []
    node: Value
    oldest: cython.longlong = _births
    i: cython.Py_ssize_t = 0
    stops: cython.bint = bool(stop)
    for node in outputs:
        _push(queue, cython.cast(cython.p_void, node))
    while i < queue.n:
        node = cython.cast(Value, queue.items[i])
        i += 1
        if _place(found, node):
            continue
        if node._shape == LEAF or (stops and node in stop):
            leaves.append(node)
            continue
        _push(results, queue.items[i - 1])
        if node._birth < oldest:
            oldest = node._birth
        if node._shape == MANY:
            for operand in node._a:
                if operand is not None:
                    _request(queue, cython.cast(cython.p_void, operand))
            continue
        if node._a is not None:
            _request(queue, cython.cast(cython.p_void, node._a))
        if node._b is not None:
            _request(queue, cython.cast(cython.p_void, node._b))
    leaves.sort(key=_birth_of)
    return _by_birth(leaves, results, oldest)


def _birth_of(node: Value) -> Any:
    return node._birth


@cython.cfunc
def _by_birth(leaves: list, results: _Nodes, oldest: cython.longlong) -> _Nodes:
    """The leaves, and then the results in the order of their birth; raises RuntimeError if one was found twice."""
    order: _Nodes = _Nodes(len(leaves) + results.n)
    span: cython.Py_ssize_t = _births - oldest
    twice: cython.int = 0
    node: Value
    i: cython.Py_ssize_t
    for node in leaves:
        twice |= _place(order, node)
    if span <= 4 * results.n:  # a program's results were mostly born one after another: a place for each
        places: _Nodes = _Nodes(span)
        places.n = span
        for i in range(results.n):
            _prefetch(results, i + AHEAD)
            node = cython.cast(Value, results.items[i])
            places.items[node._birth - oldest] = results.items[i]
        for i in range(span):
            _prefetch(places, i + AHEAD)
            if places.items[i] is not cython.NULL:
                twice |= _place(order, cython.cast(Value, places.items[i]))
        twice |= order.n != len(leaves) + results.n
    else:
        rest: list = [cython.cast(Value, results.items[i]) for i in range(results.n)]
        rest.sort(key=_birth_of)
        for node in rest:
            twice |= _place(order, node)
    if twice:
        raise RuntimeError(_MEANWHILE)
    return order


_MEANWHILE = "the graph was swept by another thread, or by a rule of its own, at the same time"


def edges(node: Value, active: Container[Value] | None = None, lift: bool = False) -> list[tuple[Value, Any]]:
    """The operands of a node that are Values (and in ``active``, if given), each with the partial derivative by it.

    The table's rules run here and nowhere else: on the numbers of the forward pass, or, with ``lift``, on the Values
    themselves, which makes the partials Values that can be differentiated again.
    """
    row = node.op
    if row is None or not node._shape:
        return []
    args = _operands(node)
    y: Any
    xs: Any
    y, xs = (node, args) if lift else (node.data, _numbers(node))
    if lift:
        _check_unchanged(node)
    rules: Any = row.partials
    result: list[tuple[Value, Any]] = []
    by = 0
    try:
        if row.arity is None:
            for arg, partial in zip(args, rules(y, *xs), strict=True):
                if type(arg) is not float and (active is None or arg in active):
                    result.append((arg, partial))
        else:
            for by, arg in enumerate(args):  # the handler below reads `by`
                if type(arg) is not float and (active is None or arg in active):
                    result.append((arg, rules[by](y, *xs)))
    except _ERRORS as error:
        raise _explained(error, row, args, _numbers(node), by) from error
    return result


def _check_unchanged(node: Value) -> None:
    for arg, x in zip(_operands(node), _numbers(node), strict=True):
        if type(arg) is not float and arg.data != x and (arg.data == arg.data or x == x):
            raise RuntimeError(
                f"{arg!r} was {x!r} when {node.op} was computed from it: "
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


# ---- the sweep on floats: what backward and first derivatives run on --------------------------------------------------


def sweep_floats(nodes: list[Value], seeds: dict[Value, float], inputs: list[Value]) -> list[float]:
    """The adjoints of ``inputs`` as floats; as ``sweep``, confined to what lies between the seeds and the inputs."""
    order: _Nodes = _Nodes(len(nodes))
    i: cython.Py_ssize_t
    node: Value
    for node in nodes:
        if _place(order, node):
            raise RuntimeError(_MEANWHILE)
    roles = bytearray(order.n + 1)
    for node in inputs:
        if _placed(order, node):
            roles[node._index] = STOP
    for i in range(order.n):
        if roles[i] == IDLE:
            for arg in _operands(cython.cast(Value, order.items[i])):
                if type(arg) is not float and roles[_index(order, arg)] != IDLE:
                    roles[i] = PASS
                    break
    adjoints = array("d", bytes(8 * order.n + 8))
    reached = bytearray(order.n + 1)
    for node, seed in seeds.items():
        adjoints[node._index] = seed
        reached[node._index] = 1
    _sweep(order, adjoints, reached, roles)
    return [adjoints[node._index] if _placed(order, node) else 0.0 for node in inputs]


IDLE = cython.declare(cython.int, 0)  # does not depend on the inputs
PASS = cython.declare(cython.int, 1)  # passes its adjoint on to its operands
STOP = cython.declare(cython.int, 2)  # an input: keeps its adjoint


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _index(order: _Nodes, node: Value) -> cython.Py_ssize_t:
    if not _placed(order, node):
        raise RuntimeError(_MEANWHILE)
    return node._index


@cython.cfunc
def _sweep(order: _Nodes, adjoints: cython.double[::1], reached: cython.uchar[::1], roles: cython.uchar[::1]) -> Any:
    """Reverse mode on floats, as ``sweep``; ``roles`` says of each node IDLE, PASS or STOP."""
    global _dead
    i: cython.Py_ssize_t
    k: cython.Py_ssize_t
    g: cython.double
    p: cython.double
    xs: cython.double[::1] = adjoints
    node: Value = None
    arg: Value
    shape: cython.int
    count: cython.Py_ssize_t
    by: cython.Py_ssize_t = 0
    try:
        for i in range(order.n - 1, -1, -1):
            _prefetch(order, i - AHEAD)
            node = cython.cast(Value, order.items[i])
            shape = node._shape
            if shape == LEAF or not reached[i] or roles[i] != PASS:
                continue
            g = adjoints[i]
            count = shape
            if shape == MANY:
                count = len(node._a)
                xs = node._b
                partials: list = []
            for by in range(count):
                operand = node._b if by and shape == BINARY else node._a[by] if shape == MANY else node._a
                if operand is None:
                    continue
                arg = cython.cast(Value, operand)
                k = _index(order, arg)
                if roles[k] == IDLE:
                    continue
                if shape == BINARY:
                    p = _partial2(node._code, by, node._data, node._xa, node._xb)
                elif shape == UNARY:
                    p = _partial1(node._code, node._data, node._xa)
                else:
                    p = _partial(node, by, xs, partials)
                if p == 0 and _dead:
                    _dead = False
                else:
                    adjoints[k] += g * p
                    reached[k] = 1
    except _ERRORS as error:
        raise _explained(error, node.op, _operands(node), _numbers(node), by) from error


@cython.cfunc
def _keep(order: _Nodes, adjoints: cython.double[::1]) -> Any:
    """Write the adjoints to the nodes: leaves add them to what they hold."""
    i: cython.Py_ssize_t
    node: Value
    for i in range(order.n):
        _prefetch(order, i + AHEAD)
        node = cython.cast(Value, order.items[i])
        node._grad = node._grad + adjoints[i] if node._code == 0 and node._graded else adjoints[i]
        node._graded = True


# ---- copies and pickles ----------------------------------------------------------------------------------------------


def _copied(node: Value, memo: Any) -> Value:
    """A node like this one, of the same operands, or of those that the memo has for them."""
    if node._code == 0:
        leaf = _leaf(type(node))
        leaf.__setstate__(_state(node))
        return leaf
    args = [arg if memo is None or type(arg) is float else memo[id(arg)] for arg in _operands(node)]
    return _made(node.op, node._data, args, _numbers(node), node.grad, node._label)


def _state(node: Value) -> tuple[float, float | None, str, Any]:
    return (node._data, node.grad, node._label, getattr(node, "__dict__", None))


def _made(row: Any, y: float, args: Any, xs: Any, grad: Any, label: str) -> Value:
    node: Value = Value(y, label)
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
        node._a, node._b = operands, array("d", xs)
    _untrack(node)
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
