from __future__ import annotations

from dataclasses import replace

from orchestrator.host.procedures.staging import stage
from orchestrator.host.replies import Drift
from orchestrator.model.event import Result
from orchestrator.model.keeping import DriftPolicy, OnDrift
from orchestrator.ports import Reply
from tests.host.scripted import (
    CURRENT,
    OUTDATED,
    FakeChannel,
    FakeDepot,
    assignment,
    context,
    remembered,
    work,
)

FAIL, KEEP, OVERWRITE = DriftPolicy
DRIFTED = replace(
    CURRENT, proved=False, proof="much", drift=Drift("much", ("README",), (), ("bin/run",))
)
IT = assignment(work(on_drift=OnDrift(OVERWRITE)))
DONE = Reply("ok", "", {"mended": 2, "token": 7})


async def test_stage_mends_what_is_active_and_drifted() -> None:
    channel, depot, memory = FakeChannel({"repair": DONE}), FakeDepot(), remembered(DRIFTED)
    outcome = await stage(context(channel, IT, memory=memory, depot=depot))
    assert outcome.result is Result.DONE
    assert depot.asked == [("README",)]  # of bin/run nothing but the mode differs
    assert channel.operations == [["repair"]]
    assert memory.probes["gateway"].proved
    assert memory.tokens == {}


async def test_what_was_not_enough_is_sent_in_full() -> None:
    drifted = replace(DRIFTED, drift=Drift("README", modified=("README",)))
    channel, depot = FakeChannel({"repair": [Reply("lacks"), DONE]}), FakeDepot()
    await stage(context(channel, IT, memory=remembered(drifted), depot=depot))
    assert depot.asked == [("README",), ("bin/run", "README")]


async def test_a_host_that_cannot_be_mended_has_failed() -> None:
    memory = remembered(DRIFTED)
    channel = FakeChannel({"repair": Reply("failed", "the disk is full")})
    outcome = await stage(context(channel, IT, memory=memory))
    assert (outcome.result, outcome.reason) == (
        Result.FAILED,
        "staging gateway: the disk is full",
    )
    assert not memory.probes["gateway"].proved


async def test_changed_content_counts_as_not_there_and_the_host_is_told_what_becomes_of_it() -> (
    None
):
    drift = Drift("changed", modified=("etc/a b",), missing=("bin/run",))
    it = assignment(work(on_drift=OnDrift(OVERWRITE, (("etc/*", KEEP),))))
    channel, depot = FakeChannel({"stage": Reply("ok")}), FakeDepot()
    memory = remembered(replace(OUTDATED, drift=drift))
    await stage(context(channel, it, memory=memory, depot=depot))
    assert depot.asked == [("bin/run", "README")]
    [[line]] = channel.calls
    assert " keep_paths='etc/a b' overwrite_paths=bin/run" in line
