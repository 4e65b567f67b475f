"""Leases: one controller at a time appends to a run (design section 8).

Each taking raises the token. A controller that was stopped and wakes up after another took over
still has the old token, and every transaction of its finds that out before it writes.
"""

from __future__ import annotations

import sqlite3

from orchestrator.clock import iso
from orchestrator.errors import LeaseHeld, UnknownRun
from orchestrator.journal.owner import Owner
from orchestrator.journal.rows import Lease

TERM = 30.0
"""Seconds that a lease lasts after it was last renewed."""

RENEWAL = 5.0
"""Seconds after which an idle controller renews its lease."""


def read(connection: sqlite3.Connection, run: str) -> Lease:
    """Return the run's lease. Raises UnknownRun."""
    row = connection.execute(
        "SELECT lease_token, lease_owner, lease_since, lease_expires FROM runs WHERE run = ?",
        (run,),
    ).fetchone()
    if row is None:
        raise UnknownRun(f"no run {run} is in the journal", hint="`fleet history` lists the runs")
    return lease_of(*row)


def lease_of(token: int, owner: str | None, since: float | None, expires: float | None) -> Lease:
    """Return the lease that a run's columns say."""
    if owner is None:
        return Lease(token)
    return Lease(token, Owner.parse(owner), since or 0.0, expires or 0.0)


def take(connection: sqlite3.Connection, run: str, owner: Owner, now: float) -> int:
    """Make ``owner`` the holder and return its token; within a transaction.

    Raises LeaseHeld while another holder may still live, UnknownRun.
    """
    lease = read(connection, run)
    if lease.owner is not None and lease.held(now):
        raise LeaseHeld(
            f"run {run} is driven by {lease.owner.label} since {iso(lease.since)}",
            hint=f"`fleet status {run}` shows it at work; should it have died with its machine, "
            f"the run can be taken over at {iso(lease.expires)}",
        )
    token = lease.token + 1
    connection.execute(
        """UPDATE runs SET lease_owner = ?, lease_token = ?, lease_since = ?, lease_expires = ?,
                  ended_at = NULL, verdict = NULL
           WHERE run = ?""",
        (str(owner), token, now, now + TERM, run),
    )
    return token


def renew(connection: sqlite3.Connection, run: str, token: int, now: float) -> None:
    """Prove that the lease is still ours, and prolong it; within a transaction.

    Raises LeaseHeld when another controller has taken over.
    """
    done = connection.execute(
        """UPDATE runs SET lease_expires = ?
           WHERE run = ? AND lease_token = ? AND lease_owner IS NOT NULL""",
        (now + TERM, run, token),
    )
    if not done.rowcount:
        raise _taken_over(connection, run)


def finish(connection: sqlite3.Connection, run: str, token: int, verdict: int, at: float) -> None:
    """Write down how the run stopped. Raises LeaseHeld when another controller has taken over."""
    done = connection.execute(
        "UPDATE runs SET ended_at = ?, verdict = ? WHERE run = ? AND lease_token = ?",
        (at, verdict, run, token),
    )
    if not done.rowcount:
        raise _taken_over(connection, run)


def give_back(connection: sqlite3.Connection, run: str, token: int) -> None:
    """Let go of the lease, unless it is another's by now."""
    connection.execute(
        """UPDATE runs SET lease_owner = NULL, lease_since = NULL, lease_expires = NULL
           WHERE run = ? AND lease_token = ?""",
        (run, token),
    )


def _taken_over(connection: sqlite3.Connection, run: str) -> LeaseHeld:
    lease = read(connection, run)
    holder = f" by {lease.owner.label} at {iso(lease.since)}" if lease.owner else ""
    return LeaseHeld(
        f"run {run} was taken over{holder}: this controller must stop",
        hint=f"follow it with `fleet status {run}`",
    )
