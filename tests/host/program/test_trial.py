"""Trials: armed, confirmed, committed, reverted by request or by themselves."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place, living, lose_watchdog, until, watchdog

OLD = Release(files={"bin/app": b"one", "etc/old": b"x"}, modes={"bin/app": 0o755})
NEW = Release(files={"bin/app": b"two", "new": b"y"}, modes={"bin/app": 0o755}, version="2.0.0")


def note(text: str) -> str:
    """Return hook text that appends a line to the log."""
    return f'echo "{text}" >>"$FLEET_SHARED/../../log"'


HOOKS = {
    name: note(name)
    for name in ("restart", "pre_activate", "post_activate", "pre_revert", "post_revert")
}
STEPS = {
    "steps": "schema data",
    "step_up_1": note("schema up"),
    "step_down_1": note("schema down"),
    "step_up_2": note("data up"),
    "step_down_2": note("data down"),
}


def log(place: Place) -> list[str]:
    path = place.root / "log"
    return path.read_text().splitlines() if path.exists() else []


def ledger(place: Place) -> list[str]:
    path = place.records / "ledger"
    return [line.split()[0] for line in path.read_text().splitlines() if line]


def history(place: Place) -> list[dict[str, object]]:
    return [json.loads(line) for line in (place.records / "history.jsonl").read_text().splitlines()]


def test_from_nothing_to_committed(place: Place) -> None:
    with place.session() as session:
        assert place.stage(session, OLD).status == "ok"
        armed = place.activate(session, OLD)
        assert (armed.status, armed.fields["from"]) == ("ok", "")
        probe = place.probe(session, OLD)
        assert (probe.active, probe.proved, probe.trial["nonce"]) == (OLD.id, True, "n1")
        assert 590 < probe.trial["remaining"] <= 600
        assert probe.lock["owner"] == "somebody"
        guard = watchdog(place)
    with place.session() as session:
        confirmed = place.confirm(session, OLD)
        assert confirmed.status == "ok"
        assert confirmed.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        probe = place.probe(session, OLD)
        assert (probe.trial, probe.last["outcome"]) == (None, "confirmed")
        assert place.commit(session, OLD).status == "ok"
        probe = place.probe(session, OLD)
        assert (probe.lock, probe.last["outcome"], probe.proved) == (None, "committed", True)
    until(lambda: guard not in living(str(place.state)))


def test_every_step_may_be_repeated(place: Place) -> None:
    with place.session() as session:
        place.install(session, OLD)
        for operation in (place.stage, place.activate, place.confirm, place.commit):
            answers = [operation(session, NEW) for _ in range(3)]
            assert [answer.status for answer in answers] == ["ok"] * 3
        assert (place.active, place.probe(session, NEW).previous) == (NEW.id, OLD.id)
    begun = [entry["op"] for entry in history(place) if entry["at"] == "trial"]
    assert len(begun) == 2


def test_hooks_and_steps_run_in_order_and_once(place: Place) -> None:
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        for _ in range(2):
            assert place.activate(session, NEW, **HOOKS, **STEPS).status == "ok"
        forward = ["pre_activate", "schema up", "data up", "restart", "post_activate"]
        assert log(place) == forward
        assert ledger(place) == ["schema", "data"]
        for _ in range(2):
            assert place.revert(session).status == "ok"
        back = ["pre_revert", "data down", "schema down", "restart", "post_revert"]
        assert log(place) == forward + back
        assert ledger(place) == []
        probe = place.probe(session, OLD)
    assert (probe.active, probe.proved, probe.previous) == (OLD.id, True, None)
    assert probe.last["reason"] == "asked"


def test_steps_of_an_earlier_trial_are_neither_repeated_nor_undone(place: Place) -> None:
    first = {"steps": "schema", "step_up_1": note("schema up"), "step_down_1": note("gone")}
    with place.session() as session:
        place.stage(session, OLD)
        place.activate(session, OLD, "a", **first)
        place.confirm(session, OLD, "a")
        place.commit(session, OLD, "a")
        place.stage(session, NEW)
        place.activate(session, NEW, "b", **STEPS)
        place.revert(session, "b")
    assert log(place) == ["schema up", "data up", "data down"]
    assert ledger(place) == ["schema"]


@pytest.mark.parametrize(
    ("end", "undone"),
    [("kill -9 $$", ["data down"]), ("sleep 100", ["data down"]), ("exit 3", [])],
)
def test_a_step_that_was_cut_off_may_have_been_done(
    place: Place, end: str, undone: list[str]
) -> None:
    texts = {**STEPS, "step_up_2": f"{note('data up')}\n{end}", "hook_timeout": "1"}
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        for _ in range(2):
            assert place.activate(session, NEW, **texts).status == "failed"
        assert place.revert(session).status == "ok"
    assert log(place) == ["schema up", "data up", "data up", *undone, "schema down"]
    assert ledger(place) == []


@pytest.mark.parametrize("hook", ["pre_activate", "restart", "post_activate", "step_up_2"])
def test_a_failing_hook_leaves_the_trial_armed(place: Place, hook: str) -> None:
    fails = f'[ "$FLEET_TO" = {OLD.id} ] || {{ echo first; echo at last >&2; exit 3; }}'
    texts = {**HOOKS, **STEPS, hook: fails}
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        answer = place.activate(session, NEW, **texts)
        name = "step data" if hook == "step_up_2" else hook
        assert (answer.status, answer.hook) == ("failed", name)
        assert answer.reason == f"{name}: exit status 3: at last"
        assert answer.tail == "first\nat last"
        before = hook in ("pre_activate", "step_up_2")
        probe = place.probe(session, OLD)
        assert (probe.trial["nonce"], probe.active) == ("n1", OLD.id if before else NEW.id)
        assert place.revert(session).status == "ok"
        assert place.probe(session, OLD).proved
    assert ledger(place) == [] if (place.records / "ledger").exists() else True


def test_the_first_release_goes_back_to_nothing(place: Place) -> None:
    with place.session() as session:
        place.stage(session, OLD)
        place.activate(session, OLD)
        assert place.revert(session).status == "ok"
        probe = place.probe(session, OLD)
    assert (probe.active, probe.previous, probe.trial) == (None, None, None)
    assert not (place.home / "current").is_symlink()


def test_reverts_by_itself_when_nobody_confirms(place: Place) -> None:
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        assert place.activate(session, NEW, deadline=1, **HOOKS).status == "ok"
        guard = watchdog(place)
        assert place.active == NEW.id
    until(lambda: guard not in living(str(place.state)))
    with place.session() as session:
        probe = place.probe(session, OLD)
        assert (probe.proved, probe.trial, probe.last["outcome"]) == (True, None, "reverted")
        assert probe.last["reason"] == "no confirmation within 1 s"
        assert place.confirm(session, NEW).status == "no"
        assert place.activate(session, NEW).status == "no"
        assert place.revert(session, release_lock=1).reason == "no confirmation within 1 s"
        assert place.probe(session, OLD).lock is None
    assert log(place)[-3:] == ["pre_revert", "restart", "post_revert"]
    assert [entry for entry in history(place) if entry["op"] == "watchdog"]


def test_confirm_wants_this_nonce_in_time_and_the_release_whole(place: Place) -> None:
    with place.session() as session:
        place.stage(session, OLD)
        assert place.confirm(session, OLD).status == "no"
        place.activate(session, OLD)
        assert place.confirm(session, OLD, "other").reason == "no trial with this nonce is on"
        (place.release(OLD) / "etc/old").write_bytes(b"z")
        damaged = place.confirm(session, OLD)
        assert damaged.status == "no"
        assert "etc/old is modified" in damaged.reason
        assert place.probe(session, OLD).trial["nonce"] == "n1"
        (place.release(OLD) / "etc/old").write_bytes(b"x")
        assert place.confirm(session, OLD).status == "ok"
        assert place.revert(session, "other").reason == "nothing to undo"
        assert place.commit(session, OLD, "n1").status == "ok"


def test_a_deadline_that_has_passed_cannot_be_confirmed(place: Place) -> None:
    with place.session() as session:
        place.stage(session, OLD)
        place.activate(session, OLD)
        lose_watchdog(place)
        boot, up, _ = (place.records / "spent").read_text().split()
        (place.records / "spent").write_text(f"{boot} {up} 600\n")
        assert place.confirm(session, OLD).reason == "the trial's deadline has passed"


def test_a_run_undoes_what_it_committed_until_another_replaces_it(place: Place) -> None:
    with place.session() as session:
        place.install(session, OLD, "a")
        place.install(session, NEW, "b")
        assert place.revert(session, "a").status == "no"
        assert place.revert(session, "never").reason == "nothing to undo"
        assert place.active == NEW.id
        assert place.revert(session, "b").status == "ok"
        assert place.probe(session, OLD).proved


@pytest.mark.parametrize("harm", ["modified", "gone"])
def test_an_old_release_that_is_damaged_strands_the_host(place: Place, harm: str) -> None:
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        place.activate(session, NEW)
        victim = place.release(OLD) / ("etc/old" if harm == "modified" else ".fleet/complete")
        good = victim.read_bytes()
        victim.unlink()
        if harm == "modified":
            victim.write_bytes(b"q")
        answer = place.revert(session)
        assert answer.status == "stranded"
        assert harm in answer.reason
        assert place.probe(session, NEW).last["outcome"] == "stranded"
        victim.write_bytes(good)
        assert place.revert(session).status == "ok"
        assert place.probe(session, OLD).proved


@pytest.mark.parametrize("hook", ["restart", "post_revert", "pre_revert", "step_down_1"])
def test_a_way_back_whose_hook_fails_strands_the_host(place: Place, hook: str) -> None:
    texts = {**HOOKS, **STEPS, hook: 'echo no; [ ! -e "$FLEET_SHARED/../broken" ]'}
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        assert place.activate(session, NEW, **texts).status == "ok"
        (place.home / "broken").touch()
        answer = place.revert(session)
        assert (answer.status, answer.tail) == ("stranded", "no")
        assert place.active == (NEW.id if hook == "step_down_1" else OLD.id)
        (place.home / "broken").unlink()
        assert place.revert(session).status == "ok"
        assert place.probe(session, OLD).proved
        assert ledger(place) == []


def test_activate_wants_a_whole_staged_release_and_no_other_trial(place: Place) -> None:
    with place.session() as session:
        assert place.activate(session, NEW).reason == f"release {NEW.id} is not staged"
        place.stage(session, NEW)
        place.stage(session, OLD)
        (place.release(NEW) / "new").write_bytes(b"?")
        assert "new is modified" in place.activate(session, NEW).reason
        assert place.activate(session, OLD).status == "ok"
        (place.release(NEW) / "new").write_bytes(b"y")
        assert "a trial of" in place.activate(session, NEW, "n2").reason
        assert place.commit(session, OLD).status == "no"
        assert place.do(session, "withdraw", **OLD.named()).status == "no"
    assert place.active == OLD.id


@pytest.mark.parametrize("foreign", ["folder", "link"])
def test_a_current_that_is_not_ours_is_left_alone(place: Place, foreign: str) -> None:
    with place.session() as session:
        place.stage(session, OLD)
        current = place.home / "current"
        if foreign == "folder":
            current.mkdir()
        else:
            current.symlink_to(place.root)
        answer = place.activate(session, OLD)
        assert (answer.status, place.probe(session, OLD).trial) == ("no", None)
        assert "is not a link to one of our releases" in answer.reason
    assert current.exists()


def test_activate_of_what_is_active_changes_nothing(place: Place) -> None:
    with place.session() as session:
        place.install(session, OLD)
        answer = place.activate(session, OLD, "n9", restart="exit 1")
        assert (answer.status, answer.reason) == ("ok", "already active")
        assert place.probe(session, OLD).trial is None


def test_withdraw_removes_only_what_is_incomplete(place: Place) -> None:
    with place.session() as session:
        place.stage(session, OLD, ["etc/old"])
        assert place.release(OLD).exists()
        assert place.do(session, "withdraw", **OLD.named()).status == "ok"
        assert not place.release(OLD).exists()
        assert place.probe(session, OLD).lock is None
        place.token = 0
        place.stage(session, OLD)
        assert place.do(session, "withdraw", **OLD.named()).status == "ok"
        assert place.probe(session, OLD).releases == [OLD.id]


def test_verify_tells_what_differs(place: Place) -> None:
    release = Release(
        files={"a": b"1", "b\n%": b"2", "c": b"3", "d": b"4"},
        links={"l": "a"},
        folders={"e": 0o755},
    )
    with place.session() as session:
        assert session.ask("verify", **place.where()).reason == "nothing is active"
        place.install(session, release)
        folder = place.release(release)
        (folder / "a").write_bytes(b"x")
        (folder / "b\n%").unlink()
        (folder / "c").chmod(0o600)
        (folder / "l").unlink()
        (folder / "l").symlink_to("b")
        (folder / "e/mine").touch()
        (folder / "d").unlink()
        os.mkfifo(folder / "d")
        found = session.ask("verify", **place.where())
    assert found.status == "ok"
    assert sorted(found.modified) == ["a", "d", "l"]
    assert (found.missing, found.wrong_mode, found.extra) == (["b\n%"], ["c"], ["e/mine"])
    assert (found.modified_count, found.extra_count) == (3, 1)


def test_history_tells_what_was_done(place: Place) -> None:
    with place.session() as session:
        place.install(session, OLD)
        entries = session.ask("history", lines=3, **place.where()).entries
    assert [(entry["at"], entry["op"]) for entry in entries] == [
        ("end", "confirm"),
        ("begin", "commit"),
        ("end", "commit"),
    ]
    assert entries[-1]["status"] == "ok"


def test_a_way_back_that_was_cut_is_not_confirmed(place: Place) -> None:
    """Its steps may be undone already, though the release is still active."""
    data = place.home / "shared/data"
    texts = STEPS | {"step_up_2": f"touch '{data}'", "step_down_2": f"rm '{data}'"}
    with place.session() as session:
        place.install(session, OLD)
        assert place.stage(session, NEW).status == "ok"
        assert place.activate(session, NEW, **texts).status == "ok"
    with contextlib.suppress(EOFError), place.session(FLEET_KILL_POINT="step_in_doubt") as session:
        assert place.revert(session).status == "ended"
    data.unlink()  # the step may have got so far
    with place.session() as session:
        refused = place.confirm(session, NEW)
        assert (refused.status, place.active) == ("no", NEW.id)
        assert refused.reason == "this trial is being taken back: revert it, or activate it again"
        assert place.activate(session, NEW, **texts).status == "ok"
        assert data.exists()
        assert ledger(place) == ["schema", "data"]
        assert place.confirm(session, NEW).status == "ok"
