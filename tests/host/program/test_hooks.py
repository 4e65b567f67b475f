"""Hooks around every phase, what they see, and services that are restarted."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session, living, until
from tests.host.program.hooking import (
    AROUND_STAGING,
    BACK,
    ENDS,
    EVERY,
    FORWARD,
    LOG,
    NEW,
    OLD,
    Act,
    activate,
    finish,
    go_back,
    hooks,
    log,
    stage,
)


@pytest.mark.parametrize(("end", "last"), [("commit", ("cleanup",)), ("revert", BACK)])
def test_the_order_is_as_documented_and_nothing_is_run_twice(
    ready: Place, end: str, last: tuple[str, ...]
) -> None:
    texts = hooks(*EVERY)
    with ready.session() as session:
        for act in (stage, activate, ENDS[end]):
            for _ in range(2):
                assert act(ready, session, texts).status == "ok"
    assert log(ready) == [*AROUND_STAGING, *FORWARD, *last]


def test_all_see_the_same_variables(ready: Place) -> None:
    show = 'env | grep ^FLEET_ | sort >"$FLEET_ROOT/$FLEET_HOOK"; pwd >>"$FLEET_ROOT/$FLEET_HOOK"'
    texts = hooks(*EVERY, text=show)
    with ready.session() as session:
        for act in (stage, activate, go_back):
            assert act(ready, session, texts).status == "ok"
    same = {
        "FLEET_PACKAGE": ready.package,
        "FLEET_RELEASE": str(ready.release(NEW)),
        "FLEET_ROOT": str(ready.root),
        "FLEET_STATE": str(ready.state),
        "FLEET_SHARED": str(ready.home / "shared"),
        "FLEET_CURRENT": str(ready.home / "current"),
        "FLEET_RUN": ready.run,
        "FLEET_WAVE": "canary",
        "FLEET_NONCE": "n1",
        "FLEET_REBOOT": str(ready.records / "reboot"),
    }
    for name in EVERY:
        *lines, folder = (ready.root / name).read_text().splitlines()
        seen = dict(line.split("=", 1) for line in lines if "FLEET_DEBUG" not in line)
        before, after = (NEW.id, OLD.id) if name in BACK else (OLD.id, NEW.id)
        assert seen == same | {"FLEET_FROM": before, "FLEET_TO": after, "FLEET_HOOK": name}
        assert folder == ("/" if name == "pre_stage" else str(ready.release(NEW)))


def test_a_pre_stage_hook_that_fails_refuses_staging(ready: Place) -> None:
    refuse = {"pre_stage": "echo not now; [ -e $FLEET_ROOT/now ]"}
    with ready.session() as session:
        answer = stage(ready, session, refuse)
        assert (answer.status, answer.hook, answer.tail) == ("no", "pre_stage", "not now")
        assert answer.reason == "pre_stage: exit status 1: not now"
        assert not ready.release(NEW).exists()
        (ready.root / "now").touch()
        assert stage(ready, session, refuse).status == "ok"


def test_a_release_whose_post_stage_hook_fails_stays_beside_and_needs_no_more_bytes(
    ready: Place,
) -> None:
    fails = {"pre_stage": LOG, "post_stage": f"{LOG}; echo cold; [ -e $FLEET_ROOT/warm ]"}
    with ready.session() as session:
        answer = stage(ready, session, fails)
        assert (answer.status, answer.hook, answer.tail) == ("failed", "post_stage", "cold")
        assert (ready.active, NEW.id in ready.probe(session, NEW).releases) == (OLD.id, True)
        (ready.root / "warm").touch()
        again = stage(ready, session, fails)
        assert (again.status, again.reason, again.received) == ("ok", "already staged", 0)
    assert log(ready) == ["pre_stage", "post_stage", "post_stage"]


def test_what_is_laid_down_anew_is_prepared_anew(prepared: Place) -> None:
    texts = hooks(*AROUND_STAGING)
    with prepared.session() as session:
        stage(prepared, session, texts)
        (prepared.release(NEW) / "bin/app").write_bytes(b"?")
        assert stage(prepared, session, texts).status == "ok"
    assert log(prepared) == ["pre_stage", "post_stage", "post_stage"]


def test_another_run_runs_the_hooks_of_staging_again(prepared: Place) -> None:
    texts = hooks(*AROUND_STAGING)
    with prepared.session() as session:
        stage(prepared, session, texts)
        again = stage(prepared, session, texts, nonce="n2")
        assert again.reason == "already staged"
    assert log(prepared) == [*AROUND_STAGING] * 2


def test_what_is_active_is_not_staged_and_runs_no_hook(prepared: Place) -> None:
    texts = hooks(*AROUND_STAGING)
    with prepared.session() as session:
        assert prepared.stage(session, OLD, None, nonce="n1", **texts).status == "ok"
        stage(prepared, session, {})
        activate(prepared, session, {})
        assert stage(prepared, session, texts).status == "ok"
    assert log(prepared) == []


def acts(hook: str) -> list[Act]:
    """Return what must be done so that a hook comes last."""
    if hook in AROUND_STAGING:
        return [stage]
    if hook in FORWARD:
        return [stage, activate]
    return [stage, activate, go_back]


@pytest.mark.parametrize("hook", EVERY)
def test_a_hook_that_was_killed_is_run_again_and_those_before_it_are_not(
    prepared: Place, hook: str
) -> None:
    begun = prepared.root / "begun"
    wait = f"echo $$ >{begun}.new; mv {begun}.new {begun}; exec sleep 60"
    stuck = f"{LOG}; [ -e {begun} ] || {{ {wait}; }}"
    texts = hooks(*EVERY) | {hook: stuck}
    *easy, last = acts(hook)
    with prepared.session() as session:
        for act in easy:
            assert act(prepared, session, texts).status == "ok"
    with prepared.session() as session:
        with contextlib.suppress(Asked):
            last(prepared, deaf(session), texts)
        until(begun.exists)
        power_cut(prepared, session, int(begun.read_text()))
    with prepared.session() as session:
        prepared.token = 0
        assert last(prepared, session, texts).status == "ok"
    seen = log(prepared)
    first = seen.index(hook)
    assert seen[first + 1] == hook
    del seen[first]
    expected = [*AROUND_STAGING]
    expected += FORWARD if len(easy) or hook in FORWARD else ()
    expected += BACK if len(easy) == 2 else ()
    assert seen == expected


class Asked(Exception):
    """The request is on its way; nobody waits for its answer."""


def deaf(session: Session) -> Session:
    """Return the session, which from now on does not wait for answers."""

    def ask(operation: str, payload: bytes = b"", **keys: Any) -> Answer:
        session.request(operation, payload, **keys)
        raise Asked

    session.ask = ask  # type: ignore[method-assign]
    return session


def power_cut(place: Place, session: Session, hook: int) -> None:
    """End the session, what works for it, and the hook, all at once."""
    keep = set()
    record = place.records / "watchdog"
    if record.exists():
        keep.add(int(record.read_text().split()[0]))
    victims = {session.process.pid, hook, *living(str(place.root.parent))} - keep
    for how in (signal.SIGSTOP, signal.SIGKILL):  # so that none sees another's death
        for number in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, how)
    session.process.wait()


@pytest.mark.parametrize("hook", [*AROUND_STAGING, "cleanup"])
def test_a_hook_that_takes_too_long_is_ended_with_all_that_it_started(
    ready: Place, hook: str
) -> None:
    long = "setsid sleep 61 & echo $! >$FLEET_ROOT/service; (sleep 62 & sleep 63) & sleep 64"
    texts = {hook: long}
    with ready.session() as session:
        if hook == "cleanup":
            stage(ready, session, texts)
            activate(ready, session, texts, hook_timeout=1)
            answer = go_back(ready, session, texts)
            assert (answer.status, answer.cleanup) == ("ok", "cleanup: timed out after 1 s")
        else:
            answer = stage(ready, session, texts, hook_timeout=1)
            assert answer.reason == f"{hook}: timed out after 1 s"
        service = int((ready.root / "service").read_text())
        left = [command for command in living(str(ready.root)).values() if "sleep 6" in command]
        assert [command.split() for command in left] == [["sleep", "61"]]
        os.kill(service, signal.SIGKILL)


@pytest.mark.parametrize("hook", [*AROUND_STAGING, "cleanup"])
def test_what_a_hook_prints_is_passed_on_and_kept_within_limits(prepared: Place, hook: str) -> None:
    loud = "i=0; while [ $i -lt 1500 ]; do i=$((i + 1)); echo line $i of many; done; exit 7"
    texts = {hook: loud}
    with prepared.session() as session:
        for act in acts(hook)[:-1]:
            act(prepared, session, texts)
        if hook == "cleanup":
            answer = prepared.revert(session, live=1)
            assert answer.cleanup == "cleanup: exit status 7: line 1500 of many"
        else:
            answer = stage(prepared, session, texts, live=1)
            assert answer.reason == f"{hook}: exit status 7: line 1500 of many"
    assert answer.live == [f"line {n} of many" for n in range(1, 1001)]
    assert 7000 < len(answer.tail) <= 8192
    assert answer.tail.endswith("\nline 1500 of many")


@pytest.mark.parametrize("end", ENDS)
def test_a_cleanup_that_fails_is_told_and_changes_nothing(ready: Place, end: str) -> None:
    texts = {"cleanup": f"{LOG}; echo in use; [ -e $FLEET_ROOT/unused ]"}
    with ready.session() as session:
        stage(ready, session, texts)
        activate(ready, session, texts)
        answer = ENDS[end](ready, session, texts)
        assert (answer.status, answer.tail) == ("ok", "in use")
        assert answer.cleanup == "cleanup: exit status 1: in use"
        probe = ready.probe(session, NEW)
        assert probe.last["outcome"] == ("committed" if end == "commit" else "reverted")
        assert (probe.lock, probe.trial) == (None, None)
    lines = (ready.records / "history.jsonl").read_text().splitlines()
    [told] = [entry for entry in map(json.loads, lines) if entry["at"] == "cleanup"]
    assert (told["op"], told["reason"]) == (end, answer.cleanup)


def test_a_commit_that_is_repeated_tries_a_failed_cleanup_again(prepared: Place) -> None:
    texts = {"cleanup": f"{LOG}; [ -e $FLEET_ROOT/unused ]"}
    with prepared.session() as session:
        for act in (stage, activate, finish):
            act(prepared, session, texts)
        (prepared.root / "unused").touch()
        for _ in range(2):
            assert "cleanup" not in prepared.commit(session, NEW).fields
    assert log(prepared) == ["cleanup"] * 2


def test_the_watchdog_cleans_up_too(ready: Place) -> None:
    with ready.session() as session:
        stage(ready, session, {})
        activate(ready, session, hooks("restart", "post_revert", "cleanup"), deadline=1)
    until(lambda: ready.active == OLD.id and not (ready.records / "trial").exists())
    assert log(ready) == ["restart", "restart", "post_revert", "cleanup"]


def test_an_activation_after_a_way_back_that_was_cut_off_begins_anew(prepared: Place) -> None:
    texts = hooks(*FORWARD, "pre_revert")
    with prepared.session() as session:
        stage(prepared, session, {})
        activate(prepared, session, texts)
    with contextlib.suppress(EOFError), prepared.session(FLEET_KILL_POINT="flipped_back") as cut:
        go_back(prepared, cut, {})
    prepared.token = 0
    with prepared.session() as session:
        assert not prepared.probe(session, NEW).trial["activated"]
        assert activate(prepared, session, texts).status == "ok"
        assert prepared.active == NEW.id
    assert log(prepared) == [*FORWARD, "pre_revert", *FORWARD]


def changed(place: Place, release: Release) -> int:
    path = place.release(release) / ".fleet/changed"
    return path.stat().st_mtime_ns if path.exists() else 0


def test_a_program_that_watches_its_release_sees_it_change(ready: Place) -> None:
    watched = ready.home / "current/.fleet/changed"
    stable = ready.home / ".fleet/changed"
    with ready.session() as session:
        before = changed(ready, OLD)
        stage(ready, session, {})
        answer = activate(ready, session, {"restart": f"stat -c %Y {watched}"})
        assert (answer.status, changed(ready, NEW) > 0) == ("ok", True)
        assert changed(ready, OLD) > before
        touched = changed(ready, OLD), changed(ready, NEW)
        first = stable.stat().st_mtime_ns
        activate(ready, session, {})
        assert (changed(ready, OLD), changed(ready, NEW)) == touched
        probe, found = ready.probe(session, NEW), session.ask("verify", **ready.where())
        assert (probe.proved, probe.drift, found.extra) == (True, None, [])
        go_back(ready, session, {})
        assert watched.stat().st_mtime_ns > touched[0]
        assert changed(ready, NEW) > touched[1]
        assert stable.stat().st_mtime_ns > first
        assert ready.probe(session, OLD).proved


@pytest.mark.parametrize(
    ("operation", "keys", "reason"),
    [
        ("stage", {"pre_stage": "true"}, "not a nonce: "),
        ("stage", {"hook_timeout": "1m"}, "not a number of seconds: 1m"),
    ],
)
def test_a_request_with_hooks_must_be_whole(
    dash: Place, operation: str, keys: dict[str, Any], reason: str
) -> None:
    with dash.session() as session:
        answer = dash.do(session, operation, bytes=0, **NEW.named(), **keys)
    assert (answer.status, answer.reason) == ("error", reason)


def test_a_way_back_on_a_full_disk_restarts_what_went_forward(prepared: Place) -> None:
    texts = hooks("restart")
    with prepared.session() as session:
        stage(prepared, session, {})
        activate(prepared, session, texts)
        (prepared.records / "progress.new").mkdir()  # nothing can be written beside it
        go_back(prepared, session, texts)
    assert log(prepared) == ["restart", "restart"]


def test_steps_that_were_undone_stay_noted_when_the_direction_changes(prepared: Place) -> None:
    with prepared.session() as session:
        stage(prepared, session, {})
        activate(prepared, session, {})
        progress = prepared.records / "progress"
        progress.write_text(f"lowered data n0 n1\n{progress.read_text()}")
        assert go_back(prepared, session, {}).status == "ok"
        assert "lowered data n0 n1" in progress.read_text().splitlines()
        assert "restart n1" not in progress.read_text()
