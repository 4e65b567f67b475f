"""Counting rules (design section 5); ``docs/semantics.md`` works them out by example.

An unavailability budget rounds down and is at least 1; a failure budget halts only when it is
exceeded.
"""

from __future__ import annotations

import math

from orchestrator.model.counting import exact
from orchestrator.model.plan import Amount


def unavailable_at_once(amount: Amount, total: int) -> int:
    """Return how many of ``total`` hosts may be out of service: rounded down, at least 1."""
    return max(1, math.floor(exact(amount, total)))


def exceeded(limit: Amount, min_sample: int, *, bad: int, finished: int, size: int) -> bool:
    """Tell whether ``bad`` hosts of a wave of ``size`` are strictly more than ``limit``.

    A percentage is judged only once ``min_sample`` hosts, or all of a smaller wave, have finished.
    """
    if limit.percent and finished < min(min_sample, size):
        return False
    return bad > exact(limit, size)
