"""Which engine runs: its units compiled, if they were built from the sources that lie here, or as they stand.

The environment variable GLASSGRAD_NATIVE decides otherwise: ``off`` runs them as they stand, ``require`` raises
ImportError unless the compiled one can run.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import importlib.util
import os
import sys
import warnings
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
FIRST = ("value", "backward")  # what ``import autograd`` imports, in this order ...
UNITS = (*FIRST, "compile/flat", "compile/machine")  # ... and all that is compiled: all of it or nothing
SOURCES = (
    *("floats.py", "rows.py", "primitives.py"),
    *(f"{unit}{suffix}" for unit in UNITS for suffix in (".py", ".pxd")),
    *("native/rules.h", "native/slab.h", "native/build.py", "compile/interpreter.h", "compile/tape.h"),
)
MARK = b"glassgrad sources "
why_interpreted = ""  # empty where the compiled engine runs
_unsaid = ""  # what ``remind`` has to say


def fingerprint(package: Path = PACKAGE) -> bytes:
    """What a compiled engine carries to tell which sources it was built from."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update((package / source).read_bytes().replace(b"\r\n", b"\n"))
    return MARK + digest.hexdigest().encode()


def table_mark(package: Path = PACKAGE) -> bytes:
    """What ``rules.h`` carries to tell which table it was made from."""
    table = b"".join((package / name).read_bytes() for name in ("floats.py", "rows.py", "primitives.py"))
    return b"floats.py, rows.py, primitives.py: " + hashlib.sha256(table.replace(b"\r\n", b"\n")).hexdigest().encode()


def compiled_files(package: Path = PACKAGE) -> list[Path]:
    """The files of the compiled engine, one a unit; none if it was not built."""
    return [file for unit in UNITS for file in _files(package, unit)]


def _files(package: Path, unit: str) -> list[Path]:
    files = [package / f"{unit}{suffix}" for suffix in importlib.machinery.EXTENSION_SUFFIXES]
    return [file for file in files if file.exists()]


def obstacle(package: Path = PACKAGE) -> str:
    """Why the compiled engine cannot run; empty if it can."""
    files = compiled_files(package)
    if not files:
        other = _elsewhere(package)
        if other is not None:
            return f"it was not built in {package}, only in {other}; run pip install -e . here, or run elsewhere"
        return "it was not built; install again where a C compiler and Python.h are"
    for unit in UNITS:
        if not _files(package, unit):
            return f"{unit}.py was not built with the rest; install again to build it anew"
    for file in files:
        if fingerprint(package) not in file.read_bytes():
            return f"{file.name} was built from other sources; install again to build it anew"
    return ""


def _elsewhere(package: Path) -> Path | None:
    """Another installation that has a compiled engine: a checkout is often run beside the one that was built of it."""
    for entry in sys.path:
        other = Path(entry, "autograd")
        if (other / "native" / "choice.py").exists() and compiled_files(other) and not other.samefile(package):
            return other
    return None


def remind() -> None:
    """Say why the engine runs interpreted, if nobody wished that; once, where a backward takes long."""
    global _unsaid
    if _unsaid:
        message, _unsaid = _unsaid, ""
        level, frame = 1, sys._getframe()
        while frame.f_back is not None and Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
            level, frame = level + 1, frame.f_back
        warnings.warn(f"glassgrad runs interpreted, which is much slower: {message}", RuntimeWarning, stacklevel=level)


def engine() -> bool:
    """Import the engine as ``autograd.value`` and ``autograd.backward``; return whether it is the compiled one."""
    global why_interpreted, _unsaid
    wish = os.environ.get("GLASSGRAD_NATIVE", "")
    if wish not in ("", "require", "off"):
        raise ImportError(f"GLASSGRAD_NATIVE is {wish!r}: it can be 'require' or 'off', or not be set")
    reason = "GLASSGRAD_NATIVE is off" if wish == "off" else obstacle()
    if not reason:
        for unit in FIRST:
            load(unit)
        return True
    if wish == "require":
        raise ImportError(f"GLASSGRAD_NATIVE=require, but the compiled engine cannot run: {reason}")
    if wish != "off":
        if compiled_files():
            warnings.warn(f"glassgrad runs interpreted: {reason}", RuntimeWarning, stacklevel=3)
        else:
            _unsaid = reason
    why_interpreted = reason
    for unit in FIRST:
        load(unit)
    return False


def load(unit: str) -> Any:
    """Import a unit, compiled or not as the engine is."""
    name = _name(unit)
    if name not in sys.modules:
        if why_interpreted:
            _import_source(unit)
        else:
            importlib.import_module(name)
    return sys.modules[name]


def _name(unit: str) -> str:
    return f"autograd.{unit.replace('/', '.')}"


def _import_source(unit: str) -> None:
    """Import a unit from its source, also where a compiled file would come first."""
    name = _name(unit)
    path = PACKAGE / f"{unit}.py"
    spec = importlib.util.spec_from_file_location(
        name, path, loader=importlib.machinery.SourceFileLoader(name, str(path))
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    from autograd.native import stand_in  # the names of Cython's module, which need not be installed

    before = sys.modules.get("cython")
    sys.modules["cython"] = stand_in
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        if before is None:
            del sys.modules["cython"]
        else:
            sys.modules["cython"] = before
    package, _, base = name.rpartition(".")
    vars(importlib.import_module(package))[base] = module  # as an import statement would
