"""New key pairs, in OpenSSH's files."""

from __future__ import annotations

import os
from pathlib import Path

import asyncssh

from orchestrator.errors import FleetError

ALGORITHM = "ssh-ed25519"


def write_new(private: Path, comment: str) -> str:
    """Write a key without passphrase, readable by its owner alone, and its ``.pub``.

    Returns the public half as ``type base64 comment``. Nothing is replaced: raises FleetError if
    one of the files is there, or cannot be written.
    """
    key = asyncssh.generate_private_key(ALGORITHM, comment=comment)
    public = key.export_public_key("openssh")
    try:
        _create(private, key.export_private_key("openssh"), 0o600)
        _create(private.with_name(f"{private.name}.pub"), public, 0o644)
    except OSError as error:
        raise FleetError(f"cannot write the key {private}: {error.strerror}") from None
    return public.decode().strip()


def _create(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
