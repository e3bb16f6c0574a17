"""Large graphs at two levels above their nodes: neurons and layers, with repeated samples as one.

Nodes that are computed in the same way from the same parameters, as each sample's are, become one, "×100".  What only
one node uses is drawn as part of it: a neuron is a box with its sum of products, its bias and its activation.  Neurons
with the same operands and the same shape are a layer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import primitives as rows
from ..backward import topological
from ..primitives import CONSTANT
from ..value import Value
from . import dot
from .render import Graph

LEVELS = ("layers", "neurons", "full")
_SUMS = (rows.add, rows.sum_, rows.fsum)


@dataclass
class Class:
    """Nodes that are computed alike: one of them, all of them, and the classes of their operands, with counts.

    ``within`` are the partial sums that are told with them.
    """

    first: Value
    members: list[Value]
    operands: Counter[int]
    is_parameter: bool
    within: list[Value] = field(default_factory=list)


@dataclass
class Box:
    """What is drawn as one: classes, and those of them that are its results; ``parts`` are the neurons of a layer."""

    classes: list[int] = field(default_factory=list)
    operands: Counter[int] = field(default_factory=Counter)
    results: list[int] = field(default_factory=list)
    parts: list[Box] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many neurons it is."""
        return len(self.parts) or 1


@dataclass
class Level:
    """A graph's nodes in classes, the classes in boxes, operands first, and the classes of its outputs."""

    classes: list[Class]
    boxes: list[Box]
    tops: set[int]


@dataclass(frozen=True)
class Told:
    """What a page's boxes say otherwise.

    Gradients that are not the nodes' own, the boxes' names, which of them open, why others do not, and what stands at
    the edges.
    """

    grads: Mapping[Value, float]
    names: Sequence[str]
    opens: Sequence[bool]
    shut: Sequence[str]
    slopes: Mapping[tuple[int, int], str]


def levelled(outputs: list[Value], level: str, limit: int, title: str = "") -> Graph:
    """The graph of the outputs at the level of "neurons" or "layers"; ValueError for more than ``limit`` boxes."""
    graph = drawn_at(arranged(outputs, level, limit), title)
    whole = outputs[0] if len(outputs) == 1 else None
    return replace(graph, output=whole, level=level, title=title, limit=limit)


def arranged(outputs: list[Value], level: str, limit: int) -> Level:
    """The graph of the outputs in boxes; ValueError for more than ``limit``."""
    classes, tops = _classes(outputs)
    boxes, home = _boxes(classes, tops)
    if level == "layers":
        boxes = _layers(classes, boxes, home)
    if len(boxes) > limit:
        raise ValueError(
            f"the drawing would have more than {limit:,} boxes at the level of {level}: raise limit={limit}"
        )
    return Level(classes, boxes, tops)


def _classes(outputs: list[Value]) -> tuple[list[Class], set[int]]:
    """The nodes sorted into classes, operands first, and the classes of the outputs.

    A class is known by its operation and the classes of its operands.  Sums of sums are taken as one sum: of a hundred
    losses added one by one, each partial sum would be a class of its own.
    """
    order = topological(*outputs)
    users: Counter[Value] = Counter(arg for node in order for arg in node.args if isinstance(arg, Value))
    summed = {arg for node in order if node.op in _SUMS for arg in node.args if isinstance(arg, Value)}
    known: dict[Any, int] = {}
    classes: list[Class] = []
    of: dict[Value, int] = {}
    parts: dict[Value, Counter[int]] = {}  # of a partial sum
    sums: dict[Value, list[Value]] = {}  # a partial sum, and those that it adds up
    wanted = set(outputs)
    for node in order:
        leaf = node.op is None
        operands: Counter[int] = Counter()
        within: list[Value] = []
        for arg in node.args:
            if isinstance(arg, Value):
                if node.op in _SUMS and arg in parts:
                    operands.update(parts.pop(arg))
                    within += sums.pop(arg)
                else:
                    operands[of[arg]] += 1
        inner = node in summed and users[node] == 1 and node not in wanted
        if node.op is rows.add and inner and _is_long(node, operands):
            parts[node] = operands  # told with the sum that it goes into
            sums[node] = [*within, node]
            of[node] = -1
            continue
        shared = node.label if leaf and node.label else node if leaf and users[node] > 1 else None
        key = (node.op, shared, None if leaf else tuple(sorted(operands.items())), leaf)
        i = known.get(key)
        if i is None:
            i = known[key] = len(classes)
            classes.append(Class(node, [], operands, leaf))
        classes[i].members.append(node)
        classes[i].within += within
        of[node] = i
    return classes, {of[node] for node in outputs}


def _is_long(node: Value, operands: Counter[int]) -> bool:
    """Whether a sum adds up things of one kind, as the losses of several samples."""
    return (
        all(not isinstance(arg, Value) or arg.op is not None for arg in node.args)
        and max(operands.values(), default=0) > 1
    )


def _boxes(classes: list[Class], tops: set[int]) -> tuple[list[Box], dict[int, int]]:
    """The classes that are drawn as one, and the box of each class."""
    users: list[set[int]] = [set() for _ in classes]
    for i, one in enumerate(classes):
        for j in one.operands:
            users[j].add(i)
    weighs = [False] * len(classes)  # whether parameters come in: a neuron begins
    for i, one in enumerate(classes):
        own = [j for j in one.operands if classes[j].is_parameter]
        inner = [j for j in one.operands if not classes[j].is_parameter and len(users[j]) == 1]
        weighs[i] = bool(own) or any(weighs[j] for j in inner)
    root = list(range(len(classes)))
    for i in reversed(range(len(classes))):
        if i in tops or len(users[i]) != 1:
            continue
        (user,) = users[i]
        row = classes[user].first.op
        ends = weighs[i] and not classes[i].is_parameter and row is not None and row.arity != 1 and row not in _SUMS
        if not ends and classes[user].operands[i] * len(classes[user].members) >= len(classes[i].members):
            root[i] = root[user]
    numbers: dict[int, int] = {}
    boxes: list[Box] = []
    for i in range(len(classes)):
        if root[i] == i:
            numbers[i] = len(boxes)
            boxes.append(Box(results=[i]))
    home = {i: numbers[root[i]] for i in range(len(classes))}
    for i, one in enumerate(classes):
        box = boxes[home[i]]
        box.classes.append(i)
        for j, count in one.operands.items():
            if home[j] != home[i]:
                box.operands[home[j]] += count
    return boxes, home


def _layers(classes: list[Class], boxes: list[Box], home: dict[int, int]) -> list[Box]:
    """Boxes of one shape and with the same operands as one."""
    into: dict[Any, int] = {}
    merged: list[Box] = []
    number: list[int] = []
    for box in boxes:
        operands = Counter({number[j]: 0 for j in box.operands})
        for j, count in box.operands.items():
            operands[number[j]] += count
        key = (_shape(classes, box), tuple(sorted(operands)))
        i = into.get(key)
        if i is None:
            i = into[key] = len(merged)
            merged.append(Box(list(box.classes), operands, list(box.results), [box]))
        else:
            merged[i].classes += box.classes
            merged[i].operands.update(operands)
            merged[i].results += box.results
            merged[i].parts.append(box)
        number.append(i)
    for one in merged:
        if len(one.parts) == 1:  # a neuron by itself is no layer
            one.parts = []
    return merged


def _shape(classes: list[Class], box: Box) -> Any:
    """What neurons of one layer have in common beside their operands."""
    return tuple(sorted((str(classes[i].first.op), len(classes[i].members)) for i in box.classes))


def _columns(classes: list[Class], boxes: list[Box]) -> list[list[int]]:
    """The neurons of each layer that has several, in their order."""
    layers: dict[Any, list[int]] = {}
    for k, box in enumerate(boxes):
        if box.operands or len(box.classes) > 1:
            layers.setdefault((_shape(classes, box), tuple(sorted(box.operands))), []).append(k)
    return [numbers for numbers in layers.values() if len(numbers) > 1]


def drawn_at(level: Level, title: str = "", told: Told | None = None) -> Graph:
    """The drawing of the boxes; node ``n3`` is the fourth of them, edge ``e3_1`` leads to it from the second."""
    classes, boxes = level.classes, level.boxes
    lines, edges = [], 0
    dense = sum(len(box.operands) for box in boxes) > 60
    columns = _columns(classes, boxes)
    aligned = {k for column in columns for k in column}
    left, right = (":w", ":e") if dense else ("", "")  # where lines begin and end, so that none crosses a box
    for k, box in enumerate(boxes):
        lines.append(box_line(k, box, level, told))
        for j, count in box.operands.items():
            edges += 1
            text = (told is not None and told.slopes.get((k, j))) or (f"{count:,}" if count > 1 else "")
            many = len(box.operands) > 4
            look = 'color="#8c959f80", arrowsize=0.4' if many else ""
            if many and k in aligned:
                look += ", weight=0"  # columns side by side, and not each box pulled to the middle of its operands
            lines.append(
                dot.edge(f"n{j}{right}", f"n{k}{left}", f"e{k}_{j}", "" if many else text, f"{count:,} edges", "", look)
            )
    lines += [f"{{rank=same; {' -> '.join(f'n{k}' for k in column)} [style=invis]}}" for column in columns]
    if dense:  # room for them, and straight ones, so that each can be followed
        lines.insert(0, "graph [ranksep=4, splines=line]")
    return Graph(dot.document(lines, title), len(boxes), edges)


def box_line(k: int, box: Box, level: Level, told: Told | None = None) -> str:
    """The statement for a box."""
    classes, tops = level.classes, level.tops
    inner = [classes[i] for i in box.classes]
    result = classes[box.results[0]]
    members = [node for i in box.results for node in classes[i].members]
    parameters = [one for one in inner if one.is_parameter]
    names = [str(one.first.op) for one in inner if one.first.op not in (None, CONSTANT)]
    kind = "leaf" if len(parameters) == len(inner) else "operation"
    text = []
    if tops & {*box.classes}:
        text.append(dot.small("output"))
    if told is not None:
        text.append(f"<B>{'▸ ' if told.opens[k] else ''}{dot.typed(told.names[k])}</B>")
    elif result.first.label and box.count == 1:
        text.append(f"<B>{dot.typed(result.first.label)}</B>")
    steps = " ← ".join(dict.fromkeys(reversed(names)))
    if steps:
        shown = steps if len(steps) <= 40 else f"{steps[:37]}…"
        line = dot.typed(f"{box.count} × ({shown})" if box.count > 1 else shown)
        text.append(f"<B>{line}</B>" if told is None else dot.small(line))
    if told is not None and told.shut[k]:
        text.append(dot.small(told.shut[k]))
    if kind == "operation" and parameters:
        ends = [one.first.label for one in (parameters[0], parameters[-1]) if one.first.label]
        span = dot.typed(" … ".join(dict.fromkeys(ends))) if ends and box.count == 1 else ""
        text.append(dot.field("parameters", f"{len(parameters):,}") + (f"\u00a0{dot.small(span)}" if span else ""))
    if len(result.members) > 1 and kind == "operation":
        text.append(dot.field("samples", f"×{len(result.members):,}"))
    grads = _grads if told is None else lambda nodes: [told.grads[node] for node in nodes if node in told.grads]
    slopes = [slope for one in parameters for slope in grads(one.members)]
    if slopes and kind == "operation" and told is None:
        text.append(dot.field("|grad| of the parameters", dot.number(math.sqrt(math.fsum(x * x for x in slopes)))))
    text.append(dot.field("data", spread([node.data for node in members])))
    text.append(dot.field("grad", spread(grads(members)) or "—"))
    look = dot.LOOK[kind] + (f", {dot.OUTPUT}" if tops & {*box.classes} else "")
    hint = f"{sum(len(one.members) for one in inner):,} nodes"
    return dot.node(f"n{k}", kind, look, dot.table([dot.cell(text)]), hint)


def _grads(nodes: list[Value]) -> list[float]:
    return [node.grad for node in nodes if node.has_grad]


def spread(xs: Sequence[float], write: Callable[[float], str] = dot.number) -> str:
    """A number, or the least and the largest of several; empty if there are none."""
    if not xs:
        return ""
    low, high = min(xs), max(xs)
    return write(low) if low == high else f"{write(low)} … {write(high)}"
