"""``Neuron``, ``Layer``, ``Sequential``, ``MLP``: activation(w · x + b), side by side and one after another."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autograd import Value
from autograd.math import dot, expm1, leaky_relu, min, norm_cdf, relu, sigmoid, softmax
from autograd.primitives import TABLE, Primitive

from .exchange.functions import NEAT
from .module import Module
from .rows import SampleError, listed, named

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


def gelu(x: Any) -> Any:
    """x · Φ(x), with Φ the distribution function of the standard normal (Hendrycks and Gimpel 2016)."""
    return x * norm_cdf(x)


def silu(x: Any) -> Any:
    """x · σ(x), also called swish (Elfwing et al. 2018)."""
    return x * sigmoid(x)


def elu(x: Any) -> Any:
    """x above 0, exp(x) − 1 below (Clevert et al. 2016); the slope at 0 is 1."""
    return relu(x) + expm1(min(x, 0.0))


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"linear": linear, "gelu": gelu, "silu": silu, "elu": elu, **NEAT}


def activation_function(activation: Activation) -> Callable[[Any], Any]:
    """The function itself, or the one that goes by a name: one of ACTIVATIONS, or a row of the table of primitives.

    Raises ValueError for a name that is neither, or whose row does not take one number.
    """
    if callable(activation):
        return activation
    row = ACTIVATIONS.get(activation) or TABLE.get(activation)
    if row is leaky_relu or activation in ACTIVATIONS or (isinstance(row, Primitive) and row.arity == 1):
        return row  # type: ignore[return-value]  # it is none of the Nones
    raise ValueError(
        f"no activation {activation!r}: give linear, sigmoid, tanh, relu, leaky_relu, softplus, gelu, silu, elu, the "
        "name of any other primitive of one argument, or a function; softmax is for the output of a layer"
    )


def activation_name(function: Callable[[Any], Any]) -> str:
    """The name by which ``activation_function`` finds the function; ValueError if there is none."""
    own = {known: name for name, known in ACTIVATIONS.items()}
    name = own.get(function) or (function.name if isinstance(function, Primitive) else "")
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
    return init if callable(init) else named("initialiser", init, INITIALISERS)


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
        net = dot(self.w, _sized("neuron", inputs, len(self.w)))
        result: Value = self.activation(net if self.b is None else net + self.b)
        return result

    def architecture(self) -> dict[str, Any]:
        bias = "neuron" if isinstance(self.b, Value) else "none" if self.b is None else self.b
        return {"n_in": len(self.w), "activation": activation_name(self.activation), "bias": bias}

    def __repr__(self) -> str:
        return f"Neuron({len(self.w)}, activation={_shown(self.activation)!r}): {len(self.parameters())} parameters"


class Layer(Module[list[Value]]):
    """``n_out`` neurons side by side: parameters neuron by neuron, weights then bias.

    As a Neuron's, save that ``bias`` may also be "shared": one trained bias for the layer, listed after the first
    neuron's weights; that a number is the fixed bias of every neuron; and that ``activation`` may be "softmax", which
    takes what all neurons add up and gives shares that sum to 1.
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
        self._softmax = activation == "softmax"
        own: Activation = "linear" if self._softmax else activation
        shared = _bias(bias) if self._bias == "shared" else bias
        self.neurons = [
            Neuron(n_in, own, bias=shared, init=lambda rng, n_in, _: draw(rng, n_in, n_out), seed=rng)
            for _ in range(n_out)
        ]

    def __call__(self, inputs: Sequence[Any], /) -> list[Value]:
        """The outputs, a list of n_out Values."""
        row = _sized("layer", inputs, len(self.neurons[0].w))
        outputs = [neuron(row) for neuron in self.neurons]
        return softmax(outputs) if self._softmax else outputs

    def architecture(self) -> dict[str, Any]:
        own = {"n_out": len(self.neurons), "bias": self._bias} | ({"activation": "softmax"} if self._softmax else {})
        return self.neurons[0].architecture() | own

    def __repr__(self) -> str:
        n_in, name = len(self.neurons[0].w), _shown_of(self)
        return f"Layer({n_in}, {len(self.neurons)}, activation={name!r}): {len(self.parameters())} parameters"


class Dropout(Module[list[Any]]):
    """Each number, or with probability ``p`` 0 while ``fit`` trains; the others are divided by 1 − p then.

    So the mean stays (Srivastava et al. 2014, section 10, as it is commonly done).  Outside of training, and in
    validation, everything passes.  What is dropped follows from ``seed``.
    """

    def __init__(self, p: float = 0.5, *, seed: Seed = 0) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"the probability of a dropout must be at least 0 and below 1, not {p!r}")
        self.p, self._rng = p, generator(seed)

    def __call__(self, inputs: Sequence[Any], /) -> list[Any]:
        """The numbers, or what is left of them."""
        row = listed("inputs", inputs)
        if not (self.training and self.p):
            return row
        return [x / (1 - self.p) if self._rng.random() >= self.p else 0.0 for x in row]

    def architecture(self) -> dict[str, Any]:
        return {"p": self.p}

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class Sequential(Module[Out]):
    """Modules one after another, each of which takes what the one before gives; one output comes as a Value.

    >>> model = Sequential(Layer(2, 8, "relu", seed=0), Dropout(0.2), Layer(8, 3, "softmax", seed=1))
    >>> round(sum(p.data for p in model([0.5, -1.0])), 12)
    1.0
    """

    def __init__(self, *layers: Module, parts: Sequence[Mapping[str, Any]] = ()) -> None:
        """From modules; ``parts`` describes them instead in a saved file."""
        kinds: dict[str, Any] = {kind.__name__: kind for kind in (Layer, Dropout, MLP, Neuron)}
        made = [kinds[part["kind"]](**{k: x for k, x in part.items() if k != "kind"}) for part in parts]
        self.layers: list[Any] = [*layers, *made]
        if not self.layers or not all(isinstance(layer, Module) for layer in self.layers):
            raise TypeError(f"{type(self).__name__} takes modules, such as Layer(2, 3), and not {layers!r}")

    def __call__(self, inputs: Sequence[Any], /) -> Out:
        """The output: one Value where there is one, a list of Values where there are several."""
        values: Any = listed("inputs", inputs)
        for layer in self.layers:
            values = layer(values if isinstance(values, list) else [values])
        result: Any = values[0] if isinstance(values, list) and len(values) == 1 else values
        return result  # type: ignore[no-any-return]  # which of the two, the caller knows

    def architecture(self) -> dict[str, Any]:
        return {"parts": [{"kind": type(layer).__name__} | layer.architecture() for layer in self.layers]}

    def __repr__(self) -> str:
        inside = ", ".join(repr(layer).partition(": ")[0] for layer in self.layers)
        return f"Sequential({inside}): {len(self.parameters())} parameters"


class MLP(Sequential[Out]):
    """Layers one after another: ``MLP(2, [16, 16, 1])`` has two inputs, two hidden layers of 16, and one output.

    Parameters run layer by layer, neuron by neuron, weights then bias.  ``activation`` is that of the hidden layers
    (one, or a list of one for each), ``output`` that of the last, which may be "softmax".  Their names are linear,
    sigmoid, tanh, relu, leaky_relu, softplus, gelu, silu, elu and those of all primitives of one argument.  ``bias`` is
    "neuron" (one for each), "shared" (one a layer), "none", a number (fixed, not trained), or a list of these, one a
    layer.  ``init`` ("uniform", "xavier", "he") and ``seed`` are as a Neuron's; with the same generator, weights are
    drawn in the order of the parameters.

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
        if isinstance(sizes, int):
            raise TypeError(
                f"MLP takes a list of layer sizes, the last of which is that of the output: MLP({n_in}, [{sizes}, 1]) "
                f"has {sizes} hidden neurons and one output"
            )
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
        return super().__call__(_sized("MLP", inputs, self.n_in))

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
        names = [_shown_of(layer) for layer in self.layers]
        hidden = names[0] if len(set(names[:-1])) == 1 else names[:-1]
        return (
            f"MLP({self.n_in}, {[len(layer.neurons) for layer in self.layers]}, activation={hidden!r}, "
            f"output={names[-1]!r}): {len(self.parameters())} parameters"
        )


def _shown(function: Callable[[Any], Any]) -> str:
    return str(getattr(function, "name", None) or getattr(function, "__name__", function))


def _shown_of(layer: Layer) -> str:
    return "softmax" if layer._softmax else _shown(layer.neurons[0].activation)


def _sized(kind: str, inputs: Any, n_in: int) -> list[Any]:
    """The inputs as a list; SampleError if they are not ``n_in``."""
    row = inputs if type(inputs) is list else listed("inputs", inputs)
    if len(row) != n_in:
        raise SampleError(f"this {kind} takes {n_in} inputs, not {len(row)}")
    return row


def _check_size(name: str, size: Any) -> None:
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {size!r}")


def _per_layer(name: str, option: Any, count: int, noun: str) -> list[Any]:
    if isinstance(option, str) or not isinstance(option, Sequence):
        return [option] * count
    if len(option) != count:
        raise ValueError(f"{name} must be one for all or one for each {noun}: {count}, not {len(option)}")
    return list(option)
