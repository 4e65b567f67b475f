"""Controllers that meet, and a journal without room, on real OpenSSH hosts."""

from __future__ import annotations

import asyncio
import shutil
import signal
from dataclasses import dataclass, replace

import pytest

from orchestrator.clock import WallClock
from orchestrator.home import Home
from orchestrator.journal import Journal, Owner
from orchestrator.journal.lease import TERM
from orchestrator.model.event import ActionEnded, Event, Result
from orchestrator.rollout.states import HostState
from tests.baddays.holding import CANARY, assert_settled, held
from tests.baddays.site import NEW, Area, Site
from tests.labs import eventually

pytestmark = pytest.mark.ssh


# Two controllers that do not know of each other


def test_a_second_controller_is_told_who_holds_the_lock(area: Area) -> None:
    other = replace(area, controller="other")
    with held(area) as first:
        before = [disk.history for disk in area.disks]
        other.apply(NEW, expect=2)
        host = other.rollout().hosts[CANARY]
        assert host.state is HostState.FAILED
        assert "locked by" in host.reason
        assert [disk.history for disk in area.disks] == before
        area.disk(CANARY).let_go("pre_activate")
        assert first.wait() == 0, first.stderr
    assert_settled(area, NEW)


def test_the_lock_is_taken_by_one_of_two_that_have_looked(area: Area, site: Site) -> None:
    """Both find the host free; what decides is who stages first."""
    wait = 'while [ -e "{{ fleet_root }}/hold-check" ]; do sleep 0.05; done'
    late = site.area("late", like=area, package={"pre_checks": [{"command": wait}]})
    late.plan.write_text(late.plan.read_text().replace("}}/late", f"}}}}/{area.name}"))
    holder = site.lab.host(CANARY).root / "hold-check"
    holder.touch()
    with late.start_apply(NEW) as second:
        second.await_line('"action":"check"')
        with held(area) as first:
            holder.unlink()
            assert second.wait() == 2, second.stderr
            area.disk(CANARY).let_go("pre_activate")
            assert first.wait() == 0, first.stderr
    assert ("stage", Result.FAILED) in outcomes(late.events(), CANARY)
    assert "locked" in late.rollout().hosts[CANARY].reason
    assert_settled(area, NEW)


def test_a_failed_host_keeps_no_lock_from_later_runs(area: Area) -> None:
    releases = area.disk(CANARY).root / "releases"
    aside = releases.rename(releases.with_name("aside"))
    releases.touch()
    area.apply(NEW, expect=2)
    assert area.rollout().hosts[CANARY].state is HostState.FAILED
    releases.unlink()
    aside.rename(releases)
    area.apply(NEW)
    assert_settled(area, NEW)


# One run, several controllers


def test_one_of_two_resumes_drives_the_run(area: Area) -> None:
    with held(area) as first:
        first.send(signal.SIGKILL)
        first.wait()
    with area.start("resume", "last") as one, area.start("resume", "last") as two:
        assert eventually(lambda: any(r.process.poll() is not None for r in (one, two)))
        loser, winner = (one, two) if one.process.poll() is not None else (two, one)
        assert loser.wait() == 2
        assert "is driven by process" in loser.stderr
        assert winner.process.poll() is None
        area.disk(CANARY).let_go("pre_activate")
        assert winner.wait() == 0, winner.stderr
    assert_settled(area, NEW)


@dataclass(frozen=True)
class Ahead:
    """A clock that is ahead by as long as a lease lasts."""

    def now(self) -> float:
        return WallClock().now() + TERM + 1


def expire_lease(area: Area) -> None:
    """Do as if the lease of the last run had expired: take it in the future, and give it back."""

    async def pass_on(journal: Journal) -> None:
        await journal.take(journal.find_run("last"), Owner.here()).close()

    with Journal.open(Home(area.home).journal, Ahead()) as journal:
        asyncio.run(pass_on(journal))


def test_a_stale_controller_stops_when_it_wakes_up(area: Area) -> None:
    """Stopped in mid-run; another takes over; its journal has moved on without it."""
    with held(area) as stale:
        stale.send(signal.SIGSTOP)
        refused = area.fleet("resume", "last", expect=2)
        assert "is driven by process" in refused.stderr
        area.disk(CANARY).let_go("pre_activate")
        expire_lease(area)
        area.fleet("resume", "last")
        done, events = [disk.history for disk in area.disks], area.events()
        stale.send(signal.SIGCONT)
        assert stale.wait() == 2
        assert "was taken over" in stale.stderr
        assert "Traceback" not in stale.stderr
    assert [disk.history for disk in area.disks] == done
    assert area.events() == events
    assert_settled(area, NEW)


def test_hosts_fence_a_stale_controller_off(area: Area) -> None:
    """The other took over from a copy of the journal: only the hosts can tell the stale one."""
    other = replace(area, controller="other")
    with held(area) as stale:
        stale.send(signal.SIGSTOP)
        shutil.copytree(area.home, other.home)
        area.disk(CANARY).let_go("pre_activate")
        expire_lease(other)
        other.fleet("resume", "last")
        done = [disk.history for disk in area.disks]
        stale.send(signal.SIGCONT)
        assert stale.wait() == 2
        assert "another controller has taken over" in stale.stderr
        assert "Traceback" not in stale.stderr
    assert [changes(entries) for entries in done] == [changes(d.history) for d in area.disks]
    assert_settled(other, NEW)


def changes(entries: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return what was done: not what was refused."""
    return [entry for entry in entries if entry.get("status") != "fenced"]


# A disk without room for the journal


@pytest.mark.parametrize("room", [100, 200, 300])
def test_a_journal_without_room_ends_the_controller_but_not_the_run(area: Area, room: int) -> None:
    ended = area.fleet("apply", area.plan, "-e", f"version={NEW}", expect=2, within=room * 1024)
    assert "journal" in ended.stderr
    assert "hint:" in ended.stderr
    assert not area.rollout().finished
    area.fleet("resume", "last")
    assert_settled(area, NEW)


def outcomes(events: list[Event], host: str) -> list[tuple[str, str]]:
    return [
        (event.action, event.result)
        for event in events
        if isinstance(event, ActionEnded) and event.host == host
    ]
