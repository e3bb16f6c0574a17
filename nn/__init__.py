"""Neurons, layers and networks on scalar Values: a thin layer over ``autograd``.

>>> from nn import MLP, SGD, fit
>>> model = MLP(2, [3, 1], output="sigmoid", seed=1)
>>> pairs, xor = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
>>> history = fit(model, pairs, xor, optimizer=SGD(model.parameters(), 1.0), epochs=400, batch_size=1)
>>> [round(model(pair).data) for pair in pairs]
[0, 1, 1, 0]
"""

import importlib
from typing import TYPE_CHECKING, Any

try:
    from autograd import Value as _Value  # noqa: F401  # ours has it; HIPS autograd, which has the same name, has not
except ImportError as error:
    import sys

    found = getattr(sys.modules.get("autograd"), "__file__", None)
    if found is None:
        raise
    raise ImportError(
        f"nn works with the autograd of glassgrad, but `import autograd` finds another package of that name, {found}. "
        "PyPI's `autograd` (HIPS) and glassgrad cannot share an environment: make one for each, or "
        "`pip uninstall autograd` and then `pip install --force-reinstall glassgrad`"
    ) from error

from . import losses, optim
from .layers import MLP, Dropout, Layer, Neuron, Sequential
from .losses import (
    accuracy,
    binary_cross_entropy,
    half_squared,
    hinge,
    logistic_cross_entropy,
    mean_squared,
    negative_log_likelihood,
    softmax_cross_entropy,
)
from .module import Module
from .network import Network
from .optim import SGD, Adam, AdamW
from .topology import Connection, Node
from .training import History, evaluate, fit, predict

if TYPE_CHECKING:
    from .tables.estimators import Classifier, Regressor

load = Module.load

# fmt: off
__all__ = [  # noqa: RUF022  # by what they are
    "MLP", "Dropout", "Layer", "Module", "Neuron", "Sequential", "load",
    "Connection", "Network", "Node",
    "SGD", "Adam", "AdamW", "optim",
    "accuracy", "binary_cross_entropy", "half_squared", "hinge", "logistic_cross_entropy", "losses", "mean_squared",
    "negative_log_likelihood", "softmax_cross_entropy",
    "History", "evaluate", "fit", "predict",
    "Classifier", "Regressor",
]
# fmt: on


def __getattr__(name: str) -> Any:
    """``Classifier`` and ``Regressor``, which load scikit-learn, when they are asked for."""
    if name not in ("Classifier", "Regressor"):
        raise AttributeError(f"module 'nn' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module("nn.tables.estimators"), name)
    except ImportError as error:
        raise ImportError(f"nn.{name} needs scikit-learn: pip install 'glassgrad[data]' ({error})") from error
