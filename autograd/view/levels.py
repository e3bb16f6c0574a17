"""Large graphs at two levels above their nodes: neurons and layers, with repeated samples as one.

Nodes that are computed in the same way from the same parameters, as each sample's are, become one, "×100".  What only
one node uses is drawn as part of it: a neuron is a box with its sum of products, its bias and its activation.  Neurons
with the same operands and the same shape are a layer.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
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
class _Class:
    """Nodes that are computed alike: one of them, all of them, and the classes of their operands, with counts."""

    first: Value
    members: list[Value]
    operands: Counter[int]
    is_parameter: bool


@dataclass
class _Box:
    """What is drawn as one: classes, the last of them its result."""

    classes: list[int] = field(default_factory=list)
    operands: Counter[int] = field(default_factory=Counter)
    count: int = 1  # of neurons, in a layer


def levelled(outputs: list[Value], level: str, limit: int, title: str = "") -> Graph:
    """The graph of the outputs at the level of "neurons" or "layers"; ValueError for more than ``limit`` boxes."""
    classes, tops = _classes(outputs)
    boxes, home = _boxes(classes, tops)
    if level == "layers":
        boxes = _layers(classes, boxes, home)
    if len(boxes) > limit:
        raise ValueError(
            f"the drawing would have more than {limit:,} boxes at the level of {level}: raise limit={limit}"
        )
    return _drawn(classes, boxes, tops, title)


def _classes(outputs: list[Value]) -> tuple[list[_Class], set[int]]:
    """The nodes sorted into classes, operands first, and the classes of the outputs.

    A class is known by its operation and the classes of its operands.  Sums of sums are taken as one sum: of a hundred
    losses added one by one, each partial sum would be a class of its own.
    """
    order = topological(*outputs)
    users: Counter[Value] = Counter(arg for node in order for arg in node.args if isinstance(arg, Value))
    summed = {arg for node in order if node.op in _SUMS for arg in node.args if isinstance(arg, Value)}
    known: dict[Any, int] = {}
    classes: list[_Class] = []
    of: dict[Value, int] = {}
    parts: dict[Value, Counter[int]] = {}  # of a partial sum
    wanted = set(outputs)
    for node in order:
        leaf = node.op is None
        operands: Counter[int] = Counter()
        for arg in node.args:
            if isinstance(arg, Value):
                if node.op in _SUMS and arg in parts:
                    operands.update(parts.pop(arg))
                else:
                    operands[of[arg]] += 1
        inner = node in summed and users[node] == 1 and node not in wanted
        if node.op is rows.add and inner and _is_long(node, operands):
            parts[node] = operands  # told with the sum that it goes into
            of[node] = -1
            continue
        shared = node.label if leaf and node.label else node if leaf and users[node] > 1 else None
        key = (node.op, shared, None if leaf else tuple(sorted(operands.items())), leaf)
        i = known.get(key)
        if i is None:
            i = known[key] = len(classes)
            classes.append(_Class(node, [], operands, leaf))
        classes[i].members.append(node)
        of[node] = i
    return classes, {of[node] for node in outputs}


def _is_long(node: Value, operands: Counter[int]) -> bool:
    """Whether a sum adds up things of one kind, as the losses of several samples."""
    return (
        all(not isinstance(arg, Value) or arg.op is not None for arg in node.args)
        and max(operands.values(), default=0) > 1
    )


def _boxes(classes: list[_Class], tops: set[int]) -> tuple[list[_Box], dict[int, int]]:
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
    boxes: list[_Box] = []
    for i in range(len(classes)):
        if root[i] == i:
            numbers[i] = len(boxes)
            boxes.append(_Box())
    home = {i: numbers[root[i]] for i in range(len(classes))}
    for i, one in enumerate(classes):
        box = boxes[home[i]]
        box.classes.append(i)
        for j, count in one.operands.items():
            if home[j] != home[i]:
                box.operands[home[j]] += count
    return boxes, home


def _layers(classes: list[_Class], boxes: list[_Box], home: dict[int, int]) -> list[_Box]:
    """Boxes of one shape and with the same operands as one."""
    into: dict[Any, int] = {}
    merged: list[_Box] = []
    number: list[int] = []
    for box in boxes:
        operands = Counter({number[j]: 0 for j in box.operands})
        for j, count in box.operands.items():
            operands[number[j]] += count
        key = (_shape(classes, box), tuple(sorted(operands)))
        i = into.get(key)
        if i is None:
            i = into[key] = len(merged)
            merged.append(_Box(list(box.classes), operands, 1))
        else:
            merged[i].classes += box.classes
            merged[i].operands.update(operands)
            merged[i].count += 1
        number.append(i)
    return merged


def _shape(classes: list[_Class], box: _Box) -> Any:
    """What neurons of one layer have in common beside their operands."""
    return tuple(sorted((str(classes[i].first.op), len(classes[i].members)) for i in box.classes))


def _columns(classes: list[_Class], boxes: list[_Box]) -> list[list[int]]:
    """The neurons of each layer that has several, in their order."""
    layers: dict[Any, list[int]] = {}
    for k, box in enumerate(boxes):
        if box.operands or len(box.classes) > 1:
            layers.setdefault((_shape(classes, box), tuple(sorted(box.operands))), []).append(k)
    return [numbers for numbers in layers.values() if len(numbers) > 1]


def _drawn(classes: list[_Class], boxes: list[_Box], tops: set[int], title: str) -> Graph:
    lines, edges = [], 0
    dense = sum(len(box.operands) for box in boxes) > 60
    columns = _columns(classes, boxes)
    aligned = {k for column in columns for k in column}
    left, right = (":w", ":e") if dense else ("", "")  # where lines begin and end, so that none crosses a box
    for k, box in enumerate(boxes):
        lines.append(_box(k, box, classes, tops))
        for j, count in box.operands.items():
            edges += 1
            text = f"{count:,}" if count > 1 else ""
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


def _box(k: int, box: _Box, classes: list[_Class], tops: set[int]) -> str:
    inner = [classes[i] for i in box.classes]
    result = inner[-1]
    parameters = [one for one in inner if one.is_parameter]
    names = [str(one.first.op) for one in inner if one.first.op not in (None, CONSTANT)]
    kind = "leaf" if len(parameters) == len(inner) else "operation"
    text = []
    if tops & {*box.classes}:
        text.append(dot.small("output"))
    if result.first.label and box.count == 1:
        text.append(f"<B>{dot.typed(result.first.label)}</B>")
    times = len(result.members)
    steps = " ← ".join(dict.fromkeys(reversed(names)))
    if steps:
        shown = steps if len(steps) <= 40 else f"{steps[:37]}…"
        text.append(f"<B>{dot.typed(f'{box.count} × ({shown})' if box.count > 1 else shown)}</B>")
    if kind == "operation" and parameters:
        ends = [one.first.label for one in (parameters[0], parameters[-1]) if one.first.label]
        span = dot.typed(" … ".join(dict.fromkeys(ends))) if ends and box.count == 1 else ""
        text.append(dot.field("parameters", f"{len(parameters):,}") + (f"\u00a0{dot.small(span)}" if span else ""))
    if times > 1 and kind == "operation":
        text.append(dot.field("samples", f"×{times:,}"))
    if box.count == 1:
        text += [dot.field("data", _range([node.data for node in result.members]))]
        grads = [node.grad for node in result.members if node.has_grad]
        text.append(dot.field("grad", _range(grads) if grads else "—"))
    slopes = [node.grad for one in parameters for node in one.members if node.has_grad]
    if slopes and kind == "operation":
        text.append(dot.field("|grad| of the parameters", dot.number(math.sqrt(math.fsum(x * x for x in slopes)))))
    look = dot.LOOK[kind] + (f", {dot.OUTPUT}" if tops & {*box.classes} else "")
    hint = f"{sum(len(one.members) for one in inner):,} nodes"
    return dot.node(f"n{k}", kind, look, dot.table([dot.cell(text)]), hint)


def _range(xs: list[float]) -> str:
    low, high = min(xs), max(xs)
    return dot.number(low) if low == high else f"{dot.number(low)} … {dot.number(high)}"
