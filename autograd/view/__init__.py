"""Pictures of graphs: ``draw`` makes a ``Graph``, which shows itself in Jupyter and saves itself as SVG or DOT.

``explain`` writes a derivative out, and ``animate``
makes a page that plays both passes.  ``dot`` has the parts that drawings are put together from.
"""

from . import dot
from .drawing import draw
from .explain import explain
from .explanation import Explanation
from .pages import Page
from .render import Graph
from .steps import Film, animate

__all__ = ["Explanation", "Film", "Graph", "Page", "animate", "dot", "draw", "explain"]
