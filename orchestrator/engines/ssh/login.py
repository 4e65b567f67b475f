"""One login: asyncssh's connection to a target, verified and authenticated."""

from __future__ import annotations

import asyncssh

from orchestrator.engines.ssh.failures import connecting
from orchestrator.engines.ssh.hostkeys import Guard, KnownHosts
from orchestrator.engines.ssh.identities import Identities
from orchestrator.engines.ssh.session import WINDOW
from orchestrator.engines.ssh.target import Target
from orchestrator.errors import HostKeyRefused

CIPHERS = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr"
"""Fastest first; asyncssh's own order puts chacha20 in front."""


class _Client(asyncssh.SSHClient):
    """Answers what asyncssh asks while it logs in."""

    def __init__(self, guard: Guard, keys: list[asyncssh.SSHKeyPair]) -> None:
        self._guard = guard
        self._keys = keys
        self.offered = [_described(key) for key in keys]

    def validate_host_public_key(
        self,
        host: str,  # noqa: ARG002
        addr: str,  # noqa: ARG002
        port: int,  # noqa: ARG002
        key: asyncssh.SSHKey,
    ) -> bool:
        """Judge a key that is not trusted; asked for unknown and changed ones alike."""
        return self._guard.judge(key)

    def public_key_auth_requested(self) -> list[asyncssh.SSHKeyPair] | None:
        """Hand over all keys at once; asked again when they are used up."""
        keys, self._keys = self._keys, []
        return keys or None


def _described(key: asyncssh.SSHKeyPair) -> str:
    comment = (key.get_comment_bytes() or b"").decode(errors="replace")
    return f"{comment or 'a key'} ({key.algorithm.decode()})"


class Logins:
    """Logs in to targets; what is the same for many is made once."""

    def __init__(self) -> None:
        self._known = KnownHosts()
        self._identities = Identities()
        self._options: dict[tuple[object, ...], asyncssh.SSHClientConnectionOptions] = {}

    async def connect(
        self, name: str, target: Target, tunnel: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        """Return an authenticated connection.

        Raises Unreachable, LoginRefused or HostKeyRefused.
        """
        guard = Guard(name, target, self._known)
        client = _Client(guard, await self._identities.of(target))
        try:
            connection = await asyncssh.connect(
                target.address,
                target.port,
                options=self._shared(target),
                config=None,
                username=target.user,
                tunnel=tunnel or (),
                host_key_alias=_alias(target),
                client_factory=lambda: client,
                known_hosts=guard.known_hosts,
                connect_timeout=target.connect_timeout,
                **_host_key_algorithms(target, guard),
            )
        except (OSError, ValueError, asyncssh.Error) as error:
            if guard.refusal is not None:
                raise guard.refusal from None
            raise connecting(name, target, error, offered=client.offered) from error
        try:
            guard.remember()
        except HostKeyRefused:
            connection.abort()
            raise
        return connection

    def _shared(self, target: Target) -> asyncssh.SSHClientConnectionOptions:
        """Return the options that do not depend on the host, made once for all that share them."""
        key = (target.algorithms, target.keepalive_interval, target.keepalive_count)
        if key not in self._options:
            algorithms = {"encryption_algs": CIPHERS, **dict(target.algorithms)}
            self._options[key] = asyncssh.SSHClientConnectionOptions(
                config=None,
                client_keys=None,
                preferred_auth=["publickey"],
                gss_host=None,
                x509_trusted_certs=None,
                x509_trusted_cert_paths=[],
                compression_algs=["none"],
                keepalive_interval=target.keepalive_interval,
                keepalive_count_max=target.keepalive_count,
                login_timeout=0,
                encoding=None,
                window=WINDOW,
                **algorithms,
            )
        return self._options[key]

    async def close(self) -> None:
        """Let go of the agents."""
        await self._identities.close()


def _host_key_algorithms(target: Target, guard: Guard) -> dict[str, list[str]]:
    name = "server_host_key_algs"
    return {} if name in dict(target.algorithms) else {name: guard.trusted.algorithms()}


def _alias(target: Target) -> str | None:
    plain = {target.address.lower(), f"[{target.address}]:{target.port}".lower()}
    return None if target.known_as in plain else target.known_as
