"""Real Debian systems install from a medium, cable out or power cut; their history comes back."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from orchestrator.lab.lab import Lab
from orchestrator.lab.processes import first_inside
from orchestrator.lab.spec import LabHost
from tests.host.program.driver import until
from tests.labs import ssh, ssh_argv
from tests.media.site import NEW, OLD, PACKAGES, Site

pytestmark = [pytest.mark.ssh, pytest.mark.machine]

CARRIED = "/srv/carried"
PATIENCE = 120.0

SERVICE = f"""
exec >{CARRIED}/log 2>&1
offline() {{ ! grep -q 1 /sys/class/net/[!l]*/carrier; }}
until offline; do sleep 0.1; done
sh {CARRIED}/install.sh --host "$(hostname)" --install --yes
code=$?
offline && sync && echo "$code" >{CARRIED}/code
"""
"""Waits until the cable is out, then installs; the code is there if it was out to the end."""


def inside(lab: Lab, host: LabHost) -> Path:
    """Return the root of a running machine, as this box sees it, whatever its network."""
    first = first_inside(host.folder / "power.pid")
    assert first
    return Path(f"/proc/{first.pid}/root")


def carry(lab: Lab, host: LabHost, medium: Path) -> None:
    """Copy a medium into a machine, in place of another."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(medium, CARRIED)
    say(lab, host, f"rm -rf {CARRIED} && tar -xf - -C / && sync", packed.getvalue())


def carry_back(lab: Lab, host: LabHost, folder: Path) -> Path:
    """Return a folder with the results that a machine's medium has."""
    with tarfile.open(fileobj=io.BytesIO(say(lab, host, f"tar -cC {CARRIED} results"))) as tar:
        tar.extractall(folder, filter="data")
    return folder


def answers(lab: Lab, host: LabHost, command: str) -> bytes:
    """Return what a machine answers, or nothing while it does not."""
    return ssh(lab, host, command).stdout


def say(lab: Lab, host: LabHost, command: str, stdin: bytes = b"") -> bytes:
    """Run a command on a machine that can be reached."""
    done = subprocess.run(
        [*ssh_argv(lab, host), command],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(600)
def test_a_machine_without_a_network(machines: Lab, site: Site, tmp_path: Path) -> None:
    host = machines.hosts[0]
    place = Path("/srv/offline")
    medium = site.medium(site.plan("offline", {host.name: place}), tmp_path / "medium")
    carry(machines, host, medium)
    say(machines, host, "cat >/srv/service && systemd-run sh /srv/service", SERVICE.encode())
    machines.cut(host.name)
    root = inside(machines, host)
    carried = root / CARRIED.lstrip("/")
    until(lambda: (carried / "code").exists(), PATIENCE)
    assert (carried / "code").read_text() == "0\n", (carried / "log").read_text()
    for package in PACKAGES:
        active = (root / place.relative_to("/") / "root" / package / "current").readlink()
        assert active.name.startswith(f"{OLD}-")
    machines.restore(host.name)
    imported = site.fleet("media", "import", carry_back(machines, host, tmp_path / "back"))
    assert f"{host.name}  committed" in imported.stdout
    assert site.status("media-")["state"] == "complete"


@pytest.mark.timeout(600)
def test_a_release_that_reboots_its_host(machines: Lab, site: Site, tmp_path: Path) -> None:
    host = machines.hosts[2]
    plan = site.plan("boots", {host.name: Path("/srv/boots")}, reboot="always")
    carry(machines, host, site.medium(plan, tmp_path / "medium"))
    install = f"sh {CARRIED}/install.sh --install --yes"
    boot = "cat /proc/sys/kernel/random/boot_id"
    before = say(machines, host, boot)
    say(machines, host, f"systemd-run {install}")
    until(lambda: answers(machines, host, boot) not in (b"", before), PATIENCE)
    said = say(machines, host, install).decode()
    assert "going on with run" in said
    assert "done: the release is active" in said
    imported = site.fleet("media", "import", carry_back(machines, host, tmp_path / "back"))
    assert f"{host.name}  committed" in imported.stdout


@pytest.mark.timeout(600)
def test_a_power_cut_on_a_machine(machines: Lab, site: Site, tmp_path: Path) -> None:
    host, place = machines.hosts[1], "/srv/cut"
    install = f"sh {CARRIED}/install.sh --install --yes"
    plan = site.plan("cut", {host.name: Path(place)})
    carry(machines, host, site.medium(plan, tmp_path / "old"))
    say(machines, host, install)
    wait = 'touch "$FLEET_ROOT/asked"; while [ ! -e "$FLEET_ROOT/go" ]; do sleep 0.1; done'
    waits = [{"command": {"run": wait, "timeout": "60s"}}]
    plan = site.plan("cut", {host.name: Path(place)}, validations=waits)
    carry(machines, host, site.medium(plan, tmp_path / "new", NEW))
    say(machines, host, f"systemd-run {install}")
    root = inside(machines, host)
    until((root / place.lstrip("/") / "root/asked").exists, PATIENCE)
    machines.powercut(host.name)
    say(machines, host, f"touch {place}/root/go; {install}")
    assert say(machines, host, f"cat {place}/root/*/current/VERSION").decode().split() == [NEW] * 2
    imported = site.fleet("media", "import", carry_back(machines, host, tmp_path / "back"))
    assert f"{host.name}  committed" in imported.stdout
