"""Killed at every point of the program: wholly old or wholly new, and repeating converges."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.host.source import PARTS
from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, Session, living, until
from tests.host.program.patches import patch

FOLDER = Path(__file__).parents[3] / "orchestrator/host/program"
ELSEWHERE = {
    "enrol.sh",
    "repair.sh",
    "reboot.sh",
    "backup.sh",
    "quiet.sh",
    "restore.sh",
    "carried.sh",
    "regain.sh",
    "back.sh",
}
"""Parts whose own tests kill them: test_enrol, test_repair, test_watchdog, test_backup, …"""
AFTER_A_BOOT = {"boot_counted"}
"""Of the watchdog: killed in test_watchdog.py."""

POINTS = tuple(
    dict.fromkeys(
        point
        for part in PARTS
        if part not in ELSEWHERE
        for point in re.findall(r"^ +point (\w+)$", (FOLDER / part).read_text(), re.MULTILINE)
        if point not in AFTER_A_BOOT
    )
)
PATCHING = ("spooled", "base_made", "undone", "rebuilt")
SAMPLE = ("granted", "filled", "armed", "flipped", "link_made", "concluded", "settled")

OLD = Release(files={"bin/app": b"one", "same": b"x"}, links={"l": "same"})
NEW = Release(files={"bin/app": b"two", "same": b"x"}, links={"l": "same"}, version="2.0.0")
KEEP = Release(files={"bin/app": b"zero"}, version="0.9.0")
TEXTS = {
    "restart": 'cat "$FLEET_CURRENT/bin/app" >"$FLEET_SHARED/running"',
    "pre_activate": "true",
    "steps": "schema",
    "step_up_1": 'echo up >>"$FLEET_SHARED/steps"',
    "step_down_1": 'echo down >>"$FLEET_SHARED/steps"',
    "boot_hook": "rc_local",
}

RC_LOCAL = "#!/bin/sh\nexit 0\n"

Operation = Callable[[Session], Answer]


@dataclass
class Victim:
    """A place whose operations are killed at one point, then repeated until they answer."""

    place: Place
    point: str
    killed: list[str] = field(default_factory=list)

    def do(self, name: str, operation: Operation) -> Answer:
        """Do an operation that is killed, if it comes past the point; then repeat it in peace."""
        with contextlib.suppress(EOFError), self.place.session(FLEET_KILL_POINT=self.point) as s:
            answer = operation(s)
            if "ended on the host" not in answer.reason:
                return answer
        self.killed.append(name)
        self.check_whole()
        self.place.token = 0
        with self.place.session() as session:
            return operation(session)

    def check_whole(self) -> None:
        """Assert that what is active is wholly one of the two releases."""
        release = {OLD.id: OLD, NEW.id: NEW}[self.place.active]
        release.written_in(self.place.release(release))
        with self.place.session() as session:
            assert self.place.probe(session, release).proved


@contextlib.contextmanager
def prepared(place: Place, point: str) -> Iterator[Victim]:
    """Return a place with two releases, the older of which is to be pruned, and an rc.local."""
    system = place.root.parent / "sys"
    (system / "etc").mkdir(parents=True, exist_ok=True)
    (system / "etc/rc.local").write_text(RC_LOCAL)
    (system / "etc/rc.local").chmod(0o755)
    place.environment["FLEET_SYSROOT"] = str(system)
    with place.session() as session:
        place.install(session, KEEP, "m1")
        place.install(session, OLD, "m2")
    yield Victim(place, point)
    assert (system / "etc/rc.local").read_text() == RC_LOCAL
    assert not (place.records / "busy").is_symlink()


def staged(victim: Victim, session: Session) -> Answer:
    """Stage the new release, by way of a patch where that alone comes past the point."""
    if victim.point in PATCHING:
        return patch(OLD, NEW).send(victim.place, session)
    return victim.place.stage(session, NEW, ["bin/app"])


def forward(victim: Victim, **keys: Any) -> None:
    place = victim.place
    assert victim.do("stage", lambda s: staged(victim, s)).status == "ok"
    activated = victim.do("activate", lambda s: place.activate(s, NEW, **TEXTS, **keys))
    assert activated.status == "ok", activated.fields


def stays(place: Place, point: str) -> list[str]:
    """Bring the new release on, and return which operations were killed."""
    with prepared(place, point) as victim:
        forward(victim)
        held = victim.do("confirm", lambda s: place.confirm(s, NEW, hold=300))
        assert held.status == "ok"
        assert victim.do("commit", lambda s: place.commit(s, NEW, keep=2)).status == "ok"
        with place.session() as session:
            found = place.probe(session, NEW)
    assert (found.proved, found.previous, found.trial, found.lock) == (True, OLD.id, None, None)
    assert found.last["outcome"] == "committed"
    assert KEEP.id not in found.releases
    assert (place.home / "shared/steps").read_text() == "up\n"
    assert (place.home / "shared/running").read_text() == "two"
    return victim.killed


def goes_back(place: Place, point: str) -> list[str]:
    """Bring the new release on and back, and return which operations were killed."""
    with prepared(place, point) as victim:
        forward(victim)
        assert victim.do("revert", lambda s: place.revert(s, release_lock=1)).status == "ok"
        check_old(place)
        place.token = 0
        withdrawn = victim.do("withdraw", lambda s: place.do(s, "withdraw", **NEW.named()))
        assert withdrawn.status == "ok"
    return victim.killed


def check_old(place: Place) -> None:
    with place.session() as session:
        found = place.probe(session, OLD)
    assert (found.proved, found.previous, found.trial, found.lock) == (True, KEEP.id, None, None)
    assert found.last["outcome"] == "reverted"
    assert (place.home / "shared/steps").read_text() == "up\ndown\n"
    assert (place.home / "shared/running").read_text() == "one"


def is_left_alone(place: Place, point: str) -> bool:
    """Let the watchdog be killed on the way back, and return whether it was."""
    with prepared(place, "none"):
        with place.session(FLEET_KILL_POINT=f"watchdog {point}") as session:
            assert place.stage(session, NEW).status == "ok"
            assert place.activate(session, NEW, deadline=1, **TEXTS).status == "ok"
            guard = int((place.records / "watchdog").read_text().split()[0])
        until(lambda: guard not in living(str(place.state)))
        killed = (place.records / "busy").is_symlink()
        place.token = 0
        with place.session() as session:
            assert place.revert(session, release_lock=1).status == "ok"
        check_old(place)
    return killed


@pytest.mark.parametrize("point", POINTS)
def test_dash_converges(dash: Place, point: str, tmp_path: Path) -> None:
    killed = stays(dash, point)
    back = Place(tmp_path / "b/root", tmp_path / "b/state", dash.environment, "other")
    killed += goes_back(back, point)
    if point == "pruned":
        assert "commit" in killed
    assert killed, f"no operation comes past {point}"
    for record in tmp_path.glob("b/state/*/watchdog"):
        assert int(record.read_text().split()[0]) not in living(str(tmp_path))


@pytest.mark.parametrize("point", SAMPLE)
def test_every_shell_converges(place: Place, point: str) -> None:
    assert goes_back(place, point)


@pytest.mark.parametrize(
    "point", ["old_proved", "step_undone", "current_moved_back", "flipped_back", "concluded"]
)
def test_a_watchdog_may_be_killed_too(place: Place, point: str) -> None:
    assert is_left_alone(place, point)
