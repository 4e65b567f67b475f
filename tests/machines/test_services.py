"""Services on real systemd: restarted and reloaded in order, read anew, and their reasons told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.lab.lab import Lab
from orchestrator.lab.spec import LabHost
from tests.baddays.site import Area, Site
from tests.labs import eventually, ssh

pytestmark = [pytest.mark.ssh, pytest.mark.machine, pytest.mark.timeout(300)]

UNITS = "/etc/systemd/system"
LOG = "/srv/services.log"

APP = """\
[Unit]
Description=app {version}
[Service]
ExecStartPre=/bin/sh -c 'echo start app >>{log}; {before}'
ExecStart=/bin/sleep infinity
"""
WEB = f"""\
[Service]
ExecStartPre=/bin/sh -c 'echo start web >>{LOG}'
ExecStart=/bin/sleep infinity
ExecReload=/bin/sh -c 'echo reload web >>{LOG}'
"""
SYSTEMCTL = """\
#!/bin/sh
echo "$*" >>/srv/asked
exec /usr/bin/systemctl "$@"
"""
"""Finds itself before the real one on the path that services see."""

WATCH = """\
[Path]
PathChanged={package}/.fleet/changed
"""
WATCHED = """\
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "$(readlink {current})" >>/srv/watched'
"""


@dataclass(frozen=True)
class Machine:
    """A machine with an area of a site on it, whose app is a unit linked out of its release."""

    lab: Lab
    area: Area

    @property
    def host(self) -> LabHost:
        return self.lab.host(self.area.hosts[0])

    @property
    def current(self) -> str:
        return f"/opt/fleet/{self.area.name}/app/current"

    def say(self, command: str, stdin: str = "") -> str:
        """Run a command, and return what it says."""
        done = ssh(self.lab, self.host, command, stdin.encode())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.decode().strip()

    def unit(self, name: str, text: str) -> None:
        """Write a unit that belongs to the machine."""
        self.say(f"cat >{UNITS}/{name}", text)

    def log(self) -> list[str]:
        """Return what the services did since this was asked last."""
        return self.say(f"cat {LOG}; rm {LOG}").splitlines()

    def shown(self, unit: str, prop: str) -> str:
        return self.say(f"systemctl show -p {prop} {unit}").partition("=")[2]

    def asked(self) -> list[str]:
        """Return what systemd was asked to do by the services' text since this was asked last."""
        lines = self.say("cat /srv/asked; rm /srv/asked").splitlines()
        return [line for line in lines if line.split()[0] not in ("show", "-q")]


def app(version: str, before: str = "true") -> dict[str, bytes]:
    return {"app.service": APP.format(version=version, log=LOG, before=before).encode()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def site(shared_machines: Lab, folder: Path) -> Site:
    """Return a site with releases of app: three with two different units, and one that fails."""
    site = Site(shared_machines, folder)
    site.bundle("1.0.0", app("one"))
    site.bundle("1.1.0", app("two"))
    site.bundle("1.1.1", app("two"))
    site.bundle("1.2.0", app("three", "echo the port is taken; exit 1"))
    return site


def prepared(machines: Lab, site: Site, name: str) -> Machine:
    """Return a machine on which nothing but the links to units is there."""
    path = {"PATH": "/srv/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    package = {"restart": ["app"], "reload": ["web"], "hooks": {}, "steps": [], "environment": path}
    machine = Machine(machines, site.area(name, hosts=1, package=package))
    machine.say(f"rm -f {LOG}; systemctl stop app web 2>/dev/null; true")
    machine.say(f"ln -sfn {machine.current}/app.service {UNITS}/app.service")
    machine.unit("web.service", WEB)
    machine.say("mkdir -p /srv/bin; cat >/srv/bin/systemctl; chmod +x /srv/bin/*", SYSTEMCTL)
    machine.say("systemctl daemon-reload")
    return machine


def test_services_follow_a_release_forward_and_back(machines: Lab, site: Site) -> None:
    machine = prepared(machines, site, "follow")
    area = machine.area
    area.apply("1.0.0")
    assert machine.log() == ["start app", "start web"]
    assert machine.shown("app", "Description") == "app one"
    machine.asked()
    area.apply("1.1.0")
    assert machine.log() == ["start app", "reload web"]
    assert machine.shown("app", "Description") == "app two"
    assert machine.asked() == ["daemon-reload", "restart -- app", "reload -- web"]
    area.apply("1.1.1")
    assert machine.log() == ["start app", "reload web"]
    assert machine.asked() == ["restart -- app", "reload -- web"]
    area.fleet("rollback", "app", expect=2)
    assert machine.log() == ["start app", "reload web"]
    assert machine.asked() == ["restart -- app", "reload -- web"]


def test_a_way_back_to_an_older_unit_is_read(machines: Lab, site: Site) -> None:
    machine = prepared(machines, site, "older")
    machine.area.apply("1.0.0")
    machine.area.apply("1.1.0")
    machine.log()
    machine.area.fleet("rollback", "app", expect=2)
    assert machine.log() == ["start app", "reload web"]
    assert machine.shown("app", "Description") == "app one"
    assert machine.shown("app", "ActiveState") == "active"


def test_a_service_that_fails_says_why_and_the_old_one_runs(machines: Lab, site: Site) -> None:
    machine = prepared(machines, site, "fails")
    area = machine.area
    area.apply("1.0.0")
    told = area.apply("1.2.0", expect=2)
    assert "restart: exit status 1: app did not restart: it is failed" in told.stdout
    output = area.rollout().hosts[machine.host.name].output
    assert "the port is taken" in output
    assert "code=exited, status=1/FAILURE" in output
    assert Path(machine.say(f"readlink {machine.current}")).name.startswith("1.0.0-")
    assert machine.shown("app", "Description") == "app one"
    assert machine.shown("app", "ActiveState") == "active"


def test_what_came_with_a_first_release_is_stopped_with_it(machines: Lab, site: Site) -> None:
    machine = prepared(machines, site, "first")
    machine.area.apply("1.0.0")
    machine.area.fleet("rollback", "app", expect=2)
    assert machine.shown("app", "ActiveState") != "active"
    assert machine.shown("web", "ActiveState") == "active"


def test_systemd_may_watch_the_release(machines: Lab, site: Site) -> None:
    machine = prepared(machines, site, "watch")
    machine.say("rm -f /srv/watched")
    machine.area.apply("1.0.0")
    machine.unit("watched.service", WATCHED.format(current=machine.current))
    machine.unit("watched.path", WATCH.format(package=Path(machine.current).parent))
    machine.say("systemctl daemon-reload; systemctl start watched.path")

    def seen() -> list[str]:
        lines = machine.say("cat /srv/watched 2>/dev/null; true").splitlines()
        return [Path(line).name.partition("-")[0] for line in lines]

    machine.area.apply("1.1.0")
    assert eventually(lambda: seen()[-1:] == ["1.1.0"])
    machine.area.fleet("rollback", "app", expect=2)
    assert eventually(lambda: seen()[-1:] == ["1.0.0"])
    machine.say("systemctl stop watched.path")
