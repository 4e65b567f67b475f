"""The journal of one run, held under a lease: append with group commit, and operators' requests."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Lock

from orchestrator.clock import Clock
from orchestrator.errors import JournalError
from orchestrator.journal import events, lease
from orchestrator.journal.schema import transaction
from orchestrator.journal.trouble import translated
from orchestrator.journal.writer import Writer
from orchestrator.model.event import Event, OperatorAsked, Request
from orchestrator.ports import Recorded

POLL = 0.3
"""Seconds between looks for requests of operators."""

Asked = tuple[Request, str, str]
"""A request, who asks, and why."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One event on its way: its row, the request that it answers, and who awaits its number."""

    row: events.Row
    request: int | None
    number: asyncio.Future[int]


class SqliteRunLog:
    """Implements ports.RunLog; made by Journal.create_run and Journal.take.

    Appends that wait at the same time share one transaction and one sync of the disk. All appends
    to one log come from one event loop.
    """

    def __init__(self, writer: Writer, clock: Clock, run: str, token: int) -> None:
        self.run = run
        self.token = token
        self._writer = writer
        self._clock = clock
        self._lock = Lock()
        self._pending: list[_Entry] = []
        self._asked: dict[int, Asked] = {}
        self._closing = asyncio.Event()
        self._stop_renewing = writer.every(lease.RENEWAL, self._renew)

    async def append(self, event: Event) -> Recorded:
        """Return once the event is durable, with its number.

        The event of a caller that is cancelled meanwhile is written all the same. Raises
        JournalError when it could not be written, LeaseHeld when another controller took over.
        """
        number: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        row = events.row_of(event)
        with self._lock:
            if self._closing.is_set():
                raise JournalError(f"the log of run {self.run} is closed")
            self._pending.append(_Entry(row, self._answered_by(event), number))
            first = len(self._pending) == 1
        if first:
            self._writer.submit(self._flush)
        return Recorded(await number, event)

    async def requests(self) -> AsyncIterator[Asked]:
        """Yield what operators ask of this run from other processes, until the log is closed.

        A request is taken in the transaction that appends it as an OperatorAsked with the same
        words; one that a controller did not come to append waits for the next controller.
        """
        seen = 0
        while not self._closing.is_set():
            found = self._writer.submit(partial(_open_requests, run=self.run, after=seen))
            for number, asked in await asyncio.wrap_future(found):
                seen = number
                self._asked[number] = asked
                yield asked
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), POLL)

    async def close(self) -> None:
        """Write what is on its way, and give the lease back."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._stop_renewing()
        await asyncio.wrap_future(self._writer.submit(self._give_back))

    def _answered_by(self, event: Event) -> int | None:
        """Return the number of the oldest request that this event answers."""
        if not isinstance(event, OperatorAsked):
            return None
        words = (event.request, event.by, event.why)
        for number, asked in self._asked.items():
            if asked == words:
                del self._asked[number]
                return number
        return None

    def _flush(self, connection: sqlite3.Connection) -> None:
        """Commit all that waits as one, renewing the lease with it."""
        with self._lock:
            batch, self._pending = self._pending, []
        outcome: int | Exception
        try:
            with translated(self._writer.path, "append to it"), transaction(connection):
                lease.renew(connection, self.run, self.token, self._clock.now())
                outcome = events.insert(connection, self.run, (entry.row for entry in batch))
                _mark_taken(connection, batch)
        except Exception as error:
            outcome = error
        # The loop may be closed by now, and with it whoever waited.
        with suppress(RuntimeError):
            batch[0].number.get_loop().call_soon_threadsafe(_settle, batch, outcome)

    def _renew(self, connection: sqlite3.Connection) -> None:
        with transaction(connection):
            lease.renew(connection, self.run, self.token, self._clock.now())

    def _give_back(self, connection: sqlite3.Connection) -> None:
        lease.give_back(connection, self.run, self.token)


def _settle(batch: Sequence[_Entry], outcome: int | Exception) -> None:
    """Tell each waiting caller its event's number, or what went wrong; on the loop."""
    for offset, entry in enumerate(batch):
        if entry.number.done():
            continue
        if isinstance(outcome, Exception):
            entry.number.set_exception(outcome)
        else:
            entry.number.set_result(outcome + offset)


def _mark_taken(connection: sqlite3.Connection, batch: Sequence[_Entry]) -> None:
    connection.executemany(
        "UPDATE requests SET taken_at = ? WHERE id = ?",
        [(entry.row.at, entry.request) for entry in batch if entry.request is not None],
    )


def _open_requests(
    connection: sqlite3.Connection, *, run: str, after: int
) -> list[tuple[int, Asked]]:
    rows = connection.execute(
        """SELECT id, request, by, why FROM requests
           WHERE run = ? AND taken_at IS NULL AND id > ? ORDER BY id""",
        (run, after),
    )
    return [(number, (Request(request), by, why)) for number, request, by, why in rows]
