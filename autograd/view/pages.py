"""``Page``: an HTML file that needs nothing else, and how the stepping page is put together."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ..files import write


@dataclass(frozen=True)
class Page:
    """A page that plays a graph: ``html`` is all of it; in Jupyter it shows itself in a frame."""

    html: str
    nodes: int
    steps: int | None = None  # that it plays
    title: str = "Step through the graph"  # of the frame

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file whose name ends in .html, as a whole or not at all; ValueError for another."""
        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"cannot save a page as {Path(path).name!r}: the name must end in .html")
        write(path, self.html)

    def frame(self, height: int = 680) -> str:
        """The page as an <iframe> that carries it along, to be put into another page."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" title="{html.escape(self.title)}" '
            f'sandbox="allow-scripts" width="100%" height="{height}" frameborder="0"></iframe>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.frame(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Page of {self.nodes:,} nodes{'' if self.steps is None else f' and {self.steps:,} steps'}>"


def _part(name: str) -> str:
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def put_together(pictures: list[str], data: dict[str, Any], title: str) -> str:
    """The page of several pictures, the first of which shows at first, and of what is played on them."""
    style, script = _part("page.css"), _part("page.js")
    policy = f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; base-uri 'none'"
    bare = [
        svg.replace(' style="max-width:100%;height:auto"', "").replace("graphics-document document", "group", 1)
        for svg in pictures
    ]
    frames = ""
    if len(data["frames"]) > 1:
        count = len(data["frames"])
        canvas = '<canvas id="boundary" width="240" height="180" role="img" aria-label="Decision boundary"></canvas>'
        frames = (
            f'<div class="row"><label for="frame">Training</label><div class="bar"><input type="range" id="frame" '
            f'min="0" max="{count - 1}" value="{count - 1}" step="1"></div><output id="frameabout" for="frame">'
            f"{html.escape(data['frames'][-1]['about'])}</output></div>"
            f"{canvas if 'field' in data['frames'][-1] else ''}"
        )
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=list)
    return Template(_part("page.html")).substitute(
        policy=policy,
        title=html.escape(title),
        about="Forward: each operation from its operands. Backward: each node passes on adjoint × partial.",
        style=style,
        script=script,
        svg=bare[0],
        templates="".join(f'<template id="scene{k}">{svg}</template>\n' for k, svg in enumerate(bare[1:], 1)),
        first=html.escape(data["first"][0]),
        last=len(data["steps"]),
        frames=frames,
        data=text.replace("<", "\\u003c"),
    )
