"""What releases need of a host: everything that is missing, told at once."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.model.bundle import Manifest, Platform, Requirements
from orchestrator.planning.needs import Arrival, Standing, has_needs, required_names, unmet

HOST = Standing("debian", "x86_64", 2 * 1024**3, frozenset({"gpu"}), {"base": "1.0.0"})


def manifest(package: str = "app", version: str = "2.0.0", **more: Any) -> Manifest:
    if needs := more.pop("requires", None):
        more["requires"] = Requirements(tuple(needs.items()))
    return Manifest("d" * 64, package, version, 1, "", "l" * 64, (), **more)


def missing(*arrivals: Arrival, standing: Standing = HOST) -> list[str]:
    return [str(found) for found in unmet(standing, arrivals)]


@pytest.mark.parametrize(
    ("floor", "installed", "words"),
    [
        ("2.0.x", "", ""),
        ("2.0.x", "2.0.7", ""),
        ("2.0.x", "2.3.0", ""),
        ("2.0.x", "1.9.0", "1.9.0 is active, and 3.0.0 must be reached by way of 2.0.x"),
        (">=1.5 <1.7 || 2.2.0", "1.4.9", "must be reached by way of >=1.5 <1.7 || 2.2.0"),
        (">=1.5 <1.7 || 2.2.0", "1.5.0", ""),
        ("2.0.0", "2.0.0-rc.1", "must be reached by way of 2.0.0"),
        (">2.0.0", "2.0.0", "must be reached by way of >2.0.0"),
        ("<2", "1.0.0", ""),
    ],
)
def test_floors(floor, installed, words):
    found = missing(Arrival(manifest(version="3.0.0", floors=(floor,)), installed))
    assert len(found) == bool(words)
    assert all(words in it for it in found)


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        (Platform(os=("debian", "ubuntu"), arch=("amd64",)), ""),
        (Platform(os=("linux",)), ""),
        (Platform(os=("alpine",)), "made for alpine, the host is debian"),
        (Platform(arch=("arm64", "armhf")), "made for arm64 or armhf, the host is x86_64"),
    ],
)
def test_platforms(platform, words):
    found = missing(Arrival(manifest(platform=platform)))
    assert found == ([f"app: {words}"] if words else [])


def test_memory_and_tags():
    fits = Requirements(memory=2 * 1024**3, tags=("gpu",))
    assert missing(Arrival(manifest(), "1.0.0")) == []
    assert missing(Arrival(Manifest("d", "app", "1.0.0", 1, "", "l", (), requires=fits))) == []
    greedy = Manifest(
        "d",
        "app",
        "1.0.0",
        1,
        "",
        "l",
        (),
        requires=Requirements(memory=3 * 1024**3, tags=("gpu", "nic", "tpu")),
    )
    assert missing(Arrival(greedy)) == [
        "app: requires 3GiB of memory, the host has 2GiB",
        (
            "app: requires the tags gpu, nic, tpu, the host lacks nic, tpu; "
            "if it has what they stand for, add them to its variable fleet_tags"
        ),
    ]
    [silent, _] = missing(Arrival(greedy), standing=Standing())
    assert silent == "app: requires 3GiB of memory, the host does not say how much it has"


def needy(text: str, name: str = "db") -> Manifest:
    return manifest(requires={name: text})


def test_a_package_counts_from_its_activation_on():
    db = Arrival(manifest("db", "2.4.0"), "2.3.0")
    assert missing(db, Arrival(needy("^2.4"))) == []
    assert missing(Arrival(needy("^2.4")), db) == [
        (
            "app: requires db ^2.4, which the host gets only afterwards; "
            "add to the plan's order: db before app"
        )
    ]
    assert missing(Arrival(needy("^2.3")), db) == []


def test_a_package_that_would_leave_what_is_required():
    db = Arrival(manifest("db", "3.0.0"), "2.4.0")
    words = ["app: requires db ^2.4, the host would have db 3.0.0"]
    assert missing(Arrival(needy("^2.4")), db) == words
    assert missing(Arrival(needy("^2.4"), "2.0.0", there=True), db) == words


def test_a_package_that_is_nowhere():
    assert missing(Arrival(needy("^2.4"))) == ["app: requires db ^2.4, the host has no db"]


def test_packages_that_the_run_leaves_alone():
    assert missing(Arrival(needy("^1", "base"))) == []
    assert missing(Arrival(needy("^2", "base"))) == [
        "app: requires base ^2, the host would have base 1.0.0"
    ]


def test_what_packages_provide_counts():
    target = Arrival(manifest("pg", "15.0.0", provides=(("sql", "2.4.0"), ("kv", "1.0.0"))))
    assert missing(target, Arrival(needy("^2.4", "sql"))) == []
    assert missing(target, Arrival(needy("^3", "sql"))) == [
        "app: requires sql ^3, the host would have sql 2.4.0"
    ]
    [late] = missing(Arrival(needy("^2.4", "sql")), target)
    assert late.endswith("add to the plan's order: pg before app")
    active = Arrival(target.manifest, "14.0.0", provided=(("sql", "2.4.0"),))
    assert missing(Arrival(needy("^2.4", "sql")), active) == []


def test_two_that_provide_the_same():
    old, new = (
        Arrival(manifest(name, "1.0.0", provides=(("sql", version),)))
        for name, version in (("a", "1.0.0"), ("b", "2.0.0"))
    )
    assert missing(old, new, Arrival(needy("^2", "sql"))) == []
    assert missing(old, new, Arrival(needy("^3", "sql"))) == [
        "app: requires sql ^3, the host would have sql 1.0.0 and 2.0.0"
    ]


def test_nothing_is_asked_of_a_host_that_has_it_all():
    there = Arrival(needy("^9"), "2.0.0", there=True)
    assert missing(there) == []


def test_everything_is_told_at_once():
    found = missing(
        Arrival(
            manifest("db", "3.0.0", floors=("2.0.x",), platform=Platform(arch=("arm64",))), "1.0.0"
        ),
        Arrival(needy("^2")),
    )
    assert [words.partition(":")[0] for words in found] == ["db", "db", "app"]


def test_which_releases_ask_something():
    assert not has_needs(manifest())
    assert has_needs(needy("^1"))
    assert has_needs(manifest(floors=("2.x",)))
    assert has_needs(manifest(platform=Platform(os=("debian",))))
    assert required_names([needy("^1"), needy("^2", "sql"), manifest()]) == {"db", "sql"}
