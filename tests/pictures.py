"""Drawings read back, and graphs to draw."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from autograd import Value
from autograd import math as am
from autograd.backward import topological
from autograd.view import Graph

SVG = "{http://www.w3.org/2000/svg}"
HINT = "{http://www.w3.org/1999/xlink}title"


class Picture:
    """A drawing's SVG taken apart: the text of every node, cut and edge by id, in the order of the document."""

    def __init__(self, graph: Graph) -> None:
        self.root = ET.fromstring(graph.svg())
        ids = [element.get("id") for element in self.root.iter() if element.get("id")]
        assert len(ids) == len(set(ids)), "an id occurs twice"
        self.groups = {g.attrib["id"]: g for g in self.root.iter(f"{SVG}g")}
        classes = {name: (g.get("class") or "").split() for name, g in self.groups.items()}
        nodes = {name: kinds[1:] for name, kinds in classes.items() if kinds[:1] == ["node"]}
        self.kinds = {name: kinds for name, kinds in nodes.items() if kinds not in (["cut"], ["reference"])}
        self.texts = {name: texts(self.groups[name]) for name in self.kinds}
        self.cuts = {name: " ".join(texts(self.groups[name])) for name in nodes if nodes[name] == ["cut"]}
        self.references = {name: texts(self.groups[name]) for name in nodes if nodes[name] == ["reference"]}
        joins = [name for name, kinds in classes.items() if kinds[:1] == ["edge"]]
        self.edges = {name: " ".join(texts(self.groups[name])) for name in joins if re.fullmatch(r"e\d+_\d+", name)}
        self.ends = {name: self._ends(name) for name in joins}
        assert (graph.nodes, graph.edges) == (len(self.kinds), len(self.edges))

    def _ends(self, name: str) -> tuple[str, ...]:
        title = self.groups[name].find(f"{SVG}title")
        assert title is not None
        return tuple(end.split(":")[0] for end in (title.text or "").split("->"))

    def hint(self, name: str) -> str:
        """What pointing at a node or an edge shows."""
        return next(a.attrib[HINT] for a in self.groups[name].iter(f"{SVG}a"))

    def fields(self, name: str) -> dict[str, str]:
        """The numbers of a node by their names."""
        words = [word.strip() for word in self.texts[name]]
        return {word: words[i + 1] for i, word in enumerate(words) if word in ("data", "used", "grad")}

    def tip(self, name: str) -> tuple[float, float]:
        """Where the arrow of an edge ends."""
        polygon = next(self.groups[name].iter(f"{SVG}polygon"))
        corners = [tuple(map(float, corner.split(","))) for corner in polygon.attrib["points"].split()]
        return max(corners)  # type: ignore[return-value]  # the rightmost: drawings go from left to right


def texts(group: ET.Element) -> list[str]:
    return [(element.text or "").replace("\u00a0", " ") for element in group.iter(f"{SVG}text")]


def neuron() -> Value:
    x1, x2 = Value(2.0, "x1"), Value(0.0, "x2")
    w1, w2, b = Value(-3.0, "w1"), Value(1.0, "w2"), Value(6.881373587019543, "b")
    out = (x1 * w1 + x2 * w2 + b).tanh()
    out.label = "out"
    return out


def network() -> Value:
    """The 2-2-2 network worked by hand in the literature, with half the squared error."""
    inputs = [Value(0.05, "i1"), Value(0.10, "i2")]
    w = [Value(x, f"w{i}") for i, x in enumerate((0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55), 1)]
    b1, b2 = Value(0.35, "b1"), Value(0.60, "b2")
    hidden = [(v[0] * inputs[0] + v[1] * inputs[1] + b1).sigmoid() for v in (w[0:2], w[2:4])]
    outputs = [(v[0] * hidden[0] + v[1] * hidden[1] + b2).sigmoid() for v in (w[4:6], w[6:8])]
    errors = [0.5 * (target - out) ** 2 for target, out in zip((0.01, 0.99), outputs, strict=True)]
    return errors[0] + errors[1]


def twice() -> Value:
    a = Value(3.0, "a")
    return a + a


def shared() -> Value:
    b = Value(3.0) ** 2
    return (b + 1.0) * (b - 1.0)


def weighted() -> Value:
    result: Value = am.dot([Value(float(i)) for i in range(4)], [Value(2.0), 1.0, 1.0, 1.0])
    return result


def loop(steps: int) -> Value:
    x = Value(2.0)
    y = Value(1.0)
    for _ in range(steps):
        y = (y * x).sin()
    return y


OPERATIONS: list[Callable[[Value, Value], Value]] = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: b - 0.5,
    lambda a, b: a.tanh(),
    lambda a, b: am.sum([a, b, a]),
    lambda a, b: am.dot([a, b], [b, 2.0]),
    lambda a, b: am.max(a, b, 0.25),
]


@st.composite
def programs(draw: st.DrawFn) -> list[Value]:
    """All values of a random program with fan-out, inputs first."""
    values = [Value(x) for x in draw(st.lists(st.floats(-2.0, 2.0, width=16), min_size=1, max_size=3))]
    for _ in range(draw(st.integers(0, 12))):
        a, b = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        values.append(draw(st.sampled_from(OPERATIONS))(a, b))
    return values


def operands(node: Value) -> list[Value]:
    return [arg for arg in node.args if isinstance(arg, Value)]


def numbered(output: Value | list[Value]) -> dict[Value, int]:
    outputs = [output] if isinstance(output, Value) else output
    return {node: i for i, node in enumerate(topological(*outputs))}


def run(program: str, **environment: str) -> str:
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env=os.environ | {"PYTHONPATH": root} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
