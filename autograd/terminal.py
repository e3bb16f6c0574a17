"""What command lines share: arguments refused in one line, errors in one line, and exit codes that tell what happened.

0 if all went well; 1 if something failed, or what was printed could not be written; 2 for wrong usage; 130 after
Ctrl-C and 141 if the reader of the output has left, as a shell reports the two signals.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO


class UsageError(Exception):
    """Something that the user has to write otherwise; exit code 2."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def complain(program: str, message: object) -> None:
    """Say it in one line on standard error, after the name of the program; to nobody, if nobody can hear it."""
    lines = (line.strip() for line in str(message).splitlines())
    try:
        print(f"{program}: {'; '.join(line for line in lines if line)}", file=sys.stderr, flush=True)
    except OSError:
        _to_nowhere(sys.stderr)


def run(program: str, command: Callable[[], int]) -> int:
    """The exit code of a command, which returns one or raises; its errors are said in a line.

    What it prints is written out before this returns.  A standard output that is closed (``>&-``) does not keep a
    command from its other work; that what it printed is lost is said at the end.
    """
    was_closed = sys.stdout is None
    if was_closed:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # for as long as the process lives
    if sys.stderr is None:  # print would take it for standard output
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115  # open to the end
    for stream in (sys.stdout, sys.stderr):  # names that the terminal cannot show
        getattr(stream, "reconfigure", dict)(errors="backslashreplace")
    status = _status(program, command)
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # who read the output has left: nothing to say
        _to_nowhere(sys.stdout)
        return 141
    except OSError as error:
        _to_nowhere(sys.stdout)
        if not status:
            complain(program, f"standard output: {error.strerror}")
            status = 1
    if was_closed and not status:
        complain(program, "standard output is closed: what was printed is lost")
        status = 1
    return status


def _status(program: str, command: Callable[[], int]) -> int:
    try:
        return command()
    except SystemExit as done:  # argparse has printed the help or the version
        return int(done.code or 0)
    except UsageError as error:
        complain(program, error)
        return 2
    except BrokenPipeError:
        _to_nowhere(sys.stdout)
        return 141
    except KeyboardInterrupt:
        complain(program, "interrupted")
        return 130
    except OSError as error:
        where = error.filename if error.filename is not None else "standard output" if error.errno else ""
        complain(program, f"{where}: {error.strerror}" if where and error.strerror else error)
    except (ArithmeticError, ImportError, RuntimeError, ValueError) as error:
        complain(program, error)
    return 1


def _to_nowhere(stream: TextIO) -> None:
    """What a stream still holds, which Python would write out at exit, and all that follows go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
