"""``fleet lock`` writes down what is meant; ``apply --locked`` uses exactly that."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.releasing.site import Corner

pytestmark = pytest.mark.ssh

RANGE = {"app": {"version": "^2.4"}}


@pytest.fixture
def locked(corner: Corner) -> Corner:
    """A plan that is locked at 2.4.5, and a store that has moved on since."""
    corner.bundles("app", "2.4.5")
    corner.write_plan(RANGE)
    corner.fleet("lock", corner.plan)
    corner.bundles("app", "2.5.0")
    return corner


def test_the_lock_counts_not_what_appeared_since(locked: Corner) -> None:
    locked.give("app", "2.4.5", "h001")
    locked.write_plan(RANGE)
    locked.apply("--locked")
    assert locked.versions() == ["2.4.5"] * 3
    assert locked.started().options["locked"] is True
    locked.apply(expect=3)  # without the lock it would be 2.5.0, which asks
    locked.fleet("lock", locked.plan)
    locked.apply("--locked")  # a lock is a decision: nothing is asked
    assert locked.versions() == ["2.5.0"] * 3


def test_a_repair_from_what_is_locked(locked: Corner) -> None:
    """The range means a newer release by now, which is no reason to leave damage where it is."""
    locked.apply("--locked")
    file = locked.lab.hosts[0].root / locked.name / "app/current/VERSION"
    was = file.read_bytes()
    file.write_bytes(b"changed")
    told = locked.fleet("hosts", "repair", locked.plan, expect=2)
    assert "or name the version that is active: version:, or --locked" in told.out
    locked.fleet("hosts", "repair", locked.plan, "--locked")
    assert file.read_bytes() == was


def test_equal_locks_are_equal_files(locked: Corner) -> None:
    path = locked.folder / "plan.lock.yml"
    before = path.read_bytes()
    assert str(locked.folder).encode() not in before
    told = locked.fleet("lock", locked.plan)
    assert told.out.startswith("app 2.5.0 revision 1, ")
    assert path.read_bytes() != before
    again = locked.fleet("lock", locked.plan)
    assert "(was locked already)" in again.out


def test_what_is_locked_is_not_pruned(locked: Corner) -> None:
    locked.bundles("app", "2.6.0")
    told = locked.fleet("bundle", "prune", "bundles/app", "--keep", "1", "--plan", locked.plan)
    assert told.out == "removed app 2.5.0\n"
    locked.apply("--locked")
    assert locked.versions() == ["2.4.5"] * 3


def test_a_release_that_the_store_no_longer_has(locked: Corner) -> None:
    shutil.rmtree(locked.folder / "bundles/app/app-2.4.5")
    told = locked.apply("--locked", expect=6)
    assert "no bundle of 'app' with manifest" in told.err


def test_a_release_that_was_replaced_by_another_of_its_version(locked: Corner) -> None:
    shutil.rmtree(locked.folder / "bundles/app/app-2.4.5")
    locked.bundle("app", "2.4.5", notes="made again")
    told = locked.apply("--locked", expect=6)
    assert "no bundle of 'app' with manifest" in told.err
    assert locked.runs() == 0


def test_a_lock_that_does_not_fit_the_plan(locked: Corner) -> None:
    locked.write_plan({"app": {"version": "^3"}})
    told = locked.apply("--locked", expect=6)
    assert "plan.lock.yml:4:3: packages.app: locked at 2.4.5, which is not in" in told.err
    locked.write_plan(RANGE)
    path = locked.folder / "plan.lock.yml"
    path.write_text(path.read_text().replace("2.4.5", "2.4.9"))
    told = locked.apply("--locked", expect=6)
    assert "2.4.9, but the bundle with this digest is 2.4.5" in told.err


def test_a_plan_without_a_lock(corner: Corner) -> None:
    corner.bundles("app", "1.0.0")
    corner.write_plan({"app": {}})
    told = corner.apply("--locked", expect=6)
    assert "plan.lock.yml: the plan has no lock; write it: fleet lock " in told.err


def test_a_repository_is_locked_by_digest_too(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other ops box has seen no tag yet, and finds a newer one."""
    monkeypatch.setenv("FLEET_SIGNING_KEY", str(corner.key))
    repository = corner.folder / "repository"
    (repository / "content").mkdir(parents=True)
    git("init", "-q", at=repository)
    tag(repository, "2.4.5")
    corner.write_plan({"app": {"bundle": {"git": "./repository"}, "version": "^2.4"}})
    corner.fleet("lock", corner.plan)
    assert '{"git": "./repository"}' in (corner.folder / "plan.lock.yml").read_text()
    tag(repository, "2.4.6")
    shutil.rmtree(corner.home.root)
    corner.apply("--locked")
    assert corner.versions() == ["2.4.5"] * 3


def tag(repository: Path, version: str) -> None:
    """Commit and tag a version."""
    described = {"package": "app", "version": version}
    (repository / "bundle.yml").write_text(json.dumps(described))
    (repository / "content/VERSION").write_text(f"{version}\n")
    git("add", ".", at=repository)
    git("commit", "-q", "-m", version, at=repository)
    git("tag", f"v{version}", at=repository)


def git(*words: str, at: Path) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *who, *words], cwd=at, check=True)
