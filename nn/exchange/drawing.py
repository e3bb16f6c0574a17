"""The drawing of a ``Network``: its nodes and connections, as a graph that Graphviz lays out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograd.view import Graph

    from ..network import Network
    from ..topology import Connection, Node

POSITIVE, NEGATIVE, OFF, GATE = "#0969da", "#bc4c00", "#8c959f", "#1a7f37"
MOST = 60  # connections with their numbers beside them


def draw(network: Network) -> Graph:
    """The topology as a ``Graph``: nodes with activation and bias, connections with their weights.

    Inputs have sharp corners and outputs a double outline.  A line is the thicker the larger its weight is in size,
    blue where it is above 0, orange and dashed below; dotted and grey where it is switched off.  One with a delay says
    so, and a dotted line leads from a gate to a circle on the connection.  Above 60 connections, numbers show when
    pointed at.  Inputs, outputs, and hidden nodes that take the same inputs are in their order; others lie where edges
    cross least.  The graph of one forward pass is ``autograd.view.draw`` of what ``activate`` returns.
    """
    from autograd.view import Graph, dot  # on first use: most programs never draw

    nodes, connections = list(network.nodes.values()), list(network.connections.values())
    name = {node.id: f"n{i}" for i, node in enumerate(nodes)}
    depth = {node.id: 0 if node.kind == "input" else math.inf for node in nodes if node.kind != "hidden"}
    for at in (reached := [id for id in depth if not depth[id]]):  # grows as it goes
        for c in network._outgoing[at]:
            if c.target not in depth:
                depth[c.target] = depth[at] + 1
                reached.append(c.target)
    largest = max((abs(c.weight.data) for c in connections if network.is_on(c)), default=0.0) or 1.0

    def box(node: Node) -> str:
        text, full = [dot.small(node.kind), f"<B>{node.id}</B>"], [f"{node.kind} {node.id}"]
        if node.activation is not None and node.bias is not None:
            kind = getattr(node.activation, "name", None) or getattr(node.activation, "__name__", "function")
            text += [dot.typed(kind), dot.field("bias", dot.number(node.bias.data))]
            full.append(f"bias {node.bias.data!r}")
            text += [dot.typed(f"of the {node.aggregation}")] if node.aggregation not in ("sum", "builtin_sum") else []
        look = dot.LOOK["leaf" if node.kind == "input" else "operation"]
        look = f"{look}, {dot.OUTPUT}" if node.kind == "output" else look
        return dot.node(name[node.id], node.kind, look, dot.table([dot.cell(text)]), "\\n".join(full))

    def arrows(c: Connection) -> Iterator[str]:
        on, gated = network.is_on(c), c.gate is not None
        state = "" if on else " (disabled)" if not c.enabled else " (masked)"
        late = f" (t−{c.delay})" if c.delay else ""
        hint = f"innovation {c.innovation}{state}: weight {c.weight.data!r}{late}{f', gated by {c.gate}' * gated}"
        colour = POSITIVE if c.weight.data >= 0 else NEGATIVE
        look = f'color="{colour}", penwidth={0.4 + 3.0 * abs(c.weight.data) / largest:.2f}'
        look += ", style=dashed" if c.weight.data < 0 else ""
        look = look if on else f'color="{OFF}", fontcolor="{OFF}", style=dotted'
        look += ", arrowhead=vee" if c.delay else ""
        back = c.delay and depth.get(c.source, 0) >= depth.get(c.target, 0)  # to what is as near to the inputs
        look += ", constraint=false" if back else ""
        kind, source, id = "on" if on else "off", name[c.source], f"e{c.innovation}"
        if c.gate is not None:  # a circle on the line, to which the gate leads
            colour, circle = GATE if on else OFF, f"g{c.innovation}"
            circled = f'shape=circle, margin="0.02,0", color="{colour}", fontcolor="{colour}"'
            yield dot.node(circle, "gate", circled, "×", hint)
            yield dot.edge(source, circle, f"{id}a", "", hint, kind, f"{look}, arrowhead=none")
            opened = f'color="{colour}", style=dotted, arrowhead=odot, penwidth=1.8'
            yield dot.edge(name[c.gate], circle, f"{id}g", "", f"{c.gate} gates {c.source} to {c.target}", kind, opened)
            source = circle
        text = dot.number(c.weight.data) + late if len(connections) <= MOST else ""
        yield dot.edge(source, name[c.target], id, text, hint, kind, look)

    def rank(ids: list[int], kind: str) -> str:
        chain = " -> ".join(name[id] for id in ids)
        return f"{{rank={kind}; {chain} [style=invis]}}" if len(ids) > 1 else f"{{rank={kind}; {chain};}}" * bool(ids)

    alike: dict[frozenset[int], list[int]] = {}
    for node in nodes:
        before = frozenset(start for c in connections if c.target == node.id for start in c.starts())
        if node.kind == "hidden" and before and node.id not in before:
            alike.setdefault(before, []).append(node.id)
    ends = [([node.id for node in nodes if node.kind == k], r) for k, r in (("input", "min"), ("output", "max"))]
    ranks = [rank(ids, kind) for ids, kind in [*ends, *((ids, "same") for ids in alike.values() if len(ids) > 1)]]
    lines = [line for c in connections for line in arrows(c)]
    straight = ", splines=line" if not any(c.delay for c in connections) else ""
    wide = [f"graph [ranksep=1.8{straight}]"] if len(connections) > MOST else []
    statements = [*wide, *map(box, nodes), *filter(None, ranks), *lines]
    return Graph(dot.document(statements), len(nodes), len(connections))
