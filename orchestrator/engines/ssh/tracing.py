"""Goes the way to a host layer by layer, to tell where it ends."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from orchestrator.engines.ssh.connector import SshConnector
from orchestrator.engines.ssh.failures import connecting, quoted
from orchestrator.engines.ssh.target import KNOWN_HOSTS, SSH_PORT, Target
from orchestrator.errors import (
    BecomeRefused,
    HostError,
    HostKeyRefused,
    LoginRefused,
    ProtocolError,
    Unreachable,
)
from orchestrator.model.fleet import Host
from orchestrator.model.reach import Layer, Way
from orchestrator.ports import Channel

GREETING_LIMIT = 64
"""Lines that a server may send before its banner (RFC 4253, 4.2)."""

_LAYERS: tuple[tuple[type[HostError], Layer], ...] = (
    (HostKeyRefused, Layer.HOST_KEY),
    (LoginRefused, Layer.LOGIN),
    (BecomeRefused, Layer.BECOME),
    (ProtocolError, Layer.PROGRAM),
)


class SshTracer:
    """Traces the ways to hosts; see ports.Tracer."""

    def __init__(self, connector: SshConnector) -> None:
        self._connector = connector

    async def trace(self, host: Host) -> tuple[Way, Channel | None]:
        """Return how far one comes, and a channel when the host program answered."""
        try:
            target = self._connector.target(host)
        except HostError as error:
            return Way(broken=Layer.SETTINGS, error=error), None
        first = _first(target)
        bastion = "" if first is target else str(first)
        way = Way(str(target), command(target), bastion=bastion)
        layer, closed = await _knock(host.name, first)
        if closed is not None:
            return replace(way, broken=layer, error=closed), None
        return await self._enter(host, way, target.connect_timeout)

    async def _enter(self, host: Host, way: Way, within: float) -> tuple[Way, Channel | None]:
        channel: Channel | None = None
        try:
            channel = await self._connector.open(host)
            await channel.call(["ping"], deadline=within)
        except HostError as error:
            lost = Layer.PROGRAM if channel else Layer.PORT if way.bastion else Layer.BANNER
            layer = next((at for kind, at in _LAYERS if isinstance(error, kind)), lost)
            if channel:
                await channel.close()
            return replace(way, broken=layer, error=error), None
        return way, channel


def _first(target: Target) -> Target:
    """Return whom we connect to ourselves: the target, or the first bastion on the way to it."""
    return _first(target.via) if target.via else target


async def _knock(name: str, target: Target) -> tuple[Layer, HostError | None]:
    """Look the address up, connect, and wait for the banner; return where that ended, and why."""
    layer = Layer.NAME
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(target.connect_timeout):
            loop = asyncio.get_running_loop()
            await loop.getaddrinfo(target.address, target.port, type=socket.SOCK_STREAM)
            layer = Layer.PORT
            reader, writer = await asyncio.open_connection(target.address, target.port)
            layer = Layer.BANNER
            return layer, await _greeting(name, target, reader)
    except OSError as error:
        return layer, connecting(name, target, error)
    finally:
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _greeting(name: str, target: Target, reader: asyncio.StreamReader) -> HostError | None:
    said = b""
    for _ in range(GREETING_LIMIT):
        try:
            line = await reader.readline()
        except ValueError:
            break
        if line.startswith(b"SSH-"):
            return None
        said = said or line
        if not line.endswith(b"\n"):
            break
    words = f"says {quoted(said)}, which is not SSH" if said else "hangs up without a word"
    return Unreachable(f"{name} ({target}) {words}", hint="is that the port of sshd?")


def command(target: Target) -> tuple[str, ...]:
    """Return the words of an ssh command that logs in to a target, up to the remote command."""
    words = ["ssh"]
    if target.port != SSH_PORT:
        words += ["-p", str(target.port)]
    for file in target.identity_files:
        words += ["-i", file]
    usual = {str(Path(file).expanduser()) for file in KNOWN_HOSTS}
    if own := [file for file in target.known_hosts if file not in usual]:
        words += ["-o", f"UserKnownHostsFile={' '.join(own)}"]
    if jumps := _jumps(target.via):
        words += ["-J", ",".join(jumps)]
    return (*words, f"{target.user}@{target.address}")


def _jumps(via: Target | None) -> tuple[str, ...]:
    return (*_jumps(via.via), str(via)) if via else ()
