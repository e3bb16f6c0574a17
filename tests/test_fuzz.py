"""A bounded run of the fuzzer under sanitisers; ``python tests/fuzz_native.py --sanitize --seconds 3600`` is the long one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import autograd
from tests import fuzz_native
from tests.engine import Engine, EngineDiedError
from tests.test_native import unavailable

pytestmark = pytest.mark.long
SECONDS = 6.0


@pytest.fixture
def sanitisers() -> dict[str, str]:
    """The environment for a sanitised engine; skips, with the reason, where there can be none."""
    if not autograd.__native__:
        pytest.skip("the engine is fuzzed under sanitisers where it runs compiled")
    try:
        environment = fuzz_native.runtime()
    except (OSError, subprocess.CalledProcessError) as error:
        unavailable(f"there is no compiler that knows of sanitisers: {error}")
    missing = [path for path in environment["LD_PRELOAD"].split(":") if not Path(path).exists()]
    if missing:
        unavailable(f"the compiler has no {' and no '.join(missing)}")
    return environment


def test_random_programs_and_hostile_lives(sanitisers: dict[str, str], tmp_path: Path) -> None:
    """No crash, no read of freed memory, no undefined behaviour, and what the interpreted engine tells."""
    fuzz_native.sanitized(tmp_path)
    with Engine("off") as interpreted, Engine("require", tmp_path, **sanitisers) as compiled:
        done, found = fuzz_native.fuzz(interpreted, compiled, 0, SECONDS)
    assert found == []
    assert done >= fuzz_native.BATCH


def test_a_reference_that_is_not_counted_is_noticed(
    sanitisers: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A node that does not keep its first operand alive: sooner or later freed memory is read."""
    fuzz_native.sanitized(tmp_path, fault=("    Py_INCREF(a);\n    Py_INCREF(b);", "    Py_INCREF(b);"))
    code = "from autograd import Value\nfor _ in range(100):\n    y = Value(1.0)\n    for _ in range(10): y = -(y * 2.0)\n    y.backward()"
    with Engine("require", tmp_path, **sanitisers) as compiled, pytest.raises(EngineDiedError):
        compiled.ask("snippet", code)
    assert "ERROR: AddressSanitizer: heap-use-after-free" in capfd.readouterr().err
