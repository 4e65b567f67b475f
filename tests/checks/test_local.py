"""Checks that look at the host itself, run for real."""

from __future__ import annotations

import hashlib
import platform as machine
import shutil
import subprocess

import pytest

from orchestrator.checks.base import Verdict
from orchestrator.checks.command import Command
from orchestrator.checks.disk_space import DiskSpace
from orchestrator.checks.file_content import FileContent
from orchestrator.checks.memory import Memory
from orchestrator.checks.platform import PlatformIs
from orchestrator.checks.port_free import PortFree
from orchestrator.checks.script import Script
from orchestrator.checks.service_active import ServiceActive
from orchestrator.schema import Wrong
from tests.checks.running import listening, refusing

HOSTILE = 'it\'s $(touch owned) `touch owned` "$HOME" ; * \\ -n'
EXABYTE = 10**18


def test_disk_space(host, tmp_path):
    result = host.run(DiskSpace(str(tmp_path), 1024).script())
    assert result.code == Verdict.YES
    free = shutil.disk_usage(tmp_path).free // 1024**2
    said = int(result.reason.removeprefix(f"{tmp_path} has ").split()[0])
    assert abs(said - free) < max(200, free // 10)

    result = host.run(DiskSpace(str(tmp_path), EXABYTE).script())
    assert result.code == Verdict.NO
    assert result.reason.endswith(f"MiB free, {EXABYTE // 1024**2} MiB asked")


def test_disk_space_of_a_folder_that_will_be(host, tmp_path):
    path = f"{tmp_path}/not yet/{HOSTILE.replace('/', '')}"
    result = host.run(DiskSpace(path, 1).script())
    assert result.code == Verdict.YES
    assert path in result.output


def test_disk_space_that_nobody_can_tell(host):
    (host.tools / "df").unlink()
    assert host.run(DiskSpace("/", 1).script()).code == Verdict.UNKNOWN


def test_memory(host):
    assert host.run(Memory(1024).script()).code == Verdict.YES
    result = host.run(Memory(EXABYTE).script())
    assert result.code == Verdict.NO
    assert result.reason.endswith(f"MiB of memory available, {EXABYTE // 1024**2} MiB asked")


def test_platform(host):
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine.machine(), machine.machine())
    this = machine.freedesktop_os_release()["ID"]
    right = PlatformIs(os=("plan9", this), arch=("s390x", arch))
    assert host.run(right.script()).code == Verdict.YES
    assert host.run(PlatformIs(os=("Linux",)).script()).code == Verdict.YES
    wrong = host.run(PlatformIs(os=("plan9",)).script())
    assert (wrong.code, wrong.reason) == (Verdict.NO, f"runs {this}, not plan9")
    wrong = host.run(PlatformIs(arch=("s390x",)).script())
    assert (wrong.code, wrong.reason) == (Verdict.NO, f"is {machine.machine()}, not s390x")


def test_platform_must_ask_for_something():
    with pytest.raises(Wrong):
        PlatformIs()


@pytest.mark.parametrize(
    ("run", "code", "reason"),
    [
        ("echo one; echo fine", 0, "fine"),
        ("echo bad; exit 1", 1, "bad"),
        ("echo wait; exit 21", 21, "wait"),
        ("exit 3", 1, "exit 3"),
        ("no-such-tool", 2, "cannot be run (exit 127)"),
        ("kill -9 $$", 2, "ended by a signal (exit 137)"),
        ("echo 'it''s' \"$0\" | cat\n# comment", 0, "its sh"),
        ("if", 1, "exit 2"),
    ],
)
def test_command(host, run, code, reason):
    result = host.run(Command(run).script())
    assert (result.code, result.reason) == (code, reason)


def test_script_runs_in_the_release(host):
    path = host.release / "bin" / "it's a test"
    path.parent.mkdir()
    path.write_text('#!/bin/sh\nprintf "%s|" "$@"\npwd\n')
    check = Script("bin/it's a test", args=(HOSTILE, "", "-x"))
    refused = host.run(check.script())
    assert (refused.code, refused.reason) == (2, "bin/it's a test is not executable")
    path.chmod(0o755)
    result = host.run(check.script())
    assert (result.code, result.reason) == (0, f"{HOSTILE}||-x|{host.release}")
    assert not (host.release / "owned").exists()


def test_script_that_is_not_there(host):
    result = host.run(Script("bin/validate").script())
    assert (result.code, result.reason) == (2, "the release has no bin/validate")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_port_free(host, address):
    with listening(address) as port:
        taken = host.run(PortFree(port).script())
        assert (taken.code, taken.reason) == (Verdict.NO, f"port {port} is taken")
    free = host.run(PortFree(port).script())
    assert (free.code, free.reason) == (Verdict.YES, f"port {port} is free")


@pytest.mark.parametrize(
    ("listens", "asked", "code"),
    [
        ("127.0.0.1", "127.0.0.1", 1),
        ("127.0.0.1", "127.0.0.2", 0),
        ("127.0.0.1", "::1", 0),
        ("0.0.0.0", "127.0.0.2", 1),
        ("::1", "::1", 1),
        ("::", "::1", 1),
    ],
)
def test_port_free_of_an_address(host, listens, asked, code):
    with listening(listens) as port:
        assert host.run(PortFree(port, asked).script()).code == code


def test_a_bound_port_without_listener_is_free(host):
    with refusing() as port:
        assert host.run(PortFree(port).script()).code == Verdict.YES


def test_port_free_needs_an_ip_address():
    with pytest.raises(Wrong):
        PortFree(80, "localhost")


@pytest.mark.parametrize(
    ("state", "code"),
    [("active", 0), ("activating", 21), ("reloading", 21), ("inactive", 1), ("failed", 1)],
)
def test_service_of_systemd(host, state, code):
    host.fake("systemctl", f'[ "$*" = "is-active -- app.service" ] && echo {state}; exit 3')
    result = host.run(ServiceActive("app.service").script())
    assert (result.code, result.reason) == (code, f"app.service is {state}")


@pytest.mark.parametrize("tool", ["rc-service", "service"])
@pytest.mark.parametrize(("exit_code", "code"), [(0, 0), (1, 1), (3, 1), (4, 2)])
def test_service_of_other_init_systems(host, tool, exit_code, code):
    host.fake("systemctl", "exit 1")
    host.fake(tool, f'[ "$*" = "app status" ] && exit {exit_code}; exit 99')
    assert host.run(ServiceActive("app.service").script()).code == code


def test_service_without_any_tool(host):
    result = host.run(ServiceActive("app").script())
    assert result.code == Verdict.UNKNOWN
    assert result.reason.startswith("cannot tell whether app runs")


def test_file_contains(host, tmp_path):
    path = tmp_path / "-it's [a] file"
    wanted = FileContent(str(path), contains=HOSTILE)
    gone = host.run(wanted.script())
    assert (gone.code, gone.reason) == (Verdict.NO, f"there is no {path}")
    path.write_text("before\nwith " + HOSTILE + " inside\n")
    found = host.run(wanted.script())
    assert (found.code, found.reason) == (Verdict.YES, f"{path} contains '{HOSTILE}'")
    assert host.run(FileContent(str(path), contains=".*").script()).code == Verdict.NO
    assert host.run(FileContent(str(tmp_path), contains="x").script()).code == Verdict.NO


@pytest.mark.parametrize(("text", "code"), [("2.4", 0), ("2.4\n", 0), ("2.4\n\n", 1), ("2", 1)])
def test_file_equals(host, text, code):
    (host.release / "-version").write_text(text)
    assert host.run(FileContent("-version", equals="2.4").script()).code == code


def test_file_has_a_hash(host):
    data = bytes(range(256))
    (host.release / "data").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    right = host.run(FileContent("data", sha256=digest).script())
    assert (right.code, right.reason) == (Verdict.YES, "./data is as expected")
    wrong = host.run(FileContent("data", sha256="0" * 64).script())
    assert wrong.code == Verdict.NO
    assert digest in wrong.reason


def test_file_must_be_asked_one_thing():
    for options in ({}, {"contains": "a", "equals": "b"}):
        with pytest.raises(Wrong):
            FileContent("/x", **options)


def test_the_text_of_a_script():
    """One whole script, as a reader sees it."""
    assert DiskSpace("/srv/it's", 500 * 1024**2).script() == (
        """\
say() { code=$1; shift; printf '%s\\n' "$*"; exit "$code"; }
have() { command -v "$1" >/dev/null 2>&1; }
path='/srv/it'"'"'s' asked=512000
at=$path
while [ ! -e "$at" ] && [ "$at" != / ]; do at=$(dirname "$at"); done
free=$(df -Pk "$at" 2>/dev/null | awk 'NR == 2 {
  for (i = NF; i > 1; i--) if ($i ~ /^([0-9]+%|-)$/) { print $(i - 1); exit }
}')
[ -n "$free" ] || say 2 "cannot tell how much of $path is free"
verdict="$path has $((free / 1024)) MiB free, $((asked / 1024)) MiB asked"
[ "$free" -ge "$asked" ] || say 1 "$verdict"
say 0 "$verdict"
"""
    )


def test_shells_are_here():
    for shell in ("dash", "busybox", "bash"):
        assert shutil.which(shell), f"apt-get install {shell}"
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True)
    assert {"ash", "wget", "nc", "df"} <= set(applets.stdout.split())
