"""Who may change a package: the lock, fencing, and taking over."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place, living, until, watchdog

OLD = Release(files={"app": b"one"})
NEW = Release(files={"app": b"two"}, version="2.0.0")


def another(place: Place, run: str = "run-2") -> Place:
    return replace(place, run=run, token=0)


def test_another_run_is_kept_out_until_the_first_lets_go(place: Place) -> None:
    other = another(place)
    with place.session() as session:
        place.stage(session, OLD)
        refused = other.stage(session, NEW)
        assert (refused.status, refused.owner) == ("locked", "somebody")
        assert "run run-1 owns the package" in refused.reason
        place.do(session, "withdraw", **OLD.named())
        assert other.stage(session, NEW).status == "ok"
        assert other.token == place.token + 1


def test_an_expired_lock_is_given_away_unless_a_trial_is_on(place: Place) -> None:
    other = another(place)
    with place.session() as session:
        place.stage(session, OLD, lock_ttl=0)
        assert other.stage(session, OLD, lock_ttl=0).status == "ok"
        assert place.stage(session, OLD).status == "fenced"
        assert other.activate(session, OLD, lock_ttl=0).status == "ok"
        place.token = 0
        assert place.stage(session, NEW).status == "locked"


def test_an_older_token_is_fenced_off(place: Place) -> None:
    newer = replace(place)
    with place.session() as first, place.session() as second:
        assert place.stage(first, OLD).token == 1
        assert newer.stage(second, OLD).token == 2
        for answer in (place.activate(first, OLD), place.stage(first, NEW)):
            assert answer.status == "fenced"
            assert "another controller has taken over" in answer.reason
        assert place.active == ""
        assert newer.activate(second, OLD).token == 2


def test_tokens_only_grow(place: Place) -> None:
    seen = []
    with place.session() as session:
        for number in range(4):
            mine = another(place, f"run-{number}")
            seen.append(mine.stage(session, OLD).token)
            mine.do(session, "withdraw", **OLD.named())
    assert seen == [1, 2, 3, 4]


def test_a_newer_controller_ends_what_a_stale_one_still_does(place: Place) -> None:
    newer = replace(place)
    with place.session() as first, place.session() as second:
        place.stage(first, OLD)
        hook = "touch $FLEET_SHARED/begun; sleep 60 & wait; sleep 60"
        place_id = first.request(
            "activate", **place.claim(), **OLD.named(), nonce="n1", pre_activate=hook
        )
        until((place.home / "shared/begun").exists)
        taken = newer.activate(second, OLD)
        assert (taken.status, taken.token) == ("ok", 2)
        ended = first.answer()
        assert (ended.id, ended.status) == (place_id, "ended")
        assert ended.reason == "the operation was ended on the host"
        assert place.activate(first, OLD).status == "fenced"
        assert not [command for command in living(str(place.root)).values() if "sleep 6" in command]


def test_a_living_operation_of_another_run_is_left_alone(place: Place) -> None:
    other = another(place)
    with place.session() as first, place.session() as second:
        place.stage(first, OLD, lock_ttl=0)
        hook = "touch $FLEET_SHARED/begun; until [ -e $FLEET_SHARED/go ]; do sleep 0.05; done"
        keys = place.claim(lock_ttl=0)
        first.request("activate", **keys, **OLD.named(), nonce="n1", pre_activate=hook)
        until((place.home / "shared/begun").exists)
        assert other.stage(second, NEW).status == "locked"
        (place.home / "shared/go").touch()
        assert first.answer().status == "ok"


def test_a_dead_holders_mark_is_cleared(place: Place) -> None:
    with place.session() as session:
        place.stage(session, OLD)
        for mark in ("o.1.1", f"o.{os.getpid()}.1", "o.999999999.5", "junk"):
            (place.records / "busy").symlink_to(mark)
            (place.records / "busy.4711").symlink_to(mark)
            assert place.stage(session, OLD).status == "ok"
            assert not [path for path in place.records.iterdir() if path.name.startswith("busy")]


def lasting(place: Place) -> dict[str, str]:
    """Return the keys of a step that writes down when it begins and ends, and waits at a gate."""
    wait = "while [ -e $FLEET_ROOT/gate ]; do sleep 0.05; done"
    told = {way: f'echo "{way} begins" >>"$FLEET_ROOT/log"' for way in ("up", "down")}
    up = f'{told["up"]}; {wait}; echo "up ends" >>"$FLEET_ROOT/log"'
    return {"steps": "one", "step_up_1": up, "step_down_1": told["down"]}


def test_what_a_killed_operation_runs_is_ended_before_anything_takes_its_place(
    place: Place,
) -> None:
    gate, log = place.root / "gate", place.root / "log"
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        gate.touch()
        usual = {"nonce": "n1", "deadline": 600, "hook_timeout": 20, "boot_hook": "none"}
        session.request("activate", **place.claim(**NEW.named(), **usual, **lasting(place)))
        until(log.exists)
        hook = int((place.records / "running").read_text().split()[0])
        os.kill(int((place.records / "busy").readlink().name.split(".")[1]), signal.SIGKILL)
        assert "ended on the host" in session.answer().reason
        assert Path(f"/proc/{hook}").exists()
        assert place.revert(session).status == "ok"
    assert not Path(f"/proc/{hook}").exists()
    gate.unlink()
    assert log.read_text().splitlines() == ["up begins", "down begins"]
    assert not (place.records / "running").exists()


def test_what_a_killed_watchdog_runs_is_ended_before_it_begins_anew(place: Place) -> None:
    gate, log = place.root / "gate", place.root / "log"
    hook = f'echo begins >>"{log}"; while [ -e "{gate}" ]; do sleep 0.05; done; echo ends >>"{log}"'
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        gate.touch()
        assert place.activate(session, NEW, deadline=1, post_revert=hook).status == "ok"
    until(log.exists)
    os.kill(watchdog(place), signal.SIGKILL)
    until(lambda: log.read_text() == "begins\nbegins\n")
    gate.unlink()
    until(lambda: not (place.records / "trial").exists())
    assert log.read_text() == "begins\nbegins\nends\n"
    assert place.active == OLD.id


def test_two_at_once_both_end_well(place: Place) -> None:
    with place.session() as first, place.session() as second:
        others = [(place, first), (another(place), second)]
        data = OLD.payload()
        for mine, session in others:
            session.request("stage", data, **mine.claim(), **OLD.named(), bytes=len(data))
        statuses = [session.answer().status for _, session in others]
    assert sorted(statuses) in (["locked", "ok"], ["ok", "ok"])


def test_an_abandoned_trial_gets_its_watchdog_back(place: Place) -> None:
    other = another(place)
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW, lock_ttl=0)
        place.activate(session, NEW, deadline=1, lock_ttl=0)
        guard = int((place.records / "watchdog").read_text().split()[0])
        os.killpg(guard, signal.SIGKILL)
        until(lambda: guard not in living(str(place.state)))
        assert place.active == NEW.id
        other.stage(session, NEW)
        until(lambda: place.active == OLD.id)
        until(lambda: other.stage(session, NEW).status == "ok")


@pytest.mark.parametrize("key", ["package", "release", "nonce"])
@pytest.mark.parametrize("value", ["", ".", "..", "../x", "a/b", ".hidden", "a b", "a\nb", "a;b"])
def test_refuses_names_that_are_no_folder_names(dash: Place, key: str, value: str) -> None:
    keys = dash.claim() | OLD.named() | {"nonce": "n1", "deadline": 60, key: value}
    with dash.session() as session:
        assert session.ask("activate", **keys).status == "error"
    assert not dash.root.exists()
    assert not dash.state.exists()


@pytest.mark.parametrize("key", ["root", "state"])
def test_refuses_folders_that_are_not_absolute(dash: Place, key: str) -> None:
    with dash.session() as session:
        keys = dash.claim() | OLD.named() | {"bytes": 0, key: "relative"}
        assert session.ask("stage", **keys).status == "error"
