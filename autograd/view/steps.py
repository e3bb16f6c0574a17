"""``animate``: a page that plays the forward and the backward pass of a graph step by step."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..backward import topological
from ..primitives import CONSTANT
from ..sweeps import edges
from ..value import Value
from ..value import numbers_of as operands_at
from . import clusters, dot
from .drawing import Shown, drawn
from .levels import LEVELS
from .names import LONG, Formulas
from .notation import number, numbers_of, ratio, text_of
from .pages import Page, put_together
from .render import svgs, use_animate

NODES = 1000  # beyond which a page would be too slow to be of use


@dataclass
class Film:
    """A callback of ``fit`` that keeps a graph after every ``every`` epochs, to be played by ``animate``.

    ``record()`` computes the graph anew, such as the loss of one sample.  ``boundary``, if given, returns rows of
    numbers, the lowest first: what the model says all over a rectangle, positive and negative on the two sides of its
    decision boundary; ``points`` are (x, y, side), x and y from 0 to 1 in that rectangle.
    """

    record: Callable[[], Value]
    boundary: Callable[[], Sequence[Sequence[float]]] | None = None
    points: Sequence[tuple[float, float, float]] = ()
    every: int = 1
    graphs: list[Value] = field(default_factory=list)
    fields: list[list[list[float]]] = field(default_factory=list)
    called: int = 0

    def __call__(self, history: object = None) -> None:
        if self.called % self.every == 0:
            self.graphs.append(self.record())
            if self.boundary is not None:
                self.fields.append([[float(f"{x:.3g}") for x in row] for row in self.boundary()])
        self.called += 1

    def __len__(self) -> int:
        return len(self.graphs)


def animate(
    output: Value | Film,
    path: str | os.PathLike[str] | None = None,
    *,
    steps: Iterable[Value] = (),
    level: str = "full",
    title: str = "",
    limit: int = NODES,
) -> Page:
    """A ``Page`` that plays the forward and then the backward pass of ``output``; saved, if ``path`` is given.

    One HTML file that needs nothing else: it plays, pauses, steps forward and back, by mouse, by keyboard and with a
    screen reader.  Each return is shown as adjoint × partial = contribution, old + contribution = new; a node that
    waits for returns says for how many; a gradient that has not arrived is "—", which is not 0.  The numbers are those
    of the forward pass as it was recorded; no ``.grad`` is touched.

    ``steps`` are graphs of the same shape, such as one for each step of training, between which a slider moves;
    ``animate(film)`` takes them from a ``Film``, with its decision boundary.

    ``level`` "neurons" or "layers" plays a large graph as the boxes that ``draw`` makes of it at that level, with the
    adjoints that go in and out of them; of several samples it shows the least and the largest.  A click opens a box: a
    layer's neurons, a neuron's operations, and their own steps; one with
    more than ``limit`` nodes or boxes inside stays shut, and says so.

    Raises ValueError for more than ``limit`` nodes or boxes and for graphs of different shapes, RuntimeError as
    ``Graph.svg`` where nothing draws, and as ``backward`` where a partial has no finite value.
    """
    if level not in LEVELS:
        raise ValueError(f"level must be {', '.join(LEVELS)}, not {level!r}")
    film = output if isinstance(output, Film) else Film(lambda: NotImplemented, graphs=list(steps))
    if isinstance(output, Film):
        if not film.graphs:
            raise ValueError("the film is empty: give it to fit as a callback, or call it after each step")
        output = film.graphs[-1]
    if not isinstance(output, Value):
        raise TypeError(f"animate takes a Value or a Film, not {type(output).__name__} {output!r}")
    graphs = [*film.graphs] or [output]
    found = clusters.scenes(graphs, level, limit) if level != "full" else [_scene(graphs, limit)]
    name = next(found[0].nodes[move["n"]]["name"] for move in found[0].moves if move["k"] == "s")
    for scene in found:
        for i, frame in enumerate(scene.frames):
            frame["about"] = f"{i + 1} of {len(graphs)}: {name} = {number(graphs[i].data)}"
            if film.fields and scene.within < 0:
                frame["field"] = _plain(film.fields[i])
    top, *inner = found
    data = top.data() | {"points": _plain(film.points), "scenes": [scene.data() for scene in inner]}
    pictures = svgs([scene.graph for scene in found])
    title = title or f"Backward, step by step: {name} by everything behind it"
    page = Page(put_together(pictures, data, title), len(top.nodes), len(top.moves))
    if path is not None:
        page.save(path)
    return page


def _plain(rows: Iterable[Iterable[float]]) -> list[list[float | None]]:
    """The numbers as JSON has them, which knows no nan and no infinity: None, and the largest of the same sign."""
    most = sys.float_info.max
    return [[None if math.isnan(x) else max(-most, min(most, float(x))) for x in row] for row in rows]


def _scene(graphs: list[Value], limit: int) -> clusters.Scene:
    """All nodes, one by one."""
    played = [_Played(graph) for graph in graphs]
    last = played[-1]
    for i, one in enumerate(played):
        if one.shape() != last.shape():
            raise ValueError(f"graph {i} of the steps is of another shape than the last: record the same operations")
    picture = drawn(graphs[-1], limit, None, None, Shown(last.grads, last.named()))
    first = ["Before the forward pass, only the leaves have a number; no gradient has arrived anywhere."]
    return clusters.Scene(picture, "", last.nodes(), last.moves, [one.frame() for one in played], first, -1)


# ---- what happens, in order ------------------------------------------------------------------------------------------


class _Played(Formulas):
    """Both passes of a graph as moves, with what each of them says."""

    def __init__(self, output: Value) -> None:
        order = topological(output)
        super().__init__(order, {node: i for i, node in enumerate(order)})
        self.top = len(order) - 1
        for i, node in enumerate(order):
            if i not in self.names and (node.op is not None or i == self.top):
                self.christen(i, "y" if i == self.top else "")
            elif i not in self.names:
                self.christen(i, "")
        self.uses = [0] * len(order)
        self.used: dict[int, dict[float, str]] = {}  # the numbers of each leaf that operations computed with
        for node in order:
            for arg, x in zip(node.args, operands_at(node), strict=True):
                if isinstance(arg, Value):
                    self.uses[self.number[arg]] += 1
                    if arg.op is None:
                        self.used.setdefault(self.number[arg], {})[x] = dot.number(x)
        self.grads: dict[Value, float] = {}
        self.moves: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []  # the same moves, as this graph's numbers tell them
        self._forward()
        self._backward()

    def named(self) -> dict[Value, str]:
        return {node: self.names[i] for i, node in enumerate(self.order)}

    def shape(self) -> list[Any]:
        return [(node.op, [self.number.get(arg, -1) if isinstance(arg, Value) else -1 for arg in node.args])
                for node in self.order]  # fmt: skip

    def nodes(self) -> list[dict[str, Any]]:
        """What is the same in all frames."""
        return [
            {"name": self.names[i], "leaf": node.op is None or node.op is CONSTANT, "uses": self.uses[i]}
            for i, node in enumerate(self.order)
        ]

    def _used(self, node: Value) -> str:
        """The number of a node, a leaf's as it was computed with."""
        return ", ".join(self.used.get(self.number[node], {}).values()) or dot.number(node.data)

    def frame(self) -> dict[str, Any]:
        partials = {
            f"e{i}_{place}": f"∂ {dot.number(partial)}"
            for i, place, partial in self.partials
        }  # fmt: skip
        return {
            "nodes": [
                {
                    "v": self._used(node),
                    "g": number(self.grads[node]) if node in self.grads else "—",
                    "t": self._made(i),
                }
                for i, node in enumerate(self.order)
            ],
            "steps": self.said,
            "edges": partials,
        }

    def _made(self, i: int) -> str:
        """How a node was computed, with its number."""
        node, name = self.order[i], self.names[i]
        formula = self.call(i)
        if formula is None:
            if node.op is None:
                return f"{name} = {', '.join(map(number, self.used.get(i, {node.data: ''})))}"
            return f"{name} = {'' if node.op is CONSTANT else f'{node.op}(…) = '}{number(node.data)}"
        text, numbers = text_of(formula), numbers_of(formula)
        steps = [text if len(text) <= 2 * LONG else f"{node.op}(…)", numbers if len(numbers) <= 2 * LONG else ""]
        return " = ".join(filter(None, [name, *dict.fromkeys(steps), number(node.data)]))

    def _forward(self) -> None:
        for i, node in enumerate(self.order):
            if node.op is not None and node.op is not CONSTANT:
                self.moves.append({"k": "f", "n": i})
                self.said.append({"t": [f"{self.names[i]} is computed", self._made(i)]})

    def _backward(self) -> None:
        self.partials: list[tuple[int, int, Any]] = []
        adjoints: dict[int, float] = {self.top: 1.0}
        live = {self.top}
        left = list(self.uses)
        name = self.names
        of = name[self.top]
        self.moves.append({"k": "s", "n": self.top})
        self.said.append({"g": "1", "t": [f"The backward pass begins at {of}", f"{ratio(of, of)} = 1"]})
        for i in range(self.top, -1, -1):
            node = self.order[i]
            if i not in adjoints or not node.args:
                continue
            known = iter(edges(node)) if i in live else None
            for place, arg in enumerate(node.args):
                if not isinstance(arg, Value):
                    continue
                partial: Any = next(known)[1] if known is not None else 0
                j = self.number[arg]
                self.partials.append((i, place, partial))
                if type(partial) is not int or partial:
                    live.add(j)
                old, term = adjoints.get(j), adjoints[i] * partial if i in live else 0.0
                adjoints[j] = term if old is None else old + term
                left[j] -= 1
                self.moves.append({"k": "r", "n": i, "m": j, "e": f"e{i}_{place}"})
                self.said.append({
                    "g": dot.number(adjoints[j]),
                    "t": self._return((i, place, j), adjoints[i], partial, term, old, left[j]),
                })  # fmt: skip
        self.grads = {self.order[j]: adjoint for j, adjoint in adjoints.items()}

    def _return(
        self, edge: tuple[int, int, int], adjoint: float, partial: Any, term: float, old: float | None, left: int
    ) -> list[str]:
        """What a return says: ``edge`` is (result, place, operand), ``left`` how many returns are still to come."""
        i, place, j = edge
        new = term if old is None else old + term
        of, by, top = self.names[i], self.names[j], self.names[self.top]
        formula = self.partial(i, place, float(partial))
        text = text_of(formula) if formula is not None else f"by the rule of {self.order[i].op}"
        if type(partial) is int and partial == 0:
            text = "0: nothing flows along this edge"
        numbers = numbers_of(formula) if formula is not None else ""
        local = " = ".join(dict.fromkeys(filter(None, [ratio(of, by), text, numbers, number(float(partial))])))
        first, second, third = (x if x[0] != "−" else f"({x})" for x in map(number, (float(partial), term, new)))
        lines = [
            f"{of} returns to {by}",
            f"adjoint × partial = contribution:  {number(adjoint)} × {first} = {number(term)}",
            f"partial:  {local}",
        ]
        if old is None:
            lines.append(f"the first return:  {ratio(top, by)} = {number(new)}" + (" so far" if left else ""))
        else:
            lines.append(f"old + contribution = new:  {number(old)} + {second} = {number(new)}")
        if left:
            returns = "1 more return" if left == 1 else f"{left} more returns"
            lines.append(f"{by} waits for {returns} before it passes anything on")
        elif self.uses[j] > 1:
            lines.append(f"{by} has all its {self.uses[j]} returns: {ratio(top, by)} = {third.strip('()')}")
        return lines


use_animate(animate)
