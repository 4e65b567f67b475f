"""The terms on which a new release is tried out on a host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BootHook(StrEnum):
    """Which releases need something on the host that starts the trial's watchdog after a boot."""

    REQUIRED = "required"
    """All of them."""
    FOR_REBOOTS = "for-reboots"
    """Those that may reboot the host."""
    OPTIONAL = "optional"
    """None: the risk is accepted that a host which boots during a trial does not go back."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How long a new release may take to prove itself; times, in seconds, are those with power."""

    deadline: float = 180.0
    """Until an unconfirmed host goes back by itself."""
    renewal: float = 3600.0
    """How long a confirmed host waits for those that are committed with it, each time anew."""
    ceiling: float = 86400.0
    """How long all renewals together may keep a trial on."""
    boot_hook: BootHook = BootHook.FOR_REBOOTS


class RebootWhen(StrEnum):
    """Whether a host is rebooted after the flip: at most once in a run."""

    NEVER = "never"
    IF_REQUIRED = "if-required"
    """When the bundle says so, or one of its hooks makes the file ``$FLEET_REBOOT``."""
    ALWAYS = "always"
