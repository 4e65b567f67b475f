from __future__ import annotations

import shlex

import pytest

from orchestrator.errors import LoginRefused, Unreachable
from orchestrator.host.procedures.context import Memory
from orchestrator.host.procedures.switching import activate, commit, confirm, revert
from orchestrator.host.replies import Probe
from orchestrator.model.event import Result
from orchestrator.model.plan import Hooks
from orchestrator.ports import Outcome, Reply
from tests.host.scripted import (
    CURRENT,
    NEW,
    NONCE,
    OK,
    OLD,
    OUTDATED,
    FakeChannel,
    FakeConnector,
    assignment,
    context,
    ended,
    remembered,
    work,
)

AT = "package=gateway root=/opt/fleet state=/var/lib/fleet run=run-1 owner=ops@box token=8"
OF = f"lock_ttl=3600 release={NEW.release} manifest={NEW.digest} nonce={NONCE}"
BOTH = assignment(work(), work("db"))


def known(*probes: Probe) -> Memory:
    return remembered(*(probes or (OUTDATED,)), gateway=8, db=9)


async def test_activate_line() -> None:
    channel = FakeChannel({"activate": OK})
    it = assignment(work(hooks=Hooks(pre_activate="echo {{ facts.os }}"), restart=("a b",)))
    outcome = await activate(context(channel, it, memory=known()))
    assert outcome.result is Result.DONE
    assert outcome.facts == {"active": {"gateway": NEW.release}}
    assert channel.calls == [
        [
            (
                f"activate {AT} {OF} deadline=180 ceiling=86400 boots=3 boot_timeout=120"
                " boot_hook=auto reboot=if-required wave=canary signers='ci ssh-ed25519 AAAA'"
                " identities=ci hook_timeout=120 restart='('\"$NL\"'a b'\"$NL\"') || exit'\"$NL\"''"
                " pre_activate='echo debian'"
            )
        ]
    ]


def told(channel: FakeChannel) -> list[dict[str, str]]:
    """Return the keys of each request that went over a channel."""
    lines = [shlex.split(line.replace("'\"$NL\"'", "\n")) for [line] in channel.calls]
    return [dict(word.split("=", 1) for word in words[1:]) for words in lines]


SHARED = assignment(
    work("gateway", restart=("x 1", "shared it")),
    work("db", restart=("shared it",), reload=("x 2",)),
)


async def test_a_service_of_several_packages_is_done_with_the_last() -> None:
    channel = FakeChannel({"activate": OK})
    await activate(context(channel, SHARED, memory=known(OUTDATED, OUTDATED)))
    first, last = told(channel)
    assert first["restart"] == "(\nx 1\n) || exit\n"
    assert first["restart_back"] == "(\nx 1\n) || exit\n(\nshared it\n) || exit\n"
    assert last["restart"] == "(\nshared it\n) || exit\n(\nx 2\n) || exit\n"
    assert "restart_back" not in last


async def test_a_service_of_several_packages_is_done_with_the_last_that_goes_back() -> None:
    channel = FakeChannel({"revert": OK})
    await revert(context(channel, SHARED, memory=known(OUTDATED, OUTDATED)))
    first, last = told(channel)
    assert (first["package"], first["left_to"]) == ("db", "/var/lib/fleet/gateway")
    assert first["restart"] == "(\nx 2\n) || exit\n"
    assert (last["package"], last.keys() & {"restart", "left_to"}) == ("gateway", set())


async def test_a_package_that_did_not_move_is_left_nothing() -> None:
    channel = FakeChannel({"revert": OK})
    await revert(context(channel, SHARED, memory=known(CURRENT, ended("committed", NEW.release))))
    [only] = told(channel)
    assert only.keys() & {"restart", "left_to"} == set()


async def test_a_template_that_fails_keeps_nobody_from_going_back() -> None:
    what = assignment(work("gateway", restart=("{{ oops }} x",)), work("db", restart=("a b",)))
    channel = FakeChannel({"revert": OK})
    outcome = await revert(context(channel, what, memory=known(OUTDATED, OUTDATED)))
    assert (outcome.result, len(channel.calls)) == (Result.DONE, 2)


@pytest.mark.parametrize(("act", "word"), [(commit, "commit"), (revert, "revert")])
async def test_a_cleanup_that_fails_is_told_of(act, word) -> None:
    said = Reply("ok", "", {"cleanup": "cleanup: exit status 1: in use", "tail": "in use"})
    channel = FakeChannel({word: [OK, said]})
    outcome = await act(context(channel, BOTH, memory=known(OUTDATED, OUTDATED)))
    name = "db" if act is commit else "gateway"
    assert outcome == Outcome(
        Result.DONE, output="in use", facts={"left": {name: "cleanup: exit status 1: in use"}}
    )


async def test_activation_stops_at_the_first_refusal() -> None:
    channel = FakeChannel({"activate": Reply("failed", "pre_activate: exit 1", {"tail": "boom"})})
    outcome = await activate(context(channel, BOTH, memory=known(OUTDATED, OUTDATED)))
    assert outcome.result is Result.FAILED
    assert outcome.reason == "activating gateway: pre_activate: exit 1"
    assert outcome.output == "boom"
    assert len(channel.calls) == 1


async def test_a_stranded_activation() -> None:
    channel = FakeChannel({"activate": Reply("stranded", "neither")})
    outcome = await activate(context(channel, memory=known()))
    assert outcome.result is Result.STRANDED


async def test_confirm_goes_over_a_fresh_connection_and_closes_it() -> None:
    old, fresh = FakeChannel({}), FakeChannel({"confirm": Reply("ok", "", {"boot_id": "b1"})})
    ctx = context(old, memory=known(), connector=FakeConnector(fresh))
    outcome = await confirm(ctx)
    assert outcome.result is Result.DONE
    assert outcome.facts == {"boot_id": "b1", "rebooted": False}
    assert fresh.calls == [[f"confirm {AT} {OF}"]]
    assert (old.calls, old.closed, fresh.closed) == ([], 0, 1)


async def test_confirm_notices_a_reboot() -> None:
    fresh = FakeChannel({"confirm": Reply("ok", "", {"boot_id": "b2"})})
    outcome = await confirm(context(fresh, memory=known()))
    assert outcome.facts == {"boot_id": "b2", "rebooted": True}


async def test_confirm_refused_closes_the_connection() -> None:
    fresh = FakeChannel({"confirm": Reply("no", "the trial's deadline has passed")})
    outcome = await confirm(context(fresh, BOTH, memory=known(OUTDATED, OUTDATED)))
    assert outcome.result is Result.FAILED
    assert outcome.reason == "confirming gateway: the trial's deadline has passed"
    assert (len(fresh.calls), fresh.closed) == (1, 1)


async def test_confirm_without_a_fresh_connection() -> None:
    ctx = context(FakeChannel({}), memory=known(), connector=FakeConnector(Unreachable("gone")))
    outcome = await confirm(ctx)
    assert (outcome.result, outcome.reason) == (
        Result.UNREACHABLE,
        "no fresh connection: gone",
    )


async def test_a_refused_login_is_no_silence() -> None:
    ctx = context(FakeChannel({}), memory=known(), connector=FakeConnector(LoginRefused("no")))
    with pytest.raises(LoginRefused):
        await confirm(ctx)


async def test_commit_lets_go_of_the_lock() -> None:
    channel, memory = FakeChannel({"commit": Reply("ok", "", {"token": 8})}), known()
    outcome = await commit(context(channel, memory=memory))
    assert outcome.result is Result.DONE
    assert channel.calls == [[f"commit {AT} {OF} keep=3 backups=10 backups_age=7776000"]]
    assert memory.tokens == {"db": 9}


async def test_commit_refused() -> None:
    channel, memory = FakeChannel({"commit": Reply("no", "x is active")}), known()
    outcome = await commit(context(channel, memory=memory))
    assert (outcome.result, outcome.reason) == (Result.FAILED, "committing gateway: x is active")
    assert memory.tokens["gateway"] == 8


async def test_revert_goes_backwards_and_says_why() -> None:
    channel, memory = FakeChannel({"revert": OK}), known(OUTDATED, OUTDATED)
    memory.trouble = "validation http of gateway: 503"
    outcome = await revert(context(channel, BOTH, memory=memory))
    assert outcome.result is Result.DONE
    assert [call[0].split()[1] for call in channel.calls] == ["package=db", "package=gateway"]
    assert channel.calls[1] == [
        (
            f"revert {AT} lock_ttl=3600 nonce={NONCE}"
            " why='validation http of gateway: 503' release_lock=1"
        )
    ]
    assert memory.tokens == {}


@pytest.mark.parametrize(
    ("said", "result", "reason"),
    [
        (["stranded", "ok"], Result.STRANDED, "reverting db: stranded"),
        (["no", "stranded"], Result.STRANDED, "reverting gateway: stranded"),
        (["failed", "ok"], Result.FAILED, "reverting db: failed"),
    ],
)
async def test_a_failed_revert_does_not_stop_the_rest(said, result, reason) -> None:
    channel = FakeChannel({"revert": [Reply(word, word) for word in said]})
    outcome = await revert(context(channel, BOTH, memory=known(OUTDATED, OUTDATED)))
    assert (outcome.result, outcome.reason, len(channel.calls)) == (result, reason, 2)


async def test_what_this_run_did_not_move_is_not_reverted() -> None:
    channel = FakeChannel({"revert": OK})
    committed = ended("committed", NEW.release)
    await revert(context(channel, BOTH, memory=known(CURRENT, committed)))
    assert [call[0].split()[1] for call in channel.calls] == ["package=db"]
    assert committed.last
    assert committed.last.before == OLD.release
