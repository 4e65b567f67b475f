"""A package's triggers as one host is given them: what it asks itself during a trial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from orchestrator.host.quoting import whole_seconds
from orchestrator.ports import BootBudget, HostTrigger, Watch


@dataclass(frozen=True, slots=True)
class Alarms:
    """What takes a host on trial back before its deadline; the watches' names are unique."""

    watches: tuple[Watch, ...] = ()
    boots: BootBudget | None = None

    def keys(self) -> dict[str, object]:
        """Return the watches as keys of ``activate``; boots are among a trial's terms."""
        names = " ".join(watch.name for watch in self.watches)
        keys: dict[str, object] = {"triggers": names} if names else {}
        for number, watch in enumerate(self.watches, start=1):
            keys |= {f"trigger_{number}{part}": value for part, value in _parts(watch)}
        return keys


NONE = Alarms()


def alarms(triggers: Iterable[tuple[str, HostTrigger]]) -> Alarms:
    """Return what triggers, each with its kind, ask of a host; the fewest boots count."""
    found = list(triggers)
    budgets = [budget for _, trigger in found if (budget := trigger.boot_budget())]
    boots = min(budgets, key=lambda budget: budget.attempts, default=None)
    return Alarms(tuple(_named(found)), boots)


def _named(triggers: Iterable[tuple[str, HostTrigger]]) -> Iterator[Watch]:
    """Yield all watches, called ``kind``, ``kind.part``, and ``kind-2`` for a second one."""
    seen: Counter[str] = Counter()
    for kind, trigger in triggers:
        for watch in trigger.watches():
            name = f"{kind}.{watch.name}" if watch.name else kind
            seen[name] += 1
            yield replace(watch, name=f"{name}-{seen[name]}" if seen[name] > 1 else name)


def _parts(watch: Watch) -> Iterator[tuple[str, object]]:
    yield "", watch.script
    yield "_every", whole_seconds(watch.every)
    yield "_timeout", whole_seconds(watch.timeout)
    yield "_threshold", watch.threshold
    if watch.after_yes:
        yield "_after_yes", 1
