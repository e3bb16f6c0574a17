"""Machine code on disk: whole, unaltered, our own, and not too much of it.

GLASSGRAD_CACHE names the folder, into which nobody else may write, or is ``off``; without it the folder is the user's
own for caches.  A file that is cut
short, was altered or belongs to another program or machine is refused and made anew; where nothing can be written,
nothing is kept.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from autograd import files

MAGIC = b"glassgrad machine code 1\n"
LIMIT = 256 << 20  # bytes of all files together
SUFFIX = ".code"


def folder() -> Path | None:
    """Where the files lie; None if nothing is to be kept."""
    wish = os.environ.get("GLASSGRAD_CACHE", "")
    if wish == "off":
        return None
    if wish:
        return Path(wish)
    try:
        home = Path.home()
    except RuntimeError:  # a user without one
        return None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local", "glassgrad", "Cache")
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "glassgrad"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache", "glassgrad")


def load(key: bytes) -> bytes | None:
    """What was saved under ``key``, if it is there as it was."""
    place = folder()
    if place is None:
        return None
    path = place / (key.hex() + SUFFIX)
    try:
        with path.open("rb") as file:
            if not _ours(os.fstat(file.fileno())):
                return None
            content = file.read()
        os.utime(path)  # used just now
    except OSError:
        return None
    body = content[len(MAGIC) + 64 :]
    return body if content == _sealed(key, body) else None


def save(key: bytes, body: bytes) -> None:
    """Keep ``body`` for later processes, if possible; the files that were not used for longest give way."""
    place = folder()
    if place is None or len(body) > LIMIT:
        return
    with suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _ours(place.stat()):
            return
        path = place / (key.hex() + SUFFIX)
        files.write(path, _sealed(key, body))
        path.chmod(0o600)  # whatever the umask says
        _shrink(place, path)


def _sealed(key: bytes, body: bytes) -> bytes:
    """The file's content: the key and a checksum before the body, so that nothing else passes for it."""
    return MAGIC + key + hashlib.sha256(key + body).digest() + body


def _ours(status: os.stat_result) -> bool:
    """Whether nobody else may have written it, since it is going to run: it is our own, and only we may write to it."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _shrink(place: Path, newest: Path) -> None:
    """Delete the files that were not used for longest, until the rest is within the limit."""
    found = []
    for path in place.glob("*" + SUFFIX):
        with suppress(OSError):  # another process deleted it
            status = path.stat()
            found.append((path == newest, status.st_mtime, status.st_size, path))
    total = sum(size for _, _, size, _ in found)
    for is_newest, _, size, path in sorted(found):
        if total <= LIMIT or is_newest:
            break
        with suppress(OSError):
            path.unlink()
        total -= size
