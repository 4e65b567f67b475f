"""Trials on real systems: reboots, power cuts, dead watchdogs, sick disks, a reboot lock."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator.lab.lab import Lab
from orchestrator.model.event import Action, ActionEnded
from tests.baddays.hosts_site import only_new
from tests.baddays.site import NEW, OLD, Area, Site
from tests.gates.serving import Server
from tests.labs import eventually, ssh

pytestmark = [pytest.mark.ssh, pytest.mark.machine, pytest.mark.timeout(300)]

DEADLINE = 12
"""Seconds that a trial lasts here, and after which a host must go back by itself."""
UNITS = "/etc/systemd/system/fleet-*.service"


@dataclass(frozen=True)
class Machine:
    """One machine with an area of a site on it."""

    area: Area
    name: str

    def ask(self, command: str) -> str:
        """Run a command, and return what it says; nothing while the machine is away."""
        lab = self.area.site.lab
        return ssh(lab, lab.host(self.name), command).stdout.decode().strip()

    @property
    def state(self) -> str:
        return f"/var/lib/fleet/{self.area.name}/app"

    @property
    def version(self) -> str:
        current = self.ask(f"readlink /opt/fleet/{self.area.name}/app/current")
        return current.rpartition("/")[2].partition("-")[0]

    def last(self, key: str) -> str:
        """Return a value of the record of the last trial."""
        return self.ask(f". {self.state}/last; echo $last_{key}")


@pytest.fixture(scope="module")
def site(shared_machines: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(shared_machines, tmp_path_factory.mktemp("site"))
    site.bundle(OLD)
    site.bundle(NEW, reboot=True)
    return site


def prepared(site: Site, name: str, hosts: int = 1, **package: Any) -> list[Machine]:
    """Return machines on which the old release is committed, and nothing of a trial is left."""
    plain = {"restart": [], "hooks": {}, "steps": [], "trial": {"deadline": f"{DEADLINE}s"}}
    quick = {"validate": "5s", "confirm": "5s", "silent": "30s"}
    area = site.area(name, hosts=hosts, package=plain | package, timeouts=quick)
    area.apply(OLD)
    return [Machine(area, host) for host in area.hosts]


def left_alone(machine: Machine) -> None:
    """Bring the new release on trial, and lose the controller for good."""
    with machine.area.start_apply(NEW) as running:
        assert eventually(lambda: machine.version == NEW)
        running.send(signal.SIGKILL)
    assert machine.ask(f"ls {UNITS}")


def test_a_release_reboots_its_host_once_and_leaves_nothing(machines: Lab, site: Site) -> None:
    [machine] = prepared(site, "reboots")
    before = machine.ask("cat /proc/sys/kernel/random/boot_id")
    machine.area.apply(NEW)
    assert machine.ask("cat /proc/sys/kernel/random/boot_id") != before
    ended = [e for e in machine.area.events() if isinstance(e, ActionEnded)]
    assert [e.action for e in ended].count(Action.REBOOT) == 1
    assert machine.ask(f"ls {UNITS}") == ""
    left = set(machine.ask(f"ls {machine.state}").split())
    assert not left & {"ballast", "boots", "busy", "hook", "lock", "spent", "trial", "watchdog"}


SLOW: dict[str, Any] = {
    "reboot": "never",
    "validations": [{"command": {"run": only_new("sleep 4; exit 21")}}],
}
"""A release that waits to be confirmed until its controller is gone."""


def test_a_power_cut_with_the_controller_gone(machines: Lab, site: Site) -> None:
    [machine] = prepared(site, "power-cut", **SLOW)
    left_alone(machine)
    machines.powercut(machine.name)
    assert eventually(lambda: machine.ask(f"grep -c . {machine.state}/boots") == "1")
    assert eventually(lambda: machine.version == OLD)
    assert eventually(lambda: machine.ask(f"ls {UNITS}") == "")
    assert machine.last("reason") == f"no confirmation within {DEADLINE} s"


def test_a_watchdog_that_is_killed_again_and_again(machines: Lab, site: Site) -> None:
    [machine] = prepared(site, "killed", **SLOW)
    left_alone(machine)
    mark = f"cut -d ' ' -f 1 {machine.state}/watchdog"
    for _ in range(3):
        killed = machine.ask(f"{mark}; kill -9 $({mark})")
        assert eventually(partial(_is_another, machine, mark, killed))
    assert eventually(lambda: machine.version == OLD)


def _is_another(machine: Machine, command: str, than: str) -> bool:
    return machine.ask(command) not in ("", than)


def test_a_file_system_that_is_read_only_when_the_deadline_comes(machines: Lab, site: Site) -> None:
    [machine] = prepared(site, "read-only", **SLOW)
    left_alone(machine)
    places = f"/var/lib/fleet/{machine.area.name} /opt/fleet/{machine.area.name}"
    machine.ask(f"for p in {places}; do mount --bind $p $p; mount -o remount,ro,bind $p; done")
    units = machine.ask(f"ls {UNITS}")
    spent = int(machine.ask("cut -d . -f 1 /proc/uptime")) + DEADLINE
    assert eventually(lambda: int(machine.ask("cut -d . -f 1 /proc/uptime") or 0) > spent)
    assert (machine.version, machine.ask(f"ls {UNITS}")) == (NEW, units)
    machine.ask(f"for p in {places}; do umount $p; done")
    assert eventually(lambda: machine.version == OLD)


def test_a_disk_that_is_full_when_the_deadline_comes(machines: Lab, site: Site) -> None:
    [machine] = prepared(site, "full", **SLOW)
    left_alone(machine)
    machines.fill(machine.name)
    assert eventually(lambda: machine.version == OLD)
    machines.restore(machine.name)
    assert eventually(lambda: machine.last("outcome") == "reverted")


def test_one_host_after_the_other_where_a_lock_says_so(
    machines: Lab, site: Site, tmp_path: Path
) -> None:
    server = Server(tmp_path / "slots.json")
    server.start()
    try:
        lock = {"fleet_lock": {"url": server.url, "interval": "1s"}}
        fleet = prepared(site, "locked", 2, reboot={"when": "if-required", "lock": lock})
        fleet[0].area.apply(NEW)
        events = [e for e in fleet[0].area.events() if isinstance(e, ActionEnded)]
        reserved = [e for e in events if e.action is Action.RESERVE]
        assert {e.host for e in reserved} == {machine.name for machine in fleet}
        assert server.holders() == []
        confirmed = [e.at for e in events if e.action is Action.CONFIRM]
        assert min(confirmed) <= max(e.at for e in reserved)
    finally:
        server.stop()
