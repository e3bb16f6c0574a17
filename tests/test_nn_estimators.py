"""``nn.Classifier`` and ``nn.Regressor`` keep scikit-learn's contract, and learn with their defaults."""

# ruff: noqa: E402  # what may not be there is looked for first

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'glassgrad[data]'")
pd = pytest.importorskip("pandas", reason="needs pandas: pip install 'glassgrad[data]'")

from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import check_estimator

import nn
from autograd import check_grads, draw
from nn import MLP, Classifier, Regressor

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3)) * [1.0, 100.0, 0.01] + [0, 1000, 0]
SCALED = (X - X.mean(axis=0)) / X.std(axis=0)
Y = 500 * (SCALED[:, 0] - np.tanh(2 * SCALED[:, 1])) + 7
NAMES = np.where(SCALED[:, 0] + SCALED[:, 2] > 0, "yes", "no")
pytestmark = pytest.mark.trains
ARRAY_API = "SCIPY_ARRAY_API is not set"  # of a library that neither estimator claims to take


@pytest.mark.long
@pytest.mark.parametrize("kind", [Classifier, Regressor])
def test_scikit_learns_own_checks_pass_whole(kind: Any):
    """With fewer epochs than the defaults, for the time it takes; they pass as well."""
    results = check_estimator(kind(max_iter=30), on_fail=None, on_skip=None)
    assert len(results) >= 55
    told = [
        f"{result['check_name']}: {result['exception']!r}"
        for result in results
        if result["status"] != "passed" and ARRAY_API not in str(result["exception"])
    ]
    assert told == []


def test_the_checks_notice_an_estimator_that_breaks_the_contract():
    class Careless(Regressor):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803  # scikit-learn's name
            self.alpha = 2.0
            return super().fit(X, y, sample_weight)

    results = check_estimator(Careless(max_iter=1), on_fail=None, on_skip=None)
    failed = [result["check_name"] for result in results if result["status"] == "failed"]
    assert any("overwrite" in name for name in failed)


def test_inputs_and_targets_of_any_scale_are_learned():
    model = Regressor(random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.9
    assert Regressor(random_state=0).fit(X, Y * 1e6 - 1e9).score(X, Y * 1e6 - 1e9) == pytest.approx(model.score(X, Y))


@pytest.mark.parametrize("kind", ["list", "array", "frame", "series"])
def test_what_it_takes(kind: str):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    rows: Any = {"list": X.tolist(), "array": X, "frame": frame, "series": frame}[kind]
    names: Any = {"list": NAMES.tolist(), "array": NAMES, "frame": NAMES, "series": pd.Series(NAMES)}[kind]
    model = Classifier(random_state=0, max_iter=40).fit(rows, names)
    assert model.score(rows, names) > 0.9
    assert model.classes_.tolist() == ["no", "yes"]
    shares = model.predict_proba(rows)
    assert np.abs(shares.sum(axis=1) - 1).max() < 1e-12
    assert (model.predict(rows) == np.where(shares[:, 1] > 0.5, "yes", "no")).all()
    if kind in ("frame", "series"):
        assert model.feature_names_in_.tolist() == ["a", "b", "c"]
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(frame.rename(columns={"a": "z"}))


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_in_pipelines_searches_and_cross_validation():
    frame = pd.DataFrame({"x": SCALED[:, 0], "kind": np.where(X[:, 2] > 0, "p", "q")})
    target = frame["x"] + 3 * (frame["kind"] == "p")
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["kind"]), remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")
    model = make_pipeline(columns, Regressor(max_iter=40, random_state=0))
    assert cross_val_score(model, frame, target, cv=3).mean() > 0.9
    search = GridSearchCV(model, {"regressor__alpha": [1.0, 1e4]}, cv=2).fit(frame, target)
    assert search.best_params_ == {"regressor__alpha": 1.0}
    assert search.best_estimator_[-1].feature_names_in_.tolist() == ["kind_p", "kind_q", "x"]


def test_a_weight_of_two_is_a_row_given_twice():
    weights = rng.integers(0, 4, len(X))
    a = Regressor(max_iter=5, random_state=1).fit(X, Y, sample_weight=weights)
    b = Regressor(max_iter=5, random_state=1).fit(X.repeat(weights, axis=0), Y.repeat(weights))
    assert np.array_equal(a.predict(X), b.predict(X))
    c = Regressor(max_iter=5, random_state=1).fit(X, Y)
    assert not np.allclose(a.predict(X), c.predict(X))


def test_the_network_is_one_of_values_to_draw_and_check():
    model = Classifier(hidden_layer_sizes=2, max_iter=2, random_state=0).fit(*load_iris(return_X_y=True))
    network = model.network_
    assert isinstance(network, MLP)
    assert repr(network) == "MLP(4, [2, 3], activation='relu', output='linear'): 19 parameters"
    logits = network([0.1, -0.2, 0.3, 0.5])
    assert "svg" in draw(logits[0]).svg()
    assert check_grads(lambda *row: network(list(row))[0], (0.1, -0.2, 0.3, 0.5), order=1)


def test_partial_fit_goes_on_and_warm_start_too():
    small: Any = {"hidden_layer_sizes": 32, "activation": "tanh", "batch_size": 16, "random_state": 0}
    model = Classifier(**small)
    model.partial_fit(X[:30], NAMES[:30], classes=["maybe", "no", "yes"])
    losses = [model.partial_fit(X, NAMES).loss_ for _ in range(30)]
    assert losses[-1] < losses[0] / 3
    assert model.n_iter_ == 31 == len(model.loss_curve_)
    assert model.predict_proba(X).shape == (60, 3)
    with pytest.raises(ValueError, match=r"\['never'\] are none of the classes"):
        model.partial_fit(X[:2], ["never", "no"])

    warm = Regressor(**small, warm_start=True, max_iter=20).fit(X, Y)
    network = warm.network_
    first = warm.score(X, Y)
    assert warm.fit(X, Y).network_ is network
    assert warm.score(X, Y) > first
    assert warm.n_iter_ == 40
    assert Regressor(**small, max_iter=20).fit(X, Y).score(X, Y) == first


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_early_stopping_holds_rows_out():
    noise = rng.normal(size=300)
    rows = rng.normal(size=(300, 8))
    model = Regressor(early_stopping=True, n_iter_no_change=3, alpha=0.0, random_state=0).fit(rows, noise)
    curve = model.validation_loss_curve_
    assert len(curve) == model.n_iter_ < 100
    assert np.argmin(curve) == len(curve) - 4  # the best, and three that were not better
    assert Regressor(max_iter=2, random_state=0).fit(rows, noise).validation_loss_curve_ == []
    for count, losses in (19_999, 0), (20_000, 1):
        many = np.arange(count)[:, None]
        model = Regressor(1, max_iter=1, random_state=0).fit(many, many[:, 0])
        assert len(model.validation_loss_curve_) == losses


def test_seeds_repeat_and_models_are_pickled():
    a, b, c = (Regressor(max_iter=3, random_state=seed).fit(X, Y).predict(X) for seed in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    again = pickle.loads(pickle.dumps(Regressor(max_iter=3, random_state=0).fit(X, Y)))
    assert np.array_equal(again.predict(X), a)


def test_several_targets_are_predicted_together():
    both = np.column_stack([Y, SCALED[:, 0]])
    model = Regressor(random_state=0).fit(X, both)
    assert model.predict(X).shape == (60, 2)
    assert model.score(X, both) > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        ({"max_iter": 1.5}, r"max_iter must be a whole number of at least 1, not 1\.5"),
        ({"alpha": -1.0}, "alpha must be a finite number of at least 0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be above 0 and below 1"),
        ({"activation": "swish"}, "no activation 'swish'"),
    ],
)
def test_parameters_that_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        Regressor(**options).fit(X, Y)


def test_targets_that_are_refused():
    with pytest.raises(ValueError, match="there is one class"):
        Classifier().fit(X, ["a"] * len(X))
    with pytest.raises(ValueError, match="takes one target: fit one for each"):
        Classifier().fit(X, np.eye(60, dtype=int)[:, :3])
    with pytest.raises(ValueError, match="at least one non-zero"):
        Regressor().fit(X, Y, sample_weight=np.zeros(len(X)))


def test_verbose_prints_epochs(capsys: pytest.CaptureFixture[str]):
    Regressor(max_iter=2, verbose=True, random_state=0).fit(X, Y)
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["epoch 1", "epoch 2"]


def test_scikit_learn_is_loaded_when_asked_for():
    code = "import nn, sys; assert 'sklearn' not in sys.modules; nn.Regressor; assert 'sklearn' in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'Clustering'"):
        nn.Clustering  # noqa: B018  # asked for, not used


def test_no_warning_with_the_defaults():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Regressor(random_state=0, max_iter=3).fit(X, Y)
