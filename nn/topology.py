"""The drawing of a ``Network`` as it was put together: its nodes and connections, not the operations they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograd.view.drawing import _HEADER, _LOOK, _cell, _field, _short, _small, _table, _typed
from autograd.view.render import Graph

if TYPE_CHECKING:
    from .network import Connection, Network, Node

_LOOKS = {
    "input": _LOOK["leaf"],
    "hidden": _LOOK["operation"],
    "output": f"{_LOOK['operation']}, peripheries=2",
}
_OFF = ', style=dashed, color="#8c959f", fontcolor="#57606a"'


def topology(network: Network) -> Graph:
    """The network's nodes and connections as a Graph, the inputs in one rank and the outputs in another."""
    lines = [_node(node) for node in network.nodes.values()]
    for kind, rank in (("input", "min"), ("output", "max")):
        same = " ".join(f"n{node.id};" for node in network.nodes.values() if node.kind == kind)
        lines.append(f"{{rank={rank}; {same}}}")
    lines += [_edge(connection, network.is_on(connection)) for connection in network.connections.values()]
    source = "\n".join([_HEADER.rstrip(), *(f"  {line}" for line in lines), "}", ""])
    return Graph(source, len(network.nodes), len(network.connections))


def _node(node: Node) -> str:
    text, full = [_small(node.kind), f"<B>{node.id}</B>"], [f"{node.kind} {node.id}"]
    if node.activation is not None and node.bias is not None:
        name = getattr(node.activation, "name", None) or getattr(node.activation, "__name__", "function")
        text += [_typed(name), _field("bias", _short(node.bias.data))]
        full.append(f"bias {node.bias.data!r}")
    label = _table([_cell("<BR/>".join(text))])
    tooltip = "\\n".join(full)
    return f'n{node.id} [id=n{node.id}, class={node.kind}, {_LOOKS[node.kind]}, tooltip="{tooltip}", label=<{label}>]'


def _edge(connection: Connection, on: bool) -> str:
    state = "" if on else " (disabled)" if not connection.enabled else " (masked)"
    tooltip = f"innovation {connection.innovation}{state}: weight {connection.weight.data!r}"
    return (
        f"n{connection.source} -> n{connection.target} [id=e{connection.innovation}, "
        f'class="{"on" if on else "off"}", label="{_short(connection.weight.data)}", '
        f'tooltip="{tooltip}", labeltooltip="{tooltip}"{"" if on else _OFF}]'
    )
