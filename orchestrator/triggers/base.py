"""What every trigger is, and the options that they share.

What it has the host ask itself ends as a check does: exit 0 for yes, all is well; 1 for no; 21 for
not yet; anything else when it could not tell. The last line that it prints is the reason.
"""

from __future__ import annotations

import math

from orchestrator.ports import BootBudget, Watch
from orchestrator.schema import Duration, Whole, option


class Trigger:
    """A trigger with its options; a kind says what it watches, or how many boots it allows."""

    def watches(self) -> tuple[Watch, ...]:
        """Return what the host is to ask itself."""
        return ()

    def boot_budget(self) -> BootBudget | None:
        """Return the boots that the host may take."""
        return None


def interval(seconds: float) -> float:
    """Declare the option ``interval`` with a default."""
    declared: float = option(Duration(minimum=1.0), "How often it is asked.", default=seconds)
    return declared


def threshold(count: int) -> int:
    """Declare the option ``threshold`` with a default."""
    kind = Whole(1, 1000)
    declared: int = option(kind, "Noes in a row that take the host back.", default=count)
    return declared


def times(duration: float, every: float) -> int:
    """Return how many answers in a row last as long as ``duration``; both are in seconds."""
    return max(1, math.ceil(duration / every))
