# The C types of value.py, for Cython.  A function that raised gives back a number that hardly any other call does.

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF
from libc.math cimport isfinite

cdef enum:  # how a node keeps its operands; see value.py
    LEAF = 0
    UNARY = 1
    BINARY = 2
    MANY = 3
    UNSET = 4

cdef class Value:
    cdef int _index
    cdef unsigned short _code
    cdef char _shape
    cdef char _graded
    cdef long long _birth
    cdef object _a
    cdef object _b
    cdef double _data
    cdef double _xa
    cdef double _xb
    cdef double _grad
    cdef object _label
    cdef object __weakref__

cdef extern from *:
    int PyContextVar_Get(object variable, PyObject *otherwise, PyObject **value) except -1
    void untrack "PyObject_GC_UnTrack"(object item) noexcept

cdef extern from "native/slab.h":
    void slab_install(PyTypeObject *type, object empty, const char *signature)
    void slab_document(PyTypeObject *type, const char *name, const char *text) noexcept
    Value slab_node(object a, object b)
    tuple row_pair(object a, object b)
    int row_code(object row) noexcept
    bint row_has_arity(object row, int arity) noexcept
    bint row_has_gather(object row, object gather) noexcept
    void row_install(PyTypeObject *type, object (*called)(object, tuple))
    long long born "slab_born"() noexcept

cdef extern from "native/rules.h":
    double compute1 "rules_compute1"(int code, double a)
    double compute2 "rules_compute2"(int code, double a, double b)
    double compute_many "rules_compute"(int code, const double *x, long n)

cdef extern from *:
    """
    #ifndef GLASSGRAD_SOURCES
    #define GLASSGRAD_SOURCES "built by hand"
    #endif
    /* found in the file by native/choice.py: which sources it was compiled from */
    const char *glassgrad_sources = GLASSGRAD_SOURCES;
    """

cdef inline object new_numbers(Py_ssize_t n):
    return PyBytes_FromStringAndSize(NULL, n * sizeof(double))

cdef inline double *doubles(object numbers) noexcept:
    return <double *> PyBytes_AS_STRING(numbers)

cdef inline object current(object variable):
    cdef PyObject *value
    PyContextVar_Get(variable, NULL, &value)
    found = <object> value
    Py_DECREF(found)  # what was got is a reference of its own
    return found

cdef inline void use_slabs(object type, object unset) noexcept:
    slab_install(<PyTypeObject *> type, "", "Value(data, label='')")

cdef inline void document(object type, str name, str text):
    slab_document(<PyTypeObject *> type, name.encode(), text.encode())

cdef inline Value new_node(object kind, object a, object b):
    return slab_node(a, b)

cdef int ADD, SUB, MUL, DIV, MOD, NEG, POS, POW, FLOORDIV, ABS, SIGN, RELU, SIGMOID, EXP, EXP2, EXPM1, SOFTPLUS
cdef int LOG, LOG2, LOG10, LOG1P, SQRT, CBRT, ERF, ERFC, SIN, COS, TAN, ASIN, ACOS, ATAN, SINH, COSH, TANH
cdef int ASINH, ACOSH, ATANH, ATAN2
cdef object PAIR
cdef bint COMPILED, paused, watching
cdef int DETACH, LT, LE, GT, GE, EQ, NE
cdef object _watcher
cdef object _backward

@cython.final
cdef class Switch:
    cdef public bint on
    cdef public bint left
    cdef public object owner
    cdef public Switch before
    cdef public object frame

@cython.locals(switch=Switch)
cdef bint _is_on() except -1

@cython.locals(y=double)
cdef Value _unary(int code, Value a)
@cython.locals(y=double, xa=double, xb=double)
cdef object _binary(int code, object a, object b)
@cython.locals(n=Py_ssize_t, i=Py_ssize_t, xs="double *", operands=tuple, holed=list, pure=bint, y=double)
cdef Value _many(object row, tuple args)
@cython.locals(xs="double *", i=Py_ssize_t)
cdef tuple _floats(object numbers, Py_ssize_t n)
@cython.locals(node=Value, off=bint)
cdef Value _node(int code, int shape, double y, object a, object b, double xa, double xb)
cdef object _number(object x)
cdef double required(object x, str what) except? -7.123e-307
cdef double _computed(object row, object operands, object xs) except? -7.123e-307
cpdef tuple operands_of(Value node)
cpdef tuple numbers_of(Value node)
cpdef Value freeze(Value leaf)
@cython.locals(node=Value, numbers="double *", i=Py_ssize_t)
cpdef Value made(object row, double y, object args, object xs, object grad, object label)
@cython.locals(a=double, b=double)
cdef object _compare(int relation, Value value, object other)
cpdef double data_of(Value node) except? -7.123e-307
cpdef bint watched(object value) except -1

# A row that is called by its name (relu(x), dot(ws, xs)) goes through Python; here are the shortcuts for the calls that
# programs make most.  Whatever else is given takes the way through Python, errors too.

cdef inline object _recorded(object row, tuple args):
    for arg in args:
        if type(arg) is not float:
            return _many(row, args) if type(arg) is Value and row_has_arity(row, -1) else NotImplemented
    return NotImplemented

cdef inline object called(object row, tuple args):
    cdef object a, b
    if len(args) == 1:
        a = args[0]
        if type(a) is Value and row_has_gather(row, None):
            return _unary(row_code(row), a) if row_has_arity(row, 1) else NotImplemented
        if (type(a) is list or type(a) is tuple) and row_has_gather(row, tuple):
            return _recorded(row, tuple(a))
    elif len(args) == 2:
        a, b = args
        if row_has_gather(row, None):
            if row_has_arity(row, 2) and (type(a) is Value or (type(a) is float and type(b) is Value)):
                return _binary(row_code(row), a, b)
        elif row_has_gather(row, PAIR) and type(a) in (list, tuple) and type(b) in (list, tuple):
            if len(a) == len(b):
                return _recorded(row, row_pair(a, b))
    return NotImplemented

cdef inline void use_calls(object type) noexcept:
    row_install(<PyTypeObject *> type, called)
