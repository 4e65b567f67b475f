"""Opens channels to hosts: a login with patience, the host program behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakSet

import asyncssh
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from orchestrator.engines.ssh.bastions import Bastions, BastionUnreachable
from orchestrator.engines.ssh.become import Escalation, escalation
from orchestrator.engines.ssh.channel import SshChannel
from orchestrator.engines.ssh.failures import connecting
from orchestrator.engines.ssh.login import Logins
from orchestrator.engines.ssh.session import WINDOW, Session
from orchestrator.engines.ssh.settings import SshSettings
from orchestrator.engines.ssh.target import Target, Targets
from orchestrator.errors import Unreachable
from orchestrator.model.fleet import Host

TERMINAL = "dumb"
DEFAULTS = SshSettings()

BecomePassword = Callable[[Host], str | None]
"""Returns the password for becoming another user on a host, if there is one."""


def _worth_another_try(error: BaseException) -> bool:
    """Return whether the network or a full sshd is to blame: neither is a failed host."""
    return isinstance(error, Unreachable) and not isinstance(error, BastionUnreachable)


def _no_password(_host: Host) -> str | None:
    return None


class SshConnector:
    """Opens channels that run the host program; see ports.Connector.

    ``bootstrap`` is the command that starts the program, ``program`` the line that it reads
    first (docs/host-protocol.md). Keys, known_hosts and configuration are read once per connector.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        program: bytes,
        settings: SshSettings = DEFAULTS,
        become_password: BecomePassword = _no_password,
    ) -> None:
        asyncssh.set_log_level(logging.CRITICAL)
        self._bootstrap = bootstrap
        self._program = program
        self._settings = settings
        self._password = become_password
        self._targets = Targets(settings)
        self._logins = Logins()
        self._bastions = Bastions(self._login)
        self._handshakes = asyncio.Semaphore(settings.handshakes)
        self._open: WeakSet[asyncssh.SSHClientConnection] = WeakSet()

    async def open(self, host: Host) -> SshChannel:
        """Log in, start the host program, and return the channel.

        Raises Unreachable, LoginRefused, HostKeyRefused or BecomeRefused. Does not wait for the
        program unless a password may have to be fed: what keeps it from starting is raised by the
        channel's first call.
        """
        target = self.target(host)
        channel: SshChannel = await self._patiently()(self._open_once, host, target)
        return channel

    def target(self, host: Host) -> Target:
        """Return how ``host`` is logged in to; raises LoginRefused or HostKeyRefused."""
        return self._targets.resolve(host.name, host.endpoint)

    async def _open_once(self, host: Host, target: Target) -> SshChannel:
        connection = await self._try(host.name, target)
        try:
            return await self._start(host, target, connection)
        except BaseException as error:
            connection.abort()
            if isinstance(error, OSError | asyncssh.Error):
                raise connecting(host.name, target, error) from error
            raise

    async def _login(self, name: str, target: Target) -> asyncssh.SSHClientConnection:
        connection: asyncssh.SSHClientConnection = await self._patiently()(self._try, name, target)
        return connection

    def _patiently(self) -> AsyncRetrying:
        retries = self._settings.retries
        return AsyncRetrying(
            retry=retry_if_exception(_worth_another_try),
            stop=stop_after_attempt(retries.attempts),
            wait=wait_random_exponential(multiplier=retries.backoff, max=retries.max_backoff),
            reraise=True,
        )

    async def _try(self, name: str, target: Target) -> asyncssh.SSHClientConnection:
        tunnel = await self._bastions.to(target.via) if target.via else None
        async with self._handshakes:
            connection = await self._logins.connect(name, target, tunnel)
        self._open.add(connection)
        return connection

    async def _start(
        self, host: Host, target: Target, connection: asyncssh.SSHClientConnection
    ) -> SshChannel:
        become = host.endpoint.become
        password = self._password(host) if become else None
        how = (
            escalation(become, self._bootstrap, password=password is not None)
            if become
            else Escalation(self._bootstrap)
        )
        session = Session()
        async with asyncio.timeout(target.connect_timeout):
            await connection.create_session(
                lambda: session,
                how.command,
                encoding=None,
                window=WINDOW,
                term_type=TERMINAL if how.pty else None,
                request_pty="force" if how.pty else False,
            )
        channel = SshChannel(host.name, connection, session, become=become, mixed=how.pty)
        if how.asks is not None:
            await channel.escalate(how.asks, password, within=target.connect_timeout)
        channel.start(self._program)
        return channel

    async def close(self) -> None:
        """Close shared bastions and everything still open."""
        connections = list(self._open)
        for connection in connections:
            connection.abort()
        await self._bastions.close()
        for connection in connections:
            with suppress(Exception):
                await connection.wait_closed()
        self._open.clear()
        await self._logins.close()
