"""Compiled slopes in Levenberg and Marquardt's method against the certified fits of NIST's 27 nonlinear regressions."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd
from tests.strd import Problem, problems, scalar

PROBLEMS = {problem.name: problem for problem in problems()}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_fit_with_compiled_slopes_comes_to_the_certified_parameters(problem: Problem) -> None:
    found = problem.fit(1, compiled=True)
    assert found.x == pytest.approx(problem.certified, rel=1e-6)
    assert 2 * found.cost == pytest.approx(problem.squares, rel=1e-9, abs=1e-20)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_compiled_residuals_and_slopes_are_those_of_the_eager_engine(problem: Problem) -> None:
    b = np.array(problem.starts[1])
    fast = problem.compiled()
    eager = autograd.value_and_grad(lambda b, *xs: problem.model(scalar, b, *xs))
    residuals, rows = fast.residuals(b), fast.jacobian(b)
    for i, xs in enumerate(zip(*problem.xs, strict=True)):
        value, slopes = eager(b, *map(float, xs))
        assert residuals[i] == value - problem.y[i]
        assert rows[i].tolist() == slopes.tolist()
    assert math.isfinite(rows.sum())
