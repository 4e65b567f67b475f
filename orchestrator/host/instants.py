"""Instants in the host program's answers: a host may name one that no calendar has."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import ProtocolError
from orchestrator.host.replies import number

LAST = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""


def instant(fields: Mapping[str, object], key: str) -> int:
    """Return a field that is in seconds since 1970, null or absent; raises ProtocolError."""
    found = number(fields, key)
    if not 0 <= found <= LAST:
        raise ProtocolError(f"the host program's answer has an unusable {key!r}: {found}")
    return found
