"""What a host is and has, in one round trip, and how that is held against what releases need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import ProtocolError
from orchestrator.host import requests
from orchestrator.host.rendering import Renderer
from orchestrator.host.replies import Probe, Status, number, read_probe, status, text
from orchestrator.host.requests import Place
from orchestrator.host.versions import version_of
from orchestrator.host.work import Assignment
from orchestrator.model.fleet import Host
from orchestrator.model.version import is_version
from orchestrator.planning.needs import Arrival, Standing, Unmet, required_names, unmet
from orchestrator.ports import Channel, Depot, Reply

_NO_RELEASE = "0.0.0-000000000000"
_NO_MANIFEST = "0" * 64
"""What no host has: such a probe tells what is active, and hashes nothing."""


@dataclass(frozen=True, slots=True)
class Look:
    """A host's facts, and where its packages stand; their content was not looked at."""

    facts: Mapping[str, object]
    probes: Mapping[str, Probe]

    def active(self, package: str) -> str:
        """Return the release of a package that is active, or the empty string."""
        probe = self.probes.get(package)
        return probe.active if probe else ""


async def look_at(channel: Channel, places: Sequence[Place], *, deadline: float) -> Look:
    """Ask a host for its facts and for what is active at some places; changes nothing.

    Raises Unreachable and ProtocolError.
    """
    questions = [requests.facts(), *map(question, places)]
    facts, *replies = await channel.call(questions, deadline=deadline)
    if status(facts) is not Status.OK:
        raise ProtocolError(f"the host told no facts: {facts.reason}")
    return Look(dict(facts.fields), probed(places, replies))


def question(place: Place) -> str:
    """Return the request that tells what is active at a place."""
    return requests.probe(place, _NO_RELEASE, _NO_MANIFEST, glance=True)


def whole_question(place: Place) -> str:
    """Return the request that also hashes what is active, against its own manifest."""
    return requests.probe(place, _NO_RELEASE, _NO_MANIFEST)


def probed(places: Iterable[Place], replies: Iterable[Reply]) -> dict[str, Probe]:
    """Return the probes by package; raises ProtocolError."""
    pairs = zip(places, replies, strict=True)
    return {place.package: read_probe(reply) for place, reply in pairs}


def version(release: str) -> str:
    """Return the version of an active release; empty where nothing is, ``unknown`` for nonsense.

    A host may say anything, and this is shown to people.
    """
    found = version_of(release)
    return found if is_version(found) else release and "unknown"


def others(assignment: Assignment) -> tuple[Place, ...]:
    """Return where packages would lie that a host's releases require, and that it does not get.

    They are looked for beside the package that requires them.
    """
    mine = {work.name for work in assignment.packages}
    renderer = Renderer(assignment, "")
    found = {
        name: Place(name, *renderer.folders(work.package))
        for work in assignment.packages
        for name in sorted(required_names([work.manifest]) - mine)
    }
    return tuple(found.values())


def needs(assignment: Assignment, look: Look, depot: Depot) -> tuple[Unmet, ...]:
    """Return all that a host misses of what its releases need."""
    mine = {work.name for work in assignment.packages}
    elsewhere = {
        name: version(probe.active)
        for name, probe in look.probes.items()
        if probe.active and name not in mine
    }
    return unmet(
        _standing(assignment.host, look.facts, elsewhere), _arrivals(assignment, look, depot)
    )


def _standing(host: Host, facts: Mapping[str, object], elsewhere: Mapping[str, str]) -> Standing:
    memory = number(facts, "memory_kib") * 1024
    return Standing(
        os=text(facts, "os"),
        arch=text(facts, "arch"),
        memory=memory or None,
        tags=tags(host),
        elsewhere=elsewhere,
    )


def _arrivals(assignment: Assignment, look: Look, depot: Depot) -> tuple[Arrival, ...]:
    found = []
    for work in assignment.packages:
        release = look.active(work.name)
        known = depot.manifest(release) if release else None
        found.append(
            Arrival(
                work.manifest,
                version(release),
                known.provides if known else (),
                there=release == work.release,
            )
        )
    return tuple(found)


def tags(host: Host) -> frozenset[str]:
    """Return the words of a host's variable ``fleet_tags``: a list, or text with commas."""
    value = host.variables.get("fleet_tags") or []
    words = value if isinstance(value, list | tuple) else str(value).replace(",", " ").split()
    return frozenset(str(word).strip() for word in words)
