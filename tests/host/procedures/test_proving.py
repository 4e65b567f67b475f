from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.host.procedures.proving import sample, validate
from orchestrator.host.replies import Drift
from orchestrator.model.event import Result
from orchestrator.model.plan import Use
from orchestrator.ports import Reply
from tests.host.scripted import (
    CURRENT,
    FACTS,
    NEW,
    OK,
    OUTDATED,
    FakeChannel,
    Watch,
    assignment,
    context,
    probed,
    remembered,
    work,
)

IT = assignment(work(validations=(Use("http"), Use("tcp"))))


def asked(*said: Reply) -> FakeChannel:
    return FakeChannel({"check": list(said)})


async def test_validations_run_in_the_release_in_one_round_trip() -> None:
    channel = asked(OK)
    outcome = await validate(context(channel, IT, memory=remembered(OUTDATED)))
    assert outcome.result is Result.DONE
    assert outcome.facts == {"validations": 2}
    assert channel.operations == [["check", "check"]]
    assert f"in=/opt/fleet/gateway/releases/{NEW.release}" in channel.calls[0][0]
    assert "script='http debian'" in channel.calls[0][0]
    assert channel.deadlines == [60 + 5 + 5 + 10]


async def test_after_a_resume_the_facts_are_asked_first() -> None:
    channel = FakeChannel({"facts": FACTS, "probe": probed(OUTDATED), "check": OK})
    await validate(context(channel, IT))
    assert channel.operations == [["facts", "probe"], ["check", "check"]]


@pytest.mark.parametrize(
    ("said", "result", "label"),
    [
        ([OK, Reply("no", "503")], Result.FAILED, "tcp"),
        ([OK, Reply("unknown", "503")], Result.INCONCLUSIVE, "tcp"),
        ([Reply("unknown", "?"), Reply("no", "503")], Result.FAILED, "tcp"),
        ([Reply("error", "503"), OK], Result.FAILED, "http"),
        ([Reply("not-yet"), Reply("no", "503")], Result.FAILED, "tcp"),
    ],
)
async def test_three_outcomes(said: list[Reply], result: Result, label: str) -> None:
    channel = asked(*said)
    outcome = await validate(context(channel, IT, memory=remembered(OUTDATED)))
    assert (outcome.result, outcome.reason) == (result, f"validation {label} of gateway: 503")
    assert len(channel.calls) == 1


async def test_only_those_that_say_not_yet_are_asked_again() -> None:
    watch = Watch()
    channel = asked(Reply("not-yet"), OK, Reply("not-yet"), OK)
    outcome = await validate(context(channel, IT, memory=remembered(OUTDATED), watch=watch))
    assert outcome.result is Result.DONE
    assert channel.operations == [["check", "check"], ["check"], ["check"]]
    assert all("name=http" in call[0] for call in channel.calls)


async def test_a_check_gets_no_more_time_than_the_phase_has() -> None:
    channel = asked(OK)
    await validate(context(channel, IT, memory=remembered(OUTDATED), seconds=2.0))
    assert "timeout=2 " in channel.calls[0][0]


async def test_sample_proves_all_again() -> None:
    channel = FakeChannel({"facts": FACTS, "probe": probed(CURRENT), "check": OK})
    outcome = await sample(context(channel, IT))
    assert outcome.result is Result.DONE
    assert channel.operations == [["facts", "probe"], ["check", "check"]]


async def test_sample_finds_another_release() -> None:
    channel = FakeChannel({"facts": FACTS, "probe": probed(replace(OUTDATED, proof=""))})
    outcome = await sample(context(channel, IT))
    assert (outcome.result, outcome.reason) == (
        Result.FAILED,
        f"gateway: {OUTDATED.active} is active",
    )


async def test_sample_finds_drift() -> None:
    drift = Drift("1 file differs", wrong_mode=("bin/run",))
    drifted = replace(CURRENT, proved=False, proof="1 file differs", drift=drift)
    channel = FakeChannel({"facts": FACTS, "probe": probed(drifted)})
    outcome = await sample(context(channel, IT))
    assert (outcome.result, outcome.reason) == (Result.FAILED, "gateway: 1 file differs")
    assert outcome.output == "wrong mode: bin/run"
