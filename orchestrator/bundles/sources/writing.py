"""Trouble with this machine's disk, in words."""

from __future__ import annotations

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
