"""``Graph``: a drawing as DOT text, rendered to SVG when it is shown or saved."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import write
from ..value import Value
from .pages import Page

# Graphviz measures Courier, whose widths every renderer knows; these are as wide, and read better on a screen.
_FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', 'Courier New', monospace"


@dataclass(frozen=True)
class Graph:
    """A drawing: ``source`` is its DOT text; in Jupyter it shows itself as SVG.

    ``nodes`` and ``edges`` count what it shows.  In the SVG every node and edge has an id that is the same in every run
    and in every part of the graph: node ``n3`` is the fourth in topological order (operands before results), edge
    ``e3_1`` leads to it from its second operand, ``args[1]``.
    """

    source: str
    nodes: int
    edges: int
    output: Value | None = field(default=None, repr=False, compare=False)  # whose whole graph it is
    level: str = field(default="full", repr=False, compare=False)
    title: str = field(default="", repr=False, compare=False)
    limit: int = field(default=0, repr=False, compare=False)  # of what was to be drawn

    def svg(self) -> str:
        """The drawing as an ``<svg>`` element.

        It is rendered by Graphviz: the program ``dot`` if it is on the PATH, else that of the package graphviz-pure.
        Raises RuntimeError when there is neither, and when the program fails or takes over a minute; ``source`` is
        there all the same.
        """
        return self._labelled(self._rendered("svg").decode())

    def _labelled(self, svg: str) -> str:
        _, start, rest = svg.partition("<svg ")
        if not start:
            raise RuntimeError(self._failed(_renderer(), "it wrote no SVG"))
        rest = re.sub(r' font-family="Courier[^"]*"', "", rest)
        about = f"Computation graph of {_count(self.nodes, 'node')} and {_count(self.edges, 'edge')}"
        fits = 'style="max-width:100%;height:auto"'  # a page's column, however wide the graph is
        return f'<svg role="graphics-document document" aria-label="{about}" {fits} font-family="{_FONTS}" {rest}'

    def _rendered(self, form: str) -> bytes:
        """The drawing as Graphviz writes it in one of its formats."""
        try:
            from graphviz.backend.execute import run_check  # on first use: most programs never draw
        except ImportError:
            raise RuntimeError(_remedies("the Python package graphviz is not installed")) from None
        program = _renderer()
        command = [program, "-Kdot", f"-T{form}"]
        try:
            done = run_check(command, input=self.source.encode(), capture_output=True, quiet=True, timeout=60)
        except subprocess.TimeoutExpired:
            raise RuntimeError(
                f"{program} took more than a minute for {self!r}: draw a part of it with depth= or around=, boxes with "
                "level=, or leave the DOT text to another program: Graph.source, Graph.save('graph.dot')"
            ) from None
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            text = (said.decode(errors="replace") if isinstance(said, bytes) else said).strip()
            raise RuntimeError(self._failed(program, text)) from error
        return bytes(done.stdout)

    def _failed(self, program: str, said: str) -> str:
        return f"{program} failed on {self!r}, whose DOT text is Graph.source: {said}"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawing to ``path``: SVG if it ends in .svg, DOT text if in .dot, and .png or .pdf.

        The file is replaced as a whole or not at all.  Raises ValueError for another ending, RuntimeError as ``svg``,
        also where the renderer does not write that kind (of PDF, only Graphviz's own ``dot`` does).
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in (".svg", ".dot", ".png", ".pdf"):
            raise ValueError(f"cannot save a graph as {path.name!r}: the name must end in .svg, .dot, .png or .pdf")
        if ending in (".png", ".pdf"):
            write(path, self._rendered(ending[1:]))
        else:
            write(path, self.svg() if ending == ".svg" else self.source)

    def page(self, **settings: Any) -> Page:
        """The page that plays both passes through this graph: ``animate`` of its output, which takes the settings.

        Its level, title and limit are those of the drawing, unless others are given.

        In Jupyter it shows itself in a frame that carries it along (``srcdoc``); for that, the drawing keeps the graph
        alive.  Raises ValueError for a drawing of several outputs or of a part, and as ``animate``.
        """
        if self.output is None:
            raise ValueError(
                "only the whole graph of one Value is played: draw(value).page(), without depth= and around="
            )
        assert _animate is not None
        own = {"level": self.level, "title": self.title, "limit": self.limit}
        return _animate(self.output, **own | settings)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # a display hook that raises would break the whole cell, so whatever goes wrong is said in the text
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except Exception as error:
            return {"text/plain": f"{self!r}\nnot drawn: {error}"}

    def __repr__(self) -> str:
        return f"<Graph of {_count(self.nodes, 'node')} and {_count(self.edges, 'edge')}>"


_animate: Callable[..., Page] | None = None


def use_animate(animate: Callable[..., Page]) -> None:
    """Have graphs be played by this function, which draws them itself."""
    global _animate
    _animate = animate


def svgs(graphs: Sequence[Graph]) -> list[str]:
    """The drawings of several graphs, rendered at once: a program is started in the time that a small one takes."""
    if not graphs:
        return []
    together = Graph(
        "".join(graph.source for graph in graphs), sum(g.nodes for g in graphs), sum(g.edges for g in graphs)
    )
    found = re.findall(r"<svg .*?</svg>\n?", together._rendered("svg").decode(), re.DOTALL)
    if len(found) != len(graphs):
        raise RuntimeError(together._failed(_renderer(), f"it drew {len(found)} of {len(graphs)} graphs"))
    return [graph._labelled(svg) for graph, svg in zip(graphs, found, strict=True)]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _renderer() -> str:
    """The path of a program that takes Graphviz's options."""
    scripts = sysconfig.get_path("scripts")  # pip puts programs here, on the PATH only if the environment is activated
    program = shutil.which("dot") or shutil.which("graphviz-pure", path=scripts) or shutil.which("graphviz-pure")
    if program is None:
        raise RuntimeError(_remedies(f"there is no program dot on the PATH and no graphviz-pure in {scripts}"))
    return program


def _remedies(problem: str) -> str:
    return (
        f"{problem}; to render SVG, install Graphviz (https://graphviz.org/download, on Debian: apt install graphviz) "
        "or the packages it can do without: pip install graphviz graphviz-pure. "
        "The DOT text needs neither: Graph.source, Graph.save('graph.dot')"
    )
