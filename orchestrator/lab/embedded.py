"""The embedded server: asyncssh's own, one process for all hosts of a lab.

Run as ``python -m orchestrator.lab.embedded DIR``. It reads ``lab.json`` when it starts and at
each SIGHUP, brings its hosts to where the record wants them, and then writes the record's
generation to ``embedded.ack``.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.forward import SSHForwarder

from orchestrator.errors import LabError
from orchestrator.lab import record as records
from orchestrator.lab.commands import Commands
from orchestrator.lab.record import Intent
from orchestrator.lab.spec import Condition, LabHost, LabPaths

_LISTENING = frozenset({Condition.UP, Condition.SLOW, Condition.FROZEN})


class FreezableTransport(asyncio.Transport):
    """A transport that can hold still: nothing is read, and what is written waits."""

    def __init__(self, inner: asyncio.Transport) -> None:
        super().__init__()
        self._inner = inner
        self._held: list[bytes] | None = None

    def freeze(self) -> None:
        """Hold still; SSH's flow control bounds what can pile up."""
        self._held = self._held or []
        if not self._inner.is_closing():
            self._inner.pause_reading()

    def thaw(self) -> None:
        """Go on where it stood still."""
        held, self._held = self._held, None
        if not self._inner.is_closing():
            self._inner.write(b"".join(held or ()))
            self._inner.resume_reading()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send data, or keep it until the thaw."""
        if self._held is None:
            self._inner.write(data)
        else:
            self._held.append(bytes(data))

    def abort(self) -> None:
        """Break the connection."""
        self._inner.abort()

    def is_closing(self) -> bool:
        """Tell whether the connection is ending."""
        return self._inner.is_closing()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Pass on what the socket knows."""
        return self._inner.get_extra_info(name, default)


class Connection(asyncssh.SSHServerConnection):
    """A connection to one host, cut and frozen with it."""

    def __init__(self, host: EmbeddedHost) -> None:
        super().__init__(asyncio.get_running_loop(), host.options)
        self._lab_host = host
        self._link: FreezableTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client; a frozen host greets after its thaw."""
        assert isinstance(transport, asyncio.Transport)
        self._link = FreezableTransport(transport)
        self._lab_host.joined(self._link)
        super().connection_made(self._link)

    def connection_lost(self, exc: Exception | None = None) -> None:
        """Forget the connection."""
        if self._link:
            self._lab_host.links.discard(self._link)
        super().connection_lost(exc)


class Onward(SSHForwarder):
    """The way from a bastion to a target, which is not read before the client's channel is open.

    asyncssh's own forwarding loses what a target says until then, and an SSH server speaks first.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold the target until `Through` goes on."""
        super().connection_made(transport)
        self.pause_reading()


class Through(SSHForwarder):
    """A client's channel through a bastion."""

    def __init__(self, onward: Onward) -> None:
        super().__init__(onward)
        self._onward = onward

    def session_started(self) -> None:
        """Let the target speak."""
        self._onward.resume_reading()

    def eof_received(self) -> bool:
        """End when both sides have said all, which asyncssh waits for in one order only."""
        goes_on = super().eof_received()
        if not goes_on:
            self.close()
        return goes_on


class Login(asyncssh.SSHServer):
    """Lets a host serve as a bastion, as sshd does unless told otherwise."""

    def connection_requested(  # type: ignore[override]  # asyncssh awaits it, and does not say so
        self, dest_host: str, dest_port: int, *_origin: object
    ) -> Awaitable[Through]:
        """Allow every forwarding."""
        return connect_through(dest_host, dest_port)


async def connect_through(host: str, port: int) -> Through:
    """Return the channel to a target; raises ChannelOpenError."""
    try:
        loop = asyncio.get_running_loop()
        _, onward = await loop.create_connection(Onward, host, port)
    except OSError as error:
        raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, str(error)) from None
    return Through(onward)


class EmbeddedHost:
    """One host: its listener and its connections."""

    def __init__(
        self, host: LabHost, commands: Commands, options: asyncssh.SSHServerConnectionOptions
    ) -> None:
        self.options = options
        self.links: set[FreezableTransport] = set()
        self._host = host
        self._commands = commands
        self._frozen = False
        self._port = 0
        self._server: asyncio.Server | None = None

    def joined(self, link: FreezableTransport) -> None:
        """Take note of a new connection."""
        self.links.add(link)
        if self._frozen:
            link.freeze()

    async def become(self, intent: Intent) -> None:
        """Bring the host to an intent."""
        port = self._host.backstage_port if intent.slowness else self._host.port
        listens = intent.condition in _LISTENING
        if not listens or port != self._port:
            self._cut()
        if listens and self._server is None:
            await self._listen(port)
        self._freeze(intent.condition is Condition.FROZEN)
        if intent.condition is Condition.DOWN:
            self._commands.kill()

    async def _listen(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), self._host.address, port, backlog=128
        )
        self._port = port

    def _cut(self) -> None:
        if self._server:
            self._server.close()
        self._server = None
        for link in list(self.links):
            link.abort()

    def _freeze(self, frozen: bool) -> None:
        if frozen != self._frozen:
            self._frozen = frozen
            for link in list(self.links):
                link.freeze() if frozen else link.thaw()


class Server:
    """All hosts of a lab."""

    def __init__(self, paths: LabPaths) -> None:
        self._paths = paths
        self._hosts: dict[str, EmbeddedHost] = {}
        self._client_keys = asyncssh.read_authorized_keys(str(paths.authorized_keys))

    async def run(self) -> None:
        """Serve for ever."""
        reload = asyncio.Event()
        reload.set()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.set)
        while True:
            await reload.wait()
            reload.clear()
            await self._follow(records.load(self._paths))

    async def _follow(self, record: records.Record) -> None:
        for host, intent in zip(record.hosts(self._paths), record.intents, strict=True):
            if host.name not in self._hosts:
                self._hosts[host.name] = self._open(host)
            await self._hosts[host.name].become(intent)
        records.write_atomically(self._paths.server_ack, f"{record.generation}\n")

    def _open(self, host: LabHost) -> EmbeddedHost:
        commands = Commands(host, self._paths.marker(host.name))
        options = asyncssh.SSHServerConnectionOptions(
            server_factory=Login,
            server_host_keys=[asyncssh.read_private_key(host.key)],
            authorized_client_keys=self._client_keys,
            process_factory=commands.run,
            encoding=None,
        )
        return EmbeddedHost(host, commands, options)


def main(directory: str) -> None:
    """Serve the lab in a folder until killed."""
    logging.basicConfig(level=logging.WARNING)
    # A session takes several descriptors, and the usual soft limit of 1024 is soon reached.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        asyncio.run(Server(LabPaths(Path(directory))).run())
    except (LabError, OSError) as error:
        sys.exit(f"embedded server: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
