"""What may hold secrets is for its owner alone from the first byte on, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pycdlib
import pytest

from orchestrator.media import Cargo, Kit, Medium, lay_down, master
from orchestrator.media.private import create

MEDIUM = Medium("0123456789ab", "plan", "plan.yml", "0" * 64, 1_700_000_000.0, {})


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    """Have the loosest umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_private_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("an old draft, for all to read")
    with create(path) as file:
        assert mode_of(path) == 0o600
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_link_that_lies_in_wait_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    link = tmp_path / "secret"
    link.symlink_to(victim)
    with create(link) as file:
        file.write(b"new")
    assert victim.read_text() == "kept"
    assert not link.is_symlink()


def test_an_image_is_private_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "medium").mkdir()
    modes: list[int] = []
    write = pycdlib.PyCdlib.write_fp

    def written(iso: pycdlib.PyCdlib, file: BinaryIO) -> None:
        modes.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        write(iso, file)

    monkeypatch.setattr(pycdlib.PyCdlib, "write_fp", written)
    (tmp_path / "medium.iso.new").touch(0o666)
    master(tmp_path / "medium", tmp_path / "medium.iso", MEDIUM.built)
    assert modes == [0o600]
    assert mode_of(tmp_path / "medium.iso") == 0o600


def test_files_of_a_medium_are_made_private_and_not_only_left_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = tmp_path / "payload"
    payload.write_bytes(b"content")
    folder = tmp_path / "medium"
    folder.mkdir(0o755)
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    kit = Kit("store-1", {"1.activate": "secret\n"}, ("1.0.0",))
    lay_down(Cargo(MEDIUM, (kit,), {"1.0.0": payload}, ""), folder)
    MEDIUM.keep(tmp_path / "home")
    for path in (*folder.rglob("*"), *(tmp_path / "home").rglob("*")):
        assert mode_of(path) & 0o077 == 0, path
    assert mode_of(folder / "install.sh") == 0o700
