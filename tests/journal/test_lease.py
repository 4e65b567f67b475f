"""One controller at a time: who may take a run, and what the one before may still do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.errors import JournalError, LeaseHeld, UnknownRun
from orchestrator.journal import Journal, Owner
from orchestrator.journal.lease import RENEWAL, TERM
from orchestrator.model.event import ControllerStarted, TimePassed
from tests.journal.conftest import FAR, NOW, RUN, SetClock, started

NEAR = Owner("near-ops", 7, 1, "another-boot/2")


@pytest.fixture
def elsewhere(journal: Journal) -> Iterator[Journal]:
    """The same journal, seen by another controller after leases of NOW have expired.

    The first one's clock stands still meanwhile, as that of a stopped process.
    """
    with Journal.open(journal.path, SetClock(NOW + TERM)) as opened:
        yield opened


def test_a_live_lease_is_refused_with_its_holder_and_since_when(journal: Journal) -> None:
    journal.create_run(started(), FAR)
    with pytest.raises(LeaseHeld) as refusal:
        journal.take(RUN, NEAR)
    assert "process 4711 on far-ops since 2026-02-02T02:40:00Z" in refusal.value.message
    assert "2026-02-02T02:40:30Z" in refusal.value.hint


def test_this_very_process_cannot_drive_a_run_twice(journal: Journal) -> None:
    journal.create_run(started(), Owner.here())
    with pytest.raises(LeaseHeld):
        journal.take(RUN, Owner.here())


def test_of_many_controllers_at_once_one_wins(journal: Journal) -> None:
    journal.create_run(started(), FAR)

    def attempt(number: int) -> bool:
        with Journal.open(journal.path, SetClock(NOW + TERM)) as mine:
            try:
                mine.take(RUN, Owner("ops", number + 1, 1, "another-boot/3"))
            except LeaseHeld:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert journal.lease(RUN).token == 2


async def test_a_controller_that_was_replaced_cannot_append(
    journal: Journal, elsewhere: Journal
) -> None:
    stale = journal.create_run(started(), FAR)
    heir = elsewhere.take(RUN, NEAR)
    await heir.append(ControllerStarted(NOW, str(NEAR)))
    with pytest.raises(LeaseHeld, match="was taken over by process 7 on near-ops at 2026"):
        await stale.append(TimePassed(NOW))
    await stale.close()
    assert journal.lease(RUN).owner == NEAR, "closing gives back no lease of another's"
    assert (await heir.append(TimePassed(NOW))).seq == 3
    await heir.close()


async def test_an_expired_lease_that_nobody_took_still_serves(
    journal: Journal, clock: SetClock
) -> None:
    log = journal.create_run(started(), FAR)
    clock.at += 10 * TERM
    assert (await log.append(TimePassed(clock.at))).seq == 2
    assert journal.lease(RUN).expires == clock.at + TERM
    await log.close()


async def test_a_lease_that_was_given_back_is_free(journal: Journal) -> None:
    await journal.create_run(started(), FAR).close()
    assert not journal.lease(RUN).held(NOW)
    log = journal.take(RUN, NEAR)
    assert journal.lease(RUN).held(NOW)
    assert log.token == 2
    await log.close()


def test_an_idle_controller_keeps_its_lease(journal: Journal, clock: SetClock) -> None:
    journal.create_run(started(), FAR)
    clock.at += RENEWAL
    wait_for_expiry(journal, clock.at + TERM)


async def test_a_closed_log_renews_no_more(journal: Journal, clock: SetClock) -> None:
    await journal.create_run(started(), FAR).close()
    journal.create_run(started("run-b"), FAR)
    clock.at += RENEWAL
    await asyncio.to_thread(wait_for_expiry, journal, clock.at + TERM, "run-b")
    assert journal.lease(RUN).owner is None
    assert len(journal._writer._chores) == 1


def wait_for_expiry(journal: Journal, expires: float, run: str = RUN) -> None:
    deadline = time.monotonic() + 10
    while journal.lease(run).expires != expires:
        assert time.monotonic() < deadline, "the lease was not renewed"
        time.sleep(0.02)


def test_a_run_that_is_taken_again_has_no_verdict_yet(journal: Journal, elsewhere: Journal) -> None:
    journal.create_run(started(), FAR)
    journal.finish(RUN, 3, NOW + 5)
    assert (journal.runs()[0].verdict, journal.runs()[0].ended_at) == (3, NOW + 5)
    elsewhere.take(RUN, NEAR)
    assert (journal.runs()[0].verdict, journal.runs()[0].ended_at) == (None, None)


async def test_a_controller_that_was_replaced_gives_no_verdict(
    journal: Journal, elsewhere: Journal
) -> None:
    journal.create_run(started(), FAR)
    with pytest.raises(LeaseHeld, match="taken over by process 4711"):
        elsewhere.finish(RUN, 0, NOW)
    log = elsewhere.take(RUN, NEAR)
    with pytest.raises(LeaseHeld, match="taken over by process 7"):
        journal.finish(RUN, 0, NOW)
    await log.close()
    elsewhere.finish(RUN, 2, NOW)
    assert journal.runs()[0].verdict == 2


def test_an_unknown_run_is_said_to_be_one(journal: Journal) -> None:
    with pytest.raises(UnknownRun):
        journal.take(RUN, FAR)
    with pytest.raises(UnknownRun):
        journal.lease(RUN)
    with pytest.raises(UnknownRun):
        journal.events(RUN)
    with pytest.raises(UnknownRun):
        journal.finish(RUN, 0, NOW)


def test_a_run_is_created_once(journal: Journal) -> None:
    journal.create_run(started(), FAR)
    with pytest.raises(JournalError, match=f"run {RUN} is in the journal already"):
        journal.create_run(started(), NEAR)
    assert journal.lease(RUN).owner == FAR
