"""Check: a service runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestrator.checks.base import QUICK, SAY, Check, assign
from orchestrator.schema import Text, option

SERVICE = Text(
    "the name of a service",
    r"[A-Za-z0-9_@][A-Za-z0-9_@.:\\-]*",
    "name one, of letters, digits and _ @ . : \\ -",
)

# systemctl prints nothing where systemd is not running, so that the next tool is asked.
_SYSTEMD = """
state=
have systemctl && state=$(systemctl is-active -- "$unit" 2>/dev/null)
case $state in
active) say 0 "$unit is active" ;;
activating | reloading) say 21 "$unit is $state" ;;
?*) say 1 "$unit is $state" ;;
esac
"""

OTHER_INIT = """
by_other_init() {
  if have rc-service; then
    rc-service "$name" status >/dev/null 2>&1
  elif have service; then
    service "$name" status >/dev/null 2>&1
  else
    say 2 "cannot tell whether $name runs: no systemd, rc-service or service here"
  fi
  case $? in
  0) say 0 "$name is running" ;;
  1 | 2 | 3) say 1 "$name is not running" ;;
  *) say 2 "cannot tell whether $name runs" ;;
  esac
}
"""
"""``by_other_init`` says whether the service ``$name`` runs where systemd does not."""


@dataclass(frozen=True)
class ServiceActive(Check):
    """A service is active, as systemd, OpenRC or its init script says."""

    short: ClassVar[str] = "service"

    service: str = option(
        SERVICE,
        "Name of the unit or init script.",
        example="nginx.service",
    )

    timeout = QUICK

    def script(self) -> str:
        """Return the sh text."""
        name = self.service.removesuffix(".service")
        return (
            SAY + assign(unit=self.service, name=name) + _SYSTEMD + OTHER_INIT + "by_other_init\n"
        )
