"""Importing nn: it is light, it loads nothing heavy, and it says so when another package answers to autograd."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("numpy", "matplotlib", "tqdm", "sklearn", "graphviz", "hypothesis", "scipy", "torch")


def run(program: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, check=False)


def test_nn_loads_nothing_heavy():
    done = run(f"import nn, sys; print([name for name in {HEAVY} if name in sys.modules])", ROOT)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("content", ["def grad(f): ...", "", "raise ImportError('half installed')"])
def test_another_autograd_is_named(content: str, tmp_path: Path):
    """PyPI's autograd has no Value."""
    shutil.copytree(ROOT / "nn", tmp_path / "nn", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "autograd").mkdir()
    (tmp_path / "autograd" / "__init__.py").write_text(content)
    done = run("import nn", tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    if content.startswith("raise"):
        assert last == "ImportError: half installed"
    else:
        assert last.startswith("ImportError: nn works with the autograd of glassgrad, but `import autograd` finds")
        assert str(tmp_path / "autograd" / "__init__.py") in last
        assert "pip uninstall autograd" in last
