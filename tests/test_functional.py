"""The transforms: values against closed forms and mpmath, structures, nesting, perturbation confusion."""

from __future__ import annotations

import math
from collections import namedtuple

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess

from autograd import Value, grad, gradients, hessian, hvp, jacobian, jvp, no_grad, value_and_grad, vjp
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
    assert x.grad is None
    assert h.grad is None


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
    Point = namedtuple("Point", "x y")

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
