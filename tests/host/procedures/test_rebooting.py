from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import Unreachable
from orchestrator.host.procedures.rebooting import (
    give_back,
    reboot,
    reserve,
    unreserve,
)
from orchestrator.model.event import Result
from orchestrator.model.plan import Reboot, Use
from orchestrator.model.trial import BootHook, RebootWhen, Trial
from orchestrator.ports import Reply
from tests.host.scripted import (
    FACTS,
    OK,
    FakeChannel,
    FakeConnector,
    FakeGate,
    Watch,
    assignment,
    context,
    on_trial,
    remembered,
    work,
)

LOCK = Use("fleet_lock", (("url", "https://locks.example.net"),))
AGAIN = Reply("ok", "", {"boot_id": "b2"})


ASKED = Reply("ok", "", {"boot_id": "b1"})


def answers(boot: Reply = ASKED) -> FakeChannel:
    return FakeChannel({"renew": OK, "reboot": boot})


def back(*facts: Reply) -> FakeChannel:
    return FakeChannel({"facts": list(facts)})


async def rebooted(channel: FakeChannel, *doors: Any, **options: Any) -> Any:
    policy = Reboot(RebootWhen.ALWAYS, deadline=20.0, **options)
    it = assignment(work(reboot=policy), work("db", trial=Trial(100.0)))
    memory = remembered(on_trial(), on_trial(), gateway=8)
    connector = FakeConnector(*doors)
    return await reboot(context(channel, it, memory=memory, connector=connector, watch=Watch()))


async def test_every_trial_outlasts_the_reboot_which_another_boot_id_proves() -> None:
    channel = answers()
    outcome = await rebooted(channel, Unreachable("down"), back(FACTS), back(AGAIN))
    assert outcome.result is Result.DONE
    assert outcome.facts == {"boot_id": "b2", "reboot_seconds": 6}
    said = [call[0].split() for call in channel.calls]
    assert [words[0] for words in said] == ["renew", "renew", "reboot"]
    assert [words[-1] for words in said[:2]] == ["seconds=480", "seconds=400"]
    assert said[2][1] == "package=db"
    assert channel.closed == 1


async def test_a_boot_between_the_check_and_the_reboot_proves_nothing() -> None:
    channel = answers(AGAIN)  # it was checked on b1
    outcome = await rebooted(channel, back(AGAIN), back(Reply("ok", "", {"boot_id": "b3"})))
    assert (outcome.result, outcome.facts) == (Result.DONE, {"boot_id": "b3", "reboot_seconds": 4})
    outcome = await rebooted(answers(AGAIN), back(AGAIN))
    assert outcome.reason == "still on boot b2 300 s after it was asked to reboot"


async def test_a_host_that_has_rebooted_on_trial_is_not_asked_to_again() -> None:
    nobody = Unreachable("nobody need look")
    outcome = await rebooted(answers(Reply("ok", "rebooted already", {"boot_id": "b2"})), nobody)
    assert (outcome.result, outcome.facts) == (Result.DONE, {"boot_id": "b2"})


async def test_without_a_boot_id_nothing_is_proved() -> None:
    outcome = await rebooted(answers(OK), back(AGAIN))
    assert outcome.result is Result.FAILED
    assert outcome.reason == "the host tells no boot id, so that no reboot can be proved"


async def test_a_host_that_never_went_down_has_failed() -> None:
    outcome = await rebooted(answers(), back(FACTS))
    assert outcome.result is Result.FAILED
    assert outcome.reason == "still on boot b1 300 s after it was asked to reboot"


async def test_a_host_that_does_not_come_back_is_lost() -> None:
    with pytest.raises(Unreachable):
        await rebooted(answers(), Unreachable("down"))


async def test_a_reboot_without_a_guard_is_refused() -> None:
    outcome = await rebooted(answers(Reply("no", "nothing here would start the watchdog")))
    assert outcome.result is Result.FAILED
    assert outcome.reason == "rebooting db: nothing here would start the watchdog"


async def test_unless_every_package_accepts_the_risk() -> None:
    it = assignment(
        work(trial=Trial(boot_hook=BootHook.OPTIONAL), reboot=Reboot(command="{{ 'x' }}"))
    )
    channel = answers()
    memory = remembered(on_trial(), gateway=8)
    await reboot(context(channel, it, memory=memory, connector=FakeConnector(back(AGAIN))))
    assert channel.calls[-1][0].endswith("command=x unguarded=1")


def at_gate(gate: FakeGate, **options: Any) -> Any:
    policy = Reboot(lock=LOCK, **options)
    it = assignment(work(reboot=policy), work("db", reboot=policy))
    return context(FakeChannel({"ping": OK}), it, memory=remembered(), gate=gate)


async def test_a_gate_is_passed_once_for_all_packages_and_given_back() -> None:
    gate = FakeGate()
    ctx = at_gate(gate)
    assert (await reserve(ctx)).result is Result.DONE
    assert await give_back(ctx) == ""
    assert gate.log == ["acquire gw1", "release gw1"]


async def test_a_gate_that_holds_says_what_holds_it() -> None:
    outcome = await reserve(at_gate(FakeGate("gw2")))
    assert (outcome.result, outcome.reason) == (Result.HELD, "held by lock: gw2")
    assert outcome.facts == {"held": {"gate": "lock", "wait": 3600.0, "again": 30.0}}
    assert await give_back(at_gate(FakeGate("gw2"))) == "lock: gw2"


async def test_who_passes_must_be_there() -> None:
    ctx = at_gate(FakeGate())
    assert (await reserve(ctx)).result is Result.DONE
    assert ctx.channel.operations == [["ping"]]
    ctx.channel.script["ping"] = [Unreachable("down")]
    with pytest.raises(Unreachable):
        await reserve(ctx)


async def test_a_place_is_given_back_before_the_activation() -> None:
    gate = FakeGate()
    assert (await unreserve(at_gate(gate))).result is Result.DONE
    assert gate.log == ["release gw1"]
    outcome = await unreserve(at_gate(FakeGate("no answer")))
    assert (outcome.result, outcome.reason) == (Result.FAILED, "lock: no answer")


async def test_no_gate_where_nothing_reboots() -> None:
    gate = FakeGate("gw2")
    assert (await reserve(at_gate(gate, when=RebootWhen.NEVER))).result is Result.DONE
    assert gate.log == []
