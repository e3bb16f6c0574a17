"""Losses: one number that says how far the outputs of one sample are from its targets.

Each is a function of (outputs, targets): one Value or several, with a number for each.  All are sums over the outputs,
save ``mean_squared``; a mean over samples is taken in training.  What is called a logit is the output of a network
whose last layer is linear.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from operator import index
from typing import Any

from autograd import Value
from autograd.math import dot, log, logsumexp, relu, softplus, take
from autograd.math import sum as total
from autograd.primitives import sigmoid

from .rows import SampleError, named, row

Loss = Callable[[Any, Any], Any]


def half_squared(outputs: Any, targets: Any) -> Any:
    """Σ ½ (output − target)².  Its delta at a logistic output is (out − target) · out · (1 − out)."""
    differences = [o - t for o, t in _pairs("half_squared", outputs, targets)]
    return 0.5 * dot(differences, differences)


def mean_squared(outputs: Any, targets: Any) -> Any:
    """The mean over the outputs of (output − target)²."""
    differences = [o - t for o, t in _pairs("mean_squared", outputs, targets)]
    squares = dot(differences, differences)
    return squares / len(differences) if len(differences) > 1 else squares


def hinge(outputs: Any, targets: Any) -> Any:
    """Σ max(0, 1 − target · output), the max-margin loss; targets are −1 or 1."""
    pairs = _pairs("hinge", outputs, targets)
    for _, t in pairs:
        if t not in (-1, 1):
            raise SampleError(f"hinge takes targets -1 and 1, not {t!r}")
    return _sum([relu(1 - t * o) for o, t in pairs])


def binary_cross_entropy(outputs: Any, targets: Any) -> Any:
    """−Σ t ln σ(z) + (1 − t) ln(1 − σ(z)) from logits z; targets t from 0 to 1.

    As t · softplus(−z) + (1 − t) · softplus(z), whose terms do not cancel: right to full precision for any finite z.
    """
    return _sum([_from_logit(z, t) for z, t in _probabilities("binary_cross_entropy", outputs, targets)])


def logistic_cross_entropy(outputs: Any, targets: Any) -> Any:
    """−Σ t ln o + (1 − t) ln(1 − o) from the outputs o of logistic units; targets t from 0 to 1.

    Its delta at such an output is out − target, without the factor out · (1 − out) of ``half_squared``.  Where an
    output was computed by ``sigmoid``, its logit is known and used, so that it may be as close to 0 or 1 as it likes.
    """
    terms: list[Any] = []
    for o, t in _probabilities("logistic_cross_entropy", outputs, targets):
        if isinstance(o, Value) and o.op is sigmoid:
            terms.append(_from_logit(o.args[0], t))
        else:
            parts = [part for part in ((t, o), (1 - t, 1 - o)) if part[0]]  # 0 · ln 0 is 0
            terms.extend([-weight * log(p) for weight, p in parts])
    return _sum(terms)


def softmax_cross_entropy(outputs: Any, targets: Any) -> Any:
    """−ln softmax(z)[k] from logits z for the class number k; −Σ t ln softmax(z) for a distribution t over the classes.

    As softplus(logsumexp of the other logits − z[k]), which neither overflows nor cancels for any finite z.
    """
    logits = row("the outputs", outputs)
    if len(logits) < 2:
        raise SampleError(f"softmax_cross_entropy takes the logits of at least 2 classes, not {len(logits)}")
    if isinstance(targets, Value):  # so that one program serves all classes
        _check_class("softmax_cross_entropy", targets, len(logits))
        others = [take([logits[i + (k <= i)] for k in range(len(logits))], targets) for i in range(len(logits) - 1)]
        return softplus(logsumexp(others) - take(logits, targets))
    if isinstance(targets, Real):
        try:
            k = index(targets)  # type: ignore[arg-type]  # refused below if it is no integer
        except TypeError:
            raise TypeError(f"softmax_cross_entropy takes a class number (an int), not {targets!r}") from None
        _check_class("softmax_cross_entropy", k, len(logits))
        return _from_logits(logits, k)
    pairs = _pairs("softmax_cross_entropy", outputs, targets)
    if any(t < 0 for _, t in pairs) or not abs(sum(t for _, t in pairs) - 1) < 1e-9:
        raise SampleError(f"softmax_cross_entropy takes a distribution, numbers >= 0 that sum to 1, not {targets!r}")
    return _sum([t * _from_logits(logits, k) for k, (_, t) in enumerate(pairs) if t])


def negative_log_likelihood(outputs: Any, targets: Any) -> Any:
    """−ln p[k] from probabilities p, as ``output="softmax"`` gives them, for the class number k.

    Of logits, ``softmax_cross_entropy`` gives the same number, and to full precision for any of them.
    """
    shares = row("the outputs", outputs)
    if not isinstance(targets, int | Value):
        raise SampleError(f"negative_log_likelihood takes a class number (an int), not {targets!r}")
    _check_class("negative_log_likelihood", targets, len(shares))
    return -log(take(shares, targets))


LOSSES: dict[str, Loss] = {
    "half_squared": half_squared,
    "mean_squared": mean_squared,
    "mse": mean_squared,
    "hinge": hinge,
    "binary_cross_entropy": binary_cross_entropy,
    "logistic_cross_entropy": logistic_cross_entropy,
    "softmax_cross_entropy": softmax_cross_entropy,
    "cross_entropy": softmax_cross_entropy,
    "negative_log_likelihood": negative_log_likelihood,
}


def loss_function(loss: str | Loss) -> Loss:
    """The loss itself, or the one that goes by a name in LOSSES; ValueError if there is none."""
    return loss if callable(loss) else named("loss", loss, LOSSES)


def accuracy(outputs: Any, targets: Any) -> float:
    """1 if the outputs say the class that the target is, else 0: a metric for ``fit``.

    Several outputs say the class of the largest; one output of a target −1 or 1 (hinge), or 0 or 1, says its sign as a
    logit or a margin does.  A target may be a class number or a row with a 1 (a distribution).
    """
    given, wanted = row("the outputs", outputs), row("the targets", targets)
    if len(given) > 1:
        k = wanted[0] if len(wanted) == 1 else max(range(len(wanted)), key=wanted.__getitem__)
        return float(max(range(len(given)), key=given.__getitem__) == k)
    return float((given[0] > 0) == (wanted[0] > 0))


def _check_class(loss: str, k: Any, count: int) -> None:
    if not 0 <= k < count:
        raise SampleError(f"{loss} has {count} classes, and no class {k}")


def _from_logit(z: Any, t: float) -> Any:
    if t == 0:
        return softplus(z)
    return softplus(-z) if t == 1 else t * softplus(-z) + (1 - t) * softplus(z)


def _from_logits(logits: list[Any], k: int) -> Any:
    return softplus(logsumexp(logits[:k] + logits[k + 1 :]) - logits[k])


def _sum(terms: list[Any]) -> Any:
    return terms[0] if len(terms) == 1 else total(terms)


def _pairs(loss: str, outputs: Any, targets: Any) -> list[tuple[Any, Any]]:
    outputs, targets = row("the outputs", outputs), row("the targets", targets)
    if len(outputs) != len(targets) or not outputs:
        raise SampleError(f"{loss} needs a target for each output: {len(outputs)} outputs, {len(targets)} targets")
    return list(zip(outputs, targets, strict=True))


def _probabilities(loss: str, outputs: Any, targets: Any) -> list[tuple[Any, Any]]:
    pairs = _pairs(loss, outputs, targets)
    for _, t in pairs:
        if not 0 <= t <= 1:
            raise SampleError(f"{loss} takes targets from 0 to 1, not {t!r}")
    return pairs
