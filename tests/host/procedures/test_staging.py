from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import Fenced, Unreachable
from orchestrator.host.procedures.staging import need_kib, stage, withdraw
from orchestrator.model.event import Result
from orchestrator.model.transfer import Abilities, Means, Part
from orchestrator.ports import Payload, Reply
from tests.host.scripted import (
    CURRENT,
    EMPTY,
    FACTS,
    NEW,
    OUTDATED,
    FakeChannel,
    FakeDepot,
    Scripted,
    assignment,
    context,
    entry,
    manifest,
    probed,
    remembered,
    work,
)

STAGED = Reply("ok", "", {"received": 1, "reused": 1, "signature": "verified", "token": 8})
LINE = (
    "stage package=gateway root=/opt/fleet state=/var/lib/fleet run=run-1 owner=ops@box token={}"
    f" lock_ttl=3600 release={NEW.release} manifest={NEW.digest} need_kib=1036"
    " means=gzip bytes={}"
    " signers='ci ssh-ed25519 AAAA' identities=ci"
)


LOCKED = "locked: run run-0 owns it; let that run finish, or abort it"


async def test_only_what_the_host_lacks_is_sent() -> None:
    channel, depot = FakeChannel({"stage": STAGED}), FakeDepot()
    memory = remembered(OUTDATED)
    outcome = await stage(context(channel, memory=memory, depot=depot))
    assert depot.asked == [("README",)]
    assert channel.calls == [[LINE.format(0, 5000)]]
    assert [str(p) for p in channel.payloads] == ["payload"]
    assert memory.tokens == {"gateway": 8}
    assert outcome.result is Result.DONE
    assert outcome.facts == {
        "staged": {
            "gateway": {
                "sent": 5000,
                "means": "gzip",
                "files": 1,
                "received": 1,
                "reused": 1,
                "signature": "verified",
            }
        },
        "sent": 5000,
    }


async def test_after_a_resume_the_host_is_probed_first() -> None:
    channel = FakeChannel({"facts": FACTS, "probe": probed(EMPTY), "stage": STAGED})
    depot = FakeDepot()
    await stage(context(channel, depot=depot))
    assert channel.operations == [["facts", "probe"], ["stage"]]
    assert depot.asked == [("bin/run", "README")]


async def test_what_lacks_gets_everything_once() -> None:
    channel = FakeChannel({"stage": [Reply("lacks", "", {"token": 8}), STAGED]})
    depot = FakeDepot()
    outcome = await stage(context(channel, memory=remembered(OUTDATED), depot=depot))
    assert outcome.result is Result.DONE
    assert depot.asked == [("README",), ("bin/run", "README")]
    assert channel.calls[1] == [LINE.format(8, 5100)]


PART = Part("ab" * 32, 400_000)
LARGE = Payload(Path("payload"), 1_000_000, 1, Means.GZIP, PART.sha256)


async def test_what_arrived_before_is_not_sent_again() -> None:
    channel, depot = FakeChannel({"stage": STAGED}), FakeDepot(made=LARGE)
    memory = remembered(replace(OUTDATED, part=PART))
    outcome = await stage(context(channel, memory=memory, depot=depot))
    assert outcome.facts["sent"] == 600_000
    assert channel.offsets == [400_000]
    assert f"bytes=600000 sha256={PART.sha256} offset=400000 spool_kib=586" in channel.calls[0][0]


async def test_after_a_cut_the_host_is_asked_what_arrived() -> None:
    said = {"facts": FACTS, "probe": probed(replace(OUTDATED, part=PART))}
    channel = FakeChannel({**said, "stage": [Unreachable("cut"), STAGED]})
    ctx = context(channel, memory=remembered(OUTDATED), depot=FakeDepot(made=LARGE))
    with pytest.raises(Unreachable):
        await stage(ctx)
    await stage(ctx)
    assert channel.operations == [["stage"], ["facts", "probe"], ["stage"]]
    assert channel.offsets == [0, 400_000]


async def test_after_a_cut_what_lacked_still_goes_in_full() -> None:
    replies: list[Scripted] = [Reply("lacks", "", {"token": 8}), Unreachable("cut"), STAGED]
    channel = FakeChannel({"facts": FACTS, "probe": probed(OUTDATED), "stage": replies})
    depot = FakeDepot()
    ctx = context(channel, memory=remembered(OUTDATED), depot=depot)
    with pytest.raises(Unreachable):
        await stage(ctx)
    assert (await stage(ctx)).result is Result.DONE
    assert depot.asked == [("README",), ("bin/run", "README"), ("bin/run", "README")]


async def test_the_depot_is_told_of_the_host() -> None:
    able = {"tools": ["zstd"], "zstd_patch": True, "memory_available_kib": 2048}
    memory = remembered(OUTDATED)
    memory.facts = dict(FACTS.fields) | able
    depot = FakeDepot()
    await stage(context(FakeChannel({"stage": STAGED}), memory=memory, depot=depot))
    means = frozenset({Means.ZSTD_PATCH, Means.ZSTD, Means.GZIP})
    assert depot.told == [(Abilities(means, 1 << 20), OUTDATED.active)]


async def test_what_lacks_even_then_has_failed() -> None:
    channel = FakeChannel({"stage": Reply("lacks", "README is damaged")})
    outcome = await stage(context(channel, memory=remembered(OUTDATED)))
    assert (outcome.result, outcome.reason) == (
        Result.FAILED,
        "staging gateway: README is damaged",
    )
    assert len(channel.calls) == 2


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Reply("no", "2048 KiB are needed"), "staging gateway: 2048 KiB are needed"),
        (Reply("locked", "run run-0 owns it"), f"staging gateway: {LOCKED}"),
        (Reply("error"), "staging gateway: the host answered 'error'"),
    ],
)
async def test_refusals(said: Reply, reason: str) -> None:
    outcome = await stage(context(FakeChannel({"stage": said}), memory=remembered(OUTDATED)))
    assert (outcome.result, outcome.reason) == (Result.FAILED, reason)


async def test_a_failure_lets_go_of_the_lock() -> None:
    said = {"stage": Reply("failed", "no space left", {"token": 9}), "withdraw": Reply("ok")}
    channel = FakeChannel(said)
    memory = remembered(OUTDATED)
    await stage(context(channel, memory=memory))
    assert [call[0].split()[0] for call in channel.calls] == ["stage", "withdraw"]
    assert memory.tokens == {}


async def test_fenced() -> None:
    channel = FakeChannel({"stage": Reply("fenced", "token 3 is not the newest")})
    with pytest.raises(Fenced, match="gw1: package gateway: token 3 is not the newest") as caught:
        await stage(context(channel, memory=remembered(OUTDATED)))
    assert "fleet status run-1" in caught.value.hint


async def test_packages_that_are_there_are_left_alone() -> None:
    channel = FakeChannel({"stage": STAGED})
    both = assignment(work(), work("db"))
    await stage(context(channel, both, memory=remembered(CURRENT, OUTDATED)))
    assert [call[0].split()[1] for call in channel.calls] == ["package=db"]


async def test_withdraw_lets_go() -> None:
    channel = FakeChannel({"withdraw": Reply("ok", "", {"token": 9})})
    memory = remembered(OUTDATED, gateway=8)
    outcome = await withdraw(context(channel, memory=memory))
    assert outcome.result is Result.DONE
    assert channel.calls == [
        [
            (
                "withdraw package=gateway root=/opt/fleet state=/var/lib/fleet run=run-1"
                f" owner=ops@box token=8 lock_ttl=3600 release={NEW.release}"
            )
        ]
    ]
    assert memory.tokens == {}


async def test_withdraw_goes_on_after_a_refusal() -> None:
    channel = FakeChannel({"withdraw": [Reply("locked", "run run-0 owns it"), Reply("ok")]})
    both = assignment(work(), work("db"))
    outcome = await withdraw(context(channel, both, memory=remembered(OUTDATED, OUTDATED)))
    assert outcome.result is Result.FAILED
    assert outcome.reason == f"withdrawing gateway: {LOCKED}"
    assert len(channel.calls) == 2


def test_need_kib_counts_blocks() -> None:
    assert need_kib(manifest(files=[entry("a", size=0), entry("b", size=4097)])) == 1024 + 8
