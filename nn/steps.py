"""Steps of training: losses of samples and their gradients, by the eager engine or by a program recorded from it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograd import Value, no_grad
from autograd.diagnosis import why_not_finite

from .layers import Dropout
from .losses import Loss
from .module import Module
from .optim import Optimizer
from .rows import SampleError

if TYPE_CHECKING:
    from autograd.compile.recorder import Recorder

Sample = tuple[list[float], Any]
LARGE = 10.0  # inputs beyond are of a scale that networks learn badly from


def recorder(
    model: Module,
    function: Callable[..., Any],
    points: Sequence[Any],
    calls: int,
    how: bool | None,
    by: Iterable[Value] = (),
) -> Recorder:
    """A function of the model and of each of the points, recorded as ``fit``'s ``compile`` says."""
    from autograd.compile.recorder import Recorder  # which loads NumPy

    modules = [model, *(module for _, module in model.modules())]
    dropouts = [module for module in modules if isinstance(module, Dropout)]  # of which fit tells whether it trains

    def is_random() -> bool:
        return any(dropout.training and dropout.p for dropout in dropouts)

    return Recorder(function, points, calls, model.parameters, by, how, is_random)


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
        self.recorder = recorder(model, Losses(model, loss), samples, epochs * len(samples), how, by)

    def shapes(self) -> dict[tuple[int | None, ...], int]:
        """The shapes of the samples, numbers in and out, each with the first sample that has it."""
        first: dict[tuple[int | None, ...], int] = {}
        for i, sample in enumerate(self.samples):
            first.setdefault(tuple([len(part) if isinstance(part, list) else None for part in sample]), i)
        return first

    def attempt(self, at: Iterable[int], places: Callable[[int], str]) -> None:
        """Compute the losses of these samples, so that one that does not fit is named before any step."""
        for i in at:
            with _blaming(places(i)):
                self.recorder.function(*self.samples[i])

    def step(self, at: Sequence[int], places: Callable[[int], str]) -> float:
        """Train on the samples at these places; their mean loss, from before the step."""
        import numpy as np

        from autograd.compile.executors import MACHINE

        assert self.optimizer is not None
        parameters = self.optimizer.parameters
        sums = self.recorder.sums(at)
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
        losses = self.recorder.results()
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
            value = self.recorder.function(x, target)
        if not isinstance(value, Value):
            raise TypeError(f"the loss must be a Value computed from the model's parameters, not {value!r}")
        if not math.isfinite(value.data):
            raise FloatingPointError(
                f"{place}: the loss is {value.data}; first bad operation: {why_not_finite(value)}. {_REMEDY}"
            )
        self.recorder.see(value)
        return value

    def _diagnosis(self, batch: Mapping[str, Sample]) -> str | None:
        """The first sample of the batch, and the operation, where a gradient is not finite."""
        for place, sample in batch.items():
            bad = why_not_finite(self._value(place, sample))
            if bad is not None:
                return f"{place}: a gradient is not finite; first bad operation: {bad}. {_REMEDY}"
        return None


def warn_of_scale(model: Module, loss: Loss, samples: Sequence[Sample]) -> None:
    """Warn if inputs are large and the loss is as if each sample had the inputs of another: nothing was learned."""
    largest = max(abs(x) for xs, _ in samples for x in xs)
    if largest <= LARGE or len(samples) < 3:
        return
    turned = [(xs, t) for (xs, _), (_, t) in zip([*samples[1:], samples[0]], samples, strict=True)]
    try:
        own, others = (Run(model, loss, part).mean(lambda i: f"sample {i}") for part in (samples, turned))
    except Exception:  # an operation fails, which the next epoch says, or targets are of another shape
        return
    if own > 0.98 * others:
        warnings.warn(
            f"the first epoch taught the model nothing about its inputs, which reach {largest:g}: scale them, "
            "(x - mean) / standard deviation, and targets that are numbers as well; nn.Regressor and "
            "nn.Classifier do it inside",
            RuntimeWarning,
            stacklevel=3,
        )


def outputs_of(recorder: Recorder) -> list[Any]:
    """What the model gives at all points of its recorder, as plain numbers."""
    first = []
    if not recorder.seen and recorder.points:
        first = [recorder.function(*recorder.points[0])]
        recorder.see(first)
    given = recorder.results()
    if given is None:
        with no_grad():
            given = [*first, *(recorder.function(*point) for point in recorder.points[len(first) :])]
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


def _plain(outputs: Any) -> Any:
    if isinstance(outputs, list | tuple):
        return [_plain(y) for y in outputs]
    return outputs.data if isinstance(outputs, Value) else float(outputs)
