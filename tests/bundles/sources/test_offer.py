from __future__ import annotations

import json

import pytest

from orchestrator.bundles.sources import Offer, choose, claims, ordered
from orchestrator.errors import BundleError
from orchestrator.model.bundle import Urgency
from orchestrator.model.ranges import Range

A, B, C = "a" * 64, "b" * 64, "c" * 64


def offers(*versions: str) -> tuple[Offer, ...]:
    return ordered(Offer("app", version, digest=f"{i:064}") for i, version in enumerate(versions))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, "2.4.1"),
        ("latest", "2.4.1"),
        ("^1", "1.9.3"),
        ("~1.8", "1.8.0"),
        ("2.5.0-rc.1", "2.5.0-rc.1"),
        (">=2.5.0-rc.0", "2.5.0-rc.1"),
        ("1.x || 2.x", "2.4.1"),
    ],
)
def test_choosing_the_newest_that_is_wanted(wanted: str | None, found: str) -> None:
    there = offers("1.8.0", "2.4.1", "2.5.0-rc.1", "1.9.3", "1.0.0")
    assert choose(there, Range(wanted) if wanted else None, at="store").version == found


def test_the_newest_packaging_of_a_version() -> None:
    there = ordered(Offer("app", "1.0.0", number, str(number)) for number in (2, 10, 1))
    assert choose(there, Range("1.0.0"), at="store").revision == 10


def test_two_things_of_one_name_are_a_contradiction() -> None:
    there = (Offer("app", "1.0.0", 2, A), Offer("app", "1.0.0", 2, B), Offer("app", "0.9.0", 1, C))
    with pytest.raises(BundleError, match=r"2 bundles of 'app' 1\.0\.0 revision 2 with other"):
        choose(there, None, at="store")
    assert choose(there, Range("0.9.0"), at="store").digest == C
    assert choose(there, None, A, at="store").digest == A
    assert choose((there[0], there[0]), None, at="store").digest == A


def test_pre_releases_alone_must_be_asked_for() -> None:
    (only,) = offers("1.0.0-rc.1")
    with pytest.raises(BundleError, match=r"only pre-releases of 'app'; name one .* 1\.0\.0-rc\.1"):
        choose((only,), None, at="store")
    assert choose((only,), Range("1.0.0-rc.1"), at="store") == only


def test_a_digest_is_exact() -> None:
    there = (Offer("app", "1.0.0", 1, A), Offer("app", "1.1.0", 1, B))
    assert choose(there, Range("^1"), A, at="store").version == "1.0.0"
    with pytest.raises(BundleError, match=r"no bundle of 'app' with manifest c{12}; put it back"):
        choose(there, None, C, at="store")


def test_a_digest_that_only_the_build_can_tell() -> None:
    there = (Offer("app", "1.0.0", 1, A), Offer("app", "1.1.0"), Offer("app", "1.2.0"))
    found = choose(there, Range("1.1.0"), C, at="git")
    assert (found.version, found.digest) == ("1.1.0", C)


def test_long_lists_are_cut_at_their_old_end() -> None:
    there = offers(*(f"1.{minor}.0" for minor in range(30)))
    with pytest.raises(BundleError, match=r"there are 1\.20\.0, .*1\.29\.0 and 20 older ones"):
        choose(there, Range("9.9.9"), at="store")


CLAIM = {
    "revision": 1,
    "package": "app",
    "version": "1.0.0",
    "created": "2026-01-31T04:05:06Z",
    "format": 9,
}


def test_what_a_manifest_claims() -> None:
    more = {"revision": 2, "urgency": "critical", "notes": "a\nb"}
    raw = json.dumps(CLAIM | more).encode()
    offer = claims.of_manifest(raw, "here")
    assert (offer.package, offer.version, offer.revision) == ("app", "1.0.0", 2)
    assert (offer.urgency, offer.place) == (Urgency.CRITICAL, "here")
    assert offer.notes == "a\nb"
    assert offer.label == "1.0.0 revision 2"


@pytest.mark.parametrize(
    "wrong",
    [
        {"package": "../app"},
        {"version": "1.0"},
        {"version": None},
        {"revision": 0},
        {"revision": True},
        {"created": "yesterday"},
        {"urgency": "very"},
        {"notes": 1},
        {"notes": "\x1b[31m"},
    ],
)
def test_malformed_claims(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        claims.of_manifest(json.dumps(CLAIM | wrong).encode(), "here")


@pytest.mark.parametrize("raw", [b"", b"[]", b"[" * 100_000, b"{}", b"\xff"])
def test_no_manifests(raw: bytes) -> None:
    with pytest.raises(ValueError):
        claims.of_manifest(raw, "here")
