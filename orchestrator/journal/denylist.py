"""Releases that were rolled back: not tried again until an operator lifts them (section 5).

Keyed by the manifest's digest; lifted entries stay as history.
"""

from __future__ import annotations

import sqlite3

from orchestrator.journal import lease
from orchestrator.journal.rows import Denied
from orchestrator.model.event import Target


def deny(connection: sqlite3.Connection, target: Target, run: str, reason: str, at: float) -> None:
    """Put a release on the list; one that stands there already stays as it is.

    Raises UnknownRun.
    """
    lease.read(connection, run)
    connection.execute(
        """INSERT INTO denylist (manifest, package, version, run, at, reason)
           VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (manifest) WHERE lifted_at IS NULL DO NOTHING""",
        (target.manifest, target.package, target.version, run, at, reason),
    )


def standing(connection: sqlite3.Connection) -> list[Denied]:
    """Return what is on the list and not lifted, oldest first."""
    rows = connection.execute(
        """SELECT manifest, package, version, run, at, reason FROM denylist
           WHERE lifted_at IS NULL ORDER BY id"""
    )
    return [Denied(*row) for row in rows]


def lift(connection: sqlite3.Connection, manifest: str, by: str, at: float) -> bool:
    """Lift a release; return whether it was on the list."""
    done = connection.execute(
        """UPDATE denylist SET lifted_at = ?, lifted_by = ?
           WHERE manifest = ? AND lifted_at IS NULL""",
        (at, by, manifest),
    )
    return done.rowcount > 0
