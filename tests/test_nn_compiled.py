"""``fit`` and ``predict`` on compiled programs: the eager engine's numbers, errors and interruptions."""

from __future__ import annotations

import math as floats
import random
import signal
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, math, primitive
from autograd.compile import executors, recorder
from autograd.compile.captured import Captured, UnlikeError
from autograd.rows import TABLE
from nn import MLP, Adam, Dropout, Layer, Module, Network, Sequential, fit, predict

pytestmark = pytest.mark.skipif(not autograd.__native__, reason="fit compiles where the engine is compiled")

RNG = random.Random(0)
POINTS = [[RNG.uniform(-1, 1) for _ in range(3)] for _ in range(41)]
HEIGHTS = [x - y * z for x, y, z in POINTS]
SIGNS = [1 if t > 0 else -1 for t in HEIGHTS]
BITS = [int(t > 0) for t in HEIGHTS]
CLASSES = [int(2 * t) % 3 for t in HEIGHTS]
SHARES = [[0.2, 0.3, 0.5] if t > 0 else [0.0, 1.0, 0.0] for t in HEIGHTS]
TWO = [[t, -t] for t in HEIGHTS]

CASES = {
    "half_squared": (lambda: MLP(3, [5, 1], seed=0), HEIGHTS),
    "mean_squared": (lambda: MLP(3, [4, 4, 2], "gelu", seed=0), TWO),
    "hinge": (lambda: MLP(3, [6, 1], "relu", seed=0), SIGNS),
    "binary_cross_entropy": (lambda: MLP(3, [5, 1], "silu", seed=0), BITS),
    "logistic_cross_entropy": (lambda: MLP(3, [5, 1], "elu", "sigmoid", seed=0), BITS),
    "softmax_cross_entropy": (lambda: MLP(3, [5, 3], "leaky_relu", seed=0), CLASSES),
    "cross_entropy": (lambda: MLP(3, [5, 3], "softplus", bias="shared", seed=0), SHARES),
    "negative_log_likelihood": (lambda: MLP(3, [5, 3], "tanh", "softmax", seed=0), CLASSES),
    "mse": (lambda: Network.layered(3, 2, 1, seed=0), HEIGHTS),
}


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "WORTH", 1)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[Captured]:
    """The programs that were made, each as often as something was asked of it."""
    made: list[Captured] = []
    for name in ("sums", "results"):
        work = getattr(Captured, name)
        monkeypatch.setattr(Captured, name, lambda self, *given, work=work: (made.append(self), work(self, *given))[1])
    return made


def trained(model: Module, targets: Any, **options: Any) -> tuple[Any, ...]:
    history = fit(model, POINTS, targets, **options)
    return history.loss, history.validation_loss, history.metrics, model.state_dict()


@pytest.mark.parametrize("loss", nn.losses.LOSSES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_online_training_has_the_bits_of_the_eager_engine(loss: str, optimizer: str, programs: list[Captured]) -> None:
    make, targets = CASES[loss]
    options = {"loss": loss, "optimizer": optimizer, "epochs": 4, "batch_size": 1, "validation": 0.2, "l2": 1e-3}
    eager = trained(make(), targets, compile=False, **options)
    assert not programs
    assert trained(make(), targets, **options) == eager
    assert len(programs) > 100


@pytest.mark.parametrize("loss", nn.losses.LOSSES)
@pytest.mark.parametrize("size", [None, 7])
def test_batches_differ_from_it_by_the_order_of_sums(loss: str, size: int | None, programs: list[Captured]) -> None:
    make, targets = CASES[loss]
    options = {
        "loss": loss,
        "epochs": 6,
        "batch_size": size,
        "validation": 0.2,
        "metrics": {"first": lambda y, t: y[0] if isinstance(y, list) else y},
    }
    losses, held, metrics, state = trained(make(), targets, compile=False, **options)
    other_losses, other_held, other_metrics, other_state = trained(make(), targets, **options)
    assert programs
    assert other_losses == pytest.approx(losses, rel=1e-12)
    assert other_held == pytest.approx(held, rel=1e-12)
    assert other_metrics["first"] == pytest.approx(metrics["first"], rel=1e-11)
    assert other_state == pytest.approx(state, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("loss", CASES)
def test_predictions_have_its_bits(loss: str, programs: list[Captured], monkeypatch: pytest.MonkeyPatch) -> None:
    model = CASES[loss][0]()
    compiled = predict(model, POINTS)
    assert len(programs) == 1
    monkeypatch.setattr(recorder, "WORTH", 10**12)
    assert compiled == predict(model, POINTS)
    assert len(programs) == 1


def test_short_trainings_are_not_compiled(programs: list[Captured], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "WORTH", 1_000_000)
    trained(MLP(3, [5, 1], seed=0), HEIGHTS, epochs=2)
    assert not programs


def test_parameters_that_took_no_part_are_left_alone(programs: list[Captured]) -> None:
    def masked() -> Network:
        network = Network.layered(3, 2, 1, seed=0)
        network.mask([1, 2, 3, 5, 7])
        return network

    options = {"epochs": 5, "optimizer": "adamw", "batch_size": 1}
    assert trained(masked(), HEIGHTS, **options) == trained(masked(), HEIGHTS, compile=False, **options)
    assert programs


def test_what_a_callback_changes_is_seen(programs: list[Captured]) -> None:
    """A fixed bias is a constant of the program, and no parameter."""

    def run(compile: bool | None) -> Any:
        model = MLP(3, [4, 1], bias=[0.5, "neuron"], seed=0)

        def change(history: Any) -> None:
            for neuron in model.layers[0].neurons:
                neuron.b = 0.1 * len(history.loss)

        return trained(model, HEIGHTS, epochs=5, batch_size=1, callbacks=[change], compile=compile)

    assert run(None) == run(False)
    assert programs


@pytest.mark.parametrize("size", [1, None])
@pytest.mark.parametrize("kind", ["enabled", "mask", "activation", "scale"])
def test_what_a_callback_changes_is_seen_where_inputs_of_0_hide_it(
    kind: str, size: int | None, programs: list[Captured]
) -> None:
    """Whatever a weight and a factor are, of the first held-out sample they give what they gave before."""

    class Scaled(Module[list[Value]]):
        def __init__(self) -> None:
            self.network, self.scale = Network.layered(3, 2, 1, activation="relu", seed=0), 1.0

        def __call__(self, x: Any) -> list[Value]:
            return self.network([self.scale * a for a in x])

    def run(compile: bool) -> Any:
        model = Scaled()
        network = model.network

        def change(history: Any) -> None:
            on = len(history.loss) % 2 == 0
            if kind == "enabled":
                network.connections[1].enabled = on
            elif kind == "mask":
                network.mask(None if on else [2, 3, 4, 7, 8])
            elif kind == "activation":
                network.nodes[3].activation = autograd.math.relu if on else autograd.math.tanh
            else:
                model.scale = 1.0 + on

        held_out = ([[0.0, 0.0, 0.0], [0.5, 0.1, -0.7]], [0.0, 1.0])
        history = fit(
            model, POINTS, HEIGHTS, epochs=6, batch_size=size, callbacks=[change], validation=held_out,
            metrics={"output": lambda y, t: y[0]}, compile=compile,
        )  # fmt: skip
        return [*history.validation_loss, *history.metrics["output"]]

    assert run(True) == (run(False) if size == 1 else pytest.approx(run(False), rel=1e-12))
    assert programs


def test_what_is_infinite_where_it_is_recorded_is_left_to_the_eager_engine(programs: list[Captured]) -> None:
    """The hinge of an infinite product is 0."""

    class Large(Module[Value]):
        def __init__(self) -> None:
            self.w = Value(1e300)

        def __call__(self, x: Any) -> Value:
            return self.w * x[0] * 1e10

    def run(compile: bool) -> list[float]:
        samples = [[1.0], [2.0], [3.0]], [1, 1, 1]
        return fit(Large(), *samples, loss="hinge", epochs=2, batch_size=1, compile=compile).loss

    assert run(True) == run(False) == [0.0, 0.0]
    assert not programs


@pytest.mark.parametrize("p", [0.05, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_dropout_that_a_callback_begins_is_drawn_anew_for_each_sample(p: float, seed: int) -> None:
    """What is seldom dropped may well pass twice, when the model is recorded and looked at once more."""

    def run(compile: bool) -> Any:
        model = Sequential(Layer(3, 1, seed=0), Dropout(0.0, seed=seed), Layer(1, 1, "linear", seed=2))

        def change(history: Any) -> None:
            model.layers[1].p = p if len(history.loss) in (2, 3) else 0.0

        return trained(model, HEIGHTS, epochs=6, batch_size=1, callbacks=[change], compile=compile)

    assert run(True) == run(False)


def test_dropout_is_drawn_anew_for_each_sample(programs: list[Captured]) -> None:
    def model() -> Sequential:
        return Sequential(Layer(3, 8, seed=0), Dropout(0.5, seed=1), Layer(8, 1, "linear", seed=2))

    options = {"epochs": 3, "batch_size": 1, "validation": 0.25}
    for more in ({}, {"callbacks": [lambda history: None], "metrics": {"output": lambda y, t: y}}):
        eager = trained(model(), HEIGHTS, compile=False, **options, **more)
        assert trained(model(), HEIGHTS, **options, **more) == eager
        assert programs
    assert all(not program.by for program in programs)  # the held-out samples are computed by one, where nothing drops


@pytest.mark.parametrize("kind", ["schedule", "step", "limits", "interrupted"])
def test_who_looks_at_parameters_between_steps_sees_them(kind: str, programs: list[Captured]) -> None:
    """What steps and schedules of one's own see is what they would see of the eager engine."""

    class Watched(Adam):
        def step(self) -> None:
            seen.append((self.parameters[0].data, self.parameters[0].grad))
            super().step()

    class Interrupted(Adam):
        def _moved(self, *given: Any) -> Any:
            if self.steps == 70:  # in the second epoch
                raise KeyboardInterrupt
            return super()._moved(*given)

    def run(compile: bool | None) -> Any:
        seen.clear()
        model = MLP(3, [4, 1], seed=0)
        first = model.parameters()[0]

        def rate(step: int) -> float:
            seen.append(first.data)
            return 0.01 / (1 + abs(first.data))

        optimizer = {
            "schedule": lambda values: Adam(values, rate),
            "step": Watched,
            "limits": lambda values: Adam(values, clip_value=0.1, clip_norm=0.2),
            "interrupted": Interrupted,
        }[kind](model.parameters())
        result = trained(model, HEIGHTS, epochs=4, optimizer=optimizer, batch_size=1, l2=0.01, compile=compile)
        return result, list(seen), [(p.grad, p.has_grad) for p in model.parameters()]

    seen: list[Any] = []
    assert run(None) == run(False)
    assert programs


def test_a_way_that_a_batch_takes_anew_is_recorded_with_the_numbers_of_then(programs: list[Captured]) -> None:
    """Within an epoch relu's branches change as the parameters move."""

    def run(compile: bool | None) -> Any:
        model = MLP(3, [6, 1], "relu", output=lambda x: x * x if x > 0 else -x, seed=1)
        return trained(model, HEIGHTS, epochs=8, batch_size=1, compile=compile)

    assert run(True) == run(False)
    assert max(len(program.ways) for program in programs) > 1


class Counting(Module[Value]):
    """A model that does something beside."""

    def __init__(self) -> None:
        self.line = MLP(3, [1], seed=0)
        self._calls = 0

    def __call__(self, inputs: Any, /) -> Value:
        self._calls += 1
        return self.line(inputs)


class Noisy(Counting):
    def __call__(self, inputs: Any, /) -> Value:
        return super().__call__(inputs) + random.random()


def test_code_of_somebody_elses_runs_eagerly_unless_it_is_asked_for(programs: list[Captured]) -> None:
    model, twin = Counting(), Counting()
    eager = trained(model, HEIGHTS, epochs=3, batch_size=1)
    assert not programs
    assert model._calls == 3 * len(POINTS)
    assert trained(twin, HEIGHTS, epochs=3, batch_size=1, compile=True) == eager
    assert programs
    assert twin._calls < model._calls
    calls = []
    trained(MLP(3, [1], seed=0), HEIGHTS, loss=lambda y, t: (calls.append(t), (y - t) ** 2)[1], epochs=2)
    assert len(calls) == 2 * len(POINTS)


@pytest.mark.parametrize(
    "loss", [lambda y, t: (y - t) ** 2 * random.random(), lambda y, t: (y - int(str(t)[0] == "1")) ** 2 + len(str(t))]
)
def test_what_cannot_be_compiled_says_so_if_it_is_asked_for(loss: Any) -> None:
    model = MLP(3, [1], seed=0)
    before = model.state_dict()
    with pytest.raises(TypeError, match="cannot be compiled"):
        trained(model, HEIGHTS, loss=loss, compile=True)
    assert model.state_dict() == before


def test_noise_of_the_models_own_is_noticed() -> None:
    model = Noisy()
    with pytest.raises(TypeError, match="cannot be compiled"):
        trained(model, HEIGHTS, compile=True)
    captured = Captured(model, [(x,) for x in POINTS], model.parameters())
    with pytest.raises(UnlikeError):
        captured.results([0])


class Branching(Module[Value]):
    """Takes another way for each tenth of the first input."""

    def __init__(self) -> None:
        self.w = [Value(0.1 * k) for k in range(40)]

    def __call__(self, inputs: Any, /) -> Value:
        k = 0
        while k < 39 and inputs[0] > -1 + k / 20:
            k += 1
        return self.w[k] * inputs[1]


def test_branches_of_the_samples_are_taken_each(programs: list[Captured]) -> None:
    options = {"epochs": 4, "optimizer": "adam"}
    for size in (1, 8):
        losses, _, _, state = trained(Branching(), HEIGHTS, batch_size=size, compile=False, **options)
        assert not programs
        compiled = trained(Branching(), HEIGHTS, batch_size=size, compile=True, **options)
        assert compiled[0] == pytest.approx(losses, rel=1e-12)
        assert compiled[3] == pytest.approx(state, rel=1e-11)
        assert len(programs[-1].ways) > 10
        programs.clear()


def test_too_many_branches_are_left_to_the_eager_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.compile.captured.LIMIT", 5)
    eager = trained(Branching(), HEIGHTS, batch_size=1, epochs=3, compile=False)
    assert trained(Branching(), HEIGHTS, batch_size=1, epochs=3, compile=True) == eager


def error_of(work: Any) -> str:
    with pytest.raises((ValueError, FloatingPointError)) as caught:
        work()
    return f"{type(caught.value).__name__}: {caught.value}"


@pytest.mark.parametrize("size", [1, 5])
def test_errors_are_those_of_the_eager_engine(size: int) -> None:
    def diverging(compile: bool | None) -> tuple[str, Any]:
        model = MLP(3, [4, 1], "linear", seed=0)
        options = {"optimizer": nn.SGD(model.parameters(), 40.0), "batch_size": size, "epochs": 200, "compile": compile}
        return error_of(lambda: trained(model, HEIGHTS, **options)), model.state_dict()

    (said, state), (expected, other) = diverging(None), diverging(False)
    if size == 1:
        assert (said, state) == (expected, other)
    else:
        assert said.split(":")[:2] == expected.split(":")[:2]


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("wrong", [3, -1])
def test_a_class_that_is_none_is_told(wrong: int, size: int, programs: list[Captured]) -> None:
    classes = [*([0, 1, 2] * 12), *([wrong] * 5)]
    options = {"loss": "softmax_cross_entropy", "batch_size": size, "seed": None}
    said = [error_of(lambda c=c: trained(MLP(3, [3], seed=0), classes, compile=c, **options)) for c in (None, False)]
    assert programs
    assert said[0] == said[1]
    assert "sample 36" in said[0]


def test_ctrl_c_between_two_steps(programs: list[Captured]) -> None:
    def rate(step: int) -> float:
        if step == 100 and programs:
            signal.raise_signal(signal.SIGINT)
        return 0.1

    model, twin = MLP(3, [4, 1], seed=0), MLP(3, [4, 1], seed=0)
    history = fit(model, POINTS, HEIGHTS, optimizer=nn.SGD(model.parameters(), rate), batch_size=1, seed=None)
    assert history.interrupted
    assert len(history.loss) == 2
    fit(twin, POINTS, HEIGHTS, epochs=2, batch_size=1, seed=None, compile=False)
    fit(twin, POINTS[:18], HEIGHTS[:18], epochs=1, batch_size=1, seed=None, compile=False)
    assert model.state_dict() == twin.state_dict()


def sequences(count: int) -> tuple[list[list[float]], list[float]]:
    """Sequences of 2 to 6 numbers, and what an exponential mean of each comes to."""
    rng, rows, ends = random.Random(1), [], []
    for _ in range(count):
        row = [rng.uniform(-1, 1) for _ in range(rng.randint(2, 6))]
        mean = 0.0
        for x in row:
            mean = 0.7 * mean + 0.3 * x
        rows.append(row)
        ends.append(mean)
    return rows, ends


def memory() -> Network:
    network = Network([{"kind": "input"}, {"kind": "output", "activation": "linear"}])
    network.add_connection(0, 1, 0.1)
    network.add_connection(1, 1, 0.2, delay=1)
    return network


@pytest.mark.parametrize("size", [1, 8, None])
def test_samples_of_several_lengths_have_a_program_each(size: int | None, programs: list[Captured]) -> None:
    rows, ends = sequences(60)
    options: dict[str, Any] = {"optimizer": "adam", "epochs": 6, "batch_size": size, "validation": (rows[:9], ends[:9])}
    made = {how: memory() for how in (False, True)}
    eager, compiled = [fit(network, rows, ends, compile=how, **options) for how, network in made.items()]
    assert len({id(program) for program in programs}) == 5 + len({len(row) for row in rows[:9]})
    close = pytest.approx if size != 1 else lambda x, **_: x
    assert compiled.loss == close(eager.loss, rel=1e-12)
    assert made[True].state_dict() == close(made[False].state_dict(), rel=1e-12)
    programs.clear()
    outputs = predict(made[True], rows * 5)
    assert len({id(program) for program in programs}) == 5
    assert outputs == [[y.data for y in made[True](row)] for row in rows] * 5


def test_it_learns_from_sequences_of_several_lengths_what_made_them() -> None:
    network = memory()
    fit(network, *sequences(60), optimizer=Adam(network.parameters(), 0.05), epochs=200, batch_size=20)
    assert network.state_dict() == pytest.approx({"w0->1": 0.3, "w1->1@1": 0.7, "b1": 0.0}, abs=1e-6)


def test_many_lengths_of_few_samples_are_not_worth_programs(programs: list[Captured]) -> None:
    rows, ends = sequences(60)
    fit(memory(), rows, ends, epochs=4)  # 240 losses, and 250 would do for 5 lengths
    assert not programs
    fit(memory(), rows, ends, epochs=5)
    assert programs


def test_one_sample_of_another_length_is_named_before_any_step() -> None:
    model = MLP(3, [2, 1], seed=0)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"^sample 40: this MLP takes 3 inputs, not 2"):
        fit(model, [*POINTS[:40], [0.5, 0.5]], HEIGHTS, batch_size=1)
    held_out = [[1.0] * 3, [1.0]], [0.0, 0.0]
    with pytest.raises(ValueError, match=r"^validation sample 1: this MLP takes 3 inputs, not 1"):
        fit(model, POINTS, HEIGHTS, batch_size=1, validation=held_out)
    with pytest.raises(ValueError, match=r"^validation sample 0: this MLP takes 3 inputs, not 2"):
        fit(model, POINTS, HEIGHTS, batch_size=1, validation=([[1.0, 1.0]], [0.0]))
    strict = lambda ys, ts: math.sum([(a - b) ** 2 for a, b in zip([ys, ys], ts, strict=True)])  # noqa: E731  # of a user's
    with pytest.raises(FloatingPointError, match=r"^sample 1: ValueError: zip"):
        fit(model, POINTS[:2], [[0.0, 1.0], [0.0]], batch_size=1, seed=None, loss=strict)
    assert model.state_dict() == before


def test_large_inputs_of_several_lengths_need_no_target_of_another_sample() -> None:
    """Whether a model has learned anything is asked with the targets of other samples, which may not fit."""

    class Scaled(Module):
        def __init__(self) -> None:
            self.w = Value(0.3)

        def __call__(self, inputs: Any, /) -> Any:
            return [math.tanh(self.w * x) for x in inputs]

    rows, targets = [[10.0, 20.0], [30.0], [50.0, -40.0, 20.0]], [[0.1, 0.2], [0.3], [0.5, -0.4, 0.2]]
    history = fit(
        Scaled(), rows, targets, loss=lambda ys, ts: sum((y - ts[k]) ** 2 for k, y in enumerate(ys)), epochs=3
    )
    assert history.stopped == "epochs"


@pytest.mark.parametrize("how", [None, True])
def test_a_row_defined_anew_is_not_the_one_that_a_model_has(how: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine code, made later than the recording, calls the function that was recorded."""
    monkeypatch.setattr(executors, "PAYS", 50)

    def last(how: bool | None) -> Any:
        row = primitive("bent", lambda x: floats.sin(x) if x > -99 else 0.0, lambda y, x: math.cos(x))

        def again(history: Any) -> None:
            if len(history.loss) == 1:
                primitive("bent", lambda x: 5.0 if x > -99 else 0.0, lambda y, x: 0.0)

        model = MLP(1, [2, 1], activation=row, seed=0)
        xs = [[i / 100] for i in range(100)]
        return fit(model, xs, [x for (x,) in xs], epochs=5, batch_size=1, compile=how, callbacks=[again]).loss

    try:
        assert last(how) == last(False)
    finally:
        del TABLE["bent"]
