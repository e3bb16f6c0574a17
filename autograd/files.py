"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def write(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file that is there as a whole or, if anything goes wrong, as it was before.

    As with any program that writes to a path, a link stays a link and the file that it leads to is written; a file that
    is there keeps its mode and its owner, and a new one gets the usual mode; a file that may not be written is not
    replaced; and what is no file (a pipe, a device) is written to as it is.  Raises OSError with ``path`` in it.
    """
    try:
        _write(Path(path), content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from error


def _write(path: Path, content: bytes) -> None:
    try:
        before = path.stat()
    except FileNotFoundError:  # so is what a link leads to
        before = None
    if before is not None:
        with path.open("ab" if stat.S_ISREG(before.st_mode) else "wb") as file:  # may it be written?
            if not stat.S_ISREG(before.st_mode):
                file.write(content)
                return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            if before is not None:
                _keep(file.fileno(), before)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name with nothing in it
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _keep(descriptor: int, before: os.stat_result) -> None:
    """Give an open file the owner and the mode of another, as far as the system lets us."""
    if hasattr(os, "fchown"):  # not on Windows
        with suppress(PermissionError):  # only root gives files away
            os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
