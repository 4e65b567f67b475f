"""SQLite's and the system's errors in the words of the one tree: what, where, what to do next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import JournalError

WORDS: Mapping[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "free some space, then go on with `fleet resume`; what was acknowledged is safe",
    ),
    sqlite3.SQLITE_READONLY: (
        "it is read-only",
        "make the file and its folder writable for this user, or choose another journal",
    ),
    sqlite3.SQLITE_PERM: ("access is refused", "check the owner and mode of the file"),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "check that its folder exists and that this user may write there",
    ),
    sqlite3.SQLITE_BUSY: (
        "another process keeps it locked",
        "try again; if it stays, look for a stopped fleet process or a copy in progress",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "it is damaged",
        "set it aside, then restore a copy, or save what can be with sqlite3's `.recover`",
    ),
    sqlite3.SQLITE_NOTADB: (
        "it is not a journal",
        "set that file aside, or choose another path",
    ),
    sqlite3.SQLITE_IOERR: (
        "reading or writing failed",
        "check the disk (`dmesg`, free space, quota), then go on with `fleet resume`",
    ),
}
"""SQLite's primary result code (sqlite.org/rescode.html) → what happened, what to do next."""


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Raise what goes wrong inside as a JournalError that names the journal and the deed."""
    try:
        yield
    except sqlite3.Error as error:
        # The low byte is the primary code; some errors of the module itself carry none.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        what, hint = WORDS.get(code, (str(error), ""))
        raise JournalError(f"journal {path}: cannot {doing}: {what}", hint=hint) from error
    except UnicodeEncodeError as error:
        raise JournalError(
            f"journal {path}: cannot {doing}: text that is not UTF-8: {error.object!r}",
            hint="rename what bears that name",
        ) from error
    except OSError as error:
        raise JournalError(
            f"journal {path}: cannot {doing}: {error.strerror}: {error.filename}",
            hint="check the owner and mode of the folder, or choose another journal",
        ) from error
