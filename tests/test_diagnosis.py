"""The doctor: planted faults, one by one, and what it says of them; programs on trial; the first number not finite."""

import linecache
import math
import random
import sys

import pytest

from autograd import Value, demo, diagnose, gradients, on_trial, trace_lines, why_not_finite
from autograd.backward import topological
from autograd.diagnosis import Verdict
from autograd.math import exp, sigmoid
from autograd.suspects import AFTER, BEFORE, EARLY, FACTOR, MASK, OTHER, RESET, STORED, UNEXPLAINED
from nn import Network, half_squared

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
        comparison = diagnose(self.loss, self.parameters, true)
        assert {row.name for row in comparison.faults} == set(theirs)
        assert not comparison
        return {row.name: row.finding for row in comparison.faults}

    def right(self) -> dict[str, float]:
        behind = self.d_out * self.f_out * self.v.data * self.f_h
        return {"u": behind * X, "b": behind, "v": self.d_out * self.f_out * self.h}


def test_right_gradients_agree():
    chain = Chain()
    comparison = diagnose(chain.loss, chain.parameters, chain.right())
    assert comparison
    assert comparison.faults == []
    assert [row.ours for row in comparison.rows] == gradients(chain.loss, chain.parameters.values())
    assert str(comparison).count("agrees") == 3


def test_the_tolerance_decides():
    chain = Chain()
    near = {name: x * (1 + 1e-5) for name, x in chain.right().items()}
    assert len(diagnose(chain.loss, chain.parameters, near).faults) == 3
    assert diagnose(chain.loss, chain.parameters, near, tolerance=1e-4)


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
    rows = diagnose(a * 1.0, {"a": a, "other": other}, {"a": 1.0, "other": 0.5}).rows
    assert [row.finding for row in rows] == ["", "the loss does not depend on it"]
    flat = (a - 2.0) ** 2
    assert diagnose(flat, {"a": a}, {"a": 1.0}).rows[0].finding == "lacks the factor dpow/dsub = 0"
    assert diagnose(flat, {"a": a}, {"a": 0.77}).rows[0].finding == "unexplained, off by 0.77; the true one is 0"


def test_a_return_of_a_fan_out_that_is_missing():
    a = Value(0.3, "a")
    left, right = exp(a), sigmoid(a)
    left.label, right.label = "left", "right"
    loss = left * 2.0 + right * 5.0
    only_left = 2 * math.exp(0.3)
    (row,) = diagnose(loss, {"a": a}, {"a": only_left}).faults
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
    (row,) = diagnose(loss, {"w": network.connections[1].weight}, {"w": theirs}).faults
    slopes = [o.data * (1 - o.data) for o in outputs]
    described = {f"dout{id}/dnet{id} = {slope:.6g}" for id, slope in zip((4, 5), slopes, strict=True)}
    assert row.finding.startswith("lacks the factor ")
    assert set(row.finding.removeprefix("lacks the factor ").split(", ")) == described


def test_every_parameter_needs_its_number():
    c = Chain()
    with pytest.raises(ValueError, match="must go with each parameter: v, w has no other"):
        diagnose(c.loss, c.parameters, {"u": 1.0, "b": 1.0, "w": 1.0})


def test_the_table():
    c = Chain()
    text = str(diagnose(c.loss, c.parameters, c.right() | {"u": 0.0}))
    lines = text.splitlines()
    assert lines[0].split() == ["parameter", "true", "hand-written"]
    assert lines[1].endswith("never set: it is 0")
    assert len({len(line[: line.rindex("agrees")]) for line in lines[2:]}) == 1
    assert str(diagnose(c.loss, {}, {})) == lines[0]


# ---- several steps ---------------------------------------------------------------------------------------------------


def losses(
    samples: list[tuple[float, float]], rate: float = 0.3
) -> tuple[list[Value], dict[str, Value], list[dict[str, float]]]:
    """A right run of sigmoid(v · sigmoid(u · x + b)): its losses, its parameters and its true derivatives."""
    parameters = {"u": Value(0.5, "u"), "b": Value(-0.3, "b"), "v": Value(1.7, "v")}
    recorded, slopes = [], []
    for x, y in samples:
        h = sigmoid(parameters["u"] * x + parameters["b"])
        h.label = "h"
        recorded.append((sigmoid(parameters["v"] * h) - y) ** 2)
        slopes.append(dict(zip(parameters, gradients(recorded[-1], parameters.values()), strict=True)))
        for name, parameter in parameters.items():
            parameter.data -= rate * slopes[-1][name]
    return recorded, parameters, slopes


SAMPLES = [(0.7, 0.2), (-0.4, 0.9), (1.3, 0.4)]


def test_right_steps_agree():
    recorded, parameters, slopes = losses(SAMPLES)
    found = diagnose(recorded, parameters, slopes)
    assert found
    assert found.step is None


def test_gradients_that_are_never_reset():
    recorded, parameters, slopes = losses(SAMPLES)
    summed = [{name: sum(one[name] for one in slopes[: t + 1]) for name in parameters} for t in range(3)]
    found = diagnose(recorded, parameters, summed)
    assert found.step == 1
    assert found.kinds == [RESET]
    assert {row.finding for row in found.faults} == {"is the sum over all 2 steps so far: never reset"}


def test_a_factor_that_is_never_reset():
    recorded, parameters, slopes = losses(SAMPLES)
    back = [gradients(loss, [parameters["u"], parameters["b"]]) for loss in recorded]
    assert [pair[1] for pair in back] == [one["b"] for one in slopes]
    total, claimed = 0.0, []
    for loss, slope in zip(recorded, slopes, strict=True):
        h = next(node for node in topological(loss) if node.label == "h")
        (to_h,) = gradients(loss, [h])
        total += to_h
        own = h.data * (1 - h.data)
        x = slope["u"] / slope["b"]
        claimed.append(slope | {"u": total * own * x, "b": total * own})
    found = diagnose(recorded, parameters, claimed)
    assert (found.step, found.kinds) == (1, [RESET])
    assert [row.name for row in found.faults] == ["u", "b"]
    assert found.faults[0].finding == "has what comes back to h summed over all steps: never reset"


def test_gradients_of_the_point_before_or_after():
    recorded, parameters, slopes = losses([SAMPLES[0]] * 3)
    late = [slopes[0], slopes[0], slopes[1]]
    found = diagnose(recorded, parameters, late)
    assert (found.step, found.kinds) == (1, [BEFORE])
    early = [slopes[1], slopes[2], slopes[2]]
    found = diagnose(recorded, parameters, early)
    assert (found.step, found.kinds) == (0, [AFTER])


def test_a_stored_input_that_forward_did_not_use():
    x, w1, w2 = Value(0.7, "x"), Value(0.4, "w1"), Value(-1.3, "w2")
    inner = x * w1
    inner.label = "inner"
    loss = (inner * w2 - 2.0) ** 2
    true = dict(zip(("w1", "w2"), gradients(loss, [w1, w2]), strict=True))
    found = diagnose(loss, {"w1": w1, "w2": w2}, true | {"w2": true["w2"] / inner.data * x.data})
    assert found.kinds == [STORED]
    assert found.faults[0].finding == "is taken with the input 0.7 (x), where forward used 0.28"


def test_a_masked_edge_that_passes_gradient_back():
    network = Network.layered(2, 2, 2, seed=4)
    for parameter in network.parameters():
        parameter.data += 0.3
    off = next(i for i, c in network.connections.items() if (c.source, c.target) == (2, 5))
    network.mask([i for i in network.connections if i != off])
    outputs = network.activate([0.4, 0.9])
    loss = half_squared(outputs, [1.0, 0.3])
    parameters = dict(network.named_parameters())
    true = dict(zip(parameters, gradients(loss, parameters.values()), strict=True))
    (hidden,) = [node for node in topological(loss) if node.label == "out2"]
    delta = (outputs[1].data - 0.3) * outputs[1].data * (1 - outputs[1].data)
    more = delta * network.connections[off].weight.data * hidden.data * (1 - hidden.data)
    claimed = true | {"w0->2": true["w0->2"] + more * 0.4, "w1->2": true["w1->2"] + more * 0.9, "b2": true["b2"] + more}
    found = diagnose(loss, parameters, claimed)
    assert found.kinds == [MASK]
    assert {row.name for row in found.faults} == {"w0->2", "w1->2", "b2"}
    assert "along w2->5: the loss does not depend on that" in found.faults[0].finding


def test_what_cannot_be_explained_is_said_to_be_so():
    c = Chain()
    true = c.right()
    assert c.finding(u=true["u"] * 1.2345678) == {
        "u": f"unexplained, off by {true['u'] * 0.2345678:.6g}; 1.23457 times the true one"
    }


def test_steps_that_do_not_fit():
    recorded, parameters, slopes = losses(SAMPLES)
    with pytest.raises(ValueError, match="3 losses, 2 claims"):
        diagnose(recorded, parameters, slopes[:2])
    with pytest.raises(TypeError, match="diagnose takes a dict of parameters, not list"):
        diagnose(recorded[0], [], {})


# ---- programs on trial -----------------------------------------------------------------------------------------------


def test_early_updates_are_told_in_the_network_worked_by_hand():
    w = dict(zip([f"w{i}" for i in range(1, 9)], demo.WEIGHTS, strict=True))

    def step(i: int, early: bool) -> None:
        q = demo.network([w[f"w{k}"] for k in range(1, 9)])
        d1, d2 = ((q[f"out_o{k}"] - t) * q[f"out_o{k}"] * (1 - q[f"out_o{k}"]) for k, t in ((1, 0.01), (2, 0.99)))
        h1, h2 = q["out_h1"], q["out_h2"]
        moved = {"w5": d1 * h1, "w6": d1 * h2, "w7": d2 * h1, "w8": d2 * h2}
        old = dict(w)
        for name, slope in moved.items():
            w[name] -= 0.5 * slope
        v = w if early else old
        e1 = (d1 * v["w5"] + d2 * v["w7"]) * h1 * (1 - h1)
        e2 = (d1 * v["w6"] + d2 * v["w8"]) * h2 * (1 - h2)
        for name, slope in {"w1": e1 * 0.05, "w2": e1 * 0.1, "w3": e2 * 0.05, "w4": e2 * 0.1}.items():
            w[name] -= 0.5 * slope

    def loss(values: dict[str, Value], i: int) -> Value:
        return demo.network(list(values.values()))["E"]

    right = on_trial(lambda i: step(i, False), lambda: w, loss, steps=5)
    assert right
    assert (right.rate, right.kind) == (0.5, "")
    w.update(zip(w, demo.WEIGHTS, strict=True))
    found = on_trial(lambda i: step(i, True), lambda: w, loss, steps=5)
    assert (found.step, found.kind) == (0, EARLY)
    assert demo.agrees(demo.energy(*w.values()), ".291027924")  # one step further, at the published figure
    assert found.diagnosis is not None
    assert {row.name: row.finding for row in found.diagnosis.faults} == {
        name: f"is taken through {through} as it is after the update"
        for name, through in zip(("w1", "w2", "w3", "w4"), ("w5, w7", "w5, w7", "w6, w8", "w6, w8"), strict=True)
    }
    assert str(found).startswith("step 0 parts at w1, w2, w3, w4 (4 of 8 parameters): updated too early\n")


def test_a_backward_pass_that_is_not_that_of_the_forward_pass_is_told():
    import numpy as np

    random = np.random.RandomState(5)
    w = {f"w{i}": float(random.random_sample()) for i in range(10)}
    x, y = 5.0, 7.0

    def step(i: int) -> None:
        for name in w:
            out = x * w[name]  # every neuron sees x, and the last one's output counts
        back = 2 * (out - y)
        for name in reversed(w):
            slope, back = back * x, back * w[name]
            w[name] -= 0.01 * slope

    start = dict(w)
    found = on_trial(step, lambda: w, lambda values, i: (values["w9"] * x - y) ** 2, steps=20)
    assert (found.step, found.kind) == (0, STORED)
    assert found.diagnosis is not None
    assert [row.name for row in found.diagnosis.faults] == [f"w{i}" for i in range(9)]
    for i in range(1, 20):
        step(i)
    assert (f"{start['w9']:.4f}", f"{w['w9']:.4f}") == ("0.1877", "1.4000")
    assert all(w[name] != start[name] for name in w)  # all ten have moved, nine of them for nothing


class ByHand:
    """A 2-2-1 network of logistic units in plain floats, with faults to be switched on."""

    def __init__(self, fault: str = "", seed: int = 0) -> None:
        rng = random.Random(seed)
        names = ("u11", "u12", "u21", "u22", "b1", "b2", "v1", "v2", "c")
        self.w = {name: rng.uniform(-1, 1) for name in names}
        self.samples = [((rng.uniform(-1, 1), rng.uniform(-1, 1)), rng.uniform(0, 1)) for _ in range(6)]
        self.fault, self.error, self.rate = fault, [0.0, 0.0], rng.choice([0.01, 0.1, 0.5, 1.0])

    def slopes(self, i: int) -> dict[str, float]:
        (x1, x2), target = self.samples[i % 6]
        w = self.w
        h = [logistic(w[f"u{j}1"] * x1 + w[f"u{j}2"] * x2 + w[f"b{j}"]) for j in (1, 2)]
        out = logistic(w["v1"] * h[0] + w["v2"] * h[1] + w["c"])
        delta = (out - target) * out * (1 - out)
        g = {"v1": delta * h[0], "v2": delta * h[1], "c": delta}
        for j in (0, 1):
            back = (out - target if self.fault == "slope" else delta) * w[f"v{j + 1}"]
            self.error[j] = back + (self.error[j] if self.fault == "reset" else 0.0)
            own = self.error[j] * h[j] * (1 - h[j])
            g |= {f"u{j + 1}1": own * x1, f"u{j + 1}2": own * x2, f"b{j + 1}": own}
        if self.fault == "odd":
            g["u11"] *= 1 + h[0] ** 3
        return g

    def step(self, i: int) -> None:
        slopes = self.slopes(i)
        for name in self.w:
            self.w[name] -= self.rate * slopes[name]

    def loss(self, v: dict[str, Value], i: int) -> Value:
        (x1, x2), target = self.samples[i % 6]
        h = [sigmoid(v[f"u{j}1"] * x1 + v[f"u{j}2"] * x2 + v[f"b{j}"]) for j in (1, 2)]
        return (sigmoid(v["v1"] * h[0] + v["v2"] * h[1] + v["c"]) - target) ** 2 / 2

    def trial(self) -> Verdict:
        return on_trial(self.step, lambda: self.w, self.loss, steps=3)


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_nothing_is_named_in_a_thousand_right_programs():
    for seed in range(1000):
        program = ByHand(seed=seed)
        found = program.trial()
        assert found, (seed, str(found))
        assert found.rate == program.rate


@pytest.mark.parametrize(
    ("fault", "kind", "step"), [("reset", RESET, 1), ("slope", FACTOR, 0), ("odd", UNEXPLAINED, 0)]
)
def test_faults_of_programs_are_told_apart(fault: str, kind: str, step: int):
    told = 0
    for seed in range(100):
        found = ByHand(fault, seed).trial()
        assert not found
        assert found.step == step
        told += found.kind == kind
    assert told >= 98


@pytest.mark.parametrize("seed", range(20))
def test_a_neuron_whose_only_edge_is_off_and_that_learns_all_the_same(seed: int):
    """The loss depends on nothing of it, and what is claimed of it is what would come back if the edge were on."""
    program = ByHand(seed=seed)

    def loss(v: dict[str, Value], i: int) -> Value:
        (x1, x2), target = program.samples[i % 6]
        h = sigmoid(v["u11"] * x1 + v["u12"] * x2 + v["b1"])
        return (sigmoid(v["v1"] * h + v["c"]) - target) ** 2 / 2

    def step(i: int) -> None:
        w, ((x1, x2), target) = program.w, program.samples[i % 6]
        h = [logistic(w[f"u{j}1"] * x1 + w[f"u{j}2"] * x2 + w[f"b{j}"]) for j in (1, 2)]
        out = logistic(w["v1"] * h[0] + w["c"])
        delta = (out - target) * out * (1 - out)
        slopes = {"v1": delta * h[0], "v2": delta * h[1], "c": delta}
        for j in (1, 2):
            own = delta * w[f"v{j}"] * h[j - 1] * (1 - h[j - 1])
            slopes |= {f"u{j}1": own * x1, f"u{j}2": own * x2, f"b{j}": own}
        for name in w:
            w[name] -= program.rate * slopes[name]

    found = on_trial(step, lambda: program.w, loss, rate=program.rate)
    assert (found.step, found.kind) == (0, MASK)
    assert found.diagnosis is not None
    assert {row.name: row.kind for row in found.diagnosis.faults} == dict.fromkeys(("v2", "u21", "u22", "b2"), MASK)


def test_what_moves_for_nothing_is_no_masked_edge_for_that():
    """Weights that decay, though the loss does not depend on them."""
    w = {"a": 0.7, "b": -1.3, "c": 0.4}

    def step(i: int) -> None:
        error = w["a"] * 0.6 - 1.0
        w["a"] -= 0.1 * error * 0.6
        w["b"] -= 0.1 * 0.01 * w["b"]
        w["c"] -= 0.1 * 0.01 * w["c"]

    found = on_trial(step, lambda: w, lambda v, i: (v["a"] * 0.6 - 1.0) ** 2 / 2, rate=0.1)
    assert (found.step, found.kind) == (0, OTHER)


def test_nothing_to_judge():
    with pytest.raises(ValueError, match="no parameter moved in 2 steps"):
        on_trial(lambda i: None, lambda: {"a": 1.0}, lambda v, i: v["a"] * 2.0, steps=2)
    with pytest.raises(TypeError, match="loss must return a Value"):
        on_trial(lambda i: None, lambda: {"a": 1.0}, lambda v, i: 2.0)  # type: ignore[arg-type,return-value]  # the point


# ---- the first number that is not finite -----------------------------------------------------------------------------


def test_the_first_operation_that_is_not_finite_with_its_line():
    x = Value(1e200, "x")
    with trace_lines():
        square = x * 2.0
        big = square * square  # this one
        nothing = big - big
    found = why_not_finite(nothing + 1.0)
    assert found is not None
    assert found.operation == "mul(2e+200, 2e+200)"
    assert found.result == "inf"
    name, _, line = found.line.rpartition(":")
    assert name == __file__
    assert "# this one" in linecache.getline(name, int(line))
    assert why_not_finite(x * 1.0) is None
    again = x * x
    assert str(why_not_finite(again)) == "mul(x=1e+200, x=1e+200) = inf"


def test_lines_after_a_call_are_those_of_the_caller():
    def half(x: Value) -> Value:
        return x * 0.5

    x = Value(1e200, "x")
    with trace_lines():
        y = (
            half(x)
            * half(x)
        )  # fmt: skip
        z = half(x) * x
    found = why_not_finite(y)
    assert found is not None
    assert "half(x)" in linecache.getline(__file__, int(found.line.rpartition(":")[2]))
    found = why_not_finite(z)
    assert found is not None
    assert "z = half(x) * x" in linecache.getline(__file__, int(found.line.rpartition(":")[2]))


def test_a_derivative_that_is_not_finite():
    x = Value(1e-300, "x")
    found = why_not_finite(x * 1e200 * 1e200)
    assert found is not None
    assert found.backward
    assert not x.has_grad
    assert "derivative by" in str(found)


def test_the_tracer_that_was_there_is_there_again():
    before = sys.gettrace()
    with trace_lines():
        pass
    assert sys.gettrace() is before
