"""Dropbear daemons on loopback, as small hosts have them: no SFTP, small windows, no configuration.

Dropbear looks for keys in the user's home and nowhere else. Each daemon therefore has a mount
namespace in which passwd gives the user a home, and a shell, of the test's own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from itertools import count
from pathlib import Path

from tests.engines.sshd import Sshd, awaited, free_port, make_key, output

SEARCH_PATH = f"/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', '')}"
NAMESPACE = (
    ("unshare", "-m")
    if os.geteuid() == 0
    else ("unshare", "--map-current-user", "--keep-caps", "-m")
)
SETUP = 'for f in passwd shells; do mount --bind "$0/$f" /etc/$f || exit; done; exec "$@"'
_ADDRESSES = count(1)


def can_be_had() -> bool:
    """Return whether this machine lets us mount in a namespace of our own."""
    mount = [*NAMESPACE, "mount", "--bind", "/etc", "/etc"]
    done = subprocess.run(mount, check=False, capture_output=True)
    return done.returncode == 0


class Dropbear(Sshd):
    """One daemon; ``stop`` ends it and every session of it."""

    @property
    def logins(self) -> int:
        return self.log.count("Pubkey auth succeeded")


def start(folder: Path, *, shell: str = "/bin/sh", kind: str = "ed25519") -> Dropbear:
    """Start a daemon with a host key of a kind, and a login shell."""
    folder.mkdir()
    _make_home(folder, shell)
    public = _make_host_key(folder, kind)
    address = f"127.{120 + os.getpid() % 60}.0.{next(_ADDRESSES)}"
    port = free_port(address)
    program = shutil.which("dropbear", path=SEARCH_PATH)
    assert program, "dropbear is missing: run python -m tests.machine"
    options = ("-F", "-E", "-s", "-m", "-r", "host_key", "-p", f"{address}:{port}", "-P", "pid")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*NAMESPACE, "sh", "-c", SETUP, str(folder), program, *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    known = folder / "known_hosts"
    daemon = Dropbear(folder, address, port, process, folder / "id", known)
    known.write_text(f"{daemon.place} {public}\n")
    awaited(lambda: "Not backgrounding" in daemon.log, daemon)
    return daemon


def _make_home(folder: Path, shell: str) -> None:
    """Write passwd and shells, and the home that they speak of."""
    us = pwd.getpwuid(os.geteuid())
    others = [
        line
        for line in Path("/etc/passwd").read_text().splitlines()
        if not line.startswith(f"{us.pw_name}:")
    ]
    ours = f"{us.pw_name}:x:{us.pw_uid}:{us.pw_gid}::{folder}/home:{shell}"
    (folder / "passwd").write_text("\n".join([ours, *others, ""]))
    (folder / "shells").write_text(f"{shell}\n")
    keys = folder / "home/.ssh"
    keys.mkdir(parents=True, mode=0o700)
    make_key(folder / "id")
    shutil.copy(folder / "id.pub", keys / "authorized_keys")


def _make_host_key(folder: Path, kind: str) -> str:
    """Make a host key in dropbear's own format; return its public half."""
    said = output("dropbearkey", "-t", kind, "-f", folder / "host_key")
    [public] = [line for line in said.splitlines() if line.startswith(("ssh-", "ecdsa-"))]
    return " ".join(public.split()[:2])
