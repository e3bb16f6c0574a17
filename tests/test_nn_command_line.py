"""``python -m nn``: what it prints, what it writes, what it refuses, and its exit codes."""

import csv
import fcntl
import json
import math
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from autograd import __version__
from nn import Module
from nn.__main__ import main
from nn.tables.model import TableModel
from nn.tables.tasks import TASKS

ROOT = Path(__file__).resolve().parents[1]
NEEDS_DATA = "needs scikit-learn: pip install 'glassgrad[data]'"
Captured = pytest.CaptureFixture[str]
PICTURES = {"topology.svg", "loss.svg"}

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'glassgrad[plot]'")


def run(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "nn", *args]
    return subprocess.run(command, cwd=ROOT, text=True, encoding="utf-8", timeout=120, **options)  # type: ignore[no-any-return]  # the options are not typed


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def checked(folder: Path) -> None:
    """Every picture is XML, every model can be loaded, and the history has a line for each epoch."""
    for path in folder.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert isinstance(Module.load(folder / "model.json"), TableModel)
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))


def people(path: Path) -> Path:
    """Rows with a quoted category, a BOM and one gap; the income follows from the others."""
    lines = ["\ufeffage,city,income"]
    for i in range(48):
        age, city = 20 + i * 7 % 41, ["Oslo", '"Rome, IT"', "Lima"][i % 3]
        lines.append(f"{'' if i == 7 else age},{city},{1000 + 50 * age + 400 * (i % 3)}")
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    return path


# ---- train: the tasks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["0", "1"])
@pytest.mark.parametrize("task", ["and", "or", "not", "xor", "mirror"])
def test_the_gates_are_learned_without_any_option(task: str, seed: str, tmp_path: Path, capsys: Captured):
    assert main(["train", task, "-o", str(tmp_path), "--seed", seed]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    columns, targets = TASKS[task].table().header, TASKS[task].targets
    plane = set() if len(columns) - len(targets) < 2 else {"boundary.svg"}
    assert names(tmp_path) == {"model.json", "history.csv", "graph.svg"} | PICTURES | plane
    checked(tmp_path)
    graph = (tmp_path / "graph.svg").read_text(encoding="utf-8").replace("&#45;", "-").replace("\u00a0", " ")
    assert f"the loss of {task}, row 1" in graph
    taken = ", ".join(f"{name} = -1" for name in columns if name not in targets)  # 0 before it is scaled
    assert f"inputs, as the network takes them: {taken}" in graph
    assert "target: " + ", ".join(f"{name} = {TASKS[task].table().column(name)[0]}" for name in targets) in graph
    count = TASKS[task].table().rows
    assert out.splitlines()[0] == f"{task}: {count} rows, {count} to train on, 0 held out (seed {seed})"
    for target in targets:
        assert f"\n{target}: 100.0 % right ({count} of {count})\n" in out
    assert re.search(r"^epoch   1: loss \d+\.\d{4}$", out, re.MULTILINE)
    # and predicted as they were learned
    data = tmp_path / "rows.csv"
    data.write_text(TASKS[task].table().csv())
    assert main(["predict", str(tmp_path / "model.json"), str(data)]) == 0
    predicted = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    for row, wanted in zip(predicted, csv.DictReader(data.read_text().splitlines()), strict=True):
        assert {name: row[name] for name in targets} == {name: wanted[name] for name in targets}
        assert all(0.5 < float(row[f"{name} probability"]) <= 1 for name in targets)


@pytest.mark.long
def test_moons(tmp_path: Path, capsys: Captured):
    """With half of the neurons, for the time it takes."""
    assert main(["train", "moons", "-o", str(tmp_path), "--hidden", "8,8"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(
        "moons: 200 rows, 150 to train on, 50 held out (seed 0)\ntarget moon: one of 2 (lower, upper)\n"
    )
    assert "network 2-8-8-1, tanh: 105 parameters; adam, rate 0.03 falling to 0, 16 rows a step, 30 epochs\n" in out
    assert held_out_percent(out) >= 95
    assert names(tmp_path) == {"model.json", "history.csv", "held_out.csv", "boundary.svg"} | PICTURES
    checked(tmp_path)
    # the scores of the held-out rows can be had again from the files
    assert main(["evaluate", str(tmp_path / "model.json"), str(tmp_path / "held_out.csv")]) == 0
    again = capsys.readouterr().out
    block = out.split("held out, 50 rows\n")[1].split("\n\nwritten")[0]
    assert again.partition("\n")[2].rstrip() == block
    assert re.match(r".*held_out\.csv: 50 rows, loss 0\.\d+\n", again)


def held_out_percent(out: str) -> float:
    """The share of held-out rows that were predicted right, from their confusion matrix."""
    block = out.split("\nheld out,")[1]
    (percent, right, total) = re.search(r": ([\d.]+) % right \((\d+) of (\d+)\)", block).groups()
    matrix = [line.split()[1:] for line in block.split("predicted\n")[1].split("\n\n")[0].splitlines()[1:]]
    counts = [[0 if cell == "·" else int(cell) for cell in row] for row in matrix]
    assert sum(row[i] for i, row in enumerate(counts)) == int(right)
    assert sum(map(sum, counts)) == int(total)
    assert percent == f"{100 * int(right) / int(total):.1f}"
    return float(percent)


@pytest.mark.long
def test_iris(tmp_path: Path, capsys: Captured):
    pytest.importorskip("sklearn", reason=NEEDS_DATA)
    assert main(["train", "iris", "-o", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "iris: 150 rows, 112 to train on, 38 held out (seed 0)" in out
    assert held_out_percent(out) >= 90
    assert names(tmp_path) == {"model.json", "history.csv", "held_out.csv"} | PICTURES


@pytest.mark.long
def test_digits_after_two_of_the_eight_epochs(tmp_path: Path, capsys: Captured):
    """All eight take a minute or two and come to 96 % of the held-out quarter."""
    pytest.importorskip("sklearn", reason=NEEDS_DATA)
    assert main(["train", "digits", "-o", str(tmp_path), "--epochs", "2"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "digits: 1,797 rows, 1,348 to train on, 449 held out (seed 0)" in out
    assert "network 64-32-10, tanh: 2,410 parameters" in out
    assert held_out_percent(out) >= 93
    assert names(tmp_path) == {"model.json", "history.csv", "held_out.csv"} | PICTURES
    assert main(["show", str(tmp_path / "model.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["reads", "  pixel_0_0: a number, mean 0, scale 1, 0 where missing"]
    assert lines[12:14] == ["  … 54 more", "predicts"]


def test_without_scikit_learn(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert main(["train", "digits", "-o", str(tmp_path / "x")]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.endswith("which is not installed: pip install 'glassgrad[data]'\n")
    assert not (tmp_path / "x").exists()


def test_without_matplotlib_everything_else_is_written(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["train", "and", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "nn: no plot without matplotlib: pip install 'glassgrad[plot]'\n"
    assert names(tmp_path) == {"model.json", "history.csv", "graph.svg", "topology.svg"}


def test_the_same_seed_writes_the_same_files_and_another_seed_others(tmp_path: Path):
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert main(["train", "xor", "-o", str(tmp_path / name), "--seed", seed, "--epochs", "20"]) == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    assert (tmp_path / "a" / "model.json").read_bytes() != (tmp_path / "c" / "model.json").read_bytes()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ["--optimizer", "sgd"],
            "network 2-4-1, tanh: 17 parameters; sgd, rate 0.1 falling to 0, 4 rows a step, 3 epochs",
        ),
        (["--optimizer", "adamw", "--rate", "0.5"], "network 2-4-1, tanh: 17 parameters; adamw, rate 0.5 falling"),
        (["--hidden", "3,2", "--activation", "relu"], "network 2-3-2-1, relu: 20 parameters; adam, rate 0.1"),
        (["--hidden", "none", "--batch", "1"], "network 2-1: 3 parameters; adam, rate 0.1 falling to 0, 1 rows a step"),
    ],
)
def test_options(options: list[str], line: str, tmp_path: Path, capsys: Captured):
    assert main(["train", "xor", "-o", str(tmp_path), "--epochs", "3", *options]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith(line)


# ---- train: CSV files ------------------------------------------------------------------------------------------------


def test_a_csv_file_with_categories_and_a_gap(tmp_path: Path, capsys: Captured):
    data, folder = people(tmp_path / "people.csv"), tmp_path / "out"
    train = ["train", str(data), "--target", "income", "-o", str(folder)]
    assert main([*train, "--impute", "none"]) == 1
    assert capsys.readouterr().err.startswith(f"nn: {data}, row 8: column 'age' is missing: ")
    assert not folder.exists()
    assert main(train) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert (
        f"{data}: 48 rows, 36 to train on, 12 held out (seed 0)\n  1 missing cells filled by the median\ntarget income: "
        in out
    )
    r2 = float(re.search(r"held out, 12 rows\nincome: .*R² (0\.\d+)", out).group(1))
    assert r2 > 0.9
    checked(folder)
    with (folder / "held_out.csv").open(newline="") as file:
        held_out = list(csv.DictReader(file))
    assert len(held_out) == 12
    assert {row["city"] for row in held_out} <= {"Oslo", "Rome, IT", "Lima"}
    # predict takes columns in any order, and gaps
    more = tmp_path / "more.csv"
    more.write_text('city,age\n"Rome, IT",40\nLima,\n')
    assert main(["predict", str(folder / "model.json"), str(more), "-o", str(tmp_path / "found.csv")]) == 0
    assert capsys.readouterr().out == ""
    first, second = csv.DictReader((tmp_path / "found.csv").read_text().splitlines())
    assert list(first) == ["income"]
    assert float(first["income"]) == pytest.approx(3400, abs=200)
    assert 2500 < float(second["income"]) < 4500


def test_two_targets_and_numbers_that_are_categories(tmp_path: Path, capsys: Captured):
    data = tmp_path / "x.csv"
    data.write_text("a,b,c\n" + "".join(f"{i % 4},{i % 2},{i % 3 / 2}\n" for i in range(24)))
    options = ["--target", "b", "--target", "c", "--category", "a", "--number", "b", "--epochs", "2"]
    assert main(["train", str(data), "-o", str(tmp_path), *options]) == 0
    out = capsys.readouterr().out
    assert "target b: a number" in out
    assert "target c: a number" in out
    assert "network 4-64-2, tanh" in out  # a is four categories
    assert main(["show", str(tmp_path / "model.json")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "MLP(4, [64, 2], activation='tanh', output='linear'): 450 parameters",
        "reads",
        "  a: one of 4 (0, 1, 2, 3), 2 where missing",
        "predicts",
        *(line for line in out.replace("target", " ").splitlines() if ": a number" in line),
        f"450 parameters, the largest {largest(tmp_path):.4g} in size",
    ]


def largest(folder: Path) -> float:
    return max(map(abs, json.loads((folder / "model.json").read_text())["parameters"].values()))


def test_what_is_found_out_and_left_out_is_told(tmp_path: Path, capsys: Captured):
    """Semicolons, decimal commas, a count, names of rows, and rows without a target."""
    data, folder = tmp_path / "x.csv", tmp_path / "out"
    rows = [f"{i};Row {i} of all;{i % 7},5;{i * 1.5:.1f}".replace(".", ",") for i in range(40)]
    rows[3] = rows[3].rpartition(";")[0] + ";"
    data.write_text("n;name;x;y\n" + "\n".join(rows) + "\n")
    options = ["--target", "y", "--epochs", "3", "--patience", "2", "--l2", "0.01", "-o", str(folder)]
    assert main(["train", str(data), *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[:8] == [
        f"{data}: 39 rows, 29 to train on, 10 held out (seed 0)",
        "  delimiter ';'",
        "  'x' written with decimal ','",
        "  'y' written with decimal ','",
        "  column 'n' left out: it counts the rows",
        "  column 'name' left out: a different text in every row",
        "  1 rows without a target left out",
        "target y: a number, mean " + out.split("target y: a number, mean ")[1].split("\n")[0],
    ]
    assert "network 1-64-1" in out


def test_dates_are_enough_to_learn_from(tmp_path: Path, capsys: Captured):
    """Two years of noons whose height follows the season."""
    data = tmp_path / "x.csv"
    days = [date(2020, 1, 1) + timedelta(days=i) for i in range(0, 730, 3)]
    lines = [f"{day:%b %d %Y},{30 - 20 * math.cos(2 * math.pi * day.timetuple().tm_yday / 365.25):.3f}" for day in days]
    data.write_text("day,height\n" + "\n".join(lines) + "\n")
    assert main(["train", str(data), "--target", "height", "-o", str(tmp_path), "--epochs", "60"]) == 0
    out = capsys.readouterr().out
    assert re.search(
        r"\n  column day: a date, %b %d %Y, as days, scale [\d.]+, phase in the week, phase in the year", out
    )
    assert float(re.search(r"held out, \d+ rows\nheight: .*R² (0\.\d+)", out).group(1)) > 0.95
    new = tmp_path / "new.csv"
    new.write_text("day\nJul 01 2022\nJan 01 2022\n")
    assert main(["predict", str(tmp_path / "model.json"), str(new)]) == 0
    summer, winter = map(float, capsys.readouterr().out.split()[1:])
    assert summer > 40 > 20 > winter


def test_dropped_columns_json_and_parts(tmp_path: Path, capsys: Captured):
    data = tmp_path / "x.csv"
    data.write_text("a,b,c,y\n" + "".join(f"{i % 5},{i % 3},{i % 2},{'pq'[i % 5 > 2]}\n" for i in range(60)))
    options = ["--target", "y", "--drop", "b", "--cross-validate", "3", "--json", "--epochs", "20", "-o", str(tmp_path)]
    assert main(["train", str(data), *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    document = json.loads(out)
    assert document["rows"] == 60
    assert document["scores"]["held out"]["y"]["accuracy"] == 1.0
    assert [len(fold["y"]["confusion"]) for fold in document["cross-validation"]] == [2, 2, 2]
    assert sum(fold["y"]["rows"] for fold in document["cross-validation"]) == 60
    assert json.loads((tmp_path / "model.json").read_text())["architecture"]["network"]["n_in"] == 2
    assert set(document["files"]) <= names(tmp_path)
    assert main(["train", str(data), "--target", "y", "--cross-validate", "1"]) == 2
    assert main(["train", str(data), "--target", "y", "--drop", "y"]) == 2
    err = capsys.readouterr().err
    assert "--cross-validate 1: it must be from 2 to the number of rows, 60" in err
    assert "column y cannot be both --drop and --target" in err


def test_a_saved_model_is_trained_on(tmp_path: Path, capsys: Captured):
    def loss() -> float:
        return float(re.findall(r"epoch +\d+: loss ([\d.]+)", capsys.readouterr().out)[-1])

    first = ["train", "xor", "-o", str(tmp_path / "a"), "--epochs", "20"]
    assert main(first) == 0
    before = loss()
    assert main([*first[:2], "--resume", str(tmp_path / "a" / "model.json"), "-o", str(tmp_path / "b")]) == 0
    assert loss() < before / 10
    old, new = (json.loads((tmp_path / name / "model.json").read_text()) for name in "ab")
    assert new["architecture"] == old["architecture"]
    assert new["parameters"] != old["parameters"]


@pytest.mark.parametrize("ending", ["parquet", "xlsx"])
def test_other_kinds_of_files(ending: str, tmp_path: Path, capsys: Captured):
    pandas = pytest.importorskip("pandas", reason=NEEDS_DATA)
    pytest.importorskip({"parquet": "pyarrow", "xlsx": "openpyxl"}[ending], reason=f"pandas needs it for {ending}")
    frame = pandas.DataFrame({"x": [i / 3 for i in range(30)], "kind": ["p", "q", None] * 10, "y": range(30)})
    write = frame.to_parquet if ending == "parquet" else frame.to_excel
    write(tmp_path / f"x.{ending}", index=False)
    options = ["--target", "y", "--epochs", "1", "--number", "y", "-o", str(tmp_path)]
    assert main(["train", str(tmp_path / f"x.{ending}"), *options]) == 0
    out = capsys.readouterr().out
    assert "10 missing cells filled by the median" in out
    assert "network 3-64-1" in out


# ---- predict, evaluate, show -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def xor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xor")
    assert main(["train", "xor", "-o", str(folder)]) == 0
    return folder / "model.json"


def test_predict_reads_standard_input(xor: Path):
    done = run("predict", str(xor), "-", input="b,a\n0,1\n1,1\n", capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "out,out probability"
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "0"]


def test_evaluate_takes_tasks(xor: Path, capsys: Captured):
    assert main(["evaluate", str(xor), "xor"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"xor: 4 rows, loss 0\.00\d+", first)
    assert rest == ["out: 100.0 % right (4 of 4)", "", "true  predicted", "      0  1", "   0  2  ·", "   1  ·  2"]


def test_a_wrong_target_shows_in_the_scores(xor: Path, tmp_path: Path, capsys: Captured):
    data = tmp_path / "x.csv"
    data.write_text("a,b,out\n0,0,1\n0,1,1\n1,0,1\n1,1,0\n")
    assert main(["evaluate", str(xor), str(data)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "out: 75.0 % right (3 of 4)",
        "",
        "true  predicted",
        "      0  1",
        "   0  1  ·",
        "   1  1  2",
    ]


def test_show_draws(xor: Path, tmp_path: Path, capsys: Captured):
    drawing = tmp_path / "net.svg"
    assert main(["show", str(xor), "-o", str(drawing)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"drawn in {drawing}"
    assert drawing.read_bytes() == (xor.parent / "topology.svg").read_bytes()


def test_show_takes_other_models(tmp_path: Path, capsys: Captured):
    from nn import MLP, Network, Neuron

    for model, text in [
        (MLP(2, [3, 1], seed=0), "MLP(2, [3, 1], activation='tanh', output='linear'): 13 parameters"),
        (Network.layered(2, 3, 1, seed=0), "<Network of 2 inputs, 3 hidden nodes, 1 output and 9 connections>"),
    ]:
        model.save(tmp_path / "m.json")
        assert main(["show", str(tmp_path / "m.json"), "-o", str(tmp_path / "m.svg")]) == 0
        assert capsys.readouterr().out.splitlines()[0] == text
        assert ElementTree.parse(tmp_path / "m.svg").getroot().tag.endswith("svg")
    Neuron(2, seed=0).save(tmp_path / "m.json")
    assert main(["show", str(tmp_path / "m.json")]) == 0
    assert main(["show", str(tmp_path / "m.json"), "-o", str(tmp_path / "n.svg")]) == 2
    assert capsys.readouterr().err == "nn: a Neuron has no drawing\n"
    assert main(["predict", str(tmp_path / "m.json"), "xor"]) == 1
    assert "holds a model of kind 'Neuron', not TableModel" in capsys.readouterr().err


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["learn"], "argument COMMAND: invalid choice: 'learn'"),
        (["train"], "the following arguments are required: TASK|FILE"),
        (
            ["train", "nand"],
            "'nand' is neither a file nor a task; the tasks are and, or, not, xor, mirror, moons, iris",
        ),
        (["train", "people.csv"], "say with --target which column to predict; people.csv has age, city, income"),
        (
            ["train", "people.csv", "--target", "pay"],
            "--target pay: people.csv has no such column, but age, city, income",
        ),
        (["train", "people.csv", "--target", "age", "--number", "x"], "--number x: people.csv has no such column"),
        (
            ["train", "people.csv", "--target", "age", "--number", "city", "--category", "city"],
            "column city cannot be both --number and --category",
        ),
        (["train", "xor", "--epochs", "0"], "argument --epochs: it must be at least 1"),
        (["train", "xor", "--epochs", "many"], "argument --epochs: 'many' is not a whole number below 1,000,000,000"),
        (["train", "xor", "--batch", "-1"], "argument --batch: "),
        (["train", "xor", "--seed", "1.5"], "argument --seed: '1.5' is not a whole number"),
        (["train", "xor", "--rate", "nan"], "argument --rate: it must be a finite number above 0, not nan"),
        (["train", "xor", "--rate", "fast"], "argument --rate: 'fast' is not a number"),
        (["train", "xor", "--held-out", "1"], "argument --held-out: it must be at least 0 and below 1, not 1"),
        (["train", "xor", "--hidden", "4,"], "argument --hidden: '' is not a whole number"),
        (["train", "xor", "--activation", "wavy"], "argument --activation: no activation 'wavy': give linear, sigmoid"),
        (["train", "xor", "--optimizer", "lbfgs"], "argument --optimizer: invalid choice: 'lbfgs'"),
        (["train", "xor", "--impute", "zero"], "argument --impute: invalid choice: 'zero'"),
        (["predict", "model.json"], "the following arguments are required: TASK|FILE"),
        (["predict", "model.json", "nothing.csv"], "'nothing.csv' is neither a file nor a task"),
        (["show", "model.json", "-o", "net.png"], "the name of the drawing must end in .svg, not 'net.png'"),
    ],
)
def test_wrong_usage(
    args: list[str], message: str, xor: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    people(tmp_path / "people.csv")
    (tmp_path / "model.json").write_bytes(xor.read_bytes())
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"nn: {message}")
    assert names(tmp_path) == {"people.csv", "model.json"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "x.csv is empty: it needs a header line and rows"),
        ("a,y\n1,2\n3\n", "x.csv, line 3: 1 field, where the lines before have 2"),
        ('a,y\n"1,2\n', "x.csv, line 2: a quote is opened here and never closed"),
        ("a,y\n1,p\n,q\n", "x.csv, row 2: column 'a' is missing: fill it, take the row out, or train with --impute"),
        ("a,y\n1,$5\n2,$7\n", "target 'y' is '$5': a number with a unit; write it as a number, or say --category y"),
        ("a,y\n1,7%\n2,9 %\n", "target 'y' is '7%': a number with a unit"),
        ("a,y\n1,p\n2,p\n", "target 'y' is 'p' in every row: there is nothing to learn"),
        ("a,y\n1,p\n2,q\n", "0.25 of 2 rows leaves none to hold out or none to train on: give --held-out 0"),
    ],
)
def test_data_that_is_refused(content: str, message: str, tmp_path: Path, capsys: Captured, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    Path("x.csv").write_text(content)
    options = ["--impute", "none", *([] if "held-out" in message else ["--held-out", "0"])]
    assert main(["train", "x.csv", "--target", "y", *options]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"nn: {message}")
    assert names(tmp_path) == {"x.csv"}


def test_files_that_cannot_be_read_or_written(xor: Path, tmp_path: Path, capsys: Captured):
    def complaint(*args: str) -> str:
        assert main(list(args)) == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        return err

    nowhere = str(tmp_path / "no" / "model.json")
    assert complaint("show", nowhere) == f"nn: {nowhere}: No such file or directory\n"
    assert complaint("train", str(tmp_path), "--target", "y") == f"nn: {tmp_path}: Is a directory\n"
    (tmp_path / "file").write_text("{")
    assert complaint("train", "xor", "-o", str(tmp_path / "file")) == f"nn: {tmp_path / 'file'}: File exists\n"
    assert "is no saved model, or is cut short or damaged" in complaint("evaluate", str(tmp_path / "file"), "xor")
    assert "xor has no column" not in complaint("predict", str(xor), "not")
    assert (tmp_path / "file").read_text() == "{"


def test_a_rate_at_which_training_diverges(tmp_path: Path, capsys: Captured):
    data = people(tmp_path / "people.csv")
    options = ["--target", "income", "--impute", "mean", "--optimizer", "sgd", "--rate", "1e6", "--activation", "relu"]
    options += ["--batch", "16", "--held-out", "0"]  # or the held-out rows' loss may be the first that is too large
    assert main(["train", str(data), "-o", str(tmp_path / "out"), *options]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert re.match(r"nn: epoch \d+, sample \d+", err)
    assert names(tmp_path / "out") == set()


def test_ctrl_c_in_the_middle_of_an_epoch(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch):
    calls = iter(range(100))

    def interrupted(self: TableModel, outputs: Any, targets: Any) -> Any:
        if next(calls) == 9:  # the second sample of the third epoch
            raise KeyboardInterrupt
        return loss(self, outputs, targets)

    loss = TableModel.loss
    monkeypatch.setattr(TableModel, "loss", interrupted)
    assert main(["train", "xor", "-o", str(tmp_path)]) == 130
    out, err = capsys.readouterr()
    assert "\ninterrupted in epoch 3\n" in out
    assert err == "nn: interrupted: the model is as the last whole step left it\n"
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3
    checked(tmp_path)


def test_ctrl_c_elsewhere(capsys: Captured, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*args: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.tables.commands.read_table", interrupted)
    assert main(["train", "xor"]) == 130
    assert capsys.readouterr() == ("", "nn: interrupted\n")


def test_without_a_renderer_the_graph_is_left_out(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("autograd.view.render._renderer", lambda: "/no/such/program")
    assert main(["train", "and", "-o", str(tmp_path), "--epochs", "2"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("nn: no graph.svg: ")
    assert "/no/such/program" in err
    assert err.count("\n") == 1
    assert "graph.svg" not in names(tmp_path)


def test_a_reader_that_leaves(xor: Path):
    command = f"'{sys.executable}' -m nn predict '{xor}' xor | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 141)
    assert done.stderr == ""


# ---- the process -----------------------------------------------------------------------------------------------------


def test_ctrl_c_leaves_model_and_history(tmp_path: Path):
    command = [sys.executable, "-m", "nn", "train", "moons", "-o", str(tmp_path), "--epochs", "10000"]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "nn: interrupted: the model is as the last whole step left it\n"
    epoch = int(re.match(r"\ninterrupted in epoch (\d+)\n", out).group(1))
    assert len((tmp_path / "history.csv").read_text().splitlines()) == epoch
    assert "boundary.svg" in names(tmp_path)
    checked(tmp_path)
    done = run("evaluate", str(tmp_path / "model.json"), "moons", capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_and_version():
    done = run("--version", capture_output=True)
    assert (done.returncode, done.stdout) == (0, f"glassgrad {__version__}\n")
    for args in ([], ["train"], ["predict"], ["evaluate"], ["show"]):
        done = run(*args, "--help", capture_output=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert max(map(len, done.stdout.splitlines())) <= 100
        assert f"python -m nn {' '.join(args)}".rstrip() in done.stdout


def test_on_a_terminal_there_is_a_bar_and_no_lines(tmp_path: Path):
    pytest.importorskip("tqdm", reason="needs tqdm: pip install 'glassgrad[progress]'")
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "nn", "train", "and", "-o", str(tmp_path), "--epochs", "30"]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=far, text=True, encoding="utf-8", timeout=60
    )
    os.close(far)
    shown = os.read(near, 100_000).decode()
    os.close(near)
    assert done.returncode == 0
    assert "training: 100%" in shown
    assert "epoch" not in done.stdout.partition("trained on,")[0].replace("30 epochs", "")
