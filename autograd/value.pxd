# The C types of value.py, for Cython.  A function that raised gives back a number that hardly any other call does.

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF
from libc.math cimport isfinite
from libc.string cimport memcpy, memset

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
    int check_signals "PyErr_CheckSignals"() except -1
    void untrack "PyObject_GC_UnTrack"(object item) noexcept

cdef extern from "native/slab.h":
    void slab_install(PyTypeObject *type, object empty, const char *signature)
    Value slab_node(object a, object b)
    tuple row_pair(object a, object b)
    int row_code(object row) noexcept
    bint row_has_arity(object row, int arity) noexcept
    bint row_has_gather(object row, object gather) noexcept
    void row_install(PyTypeObject *type, object (*called)(object, tuple))
    long long born "slab_born"() noexcept
    long long next_birth "slab_next_birth"(void **items, long long at, Py_ssize_t room) noexcept
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

cdef inline object new_numbers(Py_ssize_t n):
    return PyBytes_FromStringAndSize(NULL, n * sizeof(double))

cdef inline double *doubles(object numbers) noexcept:
    return <double *> PyBytes_AS_STRING(numbers)

cdef inline void prefetch_older(Value node) noexcept:
    slab_prefetch(<char *> <void *> node - 4096)  # what is due soon mostly lies at lower addresses

cdef inline bint is_on(object variable) except -1:
    cdef PyObject *value
    PyContextVar_Get(variable, NULL, &value)
    on = <object> value
    Py_DECREF(on)  # what was got is a reference of its own
    return True if on is True else bool(on)

cdef inline void use_slabs(object type, object unset) noexcept:
    slab_install(<PyTypeObject *> type, "", "Value(data, label='')")

cdef inline Value new_node(object kind, object a, object b):
    return slab_node(a, b)

cdef inline void free(void *items) noexcept:
    PyMem_Free(items)

cdef int ADD, SUB, MUL, DIV, MOD, NEG, POS, POW, FLOORDIV, ABS, SIGN, RELU, SIGMOID, EXP, EXP2, EXPM1, SOFTPLUS
cdef int LOG, LOG2, LOG10, LOG1P, SQRT, CBRT, ERF, ERFC, SIN, COS, TAN, ASIN, ACOS, ATAN, SINH, COSH, TANH
cdef int ASINH, ACOSH, ATANH
cdef int LEAF, UNARY, BINARY, MANY, UNSET, LIST, KEEP, LIVE, SPARE
cdef long long NEVER
cdef object PAIR
cdef bint COMPILED, paused
cdef object _recording

@cython.final
cdef class Nodes:
    cdef void **items
    cdef double *numbers
    cdef char *states
    cdef Py_ssize_t n
    cdef Py_ssize_t room

cdef inline int make_room(Nodes nodes, Py_ssize_t room) except -1:
    cdef Py_ssize_t old = nodes.room
    cdef char *block = <char *> PyMem_Malloc(room * 17)  # a pointer, a double and a byte for each
    if block is NULL:
        raise MemoryError
    memset(block, 0, room * 17)
    if old:
        memcpy(block, nodes.items, old * 8)
        memcpy(block + room * 8, nodes.numbers, old * 8)
        memcpy(block + room * 16, nodes.states, old)
        PyMem_Free(nodes.items)
    nodes.items = <void **> block
    nodes.numbers = <double *> (block + room * 8)
    nodes.states = block + room * 16
    nodes.room = room

@cython.final
cdef class Sweep:
    cdef long long at
    cdef long long nearest
    cdef Py_ssize_t waiting
    cdef bint dead
    cdef Nodes leaves
    cdef Nodes visited
    cdef Nodes ring
    cdef Nodes known
    cdef object stop
    cdef dict far
    cdef list births

@cython.locals(y=double)
cdef Value _unary(int code, Value a)
@cython.locals(y=double, xa=double, xb=double)
cdef object _binary(int code, object a, object b)
@cython.locals(n=Py_ssize_t, i=Py_ssize_t, xs="double *", operands=tuple, holed=list, pure=bint, y=double)
cdef Value _many(object row, tuple args)
@cython.locals(xs="double *", i=Py_ssize_t)
cdef tuple _floats(object numbers, Py_ssize_t n)
@cython.locals(node=Value)
cdef Value _node(int code, int shape, double y, object a, object b, double xa, double xb)
cdef object _number(object x)
cdef double _required(object x, str what) except? -7.123e-307
cdef double _computed(object row, object operands, object xs) except? -7.123e-307
@cython.locals(p=double, xs="double *", n=long)
cdef double _partial(Sweep sweep, Value node, Py_ssize_t by, list partials) except? -7.123e-307
cdef double _asked(Sweep sweep, Value node, Py_ssize_t by, list partials) except? -7.123e-307

cpdef tuple operands_of(Value node)
cpdef tuple numbers_of(Value node)
cdef int _push(Nodes nodes, Value node, double number) except -1
@cython.locals(place=Py_ssize_t)
cdef Py_ssize_t _place_of(Nodes nodes, Value node) noexcept
@cython.locals(place=Py_ssize_t)
cdef Py_ssize_t _place(Nodes nodes, Value node) except -1
@cython.locals(place=Py_ssize_t, slot=Py_ssize_t, age="long long", ring=Nodes)
cdef int _reach(Sweep sweep, Value node, double term, bint live) except -1
@cython.locals(entry=list)
cdef int _defer(Sweep sweep, Value node, double term, bint live) except -1
@cython.locals(slot=Py_ssize_t, room=Py_ssize_t, ring=Nodes)
cdef Nodes _widened(Sweep sweep, long long age)
cdef int _draw_near(Sweep sweep) except -1
@cython.locals(slot=Py_ssize_t, ring=Nodes, node=p_void, adjoint=double, live=bint)
cdef int _visit_all(Sweep sweep, int do) except -1
cdef int _visit(Sweep sweep, Value node, double adjoint, int do) except -1
@cython.locals(operands=tuple, partials=list, by=Py_ssize_t)
cdef int _pass_on(Sweep sweep, Value node, double adjoint, bint live) except -1
@cython.locals(p=double)
cdef int _pass_to(
    Sweep sweep, Value node, Py_ssize_t by, Value operand, double adjoint, bint live, list partials
) except -1
@cython.locals(i=Py_ssize_t, node=Value, visited=Nodes)
cdef int _restore(Value output, Sweep sweep) except -1
@cython.locals(i=Py_ssize_t, leaf=Value)
cdef int _keep(Nodes leaves) except -1
@cython.locals(sweep=Sweep, known=Nodes, place=Py_ssize_t, node=Value, wanted=set, places=dict)
cpdef list sweep_floats(list nodes, dict seeds, list inputs)
@cython.locals(place=Py_ssize_t)
cdef int _is_active(Nodes known, Value node) except -1

cpdef long long _birth_of(Value node)
cdef long long _youngest(object nodes) except -1
cpdef Value freeze(Value leaf)
cdef Value _copied(Value node, object memo)
cdef tuple _state(Value leaf)
@cython.locals(node=Value, numbers="double *", i=Py_ssize_t)
cdef Value _made(object row, double y, object args, object xs, object grad, object label)
cdef object _compare(object relation, Value value, object other)

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
