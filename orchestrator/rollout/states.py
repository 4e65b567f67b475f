"""The states of hosts and waves, and the sets of states that the rules speak of."""

from __future__ import annotations

from enum import StrEnum


class HostState(StrEnum):
    """Where a host stands in a run (design section 4)."""

    PENDING = "pending"
    CHECKING = "checking"
    STAGING = "staging"
    STAGED = "staged"
    ACTIVATING = "activating"
    VALIDATING = "validating"
    CONFIRMED = "confirmed"
    COMMITTED = "committed"
    SKIPPED = "skipped"
    FAILED = "failed"
    DEFERRED = "deferred"
    WITHDRAWN = "withdrawn"
    REVERTING = "reverting"
    REVERTED = "reverted"
    STRANDED = "stranded"
    REGRESSED = "regressed"
    IN_DOUBT = "in-doubt"


class WaveState(StrEnum):
    """Where a wave stands in a run (design section 4)."""

    QUEUED = "queued"
    HELD = "held"
    OPEN = "open"
    BAKING = "baking"
    PASSED = "passed"
    HALTED = "halted"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    STRANDED = "stranded"


H = HostState

IN_FLIGHT = frozenset(
    {H.CHECKING, H.STAGING, H.STAGED, H.ACTIVATING, H.VALIDATING, H.REVERTING, H.IN_DOUBT}
)
"""Admitted and not settled: these take a place of ``max_parallel``."""

SETTLED = frozenset(HostState) - IN_FLIGHT - {H.PENDING}
"""The wave waits for these no longer."""

PROVEN = frozenset({H.SKIPPED, H.CONFIRMED, H.COMMITTED})
"""The release was seen active and whole over a fresh look at the host."""

MOVED = frozenset({H.CONFIRMED, H.COMMITTED})
"""This run put the release there, and a rollback would take it back."""

OUT_OF_SERVICE = frozenset(
    {H.ACTIVATING, H.VALIDATING, H.REVERTING, H.IN_DOUBT, H.STRANDED, H.REGRESSED}
)
"""These use up the unavailability budget, as does an unreachable host in any state."""
