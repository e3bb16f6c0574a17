"""What ``animate`` plays of a large graph: boxes that pass their adjoints on, and what is inside of each of them.

A scene is one picture with its steps: that of the boxes of the level, and for each box that has something inside, that
of its neurons, or of its operations, with what they take from outside.  Boxes of several samples show the least and the
largest of their numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..backward import topological
from ..primitives import CONSTANT
from ..sweeps import edges
from ..value import Value
from ..value import numbers_of as operands_at
from . import dot
from .levels import Box, Level, Told, arranged, box_line, drawn_at, spread
from .names import LONG, Formulas
from .notation import number, numbers_of, ratio, text_of
from .render import Graph


@dataclass
class Scene:
    """A picture, and what is played on it: the moves, and for each graph of a film what they say."""

    graph: Graph
    title: str
    nodes: list[dict[str, Any]]
    moves: list[dict[str, Any]]
    frames: list[dict[str, Any]]
    first: list[str]
    within: int  # the scene that it opens from; -1 for that of the level

    def data(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "nodes": self.nodes,
            "steps": self.moves,
            "frames": self.frames,
            "first": self.first,
            "within": self.within,
        }


def scenes(graphs: list[Value], level: str, limit: int) -> list[Scene]:
    """The scenes of the last graph, that of the level first, with a frame for each graph.

    Raises ValueError for graphs of different shapes and for more than ``limit`` boxes, and as ``backward`` where a
    partial has no finite value.
    """
    all_played = [_played(graph, level, limit) for graph in graphs]
    last = all_played[-1]
    for i, played in enumerate(all_played):
        if [(one.moves, one.names) for one in played] != [(one.moves, one.names) for one in last]:
            raise ValueError(f"graph {i} of the steps is of another shape than the last: record the same operations")
    found = []
    for k, one in enumerate(last):
        frames = [played[k].frame() for played in all_played]
        found.append(Scene(one.drawn(), one.title, one.nodes(), one.moves, frames, one.first, one.within))
    return found


# ---- the numbers of a graph ------------------------------------------------------------------------------------------


class _Swept(Formulas):
    """A graph after both passes: the adjoint of each node, and along each edge what its result returns."""

    def __init__(self, output: Value, level: str, limit: int) -> None:
        order = topological(output)
        super().__init__(order, {node: i for i, node in enumerate(order)})
        self.closed = True
        last = len(order) - 1
        self.top = self.names.get(last) or self.christen(last, "y")  # the output's name, which nothing else has
        self.output = output
        self.level = arranged([output], level, limit)
        self.used: dict[Value, float] = {}  # the numbers that operations computed with
        for node in order:
            for arg, x in zip(node.args, operands_at(node), strict=True):
                if isinstance(arg, Value):
                    self.used[arg] = x
        self.adjoints: dict[Value, float] = {output: 1.0}
        self.returns: dict[Value, list[tuple[int, Value, Any, float]]] = {}  # (place, operand, partial, contribution)
        live = {output}
        for node in reversed(order):
            if node not in self.adjoints or not node.args:
                continue
            known = iter(edges(node)) if node in live else None
            mine = self.returns[node] = []
            for place, arg in enumerate(node.args):
                if not isinstance(arg, Value):
                    continue
                partial: Any = next(known)[1] if known is not None else None  # nothing flows: it is not asked for
                if partial is not None and (type(partial) is not int or partial):
                    live.add(arg)
                term = 0.0 if partial is None else self.adjoints[node] * partial
                self.adjoints[arg] = self.adjoints.get(arg, 0.0) + term
                mine.append((place, arg, partial, term))

    def number_of(self, node: Value) -> float:
        return self.used.get(node, node.data) if node.op is None else node.data


@dataclass
class _Group:
    """What a scene shows as one: nodes, and those of them that others use.

    ``box`` is what it is of the level, ``operation`` what it says; ``kind`` is that of ``dot.LOOK``, "reference" for
    what lies outside of the scene; ``opens`` is the scene inside; ``shut`` says why there is none.
    """

    name: str
    values: list[Value]
    results: list[Value]
    kind: str
    operation: str
    box: Box | None = None
    sums_up: bool = False
    opens: int = -1
    shut: str = ""


def _played(output: Value, level: str, limit: int) -> list[_Scene]:
    """The scenes of one graph, that of the level first."""
    swept = _Swept(output, level, limit)
    arrangement = swept.level
    namer = _Namer({swept.top})
    groups = [
        _of_box(swept, box, swept.top if arrangement.tops & {*box.results} else namer.name(swept, box))
        for box in arrangement.boxes
    ]
    found = [_Scene(swept, groups, "", [], -1)]
    at = 0
    while at < len(found):  # grows as it goes
        scene = found[at]
        for group in scene.groups:
            if group.box is None or (not group.box.parts and len(group.box.classes) < 2):
                continue
            taken = _outside(group, scene)
            size = len(taken) + len(group.box.parts or group.box.classes)
            if size > limit:
                group.shut = f"too large to open: {size:,} nodes"
                continue
            group.opens = len(found)
            found.append(_inside(swept, group, taken, at))
        at += 1
    return found


class _Namer:
    """Names for boxes: the label of the result, else its operation and a number."""

    def __init__(self, taken: set[str]) -> None:
        self.counts: Counter[str] = Counter()
        self.taken = taken

    def name(self, swept: _Swept, box: Box) -> str:
        first = swept.level.classes[box.results[0]].first
        if box.parts:
            return self.numbered("layer")
        label = " ".join(first.label.split())
        if label and label not in self.taken:
            self.taken.add(label)
            return label
        return self.numbered(str(first.op or "leaf"))

    def numbered(self, what: str) -> str:
        while True:
            self.counts[what] += 1
            name = f"{what}_{self.counts[what]}"
            if name not in self.taken:
                self.taken.add(name)
                return name


def _of_box(swept: _Swept, box: Box, name: str) -> _Group:
    classes = [swept.level.classes[i] for i in box.classes]
    values = [node for one in classes for node in (*one.within, *one.members)]
    results = [node for i in box.results for node in swept.level.classes[i].members]
    operations = [str(one.first.op) for one in classes if one.first.op not in (None, CONSTANT)]
    leaf = all(one.is_parameter for one in classes) or not operations
    said = " ← ".join(dict.fromkeys(reversed(operations)))
    return _Group(name, values, results, "leaf" if leaf else "operation", said, box, any(one.within for one in classes))


def _of_class(swept: _Swept, i: int, name: str) -> _Group:
    one = swept.level.classes[i]
    kind = "leaf" if one.first.op is None else "constant" if one.first.op is CONSTANT else "operation"
    operation = "" if kind != "operation" else str(one.first.op)
    return _Group(name, [*one.within, *one.members], one.members, kind, operation, None, bool(one.within))


def _outside(group: _Group, around: _Scene) -> list[_Group]:
    """What the inside of a box takes from outside."""
    mine = {*group.values}
    found: dict[int, dict[Value, None]] = {}
    for node in group.values:
        for arg in node.args:
            if isinstance(arg, Value) and arg not in mine:
                found.setdefault(around.home[arg], {})[arg] = None
    return [_Group(around.groups[k].name, [*nodes], [*nodes], "reference", "") for k, nodes in sorted(found.items())]


def _inside(swept: _Swept, group: _Group, taken: list[_Group], at: int) -> _Scene:
    """The scene inside of a box: its neurons or its operations, after what they take from outside."""
    box = group.box
    assert box is not None
    if box.parts:
        inner = [_of_box(swept, part, f"{group.name}.{n}") for n, part in enumerate(box.parts, 1)]
    else:
        namer = _Namer({group.name, swept.top, *(one.name for one in taken)})
        inner = []
        for i in box.classes:
            of_class = Box([i], results=[i])
            inner.append(_of_class(swept, i, group.name if i in box.results else namer.name(swept, of_class)))
    return _Scene(swept, [*taken, *inner], f"Inside {group.name}", group.results, at)


# ---- what happens in a scene -----------------------------------------------------------------------------------------


class _Scene:
    """Both passes through the groups of a scene.

    ``tops`` are the nodes whose adjoints arrive from outside; none where the pass begins at the graph's output.
    """

    def __init__(self, swept: _Swept, groups: list[_Group], title: str, tops: list[Value], within: int) -> None:
        self.swept, self.groups, self.title, self.within = swept, groups, title, within
        self.home = {node: k for k, group in enumerate(groups) for node in group.values}
        self.names = [group.name for group in groups]
        swept.names = {swept.number[node]: group.name for group in groups for node in group.values}
        self.tops = [k for k, group in enumerate(groups) if group.kind != "reference" and {*tops} & {*group.results}]
        if not tops:
            self.tops = [self.home[swept.output]]
        self.first = ["Before the forward pass, only the leaves have a number; no gradient has arrived anywhere."]
        if tops:
            self.first = [f"{title}: what comes from outside is known; no gradient has arrived here."]
        self.links = self._links()
        self.uses = Counter(j for _, j in self.links)
        self.moves: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        self.made = [self._made(group) for group in groups]
        for k, group in enumerate(groups):
            if group.kind == "operation":
                self.moves.append({"k": "f", "n": k})
                self.said.append({"t": [f"{group.name} is computed", self.made[k]]})
        self._backward()

    def _links(self) -> dict[tuple[int, int], list[tuple[Value, int, Value, Any, float]]]:
        """By group and operand, their edges: (result, place, operand, partial, contribution)."""
        found: dict[tuple[int, int], list[tuple[Value, int, Value, Any, float]]] = {}
        for k, group in enumerate(self.groups):
            if group.kind == "reference":
                continue
            for node in group.values:
                for arg in node.args:
                    if isinstance(arg, Value) and self.home.get(arg, k) != k:
                        found.setdefault((k, self.home[arg]), [])
                for place, arg, partial, term in self.swept.returns.get(node, ()):
                    if self.home.get(arg, k) != k:
                        found[k, self.home[arg]].append((node, place, arg, partial, term))
        return found

    def _numbers(self, group: _Group) -> list[float]:
        return list(map(self.swept.number_of, group.results))

    def _made(self, group: _Group) -> str:
        """How a group's numbers were computed."""
        numbers = self._numbers(group)
        found = spread(numbers, number)
        count = f" (×{len(numbers):,})" if len(numbers) > 1 else ""
        if group.kind == "reference":
            return f"{group.name} = {found}{count}, from outside"
        if group.operation and (len(group.values) == len(group.results) and group.box is None):
            formula = self.swept.call(self.swept.number[group.results[0]])
            if formula is not None and len(text := text_of(formula)) <= 2 * LONG:
                figures = numbers_of(formula) if len(numbers) == 1 else ""
                steps = [text, figures if len(figures) <= 2 * LONG else "", f"{found}{count}"]
                return " = ".join(filter(None, [group.name, *dict.fromkeys(steps)]))
        how = f"{group.operation}: " if group.operation else ""
        return f"{group.name} = {how}{found}{count}"

    def _backward(self) -> None:
        arrived: list[dict[Value, float]] = [{} for _ in self.groups]
        left = [self.uses[k] for k in range(len(self.groups))]
        for k in self.tops:
            adjoints = self.swept.adjoints
            arrived[k] = {node: adjoints[node] for node in self.groups[k].results if node in adjoints}
            name, found = self.groups[k].name, spread([*arrived[k].values()], number)
            self.moves.append({"k": "s", "n": k})
            if self.within < 0:
                text = [f"The backward pass begins at {name}", f"{ratio(name, name)} = 1"]
            else:
                text = [
                    f"The adjoint of {name} arrives from outside",
                    f"{self._adjoint(k, arrived[k])} = {found or '0'}",
                ]
            self.said.append({"g": spread([*arrived[k].values()]) or "—", "t": text})
        for k in range(len(self.groups) - 1, -1, -1):
            for j in sorted(j for i, j in self.links if i == k):
                if not arrived[k]:
                    continue
                left[j] -= 1
                old = dict(arrived[j])
                for _, _, arg, _, term in self.links[k, j]:
                    arrived[j][arg] = arrived[j].get(arg, 0.0) + term
                self.moves.append({"k": "r", "n": k, "m": j, "e": f"e{k}_{j}"})
                self.said.append(
                    {"g": spread([*arrived[j].values()]), "t": self._return(k, j, old, arrived[j], left[j])}
                )
        self.grads = [spread([*found.values()]) or "—" for found in arrived]

    def _adjoint(self, k: int, adjoints: Iterable[Any]) -> str:
        """The name of a group's adjoint, with the number of samples."""
        count = len([*adjoints])
        name = ratio(self.swept.top, self.groups[k].name)
        return f"{name} (×{count:,})" if count > 1 else name

    def _return(self, k: int, j: int, old: dict[Value, float], new: dict[Value, float], left: int) -> list[str]:
        """What a return from group k to group j says."""
        links, of, by = self.links[k, j], self.groups[k], self.groups[j]
        lines = [f"{of.name} returns to {by.name}"]
        terms: dict[Value, float] = {}
        for _, _, arg, _, term in links:
            terms[arg] = terms.get(arg, 0.0) + term
        adjoint = [self.swept.adjoints[node] for node in of.results if node in self.swept.adjoints]
        single = len(terms) == 1
        if single and len(of.results) == 1:
            (arg,) = terms
            partial = self._through(of, arg)
            product = f"{number(adjoint[0])} × {_bracketed(partial)} = {number(terms[arg])}"
            lines.append(f"adjoint × partial = contribution:  {product}")
            lines.append(f"partial:  {self._partial(k, j, partial)}")
        else:
            several = f"s:  {spread(adjoint, number)} (×{len(adjoint):,})"
            lines.append(f"its adjoint{several if len(adjoint) > 1 else f':  {number(adjoint[0])}'}")
            each = [term for *_, term in links]
            lines.append(f"adjoint × partial = contribution, {len(each):,} times:  {spread(each, number)}")
        if single:
            (arg,) = terms
            if arg in old:
                total = f"{number(old[arg])} + {_bracketed(terms[arg])} = {number(new[arg])}"
                lines.append(f"old + contribution = new:  {total}")
            else:
                what = "the first return" if len(links) == 1 else f"{len(links):,} contributions add up"
                lines.append(f"{what}:  {self._adjoint(j, new)} = {number(new[arg])}" + (" so far" if left else ""))
        else:
            so_far = "so far" if left else "in all"
            lines.append(f"{so_far}:  {self._adjoint(j, new)} = {spread([*new.values()], number)}")
        if left:
            returns = "1 more return" if left == 1 else f"{left} more returns"
            lines.append(f"{by.name} waits for {returns} before it passes anything on")
        elif self.uses[j] > 1:
            lines.append(f"{by.name} has all its {self.uses[j]} returns" + (" from here" * (by.kind == "reference")))
        return lines

    def _through(self, group: _Group, arg: Value) -> float:
        """The derivative of a group's only result by an operand of the group."""
        inner: dict[Value, float] = {group.results[0]: 1.0}
        members = {*group.values}
        for node in sorted(members, key=self.swept.number.__getitem__, reverse=True):
            if node in inner:
                for _, operand, partial, _ in self.swept.returns.get(node, ()):
                    inner[operand] = inner.get(operand, 0.0) + inner[node] * (partial or 0.0)
        return inner.get(arg, 0.0)

    def _partial(self, k: int, j: int, value: float) -> str:
        """What the partial of a group's only result says: its formula, or what it goes through."""
        of, by, links = self.groups[k], self.groups[j], self.links[k, j]
        name = ratio(of.name, by.name)
        if of.box is not None or len(links) != 1 or len(of.values) != 1:
            through = f", through {of.operation}" if " ← " in of.operation else ""
            return f"{name} = {number(value)}{through}"
        node, place, _, partial, _ = links[0]
        if partial is None or (type(partial) is int and partial == 0):
            return f"{name} = 0: nothing flows along this edge"
        formula = self.swept.partial(self.swept.number[node], place, float(partial))
        steps = ["", ""] if formula is None else [text_of(formula), numbers_of(formula)]
        return " = ".join(dict.fromkeys(filter(None, [name, *steps, number(value)])))

    # ---- what is given to the page -----------------------------------------------------------------------------------

    def nodes(self) -> list[dict[str, Any]]:
        """What is the same in all frames."""
        return [
            {"name": group.name, "leaf": group.kind != "operation", "uses": self.uses[k]}
            | ({"opens": group.opens} if group.opens >= 0 else {})
            for k, group in enumerate(self.groups)
        ]

    def frame(self) -> dict[str, Any]:
        return {
            "nodes": [
                {
                    "v": spread(self._numbers(group)),
                    "g": self.grads[k],
                    "t": f"{self.made[k]} ({group.shut})" if group.shut else self.made[k],
                }
                for k, group in enumerate(self.groups)
            ],
            "steps": self.said,
            "edges": {f"e{k}_{j}": text for k, j in self.links if (text := self._slope(k, j))},
        }

    def _slope(self, k: int, j: int) -> str:
        """The partial of a group by another, or the least and the largest; empty for boxes of several samples."""
        group, links = self.groups[k], self.links[k, j]
        if group.box is None:
            found = [float(partial) for _, _, _, partial, _ in links if partial is not None]
            return f"∂ {spread(found) or '0'}"
        operands = {arg for _, _, arg, _, _ in links}
        if len(group.results) > 1 or len(operands) != 1:
            return ""
        return f"∂ {dot.number(self._through(group, *operands))}"

    def drawn(self) -> Graph:
        slopes = {link: self._slope(*link) for link in self.links}
        opens, shut = [group.opens >= 0 for group in self.groups], [group.shut for group in self.groups]
        told = Told(self.swept.adjoints, self.names, opens, shut, slopes)
        if self.within < 0:
            return drawn_at(self.swept.level, told=told)
        lines = [self._line(k, group, told) for k, group in enumerate(self.groups)]
        for k, j in self.links:
            hint = f"{self.names[k]} of {self.names[j]}"
            lines.append(dot.edge(f"n{j}", f"n{k}", f"e{k}_{j}", slopes[k, j], dot.typed(hint)))
        neurons = [f"n{k}" for k, group in enumerate(self.groups) if group.box is not None]
        if len(neurons) > 1:  # in their order, one below the other
            lines.append(f"{{rank=same; {' -> '.join(neurons)} [style=invis]}}")
        return Graph(dot.document(lines), len(self.groups), len(self.links))

    def _line(self, k: int, group: _Group, told: Told) -> str:
        if group.box is not None:
            inner = Level(self.swept.level.classes, [], set(group.box.results) if k in self.tops else set())
            return box_line(k, group.box, inner, told)
        text = [dot.small("from outside")] if group.kind == "reference" else []
        text.append(f"<B>{dot.typed(group.name)}</B>")
        if len(group.results) > 1:
            text.append(dot.field("numbers" if group.kind == "reference" else "samples", f"×{len(group.results):,}"))
        text += [dot.field("data", spread(self._numbers(group))), dot.field("grad", self.grads[k])]
        cells = [dot.cell(text)]
        if group.operation:
            cells.insert(0, dot.cell([f'<FONT POINT-SIZE="14"><B>{dot.typed(group.operation)}</B></FONT>']))
        look = dot.LOOK[group.kind] + (f", {dot.OUTPUT}" if k in self.tops else "")
        return dot.node(f"n{k}", group.kind, look, dot.table(["<VR/>".join(cells)]), f"{len(group.values):,} nodes")


def _bracketed(x: float) -> str:
    return f"({number(x)})" if x < 0 else number(x)
