"""The watchdog: a trial's time, its boots, more time for it, and the end of whoever watches."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place, living, lose_watchdog, until, watchdog

OLD = Release(files={"bin/app": b"one"})
NEW = Release(files={"bin/app": b"two"}, version="2.0.0")


def on_trial(place: Place, **keys: Any) -> None:
    """Bring the old release on, and the new one on trial."""
    with place.session() as session:
        place.install(session, OLD)
        assert place.stage(session, NEW).status == "ok"
        answer = place.activate(session, NEW, **keys)
        assert answer.status == "ok", answer.fields


def power_cut(place: Place, boot: str) -> None:
    """Lose all processes, and let what is on disk be of another boot than the one to come."""
    lose_watchdog(place)
    for name in ("trial", "spent", "boots"):
        record = place.records / name
        if record.exists():
            here = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            record.write_text(record.read_text().replace(here, boot))


def boots(place: Place) -> subprocess.Popen[bytes]:
    """Start the watchdog as the boot hook does."""
    args = ["sh", str(place.records / "program"), "watchdog", place.package]
    return subprocess.Popen(
        [*args, str(place.root), str(place.state)],
        env=place.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )


def last(place: Place) -> dict[str, Any]:
    with place.session() as session:
        probe = place.probe(session, OLD)
    assert probe.trial is None
    found: dict[str, Any] = probe.last
    return found


def test_only_time_with_power_counts(place: Place) -> None:
    on_trial(place)
    lose_watchdog(place)
    spent = place.records / "spent"
    boot, up, _ = spent.read_text().split()
    spent.write_text(f"another-boot {int(up) + 10**6} 200\n")
    with place.session() as session:
        assert place.probe(session, NEW).trial["remaining"] == 400
        spent.write_text(f"{boot} {int(up) - 100} 200\n")
        assert 290 < place.probe(session, NEW).trial["remaining"] <= 300
        spent.write_text("torn by a power")
        assert place.probe(session, NEW).trial["remaining"] == 600


def test_a_clock_of_1970_changes_nothing(dash: Place, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "date").write_text('#!/bin/sh\n[ "$1" = +%s ] && echo 100 || echo 1970-01-01\n')
    (tools / "date").chmod(0o755)
    dash.environment["PATH"] = f"{tools}:{dash.environment['PATH']}"
    on_trial(dash, deadline=3)
    power_cut(dash, "earlier")
    boots(dash).wait(30)
    assert last(dash)["reason"] == "no confirmation within 3 s"
    assert dash.active == OLD.id


def test_a_boot_is_counted_once_and_shown(dash: Place) -> None:
    on_trial(dash, boots=3)
    power_cut(dash, "earlier")
    for _ in range(2):
        hook = boots(dash)
        until(lambda: (dash.records / "boots").exists())
        until(lambda: watchdog(dash) in living(str(dash.records)))
        with dash.session() as session:
            assert dash.probe(session, NEW).trial["boots"] == 1
        lose_watchdog(dash)
        hook.wait()


def test_one_boot_too_many(place: Place) -> None:
    on_trial(place, boots=2)
    for boot in ("first", "second", "third"):
        power_cut(place, boot)
        (place.records / "boots").write_text("a\nb\n" if boot == "third" else "a\n")
    boots(place).wait(30)
    assert last(place)["reason"] == "boot_failure: booted 3 times before it was confirmed"
    assert place.active == OLD.id


def test_a_boot_that_hangs(dash: Place, tmp_path: Path) -> None:
    tools, root = tmp_path / "tools", tmp_path / "sys"
    tools.mkdir()
    (root / "run/systemd/system").mkdir(parents=True)
    (tools / "systemctl").write_text("#!/bin/sh\necho starting; exit 1\n")
    (tools / "systemctl").chmod(0o755)
    dash.environment["PATH"] = f"{tools}:{dash.environment['PATH']}"
    dash.environment["FLEET_SYSROOT"] = str(root)
    on_trial(dash, boots=3, boot_timeout=2)
    power_cut(dash, "earlier")
    boots(dash).wait(30)
    assert last(dash)["reason"] == "boot_failure: the system was still starting 2 s after a boot"


def test_a_watchdog_that_is_killed_comes_back(place: Place) -> None:
    on_trial(place)
    for _ in range(2):
        first = watchdog(place)
        os.kill(first, signal.SIGKILL)
        until(lambda gone=first: watchdog(place) not in (gone, 0))
        until(lambda: watchdog(place) in living(str(place.records)))
    with place.session() as session:
        assert place.probe(session, NEW).trial["guarded"] is True
        assert place.revert(session).status == "ok"


def test_a_watchdog_that_is_told_to_end_comes_back(place: Place) -> None:
    on_trial(place)
    first = watchdog(place)
    os.kill(first, signal.SIGTERM)
    until(lambda: watchdog(place) != first)
    with place.session() as session:
        assert place.revert(session).status == "ok"
    until(lambda: not living(f"{place.records}/program"))


def test_a_second_watchdog_leaves_the_first_alone(place: Place) -> None:
    on_trial(place)
    first = watchdog(place)
    assert boots(place).wait(30) == 0
    assert watchdog(place) == first


@pytest.mark.parametrize(
    ("operation", "active", "point"),
    [("revert", OLD, "concluded"), ("commit", NEW, "committed"), ("commit", NEW, "hook_down")],
)
def test_it_tidies_up_after_an_end_that_was_cut_short(
    dash: Place, operation: str, active: Release, point: str
) -> None:
    on_trial(dash)
    with contextlib.suppress(EOFError), dash.session(FLEET_KILL_POINT=point) as session:
        if operation == "commit":
            assert dash.confirm(session, NEW, hold=600).status == "ok"
            dash.commit(session, NEW)
        else:
            dash.revert(session)
    assert boots(dash).wait(30) == 0
    left = {"trial", "lock", "hook", "ballast", "spent", "watchdog"}
    until(lambda: not left & {path.name for path in dash.records.iterdir()})
    assert dash.active == active.id
    assert not (dash.records / "busy").is_symlink()


def test_a_confirmed_release_may_wait_on_trial(place: Place) -> None:
    on_trial(place)
    with place.session() as session:
        for _ in range(2):
            assert place.confirm(session, NEW, hold=100).status == "ok"
            trial = place.probe(session, NEW).trial
            assert (trial["confirmed"], 90 < trial["remaining"] <= 100) == (True, True)
        for _ in range(2):
            assert place.commit(session, NEW).status == "ok"
        probe = place.probe(session, NEW)
    assert (probe.trial, probe.last["outcome"], probe.lock) == (None, "committed", None)
    until(lambda: not living(str(place.records)))
    of_trials = {"ballast", "boots", "busy", "hook", "lock", "spent", "trial", "watchdog"}
    assert not {path.name for path in place.records.iterdir()} & of_trials


def test_one_that_waits_too_long_goes_back(place: Place) -> None:
    on_trial(place)
    with place.session() as session:
        lose_watchdog(place)  # which would sleep on until it looks again
        assert place.confirm(session, NEW, hold=1).status == "ok"
    until(lambda: place.active == OLD.id)
    until(lambda: not living(str(place.records)))
    reason = last(place)["reason"]
    assert re.fullmatch(r"confirmed, but neither committed nor renewed within \d+ s", reason), (
        reason
    )
    with place.session() as session:
        assert place.commit(session, NEW).status == "no"
        assert "this trial is over: reverted" in renew(place, session, 10).reason


def test_one_that_waits_is_let_go_of(place: Place) -> None:
    on_trial(place)
    with place.session() as session:
        assert place.confirm(session, NEW, hold=100).status == "ok"
        assert place.confirm(session, NEW).status == "ok"
        probe = place.probe(session, NEW)
        assert (probe.trial, probe.last["outcome"]) == (None, "confirmed")
        assert renew(place, session, 10).reason == "no trial is on"
        assert place.commit(session, NEW).status == "ok"


def test_a_commit_with_a_foreign_nonce_changes_nothing(dash: Place) -> None:
    on_trial(dash)
    with dash.session() as session:
        assert dash.confirm(session, NEW).status == "ok"
        (dash.records / "seen").unlink()
        answer = dash.commit(session, NEW, "foreign")
        assert answer.reason == "no trial with this nonce was confirmed"
        assert not (dash.records / "seen").exists()
        assert dash.commit(session, NEW).status == "ok"


def renew(place: Place, session: Any, seconds: int, nonce: str = "n1") -> Any:
    return place.do(session, "renew", nonce=nonce, seconds=seconds)


def test_a_trial_is_renewed_up_to_its_ceiling(place: Place) -> None:
    on_trial(place, deadline=20, ceiling=50)
    with place.session() as session:
        for seconds, least, most in ((30, 25, 30), (100, 40, 50), (100, 40, 50)):
            assert least < renew(place, session, seconds).remaining <= most
        assert renew(place, session, 5, "foreign").reason == "no trial with this nonce is on"
        assert place.probe(session, NEW).trial["remaining"] > 40


def test_a_way_back_on_a_full_disk_has_room(dash: Place) -> None:
    on_trial(dash)
    ballast = dash.records / "ballast"
    assert ballast.stat().st_size == 65536
    with dash.session() as session:
        assert dash.revert(session).status == "ok"
    assert not ballast.exists()


@pytest.mark.parametrize("wanted", ["never", "if-required", "always"])
@pytest.mark.parametrize("asks", [True, False])
def test_who_wants_a_reboot(dash: Place, wanted: str, asks: bool) -> None:
    hook = 'touch "$FLEET_REBOOT"' if asks else "true"
    with dash.session() as session:
        dash.stage(session, NEW)
        answer = dash.activate(session, NEW, reboot=wanted, post_activate=hook)
        wants = wanted == "always" or (wanted == "if-required" and asks)
        assert answer.reboot == wants
        assert dash.probe(session, NEW).trial["reboot"] is wants


@pytest.mark.parametrize("hook", ["pre_stage", "post_stage"])
def test_a_hook_around_staging_may_want_one_too(dash: Place, hook: str) -> None:
    usual: dict[str, Any] = {"wave": "w", "hook_timeout": 20}
    asks = usual | {"nonce": "n1", hook: ': >"$FLEET_REBOOT"'}
    with dash.session() as session:
        dash.install(session, OLD)
        assert dash.stage(session, NEW, **asks).status == "ok"
        assert dash.activate(session, NEW, reboot="if-required").reboot
        assert dash.revert(session).status == "ok"
        assert dash.stage(session, NEW, **usual | {"nonce": "n2", hook: "true"}).status == "ok"
        assert not dash.activate(session, NEW, "n2", reboot="if-required").reboot
        dash.revert(session, "n2")


def test_a_host_that_is_to_reboot_confirms_nothing_before(dash: Place) -> None:
    with dash.session() as session:
        dash.install(session, OLD)
        dash.stage(session, NEW)
        assert dash.activate(session, NEW, reboot="always").reboot
        for refused in (dash.confirm(session, NEW), dash.confirm(session, NEW, hold=60)):
            assert refused.status == "no"
            assert refused.reason == "the host is to reboot first, and has not"
        dash.revert(session)


def test_a_reboot_is_begun_once_and_only_under_guard(dash: Place) -> None:
    mark = dash.root / "rebooted"
    keys: dict[str, Any] = {"nonce": "n1", "command": f"echo x >>{mark}"}
    with dash.session() as session:
        dash.stage(session, NEW)
        assert dash.do(session, "reboot", **keys).reason == "no trial with this nonce is on"
        dash.activate(session, NEW, reboot="always")
        refused = dash.do(session, "reboot", **keys)
        assert (refused.status, "after a reboot" in refused.reason) == ("no", True)
        assert dash.do(session, "reboot", unguarded=1, **keys).status == "ok"
        until(mark.exists)
        power_cut(dash, "earlier")
        again = dash.do(session, "reboot", unguarded=1, **keys)
        assert (again.status, again.reason) == ("ok", "rebooted already")
    assert mark.read_text() == "x\n"


def test_a_trial_is_not_forgotten_because_its_end_cannot_be_noted(dash: Place) -> None:
    on_trial(dash)
    (dash.release(OLD) / "bin/app").write_bytes(b"damaged")
    (dash.records / "last.new").mkdir()
    with dash.session(FLEET_DEBUG="") as session:
        assert dash.revert(session).status == "stranded"
        assert dash.probe(session, NEW).trial["nonce"] == "n1"
        (dash.records / "last.new").rmdir()
        assert dash.revert(session).status == "stranded"
        assert dash.probe(session, NEW).trial is None


def test_a_trial_is_not_forgotten_because_nothing_can_watch_it_now(dash: Place) -> None:
    on_trial(dash, deadline=2)
    lose_watchdog(dash)
    (dash.records / "watchdog").unlink()
    (dash.records / "watchdog").mkdir()
    with dash.session(FLEET_DEBUG="") as session:
        answer = dash.activate(session, NEW)
        assert (answer.status, "watchdog" in answer.reason) == ("failed", True)
        (dash.records / "watchdog").rmdir()
        assert dash.probe(session, NEW).trial["nonce"] == "n1"
        assert dash.activate(session, NEW).status == "ok"
    until(lambda: dash.active == OLD.id)
