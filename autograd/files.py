"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file that is there as a whole or, if anything goes wrong, as it was before."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name with none of the text
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
