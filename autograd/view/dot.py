"""DOT as every drawing here writes it: boxes of small tables, arrows with a number, and all digits in the hints.

Graphviz's HTML-like labels are trees of strings: ``table``, ``cell``, ``field``, ``small`` and ``typed`` make them, and
``node``, ``edge`` and ``document`` make statements and the text of these.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

_HEADER = """\
digraph "computation graph" {
  graph [rankdir=LR, bgcolor=white, pad=0.15, nodesep=0.25, ranksep=0.4, nslimit=2]
  node [shape=box, margin=0, height=0, width=0, fontname=Courier, fontsize=11, fontcolor="#1f2328"]
  edge [fontname=Courier, fontsize=10, color="#57606a", fontcolor="#0550ae", arrowsize=0.6]"""

# The kinds of node differ in outline, not in colour alone: a leaf has sharp corners, the result of an operation round
# ones, a constant a dotted outline, an output a double one, and what stands for something else a dashed one.
LOOK = {
    "leaf": 'style=filled, color="#0969da", fillcolor="#ddf4ff"',
    "operation": 'style="rounded,filled", color="#57606a", fillcolor="#f6f8fa"',
    "constant": 'style="dotted,filled", color="#57606a", fillcolor="#ffffff"',
    "cut": 'style="dashed,rounded", color="#8c959f", fontcolor="#57606a", fontsize=10, margin="0.08,0.03"',
    "reference": 'style=dashed, color="#8c959f"',
}
OUTPUT = "peripheries=2"
OFF = 'style=dashed, color="#8c959f", fontcolor="#57606a"'
PATH = 'color="#bc4c00", fontcolor="#bc4c00", penwidth=2.5'
SHADES = ("#fdae6b", "#fdc692", "#fee0c2", "#fff3e6")  # of gradients, from the largest on, a factor of ten each
UNDEFINED = 'color="#cf222e", fontcolor="#cf222e"'


def document(statements: Iterable[str], title: str = "") -> str:
    """The DOT text of a drawing that goes from left to right, with a title above it."""
    lines = [_HEADER]
    if title:
        text = "".join(f'{typed(line)}<BR ALIGN="LEFT"/>' for line in title.split("\n"))
        lines.append(f"graph [labelloc=t, labeljust=l, fontname=Courier, fontsize=12, label=<{text}>]")
    return "\n  ".join([*lines, *statements]) + "\n}\n"


def node(name: str, kind: str, look: str, label: str, hint: str) -> str:
    """The statement for a box with an HTML-like label; ``kind`` is its class in SVG, ``hint`` shows when pointed at."""
    return f'{name} [id={name}, class="{kind}", {look}, tooltip="{hint}", label=<{label}>]'


def edge(tail: str, head: str, name: str, text: str, hint: str, kind: str = "", look: str = "") -> str:
    """The statement for an arrow with a text beside it; an arrow of the usual kind needs no look of its own."""
    more = (f', class="{kind}"' if kind else "") + (f", {look}" if look else "")
    return f'{tail} -> {head} [id={name}, label="{text}", tooltip="{hint}", labeltooltip="{hint}"{more}]'


def table(rows: Iterable[str]) -> str:
    """A table without lines; a row is one or several cells."""
    start = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="5">'
    return f"{start}{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE>"


def cell(lines: Iterable[str], attributes: str = "") -> str:
    """A cell with lines one below another."""
    return f'<TD ALIGN="LEFT" BALIGN="LEFT"{attributes}>{"<BR/>".join(lines)}</TD>'


def field(name: str, text: str) -> str:
    """A small name and what goes by it."""
    return f"{small(name)}\u00a0{text}"


def small(text: str) -> str:
    """Text in small grey letters."""
    return f'<FONT POINT-SIZE="9" COLOR="#57606a">{text}</FONT>'


def typed(text: object) -> str:
    """A user's text, so that it shows as it is: no character of it is markup or an escape."""
    lines = str(text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ").split("\n")
    shown = ("".join("\ufffd" if _is_illegal(c) else c for c in line) for line in lines)
    spaced = (re.sub("^ | $", "\u00a0", line) for line in shown)  # a space at either end would be dropped
    # a backslash would begin one of DOT's escapes; at a bracket, Graphviz 2.43 looks for the end of a CDATA section
    return "<BR/>".join(html.escape(line).replace("\\", "\\\\").replace("]", "&#93;") for line in spaced)


def _is_illegal(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cs") or c in "\ufffe\uffff"


def number(x: float) -> str:
    """A number in five digits."""
    return f"{x:.5g}"
