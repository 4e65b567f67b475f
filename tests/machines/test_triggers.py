"""Each trigger fires on a real cause on a real system, with the controller gone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator.lab.lab import Lab
from tests.baddays.site import Area, Site
from tests.labs import eventually, ssh

pytestmark = [pytest.mark.ssh, pytest.mark.machine, pytest.mark.timeout(300)]

STEADY = b"[Service]\nExecStart=/bin/sleep infinity\n"
CRASHING = b"""\
[Service]
ExecStart=/bin/sh -c 'while [ ! -e /srv/crash ]; do sleep 0.2; done; exit 1'
Restart=always
RestartSec=100ms
"""
HEALTHY = b"#!/bin/sh\ntest ! -e /srv/ill || { echo 'the queue stands still'; exit 1; }\n"
NEIGHBOUR = "192.0.2.1"
"""An address that answers for as long as the machine has a route to it."""

SENSOR = "/srv/thermal_zone0/temp"
SHARE = 3.0
"""How many percent more of the memory are too many."""


@dataclass(frozen=True)
class Machine:
    """The first machine of a lab."""

    lab: Lab

    def say(self, command: str) -> str:
        """Run a command, and return what it says."""
        done = ssh(self.lab, self.lab.hosts[0], command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.decode().strip()

    def used(self) -> tuple[float, int]:
        """Return the percentage of memory that is used, and how many KiB there are."""
        lines = (line.split() for line in self.say("cat /proc/meminfo").splitlines())
        kib = {name: int(value) for name, value, *_ in lines}
        total = kib["MemTotal:"]
        return 100 - 100 * kib["MemAvailable:"] / total, total


@pytest.fixture(scope="module")
def site(shared_machines: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(shared_machines, tmp_path_factory.mktemp("site"))
    for version, unit in (("1.0.0", STEADY), ("1.1.0", CRASHING)):
        site.bundle(version, {"app.service": unit, "bin/healthy": HEALTHY})
    return site


@pytest.fixture
def machine(machines: Lab) -> Machine:
    """Return a machine on which all is well."""
    machine = Machine(machines)
    machine.say(
        "rm -rf /srv/crash /srv/ill; mkdir -p /srv/thermal_zone0 /srv/small;"
        f"echo 41000 >{SENSOR}; ip address replace {NEIGHBOUR}/32 dev lo;"
        "mountpoint -q /srv/small || mount -t tmpfs -o size=8m none /srv/small; rm -f /srv/small/*"
    )
    return machine


def crash(machine: Machine) -> None:
    machine.say("touch /srv/crash")


def press(machine: Machine) -> None:
    """Have a process take memory: tail keeps a line that does not end."""
    _, total = machine.used()
    take = int(total * 1.4 * SHARE / 100)
    hog = f"(head -c {take}K /dev/zero; sleep 40) | tail -c {take}K"
    machine.say(f"setsid sh -c '{hog}' >/dev/null 2>&1 </dev/null &")


def fill(machine: Machine) -> None:
    machine.say("dd if=/dev/zero of=/srv/small/full bs=1M count=8 2>/dev/null || true")


def heat(machine: Machine) -> None:
    machine.say(f"echo 91000 >{SENSOR}")


def fail(machine: Machine) -> None:
    machine.say("touch /srv/ill")


def cut(machine: Machine) -> None:
    machine.say(
        f"ip address del {NEIGHBOUR}/32 dev lo; ip route add unreachable {NEIGHBOUR}/32 || true"
    )


Cause = Callable[[Machine], None]
METRIC: dict[str, Any] = {"interval": "1s", "duration": "3s"}
KINDS: list[tuple[str, dict[str, Any], Cause, str]] = [
    ("service_health", {"services": "app.service", "interval": "2s"}, crash, "app.service "),
    ("system_metrics", METRIC, press, " % of memory is used, and the limit is "),
    ("system_metrics", {"disk": "90%", "path": "/srv/small", **METRIC}, fill, "100 % of"),
    ("system_metrics", {"temperature": 85, "sensor": SENSOR, **METRIC}, heat, "91 degrees"),
    ("app_validation", {"script": "bin/healthy", "interval": "1s"}, fail, "the queue stands still"),
    (
        "connectivity",
        {"to": f"{NEIGHBOUR}:22", "interval": "1s", "timeout": "3s"},
        cut,
        f"{NEIGHBOUR} ",
    ),
]


def area_of(site: Site, name: str, trigger: dict[str, Any]) -> Area:
    """Return an area with this trigger, and with the old release on its machine."""
    restart = ["ln -sfn $FLEET_CURRENT/app.service /etc/systemd/system/app.service", "app"]
    package = {"triggers": [trigger], "restart": restart, "trial": {"deadline": "10m"}}
    bakes = [{"name": "everyone", "bake": "{{ bake }}"}]
    area = site.area(name, hosts=1, package=package, cohorts=bakes, commit="wave")
    area.apply("1.0.0", "-e", "bake=0s")
    return area


@pytest.mark.parametrize(("kind", "options", "cause", "reason"), KINDS)
def test_each_fires_on_a_real_cause(
    machine: Machine, site: Site, kind: str, options: dict[str, Any], cause: Cause, reason: str
) -> None:
    name = f"{kind}-{cause.__name__}"
    if cause is press:
        options = {**options, "memory": f"{machine.used()[0] + SHARE:.1f}%"}
    area = area_of(site, name, {kind: options})
    current = f"readlink /opt/fleet/{name}/app/current"
    records = f"/var/lib/fleet/{name}/app"
    words = ("-e", "version=1.1.0", "-e", "bake=20m")
    with area.start("apply", area.plan, *words) as running:
        assert eventually(
            lambda: "confirmed='" in machine.say(f"grep confirmed=.[0-9] {records}/trial || true")
        )
        running.send(signal.SIGKILL)
        running.wait()
    assert "1.1.0-" in machine.say(current)
    cause(machine)
    assert eventually(lambda: "reverted" in machine.say(f"grep outcome {records}/last"))
    last = machine.say(f"cat {records}/last")
    assert f"last_reason='trigger {kind}" in last
    assert reason in last
    assert "1.0.0-" in machine.say(current)
    run = area.fleet("resume", "last", expect=2)
    assert f"trigger {kind}" in run.stdout
