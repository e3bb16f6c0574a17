"""The examples in the README and in docstrings run and print what they say; the README's map names what there is."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import autograd
import nn

ROOT = Path(autograd.__file__).resolve().parents[1]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
RUN_BY_SETUPTOOLS = "autograd.native.build"


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # examples save pictures


def modules() -> list[str]:
    return [
        module.name
        for package in (autograd, nn)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not module.name.endswith("__main__") and module.name != RUN_BY_SETUPTOOLS
    ]


@pytest.mark.parametrize("name", ["autograd", "nn", *modules()])
def test_docstrings(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert failed == 0


def test_readme() -> None:
    failed, attempted = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=OPTIONS)
    assert failed == 0
    assert attempted > 20
    assert texts(Path("tanh.svg")) == texts(ROOT / "notebooks" / "pictures" / "tanh.svg")


def texts(svg: Path) -> list[str]:
    """What a picture says; where it says it is the renderer's business."""
    return [re.sub("<[^>]*>", "", text) for text in re.findall(r"<text.*?</text>|<title>.*?</title>", svg.read_text())]


def test_commands_in_the_readme_print_what_it_says() -> None:
    blocks = re.findall(
        r"^```\w*\n\$ python (-m autograd .*)\n([^`]*)```", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert blocks
    for command, printed in blocks:
        done = subprocess.run([sys.executable, *shlex.split(command)], capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)


def test_readme_names_files_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    table = re.findall(r"^\| (`.*?`) \|", text[text.index("## The files") :], flags=re.MULTILINE)
    for row in table:
        folder = ""
        for name in re.findall(r"`([^`]+)`", row):
            path = ROOT / name if "/" in name else ROOT / folder / name
            folder = str(path.parent.relative_to(ROOT))
            assert path.exists(), name
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).exists(), picture


def test_importing_needs_the_standard_library_only() -> None:
    heavy = ("numpy", "graphviz", "matplotlib", "hypothesis", "scipy", "argparse", "Cython", "cython")
    code = f"import sys, autograd; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
