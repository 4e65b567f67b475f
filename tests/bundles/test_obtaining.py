"""What is chosen for a package of a plan."""

from __future__ import annotations

import pytest

from orchestrator.bundles.obtaining import choose
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources import Offer
from orchestrator.bundles.trust import Trust
from orchestrator.model.lock import Pin
from orchestrator.model.plan import Origin, Package

PACKAGE = Package("app", "all", Origin("x"), version="^2.4")
A, B = "a" * 64, "b" * 64


class Place:
    """A source with two versions; ``digests`` are empty where only the build will tell."""

    place = "here"

    def __init__(self, *digests: str) -> None:
        self.digests = digests

    def packages(self) -> tuple[str, ...]:
        return ("app",)

    def offers(self, package: str) -> tuple[Offer, ...]:
        found = zip(("2.4.5", "2.4.6"), self.digests, strict=True)
        return tuple(Offer(package, version, digest=digest) for version, digest in found)

    def obtain(self, offer: Offer, trust: Trust) -> Bundle:
        raise NotImplementedError

    def beside(self, bundle: Bundle, trust: Trust) -> tuple[Bundle, ...]:
        raise NotImplementedError


def test_the_newest_in_the_range() -> None:
    assert choose(PACKAGE, Place(A, B)).digest == B


@pytest.mark.parametrize("source", [Place(A, B), Place("", "")])
def test_a_pin_is_that_release_and_no_newer_one(source: Place) -> None:
    offer = choose(PACKAGE, source, Pin("2.4.5", A))
    assert (offer.version, offer.digest) == ("2.4.5", A)
