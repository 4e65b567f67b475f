"""The single-file form: one spelling, read in one pass, refused at its first deviation."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from orchestrator.bundles import members, reader
from orchestrator.bundles.archive import unpack, write
from orchestrator.bundles.build import build
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError, TrustError

from .conftest import BUNDLE_YML, MakeSource
from .test_build import snapshot


def packed(folder: Path) -> bytes:
    stream = io.BytesIO()
    write(folder, stream)
    return stream.getvalue()


@pytest.fixture
def archive(built: Path) -> bytes:
    return packed(built)


def test_there_and_back(built: Path, archive: bytes, trust: Trust, tmp_path: Path) -> None:
    into = tmp_path / "deep/er"
    bundle = unpack(io.BytesIO(archive), into, trust, name="app.fleet")
    assert bundle == reader.read(into, trust)
    assert bundle.folder == into
    assert snapshot(into) == snapshot(built)
    assert packed(into) == archive
    reader.verify_content(bundle)


def test_tar_can_read_it(built: Path, archive: bytes, tmp_path: Path) -> None:
    (tmp_path / "app.fleet").write_bytes(archive)
    (tmp_path / "out").mkdir()
    subprocess.run(
        ["tar", "-C", tmp_path / "out", "-xf", tmp_path / "app.fleet"], check=True, timeout=30
    )
    found = snapshot(tmp_path / "out")
    assert found.pop("fleet-bundle") == b"1\n"
    assert found == snapshot(built)


def test_the_order_of_members(archive: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        heads = tar.getmembers()
    names = [head.name for head in heads]
    assert names[:4] == ["fleet-bundle", "manifest.json", "manifest.sig", "listing"]
    assert names[4:] == sorted(names[4:])
    assert {(h.mode, h.uid, h.gid, h.mtime, h.uname, h.gname) for h in heads} == {
        (0o644, 0, 0, 0, "", "")
    }


@pytest.mark.parametrize("size", [0, 1, 512, 8**11 - 1, 8**11, 2**63 - 1])
def test_headers_are_those_of_gnu_tar(size: int) -> None:
    head = tarfile.TarInfo("objects/ab")
    head.size = size
    assert members.header("objects/ab", size) == head.tobuf(tarfile.GNU_FORMAT)


def test_an_unsigned_bundle_is_packed_but_not_unpacked(
    make_source: MakeSource, trust: Trust, tmp_path: Path
) -> None:
    raw = packed(build(make_source()).folder)
    with pytest.raises(TrustError, match=r"app\.fleet/manifest\.sig: the bundle is not signed"):
        unpack(io.BytesIO(raw), tmp_path / "out", trust, name="app.fleet")
    assert not (tmp_path / "out").exists()


def test_damaged_content_is_not_packed(built: Path) -> None:
    victim = next(path for path in (built / "objects").rglob("*") if path.is_file())
    victim.write_bytes(victim.read_bytes().swapcase())
    with pytest.raises(TrustError, match="the content is not what was signed"):
        packed(built)


def test_what_is_there_is_replaced_only_by_the_same_bundle(
    built: Path, archive: bytes, trust: Trust, make_source: MakeSource, tmp_path: Path
) -> None:
    victim = next(path for path in (built / "objects").rglob("*") if path.is_file())
    whole = snapshot(built)
    victim.unlink()
    unpack(io.BytesIO(archive), built, trust, name="app.fleet")
    assert snapshot(built) == whole
    other = build(make_source("other", BUNDLE_YML.replace("2.4.1", "2.4.2"))).folder
    before = snapshot(other)
    with pytest.raises(BundleError, match="there already, and not this bundle; move"):
        unpack(io.BytesIO(archive), other, trust, name="app.fleet")
    assert snapshot(other) == before
    with pytest.raises(BundleError, match="there already, and not this bundle"):
        unpack(io.BytesIO(archive), tmp_path, trust, name="app.fleet")


def test_a_place_that_cannot_be_written(archive: bytes, trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FleetError, match=r"File exists|Not a directory") as caught:
        unpack(io.BytesIO(archive), tmp_path / "file/out", trust, name="app.fleet")
    assert "another folder" in caught.value.hint


@pytest.mark.parametrize("where", ["manifest.json", "manifest.sig", "listing", "objects/"])
def test_tampering(archive: bytes, trust: Trust, tmp_path: Path, where: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        head = next(head for head in tar if head.name.startswith(where) and head.size)
    raw = bytearray(archive)
    raw[head.offset_data + head.size // 2] ^= 1
    with pytest.raises(TrustError, match=r"^app\.fleet"):
        unpack(io.BytesIO(bytes(raw)), tmp_path / "out", trust, name="app.fleet")
    assert list(tmp_path.glob("out*")) + list(tmp_path.glob(".out*")) == []


def test_another_format_of_archives(archive: bytes, trust: Trust, tmp_path: Path) -> None:
    raw = archive[:512] + b"2" + archive[513:]
    with pytest.raises(BundleError, match="not a bundle file of format 1; a newer version"):
        unpack(io.BytesIO(raw), tmp_path / "out", trust, name="app.fleet")


def test_members_of_more_than_8_gib(tmp_path: Path) -> None:
    """Sparse files stand for the disk; GNU tar agrees on where the next member begins."""
    size = 8**11 + 5
    path = tmp_path / "large.fleet"
    with path.open("wb") as file:
        file.write(members.header("large", size))
        file.seek(size + -size % 512, os.SEEK_CUR)
        file.write(members.header("next", 2) + b"1\n" + members.padding(2) + members.END)
    told = subprocess.run(["tar", "-tvf", path], capture_output=True, check=True, text=True)
    lines = [line.split() for line in told.stdout.splitlines()]
    assert [(line[2], line[-1]) for line in lines] == [(str(size), "large"), ("2", "next")]
