"""Runs that a host drove by itself, from an offline medium: their names tell them apart."""

from __future__ import annotations

_PREFIX = "media-"


def carried_run(medium: str, nonce: str = "") -> str:
    """Return the name of a medium's run; without a nonce, how all of its runs begin."""
    return f"{_PREFIX}{medium}" + (f"-{nonce[:8]}" if nonce else "")


def is_carried(run: str) -> bool:
    """Return whether a run of this name was driven by its host, and not from here."""
    return run.startswith(_PREFIX)
