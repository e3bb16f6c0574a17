"""Both command lines as processes: an output that is closed, full or no longer read, and errors in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the shell's redirections are POSIX's")
COMMANDS = {
    "grad": ["autograd", "grad", "x**2", "x=3"],
    "json": ["autograd", "check", "x**2", "x=3", "--json"],
    "demo": ["autograd", "demo"],
    "autograd help": ["autograd", "--help"],
    "train": ["nn", "train", "xor", "--epochs", "3"],
    "nn help": ["nn", "--help"],
    "version": ["nn", "--version"],
    "predict": ["nn", "predict", "trained-xor/model.json", "-"],
}
NAMES = pytest.mark.parametrize("name", list(COMMANDS)[:-1])


def shell(name: str, redirection: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *COMMANDS[name]]
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 120}
    return subprocess.run(["bash", "-c", f'"$@" {redirection}', "bash", *command], cwd=folder, env=variables, **options)


@NAMES
def test_a_closed_output_is_told_in_a_line_and_the_work_is_done(name: str, tmp_path: Path) -> None:
    done = shell(name, ">&-", tmp_path)
    program = COMMANDS[name][0]
    assert (done.returncode, done.stderr) == (1, f"{program}: standard output is closed: what was printed is lost\n")
    files = {"demo": ["demo.svg"], "train": ["trained-xor"]}
    assert [path.name for path in tmp_path.iterdir()] == files.get(name, [])


@NAMES
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, a disk that is full")
def test_a_full_disk_is_told_in_a_line(name: str, unbuffered: str, tmp_path: Path) -> None:
    done = shell(name, "> /dev/full", tmp_path, PYTHONUNBUFFERED=unbuffered)
    if "help" in name or name == "version":
        assert done.returncode in (0, 1)  # argparse prints as well as it can
        assert done.stderr.count("\n") <= 1
    else:
        message = f"{COMMANDS[name][0]}: standard output: No space left on device\n"
        assert (done.returncode, done.stderr) == (1, message)


@NAMES
def test_a_reader_that_leaves_ends_it_in_silence(name: str, tmp_path: Path) -> None:
    done = shell(name, "| true; exit ${PIPESTATUS[0]}", tmp_path)
    assert done.stderr == ""
    assert done.returncode in (0, 141)  # 0 if all was written before it left


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", ">&- 2>&-", ">/dev/full 2>/dev/full", "<&- 2>&-"])
@pytest.mark.parametrize("name", ["grad", "train"])
def test_when_errors_cannot_be_told_the_code_tells(name: str, redirection: str, tmp_path: Path) -> None:
    done = shell(name, redirection, tmp_path)
    assert (done.returncode, done.stderr) == (1 if ">&- " in redirection or ">/dev/full " in redirection else 0, "")
    wrong = shell(name, f"--nonsense {redirection}", tmp_path)
    assert (wrong.returncode, wrong.stdout, wrong.stderr) == (2, "", "")


def test_a_closed_input(tmp_path: Path) -> None:
    assert shell("train", "", tmp_path).returncode == 0
    for redirection, message in [
        ("<&-", "standard input is closed: there is nothing to read"),
        ("< /dev/null", "standard input is empty: it needs a header line and rows"),
    ]:
        done = shell("predict", redirection, tmp_path)
        assert (done.stdout, done.stderr) == ("", f"nn: {message}\n")
        assert done.returncode in (1, 2)
