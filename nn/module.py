"""``Module``: a model with named parameters, saved as JSON and loaded again digit for digit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self

from autograd import Value

from .exchange import files
from .rows import finite

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Out = TypeVar("Out", default=Any)
else:
    from typing import TypeVar

    Out = TypeVar("Out")  # Python 3.13 is the first whose own has defaults


class Module(Generic[Out]):
    """A model: a function of a list of numbers, with parameters.  What it gives is its type: ``Module[Value]``.

    The parameters are the Values among the attributes, in the order in which the attributes were set; lists, tuples,
    dicts and other Modules among them are entered.  An attribute whose name begins with ``_`` is passed over, and a
    Value that is met again (a bias that neurons share) counts once, under its first name.
    """

    training = False  # whether it is being trained: what a Dropout asks

    def __call__(self, inputs: Sequence[Any], /) -> Out:
        """The output or outputs for one sample."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, inputs)")

    def named_parameters(self) -> list[tuple[str, Value]]:
        """All parameters in their fixed order, each with its dotted name, such as ``layers.0.neurons.2.w.1``."""
        names: dict[Value, str] = {}
        for attribute, item in vars(self).items():
            if not attribute.startswith("_"):
                for name, value in _values(item, attribute):
                    names.setdefault(value, name)
        return [(name, value) for value, name in names.items()]

    def parameters(self) -> list[Value]:
        """All parameters, in the order of ``named_parameters``."""
        return [value for _, value in self.named_parameters()]

    def zero_grad(self) -> None:
        """Have every parameter's ``.grad`` begin anew: not computed."""
        for parameter in self.parameters():
            parameter.grad = None

    def modules(self) -> Iterator[tuple[str, Module]]:
        """The modules that this one is made of, those in those as well, each with its dotted name."""
        for attribute, item in vars(self).items():
            if not attribute.startswith("_"):
                yield from _modules(item, attribute)

    def train(self, mode: bool = True) -> None:
        """Tell the module and all in it whether it is being trained; ``fit`` does, and leaves it as it was."""
        for module in (self, *(module for _, module in self.modules())):
            module.training = mode

    def summary(self) -> str:
        """A table of the modules that this one is made of, neurons left out, with the parameters of each."""
        parts = [(name, part) for name, part in self.modules() if type(part).__name__ != "Neuron"]
        rows = [(name, repr(part).partition(": ")[0], f"{len(part.parameters()):,}") for name, part in parts]
        rows.append(("all", type(self).__name__, f"{len(self.parameters()):,}"))
        wide = [max(len(row[i]) for row in [("module", "what it is", "parameters"), *rows]) for i in range(3)]
        lines = [("module", "what it is", "parameters"), *rows]
        return "\n".join(f"{a:{wide[0]}}  {b:{wide[1]}}  {c:>{wide[2]}}" for a, b, c in lines)

    def state_dict(self) -> dict[str, float]:
        """The parameters' numbers by name."""
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set all parameters from a state_dict.

        Raises ValueError, and changes nothing, if a name is missing or unknown or a number is not finite.
        """
        parameters = dict(self.named_parameters())
        missing = [name for name in parameters if name not in state]
        unknown = [name for name in state if name not in parameters]
        if missing or unknown:
            found = [f"{what} {_few(names)}" for what, names in (("lacks", missing), ("has", unknown)) if names]
            raise ValueError(
                f"this state is not one of this {type(self).__name__}, which has {len(parameters)} parameters: "
                f"it {' and '.join(found)}"
            )
        numbers = {name: finite(f"parameter {name}", state[name]) for name in parameters}
        for name, parameter in parameters.items():
            parameter.data = numbers[name]

    # ---- files -------------------------------------------------------------------------------------------------------

    def architecture(self) -> dict[str, Any]:
        """What ``type(self)(**architecture)`` needs, beside the parameters, to make this model anew; goes into JSON."""
        return {}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to ``path`` as JSON, from which ``load`` makes the same model with the same doubles.

        The file is replaced as a whole or not at all.  Raises ValueError for a parameter that is not finite.
        """
        parameters = {name: finite(f"parameter {name}", x) for name, x in self.state_dict().items()}
        files.save(path, type(self).__name__, self.architecture(), parameters)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The model in a file that ``save`` wrote: of this class or a subclass, so ``Module.load`` reads every kind.

        Raises ValueError, saying what is wrong, if the file is cut short or no saved model, of another version or
        another kind, or if its parameters do not fit its architecture or are not finite.
        """
        kind, architecture, parameters = files.read(path)
        kinds = {kind.__name__: kind for kind in _family(cls)}
        if kind not in kinds:
            remedy = "define (import) that class before loading" if cls is Module else "load it with nn.load"
            raise ValueError(f"{path} holds a model of kind {kind!r}, not {cls.__name__}: {remedy}")
        try:
            model: Self = kinds[kind](**architecture)
            model.load_state_dict(parameters)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{path} does not describe a {kind}: {error}") from error
        return model


def _values(item: Any, name: str) -> Iterator[tuple[str, Value]]:
    if isinstance(item, Value):
        yield name, item
    elif isinstance(item, Module):
        for inner, value in item.named_parameters():
            yield f"{name}.{inner}", value
    elif isinstance(item, list | tuple | dict):
        for key, part in item.items() if isinstance(item, dict) else enumerate(item):
            yield from _values(part, f"{name}.{key}")


def _modules(item: Any, name: str) -> Iterator[tuple[str, Module]]:
    if isinstance(item, Module):
        yield name, item
        for inner, module in item.modules():
            yield f"{name}.{inner}", module
    elif isinstance(item, list | tuple | dict):
        for key, part in item.items() if isinstance(item, dict) else enumerate(item):
            yield from _modules(part, f"{name}.{key}")


def _family(cls: type[Module]) -> Iterator[type[Any]]:
    """The class and its subclasses, a later one after an earlier one of the same name."""
    yield cls
    for subclass in cls.__subclasses__():
        yield from _family(subclass)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
