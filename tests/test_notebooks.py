"""Every notebook runs from top to bottom, without an error or a warning, and is committed without outputs."""

import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long  # without coverage's tracer, under which it takes minutes

nbformat = pytest.importorskip("nbformat", reason="needs Jupyter's tools: pip install 'glassgrad[notebooks]'")
nbclient = pytest.importorskip("nbclient", reason="needs Jupyter's tools: pip install 'glassgrad[notebooks]'")
pytest.importorskip("ipykernel", reason="needs Jupyter's tools: pip install 'glassgrad[notebooks]'")

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
NEEDS = {
    "digits": ["sklearn", "matplotlib"],
    "evolution": ["neat", "matplotlib"],
    "moons": ["matplotlib"],
    "system_a": ["matplotlib"],
    "system_d": ["matplotlib"],
}


def test_they_are_all_there():
    assert {"digits", "evolution", "gpt", "moons", "system_a", "system_b", "system_c", "system_d"} <= set(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_is_committed_without_outputs(name: str):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        assert cell.source.strip()
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def executed(notebook: Any) -> list[str]:
    """Run it in a kernel of this Python; what it wrote to standard error, and what should be a picture and is not."""
    client = nbclient.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": FOLDER}}
    )
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    client.execute(env={k: v for k, v in os.environ.items() if k != "MPLBACKEND"} | {"PYTHONPATH": path})
    complaints = []
    for output in [output for cell in notebook.cells for output in cell.get("outputs", [])]:
        if output.get("name") == "stderr":
            complaints.append(output.text)
        elif "data" in output and not any(kind.startswith("image/") for kind in output.data):
            text = output.data.get("text/plain", "")
            complaints += [text] if "<Figure" in text or "not drawn" in text else []
    return complaints


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs(name: str):
    for package in NEEDS.get(name, []):
        pytest.importorskip(package, reason=f"the notebook {name} needs {package}")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    assert executed(notebook) == []
    assert any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize(
    "source", ["assert 1 + 1 == 3", "import no_such_package_anywhere", "from autograd.math import log\nlog(-1.0)"]
)
def test_a_cell_that_fails_is_noticed(source: str):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        executed(notebook)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import warnings; warnings.warn('old')", "UserWarning: old"),
        ("class Figure:\n    __repr__ = lambda self: '<Figure of nothing>'\nFigure()", "<Figure of nothing>"),
        ("from autograd.view.render import Graph\nGraph('no DOT text', 0, 0)", "not drawn"),
    ],
)
def test_a_warning_and_a_picture_that_does_not_show_are_noticed(source: str, complaint: str):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    (found,) = executed(notebook)
    assert complaint in found
