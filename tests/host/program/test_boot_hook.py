"""The boot hook: chosen by what the host has, there during the trial, gone after it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host.program.builder import Release
from tests.host.program.driver import Place, living, lose_watchdog, until, watchdog

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
if [ "$1" = -l ]; then cat crontab; else cat >crontab.new && mv crontab.new crontab; fi
"""


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
            assert f"{place.records}/program watchdog {place.package}" in hung()
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
        [line] = [text for text in hung().splitlines() if "program watchdog" in text][:1]
        command = line.removeprefix("ExecStart=").removeprefix("@reboot ")
        subprocess.run(["sh", "-c", command], env=dash.environment, check=True, timeout=60)
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
        command = hung().partition("#")[0].rstrip("& ")
        subprocess.run(["sh", "-c", command], env=dash.environment, check=True, timeout=60)
        until(lambda: hung() == "")
    with dash.session() as session:
        assert dash.probe(session, NEW).last["outcome"] == "confirmed"
