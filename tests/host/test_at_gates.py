"""A host's places at gates: taken once, given back once, and asked for without the host."""

from __future__ import annotations

import pytest

from orchestrator.errors import InputError, Unreachable
from orchestrator.host.driver import IDLE
from orchestrator.model.event import Action, Result
from orchestrator.model.plan import Reboot, Use
from orchestrator.ports import Reply

from .scripted import NEW, OLD, FakeGate, ended, on_trial
from .scripted import assignment as assigned
from .scripted import work as made
from .test_driver import Rig, host

A, R = Action, Result
GONE = Unreachable("connection refused")
LOCKED = assigned(made(reboot=Reboot(lock=Use("fleet_lock", (("url", "https://x"),)))))
TAKEN, GIVEN = "acquire gw1", "release gw1"


def rig(gate: FakeGate, *doors, what=LOCKED) -> Rig:
    return Rig(*(doors or [host()]), what=what, gate=gate)


async def test_a_place_is_given_back_once() -> None:
    gate = FakeGate()
    made_for = rig(gate)
    await made_for.do(A.CHECK, A.STAGE, A.RESERVE, A.ACTIVATE)
    assert gate.log == [TAKEN]
    await made_for.do(A.CONFIRM, A.KEEP, A.COMMIT, A.REVERT)
    assert gate.log == [TAKEN, GIVEN]  # the host's own client may have taken one since


async def test_once_more_if_it_could_not_be() -> None:
    gate = FakeGate()
    made_for = rig(gate)
    await made_for.do(A.CHECK, A.STAGE, A.RESERVE, A.ACTIVATE)
    gate.held_by = "no answer"
    confirmed = await made_for.do(A.CONFIRM)
    assert (confirmed.result, confirmed.facts["gate"]) == (R.DONE, "lock: no answer")
    gate.held_by = ""
    assert "gate" not in (await made_for.do(A.COMMIT)).facts
    assert gate.log == [TAKEN, GIVEN, GIVEN]


@pytest.mark.parametrize("action", [A.KEEP, A.COMMIT])
async def test_a_controller_that_takes_over_commits_and_gives_nothing_back(action: Action) -> None:
    gate = FakeGate()
    await rig(gate).do(action)
    assert gate.log == []


@pytest.mark.parametrize("action", [A.CONFIRM, A.REVERT, A.WITHDRAW, A.UNRESERVE])
async def test_but_what_the_one_before_took(action: Action) -> None:
    gate = FakeGate()
    await rig(gate).do(action)
    assert gate.log == [GIVEN]


@pytest.mark.parametrize(
    ("probe", "log"),
    [(ended("reverted", OLD.release), [GIVEN]), (ended("confirmed", NEW.release), [GIVEN])],
)
async def test_a_host_that_is_found_in_service_gives_its_place_back(probe, log) -> None:
    gate = FakeGate()
    await rig(gate, host(probe)).do(A.RESOLVE)
    assert gate.log == log
    gate.log.clear()
    await rig(gate, host(on_trial())).do(A.RESOLVE)
    assert gate.log == []


async def test_a_host_that_never_asked_gives_nothing_back() -> None:
    gate = FakeGate()
    await rig(gate).do(A.CHECK, A.STAGE, A.WITHDRAW)
    assert gate.log == []


@pytest.mark.parametrize("action", [A.WITHDRAW, A.UNRESERVE])
async def test_nobody_need_be_there_to_give_a_place_back(action: Action) -> None:
    gate = FakeGate()
    await rig(gate, GONE).do(action)
    assert gate.log == [GIVEN]


async def test_a_host_that_is_held_is_left_alone_until_it_passes() -> None:
    gate, channel = FakeGate("gw2"), host()
    made_for = rig(gate, channel, host())
    await made_for.do(A.CHECK, A.STAGE)
    seen = len(channel.operations)
    for attempt in range(1, 5):
        made_for.watch.at += IDLE + 1
        assert (await made_for.do(A.RESERVE, attempt=attempt)).result is R.HELD
    assert (len(channel.operations), channel.closed) == (seen, 0)
    gate.held_by = ""
    assert (await made_for.do(A.RESERVE, attempt=5)).result is R.DONE
    assert channel.operations[seen:] == [["ping"], ["ping"]]


async def test_a_host_that_is_gone_by_then_does_not_pass() -> None:
    channel = host(ping=Unreachable("connection lost"))
    made_for = rig(FakeGate(), channel, GONE)
    await made_for.do(A.CHECK, A.STAGE)
    made_for.watch.at += IDLE + 1
    outcome = await made_for.do(A.RESERVE)
    assert outcome.result is R.UNREACHABLE


async def test_what_a_template_needs_of_a_host_is_asked_of_it() -> None:
    facts = Use("fleet_lock", (("url", "https://x"), ("id", "{{ facts.os }}")))
    gate, channel = FakeGate(), host()
    made_for = rig(gate, channel, what=assigned(made(reboot=Reboot(lock=facts))))
    made_for.engine._build_gate = _strict(gate)
    assert (await made_for.do(A.UNRESERVE)).result is R.DONE
    assert channel.operations == [["facts", "probe"]]
    assert gate.log == [GIVEN]


def _strict(gate: FakeGate):
    def build(_use, variables):
        if "facts" not in variables:
            raise InputError.at("", "'facts' is not defined")
        return gate

    return build


async def test_the_failed_place_is_told_with_what_came_of_the_host() -> None:
    gate = FakeGate("no answer")
    outcome = await rig(gate, host(withdraw=Reply("no", "a trial is on"))).do(A.WITHDRAW)
    assert (outcome.result, outcome.facts["gate"]) == (R.FAILED, "lock: no answer")
