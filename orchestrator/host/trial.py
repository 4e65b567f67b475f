"""The terms of a package's trial on one host: its time, its boots, and what starts its watchdog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import HostError
from orchestrator.host.quoting import whole_seconds
from orchestrator.host.work import Assignment, PackageWork
from orchestrator.model.trial import BootHook, RebootWhen
from orchestrator.ports import BootBudget
from orchestrator.registry import near_miss

VARIABLE = "fleet_boot_hook"
"""The host variable that chooses what starts a trial's watchdog after a boot."""

HOOKS: Mapping[str, str] = {
    "auto": "auto",
    "none": "none",
    "systemd": "systemd",
    "cron": "cron",
    "openrc": "openrc",
    "rc.local": "rc_local",
}
"""Its values, and how the host program calls them."""

BOOT_TIMEOUT = 120.0
"""Seconds that systemd may take to come up during a trial, unless a trigger says otherwise."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a trial is armed with; ``deadline`` and ``ceiling`` are in seconds."""

    deadline: float
    ceiling: float
    boots: int
    reboot: RebootWhen
    boot_hook: str = "auto"
    needs_hook: bool = False
    boot_timeout: float = BOOT_TIMEOUT

    def keys(self) -> dict[str, object]:
        """Return them as keys of ``activate``."""
        keys: dict[str, object] = {
            "deadline": whole_seconds(self.deadline),
            "ceiling": whole_seconds(self.ceiling),
            "boots": self.boots,
            "boot_timeout": whole_seconds(self.boot_timeout),
            "boot_hook": self.boot_hook,
            "reboot": self.reboot,
        }
        return keys | ({"need_hook": 1} if self.needs_hook else {})


def terms(assignment: Assignment, work: PackageWork, budget: BootBudget | None = None) -> Terms:
    """Return the terms of a package's trial; raises HostError for an unknown boot hook.

    A trigger's ``budget`` of boots wins over what the plan says of reboots.
    """
    trial, reboot = work.package.trial, work.package.reboot
    when = reboot.when
    if when is RebootWhen.IF_REQUIRED and work.manifest.reboot:
        when = RebootWhen.ALWAYS
    needed = {
        BootHook.REQUIRED: True,
        BootHook.FOR_REBOOTS: when is RebootWhen.ALWAYS,
        BootHook.OPTIONAL: False,
    }
    return Terms(
        deadline=trial.deadline,
        ceiling=max(trial.ceiling, trial.deadline),
        boots=budget.attempts if budget else reboot.max_boot_attempts,
        boot_timeout=budget.timeout if budget else BOOT_TIMEOUT,
        reboot=when,
        boot_hook=_boot_hook(assignment),
        needs_hook=needed[trial.boot_hook],
    )


def _boot_hook(assignment: Assignment) -> str:
    said = str(assignment.host.variables.get(VARIABLE, "auto"))
    if said not in HOOKS:
        mend = near_miss(said, HOOKS) or f"one of {', '.join(HOOKS)}"
        raise HostError(f"{assignment.host.name}: {VARIABLE} is {said!r}", hint=mend)
    return HOOKS[said]
