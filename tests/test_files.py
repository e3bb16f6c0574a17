"""Files are written as a whole or not at all, where the path leads, with the mode that they had."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, draw
from autograd.files import write
from nn import MLP, History

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links as POSIX has them")
WRITERS = {
    "g.svg": draw(Value(1.0) * 2.0).save,
    "g.dot": draw(Value(1.0) * 2.0).save,
    "model.json": MLP(1, [1], seed=0).save,
    "loss.svg": History([1.0, 0.5]).save,
    "text": lambda path: write(path, "new"),
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_a_file_is_replaced_as_a_whole_or_not_at_all(
    name: str, owner: Any, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_text("kept")

    def fails(*_: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, fails)
        with pytest.raises(OSError, match="disk full"):
            WRITERS[name](path)
    assert path.read_text() == "kept"
    assert [p.name for p in tmp_path.iterdir()] == [name]
    WRITERS[name](path)
    assert path.read_text() != "kept"
    assert [p.name for p in tmp_path.iterdir()] == [name]


@posix
@pytest.mark.parametrize("name", WRITERS)
def test_a_link_stays_a_link_and_the_file_keeps_its_mode(name: str, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link, linked = tmp_path / "far" / "target", tmp_path / "link", tmp_path / name
    target.write_text("old")
    target.chmod(0o604)
    link.symlink_to(Path("far") / "target")
    linked.symlink_to(link)
    WRITERS[name](linked)
    assert (linked.is_symlink(), link.is_symlink(), target.is_symlink()) == (True, True, False)
    assert target.read_text() == linked.read_text() != "old"
    assert mode(target) == 0o604
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted(["far", "target", "link", name])


@posix
def test_a_link_to_nothing_makes_the_file_and_a_ring_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("new")
    write(tmp_path / "link", "text")
    assert (tmp_path / "new").read_text() == "text"
    assert (tmp_path / "link").is_symlink()
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(OSError, match="ring"):
        write(tmp_path / "ring", "text")
    assert (tmp_path / "ring").is_symlink()


@posix
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_a_new_file_has_the_usual_mode(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path / "new", "text")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o666 & ~mask


@pytest.fixture
def as_a_user() -> Iterator[Path]:
    """A folder of one's own, and if this is root, to whom no file is closed, another user's rights."""
    with tempfile.TemporaryDirectory() as folder:
        root = os.geteuid() == 0
        Path(folder).chmod(0o777)
        if root:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)


@posix
def test_what_may_not_be_written_is_not_replaced(as_a_user: Path) -> None:
    path = as_a_user / "file"
    path.write_text("kept")
    path.chmod(0o444)
    with pytest.raises(PermissionError) as refused:
        write(path, "new")
    assert refused.value.filename == str(path)
    assert path.read_text() == "kept"
    assert [p.name for p in as_a_user.iterdir()] == ["file"]


@posix
def test_a_pipe_and_a_device_are_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()), daemon=True)
    reader.start()
    write(tmp_path / "pipe", "through")
    reader.join(10)
    assert read == ["through"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    (tmp_path / "null").symlink_to(os.devnull)
    write(tmp_path / "null", "lost")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_errors_name_the_path_that_was_given(tmp_path: Path) -> None:
    for path, kind in [(tmp_path, IsADirectoryError), (tmp_path / "no" / "file", FileNotFoundError)]:
        with pytest.raises(OSError, match=path.name) as refused:
            write(path, "text")
        assert refused.value.filename == str(path)
        assert os.name != "posix" or isinstance(refused.value, kind)
    assert list(tmp_path.iterdir()) == []


def test_the_longest_name_that_a_file_can_have(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write(path, "text")
    assert path.read_text() == "text"
