"""Looking at all hosts before a run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.errors import Unreachable
from orchestrator.host.looking import Look
from orchestrator.host.replies import Probe
from orchestrator.model.bundle import Requirements, Urgency
from orchestrator.model.consent import Change, Consent
from orchestrator.model.fleet import Host
from orchestrator.planning.policy import Given
from orchestrator.service import preflight
from orchestrator.service.prepare import Prepared
from tests.host.scripted import EMPTY, FACTS, FakeChannel, FakeDepot, probed
from tests.service.test_prepare import PLAN, prepared

NONE = ""
OLD = "1.4.0-000000000000"


class Site:
    """A connector that counts; ``dead`` hosts cannot be reached."""

    def __init__(self, *dead: str) -> None:
        self.dead = dead
        self.open_now = self.most = 0
        self.channels: list[FakeChannel] = []

    async def open(self, host: Host) -> FakeChannel:
        self.open_now += 1
        self.most = max(self.most, self.open_now)
        await asyncio.sleep(0)
        if host.name in self.dead:
            self.open_now -= 1
            raise Unreachable(f"{host} is gone")
        site = self

        class Channel(FakeChannel):
            async def close(self) -> None:
                site.open_now -= 1

        self.channels.append(Channel({"facts": FACTS, "probe": probed(EMPTY)}))
        return self.channels[-1]

    async def close(self) -> None:
        raise AssertionError("the caller's")


def run_of(given: Given | None = None, **more: Any) -> Prepared:
    """Return a run whose manifest has these fields."""
    base = prepared(PLAN)
    [work] = base.works
    work = replace(work, manifest=replace(work.manifest, **more), agreed=given)
    return replace(base, works=(work,))


def looks(**active: str) -> preflight.Looks:
    return {name: Look(FACTS.fields, {"app": Probe(release)}) for name, release in active.items()}


async def test_every_host_is_asked_once_and_not_all_at_a_time() -> None:
    base = run_of()
    rollout = replace(base.plan.rollout, max_parallel=2)
    site = Site("a2")
    found = await preflight.look_before(
        replace(base, plan=replace(base.plan, rollout=rollout)), site
    )
    assert list(found) == ["a1", "a2", "b1"]
    assert [isinstance(look, Look) for look in found.values()] == [True, False, True]
    assert [len(channel.calls) for channel in site.channels] == [1, 1]
    assert (site.most, site.open_now) == (2, 0)


@pytest.mark.parametrize(
    ("given", "more", "needed"),
    [
        (None, {}, False),
        (Given(), {}, True),
        (None, {"floors": ("2.x",)}, True),
        (None, {"requires": Requirements(tags=("gpu",))}, True),
    ],
)
def test_when_it_is_needed(given: Given | None, more: dict[str, Any], needed: bool) -> None:
    assert preflight.is_needed(run_of(given, **more)) is needed


def test_hosts_that_miss_the_same_are_told_together() -> None:
    run = run_of(requires=Requirements(tags=("gpu",)), floors=("0.9.x",))
    found = preflight.missing(run, looks(a1=NONE, a2="0.5.0-000000000000", b1=NONE), FakeDepot())
    assert [problem.what for problem in found] == [
        "a1, a2, b1 (3 hosts): requires the tags gpu, the host lacks gpu",
        "a2: 0.5.0 is active, and 1.0.0 must be reached by way of 0.9.x",
    ]
    assert {problem.path for problem in found} == {"packages.app"}


def test_a_lower_version_is_missed_too() -> None:
    [problem] = preflight.missing(run_of(), looks(a1=OLD, a2=NONE), FakeDepot())
    words = "a1: 1.4.0 is active, 1.0.0 is lower; set allow_downgrade: true if that is meant"
    assert problem.what == words


def test_what_a_host_says_is_harmless() -> None:
    run = run_of(floors=("0.9.x",))
    hostile = looks(a1="\x1b[2Jboo-000000000000")
    [problem] = preflight.missing(run, hostile, FakeDepot())
    assert problem.what.startswith("a1: unknown is active, and 1.0.0 must")
    [demand] = preflight.demands(run_of(Given()), hostile)
    assert (demand.before, demand.consent) == (("unknown",), Consent.APPROVE)


def test_the_largest_change_of_all_hosts_is_asked_for() -> None:
    run = run_of(Given(), version="1.5.0", urgency=Urgency.LOW, notes="n")
    [work] = run.works
    seen = {**looks(a1=OLD, a2=NONE, b1=work.release), "gone": Unreachable("gone")}
    [demand] = preflight.demands(run, seen)
    assert (demand.before, demand.change) == (("1.4.0",), Change.MINOR)
    assert (demand.consent, demand.notes) == (Consent.ASK, "n")
    assert preflight.demands(run_of(None), seen) == ()


def test_what_was_agreed_reaches_only_versions_that_fleet_chose() -> None:
    run, given = run_of(Given()), Given(yes=True)
    named = replace(run.works[0], agreed=None)
    both = replace(run, works=(*run.works, named)).agreed(given)
    assert [work.agreed for work in both.works] == [given, None]
