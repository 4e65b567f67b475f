from __future__ import annotations

import errno
import io
import os
import subprocess
import tarfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from orchestrator.bundles import payload as payloads
from orchestrator.bundles.build import build
from orchestrator.bundles.depot import BundleDepot
from orchestrator.bundles.payload import PayloadStore, missing, write
from orchestrator.bundles.reader import Bundle, read
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust
from orchestrator.errors import FleetError, TrustError
from orchestrator.model.bundle import FileEntry

from .conftest import MakeSource

OURS = [".fleet/manifest.json", ".fleet/manifest.sig", ".fleet/listing"]


@pytest.fixture
def store(tmp_path: Path):
    store = PayloadStore(tmp_path / "cache")
    yield store
    store.close()


def test_missing_looks_at_bytes_not_at_names(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert missing(manifest, ()) == manifest.files
    assert missing(manifest, (manifest,)) == ()
    readme = next(entry for entry in manifest.files if entry.path == "README")
    other = replace(manifest, files=(replace(readme, path="renamed", mode=0o600),))
    left = [entry.path for entry in missing(manifest, (other,))]
    assert left == ["-rf *", "bin/migrate", "grüße/日本", "two\nlines 100%"]


def test_the_tar_that_stage_takes(bundle: Bundle, store: PayloadStore) -> None:
    made = store.payload(bundle, bundle.manifest.files)
    assert made.size == made.path.stat().st_size
    assert made.files == len(bundle.manifest.files)
    with tarfile.open(made.path, "r:gz") as tar:
        members = tar.getmembers()
        assert [m.name for m in members] == OURS + [e.path for e in bundle.manifest.files]
        assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")}
        assert all(m.isreg() for m in members)
        for member, entry in zip(members[3:], bundle.manifest.files, strict=True):
            assert (member.mode, member.size) == (entry.mode, entry.size)
            content = tar.extractfile(member)
            assert content
            assert content.read() == bundle.content(entry.sha256).read_bytes()


@pytest.mark.parametrize("tool", [["tar"], ["busybox", "tar"]])
def test_real_tools_unpack_it(
    make_source: MakeSource,
    keys: Path,
    trust: Trust,
    store: PayloadStore,
    tmp_path: Path,
    tool: list[str],
) -> None:
    deep = "/".join(["long" * 10] * 5)
    source = make_source()
    (source / "content" / deep).mkdir(parents=True)
    (source / "content" / deep / "größe").write_bytes(b"deep\n")
    made = build(source)
    sign(made.folder, keys / "ed25519")
    bundle = read(made.folder, trust)
    target = tmp_path / "target"
    target.mkdir()
    with store.payload(bundle, bundle.manifest.files).path.open("rb") as packed:
        done = subprocess.run(
            [*tool, "-xzpf", "-"],
            stdin=packed,
            cwd=target,
            capture_output=True,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    for entry in bundle.manifest.files:
        laid = target / entry.path
        assert laid.read_bytes() == bundle.content(entry.sha256).read_bytes()
        assert laid.stat().st_mode & 0o7777 == entry.mode
    assert (target / ".fleet/listing").read_bytes() == bundle.listing


def test_same_input_same_bytes(bundle: Bundle, store: PayloadStore, tmp_path: Path) -> None:
    made = store.payload(bundle, bundle.manifest.files)
    other = PayloadStore(tmp_path / "other")
    again = other.payload(bundle, bundle.manifest.files)
    assert made.path.read_bytes() == again.path.read_bytes()
    other.close()


def test_a_payload_is_made_once_for_all_that_ask_at_once(
    bundle: Bundle, store: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    genuine = payloads.write

    def counted(bundle: Bundle, files: list[FileEntry], to: BinaryIO) -> None:
        made.append(len(files))
        genuine(bundle, files, to)

    monkeypatch.setattr(payloads, "write", counted)
    some = bundle.manifest.files[:2]
    with ThreadPoolExecutor(8) as pool:
        wanted = [some, some[::-1], bundle.manifest.files] * 8
        results = list(pool.map(lambda files: store.payload(bundle, files), wanted))
    assert sorted(made) == [2, len(bundle.manifest.files)]
    assert len({result.path for result in results}) == 2
    assert sorted(p.suffix for p in store.folder.iterdir()) == [".gzip", ".gzip"]


def test_a_full_spool_falls_back_to_the_whole_release(bundle: Bundle, tmp_path: Path) -> None:
    store = PayloadStore(tmp_path / "cache", limit=1)
    first = store.payload(bundle, bundle.manifest.files[:1])
    assert first.files == 1
    second = store.payload(bundle, bundle.manifest.files[:2])
    assert second.files == len(bundle.manifest.files)
    assert store.payload(bundle, bundle.manifest.files[1:3]) == second
    assert store.payload(bundle, bundle.manifest.files[:1]) == first
    store.close()


def test_spools_of_ended_processes_are_removed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    living = PayloadStore(cache)
    (cache / "payloads-left").mkdir()
    (cache / "payloads-left/x.tar.gz").write_bytes(b"x")
    (cache / "other").mkdir()
    late = PayloadStore(cache)
    assert {path.name for path in cache.iterdir()} == {
        living.folder.name,
        late.folder.name,
        "other",
    }
    living.close()
    late.close()
    assert [path.name for path in cache.iterdir()] == ["other"]


@pytest.mark.parametrize("damage", [b"", b"hellO\n", b"hello\nmore"])
def test_damaged_content_is_not_packed(bundle: Bundle, store: PayloadStore, damage: bytes) -> None:
    readme = next(entry for entry in bundle.manifest.files if entry.path == "README")
    bundle.content(readme.sha256).write_bytes(damage)
    with pytest.raises(TrustError, match="the content of 'README'"):
        store.payload(bundle, (readme,))
    bundle.content(readme.sha256).unlink()
    with pytest.raises(TrustError, match="the content of 'README': No such file"):
        store.payload(bundle, (readme,))
    assert list(store.folder.iterdir()) == []
    bundle.content(readme.sha256).write_bytes(b"hello\n")
    assert store.payload(bundle, (readme,)).files == 1


def test_a_full_disk_is_a_clear_error(
    bundle: Bundle, store: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(payloads, "write", full)
    with pytest.raises(FleetError, match="No space left on device") as caught:
        store.payload(bundle, ())
    assert caught.value.hint == "make room there, or name another cache folder"
    assert list(store.folder.iterdir()) == []


def test_a_large_payload_is_not_held_in_memory(
    make_source: MakeSource, keys: Path, trust: Trust
) -> None:
    source = make_source()
    with (source / "content/large").open("wb") as large:
        large.truncate(64 << 20)
    made = build(source)
    sign(made.folder, keys / "ed25519")
    bundle = read(made.folder, trust)
    tracemalloc.start()
    try:
        with Path(os.devnull).open("wb") as nowhere:
            write(bundle, bundle.manifest.files, nowhere)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


async def test_the_depot(bundle: Bundle, store: PayloadStore) -> None:
    depot = BundleDepot([bundle], store)
    assert depot.manifest(bundle.manifest.release) is bundle.manifest
    assert depot.manifest("1.0.0-0123456789ab") is None
    made = await depot.payload(bundle.manifest, ())
    with tarfile.open(fileobj=io.BytesIO(made.path.read_bytes())) as tar:
        assert tar.getnames() == OURS
