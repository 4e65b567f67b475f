"""Looking at packages on one host without a run: what differs, and what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import HostError
from orchestrator.host import requests
from orchestrator.host.replies import Status, number, status, text, words
from orchestrator.host.requests import Place
from orchestrator.ports import Channel, Reply

KINDS = ("modified", "missing", "extra", "wrong_mode")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Which paths of a release differ from its manifest, at most 100 of each kind by name.

    ``unnamed`` counts those beyond. ``extra`` are files that no manifest names: no damage.
    """

    active: str
    modified: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    wrong_mode: tuple[str, ...] = ()
    unnamed: int = 0

    @property
    def clean(self) -> bool:
        """Return whether the release is whole."""
        return bool(self.active) and not any((self.modified, self.missing, self.wrong_mode))

    def lines(self) -> list[str]:
        """Return one ``kind: path`` line for each difference."""
        named = [f"{kind.replace('_', ' ')}: {p}" for kind in KINDS for p in getattr(self, kind)]
        return [*named, f"and {self.unnamed} more"] if self.unnamed else named


async def verify(
    channel: Channel,
    places: Sequence[Place],
    *,
    within: float | None = None,
    deadline: float = 60.0,
) -> list[VerifyReport | HostError]:
    """Hash the active release of each package against its own manifest, in one round trip.

    With ``within``, only what changed in the last so many seconds is hashed; all else is compared
    by size and mode. Where nothing is active, a report's ``active`` is empty; where the host
    cannot tell, there is the HostError. Raises Unreachable when the connection fails.
    """
    lines = [requests.verify(place, within=within) for place in places]
    replies = await channel.call(lines, deadline=deadline)
    return [_reported(reply) for reply in replies]


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
    named = {kind: words(fields, kind) for kind in KINDS}
    counted = sum(max(number(fields, f"{kind}_count"), len(named[kind])) for kind in KINDS)
    unnamed = counted - sum(map(len, named.values()))
    return VerifyReport(text(fields, "active"), **named, unnamed=unnamed)


def _reported(reply: Reply) -> VerifyReport | HostError:
    try:
        return VerifyReport("") if status(reply) is Status.NO else read_report(reply)
    except HostError as error:
        return error


def _answered(reply: Reply) -> Reply:
    if status(reply) is not Status.OK:
        raise HostError(reply.reason or f"the host answered {reply.status!r}")
    return reply
