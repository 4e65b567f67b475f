"""Real OpenSSH daemons on loopback for the connector's tests, each with a log of its own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from orchestrator.model.fleet import Become, Endpoint, Host, Jump

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
_ADDRESSES = count(1)


def output(*command: str | Path) -> str:
    argv = [str(word) for word in command]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def keygen(*args: str | Path) -> None:
    output("ssh-keygen", "-q", *args)


def make_key(file: Path, *, comment: str = "test", kind: str = "ed25519") -> Path:
    keygen("-t", kind, "-N", "", "-C", comment, "-f", file)
    return file


def alive(pid: object) -> bool:
    """Return whether a process runs; one that nobody has reaped yet does not."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Sshd:
    """One daemon; ``stop`` ends it and every session of it."""

    folder: Path
    address: str
    port: int
    process: subprocess.Popen[bytes]
    identity: Path
    known_hosts: Path

    @property
    def host_key(self) -> Path:
        return self.folder / "host_key"

    @property
    def public(self) -> str:
        kind, blob = self.host_key.with_suffix(".pub").read_text().split()[:2]
        return f"{kind} {blob}"

    @property
    def place(self) -> str:
        return f"[{self.address}]:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def logins(self) -> int:
        return self.log.count("Accepted publickey")

    def sessions(self) -> list[int]:
        """Return the pids of the daemon's children (one monitor per connection)."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def family(self) -> list[int]:
        """Return the pids of all sessions' processes, children first."""
        return [pid for session in self.sessions() for pid in _family(session)]

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        family = self.family()
        for pid in [self.process.pid, *family]:
            for each in (signal.SIGCONT, signal.SIGTERM):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, each)
        self.process.wait(10)

    def host(
        self,
        name: str = "web1",
        *,
        user: str | None = None,
        become: Become | None = None,
        jumps: tuple[Jump, ...] = (),
        options: tuple[tuple[str, str], ...] = (),
        identity: Path | None = None,
    ) -> Host:
        known = (
            ("UserKnownHostsFile", str(self.known_hosts)),
            ("GlobalKnownHostsFile", "none"),
        )
        endpoint = Endpoint(
            self.address,
            self.port,
            user,
            (str(identity or self.identity),),
            jumps,
            become,
            (*options, *known),
        )
        return Host(name, endpoint)


def _family(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [*(p for child in text.split() for p in _family(int(child))), pid]


class Daemons:
    """Starts daemons below a folder and ends them together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Sshd] = []
        self.identity = make_key(folder / "id")
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.touch()

    def start(
        self,
        *options: str,
        known: bool = True,
        authorized: str | None = None,
        address: str | None = None,
        launcher: tuple[str, ...] = (),
    ) -> Sshd:
        """Start a daemon; ``options`` are lines of sshd_config that win over ours.

        ``launcher`` are words put before the daemon's command.
        """
        number = next(_ADDRESSES)
        address = address or f"127.{60 + os.getpid() % 60}.{number // 250}.{number % 250 + 1}"
        folder = self.folder / f"sshd{number}"
        folder.mkdir()
        make_key(folder / "host_key", comment="host")
        keys = folder / "authorized_keys"
        public = self.identity.with_suffix(".pub").read_text()
        keys.write_text(public if authorized is None else authorized)
        port = free_port(address)
        (folder / "sshd_config").write_text(
            "\n".join(
                (
                    *options,
                    f"ListenAddress {address}:{port}",
                    f"HostKey {folder}/host_key",
                    f"AuthorizedKeysFile {keys}",
                    "PidFile none",
                    "UsePAM no",
                    "StrictModes no",
                    "LogLevel VERBOSE",
                    "PermitRootLogin yes",
                    "PasswordAuthentication no",
                    "UseDNS no",
                    "",
                )
            )
        )
        sshd = self._run(folder, address, port, launcher)
        if known:
            with self.known_hosts.open("a") as file:
                file.write(f"{sshd.place} {sshd.public}\n")
        return sshd

    def again(self, sshd: Sshd) -> Sshd:
        """Start a daemon that was stopped, with its configuration as it is now."""
        (sshd.folder / "log").unlink()
        return self._run(sshd.folder, sshd.address, sshd.port)

    def _run(self, folder: Path, address: str, port: int, launcher: tuple[str, ...] = ()) -> Sshd:
        assert SSHD, "openssh-server is not installed"
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*launcher, SSHD, "-D", "-e", "-f", str(folder / "sshd_config")],
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        sshd = Sshd(folder, address, port, process, self.identity, self.known_hosts)
        self.running.append(sshd)
        awaited(lambda: "Server listening" in sshd.log, sshd)
        return sshd

    def stop(self) -> None:
        for sshd in self.running:
            sshd.stop()


def awaited(condition, sshd: Sshd) -> None:
    """Wait until a daemon that was just started has got so far."""
    deadline = time.monotonic() + 15
    while not condition():
        assert sshd.process.poll() is None, sshd.log
        assert time.monotonic() < deadline, sshd.log
        time.sleep(0.01)


def daemons(folder: Path) -> Iterator[Daemons]:
    made = Daemons(folder)
    try:
        yield made
    finally:
        made.stop()
