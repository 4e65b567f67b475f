"""What a host is and has, held against what releases need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.errors import ProtocolError
from orchestrator.host.looking import Look, look_at, needs, others, tags
from orchestrator.host.replies import Probe
from orchestrator.host.requests import Place
from orchestrator.model.bundle import Manifest, Requirements
from orchestrator.model.fleet import Endpoint, Host
from orchestrator.ports import Reply
from tests.host.scripted import (
    EMPTY,
    FACTS,
    NEW,
    OUTDATED,
    FakeChannel,
    FakeDepot,
    assignment,
    manifest,
    probed,
    work,
)

PLACE = Place("gateway", "/opt/fleet", "/var/lib/fleet")


def needy(**needs: Any) -> Manifest:
    return replace(NEW, requires=Requirements(**needs))


async def test_one_round_trip_tells_facts_and_what_is_active() -> None:
    channel = FakeChannel({"facts": FACTS, "probe": [probed(OUTDATED), probed(EMPTY)]})
    found = await look_at(channel, [PLACE, replace(PLACE, package="db")], deadline=9.0)
    assert found == Look(FACTS.fields, {"gateway": OUTDATED, "db": EMPTY})
    assert [found.active(name) for name in ("gateway", "db", "x")] == [OUTDATED.active, "", ""]
    [lines] = channel.calls
    assert lines == [
        "facts",
        *(
            f"probe package={name} root=/opt/fleet state=/var/lib/fleet "
            f"release=0.0.0-000000000000 manifest={'0' * 64} glance=1"
            for name in ("gateway", "db")
        ),
    ]


async def test_a_host_that_tells_nothing() -> None:
    with pytest.raises(ProtocolError, match="told no facts: broken"):
        await look_at(FakeChannel({"facts": Reply("error", "broken")}), [], deadline=9.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, set()),
        (["gpu", " x "], {"gpu", "x"}),
        ("gpu, x", {"gpu", "x"}),
        ("gpu x", {"gpu", "x"}),
        (["gpu", 4], {"gpu", "4"}),
    ],
)
def test_tags_of_a_host(value: object, words: set[str]) -> None:
    assert tags(Host("h", Endpoint("h"), (), {"fleet_tags": value})) == words
    assert tags(Host("h", Endpoint("h"))) == set()


def test_others_are_looked_for_beside_the_package_that_requires_them() -> None:
    made = needy(packages=(("sql", "^1"), ("db", "^1")))
    two = assignment(work(made=made, root="/srv"), work("db", manifest(package="db")))
    assert others(two) == (Place("sql", "/srv", "/var/lib/fleet"),)
    assert others(assignment()) == ()


def missing(made: Manifest, active: dict[str, str], **variables: object) -> list[str]:
    probes = {name: Probe(release) for name, release in active.items()}
    look = Look({**FACTS.fields, "memory_kib": 1024}, probes)
    found = needs(assignment(work(made=made), **variables), look, FakeDepot())
    return [unmet.what for unmet in found]


def test_needs_of_a_host() -> None:
    made = needy(memory=2 * 1024**2, tags=("gpu",), packages=(("db", "^2"),))
    assert missing(made, {"gateway": "", "db": "1.0.0-000000000000"}) == [
        "requires 2MiB of memory, the host has 1MiB",
        "requires the tags gpu, the host lacks gpu",
        "requires db ^2, the host would have db 1.0.0",
    ]
    fine = needy(memory=1024**2, tags=("gpu",), packages=(("db", "^2"),))
    assert missing(fine, {"gateway": "", "db": "2.1.0-000000000000"}, fleet_tags="gpu") == []


def test_a_host_that_has_it_already_misses_nothing() -> None:
    made = needy(tags=("gpu",))
    assert missing(made, {"gateway": made.release}) == []
