"""The rollout core by example: events in, states and instructions out."""

from __future__ import annotations

import pytest

from orchestrator.errors import ExitCode, InvalidTransition
from orchestrator.model.event import Action, ActionEnded, Request, Result
from orchestrator.model.plan import (
    Amount,
    CommitScope,
    FailureBudget,
    OnHalt,
    UnavailabilityBudget,
    UnreachableBudget,
    UnreachablePolicy,
)
from orchestrator.rollout.explain import why_host, why_run
from orchestrator.rollout.records import Perform
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W
from orchestrator.rollout.verdict import RunState, exit_code, run_state
from tests.rollout.harness import Answer, World, good, spec


def failing(
    *hosts: str, action: Action = Action.VALIDATE, result: Result = Result.FAILED
) -> Answer:
    def answer(perform: Perform) -> Result:
        bad = perform.host in hosts and perform.action is action
        return result if bad else good(perform)

    return answer


def test_a_good_release_passes_every_wave_and_commits_every_host():
    world = World(spec(1, 3, 8))
    world.settle()
    assert world.wave_states() == [W.PASSED] * 3
    assert world.count(H.COMMITTED) == 12
    assert exit_code(world.rollout) is ExitCode.OK
    assert run_state(world.rollout) is RunState.COMPLETE


def test_one_hosts_path_is_the_path_of_the_design():
    world = World(spec(1))
    world.settle()
    assert [move.after for move in world.moves] == [
        H.CHECKING,
        H.STAGING,
        H.STAGED,
        H.ACTIVATING,
        H.VALIDATING,
        H.CONFIRMED,
        H.COMMITTED,
    ]


def test_a_fleet_that_has_the_release_is_proved_and_left_alone():
    world = World(
        spec(2, 2),
        failing(
            *[f"w{i}-{n}" for i in (0, 1) for n in (1, 2)],
            action=Action.CHECK,
            result=Result.ALREADY,
        ),
    )
    world.settle()
    assert world.count(H.SKIPPED) == 4
    assert exit_code(world.rollout) is ExitCode.OK


def test_a_bad_canary_goes_back_and_nobody_else_is_touched():
    world = World(spec(1, 5), failing("w0-1"))
    world.settle()
    assert world.states()["w0-1"] is H.REVERTED
    assert world.count(H.PENDING) == 5
    assert world.wave_states() == [W.ROLLED_BACK, W.QUEUED]
    assert exit_code(world.rollout) is ExitCode.FAILED


def test_rollback_wave_takes_back_the_wave_and_leaves_earlier_ones():
    world = World(spec(2, 4), failing("w1-4"))
    world.settle()
    states = world.states()
    assert [states["w0-1"], states["w0-2"]] == [H.COMMITTED] * 2
    assert {states[f"w1-{n}"] for n in range(1, 5)} == {H.REVERTED}


def test_rollback_run_takes_everything_back_in_reverse():
    world = World(spec(2, 3, on_halt=OnHalt.ROLLBACK_RUN), failing("w1-3"))
    world.settle()
    assert world.count(H.REVERTED) == 5
    assert world.wave_states() == [W.ROLLED_BACK, W.ROLLED_BACK]
    went_back = [move.host for move in world.moves if move.after is H.REVERTING]
    assert went_back.index("w1-1") < went_back.index("w0-1")
    assert went_back.index("w0-2") < went_back.index("w0-1")


def test_hold_leaves_the_others_and_goes_on_when_asked():
    world = World(spec(4, max_parallel=1, on_halt=OnHalt.HOLD), failing("w0-1"))
    world.settle()
    assert world.wave_states() == [W.HALTED]
    assert world.count(H.PENDING) == 3
    assert exit_code(world.rollout) is ExitCode.FAILED
    world.ask(Request.RESUME)
    world.settle()
    assert world.wave_states() == [W.PASSED]
    assert world.count(H.COMMITTED) == 3
    assert exit_code(world.rollout) is ExitCode.FAILED


def test_a_failure_budget_is_exceeded_strictly():
    budget = FailureBudget(Amount(2))
    world = World(spec(6, max_failures=budget), failing("w0-1", "w0-2"))
    world.settle()
    assert world.wave_states() == [W.PASSED]
    world = World(spec(6, max_failures=budget), failing("w0-1", "w0-2", "w0-3"))
    world.settle()
    assert world.wave_states() == [W.ROLLED_BACK]


def test_a_small_wave_is_its_own_minimum_sample():
    budget = FailureBudget(Amount(2, percent=True), min_sample=20)
    world = World(spec(3, 50, max_failures=budget), failing("w0-2"))
    world.settle()
    assert world.wave_states() == [W.ROLLED_BACK, W.QUEUED]


@pytest.mark.parametrize(
    ("policy", "state", "code"),
    [
        (UnreachablePolicy.FAIL, H.FAILED, ExitCode.UNREACHABLE),
        (UnreachablePolicy.SKIP, H.DEFERRED, ExitCode.UNREACHABLE),
        (UnreachablePolicy.DEFER, H.DEFERRED, ExitCode.WAITING),
    ],
)
def test_unreachable_hosts_have_a_budget_and_a_policy_of_their_own(policy, state, code):
    bound = UnreachableBudget(Amount(1), then=policy)
    answer = failing("w0-2", action=Action.CHECK, result=Result.UNREACHABLE)
    world = World(spec(4, max_unreachable=bound), answer)
    world.settle()
    assert world.states()["w0-2"] is state
    assert world.wave_states() == [W.PASSED]
    assert exit_code(world.rollout) is code


def test_a_wave_without_a_proven_host_pauses_for_a_person():
    bound = UnreachableBudget(Amount(100, percent=True), then=UnreachablePolicy.SKIP)
    answer = failing("w0-1", action=Action.CHECK, result=Result.UNREACHABLE)
    world = World(spec(1, 2, max_unreachable=bound), answer)
    world.settle()
    assert world.wave_states() == [W.HALTED, W.QUEUED]
    assert exit_code(world.rollout) is ExitCode.UNREACHABLE
    world.ask(Request.RESUME)
    world.settle()
    assert world.wave_states() == [W.PASSED, W.PASSED]


def test_max_unavailable_holds_activation_per_zone_and_never_sticks():
    zones = {f"w0-{n}": "a" if n % 2 else "b" for n in range(1, 9)}
    limit = UnavailabilityBudget(Amount(25, percent=True), "zone")
    world = World(spec(8, max_unavailable=limit, zones=zones))
    while world.todo and world.todo[0].action is not Action.ACTIVATE:
        world.do(world.todo[0])
    while any(p.action is not Action.ACTIVATE for p in world.todo):
        world.do(next(p for p in world.todo if p.action is not Action.ACTIVATE))
    assert sorted(p.host for p in world.todo) == ["w0-1", "w0-2"]
    assert why_host(world.rollout, "w0-3")[0].gate == "max_unavailable"
    world.settle()
    assert world.count(H.COMMITTED) == 8


def test_hosts_out_of_service_that_use_up_the_budget_halt_the_wave():
    limit = UnavailabilityBudget(Amount(1))
    loose = FailureBudget(Amount(5))
    answer = failing("w0-1", action=Action.REVERT, result=Result.STRANDED)

    def both(perform: Perform) -> Result:
        if perform.host == "w0-1" and perform.action is Action.VALIDATE:
            return Result.FAILED
        return answer(perform)

    world = World(spec(3, max_unavailable=limit, max_failures=loose, max_parallel=1), both)
    world.settle()
    assert world.wave_states() == [W.HALTED]
    assert "max_unavailable" in world.rollout.waves[0].reason
    assert run_state(world.rollout) is RunState.STRANDED


def test_a_bake_waits_proves_again_and_then_passes():
    world = World(spec(2, 2, bake=600.0))
    while world.todo:
        world.do(world.todo[0])
    assert world.wave_states() == [W.BAKING, W.QUEUED]
    (hold,) = why_run(world.rollout)
    assert hold.until == world.wakes[0]
    world.settle()
    samples = [e for e in world.events if isinstance(e, ActionEnded) and e.action is Action.SAMPLE]
    assert {e.host for e in samples} >= {"w0-1", "w0-2", "w1-1", "w1-2"}
    assert world.wave_states() == [W.PASSED, W.PASSED]


def test_an_inconclusive_check_takes_the_host_back_and_waits_for_a_person():
    budget = FailureBudget(Amount(3))
    answer = failing("w0-2", result=Result.INCONCLUSIVE)
    world = World(spec(3, 1, max_failures=budget), answer)
    world.settle()
    assert world.wave_states() == [W.HALTED, W.QUEUED]
    assert world.states()["w0-2"] is H.REVERTED
    assert world.count(H.CONFIRMED) == 2
    assert exit_code(world.rollout) is ExitCode.FAILED
    world.ask(Request.RESUME)
    world.settle()
    assert world.wave_states() == [W.PASSED, W.PASSED]
    assert exit_code(world.rollout) is ExitCode.FAILED


def test_what_is_committed_together_goes_back_together():
    world = World(spec(2, 2, commit=CommitScope.RUN), failing("w1-1"))
    world.settle()
    assert world.count(H.REVERTED) == 4
    assert world.wave_states() == [W.ROLLED_BACK, W.ROLLED_BACK]


def test_a_wave_that_had_the_release_already_does_not_bake():
    answer = failing("w0-1", "w0-2", action=Action.CHECK, result=Result.ALREADY)
    world = World(spec(2, bake=3600.0), answer)
    world.settle()
    assert world.wave_states() == [W.PASSED]
    assert world.now < 60


def test_a_host_that_no_longer_proves_itself_after_the_bake_goes_back():
    world = World(spec(3, bake=60.0), failing("w0-2", action=Action.SAMPLE))
    world.settle()
    assert world.wave_states() == [W.ROLLED_BACK]
    assert world.count(H.REVERTED) == 3


def test_a_regression_in_an_earlier_wave_stops_the_next():
    world = World(spec(2, 2), failing("w0-1", action=Action.SAMPLE))
    world.settle()
    assert world.states()["w0-1"] is H.REGRESSED
    assert world.wave_states()[1] in {W.HALTED, W.ROLLED_BACK}
    assert world.states()["w1-1"] is H.PENDING


@pytest.mark.parametrize("scope", list(CommitScope))
def test_commit_scope_decides_when_hosts_are_committed(scope):
    world = World(spec(2, 2, commit=scope))
    order = []
    while not world.finished:
        order.append((world.todo[0].host, world.todo[0].action))
        world.do(world.todo[0])
    commits = [i for i, (_, action) in enumerate(order) if action is Action.COMMIT]
    first_wave_confirmed = max(
        i for i, (host, a) in enumerate(order) if a is Action.CONFIRM and host.startswith("w0")
    )
    last_confirm = max(i for i, (_, action) in enumerate(order) if action is Action.CONFIRM)
    expected = {
        CommitScope.HOST: commits[0] < last_confirm,
        CommitScope.WAVE: first_wave_confirmed < commits[0] < last_confirm,
        CommitScope.RUN: commits[0] > last_confirm,
    }
    assert expected[scope]
    assert world.count(H.COMMITTED) == 4


def test_pause_finishes_what_is_in_flight_and_resume_goes_on():
    world = World(spec(6, max_parallel=2))
    for _ in range(3):
        world.do(world.todo[0])
    world.ask(Request.PAUSE)
    world.settle()
    assert exit_code(world.rollout) is ExitCode.INTERRUPTED
    assert world.count(H.PENDING) == 4
    world.restart()
    world.ask(Request.RESUME)
    world.settle()
    assert world.count(H.COMMITTED) == 6


def test_abort_withdraws_staged_hosts_and_rolls_nothing_back():
    limit = UnavailabilityBudget(Amount(1))
    world = World(spec(4, max_unavailable=limit))
    while world.count(H.STAGED) < 3:
        world.do(world.todo[0] if world.todo[0].action is not Action.ACTIVATE else world.todo[-1])
    world.ask(Request.ABORT)
    world.settle()
    assert world.count(H.WITHDRAWN) == 3
    assert world.count(H.COMMITTED) == 1
    assert run_state(world.rollout) is RunState.ABORTED
    assert exit_code(world.rollout) is ExitCode.FAILED


def test_rollback_of_a_finished_run_brings_every_moved_host_back():
    world = World(spec(2, 3), failing("w1-1", action=Action.CHECK, result=Result.ALREADY))
    world.settle()
    world.restart()
    world.ask(Request.ROLLBACK)
    world.settle()
    assert world.count(H.REVERTED) == 4
    assert world.states()["w1-1"] is H.SKIPPED
    assert exit_code(world.rollout) is ExitCode.FAILED


def test_a_lost_connection_after_the_flip_is_found_out_not_assumed():
    answers = {Action.RESOLVE: Result.IS_TRIAL}

    def answer(perform: Perform) -> Result:
        if perform.action is Action.ACTIVATE:
            return Result.LOST
        return answers.get(perform.action, good(perform))

    world = World(spec(1), answer)
    world.settle()
    assert H.IN_DOUBT in [move.after for move in world.moves]
    assert world.states()["w0-1"] is H.COMMITTED


def test_a_host_that_stays_silent_in_doubt_needs_a_person():
    def answer(perform: Perform) -> Result:
        if perform.action is Action.CONFIRM:
            return Result.LOST
        return Result.UNREACHABLE if perform.action is Action.RESOLVE else good(perform)

    world = World(spec(1, 1), answer)
    world.settle()
    assert world.states()["w0-1"] is H.STRANDED
    assert exit_code(world.rollout) is ExitCode.FAILED


def test_an_outcome_nobody_asked_for_is_refused():
    world = World(spec(1))
    with pytest.raises(InvalidTransition, match="check was asked"):
        world.feed(ActionEnded(1.0, "w0-1", Action.ACTIVATE, Result.DONE))
