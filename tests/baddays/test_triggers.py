"""A service that dies while nobody is there: its host goes back by itself, and says why."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from orchestrator.model.event import ActionEnded, Result
from tests.baddays.site import NEW, OLD, Area, Disk, Site, start_site
from tests.labs import eventually

pytestmark = [pytest.mark.ssh, pytest.mark.timeout(180)]

SERVICE = """\
kill "$(cat "$FLEET_ROOT/pid" 2>/dev/null)" 2>/dev/null
setsid sleep 300 >/dev/null 2>&1 &
echo "$!" >"$FLEET_ROOT/pid"
"""
"""Starts the program anew; it stands for a service."""

LIVES = 'kill -0 "$(cat "$FLEET_ROOT/pid")" 2>/dev/null || { echo "it is dead"; exit 1; }'
TRIGGER = {"service_health": {"command": LIVES, "interval": "1s"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, hosts=1) as site:
        yield site


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, hosts=2) as site:
        yield site


@pytest.fixture
def area(site: Site) -> Iterator[Area]:
    """Return an area with the old release and its service, and a plan whose only wave bakes."""
    package = {"triggers": [TRIGGER], "restart": [SERVICE], "trial": {"deadline": "10m"}}
    bakes = [{"name": "everyone", "bake": "{{ bake }}"}]
    area = site.area("alone", hosts=1, package=package, cohorts=bakes, commit="wave")
    area.apply(OLD, "-e", "bake=0s")
    yield area
    end_service(area.disks[0])


def end_service(disk: Disk) -> None:
    os.kill(int((disk.root.parent / "pid").read_text()), signal.SIGKILL)


def record(disk: Disk, name: str) -> str:
    """Return a record of the host, or nothing."""
    path = disk.state / name
    return path.read_text() if path.exists() else ""


def test_a_dead_service_takes_its_host_back_with_the_controller_gone(area: Area) -> None:
    [disk] = area.disks
    with area.start("apply", area.plan, "-e", f"version={NEW}", "-e", "bake=20m") as running:
        assert eventually(lambda: "trial_confirmed='1" in record(disk, "trial"))
        running.send(signal.SIGKILL)
        running.wait()
    assert disk.version == NEW
    end_service(disk)
    assert eventually(lambda: "last_outcome='reverted'" in record(disk, "last"))
    assert "last_reason='trigger service_health: it is dead (2 of 2)'" in record(disk, "last")
    assert disk.version == OLD
    told = area.fleet("resume", "last", expect=2).stdout
    assert "trigger service_health: it is dead (2 of 2)" in told


def test_a_host_that_goes_back_before_the_commit_takes_its_wave_along(two: Site) -> None:
    """The other host is held up, and is told nothing of what it would be committed to."""
    package = {"triggers": [TRIGGER], "restart": [SERVICE], "trial": {"deadline": "10m"}}
    together = [{"name": "everyone"}]
    area = two.area("both", package=package, cohorts=together, commit="wave")
    area.apply(OLD)
    first, second = area.disks
    second.hold("pre_activate")
    with area.start_apply(NEW) as running:
        assert eventually(lambda: "trial_confirmed='1" in record(first, "trial"))
        end_service(first)
        assert eventually(lambda: first.version == OLD)
        second.let_go("pre_activate")
        assert running.wait() == 2, running.stderr
        told = running.stdout
    assert "went back by itself: trigger service_health: it is dead (2 of 2)" in told
    assert area.versions() == area.all_on(OLD)
    committed = [e for e in area.events() if isinstance(e, ActionEnded) and e.action == "commit"]
    assert [e.result for e in committed if e.host == first.host.name] == [Result.FAILED]
    for disk in area.disks:
        end_service(disk)
