"""What a medium holds: the same bytes each time, for their owner alone, and one clear error."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pycdlib
import pytest

from orchestrator.cli import media
from orchestrator.cli.main import main
from orchestrator.errors import ExitCode, FleetError
from orchestrator.media import Medium
from tests.media.site import PACKAGES, Site


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_back(image: Path, namespace: str) -> dict[str, bytes]:
    """Return every file of an image by its Rock Ridge (``rr_path``) or ``joliet_path``."""
    iso = pycdlib.PyCdlib()
    iso.open(str(image))
    found = {}
    for folder, _, files in iso.walk(**{namespace: "/"}):
        for name in files:
            path = f"{folder.rstrip('/')}/{name}"
            data = io.BytesIO()
            iso.get_file_from_iso_fp(data, **{namespace: path})
            found[path.removeprefix("/")] = data.getvalue()
    iso.close()
    return found


@pytest.fixture
def plan(site: Site, tmp_path: Path) -> Path:
    return site.plan("builds", {"store-1": tmp_path / "1", "store-2": tmp_path / "2"})


def test_the_same_input_gives_the_same_bytes(site: Site, plan: Path, tmp_path: Path) -> None:
    images = [tmp_path / "1.iso", tmp_path / "2.iso"]
    for image, zone in zip(images, ("Asia/Tokyo", "UTC"), strict=True):
        site.fleet("media", "build", plan, "-o", image.with_suffix(""), "--iso", image, TZ=zone)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert images[0].read_bytes() == images[1].read_bytes()
    dates = {path.stat().st_mtime for path in (tmp_path / "1").rglob("*")}
    assert len(dates) == 1


def test_source_date_epoch(site: Site, plan: Path, tmp_path: Path) -> None:
    site.fleet("media", "build", plan, "-o", tmp_path / "medium", SOURCE_DATE_EPOCH="1700000000")
    assert {p.stat().st_mtime for p in (tmp_path / "medium").rglob("*")} == {1700000000.0}
    other = tmp_path / "other"
    refused = site.fleet("media", "build", plan, "-o", other, SOURCE_DATE_EPOCH="soon", expect=5)
    assert "SOURCE_DATE_EPOCH is 'soon'" in refused.stderr


def test_an_image_has_the_folder_by_its_names(site: Site, plan: Path, tmp_path: Path) -> None:
    medium, image = tmp_path / "medium", tmp_path / "medium.iso"
    site.fleet("media", "build", plan, "-o", medium, "--iso", image)
    assert read_back(image, "rr_path") == contents(medium)
    assert read_back(image, "joliet_path") == contents(medium)
    assert image.stat().st_mode & 0o777 == 0o600


def test_files_are_for_their_owner_alone(site: Site, plan: Path, tmp_path: Path) -> None:
    medium = site.medium(plan, tmp_path / "medium")
    for path in (medium, *medium.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert b"swordfish" in contents(medium)["hosts/store-1/1.activate"]


def test_its_sums_name_every_file(site: Site, plan: Path, tmp_path: Path) -> None:
    done = site.fleet("media", "build", plan, "-o", tmp_path / "medium")
    found = contents(tmp_path / "medium")
    sums = found.pop("SHA256SUMS")
    told = {line[66:]: line[:64] for line in sums.decode().splitlines()}
    assert told == {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}
    assert hashlib.sha256(sums).hexdigest() in done.stdout


def test_triggers_are_carried(site: Site, tmp_path: Path) -> None:
    asked = [{"app_validation": {"script": "bin/validate", "timeout": "7s"}}]
    plan = site.plan("triggers", {"store-1": tmp_path / "1"}, triggers=asked)
    found = contents(site.medium(plan, tmp_path / "medium"))
    assert b"app_validation" in found["hosts/store-1/1.activate"]
    assert b"app_validation" not in found["hosts/store-1/1.confirm"]


def test_only_some_hosts(site: Site, plan: Path, tmp_path: Path) -> None:
    medium = site.medium(plan, tmp_path / "medium", "1.0.0", "--hosts", "store-2")
    assert [path.name for path in (medium / "hosts").iterdir()] == ["store-2"]


def test_a_folder_with_something_in_it(site: Site, plan: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat.jpg").touch()
    refused = site.fleet("media", "build", plan, "-o", tmp_path / "photos", expect=5)
    assert "photos is not empty" in refused.stderr
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_an_image_within_its_own_folder(site: Site, plan: Path, tmp_path: Path) -> None:
    medium = tmp_path / "medium"
    words = ("media", "build", plan, "-o", medium, "--iso", medium / "medium.iso")
    assert "within itself" in site.fleet(*words, expect=5).stderr
    assert not medium.exists()


@pytest.mark.parametrize(
    ("image", "flaw"),
    [
        ("", "that is a folder"),
        (".", "that is a folder"),
        ("nowhere/medium.iso", "there is no folder"),
        ("builds.json/medium.iso", "there is no folder"),
        ("medium", "within itself"),
        ("other/../medium/medium.iso", "within itself"),
    ],
)
def test_a_place_where_no_image_can_be(image: str, flaw: str, site: Site, tmp_path: Path) -> None:
    plan = site.plan("builds", {"store-1": tmp_path / "1"})
    medium = site.folder / "medium"
    words = ("media", "build", plan, "-o", medium, "--iso", site.folder / image)
    refused = site.fleet(*words, expect=5)
    assert flaw in refused.stderr
    assert "hint: name a file beside --output" in refused.stderr
    assert not medium.exists()


def test_a_medium_whose_image_failed_is_remembered(
    site: Site, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise FleetError("no space left on device")

    monkeypatch.setattr(media, "master", full)
    monkeypatch.setenv("FLEET_HOME", str(site.folder / "home"))
    medium = tmp_path / "medium"
    words = ["media", "build", str(plan), "-o", str(medium), "--iso", str(tmp_path / "medium.iso")]
    assert main(words) == ExitCode.FAILED
    known = dict(line.split(" ", 1) for line in (medium / "medium").read_text().splitlines())
    assert Medium.find(site.folder / "home/media", known["id"]).plan == "builds"


def test_a_version_that_joliet_has_no_room_for(site: Site, tmp_path: Path) -> None:
    version = f"1.0.0-{'x' * 60}"
    for package in PACKAGES:
        site.bundle(package, version)
    plan = site.plan("long", {"store-1": tmp_path / "1"})
    medium, image = tmp_path / "medium", tmp_path / "medium.iso"
    site.medium(plan, medium, version, "--iso", image)
    found = contents(medium)
    assert read_back(image, "rr_path") == found
    cut = read_back(image, "joliet_path")
    assert sorted(cut.values()) == sorted(found.values())
    assert all(name.endswith(".tar.gz") for name in cut if name.startswith("releases/"))


def test_facts_are_not_known(site: Site, tmp_path: Path) -> None:
    hooks = {"post_activate": "echo {{ facts.os }}"}
    plan = site.plan("facts", {"store-1": tmp_path}, hooks=hooks)
    refused = site.fleet("media", "build", plan, "-o", tmp_path / "medium", expect=6)
    assert refused.stderr.count("its templates use 'facts'") == 2
    assert "packages.db" in refused.stderr
    assert not (tmp_path / "medium").exists()


def test_a_host_with_a_name_for_no_folder(site: Site, tmp_path: Path) -> None:
    plan = site.plan("odd", {"store+1": tmp_path})
    refused = site.fleet("media", "build", plan, "-o", tmp_path / "medium", expect=5)
    assert "cannot have a folder on a medium" in refused.stderr


def test_what_the_plan_does_not_bring(site: Site, tmp_path: Path) -> None:
    site.bundle("app", "3.0.0", requires={"packages": {"web": "^1.0"}, "tags": ["till"]})
    site.bundle("db", "3.0.0")
    plan = site.plan("lacks", {"store-1": tmp_path})
    medium = tmp_path / "medium"
    refused = site.fleet("media", "build", plan, "-o", medium, "-e", "version=3.0.0", expect=6)
    assert "host store-1: requires web ^1.0, the host has no web" in refused.stderr
    assert "requires the tags till, the host lacks till" in refused.stderr
