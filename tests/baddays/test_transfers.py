"""Transfers that are cut on real OpenSSH hosts, and go on."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from orchestrator.model.event import Action, ActionEnded
from tests.baddays.site import OLD, Area, Site, start_site
from tests.labs import eventually, mend

pytestmark = [pytest.mark.ssh]

BIG = "2.0.0"
BIGGER = "2.1.0"
NOISE = random.Random(1).randbytes(2_000_000)
HALF = len(NOISE) // 2
RATE = 1_000_000
"""Bytes a second of the slow link."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory, 2) as site:
        site.bundle(BIG, {"noise": NOISE})
        changed = NOISE[:HALF] + b"changed" + NOISE[HALF:]
        site.bundle(BIGGER, {"noise": changed, "zeros": bytes(50_000)})
        yield site


def arrived(area: Area, name: str) -> int:
    """Return how much of a payload a host has."""
    parts = area.disk(name).state.glob("incoming/*.part")
    return max((part.stat().st_size for part in parts), default=0)


def staged(area: Area, name: str) -> dict[str, object]:
    """Return what the last run's journal says of what a host was sent."""
    for event in area.events():
        if isinstance(event, ActionEnded) and event.action is Action.STAGE and event.host == name:
            found = event.facts["staged"]
            assert isinstance(found, dict)
            return dict(found["app"])
    raise AssertionError("nothing was staged")


def test_cut_at_half_only_the_rest_is_sent(site: Site) -> None:
    timeouts = {"connect": "2s", "validate": "20s", "confirm": "20s", "silent": "2s"}
    area = site.area("cut", timeouts=timeouts, retries={"attempts": 1, "backoff": "50ms"})
    first, second = area.hosts
    assert area.apply(OLD).returncode == 0
    site.lab.slow(first, rate=RATE)
    with area.start_apply(BIG) as running:
        assert eventually(lambda: arrived(area, first) > HALF)
        site.lab.kill(first)
        assert running.wait() != 0
    there = arrived(area, first)
    assert HALF < there < len(NOISE)
    mend(site.lab)
    area.apply(BIG)
    sent = staged(area, first)["sent"]
    assert isinstance(sent, int)
    assert len(NOISE) - there <= sent <= len(NOISE) - there + 20_000
    assert arrived(area, first) == 0
    assert area.versions() == area.all_on(BIG)
    area.apply(BIGGER)
    assert area.versions() == area.all_on(BIGGER)
    told = staged(area, second)
    assert (told["means"], told["received"]) == ("zstd-patch", 3)
    assert isinstance(told["sent"], int)
    assert told["sent"] < 3_000
