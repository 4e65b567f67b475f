"""What is remembered of a release is enough to go back, and is known again by its digest alone."""

import pytest

from orchestrator.bundles import released
from orchestrator.bundles.released import Released
from orchestrator.errors import FleetError


def test_a_release_is_remembered_without_its_content(bundle, tmp_path):
    memory = Released(tmp_path / "released")
    memory.keep(bundle)
    memory.keep(bundle)
    found = memory.find(bundle.manifest.digest)
    assert found is not None
    assert found.manifest == bundle.manifest
    assert not (found.folder / "objects").exists()


def test_what_is_not_what_the_journal_names_is_not_found(bundle, tmp_path):
    memory = Released(tmp_path)
    memory.keep(bundle)
    manifest = tmp_path / bundle.manifest.digest / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    assert memory.find(bundle.manifest.digest) is None
    assert memory.find("0" * 64) is None


def test_only_the_newest_are_kept(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(released, "LIMIT", 1)
    old = tmp_path / ("a" * 64)
    old.mkdir()
    (old / "manifest.json").write_text("{}")
    memory = Released(tmp_path)
    memory.keep(bundle)
    assert not old.exists()
    assert memory.find(bundle.manifest.digest)


def test_a_place_that_cannot_be_written_is_one_clear_error(bundle, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FleetError, match="File exists"):
        Released(tmp_path / "file").keep(bundle)
