"""Looking at packages on one host without a run: what differs, and what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.errors import HostError
from orchestrator.host import requests
from orchestrator.host.replies import Status, number, status, text, words
from orchestrator.host.requests import Place
from orchestrator.model.keeping import DriftPolicy, OnDrift
from orchestrator.ports import Channel, Reply

KEEP = DriftPolicy.KEEP
DAMAGE = ("modified", "missing", "wrong_mode")
KINDS = (*DAMAGE, "extra")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Which paths of a release differ from its manifest, at most 100 of each kind by name.

    ``unnamed`` counts the damage beyond. ``extra`` are files that no manifest names: no damage; nor
    are ``kept``, local changes that the release has taken over, or that a policy lets stay.
    """

    active: str
    modified: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    wrong_mode: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    unnamed: int = 0

    @property
    def clean(self) -> bool:
        """Return whether the release is whole."""
        differing = (self.modified, self.missing, self.wrong_mode, self.unnamed)
        return bool(self.active) and not any(differing)

    def lines(self) -> list[str]:
        """Return one ``kind: path`` line for each difference."""
        kinds = (*KINDS, "kept")
        named = [f"{kind.replace('_', ' ')}: {p}" for kind in kinds for p in getattr(self, kind)]
        return [*named, f"and {self.unnamed} more"] if self.unnamed else named

    def under(self, policy: OnDrift) -> VerifyReport:
        """Return the same as the policy sees it: what it lets stay is kept, and nothing else is."""
        kept = [path for path in self.kept if policy.of(path) is KEEP]
        again = [path for path in self.kept if policy.of(path) is not KEEP]
        may = [p for p in (*self.modified, *self.wrong_mode) if policy.of(p) is KEEP]
        return replace(
            self,
            modified=(*(p for p in self.modified if p not in may), *again),
            wrong_mode=tuple(p for p in self.wrong_mode if p not in may),
            kept=tuple(dict.fromkeys((*kept, *may))),
        )


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
    counted = {kind: number(fields, f"{kind}_count") - len(named[kind]) for kind in DAMAGE}
    unnamed = sum(more for more in counted.values() if more > 0)
    kept = words(fields, "kept")
    return VerifyReport(text(fields, "active"), **named, kept=kept, unnamed=unnamed)


def _reported(reply: Reply) -> VerifyReport | HostError:
    try:
        return VerifyReport("") if status(reply) is Status.NO else read_report(reply)
    except HostError as error:
        return error


def _answered(reply: Reply) -> Reply:
    if status(reply) is not Status.OK:
        raise HostError(reply.reason or f"the host answered {reply.status!r}")
    return reply
