"""``Classifier`` and ``Regressor``: scikit-learn's contract over an MLP of Values, trained by ``nn.fit``."""

# ruff: noqa: N803, N806  # X is what scikit-learn calls the inputs

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted, validate_data

from autograd.math import dot, logsumexp, softplus

from ..layers import MLP
from ..losses import half_squared
from ..optim import Adam, cosine_rate
from ..training import History, fit, predict
from .model import ALPHA, HIDDEN, RATE, usual_activation, usual_batch, usual_epochs, usual_init

Array = Any  # a NumPy array
MANY = 20_000  # rows, of which a tenth can be held out with little loss


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """What both share: the parameters, the scaling, the training."""

    network_: MLP[Any]
    _numbers = False  # whether it predicts numbers
    _optimizer: Adam | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = HIDDEN,
        activation: str | None = None,
        *,
        alpha: float = ALPHA,
        learning_rate_init: float = RATE,
        batch_size: int | None = None,
        max_iter: int | None = None,
        early_stopping: bool | None = None,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # ---- what a subclass adds ----------------------------------------------------------------------------------------

    def _check_targets(self, y: Array) -> Array:
        """The targets, refused if they are none for this estimator."""
        raise NotImplementedError

    def _learn_targets(self, y: Array, weights: Array) -> int:
        """Learn what the targets look like; the number of outputs that the network needs."""
        raise NotImplementedError

    def _encode(self, y: Array) -> Array:
        """The targets as the loss takes them: a row for each."""
        raise NotImplementedError

    _loss: Callable[[Any, Any], Any]  # of the outputs for one sample, and its row of ``_rows``

    # ---- training ----------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network, or with ``warm_start`` the one that is there, and return self.

        Rows that are alike are taken once with their weights added, so that a weight of 2 and a row given twice mean
        the same, and the order of the rows means nothing.
        """
        warm = self.warm_start and hasattr(self, "network_")
        X, y, weights = self._checked(X, y, sample_weight, reset=not warm)
        rng = check_random_state(self.random_state)
        if not warm:
            self._begin(X, y, weights, rng)
        self._run(X, y, weights, rng)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        first = not hasattr(self, "network_")
        X, y, weights = self._checked(X, y, sample_weight, reset=first, classes=classes)
        rng = check_random_state(self.random_state)
        if first:
            self._begin(X, y, weights, rng)
        if self._optimizer is None:
            self._optimizer = Adam(self.network_.parameters(), self.learning_rate_init)
        self._record(self._fit(X, self._rows(y, weights), weights, self._optimizer, 1, rng))
        return self

    def _checked(self, X: Any, y: Any, sample_weight: Any, reset: bool, classes: Any = None) -> tuple[Array, ...]:
        self._check_parameters()
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=False, reset=reset)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        y = self._check_targets(y)
        if reset:
            self._classes_from(y, classes)
        return _merged(X, y, weights)

    def _classes_from(self, y: Array, classes: Any) -> None: ...

    def _check_parameters(self) -> None:
        for name, least in (("batch_size", 1), ("max_iter", 1), ("n_iter_no_change", 1)):
            number = getattr(self, name)
            if number is not None and (not isinstance(number, (int, np.integer)) or number < least):
                raise ValueError(f"{name} must be a whole number of at least {least}, not {number!r}")
        for name in ("alpha", "learning_rate_init"):
            number = getattr(self, name)
            if not isinstance(number, Real) or not 0 <= float(number) < math.inf:
                raise ValueError(f"{name} must be a finite number of at least 0, not {number!r}")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must be above 0 and below 1, not {self.validation_fraction!r}")

    def _begin(self, X: Array, y: Array, weights: Array, rng: Any) -> None:
        outputs = self._learn_targets(y, weights)
        self._mean, self._scale = _moments(X, weights)
        sizes = self.hidden_layer_sizes
        hidden = [sizes] if isinstance(sizes, (int, np.integer)) else list(sizes)
        seed = int(rng.randint(2**31 - 1))
        activation = self.activation or usual_activation(self._numbers)
        self.network_ = MLP(
            X.shape[1], [*map(int, hidden), outputs], activation, init=usual_init(activation), seed=seed
        )
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self.n_iter_ = 0
        self._optimizer = None

    def _run(self, X: Array, y: Array, weights: Array, rng: Any) -> None:
        rows = self._rows(y, weights)
        held = np.array([], dtype=int)
        kept = np.arange(len(X))
        if self.early_stopping or (self.early_stopping is None and len(X) >= MANY):
            kept, held = self._split(y, int(rng.randint(2**31 - 1)))
        epochs = usual_epochs(len(kept)) if self.max_iter is None else int(self.max_iter)
        steps = epochs * math.ceil(len(kept) / self._batch(len(kept)))
        optimizer = Adam(self.network_.parameters(), cosine_rate(float(self.learning_rate_init), steps))
        validation = (self._scaled(X[held]).tolist(), rows[held].tolist()) if len(held) else 0.0
        patience = (self.n_iter_no_change or epochs) if len(held) else self.n_iter_no_change
        history = self._fit(X[kept], rows[kept], weights[kept], optimizer, epochs, rng, validation, patience)
        self._record(history)
        if history.interrupted:
            warnings.warn("training was interrupted: the network is as it was then", ConvergenceWarning, stacklevel=3)

    def _fit(
        self,
        X: Array,
        rows: Array,
        weights: Array,
        optimizer: Adam,
        epochs: int,
        rng: Any,
        validation: Any = 0.0,
        patience: int | None = None,
    ) -> History:
        def told(history: History) -> None:
            held = f", held out {history.validation_loss[-1]:.6g}" if history.validation_loss else ""
            print(f"epoch {self.n_iter_ + len(history.loss)}: loss {history.loss[-1]:.6g}{held}")

        return fit(
            self.network_,
            self._scaled(X).tolist(),
            rows.tolist(),
            loss=type(self)._loss,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=self._batch(len(X)),
            seed=int(rng.randint(2**31 - 1)),
            validation=validation,
            patience=patience,
            l2=0.5 * float(self.alpha) / float(weights.sum()),
            callbacks=[told] if self.verbose else [],
            progress=False,
        )

    def _batch(self, rows: int) -> int:
        return usual_batch(rows, self._numbers) if self.batch_size is None else int(self.batch_size)

    def _record(self, history: History) -> None:
        self.loss_curve_ += history.loss
        self.validation_loss_curve_ += history.validation_loss
        self.n_iter_ += len(history.loss)
        self.loss_ = history.loss[-1] if history.loss else math.nan

    def _split(self, y: Array, seed: int) -> list[Array]:
        """The numbers of the rows to train on, and of those held out."""
        return train_test_split(  # type: ignore[no-any-return]  # it publishes no types
            np.arange(len(y)), test_size=self.validation_fraction, random_state=seed, stratify=self._strata(y)
        )

    def _strata(self, y: Array) -> Array | None:
        return None

    def _rows(self, y: Array, weights: Array) -> Array:
        """For each sample what the loss takes, and its weight, of which the mean is 1."""
        return np.column_stack([self._encode(y), weights / weights.mean()])

    def _scaled(self, X: Array) -> Array:
        return (X - self._mean) / self._scale

    def _outputs(self, X: Any) -> Array:
        """What the network gives for each row, as an array with a row for each."""
        check_is_fitted(self, "network_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        outputs = np.array(predict(self.network_, self._scaled(X).tolist()), dtype=np.float64)
        return outputs.reshape(len(X), -1)


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A network that tells classes apart, with scikit-learn's interface.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = Classifier(random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True

    Inputs are scaled inside to mean 0 and standard deviation 1.  The loss is the mean cross-entropy of the classes plus
    ``alpha`` / (2 n) times the sum of the squares of all parameters, for n samples (the sum of the weights); Adam
    minimises it in batches of ``batch_size`` at a rate that falls from ``learning_rate_init`` to 0 along a cosine.

    - ``hidden_layer_sizes``, ``activation``: as an ``MLP``'s; None: relu for a Classifier, tanh for a Regressor.
    - ``batch_size``: None for 200 rows; for a Regressor a 75th of the rows, but from 16 to 200.
    - ``max_iter``: epochs; None for 900,000 rows in all, but from 10 to 200 epochs.
    - ``early_stopping``: hold out the share ``validation_fraction`` of the rows, and end with the parameters of the
      epoch that was best on them; None: if there are 20,000 different rows or more.
    - ``n_iter_no_change``: stop after so many epochs without a better one; None: run them all.
    - ``warm_start``: ``fit`` goes on from the network that is there.
    - ``random_state`` draws weights, split and order.

    Fitted: ``network_`` (the MLP of Values: its outputs are the logits, one for two classes), ``classes_``,
    ``loss_curve_``, ``validation_loss_curve_``, ``loss_``, ``n_iter_``, ``n_features_in_``, ``feature_names_in_``.
    """

    classes_: Array

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows, at the constant rate ``learning_rate_init``, and return self.

        The first call decides the scales and the classes: those of ``y``, or ``classes`` if ``y`` lacks some.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> Array:
        """The most probable class of each row."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class for each row: softmax of the logits."""
        logits = self._outputs(X)
        if logits.shape[1] == 1:
            logits = np.column_stack([np.zeros(len(logits)), logits])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def _check_targets(self, y: Array) -> Array:
        from sklearn.utils.validation import column_or_1d

        if type_of_target(y) in ("multilabel-indicator", "multiclass-multioutput"):
            raise ValueError("Classifier takes one target: fit one for each, or use sklearn.multioutput")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y

    def _classes_from(self, y: Array, classes: Any) -> None:
        self.classes_ = np.unique(y if classes is None else classes)

    def _learn_targets(self, y: Array, weights: Array) -> int:
        if len(self.classes_) < 2 or (len(np.unique(y)) < 2 and len(self.classes_) == len(np.unique(y))):
            raise ValueError(f"Classifier needs rows of at least 2 classes, and there is one class: {self.classes_!r}")
        return len(self.classes_) if len(self.classes_) > 2 else 1

    def _encode(self, y: Array) -> Array:
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"{unknown.tolist()} are none of the classes of the first fit, {self.classes_.tolist()}")
        if len(self.classes_) == 2:
            return (y == self.classes_[1]).astype(np.float64)
        return (y[:, None] == self.classes_).astype(np.float64)

    def _strata(self, y: Array) -> Array | None:
        _, counts = np.unique(y, return_counts=True)
        held = round(self.validation_fraction * len(y))
        return y if counts.min() >= 2 and len(counts) <= min(held, len(y) - held) else None

    @staticmethod
    def _loss(outputs: Any, row: Any) -> Any:
        *targets, weight = row
        if isinstance(outputs, list):
            return weight * (logsumexp(outputs) - dot(targets, outputs))
        return weight * (softplus(outputs) - targets[0] * outputs)  # −ln σ(z) for 1, −ln(1 − σ(z)) for 0


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A network that predicts one number or several, with scikit-learn's interface.

    >>> import numpy as np
    >>> X = np.linspace(0, 100, 50)[:, None]
    >>> model = Regressor(random_state=0).fit(X, 3 * X[:, 0] + 5)
    >>> model.score(X, 3 * X[:, 0] + 5) > 0.99
    True

    The targets are scaled inside as the inputs are, and the loss is half the squared error of the scaled targets;
    everything else is as a ``Classifier``'s.
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows, at the constant rate ``learning_rate_init``, and return self.

        The first call decides the scales.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> Array:
        """What is predicted for each row: a number, or, if it was fitted to several, a row of them."""
        outputs = self._outputs(X) * self._target_scale + self._target_mean
        return outputs[:, 0] if self._flat else outputs

    def _check_targets(self, y: Array) -> Array:
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        self._flat = y.ndim == 1
        return y

    def _learn_targets(self, y: Array, weights: Array) -> int:
        columns = y.reshape(len(y), -1)
        self._target_mean, self._target_scale = _moments(columns, weights)
        return int(columns.shape[1])

    def _encode(self, y: Array) -> Array:
        return (y.reshape(len(y), -1) - self._target_mean) / self._target_scale

    _numbers = True

    @staticmethod
    def _loss(outputs: Any, row: Any) -> Any:
        *targets, weight = row
        return weight * half_squared(outputs, targets)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _merged(X: Array, y: Array, weights: Array) -> tuple[Array, Array, Array]:
    """The different rows in a fixed order, each with the sum of its weights; those of weight 0 are left out."""
    X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
    _, codes = np.unique(y, axis=0, return_inverse=True)
    keys = np.column_stack([X, codes.reshape(-1)])
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return X[first], y[first], np.bincount(group.reshape(-1), weights=weights, minlength=len(first))


def _moments(X: Array, weights: Array) -> tuple[Array, Array]:
    """The weighted mean and standard deviation of each column; 1 for a column that does not vary."""
    mean = np.average(X, axis=0, weights=weights)
    with np.errstate(over="ignore"):
        scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    if not np.isfinite(scale).all():
        raise ValueError("a column has numbers too large to scale: use another unit")
    return mean, np.where(scale > 1e-12 * np.abs(mean), scale, 1.0)
