"""The book of the notebooks, with the API and a page made from the table: ``sphinx-build -W notebooks build/book``."""

from __future__ import annotations

import io
import math
import os
import sys
from pathlib import Path
from typing import Any

from docutils import nodes

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("GLASSGRAD_NATIVE", "off")  # docstrings are read, nothing large is computed

project = "glassgrad"
extensions = ["myst_nb", "sphinx.ext.autodoc"]
html_math_renderer = "mathml"  # which browsers show by themselves: the book asks no network for a script
exclude_patterns = ["store.py", "pictures", "_build"]
html_theme = "furo"
html_title = "glassgrad"
html_show_copyright = False
nb_execution_mode = "off"  # they are stored with their outputs
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
suppress_warnings = ["mystnb.unknown_mime_type"]


# ---- pages that are made ---------------------------------------------------------------------------------------------


def table_page() -> str:
    """Every primitive with its picture, rule, domain and convention."""
    from autograd.formulas import call_formula, derivative_formula, domain_formula
    from autograd.formulas import names_of as names
    from autograd.primitives import BUILTIN, TABLE

    about = (
        "Every operation that the engine knows, as its table states it: the only place where a derivative is written "
        "down. A plot shows the function and, dashed, its derivative; one of several numbers is a graph."
    )
    parts = ["# The table of rules", about]
    for name in sorted(BUILTIN):
        row = TABLE[name]
        lines = [f"d/d{x} = {formula}" for x, formula in zip(names(row), derivative_formula(row), strict=True)]
        domain = domain_formula(row)
        parts += [f"## {name}", "```text\n" + "\n".join([call_formula(row), *lines]) + "\n```"]
        if domain:
            parts.append(f"Real and smooth for {domain}.")
        if row.convention:
            parts.append(f"{row.convention[0].upper()}{row.convention[1:]}.")
        parts.append(f"![{name}](generated/{name}.svg)")
    return "\n\n".join(parts) + "\n"


def picture(row: Any) -> str:
    """The function and its derivative where it takes one argument; else the graph of a call."""
    from autograd import Value, draw

    if row.arity != 1:
        count = row.arity or 4
        args = [Value(0.5 + 0.25 * i, f"x{i + 1}") for i in range(count)]
        if row.gather is None or row.arity is not None:
            node = row(*args)
        else:
            node = row(args[:2], args[2:]) if row.name in ("dot", "sumprod") else row(args)
        node.backward()
        return draw(node).svg()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    low, high = (max(row.domain[0][0], -3.0), min(row.domain[0][1], 3.0))
    xs = [low + (high - low) * (i + 0.5) / 240 for i in range(240)]
    points = [point for x in xs if (point := _point(row, x)) is not None]
    figure = Figure(figsize=(3.6, 2.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([x for x, _, _ in points], [y for _, y, _ in points], color="#0969da")
    axes.plot([x for x, _, _ in points], [s for _, _, s in points], "--", color="#bc4c00")
    axes.set_ylim(max(-4, axes.get_ylim()[0]), min(4, axes.get_ylim()[1]))
    axes.axhline(0, color="#8c959f", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": row.name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _point(row: Any, x: float) -> tuple[float, float, float] | None:
    try:
        y = row.fn(x)
        slope = float(row.partials[0](y, x))
    except (ValueError, ArithmeticError):
        return None
    return (x, y, slope) if math.isfinite(y) and math.isfinite(slope) else None


# ---- formulas --------------------------------------------------------------------------------------------------------


def mathml(latex: str, display: str) -> str:
    """A formula as MathML."""
    from latex2mathml.converter import convert

    plain = latex.replace("{aligned}", "{align*}").replace("[4pt]", "")  # of which it knows the one, and no spaces
    return str(convert(plain, display=display)).replace('columnalign="', 'style="padding: .4em .2em; text-align: ')


def visit_math(self: Any, node: Any) -> None:
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_math_block(self: Any, node: Any) -> None:
    self.body.append(f'<div style="overflow-x: auto">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> None:
    from autograd.primitives import BUILTIN, TABLE

    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))

    folder = HERE / "generated"
    folder.mkdir(exist_ok=True)
    for name in BUILTIN:
        (folder / f"{name}.svg").write_text(picture(TABLE[name]), encoding="utf-8")
    (HERE / "table.md").write_text(table_page(), encoding="utf-8")
