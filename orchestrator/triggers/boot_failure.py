"""Trigger: the host does not come up again."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.ports import BootBudget
from orchestrator.schema import Duration, Whole, option
from orchestrator.triggers.base import Trigger


@dataclass(frozen=True)
class BootFailure(Trigger):
    """Boots during the trial that are too many, or one that does not come to its end."""

    max_attempts: int = option(
        Whole(1, 100), "Boots that a trial may take; one more takes the host back.", default=3
    )
    timeout: float = option(
        Duration(minimum=1.0),
        "How long systemd may take after a boot until the system is up.",
        default=120.0,
    )

    def boot_budget(self) -> BootBudget:
        """Return the boots that the host may take."""
        return BootBudget(self.max_attempts, self.timeout)
