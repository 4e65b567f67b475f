"""The only place that reads the wall clock; everyone else is given the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of the time of day."""

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC."""


# CLOCK_MONOTONIC of Linux stands still while the machine is suspended; hosts' deadlines do not.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class WallClock:
    """The machine's clock, never running backwards within one process."""

    def __init__(self) -> None:
        self._offset = time.time() - time.clock_gettime(_STEADY)

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC."""
        return self._offset + time.clock_gettime(_STEADY)


def iso(at: float) -> str:
    """Return an instant as ISO 8601 in UTC with seconds, e.g. ``2026-01-31T04:05:06Z``.

    One that no calendar has, since hosts and files say anything, is told in seconds.
    """
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{at:.15g} s after 1970"
