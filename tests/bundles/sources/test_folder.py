from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.bundles import reader
from orchestrator.bundles.sources import Offer, choose, source_of
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError
from orchestrator.model.plan import Origin
from orchestrator.model.ranges import Range
from tests.bundles.conftest import MakeSource


def find(location: Path, package: str, version: str | None = None) -> Offer:
    source = source_of(Origin(str(location)), location)
    wanted = Range(version) if version else None
    return choose(source.offers(package), wanted, at=source.place)


def refusal(location: Path, package: str, version: str | None = None) -> str:
    with pytest.raises(BundleError) as caught:
        find(location, package, version)
    return str(caught.value)


def test_what_a_folder_offers(shelf: Path) -> None:
    offers = source_of(Origin(str(shelf)), shelf).offers("app")
    assert [offer.version for offer in offers] == ["1.9.0", "1.10.0-rc.1", "1.10.0"]
    assert [len(offer.digest) for offer in offers] == [64, 64, 64]
    assert [offer.created[-1:] for offer in offers] == ["Z", "Z", "Z"]


def test_finding(shelf: Path) -> None:
    assert find(shelf, "app").place == str(shelf / "app-1.10.0")
    assert find(shelf, "app", "latest").version == "1.10.0"
    assert find(shelf, "app", "<1.10").version == "1.9.0"
    assert find(shelf, "app", "1.9.0").place == str(shelf / "app-1.9.0")
    assert find(shelf, "app-db").place == str(shelf / "app-db-1.0.0")
    assert find(shelf / "app-1.9.0", "app").version == "1.9.0"
    assert find(shelf / "app-1.10.0-rc.1", "app").version == "1.10.0-rc.1"


def test_what_cannot_be_found_says_what_is_there(shelf: Path) -> None:
    assert "no version '1.9.1' of 'app'; did you mean '1.9.0'?" in refusal(shelf, "app", "1.9.1")
    assert "there are 1.9.0, 1.10.0-rc.1, 1.10.0" in refusal(shelf, "app", "9.9.9")
    assert "no version of 'app' in '^2.4'; there are 1.9.0" in refusal(shelf, "app", "^2.4")
    assert "no bundle of 'ap-db' in it; did you mean 'app-db'?" in refusal(shelf, "ap-db")
    assert "there are app, app-db" in refusal(shelf, "zzz")
    assert "no version '2.0.0' of 'app'" in refusal(shelf / "app-1.9.0", "app", "2.0.0")
    assert "a bundle of 'app', not of 'other'" in refusal(shelf / "app-1.9.0", "other")
    assert "no such folder" in refusal(shelf / "gone", "app")


def test_a_source_folder_is_to_be_built_first(make_source: MakeSource) -> None:
    source = make_source()
    assert f"a source folder, not a built bundle; build it: fleet bundle build {source}" in refusal(
        source, "gateway"
    )


def test_an_empty_shelf(tmp_path: Path) -> None:
    assert "no bundle of 'app' in it; build one" in refusal(tmp_path, "app")


def test_a_broken_bundle_is_not_passed_over_for_an_older_one(shelf: Path, trust: Trust) -> None:
    (shelf / "app-1.10.0/manifest.json").write_bytes(b"[")
    broken = find(shelf, "app")
    assert broken.version == "1.10.0"
    with pytest.raises(BundleError, match="does not hold"):
        source_of(Origin(str(shelf)), shelf).obtain(broken, trust)
    assert find(shelf, "app", "1.9.0").version == "1.9.0"


def test_a_broken_bundle_alone(shelf: Path) -> None:
    lone = (shelf / "app-1.9.0").rename(shelf / "thing")
    (lone / "manifest.json").write_bytes(b"[")
    assert "manifest.json: not a manifest" in refusal(lone, "app")


def test_siblings_are_what_hosts_may_have_already(shelf: Path, trust: Trust) -> None:
    source = source_of(Origin(str(shelf)), shelf)
    newest = source.obtain(find(shelf, "app"), trust)

    def beside() -> list[str]:
        return sorted(other.manifest.version for other in source.beside(newest, trust))

    assert beside() == ["1.10.0-rc.1", "1.9.0"]
    (shelf / "app-1.9.0/manifest.sig").write_bytes(b"noise")
    assert beside() == ["1.10.0-rc.1"]


def test_manifests_of_other_packages_are_not_read(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder may have thousands of bundles, and a plan many packages."""
    read: list[str] = []
    manifest_bytes = reader.manifest_bytes

    def noting(folder: Path) -> bytes:
        read.append(folder.name)
        return manifest_bytes(folder)

    monkeypatch.setattr(reader, "manifest_bytes", noting)
    (shelf / "app-1.9.0").rename(shelf / "old")
    assert find(shelf, "app", "1.9.0").place == str(shelf / "old")
    assert sorted(read) == ["app-1.10.0", "app-1.10.0-rc.1", "old"]


def test_hidden_folders_are_none(shelf: Path) -> None:
    """They are what a killed command has left."""
    (shelf / "app-1.9.0").rename(shelf / ".app-1.9.0.removed")
    (shelf / ".x.fleet").write_bytes(b"")
    assert "no version '1.9.0'" in refusal(shelf, "app", "1.9.0")


def test_the_signed_manifest_counts_not_the_name(shelf: Path) -> None:
    (shelf / "app-1.9.0").rename(shelf / "app-2.0.0")
    assert "no version '2.0.0' of 'app'" in refusal(shelf, "app", "2.0.0")
    assert find(shelf, "app", "1.9.0").place == str(shelf / "app-2.0.0")


def test_what_changes_after_it_was_offered_is_refused(shelf: Path, trust: Trust) -> None:
    offer = find(shelf, "app", "1.9.0")
    shutil.rmtree(shelf / "app-1.9.0")
    (shelf / "app-1.10.0").rename(shelf / "app-1.9.0")
    with pytest.raises(BundleError, match=r"a bundle of 'app' 1\.10\.0 .*, not of 'app' 1\.9\.0"):
        source_of(Origin(str(shelf)), shelf).obtain(offer, trust)
