"""Bundles reach hosts from every kind of source, and a run keeps to the releases it began with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.bundles.forms import pack
from tests.bundles.sources.repository import ENVIRON
from tests.bundles.sources.webserver import serving
from tests.releasing.site import Corner
from tests.releasing.test_resume import HELD, cohorts, kill_in_the_middle

pytestmark = pytest.mark.ssh

NOW = {name: value for name, value in ENVIRON.items() if not name.endswith("_DATE")}
"""Commits are made today: hosts refuse what is older than what they confirmed."""


def tag(corner: Corner, version: str) -> Path:
    """Make a release of a repository whose bundle.yml lies in ``deploy``."""
    repository = corner.folder / "repository"
    (repository / "deploy/content").mkdir(parents=True, exist_ok=True)
    (repository / "deploy/content/VERSION").write_text(f"{version}\n")
    (repository / "deploy/bundle.yml").write_text(f"package: app\nversion: {version}\n")
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["commit", "-q", "-m", version],
        ["tag", f"v{version}"],
    ):
        subprocess.run(["git", *words], cwd=repository, env=NOW, check=True)
    return repository


def test_every_kind_of_source(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(corner.bundle("app", "2.4.0"), corner.folder / "app.fleet")
    corner.write_plan({"app": {"bundle": "app.fleet"}})
    corner.apply()
    assert corner.versions() == ["2.4.0"] * 3

    newer = corner.bundle("app", "2.4.1")
    corner.fleet("bundle", "push", newer, corner.folder / "store", "--trust", corner.trust)
    with serving(corner.folder / "store") as server:
        corner.write_plan({"app": {"bundle": server.url, "version": "^2.4"}})
        corner.apply()
        corner.apply()
    assert corner.versions() == ["2.4.1"] * 3
    assert [status for _, status in server.ranges()] == [200]

    tag(corner, "2.4.2")
    monkeypatch.setenv("FLEET_SIGNING_KEY", str(corner.key))
    origin = {"git": "./repository", "folder": "deploy"}
    corner.write_plan({"app": {"bundle": origin, "version": "^2.4"}})
    corner.apply()
    assert corner.versions() == ["2.4.2"] * 3


def test_a_run_from_a_repository_goes_on_with_what_it_began_with(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a newer tag appeared, and what was built is gone: the tag builds to the same."""
    monkeypatch.setenv("FLEET_SIGNING_KEY", str(corner.key))
    corner.bundles("app", "2.4.1")
    corner.give("app", "2.4.1")
    tag(corner, "2.5.0")
    origin = {"git": "./repository", "folder": "deploy"}
    package = {"bundle": origin, "hooks": {"post_activate": HELD}}
    corner.write_plan({"app": package}, rollout=cohorts())
    kill_in_the_middle(corner)
    tag(corner, "2.5.1")
    shutil.rmtree(corner.home.cache)
    (corner.home.root / "git/pins.json").unlink()
    corner.fleet("resume", "last")
    assert corner.versions() == ["2.5.0"] * 3
