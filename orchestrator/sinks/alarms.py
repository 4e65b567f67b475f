"""Failing hosts, told at once and yet not a thousand times.

What is said for the first time is told at once; hosts that say the same afterwards are pooled and
told together. When very many different things are said, the rest is pooled without its words.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.report.troubles import Trouble

BURST = 10
"""Different troubles told at once before the next ones have to wait for the pool."""

INTERVAL = 10.0
"""Seconds between two emptyings of the pool."""

POOLED = 25
"""Different troubles that are kept apart in the pool."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Hosts in the same trouble; ``again`` when its output was shown before."""

    trouble: Trouble
    hosts: tuple[str, ...]
    again: bool = False


class Alarms:
    """Decides what is told now and what later; times come with the events."""

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._pool: dict[Trouble, list[str]] = {}
        self._room = BURST
        self._emptied = 0.0

    def add(self, trouble: Trouble, host: str) -> list[Alarm]:
        """Take note of a host in trouble; return what is to be told at once."""
        key = hash(trouble)
        if key not in self._told and self._room:
            self._room -= 1
            self._told.add(key)
            return [Alarm(trouble, (host,))]
        if trouble not in self._pool and len(self._pool) >= POOLED:
            trouble = Trouble(trouble.state, "for various other reasons")
        self._pool.setdefault(trouble, []).append(host)
        return []

    def due(self, at: float) -> list[Alarm]:
        """Return what has waited long enough."""
        if at - self._emptied < INTERVAL:
            return []
        self._emptied = at
        return self.rest()

    def rest(self) -> list[Alarm]:
        """Empty the pool."""
        alarms = [
            Alarm(trouble, tuple(hosts), again=hash(trouble) in self._told)
            for trouble, hosts in self._pool.items()
        ]
        self._told.update(hash(alarm.trouble) for alarm in alarms)
        self._pool.clear()
        self._room = BURST
        return alarms
