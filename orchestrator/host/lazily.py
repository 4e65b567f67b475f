"""A channel that is opened when something is asked, should anything be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ports import Channel, OnOutput, Reply


@dataclass(frozen=True, slots=True)
class WhenNeeded:
    """Asks by the channel that ``open`` returns, which is left open."""

    open: Callable[[], Awaitable[Channel]]

    async def call(
        self,
        requests: Sequence[str],
        *,
        payload: Path | None = None,
        offset: int = 0,
        deadline: float,
        on_output: OnOutput | None = None,
    ) -> list[Reply]:
        """Open the channel, and ask; raises as Connector.open and Channel.call do."""
        channel = await self.open()
        return await channel.call(
            requests, payload=payload, offset=offset, deadline=deadline, on_output=on_output
        )

    async def close(self) -> None:
        """Close nothing: others use the channel too."""
