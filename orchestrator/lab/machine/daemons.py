"""What serves the machines of a lab: their power, their network, their disks."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from orchestrator.errors import LabError
from orchestrator.lab.daemons import last_words, spawn_python
from orchestrator.lab.machine import disk, tree
from orchestrator.lab.machine.cgroup import Group
from orchestrator.lab.machine.network import ensure_bridge, mac_of, remove_bridge, set_cable
from orchestrator.lab.machine.spec import Machine
from orchestrator.lab.processes import (
    Identity,
    first_inside,
    is_alive,
    running,
    send,
    wait_until,
)
from orchestrator.lab.record import Intent
from orchestrator.lab.spec import Condition, LabHost, LabPaths

# systemd(1): SIGRTMIN+5 starts reboot.target.
_REBOOT = signal.SIGRTMIN + 5
_ORDERLY = 150.0


@dataclass(frozen=True, slots=True)
class Machines:
    """The machines of one lab, each with its power supply."""

    paths: LabPaths
    network: IPv4Network
    tree: Path

    def apply(self, hosts: Sequence[LabHost], intent: Intent) -> None:
        """Bring some hosts to an intent."""
        actions: Mapping[Condition, Callable[[Machine], None]] = {
            Condition.UP: self._serve,
            Condition.CUT: self._cut,
            Condition.DOWN: self._cut_power,
            Condition.FROZEN: self._freeze,
        }
        ensure_bridge(self.network, self.paths.directory)
        for host in hosts:
            actions[intent.condition](self._machine(host))

    def is_serving(self, host: LabHost) -> bool:
        """Tell whether the host has power."""
        return running(self._machine(host).power_pid) is not None

    def end(self, hosts: Sequence[LabHost]) -> None:
        """Switch all machines off, and remove their network."""
        for host in hosts:
            self._switch_off(self._machine(host))
        remove_bridge(self.network, self.paths.directory)

    def cycle_power(self, hosts: Sequence[LabHost]) -> None:
        """Cut the power of machines, and give it back; what was done to them otherwise stays."""
        for machine in map(self._machine, hosts):
            self._cut_power(machine)
            self._switch_on(machine)

    def reboot(self, hosts: Sequence[LabHost]) -> None:
        """Have machines shut down in good order, and wait until they have; they boot again.

        Raises:
            LabError: one takes too long.

        """
        running_systems = [(host, self._first_process(host)) for host in hosts]
        for _, system in running_systems:
            send(system, _REBOOT)
        for host, system in running_systems:
            if not wait_until(partial(_has_ended, system), _ORDERLY):
                raise LabError(
                    f"{host.name} is still shutting down after {_ORDERLY:.0f} s",
                    hint=f"see {host.log}, or run `fleet lab powercut {host.name}`",
                )

    def fill(self, hosts: Sequence[LabHost], leave: int) -> None:
        """Fill up the disks of running machines but for ``leave`` bytes."""
        for host in hosts:
            disk.fill_up(self._machine(host), leave)

    def _machine(self, host: LabHost) -> Machine:
        return Machine(host, self.network)

    def _serve(self, machine: Machine) -> None:
        for mark in (machine.cut_mark, machine.full_mark):
            mark.unlink(missing_ok=True)
        self._switch_on(machine)
        disk.free_up(machine)
        set_cable(machine.name, machine.bridge, connected=True)

    def _cut(self, machine: Machine) -> None:
        machine.cut_mark.touch()
        self._switch_on(machine)
        set_cable(machine.name, machine.bridge, connected=False)

    def _freeze(self, machine: Machine) -> None:
        Group.named(machine.name).freeze()

    def _cut_power(self, machine: Machine) -> None:
        Group.named(machine.name).freeze()
        disk.shut_down(machine)
        self._switch_off(machine)

    def _switch_on(self, machine: Machine) -> None:
        group = Group.named(machine.name)
        if running(machine.power_pid):
            group.thaw()
            return
        group.kill()
        address = IPv4Address(machine.host.address)
        spawn_python(
            "orchestrator.lab.machine.power",
            [
                *(str(machine.host.folder), str(self.tree), machine.name),
                *(machine.bridge, mac_of(address)),
            ],
            log=machine.host.log,
            pid_file=machine.power_pid,
            through=(tree.program("unshare"), "--mount"),
        )

    def _switch_off(self, machine: Machine) -> None:
        """Kill all that runs on it; its supply first, which might not have joined its group yet."""
        group = Group.named(machine.name)
        supply = running(machine.power_pid)
        if supply:
            send(supply, signal.SIGKILL)
        group.kill()

    def _first_process(self, host: LabHost) -> Identity:
        """Return the process that is number 1 on a machine, once it has got so far."""
        supply = self._machine(host).power_pid
        wait_until(lambda: first_inside(supply) is not None or not running(supply), _ORDERLY)
        if found := first_inside(supply):
            return found
        raise LabError(f"{host.name} does not boot: {last_words(host.log)}", hint=f"see {host.log}")


def _has_ended(process: Identity) -> bool:
    return not is_alive(process)
