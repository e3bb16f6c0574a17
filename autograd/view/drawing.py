"""``draw``: a graph of Values as DOT text, with every number of the forward and the backward pass."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from ..backward import topological
from ..primitives import CONSTANT
from ..sweeps import edges
from ..value import ERRORS, Value, numbers_of
from .render import Graph

_HEADER = """\
digraph "computation graph" {
  graph [rankdir=LR, bgcolor=white, pad=0.15, nodesep=0.25, ranksep=0.4, nslimit=2]
  node [shape=box, margin=0, height=0, width=0, fontname=Courier, fontsize=11, fontcolor="#1f2328"]
  edge [fontname=Courier, fontsize=10, color="#57606a", fontcolor="#0550ae", arrowsize=0.6]"""

# The kinds of node differ in outline, not in colour alone: a leaf has sharp corners, the result of an operation round
# ones, a constant a dotted outline, an output a double one, and what is cut off a dashed one.
_LOOK = {
    "leaf": 'style=filled, color="#0969da", fillcolor="#ddf4ff"',
    "operation": 'style="rounded,filled", color="#57606a", fillcolor="#f6f8fa"',
    "constant": 'style="dotted,filled", color="#57606a", fillcolor="#ffffff"',
    "cut": 'style="dashed,rounded", color="#8c959f", fontcolor="#57606a", fontsize=10, margin="0.08,0.03"',
}


def draw(
    output: Value | Iterable[Value], *, limit: int = 2000, depth: int | None = None, around: Value | None = None
) -> Graph:
    """A drawing of the graph that one Value, or each of several, was computed from, as a ``Graph``.

    A node shows its operation, label, data and gradient, ``grad —`` if no gradient was computed.  An edge leads from
    an operand to the result and shows the local partial derivative ``∂ result / ∂ operand`` at the numbers of the
    forward pass, or ``∂ undefined`` where the rule has no finite value; an operand used twice has two edges.  A leaf
    whose data was set after the forward pass shows the number ``used`` there too.  Numbers among the operands stand in
    the node of the operation, ``** 2``.  Where the order of the operands matters and does not show otherwise, the edges
    end at their places in it, 1, 2, ….  Numbers are rounded to five digits; in SVG, pointing at a node or an edge shows
    them in full.

    With ``depth``, only nodes within that many edges behind the outputs are drawn.  With ``around``, only that node of
    the graph and those within ``depth`` edges of it in either direction: if ``depth`` is not given, its operands and
    its users.  What is left out next to a node that is drawn is counted in a dashed box.

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
    outputs: list[Any] = [output] if isinstance(output, Value) or not isinstance(output, Iterable) else list(output)
    for value in [*outputs, *([] if around is None else [around])]:
        if not isinstance(value, Value):
            raise TypeError(f"draw takes Values, not {type(value).__name__} {value!r}")
    if not outputs:
        raise ValueError("draw needs at least one output, and the list is empty")
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

    view = _View(order, shown, users, outputs)
    nodes = [node for node in order if node in shown]
    lines = [line for node in nodes for line in view.lines(node)]
    if _has_long_edges(nodes):
        lines.insert(0, "splines=line")
    return Graph("\n  ".join([_HEADER, *lines]) + "\n}\n", len(nodes), view.edges)


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


def _has_long_edges(nodes: list[Value]) -> bool:
    """Whether edges cross so many ranks that Graphviz would take long to fit curves to them, rather than lines.

    Its time grows with the cube of an edge's length; the bound is reached by a loop of 30 steps that all use one leaf.
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
    return sum((rank[node] - rank[arg]) ** 3 for node in nodes for arg in _behind(node) if arg in rank) > 2_000_000


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
        self, order: list[Value], shown: set[Value], users: dict[Value, list[Value]] | None, outputs: list[Value]
    ) -> None:
        self.number = {node: i for i, node in enumerate(order)}
        self.shown, self.users = shown, users
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
        """The DOT statements for a node, the edges that lead to it, and what is cut off next to it."""
        caption, slots = _operation(node, self.shown)
        lines = [self._node(node, caption, slots)]
        i = self.number[node]
        partials = iter(_partials(node))
        for j, arg in enumerate(node.args):
            if isinstance(arg, Value):
                partial = next(partials)
                if arg in self.shown:
                    self.edges += 1
                    head = f"n{i}:p{j}:w" if slots else f"n{i}"
                    lines.append(_edge(self.number[arg], head, i, j, partial))
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
        text = [] if role is None else [_small(role)]
        if node.label:
            text.append(f"<B>{_typed(node.label)}</B>")
        text.append(_field("data", _short(node.data)))
        if used.keys() - {repr(node.data)}:  # the leaf was set afterwards
            text.append(_field("used", ", ".join(map(_short, used.values()))))
            full.append(f"used as {', '.join(used)}")
        text.append(_field("grad", "—" if node.grad is None else _short(node.grad)))
        full.append("grad not computed" if node.grad is None else f"grad {node.grad!r}")

        cells = [_cell("<BR/>".join(text))]
        if caption:
            cells.insert(0, _cell(f'<FONT POINT-SIZE="14"><B>{_typed(caption)}</B></FONT>'))
        if slots:
            places = [_cell(_small(place), f' PORT="p{j}" CELLPADDING="1"') for j, place in slots]
            cells.insert(0, f"<TD>{_table(places)}</TD>")
        label = _table(["<VR/>".join(cells)])
        look, classes, tooltip = _LOOK[kind], kind, "\\n".join(full)
        if role is not None:
            look, classes = f"{look}, peripheries=2", f"{kind} output"
        return f'n{i} [id=n{i}, class="{classes}", {look}, tooltip="{tooltip}", label=<{label}>]'


def _operation(node: Value, shown: set[Value]) -> tuple[str, list[tuple[int, str]]]:
    """What the operation's cell says, and the places of the operands, if they have to be shown."""
    row, args = node.op, node.args
    if row is None:
        return "", []
    infix = row.arity == 2 and row.text.startswith("%s") and row.text.endswith("%s")
    caption = row.text[2:-2].strip().replace("%%", "%") if infix else row.name
    if infix and not isinstance(args[0], Value):
        return f"{_short(args[0])} {caption}", []
    if infix and not isinstance(args[1], Value):
        return f"{caption} {_short(args[1])}", []
    if len(args) < 2 or (row.symmetric and all(isinstance(arg, Value) for arg in args)):
        return caption, []
    slots = [
        (j, f"{j + 1}" if isinstance(arg, Value) else f"{j + 1}: {_short(arg)}")
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


def _edge(tail: int, head: str, i: int, j: int, partial: Any) -> str:
    if partial is None:
        text, full, mark = "∂ undefined", "undefined", ', class=undefined, color="#cf222e", fontcolor="#cf222e"'
    else:
        text, full, mark = f"∂ {_short(partial)}", repr(partial), ""
    tooltip = f"∂n{i}/∂n{tail} = {full} (operand {j + 1})"
    return f'n{tail} -> {head} [id=e{i}_{j}, label="{text}", tooltip="{tooltip}", labeltooltip="{tooltip}"{mark}]'


def _cut(name: str, count: int, noun: str) -> str:
    text = f"{count:,} {noun}{'s' * (count != 1)}"
    return f'{name} [id={name}, class=cut, {_LOOK["cut"]}, tooltip="{text} not drawn", label="… {text}"]'


def _short(number: Any) -> str:
    return f"{number:.5g}"


def _typed(text: object) -> str:
    """The text for an HTML-like label of DOT, so that it shows as it is."""
    lines = str(text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ").split("\n")
    shown = ("".join("\ufffd" if _is_illegal(c) else c for c in line) for line in lines)
    spaced = (re.sub("^ | $", "\u00a0", line) for line in shown)  # a space at either end would be dropped
    # a backslash would begin one of DOT's escapes; at a bracket, Graphviz 2.43 looks for the end of a CDATA section
    return "<BR/>".join(html.escape(line).replace("\\", "\\\\").replace("]", "&#93;") for line in spaced)


def _is_illegal(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cs") or c in "\ufffe\uffff"


def _small(text: str) -> str:
    return f'<FONT POINT-SIZE="9" COLOR="#57606a">{text}</FONT>'


def _field(name: str, text: str) -> str:
    return f"{_small(name)}\u00a0{text}"


def _cell(text: str, attributes: str = "") -> str:
    return f'<TD ALIGN="LEFT" BALIGN="LEFT"{attributes}>{text}</TD>'


def _table(rows: list[str]) -> str:
    start = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="5">'
    return f"{start}{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE>"
