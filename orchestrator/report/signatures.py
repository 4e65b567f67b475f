"""Which hosts could not verify by themselves who signed what they were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orchestrator.report.escaping import printable
from orchestrator.report.folding import fold
from orchestrator.rollout.records import HostRecord

VERIFIED = "verified"
"""What a host says that has found enough good signatures, and has nothing to add."""


def unverified(hosts: Iterable[HostRecord]) -> dict[str, list[str]]:
    """Return the hosts by what they say instead, safe to print: ``unchecked: no ssh-keygen …``."""
    return fold((words, host.name) for host in hosts for words in _said(host))


def _said(host: HostRecord) -> Iterator[str]:
    staged = host.facts.get("staged")
    tallies = staged.values() if isinstance(staged, Mapping) else ()
    said = (tally.get("signature") for tally in tallies if isinstance(tally, Mapping))
    return iter(dict.fromkeys(printable(str(word)) for word in said if word and word != VERIFIED))
