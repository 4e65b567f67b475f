"""What a run does with a host that answers by its recovery address alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.engines.ssh import RecoveryConnector
from orchestrator.errors import Unreachable
from orchestrator.host.actions import BUDGETS
from orchestrator.host.replies import Probe
from orchestrator.model.event import Action, Result
from orchestrator.model.fleet import Endpoint, Host
from orchestrator.ports import Sleep
from tests.host.scripted import OUTDATED, FakeChannel, FakeConnector, assignment, on_trial
from tests.host.test_driver import POLICY, Rig, host

A, R = Action, Result
SPARE = Endpoint("10.9.0.1", 2222)
WORDS = "by its recovery address 10.9.0.1:2222 alone"


class Lame(FakeConnector):
    """Reaches a host by its recovery address; by its own as well, once ``alive``."""

    alive = False

    async def open(self, host: Host) -> FakeChannel:
        channel = await super().open(host)
        if host.endpoint != SPARE and not self.alive:
            raise Unreachable("no answer")
        return channel


def rig(probe: Probe | None = None, *, by_recovery: bool = False) -> tuple[Rig, Lame, FakeChannel]:
    channel, given = host(probe or on_trial()), assignment()
    policy = replace(POLICY, by_recovery=by_recovery)
    made = Rig(
        channel, what=replace(given, host=replace(given.host, recovery=SPARE)), policy=policy
    )
    lame = Lame(channel)
    made.engine._connector = RecoveryConnector(lame)
    return made, lame, channel


async def test_it_is_looked_at_and_taken_back() -> None:
    made, *_ = rig()
    for action, result in ((A.CHECK, R.FAILED), (A.RESOLVE, R.IS_TRIAL), (A.REVERT, R.DONE)):
        outcome = await made.do(action)
        assert outcome.result is result, outcome
        assert outcome.reason.endswith(WORDS)


@pytest.mark.parametrize("action", [A.ACTIVATE, A.VALIDATE, A.CONFIRM])
async def test_a_release_does_not_prove_itself_there(action: Action) -> None:
    made, _, channel = rig()
    outcome = await made.do(action)
    assert outcome.result is R.FAILED
    assert outcome.reason == f"it answers {WORDS}: its own system is dead"
    assert channel.operations == []


@pytest.mark.parametrize("action", [A.STAGE, A.COMMIT, A.SAMPLE, A.WITHDRAW])
async def test_for_the_rest_it_is_unreachable(action: Action) -> None:
    made, _, channel = rig()
    outcome = await made.do(action)
    assert outcome.result is R.UNREACHABLE
    assert channel.operations == []


async def test_its_own_address_is_tried_anew_before_each_action() -> None:
    made, lame, _ = rig()
    assert (await made.do(A.RESOLVE)).reason.endswith(WORDS)
    lame.alive = True
    assert not (await made.do(A.RESOLVE)).reason.endswith(WORDS)


async def test_a_golden_release_is_brought_there() -> None:
    made, _, channel = rig(OUTDATED, by_recovery=True)
    for action in (A.STAGE, A.RESERVE, A.ACTIVATE, A.WITHDRAW):
        outcome = await made.do(action)
        assert outcome.result is R.DONE, outcome
        assert outcome.reason.endswith(WORDS)
    assert ["activate"] in channel.operations
    assert (await made.do(A.COMMIT)).result is R.UNREACHABLE


@pytest.mark.parametrize("action", [A.VALIDATE, A.CONFIRM])
async def test_and_has_time_to_answer_by_its_own_address(action: Action) -> None:
    made, lame, channel = rig(by_recovery=True)
    began = made.watch.now()
    made.engine._sleep = awaking(made, lame, after=3)
    assert (await made.do(action)).result is R.DONE
    assert len(made.watch.naps) == 3
    assert made.watch.now() - began < BUDGETS[action](POLICY.timeouts)
    assert channel.operations


@pytest.mark.parametrize("action", [A.VALIDATE, A.CONFIRM])
async def test_but_no_more_than_the_action_has(action: Action) -> None:
    made, _, channel = rig(by_recovery=True)
    began = made.watch.now()
    outcome = await made.do(action)
    assert outcome.result is R.FAILED
    assert outcome.reason == f"it answers {WORDS}: its own system is dead"
    assert made.watch.now() - began >= BUDGETS[action](POLICY.timeouts)
    assert channel.operations == []


def awaking(made: Rig, lame: Lame, after: int) -> Sleep:
    """Return a sleep after whose ``after``-th time the host answers by its own address."""

    async def sleep(seconds: float) -> None:
        await made.watch.sleep(seconds)
        lame.alive = len(made.watch.naps) >= after

    return sleep
