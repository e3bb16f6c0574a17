"""A flat program as text to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .nests import affine, offsets
from .program import ARITY, NAMES, Loop, Program

INDEX = "ijklmn"  # the names of the turns, from the outermost loop inwards


def listing(program: Program) -> str:
    """An operation a line: results, operation, operands, and the source line."""
    several = f" ... v{program.inputs - 1}" if program.inputs > 1 else ""
    inputs = f"inputs: v0{several}" if program.inputs else "no inputs"
    last = [_operand(program, np.array(x), ()) for x in program.outputs.tolist()]
    return "\n".join(
        [inputs, *_block(program, 0, len(program), program.loops, ()), f"outputs: {', '.join(last) or 'none'}"]
    )


def _block(program: Program, low: int, high: int, loops: Sequence[Loop], nest: tuple[Loop, ...]) -> Iterator[str]:
    indent = "    " * len(nest)
    for loop in loops:
        yield from (_line(program, i, nest) for i in range(low, loop.start))
        yield f"{indent}for {axis(len(nest))} in range({loop.count}):"
        yield from _block(program, loop.start, loop.start + loop.period, loop.inner, (*nest, loop))
        low = loop.start + loop.period * loop.count
    yield from (_line(program, i, nest) for i in range(low, high))


def axis(depth: int) -> str:
    """The name of a loop's turns, by the number of loops around it."""
    return INDEX[depth] if depth < len(INDEX) else f"i{depth}"


def _line(program: Program, i: int, nest: tuple[Loop, ...]) -> str:
    places = i + offsets(nest)
    code = program.code[places]
    name = NAMES[int(program.code[i, 0])]
    operands = [_operand(program, code[..., 1 + k], nest) for k in range(ARITY[name])]
    if name in ("take", "call"):
        lists = np.array([program.lists[b] for b in code[..., 2].ravel().tolist()])
        members = lists.reshape(*code.shape[:-1], -1)
        listed = [_operand(program, members[..., k], nest) for k in range(members.shape[-1])]
        if name == "call":
            name, operands = program.rows[int(code[..., 1].flat[0])], listed
        else:
            operands.append(f"[{', '.join(listed)}]")
    elif name.startswith("skip"):
        operands += [f"next {int(program.code[i, 3])} if {bool(program.code[i, 4])}"]
    text = f"{'    ' * len(nest)}{_operand(program, program.inputs + places, nest)} = {name}({', '.join(operands)})"
    line = -1 if program.lines is None else int(program.lines[i])
    return f"{text:<56}  # {place(program, line)}" if line >= 0 else text


def place(program: Program, line: int) -> str:
    """The source line ``places[line]``, fit to stand in a comment: on one line, and without a comment's end."""
    file, number = program.places[line]
    return f"{''.join(c if c.isprintable() else '?' for c in file).replace('*/', '* /')}:{number}"


def _operand(program: Program, numbers: NDArray[Any], nest: tuple[Loop, ...]) -> str:
    """An operand over the turns of a nest."""

    def moving(numbers: NDArray[Any]) -> str | None:
        found = affine(numbers)
        if found is None or (found[0] < 0 and any(found[1])):
            return None
        base, strides = found
        if base < 0:
            return repr(float(program.constants[-1 - base]))
        steps = [
            f"{'+' if stride > 0 else '-'}{abs(stride) if abs(stride) > 1 else ''}{axis(depth)}"
            for depth, stride in enumerate(strides)
            if stride
        ]
        return f"v{base}{''.join(steps)}"

    text = moving(numbers)
    if text is None and nest[-1].count > 1:
        first, others = moving(numbers[..., 0]), affine(numbers[..., 1:])
        if first and others and min(others[0], int(numbers.min(initial=0, where=numbers >= 0))) >= 0:
            # written as if it had moved so from the first turn on
            base, strides = others
            step = strides[-1] if nest[-1].count > 2 else 0
            shifted = (
                base
                - step
                + sum(
                    (np.arange(loop.count) * stride).reshape(-1, *[1] * (len(nest) - 1 - depth))
                    for depth, (loop, stride) in enumerate(zip(nest, (*strides[:-1], step), strict=True))
                )
            )
            rest = moving(np.asarray(shifted)) if base - step >= 0 else None
            text = f"{first}|{rest}" if rest else None
    return text or f"{moving(numbers.ravel()[:1].reshape(()))}..."
