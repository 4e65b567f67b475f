"""The second way to a host: its recovery system, tried when its own address is dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import HostError, Unreachable
from orchestrator.model.fleet import Endpoint, Host
from orchestrator.ports import Channel, Connector, OnOutput, Reply


@dataclass(frozen=True, slots=True)
class DetourChannel:
    """A channel to a host's recovery system; ``detour`` says so in words (ports.Detour)."""

    channel: Channel
    detour: str

    async def call(
        self,
        requests: Sequence[str],
        *,
        payload: Path | None = None,
        offset: int = 0,
        deadline: float,
        on_output: OnOutput | None = None,
    ) -> list[Reply]:
        """Write all requests at once and return their final replies, in order."""
        return await self.channel.call(
            requests, payload=payload, offset=offset, deadline=deadline, on_output=on_output
        )

    async def close(self) -> None:
        """End the session; whatever it still runs on the host ends with it."""
        await self.channel.close()


class RecoveryConnector:
    """Opens channels to hosts at their own address, else at that of their recovery system.

    A host without one, and one that refuses us, is as without this. The recovery address has its
    own entry in known_hosts, since it is another address.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def open(self, host: Host) -> Channel:
        """Return a channel, by the recovery address a ports.Detour; raises as the connector."""
        try:
            return await self._connector.open(host)
        except Unreachable as error:
            if host.recovery is None:
                raise
            return await self._detour(host, host.recovery, error)

    async def _detour(self, host: Host, recovery: Endpoint, dead: Unreachable) -> Channel:
        try:
            channel = await self._connector.open(replace(host, endpoint=recovery, recovery=None))
        except HostError as error:
            both = f"{dead.message}; nor by its recovery address: {error.message}"
            raise Unreachable(both, hint=dead.hint) from error
        where = f"{recovery.address}:{recovery.port}" if recovery.port else recovery.address
        return DetourChannel(channel, f"by its recovery address {where} alone")

    async def close(self) -> None:
        """Close shared bastions and everything still open."""
        await self._connector.close()
