"""Programs as functions of JAX, on four devices, against the slow interpreter of tests/flat.py."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograd.compile.export import to_jax
from tests.flat import straight
from tests.jax_checks import CHECKS

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed (glassgrad[jax])")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """What went wrong in each check, all run in one process."""
    command = [sys.executable, "-m", "tests.jax_checks"]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True)
    found = dict(json.loads(line) for line in done.stdout.splitlines())
    return found | {"": done.stderr[-3000:]} if done.returncode else found


@needs_jax
@pytest.mark.parametrize("name", CHECKS)
def test_in_jax(name: str, outcomes: dict[str, str]) -> None:
    assert name in outcomes, outcomes.get("", "")
    assert not outcomes[name], outcomes[name]


def test_without_jax_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'glassgrad\[jax\]'"):
        to_jax(straight(1, 5))
