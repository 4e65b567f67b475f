"""The bundles that a plan asks for, from their sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles import sources
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.released import Released
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, Problem
from orchestrator.model.lock import Pin
from orchestrator.model.plan import Package, Plan
from orchestrator.model.ranges import Range
from orchestrator.planning.outlook import Candidate
from orchestrator.planning.policy import leaves_choice


@dataclass(frozen=True)
class Obtained:
    """A package's trusted bundle; ``chosen`` says that fleet chose its version, not the operator.

    ``beside`` are other bundles of the package: they tell what hosts have already.
    """

    package: Package
    bundle: Bundle
    beside: tuple[Bundle, ...]
    chosen: bool


def obtain(plan: Plan, cache: Path, trust: Trust, pinned: Mapping[str, Pin]) -> list[Obtained]:
    """Return the trusted bundle of every package; raises BundleError with all problems.

    ``cache`` is the folder of fleet's own things.
    """
    found: list[Obtained] = []
    problems: list[Problem] = []
    for package in plan.packages:
        try:
            source = sources.source_of(package.bundle, cache)
            offer = choose(package, source, pinned.get(package.name))
            bundle = source.obtain(offer, trust)
        except BundleError as error:
            problems.extend(error.problems)
            continue
        chosen = leaves_choice(package) and offer.place != source.place
        found.append(Obtained(package, bundle, source.beside(bundle, trust), chosen))
    if problems:
        raise BundleError(*problems)
    return found


def obtain_again(
    plan: Plan, cache: Path, trust: Trust, pinned: Mapping[str, Pin], released: Released
) -> list[Obtained]:
    """Return bundles that hosts had before; raises BundleError with all problems.

    A pin's digest may be its first digits, or empty: then the newest of the version is meant. A
    bundle that its source no longer has is taken, without its content, from what runs began with.
    """
    found: list[Obtained] = []
    problems: list[Problem] = []
    for package in plan.packages:
        source = sources.source_of(package.bundle, cache)
        try:
            found.append(_again(package, source, trust, pinned[package.name], released))
        except BundleError as error:
            problems.extend(error.problems)
    if problems:
        raise BundleError(*problems)
    return found


def _again(
    package: Package, source: sources.Source, trust: Trust, pin: Pin, released: Released
) -> Obtained:
    fitting = [it for it in _offers(package, source) if _may_be(it, pin)]
    if fitting:
        bundle = source.obtain(sources.choose(fitting, Range(pin.version), at=source.place), trust)
        if bundle.manifest.digest.startswith(pin.digest):
            return Obtained(package, bundle, source.beside(bundle, trust), chosen=False)
    remembered = released.trusted(pin.digest, trust)
    if not remembered:
        what = f"no bundle of '{package.name}' {pin.version} {pin.digest[:12]}".rstrip()
        raise BundleError.at(source.place, what, "put the bundle that hosts had there again")
    return Obtained(package, remembered, (), chosen=False)


def _offers(package: Package, source: sources.Source) -> tuple[sources.Offer, ...]:
    try:
        return source.offers(package.name)
    except BundleError:
        return ()


def _may_be(offer: sources.Offer, pin: Pin) -> bool:
    """Return whether an offer is what is meant, as far as it tells before it is obtained."""
    same = offer.version == pin.version
    return same and (not offer.digest or offer.digest.startswith(pin.digest))


def candidates(plan: Plan, cache: Path) -> dict[str, tuple[Candidate, ...]]:
    """Return what the sources say they have of each package; raises BundleError."""
    found = {}
    for package in plan.packages:
        offers = sources.source_of(package.bundle, cache).offers(package.name)
        found[package.name] = tuple(Candidate(it.version, it.urgency, it.notes) for it in offers)
    return found


def choose(package: Package, source: sources.Source, pin: Pin | None = None) -> sources.Offer:
    """Return what a package of a plan asks for, or just the release of a pin."""
    there = source.offers(package.name)
    if pin:
        return sources.choose(there, Range(pin.version), pin.digest, at=source.place)
    return sources.choose(there, wanted(package), at=source.place)


def wanted(package: Package) -> Range | None:
    """Return which versions a package of a plan asks for."""
    return Range(package.version) if package.version else None
