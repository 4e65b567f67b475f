"""A slow link: a relay on a host's public port that delays and throttles both directions.

Run as ``python -m orchestrator.lab.relay ADDRESS PUBLIC_PORT DAEMON_PORT``, with ``--latency``
in seconds and ``--rate`` in bytes per second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

_CHUNK = 16384
_SLICES_PER_SECOND = 20


@dataclass
class Direction:
    """One way of a link, shared by all connections: when the next bytes may arrive."""

    latency: float
    rate: int | None
    _free_at: float = field(default=0.0, init=False)

    @property
    def chunk(self) -> int:
        """How many bytes to take at once, so that a slow link still flows evenly."""
        return min(_CHUNK, max(1, self.rate // _SLICES_PER_SECOND)) if self.rate else _CHUNK

    def sent_at(self, size: int, now: float) -> float:
        """Return when ``size`` bytes that come in now have left; the link is busy until then."""
        self._free_at = max(now, self._free_at) + (size / self.rate if self.rate else 0.0)
        return self._free_at


@dataclass(frozen=True)
class Relay:
    """Forwards connections to ``(address, port)``."""

    address: str
    port: int
    up: Direction
    down: Direction

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until both sides have closed it, or either has broken it."""
        try:
            near = await asyncio.open_connection(self.address, self.port)
        except OSError:
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(carry(reader, near[1], self.up))
                group.create_task(carry(near[0], writer, self.down))
        except* OSError:
            pass
        finally:
            for side in (writer, near[1]):
                side.transport.abort()


async def carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
) -> None:
    """Copy one direction, each byte late by the latency, all of them at the rate."""
    loop = asyncio.get_running_loop()
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_in_flight(direction))
    async with asyncio.TaskGroup() as group:
        group.create_task(_deliver(on_the_way, writer))
        while True:
            data = await reader.read(direction.chunk)
            sent_at = direction.sent_at(len(data), loop.time())
            await on_the_way.put((sent_at + direction.latency, data))
            if not data:
                return
            await asyncio.sleep(sent_at - loop.time())


async def _deliver(
    on_the_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due, data = await on_the_way.get()
        await asyncio.sleep(due - loop.time())
        if not data:
            with contextlib.suppress(OSError):
                writer.write_eof()
            return
        writer.write(data)
        await writer.drain()


def _in_flight(direction: Direction) -> int:
    """Return how many chunks are on the way at once: those of one latency, and a few more."""
    return 64 + int(direction.latency * _SLICES_PER_SECOND)


async def run(address: str, public_port: int, port: int, latency: float, rate: int | None) -> None:
    """Relay for ever."""
    relay = Relay(address, port, Direction(latency, rate), Direction(latency, rate))
    server = await asyncio.start_server(relay.serve, address, public_port)
    async with server:
        await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and relay."""
    parser = argparse.ArgumentParser(prog="relay")
    parser.add_argument("address")
    parser.add_argument("public_port", type=int)
    parser.add_argument("port", type=int)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--rate", type=int)
    asyncio.run(run(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    main()
