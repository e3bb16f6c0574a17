"""Measurements, each in a process of its own: none warms the caches, or fills the memory, of another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def in_own_process(script: str, engine: str, *arguments: object, python: str = "") -> dict[str, Any]:
    """What ``script --one engine arguments`` answers."""
    mode = "off" if engine == "interpreted" else os.environ.get("GLASSGRAD_NATIVE", "")
    command = [python or sys.executable, script, "--one", engine, *map(str, arguments)]
    environment = {**os.environ, "GLASSGRAD_NATIVE": mode}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"{engine} {' '.join(map(str, arguments))} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def answer(measure: Callable[..., dict[str, Any]], *arguments: Any) -> None:
    """Print what was measured, in a thread with a large stack: micrograd sorts its graph by recursion."""
    sys.setrecursionlimit(10**7)
    threading.stack_size(1 << 29)
    thread = threading.Thread(target=lambda: print(json.dumps(measure(*arguments))))
    thread.start()
    thread.join()
