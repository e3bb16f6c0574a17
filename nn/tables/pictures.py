"""The network and its decisions as SVG."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..exchange.curves import svg
from ..layers import MLP
from ..training import predict
from .columns import CategoryColumn, NumberColumn
from .model import TableModel, probabilities
from .table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by any eye: blue, orange, bluish green, purple, yellow, sky blue, vermilion, grey; markers differ as well.
COLOURS = ["#0969da", "#d9730d", "#009e73", "#8250df", "#c9a400", "#56b4e9", "#c0392b", "#6e7781"]
MARKERS = "os^DvPX*"


# ---- the network as a picture ----------------------------------------------------------------------------------------

_STEP, _RADIUS, _GAP = 34, 9, 170
DASHED = ' stroke-dasharray="5 3"'
_FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"


def network_svg(network: MLP, inputs: Sequence[str], outputs: Sequence[str], most: int = 16) -> str:
    """The neurons of an MLP in columns, as SVG text; lines are weights: blue above 0, orange and dashed
    below, thicker if larger.

    Of a layer of more than ``most`` neurons, only the first and the last are drawn.
    """
    sizes = [network.n_in, *(len(layer.neurons) for layer in network.layers)]
    weights = [[[w.data for w in neuron.w] for neuron in layer.neurons] for layer in network.layers]
    shown = [_shown(size, most) for size in sizes]
    rows = max(len(places) for places in shown)
    left = 30 + 7.5 * max(_length(inputs[i]) for i in shown[0] if i is not None)
    right = 30 + 7.5 * max(_length(outputs[i]) for i in shown[-1] if i is not None)
    width = left + _GAP * (len(sizes) - 1) + right
    top = 52
    height = top + _STEP * rows + 34

    def at(layer: int, row: int) -> tuple[float, float]:
        return left + _GAP * layer, top + _STEP * (row + 0.5 + (rows - len(shown[layer])) / 2)

    lines, dots = [], []
    for depth, matrix in enumerate(weights):
        largest = max((abs(w) for row in matrix for w in row), default=0.0) or 1.0
        for j, target in enumerate(shown[depth + 1]):
            for i, source in enumerate(shown[depth]):
                if source is not None and target is not None:
                    (x1, y1), (x2, y2), w = at(depth, i), at(depth + 1, j), matrix[target][source]
                    thick, colour = 0.3 + 3.7 * abs(w) / largest, COLOURS[0] if w >= 0 else COLOURS[1]
                    lines.append(
                        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}" '
                        f'stroke-width="{thick:.2f}" stroke-opacity="0.75"{"" if w >= 0 else DASHED}>'
                        f"<title>{w:.6g}</title></line>"
                    )
    for depth, places in enumerate(shown):
        for row, number in enumerate(places):
            x, y = at(depth, row)
            if number is None:
                dots.append(_text(x, y + 4, f"⋮ {sizes[depth] - most:,} more", "middle"))
                continue
            neuron = network.layers[depth - 1].neurons[number] if depth else None
            bias = getattr(neuron.b, "data", neuron.b) if neuron else None
            title = "" if bias is None else f"<title>bias {bias:.6g}</title>"
            dots.append(
                f'<circle cx="{x:g}" cy="{y:g}" r="{_RADIUS}" fill="{"#ffffff" if depth else "#ddf4ff"}" '
                f'stroke="#1f2328">{title}</circle>'
            )
            if depth == 0:
                dots.append(_text(x - 16, y + 4, inputs[number], "end"))
            if depth == len(sizes) - 1:
                dots.append(_text(x + 16, y + 4, outputs[number], "start"))
    for depth, size in enumerate(sizes):
        x = at(depth, 0)[0]
        kind = (
            "input"
            if depth == 0
            else "output"
            if depth == len(sizes) - 1
            else network.architecture()["activation"][depth - 1]
        )
        dots.append(
            _text(x, 24, f"{size:,} {kind}{'s' * (size != 1 and kind in ('input', 'output'))}", "middle", bold=True)
        )
    middle, low = width / 2, height - 14
    legend = []
    for x, colour, text in ((middle - 118, COLOURS[0], "weight > 0"), (middle + 8, COLOURS[1], "weight < 0")):
        line = f'x1="{x:g}" y1="{low - 4:g}" x2="{x + 24:g}" y2="{low - 4:g}"'
        dashed = DASHED if colour == COLOURS[1] else ""
        legend += [f'<line {line} stroke="{colour}" stroke-width="3"{dashed}/>', _text(x + 30, low, text, "start")]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="{_FONT}" font-size="12" role="img" '
        f'aria-label="A network of {" - ".join(map(str, sizes))} neurons">'
    )
    background = f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>'
    return "\n".join([head, background, *lines, *dots, *legend, "</svg>\n"])


def _shown(size: int, most: int) -> list[int | None]:
    """The numbers of the neurons to draw, None for those between."""
    if size <= most:
        return list(range(size))
    return [*range(most // 2), None, *range(size - most // 2, size)]


def _length(text: str) -> int:
    return min(len(text), 24)


def _text(x: float, y: float, text: str, anchor: str, bold: bool = False) -> str:
    short = text if len(text) <= 24 else f"{text[:23]}…"
    weight = ' font-weight="600"' if bold else ""
    halo = 'stroke="#ffffff" stroke-width="4" paint-order="stroke"'  # so that no line runs through the letters
    text = html.escape(short)
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="#1f2328" {halo}{weight}>{text}</text>'


# ---- the decision boundary -------------------------------------------------------------------------------------------


def has_plane(model: TableModel) -> bool:
    """Whether the model's inputs are two numbers, so that its decisions can be drawn in a plane."""
    return len(model.columns) == 2 and all(isinstance(column, NumberColumn) for column in model.columns)


def boundary(model: TableModel, train: Table, held_out: Table | None = None, steps: int = 60) -> Figure:
    """What the model says all over the plane of its two inputs, with the rows on top; a panel for each target.

    Raises ImportError, with the remedy, where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("a plot of the decisions needs matplotlib: pip install 'glassgrad[plot]'") from error
    first, second = model.columns
    assert isinstance(first, NumberColumn)
    assert isinstance(second, NumberColumn)
    tables = [("trained on", train)] + ([("held out", held_out)] if held_out is not None and held_out.rows else [])
    points = [[(first.decode(x[:1]), second.decode(x[1:])) for x in model.encode(table)] for _, table in tables]
    every = [point for part in points for point in part]
    grid = [_reach([point[axis] for point in every], steps) for axis in (0, 1)]
    plane = [[(x - first.mean) / first.scale, (y - second.mean) / second.scale] for y in grid[1] for x in grid[0]]
    field = [model.parts(outputs) for outputs in predict(model.network, plane)]
    count = len(model.targets)
    figure = Figure(figsize=(1.2 + 5.2 * count, 4.6), layout="constrained")
    for k, target in enumerate(model.targets):
        axes = figure.add_subplot(1, count, k + 1)
        rows = [[parts[k] for parts in field[i : i + steps]] for i in range(0, len(field), steps)]
        wanted = [[row[k] for row in model.encode_targets(table)] for _, table in tables]
        if isinstance(target, NumberColumn):
            _levels(figure, axes, target, grid, rows, points, wanted)
        else:
            _regions(figure, axes, target, grid, rows)
            _scatter(axes, target, points, wanted, [name for name, _ in tables])
        axes.set(xlabel=first.name, ylabel=second.name, xlim=_ends(grid[0]), ylim=_ends(grid[1]))
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def boundary_svg(model: TableModel, train: Table, held_out: Table | None = None) -> str:
    """The picture of ``boundary`` as SVG, the same text for the same model and rows."""
    return svg(boundary(model, train, held_out), "boundary")


def _reach(xs: Sequence[float], steps: int) -> list[float]:
    low, high = min(xs), max(xs)
    margin = 0.12 * (high - low) or 1.0
    return [low - margin + (high - low + 2 * margin) * i / (steps - 1) for i in range(steps)]


def _ends(xs: Sequence[float]) -> tuple[float, float]:
    return xs[0], xs[-1]


def _regions(figure: Figure, axes: Axes, target: CategoryColumn, grid: Any, rows: Any) -> None:
    if target.width == 2:
        from matplotlib.colors import LinearSegmentedColormap

        shades = LinearSegmentedColormap.from_list("two", [COLOURS[0], "#ffffff", COLOURS[1]])
        shares = [[probabilities(logits)[1] for logits in row] for row in rows]
        levels = [i / 10 for i in range(11)]
        filled = axes.contourf(*grid, shares, levels=levels, cmap=shades, alpha=0.45, vmin=0, vmax=1)
        bar = figure.colorbar(filled, ax=axes, ticks=[0, 0.25, 0.5, 0.75, 1], shrink=0.9)
        bar.set_label(f"probability of {target.name} = {target.categories[1]}", labelpad=8)
        bar.outline.set_visible(False)
        if any(p < 0.5 for row in shares for p in row) and any(p > 0.5 for row in shares for p in row):
            axes.contour(*grid, shares, levels=[0.5], colors="#1f2328", linewidths=1.4)
        return
    for k in range(target.width):
        lead = [[z[k] - max(z[:k] + z[k + 1 :]) for z in row] for row in rows]
        highest = max(map(max, lead))
        if highest > 0:
            colour = COLOURS[k % len(COLOURS)]
            axes.contourf(*grid, lead, levels=[0, highest + 1], colors=[colour], alpha=0.18)
            if min(map(min, lead)) < 0:
                axes.contour(*grid, lead, levels=[0], colors="#1f2328", linewidths=1.0)


def _scatter(axes: Axes, target: CategoryColumn, points: Any, wanted: Any, names: Sequence[str]) -> None:
    size = 22 if sum(map(len, points)) > 40 else 60
    for part, (name, places, classes) in enumerate(zip(names, points, wanted, strict=True)):
        for k, category in enumerate(target.categories):
            chosen = [place for place, t in zip(places, classes, strict=True) if t == k]
            if chosen:
                colour = COLOURS[k % len(COLOURS)]
                label = f"{category}, {name}" if len(names) > 1 else category
                axes.scatter(
                    [x for x, _ in chosen],
                    [y for _, y in chosen],
                    s=size,
                    marker=MARKERS[k % len(MARKERS)],
                    facecolor="#ffffff" if part else colour,
                    edgecolor=colour if part else "#ffffff",
                    linewidth=1.2 if part else 0.5,
                    label=label,
                    zorder=3,
                )
    if target.width <= len(COLOURS):
        axes.legend(
            title=target.name, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=9
        )


def _levels(figure: Figure, axes: Axes, target: NumberColumn, grid: Any, rows: Any, points: Any, wanted: Any) -> None:
    values = [[target.decode(outputs) for outputs in row] for row in rows]
    truths = [[target.decode([t]) for t in part] for part in wanted]
    every = [x for part in [*values, *truths] for x in part]
    low, high = min(every), max(every)
    if low == high:
        low, high = low - 1, high + 1
    from matplotlib.ticker import MaxNLocator

    levels = MaxNLocator(12).tick_values(low, high)
    low, high = levels[0], levels[-1]
    filled = axes.contourf(*grid, values, levels=levels, cmap="cividis", vmin=low, vmax=high)
    bar = figure.colorbar(filled, ax=axes, shrink=0.9, ticks=levels[::2])
    bar.set_label(target.name, labelpad=8)
    bar.outline.set_visible(False)
    for part, (places, numbers) in enumerate(zip(points, truths, strict=True)):
        axes.scatter(
            [x for x, _ in places],
            [y for _, y in places],
            c=numbers,
            cmap="cividis",
            vmin=low,
            vmax=high,
            s=26,
            marker="s" if part else "o",
            edgecolor="#ffffff",
            linewidth=0.8,
            label="held out" if part else "trained on",
            zorder=3,
        )
    if len(points) > 1:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=9)
