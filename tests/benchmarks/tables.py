"""``python -m nn train`` on files as they come: every CSV of three packages, and the largest against the clock.

    python tests/benchmarks/tables.py [--data PYTHON] [--repeat 3]

Files: each CSV among the data of statsmodels, vega_datasets and palmerpenguins trains for two epochs, unedited, on the
last column that varies and is not of dates; what was left out or found out is told.  With ``--targets all``, on each of
its columns in turn: it trains, or is refused in one line.  ``--most 1000`` leaves out files of more rows.

Speed: seconds of whole processes, in turns, each reading randhie.csv (20,190 rows), encoding, splitting, fitting and
scoring by default: ``python -m nn train``, which also writes model and pictures, and a script of pandas and
scikit-learn with MLPRegressor.  Medians, and the ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import scores

from nn.__main__ import main as nn
from nn.tables.columns import kind_of
from nn.tables.table import read

FOLDERS = {"statsmodels": "datasets", "vega_datasets": "_data", "palmerpenguins": "data"}
THEIRS = """
import sys, warnings
import pandas
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
warnings.simplefilter("ignore")
table = pandas.read_csv(sys.argv[1])
train, held = train_test_split(table, random_state=0)
model = make_pipeline(StandardScaler(), MLPRegressor(random_state=0))
model.fit(train.drop(columns="mdvis"), train["mdvis"])
for part in (train, held):
    print(model.score(part.drop(columns="mdvis"), part["mdvis"]))
"""


def trained(file: Path, target: str, folder: str, epochs: int) -> tuple[int, str, str]:
    """Exit code, output and errors of one training."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = nn(["train", str(file), "--target", target, "--epochs", str(epochs), "-o", folder])
    return code, out.getvalue(), err.getvalue()


def files(targets: str, most: int) -> int:
    """Train on every file; how many of them could not be."""
    found: Counter[str] = Counter()
    for package, place in FOLDERS.items():
        root = scores.folder(package)
        for file in sorted((root / place).rglob("*.csv")):
            table = read(file, str(file))
            if table.rows > most:
                continue
            columns = {name: [cell for cell in cells if cell is not None] for name, cells in table.columns.items()}
            good = [name for name, cells in columns.items() if len(set(cells)) > 1 and kind_of(cells) != "date"]
            for target in table.header if targets == "all" else good[-1:]:
                with tempfile.TemporaryDirectory() as folder:
                    code, out, err = trained(file, target, folder, 2)
                verdict = "trains" if code == 0 else "refused" if code == 1 and err.count("\n") == 1 else "fails"
                found[verdict] += 1
                if targets != "all" or verdict != "trains":
                    said = out.partition("\ntarget ")[0].splitlines()[1:]
                    notes = "; ".join(line.strip() for line in said)
                    told = err.strip().replace(str(root), "").replace(str(file), file.name) or notes
                    print(f"| {file.relative_to(root.parent)} | {target} | {table.rows:,} | {verdict} | {told} |")
                    sys.stdout.flush()
    print(f"\n{', '.join(f'{count} {verdict}' for verdict, count in found.items())}\n")
    return found["fails"] + (found["refused"] if targets != "all" else 0)


def speed(repeat: int) -> None:
    """Print the seconds of whole processes."""
    file = scores.folder("statsmodels") / "datasets/randhie/randhie.csv"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    seconds: dict[str, list[float]] = {"nn": [], "scikit-learn": []}
    told: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        ours = [sys.executable, "-m", "nn", "train", str(file), "--target", "mdvis", "-o", folder]
        for _ in range(repeat):
            for name, command in ("nn", ours), ("scikit-learn", [sys.executable, "-c", THEIRS, str(file)]):
                start = perf_counter()
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                seconds[name].append(perf_counter() - start)
                told[name] = done.stdout
    r2 = [line.rpartition("R² ")[2] for line in told["nn"].splitlines() if "R² " in line]
    print("| randhie.csv, whole process | s | times scikit-learn | R² trained on | R² held out |")
    print("|---|---:|---:|---:|---:|")
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, pair in ("nn", r2), ("scikit-learn", told["scikit-learn"].split()):
        a, b = map(float, pair)
        print(f"| {name} | {medians[name]:.1f} | {medians[name] / medians['scikit-learn']:.2f} | {a:.3f} | {b:.3f} |")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Files as they come, by python -m nn train.")
    parser.add_argument("--data", default="", metavar="PYTHON", help="whose environment has the packages of data")
    parser.add_argument("--targets", choices=["last", "all"], default="last")
    parser.add_argument("--most", type=int, default=1_000_000, metavar="ROWS")
    parser.add_argument("--only", choices=["files", "speed"])
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args(argv)
    scores.DATA = args.data
    if args.only != "files":
        speed(args.repeat)
    if args.only != "speed" and files(args.targets, args.most):
        sys.exit("a file does not train")


if __name__ == "__main__":
    main()
