from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.signing import sign
from orchestrator.bundles.sources import Cache, cache, choose, source_of
from orchestrator.bundles.sources.file import FileSource
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, TrustError
from orchestrator.model.plan import Origin

from .conftest import Shelve, pack


@pytest.fixture
def file(shelve: Shelve, tmp_path: Path) -> Path:
    return pack(shelve("1.2.0"), tmp_path / "app-1.2.0.fleet")


def get(file: Path, home: Path, trust: Trust, package: str = "app") -> Bundle:
    source = source_of(Origin(str(file)), home)
    return source.obtain(choose(source.offers(package), None, at=source.place), trust)


def contents(bundle: Bundle) -> set[bytes]:
    return {bundle.content(entry.sha256).read_bytes() for entry in bundle.manifest.files}


def test_a_file_is_unpacked_once(file: Path, home: Path, trust: Trust) -> None:
    bundle = get(file, home, trust)
    assert bundle.folder == home / "bundles/app" / bundle.manifest.digest
    assert b"app 1.2.0 1\n" in contents(bundle)
    inode = bundle.folder.stat().st_ino
    assert get(file, home, trust).folder.stat().st_ino == inode


def test_a_pre_release_in_a_file_needs_no_version(
    shelve: Shelve, tmp_path: Path, home: Path, trust: Trust
) -> None:
    file = pack(shelve("1.0.0-rc.1"), tmp_path / "x.fleet")
    assert get(file, home, trust).manifest.version == "1.0.0-rc.1"


def test_another_package_is_told(file: Path, home: Path, trust: Trust) -> None:
    with pytest.raises(BundleError, match="a bundle of 'app', not of 'db'"):
        get(file, home, trust, "db")


@pytest.mark.parametrize("raw", [b"", b"fleet-bundle", bytes(2000)])
def test_no_bundle_at_all(raw: bytes, tmp_path: Path, home: Path, trust: Trust) -> None:
    file = tmp_path / "x.fleet"
    file.write_bytes(raw)
    with pytest.raises(BundleError, match="not a bundle file"):
        get(file, home, trust)
    with pytest.raises(BundleError, match="no such file"):
        get(tmp_path / "gone.fleet", home, trust)
    assert not (home / "bundles").exists()


def test_a_damaged_file_leaves_nothing(file: Path, home: Path, trust: Trust) -> None:
    raw = bytearray(file.read_bytes())
    raw[raw.index(b"app 1.2.0 1\n")] ^= 1
    file.write_bytes(raw)
    with pytest.raises(TrustError, match="not what was signed"):
        get(file, home, trust)
    assert [path.name for path in (home / "bundles/app").iterdir()] == [".lock"]


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig", "listing"])
def test_a_damaged_cache_is_filled_anew(file: Path, home: Path, trust: Trust, name: str) -> None:
    good = get(file, home, trust)
    raw = (good.folder / name).read_bytes()
    (good.folder / name).write_bytes(raw[:-5] + b"xxxx\n")
    assert get(file, home, trust).folder == good.folder
    assert (good.folder / name).read_bytes() == raw


def test_damaged_content_in_the_cache_is_noticed(file: Path, home: Path, trust: Trust) -> None:
    good = get(file, home, trust)
    place = good.content(good.manifest.files[0].sha256)
    raw = place.read_bytes()
    place.write_bytes(raw[::-1])
    get(file, home, trust)
    assert place.read_bytes() == raw


def test_a_bundle_that_was_signed_anew_takes_its_own_place(
    shelve: Shelve, tmp_path: Path, home: Path, trust: Trust, keys: Path
) -> None:
    folder = shelve("1.2.0")
    (folder / "manifest.sig").unlink()
    sign(folder, keys / "stranger")
    with pytest.raises(TrustError):
        get(pack(folder, tmp_path / "x.fleet"), home, trust)
    (folder / "manifest.sig").unlink()
    sign(folder, keys / "ed25519")
    assert get(pack(folder, tmp_path / "x.fleet"), home, trust).manifest.version == "1.2.0"


def test_files_in_a_folder_are_offered_too(
    shelf: Path, shelve: Shelve, home: Path, trust: Trust
) -> None:
    pack(shelve("1.2.0", shelf="other"), shelf / "new.fleet")
    (shelf / "noise.fleet").write_bytes(b"noise")
    source = source_of(Origin(str(shelf)), home)
    offers = source.offers("app")
    assert [offer.version for offer in offers] == ["1.2.0", "1.9.0", "1.10.0-rc.1", "1.10.0"]
    bundle = source.obtain(offers[0], trust)
    assert bundle.folder.is_relative_to(home)
    assert source.packages() == ("app", "app-db")


def end_of_process() -> None:
    """Let go of what this process holds."""
    while cache._HELD:
        os.close(cache._HELD.popitem()[1])


def test_the_cache_forgets_what_was_not_used_for_longest(
    shelve: Shelve, tmp_path: Path, home: Path, trust: Trust
) -> None:
    files = [pack(shelve(f"1.{n}.0"), tmp_path / f"{n}.fleet") for n in range(4)]
    bundles = [get(file, home, trust) for file in files]
    end_of_process()
    for age, bundle in enumerate(bundles):
        os.utime(bundle.folder, (0, 1000 - age))
    get(files[3], home, trust)  # used again, and held
    shed = Cache(home / "bundles")
    one = sum(path.stat().st_size for path in bundles[0].folder.rglob("*") if path.is_file())
    assert shed.trim(3 * one + 100, check=True) == [bundles[2].folder]
    assert bundles[2].folder.exists()
    assert shed.trim(3 * one + 100) == [bundles[2].folder]
    assert shed.trim(0) == [bundles[1].folder, bundles[0].folder]
    assert [bundle.folder.exists() for bundle in bundles] == [False, False, False, True]


def test_what_is_fetched_makes_room_for_itself(
    shelve: Shelve, tmp_path: Path, home: Path, trust: Trust
) -> None:
    small = Cache(home / "bundles", limit=1)
    for number in range(2):
        source = FileSource(pack(shelve(f"1.{number}.0"), tmp_path / "x.fleet"), small)
        last = source.obtain(source.offer(), trust)
        end_of_process()
    names = {path.name for path in (home / "bundles/app").iterdir()}
    assert names == {".lock", last.manifest.digest}


def test_what_a_killed_command_left_goes(file: Path, home: Path, trust: Trust) -> None:
    left = home / "bundles/app/.0123.abc/new/objects"
    left.mkdir(parents=True)
    bundle = get(file, home, trust)
    names = {path.name for path in (home / "bundles/app").iterdir()}
    assert names == {".lock", bundle.manifest.digest}


def test_other_bundles_in_the_cache_are_known(
    shelve: Shelve, tmp_path: Path, home: Path, trust: Trust
) -> None:
    for version, package in (("1.0.0", "app"), ("1.0.0", "db"), ("1.1.0", "app")):
        file = pack(shelve(version, package), tmp_path / "x.fleet")
        bundle = get(file, home, trust, package)
    others = FileSource(file, Cache(home / "bundles")).beside(bundle, trust)
    assert [other.manifest.version for other in others] == ["1.0.0"]
