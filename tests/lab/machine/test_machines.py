"""Machines: real systems, hurt in every way, and what is left of them."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import pytest

from orchestrator.errors import LabError, UsageError
from orchestrator.lab.lab import Lab
from orchestrator.lab.machine import tree
from orchestrator.lab.machine.spec import Machine
from orchestrator.lab.processes import running
from orchestrator.lab.record import load
from orchestrator.lab.spec import Condition, LabHost, LabKind
from tests.labs import MACHINES, eventually, ssh

pytestmark = [pytest.mark.ssh, pytest.mark.machine]


@pytest.fixture
def host(machines: Lab) -> LabHost:
    return machines.hosts[0]


def say(lab: Lab, host: LabHost, command: str) -> str:
    done = ssh(lab, host, command)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def boot_id(lab: Lab, host: LabHost) -> str:
    return say(lab, host, "cat /proc/sys/kernel/random/boot_id")


def uptime(lab: Lab, host: LabHost) -> float:
    return float(say(lab, host, "cat /proc/uptime").split()[0])


def has_booted(lab: Lab, host: LabHost) -> bool:
    return say(lab, host, "systemctl is-system-running || :") == "running"


def condition(lab: Lab, host: LabHost) -> Condition:
    return next(status.condition for status in lab.status() if status.host == host)


def can_connect(host: LabHost) -> bool:
    try:
        socket.create_connection((host.address, host.port), timeout=0.5).close()
    except OSError:
        return False
    return True


def test_a_machine_is_a_system_of_its_own(machines: Lab) -> None:
    for host in machines.hosts:
        assert say(machines, host, "cat /proc/1/comm; hostname") == f"systemd\n{host.name}"
        assert eventually(partial(has_booted, machines, host))
    assert len({boot_id(machines, host) for host in machines.hosts}) == MACHINES
    assert len({say(machines, it, "cat /etc/machine-id") for it in machines.hosts}) == MACHINES


def test_an_inventory_names_the_real_places(machines: Lab) -> None:
    text = machines.paths.inventory.read_text()
    assert "fleet_root: /opt/fleet" in text
    assert "fleet_state: /var/lib/fleet" in text


def test_machines_reach_each_other_and_the_box_but_nothing_else(machines: Lab) -> None:
    first, second = machines.hosts[:2]
    assert say(machines, first, f"bash -c 'exec 3<>/dev/tcp/{second.address}/22; head -c4 <&3'")
    assert say(machines, first, "ip route show default") == ""


def test_a_reboot_is_orderly(machines: Lab, host: LabHost) -> None:
    before = boot_id(machines, host)
    say(machines, host, "echo kept >/root/kept")
    machines.reboot(host.name)
    assert boot_id(machines, host) != before
    assert uptime(machines, host) < 60
    assert say(machines, host, "cat /root/kept") == "kept"
    assert "Stopped" in say(machines, host, "journalctl -b -1 --no-pager -t systemd")


def test_a_machine_can_reboot_itself(machines: Lab, host: LabHost) -> None:
    before = boot_id(machines, host)
    ssh(machines, host, "systemctl reboot")

    def is_back() -> bool:
        done = ssh(machines, host, "cat /proc/sys/kernel/random/boot_id")
        return done.returncode == 0 and done.stdout.decode().strip() != before

    assert eventually(is_back)


def test_a_power_cut_loses_what_was_not_flushed(machines: Lab, host: LabHost) -> None:
    before = boot_id(machines, host)
    say(machines, host, "echo a >/root/flushed; sync; echo b >/root/unflushed")
    say(machines, host, "setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
    machines.powercut(host.name)
    assert boot_id(machines, host) != before
    assert say(machines, host, "cd /root; ls flushed unflushed 2>/dev/null || :") == "flushed"
    assert say(machines, host, "pgrep -c sleep || :") == "0"


def test_a_machine_without_power_stays_off(machines: Lab, host: LabHost) -> None:
    machines.kill(host.name)
    assert condition(machines, host) is Condition.DOWN
    assert not can_connect(host)
    with pytest.raises(LabError, match="is down"):
        machines.powercut(host.name)
    with pytest.raises(LabError, match="is down"):
        machines.fill(host.name)
    machines.restore(host.name)
    assert condition(machines, host) is Condition.UP


def test_a_machine_that_switches_itself_off_is_down(machines: Lab, host: LabHost) -> None:
    ssh(machines, host, "systemctl poweroff")
    assert eventually(lambda: condition(machines, host) is Condition.DOWN)


def test_a_cut_machine_goes_on_and_stays_cut_through_a_power_cut(
    machines: Lab, host: LabHost
) -> None:
    before = boot_id(machines, host)
    machines.cut(host.name)
    assert not can_connect(host)
    machines.restore(host.name)
    assert boot_id(machines, host) == before
    machines.cut(host.name)
    machines.powercut(host.name)
    assert condition(machines, host) is Condition.CUT
    assert eventually(lambda: "Reached target multi-user" in last_boot(host))
    assert not can_connect(host)
    machines.restore(host.name)
    assert boot_id(machines, host) != before


def last_boot(host: LabHost) -> str:
    """Return what its console has said since systemd began."""
    return host.log.read_text(errors="replace").rpartition("Welcome to ")[2].replace("\x1b[0m", "")


def test_a_frozen_machine_hangs_and_goes_on(machines: Lab, host: LabHost) -> None:
    before = boot_id(machines, host)
    machines.freeze(host.name)
    with socket.create_connection((host.address, host.port), timeout=0.3) as newcomer:
        with pytest.raises(TimeoutError):
            newcomer.recv(1)
        assert condition(machines, host) is Condition.FROZEN
        machines.restore(host.name)
    assert boot_id(machines, host) == before


def test_a_frozen_machine_can_lose_its_power(machines: Lab, host: LabHost) -> None:
    before = boot_id(machines, host)
    machines.freeze(host.name)
    machines.powercut(host.name)
    assert boot_id(machines, host) != before
    assert condition(machines, host) is Condition.UP


def test_a_full_disk_is_the_machines_own_and_outlives_a_power_cut(
    machines: Lab, host: LabHost
) -> None:
    fails = "if echo text >/root/more && sync /root/more && [ -s /root/more ]; then exit 1; fi"
    machines.fill(host.name)
    say(machines, host, fails)
    machines.powercut(host.name)
    say(machines, host, fails)
    say(machines, machines.hosts[1], "echo text >/root/more && sync /root/more")
    machines.restore(host.name)
    say(machines, host, "echo text >/root/more && sync /root/more")


def test_a_disk_can_be_filled_but_for_so_much(machines: Lab, host: LabHost) -> None:
    machines.fill(host.name, leave=1 << 20)
    free = int(say(machines, host, "df --output=avail -B1 / | tail -1"))
    assert 0 < free <= 1 << 20


def test_up_again_leaves_machines_alone(machines: Lab) -> None:
    record = load(machines.paths)
    supplies = [Machine(host, record.network).power_pid for host in machines.hosts]
    before = list(map(running, supplies))
    Lab.up(machines.paths.directory)
    assert list(map(running, supplies)) == before


def test_slow_lines_are_refused(machines: Lab, host: LabHost) -> None:
    with pytest.raises(LabError, match="no slow lines"):
        machines.slow(host.name, latency=1.0)
    with pytest.raises(UsageError, match="h00"):
        machines.reboot("h00")


def test_a_lab_of_machines_leaves_nothing(tmp_path: Path) -> None:
    """The files, the bridge and the control group go with it, and its neighbour's stay."""
    lab = Lab.up(tmp_path / "lab", 1, kind=LabKind.MACHINE)
    machine = Machine(lab.hosts[0], load(lab.paths).network)
    bridge = Path("/sys/class/net") / machine.bridge
    assert bridge.exists()
    lab.down()
    assert not bridge.exists()
    assert not lab.paths.directory.exists()
    assert machine.name not in Path("/proc/self/mountinfo").read_text()


def test_the_tree_is_in_the_cache(machines: Lab) -> None:
    assert tree.obtain_tree() == load(machines.paths).tree
