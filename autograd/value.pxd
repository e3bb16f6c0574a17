# The C types of value.py, for Cython.  A function that raised gives back a number that hardly any other call does.

cimport cython
from cpython.array cimport array, clone
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyTypeObject
from libc.math cimport isfinite
from libc.string cimport memset

cdef extern from "native/slab.h":
    void slab_install(PyTypeObject *type)
    void slab_prefetch(void *address)

cdef extern from "native/rules.h":
    double compute1 "rules_compute1"(int code, double a)
    double compute2 "rules_compute2"(int code, double a, double b)
    double compute_many "rules_compute"(int code, const double *x, long n)
    double partial1 "rules_partial1"(int code, double y, double a)
    double partial2 "rules_partial2"(int code, long by, double y, double a, double b)
    double partial_many "rules_partial"(int code, long by, long n, double y, const double *x)
    bint dead1 "rules_dead1"(int code, double y, double a)
    bint dead2 "rules_dead2"(int code, long by, double y, double a, double b)
    bint dead_many "rules_dead"(int code, long by, long n, double y, const double *x)

cdef extern from *:
    """
    #ifndef GLASSGRAD_SOURCES
    #define GLASSGRAD_SOURCES "built by hand"
    #endif
    /* found in the file by native/choice.py: which sources it was compiled from */
    const char *glassgrad_sources = GLASSGRAD_SOURCES;
    """

cdef array DOUBLES

cdef inline array new_numbers(Py_ssize_t n):
    return clone(DOUBLES, n, True)

cdef inline double *doubles(object numbers) noexcept:
    return (<array> numbers).data.as_doubles

cdef inline void prefetch(void *node) noexcept:
    slab_prefetch(node)

cdef inline void untrack(object node) noexcept:
    pass

cdef inline list places_of(list inputs, list nodes):  # asked only where interpreted
    return None

cdef inline void use_slabs(object type) noexcept:
    slab_install(<PyTypeObject *> type)

cdef inline void **more_room(void **items, Py_ssize_t room, Py_ssize_t more) except NULL:
    items = <void **> PyMem_Realloc(items, (room + more) * sizeof(void *))
    if items is NULL:
        raise MemoryError
    memset(items + room, 0, more * sizeof(void *))
    return items

cdef inline void free(void **items) noexcept:
    PyMem_Free(items)

cdef int ADD, SUB, MUL, DIV, MOD, NEG, POS, POW, FLOORDIV, ABS, SIGN, RELU, SIGMOID, EXP, EXP2, EXPM1, SOFTPLUS
cdef int LOG, LOG2, LOG10, LOG1P, SQRT, CBRT, ERF, ERFC, SIN, COS, TAN, ASIN, ACOS, ATAN, SINH, COSH, TANH
cdef int ASINH, ACOSH, ATANH
cdef int LEAF, UNARY, BINARY, MANY, IDLE, PASS, STOP, AHEAD
cdef long long births
cdef bint COMPILED, dead, paused

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

@cython.final
cdef class Nodes:
    cdef void **items
    cdef Py_ssize_t n
    cdef Py_ssize_t room

@cython.locals(y=double, node=Value)
cdef Value _unary(int code, Value a)
@cython.locals(y=double, xa=double, xb=double, node=Value)
cdef object _binary(int code, object a, object b)
@cython.locals(n=Py_ssize_t, i=Py_ssize_t, numbers=array, xs="double *", operands=list, code=int, y=double, node=Value)
cdef Value _many(object row, tuple args)
cdef long long _born() noexcept
@cython.locals(node=Value)
cdef Value _node(int code, int shape, double y)
@cython.locals(y=double)
cdef double _compute1(int code, double a) except? -7.123e-307
@cython.locals(y=double)
cdef double _compute2(int code, double a, double b) except? -7.123e-307
@cython.locals(y=double)
cdef double _compute(int code, array numbers) except? -7.123e-307
@cython.locals(p=double)
cdef double _partial1(int code, double y, double a) except? -7.123e-307
@cython.locals(p=double)
cdef double _partial2(int code, int by, double y, double a, double b) except? -7.123e-307
@cython.locals(p=double, xs="double *", n=long)
cdef double _partial(Value node, Py_ssize_t by, list partials) except? -7.123e-307

cpdef tuple operands_of(Value node)
cpdef tuple numbers_of(Value node)
cdef int _push(Nodes nodes, void *node) except -1
cdef int _request(Nodes nodes, void *node) except -1
cdef int _place(Nodes nodes, Value node) except -1
@cython.locals(place=Py_ssize_t)
cdef Py_ssize_t _place_of(Nodes nodes, Value node) noexcept
@cython.locals(place=Py_ssize_t)
cdef Py_ssize_t _index(Nodes order, Value node) except -1
cdef void _prefetch(Nodes nodes, Py_ssize_t i) noexcept
@cython.locals(queue=Nodes, found=Nodes, results=Nodes, leaves=list, oldest="long long", stops=bint, i=Py_ssize_t,
               node=Value)
cdef Nodes _ordered(tuple outputs, object stop)
@cython.locals(order=Nodes, places=Nodes, span=Py_ssize_t, twice=int, i=Py_ssize_t, node=Value, rest=list)
cdef Nodes _by_birth(list leaves, Nodes results, long long oldest)
@cython.locals(order=Nodes, node=Value, i=Py_ssize_t, place=Py_ssize_t, places=list)
cpdef list sweep_floats(list nodes, dict seeds, list inputs)
@cython.locals(node=Value, arg=Value, i=Py_ssize_t, place=Py_ssize_t, by=Py_ssize_t, count=Py_ssize_t, shape=int,
               adjoint=double, p=double, partials=list)
cdef int _sweep(Nodes order, double[::1] adjoints, unsigned char[::1] reached, unsigned char[::1] roles) except -1
@cython.locals(node=Value, i=Py_ssize_t)
cdef int _keep(Nodes order, double[::1] adjoints) except -1

cpdef long long _birth_of(Value node)
cpdef Value freeze(Value leaf)
cdef Value _copied(Value node, object memo)
cdef tuple _state(Value leaf)
@cython.locals(node=Value)
cdef Value _made(object row, double y, object args, object xs, object grad, object label)
cdef object _compare(object relation, Value value, object other)
