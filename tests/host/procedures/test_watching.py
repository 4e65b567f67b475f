"""What the controller makes of a host's triggers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator import ports
from orchestrator.host.procedures.checking import check
from orchestrator.host.procedures.proving import sample, validate
from orchestrator.host.procedures.resolving import resolve
from orchestrator.host.procedures.switching import activate
from orchestrator.host.replies import Last, Probe, Said, Trigger
from orchestrator.model.event import Result
from orchestrator.model.plan import Use
from orchestrator.ports import Reply
from tests.host.scripted import (
    EMPTY,
    FACTS,
    NEW,
    NONCE,
    OK,
    OLD,
    OUTDATED,
    FakeChannel,
    Watch,
    assignment,
    context,
    on_trial,
    probed,
    remembered,
    work,
)

FIRED = "trigger service_health: app is failed (2 of 2)"
UNASKED = "trigger service_health: the host's watchdog has not asked"
IT = assignment(work(triggers=(Use("service_health"),)))
R = Result


def says(last: Said, reason: str = "", bad: int = 0) -> Reply:
    """Return the probe of a host on trial whose trigger said this."""
    return probed(replace(on_trial(), triggers=(Trigger("service_health", bad, 2, last, reason),)))


def ended(outcome: str) -> Probe:
    return Probe(
        active=OLD.release, last=Last(NONCE, "run-1", OLD.release, NEW.release, outcome, FIRED)
    )


WELL, SICK = says(Said.YES), says(Said.NO, "app is failed", 1)
SLOW, SILENT = says(Said.NOT_YET, "app is activating"), says(Said.NOTHING)
MUTE = says(Said.UNKNOWN, "cannot tell")


async def validated(*probes: Reply, watch: Watch | None = None) -> tuple[Result, str, FakeChannel]:
    channel = FakeChannel({"probe": list(probes), "check": OK})
    outcome = await validate(context(channel, IT, memory=remembered(OUTDATED), watch=watch))
    return outcome.result, outcome.reason, channel


@pytest.mark.parametrize("probe", [WELL, MUTE])
async def test_a_host_whose_triggers_do_not_say_no_is_well(probe: Reply) -> None:
    result, _, channel = await validated(probe)
    assert result is R.DONE
    assert channel.operations == [["probe"]]
    assert "glance=1" in channel.calls[0][0]


@pytest.mark.parametrize("first", [SICK, SLOW, SILENT])
async def test_one_that_says_no_or_not_yet_is_waited_for(first: Reply) -> None:
    watch = Watch()
    result, _, channel = await validated(first, first, WELL, watch=watch)
    assert result is R.DONE
    assert len(channel.calls) == 3
    assert watch.naps == [0.5, 1.0]


@pytest.mark.parametrize(
    ("probe", "result", "reason"),
    [
        (SICK, R.FAILED, "trigger service_health: app is failed (1 of 2)"),
        (SLOW, R.FAILED, "trigger service_health: app is activating"),
        (SILENT, R.INCONCLUSIVE, UNASKED),
        (
            probed(on_trial()),
            R.INCONCLUSIVE,
            "trigger service_health: the host's watchdog has not asked",
        ),
    ],
)
async def test_but_not_for_ever(probe: Reply, result: Result, reason: str) -> None:
    assert (await validated(probe))[:2] == (result, reason)


@pytest.mark.parametrize("outcome", ["reverted", "stranded"])
async def test_a_host_that_went_back_has_failed_and_says_why(outcome: str) -> None:
    result, reason, _ = await validated(SICK, probed(ended(outcome)))
    assert (result, reason) == (R.FAILED, f"gateway went back by itself: {FIRED}")


@pytest.mark.parametrize("probe", [EMPTY, replace(ended("committed"), active=NEW.release)])
async def test_a_trial_that_is_over_is_not_waited_for(probe: Probe) -> None:
    assert (await validated(probed(probe)))[0] is R.DONE


async def test_a_sample_tells_why_a_host_went_back() -> None:
    channel = FakeChannel({"facts": FACTS, "probe": probed(ended("reverted"))})
    outcome = await sample(context(channel, IT))
    assert (outcome.result, outcome.reason) == (R.FAILED, f"gateway: went back by itself: {FIRED}")


async def test_resolve_tells_of_triggers_that_say_no() -> None:
    outcome = await resolve(context(FakeChannel({"facts": FACTS, "probe": SICK})))
    assert outcome.result is R.IS_TRIAL
    assert outcome.reason.endswith("for 90 s more; trigger service_health: app is failed (1 of 2)")


async def test_triggers_go_with_the_activation() -> None:
    channel = FakeChannel({"activate": OK})
    await activate(context(channel, IT, memory=remembered(OUTDATED)))
    [line] = channel.calls[0]
    assert " triggers=service_health trigger_1='service_health of gateway' " in line
    assert " trigger_1_every=30 trigger_1_timeout=10 trigger_1_threshold=2" in line


async def test_a_budget_of_boots_is_a_term_of_the_trial() -> None:
    class Boots:
        def watches(self) -> tuple[ports.Watch, ...]:
            return ()

        def boot_budget(self) -> ports.BootBudget:
            return ports.BootBudget(7, 90.0)

    channel = FakeChannel({"activate": OK})
    ctx = context(channel, IT, memory=remembered(OUTDATED))
    await activate(replace(ctx, build_trigger=lambda _use, _variables: Boots()))
    [line] = channel.calls[0]
    assert " boots=7 boot_timeout=90 " in line
    assert "trigger" not in line


async def test_what_cannot_be_rendered_shows_before_anything_is_touched() -> None:
    def refuse(use: Use, variables: object) -> object:
        raise KeyError(use.name)

    channel = FakeChannel({"facts": FACTS, "probe": probed(OUTDATED)})
    with pytest.raises(KeyError):
        await check(replace(context(channel, IT), build_trigger=refuse))  # type: ignore[arg-type]
