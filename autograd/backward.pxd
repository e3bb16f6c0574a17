# The C types of backward.py, for Cython.  A function that raised gives back a number that hardly any other call does.

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport isfinite
from libc.string cimport memcpy, memset

from autograd.value cimport (
    BINARY, LEAF, MANY, UNARY, UNSET, Value, doubles, numbers_of, operands_of, required,
)

cdef extern from *:
    int check_signals "PyErr_CheckSignals"() except -1

cdef extern from "native/slab.h":
    long long next_birth "slab_next_birth"(void **items, long long at, Py_ssize_t room) noexcept
    void slab_prefetch(void *address)

cdef extern from "native/rules.h":
    double partial1 "rules_partial1"(int code, double y, double a)
    double partial2 "rules_partial2"(int code, long by, double y, double a, double b)
    void partials_many "rules_partials"(int code, long n, double y, const double *x, double *p) noexcept
    bint dead1 "rules_dead1"(int code, double y, double a)
    bint dead2 "rules_dead2"(int code, long by, double y, double a, double b)
    bint dead_many "rules_dead"(int code, long by, long n, double y, const double *x)

cdef inline void prefetch_older(Value node) noexcept:
    slab_prefetch(<char *> <void *> node - 4096)  # what is due soon mostly lies at lower addresses

cdef inline void free(void *items) noexcept:
    PyMem_Free(items)

cdef int LIST, KEEP, LIVE, SPARE, LARGE
cdef long long NEVER
cdef bint COMPILED

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
    cdef Nodes given
    cdef object stop
    cdef dict far
    cdef list births

@cython.locals(sweep=Sweep)
cpdef object backward(Value output, object grad)
@cython.locals(p=double)
cdef double _partial(Sweep sweep, Value node, Py_ssize_t by, list partials) except? -7.123e-307
@cython.locals(n=Py_ssize_t)
cdef int _give(Sweep sweep, Value node) except -1
cdef double _asked(Sweep sweep, Value node, Py_ssize_t by, list partials) except? -7.123e-307

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

cpdef long long birth_of(Value node)
cdef int _shape_of(Value node) except -1
cdef long long _youngest(object nodes) except -1
