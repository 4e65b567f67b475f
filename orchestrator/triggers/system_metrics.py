"""Trigger: memory, load, a disk, the temperature or another number is too high for too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.checks.base import PATH, QUICK, SAY, assign
from orchestrator.ports import Watch
from orchestrator.schema import Duration, Text, Wrong, option
from orchestrator.triggers.base import Trigger, interval, times

PERCENT = Text(
    "a percentage such as 95%", r"(?:100|[0-9]{1,2}(?:\.[0-9]+)?)%?", "give 0% to 100%", "95%"
)
NUMBER = Text("a number", r"-?[0-9]+(?:\.[0-9]+)?", "write e.g. 85 or 7.5", "85")

MEMORY, TEMPERATURE = "95%", "85"
"""What is measured when nothing is named."""

DURATIONS = {"temperature": 120.0}
USUALLY = 300.0
"""Seconds for which a number must be too high."""

# Each leaves the number in value, and its words around it in before and after.
_MEMORY = """
before='' after=' % of memory is used'
value=$(awk '
  $1 == "MemTotal:" { total = $2 }
  $1 == "MemAvailable:" { available = $2; known = 1 }
  $1 == "MemFree:" || $1 == "Buffers:" || $1 == "Cached:" { rough += $2 }
  END { if (total) printf "%.1f", 100 - 100 * (known ? available : rough) / total }
' /proc/meminfo 2>/dev/null)
"""
_LOAD = """
before='the load of the last minute is ' after=
read -r value _ </proc/loadavg
"""
_DISK = """
before='' after=" % of $path is used"
value=$(df -Pk "$path" 2>/dev/null | awk 'NR == 2 {
  for (i = NF; i > 1; i--) if ($i ~ /^[0-9]+%$/) { sub(/%/, "", $i); print $i; exit }
}')
"""
_TEMPERATURE = """
before='' after=' degrees Celsius' IFS=
for file in $sensor; do
  { read -r found <"$file"; } 2>/dev/null || continue
  case $found in '' | *[!0-9-]*) continue ;; esac
  [ -n "$value" ] && [ "$found" -le "$value" ] || value=$found
done
[ -z "$value" ] || value=$((value / 1000))
"""
_COMMAND = """
before='the command says ' after=
value=$(sh -c "$command") || say 2 "the command ends with exit $?"
value=$(printf '%s\\n' "$value" | tail -n 1)
"""
MEASURES = {
    "memory": _MEMORY,
    "load": _LOAD,
    "disk": _DISK,
    "temperature": _TEMPERATURE,
    "command": _COMMAND,
}

OPTIONS = {"disk": "path", "temperature": "sensor", "command": "command"}
"""What must be known to measure."""

USUAL = {"path": "/", "sensor": "/sys/class/thermal/thermal_zone*/temp"}
"""What is taken where nothing is said."""

_JUDGE = """
case $value in '' | *[!0-9.-]*) say 2 "no number: ${value:-$what cannot be measured here}" ;; esac
over() { awk -v value="$value" -v limit="$1" -v sign="$2" 'BEGIN {
  exit !((value - limit) * sign >= 0) }'; }
told="$before$value$after"
[ -z "$most" ] || ! over "$most" 1 || say 1 "$told, and the limit is $most"
[ -z "$least" ] || ! over "$least" -1 || say 1 "$told, and the limit is $least"
say 0 "$told"
"""


@dataclass(frozen=True)
class SystemMetrics(Trigger):
    """Numbers of the host that reach a limit and stay there; by default memory and temperature.

    Each is watched for itself. With nothing named, these are memory at 95% for 5 minutes and
    temperature at 85 °C for 2 minutes.
    """

    memory: str = option(
        PERCENT, "Share of the memory that is used, by MemAvailable.", default="", example="95%"
    )
    load: str = option(NUMBER, "Load of the last minute.", default="", example="16")
    disk: str = option(
        PERCENT, "Share that is used of the filesystem of `path`.", default="", example="95%"
    )
    path: str = option(
        PATH, f"A path on that filesystem; default: {USUAL['path']}.", default="", example="/var"
    )
    temperature: str = option(
        NUMBER, "Degrees Celsius of the hottest sensor.", default="", example="85"
    )
    sensor: str = option(
        PATH,
        "Where sensors tell thousandths of a degree; * stands for anything; default: "
        f"{USUAL['sensor']}.",
        default="",
        example=USUAL["sensor"],
    )
    command: str = option(
        Text("a shell command", r"[\s\S]*"),
        "Shell text whose last line is a number.",
        default="",
        example='"cat /run/gateway/queue"',
    )
    at_least: str = option(NUMBER, "Its number is bad from here up.", default="", example="1000")
    at_most: str = option(NUMBER, "Its number is bad from here down.", default="", instead=True)
    duration: float | None = option(
        Duration(minimum=1.0),
        "How long it must be bad; default: 2m for the temperature, 5m for all else.",
        default=None,
        example="5m",
    )
    interval: float = interval(15.0)

    def __post_init__(self) -> None:
        if bool(self.command) != bool(self.at_least or self.at_most):
            raise Wrong(
                "does not say when a number is bad", "give command with at_least or at_most"
            )
        for what, name in OPTIONS.items():
            if getattr(self, name) and not getattr(self, what):
                mend = f"give '{what}' too, or remove '{name}'"
                raise Wrong(f"'{name}' belongs to '{what}', which is not there", mend)

    def watches(self) -> tuple[Watch, ...]:
        """Return a question for each number."""
        return tuple(self._watch(*limit) for limit in self._limits())

    def _limits(self) -> Iterator[tuple[str, str, str]]:
        """Yield what is measured, and from where on, up and down, it is bad."""
        named = {name: getattr(self, name) for name in ("memory", "load", "disk", "temperature")}
        if not any(named.values()) and not self.command:
            named |= {"memory": MEMORY, "temperature": TEMPERATURE}
        yield from ((name, limit.rstrip("%"), "") for name, limit in named.items() if limit)
        if self.command:
            yield "command", self.at_least, self.at_most

    def _watch(self, what: str, most: str, least: str) -> Watch:
        known = assign(what=what, value="", most=most, least=least, **self._own(what))
        duration = self.duration or DURATIONS.get(what, USUALLY)
        text = f"{SAY}{known}{MEASURES[what]}{_JUDGE}"
        return Watch(text, self.interval, QUICK, times(duration, self.interval), name=what)

    def _own(self, what: str) -> dict[str, str]:
        name = OPTIONS.get(what)
        return {name: getattr(self, name) or USUAL[name]} if name else {}
