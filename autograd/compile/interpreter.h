/* Runs tapes: on single numbers with a jump from each instruction to the next, and on lanes of 32 points.
   It uses the functions of rules.h, which is there before it. */

#include "tape.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#else
#include <fenv.h>
#endif

/* ---- the flags of the processor: what came to infinity or nan along the way ----------------------------------------- */

#if defined(__SSE2__) || defined(_M_X64)
typedef unsigned machine_flags;
#define MACHINE_UNUSUAL 0x0du /* invalid, division by zero, overflow */
static machine_flags machine_flags_get(void) { return _mm_getcsr(); }
static void machine_flags_set(machine_flags flags) { _mm_setcsr(flags); }
static void machine_flags_clear(void) { _mm_setcsr(_mm_getcsr() & ~0x3fu); }
static int machine_flags_raised(void) { return (_mm_getcsr() & MACHINE_UNUSUAL) != 0; }
static void machine_flags_raise(void) { _mm_setcsr(_mm_getcsr() | 0x01u); }
#else
typedef fexcept_t machine_flags;
#define MACHINE_UNUSUAL (FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW)
static machine_flags machine_flags_get(void) {
    fexcept_t flags;
    fegetexceptflag(&flags, FE_ALL_EXCEPT);
    return flags;
}
static void machine_flags_set(machine_flags flags) { fesetexceptflag(&flags, FE_ALL_EXCEPT); }
static void machine_flags_clear(void) { feclearexcept(FE_ALL_EXCEPT); }
static int machine_flags_raised(void) { return fetestexcept(MACHINE_UNUSUAL) != 0; }
static void machine_flags_raise(void) { feraiseexcept(FE_INVALID); }
#endif

/* ---- calls of Python ------------------------------------------------------------------------------------------------ */

enum { MACHINE_DONE = 0, MACHINE_RAISED = -1, MACHINE_OUTSIDE = -2 };

typedef struct {
    PyObject *functions; /* a tuple */
    const double *numbers, *lanes;
    const int32_t *lists;
    int released; /* whether the GIL is */
    int active;   /* lanes that are a point's */
    int unusual;  /* a function gave what is not finite */
    double index; /* what `take` was given, and for how many */
    int32_t size;
} machine_run;

static double machine_at(const machine_run *run, int32_t place, int lane) {
    return place >= 0 ? run->numbers[place] : run->lanes[(int64_t)~place * TAPE_LANES + lane];
}

static int machine_call(machine_run *run, int32_t row, const int32_t *places, int32_t n, int lane, double *result) {
    PyGILState_STATE state = PyGILState_UNLOCKED;
    machine_flags flags = machine_flags_get();
    PyObject *arguments, *answer = NULL;
    int32_t k;
    int status = MACHINE_RAISED;
    if (run->released) state = PyGILState_Ensure();
    arguments = PyTuple_New(n);
    for (k = 0; arguments != NULL && k < n; k++) {
        PyObject *x = PyFloat_FromDouble(machine_at(run, places[k], lane));
        if (x == NULL) Py_CLEAR(arguments);
        else PyTuple_SET_ITEM(arguments, k, x);
    }
    if (arguments != NULL) answer = PyObject_Call(PyTuple_GET_ITEM(run->functions, row), arguments, NULL);
    if (answer != NULL) {
        *result = PyFloat_AsDouble(answer);
        if (*result != -1.0 || !PyErr_Occurred()) status = MACHINE_DONE;
        if (!isfinite(*result)) run->unusual = 1;
    }
    Py_XDECREF(answer);
    Py_XDECREF(arguments);
    if (run->released) PyGILState_Release(state);
    machine_flags_set(flags); /* what happens within is Python's affair */
    return status;
}

/* The same for machine code, which cannot raise: nan and a flag, for which the run is repeated by those who say why. */
static double machine_called(PyObject *function, const double *numbers, int64_t n) {
    machine_flags flags = machine_flags_get();
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *arguments = PyTuple_New(n), *answer = NULL;
    double result = NAN;
    int64_t k;
    for (k = 0; arguments != NULL && k < n; k++) {
        PyObject *x = PyFloat_FromDouble(numbers[k]);
        if (x == NULL) Py_CLEAR(arguments);
        else PyTuple_SET_ITEM(arguments, k, x);
    }
    if (arguments != NULL) answer = PyObject_Call(function, arguments, NULL);
    if (answer != NULL) result = PyFloat_AsDouble(answer);
    if (PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) PyErr_SetInterrupt(); /* for whoever can raise it */
        PyErr_Clear();
        result = NAN;
    }
    Py_XDECREF(answer);
    Py_XDECREF(arguments);
    PyGILState_Release(state);
    machine_flags_set(flags);
    if (!isfinite(result)) machine_flags_raise();
    return result;
}

static uintptr_t machine_callback(void) { return (uintptr_t)machine_called; }

/* The place of the operand that `take` is to take, or 0 and MACHINE_OUTSIDE. */
static int machine_take(machine_run *run, double index, const int32_t *places, int32_t n, int32_t *place) {
    int32_t i;
    if (!(index >= -(double)n && index < (double)n && index == floor(index))) {
        run->index = index;
        run->size = n;
        return MACHINE_OUTSIDE;
    }
    i = (int32_t)index;
    *place = places[i < 0 ? i + n : i];
    return MACHINE_DONE;
}

/* ---- single numbers ------------------------------------------------------------------------------------------------- */

/* Python has no floor of infinity or nan: a comparison with nan raises a flag */
#define MACHINE_WHOLE(f) (a - a >= 0 ? f(a) : a)
#define MACHINE_NEGATION(X) X(neg, -a)
#define MACHINE_UNARY(X) \
    X(abs, fabs(a)) X(sqrt, sqrt(a)) \
    X(floor, MACHINE_WHOLE(floor)) X(ceil, MACHINE_WHOLE(ceil)) X(trunc, MACHINE_WHOLE(trunc)) \
    X(exp, exp(a)) X(expm1, expm1(a)) X(exp2, exp2(a)) X(log, log(a)) X(log1p, log1p(a)) X(log2, log2(a)) \
    X(log10, log10(a)) X(cbrt, cbrt(a)) X(sin, sin(a)) X(cos, cos(a)) X(tan, tan(a)) X(asin, asin(a)) \
    X(acos, acos(a)) X(atan, atan(a)) X(sinh, sinh(a)) X(cosh, cosh(a)) X(tanh, tanh(a)) X(asinh, asinh(a)) \
    X(acosh, acosh(a)) X(atanh, atanh(a)) X(erf, erf(a)) X(erfc, erfc(a))
#define MACHINE_ARITHMETIC(X) X(add, a + b) X(sub, a - b) X(mul, a * b) X(div, a / b)
#define MACHINE_BINARY(X) \
    X(copysign, copysign(a, b)) X(pow, pow(a, b)) \
    X(mod, rules_mod(a, b)) X(floordiv, rules_floordiv(a, b)) X(fmod, fmod(a, b)) X(remainder, remainder(a, b)) \
    X(atan2, atan2(a, b))
/* quiet comparisons: one with nan raises no flag, as no operation went wrong (GCC's vectors of them do) */
#define MACHINE_RELATIONS(X) X(lt, isless(a, b)) X(le, islessequal(a, b)) X(eq, a == b)
#define MACHINE_CHAINS(X) \
    X(TAPE_add, TAPE_add, (a + b) + c) X(TAPE_add, TAPE_sub, (a + b) - c) X(TAPE_add, TAPE_mul, (a + b) * c) \
    X(TAPE_add, TAPE_REVERSED, c - (a + b)) X(TAPE_sub, TAPE_add, (a - b) + c) X(TAPE_sub, TAPE_sub, (a - b) - c) \
    X(TAPE_sub, TAPE_mul, (a - b) * c) X(TAPE_sub, TAPE_REVERSED, c - (a - b)) X(TAPE_mul, TAPE_add, (a * b) + c) \
    X(TAPE_mul, TAPE_sub, (a * b) - c) X(TAPE_mul, TAPE_mul, (a * b) * c) X(TAPE_mul, TAPE_REVERSED, c - (a * b))

#if defined(__GNUC__)
#define MACHINE_JUMPS 1
#endif
#if defined(__GNUC__) && !defined(__clang__)
/* or GCC would merge the jumps into one, which the processor guesses worse */
#define MACHINE_APART __attribute__((noinline, optimize("no-crossjumping", "no-gcse", "fp-contract=off")))
#elif defined(__GNUC__)
#define MACHINE_APART __attribute__((noinline))
#else
#define MACHINE_APART
#endif

#ifdef MACHINE_JUMPS
#define MACHINE_CASE(name, number) at_##name
#define MACHINE_GO goto *places[*code++]
#else
#define MACHINE_CASE(name, number) case number
#define MACHINE_GO goto again
#endif
#define MACHINE_NEXT(words) do { code += (words); MACHINE_GO; } while (0)
/* A run: its code, of so many words, once for each of the run; one enters it where as many are left. */
#define MACHINE_PART(name, operation, k, words, ...) MACHINE_CASE(name##_##k, TAPE_RUN(operation, k)) : __VA_ARGS__ code += words;
#define MACHINE_RUN(name, operation, words, ...) \
    MACHINE_PART(name, operation, 8, words, __VA_ARGS__) MACHINE_PART(name, operation, 7, words, __VA_ARGS__) \
    MACHINE_PART(name, operation, 6, words, __VA_ARGS__) MACHINE_PART(name, operation, 5, words, __VA_ARGS__) \
    MACHINE_PART(name, operation, 4, words, __VA_ARGS__) MACHINE_PART(name, operation, 3, words, __VA_ARGS__) \
    MACHINE_PART(name, operation, 2, words, __VA_ARGS__) MACHINE_PART(name, operation, 1, words, __VA_ARGS__) \
    MACHINE_GO;

static MACHINE_APART int machine_numbers(const int32_t *code, double *w, machine_run *run) {
#ifdef MACHINE_JUMPS
#define MACHINE_PLACE(name, f) [TAPE_##name] = &&at_##name,
#define MACHINE_PLACE_SKIP(name, f) [TAPE_skip_##name] = &&at_skip_##name,
#define MACHINE_PLACES(name, operation) \
    [TAPE_RUN(operation, 1)] = &&at_##name##_1, [TAPE_RUN(operation, 2)] = &&at_##name##_2, \
    [TAPE_RUN(operation, 3)] = &&at_##name##_3, [TAPE_RUN(operation, 4)] = &&at_##name##_4, \
    [TAPE_RUN(operation, 5)] = &&at_##name##_5, [TAPE_RUN(operation, 6)] = &&at_##name##_6, \
    [TAPE_RUN(operation, 7)] = &&at_##name##_7, [TAPE_RUN(operation, 8)] = &&at_##name##_8,
#define MACHINE_PLACES_OF(name, f) MACHINE_PLACES(name, TAPE_##name)
#define MACHINE_PLACES_SELECT(name, f) MACHINE_PLACES(select_##name, TAPE_select_##name)
#define MACHINE_PLACES_CHAIN(first, second, f) MACHINE_PLACES(chain_##first##_##second, TAPE_CHAIN(first, second))
    static const void *const places[TAPE_ALL] = {
        MACHINE_NEGATION(MACHINE_PLACES_OF) MACHINE_UNARY(MACHINE_PLACE) MACHINE_ARITHMETIC(MACHINE_PLACES_OF)
        MACHINE_BINARY(MACHINE_PLACE) MACHINE_RELATIONS(MACHINE_PLACES_SELECT) MACHINE_RELATIONS(MACHINE_PLACE_SKIP)
        MACHINE_CHAINS(MACHINE_PLACES_CHAIN) MACHINE_PLACES(dot_add, TAPE_DOT(0)) MACHINE_PLACES(dot_sub, TAPE_DOT(1))
        [TAPE_take] = &&at_take, [TAPE_call] = &&at_call, [TAPE_END] = &&at_end,
    };
    MACHINE_GO;
#else
again:
    switch (*code++) {
#endif

#define MACHINE_UNARY_CASE(name, f) \
    MACHINE_CASE(name, TAPE_##name) : { double a = w[code[1]]; w[code[0]] = f; } MACHINE_NEXT(2);
#define MACHINE_UNARY_RUN(name, f) MACHINE_RUN(name, TAPE_##name, 2, { double a = w[code[1]]; w[code[0]] = f; })
    MACHINE_UNARY(MACHINE_UNARY_CASE)
    MACHINE_NEGATION(MACHINE_UNARY_RUN)

#define MACHINE_BINARY_CASE(name, f) \
    MACHINE_CASE(name, TAPE_##name) : { double a = w[code[1]], b = w[code[2]]; w[code[0]] = f; } MACHINE_NEXT(3);
#define MACHINE_BINARY_RUN(name, f) \
    MACHINE_RUN(name, TAPE_##name, 3, { double a = w[code[1]], b = w[code[2]]; w[code[0]] = f; })
    MACHINE_BINARY(MACHINE_BINARY_CASE)
    MACHINE_ARITHMETIC(MACHINE_BINARY_RUN)

#define MACHINE_SELECT_RUN(name, f) \
    MACHINE_RUN(select_##name, TAPE_select_##name, 5, { \
        double a = w[code[1]], b = w[code[2]]; \
        w[code[0]] = f ? w[code[3]] : w[code[4]]; \
    })
#define MACHINE_SKIP_CASE(name, f) \
    MACHINE_CASE(skip_##name, TAPE_skip_##name) : { \
        double a = w[code[0]], b = w[code[1]]; \
        code += ((f) == code[3] ? code[2] : 5) - 1; \
    } MACHINE_GO;
    MACHINE_RELATIONS(MACHINE_SELECT_RUN)
    MACHINE_RELATIONS(MACHINE_SKIP_CASE)

#define MACHINE_CHAIN_RUN(first, second, f) \
    MACHINE_RUN(chain_##first##_##second, TAPE_CHAIN(first, second), 4, { \
        double a = w[code[1]], b = w[code[2]], c = w[code[3]]; \
        w[code[0]] = f; \
    })
    MACHINE_CHAINS(MACHINE_CHAIN_RUN)
    MACHINE_RUN(dot_add, TAPE_DOT(0), 5, { w[code[0]] = w[code[1]] * w[code[2]] + w[code[3]] * w[code[4]]; })
    MACHINE_RUN(dot_sub, TAPE_DOT(1), 5, { w[code[0]] = w[code[1]] * w[code[2]] - w[code[3]] * w[code[4]]; })

    MACHINE_CASE(take, TAPE_take) : {
        int32_t place;
        int status = machine_take(run, w[code[1]], run->lists + code[2], code[3], &place);
        if (status) return status;
        w[code[0]] = w[place];
    } MACHINE_NEXT(4);
    MACHINE_CASE(call, TAPE_call) : {
        int status = machine_call(run, code[1], run->lists + code[2], code[3], 0, &w[code[0]]);
        if (status) return status;
    } MACHINE_NEXT(4);
    MACHINE_CASE(end, TAPE_END) : return MACHINE_DONE;
#ifndef MACHINE_JUMPS
    default: return MACHINE_RAISED;
    }
#endif
}

/* ---- lanes ---------------------------------------------------------------------------------------------------------- */

#if defined(__GNUC__)
#define MACHINE_INLINE static inline __attribute__((always_inline))
#else
#define MACHINE_INLINE static __forceinline
#endif
#if defined(__clang__)
#define MACHINE_EACH _Pragma("clang loop vectorize(assume_safety)") for (l = 0; l < TAPE_LANES; l++)
#elif defined(__GNUC__)
#define MACHINE_EACH _Pragma("GCC ivdep") for (l = 0; l < TAPE_LANES; l++) /* slots are the same or apart */
#else
#define MACHINE_EACH for (l = 0; l < TAPE_LANES; l++)
#endif

MACHINE_INLINE int machine_lanes_with(const int32_t *code, double *lanes, const double *s, machine_run *run) {
    int l;
#define MACHINE_SLOT(k) (lanes + (int64_t)code[k] * TAPE_LANES)
    for (;;) {
        double *y = MACHINE_SLOT(1);
        switch (code[0]) {
#define MACHINE_UNARY_LANES(name, f) \
        case TAPE_##name: { \
            const double *x = MACHINE_SLOT(2); \
            MACHINE_EACH { double a = x[l]; y[l] = f; } \
            code += 3; \
            break; \
        }
        MACHINE_UNARY(MACHINE_UNARY_LANES)
        MACHINE_NEGATION(MACHINE_UNARY_LANES)
#define MACHINE_BINARY_LANES(name, f) \
        case TAPE_##name: { \
            const double *x = MACHINE_SLOT(2), *z = MACHINE_SLOT(3); \
            MACHINE_EACH { double a = x[l], b = z[l]; y[l] = f; } \
            code += 4; \
            break; \
        }
        MACHINE_BINARY(MACHINE_BINARY_LANES)
        MACHINE_ARITHMETIC(MACHINE_BINARY_LANES)
#define MACHINE_SELECT_LANES(name, f) \
        case TAPE_select_##name: { \
            const double *x = MACHINE_SLOT(2), *z = MACHINE_SLOT(3), *u = MACHINE_SLOT(4), *v = MACHINE_SLOT(5); \
            MACHINE_EACH { double a = x[l], b = z[l], c = u[l], d = v[l]; y[l] = f ? c : d; } \
            code += 6; \
            break; \
        }
        MACHINE_RELATIONS(MACHINE_SELECT_LANES)
#define MACHINE_FIRST(name, f) \
        case TAPE_MIXED(TAPE_##name, 1): { \
            const double a = s[code[2]], *z = MACHINE_SLOT(3); \
            MACHINE_EACH { double b = z[l]; y[l] = f; } \
            code += 4; \
            break; \
        }
#define MACHINE_SECOND(name, f) \
        case TAPE_MIXED(TAPE_##name, 2): { \
            const double *x = MACHINE_SLOT(2), b = s[code[3]]; \
            MACHINE_EACH { double a = x[l]; y[l] = f; } \
            code += 4; \
            break; \
        }
        MACHINE_SECOND(add, a + b)
        MACHINE_SECOND(mul, a * b)
        MACHINE_FIRST(sub, a - b)
        MACHINE_SECOND(sub, a - b)
        MACHINE_FIRST(div, a / b)
        MACHINE_SECOND(div, a / b)
#define MACHINE_CHAIN_LANES(second, f) \
        case TAPE_LANE_CHAIN(second, 0): { \
            const double *x = MACHINE_SLOT(2), *z = MACHINE_SLOT(3), *u = MACHINE_SLOT(4); \
            MACHINE_EACH { double a = x[l], b = z[l], c = u[l]; y[l] = f; } \
            code += 5; \
            break; \
        } \
        case TAPE_LANE_CHAIN(second, 1): { \
            const double a = s[code[2]], *z = MACHINE_SLOT(3), *u = MACHINE_SLOT(4); \
            MACHINE_EACH { double b = z[l], c = u[l]; y[l] = f; } \
            code += 5; \
            break; \
        } \
        case TAPE_LANE_CHAIN(second, 2): { \
            const double *x = MACHINE_SLOT(2), *z = MACHINE_SLOT(3), c = s[code[4]]; \
            MACHINE_EACH { double a = x[l], b = z[l]; y[l] = f; } \
            code += 5; \
            break; \
        } \
        case TAPE_LANE_CHAIN(second, 3): { \
            const double a = s[code[2]], *z = MACHINE_SLOT(3), c = s[code[4]]; \
            MACHINE_EACH { double b = z[l]; y[l] = f; } \
            code += 5; \
            break; \
        }
        MACHINE_CHAIN_LANES(TAPE_add, a * b + c)
        MACHINE_CHAIN_LANES(TAPE_sub, a * b - c)
        MACHINE_CHAIN_LANES(TAPE_REVERSED, c - a * b)
#define MACHINE_DOT_LANES(second, f) \
        case TAPE_LANE_DOT(second, 0): { \
            const double *x = MACHINE_SLOT(2), *z = MACHINE_SLOT(3), *u = MACHINE_SLOT(4), *v = MACHINE_SLOT(5); \
            MACHINE_EACH { double a = x[l], b = z[l], c = u[l], d = v[l]; y[l] = f; } \
            code += 6; \
            break; \
        } \
        case TAPE_LANE_DOT(second, 1): { \
            const double a = s[code[2]], *z = MACHINE_SLOT(3), *u = MACHINE_SLOT(4), *v = MACHINE_SLOT(5); \
            MACHINE_EACH { double b = z[l], c = u[l], d = v[l]; y[l] = f; } \
            code += 6; \
            break; \
        } \
        case TAPE_LANE_DOT(second, 2): { \
            const double *x = MACHINE_SLOT(2), *z = MACHINE_SLOT(3), c = s[code[4]], *v = MACHINE_SLOT(5); \
            MACHINE_EACH { double a = x[l], b = z[l], d = v[l]; y[l] = f; } \
            code += 6; \
            break; \
        } \
        case TAPE_LANE_DOT(second, 3): { \
            const double a = s[code[2]], *z = MACHINE_SLOT(3), c = s[code[4]], *v = MACHINE_SLOT(5); \
            MACHINE_EACH { double b = z[l], d = v[l]; y[l] = f; } \
            code += 6; \
            break; \
        }
        MACHINE_DOT_LANES(TAPE_add, a * b + c * d)
        MACHINE_DOT_LANES(TAPE_sub, a * b - c * d)
        case TAPE_take: {
            const double *x = MACHINE_SLOT(2);
            for (l = 0; l < TAPE_LANES; l++) {
                int32_t place;
                int status = machine_take(run, x[l], run->lists + code[3], code[4], &place);
                if (status) return status;
                y[l] = machine_at(run, place, l);
            }
            code += 5;
            break;
        }
        case TAPE_call: {
            for (l = 0; l < run->active; l++) {
                int status = machine_call(run, code[2], run->lists + code[3], code[4], l, &y[l]);
                if (status) return status;
            }
            for (; l < TAPE_LANES; l++) y[l] = y[l - 1];
            code += 5;
            break;
        }
        default: return MACHINE_DONE;
        }
    }
}

typedef int (*machine_lanes_code)(const int32_t *, double *, const double *, machine_run *);

static int machine_lanes_plain(const int32_t *code, double *lanes, const double *s, machine_run *run) {
    return machine_lanes_with(code, lanes, s, run);
}

#if defined(__GNUC__) && defined(__x86_64__)
__attribute__((target("avx2")))
static int machine_lanes_avx2(const int32_t *code, double *lanes, const double *s, machine_run *run) {
    return machine_lanes_with(code, lanes, s, run);
}
__attribute__((target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")))
static int machine_lanes_avx512(const int32_t *code, double *lanes, const double *s, machine_run *run) {
    return machine_lanes_with(code, lanes, s, run);
}
static machine_lanes_code machine_choose_lanes(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return machine_lanes_avx512;
    if (__builtin_cpu_supports("avx2")) return machine_lanes_avx2;
    return machine_lanes_plain;
}
#else
static machine_lanes_code machine_choose_lanes(void) { return machine_lanes_plain; }
#endif

/* ---- from Python ---------------------------------------------------------------------------------------------------- */

#define MACHINE_LONG 20000 /* instructions' words from which on the GIL is released */

static int machine_tell(const machine_run *run, int status) {
    if (status == MACHINE_OUTSIDE) {
        PyObject *index = PyFloat_FromDouble(run->index);
        if (index != NULL)
            PyErr_Format(PyExc_IndexError, "take: index %S is no place among %d items", index, (int)run->size);
        Py_XDECREF(index);
    }
    return status;
}

/* The doubles of an array; NULL, with an exception set, if it has not exactly `n`, one after another. */
static double *machine_doubles(PyObject *array, int64_t n, const char *what, int flags) {
    Py_buffer view;
    int good;
    if (PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags)) return NULL;
    good = view.itemsize == sizeof(double) && view.format != NULL && strcmp(view.format, "d") == 0;
    if (!good) PyErr_Format(PyExc_TypeError, "the %s are to be an array of float64", what);
    else if (view.len != n * (int64_t)sizeof(double)) {
        good = 0;
        PyErr_Format(PyExc_ValueError, "the program takes %lld %s, not %lld", (long long)n, what,
                     (long long)(view.len / sizeof(double)));
    }
    PyBuffer_Release(&view);
    return good ? view.buf : NULL;
}

/* The numbers of a list, a tuple or an array of `n`, into w[places], or into w where there are none. */
static int machine_read(PyObject *inputs, int64_t n, const int32_t *places, double *w) {
    PyObject *row;
    int64_t i;
    if (!PyList_Check(inputs) && !PyTuple_Check(inputs) && PyObject_CheckBuffer(inputs)) {
        const double *x = machine_doubles(inputs, n, "inputs", 0);
        if (x == NULL) return -1;
        for (i = 0; i < n; i++) w[places == NULL ? i : places[i]] = x[i];
        return 0;
    }
    row = PySequence_Fast(inputs, "a program is run on a list of floats");
    if (row == NULL) return -1;
    if (PySequence_Fast_GET_SIZE(row) != n) {
        PyErr_Format(PyExc_ValueError, "the program takes %lld inputs, not %lld", (long long)n,
                     (long long)PySequence_Fast_GET_SIZE(row));
        Py_DECREF(row);
        return -1;
    }
    for (i = 0; i < n; i++) {
        PyObject *x = PySequence_Fast_GET_ITEM(row, i);
        double number = PyFloat_CheckExact(x) ? PyFloat_AS_DOUBLE(x) : PyFloat_AsDouble(x);
        if (number == -1.0 && PyErr_Occurred()) break;
        if (PySequence_Fast_GET_SIZE(row) != n) { /* an object's own __float__ may do anything */
            PyErr_SetString(PyExc_RuntimeError, "the list of inputs changed its length while it was read");
            break;
        }
        w[places == NULL ? i : places[i]] = number;
    }
    Py_DECREF(row);
    return i < n ? -1 : 0;
}

/* Numbers as a list, or in the array that is to have them. */
static PyObject *machine_given(PyObject *into, const double *w, const int32_t *places, int64_t n) {
    PyObject *list;
    int64_t i;
    if (into != Py_None) {
        double *y = machine_doubles(into, n, "outputs", PyBUF_WRITABLE);
        if (y == NULL) return NULL;
        for (i = 0; i < n; i++) y[i] = w[places == NULL ? i : places[i]];
        Py_INCREF(into);
        return into;
    }
    list = PyList_New(n);
    if (list == NULL) return NULL;
    for (i = 0; i < n; i++) {
        PyObject *x = PyFloat_FromDouble(w[places == NULL ? i : places[i]]);
        if (x == NULL) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, i, x);
    }
    return list;
}

/* The outputs at one point, and whether something on the way was not finite. */
static PyObject *machine_point(tape *t, PyObject *inputs, PyObject *into, PyObject *functions, int *flagged) {
    tape_work *work = tape_borrow(t);
    PyObject *outputs = NULL;
    machine_run run = {0};
    int status;
    if (work == NULL) return PyErr_NoMemory();
    run.functions = functions, run.numbers = work->numbers, run.lists = t->lists;
    if (machine_read(inputs, t->inputs_length, t->inputs, work->numbers)) goto done;
    run.released = t->length[0] >= MACHINE_LONG;
    if (run.released) {
        PyThreadState *state = PyEval_SaveThread();
        machine_flags_clear();
        status = machine_numbers(t->code[0], work->numbers, &run);
        *flagged = run.unusual || machine_flags_raised();
        PyEval_RestoreThread(state);
    } else {
        machine_flags_clear();
        status = machine_numbers(t->code[0], work->numbers, &run);
        *flagged = run.unusual || machine_flags_raised();
    }
    if (machine_tell(&run, status) == MACHINE_DONE) outputs = machine_given(into, work->numbers, t->outputs, t->outputs_length);
done:
    tape_give_back(t, work);
    return outputs;
}

/* Points to compute, and where their outputs go.  All arrays are those of `lanes` in machine.py. */
typedef struct {
    const double *points, *shared;
    const int32_t *varying, *shared_at;
    int64_t columns, shared_length; /* numbers a point, and for all points */
    int64_t from, to;
    const uint8_t *reduced; /* by output */
    double *per_point;      /* from point 0 on */
    int64_t per_point_columns;
    double *sums;    /* added to, point after point ... */
    double *terms;   /* ... or, where this is not NULL, all terms from point `from` on */
    int64_t reduced_columns;
    uint8_t *flagged; /* by point */
} machine_batch;

/* One reduced output: each number in turn is added to the sum so far, four outputs side by side as additions wait for one
   another. */
typedef struct {
    const double *from;
    int64_t step;
    double *to;
} machine_sum;

static void machine_add_up(const machine_sum *s, int sums, int active) {
    int l, k;
    if (sums == 4) {
        const double *p = s[0].from, *q = s[1].from, *u = s[2].from, *v = s[3].from;
        double a = *s[0].to, b = *s[1].to, c = *s[2].to, d = *s[3].to;
        for (l = 0; l < active; l++, p += s[0].step, q += s[1].step, u += s[2].step, v += s[3].step)
            a += *p, b += *q, c += *u, d += *v;
        *s[0].to = a, *s[1].to = b, *s[2].to = c, *s[3].to = d;
        return;
    }
    for (k = 0; k < sums; k++)
        for (l = 0; l < active; l++) *s[k].to += s[k].from[l * s[k].step];
}

static void machine_put_block(const tape *t, const machine_batch *b, const double *s, const double *lanes, int64_t at,
                              int active) {
    int64_t k, column = 0, sum = 0;
    machine_sum waiting[4];
    int l, sums = 0;
    for (k = 0; k < t->outputs_length; k++) {
        int32_t place = t->outputs[k];
        const double *y = place < 0 ? lanes + (int64_t)~place * TAPE_LANES : s + place;
        int step = place < 0;
        if (!b->reduced[k]) {
            double *to = b->per_point + at * b->per_point_columns + column++;
            for (l = 0; l < active; l++) to[l * b->per_point_columns] = y[l * step];
        } else if (b->terms != NULL) {
            double *to = b->terms + (at - b->from) * b->reduced_columns + sum++;
            for (l = 0; l < active; l++) to[l * b->reduced_columns] = y[l * step];
        } else {
            waiting[sums].from = y, waiting[sums].step = step, waiting[sums].to = b->sums + sum++;
            if (++sums == 4) machine_add_up(waiting, sums, active), sums = 0;
        }
    }
    machine_add_up(waiting, sums, active);
}

static int machine_blocks(const tape *t, const machine_batch *b, tape_work *work, machine_run *run) {
    static machine_lanes_code lanes_code = NULL;
    double *s = work->numbers, *lanes = work->lanes;
    int64_t at, k;
    int status, l, unusual;
    if (lanes_code == NULL) lanes_code = machine_choose_lanes();
    for (k = 0; k < b->shared_length; k++) s[t->inputs[b->shared_at[k]]] = b->shared[k];
    machine_flags_clear();
    status = machine_numbers(t->code[0], s, run);
    if (status) return status;
    unusual = run->unusual || machine_flags_raised();
    for (k = 0; k < t->spread_length; k += 2) {
        double *y = lanes + (int64_t)t->spread[k + 1] * TAPE_LANES;
        for (l = 0; l < TAPE_LANES; l++) y[l] = s[t->spread[k]];
    }
    for (at = b->from; at < b->to; at += TAPE_LANES) {
        run->active = b->to - at < TAPE_LANES ? (int)(b->to - at) : TAPE_LANES;
        for (k = 0; k < b->columns; k++) {
            double *y = lanes + (int64_t)~t->inputs[b->varying[k]] * TAPE_LANES;
            const double *x = b->points + at * b->columns + k;
            for (l = 0; l < run->active; l++) y[l] = x[l * b->columns];
            for (; l < TAPE_LANES; l++) y[l] = y[l - 1];
        }
        run->unusual = unusual;
        machine_flags_clear();
        status = lanes_code(t->code[1], lanes, s, run);
        if (run->unusual || machine_flags_raised()) memset(b->flagged + at, 1, (size_t)run->active);
        if (status) return status;
        machine_put_block(t, b, s, lanes, at, run->active);
    }
    return MACHINE_DONE;
}

/* Computes a batch; -1 with an exception set if that failed. */
static int machine_compute(tape *t, const machine_batch *b, PyObject *functions) {
    tape_work *work = tape_borrow(t);
    machine_run run = {0};
    PyThreadState *state;
    int status;
    if (work == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    run.functions = functions, run.numbers = work->numbers, run.lanes = work->lanes, run.lists = t->lists;
    run.released = 1;
    state = PyEval_SaveThread();
    status = machine_blocks(t, b, work, &run);
    PyEval_RestoreThread(state);
    tape_give_back(t, work);
    return machine_tell(&run, status) == MACHINE_DONE ? 0 : -1;
}

static void machine_add_terms(double *sums, const double *terms, int64_t rows, int64_t columns) {
    int64_t i, k;
    for (i = 0; i < rows; i++)
        for (k = 0; k < columns; k++) sums[k] += terms[i * columns + k];
}

/* ---- code that others compiled -------------------------------------------------------------------------------------- */

/* A workspace for it, as a tape without instructions: numbers hold work, inputs and outputs of one point; lanes those of
   a block.  Lengths are in numbers. */
static tape *machine_room(int64_t numbers, int64_t lanes) {
    tape *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->slots[0] = (int32_t)numbers;
    t->slots[1] = (int32_t)((lanes + TAPE_LANES - 1) / TAPE_LANES);
    return t;
}

typedef int64_t (*machine_point_code)(const double *inputs, double *outputs, double *work);
typedef int64_t (*machine_block_code)(const double *shared, const double *varying, double *outputs, double *sums,
                                      double *work, int64_t points);

static int64_t machine_padded(int64_t n) { return (n + 7) & ~(int64_t)7; }

static PyObject *machine_native_point(tape *t, uintptr_t address, int64_t work_length, PyObject *inputs, int64_t inputs_length,
                                      PyObject *into, int64_t outputs_length, int large, int *flagged) {
    tape_work *work = tape_borrow(t);
    double *x, *y;
    PyObject *outputs = NULL;
    int64_t status;
    if (work == NULL) return PyErr_NoMemory();
    x = work->numbers + machine_padded(work_length);
    y = x + machine_padded(inputs_length);
    if (machine_read(inputs, inputs_length, NULL, x) == 0) {
        PyThreadState *state = large ? PyEval_SaveThread() : NULL;
        machine_flags_clear();
        status = ((machine_point_code)address)(x, y, work->numbers);
        *flagged = status != 0 || machine_flags_raised();
        if (large) PyEval_RestoreThread(state);
        outputs = machine_given(into, y, NULL, outputs_length);
    }
    tape_give_back(t, work);
    return outputs;
}

/* Points in blocks of `width`, or of `least` and more; the rest one by one by the code for one point. */
static int machine_native_compute(tape *t, const machine_batch *b, uintptr_t point, int64_t point_work, uintptr_t block,
                                  int64_t block_work, int64_t width, int64_t least, int64_t outputs_length) {
    tape_work *work = tape_borrow(t);
    int64_t inputs = b->columns + b->shared_length, at = b->from, k, l;
    PyThreadState *state;
    if (work == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    state = PyEval_SaveThread();
    if (block) {
        double *x = work->lanes + machine_padded(block_work), *y = x + machine_padded(b->columns * width);
        for (; at + least <= b->to; at += width) {
            const double *from = b->points + at * b->columns;
            double *to = b->per_point + at * b->per_point_columns;
            int64_t status, count = b->to - at < width ? b->to - at : width;
            for (k = 0; k < b->columns; k++) {
                for (l = 0; l < count; l++) x[k * width + l] = from[l * b->columns + k];
                for (; l < machine_padded(count); l++) x[k * width + l] = x[k * width + count - 1];  /* whole registers */
            }
            machine_flags_clear();
            status = ((machine_block_code)block)(b->shared, x, y, b->sums, work->lanes, count);
            if (status != 0 || machine_flags_raised()) {
                memset(b->flagged + at, 1, (size_t)count);
                /* by which eight of its points; sums would be added once more */
                for (l = 0; l < count && least < 8 && width > 8 && b->per_point_columns == outputs_length; l += 8) {
                    int64_t some = count - l < 8 ? count - l : 8;
                    machine_flags_clear();
                    status = ((machine_block_code)block)(b->shared, x + l, y + l, b->sums, work->lanes, some);
                    memset(b->flagged + at + l, status != 0 || machine_flags_raised(), (size_t)some);
                }
            }
            for (k = 0; k < b->per_point_columns; k++)
                for (l = 0; l < count; l++) to[l * b->per_point_columns + k] = y[k * width + l];
        }
    }
    if (at < b->to) {
        double *x = work->numbers + machine_padded(point_work), *y = x + machine_padded(inputs);
        for (k = 0; k < b->shared_length; k++) x[b->shared_at[k]] = b->shared[k];
        for (; at < b->to; at++) {
            double *to = b->per_point + at * b->per_point_columns, *sums = b->sums;
            int64_t status;
            for (k = 0; k < b->columns; k++) x[b->varying[k]] = b->points[at * b->columns + k];
            machine_flags_clear();
            status = ((machine_point_code)point)(x, y, work->numbers);
            if (status != 0 || machine_flags_raised()) b->flagged[at] = 1;
            for (k = 0; k < outputs_length; k++) {
                if (b->reduced[k]) *sums++ += y[k];
                else *to++ = y[k];
            }
        }
    }
    PyEval_RestoreThread(state);
    tape_give_back(t, work);
    return 0;
}

/* A tape as Python's to free; NULL stands for no memory. */
#define MACHINE_CAPSULE "glassgrad tape"
static tape *machine_tape(PyObject *owner) { return PyCapsule_GetPointer(owner, MACHINE_CAPSULE); }
static void machine_disown(PyObject *owner) { tape_free(machine_tape(owner)); }
static PyObject *machine_owner(tape *t) {
    PyObject *owner = t != NULL ? PyCapsule_New(t, MACHINE_CAPSULE, machine_disown) : PyErr_NoMemory();
    if (owner == NULL) tape_free(t);
    return owner;
}

/* The memory of an array, for as long as the array lives. */
static void *machine_data(PyObject *array) {
    Py_buffer view;
    if (PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS)) return NULL;
    PyBuffer_Release(&view);
    return view.buf;
}

static PyObject *machine_operations(void) {
#define MACHINE_NAME(name) #name " "
    return PyUnicode_FromString(TAPE_OPERATIONS(MACHINE_NAME));
}
