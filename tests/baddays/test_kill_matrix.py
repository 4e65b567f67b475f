"""Controllers killed with SIGKILL at every journalled point; another one resumes the run.

Every host must end wholly new, or wholly old where the release is bad, with nothing done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.model.event import Action, ActionBegun, ActionEnded, Event, Result
from orchestrator.rollout.states import HostState
from tests.baddays.killer import CHANGING, Point, When
from tests.baddays.matrix import Attempt, Goal, Trial, table, try_all
from tests.baddays.site import BAD, NEW, OLD, Area, Site

pytestmark = [pytest.mark.ssh, pytest.mark.slow]

WHOLLY_NEW = Goal(NEW, HostState.COMMITTED, 0, ledger=("words",))
WHOLLY_OLD = Goal(OLD, HostState.REVERTED, 2)

TAKEN_UP = 4
"""Events that a resume adds: the controller, the operator's word, and the canary's probe."""

GOES_BACK: dict[str, Any] = {
    "cohorts": [{"name": name, "hosts": name} for name in ("h001", "h002", "h003")],
    "commit": "run",
    "on_halt": "rollback-run",
}
"""One host after the other, and all of them back when one fails."""

FAILS_LAST: dict[str, object] = {
    "validations": [{"command": 'test "{{ inventory_hostname }}" != h003 || test "$BAD" = no'}],
    "environment": {"BAD": "{{ 'yes' if version == '" + BAD + "' else 'no' }}"},
}


@pytest.fixture(scope="module")
def old(site: Site) -> Area:
    """Three hosts with the old release; the migration step is yet to be done."""
    area = site.area("old", package={"steps": []})
    area.apply(OLD)
    return area


@pytest.fixture(scope="module")
def good_run(site: Site, old: Area) -> list[Event]:
    """The events of a run that nothing happens to."""
    area = site.area("good", like=old)
    area.apply(NEW)
    assert area.versions() == area.all_on(NEW)
    return area.events()


@pytest.fixture(scope="module")
def bad_run(site: Site, old: Area) -> list[Event]:
    """The events of a run that goes back by itself."""
    area = site.area("bad", like=old, package=FAILS_LAST, **GOES_BACK)
    area.apply(BAD, expect=2)
    assert area.versions() == area.all_on(OLD)
    return area.events()


@pytest.mark.parametrize("when", When)
def test_the_fleet_becomes_wholly_new(
    site: Site, old: Area, good_run: list[Event], when: When, record_property
) -> None:
    attempts = [
        Attempt(site.area(f"new-{point.when}-{point.number}", like=old), NEW, point)
        for point in points_of(good_run, when)
    ]
    judge(try_all(attempts, WHOLLY_NEW), len(attempts), record_property)


@pytest.mark.parametrize("when", When)
def test_a_bad_release_leaves_the_fleet_wholly_old(
    site: Site, old: Area, bad_run: list[Event], when: When, record_property
) -> None:
    """Killed while it goes back: from the failure on."""
    failed = next(n for n, event in enumerate(bad_run, start=1) if is_failure(event))
    begun = sum(is_change(event) for event in bad_run[:failed])
    since = begun if when is When.DURING else failed - 1
    attempts = [
        Attempt(
            site.area(f"old-{when}-{point.number}", like=old, package=FAILS_LAST, **GOES_BACK),
            BAD,
            point,
        )
        for point in points_of(bad_run, when)
        if point.number > since
    ]
    judge(try_all(attempts, WHOLLY_OLD), len(attempts), record_property)


def test_the_controller_that_resumes_is_killed_too(
    site: Site, old: Area, good_run: list[Event], record_property
) -> None:
    """The first dies with the canary's activation begun; the second after each event of its own."""
    first = Point(When.AFTER, begun(good_run, Action.ACTIVATE))
    attempts = [
        Attempt(
            site.area(f"twice-{number}", like=old),
            NEW,
            Point(When.AFTER, number, written=first.number),
            first,
        )
        for number in range(first.number + 1, len(good_run) + TAKEN_UP + 1)
    ]
    judge(try_all(attempts, WHOLLY_NEW), len(attempts), record_property)


def points_of(events: Sequence[Event], when: When) -> list[Point]:
    """Return all points of one kind in a run like this."""
    if when is When.DURING:
        return [Point(when, n) for n, _ in enumerate(filter(is_change, events), start=1)]
    first = 2 if when is When.BEFORE else 1
    return [Point(when, number) for number in range(first, len(events) + 1)]


def is_change(event: Event) -> bool:
    return isinstance(event, ActionBegun) and event.action in CHANGING


def is_failure(event: Event) -> bool:
    return isinstance(event, ActionEnded) and event.result is Result.FAILED


def begun(events: Sequence[Event], action: Action) -> int:
    """Return the number of the first event that tells of an intent to do this."""
    return next(
        number
        for number, event in enumerate(events, start=1)
        if isinstance(event, ActionBegun) and event.action is action
    )


def judge(trials: Sequence[Trial], points: int, record_property) -> None:
    print(f"\n{table(trials)}")
    record_property("kill_points", points)
    record_property("outcomes", [(str(trial.point), trial.what, trial.outcome) for trial in trials])
    flawed = [f"{t.point} ({t.what}): {flaw}" for t in trials for flaw in t.flaws]
    assert not flawed, "\n".join(flawed)
    assert len(trials) == points
