"""A flat program as a module of Python that needs the standard library only."""

from __future__ import annotations

import builtins
import keyword
import math
from collections.abc import Callable, Sequence
from inspect import getsource, isfunction

from ..program import ARITY, Program
from . import total
from .writer import Language, Writer, checked_name, checked_names, summary, wrapped

SAME = ("cbrt", "atan", "tanh", "asinh", "erf", "erfc", "copysign", "atan2")  # these never raise on floats
HELPERS = {name: function for name, function in vars(total).items() if isfunction(function)}
RESERVED = {*HELPERS, "math", "inf", "nan", "INPUTS", "OUTPUTS", *keyword.kwlist, *keyword.softkwlist, *vars(builtins)}


def _number(x: float) -> str:
    return f"({x!r})" if math.copysign(1.0, x) < 0 and x == x else repr(x)


def _quotient(a: str, b: str) -> str:
    if b.lstrip("(-").startswith(tuple("0123456789")) and b.strip("(-)") != "0.0":
        return f"{a} / {b}"
    return f"{a} / {b} if {b} else over_zero({a}, {b})"


def _call(name: str, count: int) -> str:
    return f"{name}({', '.join(f'{{{k}}}' for k in range(count))})"


def _many(name: str) -> Callable[..., str]:
    return lambda *operands: f"{name}({', '.join(operands)})"


def _part(name: str, parameters: Sequence[str]) -> str:
    return f"\ndef {name}({', '.join(parameters)}):"


OPERATIONS: dict[str, str | Callable[..., str]] = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": _quotient, "neg": "-{0}", "abs": "abs({0})",
    "select_lt": "{2} if {0} < {1} else {3}", "select_le": "{2} if {0} <= {1} else {3}",
    "select_eq": "{2} if {0} == {1} else {3}",
}  # fmt: skip
OPERATIONS |= {name: _call(f"math.{name}", ARITY[name]) for name in SAME}
OPERATIONS |= {name: _call(name, ARITY[name]) for name in HELPERS if name in ARITY and name != "take"}

PYTHON = Language(
    name="Python",
    operations=OPERATIONS,
    calls={"hypot": _many("math.hypot")} | {name: _many(name) for name in ("gamma", "lgamma", "fsum")},
    number=_number,
    define="{name} = {value}",
    variable="{name} = {value}",
    place="{name} = {value}",
    set="{name} = {value}",
    open="for {axis} in range({count}):",
    close="",
    either="({others} if {axis} else {first})",
    taken="nan if {name} < 0 else {value}",
    at="take({index}, {length})",
    part=_part,
    part_end="",
    call="{name}({arguments})",
    comment="  # {text}",
)  # fmt: skip


def to_python(
    program: Program, name: str = "f", inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> str:
    """The text of a module that needs the standard library only, with ``name(inputs)``, which returns a list.

    The results have the same bits as the program's; where the engine would raise, they are infinite or nan.  With names
    for the inputs the function takes a dict by these as well, and ``INPUTS`` and ``OUTPUTS`` list the names.
    Raises ValueError for a row that Python's math has nothing for, with its source line.
    """
    checked_name(name, "Python", RESERVED)
    taken = checked_names(inputs, program.inputs, "inputs")
    given = checked_names(outputs, len(program.outputs), "outputs")
    written = Writer(program, PYTHON).write()
    text = "\n".join([*written.parts, *written.body])
    used = written.used | ({"over_zero"} if "over_zero(" in text else set())
    lines = [f'"""{name}: {summary(program)}."""', "", "import math", "from math import inf, nan", ""]
    for key, those in (("INPUTS", taken), ("OUTPUTS", given)):
        if those is not None:
            lines += [wrapped(f"{key} = (", [repr(said) for said in those], ",)" if those else ")"), ""]
    lines += [f"\n{getsource(helper)}" for key, helper in HELPERS.items() if key in used]
    for table, values in written.tables:
        lines += [wrapped(f"{table} = (", [repr(x) for x in values], ",)"), ""]
    lines += [*written.parts, "", f"def {name}(inputs):"]
    or_dict = ", or a dict by the names in INPUTS" if taken is not None else ""
    takes = f"{program.inputs} inputs: a sequence of numbers{or_dict}"
    lines += [f'    """The {len(program.outputs)} outputs, a list of floats, of {takes}."""']
    if taken is not None:
        lines += ["    if isinstance(inputs, dict):", "        inputs = [inputs[key] for key in INPUTS]"]
    lines += [
        "    x = [float(value) for value in inputs]",
        f"    if len(x) != {program.inputs}:",
        f'        raise ValueError(f"{name} takes {program.inputs} numbers, not {{len(x)}}")',
        *([f"    w = [0.0] * {written.plan.work}"] if written.plan.work or written.parts else []),
        f"    y = [0.0] * {len(program.outputs)}",
        *written.body,
        "    return y",
    ]
    return "\n".join(lines) + "\n"
