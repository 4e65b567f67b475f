"""One exec channel as lines in and bytes out, with bounded memory both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncssh

LINE_LIMIT = 1 << 20
"""Longest line taken from a host, in bytes."""

STDERR_LIMIT = 4096
"""Bytes of stderr kept: its tail, for error messages."""

WINDOW = 256 * 1024
"""Bytes that a host may send before we have taken them."""

UNSENT_LIMIT = 256 * 1024
"""Bytes queued towards one host; OpenSSH would grant 2 MiB."""

POLL = 0.01
"""Seconds between looks at a full transport; asyncssh passes on no signal from there."""


class Session(asyncssh.SSHClientSession[bytes]):
    """Splits stdout into lines, keeps the tail of stderr, and paces what is written.

    ``on_line`` gets each line without its newline, ``on_overflow`` is told of a line beyond
    LINE_LIMIT, ``on_end`` that nothing more will come. ``changed`` is set when anything came.
    """

    def __init__(self) -> None:
        self.on_line: Callable[[bytes], None] = lambda _line: None
        self.on_overflow: Callable[[], None] = lambda: None
        self.on_end: Callable[[Exception | None], None] = lambda _error: None
        self.changed = asyncio.Event()
        self.stderr = bytearray()
        self.exit_status: int | None = None
        self.exit_signal: str | None = None
        self.ended = False
        self._partial = bytearray()
        self._writable = asyncio.Event()
        self._writable.set()
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    @property
    def unfinished(self) -> bytes:
        """Return what stdout holds after its last newline."""
        return bytes(self._partial)

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Keep the channel to write to."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Take bytes of stdout or stderr."""
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self.note(data)
        else:
            self._split(data)
        self.changed.set()

    def note(self, text: bytes) -> None:
        """Keep ``text`` as part of the tail of stderr."""
        self.stderr += text
        del self.stderr[:-STDERR_LIMIT]

    def forget(self) -> None:
        """Drop what came so far."""
        self.stderr.clear()
        self._partial.clear()

    def _split(self, data: bytes) -> None:
        if b"\n" not in data:
            self._partial += data
        else:
            first, *lines, rest = data.split(b"\n")
            self.on_line(bytes(self._partial + first))
            for line in lines:
                self.on_line(line)
            self._partial = bytearray(rest)
        if len(self._partial) > LINE_LIMIT:
            self._partial.clear()
            self.on_overflow()

    def pause_writing(self) -> None:
        """Hold writers back: the channel's buffer is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._writable.set()

    def exit_status_received(self, status: int) -> None:
        """Note how the remote shell ended."""
        self.exit_status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: ARG002
        """Note which signal ended the remote shell."""
        self.exit_signal = signal

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake everyone who waits: nothing more will come."""
        self.ended = True
        self._writable.set()
        self.changed.set()
        self.on_end(exc)

    async def write(self, data: bytes) -> None:
        """Queue ``data`` and wait until little enough is queued; a session that ended drops it."""
        if self._channel is None or self._channel.is_closing():
            return
        self._channel.write(data)
        await self._writable.wait()
        while not self.ended and _unsent(self._channel) > UNSENT_LIMIT:  # noqa: ASYNC110
            await asyncio.sleep(POLL)


def _unsent(channel: asyncssh.SSHClientChannel[bytes]) -> int:
    """Return the bytes that the transports below the connection have not got rid of.

    asyncssh 2.24 ignores its transport's pause_writing, so a stalled host would be given the
    whole window that it granted; the transport itself is only to be had by a private name.
    """
    unsent = 0
    below: Any = channel
    while hasattr(below, "get_connection"):  # through a bastion: its connection's as well
        below = below.get_connection()._transport  # noqa: SLF001
        unsent += below.get_write_buffer_size() if below is not None else 0
    return unsent
