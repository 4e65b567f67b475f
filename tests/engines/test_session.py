"""Pacing and splitting, without a network: loopback's own buffers would hide the first."""

import asyncio
from types import SimpleNamespace

import pytest

from orchestrator.engines.ssh.session import LINE_LIMIT, STDERR_LIMIT, UNSENT_LIMIT, Session


class Pipe:
    """Stands in for a transport, or for a bastion's channel that serves as one."""

    def __init__(self, below: "Pipe | None" = None) -> None:
        self.unsent = 0
        self.written = bytearray()
        if below is not None:
            self.get_connection = lambda: SimpleNamespace(_transport=below)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.written += data


def session_over(transport: Pipe) -> Session:
    session = Session()
    session.connection_made(Pipe(transport))  # type: ignore[arg-type]
    return session


@pytest.mark.parametrize("behind", [False, True])
async def test_a_full_transport_holds_the_writer_back(behind):
    wire = Pipe()
    session = session_over(Pipe(wire) if behind else wire)
    wire.unsent = UNSENT_LIMIT + 1
    writing = asyncio.create_task(session.write(b"x"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(writing), 0.1)
    wire.unsent = UNSENT_LIMIT
    await asyncio.wait_for(writing, 5)


async def test_a_full_channel_holds_the_writer_back():
    session = session_over(Pipe())
    session.pause_writing()
    writing = asyncio.create_task(session.write(b"x"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(writing), 0.05)
    session.resume_writing()
    await asyncio.wait_for(writing, 5)


@pytest.mark.parametrize("stuck", ["channel", "transport"])
async def test_the_end_lets_the_writer_go(stuck):
    wire = Pipe()
    session = session_over(wire)
    if stuck == "channel":
        session.pause_writing()
    else:
        wire.unsent = UNSENT_LIMIT + 1
    writing = asyncio.create_task(session.write(b"x"))
    await asyncio.sleep(0)
    session.connection_lost(None)
    await asyncio.wait_for(writing, 5)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_lines_are_put_together_however_they_come(size):
    text = b"one\n\ntwo\nthree"
    lines: list[bytes] = []
    session = Session()
    session.on_line = lines.append
    for start in range(0, len(text), size):
        session.data_received(text[start : start + size], None)
    assert lines == [b"one", b"", b"two"]
    assert session.unfinished == b"three"


async def test_a_line_without_end_is_told_and_dropped():
    told: list[bool] = []
    session = Session()
    session.on_overflow = lambda: told.append(True)
    for _ in range(3):
        session.data_received(bytes(LINE_LIMIT // 2), None)
    assert told
    assert len(session.unfinished) <= LINE_LIMIT


async def test_only_the_tail_of_stderr_is_kept():
    session = Session()
    for _ in range(10):
        session.data_received(b"x" * STDERR_LIMIT, 1)
    session.data_received(b"the end", 1)
    assert len(session.stderr) == STDERR_LIMIT
    assert session.stderr.endswith(b"the end")
