"""Back to the golden release, from the host's own copy, or sent where it has none."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.model.event import Action
from tests.baddays.hosts_site import LENIENT, reason
from tests.baddays.site import NEW, OLD, Area, Site, start_site
from tests.labs import eventually

BETTER = ("1.3.0", "1.4.0", "1.5.0")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, 2) as site:
        for version in BETTER:
            site.bundle(version)
        yield site


def make(site: Site, name: str, **package: Any) -> Area:
    lenient: dict[str, Any] = dict(LENIENT)
    return site.area(name, package={"factory": OLD, "keep": 2, "steps": [], **package}, **lenient)


def test_it_outlives_all_releases_and_is_gone_back_to(site: Site) -> None:
    area = make(site, "golden")
    for version in (OLD, NEW, *BETTER):
        area.apply(version)
    gold = {disk.host.name: (disk.state / "factory").read_text().strip() for disk in area.disks}
    for disk in area.disks:
        assert gold[disk.host.name] in disk.complete
        assert len(disk.complete) == 3
    assert f"golden: {gold['h001']}" in area.fleet("doctor", area.plan, "h001").stdout
    asked = area.fleet("hosts", "restore", "--factory", area.plan, expect=3)
    assert f"app: {BETTER[-1]} -> {OLD} on 2 hosts" in asked.stderr
    assert area.versions() == area.all_on(BETTER[-1])
    one = area.fleet("hosts", "restore", "--factory", area.plan, "-l", "h001", "--yes")
    assert "1 hosts: 1 committed" in one.stdout
    assert area.versions() == {"h001": OLD, "h002": BETTER[-1]}
    area.fleet("hosts", "restore", "--factory", area.plan, "--yes")
    assert area.versions() == area.all_on(OLD)
    area.verify()
    again = area.fleet("hosts", "restore", "--factory", area.plan, "--yes")
    assert "2 skipped" in again.stdout


def test_a_copy_that_is_damaged_or_gone_is_sent_anew(site: Site) -> None:
    area = make(site, "anew")
    area.apply(OLD)
    area.apply(NEW)
    area.apply(BETTER[0])
    one, two = area.disks
    (one.root / f"releases/{(one.state / 'factory').read_text().strip()}/VERSION").write_text("9\n")
    shutil.rmtree(two.root / f"releases/{(two.state / 'factory').read_text().strip()}")
    area.fleet("hosts", "restore", "--factory", area.plan, "--yes")
    assert area.versions() == area.all_on(OLD)
    area.verify()


def kill_while_it_activates(area: Area) -> None:
    """Begin to go back, and kill the controller while a host is activating."""
    disk = area.disk("h001")
    disk.hold("post_activate")
    with area.start("hosts", "restore", "--factory", area.plan, "--yes") as controller:
        assert eventually(lambda: disk.trace[-1:] == [f"post_activate {OLD}"])
        controller.send(signal.SIGKILL)
    disk.let_go("post_activate")


def test_one_that_is_killed_is_resumed(site: Site) -> None:
    area = make(site, "killed")
    area.apply(OLD)
    area.apply(NEW)
    kill_while_it_activates(area)
    area.fleet("resume", "last")
    assert area.versions() == area.all_on(OLD)
    area.verify()


def prune(area: Area, site: Site) -> None:
    """Let the plan's source have another version alone."""
    site.bundle(BETTER[0], into=site.folder / "pruned")
    text = json.loads(area.plan.read_text())
    text["packages"]["app"]["bundle"] = str(site.folder / "pruned")
    area.plan.write_text(json.dumps(text))


def test_the_source_no_longer_has_it_and_the_hosts_do(site: Site) -> None:
    area = make(site, "pruned")
    area.apply(OLD)
    area.apply(NEW)
    prune(area, site)
    two = area.disk("h002")
    kept = two.root / f"releases/{(two.state / 'factory').read_text().strip()}"
    kept.rename(two.root / "away")
    back = ("hosts", "restore", "--factory", area.plan, "--yes")
    done = area.fleet(*back, expect=2)
    assert "the content of 'VERSION'" in reason(area, "h002", Action.STAGE)
    assert "1 committed, 1 failed" in done.stdout
    assert area.versions() == {"h001": OLD, "h002": NEW}
    (two.root / "away").rename(kept)
    area.fleet(*back)
    assert area.versions() == area.all_on(OLD)
    area.verify()


def test_one_that_is_resumed_needs_no_source_either(site: Site) -> None:
    area = make(site, "pruned-killed")
    area.apply(OLD)
    area.apply(NEW)
    prune(area, site)
    kill_while_it_activates(area)
    area.fleet("resume", "last")
    assert area.versions() == area.all_on(OLD)


def test_a_plan_without_a_golden_release(site: Site) -> None:
    area = make(site, "without")
    area.apply(NEW)
    text = json.loads(area.plan.read_text())
    del text["packages"]["app"]["factory"]
    area.plan.write_text(json.dumps(text))
    refused = area.fleet("hosts", "restore", "--factory", area.plan, "--yes", expect=6)
    assert "packages.app: the plan names no golden release" in refused.stderr
    both = area.fleet("hosts", "restore", "--factory", "--from", "latest", area.plan, expect=5)
    assert "--factory" in both.stderr
    assert area.versions() == area.all_on(NEW)
