"""Which engine runs: ``value.py`` compiled, if it was built from the sources that lie here, or as it stands.

The environment variable GLASSGRAD_NATIVE decides otherwise: ``off`` runs it as it stands, ``require`` raises
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

PACKAGE = Path(__file__).resolve().parents[1]
SOURCES = ("primitives.py", "value.py", "value.pxd", "native/rules.h", "native/slab.h", "native/build.py")
MARK = b"glassgrad sources "
why_interpreted = ""  # empty where the compiled engine runs


def fingerprint(package: Path = PACKAGE) -> bytes:
    """What a compiled engine carries to tell which sources it was built from."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update((package / source).read_bytes().replace(b"\r\n", b"\n"))
    return MARK + digest.hexdigest().encode()


def table_mark(package: Path = PACKAGE) -> bytes:
    """What ``rules.h`` carries to tell which table it was made from."""
    table = (package / "primitives.py").read_bytes().replace(b"\r\n", b"\n")
    return b"primitives.py: " + hashlib.sha256(table).hexdigest().encode()


def compiled_file(package: Path = PACKAGE) -> Path | None:
    """The compiled engine's file, if it was built."""
    files = (package / f"value{suffix}" for suffix in importlib.machinery.EXTENSION_SUFFIXES)
    return next((file for file in files if file.exists()), None)


def engine() -> bool:
    """Import the engine as ``autograd.value`` and return whether it is the compiled one."""
    global why_interpreted
    wish = os.environ.get("GLASSGRAD_NATIVE", "")
    if wish not in ("", "require", "off"):
        raise ImportError(f"GLASSGRAD_NATIVE is {wish!r}: it can be 'require' or 'off', or not be set")
    reason = "GLASSGRAD_NATIVE is off"
    if wish != "off":
        file = compiled_file()
        if file is None:
            reason = "it was not built; install again where a C compiler and Python.h are"
        elif fingerprint() not in file.read_bytes():
            reason = f"{file.name} was built from other sources; install again to build it anew"
            if wish != "require":
                warnings.warn(f"glassgrad runs interpreted: {reason}", RuntimeWarning, stacklevel=3)
        else:
            importlib.import_module("autograd.value")
            return True
    if wish == "require":
        raise ImportError(f"GLASSGRAD_NATIVE=require, but the compiled engine cannot run: {reason}")
    why_interpreted = reason
    _interpreted()
    return False


def _interpreted() -> None:
    """Import ``value.py`` from its source, also where a compiled file would come first."""
    name = "autograd.value"
    path = PACKAGE / "value.py"
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
    vars(sys.modules["autograd"])["value"] = module  # as an import statement would
