"""Every notebook runs from top to bottom, without an error or a warning, and shows what is stored in it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.long, pytest.mark.trains]

nbformat = pytest.importorskip("nbformat", reason="needs Jupyter's tools: pip install 'glassgrad[notebooks]'")
nbclient = pytest.importorskip("nbclient", reason="needs Jupyter's tools: pip install 'glassgrad[notebooks]'")
pytest.importorskip("ipykernel", reason="needs Jupyter's tools: pip install 'glassgrad[notebooks]'")

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
NEEDS = {
    "chain_and_fan_out": ["matplotlib", "pandas"],
    "digits": ["sklearn", "matplotlib"],
    "network_that_would_not_learn": ["pandas"],
    "two_moons": ["matplotlib"],
    "what_is_a_derivative": ["matplotlib"],
    "worked_network": ["pandas"],
    "xor_in_thirty_lines": ["matplotlib", "pandas"],
    "evolution": ["neat", "matplotlib"],
    "recurrent_networks": ["matplotlib"],
}

spec = importlib.util.spec_from_file_location("store", FOLDER / "store.py")
assert spec is not None
assert spec.loader is not None
store: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(store)


def test_they_are_all_there():
    assert {*NEEDS, "gpt"} <= set(NOTEBOOKS)


def stored(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_is_stored_with_outputs_and_nothing_that_varies(name: str):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        assert cell.source.strip()
        assert cell.get("execution_count") is None
    assert any(cell.get("outputs") for cell in notebook.cells)
    assert not any(output.get("name") == "stderr" for output in outputs(notebook))


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def complaints(notebook: Any) -> list[str]:
    """What it wrote to standard error, and what should be a picture and is not."""
    found = []
    for output in outputs(notebook):
        if output.get("name") == "stderr":
            found.append(output.text)
        elif "data" in output and not any(kind.startswith(("image/", "text/html")) for kind in output.data):
            text = output.data.get("text/plain", "")
            found += [text] if "<Figure" in text or "not drawn" in text else []
    return found


def told(output: Any) -> Any:
    """What an output says: its texts exactly; of a picture or a page what is written in it."""
    if "data" not in output:
        return output.get("text")
    data = dict(output.data)
    for kind in ("image/svg+xml", "text/html"):
        if kind in data:
            data[kind] = pictured(data[kind])
    data.pop("image/png", None)
    return data


def pictured(text: str) -> list[str]:
    """The texts of a picture: where they stand is the renderer's business."""
    if text.startswith("<iframe"):
        return re.findall(r"&quot;t&quot;:\[.*?\]", text)  # what its steps say
    if "<svg" not in text:
        return [text]
    # matplotlib draws its letters as lines, and writes beside them what they say
    found = re.findall(r"<text.*?</text>|<title>.*?</title>|<!-- .*? -->", text, re.DOTALL)
    return [re.sub("<[^>!]*>", "", one) for one in found]


def curves(output: Any) -> list[list[float]]:
    """What matplotlib has drawn within its axes: each line's numbers from 0 to 1 over the room that it takes."""
    found = []
    for line in re.findall(r'<path d="([^"]*)" clip-path', output.get("data", {}).get("image/svg+xml", "")):
        numbers = [float(x) for x in re.findall(r"-?\d+\.?\d*", line)]
        places = []
        for xs in (numbers[::2], numbers[1::2]):
            low, span = min(xs), (max(xs) - min(xs)) or 1.0
            places += [(x - low) / span for x in xs]
        found.append(places)
    return found


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_shows_what_is_stored(name: str):
    for package in NEEDS.get(name, []):
        pytest.importorskip(package, reason=f"the notebook {name} needs {package}")
    before = stored(name)
    after = store.cleaned(store.executed(stored(name)))
    assert complaints(after) == []
    for cell, fresh in zip(before.cells, after.cells, strict=True):
        assert list(map(told, fresh.get("outputs", []))) == list(map(told, cell.get("outputs", []))), cell.source
        for new, old in zip(fresh.get("outputs", []), cell.get("outputs", []), strict=True):
            for mine, theirs in zip(curves(new), curves(old), strict=True):
                assert mine == pytest.approx(theirs, abs=0.01), cell.source


@pytest.mark.parametrize(
    "source", ["assert 1 + 1 == 3", "import no_such_package_anywhere", "from autograd.math import log\nlog(-1.0)"]
)
def test_a_cell_that_fails_is_noticed(source: str):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        store.executed(notebook)


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
    (found,) = complaints(store.executed(notebook))
    assert complaint in found


def test_an_output_that_is_not_the_stored_one_is_noticed():
    cells = [nbformat.v4.new_code_cell("print(1 + 1)"), nbformat.v4.new_code_cell("1.5 * 2")]
    first = store.cleaned(store.executed(nbformat.v4.new_notebook(cells=cells)))
    assert list(map(told, outputs(first))) == ["2\n", {"text/plain": "3.0"}]


def test_another_curve_and_another_label_are_noticed():
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'glassgrad[plot]'")

    def plot(y: float, label: str) -> Any:
        source = f"import matplotlib.pyplot as plt\nplt.plot([0, 1, 2], [0, {y}, 1])\nplt.xlabel({label!r})\nplt.show()"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        (output,) = outputs(store.cleaned(store.executed(notebook)))
        return output

    first, again = plot(0.5, "pass"), plot(0.5, "pass")
    assert told(first) == told(again)
    assert "pass" in str(told(first))
    assert curves(first) == curves(again)
    assert len(curves(first)) == 1
    assert curves(plot(0.55, "pass"))[0] != pytest.approx(curves(first)[0], abs=0.01)
    assert told(plot(0.5, "round")) != told(first)
