"""Hooks over real SSH: a refusal, a release that cannot be prepared, a cleanup that is named."""

from __future__ import annotations

import pytest

from tests.baddays.site import NEW, OLD, Area, Site

pytestmark = pytest.mark.ssh


def make_area(site: Site, old: Area, name: str, **hooks: str) -> Area:
    """Return an area whose two hosts have OLD, and get NEW with these hooks."""
    return site.area(name, hosts=2, like=old, package={"hooks": hooks, "steps": []})


def test_a_host_that_refuses_staging_keeps_what_it_has(site: Site, old: Area) -> None:
    area = make_area(site, old, "refuses", pre_stage="echo backup is running; exit 1")
    told = area.apply(NEW, expect=2)
    assert "staging app: pre_stage: exit status 1: backup is running" in told.stdout
    assert area.versions() == area.all_on(OLD)
    assert all(len(disk.complete) == 1 for disk in area.disks)


def test_a_release_that_cannot_be_prepared_is_not_activated(site: Site, old: Area) -> None:
    hook = '[ -e "$FLEET_ROOT/ready" ] || { echo no cache; exit 1; }'
    area = make_area(site, old, "unprepared", post_stage=hook)
    assert "post_stage: exit status 1: no cache" in area.apply(NEW, expect=2).stdout
    assert area.versions() == area.all_on(OLD)
    for disk in area.disks:
        (disk.root.parent / "ready").touch()
    area.apply(NEW)
    assert area.versions() == area.all_on(NEW)


def test_a_cleanup_that_fails_is_named_and_the_run_is_well(site: Site, old: Area) -> None:
    area = make_area(site, old, "leftover", cleanup="echo still mounted; exit 1")
    told = area.apply(NEW, "-v")
    hosts = f"{area.hosts[0]}, {area.hosts[1]} (2 hosts)"
    assert f"cleanup failed: {hosts}: app: exit status 1: still mounted" in told.stdout
    assert told.stdout.count("still mounted") > 1, "the hook's output was shown as it came"
    assert area.versions() == area.all_on(NEW)
    [report] = area.home.rglob("*.md")
    assert "## Failed cleanups" in report.read_text()
