"""Drawings rendered, shown and saved."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, animate
from autograd.view import draw
from tests.pictures import (
    SVG,
    Picture,
    network,
    neuron,
    run,
    twice,
)

posix = pytest.mark.skipif(os.name != "posix", reason="the stand-in for dot is a shell script")


@pytest.fixture
def no_renderer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(empty))


def stand_in(folder: Path, name: str, script: str) -> None:
    program = folder / "empty" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_graphviz_is_imported_when_something_is_rendered_and_not_before() -> None:
    program = (
        "import sys\n"
        "from autograd import Value\n"
        "from autograd.view import draw\n"
        "graph = draw(Value(1.0) * 2.0)\n"
        "graph.source, repr(graph)\n"
        "before = 'graphviz' in sys.modules\n"
        "graph.svg()\n"
        "print(before, 'graphviz' in sys.modules)"
    )
    assert run(program).split() == ["False", "True"]


def test_no_dot_on_the_path_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len(Picture(draw(neuron())).edges) == 9


@pytest.mark.usefixtures("no_renderer")
def test_without_a_renderer_the_error_names_both_remedies_and_dot_text_is_at_hand(tmp_path: Path) -> None:
    graph = draw(neuron())
    kept = tmp_path / "g.svg"
    kept.write_text("kept")
    for render in (graph.svg, lambda: graph.save(kept)):
        with pytest.raises(RuntimeError, match=r"apt install graphviz.*pip install .*graphviz-pure.*Graph\.source"):
            render()
    assert kept.read_text() == "kept"
    graph.save(tmp_path / "g.dot")
    assert (tmp_path / "g.dot").read_text(encoding="utf-8") == graph.source
    assert graph.source.startswith("digraph")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "g.dot", "g.svg"]


@pytest.mark.usefixtures("no_renderer")
def test_without_a_renderer_jupyter_shows_text() -> None:
    bundle = draw(twice())._repr_mimebundle_()
    assert bundle.keys() == {"text/plain"}
    assert bundle["text/plain"].startswith("<Graph of 2 nodes and 2 edges>\nnot drawn: ")
    assert "graphviz-pure" in bundle["text/plain"]


def test_without_the_graphviz_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("graphviz", "graphviz.backend", "graphviz.backend.execute"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RuntimeError, match=r"package graphviz is not installed.*pip install graphviz"):
        draw(twice()).svg()


@posix
@pytest.mark.usefixtures("no_renderer")
def test_dot_comes_before_graphviz_pure(tmp_path: Path) -> None:
    stand_in(tmp_path, "graphviz-pure", "echo '<svg by=\"pure\"/>'")
    assert 'by="pure"' in draw(twice()).svg()
    stand_in(tmp_path, "dot", 'echo "<svg by=\\"dot $*\\"/>"')
    assert 'by="dot -Kdot -Tsvg"' in draw(twice()).svg()


@posix
@pytest.mark.usefixtures("no_renderer")
@pytest.mark.parametrize("script", ["echo 'no plugin for svg' >&2; exit 3", "exec /nonexistent", "exit 0"])
def test_a_renderer_that_fails_is_named_and_nothing_is_written(script: str, tmp_path: Path) -> None:
    stand_in(tmp_path, "dot", script)
    kept = tmp_path / "g.svg"
    kept.write_text("kept")
    with pytest.raises(RuntimeError, match=r"empty/dot failed on <Graph of 2 nodes.*Graph\.source") as caught:
        draw(twice()).save(kept)
    assert ("no plugin" in script) == ("no plugin for svg" in str(caught.value))
    assert kept.read_text() == "kept"
    assert draw(twice())._repr_mimebundle_().keys() == {"text/plain"}


def test_a_renderer_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(command: list[str], **options: Any) -> None:
        assert options["timeout"] == 60
        raise subprocess.TimeoutExpired(command, 60)

    monkeypatch.setattr("graphviz.backend.execute.run_check", stuck)
    with pytest.raises(RuntimeError, match=r"more than a minute.*depth= or around="):
        draw(twice()).svg()


def test_jupyter_shows_svg_and_text() -> None:
    graph = draw(neuron())
    bundle = graph._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"image/svg+xml": graph.svg(), "text/plain": "<Graph of 10 nodes and 9 edges>"}


def test_the_svg_stands_alone_on_white_and_says_what_it_is() -> None:
    root = Picture(draw(neuron())).root
    assert root.get("aria-label") == "Computation graph of 10 nodes and 9 edges"
    assert "monospace" in root.attrib["font-family"]
    assert not any("font-family" in text.attrib for text in root.iter(f"{SVG}text"))
    assert next(root.iter(f"{SVG}polygon")).get("fill") == "white"
    assert not any(name.endswith("href") for element in root.iter() for name in element.attrib)


def test_drawings_go_from_left_to_right() -> None:
    picture = Picture(draw(network()))
    for name in picture.edges:
        tail, head = (
            min(float(t.attrib["x"]) for t in picture.groups[end].iter(f"{SVG}text")) for end in picture.ends[name]
        )
        assert tail < head


def test_files_are_saved_by_their_ending(tmp_path: Path) -> None:
    graph = draw(network())
    for name, text in (("g.svg", graph.svg()), ("g.dot", graph.source), ("h.SVG", graph.svg())):
        graph.save(str(tmp_path / name))
        assert (tmp_path / name).read_bytes() == text.encode()
    for name in ("g.gif", "g", "svg", "g.svg.txt"):
        with pytest.raises(ValueError, match=re.escape(f"{name!r}: the name must end in .svg, .dot, .png or .pdf")):
            graph.save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.dot", "g.svg", "h.SVG"]
    graph.save(tmp_path / "g.png")
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.usefixtures("no_renderer")
def test_a_pdf_is_what_the_renderer_writes(tmp_path: Path) -> None:
    stand_in(tmp_path, "dot", "[ $2 = -Tpdf ] && echo '%PDF-'")
    draw(Value(1.0)).save(tmp_path / "g.pdf")
    assert (tmp_path / "g.pdf").read_bytes() == b"%PDF-\n"


def test_a_drawing_is_played_as_a_page() -> None:
    """That of the drawing's own graph and level, which Jupyter shows in a frame that carries it along."""
    y = neuron()
    page = draw(y).page(title="a neuron")
    assert (page.nodes, page.html) == (draw(y).nodes, animate(y, title="a neuron").html)
    assert draw(y, level="neurons").page().html == animate(y, level="neurons").html
    assert page._repr_mimebundle_()["text/html"].startswith("<iframe srcdoc=")
    assert draw(y) == draw(y)
    for part in (draw([y, y * 2.0]), draw(y, depth=1), draw(y, around=y), draw([y, y * 2.0], level="neurons")):
        with pytest.raises(ValueError, match="only the whole graph of one Value is played"):
            part.page()
    for whole in (draw([y]), draw(y, depth=99)):
        assert whole.page().nodes == page.nodes


@pytest.mark.parametrize("level", ["full", "neurons", "layers"])
def test_the_page_of_a_drawing_has_its_title_and_its_limit(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    y = neuron()
    for page in (draw(y, level=level, title="Mine").page(), draw(y, level=level).page(title="Mine")):
        assert "<h1>Mine</h1>" in page.html
    assert "<h1>Other</h1>" in draw(y, level=level, title="Mine").page(title="Other").html
    own = animate.__kwdefaults__
    assert own is not None
    monkeypatch.setitem(own, "limit", 2)
    with pytest.raises(ValueError, match="limit=2"):
        animate(y)
    assert draw(y, level=level).page().nodes == draw(y, level=level).nodes
    with pytest.raises(ValueError, match="limit=0"):
        draw(y, level=level).page(limit=0)


def test_a_real_renderer_writes_pictures_of_the_size_of_the_drawing(tmp_path: Path) -> None:
    """The PNG's header and the PDF's page have the SVG's size; of PDF, only where Graphviz's own ``dot`` is."""
    graph = draw(network())
    found = re.search(r'width="(\d+)pt" height="(\d+)pt"', graph.svg())
    assert found is not None
    points = [int(x) for x in found.groups()]
    graph.save(tmp_path / "g.png")
    head = (tmp_path / "g.png").read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n")
    pixels = [int.from_bytes(head[k : k + 4], "big") for k in (16, 20)]
    assert [x / y for x, y in zip(pixels, points, strict=True)] == pytest.approx([96 / 72] * 2, rel=0.05)
    if shutil.which("dot") is None:
        pytest.skip("a PDF needs Graphviz's own dot")
    graph.save(tmp_path / "g.pdf")
    text = (tmp_path / "g.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", text)
    if box is not None:  # else it is compressed
        assert [float(x) for x in box.groups()] == pytest.approx(points, abs=2)
    assert text.startswith(b"%PDF-")
    assert len(text) > 5000
