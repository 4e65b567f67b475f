"""Control groups: what a machine runs as one thing, to be frozen and killed at one instant.

A group of cgroup v2 (see cgroups(7)) holds a machine's power supply and all that it boots. The
kernel keeps track, however far a process has detached.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import LabError
from orchestrator.lab.processes import wait_until

_MOUNTS = Path("/proc/self/mountinfo")
_PATIENCE = 20.0
_HINT = "machines need cgroup v2 of Linux 5.14 or later: mount -t cgroup2 cgroup2 /sys/fs/cgroup"


@dataclass(frozen=True, slots=True)
class Group:
    """The control group of one machine; it need not be there."""

    path: Path

    @classmethod
    def named(cls, name: str) -> Group:
        """Return a group by name; raise `LabError` where there are no control groups."""
        return cls(_hierarchy() / f"fleet-{name}")

    @property
    def populated(self) -> bool:
        """Tell whether any process is in it."""
        return self._event("populated")

    def freeze(self) -> None:
        """Stop all that is in it, and wait until nothing runs."""
        if self.path.exists():
            self._write("cgroup.freeze", "1")
            wait_until(lambda: self._event("frozen") or not self.populated, _PATIENCE)

    def thaw(self) -> None:
        """Let all that is in it go on."""
        if self.path.exists():
            self._write("cgroup.freeze", "0")

    def kill(self) -> None:
        """Kill all that is in it, at one instant, frozen or not, and remove it.

        Raises:
            LabError: something in it does not die.

        """
        if not self.path.exists():
            return
        self._write("cgroup.kill", "1")
        if not wait_until(lambda: not self.populated, _PATIENCE):
            raise LabError(
                f"processes in {self.path} do not die",
                hint="look at them with `ps -o pid,stat,wchan,args`, then try again",
            )
        for folder, _, _ in os.walk(self.path, topdown=False):
            Path(folder).rmdir()

    def _event(self, name: str) -> bool:
        try:
            lines = (self.path / "cgroup.events").read_text().splitlines()
        except OSError:
            return False
        return f"{name} 1" in lines

    def _write(self, name: str, value: str) -> None:
        try:
            (self.path / name).write_text(value)
        except OSError as error:
            raise LabError(f"cannot write {self.path / name}: {error}", hint=_HINT) from error


def _hierarchy() -> Path:
    """Return where all of cgroup v2 is mounted (proc_pid_mountinfo(5))."""
    for line in _MOUNTS.read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if source.split()[0] == "cgroup2" and mount.split()[3] == "/":
            return Path(mount.split()[4])
    raise LabError("no cgroup v2 is mounted on this box", hint=_HINT)
