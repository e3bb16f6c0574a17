# The C types of machine.py, for Cython.

cimport cython
from autograd.value cimport Value  # and with it the mark of the sources
from cpython.buffer cimport PyBUF_WRITABLE
from libc.stdint cimport int32_t, int64_t, uint8_t, uintptr_t

cdef extern from *:
    unsigned long this_thread "PyThread_get_thread_ident"()

cdef extern from "compile/interpreter.h":
    ctypedef struct tape:
        pass
    ctypedef struct machine_batch:
        const double *points
        const double *shared
        const int32_t *varying
        const int32_t *shared_at
        int64_t columns
        int64_t shared_length
        int64_t start "from"
        int64_t stop "to"
        const uint8_t *reduced
        double *per_point
        int64_t per_point_columns
        double *sums
        double *terms
        int64_t reduced_columns
        uint8_t *flagged
    tape *tape_make(
        const int32_t *rows, int64_t n, int64_t inputs, const double *constants, int64_t constants_length,
        const int32_t *outputs, int64_t outputs_length, const int32_t *lists, const int64_t *starts,
        int64_t lists_count, int64_t rows_count, const uint8_t *varying, int *wrong) noexcept nogil
    object machine_owner(tape *t)
    tape *machine_tape(object owner) except NULL
    object machine_point(tape *t, object inputs, object into, tuple functions, int *flagged)
    int machine_compute(tape *t, const machine_batch *b, tuple functions) except -1
    void machine_add_terms(double *sums, const double *terms, int64_t rows, int64_t columns) noexcept
    tape *machine_room(int64_t numbers, int64_t lanes) noexcept
    int64_t machine_padded(int64_t n) noexcept
    object machine_native_point(tape *t, uintptr_t address, int64_t work_length, object inputs, int64_t inputs_length,
                                object into, int64_t outputs_length, bint large, int *flagged)
    int machine_native_compute(tape *t, const machine_batch *b, uintptr_t point, int64_t point_work, uintptr_t block,
                               int64_t block_work, int64_t width, int64_t least, int64_t outputs_length) except -1
    void *machine_data(object array) except NULL
    double *machine_doubles(object array, int64_t n, const char *what, int flags) except NULL
    str machine_operations()
    uintptr_t machine_callback()

cdef inline object new_tape(object program, object lists, object starts, object varying):
    cdef tape *t
    cdef int wrong = 0
    cdef const int32_t *rows = <const int32_t *> machine_data(program.code)
    cdef const double *constants = <const double *> machine_data(program.constants)
    cdef const int32_t *outputs = <const int32_t *> machine_data(program.outputs)
    cdef const int32_t *all_lists = <const int32_t *> machine_data(lists)
    cdef const int64_t *all_starts = <const int64_t *> machine_data(starts)
    cdef const uint8_t *varies = <const uint8_t *> machine_data(varying)
    cdef int64_t n = len(program.code), inputs = program.inputs, constant = len(program.constants)
    cdef int64_t output = len(program.outputs), listed = len(program.lists), called = len(program.rows)
    with nogil:
        t = tape_make(rows, n, inputs, constants, constant, outputs, output, all_lists, all_starts, listed, called,
                      varies, &wrong)
    if wrong:
        raise ValueError("this is no flat program: an operand, a list or a row is not there, or not yet")
    return machine_owner(t)

cdef inline object run_tape(Machine machine, object inputs, object into=None):
    cdef int flagged = 0
    outputs = machine_point(machine_tape(machine.tape), inputs, into, machine.functions, &flagged)
    if flagged or machine.raised:
        note(machine.raised, flagged)
    return outputs

cdef inline int note(set raised, bint flagged) except -1:
    if flagged:
        raised.add(this_thread())
    else:
        raised.discard(this_thread())

cdef inline machine_batch batch_of(
    object points, object shared, object varying, object shared_at, object reduced, Py_ssize_t start, Py_ssize_t stop,
    object per_point, object sums, object terms, object flagged
) except *:
    cdef machine_batch b
    b.points = <const double *> machine_data(points)
    b.shared = <const double *> machine_data(shared)
    b.varying = <const int32_t *> machine_data(varying)
    b.shared_at = <const int32_t *> machine_data(shared_at)
    b.columns = len(varying)
    b.shared_length = len(shared_at)
    b.start = start
    b.stop = stop
    b.reduced = <const uint8_t *> machine_data(reduced)
    b.per_point = <double *> machine_data(per_point)
    b.per_point_columns = per_point.shape[1]
    b.sums = <double *> machine_data(sums)
    b.terms = NULL if terms is None else <double *> machine_data(terms)
    b.reduced_columns = len(sums)
    b.flagged = <uint8_t *> machine_data(flagged)
    return b

cdef inline int compute(
    Machine machine, object t, object points, object shared, object varying, object shared_at, object reduced,
    Py_ssize_t start, Py_ssize_t stop, object per_point, object sums, object terms, object flagged
) except -1:
    cdef machine_batch b = batch_of(
        points, shared, varying, shared_at, reduced, start, stop, per_point, sums, terms, flagged)
    return machine_compute(machine_tape(t), &b, machine.functions)

cdef inline int add_terms(object sums, object terms) except -1:
    machine_add_terms(
        <double *> machine_data(sums), <const double *> machine_data(terms), terms.shape[0], terms.shape[1])
    return 0

cdef inline object run_native(Native native, object inputs, object into=None):
    cdef int flagged = 0
    outputs = machine_native_point(
        machine_tape(native.room), native.point, native.work, inputs, native.inputs, into, native.outputs, native.large,
        &flagged)
    if flagged or native.raised:
        note(native.raised, flagged)
    return outputs

cdef inline int compute_native(
    Native native, object points, object shared, Py_ssize_t start, Py_ssize_t stop, object per_point, object sums,
    object flagged
) except -1:
    cdef machine_batch b = batch_of(
        points, shared, native.varying, native.shared_at, native.reduced, start, stop, per_point, sums, None, flagged)
    return machine_native_compute(
        machine_tape(native.room), &b, native.point, native.work, native.block, native.block_work, native.width,
        native.least, native.outputs)

cdef inline int make_room(Native native) except -1:
    cdef int64_t numbers, lanes
    numbers = machine_padded(native.work) + machine_padded(native.inputs) + native.outputs
    lanes = machine_padded(native.block_work) + native.width * (machine_padded(native.inputs) + native.outputs)
    native.room = machine_owner(machine_room(numbers, lanes if native.block else 0))
    return 0

@cython.locals(total=double)
cdef bint _are_floats(tuple numbers, Py_ssize_t count) except -1

@cython.final
cdef class Machine:
    cdef readonly object program
    cdef readonly tuple functions
    cdef object tape
    cdef dict tapes
    cdef set raised
    cdef object lists
    cdef object starts

@cython.final
cdef class Native:
    cdef readonly object owner
    cdef readonly object varying
    cdef readonly object shared_at
    cdef readonly object reduced
    cdef tuple mask
    cdef object room
    cdef uintptr_t point
    cdef uintptr_t block
    cdef int64_t work
    cdef int64_t block_work
    cdef int64_t width, least
    cdef int64_t inputs
    cdef int64_t outputs
    cdef bint large
    cdef int64_t cost
    cdef bint exact
    cdef set raised

cdef inline double *floats_of(object array, Py_ssize_t n) except NULL:
    return machine_doubles(array, n, "numbers", PyBUF_WRITABLE)

cdef inline char *flags_of(object array, Py_ssize_t n) except NULL:
    if len(array) != n or array.itemsize != 1:
        raise ValueError(f"the program takes {n} flags, not {len(array)}")
    return <char *> machine_data(array)

@cython.locals(values=list, node=Value, numbers="double *", i=Py_ssize_t, n=Py_ssize_t)
cpdef object data_of_all(values)

@cython.locals(values=list, node=Value, numbers="double *", i=Py_ssize_t, n=Py_ssize_t)
cpdef set_data(values, data)

@cython.locals(values=list, node=Value, numbers="double *", flags="char *", i=Py_ssize_t, n=Py_ssize_t)
cpdef tuple slopes_of(values)

@cython.locals(values=list, node=Value, numbers="double *", flags="char *", i=Py_ssize_t, n=Py_ssize_t)
cpdef set_slopes(values, slopes, has)
