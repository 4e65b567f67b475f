from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.host.procedures.resolving import Sight, resolve, stand
from orchestrator.host.replies import Probe
from orchestrator.model.event import Result
from tests.host.scripted import (
    CURRENT,
    EMPTY,
    FACTS,
    NEW,
    NONCE,
    OLD,
    OUTDATED,
    FakeChannel,
    context,
    ended,
    on_trial,
    probed,
)

STAGED = replace(OUTDATED, releases=(OLD.release, NEW.release))
TRIAL = on_trial()
ARMED = on_trial(OLD.release)
CONFIRMED = ended("confirmed", NEW.release)
REVERTED = ended("reverted", OLD.release)
OTHER = "9.9.9-ffffffffffff"
R = Result

ALONE = [
    ("staged", STAGED, R.IS_STAGED),
    ("not even staged", OUTDATED, R.IS_STAGED),
    ("nothing there", EMPTY, R.IS_STAGED),
    ("on trial", TRIAL, R.IS_TRIAL),
    ("armed, not flipped", ARMED, R.IS_ARMED),
    ("flipped, not run to its end", on_trial(activated=False), R.IS_ARMED),
    ("first release armed, not flipped", on_trial("", before=""), R.IS_ARMED),
    ("on trial, something else active", on_trial(OTHER), R.STRANDED),
    ("on trial, nothing active", on_trial(""), R.STRANDED),
    ("another run's trial", on_trial(OLD.release, nonce="other"), R.IS_STAGED),
    ("confirmed", CONFIRMED, R.IS_CONFIRMED),
    ("committed", ended("committed", NEW.release), R.IS_CONFIRMED),
    ("committed, went back by hand", ended("committed", OLD.release), R.IS_REVERTED),
    ("committed, then something else", ended("committed", OTHER), R.STRANDED),
    ("reverted", REVERTED, R.IS_REVERTED),
    ("first release reverted", ended("reverted", "", before=""), R.IS_REVERTED),
    ("reverted, yet new", ended("reverted", NEW.release), R.STRANDED),
    ("reverted, then something else", ended("reverted", OTHER), R.STRANDED),
    ("stranded, though old is back", ended("stranded", OLD.release), R.STRANDED),
    ("another run's last", ended("reverted", OLD.release, nonce="other"), R.IS_STAGED),
    ("never moved, proved", CURRENT, R.IS_CONFIRMED),
    ("never moved, damaged", replace(CURRENT, proved=False), R.STRANDED),
]


def sights(*probes: Probe) -> list[Sight]:
    return [Sight("gateway", NEW.release, NONCE, probe) for probe in probes]


@pytest.mark.parametrize(("probe", "result"), [row[1:] for row in ALONE], ids=[r[0] for r in ALONE])
def test_one_package(probe: Probe, result: Result) -> None:
    assert stand(sights(probe)) is result


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        (TRIAL, STAGED, R.IS_ARMED),
        (TRIAL, ARMED, R.IS_ARMED),
        (ARMED, STAGED, R.IS_ARMED),
        (TRIAL, CONFIRMED, R.IS_TRIAL),
        (TRIAL, REVERTED, R.IS_TRIAL),
        (CONFIRMED, REVERTED, R.IS_TRIAL),
        (CONFIRMED, STAGED, R.IS_TRIAL),
        (CONFIRMED, ended("committed", NEW.release), R.IS_CONFIRMED),
        (REVERTED, STAGED, R.IS_REVERTED),
        (CURRENT, TRIAL, R.IS_TRIAL),
        (CURRENT, STAGED, R.IS_STAGED),
        (CURRENT, REVERTED, R.IS_REVERTED),
        (CURRENT, CURRENT, R.IS_CONFIRMED),
        (TRIAL, on_trial(OTHER), R.STRANDED),
    ],
)
def test_packages_that_stand_differently(one: Probe, other: Probe, result: Result) -> None:
    assert stand(sights(one, other)) is result
    assert stand(sights(other, one)) is result


async def test_resolve_probes_and_tells_why() -> None:
    channel = FakeChannel({"facts": FACTS, "probe": probed(REVERTED)})
    outcome = await resolve(context(channel))
    assert outcome.result is R.IS_REVERTED
    assert outcome.reason == f"gateway: {OLD.release} is active, reverted (because)"
    assert outcome.facts == {"active": {"gateway": OLD.release}}
    assert channel.operations == [["facts", "probe"]]


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (TRIAL, f"{NEW.release} is active, on trial for 90 s more"),
        (EMPTY, "nothing is active, this run switched nothing"),
    ],
)
async def test_resolve_in_words(probe: Probe, words: str) -> None:
    channel = FakeChannel({"facts": FACTS, "probe": probed(probe)})
    assert (await resolve(context(channel))).reason == f"gateway: {words}"
