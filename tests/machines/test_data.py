"""Data that comes back with its release, on machines whose power is cut meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.lab.lab import Lab
from tests.baddays.site import NEW, OLD
from tests.labs import eventually
from tests.machines.matrix import PATIENCE, TIDIED, cut_power
from tests.machines.site import Ground, make_site

pytestmark = [pytest.mark.ssh, pytest.mark.machine, pytest.mark.slow, pytest.mark.timeout(300)]

FITS = {(OLD, "one"), (NEW, "two")}
"""Releases, and the data that each of them reads."""


def upgraded(machines: Lab, folder: Path, name: str) -> Ground:
    """Return a ground whose data was backed up under OLD, and is another since NEW is active."""
    site = make_site(machines, folder)
    package = {
        "data": {"paths": ["db"], "stop": [f"{name}.service"]},
        "validations": [{"command": f"test ! -e /run/refuse-{name}"}],
        "trial": {"deadline": 30},
    }
    timeouts = {"validate": 10, "confirm": 10}
    ground = site.ground(site.systems[0], name, package=package, timeouts=timeouts)
    ground.area.apply(OLD)
    table = f"{ground.home}/shared/db/table"
    ground.system.run(f"mkdir -p {ground.home}/shared/db; echo one >{table}; sync")
    ground.area.fleet("hosts", "backup", ground.area.plan)
    ground.area.apply(NEW)
    ground.system.run(f"echo two >{table}; sync")
    return ground


def going_back(ground: Ground) -> tuple[Any, ...]:
    words = ("--to", "previous", "--restore-data", "--no-backup-current", "--yes")
    return ("rollback", ground.area.plan, *words, "-e", f"version={NEW}")


def has(ground: Ground) -> tuple[str, str]:
    table = f"{ground.home}/shared/db/table"
    return ground.look().version, ground.system.run(f"cat {table}")


@pytest.mark.parametrize(
    ("point", "stays"),
    [("flipped", True), ("moved_aside", True), ("flipped_back", False)],
)
def test_release_and_data_fit_after_a_power_cut(
    machines: Lab, tmp_path: Path, point: str, *, stays: bool
) -> None:
    ground = upgraded(machines, tmp_path, f"data-{point.replace('_', '-')}-{stays}".lower())
    system = ground.system
    if not stays:
        system.run(f"touch /run/refuse-{ground.name}")
    system.set_environment(FLEET_KILL_POINT=point, FLEET_KILL_SIGNAL="STOP")
    with ground.area.start(*going_back(ground)) as controller:
        assert eventually(lambda: bool(system.stopped()), PATIENCE), controller.stdout
        system.set_environment()
        cut_power(ground, controller)
        controller.wait(PATIENCE)
    if not ground.area.rollout().finished:
        ground.area.fleet("resume", "last", expect=None)
    assert eventually(lambda: not ground.look().left, TIDIED)
    assert has(ground) in FITS
    assert ground.look().runs == ground.look().active
    if has(ground) != (OLD, "one"):
        ground.area.fleet(*going_back(ground))
    assert has(ground) == (OLD, "one")
    ground.clear()
