"""Neurons, layers and MLPs against the same sums written in NumPy, and their gradients against finite differences."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd.math as am
import nn
from autograd import Value, gradients, primitive
from nn import MLP, Layer, Neuron
from nn.layers import he, uniform, xavier

CURVES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "sin": np.sin,
}


def numpy_mlp(model: MLP, x: list[float], names: list[str]) -> Any:
    """The MLP by matrices, from its flat parameters: layer by layer, neuron by neuron, weights then bias."""
    numbers = iter([p.data for p in model.parameters()])
    signal = np.array(x)
    for layer, name in zip(model.layers, names, strict=True):
        rows = np.array([[next(numbers) for _ in range(len(signal) + 1)] for _ in layer.neurons])
        signal = CURVES[name](rows[:, :-1] @ signal + rows[:, -1])
    return signal


@pytest.mark.parametrize("name", CURVES)
def test_an_mlp_is_its_matrices(name: str):
    model = MLP(3, [4, 2], activation=name, output=name, seed=7)
    for parameter in model.parameters():
        parameter.data += 0.01  # so that no bias is 0
    x = [0.3, -1.2, 0.8]
    assert [y.data for y in model(x)] == pytest.approx(list(numpy_mlp(model, x, [name] * 2)), rel=1e-14)


def test_activations_layer_by_layer_by_name_or_function():
    names = ["relu", "sin", "sigmoid"]
    by_name = MLP(2, [3, 3, 2], names[:2], names[2], seed=1)
    by_function = MLP(2, [3, 3, 2], [am.relu, lambda x: x.sin()], am.sigmoid, seed=1)
    x = [0.4, 0.9]
    expected = pytest.approx(list(numpy_mlp(by_name, x, names)), rel=1e-14)
    assert [y.data for y in by_name(x)] == expected
    assert [y.data for y in by_function(x)] == expected


def test_a_primitive_of_ones_own_is_an_activation():
    primitive("square", lambda x: x * x, lambda y, x: 2 * x)
    neuron = Neuron(1, "square", seed=0)
    assert neuron([2.0]).data == (2 * neuron.w[0].data) ** 2
    assert neuron.architecture()["activation"] == "square"


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus"])
def test_gradients_against_central_differences(activation: str):
    model = MLP(2, [3, 2, 1], activation, bias=["neuron", "shared", "neuron"], seed=3)
    x, parameters = [0.5, -0.8], model.parameters()
    slopes = gradients(model(x), parameters)
    for parameter, slope in zip(parameters, slopes, strict=True):
        here, h = parameter.data, 1e-6
        parameter.data = here + h
        above = model(x).data
        parameter.data = here - h
        below = model(x).data
        parameter.data = here
        assert slope == pytest.approx((above - below) / (2 * h), rel=1e-7, abs=1e-9)


def test_the_order_and_the_names_of_parameters():
    model = MLP(2, [2, 1])
    names = [f"layers.0.neurons.{j}.{p}" for j in range(2) for p in ("w.0", "w.1", "b")]
    names += [f"layers.1.neurons.0.{p}" for p in ("w.0", "w.1", "b")]
    assert [name for name, _ in model.named_parameters()] == names
    assert [p.label for p in model.parameters()] == [
        *("w0.0.0", "w0.0.1", "b0.0", "w0.1.0", "w0.1.1", "b0.1"),
        *("w1.0.0", "w1.0.1", "b1.0"),
    ]


def test_kinds_of_bias():
    model = MLP(2, [2, 2, 2, 2], "linear", bias=["neuron", "shared", "none", 0.5], seed=0)
    per_neuron, shared, none, fixed = model.layers
    assert [len(layer.parameters()) for layer in model.layers] == [6, 5, 4, 4]
    assert shared.neurons[0].b is shared.neurons[1].b
    assert [p.label for p in shared.parameters()] == ["w1.0.0", "w1.0.1", "b1", "w1.1.0", "w1.1.1"]
    assert [n.b for n in none.neurons] == [None, None]
    assert [n.b for n in fixed.neurons] == [0.5, 0.5]
    x = [1.5, -2.0]
    for layer, bias in ((per_neuron, 0.0), (shared, 0.25), (none, 0.0), (fixed, 0.5)):
        if layer is shared:
            shared.neurons[0].b.data = 0.25
        expected = [sum(w.data * a for w, a in zip(n.w, x, strict=True)) + bias for n in layer.neurons]
        assert [y.data for y in layer(x)] == pytest.approx(expected, rel=1e-15)


def test_a_shared_bias_gets_the_return_of_every_neuron():
    layer = Layer(1, 3, "linear", bias="shared", seed=0)
    sum(layer([2.0])).backward()
    assert layer.neurons[0].b.grad == 3.0


def test_a_bias_can_be_shared_between_single_neurons():
    bias = Value(0.5)
    pair = [Neuron(1, "linear", bias=bias, seed=0), Neuron(1, "linear", bias=bias, seed=0)]
    assert pair[0].b is pair[1].b is bias


def test_one_output_is_a_value_several_are_a_list():
    assert isinstance(MLP(2, [3, 1], seed=0)([1.0, 2.0]), Value)
    assert [type(y) for y in MLP(2, [3, 2], seed=0)([1.0, 2.0])] == [Value, Value]
    assert isinstance(Layer(2, 1, seed=0)([1.0, 2.0]), list)


def test_inputs_may_be_values_and_arrays():
    model = MLP(2, [3, 1], seed=0)
    a, b = Value(0.5), Value(-1.0)
    model([a, b]).backward()
    assert a.has_grad
    assert model(np.array([0.5, -1.0])).data == model([a, b]).data


def test_a_seed_repeats_and_random_seed_does_too():
    def weights(seed: int | random.Random | None) -> list[float]:
        return [p.data for p in MLP(2, [3, 1], seed=seed).parameters()]

    assert weights(5) == weights(5) == weights(random.Random(5)) != weights(6)
    rng = random.Random(5)
    assert weights(rng) != weights(rng)
    random.seed(1)
    first = weights(None)
    second = weights(None)
    random.seed(1)
    assert weights(None) == first != second
    assert Neuron(2).w[0].data != Neuron(2).w[0].data


def test_uniform_weights_are_drawn_in_the_order_of_the_parameters():
    model, rng = MLP(2, [3, 1], seed=1337), random.Random(1337)
    for parameter in model.parameters():
        assert parameter.data == (0.0 if parameter.label.startswith("b") else rng.uniform(-1, 1))


@pytest.mark.parametrize(
    ("init", "variance", "bound"),
    [
        ("uniform", 1 / 3, 1.0),
        (uniform(0.1), 0.01 / 3, 0.1),
        ("xavier", 2 / (40 + 60), (6 / (40 + 60)) ** 0.5),
        (xavier, 2 / (40 + 60), (6 / (40 + 60)) ** 0.5),
        ("he", 2 / 40, None),
        (he, 2 / 40, None),
    ],
)
def test_initialisers_have_the_published_variance(init: Any, variance: float, bound: float | None):
    layer = Layer(40, 60, init=init, seed=0)
    weights = np.array([w.data for neuron in layer.neurons for w in neuron.w])
    # the standard error of a sample variance is at most sqrt(2 / n) times the variance
    assert weights.var() == pytest.approx(variance, rel=4 * (2 / weights.size) ** 0.5)
    assert abs(weights.mean()) < 4 * (variance / weights.size) ** 0.5
    if bound is not None:
        assert 0.95 * bound < abs(weights).max() <= bound


def test_what_is_wrong_is_said():
    for make, message in [
        (lambda: MLP(2, []), "at least one layer"),
        (lambda: MLP(0, [1]), "n_in must be a whole number of at least 1, not 0"),
        (lambda: MLP(2, [2.5]), r"n_out must be a whole number of at least 1, not 2\.5"),
        (lambda: MLP(2, [True]), "n_out must be"),
        (lambda: Neuron(-1), "n_in must be"),
        (lambda: MLP(2, [3, 1], ["tanh", "tanh"]), "activation must be one for all or one for each hidden layer: 1"),
        (lambda: MLP(2, [3, 1], bias=["none"]), "bias must be one for all or one for each layer: 2, not 1"),
        (lambda: MLP(2, [1], bias="neurons"), "no bias 'neurons'"),
        (lambda: MLP(2, [1], bias=float("nan")), "a fixed bias must be a finite number, not nan"),
        (lambda: MLP(2, [1], "swish", "swish"), "no activation 'swish': give linear"),
        (lambda: MLP(2, [1], output="add"), "no activation 'add'"),
        (lambda: MLP(2, [1], init="glorot"), "no initialiser 'glorot': give uniform, xavier, he"),
        (lambda: MLP(2, [1])([1.0]), "this MLP takes 2 inputs, not 1"),
        (lambda: Neuron(2)([1.0]), "this neuron takes 2 inputs, not 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            make()


def test_repr():
    assert repr(MLP(2, [4, 4, 1], "relu")) == "MLP(2, [4, 4, 1], activation='relu', output='linear'): 37 parameters"
    mixed = MLP(2, [4, 4, 1], ["relu", "sin"], am.sigmoid)
    assert repr(mixed) == "MLP(2, [4, 4, 1], activation=['relu', 'sin'], output='sigmoid'): 37 parameters"


# ---- more layers and activations -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gelu", "silu", "elu"])
def test_activations_made_of_others_against_mpmath(name: str):
    from mpmath import mp

    from nn.layers import activation_function, activation_name

    formula = {
        "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        "silu": lambda x: x / (1 + mp.exp(-x)),
        "elu": lambda x: x if x > 0 else mp.expm1(x),
    }[name]
    function = activation_function(name)
    assert activation_name(function) == name
    with mp.workdps(30):
        for x in (-30.0, -3.0, -0.5, 1e-9, 0.5, 3.0, 30.0, 700.0):
            value = Value(x)
            y = function(value)
            y.backward()
            assert y.data == pytest.approx(float(formula(mp.mpf(x))), rel=1e-14)
            assert value.grad == pytest.approx(float(mp.diff(formula, x)), rel=1e-12, abs=1e-300)
    corner = Value(0.0)
    function(corner).backward()
    assert corner.grad == {"gelu": 0.5, "silu": 0.5, "elu": 1.0}[name]


def test_a_softmax_output_sums_to_one_and_is_saved(tmp_path):
    model = MLP(2, [4, 3], output="softmax", seed=0)
    logits = MLP(2, [4, 3], seed=0)([0.3, -2.0])
    powers = [math.exp(z.data) for z in logits]
    assert [p.data for p in model([0.3, -2.0])] == pytest.approx([e / sum(powers) for e in powers], rel=1e-14)
    assert repr(model) == "MLP(2, [4, 3], activation='tanh', output='softmax'): 27 parameters"
    model.save(tmp_path / "m.json")
    again = nn.load(tmp_path / "m.json")
    assert [p.data for p in again([0.3, -2.0])] == [p.data for p in model([0.3, -2.0])]
    loss = nn.negative_log_likelihood(model([0.3, -2.0]), 1)
    assert loss.data == pytest.approx(nn.softmax_cross_entropy(logits, 1).data, rel=1e-14)
    with pytest.raises(ValueError, match="has 3 classes, and no class 3"):
        nn.negative_log_likelihood(model([0.3, -2.0]), 3)


def test_sequential_is_its_layers_one_after_another(tmp_path):
    first, last = Layer(2, 3, "relu", seed=0), Layer(3, 1, "linear", seed=1)
    model = nn.Sequential(first, nn.Dropout(0.5), last)
    assert model([0.5, 2.0]).data == last(first([0.5, 2.0]))[0].data
    assert [name for name, _ in model.named_parameters()][:2] == ["layers.0.neurons.0.w.0", "layers.0.neurons.0.w.1"]
    model.save(tmp_path / "m.json")
    again = nn.load(tmp_path / "m.json")
    assert again([0.5, 2.0]).data == model([0.5, 2.0]).data
    assert again.architecture() == model.architecture()
    assert model.summary().splitlines() == [
        "module    what it is                        parameters",
        "layers.0  Layer(2, 3, activation='relu')             9",
        "layers.1  Dropout(0.5)                               0",
        "layers.2  Layer(3, 1, activation='linear')           4",
        "all       Sequential                                13",
    ]
    for bad in ((), (3,), (Layer, 3)):
        with pytest.raises(TypeError, match="Sequential takes modules, such as Layer"):
            nn.Sequential(*bad)


def test_dropout_drops_while_training_only_and_repeats_with_its_seed():
    model = nn.Sequential(nn.Dropout(0.25, seed=3))
    row = [1.0] * 4000
    assert model(row) == row
    model.train()
    dropped = model(row)
    assert set(dropped) == {0.0, 1 / 0.75}
    assert 900 < dropped.count(0.0) < 1100  # 1000 expected, standard deviation 27
    again = nn.Sequential(nn.Dropout(0.25, seed=3))
    again.train()
    assert again(row) == dropped
    assert model(row) != dropped
    model.train(False)
    assert model(row) == row
    with pytest.raises(ValueError, match="at least 0 and below 1, not 1"):
        nn.Dropout(1)


def test_reprs_of_parts():
    assert repr(Neuron(3, "gelu", seed=0)) == "Neuron(3, activation='gelu'): 4 parameters"
    assert repr(Layer(3, 2, "softmax", bias="none", seed=0)) == "Layer(3, 2, activation='softmax'): 6 parameters"
