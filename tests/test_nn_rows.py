"""Rows as they come: tables of any library by their rows, and a clear refusal of what has none."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autograd import Value, diagnose
from nn import (
    MLP,
    Layer,
    Network,
    Neuron,
    evaluate,
    fit,
    half_squared,
    mean_squared,
    predict,
    softmax_cross_entropy,
)
from nn.rows import listed

INPUTS = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.5], [-2.0, 3.0, 1.0], [0.0, 1.0, 0.5]]
TARGETS = [0.5, -0.25, 1.0, 2.0]


class Frame:
    """What offers ``to_numpy`` and nothing else, iterating over its columns' names."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __iter__(self) -> Any:
        return iter(range(np.asarray(self.rows).shape[-1]))

    def to_numpy(self) -> Any:
        return np.asarray(self.rows)


class Tensor:
    """What offers ``__array__`` and nothing else."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.rows, dtype)


def polars(rows: Any) -> Any:
    frames = pytest.importorskip("polars", reason="polars is not installed")
    return frames.DataFrame(rows, orient="row") if isinstance(rows[0], list) else frames.Series(rows)


def arrow(rows: Any) -> Any:
    tables = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    return (
        tables.table(list(map(list, zip(*rows, strict=True))), "abc")
        if isinstance(rows[0], list)
        else tables.array(rows)
    )


def torch(rows: Any) -> Any:
    return pytest.importorskip("torch", reason="torch is not installed").tensor(rows, dtype=float)


KINDS: dict[str, Callable[[Any], Any]] = {
    "frame": lambda rows: (
        pd.DataFrame(rows) if isinstance(rows[0], list) else pd.Series(rows, index=range(len(rows), 0, -1))
    ),
    "named frame": lambda rows: (
        pd.DataFrame(rows, columns=["x", "y", "z"]) if isinstance(rows[0], list) else pd.Series(rows)
    ),
    "objects": lambda rows: (
        pd.DataFrame(rows).astype(object) if isinstance(rows[0], list) else pd.Series(rows, dtype=object)
    ),
    "array": np.array,
    "tuples": lambda rows: tuple(map(tuple, rows)) if isinstance(rows[0], list) else tuple(rows),
    "deque": deque,
    "generator": lambda rows: (row for row in rows),
    "rows of a frame": lambda rows: [pd.Series(row) if isinstance(row, list) else row for row in rows],
    "to_numpy": Frame,
    "__array__": Tensor,
    "polars": polars,
    "arrow": arrow,
    "torch": torch,
}


def model() -> MLP[Value]:
    return MLP(3, [4, 1], seed=5)


@pytest.mark.parametrize("kind", KINDS)
def test_training_and_its_like_take_rows_as_they_come(kind: str) -> None:
    make = KINDS[kind]
    plain, other = model(), model()
    wanted = fit(plain, INPUTS, TARGETS, epochs=3, batch_size=2, validation=(INPUTS, TARGETS))
    given = fit(other, make(INPUTS), make(TARGETS), epochs=3, batch_size=2, validation=(make(INPUTS), make(TARGETS)))
    assert (given.loss, given.validation_loss) == (wanted.loss, wanted.validation_loss)
    assert other.state_dict() == plain.state_dict()
    assert predict(other, make(INPUTS)) == predict(plain, INPUTS)
    assert evaluate(other, make(INPUTS), make(TARGETS)) == evaluate(plain, INPUTS, TARGETS)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("arrow", "rows of a frame")])
def test_models_and_losses_take_rows_as_they_come(kind: str) -> None:
    row = KINDS[kind]
    xs = INPUTS[0]
    for network in (model(), Neuron(3, seed=1), Layer(3, 2, seed=1), Network.layered(3, 1, seed=1)):
        assert repr(network(row(xs))) == repr(network(xs))
    outputs = Layer(3, 4, seed=1)(xs)
    for loss in (half_squared, mean_squared):
        assert loss(outputs, row(TARGETS)).data == loss(outputs, TARGETS).data
    shares = [0.5, 0.25, 0.125, 0.125]
    assert softmax_cross_entropy(outputs, row(shares)).data == softmax_cross_entropy(outputs, shares).data


def test_a_frame_is_not_trained_on_the_names_of_its_columns() -> None:
    frame = pd.DataFrame(INPUTS)  # whose columns are 0, 1, 2, as many as a row has numbers
    assert listed("rows", frame) == INPUTS
    assert predict(MLP(3, [1], seed=0), frame) != [predict(MLP(3, [1], seed=0), [[0, 1, 2]])[0]] * 4
    assert len(predict(MLP(3, [1], seed=0), frame)) == 4


class Text(str):
    pass


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({0: 1.0, 1: 2.0}, "not a dict: its keys would be taken: give list"),
        (OrderedDict({0: 1.0}), "not a OrderedDict: give a list"),
        ({0.0, 1.0, 2.0}, "not a set: it has no order: give a list"),
        (frozenset([1.0]), "not a frozenset: give a list"),
        ({0: 1.0}.keys(), "not a dict_keys: give a list"),
        ("123", "not a str: give a list"),
        (b"123", "not a bytes: give a list"),
        (Text("12"), "not a Text: give a list"),
        (np.array(["2020-01-01"], "M8[ns]"), "ndarray holds datetime64[ns], not numbers"),
        (pd.Series(pd.to_timedelta([1], "s")), "Series holds timedelta64"),
        (object(), "not a object"),
    ],
)
def test_what_has_no_rows_is_refused_by_name(data: Any, message: str) -> None:
    plain = model()
    before = plain.state_dict()
    outputs = Layer(3, 4, seed=1)(INPUTS[0])
    for call in (
        lambda: fit(plain, data, TARGETS),
        lambda: fit(plain, INPUTS, data),
        lambda: fit(plain, [data], [1.0]),
        lambda: fit(plain, INPUTS[:1], [data]),
        lambda: fit(plain, INPUTS, TARGETS, validation=(data, TARGETS)),
        lambda: evaluate(plain, data, TARGETS),
        lambda: predict(plain, data),
        lambda: predict(plain, [data]),
        lambda: plain(data),
        lambda: Neuron(3)(data),
        lambda: Layer(3, 2)(data),
        lambda: Network.layered(3, 1)(data),
        lambda: half_squared(outputs, data),
        lambda: softmax_cross_entropy(outputs, data),
    ):
        with pytest.raises(TypeError) as refused:
            call()
        assert message in str(refused.value)
    assert plain.state_dict() == before


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": [1.0], "b": ["x"], "c": [2.0]}), "input 0 must be a number, not str 'x'"),
        (pd.DataFrame({"a": [1.0], "b": [None], "c": [2.0]}), "input 0"),
        (pd.DataFrame({"a": [1.0], "b": [float("nan")], "c": [2.0]}), "input 0 is nan, not a finite number"),
        (pd.DataFrame({"a": [1.0], "b": [pd.NA], "c": [2.0]}), "input 0 must be a number, not NAType <NA>"),
        (pd.DataFrame({"a": [1.0], "b": [1j], "c": [2.0]}), "input 0 must be a number, not complex"),
        (pd.DataFrame({"a": [1.0], "b": pd.to_datetime(["2020-01-01"]), "c": [2.0]}), "input 0 must be a number"),
        (np.ma.masked_array([[1.0, 2.0, 3.0]], [[0, 1, 0]]), "input 0 must be a number, not NoneType"),
    ],
)
def test_a_cell_that_is_no_number_is_told_with_its_row(frame: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predict(model(), frame)


def test_validation_is_a_share_or_a_pair() -> None:
    wanted = fit(model(), INPUTS, TARGETS, epochs=1, validation=(INPUTS, TARGETS))
    pair: Any = [INPUTS, TARGETS]  # as lists come from a file
    assert fit(model(), INPUTS, TARGETS, epochs=1, validation=pair).validation_loss == wanted.validation_loss
    wrongs: list[Any] = [pd.DataFrame(INPUTS), "0.2", None]
    for wrong in wrongs:
        with pytest.raises(TypeError, match="validation must be a share of the samples or a pair"):
            fit(model(), INPUTS, TARGETS, validation=wrong)


def test_hand_written_gradients_go_by_name() -> None:
    w = Value(2.0, "w")
    with pytest.raises(TypeError, match="diagnose takes a dict of hand-written derivatives, not Series"):
        diagnose(w * w, {"w": w}, pd.Series({"w": 4.0}))  # type: ignore[arg-type]  # the point
    assert diagnose(w * w, {"w": w}, pd.Series({"w": 4.0}).to_dict())
