"""Run the notebooks and keep their outputs in them: ``python notebooks/store.py [NAME ...]``.

What is stored does not depend on when and where it ran: no counts, no times, pictures as SVG.  The tests run the
notebooks in the same way and compare.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat

FOLDER = Path(__file__).resolve().parent
# pictures by the same name for the same numbers, so that stored ones do not change when nothing has changed
PICTURES = """
import matplotlib, matplotlib_inline.backend_inline
matplotlib_inline.backend_inline.set_matplotlib_formats("svg", metadata={"Date": None})
matplotlib.rcParams["svg.hashsalt"] = "glassgrad"
matplotlib.rcParams["figure.dpi"] = 96
"""


def executed(notebook: Any, timeout: int = 600) -> Any:
    """The notebook, run in a kernel of this Python on this checkout's packages."""
    path = os.pathsep.join([str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"} | {"PYTHONPATH": path}
    client = nbclient.NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": FOLDER}}
    )
    if any("matplotlib" in cell.source or "fit(" in cell.source for cell in notebook.cells):
        notebook.cells.insert(0, nbformat.v4.new_code_cell(PICTURES))
    try:
        client.execute(env=environment)
    finally:
        if notebook.cells and notebook.cells[0].source == PICTURES:
            del notebook.cells[0]
    return notebook


def cleaned(notebook: Any) -> Any:
    """The notebook without what differs from run to run."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = _joined(cell.outputs)
            for output in cell.outputs:
                output.pop("execution_count", None)
                if output.output_type == "execute_result":
                    output.execution_count = None
                if "metadata" in output:
                    output.metadata = {}
                if "data" in output and "image/svg+xml" in output.data:
                    output.data["image/svg+xml"] = steady(output.data["image/svg+xml"])
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """The outputs with what was written to one stream in several pieces as one."""
    result: list[Any] = []
    for output in outputs:
        if result and output.output_type == "stream" and result[-1].get("name") == output.name:
            result[-1].text += output.text
        else:
            result.append(output)
    return result


def steady(svg: str) -> str:
    """The picture without the addresses of objects that some texts of matplotlib have."""
    return re.sub(r" at 0x[0-9a-f]+", "", svg)


def main(names: list[str]) -> None:
    for name in names or sorted(path.stem for path in FOLDER.glob("*.ipynb")):
        path = FOLDER / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        nbformat.write(cleaned(executed(notebook)), path)
        print(f"{name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
