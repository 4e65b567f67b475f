"""A bastion of the embedded server passes on all that a target says, however early."""

from __future__ import annotations

import asyncio

import asyncssh
import pytest

from orchestrator.lab.embedded import connect_through


class Client(asyncio.Transport):
    """A client's channel, which keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Queue[bytes]()
        self.at_end, self.closed = asyncio.Event(), asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.told.put_nowait(bytes(data))

    def write_eof(self) -> None:
        self.at_end.set()

    def close(self) -> None:
        self.closed.set()


async def test_a_target_that_speaks_before_the_channel_is_open_is_heard() -> None:
    spoken, ended = asyncio.Event(), asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"banner")
        await writer.drain()
        spoken.set()
        await reader.read()
        writer.close()
        ended.set()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        through = await connect_through(*server.sockets[0].getsockname())
        await spoken.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        client = Client()
        through.connection_made(client)
        through.session_started()
        assert await client.told.get() == b"banner"
        through.close()
        await ended.wait()


async def test_a_channel_ends_when_the_target_said_all_before_the_client() -> None:
    ended = asyncio.Event()

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        await reader.read()
        writer.close()
        ended.set()

    async with await asyncio.start_server(leave, "127.0.0.1", 0) as server:
        through = await connect_through(*server.sockets[0].getsockname())
        client = Client()
        through.connection_made(client)
        through.session_started()
        await client.at_end.wait()
        assert not client.closed.is_set()
        assert not through.eof_received()
        assert client.closed.is_set()
        await ended.wait()


async def test_a_target_that_is_not_there_is_refused() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
    with pytest.raises(asyncssh.ChannelOpenError):
        await connect_through(*address)
