"""Pictures of graphs: ``draw`` makes a ``Graph``, which shows itself in Jupyter and saves itself as SVG or DOT."""

from .drawing import draw
from .render import Graph

__all__ = ["Graph", "draw"]
