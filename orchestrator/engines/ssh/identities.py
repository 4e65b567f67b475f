"""The keys that we log in with, each read once per run; one connection to an ssh-agent."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable, Iterator
from pathlib import Path

import asyncssh

from orchestrator.engines.ssh.target import Target
from orchestrator.errors import LoginRefused

DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")
"""Files below ``~/.ssh`` tried when no key is named; OpenSSH's, fastest first."""


class Identities:
    """Loads keys, certificates and agent identities, and shares them among connections."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, tuple[str, ...]], tuple[asyncssh.SSHKeyPair, ...]] = {}
        self._agents: dict[str, asyncssh.SSHAgentClient] = {}
        self._held: dict[str, asyncio.Task[tuple[asyncssh.SSHKeyPair, ...]]] = {}

    async def of(self, target: Target) -> list[asyncssh.SSHKeyPair]:
        """Return the keys to offer, in order: the files', then the agent's.

        Named keys go first, since a server cuts off after a few tries. Raises LoginRefused when a
        named file cannot be used. Each connection gets copies: asyncssh notes the signature
        algorithm agreed with one server in the key itself.
        """
        held = await self._from_agent(target.agent)
        named = list(self._from_files(target, held))
        if target.identities_only and target.identity_files:
            return [copy.copy(key) for key in named]
        blobs = {key.public_data for key in named}
        others = [key for key in held if key.public_data not in blobs]
        return [copy.copy(key) for key in (*named, *others)]

    def _from_files(
        self, target: Target, held: Iterable[asyncssh.SSHKeyPair]
    ) -> Iterator[asyncssh.SSHKeyPair]:
        if target.identity_files:
            for file in target.identity_files:
                yield from self._named(target, file, held)
            return
        for name in DEFAULTS:
            file = str(Path("~/.ssh", name).expanduser())
            if Path(file).is_file():
                try:
                    yield from self._load(file, target.certificate_files)
                except (OSError, ValueError):  # encrypted, or of no use: like ssh, go on
                    continue

    def _named(
        self, target: Target, file: str, held: Iterable[asyncssh.SSHKeyPair]
    ) -> Iterator[asyncssh.SSHKeyPair]:
        """Yield a named file's keys; the agent's, when the file is encrypted or holds no secret."""
        try:
            yield from self._load(file, target.certificate_files)
        except OSError as error:
            hint = "check identity_file, ansible_ssh_private_key_file or --private-key"
            raise LoginRefused(
                f"the key {file} for {target} cannot be read: {error.strerror}", hint=hint
            ) from error
        except ValueError as error:
            public = _public_half(file)
            agents = [key for key in held if key.key_public_data == public]
            if not agents:
                raise LoginRefused(
                    f"the key {file} for {target} cannot be used: {error}",
                    hint=f"load it into the ssh-agent: ssh-add {file}",
                ) from error
            yield from agents

    def _load(self, file: str, certificates: tuple[str, ...]) -> tuple[asyncssh.SSHKeyPair, ...]:
        """Load a private key and the certificate beside it (``<file>-cert.pub``), if any."""
        key = (file, certificates)
        if key not in self._files:
            self._files[key] = tuple(asyncssh.load_keypairs(file, None, list(certificates)))
        return self._files[key]

    async def _from_agent(self, path: str) -> tuple[asyncssh.SSHKeyPair, ...]:
        if not path:
            return ()
        if path not in self._held:
            self._held[path] = asyncio.create_task(self._list(path))
        return await asyncio.shield(self._held[path])

    async def _list(self, path: str) -> tuple[asyncssh.SSHKeyPair, ...]:
        """List an agent's keys; one that does not answer holds none, as for ssh."""
        agent = self._agents[path] = asyncssh.SSHAgentClient(path)
        try:
            return tuple(await agent.get_keys())
        except ValueError:
            return ()

    async def close(self) -> None:
        """Let go of the agents."""
        for agent in self._agents.values():
            agent.close()
            await agent.wait_closed()
        self._agents.clear()
        self._held.clear()


def _public_half(file: str) -> bytes:
    for candidate in (f"{file}.pub", file):
        try:
            return asyncssh.read_public_key(candidate).public_data
        except (OSError, ValueError):
            continue
    return b""
