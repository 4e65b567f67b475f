"""From wheels to the source folder of a bundle; the wheels here are small ones of our own."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.bundles import source
from orchestrator.bundles.build import build
from playbooks.demo import fetch
from playbooks.demo.fetch import Edit, Release, Wheel


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    path = tmp_path / "wheels" / "pypiserver-9.9.9-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pypiserver/__init__.py", 'health = "Ok"\n')
        archive.writestr("pypiserver-9.9.9.dist-info/licenses/LICENSE", "zlib\n")
    return Wheel(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def release(wheel: Wheel) -> Release:
    return Release("9.9.9", "2026-01-31T04:05:06Z", (wheel,))


def test_makes_what_a_bundle_is_built_from(release: Release, tmp_path: Path) -> None:
    folder = fetch.make(release, tmp_path / "wheels", tmp_path / "out")
    built = build(folder, tmp_path / "bundles")
    assert (built.package, built.version, built.folder.name) == (
        "pypiserver",
        "9.9.9",
        "pypiserver-9.9.9",
    )
    content = folder / "content"
    assert (content / "app/pypiserver/__init__.py").read_text() == 'health = "Ok"\n'
    assert (content / "app/pypiserver-9.9.9.dist-info/licenses/LICENSE").exists()
    assert {path.name for path in (content / "bin").iterdir()} == {"service", "validate"}


def test_is_the_same_on_every_machine(release: Release, tmp_path: Path) -> None:
    digests = set()
    for umask in (0o022, 0o077):
        before = os.umask(umask)
        try:
            out = tmp_path / f"out{umask}"
            folder = fetch.make(release, tmp_path / "wheels", out)
            digests.add(build(folder, out / "built").digest)
        finally:
            os.umask(before)
    assert len(digests) == 1


def test_making_it_again_leaves_nothing_of_before(release: Release, tmp_path: Path) -> None:
    folder = fetch.make(release, tmp_path / "wheels", tmp_path / "out")
    (folder / "content/app/left").touch()
    assert fetch.make(release, tmp_path / "wheels", tmp_path / "out") == folder
    assert not (folder / "content/app/left").exists()


def test_edits_the_application(release: Release, tmp_path: Path) -> None:
    broken = replace(release, edits=(Edit("__init__.py", '"Ok"', "1 / 0"),))
    folder = fetch.make(broken, tmp_path / "wheels", tmp_path / "out")
    assert (folder / "content/app/pypiserver/__init__.py").read_text() == "health = 1 / 0\n"


def test_refuses_an_edit_that_does_not_fit(release: Release, tmp_path: Path) -> None:
    stale = replace(release, edits=(Edit("__init__.py", "fine", "broken"),))
    with pytest.raises(SystemExit, match="does not stand there just once"):
        fetch.make(stale, tmp_path / "wheels", tmp_path / "out")


def test_downloads_nothing_that_is_there(
    wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    fetch.download((wheel,), tmp_path / "wheels")
    with pytest.raises(FileNotFoundError):
        fetch.download((replace(wheel, sha256="0" * 64),), tmp_path / "wheels")


def test_pip_is_asked_for_one_hash() -> None:
    asked = Wheel("legacy_cgi-2.6.4-py3-none-any.whl", "ab").requirement
    assert asked == "legacy_cgi==2.6.4 --hash=sha256:ab\n"


@pytest.mark.parametrize("release", fetch.RELEASES, ids=lambda release: release.version)
def test_each_release_describes_a_bundle(release: Release, tmp_path: Path) -> None:
    described = source.parse(release.description, tmp_path)
    assert (described.header.package, described.header.version) == ("pypiserver", release.version)
    assert all(len(wheel.sha256) == 64 for wheel in release.wheels)


def test_only_what_we_broke_says_so() -> None:
    ours = [release for release in fetch.RELEASES if release.edits]
    assert [release.version for release in ours] == ["2.4.3-bad.1"]
    assert "NOT from pypiserver's makers" in ours[0].description
