"""A machine as the tests see it: looked at from outside, and asked over ssh."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from orchestrator.lab.lab import Lab
from orchestrator.lab.machine.cgroup import Group
from orchestrator.lab.machine.spec import Machine
from orchestrator.lab.processes import Identity, Process, first_inside, look_up
from orchestrator.lab.record import load
from orchestrator.lab.spec import LabHost
from tests.labs import ssh

ENVIRONMENT = "/run/fleet-test"
"""What sessions find in their environment; gone after a boot, as is all below /run."""

FROM_BOOT = Path("/etc/systemd/system.conf.d/fleet-test.conf")
"""What units find in theirs, from the next boot on."""


@dataclass(frozen=True)
class System:
    """One machine of a lab."""

    lab: Lab
    host: LabHost

    @property
    def name(self) -> str:
        return self.host.name

    def run(self, script: str) -> str:
        """Run a script to its end, and return what it printed; it must succeed."""
        done = self.ask(script)
        assert done.returncode == 0, (
            f"{self.name}: exit {done.returncode} of {script}: {done.stderr!r}"
        )
        return done.stdout.decode().strip()

    def ask(self, script: str) -> subprocess.CompletedProcess[bytes]:
        """Run a script to its end, however it ends."""
        return ssh(self.lab, self.host, "sh -s", script.encode())

    def answers(self) -> bool:
        """Tell whether one can log in."""
        return self.ask("true").returncode == 0

    @property
    def boot(self) -> Identity | None:
        """What is its first process, and so which boot of it this is."""
        return first_inside(self._machine.power_pid)

    @property
    def disk(self) -> Path:
        """Its files as this box sees them, whether or not it can be reached."""
        boot = self.boot
        return Path(f"/proc/{boot.pid if boot else 0}/root")

    @property
    def _machine(self) -> Machine:
        return Machine(self.host, load(self.lab.paths).network)

    def prepare(self) -> None:
        """Have sessions read the file that `set_environment` writes."""
        self.run(f"ln -sf {ENVIRONMENT} /etc/environment; sync")

    def set_environment(self, **variables: str) -> None:
        """Give sessions and units some variables, and no others: from now on, and after a boot.

        After a boot only units have them, since ``/run`` is empty.
        """
        lines = "".join(f"{name}={value}\n" for name, value in variables.items())
        words = " ".join(f"{name}='{value}'" for name, value in variables.items())
        self.run(
            f"mkdir -p {FROM_BOOT.parent}\n"
            f"cat >{FROM_BOOT} <<'END'\n[Manager]\nDefaultEnvironment={words}\nEND\nsync\n"
            f"cat >{ENVIRONMENT} <<'END'\n{lines}END\n"
            "systemctl daemon-reload\n"
            "systemctl unset-environment FLEET_KILL_POINT FLEET_KILL_SIGNAL\n"
            + (f"systemctl set-environment {words}" if words else "")
        )

    def processes(self) -> list[Process]:
        """Return all that runs on it."""
        found = []
        # Groups come and go meanwhile: os.walk takes no offence.
        for folder, _, _ in os.walk(Group.named(self._machine.name).path / "boot"):
            with contextlib.suppress(OSError):
                pids = (Path(folder) / "cgroup.procs").read_text().split()
                found += [process for pid in pids if (process := look_up(int(pid)))]
        return found

    def stopped(self) -> list[Process]:
        """Return what stands still on it."""
        return [process for process in self.processes() if process.stopped]
