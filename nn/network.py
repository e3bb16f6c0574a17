"""``Network``: nodes and connections in any topology, trained by ``activate`` and ``propagate``, or as any module."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise, product
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeVar

from autograd import Value, gradients

from .exchange import drawing, genomes, javascript
from .exchange.functions import AGGREGATIONS
from .layers import Activation, Initialiser, Seed, activation_function, activation_name, generator, initialiser
from .losses import Loss, half_squared, loss_function
from .module import Module
from .rows import SampleError, listed, named
from .topology import KINDS, Connection, Node

T = TypeVar("T")


class _Plan(NamedTuple):
    """How to run a topology: its ends, the nodes to compute in order, each with what leads to it, and how far back."""

    inputs: list[int]
    outputs: list[int]
    nodes: list[tuple[Node, list[Connection]]]
    memory: int


class Network(Module[list[Value]]):
    """Nodes and the connections between them, in any topology; what closes a cycle must have a delay.

    Parameters are the weights by innovation number, ``w1->3``, then the biases by node, ``b3``, and the responses of
    nodes that have one.  What is switched off, by a connection's ``enabled`` or by ``mask``, takes part neither in the
    forward pass, nor in the backward pass, nor in an update: it has no gradient (None).  Nor does what leads to no
    output.  A node without any connection that is on gives activation(bias).

    With delays, the network remembers: ``activate`` is one step, ``reset`` forgets, and ``run`` takes a sequence from
    the start.  Called, as by ``fit``, it takes a whole sequence in one row, step after step, and gives the outputs of
    the last step.  The gradient goes back through all steps (backpropagation through time).

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
        self._outgoing: dict[int, list[Connection]] = defaultdict(list)  # a gate's too
        self._next_id, self._next_innovation = 0, 1
        self._mask: frozenset[int] | None = None
        self._changed()
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
        draw, rng, network = initialiser(init), generator(seed), cls()
        kinds = ["input", *["hidden"] * (len(sizes) - 2), "output"]
        layers = [
            [network.add_node(kind, activation=output if kind == "output" else activation).id for _ in range(size)]
            for kind, size in zip(kinds, sizes, strict=True)
        ]
        for before, layer in pairwise(layers):
            for target, source in product(layer, before):
                network.add_connection(source, target, draw(rng, len(before), len(layer)))
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
        self,
        kind: str = "hidden",
        *,
        bias: float = 0.0,
        activation: Activation = "sigmoid",
        id: int | None = None,
        aggregation: str = "sum",
        response: float | None = None,
        idle: float | None = None,
    ) -> Node:
        """Add a node, "input", "hidden" or "output", and return it.  What follows the kind is not for inputs.

        If no id is given, it is one more than any before.  ``aggregation`` is sum, product, max, min, maxabs, median,
        mean or builtin_sum; see ``Node`` for all of it.  Raises ValueError for an id that is taken.
        """
        if kind not in KINDS:
            raise ValueError(f"a node is of kind {', '.join(KINDS)}, not {kind!r}")
        id = self._next_id if id is None else _whole("node id", id, -math.inf)
        if id in self._nodes:
            raise ValueError(f"there is a node {id} already")
        named("aggregation", aggregation, AGGREGATIONS)
        node = Node(id, kind)
        if kind != "input":
            node.bias, node.activation = Value(bias, f"b{id}"), activation_function(activation)
            node.response = None if response is None else Value(response, f"r{id}")
            node.aggregation, node.idle = aggregation, idle
        self._nodes[id] = node
        self._next_id = max(self._next_id, id + 1)
        self._changed()
        return node

    def add_connection(
        self,
        source: int,
        target: int,
        weight: float,
        *,
        innovation: int | None = None,
        enabled: bool = True,
        delay: int = 0,
        gate: int | None = None,
    ) -> Connection:
        """Connect two nodes and return the connection.  If no innovation is given, it is one more than any before.

        ``delay`` takes the source's output of so many steps before, so that it may close a cycle or connect a node with
        itself; ``gate`` is a node whose output multiplies the weight.  Raises ValueError for an unknown node, an input
        as target, a second connection of the same delay between the same two nodes, an innovation number that is taken,
        and a connection or gate that would close a cycle without a delay, even one that is disabled.
        """
        _whole("delay", delay)
        innovation = self._next_innovation if innovation is None else _whole("innovation", innovation)
        weighted = Value(weight, f"w{source}->{target}{f'@{delay}' if delay else ''}")
        connection = Connection(innovation, source, target, weighted, bool(enabled), delay, gate)
        for id in (source, target) if gate is None else (source, target, gate):
            _found("node", id, self._nodes)
        if self._nodes[target].kind == "input":
            raise ValueError(f"node {target} is an input: no connection can lead to it")
        for other in self._outgoing[source]:
            if (other.source, other.target, other.delay) == (source, target, delay):
                raise ValueError(
                    f"there is a connection {source} -> {target} already: innovation {other.innovation}, "
                    f"{'enabled' if other.enabled else 'disabled: set its enabled'}"
                )
        if innovation in self._connections:
            taken = self._connections[innovation]
            raise ValueError(f"innovation {innovation} is taken by the connection {taken.source} -> {taken.target}")
        for start in connection.starts(now=True):
            if cycle := self._path(target, start):
                raise ValueError(
                    f"the connection {source} -> {target} would close a cycle: {' -> '.join(map(str, [start, *cycle]))}"
                    "; give it delay=1 to take what the node gave a step before"
                )
        self._connections[innovation] = connection
        self._next_innovation = max(self._next_innovation, innovation + 1)
        for start in connection.starts():
            self._outgoing[start].append(connection)
        self._changed()
        return connection

    def remove_connection(self, innovation: int) -> None:
        """Remove a connection; ValueError if there is none with this innovation number."""
        connection = _found("connection with innovation", innovation, self._connections)
        del self._connections[innovation]
        self._mask = None if self._mask is None else self._mask - {innovation}
        for start in connection.starts():
            self._outgoing[start].remove(connection)
        self._changed()

    def remove_node(self, id: int) -> None:
        """Remove a node with all its connections; ValueError if there is no such node."""
        _found("node", id, self._nodes)
        for connection in [*self._connections.values()]:
            if id in {connection.target, *connection.starts()}:
                self.remove_connection(connection.innovation)
        del self._nodes[id]
        self._changed()

    def split(self, innovation: int, *, activation: Activation = "sigmoid") -> Node:
        """Put a new hidden node into a connection, as NEAT does, and return it.

        The connection is disabled; a new one with weight 1 leads to the new node, and one with the old weight on from
        there (Stanley and Miikkulainen 2002, section 3.1).  Raises ValueError if there is no such connection.
        """
        old = _found("connection with innovation", innovation, self._connections)
        node = self.add_node("hidden", activation=activation)
        self.add_connection(old.source, node.id, 1.0, delay=old.delay, gate=old.gate)
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
                _found("connection with innovation", innovation, self._connections)
        self._mask = innovations

    def is_on(self, connection: Connection) -> bool:
        """Whether a connection takes part: it is enabled, and the mask, if there is one, lets it."""
        return connection.enabled and (self._mask is None or connection.innovation in self._mask)

    def _changed(self) -> None:
        self._plan: _Plan | None = None
        self._ran: tuple[list[Any], list[Value]] | None = None
        self._past: list[dict[int, Any]] = []  # the outputs of the steps before, the last step first

    def _path(self, start: int, end: int) -> list[int]:
        """The nodes of a path along the connections within a step; empty if there is none."""
        came_from, reached = {start: start}, [start]
        for at in reached:  # grows as it goes
            for c in self._outgoing[at]:
                if c.target not in came_from and at in c.starts(now=True):
                    came_from[c.target] = at
                    reached.append(c.target)
        path = [end] if end in came_from else []
        while path and path[-1] != start:
            path.append(came_from[path[-1]])
        return path[::-1]

    def _planned(self) -> _Plan:
        if self._plan is None:
            incoming: dict[int, list[Connection]] = {id: [] for id in self._nodes}
            for connection in self._connections.values():
                incoming[connection.target].append(connection)
            outputs = self._of_kind("output")
            needed = dict.fromkeys(outputs)
            for id in (waiting := [*outputs]):  # grows as it goes
                new = {start for c in incoming[id] for start in c.starts()} - needed.keys()
                needed.update(dict.fromkeys(new))
                waiting += new
            before = {id: {start for c in incoming[id] for start in c.starts(now=True)} for id in needed}
            order = [self._nodes[id] for id in TopologicalSorter(before).static_order()]
            nodes = [(node, incoming[node.id]) for node in order if node.kind != "input"]
            memory = max((c.delay for c in self._connections.values()), default=0)
            self._plan = _Plan(self._of_kind("input"), outputs, nodes, memory)
        return self._plan

    def _of_kind(self, kind: str) -> list[int]:
        return [node.id for node in self._nodes.values() if node.kind == kind]

    # ---- running and training ----------------------------------------------------------------------------------------

    def activate(self, inputs: Sequence[Any]) -> list[Value]:
        """The outputs, one Value for each output node.  Takes time linear in the connections, at any depth.

        What a node adds up is labelled ``net3`` in the graph, and what it gives ``out3``.  With delays, this is the
        next step.  Raises ValueError for a wrong number of inputs.
        """
        plan, given = self._planned(), listed("inputs", inputs)
        if len(given) != len(plan.inputs):
            nodes = _listing(plan.inputs)
            raise SampleError(f"this network takes {len(plan.inputs)} inputs (nodes {nodes}), not {len(given)}")
        out, took_part = self._step(given, [*self._past, *[{}] * plan.memory])
        outputs = [out[id] for id in plan.outputs]
        self._ran = (outputs, took_part)
        self._past = [out, *self._past][: plan.memory]
        return outputs

    def _step(
        self, given: Sequence[Any], past: Sequence[Mapping[int, Any]], aggregations: Mapping[str, Any] = AGGREGATIONS
    ) -> tuple[dict[int, Any], list[Value]]:
        """The output of each node from the inputs and from those of the steps before; and what parameters took part."""
        plan, mask, took_part = self._planned(), self._mask, list[Value]()
        out = dict(zip(plan.inputs, given, strict=True))
        for node, incoming in plan.nodes:
            assert node.bias is not None
            assert node.activation is not None
            on = [c for c in incoming if c.enabled and (mask is None or c.innovation in mask)]
            if not on and node.idle is not None:
                out[node.id] = node.idle
                continue
            weights = [c.weight if c.gate is None else c.weight * out[c.gate] for c in on]
            sources = [past[c.delay - 1].get(c.source, 0.0) if c.delay else out[c.source] for c in on]
            net = aggregations[node.aggregation](weights, sources)
            if node.response is not None:
                net = node.response * net
                took_part.append(node.response)
            net = net + node.bias
            net.label = f"net{node.id}"
            out[node.id] = result = node.activation(net)
            if isinstance(result, Value):
                result.label = f"out{node.id}"
            took_part += [*(c.weight for c in on), node.bias]
        return out, took_part

    def reset(self) -> None:
        """Forget the steps before."""
        self._past = []

    def run(self, sequence: Iterable[Sequence[Any]]) -> list[list[Value]]:
        """The outputs of each step of a sequence of inputs, from the start."""
        self.reset()
        return [self.activate(inputs) for inputs in sequence]

    def __call__(self, inputs: Sequence[Any], /) -> list[Value]:
        """The outputs for one sample: with delays, those of the last step of a sequence that is given in one row."""
        plan = self._planned()
        if not plan.memory:
            return self.activate(inputs)
        row, width = listed("inputs", inputs), len(plan.inputs)
        if not row or len(row) % width:
            raise SampleError(f"this network takes {width} inputs a step, and {len(row)} are not a number of steps")
        return self.run(row[i : i + width] for i in range(0, len(row), width))[-1]

    def propagate(self, rate: float, targets: Any, loss: str | Loss = half_squared) -> float:
        """Move what took part in the last ``activate`` against its gradient, and return the loss, from before that.

        Every parameter p becomes p − rate · ∂loss/∂p, all of them at once; no ``.grad`` is touched.  With delays, the
        gradient goes back to the last ``propagate`` or ``reset``: what was remembered stays as a number.  Raises
        RuntimeError if there was no activate before, FloatingPointError, changing nothing, if a new number would not be
        finite, and ValueError for a wrong number of targets.
        """
        if self._ran is None:
            raise RuntimeError("propagate needs an activate before it, and each activate serves one propagate")
        outputs, took_part = self._ran
        if not any(isinstance(y, Value) and y.op is not None for y in outputs):
            raise RuntimeError("propagate needs an activate that records: it was run under no_grad")
        value = loss_function(loss)(outputs, targets)
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
        self._past = [{id: getattr(x, "data", x) for id, x in out.items()} for out in self._past]
        return float(value.data)

    # ---- as a module -------------------------------------------------------------------------------------------------

    def named_parameters(self) -> list[tuple[str, Value]]:
        """The weights by innovation number, named ``w1->3`` (``w1->3@1`` with a delay of 1), then biases by id, ``b3``,
        then responses, ``r3``; those switched off too."""
        weights = [self._connections[innovation].weight for innovation in sorted(self._connections)]
        nodes = [self._nodes[id] for id in sorted(self._nodes)]
        values = [*weights, *(node.bias for node in nodes), *(node.response for node in nodes)]
        return [(value.label, value) for value in values if value is not None]

    def architecture(self) -> dict[str, Any]:
        nodes = [
            {
                "id": node.id,
                "kind": node.kind,
                "activation": None if node.activation is None else activation_name(node.activation),
                "aggregation": None if node.aggregation == "sum" else node.aggregation,
                "response": None if node.response is None else 1.0,
                "idle": node.idle,
            }
            for node in self._nodes.values()
        ]
        names = ("innovation", "source", "target", "enabled", "delay", "gate")
        connections = [{name: getattr(c, name) for name in names} for c in self._connections.values()]
        return {
            "nodes": [{key: x for key, x in node.items() if x is not None} for node in nodes],
            "connections": [{key: x for key, x in c.items() if x is not None} for c in connections],
            "mask": None if self._mask is None else sorted(self._mask),
        }

    @classmethod
    def from_neat(cls, genome: Any, config: Any) -> Self:
        """The network that a genome of neat-python stands for, with its node numbers and innovation numbers.

        A genome of a feed-forward configuration gives what ``neat.nn.FeedForwardNetwork`` does, any other what
        ``neat.nn.RecurrentNetwork`` does, step by step, to the bit.  Raises ValueError for an activation or aggregation
        that is not neat-python's own.
        """
        return genomes.filled(cls(), genome, config)

    draw = drawing.draw
    to_neat = genomes.to_neat
    to_javascript = javascript.to_javascript
    to_page = javascript.to_page

    def __repr__(self) -> str:
        counts = [len(self._of_kind(kind)) for kind in KINDS] + [len(self._connections)]
        nouns = ("input", "hidden node", "output", "connection")
        inputs, hidden, outputs, connections = (
            f"{count} {noun}{'s' * (count != 1)}" for count, noun in zip(counts, nouns, strict=True)
        )
        off = sum(not self.is_on(connection) for connection in self._connections.values())
        return f"<Network of {inputs}, {hidden}, {outputs} and {connections}{f', {off} of them off' if off else ''}>"


def _found(what: str, number: Any, known: Mapping[int, T]) -> T:
    try:
        return known[number]
    except (KeyError, TypeError):
        raise ValueError(f"there is no {what} {number!r}; there are {_listing(known)}") from None


def _whole(what: str, number: Any, least: float = 0) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        of = "" if least == -math.inf else f" of at least {least}"
        raise ValueError(f"{what} must be a whole number{of}, not {number!r}")
    return number


def _listing(numbers: Iterable[int]) -> str:
    numbers = list(numbers)
    more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
    return (", ".join(map(str, numbers[:10])) or "none") + more
