"""Modules: the order and names of parameters, and files that come back digit for digit or are refused."""

import json
import math
import os
import struct
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

import nn
from autograd import Value
from nn import MLP, Layer, Module, Network, Neuron


class Line(Module):
    """y = a x + b with its parameters in several kinds of containers."""

    def __init__(self, start: float = 0.0) -> None:
        self.start = start
        self.first = Value(start)
        self.nested = {"x": [Value(1.0), (Value(2.0), self.first)], "y": "no parameter"}
        self.inner = Neuron(2, seed=0)
        self._cache = Value(9.0)

    def __call__(self, inputs: list[float]) -> Value:
        return self.first * inputs[0]

    def architecture(self) -> dict[str, float]:
        return {"start": self.start}


def models() -> list[Module]:
    network = Network.layered(2, 3, 1, seed=3)
    network.split(2, activation="tanh")
    network.connections[4].enabled = False
    network.mask([1, 3, 4, 5, 6])
    return [
        Neuron(3, "relu", bias=0.25, seed=1),
        Layer(2, 3, "tanh", bias="shared", seed=2),
        MLP(2, [3, 2, 1], ["relu", "leaky_relu"], "sigmoid", bias=["neuron", "shared", "none"], seed=4),
        MLP(1, [1], bias=[-0.0]),
        network,
        Line(0.1),
    ]


def bits(model: Module) -> dict[str, bytes]:
    return {name: struct.pack("<d", x) for name, x in model.state_dict().items()}


# ---- parameters ------------------------------------------------------------------------------------------------------


def test_parameters_are_the_values_among_the_attributes_in_order_each_once():
    line = Line()
    names = ["first", "nested.x.0", "nested.x.1.0", "inner.w.0", "inner.w.1", "inner.b"]
    assert [name for name, _ in line.named_parameters()] == names
    assert line.parameters()[0] is line.first
    assert list(line.state_dict()) == names


def test_zero_grad_means_not_computed():
    line = Line(2.0)
    line([3.0]).backward()
    assert line.first.grad == 3.0
    line.zero_grad()
    assert [p.has_grad for p in line.parameters()] == [False] * 6


def test_a_module_without_a_call_says_so():
    with pytest.raises(NotImplementedError, match="Module must define __call__"):
        Module()([1.0])


def test_load_state_dict_sets_all_or_nothing():
    line = Line()
    state = {name: float(i) for i, name in enumerate(line.state_dict())}
    line.load_state_dict(state)
    assert line.state_dict() == state
    for change, message in [
        ({"first": None}, "lacks first"),
        ({"second": 1.0}, "has second"),
        ({"first": None, "second": 1.0}, "lacks first and has second"),
        ({"inner.b": math.nan}, "inner.b is nan"),
        ({"inner.b": -math.inf}, "inner.b is -inf"),
        ({"inner.b": "1.0"}, "inner.b must be a number, not str '1.0'"),
        ({"inner.b": 10**400}, "inner.b is 1000"),
    ]:
        wrong = {name: x for name, x in ({name: x + 1 for name, x in state.items()} | change).items() if x is not None}
        with pytest.raises(ValueError, match=message):
            line.load_state_dict(wrong)
        assert line.state_dict() == state


def test_many_wrong_names_are_counted():
    with pytest.raises(ValueError, match=r"13 parameters: it lacks layers\.0\.neurons\.0\.w\.0, .* and 10 more"):
        MLP(2, [3, 1]).load_state_dict({})


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", models(), ids=lambda model: type(model).__name__)
def test_a_saved_model_comes_back_bit_for_bit(model: Module, tmp_path: Path):
    path = tmp_path / "model.json"
    model.save(path)
    for loaded in (nn.load(path), type(model).load(path), Module.load(str(path))):
        assert type(loaded) is type(model)
        assert bits(loaded) == bits(model)
        assert loaded.architecture() == model.architecture()
        again = tmp_path / "again.json"
        loaded.save(again)
        assert again.read_bytes() == path.read_bytes()
    x = [0.3, -0.7, 1.1][: 3 if isinstance(model, Neuron) else 2]
    if isinstance(model, MLP) and model.n_in == 1:
        x = [0.3]
    ours, theirs = model(x), nn.load(path)(x)
    for y, z in zip(*[[r] if isinstance(r, Value) else r for r in (ours, theirs)], strict=True):
        assert struct.pack("<d", y.data) == struct.pack("<d", z.data)


class Scale(Module):
    """A model whose class needs no arguments."""

    def __init__(self) -> None:
        self.factor = Value(1.0)


def test_a_module_of_ones_own_needs_nothing_more(tmp_path: Path):
    scale = Scale()
    scale.factor.data = 0.1 + 0.2
    scale.save(tmp_path / "scale.json")
    assert nn.load(tmp_path / "scale.json").factor.data == 0.1 + 0.2


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
def test_every_finite_double_survives(tmp_path_factory: pytest.TempPathFactory, numbers: list[float]):
    path = tmp_path_factory.getbasetemp() / "double.json"
    model = MLP(3, [1], seed=0)
    for parameter, x in zip(model.parameters(), numbers, strict=True):
        parameter.data = x
    model.save(path)
    assert bits(nn.load(path)) == bits(model)


def test_a_parameter_that_is_not_finite_is_not_saved(tmp_path: Path):
    path = tmp_path / "model.json"
    model = MLP(1, [1], seed=0)
    model.save(path)
    before = path.read_bytes()
    model.parameters()[0].data = math.nan
    with pytest.raises(ValueError, match=r"layers.0.neurons.0.w.0 is nan"):
        model.save(path)
    assert path.read_bytes() == before


def test_an_activation_without_a_name_is_not_saved(tmp_path: Path):
    with pytest.raises(ValueError, match=r"define it with autograd\.primitive"):
        MLP(1, [1], output=lambda x: x * x).save(tmp_path / "model.json")
    assert list(tmp_path.iterdir()) == []


def test_a_crash_at_any_byte_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "model.json"
    old, new = MLP(2, [2, 1], seed=0), MLP(2, [2, 1], seed=1)
    old.save(path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        new.save(path)
    assert bits(nn.load(path)) == bits(old)


def test_every_truncation_is_refused(tmp_path: Path):
    whole = tmp_path / "model.json"
    MLP(1, [1], seed=0).save(whole)
    text = whole.read_bytes()
    part = tmp_path / "part.json"
    for length in range(len(text) - 2):  # without the last newline it is still whole
        part.write_bytes(text[:length])
        with pytest.raises(ValueError, match=r"part\.json is no saved model, or is cut short"):
            nn.load(part)


def changed(path: Path, **entries: object) -> dict[str, object]:
    return {**json.loads(path.read_text()), **entries}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2, and this program reads version 1"),
        ({"version": None}, "version None"),
        ({"format": "other"}, "is no saved model"),
        ({"kind": "Unknown"}, "holds a model of kind 'Unknown'"),
        ({"kind": 3}, "'kind' is missing or not a str"),
        ({"parameters": [1.0, 2.0]}, "'parameters' is missing or not a dict"),
        ({"architecture": None}, "'architecture' is missing or not a dict"),
        ({"architecture": {}}, "does not describe a MLP: .*missing"),
        ({"architecture": {"n_in": 1, "sizes": [1], "colour": 1}}, "does not describe a MLP: .*colour"),
        ({"architecture": {"n_in": 1, "sizes": [0]}}, "n_out must be a whole number"),
        ({"architecture": {"n_in": 1, "sizes": 5}}, "does not describe a MLP"),
        ({"architecture": {"n_in": 2, "sizes": [1]}}, r"3 parameters: it lacks layers\.0\.neurons\.0\.w\.1"),
        ({"architecture": {"n_in": 1, "sizes": [1], "output": "swish"}}, "no activation 'swish'"),
        ({"architecture": {"n_in": 1, "sizes": [1], "bias": 10**400}}, "does not describe a MLP"),
        ({"parameters": {"layers.0.neurons.0.w.0": 1.0}}, r"lacks layers\.0\.neurons\.0\.b"),
        ({"parameters": {"layers.0.neurons.0.w.0": 1.0, "layers.0.neurons.0.b": "1"}}, "b is '1', not a number"),
        ({"parameters": {"layers.0.neurons.0.w.0": [1.0], "layers.0.neurons.0.b": 1.0}}, r"w\.0 is \[1\.0\], not"),
        ({"parameters": {"layers.0.neurons.0.w.0": True, "layers.0.neurons.0.b": 1}}, "is True, not a number"),
    ],
    ids=lambda item: item if isinstance(item, str) else None,
)
def test_what_does_not_fit_is_refused(change: dict[str, object], message: str, tmp_path: Path):
    path = tmp_path / "model.json"
    MLP(1, [1], seed=0).save(path)
    path.write_text(json.dumps(changed(path, **change)))
    with pytest.raises(ValueError, match=message) as caught:
        nn.load(path)
    assert "model.json" in str(caught.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_not_finite_are_refused(number: str, tmp_path: Path):
    path = tmp_path / "model.json"
    model = MLP(1, [1], seed=0)
    model.parameters()[0].data = 0.125
    model.save(path)
    path.write_text(path.read_text().replace("0.125", number))
    with pytest.raises(ValueError, match="finite number"):
        nn.load(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[]", b"null", b"3", b"{}", b"[" * 100_000])
def test_other_files_are_refused(content: bytes, tmp_path: Path):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no saved model"):
        nn.load(path)


def test_a_name_that_occurs_twice_is_refused(tmp_path: Path):
    path = tmp_path / "model.json"
    MLP(1, [1], seed=0).save(path)
    path.write_text(path.read_text().replace("neurons.0.b", "neurons.0.w.0"))
    with pytest.raises(ValueError, match=r"'layers\.0\.neurons\.0\.w\.0' occurs twice"):
        nn.load(path)


def test_the_wrong_kind_is_refused(tmp_path: Path):
    path = tmp_path / "model.json"
    MLP(1, [1], seed=0).save(path)
    with pytest.raises(ValueError, match=r"holds a model of kind 'MLP', not Network: load it with nn\.load"):
        Network.load(path)


def test_a_missing_file_is_an_os_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "none.json")
