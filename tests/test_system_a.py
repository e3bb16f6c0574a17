"""A chain of one-weight neurons and a fan-out: as published, with a loop that forgets the chain, and mended."""

import math

import numpy as np
import pytest

from autograd import Value, gradients
from nn import MLP, SGD, fit, mean_squared

pytestmark = pytest.mark.long  # without coverage's tracer, under which it takes minutes

X, Y = 5.0, 7.0


def weights() -> list[float]:
    legacy = np.random.RandomState(5)  # what np.random.seed(5) seeds
    return [legacy.random_sample() for _ in range(10)]


def chain(start: list[float]) -> MLP:
    model = MLP(1, [1] * len(start), activation="linear", bias="none")
    for parameter, weight in zip(model.parameters(), start, strict=True):
        parameter.data = weight
    return model


def train(model: MLP, rate: float, epochs: int, goal: float | None = None) -> list[float]:
    optimizer = SGD(model.parameters(), rate)
    return fit(model, [X], [Y], loss=mean_squared, optimizer=optimizer, epochs=epochs, goal=goal).loss


# ---- two neurons, and a fan-out --------------------------------------------------------------------------------------


def test_two_neurons_in_a_row():
    a, b = 0.8, 1.5
    model = chain([a, b])
    loss = mean_squared(model([X]), Y)
    assert loss.data == pytest.approx((a * b * X - Y) ** 2, rel=1e-15)
    d_a, d_b = gradients(loss, model.parameters())
    assert d_b == pytest.approx(2 * (a * X * b - Y) * (a * X), rel=1e-14)  # the outer function's × the input
    assert d_a == pytest.approx(2 * (a * X * b - Y) * b * X, rel=1e-14)  # the returns multiply back along the chain


def test_the_returns_of_a_fan_out_add_up():
    w, left, right = Value(0.5), Value(2.0), Value(-3.0)
    signal = w * X
    loss = (left * signal + right * signal - Y) ** 2
    (d_w,) = gradients(loss, [w])
    delta = 2 * (2.0 * 2.5 - 3.0 * 2.5 - Y)
    assert d_w == delta * 2.0 * X + delta * -3.0 * X


def test_the_smallest_graph_that_needs_an_order():
    a = Value(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert (c.data, a.grad, b.grad) == (12.0, 4.0, 2.0)


# ---- ten neurons -----------------------------------------------------------------------------------------------------


def test_as_published_the_last_neuron_sees_the_input_and_only_it_learns():
    """The forward loop sets its variable to x in every round, so that the output is the last weight times x."""
    start = weights()
    values = [Value(w) for w in start]

    def forward() -> Value:
        for w in values:
            signal = Value(X)
            out = signal * w
        return out

    outputs = []
    for _ in range(20):
        out = forward()
        outputs.append(out.data)
        loss = (out - Y) ** 2
        if len(outputs) == 1:
            assert out.data == pytest.approx(0.9386061433062581, rel=1e-14)
            assert loss.data == pytest.approx(36.74049548596463, rel=1e-14)
        slopes = gradients(loss, values)
        assert slopes[:-1] == [0.0] * 9  # nothing reaches the other nine
        for w, slope in zip(values, slopes, strict=True):
            w.data -= 0.01 * slope
    assert outputs[19] == pytest.approx(6.9999884, abs=5e-8)
    # each step halves the error, since 1 - 2 · rate · x² = 0.5: a rate that suits one factor of 5, and no more
    assert [Y - out for out in outputs] == pytest.approx([(Y - outputs[0]) * 0.5**k for k in range(20)], rel=1e-9)
    assert [w.data for w in values[:-1]] == start[:-1]


def test_mended_the_chain_starts_from_here():
    model = chain(weights())
    out = model([X])
    assert out.data == pytest.approx(0.001213099511939936, rel=1e-13)
    assert mean_squared(out, Y).data == pytest.approx(48.983018078443266, rel=1e-14)
    slopes = gradients(mean_squared(out, Y), model.parameters())
    assert slopes == pytest.approx([2 * (out.data - Y) * out.data / w for w in weights()], rel=1e-12)


def test_mended_the_published_rate_diverges():
    """97 passes go through, at the next one the loss is too large for a float: number 97, counted from 0."""
    model = chain(weights())
    losses: list[float] = []
    message = r"^epoch 98, sample 0: the loss is inf; first bad operation: dot\((3\.8\d*e\+168), \1\) = inf"
    with pytest.raises(FloatingPointError, match=message):
        fit(
            model,
            [X],
            [Y],
            loss=mean_squared,
            optimizer=SGD(model.parameters(), 0.01),
            epochs=200,
            callbacks=[lambda history: losses.append(history.loss[-1])],
        )
    assert len(losses) == 97
    assert all(map(math.isfinite, losses))
    # with floats alone, the same
    ws = weights()
    for passes in range(98):
        signals = [X]
        for w in ws:
            signals.append(signals[-1] * w)
        if passes == 97:
            with pytest.raises(OverflowError):
                (signals[-1] - Y) ** 2
            break
        back = 2 * (signals[-1] - Y)
        slopes = [0.0] * 10
        for i in reversed(range(10)):
            slopes[i], back = back * signals[i], back * ws[i]
        ws = [w - 0.01 * slope for w, slope in zip(ws, slopes, strict=True)]
    # and the model is as it was before the pass that failed
    assert [p.data for p in model.parameters()] == pytest.approx(ws, rel=1e-9)


@pytest.mark.parametrize(("rate", "passes"), [(0.002, 550), (0.001, 920)])
def test_mended_smaller_rates_converge(rate: float, passes: int):
    model = chain(weights())
    losses = train(model, rate, 2000, goal=1e-10)
    assert losses[-1] <= 1e-10
    assert len(losses) == pytest.approx(passes, abs=5)
    assert model([X]).data == pytest.approx(Y, abs=1e-4)
