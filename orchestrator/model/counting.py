"""Shares in whole hosts (design section 5); ``docs/semantics.md`` works them out by example."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from orchestrator.model.plan import Amount


@lru_cache
def exact(amount: Amount, total: int) -> Fraction:
    """Return ``amount`` of ``total`` hosts before any rounding; 33.3 % is 333/1000, not a float."""
    value = Fraction(str(amount.value))
    return value * total / 100 if amount.percent else value


def share_of(amount: Amount, total: int) -> int:
    """Return how many of ``total`` hosts a cohort's share takes: rounded up, 1 to ``total``."""
    return min(total, max(1, math.ceil(exact(amount, total))))
