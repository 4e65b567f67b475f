"""Services that follow a flip: how each is restarted or reloaded, and who of several does it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_SERVE = """\
serve() {
  if [ -d /run/systemd/system ]; then
    [ "$1" != reload ] || systemctl -q is-active -- "$2" || set -- start "$2"
    read_anew "$2" || exit
    systemctl "$1" -- "$2" && return
    [ -n "$FLEET_TO" ] || { systemctl stop -- "$2"; return 0; }
    journalctl --sync 2>/dev/null
    systemctl status --no-pager -l -n 10 -- "$2" | tail -c 6000
    echo "$2 did not $1: it is $(systemctl is-active -- "$2")"
    exit 1
  elif command -v rc-service >/dev/null 2>&1; then rc-service "${2%.service}" "$1"
  else service "${2%.service}" "$1"; fi || [ -z "$FLEET_TO" ] || exit
}
read_anew() {
  known=$(systemctl show -p LoadState -p NeedDaemonReload -p FragmentPath -p DropInPaths -- "$1")
  case $known in
    *=not-found* | *Reload=yes*) ;;
    *) switched $(printf '%s\\n' "$known" | sed -n 's/^[DF][^=]*=//p') || return 0 ;;
  esac
  systemctl daemon-reload
}
switched() {
  here=$(readlink -f "$FLEET_CURRENT")
  for file; do
    file=$(readlink -f "$file")
    rest=${file##*/releases/}
    case $file in
      "${here:-:}"/*) differs "$file" "${here%/*}/$FLEET_FROM/${file#"$here"/}" ;;
      */releases/*/*) differs "$file" "${file%/releases/*}"/releases/*/"${rest#*/}" ;;
      *) ! : ;;
    esac && return
  done
  return 1
}
differs() {
  one=$(cat "$1" 2>&1)
  for other; do [ "$one" = "$(cat "$other" 2>&1)" ] || return 0; done
  return 1
}
"""
"""``serve <verb> <unit>``, for systemd, OpenRC and System V.

systemd compares only times, and those of a release tell nothing: so a unit's files are compared
with those of the release that was left, or, in another package's release, with all there are. What
a first release brought with it cannot be started when that is gone, and is stopped.
"""


class Verb(StrEnum):
    """What becomes of a service: after a flip, or while data is at rest."""

    RESTART = "restart"
    RELOAD = "reload"
    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True)
class Service:
    """One item of ``restart`` or ``reload``; with a space in it, a command in place of a unit."""

    verb: Verb
    item: str

    @property
    def is_command(self) -> bool:
        """Return whether the item is shell text."""
        return " " in self.item

    def text(self) -> str:
        """Return the shell text that does it, and ends when that fails."""
        if self.is_command:
            return f"(\n{self.item}\n) || exit\n"
        return f"serve {self.verb} {shlex.quote(self.item)}\n"


Services = tuple[Service, ...]
"""In the order in which they are done: what is restarted, then what is reloaded."""


def text(services: Iterable[Service]) -> str:
    """Return shell text that does these in order, up to the first that fails."""
    listed = list(services)
    serve = "" if all(service.is_command for service in listed) else _SERVE
    return serve + "".join(service.text() for service in listed)


def without(services: Services, others: Iterable[Services]) -> Services:
    """Return what none of the others has: what is shared is done by who comes last."""
    shared = {service for other in others for service in other}
    return tuple(service for service in services if service not in shared)
