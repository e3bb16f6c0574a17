"""Pictures of graphs: ``draw`` makes a ``Graph``, which shows itself in Jupyter and saves itself as SVG or DOT.

``dot`` has the parts that drawings are put together from.
"""

from . import dot
from .drawing import draw
from .render import Graph

__all__ = ["Graph", "dot", "draw"]
