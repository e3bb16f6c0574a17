"""Genomes of neat-python as networks: neat-python's own outputs to the bit, gradients, and the way back."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograd import Value
from nn import Module, Network, half_squared
from nn.exchange.functions import NEAT

neat = pytest.importorskip("neat", reason="needs neat-python: pip install 'glassgrad[neat]'")

ACTIVATIONS = "sigmoid tanh sin gauss relu elu lelu selu softplus identity clamped inv log exp abs hat square cube"
AGGREGATIONS = "sum product max min maxabs median mean"
CONFIG = """
[NEAT]
fitness_criterion = max
fitness_threshold = 100
pop_size = 20
reset_on_extinction = False
no_fitness_termination = True
[DefaultGenome]
activation_default = {activation}
activation_mutate_rate = {mutate}
activation_options = {activations}
aggregation_default = sum
aggregation_mutate_rate = {mutate}
aggregation_options = {aggregations}
bias_init_mean = 0.0
bias_init_stdev = 1.0
bias_init_type = gaussian
bias_max_value = 30.0
bias_min_value = -30.0
bias_mutate_power = 0.5
bias_mutate_rate = 0.7
bias_replace_rate = 0.1
compatibility_disjoint_coefficient = 1.0
compatibility_weight_coefficient = 0.5
conn_add_prob = 0.7
conn_delete_prob = 0.2
enabled_default = True
enabled_mutate_rate = 0.1
enabled_rate_to_true_add = 0.0
enabled_rate_to_false_add = 0.0
feed_forward = {feed_forward}
initial_connection = {connected}
node_add_prob = 0.6
node_delete_prob = 0.1
num_hidden = 2
num_inputs = 3
num_outputs = 2
response_init_mean = 1.0
response_init_stdev = 0.3
response_init_type = gaussian
response_max_value = 30.0
response_min_value = -30.0
response_mutate_power = 0.1
response_mutate_rate = 0.3
response_replace_rate = 0.0
single_structural_mutation = False
structural_mutation_surer = default
time_constant_init_mean = 1.0
time_constant_init_stdev = 0.0
time_constant_init_type = gaussian
time_constant_max_value = 10.0
time_constant_min_value = 0.01
time_constant_mutate_power = 0.0
time_constant_mutate_rate = 0.0
time_constant_replace_rate = 0.0
weight_init_mean = 0.0
weight_init_stdev = 1.0
weight_init_type = gaussian
weight_max_value = 30
weight_min_value = -30
weight_mutate_power = 0.5
weight_mutate_rate = 0.8
weight_replace_rate = 0.1
[DefaultSpeciesSet]
compatibility_threshold = 3.0
[DefaultStagnation]
species_fitness_func = max
max_stagnation = 20
species_elitism = 2
[DefaultReproduction]
elitism = 2
survival_threshold = 0.2
min_species_size = 2
"""


def config(folder: Path, feed_forward: bool, wild: bool = True, connected: str = "partial_direct 0.7") -> Any:
    """A configuration: with all activations and aggregations if ``wild``, else with sigmoid and sum."""
    path = folder / f"config-{feed_forward}-{wild}"
    path.write_text(
        CONFIG.format(
            feed_forward=feed_forward,
            connected=connected,
            activation="random" if wild else "sigmoid",
            mutate=0.3 if wild else 0.0,
            activations=ACTIVATIONS if wild else "sigmoid",
            aggregations=AGGREGATIONS if wild else "sum",
        )
    )
    return neat.Config(
        neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(path)
    )


def genomes(options: Any, count: int, seed: int) -> Iterator[Any]:
    """Random genomes: new ones, mutated up to 12 times."""
    random.seed(seed)
    population = neat.Population(options)  # which gives the configuration its counter of innovations
    for key in range(count):
        genome = neat.DefaultGenome(1000 + key)
        genome.configure_new(population.config.genome_config)
        for _ in range(key % 13):
            genome.mutate(population.config.genome_config)
        yield genome


def bits(xs: list[Any]) -> list[bytes]:
    return [struct.pack("<d", x.data if isinstance(x, Value) else x) for x in xs]


def outcome(activate: Any, inputs: list[float]) -> list[bytes] | type[Exception]:
    """The bits of the outputs, or which exception there was: a square of a square may overflow."""
    try:
        return bits(activate(inputs))
    except ArithmeticError as error:
        return type(error)


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("feed_forward", [True, False])
def test_outputs_are_neat_pythons_to_the_bit(feed_forward: bool, wild: bool, tmp_path: Path):
    options = config(tmp_path, feed_forward, wild)
    kind = neat.nn.FeedForwardNetwork if feed_forward else neat.nn.RecurrentNetwork
    numbers, compared, cycles, overflows = random.Random(1), 0, 0, 0
    for genome in genomes(options, 200, seed=7):
        theirs, ours = kind.create(genome, options), Network.from_neat(genome, options)
        back = kind.create(ours.to_neat(options, genome.key), options)
        cycles += any(c.source == c.target for c in ours.connections.values())
        for _ in range(6):
            inputs = [numbers.gauss(0, 2) for _ in range(3)]
            expected = outcome(theirs.activate, inputs)
            assert outcome(ours.activate, inputs) == expected
            assert outcome(back.activate, inputs) == expected
            if not isinstance(expected, list):
                overflows += 1
                break
            compared += 1
    assert compared > 1000
    assert overflows < 20
    assert bool(cycles) is not feed_forward


@pytest.mark.parametrize("name", ACTIVATIONS.split())
def test_activation_functions_and_their_slopes(name: str):
    theirs = neat.activations.ActivationFunctionSet().get(name)
    numbers = random.Random(2)
    points = [0.0, -0.0, 1e-9, -1e-9, 70.0, -70.0, *(numbers.gauss(0, 1.5) for _ in range(200))]
    for z in points:
        x = Value(z)
        y = NEAT[f"neat_{name}"](x)
        assert bits([y]) == bits([theirs(z)])
        if abs(z) > 1e-3 and abs(z) < 5 and isinstance(y, Value):
            step = 1e-6
            slope = (theirs(z + step) - theirs(z - step)) / (2 * step)
            kink = min(abs(abs(z) - edge) for edge in (1.0, 3.4, 12.0, 24.0)) < 1e-5
            if y.op is not None and not kink:
                y.backward()
                assert x.grad == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_gradients_train_a_genome_and_the_result_goes_back(tmp_path: Path):
    """Gradient descent on OR and AND from a random genome; the genome that comes out computes the same in neat-python."""
    options = config(tmp_path, True, wild=False, connected="full_direct")
    (genome,) = genomes(options, 1, seed=3)
    network = Network.from_neat(genome, options)
    rows = [([a, b, 1.0], [a | b, a & b]) for a, b in itertools.product((0, 1), repeat=2)]

    def loss(activate: Any) -> float:
        return sum(sum((float(o) - t) ** 2 for o, t in zip(activate(x), ts, strict=True)) for x, ts in rows)

    before = loss(neat.nn.FeedForwardNetwork.create(genome, options).activate)
    for _ in range(500):
        for x, targets in rows:
            network.activate(x)
            network.propagate(0.5, targets, half_squared)
    trained = network.to_neat(options, key=5)
    assert trained.key == 5
    after = loss(neat.nn.FeedForwardNetwork.create(trained, options).activate)
    assert after < 0.1 < 1 < before
    assert {key: gene.innovation for key, gene in trained.connections.items()} == {
        key: gene.innovation for key, gene in genome.connections.items()
    }
    child = neat.DefaultGenome(6)  # it can be crossed with the one that it came from
    genome.fitness = trained.fitness = 1.0
    child.configure_crossover(genome, trained, options.genome_config)
    assert set(child.nodes) == set(genome.nodes)


def test_backpropagation_through_time_of_a_recurrent_genome(tmp_path: Path):
    """Derivatives by the weights after four steps, against central differences of neat-python's own network."""
    options = config(tmp_path, False, wild=False)
    checked = 0
    for genome in itertools.islice(genomes(options, 40, seed=11), 30, 34):
        network = Network.from_neat(genome, options)
        numbers = random.Random(4)
        steps = [[numbers.gauss(0, 1) for _ in range(3)] for _ in range(4)]
        total = sum((y for y in network.run(steps)[-1] if isinstance(y, Value)), Value(0.0))
        total.backward()

        def last(genome: Any = genome, steps: list[list[float]] = steps) -> float:
            theirs = neat.nn.RecurrentNetwork.create(genome, options)
            return sum([theirs.activate(step) for step in steps][-1])

        for c in network.connections.values():
            gene, h = genome.connections[c.source, c.target], 1e-6
            middle = gene.weight
            gene.weight = middle + h
            high = last()
            gene.weight = middle - h
            slope = (high - last()) / (2 * h)
            gene.weight = middle
            grad = c.weight.grad if c.weight.has_grad else 0.0
            assert grad == pytest.approx(slope, rel=1e-5, abs=1e-7)
            checked += abs(slope) > 1e-6
    assert checked > 10


def test_a_network_from_a_genome_is_saved_and_loaded(tmp_path: Path):
    for feed_forward in (True, False):
        options = config(tmp_path, feed_forward)
        for genome in itertools.islice(genomes(options, 13, seed=5), 9, 13):
            network = Network.from_neat(genome, options)
            network.save(tmp_path / "model.json")
            again = Module.load(tmp_path / "model.json")
            for inputs in ([0.5, -1.0, 2.0], [1.0, 0.0, -0.25]):
                assert outcome(again.activate, inputs) == outcome(network.activate, inputs)


def test_what_a_genome_cannot_hold_is_refused(tmp_path: Path):
    options = config(tmp_path, True, wild=False)
    (genome,) = genomes(options, 1, seed=1)
    network = Network.from_neat(genome, options)
    other = Network.layered(3, 2)
    for call, message in [
        (lambda: other.to_neat(options), r"has the inputs \[-1, -2, -3\], and the network \[0, 1, 2\]"),
        (lambda: network.add_node("hidden", id=99) and network.to_neat(options), "node 99 has the activation sigmoid"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    network.remove_node(99)
    network.add_connection(0, 0, 1.0, delay=1)
    with pytest.raises(ValueError, match="the connection 0 -> 0 has delay 1"):
        network.to_neat(options)
    genome.nodes[0].activation = "mine"
    with pytest.raises(ValueError, match="node 0 of the genome has the activation 'mine'"):
        Network.from_neat(genome, options)
