"""Writing to this machine's disk: one at a time, and trouble in words."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import FleetError


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn an OSError into a FleetError that names the file, or ``place``."""
    try:
        yield
    except OSError as error:
        hint = "make room there, or make it writable"
        raise FleetError(f"{error.filename or place}: {error.strerror}", hint=hint) from None


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file, which is made if need be; flock goes with the process.

    Raises FleetError when it cannot be made.
    """
    with writing(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("a")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
