"""What a release needs of the host that it goes to: floors, platform, memory, tags, packages. Pure.

All that is missing is told at once. A package that is required must be there when the release that
requires it is activated, and still be there when the host has all that the plan gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.model.bundle import Manifest, Platform, Requirements
from orchestrator.model.ranges import Range
from orchestrator.schema.units import spell_size

ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "armhf": "armv7l", "i386": "i686"}
"""Debian's words for what the kernel calls otherwise."""

Offers = Mapping[str, tuple[str, ...]]
"""Names of packages, or of what they provide, with the versions that there are."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A package of a host: the release it is to get, and the version that is active now.

    ``installed`` is empty where nothing is; ``provided`` is what the active release provides,
    as far as anyone knows. ``there`` says that the release to get is the active one.
    """

    manifest: Manifest
    installed: str = ""
    provided: tuple[tuple[str, str], ...] = ()
    there: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What a host is: ``memory`` in bytes, and versions of packages that the run leaves alone."""

    os: str = ""
    arch: str = ""
    memory: int | None = None
    tags: frozenset[str] = frozenset()
    elsewhere: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Unmet:
    """One thing that a package misses on a host, and what would mend it."""

    package: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        words = f"{self.package}: {self.what}"
        return f"{words}; {self.mend}" if self.mend else words


def unmet(standing: Standing, arrivals: Sequence[Arrival]) -> tuple[Unmet, ...]:
    """Return all that the packages of a host miss there; they come in the order of activation.

    Nothing is asked of a host that has everything already.
    """
    if all(arrival.there for arrival in arrivals):
        return ()
    found: list[Unmet] = []
    for place, arrival in enumerate(arrivals):
        if not arrival.there:
            found += _of_itself(standing, arrival)
        found += _of_others(standing, arrivals, place)
    return tuple(found)


def has_needs(manifest: Manifest) -> bool:
    """Return whether a release asks anything of a host."""
    asks_nothing = manifest.requires == Requirements() and manifest.platform == Platform()
    return bool(manifest.floors) or not asks_nothing


def required_names(manifests: Iterable[Manifest]) -> frozenset[str]:
    """Return the names of packages that some releases require."""
    return frozenset(name for it in manifests for name, _ in it.requires.packages)


def _of_itself(standing: Standing, arrival: Arrival) -> Iterator[Unmet]:
    manifest = arrival.manifest
    for check in (_platform, _memory, _tags):
        if found := check(manifest, standing):
            yield Unmet(manifest.package, *found)
    for floor in manifest.floors:
        if arrival.installed and not Range(floor).reached(arrival.installed):
            what = f"{arrival.installed} is active, and {manifest.version} must be reached by way "
            yield Unmet(manifest.package, f"{what}of {floor}", f"apply version {floor} first")


def _platform(manifest: Manifest, standing: Standing) -> tuple[str, str] | None:
    wanted = manifest.platform
    if wanted.os and standing.os not in wanted.os and "linux" not in wanted.os:
        return f"made for {' or '.join(wanted.os)}, the host is {standing.os or 'unknown'}", ""
    arch = _same_words(standing.arch)
    if wanted.arch and arch not in map(_same_words, wanted.arch):
        return f"made for {' or '.join(wanted.arch)}, the host is {standing.arch or 'unknown'}", ""
    return None


def _memory(manifest: Manifest, standing: Standing) -> tuple[str, str] | None:
    wanted, there = manifest.requires.memory, standing.memory
    if not wanted or (there is not None and there >= wanted):
        return None
    has = "does not say how much it has" if there is None else f"has {spell_size(there)}"
    return f"requires {spell_size(wanted)} of memory, the host {has}", ""


def _tags(manifest: Manifest, standing: Standing) -> tuple[str, str] | None:
    lacks = [tag for tag in manifest.requires.tags if tag not in standing.tags]
    if not lacks:
        return None
    what = f"requires the tags {', '.join(manifest.requires.tags)}, the host lacks"
    mend = "if it has what they stand for, add them to its variable fleet_tags"
    return f"{what} {', '.join(lacks)}", mend


def _of_others(standing: Standing, arrivals: Sequence[Arrival], place: int) -> Iterator[Unmet]:
    manifest = arrivals[place].manifest
    then = _offers(standing, arrivals, place)
    last = _offers(standing, arrivals, len(arrivals))
    for name, text in manifest.requires.packages:
        wanted = Range(text)
        if not _met(wanted, last.get(name, ())):
            yield Unmet(manifest.package, f"requires {name} {text}, {_there(last, name)}")
        elif not arrivals[place].there and not _met(wanted, then.get(name, ())):
            what = f"requires {name} {text}, which the host gets only afterwards"
            order = f"{_giver(arrivals, name, wanted)} before {manifest.package}"
            yield Unmet(manifest.package, what, f"add to the plan's order: {order}")


def _met(wanted: Range, versions: Iterable[str]) -> bool:
    return any(map(wanted.allows, versions))


def _there(offers: Offers, name: str) -> str:
    versions = offers.get(name, ())
    if not versions:
        return f"the host has no {name}"
    return f"the host would have {name} {' and '.join(versions)}"


def _giver(arrivals: Sequence[Arrival], name: str, wanted: Range) -> str:
    """Return the package that brings what is wanted last; called only when one does."""
    return next(
        arrival.manifest.package
        for arrival in reversed(arrivals)
        if any(name == brought and wanted.allows(it) for brought, it in _brings(arrival.manifest))
    )


def _offers(standing: Standing, arrivals: Sequence[Arrival], place: int) -> Offers:
    """Return what is on the host once the package at a place is activated."""
    pairs = [*standing.elsewhere.items()]
    for index, arrival in enumerate(arrivals):
        if index <= place:
            pairs += _brings(arrival.manifest)
        elif arrival.installed:
            pairs += [(arrival.manifest.package, arrival.installed), *arrival.provided]
    offers: dict[str, tuple[str, ...]] = {}
    for name, version in pairs:
        offers[name] = (*offers.get(name, ()), version)
    return offers


def _brings(manifest: Manifest) -> list[tuple[str, str]]:
    return [(manifest.package, manifest.version), *manifest.provides]


def _same_words(arch: str) -> str:
    return ARCHITECTURES.get(arch, arch)
