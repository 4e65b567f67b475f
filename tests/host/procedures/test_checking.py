from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator import templates
from orchestrator.errors import FleetError, HostError, InputError, ProtocolError
from orchestrator.host import requests
from orchestrator.host.procedures.checking import check
from orchestrator.host.replies import Drift
from orchestrator.host.requests import Place
from orchestrator.model.event import Result
from orchestrator.model.plan import Hooks, Reboot, Step, Use
from orchestrator.ports import Reply
from tests.host.scripted import (
    CURRENT,
    EMPTY,
    FACTS,
    NEW,
    OK,
    OUTDATED,
    FakeChannel,
    FakeCheck,
    FakeConnector,
    FakeGate,
    FakeTrigger,
    Watch,
    assignment,
    context,
    locked,
    manifest,
    probed,
    work,
)

PLACE = Place("gateway", "/opt/fleet", "/var/lib/fleet")
DB = manifest("1.0.0", package="db")


def host(probe=OUTDATED, **more) -> FakeChannel:
    return FakeChannel({"facts": FACTS, "probe": probed(probe), **more})


async def test_a_host_that_is_there_costs_one_round_trip_of_exact_lines() -> None:
    channel = host(CURRENT, check=Reply("no", "full"))
    outcome = await check(context(channel, assignment(work(pre_checks=(Use("disk"),)))))
    assert outcome.result is Result.ALREADY
    assert outcome.facts["changes"] == 0
    env = "".join(
        f"export FLEET_{name}={value}\n"
        for name, value in {
            "PACKAGE": "gateway",
            "TO": NEW.release,
            "RELEASE": PLACE.release_path(NEW.release),
            "ROOT": "/opt/fleet",
            "STATE": "/var/lib/fleet",
            "SHARED": "/opt/fleet/gateway/shared",
            "CURRENT": "/opt/fleet/gateway/current",
            "RUN": "run-1",
            "WAVE": "canary",
        }.items()
    )
    assert channel.calls == [
        [
            "facts",
            requests.probe(PLACE, NEW.release, NEW.digest),
            requests.check("disk", "disk", timeout=5, env=env),
        ]
    ]


async def test_what_would_be_done_and_why() -> None:
    channel = host()
    channel.script["probe"] = [
        probed(OUTDATED),
        probed(replace(CURRENT, active=DB.release, releases=(DB.release,))),
    ]
    outcome = await check(context(channel, assignment(work(), work("db", DB))))
    assert outcome.result is Result.DONE
    assert outcome.facts == {
        "packages": {
            "gateway": {
                "from": OUTDATED.active,
                "to": NEW.release,
                "bytes": 5000,
                "files": 1,
                "why": f"{OUTDATED.active} is active",
            },
            "db": {"from": DB.release, "to": DB.release, "bytes": 0, "why": "there, and proved"},
        },
        "changes": 1,
        "os": "debian",
        "arch": "x86_64",
        "boot_id": "b1",
    }


async def test_an_objection_keeps_the_facts() -> None:
    outcome = await check(context(host(locked("run-0"))))
    assert outcome.result is Result.FAILED
    assert outcome.reason.startswith("gateway: locked by eve@box (run run-0")
    assert outcome.facts["changes"] == 1


async def test_drift_lists_the_files() -> None:
    drift = Drift("2 files differ", modified=("README",), missing=("bin/run",))
    drifted = replace(CURRENT, proved=False, proof="2 files differ", drift=drift)
    channel = host(drifted)
    outcome = await check(context(channel))
    assert outcome.result is Result.FAILED
    assert "differs from what was signed: 2 files differ" in outcome.reason
    assert outcome.output == "modified: README\nmissing: bin/run"
    assert len(channel.calls) == 1


async def test_drift_that_cannot_be_listed_is_still_drift() -> None:
    drift = Drift("the manifest is another", listed=False)
    drifted = replace(CURRENT, proved=False, proof="the manifest is another", drift=drift)
    outcome = await check(context(host(drifted)))
    assert (outcome.result, outcome.output) == (Result.FAILED, "")


async def test_pre_checks_that_need_facts_go_in_a_second_call() -> None:
    uses = (Use("disk"), Use("memory", (("available", "{{ facts.memory_kib }}"),)))
    channel = host(EMPTY, check=OK)
    outcome = await check(context(channel, assignment(work(pre_checks=uses))))
    assert outcome.result is Result.DONE
    assert channel.operations == [["facts", "probe", "check"], ["check"]]
    assert "script=disk " in channel.calls[0][2]
    assert "script='memory debian'" in channel.calls[1][0]


async def test_an_environment_with_facts_makes_its_pre_checks_wait() -> None:
    it = work(pre_checks=(Use("disk"),), environment=(("OS", "{{ facts.os }}"),))
    channel = host(EMPTY, check=OK)
    assert (await check(context(channel, assignment(it)))).result is Result.DONE
    assert channel.operations == [["facts", "probe"], ["check"]]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Reply("no", "20 MiB free"), "20 MiB free"),
        (Reply("unknown", "timed out after 5 s"), "timed out after 5 s"),
        (Reply("no"), "answered no"),
    ],
)
async def test_a_pre_check_that_says_no_or_nothing_fails_the_host(said: Reply, reason: str) -> None:
    said = replace(said, fields={"tail": "last words"})
    it = work(pre_checks=(Use("disk"), Use("memory")))
    outcome = await check(context(host(check=[OK, said]), assignment(it)))
    assert outcome.result is Result.FAILED
    assert outcome.reason == f"pre-check memory of gateway: {reason}"
    assert outcome.output == "last words"
    assert outcome.facts["changes"] == 1


async def test_a_pre_check_that_says_not_yet_is_asked_again() -> None:
    watch = Watch()
    it = work(pre_checks=(Use("disk"), Use("port")))
    channel = host(check=[OK, Reply("not-yet"), Reply("not-yet"), OK])
    outcome = await check(context(channel, assignment(it), watch=watch))
    assert outcome.result is Result.DONE
    assert channel.operations[1:] == [["check"], ["check"]]
    assert watch.naps == [0.5, 1.0]


async def test_not_yet_ends_with_the_phase() -> None:
    watch = Watch()
    it = work(pre_checks=(Use("port"),))
    channel = host(check=Reply("not-yet", "port 80 is taken"))
    outcome = await check(context(channel, assignment(it), watch=watch, seconds=20.0))
    assert outcome.result is Result.FAILED
    assert outcome.reason == "pre-check port of gateway: still not ready: port 80 is taken"
    assert sum(watch.naps) <= 20.0
    assert max(watch.naps) == 5.0


async def test_what_cannot_be_rendered_shows_before_anything_is_touched() -> None:
    it = work(hooks=Hooks(post_activate="{{ oops }}"))
    with pytest.raises(FleetError, match="'oops' is not defined"):
        await check(context(host(), assignment(it)))


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ({"hooks": Hooks(post_activate="echo {{ bad }}")}, "holds a NUL"),
        ({"hooks": Hooks(pre_stage="echo {{ bad }}")}, "holds a NUL"),
        ({"restart": ("echo {{ bad }}",)}, "holds a NUL"),
        ({"environment": (("A", "{{ bad }}"),)}, "holds a NUL"),
        ({"steps": (Step("one", "x", down="{{ half }}"),)}, "not UTF-8"),
        ({"validations": (Use("{{ bad }}"),)}, "holds a NUL"),
        ({"triggers": (Use("{{ bad }}"),)}, "holds a NUL"),
        ({"reboot": Reboot(command="echo {{ bad }}")}, "holds a NUL"),
    ],
)
async def test_what_cannot_be_sent_shows_before_anything_is_touched(
    package: dict[str, Any], words: str
) -> None:
    channel = host(check=OK)
    ctx = context(channel, assignment(work(**package), bad="a\0b", half="\ud800"))
    ctx = replace(
        ctx,
        build_check=lambda use, known: FakeCheck(templates.render(use.name, known)),
        build_trigger=lambda use, known: FakeTrigger(templates.render(use.name, known)),
    )
    with pytest.raises(HostError, match=words):
        await check(ctx)
    assert [name for call in channel.operations for name in call] == ["facts", "probe"]


async def test_a_validation_that_cannot_be_built_shows_before_anything_is_touched() -> None:
    def refuse(use: Use, _variables: object) -> FakeCheck:
        raise InputError.at("plan.yml", f"{use.name}: variable 'x' is not defined")

    ctx = context(host(), assignment(work(validations=(Use("http"),))))
    with pytest.raises(InputError, match="http: variable 'x'"):
        await check(replace(ctx, build_check=refuse))


async def test_a_gate_that_cannot_be_built_shows_before_anything_is_touched() -> None:
    def refuse(use: Use, _variables: object) -> FakeGate:
        raise InputError.at("plan.yml", f"{use.name}: variable 'x' is not defined")

    it = work(reboot=Reboot(lock=Use("fleet_lock")))
    with pytest.raises(InputError, match="fleet_lock: variable 'x'"):
        await check(replace(context(host(), assignment(it)), build_gate=refuse))


async def test_a_host_without_facts_is_not_understood() -> None:
    channel = FakeChannel({"facts": Reply("error", "awk: not found"), "probe": probed(EMPTY)})
    with pytest.raises(ProtocolError, match="awk: not found"):
        await check(context(channel, connector=FakeConnector(channel)))
