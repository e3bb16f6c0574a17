"""Imports run one way, downwards; and each module can be imported alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from subprocess import PIPE

import pytest

ROOT = Path(__file__).resolve().parent.parent
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("autograd", "nn")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All import statements that run, those in functions as well; not those for the type checker."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                yield from imports(other)
        else:
            yield from imports(node)


def imported(module: str) -> set[str]:
    """The modules of ours that a module imports."""
    found = set()
    package = module if PATHS[module].stem == "__init__" else module.rpartition(".")[0]
    for node in imports(ast.parse(PATHS[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*parents, *([node.module] if node.module else [])])
        for alias in node.names:
            found.add(f"{base}.{alias.name}" if f"{base}.{alias.name}" in PATHS else base)
    return found & set(PATHS)


GRAPH = {module: imported(module) - {module} for module in PATHS}

# from the bottom to the top; a room of several modules goes by its package
LEVELS = [
    ["autograd.floats", "autograd.rows"],
    ["autograd.primitives", "autograd.native"],
    ["autograd.formulas"],
    ["autograd.errors"],
    ["autograd.value"],
    [
        "autograd.sweeps",
        "autograd.backward",
        "autograd.recording",
        "autograd.math",
        "autograd.files",
        "autograd.terminal",
    ],
    ["autograd.structures", "autograd.copying", "autograd.finite"],
    ["autograd.functional"],
    ["autograd.suspects"],
    ["autograd.checking", "autograd.diagnosis", "autograd.view", "autograd.expression", "autograd.native.generate"],
    ["autograd.demo", "autograd.testing"],
    ["autograd"],
    ["autograd.__main__"],
    ["nn"],
]
# the methods of Value that copy and pickle are told apart from the class, and import it when they are called; so are
# those of Program that list, save and export it
UPWARDS = {
    ("autograd.value", "autograd.copying"),
    ("autograd.compile.program", "autograd.compile.listing"),
    ("autograd.compile.program", "autograd.compile.saved"),
    ("autograd.compile.program", "autograd.compile.export"),
}


def room(module: str) -> tuple[int, str] | None:
    """The level and the name of the room that a module is in: of those that contain it, the narrowest."""
    rooms = [(n, name) for n, level in enumerate(LEVELS) for name in level if f"{module}.".startswith(f"{name}.")]
    found = max(rooms, key=lambda pair: len(pair[1]), default=None)
    return None if found is not None and found[1] == "autograd" != module else found


def cycle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_there_is_no_cycle() -> None:
    graph = {module: {other for other in GRAPH[module] if (module, other) not in UPWARDS} for module in GRAPH}
    assert not cycle(graph)
    for module, other in UPWARDS:
        assert cycle(graph | {module: GRAPH[module]}), f"{module} imports {other} downwards: it is no exception"


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_imports_run_downwards(module: str) -> None:
    here = room(module)
    for other in GRAPH[module]:
        there = room(other)
        if here is not None and there is not None and here != there and (module, other) not in UPWARDS:
            assert there[0] < here[0], f"{module} imports {other}, which stands no lower"
        assert module.startswith("nn") or not other.startswith("nn"), f"{module} imports {other}"


def test_the_test_notices_imports_that_run_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = tmp_path / "value.py"
    text = PATHS["autograd.value"].read_text()
    for line in ("from . import functional", "from .functional import grad", "import autograd.functional"):
        planted.write_text(f"{text}\n\ndef later():\n    {line}\n")
        monkeypatch.setitem(PATHS, "autograd.value", planted)
        assert "autograd.functional" in imported("autograd.value")
    monkeypatch.setitem(GRAPH, "autograd.value", imported("autograd.value"))
    assert cycle(GRAPH)
    with pytest.raises(AssertionError, match="stands no lower"):
        test_imports_run_downwards("autograd.value")


FORKED = """\
import os, sys
for module in sys.stdin:
    child = os.fork()
    if not child:
        try:
            exec("import " + module)
        except BaseException as error:
            sys.stderr.write(repr(error))
        os._exit(0)
    os.waitpid(child, 0)
    sys.stderr.write("\\n")
    sys.stderr.flush()
"""


@pytest.fixture(scope="module")
def python() -> Iterator[subprocess.Popen[str]]:
    """A Python that has imported nothing, and does so in a fork of its own for each line that it is told."""
    with subprocess.Popen([sys.executable, "-c", FORKED], cwd=ROOT, stdin=PIPE, stderr=PIPE, text=True) as process:
        yield process


def complaint(python: subprocess.Popen[str], module: str) -> str:
    assert python.stdin is not None
    assert python.stderr is not None
    print(module, file=python.stdin, flush=True)
    return python.stderr.readline()


@pytest.mark.parametrize("module", sorted(set(PATHS) - {"autograd.native.build"}))  # that one runs inside setuptools
def test_each_module_can_be_imported_alone(module: str, python: subprocess.Popen[str]) -> None:
    assert complaint(python, module) == "\n"


def test_a_module_that_cannot_is_noticed(python: subprocess.Popen[str]) -> None:
    assert "no_such_module" in complaint(python, "autograd.no_such_module")
    assert complaint(python, "autograd.value") == "\n"
