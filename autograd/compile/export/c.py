"""A flat program as a file in C."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..program import Program
from .writer import Language, Writer, checked_name, checked_names, summary, wrapped

LIBM = (
    "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "atan2", "pow", "fmod", "remainder",
)  # fmt: skip
HELPERS = {
    "mod": """\
/* The remainder with the sign of the divisor, as Python's %. */
static double mod(double a, double b) {
    const double r = fmod(a, b);
    if (r == 0) return copysign(0.0, b);
    return (r < 0) == (b < 0) ? r : r + b;
}
""",
    "floordiv": """\
/* The whole quotient that belongs to Python's %. */
static double floordiv(double a, double b) {
    const double r = fmod(a, b);
    double q = (a - r) / b, whole;
    if (b == 0) return NAN;
    if (r != 0 && (r < 0) != (b < 0)) q -= 1.0;
    if (q == 0) return copysign(0.0, a / b);
    whole = floor(q);
    return q - whole > 0.5 ? whole + 1.0 : whole;
}
""",
    "take": """\
/* The place in a list of n that an index means, from the end if it is negative; -1 if there is none. */
static int at(double index, int n) {
    index = trunc(index);
    if (index < 0) index += n;
    return index >= 0 && index < n ? (int)index : -1;
}
""",
    "opaque": """\
/* What the compiler cannot see through: it would compute functions of constants itself, unlike the library. */
static double opaque(double x) {
    volatile double y = x;
    return y;
}
""",
}
WORDS = """
    at fabs floor ceil trunc sqrt copysign hypot gamma lgamma tgamma j0 j1 jn y0 y1 yn main asm typeof auto break
    case char const continue default do double else enum extern float for goto if inline int long register restrict
    return short signed sizeof static struct switch typedef union unsigned void volatile while ldexp frexp modf fmax
    fmin fma rint round nearbyint scalbn logb ilogb nan signgam
"""
RESERVED = {*WORDS.split(), *LIBM, *HELPERS}


def _number(x: float) -> str:
    text = "NAN" if math.isnan(x) else "INFINITY" if math.isinf(x) else repr(abs(x))
    return f"(-{text})" if math.copysign(1.0, x) < 0 and x == x else text


def _hypot(*xs: str) -> str:
    text = f"fabs({xs[0]})" if xs else "0.0"
    for k, x in enumerate(xs[1:]):
        text = f"hypot({text if k else xs[0]}, {x})"
    return text


def _part(name: str, parameters: Sequence[str]) -> str:
    declared = ["const double *x", "double *w", *(f"int {axis}" for axis in parameters[2:])]
    return f"static void {name}({', '.join(declared)}) {{"


C = Language(
    name="C",
    operations={
        "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "neg": "-{0}",
        "abs": "fabs({0})", "select_lt": "{0} < {1} ? {2} : {3}", "select_le": "{0} <= {1} ? {2} : {3}",
        "select_eq": "{0} == {1} ? {2} : {3}", "mod": "mod({0}, {1})", "floordiv": "floordiv({0}, {1})",
        "copysign": "copysign({0}, {1})",
    } | {name: f"{name}({{0}})" for name in ("sqrt", "floor", "ceil", "trunc", *LIBM[:-4])}
    | {name: f"{name}({{0}}, {{1}})" for name in LIBM[-4:]},
    calls={"gamma": "tgamma({0})", "lgamma": "lgamma({0})", "hypot": _hypot},
    number=_number,
    define="const double {name} = {value};",
    variable="double {name} = {value};",
    place="const int {name} = {value};",
    set="{name} = {value};",
    open="for (int {axis} = 0; {axis} < {count}; {axis}++) {{",
    close="}",
    either="({axis} > 0 ? {others} : {first})",
    taken="{name} < 0 ? NAN : {value}",
    at="at({index}, {length})",
    part=_part,
    part_end="}",
    call="{name}({arguments});",
    comment="  /* {text} */",
    libm=frozenset([*LIBM, "mod", "floordiv"]),
    opaque="opaque({0})",
)  # fmt: skip


def to_c(
    program: Program, name: str = "f", inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> str:
    """The text of a file in C99 that needs the standard library only, with ``void name(x, y, w)``.

    ``x`` are the inputs, ``y`` the outputs and ``w`` room for ``NAME_WORK`` doubles, so that threads can each have
    their own.  The results have the same bits as the program's, with the C library that Python itself uses (except
    ``hypot``, ``gamma`` and ``lgamma``, which Python computes on its own, to a few units in the last place); where the
    engine would raise, they are infinite or nan.  ``inputs`` and ``outputs`` are names for the file to tell, one each.
    Raises ValueError for an operation that the C library has nothing for, with its source line.
    """
    checked_name(name, "C", RESERVED)
    names = [checked_names(inputs, program.inputs, "inputs"), checked_names(outputs, len(program.outputs), "outputs")]
    written = Writer(program, C).write()
    text = "\n".join([*written.parts, *written.body])
    used = written.used | ({"opaque"} if "opaque(" in text else set())
    upper = name.upper()
    lines = [
        f"/* {name}: {summary(program)}.",
        "",
        f"   void {name}(const double *x, double *y, double *w) computes y[0 .. {upper}_OUTPUTS - 1] from",
        f"   x[0 .. {upper}_INPUTS - 1]; w has room for {upper}_WORK doubles. The arrays must not overlap.",
        "   Results are infinite or nan where there are none.",
    ]
    for letter, those in zip("xy", names, strict=True):
        if those:
            lines += ["", *(f"   {letter}[{n}]  {_comment(said)}" for n, said in enumerate(those))]
    lines += [
        "",
        f"   Compile with: cc -std=c99 -O2 -c {name}.c, link with -lm. */",
        "",
        "#include <float.h>",
        "#include <math.h>",
        "",
        "#if defined __FAST_MATH__ || FLT_EVAL_METHOD == 1 || FLT_EVAL_METHOD == 2",
        '#error "compile without -ffast-math, and for plain double arithmetic (-msse2 -mfpmath=sse)"',
        "#endif",
        "#if defined __GNUC__ && !defined __clang__",
        '#pragma GCC optimize ("fp-contract=off")',
        "#else",
        "#pragma STDC FP_CONTRACT OFF",
        "#endif",
        "",
        f"enum {{ {upper}_INPUTS = {program.inputs}, {upper}_OUTPUTS = {len(program.outputs)} }};",
        f"enum {{ {upper}_WORK = {written.plan.work} }};",
        f"void {name}(const double *x, double *y, double *w);",
        "",
    ]
    lines += [HELPERS[key] for key in HELPERS if key in used]
    for table, values in written.tables:
        kind = "double" if isinstance(values[0], float) else "int"
        items = [_number(x) if isinstance(x, float) else str(x) for x in values]
        lines += [wrapped(f"static const {kind} {table}[{len(items)}] = {{", items, "};"), ""]
    unused = [f"    (void){letter};" for letter in "xyw"]
    lines += [*written.parts, f"void {name}(const double *x, double *y, double *w) {{", *unused, *written.body, "}"]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text).replace("*/", "* /").replace("/*", "/ *")
