from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.host.services import Service, Verb, text, without

RESTART, RELOAD = Verb.RESTART, Verb.RELOAD
SYSTEMD = "[ -d /run/systemd/system ]"

SYSTEMCTL = """\
#!/bin/sh
echo "systemctl $*" >>"$LOG"
case $1 in
  show) echo "LoadState=${LOADED:-loaded}"; echo "NeedDaemonReload=$STALE"; echo "DropInPaths="
    echo "FragmentPath=$UNIT" ;;
  -q) [ "$STATE" = active ] ;;
  is-active) echo "$STATE"; [ "$STATE" = active ] ;;
  status) i=0; while [ $i -lt 900 ]; do i=$((i + 1)); echo "line $i"; done; exit 3 ;;
  daemon-reload) exit "${RELOADED:-0}" ;;
  *) exit "${CODE:-0}" ;;
esac
"""


def restart(*items: str) -> list[Service]:
    return [Service(RESTART, item) for item in items]


def reload(*items: str) -> list[Service]:
    return [Service(RELOAD, item) for item in items]


@pytest.fixture
def run(tmp_path: Path):
    """Return a function that runs the text on a host with systemd, or with none."""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o755)

    def run(services: list[Service], systemd: bool = True, **environment: str):
        shell = text(services).replace(SYSTEMD, "true" if systemd else "false")
        tools = "" if systemd else "command() { return 1; }\nservice() { echo service $*; }\n"
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        usual = {"LOG": str(log), "STATE": "active", "STALE": "no"} | {
            "FLEET_TO": "b",
            "FLEET_FROM": "a",
            "FLEET_CURRENT": str(tmp_path / "app/current"),
            "UNIT": str(tmp_path / "unit"),
        }
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-c", tools + shell],
            env=path | usual | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        asked = log.read_text().splitlines() if log.exists() else []
        changes = [line for line in asked if line.split()[1] not in ("show", "is-active", "-q")]
        return done, [line.removeprefix("systemctl ") for line in changes]

    return run


def test_the_exact_text() -> None:
    assert text([]) == ""
    assert text(restart("kill -HUP 1")) == "(\nkill -HUP 1\n) || exit\n"
    assert text(restart("b.service")).endswith("}\nserve restart b.service\n")
    assert text(reload("a'b")).endswith("}\nserve reload 'a'\"'\"'b'\n")


def test_they_are_done_in_order_up_to_the_first_failure(run) -> None:
    done, asked = run([*restart("db", "echo a; echo b", "app"), *reload("web")])
    assert (done.returncode, done.stdout) == (0, "a\nb\n")
    assert asked == ["restart -- db", "restart -- app", "reload -- web"]
    done, asked = run(restart("echo a; exit 3", "db"))
    assert (done.stdout, done.returncode, asked) == ("a\n", 3, [])


def test_without_systemd(run) -> None:
    done, _ = run([*restart("gateway.service"), *reload("web")], systemd=False)
    assert done.stdout.splitlines() == ["service gateway restart", "service web reload"]


def test_what_is_to_be_reloaded_and_does_not_run_is_started(run) -> None:
    _, asked = run([*restart("app"), *reload("web")], STATE="inactive")
    assert asked == ["restart -- app", "start -- web"]


def test_systemd_reads_its_units_again_when_they_have_changed(run) -> None:
    _, asked = run(restart("app"), STALE="yes")
    assert asked == ["daemon-reload", "restart -- app"]
    done, asked = run(restart("app"), LOADED="not-found", RELOADED="5")
    assert (done.returncode, asked) == (5, ["daemon-reload"])


@pytest.mark.parametrize(
    ("releases", "current", "again"),
    [
        ({"a": "1", "b": "2"}, "b", True),
        ({"a": "1", "b": "1"}, "b", False),
        ({"b": "1"}, "b", True),
        ({"a": "1", "b": "1", "older": "0"}, "b", False),
        ({"a": "1"}, "", False),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_a_unit_of_a_release_is_compared_with_what_was_left(
    run, tmp_path: Path, releases: dict[str, str], current: str, again: bool, own: bool
) -> None:
    for name, content in releases.items():
        folder = tmp_path / "app/releases" / name
        folder.mkdir(parents=True)
        (folder / "app.service").write_text(content)
    if current:
        (tmp_path / "app/current").symlink_to(f"releases/{current}")
    (tmp_path / "unit").symlink_to("app/current/app.service")
    where = {} if own else {"FLEET_CURRENT": str(tmp_path / "other/current")}
    _, asked = run(restart("app"), **where)
    if not own:  # which release was left is not known: all there are count
        again = len(set(releases.values())) > 1
    assert asked == ["daemon-reload"] * again + ["restart -- app"]


def test_what_came_with_a_first_release_is_stopped_when_that_is_gone(run) -> None:
    done, asked = run([*restart("app"), *reload("web")], FLEET_TO="", CODE="1")
    assert done.returncode == 0
    assert asked == ["restart -- app", "stop -- app", "reload -- web", "stop -- web"]
    done, _ = run(restart("app"), systemd=False, FLEET_TO="", CODE="1")
    assert done.returncode == 0


def test_a_service_that_fails_says_why(run) -> None:
    done, asked = run([*restart("app"), *reload("web")], STATE="failed", CODE="1")
    *lines, last = done.stdout.splitlines()
    assert last == "app did not restart: it is failed"
    assert lines[-1] == "line 900"
    assert 5000 < len(done.stdout) < 7000
    assert done.returncode == 1
    assert asked == ["restart -- app", "status --no-pager -l -n 10 -- app"]


def test_what_is_shared_is_done_by_who_comes_last() -> None:
    own = (*restart("a", "b"), *reload("a"))
    assert without(own, []) == own
    assert without(own, [tuple(restart("b", "c")), tuple(reload("b"))]) == (
        *restart("a"),
        *reload("a"),
    )
