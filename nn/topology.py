"""What a ``Network`` is put together from, ``Node`` and ``Connection``, and the drawing of that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograd import Value

if TYPE_CHECKING:
    from autograd.view import Graph

KINDS = ("input", "hidden", "output")


@dataclass(eq=False, slots=True)
class Node:
    """A node: an input passes its number on; another gives activation(Σ weight · output of the source + bias)."""

    id: int
    kind: str
    bias: Value | None = None  # None for an input
    activation: Callable[[Any], Any] | None = None  # None for an input


@dataclass(eq=False, slots=True)
class Connection:
    """An edge from one node to another; while it is not ``enabled``, it takes part in nothing."""

    innovation: int
    source: int
    target: int
    weight: Value
    enabled: bool = True


def drawing(nodes: Iterable[Node], connections: Iterable[tuple[Connection, bool]]) -> Graph:
    """Nodes and connections, each with whether it takes part, as a Graph; inputs in one rank and outputs in another."""
    from autograd.view import Graph, dot  # on first use: most programs never draw

    def box(node: Node) -> str:
        text, full = [dot.small(node.kind), f"<B>{node.id}</B>"], [f"{node.kind} {node.id}"]
        if node.activation is not None and node.bias is not None:
            name = getattr(node.activation, "name", None) or getattr(node.activation, "__name__", "function")
            text += [dot.typed(name), dot.field("bias", dot.number(node.bias.data))]
            full.append(f"bias {node.bias.data!r}")
        look = dot.LOOK["leaf" if node.kind == "input" else "operation"]
        look = f"{look}, {dot.OUTPUT}" if node.kind == "output" else look
        return dot.node(f"n{node.id}", node.kind, look, dot.table([dot.cell(text)]), "\\n".join(full))

    def arrow(connection: Connection, on: bool) -> str:
        state = "" if on else " (disabled)" if not connection.enabled else " (masked)"
        hint = f"innovation {connection.innovation}{state}: weight {connection.weight.data!r}"
        ends, name = (f"n{connection.source}", f"n{connection.target}"), f"e{connection.innovation}"
        text, (kind, look) = dot.number(connection.weight.data), ("on", "") if on else ("off", dot.OFF)
        return dot.edge(*ends, name, text, hint, kind, look)

    nodes, connections = list(nodes), list(connections)
    ranks = [
        f"{{rank={rank}; {' '.join(f'n{node.id};' for node in nodes if node.kind == kind)}}}"
        for kind, rank in (("input", "min"), ("output", "max"))
    ]
    source = dot.document([*map(box, nodes), *ranks, *(arrow(connection, on) for connection, on in connections)])
    return Graph(source, len(nodes), len(connections))
