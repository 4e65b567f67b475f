"""What a lab is made of: its hosts, their conditions, and where everything lies on disk.

::

    <dir>/
      lab.json  lab.lock            what the lab should be; who is changing it
      inventory.yml  known_hosts    ready for ``fleet -i``, ``ssh`` and Ansible
      id_ed25519  id_ed25519.pub    the key that opens every host
      embedded.pid  .ack  .log      the one server of an embedded lab
      hosts/h001/
        home/ opt/ state/ tmp/      what the host's sessions may write to
        bin/                        programs of its own, found before the machine's
        host_key  sshd_config  log  the host's daemon; sshd.pid, relay.pid: what runs
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path

from orchestrator.errors import LabError

MARKER = "FLEET_LAB_HOST"
"""Every process of a host carries ``FLEET_LAB_HOST=<dir>:<host>`` in its environment."""

ZONES = ("a", "b", "c")

# sshd_config, known_hosts options and ``-o`` arguments each quote differently; a lab's path
# needs no quotes in any of them.
_PLAIN_PATH = re.compile(r"/[\w./+@,=-]*")


class LabKind(StrEnum):
    """What answers on the hosts' ports."""

    SSHD = "sshd"
    """Real OpenSSH: one daemon for each host."""
    EMBEDDED = "embedded"
    """asyncssh's own server: one process for all hosts."""
    MACHINE = "machine"
    """A Debian system for each host, with systemd and OpenSSH; needs root."""


class Condition(StrEnum):
    """How a host is doing."""

    UP = "up"
    SLOW = "slow"
    """Behind a relay that delays and throttles both directions."""
    FROZEN = "frozen"
    """Connections are taken and hang."""
    CUT = "cut"
    """Off the network; its own processes live on."""
    DOWN = "down"
    """Without power: killed on purpose, or its daemon has died."""


@dataclass(frozen=True, slots=True)
class Slowness:
    """What a slow link does to each direction."""

    latency: float = 0.0
    """Seconds by which every byte is late."""
    rate: int | None = None
    """Bytes per second, shared by the host's connections; ``None``: unlimited."""

    def __post_init__(self) -> None:
        if self.latency < 0 or (self.rate is not None and self.rate <= 0):
            raise LabError(
                f"a link cannot have latency {self.latency} s and rate {self.rate} bytes/s",
                hint="give a latency of 0 or more and a rate above 0",
            )


@dataclass(frozen=True, slots=True)
class LabHost:
    """One host of a lab."""

    name: str
    address: str
    port: int
    zone: str
    folder: Path

    @property
    def backstage_port(self) -> int:
        """Where the daemon listens while a relay holds the public port."""
        return self.port + 1

    @property
    def home(self) -> Path:
        """``$HOME`` of its sessions, and where they start."""
        return self.folder / "home"

    @property
    def root(self) -> Path:
        """The folder that ``/opt/fleet`` would be."""
        return self.folder / "opt"

    @property
    def state(self) -> Path:
        """The folder that ``/var/lib/fleet`` would be."""
        return self.folder / "state"

    @property
    def tmp(self) -> Path:
        """``$TMPDIR`` of its sessions."""
        return self.folder / "tmp"

    @property
    def bin(self) -> Path:
        """Programs of its own, first in its sessions' search path; empty to begin with."""
        return self.folder / "bin"

    @property
    def key(self) -> Path:
        """The private host key."""
        return self.folder / "host_key"

    @property
    def config(self) -> Path:
        """The daemon's ``sshd_config``."""
        return self.folder / "sshd_config"

    @property
    def log(self) -> Path:
        """What the host's daemon and relay had to say."""
        return self.folder / "log"

    @property
    def sshd_pid(self) -> Path:
        """Which sshd serves it."""
        return self.folder / "sshd.pid"

    @property
    def relay_pid(self) -> Path:
        """Which relay stands before it; there exactly while the daemon listens backstage."""
        return self.folder / "relay.pid"

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders to be made."""
        return (self.home, self.root, self.state, self.tmp, self.bin)


@dataclass(frozen=True, slots=True)
class HostStatus:
    """A host and how it is doing."""

    host: LabHost
    condition: Condition


@dataclass(frozen=True, slots=True)
class LabPaths:
    """Where a lab keeps its things."""

    directory: Path

    @classmethod
    def of(cls, directory: Path) -> LabPaths:
        """Return the paths for a folder; raise `LabError` if its name needs quoting."""
        resolved = directory.expanduser().resolve()
        if not _PLAIN_PATH.fullmatch(str(resolved)):
            raise LabError(
                f"a lab cannot live in {str(resolved)!r}: sshd and ssh would each need it quoted",
                hint="choose a folder whose path has only letters, digits and . _ - + @ , =",
            )
        return cls(resolved)

    @property
    def record(self) -> Path:
        """What the lab should be."""
        return self.directory / "lab.json"

    @property
    def lock(self) -> Path:
        """Held by the command that is changing the lab."""
        return self.directory / "lab.lock"

    @property
    def inventory(self) -> Path:
        """The Ansible inventory of all hosts."""
        return self.directory / "inventory.yml"

    @property
    def known_hosts(self) -> Path:
        """The host keys."""
        return self.directory / "known_hosts"

    @property
    def client_key(self) -> Path:
        """The private key that opens every host."""
        return self.directory / "id_ed25519"

    @property
    def authorized_keys(self) -> Path:
        """The public half of the client key."""
        return self.directory / "id_ed25519.pub"

    @property
    def server_pid(self) -> Path:
        """Which process serves an embedded lab."""
        return self.directory / "embedded.pid"

    @property
    def server_ack(self) -> Path:
        """The generation of ``lab.json`` that the embedded server has put into effect."""
        return self.directory / "embedded.ack"

    @property
    def server_log(self) -> Path:
        """What the embedded server had to say."""
        return self.directory / "embedded.log"

    @property
    def hosts(self) -> Path:
        """The parent of all hosts' folders."""
        return self.directory / "hosts"

    @property
    def files(self) -> tuple[Path, ...]:
        """All files beside the hosts' folders."""
        return (
            self.inventory,
            self.known_hosts,
            self.client_key,
            self.authorized_keys,
            self.server_pid,
            self.server_ack,
            self.server_log,
            self.record,
            self.lock,
        )

    def host(self, index: int, network: IPv4Network, port: int) -> LabHost:
        """Return the host with an index, counted from 0."""
        name = f"h{index + 1:03d}"
        return LabHost(
            name=name,
            address=str(network[index + 1]),
            port=port,
            zone=ZONES[index % len(ZONES)],
            folder=self.hosts / name,
        )

    def marker(self, name: str) -> str:
        """Return the value of ``FLEET_LAB_HOST`` for a host."""
        return f"{self.directory}:{name}"
