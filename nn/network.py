"""``Network``: nodes and connections in any topology without a cycle, trained by ``activate`` and ``propagate``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from autograd import Value, gradients
from autograd.math import dot

from .layers import Activation, Initialiser, Seed, activation_function, activation_name, generator, initialiser
from .losses import Loss, half_squared
from .module import Module
from .rows import listed
from .topology import KINDS, Connection, Node, drawing

if TYPE_CHECKING:
    from autograd.view import Graph


@dataclass(slots=True)
class _Plan:
    """How to run a topology: its ends, and in order every node that computes, what leads to it, and two labels."""

    inputs: list[int]
    outputs: list[int]
    nodes: list[tuple[Node, list[Connection], str, str]]


class Network(Module[list[Value]]):
    """Nodes and the connections between them, in any topology without a cycle.

    Parameters are the weights by innovation number, ``w1->3``, then the biases by node, ``b3``.  What is switched off,
    by a connection's ``enabled`` or by ``mask``, takes part neither in the forward pass, nor in the backward pass, nor
    in an update: it has no gradient (None).  A node without any connection that is on gives activation(bias).

    >>> xor = Network.layered(2, 3, 1, seed=0)
    >>> for _ in range(3000):
    ...     for a, b in [(0, 0), (0, 1), (1, 0), (1, 1)]:
    ...         outputs = xor.activate([a, b])
    ...         loss = xor.propagate(0.5, [a ^ b])
    >>> [round(xor([a, b])[0].data) for a, b in [(0, 0), (0, 1), (1, 0), (1, 1)]]
    [0, 1, 1, 0]
    """

    def __init__(
        self,
        nodes: Iterable[Mapping[str, Any]] = (),
        connections: Iterable[Mapping[str, Any]] = (),
        mask: Iterable[int] | None = None,
    ) -> None:
        """A network of nodes and connections that are given as the arguments of add_node and add_connection."""
        self._nodes: dict[int, Node] = {}
        self._connections: dict[int, Connection] = {}
        self._incoming: dict[int, list[Connection]] = {}
        self._outgoing: dict[int, list[Connection]] = {}
        self._next_id, self._next_innovation = 0, 1
        self._mask: frozenset[int] | None = None
        self._plan: _Plan | None = None
        self._ran: tuple[list[Any], list[Value]] | None = None
        for node in nodes:
            self.add_node(**node)
        for connection in connections:
            self.add_connection(**{"weight": 0.0, **connection})
        self.mask(mask)

    @classmethod
    def layered(
        cls,
        *sizes: int,
        activation: Activation = "sigmoid",
        output: Activation = "sigmoid",
        init: str | Initialiser = "uniform",
        seed: Seed = None,
    ) -> Self:
        """A network of full layers, the first one of inputs: ``layered(2, 3, 1)``.  Biases are 0 at first.

        Nodes are numbered from 0, layer by layer, and connections from 1, target by target.  ``activation``, ``init``
        and ``seed`` are as an MLP's.
        """
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"layered takes at least two sizes, each at least 1, not {sizes!r}")
        draw, rng = initialiser(init), generator(seed)
        network = cls()
        before = [network.add_node("input").id for _ in range(sizes[0])]
        for depth, size in enumerate(sizes[1:], 2):
            kind, function = ("output", output) if depth == len(sizes) else ("hidden", activation)
            layer = [network.add_node(kind, activation=function).id for _ in range(size)]
            for target in layer:
                for source in before:
                    network.add_connection(source, target, draw(rng, len(before), size))
            before = layer
        return network

    # ---- topology ----------------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> Mapping[int, Node]:
        """The nodes by id, in the order in which they were added: that of the inputs and of the outputs."""
        return MappingProxyType(self._nodes)

    @property
    def connections(self) -> Mapping[int, Connection]:
        """The connections by innovation number."""
        return MappingProxyType(self._connections)

    def add_node(
        self, kind: str = "hidden", *, bias: float = 0.0, activation: Activation = "sigmoid", id: int | None = None
    ) -> Node:
        """Add a node, "input", "hidden" or "output", and return it.  Bias and activation are not for inputs.

        If no id is given, it is one more than any before.  Raises ValueError for an id that is taken.
        """
        if kind not in KINDS:
            raise ValueError(f"a node is of kind {', '.join(KINDS)}, not {kind!r}")
        id = self._next_id if id is None else _whole("node id", id)
        if id in self._nodes:
            raise ValueError(f"there is a node {id} already")
        node = Node(id, kind)
        if kind != "input":
            node.bias, node.activation = Value(bias, f"b{id}"), activation_function(activation)
        self._nodes[id] = node
        self._next_id = max(self._next_id, id + 1)
        self._incoming[id], self._outgoing[id] = [], []
        self._changed()
        return node

    def add_connection(
        self, source: int, target: int, weight: float, *, innovation: int | None = None, enabled: bool = True
    ) -> Connection:
        """Connect two nodes and return the connection.  If no innovation is given, it is one more than any before.

        Raises ValueError for an unknown node, an input as target, a second connection between the same two nodes, an
        innovation number that is taken, and a connection that would close a cycle, even one that is disabled.
        """
        for id in (source, target):
            self._node(id)
        if self._nodes[target].kind == "input":
            raise ValueError(f"node {target} is an input: no connection can lead to it")
        for other in self._incoming[target]:
            if other.source == source:
                raise ValueError(
                    f"there is a connection {source} -> {target} already: innovation {other.innovation}, "
                    f"{'enabled' if other.enabled else 'disabled: set its enabled'}"
                )
        innovation = self._next_innovation if innovation is None else _whole("innovation", innovation)
        if innovation in self._connections:
            taken = self._connections[innovation]
            raise ValueError(f"innovation {innovation} is taken by the connection {taken.source} -> {taken.target}")
        cycle = self._path(target, source)
        if cycle:
            raise ValueError(
                f"the connection {source} -> {target} would close a cycle: {' -> '.join(map(str, [source, *cycle]))}"
            )
        connection = Connection(innovation, source, target, Value(weight, f"w{source}->{target}"), bool(enabled))
        self._connections[innovation] = connection
        self._next_innovation = max(self._next_innovation, innovation + 1)
        self._incoming[target].append(connection)
        self._outgoing[source].append(connection)
        self._changed()
        return connection

    def remove_connection(self, innovation: int) -> None:
        """Remove a connection; ValueError if there is none with this innovation number."""
        connection = self._connection(innovation)
        del self._connections[innovation]
        self._mask = None if self._mask is None else self._mask - {innovation}
        self._incoming[connection.target].remove(connection)
        self._outgoing[connection.source].remove(connection)
        self._changed()

    def remove_node(self, id: int) -> None:
        """Remove a node with all its connections; ValueError if there is no such node."""
        self._node(id)
        for connection in self._incoming[id] + self._outgoing[id]:
            self.remove_connection(connection.innovation)
        del self._nodes[id], self._incoming[id], self._outgoing[id]
        self._changed()

    def split(self, innovation: int, *, activation: Activation = "sigmoid") -> Node:
        """Put a new hidden node into a connection, as NEAT does, and return it.

        The connection is disabled; a new one with weight 1 leads to the new node, and one with the old weight on from
        there (Stanley and Miikkulainen 2002, section 3.1).  Raises ValueError if there is no such connection.
        """
        old = self._connection(innovation)
        node = self.add_node("hidden", activation=activation)
        self.add_connection(old.source, node.id, 1.0)
        self.add_connection(node.id, old.target, old.weight.data)
        old.enabled = False
        return node

    def mask(self, innovations: Iterable[int] | None) -> None:
        """Let only these connections take part from now on, those of them that are enabled; None: all.

        Raises ValueError for a number that is no connection's.
        """
        if innovations is not None:
            innovations = frozenset(innovations)
            for innovation in innovations:
                self._connection(innovation)
        self._mask = innovations

    def is_on(self, connection: Connection) -> bool:
        """Whether a connection takes part: it is enabled, and the mask, if there is one, lets it."""
        return connection.enabled and (self._mask is None or connection.innovation in self._mask)

    def _node(self, id: int) -> Node:
        try:
            return self._nodes[id]
        except (KeyError, TypeError):
            raise ValueError(f"there is no node {id!r}; the nodes are {_listing(self._nodes)}") from None

    def _connection(self, innovation: int) -> Connection:
        try:
            return self._connections[innovation]
        except (KeyError, TypeError):
            known = _listing(self._connections)
            raise ValueError(f"there is no connection with innovation {innovation!r}; there are {known}") from None

    def _changed(self) -> None:
        self._plan = self._ran = None

    def _path(self, start: int, end: int) -> list[int]:
        """The nodes of a path along the connections; empty if there is none."""
        came_from: dict[int, int | None] = {start: None}
        stack = [start]
        while stack:
            at = stack.pop()
            if at == end:
                path: list[int] = []
                step: int | None = at
                while step is not None:
                    path.append(step)
                    step = came_from[step]
                return path[::-1]
            for connection in self._outgoing[at]:
                if connection.target not in came_from:
                    came_from[connection.target] = at
                    stack.append(connection.target)
        return []

    def _planned(self) -> _Plan:
        if self._plan is None:
            missing = {id: len(incoming) for id, incoming in self._incoming.items()}
            ready = [id for id in self._nodes if not missing[id]]
            for id in ready:  # grows as it goes
                for connection in self._outgoing[id]:
                    missing[connection.target] -= 1
                    if not missing[connection.target]:
                        ready.append(connection.target)
            computing = [self._nodes[id] for id in ready if self._nodes[id].kind != "input"]
            nodes = [(node, self._incoming[node.id], f"net{node.id}", f"out{node.id}") for node in computing]
            self._plan = _Plan(self._of_kind("input"), self._of_kind("output"), nodes)
        return self._plan

    def _of_kind(self, kind: str) -> list[int]:
        return [node.id for node in self._nodes.values() if node.kind == kind]

    # ---- running and training ----------------------------------------------------------------------------------------

    def activate(self, inputs: Sequence[Any]) -> list[Value]:
        """The outputs, one Value for each output node.  Takes time linear in the connections, at any depth.

        What a node adds up is labelled ``net3`` in the graph, and what it gives ``out3``.
        Raises ValueError for a wrong number of inputs.
        """
        plan, mask, given = self._planned(), self._mask, listed("inputs", inputs)
        if len(given) != len(plan.inputs):
            nodes = _listing(plan.inputs)
            raise ValueError(f"this network takes {len(plan.inputs)} inputs (nodes {nodes}), not {len(given)}")
        out = dict(zip(plan.inputs, given, strict=True))
        took_part: list[Value] = []
        for node, incoming, net_label, out_label in plan.nodes:
            assert node.bias is not None
            assert node.activation is not None
            on = [c for c in incoming if c.enabled and (mask is None or c.innovation in mask)]
            weights = [c.weight for c in on]
            net = dot(weights, [out[c.source] for c in on]) + node.bias if on else +node.bias
            net.label = net_label
            out[node.id] = result = node.activation(net)
            result.label = out_label
            took_part += weights
            took_part.append(node.bias)
        outputs = [out[id] for id in plan.outputs]
        self._ran = (outputs, took_part)
        return outputs

    __call__ = activate

    def propagate(self, rate: float, targets: Any, loss: Loss = half_squared) -> float:
        """Move what took part in the last ``activate`` against its gradient, and return the loss, from before that.

        Every parameter p becomes p − rate · ∂loss/∂p, all of them at once; no ``.grad`` is touched.  Raises
        RuntimeError if there was no activate before, FloatingPointError, changing nothing, if a new number would not be
        finite, and ValueError for a wrong number of targets.
        """
        if self._ran is None:
            raise RuntimeError("propagate needs an activate before it, and each activate serves one propagate")
        outputs, took_part = self._ran
        if outputs and outputs[0].op is None:
            raise RuntimeError("propagate needs an activate that records: it was run under no_grad")
        value = loss(outputs, targets)
        moved = [p.data - rate * slope for p, slope in zip(took_part, gradients(value, took_part), strict=True)]
        for parameter, x in zip(took_part, moved, strict=True):
            if not math.isfinite(x):
                raise FloatingPointError(
                    f"{parameter.label} would become {x} by a step of rate {rate!r} from {parameter.data!r}; "
                    "no parameter was changed: a smaller rate may help"
                )
        for parameter, x in zip(took_part, moved, strict=True):
            parameter.data = x
        self._ran = None
        return float(value.data)

    # ---- as a module -------------------------------------------------------------------------------------------------

    def named_parameters(self) -> list[tuple[str, Value]]:
        """The weights by innovation number, named ``w1->3``, then the biases by id, ``b3``; those switched off too."""
        weights = [self._connections[innovation].weight for innovation in sorted(self._connections)]
        biases = [self._nodes[id].bias for id in sorted(self._nodes)]
        return [(value.label, value) for value in [*weights, *biases] if value is not None]

    def architecture(self) -> dict[str, Any]:
        return {
            "nodes": [
                {"id": node.id, "kind": node.kind}
                | ({} if node.activation is None else {"activation": activation_name(node.activation)})
                for node in self._nodes.values()
            ],
            "connections": [
                {"innovation": c.innovation, "source": c.source, "target": c.target, "enabled": c.enabled}
                for c in self._connections.values()
            ],
            "mask": None if self._mask is None else sorted(self._mask),
        }

    def draw(self) -> Graph:
        """The topology as a ``Graph``: nodes with activation and bias, connections with their weights.

        Inputs have sharp corners and outputs a double outline; a connection that is switched off is dashed.  The graph
        of one forward pass, with every number in it, is ``autograd.view.draw`` of what ``activate`` returns.
        """
        return drawing(self._nodes.values(), [(c, self.is_on(c)) for c in self._connections.values()])

    def __repr__(self) -> str:
        inputs, hidden, outputs = (len(self._of_kind(kind)) for kind in KINDS)
        off = sum(not self.is_on(connection) for connection in self._connections.values())
        return (
            f"<Network of {inputs} inputs, {hidden} hidden nodes, {outputs} outputs and {len(self._connections)} "
            f"connections{f', {off} of them off' if off else ''}>"
        )


def _whole(what: str, number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"{what} must be a whole number of at least 0, not {number!r}")
    return number


def _listing(numbers: Iterable[int]) -> str:
    numbers = list(numbers)
    return (", ".join(map(str, numbers[:10])) or "none") + (
        f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
    )
