"""Neurons, layers and networks on scalar Values: a thin layer over ``autograd``.

>>> from nn import MLP, SGD, fit
>>> model = MLP(2, [3, 1], output="sigmoid", seed=1)
>>> pairs, xor = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
>>> history = fit(model, pairs, xor, optimizer=SGD(model.parameters(), 1.0), epochs=400, batch_size=1)
>>> [round(model(pair).data) for pair in pairs]
[0, 1, 1, 0]
"""

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
from .layers import MLP, Layer, Neuron
from .losses import (
    binary_cross_entropy,
    half_squared,
    hinge,
    logistic_cross_entropy,
    mean_squared,
    softmax_cross_entropy,
)
from .module import Module
from .network import Network
from .optim import SGD, Adam, AdamW
from .topology import Connection, Node
from .training import History, evaluate, fit, predict

load = Module.load

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "Connection",
    "History",
    "Layer",
    "Module",
    "Network",
    "Neuron",
    "Node",
    "binary_cross_entropy",
    "evaluate",
    "fit",
    "half_squared",
    "hinge",
    "load",
    "logistic_cross_entropy",
    "losses",
    "mean_squared",
    "optim",
    "predict",
    "softmax_cross_entropy",
]
