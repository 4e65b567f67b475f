"""A service that dies while nobody is there: its host goes back by itself, and says why."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.baddays.site import NEW, OLD, Area, Site, start_site
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


@pytest.fixture
def area(site: Site) -> Iterator[Area]:
    """Return an area with the old release and its service, and a plan whose only wave bakes."""
    package = {"triggers": [TRIGGER], "restart": [SERVICE], "trial": {"deadline": "10m"}}
    bakes = [{"name": "everyone", "bake": "{{ bake }}"}]
    area = site.area("alone", hosts=1, package=package, cohorts=bakes, commit="wave")
    area.apply(OLD, "-e", "bake=0s")
    yield area
    end_service(area)


def end_service(area: Area) -> None:
    [disk] = area.disks
    os.kill(int((disk.root.parent / "pid").read_text()), signal.SIGKILL)


def record(area: Area, name: str) -> str:
    """Return a record of the host, or nothing."""
    path = area.disks[0].state / name
    return path.read_text() if path.exists() else ""


def test_a_dead_service_takes_its_host_back_with_the_controller_gone(area: Area) -> None:
    [disk] = area.disks
    with area.start("apply", area.plan, "-e", f"version={NEW}", "-e", "bake=20m") as running:
        assert eventually(lambda: "trial_confirmed='1" in record(area, "trial"))
        running.send(signal.SIGKILL)
        running.wait()
    assert disk.version == NEW
    end_service(area)
    assert eventually(lambda: "last_outcome='reverted'" in record(area, "last"))
    assert "last_reason='trigger service_health: it is dead (2 of 2)'" in record(area, "last")
    assert disk.version == OLD
    told = area.fleet("resume", "last", expect=2).stdout
    assert "trigger service_health: it is dead (2 of 2)" in told
