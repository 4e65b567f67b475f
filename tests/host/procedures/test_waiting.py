from __future__ import annotations

from orchestrator.host.procedures.switching import confirm
from orchestrator.host.procedures.waiting import keep, renew
from orchestrator.host.work import HostPolicy
from orchestrator.model.event import Result
from orchestrator.ports import Reply
from tests.host.scripted import (
    NEW,
    OK,
    FakeChannel,
    FakeConnector,
    assignment,
    context,
    on_trial,
    remembered,
    work,
)

BOTH = assignment(work(), work("db"))


async def test_a_confirmation_holds_where_commits_wait() -> None:
    fresh = FakeChannel({"confirm": Reply("ok", "", {"boot_id": "b1"})})
    ctx = context(
        FakeChannel({}),
        memory=remembered(on_trial(), gateway=8),
        connector=FakeConnector(fresh),
        policy=HostPolicy(holds=True),
    )
    assert (await confirm(ctx)).result is Result.DONE
    assert " hold=3600" in fresh.calls[0][0]


async def test_every_package_is_renewed() -> None:
    channel = FakeChannel({"renew": Reply("ok", "", {"remaining": 3600})})
    outcome = await renew(context(channel, BOTH, memory=remembered(on_trial(), on_trial())))
    assert outcome.result is Result.DONE
    assert outcome.facts == {"remaining": {"gateway": 3600, "db": 3600}}
    assert all(call[0].endswith("seconds=3600") for call in channel.calls)


async def test_one_that_went_back_by_itself_says_so() -> None:
    over = Reply("no", "this trial is over: reverted, trigger service_health: gateway is failed")
    channel = FakeChannel({"renew": over})
    outcome = await renew(context(channel, BOTH, memory=remembered(on_trial(), on_trial())))
    assert outcome.result is Result.FAILED
    assert outcome.reason.startswith("renewing gateway: this trial is over: reverted, trigger")


async def test_keeping_confirms_without_holding() -> None:
    channel = FakeChannel({"confirm": OK})
    ctx = context(channel, memory=remembered(on_trial(), gateway=8), policy=HostPolicy(holds=True))
    assert (await keep(ctx)).result is Result.DONE
    assert f"release={NEW.release}" in channel.calls[0][0]
    assert "hold=" not in channel.calls[0][0]


async def test_keeping_refused() -> None:
    channel = FakeChannel({"confirm": Reply("no", "this trial is over")})
    outcome = await keep(context(channel, memory=remembered(on_trial(), gateway=8)))
    assert (outcome.result, outcome.reason) == (
        Result.FAILED,
        "keeping gateway: this trial is over",
    )
