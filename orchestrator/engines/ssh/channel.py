"""The host program's protocol over one session: requests out, replies in."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from orchestrator.engines.ssh.become import ESCALATED, Asks
from orchestrator.engines.ssh.failures import become_refused, ended, quoted
from orchestrator.engines.ssh.session import LINE_LIMIT, Session
from orchestrator.errors import HostError, ProtocolError, Unreachable
from orchestrator.model.fleet import Become
from orchestrator.ports import OnOutput, Reply

NOISE_LIMIT = 16 * 1024
"""Bytes of other text (a login banner, an rc file's greeting) taken before the first answer."""

NOISE_LINES = 200
CHUNK = 64 * 1024
CLOSING = 2.0
"""Seconds that a connection is given to close properly before it is cut."""


@dataclass
class _Call:
    """Requests that one caller waits for; ``replies`` fills up in the order of ``ids``."""

    ids: Sequence[int]
    on_output: OnOutput | None
    done: asyncio.Future[None]
    replies: dict[int, Reply] = field(default_factory=dict)

    def fail(self, error: HostError) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # the caller may have been cancelled: nobody need look

    def answer(self, number: int, reply: Reply) -> None:
        self.replies[number] = reply
        if len(self.replies) == len(self.ids) and not self.done.done():
            self.done.set_result(None)


class SshChannel:
    """One long-lived remote shell that runs the host program; see ports.Channel.

    ``become`` is the escalation that has not shown itself yet: one that needs no password does
    so just before the first answer, so that ``call`` may raise BecomeRefused as well.
    ``mixed``: stderr comes interleaved with stdout (a pty).
    """

    def __init__(
        self,
        name: str,
        connection: asyncssh.SSHClientConnection,
        session: Session,
        *,
        become: Become | None = None,
        mixed: bool = False,
    ) -> None:
        self.name = name
        self.become = become
        self._connection = connection
        self._session = session
        self._mixed = mixed
        self._numbers = 0
        self._calls: dict[int, _Call] = {}
        self._failure: HostError | None = None
        self._noise: list[bytes] = []
        self._noise_size = 0
        self._answered = False
        self._ahead = b""
        self._writing = asyncio.Lock()
        session.on_line = self._take
        session.on_overflow = self._overflow
        session.on_end = self._end

    async def escalate(self, asks: Asks, password: str | None, *, within: float) -> None:
        """Feed ``password`` if it is asked for; return once the other user's shell runs.

        Raises BecomeRefused, or Unreachable when the connection goes meanwhile.
        """
        try:
            async with asyncio.timeout(within):
                await self._answer(asks, password)
        except TimeoutError:
            raise self._not_escalated(f"no answer within {within:g} s") from None

    async def _answer(self, asks: Asks, password: str | None) -> None:
        answered = False
        while self.become is not None:
            self._session.changed.clear()
            if self._failure is not None:
                raise self._failure
            if asks(self._session):
                if answered:
                    raise self._not_escalated("the password is wrong")
                if password is None:
                    raise self._not_escalated("it asks for a password")
                self._session.forget()
                answered = True
                await self._session.write(password.encode() + b"\n")
            await self._session.changed.wait()

    def _not_escalated(self, why: str) -> HostError:
        assert self.become is not None
        return become_refused(self.name, self.become, self._session, why)

    def start(self, program: bytes) -> None:
        """Let the host program go ahead of the first request, in one packet with it."""
        self._ahead = program

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
        if not requests:
            return []
        call = self._begin(len(requests), on_output)
        lines = "".join(
            f"{number} {request}\n" for number, request in zip(call.ids, requests, strict=True)
        )
        async with self._ending_on_failure(deadline):
            async with self._writing:
                ahead, self._ahead = self._ahead, b""
                await self._session.write(ahead + lines.encode())
                if payload is not None:
                    await self._stream(payload, offset)
                    await call.done
            await call.done
        return [call.replies[number] for number in call.ids]

    def _begin(self, count: int, on_output: OnOutput | None) -> _Call:
        if self._failure is not None:
            raise self._failure
        ids = range(self._numbers + 1, self._numbers + count + 1)
        self._numbers += count
        call = _Call(ids, on_output, asyncio.get_running_loop().create_future())
        self._calls.update(dict.fromkeys(ids, call))
        return call

    @asynccontextmanager
    async def _ending_on_failure(self, deadline: float) -> AsyncIterator[None]:
        """Close the session when the call fails, runs out of time, or is cancelled."""
        try:
            async with asyncio.timeout(deadline):
                yield
        except TimeoutError:
            self._fail(Unreachable(f"{self.name} did not answer within {deadline:g} s"))
            assert self._failure is not None
            raise self._failure from None
        except BaseException:
            self._fail(Unreachable(f"the session with {self.name} was given up"))
            raise

    async def _stream(self, payload: Path, offset: int) -> None:
        for chunk in _chunks(payload, offset):
            if self._session.ended:
                return
            await self._session.write(chunk)

    async def close(self) -> None:
        """End the session; whatever it still runs on the host ends with it."""
        self._failure = self._failure or Unreachable(f"the session with {self.name} was closed")
        self._connection.close()
        try:
            async with asyncio.timeout(CLOSING):
                await self._connection.wait_closed()
        except TimeoutError:
            self._connection.abort()

    def _fail(self, error: HostError) -> None:
        """Give every waiting caller ``error`` (the first one counts) and cut the connection."""
        self._failure = self._failure or error
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.fail(self._failure)
        self._connection.abort()

    def _take(self, line: bytes) -> None:
        if self.become is not None and line.strip() == ESCALATED:
            self.become = None
        elif line.startswith(b"{"):
            self._read(line)
        elif line.strip():
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        """Put up with text that is not the protocol's, where it may come."""
        if self._mixed:
            self._session.note(line + b"\n")
            return
        self._noise.append(line)
        self._noise_size += len(line)
        if self._answered:
            self._garbled(line)
        elif self._noise_size > NOISE_LIMIT or len(self._noise) > NOISE_LINES:
            self._garbled(b"\n".join(self._noise[:3]))

    def _read(self, line: bytes) -> None:
        try:
            document = _DECODER.decode(line.decode())
            number = document.pop("id")
            call = self._calls[number]
        except (ValueError, KeyError, TypeError, RecursionError):
            self._garbled(line)
            return
        self._answered = True
        if "status" not in document:
            if call.on_output is not None:
                call.on_output(str(document.get("output", "")))
            return
        del self._calls[number]
        status, reason = str(document.pop("status")), str(document.pop("reason", ""))
        call.answer(number, Reply(status, reason, document))

    def _garbled(self, said: bytes) -> None:
        self._fail(
            ProtocolError(
                f"{self.name} answered something that is not the host program's: {quoted(said)}",
                hint="a shell start-up file that prints, or a forced command, gets in the way",
                output=self._session.stderr.decode(errors="replace"),
            )
        )

    def _overflow(self) -> None:
        self._fail(ProtocolError(f"{self.name} sent a line of more than {LINE_LIMIT} bytes"))

    def _end(self, error: Exception | None) -> None:
        noise = b"\n".join(self._noise)
        self._fail(
            ended(
                self.name,
                self._session,
                error,
                become=self.become,
                answered=self._answered,
                noise=noise,
            )
        )


def _finite(text: str) -> float:
    """Return a number of a reply; ValueError for NaN and infinities, which no document may hold."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)
"""Made once: ``json.loads`` with options of its own makes one for each line."""


def _chunks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        read: Callable[[], bytes] = lambda: file.read(CHUNK)  # noqa: E731
        yield from iter(read, b"")
