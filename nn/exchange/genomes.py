"""Genomes of neat-python made into networks, and networks into genomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .functions import NEAT

if TYPE_CHECKING:
    from ..network import Network

    Net = TypeVar("Net", bound=Network)

AGGREGATIONS = ("sum", "product", "max", "min", "maxabs", "median", "mean")


def filled(network: Net, genome: Any, config: Any) -> Net:
    """An empty network with the genome's nodes and connections; see ``Network.from_neat``."""
    options = config.genome_config
    recurrent = not options.feed_forward
    inputs, outputs = set(options.input_keys), set(options.output_keys)
    for key in options.input_keys:
        network.add_node("input", id=key)
    for key in [*options.output_keys, *sorted(set(genome.nodes) - outputs)]:
        gene = genome.nodes[key]
        if f"neat_{gene.activation}" not in NEAT or gene.aggregation not in AGGREGATIONS:
            raise ValueError(
                f"node {key} of the genome has the activation {gene.activation!r} and the aggregation "
                f"{gene.aggregation!r}, and not both are neat-python's own"
            )
        network.add_node(
            "output" if key in outputs else "hidden",
            id=key,
            bias=gene.bias,
            response=gene.response,
            activation=f"neat_{gene.activation}",
            aggregation="builtin_sum" if gene.aggregation == "sum" else gene.aggregation,
            idle=0.0 if recurrent else None,  # what neat-python gives where nothing leads to
        )
    taken: set[int] = set()
    for number, gene in enumerate(genome.connections.values(), 1):
        source, target = gene.key
        innovation = getattr(gene, "innovation", number)
        innovation = innovation if innovation not in taken else max(taken) + 1
        taken.add(innovation)
        delay = int(recurrent and source not in inputs)
        network.add_connection(source, target, gene.weight, innovation=innovation, enabled=gene.enabled, delay=delay)
    return network


def to_neat(network: Network, config: Any, key: int = 0) -> Any:
    """A genome of neat-python (extra ``neat``) with these nodes and connections; the way back from ``from_neat``.

    Raises ValueError for what a genome cannot hold: a gate, a longer delay, an activation that is not among
    neat-python's, inputs or outputs that the configuration does not have.
    """
    options = config.genome_config
    for kind, keys in (("input", options.input_keys), ("output", options.output_keys)):
        own = [node.id for node in network.nodes.values() if node.kind == kind]
        if sorted(own) != sorted(keys):
            raise ValueError(f"the configuration has the {kind}s {list(keys)}, and the network {own}")
    genome = config.genome_type(key)
    for node in network.nodes.values():
        if node.bias is None:
            continue
        name = getattr(node.activation, "__name__", str(node.activation))
        if name not in NEAT or node.activation is not NEAT[name]:
            raise ValueError(f"node {node.id} has the activation {name}, which is none of neat-python's")
        gene = genome.create_node(options, node.id)
        gene.bias, gene.response = node.bias.data, 1.0 if node.response is None else node.response.data
        gene.activation = name.removeprefix("neat_")
        gene.aggregation = node.aggregation.removeprefix("builtin_")
        genome.nodes[node.id] = gene
    for c in network.connections.values():
        expected = int(not options.feed_forward and network.nodes[c.source].kind != "input")
        if c.gate is not None or c.delay != expected:
            raise ValueError(
                f"the connection {c.source} -> {c.target} has delay {c.delay} and gate {c.gate}; with this "
                f"configuration, a genome has delay {expected} there, and no gates"
            )
        gene = config.genome_config.connection_gene_type((c.source, c.target), innovation=c.innovation)
        gene.init_attributes(options)
        gene.weight, gene.enabled = c.weight.data, c.enabled
        genome.connections[gene.key] = gene
    return genome
