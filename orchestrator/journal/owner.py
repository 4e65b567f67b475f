"""Who holds a lease: a process, named so well that its death can be proved on its own machine."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: ``started`` tells it from another that later got its pid.

    ``started`` is in clock ticks after boot (proc(5), field 22 of ``stat``), 0 where unknown.
    ``realm`` is the boot and the pid namespace in which ``pid`` has a meaning, empty where unknown.
    """

    host: str
    pid: int
    started: int = 0
    realm: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.started}:{self.realm}"

    @property
    def label(self) -> str:
        """Return the owner in words for people."""
        return f"process {self.pid} on {self.host}"

    @classmethod
    def here(cls) -> Owner:
        """Return this process."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, _started(pid) or 0, _realm())

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Return the owner that ``str`` wrote; one of a foreign text is never proved dead."""
        host, *numbers = text.rsplit(":", 3)
        match numbers:
            case [pid, started, realm] if pid.isdecimal() and started.isdecimal():
                return cls(host, int(pid), int(started), realm)
            case _:
                return cls(text, 0)

    def proved_dead(self) -> bool:
        """Return whether the process certainly ended; False when this cannot be known from here."""
        if not (self.realm and self.started and self.realm == _realm()):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return _started(self.pid) not in (None, self.started)


def _realm() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    return f"{boot}/{namespace.strip('pid:[]')}"


def _started(pid: int) -> int | None:
    """Return when a process started: 0 for one that ended but is not reaped, None if unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return 0 if state in "ZX" else int(fields[18])
