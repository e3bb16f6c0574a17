"""The engine in a process of its own, interpreted or compiled as wished: it runs what it is sent and answers.

``Engine("off")`` starts this file as a script; pickles go back and forth over its standard input and output.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class EngineDiedError(Exception):
    """The process ended while it worked; the message says on what."""


class Engine:
    """A process that imports autograd with ``GLASSGRAD_NATIVE`` set to ``mode``."""

    def __init__(self, mode: str, root: Path = ROOT, prefix: tuple[str, ...] = (), **environment: str) -> None:
        self.mode = mode
        self.command = [*prefix, sys.executable, "-P", str(Path(__file__))]
        path = os.pathsep.join([str(root), str(ROOT)])
        self.environment = {**os.environ, "GLASSGRAD_NATIVE": mode, "PYTHONPATH": path, **environment}
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, kind: str, task: Any) -> Any:
        """What ``answer(kind, task)`` returns there.  Raises EngineDiedError if the process ends instead."""
        if self.process is None:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            pickle.dump((kind, task), self.process.stdin)
            self.process.stdin.flush()
            return pickle.load(self.process.stdout)
        except (EOFError, BrokenPipeError):
            status = self.close()
            raise EngineDiedError(f"the engine ({self.mode}) ended with status {status} on {task!r}") from None

    def close(self) -> int:
        """End the process, if it runs, and return its status."""
        if self.process is None:
            return 0
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate()
        status = self.process.wait()
        self.process = None
        return status

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def answer(kind: str, task: Any) -> Any:
    """Do a task: "programs" (see programs.py), "lives" (seeds, see hostile.py), or a "snippet" of Python source."""
    from tests import hostile, programs

    if kind == "programs":
        return [programs.outcome(program) for program in task]
    if kind == "lives":
        return [hostile.live(seed) for seed in task]
    assert kind == "snippet"
    return printed(task)


def printed(source: str) -> str:
    """What a piece of source prints, with the exception that ends it, if one does."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(source, {"__name__": "snippet"})
        except BaseException as error:  # an outcome like another
            print("".join(traceback.format_exception_only(error)), end="")
    return out.getvalue()


def _serve() -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a program prints by mistake must not mix with the answers
    while True:
        try:
            kind, task = pickle.load(requests)
        except EOFError:
            return
        pickle.dump(answer(kind, task), answers)
        answers.flush()


if __name__ == "__main__":
    _serve()
