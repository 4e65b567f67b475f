"""The tables, their numbered migrations, and connections that are set up alike."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from orchestrator.errors import JournalError
from orchestrator.journal.trouble import translated

APPLICATION_ID = 0x666C6565
"""``flee`` in the file's header, so that no other program's database is taken for a journal."""

BUSY = 10.0
"""Seconds to wait for another process's transaction."""

MIGRATIONS: tuple[Sequence[str], ...] = (
    (
        """CREATE TABLE runs (
            run TEXT PRIMARY KEY,
            plan TEXT NOT NULL,
            plan_source TEXT NOT NULL,
            plan_digest TEXT NOT NULL,
            operator TEXT NOT NULL,
            started_at REAL NOT NULL,
            ended_at REAL,
            verdict INTEGER,
            lease_owner TEXT,
            lease_token INTEGER NOT NULL,
            lease_since REAL,
            lease_expires REAL
        ) WITHOUT ROWID""",
        """CREATE TABLE events (
            run TEXT NOT NULL REFERENCES runs,
            seq INTEGER NOT NULL,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            doc TEXT NOT NULL,
            PRIMARY KEY (run, seq)
        ) WITHOUT ROWID""",
        """CREATE TABLE requests (
            id INTEGER PRIMARY KEY,
            run TEXT NOT NULL REFERENCES runs,
            request TEXT NOT NULL,
            by TEXT NOT NULL,
            why TEXT NOT NULL,
            at REAL NOT NULL,
            taken_at REAL
        )""",
        "CREATE INDEX requests_open ON requests (run, id) WHERE taken_at IS NULL",
        """CREATE TABLE denylist (
            id INTEGER PRIMARY KEY,
            manifest TEXT NOT NULL,
            package TEXT NOT NULL,
            version TEXT NOT NULL,
            run TEXT NOT NULL REFERENCES runs,
            at REAL NOT NULL,
            reason TEXT NOT NULL,
            lifted_at REAL,
            lifted_by TEXT
        )""",
        "CREATE UNIQUE INDEX denylist_standing ON denylist (manifest) WHERE lifted_at IS NULL",
    ),
)
"""Entry n, counted from 1, brings a journal from schema version n-1 to n. Append; never edit."""


def prepare(path: Path) -> None:
    """Make sure that ``path`` is a journal of the current schema; create it if there is none.

    A folder that has to be made gets mode 0700, the file 0600. Raises JournalError.
    """
    with translated(path, "open it"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(path.parent):
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with closing(_opened(path)) as connection:
                _migrate(connection, path)
                _use_wal(connection, path)


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection in autocommit mode to a prepared journal; it may change threads.

    FULL syncs the write-ahead log at each commit, so what is committed survives a power cut.
    """
    connection = _opened(path)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what happens inside as one, durably, or undo all of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may already have rolled back by itself, as it does when the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from setting up a journal here meanwhile.

    The lock is on the folder: closing a second descriptor of the file would drop SQLite's own.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = _checked_version(connection, path)
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        with transaction(connection):
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")


def _checked_version(connection: sqlite3.Connection, path: Path) -> int:
    version, application, tables = connection.execute(
        """SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)
           FROM pragma_user_version, pragma_application_id"""
    ).fetchone()
    if application != APPLICATION_ID and (version or tables):
        raise JournalError(
            f"journal {path}: this is another program's database",
            hint="choose another path for the journal",
        )
    if version > len(MIGRATIONS):
        raise JournalError(
            f"journal {path}: its schema is version {version}; "
            f"this fleet knows versions up to {len(MIGRATIONS)}",
            hint="use the fleet that wrote it, or a newer one",
        )
    return int(version)


def _use_wal(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(
            f"journal {path}: its file system cannot share memory between processes",
            hint="keep the journal on a local disk",
        )
