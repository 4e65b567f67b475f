"""The boot hook: chosen by what the host has, there during the trial, gone after it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import (
    Answer,
    Place,
    Session,
    living,
    lose_watchdog,
    until,
    watchdog,
)

OLD = Release(files={"bin/app": b"one"})
NEW = Release(files={"bin/app": b"two"}, version="2.0.0")

SYSTEMCTL = """#!/bin/sh
echo "$*" >>"{root}/calls"
case $1 in
  start) setsid $(sed -n 's/^ExecStart=//p' "{root}/etc/systemd/system/$2") >/dev/null 2>&1 & ;;
  is-system-running) echo running ;;
esac
"""
CRONTAB = """#!/bin/sh
cd "{root}"
if [ "$1" = -l ]; then cat crontab; else cat >crontab.$$ && mv crontab.$$ crontab; fi
"""
SICK = CRONTAB.replace("cat crontab;", "echo 'cannot read: too many open files' >&2; exit 1;")
NONE = "[ -e crontab ] || {{ echo {said} >&2; exit 1; }}"
SAID_OF_NONE = [
    "no crontab for root",
    "crontab: can\\'t open \\'root\\': No such file or directory",
]


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def root(place: Place, tmp_path: Path) -> Path:
    """Return the root of a host's system, and let the host program believe in it."""
    folder = tmp_path / "sys"
    (folder / "etc").mkdir(parents=True)
    place.environment["FLEET_SYSROOT"] = str(folder)
    place.environment["PATH"] = f"{tmp_path}/tools:{place.environment['PATH']}"
    return folder


def tool(root: Path, name: str, text: str) -> None:
    script(root.parent / "tools" / name, text.replace("{root}", str(root)))


@contextlib.contextmanager
def systemd(root: Path) -> Iterator[Callable[[], str]]:
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "etc/systemd/system").mkdir(parents=True)
    tool(root, "systemctl", SYSTEMCTL)
    units = root / "etc/systemd/system"
    yield lambda: "".join(
        path.read_text()
        for path in sorted(units.glob("fleet-*.service"))
        if (units / "sysinit.target.wants" / path.name).is_symlink()
    )


@contextlib.contextmanager
def cron(root: Path) -> Iterator[Callable[[], str]]:
    tool(root, "crontab", CRONTAB)
    (root / "crontab").write_text("1 2 3 4 5 theirs\n")
    sleep = shutil.which("sleep")
    assert sleep
    daemon = root.parent / "tools/crond"
    daemon.symlink_to(sleep)
    running = subprocess.Popen([str(daemon), "1000"])
    try:
        until(lambda: Path(f"/proc/{running.pid}/comm").read_text() == "crond\n")
        yield lambda: (root / "crontab").read_text().replace("1 2 3 4 5 theirs\n", "")
    finally:
        running.kill()
        running.wait()


@contextlib.contextmanager
def openrc(root: Path) -> Iterator[Callable[[], str]]:
    (root / "run/openrc").mkdir(parents=True)
    (root / "etc/local.d").mkdir()
    tool(root, "rc-update", '#!/bin/sh\necho "$*" >>"{root}/calls"\n')
    yield lambda: "".join(
        path.read_text() for path in (root / "etc/local.d").iterdir() if path.stat().st_mode & 0o111
    )


@contextlib.contextmanager
def rc_local(root: Path) -> Iterator[Callable[[], str]]:
    theirs = "#!/bin/sh -e\necho theirs\nexit 0\n"
    script(root / "etc/rc.local", theirs)

    def added() -> str:
        text = (root / "etc/rc.local").read_text()
        assert (root / "etc/rc.local").stat().st_mode & 0o111
        lines = [line for line in text.splitlines() if "fleet-" in line]
        assert "".join(f"{line}\n" for line in text.splitlines() if line not in lines) == theirs
        return "\n".join(lines)

    yield added


def starts(hung: str) -> str:
    """Return what the hook that hangs there does at a boot."""
    [line] = [text for text in hung.splitlines() if "/gateway/program" in text][:1]
    assert "watchdog" in line
    return line.removeprefix("ExecStart=").removeprefix("@reboot ")


def boot(place: Place, hung: str) -> None:
    """Do what a boot does with the hook."""
    apart = 'setsid sh -c "$0" </dev/null >/dev/null 2>&1 &'
    subprocess.run(["sh", "-c", apart, starts(hung)], env=place.environment, check=True)


KINDS: dict[str, Any] = {
    "systemd": systemd,
    "cron": cron,
    "openrc": openrc,
    "rc_local": rc_local,
}


@pytest.mark.parametrize("kind", KINDS)
def test_there_during_the_trial_and_gone_after_it(place: Place, root: Path, kind: str) -> None:
    with KINDS[kind](root) as hung, place.session() as session:
        place.install(session, OLD)
        for nonce in ("reverted", "by-itself", "committed"):
            place.token = 0
            place.stage(session, NEW)
            deadline = 1 if nonce == "by-itself" else 600
            answer = place.activate(
                session, NEW, nonce, boot_hook=kind, need_hook=1, deadline=deadline
            )
            assert (answer.status, answer.boot_hook) == ("ok", kind), answer.fields
            guard = watchdog(place)
            assert starts(hung())
            if nonce == "reverted":
                place.revert(session, nonce, release_lock=1)
            elif nonce == "committed":
                assert place.confirm(session, NEW, nonce, hold=100).status == "ok"
                assert hung()
                place.commit(session, NEW, nonce)
            until(lambda pid=guard: pid not in living(str(place.records)))
            assert hung() == ""
            assert not (place.records / "hook").exists()
        assert place.active == NEW.id


@pytest.mark.parametrize("kind", KINDS)
def test_it_starts_the_watchdog_after_a_power_cut(dash: Place, tmp_path: Path, kind: str) -> None:
    root = tmp_path / "sys"
    (root / "etc").mkdir(parents=True)
    dash.environment["FLEET_SYSROOT"] = str(root)
    dash.environment["PATH"] = f"{tmp_path}/tools:{dash.environment['PATH']}"
    with KINDS[kind](root) as hung, dash.session() as session:
        dash.install(session, OLD)
        dash.stage(session, NEW)
        assert dash.activate(session, NEW, boot_hook=kind, deadline=3).status == "ok"
        lose_watchdog(dash)
        boot(dash, hung())
        until(lambda: dash.active == OLD.id)
        until(lambda: hung() == "")


def test_the_best_kind_is_chosen(dash: Place, tmp_path: Path) -> None:
    root = tmp_path / "sys"
    (root / "etc").mkdir(parents=True)
    dash.environment["FLEET_SYSROOT"] = str(root)
    dash.environment["PATH"] = f"{tmp_path}/tools:{dash.environment['PATH']}"
    with openrc(root), systemd(root), dash.session() as session:
        dash.stage(session, NEW)
        assert dash.activate(session, NEW, boot_hook="auto").boot_hook == "systemd"
        dash.revert(session)


def test_a_release_that_needs_one_is_refused_without(place: Place, root: Path) -> None:
    with place.session() as session:
        place.install(session, OLD)
        place.stage(session, NEW)
        answer = place.activate(session, NEW, boot_hook="rc_local", need_hook=1)
        assert answer.status == "no"
        assert "nothing here would start the watchdog after a reboot" in answer.reason
        assert "there is none of rc_local" in answer.reason
        probe = place.probe(session, OLD)
        assert (probe.active, probe.trial, probe.last["nonce"]) == (OLD.id, None, "n0")
        answer = place.activate(session, NEW, "n2", boot_hook="rc_local")
        assert (answer.status, answer.boot_hook[:5]) == ("ok", "none:")


def test_a_hook_that_outlived_its_trial_takes_itself_down(dash: Place, tmp_path: Path) -> None:
    root = tmp_path / "sys"
    (root / "etc").mkdir(parents=True)
    dash.environment["FLEET_SYSROOT"] = str(root)
    with rc_local(root) as hung:
        with dash.session(FLEET_KILL_POINT="concluded") as session:
            dash.stage(session, NEW)
            dash.activate(session, NEW, boot_hook="rc_local")
            lose_watchdog(dash)
            with contextlib.suppress(EOFError):
                assert "ended on the host" in dash.confirm(session, NEW).reason
        boot(dash, hung())
        until(lambda: hung() == "")
    with dash.session() as session:
        assert dash.probe(session, NEW).last["outcome"] == "confirmed"


def on_trial(place: Place, session: Session, **keys: Any) -> Answer:
    place.install(session, OLD)
    place.stage(session, NEW)
    return place.activate(session, NEW, **{"boot_hook": "auto", **keys})


def commit(place: Place, session: Session) -> None:
    assert place.confirm(session, NEW).status == "ok"
    assert place.commit(session, NEW).status == "ok"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["cron", "openrc", "rc_local"])
def test_what_it_started_is_started_again(place: Place, root: Path, kind: str, how: int) -> None:
    with KINDS[kind](root) as hung, place.session() as session:
        assert on_trial(place, session, boot_hook=kind).status == "ok"
        lose_watchdog(place)
        boot(place, hung())
        until(lambda: watchdog(place) in living(str(place.records)))
        first = watchdog(place)
        os.kill(first, how)
        until(lambda: watchdog(place) != first)
        until(lambda: watchdog(place) in living(str(place.records)))
        commit(place, session)
        until(lambda: not living(f"{place.records}/program"))


def test_systemd_starts_again_what_was_told_to_end(dash: Place, tmp_path: Path) -> None:
    root = tmp_path / "sys"
    dash.environment["FLEET_SYSROOT"] = str(root)
    dash.environment["PATH"] = f"{tmp_path}/tools:{dash.environment['PATH']}"
    with systemd(root) as hung, dash.session() as session:
        on_trial(dash, session)
        assert "Restart=on-failure\nRestartForceExitStatus=SIGTERM " in hung()
        dash.revert(session)


def test_one_that_hangs_stays_while_its_kind_is_away(place: Place, root: Path) -> None:
    with place.session() as session:
        with cron(root) as hung:
            on_trial(place, session)
        lose_watchdog(place)
        assert place.do(session, "renew", nonce="n1", seconds=600).status == "ok"
        assert place.probe(session, NEW).trial["boot_hook"] == "cron"
        commit(place, session)
        assert (hung(), (place.records / "hook").exists()) == ("", False)


def test_one_that_cannot_be_taken_down_is_taken_down_later(place: Place, root: Path) -> None:
    with cron(root) as hung, place.session() as session:
        on_trial(place, session)
        tool(root, "crontab", SICK)
        commit(place, session)
        assert (place.records / "hook").read_text().split()[::2] == ["cron", "left"]
        tool(root, "crontab", CRONTAB)
        boot(place, hung())
        until(lambda: hung() == "" and not (place.records / "hook").exists())


def test_one_that_is_left_goes_when_another_is_hung_up(place: Place, root: Path) -> None:
    with cron(root) as hung, rc_local(root) as other, place.session() as session:
        on_trial(place, session)
        tool(root, "crontab", SICK)
        lose_watchdog(place)
        assert place.do(session, "renew", nonce="n1", seconds=600).status == "ok"
        assert place.probe(session, NEW).trial["boot_hook"] == "rc_local"
        assert starts(hung())
        assert starts(other())
        tool(root, "crontab", CRONTAB)
        commit(place, session)
        assert (hung(), other(), (place.records / "hook").exists()) == ("", "", False)


def test_jobs_that_cannot_be_read_are_not_lost(place: Place, root: Path) -> None:
    with cron(root), place.session() as session:
        tool(root, "crontab", SICK)
        assert on_trial(place, session).boot_hook.startswith("none: ")
        place.revert(session)
        assert (root / "crontab").read_text() == "1 2 3 4 5 theirs\n"


@pytest.mark.parametrize("said", SAID_OF_NONE)
def test_a_user_without_jobs_gets_some(place: Place, root: Path, said: str) -> None:
    with cron(root) as hung, place.session() as session:
        (root / "crontab").unlink()
        tool(root, "crontab", CRONTAB.replace("then", f"then {NONE.format(said=said)};"))
        assert on_trial(place, session).boot_hook == "cron"
        assert starts(hung())
        place.revert(session)
        assert hung() == ""


@pytest.mark.parametrize("text", ["#!/bin/sh\n", "#!/bin/sh", "#!/bin/sh\n\nexit 0"])
def test_an_rc_local_may_be_short(place: Place, root: Path, text: str) -> None:
    path = root / "etc/rc.local"
    script(path, text)
    with place.session() as session:
        assert on_trial(place, session).boot_hook == "rc_local"
        first, hung = path.read_text().split("\n")[:2]
        assert (first, "watchdog" in hung) == ("#!/bin/sh", True)
        place.revert(session)
    assert path.read_text().rstrip("\n") == text.rstrip("\n")
    assert [path.name for path in (root / "etc").iterdir()] == ["rc.local"]


@pytest.mark.parametrize("kind", ["cron", "rc_local"])
def test_packages_do_not_disturb_each_other_s(place: Place, root: Path, kind: str) -> None:
    with KINDS[kind](root) as hung:
        slow = CRONTAB.replace("cat crontab;", "cat crontab; sleep 0.2;")
        tool(root, "crontab", slow)
        places = [place, replace(place, package="other", state=place.state.with_name("state-2"))]
        for one in places:
            with one.session() as session:
                assert on_trial(one, session, boot_hook=kind).boot_hook == kind
        with places[0].session() as session, places[1].session() as other:
            session.request("revert", **places[0].claim(nonce="n1", why="x"))
            other.request("revert", **places[1].claim(nonce="n1", why="x"))
            assert (session.answer().status, other.answer().status) == ("ok", "ok")
        assert hung() == ""
        assert not {path.name for path in (root / "etc").iterdir()} - {"rc.local"}


def test_a_dead_holder_s_mark_is_cleared(place: Place, root: Path) -> None:
    with rc_local(root) as hung, place.session() as session:
        mark = root / "etc/.fleet-hooks"
        mark.symlink_to(f"{os.getpid()}.1")
        assert on_trial(place, session).boot_hook == "rc_local"
        assert not mark.is_symlink()
        place.revert(session)
        assert hung() == ""
