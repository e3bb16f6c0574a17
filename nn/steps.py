"""Steps of training: losses of samples and their gradients, by the eager engine or by a program recorded from it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from random import Random
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeVar

import autograd
from autograd import Value, no_grad
from autograd.backward import topological
from autograd.diagnosis import why_not_finite
from autograd.primitives import Primitive

from .layers import Dropout
from .losses import Loss
from .module import Module
from .optim import Optimizer
from .rows import SampleError

if TYPE_CHECKING:
    from autograd.compile.captured import Captured

Sample = tuple[list[float], Any]
T = TypeVar("T")
WORTH = 1_000_000  # operations to come from which on it pays to record a program: some .2 s of the eager engine
OWN = ("nn", "autograd")
LARGE = 10.0  # inputs beyond are of a scale that networks learn badly from


class Recording:
    """A function of a model and of each of some points, run as a program once there is enough to do.

    ``how`` is ``fit``'s ``compile``.  What is not recorded is left to the eager engine: None stands for its results.
    """

    def __init__(
        self,
        model: Module,
        function: Callable[..., Any],
        points: Sequence[Any],
        calls: int,
        how: bool | None,
        by: Sequence[Value] = (),
    ) -> None:
        self.model, self.function, self.points, self.calls, self.by = model, function, points, calls, by
        self.how = how
        self.program: Captured | None = None
        self.seen = False

    def see(self, outputs: Any) -> None:
        """Look at what the first call gave: record the function if all ``calls`` of it are worth that."""
        if not self.seen:
            self.seen = True
            operations = len(topological(*[y for y in _flat(outputs) if isinstance(y, Value)]))
            worth = self.how or (self.how is None and operations * self.calls >= WORTH and is_own(self.function))
            if worth and autograd.__native__ and not self._is_random():
                self._record()

    def again(self, point: int) -> None:
        """After code of somebody else's has run: what the program gives must still be what the function does.

        If it is not, the model was changed in other ways than by training, and is recorded anew; not so where it has
        come to draw random numbers.
        """
        if self._is_random():
            self.program = None
        elif self._asked(lambda program: program.check(point)) is False:
            self._record()

    def sums(self, at: Sequence[int]) -> tuple[float, Any, Any] | None:
        """The sums of the function and of its slopes by ``by``, and for each of these whether it took part."""
        return self._asked(lambda program: program.sums(at))

    def results(self) -> list[Any] | None:
        """What the function gives at all points, with floats for Values."""
        return self._asked(lambda program: program.results(range(len(self.points))))

    def _record(self) -> None:
        from autograd.compile.captured import Captured

        try:
            self.program = Captured(self.function, self.points, self.model.parameters(), self.by)
            self.program.check(0)
        except Exception as error:
            undefined = isinstance(error, ArithmeticError | ValueError)  # the eager engine says of which sample
            if self.how and not undefined:
                raise TypeError(f"this model and its loss cannot be compiled: {error}") from error
            self.program = None

    def _asked(self, question: Callable[[Captured], T]) -> T | None:
        if self.program is None:
            return None
        try:
            return question(self.program)
        except Exception:  # whatever it is, the eager engine comes to it too, and says of which sample
            self.program = None
            return None

    def _is_random(self) -> bool:
        return any(dropout.training and dropout.p for dropout in self._dropouts)

    @cached_property
    def _dropouts(self) -> list[Dropout]:
        """Those that ``fit`` tells that it trains: what is put into the model later passes everything."""
        modules = [self.model, *(module for _, module in self.model.modules())]
        return [module for module in modules if isinstance(module, Dropout)]


@dataclass(frozen=True)
class Losses:
    """The loss of a sample as a function of it."""

    model: Module
    loss: Loss

    def __call__(self, x: list[float], target: Any) -> Any:
        return self.loss(self.model(x), target)


class Run:
    """A model, a loss and some samples, and what the model is trained with."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        samples: Sequence[Sample],
        epochs: int = 1,
        optimizer: Optimizer | None = None,
        l2: float = 0.0,
        how: bool | None = None,
    ) -> None:
        self.model, self.loss, self.samples, self.optimizer, self.l2 = model, loss, samples, optimizer, l2
        by = () if optimizer is None else optimizer.parameters
        self.recording = Recording(model, Losses(model, loss), samples, epochs * len(samples), how, by)

    def step(self, at: Sequence[int], places: Callable[[int], str]) -> float:
        """Train on the samples at these places; their mean loss, from before the step."""
        import numpy as np

        from autograd.compile.executors import MACHINE

        assert self.optimizer is not None
        parameters = self.optimizer.parameters
        sums = self.recording.sums(at)
        if sums is None:
            total, slopes, has = self._sums({places(i): self.samples[i] for i in at})
        else:
            total, slopes, has = sums
        mean = total / len(at)
        with np.errstate(all="ignore"):  # the optimizer says what is not finite
            if sums is not None and len(at) > 1:
                slopes = slopes / len(at)
            if self.l2:
                xs = MACHINE.data_of_all(parameters)[has]
                mean += self.l2 * float((xs * xs).sum())
                slopes[has] += 2 * self.l2 * xs
        MACHINE.set_slopes(parameters, slopes, has)
        try:
            self.optimizer.step()
        except FloatingPointError as error:
            batch = {places(i): self.samples[i] for i in at}
            raise FloatingPointError(self._diagnosis(batch) or f"{_span(batch)}: {error}") from error
        return mean

    def mean(self, places: Callable[[int], str]) -> float:
        """The mean loss over all samples."""
        losses = self.recording.results()
        if losses is None:
            losses = [self._value(places(i), sample).data for i, sample in enumerate(self.samples)]
        total: float = sum(losses)
        return total / len(losses)

    def _sums(self, batch: Mapping[str, Sample]) -> tuple[float, Any, Any]:
        """The sum of the losses of samples, given by place; the slopes of their mean, and whether there is one."""
        from autograd.compile.executors import MACHINE

        assert self.optimizer is not None
        for parameter in self.optimizer.parameters:
            parameter.grad = None
        total = 0.0
        for place, sample in batch.items():
            value = self._value(place, sample)
            total += value.data
            with _blaming(place):
                value.backward(1 / len(batch))  # one graph at a time: it is freed before the next is made
        return total, *MACHINE.slopes_of(self.optimizer.parameters)

    def _value(self, place: str, sample: Sample) -> Value:
        """The loss of one sample; FloatingPointError if it is not finite."""
        x, target = sample
        with _blaming(place):
            value = self.recording.function(x, target)
        if not isinstance(value, Value):
            raise TypeError(f"the loss must be a Value computed from the model's parameters, not {value!r}")
        if not math.isfinite(value.data):
            raise FloatingPointError(
                f"{place}: the loss is {value.data}; first bad operation: {why_not_finite(value)}. {_REMEDY}"
            )
        self.recording.see(value)
        return value

    def _diagnosis(self, batch: Mapping[str, Sample]) -> str | None:
        """The first sample of the batch, and the operation, where a gradient is not finite."""
        for place, sample in batch.items():
            bad = why_not_finite(self._value(place, sample))
            if bad is not None:
                return f"{place}: a gradient is not finite; first bad operation: {bad}. {_REMEDY}"
        return None


def is_own(item: Any, known: set[int] | None = None) -> bool:
    """Whether all code in an object is this library's: then what it computes is a function of its arguments alone.

    A function of somebody else's may count its calls, print, or draw random numbers.
    """
    known = set() if known is None else known
    if isinstance(item, Value | float | int | str | Random) or item is None or id(item) in known:
        return True
    known.add(id(item))
    if isinstance(item, dict):
        return all(is_own(part, known) for part in item.values())
    if isinstance(item, list | tuple | set | frozenset):
        return all(is_own(part, known) for part in item)
    if isinstance(item, MethodType):
        return (type(item.__self__).__module__ or "").partition(".")[0] in OWN
    kind = item if isinstance(item, FunctionType | type) else type(item)
    if (kind.__module__ or "").partition(".")[0] not in OWN:
        return False
    slots = [getattr(item, name, None) for name in getattr(kind, "__slots__", ())]
    return isinstance(item, FunctionType | Primitive) or (
        is_own(slots, known) and is_own(getattr(item, "__dict__", {}), known)
    )


def warn_of_scale(model: Module, loss: Loss, samples: Sequence[Sample]) -> None:
    """Warn if inputs are large and the loss is as if each sample had the inputs of another: nothing was learned."""
    largest = max(abs(x) for xs, _ in samples for x in xs)
    if largest <= LARGE or len(samples) < 3:
        return
    turned = [(xs, t) for (xs, _), (_, t) in zip([*samples[1:], samples[0]], samples, strict=True)]
    try:
        own, others = (Run(model, loss, part).mean(lambda i: f"sample {i}") for part in (samples, turned))
    except FloatingPointError:
        return  # which the next epoch says, if there is one
    if own > 0.98 * others:
        warnings.warn(
            f"the first epoch taught the model nothing about its inputs, which reach {largest:g}: scale them, "
            "(x - mean) / standard deviation, and targets that are numbers as well; nn.Regressor and "
            "nn.Classifier do it inside",
            RuntimeWarning,
            stacklevel=3,
        )


def outputs_of(recording: Recording) -> list[Any]:
    """What the model gives at all points of its recording, as plain numbers."""
    first = []
    if not recording.seen and recording.points:
        first = [recording.function(*recording.points[0])]
        recording.see(first)
    given = recording.results()
    if given is None:
        with no_grad():
            given = [*first, *(recording.function(*point) for point in recording.points[len(first) :])]
    return [_plain(outputs) for outputs in given]


_REMEDY = "The parameters are as before this step; a smaller rate, clipping or inputs of a smaller scale may help"


@contextmanager
def _blaming(place: str) -> Iterator[None]:
    """Errors of operations come out of it as FloatingPointErrors that begin with the place; misfits as ValueErrors."""
    try:
        yield
    except SampleError as error:
        raise ValueError(f"{place}: {error}") from error
    except (ArithmeticError, ValueError) as error:
        raise FloatingPointError(f"{place}: {type(error).__name__}: {error}. {_REMEDY}") from error


def _span(batch: Mapping[str, Sample]) -> str:
    first, *rest = batch
    return first if not rest else f"{first} and {len(rest)} more in its batch"


def _flat(outputs: Any) -> list[Any]:
    return [y for part in outputs for y in _flat(part)] if isinstance(outputs, list | tuple) else [outputs]


def _plain(outputs: Any) -> Any:
    if isinstance(outputs, list | tuple):
        return [_plain(y) for y in outputs]
    return outputs.data if isinstance(outputs, Value) else float(outputs)
