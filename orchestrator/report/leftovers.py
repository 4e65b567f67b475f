"""Which hosts kept what a cleanup was to remove; nothing else is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orchestrator.report.escaping import printable
from orchestrator.report.folding import fold
from orchestrator.rollout.records import HostRecord


def leftovers(hosts: Iterable[HostRecord]) -> dict[str, list[str]]:
    """Return the hosts by what became of their cleanup, safe to print: ``app: exit status 1``."""
    return fold((words, host.name) for host in hosts for words in _said(host))


def _said(host: HostRecord) -> Iterator[str]:
    left = host.facts.get("left")
    for package, reason in left.items() if isinstance(left, Mapping) else ():
        yield printable(f"{package}: {str(reason).removeprefix('cleanup: ')}")
