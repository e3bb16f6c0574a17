"""What a ``Network`` is put together from: ``Node`` and ``Connection``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograd import Value

KINDS = ("input", "hidden", "output")


@dataclass(eq=False, slots=True)
class Node:
    """A node: an input passes its number on; another gives activation(bias + response · aggregation of what comes in).

    What comes in over a connection is weight · output of the source.  ``response`` None counts as 1.  ``idle`` is what
    a node gives to which no connection that is on leads; None: activation(bias + response · aggregation of nothing).
    """

    id: int
    kind: str
    bias: Value | None = None  # None for an input
    activation: Callable[[Any], Any] | None = None  # None for an input
    aggregation: str = "sum"
    response: Value | None = None
    idle: float | None = None


@dataclass(eq=False, slots=True)
class Connection:
    """An edge from one node to another; while it is not ``enabled``, it takes part in nothing.

    With a ``delay``, the source's output of so many steps before comes in, 0 before the first step; with a ``gate``,
    the weight is multiplied by the output of that node.
    """

    innovation: int
    source: int
    target: int
    weight: Value
    enabled: bool = True
    delay: int = 0
    gate: int | None = None

    def starts(self, now: bool = False) -> set[int]:
        """The nodes whose outputs it takes; ``now``: those of the same step, which must be computed before."""
        starts = set() if now and self.delay else {self.source}
        return starts if self.gate is None else starts | {self.gate}
