"""Scores of ``nn.Classifier`` and ``nn.Regressor`` beside scikit-learn's ``MLPClassifier`` and ``MLPRegressor``.

    python tests/benchmarks/scores.py [--data PYTHON]
    python tests/benchmarks/scores.py --sets wine,cars --splits 20 --first 100

Each data set is split at random into three quarters to train on and one to score (classes in their proportions), once
for each seed; accuracy for classes, R² for numbers.  All four have their defaults, and the seed of the split.  Both get
the same inputs, from the same Pipeline: numbers filled by the median and scaled (SimpleImputer, StandardScaler),
categories as 0s and 1s (OneHotEncoder).  scikit-learn's regressor gets scaled targets too (TransformedTargetRegressor
with StandardScaler), without which it does worse; ours scales them inside.  "± s.e." is the standard error of the mean
difference over the splits; a line ends in "below" where ours is worse by more than that.

Beside scikit-learn's own, the data come with three packages, looked for in the environment of the interpreter that
``--data`` names (default: this one): pip install statsmodels vega_datasets palmerpenguins
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nn import Classifier, Regressor

Data = tuple[Any, Any, bool]  # inputs, targets, whether they are classes
DATA = ""  # the interpreter whose environment has the data


def bundled(name: str, classes: bool) -> Data:
    """A data set of scikit-learn's."""
    data = getattr(datasets, f"load_{name}")(as_frame=True)
    return data.data, data.target, classes


def packaged(package: str, path: str, target: str, classes: bool, drop: str = "") -> Data:
    """A data set that comes with a package: rows without a target left out, and a column that names rows."""
    file = folder(package) / path
    if file.suffix == ".json":
        table = pd.DataFrame(json.loads(file.read_text()))
    else:
        table = pd.read_csv(file, sep=None, engine="python")
    table = table[table[target].notna()].drop(columns=[drop] if drop else [])
    if "Year" in table:
        table["Year"] = table["Year"].str[:4].astype(int)
    return table.drop(columns=target), table[target], classes


@functools.cache
def folder(package: str) -> Path:
    """Where a package is, in the environment that ``--data`` names; nothing of it is run."""
    find = f"import importlib.util; print(importlib.util.find_spec({package!r}).submodule_search_locations[0])"
    done = subprocess.run([DATA or sys.executable, "-c", find], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{package} is not in the environment of {DATA or sys.executable}: pip install {package} there")
    return Path(done.stdout.strip())


SETS: dict[str, Callable[[], Data]] = {
    "wine": lambda: bundled("wine", True),
    "breast_cancer": lambda: bundled("breast_cancer", True),
    "iris": lambda: bundled("iris", True),
    "digits": lambda: bundled("digits", True),
    "penguins": lambda: packaged("palmerpenguins", "data/penguins.csv", "species", True, "year"),
    "weather": lambda: packaged("vega_datasets", "_data/seattle-weather.csv", "weather", True, "date"),
    "modechoice": lambda: packaged("statsmodels", "datasets/modechoice/modechoice.csv", "choice", True, "individual"),
    "diabetes": lambda: bundled("diabetes", False),
    "cars": lambda: packaged("vega_datasets", "_data/cars.json", "Miles_per_Gallon", False, "Name"),
    "statecrime": lambda: packaged("statsmodels", "datasets/statecrime/statecrime.csv", "murder", False, "state"),
    "engel": lambda: packaged("statsmodels", "datasets/engel/engel.csv", "foodexp", False),
    "randhie": lambda: packaged("statsmodels", "datasets/randhie/randhie.csv", "mdvis", False),
}


def prepared() -> Any:
    """What makes numbers of a table."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )


def scores(data: Data, seed: int) -> list[tuple[float, float]]:
    """Score and seconds of ours, then of theirs, on one split."""
    inputs, targets, classes = data
    a, b, ya, yb = train_test_split(
        inputs, targets, test_size=0.25, random_state=seed, stratify=targets if classes else None
    )
    columns = prepared().fit(a)
    a, b, ya, yb = columns.transform(a), columns.transform(b), np.asarray(ya), np.asarray(yb)
    if classes:
        models: list[Any] = [Classifier(random_state=seed), MLPClassifier(random_state=seed)]
    else:
        theirs = TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
        models = [Regressor(random_state=seed), theirs]
    result = []
    for model in models:
        start = time.perf_counter()
        model.fit(a, ya)
        result.append((float(model.score(b, yb)), time.perf_counter() - start))
    return result


def main(argv: list[str] | None = None) -> None:
    global DATA
    parser = argparse.ArgumentParser(description="Scores beside scikit-learn's networks.")
    parser.add_argument("--sets", default=",".join(SETS), help=f"some of {', '.join(SETS)}")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first split; the next are 1 more each")
    parser.add_argument("--data", default="", metavar="PYTHON", help="whose environment has the packages of data")
    args = parser.parse_args(argv)
    DATA = args.data
    warnings.simplefilter("ignore")  # theirs tells that 200 epochs are few
    print("| data | rows | inputs | ours | scikit-learn | difference | ± s.e. | ours s | scikit-learn s | |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---|")
    means = []
    for name in args.sets.split(","):
        data = SETS[name]()
        pairs = [scores(data, seed) for seed in range(args.first, args.first + args.splits)]
        ours, theirs = ([pair[i][0] for pair in pairs] for i in (0, 1))
        seconds = [statistics.mean(pair[i][1] for pair in pairs) for i in (0, 1)]
        differences = [x - y for x, y in zip(ours, theirs, strict=True)]
        mean = statistics.mean(differences)
        error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.nan
        means.append((statistics.mean(ours), statistics.mean(theirs)))
        print(
            f"| {name} | {len(data[0]):,} | {data[0].shape[1]} | {means[-1][0]:.3f} | {means[-1][1]:.3f} | "
            f"{mean:+.3f} | {error:.3f} | {seconds[0]:.1f} | {seconds[1]:.1f} | {'below' if mean < -error else ''} |",
            flush=True,
        )
    ours_mean, theirs_mean = (statistics.mean(pair[i] for pair in means) for i in (0, 1))
    print(f"| mean | | | {ours_mean:.3f} | {theirs_mean:.3f} | {ours_mean - theirs_mean:+.3f} | | | | |")


if __name__ == "__main__":
    main()
