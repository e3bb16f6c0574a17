"""The losses of a training run as a plot."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOK = [("#0969da", "-"), ("#bc4c00", "--"), ("#1a7f37", ":"), ("#8250df", "-.")]


def loss_figure(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Losses by epoch, on a logarithmic scale if they span more than a factor of 20, as a matplotlib Figure.

    Raises ImportError, with the remedy, where matplotlib is not installed.
    """
    try:
        import numpy as np
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise ImportError("a plot of the losses needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for (name, losses), (colour, dashes) in zip(curves.items(), LOOK, strict=False):
        marker = "o" if len(losses) == 1 else ""
        axes.plot(range(1, len(losses) + 1), losses, dashes, color=colour, label=name, marker=marker)
    values = [x for losses in curves.values() for x in losses]
    if values and 0 < min(values) < max(values) / 20:
        with np.errstate(over="ignore"):  # of the margin above losses near the largest float
            axes.set_yscale("log")
    if len(curves) > 1:
        axes.legend(frameon=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="epoch", ylabel="loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure


def svg(figure: Figure, salt: str = "loss") -> str:
    """A figure as SVG text, the same for the same figure."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
