"""``fleet rollback --to`` over real SSH: hosts go back, or are left wholly as they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.model.event import Action
from tests.baddays.hosts_site import reason
from tests.baddays.site import NEW, OLD, PACKAGE, Area, Site
from tests.labs import eventually

pytestmark = pytest.mark.ssh

THIRD = "1.3.0"
CONFIGURED = "2.0.0"


@pytest.fixture
def area(request: pytest.FixtureRequest, site: Site, old: Area) -> Area:
    """An area whose hosts were brought from the old release to the new one."""
    made = site.area(named(request), like=old)
    made.apply(NEW)
    return made


def named(request: pytest.FixtureRequest) -> str:
    return "".join(c if c.isalnum() else "-" for c in request.node.name.removeprefix("test_"))


def back(area: Area, to: str, *words: str, expect: int = 0) -> Any:
    agreed = () if "--test" in words else ("--yes",)
    command = ("rollback", area.plan, "--to", to, "-e", f"version={NEW}")
    return area.fleet(*command, *agreed, *words, expect=expect)


def edit(area: Area, **keys: object) -> None:
    plan = json.loads(area.plan.read_text())
    plan["packages"][PACKAGE] |= keys
    area.plan.write_text(json.dumps(plan))


def tree(*folders: Path) -> dict[str, Any]:
    """Return all that lies below some folders: modes, times, bytes, targets."""
    found: dict[str, Any] = {}
    for path in (path for folder in folders for path in [folder, *folder.rglob("*")]):
        seen = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[str(path)] = (seen.st_mode, seen.st_mtime_ns, seen.st_ino, content)
    return found


def test_to_the_previous_release_and_denied(area: Area) -> None:
    done = back(area, "previous")
    assert area.versions() == area.all_on(OLD)
    assert f"{PACKAGE} {OLD} to 3 hosts in 1 waves" in done.stdout
    assert not any(disk.locked or disk.on_trial for disk in area.disks)
    area.verify()
    denied = area.apply(NEW, expect=6)
    assert "taken back to previous by" in denied.stderr
    area.fleet("denylist", "lift", digest_of(area, NEW))
    area.apply(NEW)
    assert area.versions() == area.all_on(NEW)


def digest_of(area: Area, version: str) -> str:
    manifest = area.site.bundles / f"{PACKAGE}-{version}/manifest.json"
    return hashlib.sha256(manifest.read_bytes()).hexdigest()


def test_again_it_proves_that_all_is_there(area: Area) -> None:
    back(area, OLD)
    before = [tree(disk.root) for disk in area.disks]
    back(area, OLD)
    assert [tree(disk.root) for disk in area.disks] == before


def test_to_a_version_that_hosts_no_longer_hold(area: Area, site: Site) -> None:
    for disk in area.disks:
        [gone] = [name for name in disk.complete if name.startswith(OLD)]
        (disk.root / f"releases/{gone}/.fleet/complete").unlink()
    back(area, OLD)
    assert area.versions() == area.all_on(OLD)


def test_to_a_version_whose_bundle_the_source_no_longer_has(site: Site) -> None:
    area = site.area("no-longer-there")
    area.apply(OLD)
    area.apply(NEW)
    site.bundle(THIRD, into=site.folder / "elsewhere")
    edit(area, bundle=str(site.folder / "elsewhere"))
    back(area, OLD)
    assert area.versions() == area.all_on(OLD)


def test_one_host_alone(area: Area) -> None:
    host = area.hosts[1]
    back(area, "previous", "--hosts", host)
    assert area.versions() == area.all_on(NEW) | {host: OLD}
    split = back(area, "previous", "--test", expect=6)
    assert "the hosts have different previous releases" in split.stderr
    back(area, OLD)
    assert area.versions() == area.all_on(OLD)


def test_a_host_that_was_silent_is_brought_back_as_is_said(area: Area) -> None:
    silent = area.hosts[2]
    area.site.lab.cut(silent)
    done = back(area, "previous", expect=4)
    area.site.lab.restore(silent)
    assert area.versions() == area.all_on(OLD) | {silent: NEW}
    command = f"fleet rollback {area.plan} --to {OLD} --hosts {silent}"
    assert f"next: `{command}` again brings them up" in done.stdout
    area.fleet(*command.split()[1:], "--yes", "-e", f"version={NEW}")
    assert area.versions() == area.all_on(OLD)


def test_a_test_changes_nothing(area: Area) -> None:
    places = [place for disk in area.disks for place in disk.places]
    before = tree(*places)
    done = back(area, "previous", "--test")
    assert tree(*places) == before
    assert f"{OLD} is there and proved" in done.stdout
    assert "nothing was changed" in done.stdout
    first = area.disks[0]
    [held] = [name for name in first.complete if name.startswith(OLD)]
    (first.root / f"releases/{held}/VERSION").write_text("forged")
    damaged = back(area, "previous", "--test", expect=2)
    assert "on the host is damaged: VERSION is modified" in damaged.stdout
    assert back(area, "previous", expect=2).stdout.count("damaged") == 1
    assert area.versions() == area.all_on(NEW)


def test_without_a_yes_nothing_happens(area: Area) -> None:
    command = ("rollback", area.plan, "--to", "previous", "-e", f"version={NEW}")
    done = area.fleet(*command, expect=3)
    assert f"{PACKAGE}: {NEW} -> {OLD} on 3 hosts" in done.stderr
    assert "add --yes" in done.stderr
    assert area.versions() == area.all_on(NEW)


def test_what_is_newer_is_no_way_back(area: Area, site: Site) -> None:
    site.bundle(THIRD)
    done = back(area, THIRD, expect=2)
    assert f"{NEW} is active, and {THIRD} is no way back" in done.stdout
    assert area.versions() == area.all_on(NEW)


def steps(*names: str, down: bool = True) -> list[dict[str, str]]:
    trace = 'echo "{}" >>"$FLEET_ROOT/trace"'
    return [
        {"name": name, "run": trace.format(f"up {name}")}
        | ({"down": trace.format(f"down {name}")} if down else {})
        for name in names
    ]


def stepped(site: Site, name: str, old: Area, *, down: bool) -> Area:
    """Return an area whose new release came with two more steps than the old one."""
    area = site.area(name, like=old)
    words = json.loads(area.plan.read_text())["packages"][PACKAGE]["steps"]
    edit(area, steps=[*words, *steps("one", "two", down=down)])
    area.apply(NEW)
    return area


def test_steps_done_since_are_undone(site: Site, old: Area) -> None:
    area = stepped(site, "steps-undone", old, down=True)
    told = back(area, "previous", "--test").stdout
    assert "undoes two, one" in told
    back(area, "previous")
    for disk in area.disks:
        ran = [line for line in disk.trace if line.startswith(("up", "down"))]
        assert ran == ["up one", "up two", "down two", "down one"]
        assert disk.ledger == ["words"]


def test_a_step_without_a_way_down_is_refused_by_name(site: Site, old: Area) -> None:
    area = stepped(site, "steps-kept", old, down=False)
    before = tree(*(disk.root for disk in area.disks))
    done = back(area, "previous", expect=2)
    assert "step two was done since, and has no way down" in done.stdout
    assert tree(*(disk.root for disk in area.disks)) == before
    back(area, "previous", "--preserve-data")
    assert area.versions() == area.all_on(OLD)
    assert area.disks[0].ledger == ["words", "one", "two"]


@pytest.mark.parametrize(
    ("config", "why"),
    [({"data/app.db": 3}, "reads none beyond 2"), ({"data/other": 1}, "says of no schema")],
)
def test_a_schema_that_the_target_does_not_read(
    site: Site, config: dict[str, int], why: str
) -> None:
    low, high = site.folder / f"configured-{len(why)}", "2.1.0"
    site.bundle(CONFIGURED, into=low, config={"data/app.db": 2})
    site.bundle(high, into=low, config=config)
    area = site.area(f"schema-{len(why)}", package={"bundle": str(low)})
    area.apply(CONFIGURED)
    area.apply(high)
    before = tree(*(disk.root for disk in area.disks))
    command = ("rollback", area.plan, "--to", "previous", "--yes")
    done = area.fleet(*command, "-e", f"version={high}", expect=2)
    assert why in done.stdout
    assert tree(*(disk.root for disk in area.disks)) == before


def test_the_data_is_backed_up_first(area: Area) -> None:
    for disk in area.disks:
        (disk.root / "shared/data").mkdir(parents=True, exist_ok=True)
        (disk.root / "shared/data/rows").write_text("rows")
    edit(area, data="data")
    back(area, "previous")
    listed = json.loads(area.fleet("hosts", "backups", area.plan, "--json").stdout)
    assert [len(it["backups"]) for it in listed] == [1, 1, 1]
    assert listed[0]["backups"][0]["release"].startswith(NEW)


def migrated(site: Site, old: Area, name: str) -> Area:
    """Return an area that was backed up under the old release, and whose data was migrated since.

    There is no way down for that.
    """
    area = site.area(name, like=old)
    words = json.loads(area.plan.read_text())["packages"][PACKAGE]["steps"]
    moves = {"name": "schema", "run": "echo new >data/rows", "migrates": ["data"]}
    for disk in area.disks:
        (disk.root / "shared/data").mkdir(parents=True, exist_ok=True)
        (disk.root / "shared/data/rows").write_text("old\n")
    edit(area, data="data", steps=[*words, moves])
    area.fleet("hosts", "backup", area.plan)
    area.apply(NEW)
    assert rows(area) == ["new\n"] * 3
    return area


def rows(area: Area) -> list[str]:
    return [(disk.root / "shared/data/rows").read_text() for disk in area.disks]


def test_data_comes_back_with_its_release(site: Site, old: Area) -> None:
    area = migrated(site, old, "data-too")
    refused = back(area, "previous", expect=2).stdout
    assert "step schema was done since, and has no way down" in refused
    told = back(area, "previous", "--restore-data", "--test").stdout
    assert "backs up its data, brings its data back from" in told
    assert "undoes" not in told
    back(area, "previous", "--restore-data")
    assert area.versions() == area.all_on(OLD)
    assert rows(area) == ["old\n"] * 3
    assert area.disks[0].ledger == ["words"]
    listed = json.loads(area.fleet("hosts", "backups", area.plan, "--json").stdout)
    assert [it["release"].split("-")[0] for it in listed[0]["backups"]] == [OLD, NEW]
    area.verify()


def test_data_goes_forward_again_with_a_release_that_does_not_stay(site: Site, old: Area) -> None:
    area = migrated(site, old, "data-again")
    poison = "grep -qx 1.0.0 VERSION || exit 0; exit 1"
    edit(area, validations=[{"script": {"run": f"sh -c '{poison}'"}}])
    back(area, "previous", "--restore-data", expect=2)
    assert area.versions() == area.all_on(NEW)
    assert rows(area) == ["new\n"] * 3
    assert area.disks[0].ledger == ["words", "schema"]


def test_a_host_without_such_a_backup_is_named(site: Site, old: Area) -> None:
    area = migrated(site, old, "data-gone")
    lacking = area.disks[1]
    for archive in (lacking.state / "backups/data").glob("*.tar.*"):
        archive.unlink()
    before = tree(*(disk.root for disk in area.disks))
    done = back(area, "previous", "--restore-data", expect=2)
    assert f"no backup of its data was made on the host while {OLD} was active" in done.stdout
    assert tree(*(disk.root for disk in area.disks)) == before


def test_a_backup_that_fails_leaves_the_release(area: Area) -> None:
    for disk in area.disks:
        (disk.root / "shared/data").mkdir(parents=True, exist_ok=True)
    (area.disks[1].root / "shared/data/out").symlink_to("/etc")
    edit(area, data="data")
    back(area, "previous", expect=2)
    failed = area.hosts[1]
    assert "leads out of the declared paths" in reason(area, failed, Action.STAGE)
    assert area.versions() == area.all_on(OLD) | {failed: NEW}
    assert not area.disk(failed).locked


def test_a_release_that_does_not_validate_there_goes_no_further(site: Site) -> None:
    area = site.area("bad-target")
    area.apply(OLD)
    area.apply(NEW)
    poison = 'grep -qx 1.0.0 VERSION || exit 0; test "$(hostname)" = none'
    edit(area, validations=[{"script": {"run": f"sh -c '{poison}'"}}])
    back(area, "previous", expect=2)
    assert area.versions() == area.all_on(NEW)


def test_a_dead_controllers_way_back_is_resumed(area: Area) -> None:
    for disk in area.disks:
        disk.hold("pre_activate")
    words = ("--to", "previous", "-e", f"version={NEW}", "--yes", "--output", "json")
    with area.start("rollback", area.plan, *words) as running:
        assert eventually(
            lambda: all(f"pre_activate {OLD}" in disk.trace[-1:] for disk in area.disks)
        )
        running.end()
    for disk in area.disks:
        disk.let_go("pre_activate")
    area.fleet("resume", "last")
    assert area.versions() == area.all_on(OLD)
    assert "taken back to previous" in area.apply(NEW, expect=6).stderr


def test_another_run_on_a_host_keeps_all_where_they_are(area: Area) -> None:
    first = area.disks[0]
    other = "lock_run='other'\nlock_owner='somebody'\nlock_session=''\nlock_boot=''\n"
    later = "lock_expires='9999999999'\nlock_token='9'\n"
    (first.state / "lock").write_text(other + later)
    (first.state / "trial").write_text(
        "trial_nonce='x'\ntrial_run='other'\ntrial_boot='b'\n"
        "trial_due_epoch='9999999999'\ntrial_due='0'\n"
        "trial_release='r'\ntrial_from=''\ntrial_seconds='9'\n"
    )
    done = back(area, "previous", expect=2)
    assert "locked by somebody" in done.stdout
    assert area.versions() == area.all_on(NEW)


def test_usage(area: Area) -> None:
    assert "no version" in back(area, "newest", expect=5).stderr
    assert "no package 'ap'" in back(area, OLD, "--package", "ap", expect=5).stderr
    both = back(area, OLD, "--preserve-data", "--restore-data", expect=5)
    assert "one of the two" in both.stderr
    none = back(area, OLD, "--restore-data", expect=6)
    assert f"packages.{PACKAGE}: the plan declares no data to bring back" in none.stderr
    area.fleet("rollback", expect=5)
    plan = area.fleet("rollback", area.plan, expect=5)
    assert "the hosts of a plan go back with --to previous, or --to VERSION" in plan.stderr


def test_a_run_is_not_taken_back_in_part(area: Area) -> None:
    for words in (("--test", "--hosts", "h001"), ("--hosts", "nosuch"), ("--package", PACKAGE)):
        done = area.fleet("rollback", "last", *words, expect=5)
        assert "with --to only; nothing was changed" in done.stderr
    assert area.versions() == area.all_on(NEW)
