"""A ``Network`` as an ES module, by way of a compiled program of one step, and as a page to try it on."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from . import drawing
from .functions import AGGREGATIONS

if TYPE_CHECKING:
    from autograd.compile import Program
    from autograd.view import Page

    from ..network import Network

# Python's own sum is no operation of JavaScript's
WRITTEN = AGGREGATIONS | {"builtin_sum": AGGREGATIONS["sum"]}
MODULE = """\
/** The parameters by name; a number that is set here counts from the next step on. */
export const PARAMETERS = $parameters;

let state = new Float64Array($states);

/** The $outputs outputs of $inputs inputs, as an array: of one step$memory. */
export function $name(inputs) {
    if (inputs.length !== $inputs) throw new RangeError(`$name takes $inputs inputs, not $${inputs.length}`);
    const y = ${name}Step([...inputs, ...state, ...Object.values(PARAMETERS)]);
    state = y.slice($outputs);
    return Array.from(y.slice(0, $outputs));
}

/** Forget the steps before. */
$name.reset = () => { state = new Float64Array($states); };
"""


def step_of(network: Network) -> tuple[Program, int]:
    """The program of one step, and how many numbers go on to the next step.

    Its inputs are the network's, what was kept of the steps before, and all parameters; its outputs the network's, and
    what is to be kept.
    """
    from autograd.compile.captured import Captured

    plan, width = network._planned(), len(network._planned().inputs)
    delayed = [c for _, incoming in plan.nodes for c in incoming if c.delay and network.is_on(c)]
    kept = sorted({(back, c.source) for c in delayed for back in range(1, c.delay + 1)})

    def step(*numbers: Any) -> list[Any]:
        past: list[dict[int, Any]] = [{} for _ in range(plan.memory)]
        for (back, source), x in zip(kept, numbers[width:], strict=True):
            past[back - 1][source] = x
        out, _ = network._step(numbers[:width], past, WRITTEN)
        before = [out, *past]
        return [*(out[id] for id in plan.outputs), *(before[back - 1][source] for back, source in kept)]

    captured = Captured(step, [[0.0] * (width + len(kept))], network.parameters())
    try:
        captured.results([0])
        recorded = captured.ways[0].recorded
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"a step of this network cannot be recorded at inputs of 0: {error}") from error
    if recorded.guards:
        branch = recorded.guards[0]
        raise ValueError(
            f"this network has no JavaScript: {branch.what} at {Path(branch.place[0]).name}:{branch.place[1]} decides "
            "what is computed; write the activation or aggregation with where, max and min"
        )
    return replace(recorded.program, lines=None), len(kept)


def to_javascript(network: Network, name: str = "network") -> str:
    """The text of an ES module that exports the network as a function of an array of inputs: one step of it.

    ``name.reset()`` forgets the steps before, and ``PARAMETERS`` holds the weights.  Numbers are the compiled program's
    (``Program.to_javascript``).  Raises ValueError for an operation that has no JavaScript, such as erf, and for an
    activation or aggregation that branches on a number, such as the median.
    """
    from autograd.compile.export.javascript import RESERVED
    from autograd.compile.export.writer import checked_name

    checked_name(name, "JavaScript", {*RESERVED, "PARAMETERS", "state"})
    program, states = step_of(network)
    plan = network._planned()
    written = program.to_javascript(f"{name}Step")
    return f"{written}\n" + Template(MODULE).substitute(
        name=name,
        inputs=len(plan.inputs),
        outputs=len(plan.outputs),
        states=states,
        memory=", which goes on from the steps before" if states else "",
        parameters=json.dumps(network.state_dict(), indent=4),
    )


def to_page(
    network: Network,
    title: str = "A network to try",
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
) -> Page:
    """A page to try the network in a browser; ``save`` writes it, one file that needs nothing else.

    With a slider for each input, the outputs, the drawing of up to 60 connections, and, with delays, the outputs of the
    last steps.  ``inputs`` and ``outputs`` are names for them.  Raises as ``to_javascript`` and ``draw().svg()``.
    """
    from autograd.view import Page

    plan = network._planned()
    names = {}
    for what, given, ids in (("inputs", inputs, plan.inputs), ("outputs", outputs, plan.outputs)):
        names[what] = [f"{what[:-1]} {id}" for id in ids] if given is None else [*map(str, given)]
        if len(names[what]) != len(ids):
            raise ValueError(f"the network has {len(ids)} {what}, and {len(names[what])} names were given")
    about = {**names, "remembers": plan.memory > 0}
    picture = ""
    if len(network.connections) <= drawing.MOST:
        svg = network.draw().svg().replace("graphics-document document", "img", 1)
        svg = re.sub(r'style="[^"]*"(.*?) width="(\d+)pt"', _at_least_half, svg, count=1, flags=re.DOTALL)
        picture = f'<figure tabindex="0" aria-label="The nodes and connections of the network">{svg}</figure>'
    text = Template(files(__package__).joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        about=escape(repr(network).strip("<>")),
        names=json.dumps(about).replace("<", "\\u003c"),
        network=to_javascript(network),
        picture=picture,
    )
    return Page(text, len(network.nodes), title=title)


def _at_least_half(size: re.Match[str]) -> str:
    """So that a large drawing on a small screen is moved about, not made illegible."""
    return f'style="min-width:{int(size[2]) // 2}pt"{size[1]} width="{size[2]}pt"'
