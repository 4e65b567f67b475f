"""Runs that another controller takes up: what was begun is finished, or goes back."""

from __future__ import annotations

import pytest

from orchestrator.model.event import Action, Request, Result
from orchestrator.model.plan import CommitScope, OnHalt
from orchestrator.rollout.records import Perform
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W
from tests.rollout.harness import World, good, spec


def until(world: World, action: Action) -> Perform:
    """Go on until an action is asked of a host; return it."""
    while not (found := [perform for perform in world.todo if perform.action is action]):
        world.do(world.todo[0])
    return found[0]


def armed(perform: Perform) -> Result:
    """Return the outcome of a host whose activation was cut off."""
    return Result.IS_ARMED if perform.action is Action.RESOLVE else good(perform)


def second_wave_is_bad(perform: Perform) -> Result:
    if perform.action is Action.RESOLVE:
        return Result.IS_TRIAL
    bad = (perform.host, perform.action) == ("w1-1", Action.VALIDATE)
    return Result.FAILED if bad else good(perform)


def cut_off(world: World) -> None:
    """Lose the controller while the only host is activated."""
    until(world, Action.ACTIVATE)
    world.restart(begun=1)
    assert set(world.states().values()) == {H.IN_DOUBT}


def test_an_activation_that_was_cut_off_is_finished():
    world = World(spec(1), armed)
    cut_off(world)
    world.ask(Request.RESUME)
    world.settle()
    assert world.states() == {"w0-1": H.COMMITTED}


@pytest.mark.parametrize("request_", [Request.ROLLBACK, Request.ABORT])
def test_it_goes_back_when_nothing_more_is_to_be_activated(request_):
    world = World(spec(1), armed)
    cut_off(world)
    world.ask(request_)
    world.settle()
    assert world.states() == {"w0-1": H.REVERTED}


def test_resuming_does_not_forgive_a_wave_that_is_about_to_go_back():
    as_one = spec(1, 1, on_halt=OnHalt.ROLLBACK_RUN, commit=CommitScope.RUN)
    world = World(as_one, second_wave_is_bad)
    until(world, Action.REVERT)
    assert world.wave_states() == [W.PASSED, W.HALTED]
    world.restart(begun=1)
    world.ask(Request.RESUME)
    world.settle()
    assert set(world.states().values()) == {H.REVERTED}
    assert world.wave_states() == [W.ROLLED_BACK, W.ROLLED_BACK]


def test_an_aborted_run_lets_go_of_every_host():
    world = World(spec(1, 2, commit=CommitScope.RUN))
    while world.wave_states()[1] is W.QUEUED:
        world.do(world.todo[0])
    world.ask(Request.ABORT)
    world.settle()
    assert not {H.CONFIRMED, H.STAGED} & set(world.states().values())
    assert world.states()["w0-1"] is H.COMMITTED
