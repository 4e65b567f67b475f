"""The lab's keys: one that opens every host, and one for each host."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import asyncssh

from orchestrator.errors import LabError
from orchestrator.lab.record import write_atomically
from orchestrator.lab.spec import LabHost, LabPaths

_ALGORITHM = "ssh-ed25519"
_USUAL_PORT = 22


def ensure_client_key(paths: LabPaths) -> None:
    """Make the client key unless it is there."""
    public = _ensure(paths.client_key, comment="fleet-lab")
    paths.authorized_keys.write_text(public)


def ensure_host_keys(paths: LabPaths, hosts: Iterable[LabHost]) -> None:
    """Make missing host keys, and list all of them in ``known_hosts``."""
    lines = [f"{_known_as(host)} {_ensure(host.key, comment=host.name)}" for host in hosts]
    write_atomically(paths.known_hosts, "".join(lines))


def _known_as(host: LabHost) -> str:
    """Return what ssh(1) looks for in ``known_hosts``."""
    return host.address if host.port == _USUAL_PORT else f"[{host.address}]:{host.port}"


def _ensure(path: Path, comment: str) -> str:
    """Return the public half of a key, as one line ``type base64 comment``."""
    if path.exists():
        key = _read(path)
    else:
        key = asyncssh.generate_private_key(_ALGORITHM, comment=comment)
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(key.export_private_key("openssh"))
    return key.export_public_key("openssh").decode()


def _read(path: Path) -> asyncssh.SSHKey:
    try:
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError) as error:
        raise LabError(
            f"{path} cannot be read: {error}", hint="remove it, and `fleet lab up` makes another"
        ) from error
