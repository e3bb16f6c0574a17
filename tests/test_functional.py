"""The transforms: values against closed forms and mpmath, structures, nesting, perturbation confusion."""

from __future__ import annotations

import math
import types
import warnings
from collections import namedtuple
from dataclasses import dataclass
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess

from autograd import Value, check_grads, grad, gradients, hessian, hvp, jacobian, jvp, no_grad, value_and_grad, vjp
from autograd import math as am

floats = st.floats(-2, 2).filter(lambda x: abs(x) > 1e-3)


def rosenbrock(v):
    return am.sum([100 * (v[i + 1] - v[i] ** 2) ** 2 + (1 - v[i]) ** 2 for i in range(len(v) - 1)])


# ---- gradients -------------------------------------------------------------------------------------------------------


def test_gradients_touch_no_grad_and_stop_at_the_inputs():
    x = Value(2.0)
    h = x * x
    out = h * h * x
    assert gradients(out, [h]) == [2 * 4.0 * 2.0]
    assert gradients(out, [x]) == [5 * 2.0**4]
    assert gradients(out, [x, h]) == [16.0, 16.0]  # h held fixed for x, as the inputs are independent variables
    assert gradients(out, [Value(1.0)]) == [0.0]
    assert gradients(out, [out, out]) == [1.0, 1.0]
    assert not x.has_grad
    assert not h.has_grad


def test_gradients_of_gradients():
    x, y = Value(2.0), Value(3.0)
    dx, dy = gradients(x**2 * y**3, [x, y], create_graph=True)
    assert gradients(dx, [x, y]) == [2 * 27.0, 2 * 2.0 * 27.0]
    assert gradients(dy, [x, y]) == [2 * 2.0 * 27.0, 6 * 4.0 * 3.0]
    (one,) = gradients(x + y, [x], create_graph=True)
    assert (one.data, gradients(one, [x])) == (1.0, [0.0])


def test_gradients_do_not_enter_what_does_not_depend_on_the_inputs():
    x, w = Value(2.0), Value(0.0)
    assert gradients(x * w.sqrt() + x, [x]) == [1.0]  # the slope of sqrt at 0 is not asked for


def test_gradients_refuse_numbers():
    with pytest.raises(TypeError, match="gradients takes Values, not float"):
        gradients(Value(1.0), [1.0])
    with pytest.raises(TypeError, match="gradients takes Values, not float"):
        gradients(1.0, [Value(1.0)])


# ---- values and structures -------------------------------------------------------------------------------------------


def test_grad_keeps_the_structure_of_its_argument():
    def f(p):
        return p["a"][0] * p["a"][1] ** 2 + p["b"].x * p["b"].y + p["c"][1, 0] * p["c"][0, 1] * p["d"]

    at = {"a": [2.0, 3], "b": Point(4.0, 5.0), "c": np.arange(4.0).reshape(2, 2), "d": np.float64(7)}
    slope = grad(f)(at)
    assert slope["a"] == [9.0, 12.0]
    assert slope["b"] == Point(5.0, 4.0)
    assert isinstance(slope["b"], Point)
    assert slope["c"].dtype == float
    assert slope["c"].tolist() == [[0.0, 14.0], [7.0, 0.0]]
    assert slope["d"] == 2.0
    assert type(slope["d"]) is float


def test_argnums():
    def f(x, y, scale=1.0):
        return scale * x * y**2

    assert grad(f)(2.0, 3.0) == 9.0
    assert grad(f, argnums=1)(2.0, 3.0) == 12.0
    assert grad(f, argnums=(0, 1))(2.0, 3.0, scale=10.0) == (90.0, 120.0)
    assert grad(f, argnums=-1)(2.0, 3.0) == 12.0
    assert value_and_grad(f, argnums=(1,))(2.0, 3.0) == (18.0, (12.0,))
    with pytest.raises(TypeError, match="argnums 2 is out of range: f was called with 2"):
        grad(f, argnums=2)(2.0, 3.0)


def test_results_and_arguments_that_make_no_sense():
    with pytest.raises(TypeError, match=r"must return one number to have a gradient.*jacobian"):
        grad(lambda x: [x, x])(1.0)
    with pytest.raises(TypeError, match=r"argument 0 of <lambda>\['a'\]\[1\] must be a number"):
        grad(lambda p: p["a"][0])({"a": [1.0, "x"]})
    with pytest.raises(TypeError, match="the result of <lambda> must be a number"):
        grad(lambda x: None)(1.0)
    with pytest.raises(TypeError, match="tangents must be a tuple of 2 to match, not a tuple of 1"):
        jvp(lambda x, y: x * y, (1.0, 2.0), (1.0,))
    assert grad(lambda x: 3.0)(1.0) == 0.0


def test_jacobian_shapes():
    def f(v):
        return np.array([[v[0] * v[1], v[1]], [v[2] ** 2, v[0]], [v[2], 1.0 * v[2]]])

    result = jacobian(f)(np.array([2.0, 3.0, 4.0]))
    assert result.shape == (3, 2, 3)
    assert result.dtype == float
    assert result[0, 0].tolist() == [3.0, 2.0, 0.0]
    assert result[1, 0].tolist() == [0.0, 0.0, 8.0]
    mixed = jacobian(lambda p: {"u": p["a"] * p["b"], "v": [p["b"], 2.0]})({"a": 2.0, "b": 3.0})
    assert mixed == {"u": {"a": 3.0, "b": 2.0}, "v": [{"a": 0.0, "b": 1.0}, {"a": 0.0, "b": 0.0}]}
    stacked = jacobian(lambda p: np.array([p["a"], p["b"][0]]))({"a": 1.0, "b": [2.0, 3.0]})
    assert stacked["a"].tolist() == [1.0, 0.0]
    assert stacked["b"][0].tolist() == [0.0, 1.0]
    both = jacobian(lambda x, y: [x * y], argnums=(0, 1))(2.0, 3.0)
    assert both == [(3.0, 2.0)]


def test_rosenbrock_with_scipy():
    start = np.array([-1.2, 1.0, 0.7, 1.4])
    value, slope = value_and_grad(rosenbrock)(start)
    assert type(value) is float
    assert slope.dtype == float
    assert value == pytest.approx(rosen(start), rel=1e-13)
    np.testing.assert_allclose(slope, rosen_der(start), rtol=1e-12)
    np.testing.assert_allclose(hessian(rosenbrock)(start), rosen_hess(start), rtol=1e-12, atol=1e-12)
    direction = np.array([1.0, -2.0, 0.5, 3.0])
    (product,) = hvp(rosenbrock, (start,), (direction,))
    np.testing.assert_allclose(product, rosen_hess(start) @ direction, rtol=1e-12)
    # of the two minima in four dimensions, start near the one that is known in closed form
    start = np.array([1.3, 0.7, 0.8, 1.9])
    found = minimize(value_and_grad(rosenbrock), start, jac=True, method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(found.x, np.ones(4), atol=1e-6)
    exact = minimize(
        value_and_grad(rosenbrock),
        start,
        jac=True,
        hess=hessian(rosenbrock),
        method="trust-exact",
        options={"gtol": 1e-9},
    )
    np.testing.assert_allclose(exact.x, np.ones(4), atol=1e-5)


@given(st.lists(floats, min_size=3, max_size=3), st.lists(floats, min_size=3, max_size=3))
def test_jvp_and_vjp_are_the_jacobian(at, direction):
    def f(v):
        return [am.sin(v[0]) * v[1], v[2] / v[0] + am.exp(v[1]), am.hypot(*v)]

    matrix = np.array(jacobian(f)(at))
    value, moved = jvp(f, (at,), (direction,))
    assert value == [float(x) for x in f(at)]
    np.testing.assert_allclose(moved, matrix @ direction, rtol=1e-10, atol=1e-12)
    value, pullback = vjp(f, at)
    assert value == [float(x) for x in f(at)]
    np.testing.assert_allclose(pullback(direction)[0], np.array(direction) @ matrix, rtol=1e-10, atol=1e-12)


def test_an_output_returned_twice_counts_twice():
    def f(x):
        y = x * x
        return [y, y]

    _, pullback = vjp(f, 3.0)
    assert pullback([1.0, 10.0]) == (66.0,)
    assert jvp(f, (3.0,), (1.0,)) == ([9.0, 9.0], [6.0, 6.0])


# ---- what goes with what ---------------------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")


@dataclass(frozen=True)
class Normal:
    mean: float
    deviation: float

    def __post_init__(self):
        if not self.deviation > 0:
            raise ValueError("a deviation is positive")


def test_tangents_go_with_primals_by_key():
    def f(p):
        return p["a"] * 10 + p["b"]

    at = {"a": 1.0, "b": 2.0}
    for order in ({"b": 1.0, "a": 0.0}, {"a": 0.0, "b": 1.0}):
        assert jvp(f, (at,), (order,)) == (12.0, 1.0)
        assert hvp(lambda p: f(p) ** 2, (at,), (order,)) == ({"a": 20.0, "b": 2.0},)
    _, pullback = vjp(lambda x: {"u": 10 * x, "v": x}, 1.0)
    assert pullback({"v": 1.0, "u": 0.0}) == pullback({"u": 0.0, "v": 1.0}) == (1.0,)


@pytest.mark.parametrize(
    ("at", "direction", "message"),
    [
        (
            {"a": 1.0, "b": 2.0},
            {"a": 1.0, "c": 2.0},
            r"\[0\] must be a dict with the keys 'a', 'b' to match, not .* 'a', 'c'",
        ),
        (np.ones((2, 3)), np.ones((3, 2)), r"\[0\] must be an array of shape \(2, 3\) to match, not .* \(3, 2\)"),
        (np.ones(3), np.ones((3, 1)), r"\[0\] must be an array of shape \(3,\) to match, not .* \(3, 1\)"),
        (([1.0, 2.0], 3.0), (1.0, [0.0, 0.0]), r"\[0\]\[0\] must be a list of 2 to match, not a number"),
        (Point(1.0, 2.0), (1.0, 2.0), r"\[0\] must be a Point to match, not a tuple of 2"),
        ([1.0, 2.0], [1.0], r"\[0\] must be a list of 2 to match, not a list of 1"),
        (1.0, np.ma.masked_array([1.0], [True]), r"\[0\] must be a number, .*MaskedArray"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(at, direction, message):
    def total(tree):
        if isinstance(tree, dict):
            tree = tree.values()
        return am.sum([total(item) for item in tree]) if hasattr(tree, "__iter__") else tree * tree

    with pytest.raises(TypeError, match=f"tangents{message}"):
        jvp(total, (at,), (direction,))
    with pytest.raises(TypeError, match=f"tangents{message}"):
        hvp(total, (at,), (direction,))
    _, pullback = vjp(lambda tree: (tree,), at)
    with pytest.raises(TypeError, match=f"the cotangent{message}"):
        pullback((direction,))


def test_primals_and_tangents_are_sequences():
    for at, direction in ((1.0, 1.0), ({"x": 1.0}, {"x": 1.0}), (np.ones(1), np.ones(1))):
        for transform in (jvp, hvp):
            with pytest.raises(TypeError, match=r"primals are a list or tuple, .* write \(x,\) for one"):
                transform(lambda x: x * x, at, (1.0,))
            with pytest.raises(TypeError, match=r"tangents are a list or tuple, .* write \(x,\) for one"):
                transform(lambda x: x * x, (1.0,), direction)
    assert jvp(lambda x, y: x * y, [2.0, 3.0], [1, 0]) == (6.0, 3.0)
    assert jvp(lambda: 3, (), ()) == (3.0, 0.0)


def test_lists_tuples_and_lines_of_an_array_go_together():
    assert jvp(lambda v: v[0] * v[1], ([2.0, 3.0],), (np.array([1.0, 10.0]),)) == (6.0, 23.0)
    (found,) = hvp(lambda v: v[0] * v[1], (np.array([2.0, 3.0]),), ((1.0, 10.0),))
    assert found.tolist() == [10.0, 1.0]
    assert vjp(lambda x: [x, x * x], 3.0)[1](np.array([1, 10])) == (61.0,)


@pytest.mark.parametrize(
    ("argnums", "kind", "message"),
    [
        ((0, 0), ValueError, r"argnums \(0, 0\) names argument 0 of f twice"),
        ((0, -2), ValueError, r"argnums \(0, -2\) names argument 0 of f twice"),
        ((-1, 0, 1), ValueError, r"argnums \(-1, 0, 1\) names argument 1 of f twice"),
        ((), ValueError, r"argnums \(\) names no argument"),
        ([], ValueError, r"argnums \[\] names no argument"),
        (True, TypeError, "argnums takes a whole number or a tuple of them, not True"),
        ((0, False), TypeError, r"argnums takes .* not \(0, False\)"),
        ("0", TypeError, "argnums takes .* not '0'"),
        (1.0, TypeError, "argnums takes .* not 1.0"),
        (None, TypeError, "argnums takes .* not None"),
        ({0}, TypeError, r"argnums takes .* not \{0\}"),
        (2, TypeError, "argnums 2 is out of range: f was called with 2 positional arguments"),
        ((0, -3), TypeError, "argnums -3 is out of range"),
    ],
)
def test_argnums_that_make_no_sense(argnums, kind, message):
    def f(x, y):
        return x * x * y

    for transform in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(kind, match=message):
            transform(f, argnums)(3.0, 1.0)


def test_argnums_are_any_whole_numbers():
    def f(x, y):
        return x * x * y

    assert grad(f, np.int64(1))(3.0, 1.0) == 9.0
    assert grad(f, [1, 0])(3.0, 1.0) == (9.0, 6.0)
    assert grad(f, (-1, 0))(3.0, 1.0) == (9.0, 6.0)
    assert hessian(f, (-1, 0))(3.0, 1.0) == ((0.0, 6.0), (6.0, 2.0))


def test_named_tuples_and_dataclasses_in_every_transform():
    def f(p):
        return Point(p.mean * p.deviation, p.deviation**2)

    at = Normal(mean=3.0, deviation=2.0)
    rows = jacobian(f)(at)
    assert isinstance(rows, Point)
    assert all(isinstance(row, Normal) for row in rows)
    assert [(row.mean, row.deviation) for row in rows] == [(2.0, 3.0), (0.0, 4.0)]

    direction = types.SimpleNamespace(mean=1.0, deviation=-1.0)
    with pytest.raises(TypeError, match=r"tangents\[0\] must be .* not types.SimpleNamespace"):
        jvp(f, (at,), (direction,))
    slope = grad(lambda p: -p.mean * p.deviation)(at)  # no deviation is negative, but a derivative by one may be
    assert isinstance(slope, Normal)
    assert (slope.mean, slope.deviation) == (-2.0, -3.0)
    assert jvp(f, (at,), (slope,)) == (Point(6.0, 4.0), Point(-13.0, -12.0))
    value, pullback = vjp(f, at)
    assert value == Point(6.0, 4.0)
    (back,) = pullback(Point(1.0, 10.0))
    assert (back.mean, back.deviation) == (2.0, 43.0)
    second = hessian(lambda p: p.mean * p.deviation**2)(at)
    assert (second.mean.mean, second.mean.deviation) == (0.0, 4.0)
    assert (second.deviation.mean, second.deviation.deviation) == (4.0, 6.0)
    (product,) = hvp(lambda p: p.mean * p.deviation**2, (at,), (slope,))
    assert (product.mean, product.deviation) == (-12.0, -26.0)

    pair = value_and_grad(lambda p, q: p.x * q.y, argnums=(1, 0))(Point(2.0, 3.0), Point(5.0, 7.0))
    assert pair == (14.0, (Point(0.0, 2.0), Point(7.0, 0.0)))
    stacked = jacobian(lambda p: np.array([p.mean, p.deviation]) * p.mean)(at)
    assert stacked.mean.tolist() == [6.0, 2.0]
    assert stacked.deviation.tolist() == [0.0, 3.0]


def test_check_grads_names_the_fields():
    def f(p, box):
        return {"u": Point(p.mean * p.deviation, am.exp(box["v"][0, 1]) * p.mean)}

    report = check_grads(f, (Normal(3.0, 2.0), {"v": np.array([[1.0, 2.0]])}), order=1)
    assert list(report.point) == ["p.mean", "p.deviation", "box['v'][0, 0]", "box['v'][0, 1]"]
    assert [row.output for row in report.rows] == ["f['u'].x"] * 4 + ["f['u'].y"] * 4
    with pytest.raises(TypeError, match=r"box\['v'\] must be .* not numpy\.\w*MaskedArray"):
        check_grads(f, (Normal(3.0, 2.0), {"v": np.ma.masked_array([1.0], [True])}))


def test_arrays_without_axes_and_without_entries():
    at = np.array(3.0)
    slope = grad(lambda x: x * x)(at)
    assert (type(slope), slope.shape, float(slope)) == (np.ndarray, (), 6.0)
    value, slope = value_and_grad(lambda x: np.array(x * x, dtype=object))(3.0)  # to NumPy, this is a number
    assert (float(value), slope) == (9.0, 6.0)
    with pytest.raises(TypeError, match="must return one number to have a gradient, not ndarray"):
        grad(lambda x: np.array([x]))(3.0)
    assert jvp(lambda x: x * x, (at,), (1.0,)) == (9.0, 6.0)
    assert jacobian(lambda v: v)(np.array(3.0)).shape == ()
    none = np.zeros((0, 2))
    assert grad(lambda v: 3.0 + am.sum(v.ravel()))(none).shape == (0, 2)
    assert jacobian(lambda v: v)(none).shape == (0, 2, 0, 2)
    assert jacobian(lambda v: np.array([1.0, 2.0]))(none).shape == (2, 0, 2)
    assert jacobian(lambda x: none)(1.0).shape == (0, 2)
    assert hessian(lambda v: 3.0)(none).shape == (0, 2, 0, 2)
    assert grad(lambda v: 3.0)([]) == []
    assert jacobian(lambda x: [])(1.0) == []


# ---- floats, unless Values from outside matter ------------------------------------------------------------------------


def in_no_grad(x):
    with no_grad():
        return x * x


LEAVES_OF_ITS_OWN = {
    "a detached copy": (lambda x: x * x.detach(), 9.0, 3.0),
    "one made under no_grad": (lambda x: x * in_no_grad(x), 27.0, 9.0),
    "a Value made inside": (lambda x: Value(5.0) * x, 15.0, 5.0),
    "nothing but a Value made inside": (lambda x: Value(5.0), 5.0, 0.0),
    "nothing but a detached copy": (lambda x: x.detach(), 3.0, 0.0),
    "everything under no_grad": (in_no_grad, 9.0, 0.0),
    "made in a gradient inside": (lambda x: x * grad(lambda y: y * y.detach())(2.0), 6.0, 2.0),
}


@pytest.mark.parametrize("name", LEAVES_OF_ITS_OWN)
def test_a_leaf_that_the_function_makes_is_nothing_to_differentiate_by(name):
    f, value, slope = LEAVES_OF_ITS_OWN[name]
    results = [
        grad(f)(3.0),
        jacobian(f)(3.0),
        *value_and_grad(f)(3.0)[::-1],
        *jvp(f, (3.0,), (1.0,))[::-1],
        vjp(f, 3.0)[1](1.0)[0],
        vjp(f, 3.0)[0],
    ]
    assert results == [slope, slope, slope, value, slope, value, slope, value]
    assert {type(x) for x in results} == {float}
    assert type(hessian(f)(3.0)) is float
    assert type(hvp(f, (3.0,), (1.0,))[0]) is float
    found = minimize(value_and_grad(lambda v: f(v[0]) + v[0] ** 2), np.array([1.0]), jac=True, method="BFGS")
    assert np.isfinite(found.x).all()


def test_leaves_from_outside_matter_wherever_they_come_from():
    theta = Value(2.0)
    h = theta * theta
    for f in (lambda x: theta * x.detach(), lambda x: h * x, lambda x: x * Value(1.0) + theta):
        slope = grad(f)(3.0)
        value = value_and_grad(f)(3.0)[0]
        assert isinstance(slope, Value)
        assert isinstance(value, Value)
    assert gradients(grad(lambda x: h * x * x.detach())(3.0), [theta]) == [12.0]
    assert isinstance(grad(lambda x, y: x * y)(3.0, theta), Value)
    assert isinstance(grad(lambda x, scale: x * scale["s"])(3.0, scale={"s": theta}), Value)
    for f in (lambda x: theta.detach() * x, lambda x: theta.data * x):
        assert type(grad(f)(3.0)) is float


def test_a_leaf_of_an_outer_run_is_one_from_outside_for_an_inner_one():
    kinds = []

    def f(x):
        c = Value(2.0)
        slope = grad(lambda y: c * y * y)(3.0)
        kinds.append(type(slope))
        return slope * x + grad(lambda y: x * y * y)(1.0)

    value, slope = value_and_grad(f)(5.0)
    assert kinds == [Value]
    assert (value, slope) == (12.0 * 5 + 10.0, 14.0)
    assert type(slope) is type(value) is float


def test_what_a_function_keeps_of_its_last_run_is_a_constant_in_the_next():
    last = [Value(2.0)]

    def f(x):
        y = x * x * last.pop()
        last.append(x)
        return y

    assert isinstance(grad(f)(3.0), Value)
    results = [grad(f)(5.0), *value_and_grad(f)(7.0), *jvp(f, (1.0,), (1.0,))]
    assert results == [2 * 3.0 * 5.0, 5.0 * 49.0, 2 * 5.0 * 7.0, 7.0, 14.0]
    assert {type(x) for x in results} == {float}


def test_scipy_gets_floats():
    """The constants of a fit are often Values made by the function itself."""

    def loss(v):
        target = Value(2.0)
        return am.sum([(x - target) ** 2 for x in v]) + (v[0] * v[0].detach() * 0.0)

    value, slope = value_and_grad(loss)(np.zeros(2))
    assert type(value) is float
    assert slope.dtype == float
    found = minimize(value_and_grad(loss), np.zeros(2), jac=True, method="L-BFGS-B")
    np.testing.assert_allclose(found.x, [2.0, 2.0], rtol=1e-6)


IDENTITIES = [3.0, 3, True, np.float32(3), Fraction(3), [3.0], {"a": 3.0}, Point(3.0, 4.0), np.array([3.0, 4.0])]


@pytest.mark.parametrize("at", IDENTITIES, ids=repr)
def test_a_function_that_returns_its_argument_as_it_is(at):
    def same(x):
        return x

    def kinds(tree):
        if isinstance(tree, dict):
            tree = list(tree.values())
        return {kind for item in tree for kind in kinds(item)} if hasattr(tree, "__iter__") else {type(tree)}

    plain = (float, np.float64)
    value, moved = jvp(same, (at,), (at,))
    assert np.all(value == at)
    assert np.all(moved == at)
    assert kinds(value) | kinds(moved) <= set(plain)
    value, pullback = vjp(same, at)
    assert np.all(value == at)
    assert np.all(pullback(at)[0] == at)
    assert kinds(value) | kinds(pullback(at)) <= set(plain)
    if hasattr(at, "__iter__"):
        with pytest.raises(TypeError, match="must return one number to have a gradient"):
            grad(same)(at)
    else:
        assert value_and_grad(same)(at) == (float(at), 1.0)
        assert [type(x) for x in value_and_grad(same)(at)] == [float, float]
        assert jacobian(same)(at) == 1.0
        assert hessian(same)(at) == 0.0
        assert hvp(same, (at,), (1.0,)) == (0.0,)


def test_a_value_that_is_returned_as_it_is():
    x = Value(3.0)
    for value, slope in (value_and_grad(lambda z: z)(x), jvp(lambda z: z, (x,), (1.0,))):
        assert isinstance(slope, Value)
        assert (value.data, slope.data) == (3.0, 1.0)
        assert gradients(value, [x]) == [1.0]
    assert (x.op, grad(lambda z: x)(1.0).data) == (None, 0.0)
    assert gradients(value_and_grad(lambda z: x)(1.0)[0], [x]) == [1.0]


def test_constants_and_arguments_that_do_not_matter():
    for constant in (3.0, 3, True, np.float64(3), np.bool_(True), Fraction(3)):
        value, slope = value_and_grad(lambda x, constant=constant: constant)(2.0)
        assert (value, slope) == (float(constant), 0.0)
        assert (type(value), type(slope)) == (float, float)
        assert hessian(lambda x, constant=constant: constant)(2.0) == 0.0
    assert hvp(lambda x, y: x**3, (2.0, [5.0]), (1.0, [1.0])) == (12.0, [0.0])
    assert hvp(lambda x, y: 3.0, (2.0, 5.0), (1.0, 1.0)) == (0.0, 0.0)
    assert jacobian(lambda x, y: {"a": x}, argnums=(0, 1))(2.0, {"b": 5.0}) == {"a": (1.0, {"b": 0.0})}
    assert vjp(lambda x, y: 1.0, 2.0, [3.0])[1](7.0) == (0.0, [0.0])


def test_what_is_not_handled_is_refused_by_name():
    def total(v):
        return am.sum(list(np.ravel(v)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.asmatrix([[1.0, 2.0]])
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    for argument, name in ((matrix, "numpy.matrix"), (masked, r"numpy\.\w*MaskedArray"), ({1.0}, "set"), ("12", "str")):
        for transform in (grad, jacobian, hessian, vjp):
            with pytest.raises(TypeError, match=f"argument 0 of total must be a number, .* not {name}"):
                transform(total, argument) if transform is vjp else transform(total)(argument)
        with pytest.raises(TypeError, match=f"argument 0 of total must be .* not {name}"):
            jvp(total, (argument,), (1.0,))
        with pytest.raises(TypeError, match=f"the result of <lambda> must be .* not {name}"):
            jacobian(lambda x, argument=argument: argument)(1.0)
    with pytest.raises(TypeError, match="argument 0 of total must be an array of real numbers, not of complex128"):
        grad(total)(np.array([1j]))
    with pytest.raises(TypeError, match=r"the result of .* must be .* not generator"):
        jacobian(lambda v: (x for x in v))([1.0])
    assert grad(lambda x, other: x * len(other))(2.0, masked) == 2.0  # what is not differentiated by is left alone


def test_arguments_are_not_changed_by_a_function_that_changes_its_own():
    def f(v):
        v[0] = v[0] * v[1]
        v.append(v[0])
        return v[0] + v[2]

    at = [2.0, 3.0]
    assert grad(f)(at) == [6.0, 4.0]
    assert at == [2.0, 3.0]
    value, pullback = vjp(lambda v: [v[0], v], at)
    value[1].append(1.0)
    assert pullback([1.0, [1.0, 10.0]]) == ([2.0, 10.0],)


# ---- nesting ---------------------------------------------------------------------------------------------------------


def test_perturbation_confusion():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: x * y)(x))(3.0) == 1.0
    assert jvp(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1] == 1.0
    assert jvp(lambda x: jvp(lambda y: x * y, (x,), (1.0,))[1], (3.0,), (1.0,))[1] == 1.0
    assert grad(lambda x: jvp(lambda y: x * y * y, (x,), (x,))[1])(2.0) == 6 * 2.0**2
    assert jvp(lambda x: grad(lambda y: x * y * y)(x), (2.0,), (1.0,))[1] == 4 * 2.0


@pytest.mark.parametrize("function", ["exp", "sin", "tanh", "sigmoid", "softplus", "log1p", "atan", "erf", "asinh"])
def test_a_fifth_derivative(function):
    ours = getattr(am, function)
    theirs = {
        "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
        "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    }.get(function) or getattr(mpmath, function)
    fifth = ours
    for _ in range(5):
        fifth = grad(fifth)
    for x in (-0.7, 0.3, 1.1):
        with mpmath.workdps(50):
            expected = float(mpmath.diff(theirs, x, 5))
        assert fifth(x) == pytest.approx(expected, rel=1e-9)


def test_forward_and_reverse_mix_to_any_order():
    def f(x):
        return am.exp(x) * am.sin(x) + x**4

    def forward(g):
        return lambda x: jvp(g, (x,), (1.0,))[1]

    def backward(g):
        return lambda x: vjp(g, x)[1](1.0)[0]

    with mpmath.workdps(40):
        expected = float(mpmath.diff(lambda x: mpmath.exp(x) * mpmath.sin(x) + x**4, 0.8, 4))
    for order in ([forward] * 4, [backward] * 4, [grad, forward, backward, forward], [forward, grad, forward, grad]):
        g = f
        for transform in order:
            g = transform(g)
        assert g(0.8) == pytest.approx(expected, rel=1e-11)
        assert type(g(0.8)) is float


def test_a_gradient_taken_inside_a_differentiated_program():
    def descent(rate, curvature):
        x = 1.0
        for _ in range(4):
            x = x - rate * grad(lambda z: 0.5 * curvature * z * z)(x)
        return x

    # x = (1 - rate * curvature)**4
    assert grad(descent, (0, 1))(0.1, 2.0) == pytest.approx((-4 * 2 * 0.8**3, -4 * 0.1 * 0.8**3), rel=1e-14)
    assert hessian(descent)(0.1, 2.0) == pytest.approx(12 * 4 * 0.8**2, rel=1e-13)


def test_values_from_outside_keep_their_gradients():
    theta = Value(0.5)
    slope = grad(lambda x: theta * x * x)(3.0)
    assert isinstance(slope, Value)
    slope.backward()
    assert theta.grad == 6.0
    assert grad(lambda x: theta.data * x * x)(3.0) == 3.0
    x = Value(3.0)
    constant = grad(lambda z: 2 * z)(x)
    assert isinstance(constant, Value)  # Values in, Values out
    assert constant.data == 2.0
    value, tangent = jvp(lambda z: theta * z, (2.0,), (1.0,))
    assert isinstance(value, Value)
    assert gradients(tangent, [theta]) == [1.0]


def test_transforms_record_inside_no_grad():
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
        assert hessian(lambda x: x**3)(2.0) == 12.0
        assert (Value(1.0) + 1).op is None


def test_no_history_comes_back_from_a_transform_under_no_grad():
    w = Value(2.0, "w")
    with no_grad():
        slope = grad(lambda x: w * x * x)(3.0)
        values = [slope, *jvp(lambda x: w * x, (3.0,), (1.0,)), *vjp(lambda x: w * x, 3.0)[1](1.0)]
        values += [*value_and_grad(lambda x: w * x)(3.0), vjp(lambda x: w * x, 3.0)[0], jacobian(lambda x: x)(w)]
    assert slope.data == 12.0
    assert [(type(value), value.op) for value in values] == [(Value, None)] * 8

    def f(x):
        with no_grad():
            fixed = grad(lambda y: x * y * y)(1.0)  # 2x, held fixed
        return fixed * x

    assert value_and_grad(f)(3.0) == (18.0, 6.0)


def test_plain_floats_come_back():
    for result in (
        grad(am.exp)(0.0),
        jvp(am.exp, (0.0,), (1.0,))[1],
        vjp(am.exp, 0.0)[1](1.0)[0],
        hessian(am.exp)(0.0),
    ):
        assert type(result) is float
        assert result == 1.0


def test_functions_are_wrapped():
    def energy(x):
        """Joules."""
        return x * x

    assert grad(energy).__name__ == "energy"
    assert grad(energy).__doc__ == "Joules."


def test_a_deep_program():
    def f(x):
        y = x
        for _ in range(50_000):
            y = y * 1.0 + 1e-9
        return y

    assert grad(f)(1.0) == pytest.approx(1.0)
    assert jvp(f, (1.0,), (1.0,))[1] == pytest.approx(1.0)


def test_a_users_primitive_has_every_order():
    from autograd import primitive

    sinc = primitive(
        "sinc",
        lambda x: math.sin(x) / x,
        lambda y, x: (am.cos(x) - y) / x,
        domain=((0.0, math.inf),),
        singular=lambda x: x,
    )
    third = grad(grad(grad(sinc)))
    with mpmath.workdps(40):
        expected = float(mpmath.diff(lambda x: mpmath.sin(x) / x, 1.7, 3))
    assert third(1.7) == pytest.approx(expected, rel=1e-11)
    assert jvp(sinc, (1.7,), (1.0,))[1] == grad(sinc)(1.7)
    assert str(sinc(Value(1.7)).op) == "sinc"


def test_primitive_refuses_rows_that_make_no_sense():
    from autograd import primitive

    with pytest.raises(ValueError, match="built-in primitive"):
        primitive("exp", math.exp, lambda y, x: y)
    with pytest.raises(ValueError, match="must be an identifier"):
        primitive("my op", math.exp, lambda y, x: y)
    with pytest.raises(TypeError, match="needs a partial derivative for each argument"):
        primitive("mine", math.exp)
    with pytest.raises(TypeError, match="fn must take 2 arguments"):
        primitive("mine", lambda x: x, lambda y, x, z: 1, lambda y, x, z: 1)
    with pytest.raises(TypeError, match="a partial must take 2 arguments"):
        primitive("mine", lambda x: x, lambda x: 1)
    with pytest.raises(TypeError, match="not both"):
        primitive("mine", lambda *xs: 0.0, lambda y, x: 1, variadic=lambda y, *xs: [])
    with pytest.raises(TypeError, match="must be functions"):
        primitive("mine", 3.0, lambda y, x: 1)
    bad = primitive("bad", lambda x: "no number", lambda y, x: 1)
    with pytest.raises(TypeError, match="the result of bad takes a real number, not str"):
        bad(Value(1.0))
