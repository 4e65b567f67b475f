"""The recap: a line for each host, as users of Ansible know it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.report.escaping import printable
from orchestrator.report.folding import PARTS, compact, fold
from orchestrator.report.troubles import is_fine, why
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import HostRecord
from orchestrator.rollout.states import MOVED, PROVEN
from orchestrator.rollout.states import HostState as H

FOLD_ABOVE = 40
"""Hosts from which on equal rows are folded into one."""

FINE_PARTS = 3
"""Names and spans that are listed of hosts of which nothing needs to be said."""

NAME_WIDTH = 60


def _packages(host: HostRecord) -> int:
    packages = host.facts.get("packages")
    return len(packages) if isinstance(packages, Mapping) and packages else 1


def _changes(host: HostRecord) -> int:
    changes = host.facts.get("changes")
    return changes if isinstance(changes, int) and changes > 0 else 1


COLUMNS: Mapping[str, Callable[[HostRecord], int]] = {
    "ok": lambda host: _packages(host) if host.state in PROVEN else 0,
    "changed": lambda host: _changes(host) if host.state in MOVED else 0,
    "unreachable": lambda host: host.unreachable,
    "failed": lambda host: host.failed,
    "reverted": lambda host: host.state is H.REVERTED,
    "stranded": lambda host: host.state is H.STRANDED,
    "deferred": lambda host: host.state is H.DEFERRED,
}
"""``ok`` and ``changed`` count packages that are there now; the others are 1 or 0."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one line says; ``counts`` are in the order of COLUMNS, ``reason`` is safe to print."""

    state: H
    counts: tuple[int, ...]
    reason: str = ""
    fine: bool = True


Recap = list[tuple[Row, Sequence[str]]]
"""Rows, each with the hosts that it is about."""


def recap(rollout: Rollout, *, verbose: bool = False) -> Recap:
    """Return the rows in wave order; equal ones as one in a large fleet, unless ``verbose``."""
    rows = ((row_of(host), host.name) for host in rollout.hosts.values())
    if verbose or len(rollout.hosts) <= FOLD_ABOVE:
        return [(row, (name,)) for row, name in rows]
    return list(fold(rows).items())


def row_of(host: HostRecord) -> Row:
    """Return what the recap says of one host."""
    fine = is_fine(host)
    counts = tuple(int(count(host)) for count in COLUMNS.values())
    return Row(host.state, counts, "" if fine else printable(why(host)), fine)


def labelled(rows: Recap) -> list[tuple[str, Row]]:
    """Return each row with the names of its hosts, safe to print and padded to one width."""
    named = [(compact(hosts, FINE_PARTS if row.fine else PARTS), row) for row, hosts in rows]
    width = min(NAME_WIDTH, max((len(name) for name, _ in named), default=0))
    return [(f"{name:<{width}}", row) for name, row in named]


def row_text(row: Row) -> str:
    """Return a row without the name of its hosts."""
    counts = "  ".join(
        f"{column}={count:<2}" for column, count in zip(COLUMNS, row.counts, strict=True)
    )
    return f"{counts}  {row.state}" + (f": {row.reason}" if row.reason else "")


def totals(rollout: Rollout) -> str:
    """Return the fleet in one line: ``12 hosts: 11 committed, 1 reverted``."""
    counts: Counter[H] = Counter()
    for wave in rollout.waves:
        counts.update(wave.counts)
    parts = [f"{counts[state]} {state}" for state in H if counts[state]]
    return f"{len(rollout.hosts)} hosts: {', '.join(parts)}"
