"""Claims of many numbers in random directions, sparse Jacobians by groups of columns, second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

from autograd.checking import check_grads
from autograd.checking.report import Directions
from tests.test_black_box import report, rosenbrock, rosenbrock_gradient, rosenbrock_hessian, x3

# ---- many parameters -------------------------------------------------------------------------------------------------

N = 1_000_000
rng = np.random.default_rng(0)
W, X = rng.normal(size=N), rng.normal(size=N)


def many(x: Any) -> float:
    return float(np.sum(np.sin(x) * W[: len(x)]) + 0.5 * np.sum(x * x))


def many_gradient(x: Any) -> Any:
    return np.cos(x) * W[: len(x)] + x


def test_a_million_right_derivatives_take_three_directions() -> None:
    found = check_grads(many, X, grad=many_gradient, strict=True)
    assert [row.by for row in found.rows] == [("direction 1",), ("direction 2",), ("direction 3",)]
    assert found.evaluations < 150
    assert found.directions is not None
    assert (found.directions.count, found.directions.coordinates) == (3, N)
    assert found.directions.chance_to_miss(1e-3) == 0.0
    assert "one fault alone is missed with chance 0 if it is larger than" in str(found)


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_one_fault_in_a_million_is_named_within_200_evaluations() -> None:
    i = 999_999

    def wrong(x: Any) -> Any:
        g = many_gradient(x)
        g[i] *= 1.1
        return g

    found = report(many, X, grad=wrong)
    assert not found.passed
    assert [row.by for row in found.rows if row.verdict == "wrong"][-1] == (f"x[{i}]",)
    assert found.evaluations <= 200


def test_several_faults_and_structures_in_directions() -> None:
    p = {"a": np.linspace(1, 2, 300), "b": np.linspace(1e4, 2e4, 300)}

    def f(p: Any) -> Any:
        return np.sum(p["a"] ** 2) + np.sum(np.log(p["b"]))

    def wrong(p: Any) -> Any:
        g = {"a": 2 * p["a"], "b": 1 / p["b"]}
        g["a"][[3, 70]] = 0.0
        g["b"][100] *= 2
        return g

    named = {row.by[0] for row in report(f, (p,), grad=wrong).rows if row.verdict == "wrong"}
    assert {"p['a'][3]", "p['a'][70]"} <= named
    assert "the sign is wrong" in report(f, (p,), grad=lambda p: {"a": -2 * p["a"], "b": -1 / p["b"]}).causes[0]
    assert check_grads(f, (p,), grad=lambda p: {"a": 2 * p["a"], "b": 1 / p["b"]}, directions=1).directions.count == 1
    assert len(report(f, (p,), grad=wrong, coordinates=600).rows) == 600


def test_the_chance_to_miss_is_that_of_the_draws() -> None:
    directions = Directions(2, 10, 1.0, 1.0)
    sizes = np.random.default_rng(5).uniform(0.5, 1.0, (100_000, 2))
    for fault in (0.9, 1.0, 1.3, 1.7, 2.0, 5.0):
        missed = np.mean(np.all(sizes * fault < 1.0, axis=1))
        assert directions.chance_to_miss(fault) == pytest.approx(missed, abs=0.01)


@pytest.mark.no_cover
def test_a_pushforward_of_many_numbers_is_asked_for_few_tangents() -> None:
    tangents, point = [], X[:100_000]

    def pushforward(x: Any, v: Any, factor: float = 1.0) -> Any:
        tangents.append(v)
        g = many_gradient(x)
        g[777] *= factor
        return float(np.sum(g * v))

    found = check_grads(many, point, jvp=pushforward, strict=True)
    assert [row.by for row in found.rows] == [("direction 1",), ("direction 2",), ("direction 3",)]
    assert len(tangents) < 10
    assert found.directions is not None
    size = np.mean(np.abs(many_gradient(point)) * np.maximum(np.abs(point), np.median(np.abs(point))))
    assert found.directions.size == pytest.approx(size, rel=0.9)
    tangents.clear()
    wrong = report(many, point, jvp=lambda x, v: pushforward(x, v, 1.5))
    assert [row.by for row in wrong.rows if row.verdict == "wrong"][-1] == ("x[777]",)
    assert wrong.evaluations <= 200
    assert len(tangents) < 200


def test_faults_of_a_pushforward_with_two_results_in_a_structure() -> None:
    p = {"a": np.linspace(1, 2, 150), "b": np.linspace(1e4, 2e4, 150)}

    def f(p: Any) -> Any:
        return [np.sum(p["a"] ** 2), np.sum(np.log(p["b"]))]

    def pushforward(p: Any, v: Any, wrong: float = 1.0) -> Any:
        return [np.sum(2 * p["a"] * v["a"]), np.sum(v["b"] / p["b"]) + (wrong - 1) * v["b"][42] / p["b"][42]]

    assert check_grads(f, (p,), jvp=pushforward, strict=True).passed
    found = report(f, (p,), jvp=lambda p, v: pushforward(p, v, -1.0))
    assert ("f[1]", ("p['b'][42]",)) in {(row.output, row.by) for row in found.rows if row.verdict == "wrong"}


# ---- structure -------------------------------------------------------------------------------------------------------


def test_an_entry_outside_the_pattern_is_named() -> None:
    def f(x: Any) -> Any:
        return np.array([x[0] ** 2, x[1] * x[2], x[2]])

    def jacobian(x: Any) -> Any:
        return scipy.sparse.csr_matrix([[2 * x[0], 0, 0], [0, x[2], x[1]], [0, 0, 1]])

    whole = [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert check_grads(f, x3, jacobian=jacobian, pattern=whole).passed
    wrong = report(f, x3, jacobian=jacobian, pattern=scipy.sparse.csr_matrix([[1, 0, 0], [0, 1, 0], [0, 0, 1]]))
    (row,) = [row for row in wrong.rows if not row.passed]
    assert (row.output, row.by) == ("f[1]", ("x[2]",))
    assert "an entry outside the pattern" in row.note


BAND = np.abs(np.subtract.outer(np.arange(40), np.arange(40))) <= 1


def chain(x: Any) -> Any:
    y = np.sin(x) * np.arange(1, 41)
    y[1:] += x[:-1] ** 2
    y[:-1] += np.exp(x[1:])
    return y


def chain_jacobian(x: Any) -> Any:
    return np.diag(np.cos(x) * np.arange(1, 41)) + np.diag(2 * x[:-1], -1) + np.diag(np.exp(x[1:]), 1)


def test_columns_that_share_no_row_are_differenced_together() -> None:
    x = np.linspace(-1, 1.5, 40)
    dense = check_grads(chain, x, jacobian=chain_jacobian)
    sparse = check_grads(chain, x, jacobian=chain_jacobian, pattern=BAND, strict=True)
    assert len(sparse.rows) == len(dense.rows) == 1600
    assert sparse.evaluations < dense.evaluations / 8
    for row, other, inside in zip(sparse.rows, dense.rows, BAND.ravel(), strict=True):
        assert (row.output, row.by, row.verdict) == (other.output, other.by, other.verdict)
        assert abs(row.numeric - row.claimed) <= row.tolerance
        assert row.resolution < 1e-5
        assert inside or row.numeric == 0.0


@pytest.mark.parametrize(("o", "i"), [(3, 3), (0, 1), (39, 38)])
def test_a_wrong_entry_of_a_sparse_jacobian_is_named(o: int, i: int) -> None:
    def wrong(x: Any) -> Any:
        jacobian = chain_jacobian(x)
        jacobian[o, i] *= 1.001
        return scipy.sparse.csr_matrix(jacobian)

    found = report(chain, np.linspace(-1, 1.5, 40), jacobian=wrong, pattern=scipy.sparse.csr_matrix(BAND))
    (row,) = [row for row in found.rows if not row.passed]
    assert (row.output, row.by) == (f"chain[{o}]", (f"x[{i}]",))
    assert "a common factor" not in "".join(found.causes)


def test_an_entry_outside_the_pattern_is_named_where_columns_are_together() -> None:
    def f(x: Any) -> Any:
        y = chain(x)
        y[5] += 1e-3 * x[20]
        return y

    found = report(f, np.linspace(-1, 1.5, 40), jacobian=chain_jacobian, pattern=BAND)
    (row,) = [row for row in found.rows if not row.passed]
    assert (row.output, row.by) == ("f[5]", ("x[20]",))
    assert row.note == "an entry outside the pattern"
    outside = report(
        chain, np.linspace(-1, 1.5, 40), jacobian=lambda x: chain_jacobian(x) + 0.1 * np.eye(40, k=7), pattern=BAND
    )
    assert {row.by[0] for row in outside.rows if not row.passed} == {f"x[{i}]" for i in range(7, 40)}


def test_a_hessian_that_is_not_symmetric_is_told() -> None:
    def wrong(x: Any) -> Any:
        h = rosenbrock_hessian(x)
        h[1, 0] /= 10
        return h

    found = report(rosenbrock, np.array([1.0, 2.0]), grad=rosenbrock_gradient, hessian=wrong)
    assert [row.by for row in found.rows if not row.passed] == [("x[1]", "x[0]")]
    assert "the Hessian is not symmetric: -400 by x[0], x[1], -40 the other way" in str(found)


def test_a_wrong_gradient_is_told_before_its_hessian() -> None:
    found = report(rosenbrock, np.array([1.0, 2.0]), grad=lambda x: -rosenbrock_gradient(x), hessian=rosenbrock_hessian)
    assert {row.order for row in found.rows} == {1}
