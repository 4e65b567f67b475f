"""Looking at one package on one host without a run: what differs, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import HostError
from orchestrator.host import requests
from orchestrator.host.replies import Status, status, text, words
from orchestrator.host.requests import Place
from orchestrator.ports import Channel, Reply

KINDS = ("modified", "missing", "extra", "wrong_mode")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Which paths of a release differ from its manifest, at most 100 of each kind by name."""

    active: str
    modified: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    wrong_mode: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Return whether the release is whole."""
        return bool(self.active) and not any((self.modified, self.missing, self.wrong_mode))

    def lines(self) -> list[str]:
        """Return one ``kind: path`` line for each difference."""
        return [f"{kind.replace('_', ' ')}: {p}" for kind in KINDS for p in getattr(self, kind)]


async def verify(
    channel: Channel, root: str, state: str, package: str, *, deadline: float = 60.0
) -> VerifyReport:
    """Hash the active release of ``package`` against its own manifest, in one round trip.

    Where nothing is active, the report's ``active`` is empty. Raises HostError when the host
    cannot tell, Unreachable when the connection fails.
    """
    line = requests.verify(Place(package, root, state))
    [reply] = await channel.call([line], deadline=deadline)
    return VerifyReport("") if status(reply) is Status.NO else read_report(reply)


async def history(
    channel: Channel, root: str, state: str, package: str, *, lines: int, deadline: float = 60.0
) -> tuple[Mapping[str, object], ...]:
    """Return the last entries of the host's own record of ``package``, oldest first."""
    [reply] = await channel.call(
        [requests.history(Place(package, root, state), lines)], deadline=deadline
    )
    entries = _answered(reply).fields.get("entries")
    if not isinstance(entries, list):
        return ()
    return tuple(entry for entry in entries if isinstance(entry, dict))


def read_report(reply: Reply) -> VerifyReport:
    """Return what ``verify`` found; raises HostError."""
    fields = _answered(reply).fields
    return VerifyReport(
        active=text(fields, "active"),
        modified=words(fields, "modified"),
        missing=words(fields, "missing"),
        extra=words(fields, "extra"),
        wrong_mode=words(fields, "wrong_mode"),
    )


def _answered(reply: Reply) -> Reply:
    if status(reply) is not Status.OK:
        raise HostError(reply.reason or f"the host answered {reply.status!r}")
    return reply
