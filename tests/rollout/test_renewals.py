"""Confirmed hosts stay on trial until they are committed, and a run that leaves lets go of them."""

from __future__ import annotations

from collections import Counter

import pytest

from orchestrator.model.event import Action, ActionEnded, Request, Result, TimePassed
from orchestrator.model.plan import Amount, CommitScope, OnHalt, UnreachableBudget
from orchestrator.rollout.explain import why_host, why_run
from orchestrator.rollout.records import Perform
from orchestrator.rollout.renewals import AT_ONCE
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W
from tests.rollout.harness import World, good, spec
from tests.rollout.timed import Timed


def done(world: World, action: Action) -> Counter[str]:
    ended = (e for e in world.events if isinstance(e, ActionEnded) and e.action is action)
    return Counter(event.host for event in ended)


def gone_back(perform: Perform) -> Result:
    return Result.FAILED if perform.action is Action.RENEW else good(perform)


def test_nothing_is_renewed_where_trials_end_with_their_confirmation():
    world = World(spec(2, bake=1000.0))
    world.settle()
    assert not done(world, Action.RENEW)
    assert not done(world, Action.KEEP)


def test_hosts_are_renewed_while_their_wave_bakes():
    world = World(spec(3, bake=1000.0, renewal=200.0))
    world.settle()
    renewed = done(world, Action.RENEW)
    assert set(renewed) == {"w0-1", "w0-2", "w0-3"}
    assert all(8 <= times <= 12 for times in renewed.values()), renewed
    assert world.count(H.COMMITTED) == 3
    assert len([event for event in world.events if not hasattr(event, "host")]) < 40


def test_all_waves_of_a_run_are_renewed_until_its_commit():
    world = World(spec(1, 1, bake=300.0, renewal=200.0, commit=CommitScope.RUN))
    world.settle()
    assert done(world, Action.RENEW)["w0-1"] > done(world, Action.RENEW)["w1-1"] > 0
    assert world.count(H.COMMITTED) == 2


def test_a_host_that_went_back_by_itself_takes_its_wave_along():
    world = World(spec(2, bake=1000.0, renewal=200.0), gone_back)
    world.settle()
    assert world.now < 1000, "it waited for the end of the bake"
    assert world.count(H.REVERTED) == 2
    assert world.wave_states() == [W.ROLLED_BACK]


def test_hosts_are_renewed_however_many_others_wait_for_their_places():
    took = {Action.STAGE: 20.0, Action.ACTIVATE: 10.0, Action.VALIDATE: 20.0}
    world = Timed(spec(600, max_parallel=5, renewal=3600.0), took)
    world.settle()
    assert world.count(H.COMMITTED) == 600
    assert world.now > 1.5 * 3600
    assert world.longest_unheard() < 3600


def test_renewals_take_no_place_and_have_enough_of_their_own():
    world = World(spec(40, max_parallel=2, bake=1000.0, renewal=200.0))
    while world.count(H.CONFIRMED) < 40:
        world.do(world.todo[0])
    world.restart()  # nobody knows how any of them does
    asked = [perform.action for perform in world.todo]
    assert asked == [Action.RENEW] * AT_ONCE
    for perform in world.todo[2:]:
        world.do(perform)
    assert {perform.action for perform in world.todo} == {Action.RENEW}


def test_a_host_that_is_renewed_when_its_bake_ends_is_proved_after_that():
    world = World(spec(2, bake=150.0, renewal=200.0))
    while not any(perform.action is Action.RENEW for perform in world.todo):
        world.step()
    world.now += 150.0
    world.feed(TimePassed(world.now))
    world.settle()
    assert done(world, Action.SAMPLE) == {"w0-1": 1, "w0-2": 1}
    assert world.count(H.COMMITTED) == 2


def test_a_host_that_was_not_reached_is_asked_again_before_its_time_is_over():
    def silent(perform: Perform) -> Result:
        lost = perform.host == "w0-1" and perform.action is Action.RENEW
        return Result.UNREACHABLE if lost and world.now < 150 else good(perform)

    many = UnreachableBudget(Amount(1))
    world = World(spec(2, bake=1000.0, renewal=200.0, max_unreachable=many))
    world.answer = silent
    world.settle()
    renewed = [e.at for e in world.events if isinstance(e, ActionEnded) and _renews(e, "w0-1")]
    first, second = renewed[:2]
    assert second - first <= 200.0 / 4


def _renews(event: ActionEnded, host: str) -> bool:
    return event.host == host and event.action is Action.RENEW


def test_whoever_was_not_heard_of_for_a_while_is_asked_before_the_first_commit():
    world = World(spec(2, max_parallel=1, renewal=200.0))
    while world.count(H.CONFIRMED) < 1:
        world.step()
    world.now += 50.0
    world.settle()
    ended = [(e.host, e.action) for e in world.events if isinstance(e, ActionEnded)]
    assert ended[-3:] == [
        ("w0-1", Action.RENEW),
        ("w0-1", Action.COMMIT),
        ("w0-2", Action.COMMIT),
    ]


@pytest.mark.parametrize("action", [Action.RENEW, Action.COMMIT])
@pytest.mark.parametrize(
    ("on_halt", "others"), [(OnHalt.HOLD, H.CONFIRMED), (OnHalt.ROLLBACK_WAVE, H.REVERTED)]
)
def test_a_host_that_went_back_halts_its_wave_before_others_are_committed(action, on_halt, others):
    def gone(perform: Perform) -> Result:
        bad = (perform.host, perform.action) == ("w0-1", action)
        return Result.FAILED if bad else good(perform)

    world = World(spec(3, 1, max_parallel=1, renewal=200.0, on_halt=on_halt), gone)
    while world.count(H.CONFIRMED) < 1:
        world.step()
    world.now += 50.0
    world.settle()
    assert not done(world, Action.COMMIT)["w0-2"] + done(world, Action.COMMIT)["w0-3"]
    states = world.states()
    assert (states["w0-1"], states["w0-2"], states["w0-3"]) == (H.REVERTED, others, others)
    assert states["w1-1"] is H.PENDING
    assert W.PASSED not in world.wave_states()


@pytest.mark.parametrize(
    ("on_halt", "first"), [(OnHalt.HOLD, H.COMMITTED), (OnHalt.ROLLBACK_WAVE, H.REVERTED)]
)
def test_what_was_committed_by_then_stays_or_goes_back_with_its_wave(on_halt, first):
    def gone(perform: Perform) -> Result:
        bad = (perform.host, perform.action) == ("w0-2", Action.COMMIT)
        return Result.FAILED if bad else good(perform)

    world = World(spec(3, max_parallel=1, renewal=200.0, on_halt=on_halt), gone)
    world.settle()
    assert world.states()["w0-1"] is first
    assert world.states()["w0-2"] is H.REVERTED
    if on_halt is OnHalt.HOLD:
        world.ask(Request.RESUME)
        world.settle()
        assert world.states()["w0-3"] is H.COMMITTED
        assert world.wave_states() == [W.PASSED]


def test_waiting_for_the_commits_explains_itself():
    world = World(spec(2, renewal=200.0))
    while not any(perform.action is Action.COMMIT for perform in world.todo):
        world.do(world.todo[0])
    [hold] = why_run(world.rollout)
    assert (hold.gate, hold.held_by) == (
        "commit",
        "hosts are renewed, then committed: 2 under way",
    )


@pytest.mark.parametrize("request_", [Request.PAUSE, Request.ABORT])
def test_a_run_that_leaves_lets_go_of_its_hosts(request_):
    world = World(spec(2, bake=1000.0, renewal=200.0))
    while world.count(H.CONFIRMED) < 2:
        world.do(world.todo[0])
    world.ask(request_)
    world.settle()
    kept = Action.KEEP if request_ is Request.PAUSE else Action.COMMIT
    assert done(world, kept) == {"w0-1": 1, "w0-2": 1}
    assert world.finished


def test_a_run_that_halts_for_a_person_lets_go_of_its_hosts():
    def half_bad(perform: Perform) -> Result:
        bad = (perform.host, perform.action) == ("w0-2", Action.VALIDATE)
        return Result.FAILED if bad else good(perform)

    world = World(spec(2, renewal=200.0, on_halt=OnHalt.HOLD), half_bad)
    world.settle()
    assert world.states() == {"w0-1": H.CONFIRMED, "w0-2": H.REVERTED}
    assert done(world, Action.KEEP) == {"w0-1": 1}


def test_a_run_that_goes_on_after_a_pause_commits():
    world = World(spec(2, bake=1000.0, renewal=200.0))
    while world.count(H.CONFIRMED) < 2:
        world.do(world.todo[0])
    world.ask(Request.PAUSE)
    world.settle()
    world.ask(Request.RESUME)
    world.settle()
    assert world.count(H.COMMITTED) == 2


def test_a_controller_that_comes_back_asks_how_its_hosts_do():
    world = World(spec(2, bake=1000.0, renewal=200.0))
    while world.count(H.CONFIRMED) < 2:
        world.do(world.todo[0])
    world.now += 1
    world.restart()
    assert {perform.action for perform in world.todo} == {Action.RENEW}
    assert len(world.todo) == 2


def reboots(perform: Perform) -> dict[str, object]:
    return {"reboot": True} if perform.action in {Action.ACTIVATE, Action.RESOLVE} else {}


def test_a_host_reboots_once_before_it_is_validated():
    world = World(spec(1), facts=reboots)
    world.settle()
    asked = [event.action for event in world.events if isinstance(event, ActionEnded)]
    start = asked.index(Action.ACTIVATE)
    assert asked[start : start + 3] == [Action.ACTIVATE, Action.REBOOT, Action.VALIDATE]
    assert asked.count(Action.REBOOT) == 1


@pytest.mark.parametrize(
    ("result", "state"),
    [(Result.FAILED, H.REVERTED), (Result.LOST, H.COMMITTED), (Result.UNREACHABLE, H.COMMITTED)],
)
def test_a_reboot_that_goes_wrong(result: Result, state: H) -> None:
    def answer(perform: Perform) -> Result:
        if perform.action is Action.REBOOT:
            return result
        return Result.IS_TRIAL if perform.action is Action.RESOLVE else good(perform)

    world = World(
        spec(1), answer, facts=lambda p: {"reboot": True} if p.action is Action.ACTIVATE else {}
    )
    world.settle()
    assert world.states() == {"w0-1": state}


def test_a_reboot_whose_controller_was_lost_is_asked_for_if_it_has_not_been():
    def answer(perform: Perform) -> Result:
        return Result.IS_TRIAL if perform.action is Action.RESOLVE else good(perform)

    world = World(spec(1), answer, facts=reboots)
    while not any(perform.action is Action.REBOOT for perform in world.todo):
        world.do(world.todo[0])
    world.restart(begun=1)
    assert [perform.action for perform in world.todo] == [Action.RESOLVE]
    world.do(world.todo[0])
    assert [perform.action for perform in world.todo] == [Action.REBOOT]
    world.settle()
    assert world.states() == {"w0-1": H.COMMITTED}


def test_hosts_pass_their_gate_before_they_are_activated():
    world = World(spec(3, reserves=True))
    world.settle()
    assert set(done(world, Action.RESERVE).values()) == {1}
    assert world.count(H.COMMITTED) == 3


@pytest.mark.parametrize("result", [Result.FAILED, Result.LOST])
def test_one_that_does_not_pass_is_let_go_of_and_counts(result):
    def answer(perform: Perform) -> Result:
        return result if perform.action is Action.RESERVE else good(perform)

    world = World(spec(1, reserves=True), answer)
    world.settle()
    assert world.states() == {"w0-1": H.WITHDRAWN}
    assert world.wave_states() != [W.PASSED]


@pytest.mark.parametrize(
    ("action", "gate"), [(Action.RESERVE, "reboot lock"), (Action.REBOOT, "reboot")]
)
def test_waiting_for_a_reboot_explains_itself(action, gate):
    world = World(spec(1, reserves=True), facts=reboots)
    while not any(perform.action is action for perform in world.todo):
        world.do(world.todo[0])
    [hold] = why_host(world.rollout, "w0-1")
    assert hold.gate == gate
