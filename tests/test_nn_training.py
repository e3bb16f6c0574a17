"""fit: the path it takes against NumPy, when it stops, and what it says and leaves when a number goes wrong."""

import io
import math
import random
import signal
import sys
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd.math as am
from autograd import Value
from nn import (
    MLP,
    SGD,
    Adam,
    Dropout,
    History,
    Layer,
    Module,
    Network,
    Neuron,
    Sequential,
    accuracy,
    binary_cross_entropy,
    evaluate,
    fit,
    half_squared,
    hinge,
    mean_squared,
    predict,
    softmax_cross_entropy,
)

XOR = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
POINTS = [[0.5, 1.0], [-1.0, 0.3], [0.2, -0.7], [1.5, 0.1], [-0.4, -0.9]]
HEIGHTS = [1.0, -0.5, 0.2, 0.8, -1.3]


def line(w: float = 0.1, v: float = -0.2, b: float = 0.05) -> Neuron:
    model = Neuron(2, "linear", seed=0)
    model.load_state_dict({"w.0": w, "w.1": v, "b": b})
    return model


def numpy_line(order: list[list[int]], rate: float, l2: float = 0.0) -> tuple[list[float], list[float]]:
    """Gradient descent on mean half squared errors over the given batches, by hand: mean losses, and w, v, b."""
    xs = np.column_stack([POINTS, np.ones(5)])
    p, losses = np.array([0.1, -0.2, 0.05]), []
    for batch in order:
        x, t = xs[batch], np.array(HEIGHTS)[batch]
        error = x @ p - t
        losses.append(float(np.mean(error**2 / 2) + l2 * p @ p))
        p = p - rate * (x.T @ error / len(batch) + 2 * l2 * p)
    return losses, p.tolist()


# ---- the path --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("l2", [0.0, 0.03])
def test_full_batches_are_gradient_descent_on_the_mean(l2: float):
    model = line()
    history = fit(model, POINTS, HEIGHTS, optimizer=SGD(model.parameters(), 0.3), epochs=20, l2=l2)
    losses, parameters = numpy_line([[0, 1, 2, 3, 4]] * 20, 0.3, l2)
    assert history.loss == pytest.approx(losses, rel=1e-12)
    assert list(model.state_dict().values()) == pytest.approx(parameters, rel=1e-12)
    assert (history.stopped, history.validation_loss, history.interrupted) == ("epochs", [], False)


@pytest.mark.parametrize("size", [1, 2])
def test_batches_in_order_and_shuffled(size: int):
    for seed in (None, 11):
        order, batches = [0, 1, 2, 3, 4], []
        rng = random.Random(seed)
        for _ in range(4):
            if seed is not None:
                rng.shuffle(order)
            batches += [order[i : i + size] for i in range(0, 5, size)]
        model = line()
        optimizer = SGD(model.parameters(), 0.3)
        history = fit(model, POINTS, HEIGHTS, optimizer=optimizer, epochs=4, batch_size=size, seed=seed)
        losses, parameters = numpy_line(batches, 0.3)
        assert list(model.state_dict().values()) == pytest.approx(parameters, rel=1e-12)
        steps = len(batches) // 4
        per_epoch = [
            sum(loss * len(batch) for loss, batch in zip(losses[i : i + steps], batches[i : i + steps], strict=True))
            / 5
            for i in range(0, len(batches), steps)
        ]
        assert history.loss == pytest.approx(per_epoch, rel=1e-12)


def test_runs_repeat_with_their_seed_and_take_arrays():
    def run(seed: int, xs: Any, ts: Any) -> list[float]:
        model = line()
        return fit(model, xs, ts, epochs=3, batch_size=2, seed=seed).loss

    assert run(1, POINTS, HEIGHTS) == run(1, np.array(POINTS), np.array(HEIGHTS)) != run(2, POINTS, HEIGHTS)


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        (MLP(2, [4, 1], output="sigmoid", seed=0), half_squared),
        (MLP(2, [4, 1], seed=0), binary_cross_entropy),
        (MLP(2, [4, 1], seed=0), lambda o, t: hinge(o, 2 * t - 1)),
        (MLP(2, [4, 2], seed=0), softmax_cross_entropy),
        (Network.layered(2, 4, 1, seed=0), half_squared),
    ],
    ids=["sigmoid", "logit", "margin", "classes", "network"],
)
def test_xor_is_learned(model: Module, loss: Any):
    fit(model, *XOR, loss=loss, optimizer=Adam(model.parameters(), 0.05), epochs=300, batch_size=1)
    outputs = predict(model, XOR[0])
    if isinstance(model, Network):
        outputs = [y for (y,) in outputs]
    if loss is softmax_cross_entropy:
        classes = [int(b > a) for a, b in outputs]
    else:
        classes = [int(y > (0.5 if loss is half_squared else 0.0)) for y in outputs]
    assert classes == XOR[1]


def test_a_model_with_one_input_takes_plain_numbers():
    model = Neuron(1, "linear", seed=0)
    fit(model, [1.0, 2.0, True], [3.0, 5.0, 3.0], optimizer=SGD(model.parameters(), 0.3), epochs=1000)
    assert [p.data for p in model.parameters()] == pytest.approx([2.0, 1.0], abs=1e-6)
    assert predict(model, [10.0]) == pytest.approx([21.0], abs=1e-4)


def test_evaluate_and_predict():
    model = line()
    errors = [0.1 * x - 0.2 * y + 0.05 - t for (x, y), t in zip(POINTS, HEIGHTS, strict=True)]
    assert evaluate(model, POINTS, HEIGHTS) == pytest.approx(sum(e * e / 2 for e in errors) / 5, rel=1e-14)
    assert evaluate(model, POINTS, HEIGHTS, mean_squared) == pytest.approx(sum(e * e for e in errors) / 5, rel=1e-14)
    assert predict(model, POINTS[:1]) == pytest.approx([HEIGHTS[0] + errors[0]], rel=1e-14)
    assert [p.has_grad for p in model.parameters()] == [False] * 3
    assert predict(MLP(2, [2], seed=0), POINTS)[0] == [y.data for y in MLP(2, [2], seed=0)(POINTS[0])]


# ---- when it stops ---------------------------------------------------------------------------------------------------


def test_it_stops_at_the_goal():
    model = line()
    history = fit(model, POINTS, HEIGHTS, epochs=10_000, goal=0.1)
    assert history.stopped == "goal"
    assert history.loss[-1] <= 0.1 < history.loss[-2]


def test_it_stops_when_a_callback_returns_true_after_asking_all_of_them():
    calls: list[int] = []
    model = line()
    callbacks = [lambda h: len(h.loss) == 3, lambda h: calls.append(len(h.loss))]
    history = fit(model, POINTS, HEIGHTS, epochs=10, callbacks=callbacks)
    assert (history.stopped, len(history.loss), calls) == ("callback", 3, [1, 2, 3])


def test_patience_ends_with_the_best_parameters():
    model = line()
    # the rate grows until the steps overshoot: the loss falls, and then rises
    optimizer = SGD(model.parameters(), lambda step: 0.1 * 1.2**step)
    states = []
    history = fit(
        model,
        POINTS,
        HEIGHTS,
        optimizer=optimizer,
        epochs=1000,
        validation=(POINTS, HEIGHTS),
        patience=4,
        callbacks=[lambda _: states.append(model.state_dict())],
    )
    best = min(range(len(history.validation_loss)), key=history.validation_loss.__getitem__)
    assert history.stopped == "patience"
    assert len(history.loss) == best + 1 + 4
    assert model.state_dict() == states[best]
    assert evaluate(model, POINTS, HEIGHTS) == history.validation_loss[best]
    assert history.watched is history.validation_loss


def test_the_validation_split_holds_out_what_is_never_trained_on():
    seen: set[float] = set()

    class Spy(Neuron):
        training = True

        def __call__(self, inputs: Any, /) -> Any:
            seen.add(inputs[0])
            return super().__call__(inputs)

    model = Spy(1, "linear", seed=0)
    xs = [float(i) for i in range(20)]
    history = fit(model, xs, xs, optimizer=SGD(model.parameters(), 0.001), validation=0.25, epochs=1, batch_size=1)
    assert len(seen) == 20
    assert len(history.validation_loss) == 1
    # in the order given the last quarter is held out
    model = Spy(1, "linear", seed=0)
    optimizer = SGD(model.parameters(), 0.001)
    history = fit(model, xs, xs, optimizer=optimizer, validation=0.25, seed=None, epochs=1, batch_size=1)
    twin = Neuron(1, "linear", seed=0)
    expected = fit(twin, xs[:15], xs[:15], optimizer=SGD(twin.parameters(), 0.001), seed=None, epochs=1, batch_size=1)
    assert history.loss == expected.loss
    assert model.state_dict() == twin.state_dict()
    assert history.validation_loss == [evaluate(twin, xs[15:], xs[15:])]


def test_zero_epochs():
    model = line()
    before = model.state_dict()
    history = fit(model, POINTS, HEIGHTS, epochs=0)
    assert (history.loss, history.stopped, model.state_dict()) == ([], "epochs", before)
    assert repr(history) == "<History of 0 epochs: epochs>"


# ---- Ctrl-C ----------------------------------------------------------------------------------------------------------


def test_ctrl_c_leaves_the_model_as_after_the_last_step_and_the_history():
    calls = 0

    def loss(output: Value, target: float) -> Value:
        nonlocal calls
        calls += 1
        if calls == 13:  # the third epoch's third sample
            signal.raise_signal(signal.SIGINT)
        return half_squared(output, target)

    model, twin = line(), line()
    history = fit(model, POINTS, HEIGHTS, loss=loss, epochs=100, batch_size=1, seed=None)
    assert history.interrupted
    assert history.stopped == "interrupted"
    expected = fit(twin, POINTS, HEIGHTS, epochs=2, batch_size=1, seed=None)
    assert history.loss == expected.loss
    fit(twin, POINTS[:2], HEIGHTS[:2], epochs=1, batch_size=1, seed=None)
    assert model.state_dict() == twin.state_dict()


# ---- numbers that go wrong -------------------------------------------------------------------------------------------


CASES = {
    "an operation that raises": (
        lambda o, t: am.log(o) if t == 3.0 else o * 1.0,
        r"epoch 1, sample 3: ValueError: log\(-",
    ),
    "a derivative that raises": (
        lambda o, t: am.sqrt(o * 0.0) if t == 3.0 else o * 1.0,
        r"epoch 1, sample 3: ZeroDivisionError: sqrt\(-0\.0\) has no finite derivative",
    ),
    "an infinite loss": (
        lambda o, t: o * 1e200 * -1e200 if t == 3.0 else o * 1.0,
        r"epoch 1, sample 3: the loss is inf; first bad operation: mul\(-.*e\+199, -1e\+200\) = inf\. ",
    ),
    "a loss that is not a number": (
        lambda o, t: (o * 1e200 * -1e200) * 0.0 + 1.0 if t == 3.0 else o * 1.0,
        r"epoch 1, sample 3: the loss is nan; first bad operation: mul\(-.*e\+199, -1e\+200\) = inf\. ",
    ),
    "an infinite gradient": (
        lambda o, t: o * 1e-300 * 1e300 * 1e300 * 1e-10 if t == 3.0 else o * 1.0,
        r"sample 3: a gradient is not finite; first bad operation: mul\(-.*, 1e\+300\), .* is 1e\+300 times 1e\+290",
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("size", [1, 2, None])
def test_the_epoch_the_sample_and_the_first_bad_operation_are_named(case: str, size: int | None):
    loss, message = CASES[case]
    model, twin = line(b=-1.0), line(b=-1.0)
    xs, ts = POINTS, [0.0, 1.0, 2.0, 3.0, 4.0]
    with pytest.raises(FloatingPointError, match=message):
        fit(model, xs, ts, loss=loss, optimizer=SGD(model.parameters(), 0.01), batch_size=size, seed=None)
    if size is not None:  # the steps before it were made, the one that failed was not
        good = 3 if size == 1 else 2
        optimizer = SGD(twin.parameters(), 0.01)
        fit(twin, xs[:good], ts[:good], loss=loss, optimizer=optimizer, batch_size=size, seed=None, epochs=1)
    assert model.state_dict() == twin.state_dict()


def test_the_sample_is_named_as_it_was_given_when_shuffled():
    xs = [float(i) for i in range(10)]
    model = Neuron(1, "linear", bias="none", seed=0)
    with pytest.raises(FloatingPointError, match=r"epoch 1, sample 7: ValueError: log"):
        fit(model, xs, xs, loss=lambda o, t: am.log(o * 0.0) if t == 7.0 else o * 0.0, batch_size=1, seed=3)


def test_a_step_that_fails_is_told_with_its_batch():
    model = line()
    before = model.state_dict()
    with pytest.raises(FloatingPointError, match=r"epoch 1, sample 0 and 4 more in its batch: SGD, step 0, parameter"):
        fit(model, POINTS, [1e10] * 5, optimizer=SGD(model.parameters(), 1e300))
    assert model.state_dict() == before


def test_a_parameter_that_is_not_a_number_is_named():
    model = MLP(2, [2, 1], "relu", seed=0)
    model.parameters()[3].data = math.nan
    with pytest.raises(
        FloatingPointError, match=r"sample 0: the loss is nan; first bad operation: the number w0\.1\.0"
    ):
        fit(model, POINTS, HEIGHTS)


def test_a_long_operation_is_cut_short_in_the_message():
    model = Neuron(9, "linear", bias="none", seed=0)
    with pytest.raises(FloatingPointError, match=r"first bad operation: dot\((1.0, ){7}… 11 more\) = inf"):
        fit_with_ones(model)


def fit_with_ones(model: Neuron) -> None:
    for weight in model.w:
        weight.data = 1.0
    fit(model, [[1e308] * 9], [0.0])


def test_validation_that_goes_wrong_is_named():
    model = line()
    with pytest.raises(FloatingPointError, match="epoch 1, validation sample 1: the loss is inf"):
        fit(model, POINTS, HEIGHTS, validation=([[0.0, 0.0], [1e200, 0.0]], [0.0, 0.0]))
    with pytest.raises(FloatingPointError, match="epoch 1, sample 4, held out for validation: the loss is inf"):
        fit(model, [*POINTS[:4], [1e200, 0.0]], HEIGHTS, validation=0.2, seed=None)


def test_samples_that_do_not_fit_are_refused():
    model = line()
    for call, message in [
        (lambda: fit(model, POINTS, HEIGHTS[:4]), "each input needs a target: 5 inputs, 4 targets"),
        (lambda: fit(model, [], []), "each input needs a target: 0 inputs"),
        (lambda: fit(model, [[1.0, 2.0], [1.0]], [0, 0]), "^sample 1: .*takes 2 inputs, not 1"),
        (lambda: fit(model, [[1.0, math.nan]], [0]), "input 0 is nan, not a finite number"),
        (lambda: fit(model, [[1.0, "2"]], [0]), "input 0 must be a number, not str '2'"),
        (lambda: fit(model, [[1.0, 2.0]], [math.inf]), "target 0 is inf"),
        (
            lambda: fit(model, [[1.0, 2.0]] * 2, [0, [0, 1]]),
            "^sample 1: half_squared needs a target for each output: 1",
        ),
        (lambda: fit(model, POINTS, HEIGHTS, validation=([], [])), "each validation input needs a target: 0"),
        (lambda: fit(model, POINTS, HEIGHTS, validation=0.01), r"validation=0\.01 of 5 samples leaves none"),
        (lambda: fit(model, POINTS, HEIGHTS, validation=1.0), "leaves none"),
        (lambda: fit(model, POINTS, HEIGHTS, validation=-0.5), "leaves none"),
        (lambda: fit(model, POINTS, HEIGHTS, epochs=-1), "epochs must be at least 0"),
        (lambda: fit(model, POINTS, HEIGHTS, batch_size=0), "batch_size and patience at least 1"),
        (lambda: fit(model, POINTS, HEIGHTS, patience=0), "batch_size and patience at least 1"),
        (lambda: fit(model, POINTS, HEIGHTS, optimizer=SGD(line().parameters())), "not the model's"),
        (lambda: evaluate(model, POINTS, []), "5 inputs, 0 targets"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="the loss must be a Value"):
        fit(model, POINTS, HEIGHTS, loss=lambda o, t: 1.0)


# ---- the progress bar ------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_loss_and_time_left(monkeypatch: pytest.MonkeyPatch):
    import tqdm

    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    history = fit(line(), POINTS, HEIGHTS, epochs=3, validation=0.2)
    shown = terminal.getvalue().split("\r")[-1]
    assert "training: 100%" in shown
    assert f"loss {history.loss[-1]:.4g}, validation {history.validation_loss[-1]:.4g}" in shown
    assert "00:00<00:00" in shown


def test_nothing_is_shown_where_stderr_is_no_terminal(capfd: pytest.CaptureFixture[str]):
    fit(line(), POINTS, HEIGHTS, epochs=3)
    fit(line(), POINTS, HEIGHTS, epochs=3, progress=False)
    assert capfd.readouterr() == ("", "")


def test_without_tqdm_there_is_no_bar(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    fit(line(), POINTS, HEIGHTS, epochs=3)
    assert terminal.getvalue() == ""
    with pytest.raises(ImportError, match="pip install tqdm"):
        fit(line(), POINTS, HEIGHTS, epochs=3, progress=True)


# ---- the history -----------------------------------------------------------------------------------------------------


def test_a_history_plots_itself(tmp_path: Path):
    history = History([1.0, 0.5, 0.01], [1.1, 0.7, 0.2], "epochs")
    svg = history.svg()
    assert svg == history.svg()  # nothing in it depends on the day
    texts = [t.text for t in ET.fromstring(svg[svg.index("<svg") :]).iter("{http://www.w3.org/2000/svg}text")]
    assert {"epoch", "loss", "training", "validation"} <= set(texts)
    (axes,) = history.figure().axes
    assert axes.get_yscale() == "log"
    assert [list(drawn.get_ydata()) for drawn in axes.lines] == [history.loss, history.validation_loss]
    assert [list(drawn.get_xdata()) for drawn in axes.lines] == [[1, 2, 3]] * 2
    history.save(tmp_path / "loss.svg")
    assert (tmp_path / "loss.svg").read_text() == svg
    assert history._repr_mimebundle_()["image/svg+xml"] == svg
    with pytest.raises(ValueError, match=r"'loss\.png': the name must end in \.svg"):
        history.save(tmp_path / "loss.png")


def test_short_and_negative_histories_are_plotted_on_a_plain_scale():
    for losses in ([], [0.5], [1.0, 0.9], [1.0, -1.0], [1.0, 0.0]):
        (axes,) = History(losses).figure().axes
        assert axes.get_yscale() == "linear"
        assert History(losses).svg()


def test_without_matplotlib_the_history_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    history = History([1.0], [], "epochs")
    with pytest.raises(ImportError, match="pip install matplotlib"):
        history.svg()
    assert history._repr_mimebundle_() == {
        "text/plain": "<History of 1 epochs: loss 1, stopped by epochs>\n"
        "not drawn: a plot of the losses needs matplotlib: pip install matplotlib"
    }


def test_repr_of_a_history():
    text = "<History of 2 epochs: loss 0.5, validation 0.25, stopped by goal>"
    assert repr(History([1.0, 0.5], [0.75, 0.25], "goal")) == text


def test_losses_near_the_largest_float_are_plotted():
    assert "<svg" in History([0.7, 1.7e293, 6.8e299], [1.0, 1e308], "epochs").svg()


# ---- names, misfits, metrics -----------------------------------------------------------------------------------------


def test_names_of_losses_and_optimizers_are_taken():
    xs, ts = [[0.1], [0.9], [0.4]], [0.2, 1.8, 0.8]
    by_name, by_hand = MLP(1, [3, 1], seed=0), MLP(1, [3, 1], seed=0)
    a = fit(by_name, xs, ts, loss="mse", optimizer="adam", epochs=5)
    b = fit(by_hand, xs, ts, loss=mean_squared, optimizer=Adam(by_hand.parameters()), epochs=5)
    assert a.loss == b.loss
    assert evaluate(by_name, xs, ts, "mse") == evaluate(by_name, xs, ts, mean_squared)
    for options, kind, message in [
        ({"loss": "mae"}, ValueError, "no loss 'mae': give half_squared, mean_squared, mse"),
        ({"optimizer": "lbfgs"}, ValueError, "no optimizer 'lbfgs': give sgd, adam, adamw"),
        ({"optimizer": 0.1}, TypeError, 'optimizer must be "sgd", "adam", "adamw" or an Optimizer, not 0.1'),
        ({"metrics": ["f1"]}, ValueError, "no metric 'f1': give accuracy"),
    ]:
        with pytest.raises(kind, match=message):
            fit(by_name, xs, ts, **options)
    with pytest.raises(TypeError, match=r"Adam takes the parameters first, as in Adam\(model.parameters\(\), 0.01\)"):
        Adam(0.01)
    with pytest.raises(TypeError, match=r"MLP takes a list of layer sizes.* MLP\(4, \[16, 1\]\)"):
        MLP(4, 16)


def test_what_does_not_fit_is_a_value_error_and_changes_nothing():
    model = MLP(4, [1], seed=0)
    before = model.state_dict()
    for call, message in [
        (lambda: fit(model, [[1.0] * 3] * 6, [1.0] * 6), "epoch 1, sample 0: this MLP takes 4 inputs, not 3"),
        (lambda: fit(model, [[1.0] * 4], [[1.0, 2.0]]), "sample 0: half_squared needs a target for each output: 1"),
        (lambda: fit(model, [[1.0] * 4], [0.5], loss="hinge"), "sample 0: hinge takes targets -1 and 1, not 0.5"),
        (lambda: evaluate(model, [[1.0] * 3], [1.0]), "sample 0: this MLP takes 4 inputs, not 3"),
    ]:
        with pytest.raises(ValueError, match=message) as info:
            call()
        assert "rate" not in str(info.value)
    assert model.state_dict() == before


def test_inputs_of_a_large_scale_that_teach_nothing_are_warned_about():
    xs = [[float(i)] for i in range(100)]
    ts = [3 * x[0] + 5 for x in xs]
    with pytest.warns(RuntimeWarning, match="taught the model nothing about its inputs, which reach 99: scale them"):
        fit(MLP(1, [8, 1], seed=0), xs, ts, optimizer="adam", epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled = [[(x[0] - 49.5) / 28.9] for x in xs]
        fit(MLP(1, [8, 1], seed=0), scaled, [x[0] for x in scaled], optimizer="adam", epochs=1)
        line = MLP(1, [1], seed=0)  # large inputs, and learned from
        fit(line, xs, ts, optimizer=SGD(line.parameters(), 1e-4), epochs=1, batch_size=1)


def test_metrics_and_rates_are_kept():
    xs, ts = [[-1.0], [-0.5], [0.5], [1.0]], [0, 0, 1, 1]
    model = MLP(1, [2], seed=0)
    optimizer = Adam(model.parameters(), lambda step: 0.5 / (1 + step))
    seen = {"accuracy": accuracy, "first": lambda outputs, target: outputs[0]}
    history = fit(model, xs, ts, loss="cross_entropy", optimizer=optimizer, epochs=4, batch_size=2, metrics=seen)
    assert history.rate == [0.5 / 2, 0.5 / 4, 0.5 / 6, 0.5 / 8]  # of each epoch's last step
    assert history.metrics["first"][-1] == pytest.approx(sum(y[0] for y in predict(model, xs)) / 4)
    right = [max((0, 1), key=y.__getitem__) == t for y, t in zip(predict(model, xs), ts, strict=True)]
    assert history.metrics["accuracy"][-1] == sum(right) / 4
    assert repr(history).endswith(
        f", accuracy {sum(right) / 4:.6g}, first {history.metrics['first'][-1]:.6g}, stopped by epochs>"
    )
    assert accuracy([0.1, 0.7, 0.2], [0, 1, 0]) == 1.0
    assert [accuracy(z, t) for z, t in [(0.3, 1), (-0.3, 1), (-0.3, -1), (-2.0, 0)]] == [1.0, 0.0, 1.0, 1.0]


def test_dropout_is_off_in_validation_and_afterwards():
    model = Sequential(Layer(1, 4, seed=0), Dropout(0.5), Layer(4, 1, "linear", seed=1))
    xs, ts = [[0.5], [1.0]], [0.5, 1.0]
    still = SGD(model.parameters(), 0.0)
    history = fit(model, xs, ts, optimizer=still, epochs=5, validation=(xs, ts))
    assert len(set(history.loss)) > 1  # other nodes are dropped each time
    assert set(history.validation_loss) == {evaluate(model, xs, ts)}
    assert not model.training


@pytest.mark.parametrize("errors", ["warn", "raise"])
@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("x", [1e160, 1e-170])
def test_what_numpy_makes_of_large_and_small_numbers_is_not_heard(x: float, compile: bool, errors: Any):
    """The square of the weight is infinite, or 0; its slope is neither."""
    model = Layer(1, 1, "linear", bias=None, seed=0)
    (weight,) = model.parameters()
    weight.data = x
    with np.errstate(all=errors):
        history = fit(model, [[0.0], [0.0]], [0.0, 0.0], epochs=1, l2=1e-3, compile=compile)
    assert history.loss == [1e-3 * (x * x)]
    assert weight.data == x - 0.1 * (2 * 1e-3 * x)


@pytest.mark.parametrize("compile", [False, True])
def test_slopes_whose_sum_is_too_large_for_a_float_have_a_mean(compile: bool):
    model = Neuron(2, "linear", bias=None, seed=0)
    for weight in model.parameters():
        weight.data = 0.0
    rows = [[1.5e308, 1.0], [1.5e308, 2.0], [1.5e308, 6.0]]
    fit(
        model,
        rows,
        [0] * 3,
        loss=lambda y, t: 1.0 * y,
        optimizer=SGD(model.parameters(), 1e-3),
        epochs=1,
        compile=compile,
    )
    assert [weight.data for weight in model.parameters()] == pytest.approx([-1.5e305, -3e-3], rel=1e-15)


def test_an_epoch_that_ends_far_off_is_no_error():
    """The first epoch's loss is finite; those that a look at the scale of inputs takes after it are not."""
    model = Neuron(1, "linear", bias=None, seed=0)
    (weight,) = model.parameters()
    weight.data = 1.0
    history = fit(model, [[1e3], [2e3], [3e3]], [0.0, 0.0, 0.0], optimizer=SGD([weight], 1e200), epochs=1)
    assert math.isfinite(history.loss[0])
    with pytest.raises(FloatingPointError, match=r"^epoch 1, sample "):
        fit(model, [[1e3], [2e3], [3e3]], [0.0, 0.0, 0.0], epochs=1)
