"""``python -m autograd``: what it prints, what it refuses, and its exit codes."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd import __main__ as command_line
from autograd import __native__, __version__, demo, expression, primitive
from autograd.__main__ import main
from autograd.formulas import call_formula
from autograd.math import cos
from autograd.primitives import BUILTIN, TABLE

ROOT = Path(__file__).resolve().parents[1]
Captured = pytest.CaptureFixture[str]


def strict(text: str) -> Any:
    """The JSON text as data; what JSON does not have (NaN, Infinity) is an error."""

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is no JSON")

    return json.loads(text, parse_constant=refuse)


def run(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "autograd", *args]
    return subprocess.run(command, cwd=ROOT, text=True, encoding="utf-8", timeout=60, **options)  # type: ignore[no-any-return]  # the options are not typed


def rows(text: str) -> dict[str, list[str]]:
    """The lines of a table by their first word."""
    return {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}


# ---- grad ------------------------------------------------------------------------------------------------------------


def test_grad(capsys: Captured) -> None:
    assert main(["grad", "tanh(a*b + c)", "a=2", "b=-3", "c=10"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0] == f"tanh(a*b + c) = {math.tanh(4.0)!r}"
    slope = 1 - math.tanh(4.0) ** 2
    table = rows(out)
    for name, x, wanted in [("a", "2.0", -3 * slope), ("b", "-3.0", 2 * slope), ("c", "10.0", slope)]:
        _, value, derivative, numeric, error, verdict = table[name]
        assert (value, verdict) == (x, "ok")
        assert float(derivative) == pytest.approx(wanted, rel=1e-13)
        assert float(numeric) == pytest.approx(wanted, rel=1e-9)
        assert float(error) < 1e-9
    lines = out.splitlines()[2:]
    ends = [[match.end() for match in re.finditer(r"\S+(?: \S+)*", line)][1:5] for line in lines]
    assert all(end == ends[0] for end in ends), "numbers stand under one another"


def test_grad_json(capsys: Captured) -> None:
    assert main(["grad", "a**2 * b", "a=3", "b=0.5", "--json"]) == 0
    data = strict(capsys.readouterr().out)
    assert data["value"] == 4.5
    assert data["point"] == {"a": 3.0, "b": 0.5}
    assert data["gradient"] == {"a": 3.0, "b": 9.0}
    assert data["passed"] is True
    assert [row["verdict"] for row in data["check"]["rows"]] == ["ok", "ok"]
    assert [row["by"] for row in data["check"]["rows"]] == [["a"], ["b"]]


def test_numbers_that_json_lacks_are_strings(capsys: Captured) -> None:
    assert main(["grad", "1e308*x", "x=10", "--json"]) == 1
    out, err = capsys.readouterr()
    data = strict(out)
    assert data["value"] == "inf"
    assert data["gradient"] == {"x": 1e308}
    assert data["passed"] is False
    assert err.count("\n") == 1


def test_a_kink_is_shown_and_is_no_failure(capsys: Captured) -> None:
    assert main(["grad", "abs(x)*y", "x=0", "y=3"]) == 0
    out = capsys.readouterr().out
    assert "kink: slope -3 below, slope 3 above" in out
    assert "abs(0.0)" in out


@pytest.mark.parametrize(
    "minus", [["-x**2"], ["--", "-x**2"], ["--", "--x**2 - 2*x**2"], ["-(x)*x"], ["-1*x**2"], ["-3 + 3 - x**2"]]
)
def test_an_expression_may_start_with_a_minus(capsys: Captured, minus: list[str]) -> None:
    assert main(["grad", "--json", *minus, "x=3"]) == 0
    data = strict(capsys.readouterr().out)
    assert (data["expression"], data["value"], data["gradient"]) == (minus[-1], -9.0, {"x": -6.0})


@pytest.mark.parametrize(
    "argv",
    [
        ["grad", "--json", "x*y", "x=2", "y=3"],
        ["grad", "x*y", "--json", "x=2", "y=3"],
        ["grad", "x*y", "x=2", "--json", "y=3"],
        ["grad", "x*y", "x=2", "y=3", "--json"],
    ],
)
def test_options_stand_anywhere(capsys: Captured, argv: list[str]) -> None:
    assert main(argv) == 0
    assert strict(capsys.readouterr().out)["gradient"] == {"x": 3.0, "y": 2.0}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("x=2", 2.0), ("x=-3", -3.0), ("x=1e-3", 0.001), ("x=+.5", 0.5), (" x = 7 ", 7.0), ("ｘ=2", 2.0)],
)
def test_assignments(capsys: Captured, text: str, wanted: float) -> None:
    assert main(["grad", "x*1", text, "--json"]) == 0
    assert strict(capsys.readouterr().out)["point"] == {"x": wanted}


def test_a_variable_goes_before_a_constant(capsys: Captured) -> None:
    assert main(["grad", "e*pi", "e=2", "--json"]) == 0
    assert strict(capsys.readouterr().out)["gradient"] == {"e": math.pi}


# ---- check -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "count"), [("1", 2), ("2", 6), ("3", 14)])
def test_check(capsys: Captured, order: str, count: int) -> None:
    assert main(["check", "sin(x)*exp(y)", "x=1", "y=0.5", "--order", order]) == 0
    out, err = capsys.readouterr()
    assert f"{count} derivatives" in out.splitlines()[0]
    assert len(out.splitlines()) == count + 2
    assert err == ""
    assert main(["check", "sin(x)*exp(y)", "x=1", "y=0.5", "--order", order, "--json"]) == 0
    data = strict(capsys.readouterr().out)
    assert data["passed"] is True
    assert {tuple(row["by"]) for row in data["check"]["rows"]} >= {("x",), ("y",)}
    assert len(data["check"]["rows"]) == count


def test_check_is_of_order_2_by_default(capsys: Captured) -> None:
    assert main(["check", "x**3", "x=2", "--json"]) == 0
    assert [row["reverse"] for row in strict(capsys.readouterr().out)["check"]["rows"]] == [12.0, 12.0]


@pytest.mark.parametrize("command", ["grad", "check"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_wrong_rule_fails_the_check(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, command: str, options: list[str]
) -> None:
    wrong = primitive("wrong_sin", math.sin, lambda y, x: 1.001 * cos(x))
    monkeypatch.setitem(expression.FUNCTIONS, "sin", (wrong, 1, 1))
    assert main([command, "2*sin(x)", "x=1", *options]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("autograd: 2*sin(x) at x = 1: ")
    assert err.count("\n") == 1
    if options:
        data = strict(out)
        assert data["passed"] is False
        assert data["check"]["rows"][0]["verdict"] == "wrong"
        assert data["check"]["culprits"][0]["primitive"] == "wrong_sin"
    else:
        assert "wrong" in out
        assert "1.001 times what it should be" in out


# ---- draw ------------------------------------------------------------------------------------------------------------


# ---- check module:function -------------------------------------------------------------------------------------------

MODULE = """
import math
import numpy

def f(x):
    return x[0] ** 2 * x[1]

def df(x):
    return numpy.array([2 * x[0] * x[1], x[0] ** 2])

def half(x):
    return df(x) / 2

def g(x, y):
    return x * math.exp(y)

def dg(x, y):
    return math.exp(y), x * math.exp(y)

class Model:
    @staticmethod
    def loss(x):
        return x * x

number = 3
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"mine_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.mark.parametrize(
    ("function", "options", "status"),
    [
        ("f", ["--grad", "df", "--at", "[0.5, 2.0]"], 0),
        ("f", ["--grad", "half", "--at", "[0.5, 2.0]"], 1),
        ("g", ["--grad", "dg", "--at", "[0.5, -2.0]"], 0),
        ("g", ["--at", "(0.5, -2.0)", "--grad", "dg", "--strict"], 0),
        ("f", ["--at", "[0.5, 2.0]"], 0),
        ("Model.loss", ["--at", "3", "--order", "1"], 0),
    ],
)
def test_a_function_that_is_named(capsys: Captured, mine: str, function: str, options: list[str], status: int) -> None:
    options = [f"{mine}:{option}" if option in ("df", "half", "dg") else option for option in options]
    assert main(["check", f"{mine}:{function}", *options]) == status
    out, err = capsys.readouterr()
    assert "confirmed" in out
    assert bool(err) == bool(status)
    if "half" in str(options):
        assert "likely cause: a factor of 2 is missing" in out
    assert main(["check", f"{mine}:{function}", *options, "--json"]) == status
    data = strict(capsys.readouterr().out)
    assert (data["expression"], data["passed"]) == (f"{mine}:{function}", not status)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["f"], "are given by --at"),
        (["f", "--at", "2 x"], "is not a list of numbers"),
        (["f", "--at", "[1.0, 2.0]", "--grad", "nothing"], "is no reference to a function"),
        (["f", "--at", "[1.0, 2.0]", "--grad", "nowhere_at_all:df"], "no module named 'nowhere_at_all'"),
        (["missing", "--at", "[1.0, 2.0]"], "has no 'missing'"),
        (["number", "--at", "[1.0, 2.0]"], "is not a function, but int"),
    ],
)
def test_a_reference_that_names_nothing(capsys: Captured, mine: str, options: list[str], said: str) -> None:
    assert main(["check", f"{mine}:{options[0]}", *options[1:]]) == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True), err
    assert main(["check", "x**2", "x=1", "--at", "[1.0]"]) == 2
    assert "not for a formula" in capsys.readouterr().err


def test_a_formula_may_be_strict(capsys: Captured) -> None:
    assert main(["check", "1e16 + sin(x)", "x=0.3", "--order", "1"]) == 0
    assert main(["check", "1e16 + sin(x)", "x=0.3", "--order", "1", "--strict"]) == 1


def test_explain(capsys: Captured) -> None:
    assert main(["explain", "tanh(a*b + c)", "a=2", "b=-3", "c=6.5", "--wrt", "a"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("y = tanh(a*b + c)\n\ndy/da = dy/dv1 · dv1/da\n")
    assert "dy/dv1 = 1 − y² = 1 − 0.462117157² = 0.786447733" in out
    assert "dy/da = 0.786447733 × (−3) = −2.359343199" in out
    assert main(["explain", "x*y + sin(y)", "x=2", "y=5", "--json"]) == 0
    assert [one["by"] for one in strict(capsys.readouterr().out)["explanations"]] == ["x", "y"]
    assert main(["explain", "relu(x)", "x=-1"]) == 0
    assert "dy/dx = 0: on every path" in capsys.readouterr().out
    assert main(["explain", "x*y", "x=2", "y=1", "--wrt", "z"]) == 2
    assert capsys.readouterr().err == "autograd: --wrt z: the variables are x, y\n"


def test_animate(capsys: Captured, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["animate", "log(x)*y + sin(y)", "x=2", "y=5", "-o", str(page)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[1] == f"{page}: 6 nodes, 11 steps"
    assert "<title>Step by step: v1 = log(x)*y + sin(y)</title>" in page.read_text(encoding="utf-8")
    assert main(["animate", "x*x", "x=2", "-o", str(tmp_path / "page.svg")]) == 2
    assert "the name of the page must end in .html" in capsys.readouterr().err


def test_draw_svg(capsys: Captured, tmp_path: Path) -> None:
    path = tmp_path / "graph.svg"
    assert main(["draw", "log(x1)*x2 + sin(x2)", "x1=2", "-o", str(path), "x2=5"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"log(x1)*x2 + sin(x2) = {math.log(2) * 5 + math.sin(5)!r}",
        f"{path}: 6 nodes, 6 edges",
    ]
    assert err == ""
    svg = path.read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    for shown in ["x1", "x2", "log", "sin", "2.5", f"{math.log(2) + math.cos(5):.5g}"]:  # among them both gradients
        assert re.search(f">\\s*{re.escape(shown)}<", svg), shown
    assert list(tmp_path.iterdir()) == [path], "no temporary file stays"


def test_draw_dot_by_default_in_this_folder(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["draw", "x*x + 1", "x=3", "--output=g.dot"]) == 0
    assert "digraph" in (tmp_path / "g.dot").read_text(encoding="utf-8")
    assert main(["draw", "x*x + 1", "x=3"]) == 0
    assert (tmp_path / "graph.svg").exists()
    assert capsys.readouterr().out.endswith("graph.svg: 3 nodes, 3 edges\n")


def test_draw_a_part(capsys: Captured, tmp_path: Path) -> None:
    path = str(tmp_path / "g.dot")
    long = "+".join("x" * 30)
    assert main(["draw", long, "x=3", "-o", path, "--limit", "10"]) == 2
    assert "--depth 3" in capsys.readouterr().err
    assert main(["draw", long, "x=3", "-o", path, "--limit", "10", "--depth", "3"]) == 0
    assert not capsys.readouterr().err


# ---- rules -----------------------------------------------------------------------------------------------------------


def test_rules_of_one_function(capsys: Captured) -> None:
    assert main(["rules", "pow"]) == 0
    assert capsys.readouterr().out == (
        "a ** b\n"
        "    d/da = b * a ** (b - 1)\n"
        "    d/db = a ** b * log(a)\n"
        "    for a in (0, inf)\n"
        "    x**0 has slope 0, also at 0; 0**y has slope 0 by y > 0; by y, 0**0 and a negative base have no\n"
        "    slope: raises\n"
    )
    assert main(["rules", "polygamma7"]) == 0
    assert "d/dx = polygamma(8, x)" in capsys.readouterr().out


def test_rules_of_all_functions_fit_a_terminal(capsys: Captured) -> None:
    assert main(["rules"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    for name in BUILTIN:
        assert call_formula(TABLE[name]) in out.splitlines()
        assert TABLE[name].convention in " ".join(out.split())


# ---- demo ------------------------------------------------------------------------------------------------------------


def test_demo(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 100
    quantities, steps = out.split("The gradient of E")
    table = rows(quantities) | {name: row for name, row in rows(steps).items() if re.fullmatch(r"w\d", name)}
    for name, figure in demo.PUBLISHED.items():
        computed, published, verdict = table[name][1:4]
        assert published == figure
        assert verdict == ("differs:" if name == "dE_o2/dout_h1" else "agrees")
        assert abs(float(computed) - float(figure)) <= (1e-9 if verdict != "agrees" else 0.5e-9)
    for i, figure in enumerate(demo.PUBLISHED_WEIGHTS, 1):
        before, gradient, numeric, check, after, published, verdict = table[f"w{i}"][1:]
        assert (check, published, verdict) == ("ok", figure, "agrees")
        assert float(gradient) == pytest.approx(float(numeric), rel=1e-8)
        assert float(before) - 0.5 * float(gradient) == pytest.approx(float(after), abs=1e-9)
    assert re.search(r"E before the step +0\.298371109 +\.298371109 +agrees", out)
    assert re.search(r"E after the step +0\.291027774 +\.291027924 +differs: see below", out)
    assert "breaks the chain rule" in out
    engine = out.splitlines()[-1]
    assert engine == "engine: compiled" if __native__ else re.fullmatch(r"engine: interpreted \(.+\)", engine)
    svg = (tmp_path / "demo.svg").read_text(encoding="utf-8")
    for shown in ["w1", "w8", "net_h1", "out_o2", "E", "0.29837", "0.082167"]:
        assert re.search(f">\\s*{re.escape(shown)}<", svg), shown


def test_demo_json(capsys: Captured, tmp_path: Path) -> None:
    path = tmp_path / "b.svg"
    assert main(["demo", "--json", "-o", str(path)]) == 0
    data = strict(capsys.readouterr().out)
    assert data["passed"] is True
    assert data["drawing"] == str(path)
    assert [entry["name"] for entry in data["quantities"]] == list(demo.PUBLISHED)
    assert data["energy"][1]["computed"] == pytest.approx(0.291027774, abs=0.5e-9)
    assert path.exists()


def test_demo_fails_when_a_number_is_wrong(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(demo.PUBLISHED, "out_h2", ".596884379")
    assert main(["demo", "-o", str(tmp_path / "b.svg")]) == 1
    out, err = capsys.readouterr()
    assert re.search(r"out_h2 +0\.596884378 +\.596884379 +WRONG", out)
    assert err.count("\n") == 1


def test_demo_fails_when_a_gradient_is_wrong(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = primitive("wrong_sigmoid", TABLE["sigmoid"].fn, lambda y, x: 1.001 * y * (1 - y))
    monkeypatch.setattr(demo, "sigmoid", wrong)
    assert main(["demo", "-o", str(tmp_path / "b.svg"), "--json"]) == 1
    data = strict(capsys.readouterr().out)
    assert not data["check"]["passed"]
    assert not next(entry for entry in data["quantities"] if entry["name"] == "dE/dw1")["passed"]


# ---- refusals and failures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        ([], 2, "required: COMMAND"),
        (["integrate"], 2, "invalid choice: 'integrate'"),
        (["grad"], 2, "required: EXPRESSION"),
        (["grad", "x", "x=1", "--jsn"], 2, "unknown argument '--jsn'"),
        (["grad", "x", "x=1", "--js"], 2, "unknown argument '--js'"),
        (["grad", "x", "x=1", "-j"], 2, "'-j' is not an assignment"),
        (["demo", "x"], 2, "unknown argument 'x'"),
        (["rules", "tahn"], 2, "no function named 'tahn': did you mean tan or tanh or atan?"),
        (["rules", "-x"], 2, "no function named '-x'"),
        (["rules", "qqqq"], 2, "no function named 'qqqq': python -m autograd rules prints all"),
        (["rules", "tanh", "sin"], 2, "unknown argument 'sin'"),
        (["demo", "-x"], 2, "unknown argument '-x'"),
        (["check", "x", "x=1", "--order", "0"], 2, "argument --order: invalid choice: 0"),
        (["check", "x", "x=1", "--order", "-1"], 2, "'-1' is not a whole number"),
        (["check", "x", "x=1", "--order", "two"], 2, "'two' is not a whole number"),
        (["draw", "x", "x=1", "--depth", "²"], 2, "'²' is not a whole number"),
        (["draw", "x", "x=1", "-o"], 2, "expected one argument"),
        (["draw", "x", "x=1", "-o", "g.jpg"], 2, "must end in .svg, .dot, .png or .pdf, not 'g.jpg'"),
        (["draw", "x", "x=1", "-o", "-g"], 2, "must end in .svg, .dot, .png or .pdf, not '-g'"),
        (["demo", "-o", "."], 2, "must end in .svg, .dot, .png or .pdf, not '.'"),
        (["grad", "x*y", "x=1"], 2, "expression, column 3: 'y' is not known: give it a value, as in y=1.0"),
        (["grad", "x", "x=1", "y=2"], 2, "y is given but not in the expression"),
        (["grad", "x", "z=3", "x=1", "y=2"], 2, "z, y are given but not in the expression"),
        (["grad", "x", "x=1", "x=2"], 2, "x is given twice: x=1 and x=2"),
        (["grad", "x", "x=1", "ｘ=2"], 2, "x is given twice: x=1 and ｘ=2"),
        (["grad", "x", "x"], 2, "'x' is not an assignment: write NAME=NUMBER, as in a=2"),
        (["grad", "x", "2=3"], 2, "'2=3' is not an assignment"),
        (["grad", "x", "lambda=3"], 2, "'lambda=3' is not an assignment"),
        (["grad", "x", "x.y=3"], 2, "'x.y=3' is not an assignment"),
        (["grad", "x", "x=two"], 2, "'x=two': 'two' is not a number"),
        (["grad", "x", "x="], 2, "'' is not a number"),
        (["grad", "x", "x=nan"], 2, "x must be a finite number"),
        (["grad", "x", "x=-inf"], 2, "x must be a finite number"),
        (["grad", "x", "x=1e999"], 2, "x must be a finite number"),
        (["grad", "2 + 3"], 2, "the expression has no variable"),
        (["grad", "", "x=1"], 2, "column 1: the expression is empty"),
        (["grad", "x.real", "x=1"], 2, "column 1: 'x.real' is not allowed"),
        (["check", "open(x)", "x=1"], 2, "column 1: 'open' is not a function here"),
        (["draw", "x[0]", "x=1"], 2, "column 1: 'x[0]' is not allowed"),
        (["grad", "x + 9**9**9", "x=1"], 2, "column 5: '9**9**9' is too large"),
        (["grad", "-x + y", "x=1"], 2, "column 6: 'y' is not known"),
        (["grad", "(" * 10_000, "x=1"], 2, "too many nested parentheses"),
        (["grad", "-" * 100_000 + "x", "x=1"], 2, "longer than 10,000 characters"),
        (["grad", "log(x)", "x=-1"], 1, "log(x=-1.0): math domain error"),
        (["check", "1/x", "x=0"], 1, "div(1.0, x=0.0): float division by zero"),
        (["draw", "exp(x)", "x=1000"], 1, "exp(x=1000.0): math range error"),
        (["grad", "x**0.5", "x=-8"], 1, "a negative base with a fractional power is not real"),
        (["grad", "sqrt(x)", "x=0"], 1, "sqrt(x=0.0) has no finite derivative"),
        (["draw", "x", "x=1", "-o", "/nowhere/at/all/g.svg"], 1, "cannot write /nowhere/at/all/g.svg: No such file"),
    ],
)
def test_errors_are_one_line(capsys: Captured, argv: list[str], status: int, message: str) -> None:
    assert main(argv) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("autograd: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert message in err


_words = st.sampled_from(
    ["x", "y", "x=1", "y=-2", "x*y", "-x", "--json", "--order", "2", "--", "x=nan", "grad", "(", "x.y", ""]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["grad", "check"]), st.lists(_words | st.text(max_size=8), max_size=5))
def test_any_arguments_end_in_an_exit_code(capsys: Captured, command: str, words: list[str]) -> None:
    status = main([command, *words])
    out, err = capsys.readouterr()
    assert status in (0, 1, 2)
    assert (err == "") == (status == 0)
    assert err.count("\n") <= 1
    assert out or status


def test_ctrl_c(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(command_line.COMMANDS, "grad", interrupted)
    assert main(["grad", "x", "x=1"]) == 130
    assert capsys.readouterr().err == "autograd: interrupted\n"


def test_no_renderer(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.view.render.shutil.which", lambda *_, **__: None)
    assert main(["draw", "x", "x=1", "-o", str(tmp_path / "g.svg")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "pip install" in err
    assert main(["demo", "-o", str(tmp_path / "g.svg")]) == 1
    out, err = capsys.readouterr()
    assert "0.291027774" in out, "the numbers need no renderer"
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


# ---- help, and processes of their own --------------------------------------------------------------------------------


def test_help_and_version(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"glassgrad {__version__}\n"
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    examples = [line.strip() for line in out.splitlines() if line.startswith("  python -m autograd")]
    assert len(examples) >= len(command_line.COMMANDS)
    for command in command_line.COMMANDS:
        assert any(f"autograd {command}" in example for example in examples)
        assert main([command, "--help"]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"usage: python -m autograd {command} ")
        assert max(map(len, text.splitlines())) <= 100
    assert main(["grad", "-h"]) == 0
    words = set(re.findall(r"\w+", capsys.readouterr().out))
    assert words >= set(expression.FUNCTIONS)


def test_the_examples_of_the_help_run(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shlex

    monkeypatch.chdir(tmp_path)
    for line in command_line.EXAMPLES.splitlines():
        if line.startswith("  python"):
            assert main(shlex.split(line)[3:]) == 0, line
            assert not capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"graph.svg", "demo.svg", "steps.html"}


def test_as_a_process() -> None:
    done = run("grad", "tanh(a*b + c)", "a=2", "b=-3", "c=10", capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tanh(a*b + c) = 0.999329299739067\n")
    done = run("grad", "α.x", "α=2", capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "autograd: expression, column 1: '\\u03b1.x' is not allowed: there are no attributes\n"
    done = run("grad", "α*2", "α=2", capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("\\u03b1*2 = 4.0\n")


@pytest.mark.parametrize(
    ("args", "unbuffered"), [(["grad", "x**2", "x=3"], ""), (["grad", "x**2", "x=3"], "1"), (["--help"], "")]
)
def test_a_reader_that_leaves(args: list[str], unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run(*args, stdout=writer, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_reader_that_leaves_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise BrokenPipeError

    monkeypatch.setitem(command_line.COMMANDS, "grad", broken)
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["grad", "x", "x=1"]) == 141
        print("dropped", flush=True)
        monkeypatch.undo()
    assert (tmp_path / "out").read_text() == "", "what is still printed goes nowhere"


def test_only_what_is_needed_is_imported() -> None:
    code = (
        "import sys, autograd.__main__ as m; m.main(['grad', 'x', 'x=1']); m.main(['check', 'x', 'x=1']);"
        "print(sorted({'nn', 'numpy', 'graphviz', 'hypothesis', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "[]"
