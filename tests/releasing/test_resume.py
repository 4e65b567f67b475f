"""A run goes on with the releases it began with, whatever appeared meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.labs import eventually
from tests.releasing.site import Corner

pytestmark = pytest.mark.ssh

FLEET = Path(sys.executable).with_name("fleet")
HELD = 'while [ -e "$FLEET_ROOT/hold" ]; do sleep 0.05; done'


def cohorts() -> dict[str, object]:
    return {
        "cohorts": [{"name": "canary", "hosts": "h001"}, {"name": "rest"}],
        "timeouts": {"connect": "5s"},
        "retries": {"attempts": 3, "backoff": "100ms"},
    }


def kill_in_the_middle(corner: Corner, version: str = "2.5.0") -> None:
    """Begin a run, and kill its controller while the canary is being activated."""
    hold = corner.lab.hosts[0].root / corner.name / "hold"
    hold.touch()
    words = [str(FLEET), "apply", str(corner.plan), "--yes"]
    with subprocess.Popen(words, env=os.environ, stdout=subprocess.DEVNULL) as process:
        began = eventually(lambda: corner.versions()[0] == version)
        process.kill()
    hold.unlink()
    assert began


@pytest.mark.parametrize(
    ("command", "code", "version"), [("resume", 0, "2.5.0"), ("rollback", 2, "2.4.1")]
)
def test_a_newer_release_does_not_come_into_a_run(
    corner: Corner, command: str, code: int, version: str
) -> None:
    corner.bundles("app", "2.4.1", "2.5.0")
    corner.give("app", "2.4.1")
    hooks = {"post_activate": HELD}
    corner.write_plan({"app": {"version": "^2.4", "hooks": hooks}}, rollout=cohorts())
    kill_in_the_middle(corner)
    corner.bundles("app", "2.5.1", "2.9.0")
    corner.fleet(command, "last", expect=code)
    assert corner.versions() == [version] * 3
    assert [it.version for it in corner.started().targets] == ["2.5.0"]


def test_a_release_that_is_gone_is_named(corner: Corner) -> None:
    corner.bundles("app", "2.4.1")
    corner.give("app", "2.4.1")
    built = corner.bundle("app", "2.5.0")
    hooks = {"post_activate": HELD}
    corner.write_plan({"app": {"version": "^2.4", "hooks": hooks}}, rollout=cohorts())
    kill_in_the_middle(corner)
    corner.bundles("app", "2.5.1")
    away = built.rename(corner.folder / "away")
    told = corner.fleet("resume", "last", expect=6)
    digest = corner.started().targets[0].manifest
    assert f"no bundle of 'app' with manifest {digest[:12]}" in told.err
    away.rename(built)
    corner.fleet("resume", "last")
    assert corner.versions() == ["2.5.0"] * 3


def test_going_back_needs_no_source_and_no_signer(corner: Corner) -> None:
    """The store may be down, and the bundle revoked: that is when its release must leave."""
    corner.bundles("app", "2.4.1")
    corner.give("app", "2.4.1")
    built = corner.bundle("app", "2.5.0")
    corner.write_plan({"app": {"version": "^2.4"}})
    corner.apply("--yes")
    built.rename(corner.folder / "away")
    signers = corner.trust.read_text()
    digest = corner.started().targets[0].manifest
    corner.trust.write_text(f"#fleet revoked-bundle {digest}\n{signers}")
    try:
        corner.fleet("rollback", "last", expect=2)
    finally:
        corner.trust.write_text(signers)
    assert corner.versions() == ["2.4.1"] * 3


def test_a_rollback_that_was_cut_off_goes_on_without_its_source(corner: Corner) -> None:
    corner.bundles("app", "2.4.1")
    corner.give("app", "2.4.1")
    built = corner.bundle("app", "2.5.0")
    corner.write_plan({"app": {"version": "^2.4", "hooks": {"pre_revert": HELD}}})
    corner.apply("--yes")
    hold = corner.lab.hosts[0].root / corner.name / "hold"
    hold.touch()
    words = [str(FLEET), "rollback", "last"]
    with subprocess.Popen(words, env=os.environ, stdout=subprocess.DEVNULL) as process:
        began = eventually(lambda: corner.versions() == ["2.5.0", "2.4.1", "2.4.1"])
        process.kill()
    hold.unlink()
    assert began
    built.rename(corner.folder / "away")
    corner.fleet("resume", "last", expect=2)
    assert corner.versions() == ["2.4.1"] * 3


def test_a_host_that_changed_meanwhile_is_refused_by_its_own_check(corner: Corner) -> None:
    corner.bundles("app", "1.9.0", "2.0.3")
    corner.bundle("app", "3.0.0", floors=["2.0.x"])
    corner.give("app", "2.0.3")
    packages = {"app": {"version": "3.0.0", "hooks": {"post_activate": HELD}}}
    corner.write_plan(packages, rollout=cohorts())
    kill_in_the_middle(corner, "3.0.0")
    run = corner.started().run
    corner.give("app", "1.9.0", "h003")
    corner.write_plan(packages, rollout=cohorts())
    told = corner.fleet("resume", run, "--output", "plain", expect=2)
    assert "1.9.0 is active, and 3.0.0 must be reached by way of 2.0.x" in told.out
    assert corner.versions()[2] == "1.9.0"
