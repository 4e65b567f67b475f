from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import ProtocolError
from orchestrator.host import sending
from orchestrator.host.delivery import Delivery
from orchestrator.host.replies import Probe
from orchestrator.host.source import undo_bsdiff
from orchestrator.model.transfer import PLAIN, Base, Means, Part
from orchestrator.ports import Payload
from tests.host.scripted import FakeDepot, manifest

M = Means
LARGE = Payload(Path("p"), 1 << 20, 3, M.ZSTD, "ab" * 32)
BASE = Base("1.0.0-0123456789ab", "1-3", "cd" * 32, 5000)
PATCH = Payload(Path("p"), 700, 3, M.ZSTD_PATCH, "ef" * 32, BASE, 3000, (1, 2, 3))


@pytest.mark.parametrize(
    ("facts", "means"),
    [
        ({}, {M.GZIP}),
        ({"tools": ["perl", "xz"]}, {M.GZIP, M.XZ}),
        ({"tools": ["zstd"], "zstd_patch": False}, {M.GZIP, M.ZSTD}),
        ({"tools": ["zstd"], "zstd_patch": True}, {M.GZIP, M.ZSTD, M.ZSTD_PATCH}),
        ({"tools": ["python3"]}, {M.GZIP, M.BSDIFF}),
    ],
)
def test_abilities_are_the_tools(facts: dict[str, object], means: set[Means]) -> None:
    assert sending.abilities(facts).means == means


def test_half_of_the_memory_may_be_used() -> None:
    assert sending.abilities({"memory_available_kib": 4096}).memory == 2 << 20
    assert sending.abilities({"memory_available_kib": None}).memory == 0
    with pytest.raises(ProtocolError):
        sending.abilities({"memory_available_kib": "much"})


def test_in_full_leaves_patches_out() -> None:
    able = sending.abilities({"tools": ["zstd", "python3"], "zstd_patch": True})
    assert sending.in_full(able).means == {M.GZIP, M.ZSTD}
    assert sending.in_full(PLAIN) == PLAIN


A, B, C = (manifest(f"1.{minor}.0") for minor in range(3))


@pytest.mark.parametrize(
    ("active", "previous", "releases", "expected"),
    [
        ("", "", (), ""),
        (A.release, B.release, (B.release, A.release), A.release),
        ("gone", B.release, (B.release, A.release), B.release),
        ("unknown", "", ("unknown", A.release, B.release), B.release),
        ("unknown", "", ("unknown",), ""),
        ("", "", (C.release,), ""),
    ],
)
def test_the_base_is_a_whole_release_that_is_known(
    active: str, previous: str, releases: tuple[str, ...], expected: str
) -> None:
    probe = Probe(active=active, previous=previous, releases=releases)
    assert sending.base(probe, FakeDepot((A, B))) == expected


def test_small_content_is_not_spooled() -> None:
    small = replace(LARGE, size=sending.SPOOLED - 1)
    assert sending.delivery(small, None) == Delivery(M.ZSTD, small.size)


@pytest.mark.parametrize(
    ("part", "offset"),
    [
        (None, 0),
        (Part("ab" * 32, 1000), 1000),
        (Part("ab" * 32, 1 << 20), 1 << 20),
        (Part("ab" * 32, (1 << 20) + 1), 0),
        (Part("ab" * 32, -1), 0),
        (Part("00" * 32, 1000), 0),
    ],
)
def test_the_rest_of_a_part_is_sent(part: Part | None, offset: int) -> None:
    found = sending.delivery(LARGE, part)
    assert (found.offset, found.sha256) == (offset, LARGE.sha256)
    assert found.spool_kib == -(-(LARGE.size - offset) // 1024)


def test_a_patch_says_what_it_is_against() -> None:
    found = sending.delivery(PATCH, None)
    assert (found.base, found.heads, found.script) == (BASE, (1, 2, 3), "")
    assert found.spool_kib == 9
    assert sending.delivery(replace(PATCH, means=M.BSDIFF), None).script == undo_bsdiff()
