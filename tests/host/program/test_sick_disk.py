"""A trial whose disk is full or cannot be written: it counts, judges and ends all the same."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.host.program.driver import Place, lose_watchdog, until, watchdog
from tests.host.program.test_watchdog import NEW, OLD, boots, last, on_trial, power_cut

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="mounts a file system")
LOG = 'echo "$FLEET_TO" >>"$FLEET_ROOT/log"'

Remount = Callable[[str], object]


@contextlib.contextmanager
def disk(place: Place) -> Iterator[Remount]:
    """Put the state on a file system of 1 MiB, and return what mounts it anew, `ro` or `rw`."""
    place.state.mkdir(parents=True)
    at = str(place.state)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", at], check=True)
    try:
        yield lambda how: subprocess.run(["mount", "-o", f"remount,{how}", at], check=True)
    finally:
        lose_watchdog(place)
        subprocess.run(["umount", "-l", at], check=True)


def fill(folder: Path) -> None:
    with (folder / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def restarts(place: Place) -> list[str]:
    log = place.root / "log"
    return log.read_text().split() if log.exists() else []


def test_boots_are_counted_on_a_full_disk(place: Place) -> None:
    with disk(place):
        on_trial(place, boots=2)
        for number in (1, 2):
            power_cut(place, f"earlier-{number}")
            fill(place.state)
            hook = boots(place)
            until(lambda pid=hook.pid: watchdog(place) == pid)
            assert (place.active, (place.records / "ballast").exists()) == (NEW.id, True)
            lose_watchdog(place)
            hook.wait()
        power_cut(place, "earlier-3")
        fill(place.state)
        boots(place).wait(30)
        assert last(place)["reason"] == "boot_failure: booted 3 times before it was confirmed"
    assert place.active == OLD.id


def test_a_boot_that_cannot_be_written_down_counts(place: Place) -> None:
    with disk(place) as mounted:
        on_trial(place, boots=1)
        power_cut(place, "earlier")
        (place.records / "boots").write_text("first\n")
        mounted("ro")
        hook = boots(place)
        time.sleep(1)
        mounted("rw")
        hook.wait(30)
        assert last(place)["reason"] == "boot_failure: booted 2 times before it was confirmed"


def test_time_passes_where_it_cannot_be_written_down(place: Place) -> None:
    with disk(place) as mounted:
        on_trial(place, deadline=4)
        power_cut(place, "earlier")
        mounted("ro")
        hook = boots(place)
        time.sleep(5)
        assert hook.poll() is None
        mounted("rw")
        (place.records / "trial").write_text(
            (place.records / "trial").read_text().replace("seconds='4'", "seconds='5'")
        )
        hook.wait(30)
        assert last(place)["reason"] == "no confirmation within 4 s"
    assert place.active == OLD.id


def test_of_two_that_can_make_no_mark_the_older_one_goes_on(place: Place) -> None:
    with disk(place) as mounted:
        on_trial(place)
        power_cut(place, "earlier")
        mounted("ro")
        older = boots(place)
        time.sleep(0.5)
        assert boots(place).wait(30) == 1
        assert older.poll() is None
        mounted("rw")
        until(lambda: watchdog(place) == older.pid)
        with place.session() as session:
            assert place.revert(session).status == "ok"
        until(lambda: older.poll() is not None)


def test_services_are_restarted_once_where_nothing_can_be_noted(dash: Place) -> None:
    on_trial(dash, deadline=2, restart=LOG)
    stuck = [dash.records / name for name in ("last.new", "progress.new", "progress")]
    until(lambda: (dash.records / "progress").exists())
    lose_watchdog(dash)
    (dash.records / "progress").unlink()
    for path in stuck:
        path.mkdir()
    hook = boots(dash)
    until(lambda: dash.active == OLD.id)
    time.sleep(12)
    assert restarts(dash) == [NEW.id, OLD.id]
    for path in stuck:
        path.rmdir()
    hook.wait(30)
    assert last(dash)["outcome"] == "reverted"
    assert restarts(dash) == [NEW.id, OLD.id]
