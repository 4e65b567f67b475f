"""What a source offers, and which of it is meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError
from orchestrator.model.bundle import Urgency
from orchestrator.model.ranges import LATEST, Range
from orchestrator.model.version import Precedence, precedence
from orchestrator.registry import near_miss

SHOWN = 10
"""Versions that a message lists."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A bundle as its source describes it; nothing of it is proved.

    ``place`` is where the source has it. ``digest`` (of the manifest) is empty where only the
    build will tell.
    """

    package: str
    version: str
    revision: int = 1
    digest: str = ""
    created: str = ""
    urgency: Urgency = Urgency.NORMAL
    notes: str = ""
    place: str = ""

    @property
    def label(self) -> str:
        """Return the version as people write it, with its revision from the second one on."""
        return self.version if self.revision == 1 else f"{self.version} revision {self.revision}"

    @property
    def order(self) -> tuple[Precedence, int, str, str]:
        """Return what offers are sorted by, oldest first."""
        return precedence(self.version), self.revision, self.version, self.digest


class Source(Protocol):
    """A place that bundles come from; ``place`` is its name for messages."""

    @property
    def place(self) -> str:
        """Return where it is."""

    def packages(self) -> tuple[str, ...]:
        """Return the packages that there are bundles of; raises as ``offers``."""

    def offers(self, package: str) -> tuple[Offer, ...]:
        """Return what there is of a package, oldest first, at least one.

        Raises BundleError, naming the packages that are there, when there is none; FleetError
        when the source cannot be asked.
        """

    def obtain(self, offer: Offer, trust: Trust) -> Bundle:
        """Return an offer's bundle, all its content proved, in a folder of this machine.

        Raises TrustError when it cannot be trusted, BundleError when it is not what was offered,
        FleetError when it cannot be had.
        """

    def beside(self, bundle: Bundle, trust: Trust) -> tuple[Bundle, ...]:
        """Return other trusted bundles of the package that lie on this machine already.

        They tell what hosts may have: expired ones count, and what cannot be trusted is left out.
        """


def ordered(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Return offers as sources give them: oldest first."""
    return tuple(sorted(offers, key=lambda offer: offer.order))


def choose(offers: Sequence[Offer], wanted: Range | None, digest: str = "", *, at: str) -> Offer:
    """Return the newest offer that is wanted; ``at`` is the source's place.

    Without a range that is the newest release, or the bundle that ``at`` itself is. With a
    ``digest`` (a run that goes on, a lock) it is the bundle with just this manifest. Raises
    BundleError that names what is there.
    """
    if digest:
        return _exact(offers, wanted, digest, at)
    if wanted is None and len(offers) == 1 and offers[0].place == at:
        return offers[0]
    wanted = wanted or Range(LATEST)
    fitting = [offer for offer in ordered(offers) if wanted.allows(offer.version)]
    if not fitting:
        raise BundleError.at(at, *_nothing(offers, wanted))
    newest = fitting[-1]
    twins = {offer.digest for offer in fitting if offer.label == newest.label}
    if len(twins) > 1:
        what = f"{len(twins)} bundles of '{newest.package}' {newest.label} with other content"
        raise BundleError.at(at, what, "remove all but one, or build with another revision")
    return newest


def _exact(offers: Sequence[Offer], wanted: Range | None, digest: str, at: str) -> Offer:
    for offer in offers:
        if offer.digest == digest:
            return offer
    versions = wanted or Range(LATEST)
    unbuilt = [offer for offer in offers if not offer.digest and versions.allows(offer.version)]
    if unbuilt:  # obtaining it proves whether it is the one
        return replace(choose(unbuilt, wanted, at=at), digest=digest)
    what = f"no bundle of '{offers[0].package}' with manifest {digest[:12]}"
    raise BundleError.at(at, what, f"put it back: there are {listed(offers)}")


def _nothing(offers: Sequence[Offer], wanted: Range) -> tuple[str, str]:
    """Say what was not found, and what is there."""
    package, versions = offers[0].package, [offer.version for offer in offers]
    there = f"there are {listed(offers)}"
    if wanted.text == LATEST:
        return f"only pre-releases of '{package}'", f"name one as version: {there}"
    if wanted.pinned:
        mend = "; ".join(filter(None, (near_miss(wanted.text, versions), there)))
        return f"no version '{wanted.text}' of '{package}'", mend
    return f"no version of '{package}' in '{wanted.text}'", there


def listed(offers: Sequence[Offer]) -> str:
    """Return the newest versions of some offers, for messages."""
    labels = list(dict.fromkeys(offer.label for offer in ordered(offers)))
    more = f" and {len(labels) - SHOWN} older ones" if len(labels) > SHOWN else ""
    return ", ".join(labels[-SHOWN:]) + more


def expect(bundle: Bundle, offer: Offer) -> Bundle:
    """Return a trusted bundle if it is what was offered; raises BundleError."""
    found = bundle.manifest
    asked = (offer.package, offer.version, offer.revision, offer.digest or found.digest)
    if asked == (found.package, found.version, found.revision, found.digest):
        return bundle
    what = (
        f"a bundle of '{found.package}' {found.version} revision {found.revision} "
        f"({found.digest[:12]}), not of '{offer.package}' {offer.label} ({offer.digest[:12]})"
    )
    raise BundleError.at(offer.place, what, "mend the plan, or name another source")
