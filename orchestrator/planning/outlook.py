"""What could come for a package: by itself, within the plan's range, and at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.model.bundle import Urgency
from orchestrator.model.consent import Change, Consent
from orchestrator.model.plan import Package
from orchestrator.model.ranges import LATEST, Range
from orchestrator.model.version import is_version, precedence
from orchestrator.planning.policy import demand, leaves_choice


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that a source offers, as the source describes it."""

    version: str
    urgency: Urgency = Urgency.NORMAL
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A candidate, the class of the change to it, and what that needs; ``None``: out of range."""

    candidate: Candidate
    change: Change
    consent: Consent | None

    @property
    def version(self) -> str:
        """Return the candidate's version."""
        return self.candidate.version


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there is for a package that hosts have in some versions.

    ``auto`` is the newest that would go by itself, ``best`` what apply would take today, and
    ``newest`` the newest release whatever the plan says; each may be missing.
    """

    package: str
    wanted: str
    auto: Prospect | None
    best: Prospect | None
    newest: Prospect | None

    @property
    def prospects(self) -> tuple[Prospect, ...]:
        """Return the different prospects, lowest first."""
        found = {it.version: it for it in (self.newest, self.best, self.auto) if it}
        return tuple(sorted(found.values(), key=lambda it: precedence(it.version)))


def outlook(package: Package, installed: Iterable[str], offered: Sequence[Candidate]) -> Outlook:
    """Hold what a source offers against the versions that hosts have and what the plan asks for."""
    there = tuple(filter(None, dict.fromkeys(installed)))
    known = {candidate.version: candidate for candidate in offered}
    wanted = Range(package.version or LATEST)

    def prospect(version: str | None) -> Prospect | None:
        return None if version is None else _prospect(package, wanted, there, known[version])

    best = prospect(wanted.best(known))
    goes = [version for version in known if _goes(prospect(version), there)]
    newest = Range(LATEST).best(known) or max(known, key=precedence, default=None)
    return Outlook(package.name, wanted.text, prospect(wanted.best(goes)), best, prospect(newest))


def _prospect(
    package: Package, wanted: Range, there: Sequence[str], candidate: Candidate
) -> Prospect:
    before = [version for version in there if version != candidate.version]
    asked = demand(package.name, package.policy, before, candidate)
    if not wanted.allows(candidate.version):
        return Prospect(candidate, asked.change, None)
    named = not leaves_choice(package)
    return Prospect(candidate, asked.change, Consent.AUTO if named else asked.consent)


def _goes(prospect: Prospect | None, there: Sequence[str]) -> bool:
    """Return whether a prospect needs no one, and brings no host to a lower version."""
    if prospect is None or prospect.consent is not Consent.AUTO:
        return False
    reached = precedence(prospect.version)
    return all(precedence(version) <= reached for version in there if is_version(version))
