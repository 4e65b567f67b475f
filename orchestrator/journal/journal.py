"""The journal as a whole: runs, their events and leases, requests to them, and the denylist."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial
from operator import attrgetter
from pathlib import Path
from threading import Lock
from types import TracebackType

from orchestrator.clock import Clock, WallClock
from orchestrator.errors import JournalError, UnknownRun
from orchestrator.journal import denylist, events, lease
from orchestrator.journal.owner import Owner
from orchestrator.journal.rows import Denied, Lease, RunRow
from orchestrator.journal.runlog import SqliteRunLog
from orchestrator.journal.schema import connect, prepare, transaction
from orchestrator.journal.trouble import translated
from orchestrator.journal.writer import T, Work, Writer
from orchestrator.model.event import Request, RunStarted, Target
from orchestrator.ports import Recorded
from orchestrator.registry import near_miss

LAST = "last"
"""Names the newest run wherever a run is asked for."""


class Journal:
    """A journal file, open for reading and writing from any thread.

    Methods block until they are durable: for a commit, or until another process lets go. From an
    event loop with work in flight, call them in a thread. All raise JournalError.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        prepare(path)
        self._writer = Writer(path, clock)
        with translated(path, "open it"):
            self._reader = connect(path)
        self._reading = Lock()
        self._tokens: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path, clock: Clock | None = None) -> Journal:
        """Open the journal, bringing its schema up to date; create it if there is none."""
        return cls(path, clock or WallClock())

    def close(self) -> None:
        """Finish what was submitted, and close the file."""
        self._writer.close()
        with self._reading:
            self._reader.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def create_run(self, event: RunStarted, owner: Owner) -> SqliteRunLog:
        """Write down a new run, with ``event`` as its number 1, and return its log, leased."""
        row = events.row_of(event)

        def create(connection: sqlite3.Connection) -> int:
            _insert_run(connection, event)
            events.insert(connection, event.run, [row])
            return lease.take(connection, event.run, owner, self._clock.now())

        return self._log(event.run, self._write(create))

    def take(self, run: str, owner: Owner) -> SqliteRunLog:
        """Take a run over whose controller gave it back, is proved dead, or let its lease expire.

        Raises LeaseHeld with the holder and since when, UnknownRun.
        """
        now = self._clock.now()
        return self._log(run, self._write(partial(lease.take, run=run, owner=owner, now=now)))

    def finish(self, run: str, verdict: int, at: float) -> None:
        """Write down the exit code that this controller stops with.

        Raises LeaseHeld when another controller has taken over, or this one never held the lease.
        """
        token = self._tokens.get(run, 0)
        self._write(partial(lease.finish, run=run, token=token, verdict=verdict, at=at))

    def lease(self, run: str) -> Lease:
        """Return who drives the run. Raises UnknownRun."""
        return self._read(partial(lease.read, run=run))

    def events(self, run: str, after: int = 0) -> Iterator[Recorded]:
        """Stream the run's events with numbers above ``after``. Raises UnknownRun at once."""
        self.lease(run)
        return self._pages(run, after)

    def runs(self) -> list[RunRow]:
        """Return all runs, newest first."""
        return self._read(_all_runs)

    def find_run(self, prefix: str) -> str:
        """Return the one run whose id begins with ``prefix``, or the newest for ``last``.

        Raises UnknownRun with near misses.
        """
        known = [row.run for row in self.runs()]
        found = known[:1] if prefix == LAST else [run for run in known if run.startswith(prefix)]
        if prefix in found:
            return prefix
        if len(found) != 1:
            raise _not_found(prefix, found, known)
        return found[0]

    def ask(self, run: str, request: Request, by: str, why: str = "") -> None:
        """Leave a request for the run's controller. Raises UnknownRun."""

        def insert(connection: sqlite3.Connection) -> None:
            lease.read(connection, run)
            connection.execute(
                "INSERT INTO requests (run, request, by, why, at) VALUES (?, ?, ?, ?, ?)",
                (run, request.value, by, why, self._clock.now()),
            )

        self._write(insert)

    def deny(self, target: Target, run: str, reason: str) -> None:
        """Put a release that was rolled back on the denylist; again is harmless.

        Raises UnknownRun.
        """
        now = self._clock.now()
        self._write(partial(denylist.deny, target=target, run=run, reason=reason, at=now))

    def denied(self, digests: Iterable[str] | None = None) -> list[Denied]:
        """Return which of these manifests are on the denylist; without ``digests``, all."""
        wanted = None if digests is None else set(digests)
        standing = self._read(denylist.standing)
        return [entry for entry in standing if wanted is None or entry.manifest in wanted]

    def lift(self, digest: str, by: str) -> bool:
        """Take a manifest off the denylist; return whether it was on it."""
        return self._write(partial(denylist.lift, manifest=digest, by=by, at=self._clock.now()))

    def _log(self, run: str, token: int) -> SqliteRunLog:
        self._tokens[run] = token
        return SqliteRunLog(self._writer, self._clock, run, token)

    def _pages(self, run: str, after: int) -> Iterator[Recorded]:
        while page := self._read(partial(events.page, run=run, after=after)):
            yield from page
            after = page[-1].seq

    def _write(self, work: Work[T]) -> T:
        def whole(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return work(connection)

        return self._writer.submit(whole).result()

    def _read(self, work: Work[T]) -> T:
        with self._reading, translated(self.path, "read it"):
            return work(self._reader)


def _insert_run(connection: sqlite3.Connection, event: RunStarted) -> None:
    done = connection.execute(
        """INSERT INTO runs
               (run, plan, plan_source, plan_digest, operator, started_at, lease_token)
           VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING""",
        (event.run, event.plan, event.plan_source, event.plan_digest, event.operator, event.at),
    )
    if not done.rowcount:
        raise JournalError(
            f"run {event.run} is in the journal already",
            hint=f"go on with it by `fleet resume {event.run}`",
        )


def _all_runs(connection: sqlite3.Connection) -> list[RunRow]:
    rows = connection.execute(
        """SELECT run, plan, plan_source, plan_digest, operator, started_at, ended_at, verdict,
                  (SELECT max(seq) FROM events WHERE events.run = runs.run),
                  lease_token, lease_owner, lease_since, lease_expires
           FROM runs ORDER BY started_at DESC, run DESC"""
    )
    found = [RunRow(*(*row[:9], lease.lease_of(*row[9:]))) for row in rows]
    return sorted(found, key=attrgetter("newness"), reverse=True)


def _not_found(prefix: str, found: list[str], known: list[str]) -> UnknownRun:
    if found:
        return UnknownRun(f"'{prefix}' fits {len(found)} runs", hint=f"say which: {_some(found)}")
    if not known:
        return UnknownRun("the journal has no runs yet", hint="`fleet apply PLAN` makes the first")
    near = near_miss(prefix, known)
    return UnknownRun(
        f"no run begins with '{prefix}'", hint=near or f"the newest are {_some(known)}"
    )


def _some(runs: list[str]) -> str:
    return ", ".join(runs[:5]) + (", …" if len(runs) > 5 else "")
