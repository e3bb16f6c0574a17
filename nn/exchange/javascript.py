"""A ``Network`` as a JavaScript function, written from the topology, and a page to try it on."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from ..layers import activation_name

if TYPE_CHECKING:
    from ..network import Network
    from ..topology import Node

# of z; the formulas are those of the functions of these names, in the operations that JavaScript has
FUNCTIONS = {
    "linear": "z",
    "sigmoid": "z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z))",
    "tanh": "Math.tanh(z)",
    "relu": "z <= 0 ? 0 : z",
    "leaky_relu": "z <= 0 ? 0.01 * z : z",
    "softplus": "Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)))",
    "silu": "z / (1 + Math.exp(-z))",
    "elu": "z > 0 ? z : Math.expm1(z)",
    "sin": "Math.sin(z)",
    "cos": "Math.cos(z)",
    "exp": "Math.exp(z)",
    "abs": "Math.abs(z)",
    "neat_sigmoid": "1 / (1 + Math.exp(-Math.max(-60, Math.min(60, 5 * z))))",
    "neat_tanh": "Math.tanh(Math.max(-60, Math.min(60, 2.5 * z)))",
    "neat_sin": "Math.sin(Math.max(-60, Math.min(60, 5 * z)))",
    "neat_gauss": "Math.exp(-5 * Math.max(-3.4, Math.min(3.4, z)) ** 2)",
    "neat_relu": "z > 0 ? z : 0",
    "neat_elu": "z > 0 ? z : Math.exp(z) - 1",
    "neat_identity": "z",
    "neat_clamped": "Math.max(-1, Math.min(1, z))",
    "neat_abs": "Math.abs(z)",
    "neat_hat": "Math.max(0, 1 - Math.abs(z))",
    "neat_square": "z * z",
    "neat_cube": "z * z * z",
}
SUMS = ("sum", "builtin_sum")


def function(network: Network, name: str) -> str:
    """The text of the function; see ``Network.to_javascript``."""
    if not name.isidentifier() or not name.isascii():
        raise ValueError(f"{name!r} is no name for a JavaScript function")
    plan = network._planned()
    place = {id: i for i, id in enumerate([*plan.inputs, *(node.id for node, *_ in plan.nodes)])}
    lines = [
        f"// {len(plan.inputs)} inputs, {len(plan.outputs)} outputs, {len(network.connections)} connections",
        f"const {name} = (() => {{",
    ]
    used = dict.fromkeys(_called(node) for node, *_ in plan.nodes)
    lines += [f"  const {called} = z => {FUNCTIONS[called]};" for called in used]
    lines += ["  let past = [];", "  function step(inputs) {"]
    width = len(plan.inputs)
    lines += [
        f"    if (inputs.length !== {width}) throw new Error(`{name} takes {width} inputs, not ${{inputs.length}}`);",
        "    const before = (delay, i) => delay <= past.length ? past[delay - 1][i] : 0;" if plan.memory else "",
        f"    const out = new Float64Array({len(place)});",
        f"    for (let i = 0; i < {width}; i++) out[i] = inputs[i];",
    ]
    for node, incoming, *_ in plan.nodes:
        assert node.bias is not None
        on = [c for c in incoming if network.is_on(c)]
        terms = []
        for c in on:
            factor = _number(c.weight.data) + (f" * out[{place[c.gate]}]" if c.gate is not None else "")
            source = f"before({c.delay}, {place[c.source]})" if c.delay else f"out[{place[c.source]}]"
            terms.append(f"{factor} * {source}")
        total = " + ".join(terms) or "0"
        if node.response is not None:
            total = f"{_number(node.response.data)} * ({total})"
        result = f"{_called(node)}({total} + {_number(node.bias.data)})"
        if not on and node.idle is not None:
            result = _number(node.idle)
        lines.append(f"    out[{place[node.id]}] = {result};  // {node.kind} {node.id}")
    if plan.memory:
        lines.append(f"    past = [out, ...past].slice(0, {plan.memory});")
    lines += [
        f"    return [{', '.join(f'out[{place[id]}]' for id in plan.outputs)}];",
        "  }",
        "  step.reset = () => { past = []; };",
        "  return step;",
        "})();",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def page(network: Network, title: str = "A network to try") -> str:
    """A page of its own with a slider for each input from −1 to 1, and the outputs as bars and numbers."""
    inputs = [node.id for node in network.nodes.values() if node.kind == "input"]
    outputs = [node.id for node in network.nodes.values() if node.kind == "output"]
    names = json.dumps({"inputs": inputs, "outputs": outputs})
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
  body {{ font: 16px system-ui, sans-serif; max-width: 36rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328 }}
  label {{ display: grid; grid-template-columns: 6rem 1fr 5rem; gap: 0.75rem; align-items: center; margin: 0.4rem 0 }}
  output {{ font-variant-numeric: tabular-nums; text-align: right }}
  meter {{ width: 100% }}
</style>
<h1>{escape(title)}</h1>
<h2>Inputs</h2><div id="inputs"></div>
<h2>Outputs</h2><div id="outputs"></div>
<script>
{function(network, "network")}
const names = {names};
const rows = (where, ids, what) => ids.map(id => {{
  const label = document.createElement("label");
  const bar = document.createElement(what);
  const text = document.createElement("output");
  const name = document.createElement("span");
  name.textContent = where.slice(0, -1) + " " + id;
  if (what === "input") Object.assign(bar, {{ type: "range", min: -1, max: 1, step: 0.01, value: 0 }});
  else Object.assign(bar, {{ min: -1, max: 1 }});
  label.append(name, bar, text);
  document.getElementById(where).append(label);
  return {{ bar, text }};
}});
const inputs = rows("inputs", names.inputs, "input"), outputs = rows("outputs", names.outputs, "meter");
function show() {{
  const x = inputs.map(row => Number(row.bar.value));
  inputs.forEach((row, i) => {{ row.text.textContent = x[i].toFixed(2); }});
  network(x).forEach((y, i) => {{ outputs[i].bar.value = y; outputs[i].text.textContent = y.toPrecision(4); }});
}}
inputs.forEach(row => row.bar.addEventListener("input", show));
show();
</script>
</html>
"""


def _called(node: Node) -> str:
    assert node.activation is not None
    name = activation_name(node.activation)
    if name not in FUNCTIONS or node.aggregation not in SUMS:
        raise ValueError(
            f"node {node.id} has the activation {name} and the aggregation {node.aggregation}: JavaScript is written "
            f"for sums, and for {', '.join(FUNCTIONS)}"
        )
    return name


def _number(x: float) -> str:
    return repr(x) if x >= 0 else f"({x!r})"
