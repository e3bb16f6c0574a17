"""The nonlinear regressions of NIST's Statistical Reference Datasets (StRD): 27 models, their data, and certified fits.

``data/strd.json`` has for each problem two points to start from, the certified parameters (eleven digits) with their
standard deviations, the sum of squares there, and the observations (y, then x).  Source: the National Institute of
Standards and Technology, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml; the models are those that it gives.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.optimize import least_squares

import autograd
from autograd import math as scalar

ARRAYS = SimpleNamespace(exp=np.exp, cos=np.cos, sin=np.sin, atan=np.arctan, log=np.log)
TIGHT = {"method": "lm", "x_scale": "jac", "ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": 20_000}


def _exponentials(m: Any, b: Any, x: Any) -> Any:
    return b[0] * m.exp(-b[1] * x) + b[2] * m.exp(-b[3] * x) + b[4] * m.exp(-b[5] * x)


def _bumps(m: Any, b: Any, x: Any) -> Any:
    first, second = (x - b[3]) / b[4], (x - b[6]) / b[7]
    return b[0] * m.exp(-b[1] * x) + b[2] * m.exp(-first * first) + b[5] * m.exp(-second * second)


def _cubics(m: Any, b: Any, x: Any) -> Any:
    return (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1 + x * (b[4] + x * (b[5] + x * b[6])))


def _waves(m: Any, b: Any, x: Any) -> Any:
    turns = 2 * math.pi * x
    total = b[0] + b[1] * m.cos(turns / 12) + b[2] * m.sin(turns / 12)
    total = total + b[4] * m.cos(turns / b[3]) + b[5] * m.sin(turns / b[3])
    return total + b[7] * m.cos(turns / b[6]) + b[8] * m.sin(turns / b[6])


# model(m, b, x...): with the functions of ``m``, which are those of Values or of arrays
MODELS: dict[str, Callable[..., Any]] = {
    "Bennett5": lambda m, b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": lambda m, b, x: b[0] * (1 - m.exp(-b[1] * x)),
    "Chwirut1": lambda m, b, x: m.exp(-b[0] * x) / (b[1] + b[2] * x),
    "Chwirut2": lambda m, b, x: m.exp(-b[0] * x) / (b[1] + b[2] * x),
    "DanWood": lambda m, b, x: b[0] * x ** b[1],
    "Eckerle4": lambda m, b, x: b[0] / b[1] * m.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "ENSO": _waves,
    "Gauss1": _bumps,
    "Gauss2": _bumps,
    "Gauss3": _bumps,
    "Hahn1": _cubics,
    "Kirby2": lambda m, b, x: (b[0] + x * (b[1] + x * b[2])) / (1 + x * (b[3] + x * b[4])),
    "Lanczos1": _exponentials,
    "Lanczos2": _exponentials,
    "Lanczos3": _exponentials,
    "MGH09": lambda m, b, x: b[0] * (x * x + x * b[1]) / (x * x + x * b[2] + b[3]),
    "MGH10": lambda m, b, x: b[0] * m.exp(b[1] / (x + b[2])),
    "MGH17": lambda m, b, x: b[0] + b[1] * m.exp(-x * b[3]) + b[2] * m.exp(-x * b[4]),
    "Misra1a": lambda m, b, x: b[0] * (1 - m.exp(-b[1] * x)),
    "Misra1b": lambda m, b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2),
    "Misra1c": lambda m, b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda m, b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Nelson": lambda m, b, x1, x2: b[0] - b[1] * x1 * m.exp(-b[2] * x2),
    "Rat42": lambda m, b, x: b[0] / (1 + m.exp(b[1] - b[2] * x)),
    "Rat43": lambda m, b, x: b[0] / (1 + m.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Roszman1": lambda m, b, x: b[0] - b[1] * x - m.atan(b[2] / (x - b[3])) / math.pi,
    "Thurber": _cubics,
}


@dataclass
class Problem:
    """A model, observations, and what NIST certifies of their fit."""

    name: str
    starts: list[list[float]]
    certified: list[float]
    deviations: list[float]
    squares: float
    data: list[list[float]]

    def __post_init__(self) -> None:
        y, *self.xs = np.array(self.data).T.copy()
        self.y = np.log(y) if self.name == "Nelson" else y
        self.model = MODELS[self.name]

    def residuals(self, b: Any) -> Any:
        """At an array of parameters, by NumPy."""
        with np.errstate(all="ignore"):
            return self.model(ARRAYS, b, *self.xs) - self.y

    def compiled(self) -> Fitted:
        """The model as a program, of a point each."""
        return Fitted(self)

    def fit(self, start: int, compiled: bool) -> Any:
        """By MINPACK's Levenberg and Marquardt, with slopes by a program or by SciPy's own differences."""
        begin = np.array(self.starts[start], float)
        if not compiled:
            return least_squares(self.residuals, begin, "2-point", **TIGHT)
        fast = self.compiled()
        return least_squares(fast.residuals, begin, fast.jacobian, **TIGHT)


class Fitted:
    """Residuals and their Jacobian at once, by one run of the program over all observations."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        model = problem.model
        self.slopes = autograd.compile(autograd.value_and_grad(lambda b, *xs: model(scalar, b, *xs)), check=False)
        self.at: bytes = b""

    def _run(self, b: Any) -> None:
        if b.tobytes() != self.at:
            values, self.rows = self.slopes.lanes(b, *self.problem.xs, shared=(0,))
            self.differences = values - self.problem.y
            self.at = b.tobytes()

    def residuals(self, b: Any) -> Any:
        self._run(b)
        return self.differences

    def jacobian(self, b: Any) -> Any:
        self._run(b)
        return self.rows


def problems() -> list[Problem]:
    """All 27, as NIST has them."""
    found = json.loads((Path(__file__).parent / "data" / "strd.json").read_text())
    return [Problem(name, **parts) for name, parts in found.items()]
