"""Appending: durable, numbered without gaps, grouped; and requests that reach a live controller."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import Journal, Owner, SqliteRunLog
from orchestrator.model.event import Action, ActionBegun, OperatorAsked, Request, TimePassed
from orchestrator.ports import Recorded, RunLog
from tests.journal.conftest import FAR, NOW, RUN, SetClock, started

PAUSE = (Request.PAUSE, "ops", "lunch")


@pytest.fixture
async def log(journal: Journal) -> AsyncIterator[SqliteRunLog]:
    log = journal.create_run(started(), Owner.here())
    yield log
    await log.close()


def begun(number: int) -> ActionBegun:
    return ActionBegun(NOW + number, f"web{number}", Action.STAGE)


async def test_an_acknowledged_event_can_be_read_back(journal: Journal, log: SqliteRunLog) -> None:
    port: RunLog = log
    recorded = await port.append(begun(1))
    assert recorded == Recorded(2, begun(1))
    assert list(journal.events(RUN)) == [Recorded(1, started()), recorded]
    assert list(journal.events(RUN, after=1)) == [recorded]


async def test_a_thousand_appends_at_once_keep_their_order_and_share_commits(
    journal: Journal, log: SqliteRunLog
) -> None:
    statements: list[str] = []
    journal._writer._connection.set_trace_callback(statements.append)
    recorded = await asyncio.gather(*(log.append(begun(number)) for number in range(1000)))
    assert [each.seq for each in recorded] == list(range(2, 1002))
    assert list(journal.events(RUN, after=1)) == recorded
    assert 1 <= statements.count("COMMIT") <= 10


async def test_events_are_streamed_over_pages_without_loss(
    journal: Journal, log: SqliteRunLog
) -> None:
    await asyncio.gather(*(log.append(TimePassed(float(number))) for number in range(2500)))
    stream = journal.events(RUN)
    assert next(stream).seq == 1
    # Nothing is held open between pages: the writer is free, and later events come too.
    await log.append(TimePassed(9999.0))
    assert [recorded.seq for recorded in stream] == list(range(2, 2503))


async def test_two_runs_of_one_journal_are_numbered_apart(
    journal: Journal, log: SqliteRunLog
) -> None:
    other = journal.create_run(started("run-b"), FAR)
    numbers = await asyncio.gather(
        *(each.append(begun(n)) for n in range(20) for each in (log, other))
    )
    assert [each.seq for each in numbers] == [n for n in range(2, 22) for _ in range(2)]
    await other.close()


async def test_a_cancelled_append_is_written_all_the_same(
    journal: Journal, log: SqliteRunLog
) -> None:
    free = threading.Event()
    held = journal._writer.submit(lambda _: free.wait(10))
    cancelled = asyncio.create_task(log.append(begun(1)))
    await asyncio.sleep(0)
    kept = asyncio.create_task(log.append(begun(2)))
    await asyncio.sleep(0)
    cancelled.cancel()
    free.set()
    assert held.result()
    assert (await kept).seq == 3
    assert cancelled.cancelled()
    assert [recorded.event for recorded in journal.events(RUN, after=1)] == [begun(1), begun(2)]


async def test_closing_writes_what_is_on_its_way_and_then_refuses(
    journal: Journal, log: SqliteRunLog
) -> None:
    appended = asyncio.create_task(log.append(begun(1)))
    await asyncio.sleep(0)
    await log.close()
    assert (await appended).seq == 2
    assert journal.lease(RUN).owner is None
    with pytest.raises(JournalError, match=f"log of run {RUN} is closed"):
        await log.append(begun(2))
    await log.close()


async def test_a_closed_journal_refuses(journal: Journal, log: SqliteRunLog) -> None:
    await log.close()
    journal.close()
    with pytest.raises(JournalError, match="is closed"):
        journal.ask(RUN, *PAUSE)


async def test_a_damaged_document_is_named_by_run_and_number(
    journal: Journal, log: SqliteRunLog
) -> None:
    await log.append(begun(1))
    for doc in ("{", "[]", '{"kind":"time_passed","v":7}'):
        journal._writer.submit(partial(damage, doc=doc)).result()
        with pytest.raises(JournalError, match=f"run {RUN}, event 2: "):
            list(journal.events(RUN))


async def first_of(log: SqliteRunLog) -> tuple[Request, str, str]:
    async with asyncio.timeout(10):
        async for asked in log.requests():
            return asked
    raise AssertionError


async def test_a_request_from_another_process_arrives(
    journal: Journal, log: SqliteRunLog, clock: SetClock
) -> None:
    waiting = asyncio.create_task(first_of(log))
    await asyncio.sleep(0)
    with Journal.open(journal.path, clock) as elsewhere:
        elsewhere.ask(RUN, *PAUSE)
    assert await waiting == PAUSE


async def test_requests_come_once_in_order_and_end_with_the_log(
    journal: Journal, log: SqliteRunLog
) -> None:
    for request in Request:
        journal.ask(RUN, request, "ops")
    seen = []
    async with asyncio.timeout(10):
        async for request, _by, _why in log.requests():
            seen.append(request)
            if len(seen) == len(Request):
                journal.ask(RUN, Request.ABORT, "ops", "once more")
            if len(seen) > len(Request):
                await log.close()
    assert seen == [*Request, Request.ABORT]


async def test_a_request_that_was_not_journalled_waits_for_the_next_controller(
    journal: Journal, log: SqliteRunLog
) -> None:
    journal.ask(RUN, *PAUSE)
    assert await first_of(log) == PAUSE
    await log.close()
    heir = journal.take(RUN, Owner.here())
    assert await first_of(heir) == PAUSE
    await heir.append(OperatorAsked(NOW, *PAUSE))
    await heir.close()
    assert taken(journal) == [(Request.PAUSE, NOW)]


async def test_an_unrelated_operators_event_takes_no_request(
    journal: Journal, log: SqliteRunLog
) -> None:
    journal.ask(RUN, *PAUSE)
    await first_of(log)
    await log.append(OperatorAsked(NOW, Request.PAUSE, "ops", "another reason"))
    assert taken(journal) == [(Request.PAUSE, None)]


def damage(connection: sqlite3.Connection, doc: str) -> None:
    connection.execute("UPDATE events SET doc = ? WHERE seq = 2", (doc,))


def taken(journal: Journal) -> list[tuple[str, float | None]]:
    def rows(connection: sqlite3.Connection) -> list[tuple[str, float | None]]:
        return connection.execute("SELECT request, taken_at FROM requests").fetchall()

    return journal._read(rows)
