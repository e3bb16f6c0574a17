"""``draw``: a graph of Values as DOT text, with every number of the forward and the backward pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..backward import topological
from ..errors import ERRORS
from ..primitives import CONSTANT
from ..sweeps import edges
from ..value import Value, numbers_of
from . import dot
from .levels import LEVELS, levelled
from .render import Graph

if TYPE_CHECKING:
    from .explanation import Explanation

_SHORT = 8  # ranks: where edges are many and long, those beyond it end at a reference
_FEW, _ROOM = 2, 9  # more operands than a few get so much room about their places that each line can be followed
_LENGTHS = 500_000  # the sum of the cubes of all lengths at which that begins: seconds of Graphviz's time


def draw(
    output: Value | Iterable[Value],
    *,
    limit: int = 2000,
    depth: int | None = None,
    around: Value | None = None,
    level: str = "full",
    highlight: Explanation | None = None,
    by_gradient: bool = False,
    title: str = "",
) -> Graph:
    """A drawing of the graph that one Value, or each of several, was computed from, as a ``Graph``.

    A node shows its operation, label, data and gradient, ``grad —`` if no gradient was computed.  An edge leads from
    an operand to the result and shows the local partial derivative ``∂ result / ∂ operand`` at the numbers of the
    forward pass, or ``∂ undefined`` where the rule has no finite value; an operand used twice has two edges.  A leaf
    whose data was set after the forward pass shows the number ``used`` there too.  Numbers among the operands stand in
    the node of the operation, ``** 2``.  Where the order of the operands matters and does not show otherwise, the edges
    end at their places in it, 1, 2, ….  Numbers are rounded to five digits; in SVG, pointing at a node or an edge shows
    them in full.  Where edges are so many and long that no line could be followed, as from the leaf that every step of
    a long loop uses, those over more than eight ranks begin at a small dashed box which says whose they are.

    With ``depth``, only nodes within that many edges behind the outputs are drawn.  With ``around``, only that node of
    the graph and those within ``depth`` edges of it in either direction: if ``depth`` is not given, its operands and
    its users.  What is left out next to a node that is drawn is counted in a dashed box.

    ``level`` "neurons" or "layers" draws a large graph as boxes: what only one node uses is drawn as part of it, so
    that a neuron is one box; what is computed alike from the same parameters, as by each sample, is one, "×100"; and
    neurons of one shape with the same operands are a layer.

    ``highlight`` draws the paths that an explanation of this graph goes along in bold; with ``by_gradient``, a node is
    the darker the larger its gradient is, each factor of ten a shade.  ``title``, of one line or more, stands above.

    Labels are shown as typed, save that control characters and characters which XML does not allow become U+FFFD, a
    tab becomes four spaces, CR and CR LF become a line break, and spaces at either end of a line no-break spaces.

    Raises ValueError if there is nothing to draw, if there are more than ``limit`` nodes or ten times as many operands,
    and if ``around`` is not in the graph.

    >>> a = Value(2.0, "a")
    >>> graph = draw(a * a + 1.0)
    >>> graph
    <Graph of 3 nodes and 3 edges>
    >>> graph.save("graph.dot")  # doctest: +SKIP
    """
    if level not in LEVELS:
        raise ValueError(f"level must be {', '.join(LEVELS)}, not {level!r}")
    if level != "full":
        if depth is not None or around is not None or highlight is not None or by_gradient:
            raise ValueError(
                "depth, around, highlight and by_gradient are for the full graph: leave them out, or level"
            )
        return levelled(_listed(output), level, limit, title)
    look = Look(frozenset() if highlight is None else highlight.places(), by_gradient)
    return drawn(output, limit, depth, around, look=look, title=title)


@dataclass(frozen=True)
class Look:
    """What is drawn otherwise than usual: edges in bold, by result and place; and whether gradients have shades."""

    bold: frozenset[tuple[Value, int]] = frozenset()
    by_gradient: bool = False


def _listed(output: Value | Iterable[Value]) -> list[Value]:
    """The outputs to draw; TypeError for what is no Value, ValueError if there are none."""
    outputs: list[Any] = [output] if isinstance(output, Value) or not isinstance(output, Iterable) else list(output)
    for value in outputs:
        if not isinstance(value, Value):
            raise TypeError(f"draw takes Values, not {type(value).__name__} {value!r}")
    if not outputs:
        raise ValueError("draw needs at least one output, and the list is empty")
    return outputs


@dataclass(frozen=True)
class Shown:
    """Gradients and names, by node, that a drawing shows in the place of the nodes' own."""

    grads: Mapping[Value, float]
    names: Mapping[Value, str]


def drawn(
    output: Value | Iterable[Value],
    limit: int,
    depth: int | None,
    around: Value | None,
    other: Shown | None = None,
    look: Look | None = None,
    title: str = "",
) -> Graph:
    """What ``draw`` does."""
    outputs = _listed(output)
    if around is not None:
        _listed(around)
    if depth is not None and depth < 0:
        raise ValueError(f"depth must be 0 or more, not {depth!r}")

    if around is None:
        shown = _near(outputs, _behind, math.inf if depth is None else depth, limit)
        order = topological(*outputs)
        users = _users(order) if len(shown) < len(order) else None
    else:
        order = topological(*outputs)
        users = _users(order)
        if around not in users:
            raise ValueError(f"around={around!r} is not in the graph of the output")
        shown = _near([around], lambda node: [*_behind(node), *users[node]], 1 if depth is None else depth, limit)
    if sum(type(arg) is float or arg in shown for node in shown for arg in node.args) > 10 * limit:
        raise ValueError(_too_large(f"{10 * limit:,} operands", limit))

    view = _View(order, shown, users, outputs, other, look or Look())
    nodes = [node for node in order if node in shown]
    whole = outputs[0] if len(outputs) == 1 and len(nodes) == len(order) else None
    text = dot.document((line for node in nodes for line in view.lines(node)), title)
    return Graph(text, len(nodes), view.edges, whole, title=title, limit=limit)


# ---- which part ------------------------------------------------------------------------------------------------------


def _behind(node: Value) -> list[Value]:
    return [arg for arg in node.args if isinstance(arg, Value)]


def _users(order: list[Value]) -> dict[Value, list[Value]]:
    """For each node those that were computed from it, once for each use."""
    users: dict[Value, list[Value]] = {node: [] for node in order}
    for node in order:
        for arg in _behind(node):
            users[arg].append(node)
    return users


def _near(start: list[Value], neighbours: Callable[[Value], list[Value]], depth: float, limit: int) -> set[Value]:
    """All nodes within ``depth`` edges; ValueError as soon as there are more than ``limit``."""
    found, ring = set(start), start
    while ring and depth > 0 and len(found) <= limit:
        depth -= 1
        outer = []
        for node in ring:
            for other in neighbours(node):
                if other not in found:
                    found.add(other)
                    outer.append(other)
            if len(found) > limit:
                break
        ring = outer
    if len(found) > limit:
        raise ValueError(_too_large(f"{limit:,} nodes", limit))
    return found


def _far(nodes: list[Value]) -> set[tuple[Value, Value]]:
    """The pairs (operand, node) that stand so far apart that their edge ends at a reference.

    Graphviz puts a point on an edge for every rank that it crosses: the leaf that all steps of a loop use makes n²/2 of
    them.  Its time grows with the cube of the length, and the eye does not follow such lines either.
    """
    rank: dict[Value, int] = {}
    first_use: dict[Value, int] = {}
    for node in nodes:
        behind = [arg for arg in _behind(node) if arg in rank]
        rank[node] = 1 + max((rank[arg] for arg in behind), default=0)
        for arg in behind:
            first_use[arg] = min(first_use.get(arg, rank[node]), rank[node])
    for node, use in first_use.items():
        if node.op is None:
            rank[node] = use - 1  # a leaf is placed beside its first use
    lengths = [(rank[node] - rank[arg], arg, node) for node in nodes for arg in _behind(node) if arg in rank]
    if sum(length**3 for length, _, _ in lengths) <= _LENGTHS:
        return set()
    return {(arg, node) for length, arg, node in lengths if length > _SHORT}


def _too_large(what: str, limit: int) -> str:
    return (
        f"the drawing would have more than {what}: draw a part of the graph with depth= (draw(output, depth=3): what "
        "lies within 3 edges behind the output) or around= (draw(output, around=value): a node, its operands and its "
        f"users), make that part smaller, or raise limit={limit}"
    )


# ---- how it looks ----------------------------------------------------------------------------------------------------


class _View:
    """The nodes to draw, and what has to be known of the whole graph to draw one of them."""

    def __init__(
        self,
        order: list[Value],
        shown: set[Value],
        users: dict[Value, list[Value]] | None,
        outputs: list[Value],
        other: Shown | None,
        look: Look,
    ) -> None:
        self.other, self.look = other, look
        sizes = [abs(node.grad) for node in shown if node.has_grad and node.grad] if look.by_gradient else []
        self.largest = max(sizes, default=0.0)
        self.number = {node: i for i, node in enumerate(order)}
        self.shown, self.users = shown, users
        self.far = _far([node for node in order if node in shown])
        self.referred = {arg for arg, _ in self.far}
        self.roles: dict[Value, str] = {}
        for i, node in enumerate(outputs, 1):
            self.roles[node] = "output" if len(outputs) == 1 else f"{self.roles.get(node, 'output')} {i}"
        self.edges = 0
        self.used: dict[Value, dict[str, float]] = {}  # the numbers of each leaf that operations computed with
        for node in order:
            for arg, x in zip(node.args, numbers_of(node), strict=True) if node in shown else ():
                if isinstance(arg, Value) and arg.op is None:
                    self.used.setdefault(arg, {})[repr(x)] = x

    def lines(self, node: Value) -> list[str]:
        """The DOT statements for a node, the edges that lead to it, and what stands for others next to it."""
        caption, slots = _operation(node, self.shown)
        lines = [self._node(node, caption, slots)]
        i = self.number[node]
        partials = iter(_partials(node))
        for j, arg in enumerate(node.args):
            if isinstance(arg, Value):
                partial = next(partials)
                if arg in self.shown:
                    self.edges += 1
                    tail = f"r{i}_{self.number[arg]}" if (arg, node) in self.far else f"n{self.number[arg]}"
                    head = f"n{i}:p{j}:w" if slots else f"n{i}"
                    bold = (node, j) in self.look.bold
                    lines.append(_edge(tail, head, (i, j), self.number[arg], partial, bold))
        lines += [self._reference(node, arg) for arg in dict.fromkeys(_behind(node)) if (arg, node) in self.far]
        if self.users is not None:
            behind = sum(arg not in self.shown for arg in _behind(node))
            ahead = sum(user not in self.shown for user in self.users[node])
            if behind:
                lines.append(_cut(f"b{i}", behind, "operand"))
                lines.append(f"b{i} -> n{i} [style=dashed]")
            if ahead:
                lines.append(_cut(f"a{i}", ahead, "use"))
                lines.append(f"n{i} -> a{i} [style=dashed]")
        return lines

    def _node(self, node: Value, caption: str, slots: list[tuple[int, str]]) -> str:
        i, role, used = self.number[node], self.roles.get(node), self.used.get(node, {})
        kind = "leaf" if node.op is None else "constant" if node.op is CONSTANT else "operation"
        full = [f"n{i}: {'leaf' if node.op is None else node.op}", f"data {node.data!r}"]
        text = [dot.small(about) for about in (role, f"n{i}" if node in self.referred else None) if about is not None]
        if node.label:
            text.append(f"<B>{dot.typed(node.label)}</B>")
        elif self.other is not None:
            text.append(dot.small(self.other.names[node]))
        data = [dot.number(node.data)]
        if self.other is not None and used:  # both passes are those of the numbers that were used
            data, used = [dot.number(x) for x in used.values()], {}
        text.append(dot.field("data", ", ".join(data)))
        if used.keys() - {repr(node.data)}:  # the leaf was set afterwards
            text.append(dot.field("used", ", ".join(map(dot.number, used.values()))))
            full.append(f"used as {', '.join(used)}")
        grad = self.other.grads.get(node) if self.other is not None else node.grad if node.has_grad else None
        text.append(dot.field("grad", dot.number(grad) if grad is not None else "—"))
        full.append(f"grad {grad!r}" if grad is not None else "grad not computed")

        cells = [dot.cell(text)]
        if caption:
            cells.insert(0, dot.cell([f'<FONT POINT-SIZE="14"><B>{dot.typed(caption)}</B></FONT>']))
        if slots:
            many = sum(isinstance(node.args[j], Value) for j, _ in slots) > _FEW
            room = [_ROOM if many and isinstance(node.args[j], Value) else 1 for j, _ in slots]
            places = [dot.cell([dot.small(place)], f' PORT="p{j}" CELLPADDING="{padding}"')
                      for (j, place), padding in zip(slots, room, strict=True)]  # fmt: skip
            cells.insert(0, f"<TD>{dot.table(places)}</TD>")
        classes, look = kind, dot.LOOK[kind]
        if role is not None:
            classes, look = f"{kind} output", f"{look}, {dot.OUTPUT}"
        if self.largest and grad:
            shade = min(len(dot.SHADES) - 1, int(math.log10(self.largest / abs(grad))))
            look = f'{look}, fillcolor="{dot.SHADES[shade]}"'
        return dot.node(f"n{i}", classes, look, dot.table(["<VR/>".join(cells)]), "\\n".join(full))

    def _reference(self, node: Value, arg: Value) -> str:
        """A small box that stands for an operand far behind."""
        name = f"n{self.number[arg]}"
        text = [dot.small(name), *([f"<B>{dot.typed(arg.label)}</B>"] if arg.label else [])]
        label = dot.table([dot.cell(["\u00a0".join(text)], ' CELLPADDING="3"')])
        return dot.node(
            f"r{self.number[node]}_{name[1:]}", "reference", dot.LOOK["reference"], label, f"{name}, far behind"
        )


def _operation(node: Value, shown: set[Value]) -> tuple[str, list[tuple[int, str]]]:
    """What the operation's cell says, and the places of the operands, if they have to be shown."""
    row, args = node.op, node.args
    if row is None:
        return "", []
    infix = row.arity == 2 and row.text.startswith("%s") and row.text.endswith("%s")
    caption = row.text[2:-2].strip().replace("%%", "%") if infix else row.name
    if infix and not isinstance(args[0], Value):
        return f"{dot.number(args[0])} {caption}", []
    if infix and not isinstance(args[1], Value):
        return f"{caption} {dot.number(args[1])}", []
    if len(args) < 2 or (row.symmetric and all(isinstance(arg, Value) for arg in args)):
        return caption, []
    slots = [
        (j, f"{j + 1}" if isinstance(arg, Value) else f"{j + 1}: {dot.number(arg)}")
        for j, arg in enumerate(args)
        if type(arg) is float or arg in shown
    ]
    return caption, slots


class _Only:
    """What ``edges`` takes for the set of active operands when the partial by one place is wanted, the k-th."""

    def __init__(self, k: int) -> None:
        self.k = k

    def __contains__(self, operand: object) -> bool:
        self.k -= 1
        return self.k == -1


def _partials(node: Value) -> list[Any]:
    """The partial by each operand that is a Value; None where the rule raises."""
    try:
        return [partial for _, partial in edges(node)]
    except ERRORS:
        places = range(len(_behind(node)))
        if node.op is None or node.op.arity is None:  # one rule gives them all
            return [None for _ in places]
    result = []
    for k in places:
        try:
            ((_, partial),) = edges(node, _Only(k))
        except ERRORS:
            partial = None
        result.append(partial)
    return result


def _edge(tail: str, head: str, name: tuple[int, int], operand: int, partial: Any, bold: bool) -> str:
    i, j = name
    if partial is None:
        text, full, kind, look = "∂ undefined", "undefined", "undefined", dot.UNDEFINED
    else:
        text, full, kind, look = f"∂ {dot.number(partial)}", repr(partial), "", ""
        if bold:
            kind, look = "path", dot.PATH
    return dot.edge(tail, head, f"e{i}_{j}", text, f"∂n{i}/∂n{operand} = {full} (operand {j + 1})", kind, look)


def _cut(name: str, count: int, noun: str) -> str:
    text = f"{count:,} {noun}{'s' * (count != 1)}"
    return f'{name} [id={name}, class=cut, {dot.LOOK["cut"]}, tooltip="{text} not drawn", label="… {text}"]'
