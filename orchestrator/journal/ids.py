"""Names of runs: short, sortable by time, and easy to read aloud."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from orchestrator.clock import Clock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no i, l, o, u to misread."""


def new_run_id(clock: Clock, entropy: Callable[[int], bytes]) -> str:
    """Return a run id such as ``20260131-040506-k3f9``: start in UTC, then 20 random bits.

    ``entropy`` returns that many random bytes (``secrets.token_bytes``).
    """
    started = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%d-%H%M%S")
    return f"{started}-{''.join(ALPHABET[byte % 32] for byte in entropy(4))}"
