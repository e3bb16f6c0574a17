"""compare_gradients: planted faults, one by one, and what it says of them."""

import math

import pytest

from autograd import Value, gradients
from autograd.math import exp, sigmoid
from nn import Network, compare_gradients, half_squared

X, Y = 0.7, 0.2


class Chain:
    """loss = (sigmoid(v · sigmoid(u · x + b)) − y)², and the factors of its derivatives by hand."""

    def __init__(self) -> None:
        self.u, self.b, self.v = Value(0.5, "u"), Value(-0.3, "b"), Value(1.7, "v")
        h = sigmoid(self.u * X + self.b)
        out = sigmoid(self.v * h)
        h.label, out.label = "h", "out"
        self.loss = (out - Y) ** 2
        self.parameters = {"u": self.u, "b": self.b, "v": self.v}
        self.d_out = 2 * (out.data - Y)
        self.f_out = out.data * (1 - out.data)
        self.f_h = h.data * (1 - h.data)
        self.h = h.data

    def finding(self, **theirs: float) -> dict[str, str]:
        true = self.right() | theirs
        comparison = compare_gradients(self.loss, self.parameters, true)
        assert {row.name for row in comparison.faults} == set(theirs)
        assert not comparison
        return {row.name: row.finding for row in comparison.faults}

    def right(self) -> dict[str, float]:
        behind = self.d_out * self.f_out * self.v.data * self.f_h
        return {"u": behind * X, "b": behind, "v": self.d_out * self.f_out * self.h}


def test_right_gradients_agree():
    chain = Chain()
    comparison = compare_gradients(chain.loss, chain.parameters, chain.right())
    assert comparison
    assert comparison.faults == []
    assert [row.ours for row in comparison.rows] == gradients(chain.loss, chain.parameters.values())
    assert str(comparison).count("agrees") == 3


def test_the_tolerance_decides():
    chain = Chain()
    near = {name: x * (1 + 1e-5) for name, x in chain.right().items()}
    assert len(compare_gradients(chain.loss, chain.parameters, near).faults) == 3
    assert compare_gradients(chain.loss, chain.parameters, near, tolerance=1e-4)


def test_a_factor_that_is_missing():
    c = Chain()
    v, h = c.v.data, c.h
    assert c.finding(u=c.d_out * v * c.f_h * X) == {"u": f"lacks the factor dout/dmul = {c.f_out:.6g}"}
    assert c.finding(u=c.d_out * c.f_out * v * X) == {"u": f"lacks the factor dh/dadd = {c.f_h:.6g}"}
    assert c.finding(u=c.d_out * c.f_out * c.f_h * X) == {"u": f"lacks the factor dmul/dh = {v:.6g} (v)"}
    assert c.finding(v=c.f_out * h) == {"v": f"lacks the factor dpow/dsub = {c.d_out:.6g}"}
    assert c.finding(v=c.d_out * c.f_out) == {"v": f"lacks the factor dmul/dv = {h:.6g} (h)"}


def test_two_factors_that_are_missing():
    c = Chain()
    (finding,) = c.finding(b=c.d_out * c.f_h).values()
    factors = {f"dmul/dh = {c.v.data:.6g} (v)", f"dout/dmul = {c.f_out:.6g}"}
    assert finding.startswith("lacks the factors ")
    assert set(finding.removeprefix("lacks the factors ").split(" and ")) == factors


def test_signs_constants_and_factors_too_many():
    c = Chain()
    true = c.right()
    assert c.finding(u=-true["u"]) == {"u": "has the wrong sign"}
    assert c.finding(u=true["u"] * 0.5) == {"u": "has its own value as a factor too many"}  # u is 0.5
    assert c.finding(v=true["v"] * -1.7) == {"v": "has the wrong sign and has its own value as a factor too many"}
    assert c.finding(v=true["v"] / 3) == {"v": "0.333333 times the true one"}
    assert c.finding(v=c.d_out * c.h * 1.7) == {
        "v": f"lacks the factor dout/dmul = {c.f_out:.6g} and has its own value as a factor too many"
    }


def test_what_was_never_set_or_is_not_finite():
    c = Chain()
    assert c.finding(u=0.0) == {"u": "never set: it is 0"}
    assert c.finding(u=math.nan, b=math.inf) == {"u": "it is nan", "b": "it is inf"}


def test_a_derivative_where_there_is_none():
    a, other = Value(2.0, "a"), Value(3.0, "other")
    rows = compare_gradients(a * 1.0, {"a": a, "other": other}, {"a": 1.0, "other": 0.5}).rows
    assert [row.finding for row in rows] == ["", "the loss does not depend on it"]
    flat = (a - 2.0) ** 2
    assert compare_gradients(flat, {"a": a}, {"a": 1.0}).rows[0].finding == "lacks the factor dpow/dsub = 0"
    assert compare_gradients(flat, {"a": a}, {"a": 0.77}).rows[0].finding == "the true one is 0"


def test_a_return_of_a_fan_out_that_is_missing():
    a = Value(0.3, "a")
    left, right = exp(a), sigmoid(a)
    left.label, right.label = "left", "right"
    loss = left * 2.0 + right * 5.0
    only_left = 2 * math.exp(0.3)
    (row,) = compare_gradients(loss, {"a": a}, {"a": only_left}).faults
    assert row.finding.startswith("lacks what comes back through d")
    assert "right" in row.finding


def test_all_edges_of_one_kind_count_as_one_factor():
    network = Network.layered(2, 2, 2, seed=4)
    for parameter in network.parameters():
        parameter.data += 0.3
    outputs = network.activate([0.4, 0.9])
    loss = half_squared(outputs, [1.0, 0.3])
    # the hidden delta with weights, without the slopes of the two outputs
    h = sigmoid(network.connections[1].weight.data * 0.4 + network.connections[2].weight.data * 0.9 + 0.3)
    back = sum(
        (o.data - t) * network.connections[i].weight.data for o, t, i in zip(outputs, [1.0, 0.3], (5, 7), strict=True)
    )
    theirs = back * h * (1 - h) * 0.4
    (row,) = compare_gradients(loss, {"w": network.connections[1].weight}, {"w": theirs}).faults
    slopes = [o.data * (1 - o.data) for o in outputs]
    described = {f"dout{id}/dnet{id} = {slope:.6g}" for id, slope in zip((4, 5), slopes, strict=True)}
    assert row.finding.startswith("lacks the factor ")
    assert set(row.finding.removeprefix("lacks the factor ").split(", ")) == described


def test_every_parameter_needs_its_number():
    c = Chain()
    with pytest.raises(ValueError, match="must go with each parameter: v, w has no other"):
        compare_gradients(c.loss, c.parameters, {"u": 1.0, "b": 1.0, "w": 1.0})


def test_the_table():
    c = Chain()
    text = str(compare_gradients(c.loss, c.parameters, c.right() | {"u": 0.0}))
    lines = text.splitlines()
    assert lines[0].split() == ["parameter", "true", "hand-written"]
    assert lines[1].endswith("never set: it is 0")
    assert len({len(line[: line.rindex("agrees")]) for line in lines[2:]}) == 1
    assert str(compare_gradients(c.loss, {}, {})) == lines[0]
