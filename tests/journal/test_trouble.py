"""A journal in trouble says what, where, and what to do next; what it acknowledged stays."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode, JournalError
from orchestrator.journal import Journal, Owner, schema
from orchestrator.model.event import Action, ActionEnded, Result, TimePassed
from orchestrator.ports import Recorded
from tests.journal.conftest import RUN, started

LONG = ActionEnded(1.0, "web1", Action.STAGE, Result.DONE, output="x" * 5000)


def pragma(journal: Journal, statement: str) -> None:
    journal._writer.submit(lambda c: c.execute(f"PRAGMA {statement}").fetchall()).result()


async def test_a_full_disk_stops_appends_and_loses_nothing(journal: Journal, path: Path) -> None:
    log = journal.create_run(started(), Owner.here())
    pages = journal._read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    pragma(journal, f"max_page_count = {pages + 10}")
    acknowledged: list[Recorded] = []

    async def fill() -> None:
        while len(acknowledged) < 100:
            acknowledged.append(await log.append(LONG))

    with pytest.raises(JournalError, match=r"journal\.db: cannot append to it: the disk is full\n"):
        await fill()
    assert acknowledged
    with Journal.open(path) as reader:
        assert list(reader.events(RUN, after=1)) == acknowledged

    pragma(journal, "max_page_count = 100000")
    recorded = await log.append(LONG)
    assert recorded.seq == acknowledged[-1].seq + 1, "no number is spent on what was not written"
    await log.close()


async def test_every_append_of_a_group_that_failed_is_told(journal: Journal) -> None:
    log = journal.create_run(started(), Owner.here())
    pragma(journal, "query_only = on")
    outcomes = await asyncio.gather(
        *(log.append(TimePassed(1.0)) for _ in range(50)), return_exceptions=True
    )
    assert all(isinstance(outcome, JournalError) for outcome in outcomes)
    assert {str(outcome).split("\n")[0] for outcome in outcomes} == {
        f"journal {journal.path}: cannot append to it: it is read-only"
    }
    pragma(journal, "query_only = off")
    assert list(journal.events(RUN)) == [Recorded(1, started())]
    await log.close()


def test_a_locked_journal_is_named_as_such(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragma(journal, "busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            JournalError, match="cannot write to it: another process keeps it locked"
        ):
            journal.create_run(started(), Owner.here())
    journal.create_run(started(), Owner.here())


def test_a_damaged_journal_is_named_as_such(path: Path) -> None:
    with Journal.open(path) as journal:
        for number in range(50):
            journal.create_run(started(f"run-{number}"), Owner.here())
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = b"\xa5" * (len(damaged) - 4096)
    path.write_bytes(damaged)
    with Journal.open(path) as journal, pytest.raises(JournalError, match=r"damaged\n.*hint"):
        journal.runs()


def test_text_that_is_not_utf8_is_refused_in_words(journal: Journal) -> None:
    with pytest.raises(JournalError, match="text that is not UTF-8") as error:
        journal.create_run(replace(started(), plan_source="caf\udce9.yml"), Owner.here())
    assert error.value.exit_code is ExitCode.FAILED
    assert journal.runs() == []


@pytest.mark.parametrize("commit_fails", [False, True])
def test_a_transaction_that_fails_leaves_nothing_behind(path: Path, commit_fails: bool) -> None:
    schema.prepare(path)
    with closing(schema.connect(path)) as connection:

        def insert() -> None:
            with schema.transaction(connection):
                connection.execute(f"PRAGMA defer_foreign_keys = {commit_fails}")
                connection.execute("INSERT INTO events VALUES ('no-run', 1, 0, 'k', '{}')")

        with pytest.raises(sqlite3.IntegrityError):
            insert()
        assert not connection.in_transaction
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
