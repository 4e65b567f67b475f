"""Trigger: a service fails, or is restarted again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestrator.checks.base import QUICK, SAY, assign
from orchestrator.checks.service_active import OTHER_INIT, SERVICE
from orchestrator.ports import Watch
from orchestrator.schema import ListOf, Text, Wrong, option
from orchestrator.triggers.base import Trigger, interval, threshold

# look says of one unit how it is, and must be called where it may exit. systemctl prints nothing
# where systemd is not running.
_SYSTEMD = """
set -f
known() {
  state='' sub='' restarts=0 entered=0
  have systemctl || return
  while IFS='=' read -r key value; do
    case $key in
    ActiveState) state=$value ;;
    SubState) sub=$value ;;
    NRestarts) restarts=$value ;;
    ActiveEnterTimestampMonotonic) entered=$value ;;
    esac
  done <<END
$(systemctl show -p ActiveState -p SubState -p NRestarts -p ActiveEnterTimestampMonotonic \\
    -- "$1" 2>/dev/null)
END
  [ -n "$state" ]
}
by_systemd() {
  case $state/$sub in
  activating/auto-restart*) say 1 "$unit has ended, and waits to be restarted" ;;
  activating/*) say 21 "$unit is activating" ;;
  active/* | reloading/* | refreshing/*) ;;
  *) say 1 "$unit is $state" ;;
  esac
  read -r up _ </proc/uptime
  ago=$((${up%.*} - entered / 1000000))
  [ "$restarts" = 0 ] || [ "$ago" -ge "$within" ] ||
    say 1 "$unit was restarted $ago s ago, $restarts times by now"
  say 0 "$unit is active"
}
"""

_ALL = """
look() {
  name=${unit%.service}
  if known "$unit"; then by_systemd; fi
  by_other_init
}
waits='' unknown='' well=
for unit in $units; do
  reason=$(look)
  case $? in
  0) well="${well:+$well, }$reason" ;;
  1) say 1 "$reason" ;;
  21) waits=$reason ;;
  *) unknown=$reason ;;
  esac
done
[ -z "$waits" ] || say 21 "$waits"
[ -z "$unknown" ] || say 2 "$unknown"
say 0 "$well"
"""

_OR_COMMAND = """
if [ -z "$units" ] || ! known "${units%% *}"; then exec sh -c "$command"; fi
"""


@dataclass(frozen=True)
class ServiceHealth(Trigger):
    """Services that are not active, as systemd, OpenRC, their init scripts or a command say.

    A service that systemd has restarted since the last look counts as a no. Without services, the
    command is asked everywhere.
    """

    short: ClassVar[str] = "services"

    services: tuple[str, ...] = option(
        ListOf(SERVICE, single=True),
        "Units or init scripts, all of which must be active.",
        default=(),
        example="gateway.service",
    )
    command: str = option(
        Text("a shell command", r"[\s\S]*"),
        "Asked instead where systemd does not run: exit 0 yes, 1 no, 21 not yet, else unknown.",
        default="",
        example='"pgrep -x gateway"',
    )
    interval: float = interval(30.0)
    threshold: int = threshold(2)

    def __post_init__(self) -> None:
        if not self.services and not self.command:
            raise Wrong("asks for nothing", "give 'services', 'command' or both")

    def watches(self) -> tuple[Watch, ...]:
        """Return the one question."""
        known = assign(
            units=" ".join(self.services), command=self.command, within=max(1, int(self.interval))
        )
        command = _OR_COMMAND if self.command else ""
        text = f"{SAY}{known}\n{_SYSTEMD}{command}{OTHER_INIT}{_ALL}"
        return (Watch(text, self.interval, QUICK, self.threshold),)
