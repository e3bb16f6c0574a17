"""Random programs and hostile lives on the compiled engine, for as long as told: no crash, no wrong number.

    python tests/fuzz_native.py --seconds 60 --sanitize

Each round compares a batch of random programs (programs.py) between the engines, and lets hostile code (hostile.py)
at both.  With ``--sanitize`` the engine is built in a temporary folder for it, with gcc's address and undefined
behaviour sanitisers and every node in a block of its own, so that a read of freed memory ends the process with a
report.  Prints what it did; ends with status 1, and the seed to run again with ``--seed``, if something was found.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.engine import Engine, EngineDiedError  # noqa: E402  # after the path to it
from tests.programs import random_program  # noqa: E402  # as above

SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1 -O0"
SLABS = "#if defined(__linux__) && !defined(Py_GIL_DISABLED)"
BATCH, LIVES = 20, 4  # in a round


def sanitized(folder: Path, fault: tuple[str, str] = ("", "")) -> None:
    """Build the engine in ``folder`` with sanitisers, nodes from Python's allocator, and a fault planted in slab.h."""
    shutil.copytree(ROOT / "autograd", folder / "autograd", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name in ("nn", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    header = folder / "autograd/native/slab.h"
    text = header.read_text()
    if "__SANITIZE_ADDRESS__" not in text:
        assert SLABS in text, "slab.h has another condition now"
        text = text.replace(SLABS, f"{SLABS} && !defined(__SANITIZE_ADDRESS__)")
    assert fault[0] in text
    header.write_text(text.replace(*fault))
    compiler = folder / "cc"
    cc = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    compiler.write_text(f'#!/bin/sh\nexec {cc} "$@" {SANITIZERS}\n')  # the last options count
    compiler.chmod(0o755)
    code = "from setuptools import setup; import sys; sys.argv = ['', '-q', 'build_ext', '--inplace']; setup()"
    environment = {**os.environ, "CC": str(compiler), "GLASSGRAD_NATIVE": "require"}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True, capture_output=True)
    (built,) = (folder / "autograd").glob("value.*.so")
    assert b"__asan_report" in built.read_bytes(), "the engine was built without the sanitisers"


def runtime() -> dict[str, str]:
    """The environment in which Python runs a sanitised extension."""
    cc = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    libraries = [
        subprocess.run([cc, f"-print-file-name={name}.so"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan", "libubsan")
    ]
    return {
        "LD_PRELOAD": ":".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps what it needs to the end
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }


def fuzz(interpreted: Engine, compiled: Engine, seed: int, seconds: float) -> tuple[int, list[str]]:
    """Rounds until the time is up or something is found: how many programs ran, and what was found."""
    end = time.monotonic() + seconds
    done = 0
    while time.monotonic() < end:
        programs = [random_program(random.Random(seed + i), 1 + (seed + i) % 60) for i in range(BATCH)]
        lives = list(range(seed, seed + LIVES))
        try:
            theirs, ours = (engine.ask("programs", programs) for engine in (interpreted, compiled))
            wrong = [compiled.ask("lives", lives), interpreted.ask("lives", lives)]
        except EngineDiedError as error:
            return done, [f"seed {seed}: {str(error)[:2000]}"]
        for i, (a, b) in enumerate(zip(theirs, ours, strict=True)):
            if a != b:
                differences = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
                return done, [f"seed {seed + i}: the engines differ, interpreted and compiled: {differences[0]}"]
        found = [f"seed {life}: {told}" for both in wrong for life, told in zip(lives, both, strict=True) if told]
        if found:
            return done, found
        done += BATCH
        seed += BATCH
    return done, []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--sanitize", action="store_true", help="build and run with gcc's sanitisers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder: Path = ROOT
        environment: dict[str, Any] = {}
        if options.sanitize:
            folder, environment = Path(name), runtime()
            sanitized(folder)
        with Engine("off") as interpreted, Engine("require", folder, **environment) as compiled:
            file = compiled.ask("snippet", "import autograd.value; print(autograd.value.__file__)").strip()
            assert Path(file).parent == folder / "autograd", f"{file} runs, and not the engine in {folder}"
            done, found = fuzz(interpreted, compiled, options.seed, options.seconds)
    print(
        f"{done} programs and {done // BATCH * 4} lives from seed {options.seed} on",
        "with sanitisers" * options.sanitize,
    )
    print("\n".join(found) if found else "nothing found")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
