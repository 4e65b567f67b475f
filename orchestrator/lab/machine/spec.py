"""What a machine is made of, beside what every host of a lab has.

::

    hosts/h001/
      disk.img                 its disk: an ext4 file system; what it writes stays here
      disk/ tree/ system/      where its disk, the Debian tree below it, and both as one are mounted
      power.pid                its power supply: the process that boots it, again and again
      cut  full                there while its network cable is out; while its disk is full
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from orchestrator.lab.machine.network import bridge_of
from orchestrator.lab.spec import LabHost

FULL_MARK = "full"
"""The file of a machine's folder that is there while its disk is full on purpose."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One host of a lab that is a machine."""

    host: LabHost
    network: IPv4Network

    @property
    def name(self) -> str:
        """Its name on this box: of its control group, and of its port at the bridge."""
        return f"{bridge_of(self.network)}-{self.host.name}"

    @property
    def bridge(self) -> str:
        """The bridge that its port is at."""
        return bridge_of(self.network)

    @property
    def image(self) -> Path:
        """Its disk, as a file of the box."""
        return self.host.folder / "disk.img"

    @property
    def disk(self) -> Path:
        """Where its disk is mounted, for its own processes and its power supply alone."""
        return self.host.folder / "disk"

    @property
    def power_pid(self) -> Path:
        """Which process is its power supply."""
        return self.host.folder / "power.pid"

    @property
    def cut_mark(self) -> Path:
        """A file that is there while the machine is cut off."""
        return self.host.folder / "cut"

    @property
    def full_mark(self) -> Path:
        """See `FULL_MARK`."""
        return self.host.folder / FULL_MARK
