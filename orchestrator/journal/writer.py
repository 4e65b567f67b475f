"""The one thread that writes to the journal."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import TypeVar

from orchestrator.clock import Clock
from orchestrator.errors import JournalError
from orchestrator.journal.schema import connect
from orchestrator.journal.trouble import translated

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

TICK = 0.25
"""Seconds between looks at the clock while chores stand by."""


@dataclass(slots=True)
class _Chore:
    """Work that is due again and again, every ``period`` seconds of the clock."""

    work: Work[None]
    period: float
    due: float


class Writer:
    """Does work in the order of its submission, on a thread of its own with its own connection."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._queue: queue.SimpleQueue[Callable[[sqlite3.Connection], None] | None]
        self._queue = queue.SimpleQueue()
        self._chores: list[_Chore] = []
        self._lock = Lock()
        self._closed = False
        with translated(path, "open it"):
            self._connection = connect(path)
        # A daemon, so that a controller which dies of something else is not held up.
        self._thread = Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T]) -> Future[T]:
        """Return the future result of ``work``; sqlite3's errors in it come out as JournalError."""
        future: Future[T] = Future()

        def job(connection: sqlite3.Connection) -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                with translated(self.path, "write to it"):
                    result = work(connection)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._closed:
                raise JournalError(f"journal {self.path} is closed")
            self._queue.put(job)
        return future

    def every(self, period: float, work: Work[None]) -> Callable[[], None]:
        """Do ``work`` every ``period`` seconds until the returned function is called.

        A JournalError in it is left to whoever writes next, and will meet it too.
        """
        chore = _Chore(work, period, self._clock.now() + period)
        self.submit(lambda _: self._chores.append(chore))
        return lambda: self._forget(chore)

    def close(self) -> None:
        """Do what was submitted, then end the thread and its connection."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _forget(self, chore: _Chore) -> None:
        self.submit(lambda _: self._chores.remove(chore))

    def _run(self) -> None:
        with closing(self._connection) as connection:
            while True:
                with suppress(queue.Empty):
                    job = self._queue.get(timeout=TICK if self._chores else None)
                    if job is None:
                        return
                    job(connection)
                self._do_chores(connection)

    def _do_chores(self, connection: sqlite3.Connection) -> None:
        now = self._clock.now() if self._chores else 0.0
        for chore in self._chores:
            if chore.due <= now:
                chore.due = now + chore.period
                with suppress(JournalError), translated(self.path, "write to it"):
                    chore.work(connection)
