"""Events as rows: numbered from 1 within their run, without gaps, read in pages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from orchestrator.errors import JournalError
from orchestrator.model.codec import from_dict, to_dict
from orchestrator.model.event import Event
from orchestrator.ports import Recorded

PAGE = 1000
"""Events read at once; between pages nothing is held open, so that a slow reader costs nothing."""


_TO_JSON = json.JSONEncoder(separators=(",", ":"))


class Row(NamedTuple):
    """What is kept of one event; ``doc`` is its document as ASCII JSON."""

    at: float
    kind: str
    doc: str


def row_of(event: Event) -> Row:
    """Return the event's row. Raises JournalError when it carries what JSON has no form for."""
    doc = to_dict(event)
    return Row(event.at, doc["kind"], _TO_JSON.encode(doc))


def insert(connection: sqlite3.Connection, run: str, rows: Iterable[Row]) -> int:
    """Write the next events of a run and return the number of the first; within a transaction."""
    (last,) = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM events WHERE run = ?", (run,)
    ).fetchone()
    first: int = last + 1
    connection.executemany(
        "INSERT INTO events (run, seq, at, kind, doc) VALUES (?, ?, ?, ?, ?)",
        ((run, seq, *row) for seq, row in enumerate(rows, start=first)),
    )
    return first


def page(connection: sqlite3.Connection, run: str, after: int) -> list[Recorded]:
    """Return the next events after number ``after``, PAGE at the most. Raises JournalError."""
    rows = connection.execute(
        "SELECT seq, doc FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
        (run, after, PAGE),
    )
    return [_recorded(run, seq, doc) for seq, doc in rows]


def _recorded(run: str, seq: int, doc: str) -> Recorded:
    try:
        return Recorded(seq, from_dict(json.loads(doc)))
    except JournalError as error:
        raise JournalError(f"run {run}, event {seq}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        raise JournalError(
            f"run {run}, event {seq}: its document is damaged: {error}",
            hint="restore a copy of the journal",
        ) from error
