# C declarations for value.py when Cython compiles it; the functions are generated from the table.

from libc.math cimport isfinite

from cpython.object cimport PyTypeObject

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc

cdef extern from "native/slab.h":
    void slab_install(PyTypeObject *type)
    void slab_prefetch(void *address)

cdef extern from "native/rules.h":
    double rules_compute1(int code, double a)
    double rules_compute2(int code, double a, double b)
    double rules_compute(int code, const double *x, long n)
    double rules_partial1(int code, double y, double a)
    double rules_partial2(int code, long by, double y, double a, double b)
    double rules_partial(int code, long by, long n, double y, const double *x)
    bint rules_dead1(int code, double y, double a)
    bint rules_dead2(int code, long by, double y, double a, double b)
    bint rules_dead(int code, long by, long n, double y, const double *x)

cdef extern from *:
    """
    #ifndef GLASSGRAD_SOURCES
    #define GLASSGRAD_SOURCES "built by hand"
    #endif
    """
    const char *GLASSGRAD_SOURCES
