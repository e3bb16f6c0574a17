"""``Neuron``, ``Layer``, ``MLP``: activation(w · x + b), side by side and one after another."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from autograd import Value
from autograd.math import dot, leaky_relu
from autograd.primitives import TABLE, Primitive

from .module import Module
from .rows import listed

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Out = TypeVar("Out", default=Value)
else:
    from .module import Out

Activation = str | Callable[[Any], Any]
Bias = str | float | Value
Initialiser = Callable[[random.Random, int, int], float]
Seed = int | random.Random | None


def linear(x: Any) -> Any:
    """``x``: no activation."""
    return x


def activation_function(activation: Activation) -> Callable[[Any], Any]:
    """The function itself, or the one that goes by a name: ``linear``, or a row of the table of primitives.

    Raises ValueError for a name that is neither, or whose row does not take one number.
    """
    if callable(activation):
        return activation
    row = linear if activation == "linear" else TABLE.get(activation)
    if row is linear or row is leaky_relu or (isinstance(row, Primitive) and row.arity == 1):
        return row
    raise ValueError(
        f"no activation {activation!r}: give linear, sigmoid, tanh, relu, leaky_relu, softplus, the name of any other "
        "primitive of one argument, or a function"
    )


def activation_name(function: Callable[[Any], Any]) -> str:
    """The name by which ``activation_function`` finds the function; ValueError if there is none."""
    name = "linear" if function is linear else function.name if isinstance(function, Primitive) else ""
    if not name or activation_function(name) is not function:
        raise ValueError(
            f"the activation {function!r} has no name in the table and cannot be saved: "
            "define it with autograd.primitive"
        )
    return name


def uniform(limit: float = 1.0) -> Initialiser:
    """Weights drawn evenly from -limit to limit."""
    return lambda rng, n_in, n_out: rng.uniform(-limit, limit)


def xavier(rng: random.Random, n_in: int, n_out: int) -> float:
    """A weight drawn evenly from ±sqrt(6 / (n_in + n_out)) (Glorot and Bengio 2010, equation 16): for tanh."""
    limit = math.sqrt(6 / (n_in + n_out))
    return rng.uniform(-limit, limit)


def he(rng: random.Random, n_in: int, n_out: int) -> float:
    """A weight drawn from the normal distribution of variance 2 / n_in (He et al. 2015, equation 10): for relu."""
    return rng.gauss(0.0, math.sqrt(2 / n_in))


INITIALISERS: dict[str, Initialiser] = {"uniform": uniform(), "xavier": xavier, "he": he}


def initialiser(init: str | Initialiser) -> Initialiser:
    """The function (rng, n_in, n_out) -> weight, itself or by its name in INITIALISERS; ValueError if there is none."""
    if callable(init):
        return init
    try:
        return INITIALISERS[init]
    except KeyError:
        names = ", ".join(INITIALISERS)
        raise ValueError(f"no initialiser {init!r}: give {names}, or a function of (rng, n_in, n_out)") from None


def generator(seed: Seed) -> random.Random:
    """A generator for this seed; a generator as it is; for None one that follows from ``random.seed``."""
    if isinstance(seed, random.Random):
        return seed
    return random.Random(random.getrandbits(64) if seed is None else seed)  # noqa: S311  # weights are no secret


def _bias(bias: Bias | None) -> Value | float | None:
    if bias in ("neuron", "shared"):
        return Value(0.0)
    if bias is None or bias == "none":
        return None
    if isinstance(bias, Value):
        return bias
    if isinstance(bias, str):
        raise ValueError(f'no bias {bias!r}: give "neuron", "shared", "none", or a number that is not trained')
    if not math.isfinite(bias):
        raise ValueError(f"a fixed bias must be a finite number, not {bias!r}")
    return float(bias)


class Neuron(Module[Value]):
    """``activation(w · x + b)``: parameters ``w`` (a list of n_in Values), then ``b``.

    ``activation`` is a name (``activation_function``) or a function of one Value.  ``bias`` is "neuron" (trained, 0 at
    first), "none", a number (fixed, no parameter), or a Value to share with others.  The weights are drawn by ``init``,
    "uniform" (from ±1), "xavier", "he" or a function of (rng, n_in, n_out), from ``seed``: an int or a random.Random;
    with None, ``random.seed`` makes runs repeat.
    """

    def __init__(
        self,
        n_in: int,
        activation: Activation = "tanh",
        *,
        bias: Bias | None = "neuron",
        init: str | Initialiser = "uniform",
        seed: Seed = None,
    ) -> None:
        _check_size("n_in", n_in)
        draw, rng = initialiser(init), generator(seed)
        self.w = [Value(draw(rng, n_in, 1)) for _ in range(n_in)]
        self.b = _bias(bias)
        self.activation = activation_function(activation)

    def __call__(self, inputs: Sequence[Any], /) -> Value:
        """The output, one Value."""
        net = dot(self.w, inputs if type(inputs) is list else listed("inputs", inputs))
        result: Value = self.activation(net if self.b is None else net + self.b)
        return result

    def architecture(self) -> dict[str, Any]:
        bias = "neuron" if isinstance(self.b, Value) else "none" if self.b is None else self.b
        return {"n_in": len(self.w), "activation": activation_name(self.activation), "bias": bias}


class Layer(Module[list[Value]]):
    """``n_out`` neurons side by side: parameters neuron by neuron, weights then bias.

    As a Neuron's, save that ``bias`` may also be "shared": one trained bias for the layer, listed after the first
    neuron's weights; and that a number is the fixed bias of every neuron.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: Activation = "tanh",
        *,
        bias: Bias | None = "neuron",
        init: str | Initialiser = "uniform",
        seed: Seed = None,
    ) -> None:
        _check_size("n_in", n_in)
        _check_size("n_out", n_out)
        draw, rng = initialiser(init), generator(seed)
        self._bias = "none" if bias is None else "shared" if isinstance(bias, Value) else bias
        shared = _bias(bias) if self._bias == "shared" else bias
        self.neurons = [
            Neuron(n_in, activation, bias=shared, init=lambda rng, n_in, _: draw(rng, n_in, n_out), seed=rng)
            for _ in range(n_out)
        ]

    def __call__(self, inputs: Sequence[Any], /) -> list[Value]:
        """The outputs, a list of n_out Values."""
        row = listed("inputs", inputs)
        return [neuron(row) for neuron in self.neurons]

    def architecture(self) -> dict[str, Any]:
        return self.neurons[0].architecture() | {"n_out": len(self.neurons), "bias": self._bias}


class MLP(Module[Out]):
    """Layers one after another: ``MLP(2, [16, 16, 1])`` has two inputs, two hidden layers of 16, and one output.

    Parameters run layer by layer, neuron by neuron, weights then bias.  ``activation`` is that of the hidden layers
    (one, or a list of one for each), ``output`` that of the last.  ``bias`` is "neuron" (one for each), "shared" (one a
    layer), "none", a number (fixed, not trained), or a list of these, one a layer.  ``init`` and ``seed`` are as a
    Neuron's; with the same generator, weights are drawn in the order of the parameters.

    >>> model = MLP(2, [3, 1], activation="relu", seed=0)
    >>> model
    MLP(2, [3, 1], activation='relu', output='linear'): 13 parameters
    >>> model([0.5, -1.0])
    Value(-0.1678...)

    Its parameters are labelled by layer, neuron and input: ``w0.2.1``, ``b0.2`` (``b0`` if shared).  Type checkers take
    it for one that gives a Value; one with several outputs says so: ``MLP[list[Value]](2, [16, 3])``.
    """

    def __init__(
        self,
        n_in: int,
        sizes: Sequence[int],
        activation: Activation | Sequence[Activation] = "tanh",
        output: Activation = "linear",
        *,
        bias: Bias | Sequence[Bias | None] | None = "neuron",
        init: str | Initialiser = "uniform",
        seed: Seed = None,
    ) -> None:
        sizes = list(sizes)
        if not sizes:
            raise ValueError("an MLP needs at least one layer: sizes=[..., n_out]")
        hidden = _per_layer("activation", activation, len(sizes) - 1, "hidden layer")
        biases = _per_layer("bias", bias, len(sizes), "layer")
        rng = generator(seed)
        self.n_in = n_in
        self.layers = [
            Layer(wide, size, function, bias=b, init=init, seed=rng)
            for wide, size, function, b in zip([n_in, *sizes], sizes, [*hidden, output], biases, strict=False)
        ]
        for i, layer in enumerate(self.layers):
            for j, neuron in enumerate(layer.neurons):
                for k, weight in enumerate(neuron.w):
                    weight.label = f"w{i}.{j}.{k}"
                if isinstance(neuron.b, Value):
                    neuron.b.label = f"b{i}" if layer._bias == "shared" else f"b{i}.{j}"

    def __call__(self, inputs: Sequence[Any], /) -> Out:
        """The output: one Value from a network with one output, a list of Values from one with several."""
        values: Sequence[Any] = listed("inputs", inputs)
        if len(values) != self.n_in:
            raise ValueError(f"this MLP takes {self.n_in} inputs, not {len(values)}")
        for layer in self.layers:
            values = layer(values)
        result: Any = values[0] if len(values) == 1 else values
        return result  # type: ignore[no-any-return]  # which of the two, the caller knows

    def architecture(self) -> dict[str, Any]:
        layers = [layer.architecture() for layer in self.layers]
        *hidden, output = [layer["activation"] for layer in layers]
        return {
            "n_in": self.n_in,
            "sizes": [layer["n_out"] for layer in layers],
            "activation": hidden,
            "output": output,
            "bias": [layer["bias"] for layer in layers],
        }

    def __repr__(self) -> str:
        names = [getattr(layer.neurons[0].activation, "name", None) or _name(layer) for layer in self.layers]
        hidden = names[0] if len(set(names[:-1])) == 1 else names[:-1]
        return (
            f"MLP({self.n_in}, {[len(layer.neurons) for layer in self.layers]}, activation={hidden!r}, "
            f"output={names[-1]!r}): {len(self.parameters())} parameters"
        )


def _name(layer: Layer) -> str:
    function = layer.neurons[0].activation
    return str(getattr(function, "__name__", function))


def _check_size(name: str, size: Any) -> None:
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {size!r}")


def _per_layer(name: str, option: Any, count: int, noun: str) -> list[Any]:
    if isinstance(option, str) or not isinstance(option, Sequence):
        return [option] * count
    if len(option) != count:
        raise ValueError(f"{name} must be one for all or one for each {noun}: {count}, not {len(option)}")
    return list(option)
