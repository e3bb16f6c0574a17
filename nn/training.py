"""``fit``: epochs of forward pass, backward pass and step, with a History of the losses."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from autograd import Value
from autograd.files import write

from .exchange.curves import loss_figure, svg
from .layers import Seed, generator
from .losses import Loss, accuracy, half_squared, loss_function
from .module import Module
from .optim import OPTIMIZERS, SGD, Optimizer
from .rows import listed, named, numbers, target
from .steps import Run, Sample, outputs_of, recorder, warn_of_scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Metric = Callable[[Any, Any], float]
METRICS: dict[str, Metric] = {"accuracy": accuracy}


@dataclass
class History:
    """What a training run did: ``loss`` after ``loss``, one an epoch, and why it ended.

    ``loss`` holds each epoch's mean over the samples, taken as they were trained on, before each step;
    ``validation_loss`` the mean over the held-out samples after the epoch (empty if none are held out); ``rate`` the
    rate of the epoch's last step; ``metrics`` by name each metric's mean after the epoch, over the held-out samples if
    there are any.  ``stopped`` is "epochs" (all were run), "goal", "patience", "callback" or "interrupted" (Ctrl-C).
    In Jupyter it shows its plot.
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    stopped: str = ""
    rate: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the run."""
        return self.stopped == "interrupted"

    @property
    def watched(self) -> list[float]:
        """The losses that goal and patience look at: the validation's if there are any, else the training's."""
        return self.validation_loss or self.loss

    def figure(self) -> Figure:
        """The losses by epoch as a matplotlib Figure; ImportError, with the remedy, where that is not installed."""
        curves = {"training": self.loss, "validation": self.validation_loss}
        return loss_figure({name: losses for name, losses in curves.items() if losses})

    def svg(self) -> str:
        """The plot as SVG, the same text for the same losses; raises as ``figure``."""
        return svg(self.figure())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plot to a file whose name ends in .svg, as a whole or not at all.

        Raises ValueError for another ending, and as ``figure``.
        """
        if Path(path).suffix.lower() != ".svg":
            raise ValueError(f"cannot save a plot as {Path(path).name!r}: the name must end in .svg")
        write(path, self.svg())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:  # a display hook that raises would break the whole cell
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except Exception as error:
            return {"text/plain": f"{self!r}\nnot drawn: {error}"}

    def __repr__(self) -> str:
        if not self.loss:
            return f"<History of 0 epochs: {self.stopped}>"
        last = f"loss {self.loss[-1]:.6g}"
        if self.validation_loss:
            last += f", validation {self.validation_loss[-1]:.6g}"
        last += "".join(f", {name} {numbers[-1]:.6g}" for name, numbers in self.metrics.items())
        return f"<History of {len(self.loss)} epochs: {last}, stopped by {self.stopped}>"


def fit(
    model: Module,
    inputs: Iterable[Any],
    targets: Iterable[Any],
    *,
    loss: str | Loss = half_squared,
    optimizer: str | Optimizer | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    seed: Seed = 0,
    validation: float | tuple[Iterable[Any], Iterable[Any]] = 0.0,
    goal: float | None = None,
    patience: int | None = None,
    l2: float = 0.0,
    metrics: Sequence[str] | Mapping[str, Metric] = (),
    callbacks: Sequence[Callable[[History], Any]] = (),
    progress: bool | None = None,
    compile: bool | None = None,
) -> History:
    """Train the model in place, and return the History.

    A sample is a list of numbers (or one number, for a model with one input) and its target what ``loss`` takes; arrays
    will do, and DataFrames, by their rows; samples may differ in length where the model takes that (a Network with
    delays).  A step moves the optimizer's parameters against the gradient of the mean
    loss over a batch, plus ``l2`` times the sum of the squares of those that took part.

    - ``loss``: a function of (outputs, target), or the name of one in ``nn.losses``: half_squared, mean_squared (mse),
      hinge, binary_cross_entropy, logistic_cross_entropy, softmax_cross_entropy (cross_entropy),
      negative_log_likelihood.
    - ``optimizer``: an Optimizer, such as Adam(model.parameters(), 0.01), or "sgd", "adam" or "adamw" for one of all
      parameters at its usual rate; None: SGD(model.parameters(), rate=0.1).
    - ``batch_size``: samples a step; 1 is online training, None all of them at once.
    - ``seed``: for the order of the samples, drawn anew each epoch, and for the split; None: in the order given, with
      the last ones held out.
    - ``validation``: the share of samples to hold out (above 0, below 1), or a pair (inputs, targets).
    - ``goal``, ``patience``: stop as soon as the watched loss (validation, if any) is at most ``goal``, or when it has
      not improved for ``patience`` epochs; with patience, the model ends with the parameters of its best epoch.
    - ``metrics``: "accuracy", or by name functions of (outputs, target) on numbers, whose means History keeps.
    - ``callbacks``: called with the History after each epoch; one that returns True ends the training.
    - ``progress``: a bar with loss and time left (needs tqdm); None: if tqdm is there and stderr is a terminal.
    - ``compile``: whether the loss of a sample is recorded once and run as a program (``autograd.compile``) from then
      on, where the engine is compiled (``autograd.__native__``).  None: if the training is long enough to gain by it
      and all of the model and the loss are this library's own; True: also with functions of yours, which must compute
      from their arguments and the parameters alone (one that counts its calls, prints or draws random numbers does so
      while it is recorded), TypeError if that cannot be done; False: never.  The numbers are the same: to the bit for
      batches of one sample, to rounding for sums over more.

    Ctrl-C ends the training between two steps and returns the History all the same.

    Raises FloatingPointError as soon as a loss or gradient is not finite or an operation fails, naming the epoch (from
    1), the sample (from 0, as given) and the first operation to blame; the parameters are as before that step.  Raises
    ValueError for samples that do not fit together, the model or the loss, or are not finite.  Warns if inputs are
    large (beyond ±10) and the first epoch has taught the model nothing about them.
    """
    if epochs < 0 or (batch_size is not None and batch_size < 1) or (patience is not None and patience < 1):
        raise ValueError("epochs must be at least 0, batch_size and patience at least 1 (or None)")
    if optimizer is None:
        optimizer = SGD(model.parameters())
    elif isinstance(optimizer, str):
        make: Callable[..., Optimizer] = named("optimizer", optimizer, OPTIMIZERS)
        optimizer = make(model.parameters())
    elif not isinstance(optimizer, Optimizer):
        raise TypeError(f'optimizer must be "sgd", "adam", "adamw" or an Optimizer, not {optimizer!r}')
    elif not set(optimizer.parameters) <= set(model.parameters()):
        raise ValueError("the optimizer holds parameters that are not the model's: make it from model.parameters()")
    if not isinstance(metrics, Mapping):
        metrics = {name: named("metric", name, METRICS) for name in metrics}
    samples = _samples("", inputs, targets)
    rng = None if seed is None else generator(seed)
    order = list(range(len(samples)))
    held_out: dict[str, Sample] = {}
    if isinstance(validation, tuple | list):
        held_out = {f"validation sample {i}": s for i, s in enumerate(_samples("validation ", *validation))}
    elif not isinstance(validation, Real):
        kind = type(validation).__name__
        raise TypeError(f"validation must be a share of the samples or a pair (inputs, targets), not a {kind}")
    elif validation:
        if rng is not None:
            rng.shuffle(order)
        kept = len(order) - _count(validation, len(order))
        held_out = {f"sample {i}, held out for validation": samples[i] for i in order[kept:]}
        order = order[:kept]
    size = batch_size or len(order)
    model.zero_grad()
    run = Run(model, loss_function(loss), samples, epochs, optimizer, l2, compile)
    checked = Run(model, run.loss, [*held_out.values()], epochs, how=compile)
    shapes, others = run.shapes(), checked.shapes()
    if len(shapes | others) > 1:
        run.attempt(shapes.values(), "sample {}".format)
        checked.attempt(others.values(), [*held_out].__getitem__)
    measured = checked.samples or samples
    shown = recorder(model, model, [(x,) for x, _ in measured], epochs * len(measured), compile)
    history = History(metrics={name: [] for name in metrics})
    best: tuple[float, dict[str, float]] | None = None
    since = 0
    was_training = model.training
    modules = [model, *(module for _, module in model.modules())]
    from autograd.compile.recorder import is_own

    # code of others may have changed anything in the epoch before
    foreign = not (is_own(metrics) and is_own(optimizer) and (not compile or is_own(run.recorder.function)))
    try:
        with _bar(progress, epochs * len(order)) as bar:
            for epoch in range(1, epochs + 1):
                if rng is not None and size < len(order):  # one batch of all samples is the same in any order
                    rng.shuffle(order)
                total = rate = 0.0
                _tell(modules, True)
                if callbacks or foreign:
                    run.recorder.again(order[0])
                for start in range(0, len(order), size):
                    batch = order[start : start + size]
                    rate = optimizer.current_rate
                    total += len(batch) * run.step(batch, f"epoch {epoch}, sample {{}}".format)
                    bar.update(len(batch))
                _tell(modules, False)
                if callbacks or foreign:
                    checked.recorder.again(0)
                    shown.again(0)
                validated = []
                if held_out:
                    places = [f"epoch {epoch}, {place}" for place in held_out]
                    validated.append(checked.mean(places.__getitem__))
                means = {}
                if metrics:
                    pairs = [(y, t) for y, (_, t) in zip(outputs_of(shown), measured, strict=True)]
                    means = {name: sum(metric(y, t) for y, t in pairs) / len(pairs) for name, metric in metrics.items()}
                history.loss.append(total / len(order))
                history.validation_loss += validated
                history.rate.append(rate)
                for name, mean in means.items():
                    history.metrics[name].append(mean)
                watched = history.watched[-1]
                bar.set_postfix_str(_shown(history), refresh=False)
                if epoch == 1:
                    warn_of_scale(model, run.loss, [samples[i] for i in order])
                if patience is not None:
                    since += 1
                    if best is None or watched < best[0]:
                        best, since = (watched, model.state_dict()), 0
                answers = [callback(history) for callback in callbacks]
                if any(answer is True for answer in answers):
                    history.stopped = "callback"
                elif goal is not None and watched <= goal:
                    history.stopped = "goal"
                elif patience is not None and since >= patience:
                    history.stopped = "patience"
                if history.stopped:
                    break
            else:
                history.stopped = "epochs"
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    finally:
        _tell(modules, was_training)
    if best is not None:
        model.load_state_dict(best[1])
    return history


def _tell(modules: Sequence[Module], training: bool) -> None:
    for module in modules:
        module.training = training


def evaluate(model: Module, inputs: Iterable[Any], targets: Iterable[Any], loss: str | Loss = half_squared) -> float:
    """The mean loss over the samples; nothing is trained.  Raises as ``fit``."""
    run = Run(model, loss_function(loss), _samples("", inputs, targets))
    return run.mean("sample {}".format)


@overload
def predict(model: Module[Value], inputs: Iterable[Any]) -> list[float]: ...
@overload
def predict(model: Module[list[Value]], inputs: Iterable[Any]) -> list[list[float]]: ...
@overload
def predict(model: Module, inputs: Iterable[Any]) -> list[Any]: ...
def predict(model: Module, inputs: Iterable[Any]) -> list[Any]:
    """What the model gives for each sample, as plain numbers: a float, or a list of floats if it gives a list."""
    points = [(numbers(f"input {i}", x),) for i, x in enumerate(listed("inputs", inputs))]
    return outputs_of(recorder(model, model, points, len(points), None))


# ---- samples ---------------------------------------------------------------------------------------------------------


def _samples(what: str, inputs: Iterable[Any], targets: Iterable[Any]) -> list[Sample]:
    xs = [numbers(f"{what}input {i}", x) for i, x in enumerate(listed(f"{what}inputs", inputs))]
    ts = [target(f"{what}target {i}", t) for i, t in enumerate(listed(f"{what}targets", targets))]
    if len(xs) != len(ts) or not xs:
        raise ValueError(f"each {what}input needs a target: {len(xs)} inputs, {len(ts)} targets")
    return list(zip(xs, ts, strict=True))


def _count(share: float, total: int) -> int:
    """How many of the samples are held out."""
    count = round(share * total)
    if not (0 < share < 1 and 0 < count < total):
        raise ValueError(f"validation={share!r} of {total} samples leaves none to hold out or none to train on")
    return count


# ---- progress --------------------------------------------------------------------------------------------------------


class _NoBar:
    def update(self, count: int) -> None: ...

    def set_postfix_str(self, text: str, refresh: bool) -> None: ...


def _shown(history: History) -> str:
    text = f"loss {history.loss[-1]:.4g}"
    return f"{text}, validation {history.validation_loss[-1]:.4g}" if history.validation_loss else text


@contextmanager
def _bar(progress: bool | None, total: int) -> Iterator[Any]:
    """A progress bar over the samples to come, or something that takes the same calls and shows nothing."""
    if progress or (progress is None and sys.stderr is not None and sys.stderr.isatty()):
        try:
            from tqdm import tqdm
        except ImportError as error:
            if progress:
                raise ImportError("a progress bar needs tqdm: pip install tqdm, or progress=False") from error
        else:
            with tqdm(total=total, desc="training", unit=" samples", unit_scale=True, dynamic_ncols=True) as bar:
                yield bar
            return
    yield _NoBar()
