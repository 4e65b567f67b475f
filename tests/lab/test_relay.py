from __future__ import annotations

import asyncio

import pytest

from orchestrator.errors import LabError
from orchestrator.lab.relay import Direction, Relay
from orchestrator.lab.spec import Slowness


def test_a_busy_link_makes_the_next_bytes_wait() -> None:
    link = Direction(latency=1.0, rate=100)
    assert [link.sent_at(50, now=10.0), link.sent_at(50, now=10.0)] == [10.5, 11.0]
    assert link.sent_at(100, now=20.0) == 21.0


def test_a_link_without_a_rate_is_never_busy() -> None:
    link = Direction(latency=1.0, rate=None)
    assert link.sent_at(1 << 30, now=10.0) == 10.0


async def test_both_directions_pass_in_order_and_end_apart() -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        writer.close()

    daemon = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = daemon.sockets[0].getsockname()[1]
    relay = Relay("127.0.0.1", port, Direction(0.01, None), Direction(0.01, 1 << 20))
    front = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    async with daemon, front:
        address = front.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"abc" * 50_000)
        writer.write_eof()
        assert await reader.read() == b"ABC" * 50_000
        writer.close()


@pytest.mark.parametrize("wrong", [{"latency": -1.0}, {"rate": 0}])
def test_an_impossible_link_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(LabError):
        Slowness(**wrong)  # type: ignore[arg-type]
