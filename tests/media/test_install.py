"""``install.sh`` on a host alone, in every shell: it installs, goes back, and says how it went."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.media.site import BAD, NEW, OLD, Alone, Site, on


def kinds(record: list[dict[str, object]]) -> list[tuple[object, object]]:
    """Return what was done, and what came of it."""
    return [(it["action"], it["result"]) for it in record if it["kind"] == "action_ended"]


DONE = [
    ("check", "done"),
    ("stage", "done"),
    ("activate", "done"),
    ("validate", "done"),
    ("confirm", "done"),
    ("commit", "done"),
]


def test_it_installs_and_proves(any_alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("proves", {"store-1": any_alone.folder})
    medium = site.medium(plan, tmp_path / "medium")
    done = any_alone.install(medium)
    assert any_alone.active() == on(OLD)
    assert "signature verified" in done.stdout
    [record] = any_alone.records()
    assert kinds(record) == DONE
    releases = [line.split(" ", 1)[1] for line in any_alone.trace()]
    assert releases == ["the word is 'swordfish'"] * 2
    again = any_alone.install(medium)
    assert "there already" in again.stdout
    assert any_alone.run(medium, "--verify").stdout.count("is what was signed") == 2
    shown = any_alone.run(medium, "--show").stdout
    assert shown.count("it is there, and proved") == 2


def test_one_that_fails_goes_back(any_alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("fails", {"store-1": any_alone.folder})
    any_alone.install(site.medium(plan, tmp_path / "old"))
    done = any_alone.install(site.medium(plan, tmp_path / "bad", BAD), expect=2)
    assert "went back" in done.stdout
    assert any_alone.active() == on(OLD)
    assert kinds(any_alone.records()[-1])[-2:] == [("validate", "failed"), ("revert", "done")]
    any_alone.install(site.medium(plan, tmp_path / "new", NEW))
    assert any_alone.active() == on(NEW)


def test_it_goes_back_when_asked(any_alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("asked", {"store-1": any_alone.folder})
    any_alone.install(site.medium(plan, tmp_path / "old"))
    medium = site.medium(plan, tmp_path / "new", NEW)
    refused = any_alone.run(medium, "--back", "--yes", expect=2)
    assert "has installed nothing here" in refused.stderr
    any_alone.install(medium)
    any_alone.run(medium, "--back", "--yes", expect=2)
    assert any_alone.active() == on(OLD)
    any_alone.run(medium, "--back", "--yes", expect=2)
    assert any_alone.active() == on(OLD)


def test_a_look_changes_nothing(any_alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("looks", {"store-1": any_alone.folder}), tmp_path / "medium")
    done = any_alone.run(medium, "--check")
    assert "it may be installed" in done.stdout
    any_alone.run(medium, "--show")
    assert not any_alone.folder.exists()


def test_a_pre_check_says_no(alone: Alone, site: Site, tmp_path: Path) -> None:
    checks = [{"command": {"run": "echo 'the till is \"open\"'; exit 1"}}]
    plan = site.plan("says-no", {"store-1": alone.folder}, pre_checks=checks)
    done = alone.install(site.medium(plan, tmp_path / "medium"), expect=2)
    assert 'nothing was changed: pre-check command of db: the till is "open"' in done.stdout
    assert alone.active() == on("")


def test_a_check_is_asked_again_while_it_says_not_yet(
    alone: Alone, site: Site, tmp_path: Path
) -> None:
    later = 'echo x >>"$FLEET_SHARED/n"; [ "$(wc -l <"$FLEET_SHARED/n")" -gt 2 ] || exit 21'
    plan = site.plan(
        "not-yet", {"store-1": alone.folder}, validations=[{"command": {"run": later}}]
    )
    done = alone.install(site.medium(plan, tmp_path / "medium"))
    assert done.stdout.count("not-yet") == 4
    assert alone.active() == on(OLD)


def test_nothing_older_is_taken(alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("older", {"store-1": alone.folder})
    alone.install(site.medium(plan, tmp_path / "new", NEW))
    done = alone.install(site.medium(plan, tmp_path / "old"), expect=2)
    assert f"{NEW} is active, and {OLD} is lower" in done.stdout
    assert alone.active() == on(NEW)


def test_local_changes_are_refused_or_overwritten(alone: Alone, site: Site, tmp_path: Path) -> None:
    plan = site.plan("drift", {"store-1": alone.folder})
    alone.install(site.medium(plan, tmp_path / "old"))
    changed = alone.folder / "root/app/current/VERSION"
    changed.write_text("mine\n")
    refused = alone.install(site.medium(plan, tmp_path / "new", NEW), expect=2)
    assert "VERSION is modified" in refused.stdout
    assert alone.active() == {"app": "mine", "db": OLD}
    plan = site.plan("drift", {"store-1": alone.folder}, on_drift="overwrite")
    alone.install(site.medium(plan, tmp_path / "mends"))
    assert alone.active() == on(OLD)
    changed.write_text("mine\n")
    alone.install(site.medium(plan, tmp_path / "over", NEW))
    assert alone.active() == on(NEW)


def test_a_host_is_known_by_its_own_name(alone: Alone, site: Site, tmp_path: Path) -> None:
    own = Path("/proc/sys/kernel/hostname").read_text().strip()
    plan = site.plan("named", {own: alone.folder, "other": tmp_path / "other"})
    medium = site.medium(plan, tmp_path / "medium")
    other = alone.run(medium, "--show", expect=5)
    assert "nothing for a host store-1" in other.stderr
    assert f"this host is {own}" in alone.run(medium, "--show", "--host", own).stdout
    script = ["sh", str(medium / "install.sh"), "--show"]
    named = subprocess.run(script, env=alone.environ, capture_output=True, text=True, check=True)
    assert f"this host is {own}" in named.stdout


def test_two_at_once(alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("twice", {"store-1": alone.folder}), tmp_path / "medium")
    alone.cut(medium, "activate")
    mark = alone.folder / "state/.media/running"
    assert mark.is_symlink()
    start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    mark.unlink()
    mark.symlink_to(f"{os.getpid()}.{start}")
    done = alone.install(medium, expect=2)
    assert "at work here already" in done.stderr
    mark.unlink()
    alone.install(medium)
    assert alone.active() == on(OLD)


def test_nobody_can_be_asked(alone: Alone, site: Site, tmp_path: Path) -> None:
    medium = site.medium(site.plan("asks", {"store-1": alone.folder}), tmp_path / "medium")
    done = alone.run(medium, "--install", expect=5)
    assert "add --yes" in done.stderr
    alone.run(medium, expect=5)
    alone.run(medium, "--nonsense", expect=5)
