"""Back to the golden release, from the host's own copy, or sent where it has none."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.baddays.hosts_site import LENIENT
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


def test_one_that_is_killed_is_resumed(site: Site) -> None:
    area = make(site, "killed")
    area.apply(OLD)
    area.apply(NEW)
    disk = area.disk("h001")
    disk.hold("post_activate")
    with area.start("hosts", "restore", "--factory", area.plan, "--yes") as controller:
        assert eventually(lambda: disk.trace[-1:] == [f"post_activate {OLD}"])
        controller.send(signal.SIGKILL)
    disk.let_go("post_activate")
    area.fleet("resume", "last")
    assert area.versions() == area.all_on(OLD)
    area.verify()


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
