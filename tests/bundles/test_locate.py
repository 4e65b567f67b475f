from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bundles.build import build
from orchestrator.bundles.locate import fetch, find, siblings, versions
from orchestrator.bundles.signing import sign
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError

from .conftest import MakeSource


@pytest.fixture
def shelf(make_source: MakeSource, tmp_path: Path, keys: Path) -> Path:
    shelf = tmp_path / "shelf"
    for number, (package, version) in enumerate(
        [
            ("app", "1.10.0"),
            ("app", "1.9.0"),
            ("app", "1.10.0-rc.1"),
            ("app-db", "1.0.0"),
        ]
    ):
        source = make_source(f"source{number}", f"package: {package}\nversion: {version}\n")
        sign(build(source, shelf).folder, keys / "ed25519")
    (shelf / "app-9.9.9").mkdir()
    return shelf


def refusal(location: Path, package: str, version: str | None) -> str:
    with pytest.raises(BundleError) as caught:
        find(location, package, version)
    return str(caught.value)


def test_finding(shelf: Path) -> None:
    assert versions(shelf, "app") == ["1.9.0", "1.10.0-rc.1", "1.10.0"]
    assert find(shelf, "app", "1.9.0") == shelf / "app-1.9.0"
    assert find(shelf, "app-db", None) == shelf / "app-db-1.0.0"
    assert find(shelf / "app-1.9.0", "app", None) == shelf / "app-1.9.0"
    assert find(shelf / "app-1.9.0", "app", "1.9.0") == shelf / "app-1.9.0"


def test_what_cannot_be_found_says_what_is_there(shelf: Path) -> None:
    assert "no version '1.9.1' of 'app'; did you mean '1.9.0'?" in refusal(shelf, "app", "1.9.1")
    assert "there are 1.9.0, 1.10.0-rc.1, 1.10.0" in refusal(shelf, "app", "9.9.9")
    assert "several versions of 'app'; name one: there are 1.9.0" in refusal(shelf, "app", None)
    assert "no bundle of 'ap-db' in it; did you mean 'app-db'?" in refusal(shelf, "ap-db", None)
    assert "there are app, app-db" in refusal(shelf, "zzz", None)
    assert "a bundle of 'app' 1.9.0, not of 'app' 2.0.0" in refusal(
        shelf / "app-1.9.0", "app", "2.0.0"
    )
    assert "not of 'other' 1.9.0" in refusal(shelf / "app-1.9.0", "other", None)
    assert "no such folder" in refusal(shelf / "gone", "app", None)


def test_a_source_folder_is_to_be_built_first(make_source: MakeSource) -> None:
    source = make_source()
    assert f"a source folder, not a built bundle; build it: fleet bundle build {source}" in refusal(
        source, "gateway", None
    )


def test_an_empty_shelf(tmp_path: Path) -> None:
    assert "no bundle of 'app' in it; build one" in refusal(tmp_path, "app", None)


def test_a_broken_manifest(shelf: Path) -> None:
    (shelf / "app-1.9.0/manifest.json").write_bytes(b"[")
    assert "manifest.json: not a manifest" in refusal(shelf / "app-1.9.0", "app", None)


def test_siblings_are_what_hosts_may_have_already(shelf: Path, trust: Trust) -> None:
    newest = fetch(shelf, "app", "1.10.0", trust)
    assert [m.version for m in siblings(newest, trust)] == ["1.9.0", "1.10.0-rc.1"]
    (shelf / "app-1.9.0/manifest.sig").write_bytes(b"noise")
    assert [m.version for m in siblings(newest, trust)] == ["1.10.0-rc.1"]


def test_fetching_believes_the_signed_manifest_not_the_name(shelf: Path, trust: Trust) -> None:
    assert fetch(shelf, "app", "1.9.0", trust).manifest.version == "1.9.0"
    (shelf / "app-1.9.0").rename(shelf / "app-2.0.0")
    with pytest.raises(BundleError, match=r"a bundle of 'app' 1\.9\.0, not of 'app' 2\.0\.0"):
        fetch(shelf, "app", "2.0.0", trust)
