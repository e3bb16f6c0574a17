"""A flat program as an ES module."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from ..program import Program
from .writer import Language, Writer, checked_name, checked_names, summary, wrapped

MATH = (
    "abs", "sqrt", "floor", "ceil", "trunc", "exp", "expm1", "log", "log1p", "log2", "log10", "cbrt", "sin", "cos",
    "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
)  # fmt: skip
HELPERS = {
    "copysign": """\
function copysign(a, b) {
    return b < 0 || (b === 0 && 1 / b < 0) ? -Math.abs(a) : Math.abs(a);
}
""",
    "pow": """\
/** As in C, 1 to the power of anything is 1, and so is -1 to an infinite one. */
function pow(a, b) {
    return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b);
}
""",
    "mod": """\
/** The remainder with the sign of the divisor, as Python's %. */
function mod(a, b) {
    const r = a % b;
    return r === 0 ? copysign(0, b) : r < 0 === b < 0 ? r : r + b;
}
""",
    "floordiv": """\
/** The whole quotient that belongs to Python's %. */
function floordiv(a, b) {
    const r = a % b;
    let q = (a - r) / b;
    if (b === 0) return NaN;
    if (r !== 0 && r < 0 !== b < 0) q -= 1;
    if (q === 0) return copysign(0, a / b);
    const whole = Math.floor(q);
    return q - whole > 0.5 ? whole + 1 : whole;
}
""",
    "remainder": """\
/** What is left of a after the whole number of b that is nearest to it, the even one of two: as in IEEE 754. */
function remainder(a, b) {
    const x = Math.abs(a);
    const y = Math.abs(b);
    if (!(x < Infinity) || !(y > 0)) return NaN;
    if (y === Infinity) return a;
    const m = x % y;
    const c = y - m;
    const r = m < c ? m : m > c ? -c : m - 2 * ((0.5 * (x - m)) % y);
    return copysign(1, a) * r;
}
""",
    "take": """\
/** The place in a list of n that an index means, from the end if it is negative; -1 if there is none. */
function at(index, n) {
    let place = Math.trunc(index);
    if (place < 0) place += n;
    return place >= 0 && place < n ? place : -1;
}
""",
}
NEEDS = {"mod": {"copysign"}, "floordiv": {"copysign"}, "remainder": {"copysign"}}
WORDS = """
    at copysign pow mod floordiv remainder Math Float64Array RangeError Symbol INPUTS OUTPUTS NaN Infinity undefined
    arguments eval await async break case catch class const continue debugger default delete do else enum export
    extends false finally for function if implements import in instanceof interface let new null of package private
    protected public return static super switch this throw true try typeof var void while with yield
"""
RESERVED = {*WORDS.split(), *HELPERS}


def _number(x: float) -> str:
    text = "NaN" if math.isnan(x) else "Infinity" if math.isinf(x) else repr(abs(x))
    return f"(-{text})" if math.copysign(1.0, x) < 0 and x == x else text


def _part(name: str, parameters: Sequence[str]) -> str:
    return f"function {name}({', '.join(parameters)}) {{"


JAVASCRIPT = Language(
    name="JavaScript",
    operations={
        "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "neg": "-{0}",
        "select_lt": "{0} < {1} ? {2} : {3}", "select_le": "{0} <= {1} ? {2} : {3}",
        "select_eq": "{0} === {1} ? {2} : {3}", "mod": "mod({0}, {1})", "floordiv": "floordiv({0}, {1})",
        "fmod": "{0} % {1}", "remainder": "remainder({0}, {1})", "copysign": "copysign({0}, {1})",
        "pow": "pow({0}, {1})", "exp2": "Math.pow(2, {0})", "atan2": "Math.atan2({0}, {1})",
    } | {name: f"Math.{name}({{0}})" for name in MATH},
    calls={"hypot": lambda *xs: f"Math.hypot({', '.join(xs)})"},
    number=_number,
    define="const {name} = {value};",
    variable="let {name} = {value};",
    place="const {name} = {value};",
    set="{name} = {value};",
    open="for (let {axis} = 0; {axis} < {count}; {axis}++) {{",
    close="}",
    either="({axis} > 0 ? {others} : {first})",
    taken="{name} < 0 ? NaN : {value}",
    at="at({index}, {length})",
    part=_part,
    part_end="}",
    call="{name}({arguments});",
    comment="  // {text}",
)  # fmt: skip


def to_javascript(
    program: Program, name: str = "f", inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> str:
    """The text of an ES module that needs nothing else, which exports ``name(inputs)``; it returns a Float64Array.

    Arithmetic has the same bits as the program's; the functions of JavaScript's Math may differ from the C library's in
    the last places.  Where the engine would raise, results are infinite or NaN.  With names for the inputs the function
    takes an object by these as well, and ``INPUTS`` and ``OUTPUTS``, exported too, list the names.
    Raises ValueError for an operation that JavaScript has nothing for, such as ``erf``, with its source line.
    """
    checked_name(name, "JavaScript", RESERVED)
    taken = checked_names(inputs, program.inputs, "inputs")
    given = checked_names(outputs, len(program.outputs), "outputs")
    written = Writer(program, JAVASCRIPT).write()
    used = written.used.union(*(NEEDS.get(key, set()) for key in written.used))
    lines = [f"// {name}: {summary(program)}.", ""]
    for key, those in (("INPUTS", taken), ("OUTPUTS", given)):
        if those is not None:
            lines += [wrapped(f"export const {key} = [", [json.dumps(said) for said in those], "];"), ""]
    lines += [HELPERS[key] for key in HELPERS if key in used]
    for table, values in written.tables:
        items = [_number(x) if isinstance(x, float) else str(x) for x in values]
        lines += [wrapped(f"const {table} = [", items, "];"), ""]
    or_object = ", or an object by the names in INPUTS" if taken is not None else ""
    lines += [
        *written.parts,
        "/**",
        f" * The {len(program.outputs)} outputs of {program.inputs} inputs: an array of numbers{or_object}.",
        " * Results are infinite or NaN where there are none.",
        " */",
        f"export function {name}(inputs) {{",
    ]
    if taken is not None:
        lines += ["    if (!(Symbol.iterator in inputs)) inputs = INPUTS.map((key) => inputs[key]);"]
    lines += [
        "    const x = Float64Array.from(inputs);",
        f"    if (x.length !== {program.inputs}) {{",
        f"        throw new RangeError(`{name} takes {program.inputs} numbers, not ${{x.length}}`);",
        "    }",
        *([f"    const w = new Float64Array({written.plan.work});"] if written.plan.work or written.parts else []),
        f"    const y = new Float64Array({len(program.outputs)});",
        *written.body,
        "    return y;",
        "}",
    ]
    return "\n".join(lines) + "\n"
