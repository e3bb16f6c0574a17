"""A model as a file: JSON, from which the same model with the same doubles is made."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from autograd.files import write

FORMAT = "glassgrad model"
VERSION = 1


def save(path: str | os.PathLike[str], kind: str, architecture: dict[str, Any], parameters: dict[str, float]) -> None:
    """Write a model, of a class and with parameters of these names; the file is replaced as a whole or not at all."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "architecture": architecture,
        "parameters": parameters,
    }
    write(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def read(path: str | os.PathLike[str]) -> tuple[str, dict[str, Any], dict[str, float]]:
    """The kind, architecture and parameters of a saved model; ValueError, saying what is wrong, if it is none."""
    try:
        document = json.loads(Path(path).read_bytes(), parse_constant=_refuse, object_pairs_hook=_unique)
    except (RecursionError, ValueError) as error:
        raise ValueError(f"{path} is no saved model, or is cut short or damaged: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f'{path} is no saved model: it must be a JSON object with "format": "{FORMAT}"')
    if document.get("version") != VERSION:
        raise ValueError(
            f"{path} is a saved model of version {document.get('version')!r}, and this program reads version "
            f"{VERSION}: use the program that wrote it, or a newer one"
        )
    for key, kind in (("kind", str), ("architecture", dict), ("parameters", dict)):
        if not isinstance(document.get(key), kind):
            raise ValueError(f"{path} is no complete saved model: its {key!r} is missing or not a {kind.__name__}")
    for name, x in document["parameters"].items():
        if type(x) not in (float, int):
            raise ValueError(f"{path} is no saved model: its parameter {name} is {x!r}, not a number")
    return document["kind"], document["architecture"], document["parameters"]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no finite number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return result
