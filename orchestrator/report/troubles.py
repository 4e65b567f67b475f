"""Which hosts are not fine, why, and with what output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.report.escaping import printable, tail
from orchestrator.report.folding import fold
from orchestrator.rollout.records import HostRecord
from orchestrator.rollout.states import PROVEN
from orchestrator.rollout.states import HostState as H

LINES = 10
"""Lines of a host's last output that are shown."""

TROUBLED = frozenset(
    {H.FAILED, H.DEFERRED, H.REVERTING, H.REVERTED, H.STRANDED, H.REGRESSED, H.IN_DOUBT}
)
"""States that want an explanation."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What hosts have in common that are not fine; texts are safe to print."""

    state: H
    reason: str
    output: tuple[str, ...] = ()


def is_fine(host: HostRecord) -> bool:
    """Tell whether nothing needs to be said about a host."""
    return host.state in PROVEN and not host.failed and not host.unreachable


def is_troubled(host: HostRecord) -> bool:
    """Tell whether something went wrong with a host, now or on its way back."""
    return host.state in TROUBLED or host.failed or host.unreachable


def why(host: HostRecord) -> str:
    """Return the reason that a host is not fine, as it was given; empty when there is none.

    What ends well, such as going back, gives no reason, so the host's story is asked.
    """
    given = (move.reason for move in reversed(host.story) if move.after in TROUBLED)
    return next(filter(None, given), host.reason if host.unreachable else "")


def troubles(hosts: Iterable[HostRecord]) -> Mapping[Trouble, list[str]]:
    """Return the troubled hosts, those with the same state, reason and output together."""
    return fold((_trouble(host), host.name) for host in hosts if is_troubled(host))


def _trouble(host: HostRecord) -> Trouble:
    return Trouble(host.state, printable(why(host)), tail(host.output, LINES))
