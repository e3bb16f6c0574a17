# The C types of flat.py, for Cython.

cimport cython

from autograd.backward cimport birth_of
from autograd.value cimport Value, operands_of

ctypedef int[::1] Ints

cdef int ADD, SUB, MUL, DIV, NEG, SELECT_LT, SELECT_LE, SELECT_EQ, POW, TAKE, CALL, EMPTY, NEAR
cdef Ints OPERANDS
cdef Ints DIRECT

cdef inline int hash_of(int op, int a, int b, int c, int d) noexcept:
    cdef unsigned int h = (
        <unsigned int> op * 0x9E3779B1u + <unsigned int> a * 0x85EBCA6Bu + <unsigned int> b * 0xC2B2AE35u
        + <unsigned int> c * 0x27D4EB2Fu + <unsigned int> d * 0x165667B1u
    )
    h = (h ^ (h >> 15)) * 0x2C1B3C6Du
    return <int> ((h ^ (h >> 13)) & 0x7FFFFFFFu)

cdef inline Py_ssize_t near_of(int a, int b, int c, int d, Py_ssize_t size) noexcept:
    cdef int young = a if a > b else b
    cdef int other = c if c > d else d
    if other > young:
        young = other
    return (<Py_ssize_t> young * 2) & (size - 1) & -NEAR

cdef inline Py_ssize_t next_of(Py_ssize_t at, int left, int known, Py_ssize_t size) noexcept:
    return at + 1 if left > 0 else size + ((known if left == 0 else at + 1) & (size - 1))

cdef extern from *:
    unsigned long get_ident "PyThread_get_thread_ident"() noexcept


cdef extern from *:
    void *frame_here "PyEval_GetFrame"() noexcept
    void *code_of "PyFrame_GetCode"(void *frame) noexcept
    int lasti_of "PyFrame_GetLasti"(void *frame) noexcept
    void release "Py_DecRef"(void *item) noexcept

cdef object _getframe

cdef class Notes:
    cdef readonly long long since
    cdef unsigned long thread
    cdef str package
    cdef readonly list places
    cdef dict known
    cdef list codes
    cdef Ints lines
    cdef void *known_codes[1024]
    cdef int known_lasti[1024]
    cdef int known_places[1024]
    cpdef bint is_here(self) noexcept
    @cython.locals(place=int, at="long long")
    cpdef int note(self, long long birth) except -1
    @cython.locals(at="long long")
    cpdef int line_of(self, long long birth) noexcept
    cdef int _looked_up(self) except -2

cdef inline int line_here(Notes notes) noexcept:
    cdef void *frame = frame_here()
    cdef void *code
    cdef int lasti, slot
    if frame is NULL:
        return -1
    code = code_of(frame)
    lasti = lasti_of(frame)
    release(code)
    slot = (<int> (<size_t> code >> 4) * 31 + lasti) & 1023
    if notes.known_codes[slot] == code and notes.known_lasti[slot] == lasti:
        return notes.known_places[slot]
    return -1

cdef inline int keep_line(Notes notes, int place) noexcept:
    cdef void *frame = frame_here()
    cdef void *code = code_of(frame)
    cdef int lasti = lasti_of(frame)
    cdef int slot = (<int> (<size_t> code >> 4) * 31 + lasti) & 1023
    release(code)
    notes.known_codes[slot] = code
    notes.known_lasti[slot] = lasti
    notes.known_places[slot] = place
    return 0

@cython.final
cdef class Builder:
    cdef public int inputs
    cdef public int n
    cdef Ints code
    cdef Ints lines
    cdef int line
    cdef bint as_is
    cdef public list constants
    cdef dict places
    cdef public list lists
    cdef dict list_places
    cdef public list rows
    cdef public list users
    cdef public list functions
    cdef dict function_places
    cdef Ints table
    cdef Py_ssize_t numbered
    cdef Ints scratch
    cdef Ints given
    cdef public int one
    cdef public int minus_one
    cdef public int zero
    cpdef int constant(self, double x) except? -2147483648
    cpdef int called(self, str name, object function) except -1
    cpdef int listed(self, tuple operands) except -1

cpdef Ints ints(Py_ssize_t size)
cdef double number_of(Builder builder, int operand) except? -7.123e-307
cdef Ints _grown(Ints items, Py_ssize_t size)
@cython.locals(n=Py_ssize_t, i=Py_ssize_t)
cdef int _appended(Builder builder, int op, int a, int b, int c, int d) except? -2147483648
@cython.locals(size=Py_ssize_t, at=Py_ssize_t, i=Py_ssize_t, known=int, left=int, as_is=bint)
cdef int _write(Builder builder, int op, int a, int b, int c, int d) except? -2147483648
@cython.locals(at=Py_ssize_t, i=Py_ssize_t, k=Py_ssize_t, left=int, old=Ints, new=Ints)
cdef int _rehash(Builder builder, Py_ssize_t size) except -1
@cython.locals(inputs=int, i=Py_ssize_t, inner=int, p=int, q=int, first=int, second=int, folded=int, x=double, left=int, right=int)
cpdef int emit(Builder builder, int op, int a, int b, int c, int d) except? -2147483648
cdef int unsigned_of(Builder builder, int operand) except? -2147483648
cdef int _folded(Builder builder, int op, int a, int b) except? -2147483647
@cython.locals(i=Py_ssize_t, op=int, a=int, b=int, c=int, d=int, term=int, code=Ints)
cdef int times(Builder builder, int adjoint, int partial) except? -2147483648
cdef bint _is_unit(Builder builder, int operand) noexcept
cdef int _by_unit(Builder builder, int adjoint, int unit) except? -2147483648
@cython.final
cdef class Steps:
    cdef int arguments
    cdef Ints constants
    cdef int first
    cdef int size
    cdef Ints code
    cdef Ints results
    cdef Ints units
    cdef list lists
    cdef list rows

@cython.locals(scratch=Ints, arguments=int, first=int, size=int, i=Py_ssize_t, s=Py_ssize_t, op=int, value=int, code=Ints)
cdef int instantiate(Builder builder, Steps steps, Ints given) except -1
cdef int _taken(Builder builder, int index, tuple operands) except? -2147483648

@cython.final
cdef class Graph:
    cdef public Builder builder
    cdef readonly Notes notes
    cdef Ints places
    cdef dict older
    cdef public int n
    cdef public Ints values
    cdef Ints codes
    cdef Ints starts
    cdef Ints lines
    cdef Ints args
    cdef char[::1] active
    cdef dict functions
    cdef list partials
    cdef dict partials_of

cdef Steps _function(Graph graph, long long code, long long n)
@cython.locals(count=int)
cdef list _partials(Graph graph, long long code, long long n)
@cython.locals(graph=Graph, i=Py_ssize_t, at="long long", expected=Py_ssize_t)
cpdef Graph lowered(Builder builder, object order, object inputs, Notes notes)
@cython.locals(at="long long", known=int)
cpdef int place_of(Graph graph, Value node) except -2
@cython.locals(
    builder=Builder, at=int, born="long long", code=int, start=int, args=tuple, n=int, into=Ints, given=Ints, active=char,
    i=Py_ssize_t, place=int, steps=Steps, known=int,
)
cdef int _lower(Graph graph, Value node) except -1
@cython.locals(builder=Builder, adjoints=Ints, i=Py_ssize_t, at=Py_ssize_t, place=int)
cpdef list slopes(Graph graph, int output, object wanted)
@cython.locals(
    builder=Builder, code=int, start=int, n=int, given=Ints, whole=Ints, i=int, place=int, run=int, unit=int, partial=int,
    adjoint=int, term=int, k=int, every=list, count=int, together=bint, steps=Steps,
)
cdef int _pass_on(Graph graph, int at, Ints adjoints) except -1
@cython.locals(n=int, inputs=int, code=Ints, needed=Ints, i=int, j=int, k=int, x=int, count=int, count_=int, op=int, new=Ints, new_lines=Ints, which=int, first=int)
cpdef object finished(Builder builder, object outputs, object places)
@cython.locals(inputs=int, op=int, j=int)
cdef int _need(Builder builder, Ints needed, Ints code, Py_ssize_t i) except -1
