"""The benchmarks measure what they say: every engine runs the same program to the same gradient.  No time is tested."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import autograd
from tests.bank import Task
from tests.test_moons import TRACE

pytestmark = pytest.mark.long  # without coverage's tracer, under which it takes minutes

FOLDER = Path(__file__).parent / "benchmarks"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    import eager

    return eager


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    import training

    return training


@pytest.fixture
def checkers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    import checkers

    return checkers


def duals(steps: list[tuple[bool, int, int, int]]) -> float:
    """The sum of the gradient of the random program, by forward mode: the slope in the direction of all ones."""
    v = [(1 + i / 16, 1.0) for i in range(16)]
    for add, k, i, j in steps:
        (x, dx), (a, da), (b, db) = v[k], v[i], v[j]
        v[k] = (x * 0.9 + a * 0.1, dx * 0.9 + da * 0.1) if add else (x - a * b * 0.01, dx - (da * b + a * db) * 0.01)
    return math.fsum(dx for _, dx in v)


@pytest.mark.parametrize("engine", ["glassgrad", "micrograd", "torch", "xad"])
def test_the_random_program_has_the_gradient_that_forward_mode_gives(eager: ModuleType, engine: str) -> None:
    if engine in eager.NEEDS:
        pytest.importorskip(eager.NEEDS[engine], reason=f"{engine} is a peer of the benchmarks only")
    steps = eager.plan(600)
    assert eager.one_round(engine, steps)["check"] == pytest.approx(duals(steps), rel=1e-12)


def test_a_gpt_step_is_the_same_on_a_plain_node(training: ModuleType) -> None:
    """Loss and gradient of the notebook's own cells, on the first step and on the next, after one of Adam's."""
    ours, theirs = training.gpt_on_glassgrad(), training.gpt_on_slots()
    for _ in range(2):
        assert training.told(next(ours)) == pytest.approx(training.told(next(theirs)), rel=1e-9)


def test_the_compiled_gpt_learns_what_the_others_learn(training: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(training.ROOT)  # it goes to where the words are
    compiled, eager, slots = (
        training.documents(engine, 4, 4) for engine in ("compiled", "glassgrad", "slots-only node")
    )
    for key in ("loss", "gradient"):
        assert compiled[key] == pytest.approx(eager[key], rel=1e-9)
        assert slots[key] == pytest.approx(eager[key], rel=1e-9)


def test_the_gpt_is_the_one_of_4192_parameters(training: ModuleType) -> None:
    seen: list[Any] = []

    class Counted(autograd.Value):
        def __init__(self, data: Any) -> None:
            super().__init__(data)
            seen.append(self)

    next(training.gpt(Counted))
    assert len(seen) == 4192


@pytest.mark.parametrize("program", ["moons glassgrad", "moons micrograd", "demo glassgrad", "demo micrograd"])
def test_a_step_on_the_moons_begins_where_the_recorded_run_does(training: ModuleType, program: str) -> None:
    if program != "moons glassgrad":
        pytest.importorskip("micrograd", reason="micrograd is a peer of the benchmarks only")
    steps = training.PROGRAMS[program]()
    first, then = next(steps), next(steps)
    assert first[0] == pytest.approx(TRACE[0]["loss"], abs=1e-9)
    assert then[0] < first[0]
    if program.startswith("demo"):
        engine = "autograd.value" if "glassgrad" in program else "micrograd.engine"
        assert {type(p).__module__ for p in first[1]} == {engine}, "the class Value is exchanged"


def tabular(text: str) -> list[str]:
    """The rows of a Markdown table, all of one width."""
    head, rule, *rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in (head, rule, *rows)}) == 1
    return rows


def test_the_command_prints_a_table() -> None:
    command = [sys.executable, str(FOLDER / "eager.py"), "--repeat", "1", "--sizes", "300", "600"]
    command += ["--engines", "glassgrad", "interpreted", "floats"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(tabular(done.stdout)) == 6
    assert "time per operation at 600" in done.stdout


def test_the_table_of_training_steps(
    training: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = {"glassgrad": 0.01, "compiled": 5e-5, "interpreted": 0.3}

    def measured(_script: str, engine: str, _program: str) -> dict[str, float]:
        return {"seconds": seconds.get(engine, 0.2), "loss": 1.0, "gradient": 2.0}

    monkeypatch.setattr(training, "in_own_process", measured)
    monkeypatch.setattr(sys, "argv", ["training.py", "--programs", "gpt"])
    training.main()
    rows = tabular(capsys.readouterr().out)
    assert rows[:3] == [
        "| gpt | glassgrad | 10.000 | 1.000 |",
        "| gpt | compiled | 0.050 | 0.005 |",
        "| gpt | interpreted | 300.000 | 30.000 |",
    ]


def test_engines_that_disagree_are_noticed(eager: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_script: str, engine: str, *_: Any, **__: Any) -> dict[str, float]:
        return {"forward": 1.0, "backward": 1.0, "free": 1.0, "check": 1.0 + (engine == "interpreted")}

    monkeypatch.setattr(eager, "in_own_process", wrong)
    monkeypatch.setattr(sys, "argv", ["eager.py", "--sizes", "300", "--engines", "glassgrad", "interpreted"])
    with pytest.raises(SystemExit, match="disagree on the gradient"):
        eager.main()


@pytest.mark.parametrize("checker", ["glassgrad", "scipy", "torch", "jax", "numdifftools"])
def test_every_checker_passes_a_parabola_and_accuses_its_mirror_image(checkers: ModuleType, checker: str) -> None:
    pytest.importorskip(checkers.NEEDS[checker], reason=f"{checker} is a peer of the benchmarks only")
    check = checkers.CHECKERS[checker]
    for xs in ((1.5,), (1.5, -2.0)):
        slopes = tuple(2 * x for x in xs)
        assert not check(lambda xs: float(sum(x * x for x in xs)), xs, slopes)
        assert check(lambda xs: float(sum(x * x for x in xs)), xs, (*slopes[:-1], -slopes[-1]))


def test_faults_are_planted_where_rounding_shows_them(checkers: ModuleType) -> None:
    clear = Task("clear", sum, (1.0, 2.0), (3.0, 5.0), (1e-16, 1e-16))
    assert [kind for kind, _ in checkers.planted(clear)].count("1e-07") == 2
    assert ("swapped", (5.0, 3.0)) in list(checkers.planted(clear))
    assert ("1e-01", (3.0 * 1.1, 5.0)) in list(checkers.planted(clear))
    rough = Task("rough", sum, (1.0, 2.0), (3.0, 0.0), (1e-5, math.inf))
    assert {kind for kind, _ in checkers.planted(rough)} == {"1e-01", "1e-02", "sign", "left out"}


def test_the_table_of_checkers(
    checkers: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parabola = Task("parabola", lambda xs: float(sum(x * x for x in xs)), (1.5, 2.0), (3.0, 4.0), (1e-16, 1e-16))
    monkeypatch.setattr("tests.bank.tasks", lambda each: (parabola,))
    monkeypatch.setattr(checkers, "in_own_process", lambda _, name, each, python: checkers.measure(name, each))
    monkeypatch.setattr(sys, "argv", ["checkers.py", "--checkers", "glassgrad", "scipy"])
    checkers.main()
    _, ours, theirs = tabular(capsys.readouterr().out)
    assert ours.startswith("| glassgrad | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | ")
    assert theirs.startswith("| scipy | 0 | 0 | 0 | 0 | 0 | ")


def test_the_table_of_scores_says_where_ours_is_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'glassgrad[data]'")
    monkeypatch.syspath_prepend(FOLDER)
    import scores

    found = {  # of ours and of theirs, for each split
        "iris": [(0.9, 0.8), (0.7, 0.8), (0.83, 0.8)],  # differences 0.1, -0.1, 0.03: mean 0.01, deviation 0.1015
        "wine": [(0.5, 0.6), (0.5, 0.6), (0.5, 0.59)],
    }

    def scored(data: Any, seed: int) -> list[tuple[float, float]]:
        ours, theirs = found["iris" if len(data[0]) == 150 else "wine"][seed - 7]
        return [(ours, 1.0), (theirs, 3.0)]

    monkeypatch.setattr(scores, "scores", scored)
    scores.main(["--sets", "iris,wine", "--splits", "3", "--first", "7"])
    iris, wine, mean = tabular(capsys.readouterr().out)
    assert iris == "| iris | 150 | 4 | 0.810 | 0.800 | +0.010 | 0.059 | 1.0 | 3.0 |  |"  # 0.1015 / sqrt(3)
    assert wine == "| wine | 178 | 13 | 0.500 | 0.597 | -0.097 | 0.003 | 1.0 | 3.0 | below |"
    assert mean == "| mean | | | 0.655 | 0.698 | -0.043 | | | | |"
