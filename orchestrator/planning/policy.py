"""Release policy: what a change of version needs before it may go. Pure.

It speaks of versions that fleet chose out of a range; one that is named is the operator's own
decision, and needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.model.bundle import Urgency
from orchestrator.model.consent import Change, Consent, ReleasePolicy
from orchestrator.model.plan import Package
from orchestrator.model.ranges import Range
from orchestrator.model.version import is_version, precedence

_SIZES = tuple(Change)
_BY_PLACE = (Change.MAJOR, Change.MINOR, Change.PATCH)


class Release(Protocol):
    """What is known of a release: by its manifest, or by its source's word."""

    @property
    def version(self) -> str:
        """Return the version."""

    @property
    def urgency(self) -> Urgency:
        """Return how soon it should reach the fleet."""

    @property
    def notes(self) -> str:
        """Return what its maker says of it."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the move of a package to a version needs; ``before`` are the versions to go from."""

    package: str
    before: tuple[str, ...]
    version: str
    change: Change
    consent: Consent
    urgency: Urgency = Urgency.NORMAL
    notes: str = ""

    def __str__(self) -> str:
        urgent = " critical" if self.urgency is Urgency.CRITICAL else ""
        return f"{' and '.join(self.before)} -> {self.version} is a{urgent} {self.change} change"


@dataclass(frozen=True, slots=True)
class Given:
    """What the operator agreed to: ``yes`` to what asks, or exact versions by package."""

    yes: bool = False
    approved: Mapping[str, str] = field(default_factory=dict, hash=False)

    def covers(self, demand: Demand) -> bool:
        """Return whether that is enough for a move to begin."""
        if demand.consent is Consent.ASK and self.yes:
            return True
        return demand.consent is Consent.AUTO or self.names(demand)

    def names(self, demand: Demand) -> bool:
        """Return whether just this version of the package was approved."""
        return self.approved.get(demand.package) == demand.version


def leaves_choice(package: Package) -> bool:
    """Return whether a plan leaves it to fleet which version of a package is meant."""
    return package.version is None or not Range(package.version).pinned


def change(before: str, after: str) -> Change:
    """Return the class of a change between two versions, upwards or downwards.

    The leftmost number that differs tells: major, minor, patch. As in npm's ``^``, numbers up to
    the first that is not 0 count as major ones: 0.4.1 to 0.5.0 is a major change. Versions with
    equal numbers are a patch apart; what is no semantic version is a major one from any other.
    """
    if not (is_version(before) and is_version(after)):
        return Change.MAJOR
    pairs = list(zip(precedence(before)[0], precedence(after)[0], strict=True))
    differs = next((place for place, (old, new) in enumerate(pairs) if old != new), None)
    if differs is None:
        return Change.PATCH
    leading = next(place for place, pair in enumerate(pairs) if any(pair))
    return Change.MAJOR if differs == leading else _BY_PLACE[differs]


def largest(before: Iterable[str], after: str) -> Change:
    """Return the largest change from any of some versions; ``NONE`` if there are none."""
    changes = (change(version, after) for version in before)
    return max(changes, key=_SIZES.index, default=Change.NONE)


def needed(policy: ReleasePolicy, size: Change, urgency: Urgency) -> Consent:
    """Return what a policy wants for a change of this class."""
    raised = policy.critical if urgency is Urgency.CRITICAL else Change.NONE
    if _SIZES.index(size) <= _SIZES.index(raised):
        return Consent.AUTO
    wanted = {
        Change.NONE: Consent.AUTO,
        Change.PATCH: policy.patch,
        Change.MINOR: policy.minor,
        Change.MAJOR: policy.major,
    }
    return wanted[size]


def demand(package: str, policy: ReleasePolicy, before: Iterable[str], release: Release) -> Demand:
    """Return what it needs to bring hosts that have the versions ``before`` to a release."""
    known = tuple(sorted(set(before), key=_order))
    size = largest(known, release.version)
    consent = needed(policy, size, release.urgency)
    return Demand(package, known, release.version, size, consent, release.urgency, release.notes)


def _order(version: str) -> tuple[bool, object]:
    return (True, precedence(version)) if is_version(version) else (False, version)
