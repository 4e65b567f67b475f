"""Each way to hurt a host, on real daemons of both kinds."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from orchestrator.errors import LabError, UsageError
from orchestrator.lab.lab import Lab
from orchestrator.lab.processes import look_up
from orchestrator.lab.spec import Condition, LabHost
from tests.labs import DEADLINE, eventually, ssh, ssh_argv

pytestmark = pytest.mark.ssh


def condition(lab: Lab, host: LabHost) -> Condition:
    return next(status.condition for status in lab.status() if status.host == host)


@contextlib.contextmanager
def open_session(lab: Lab, host: LabHost) -> Iterator[subprocess.Popen[bytes]]:
    """A session that echoes what it is sent."""
    with subprocess.Popen(
        [*ssh_argv(lab, host), "echo ready; cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    ) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"ready\n"
        yield session
        session.kill()


def start_service(lab: Lab, host: LabHost) -> int:
    """Start a service that has detached itself in every way, and return its pid."""
    noted = host.home / "service.pid"
    noted.unlink(missing_ok=True)
    inner = f"echo $$ >{noted}; exec sleep 600"
    ssh(lab, host, f"cd /; (setsid sh -c '{inner}' </dev/null >/dev/null 2>&1 &)")
    assert eventually(lambda: noted.exists() and noted.read_text().endswith("\n"))
    return int(noted.read_text())


def refuses(host: LabHost) -> bool:
    try:
        socket.create_connection((host.address, host.port), timeout=DEADLINE).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_cut_host_breaks_its_connections_and_takes_no_more(lab: Lab, host: LabHost) -> None:
    with open_session(lab, host) as session:
        lab.cut(host.name)
        assert session.wait(DEADLINE) == 255
    assert refuses(host)
    assert condition(lab, host) is Condition.CUT


def test_services_outlive_a_cut(lab: Lab, host: LabHost) -> None:
    service = start_service(lab, host)
    lab.cut(host.name)
    lab.restore(host.name)
    assert look_up(service)
    assert ssh(lab, host, "echo back").stdout == b"back\n"


def test_a_killed_host_loses_every_process_and_keeps_its_disk(lab: Lab, host: LabHost) -> None:
    service = start_service(lab, host)
    with open_session(lab, host) as session:
        lab.kill(host.name)
        assert session.wait(DEADLINE) == 255
    assert look_up(service) is None
    assert refuses(host)
    assert condition(lab, host) is Condition.DOWN
    lab.restore(host.name)
    assert ssh(lab, host, "cat service.pid").stdout.decode() == f"{service}\n"


def test_a_kill_reaches_what_has_dropped_the_marker(lab: Lab, host: LabHost) -> None:
    noted = host.home / "bare.pid"
    inner = f"echo $$ >{noted}; exec env -i sleep 600"
    with open_session(lab, host), subprocess.Popen([*ssh_argv(lab, host), inner]) as session:
        assert eventually(lambda: noted.exists() and noted.read_text().endswith("\n"))
        lab.kill(host.name)
        session.wait(DEADLINE)
    assert look_up(int(noted.read_text())) is None


def test_hurting_one_host_leaves_the_others(lab: Lab, host: LabHost) -> None:
    other = lab.hosts[1]
    service = start_service(lab, other)
    with open_session(lab, other) as session:
        lab.kill(host.name)
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write(b"still\n")
        assert session.stdout.readline() == b"still\n"
    assert look_up(service)
    assert condition(lab, other) is Condition.UP


def test_a_frozen_host_hangs_and_goes_on_after_its_thaw(lab: Lab, host: LabHost) -> None:
    with open_session(lab, host) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        lab.freeze(host.name)
        session.stdin.write(b"later\n")
        with socket.create_connection((host.address, host.port), timeout=0.3) as newcomer:
            with pytest.raises(TimeoutError):
                newcomer.recv(1)
            assert session.poll() is None
            assert condition(lab, host) is Condition.FROZEN
            lab.restore(host.name)
            newcomer.settimeout(DEADLINE)
            assert newcomer.recv(4) == b"SSH-"
        assert session.stdout.readline() == b"later\n"


def test_the_services_of_a_frozen_host_stop_only_when_asked(lab: Lab, host: LabHost) -> None:
    service = start_service(lab, host)
    lab.freeze(host.name)
    assert not is_stopped(service)
    lab.freeze(host.name, everything=True)
    assert is_stopped(service)
    lab.restore(host.name)
    assert eventually(lambda: not is_stopped(service))


def is_stopped(pid: int) -> bool:
    process = look_up(pid)
    assert process is not None
    return process.stopped


def test_a_slow_host_is_late_in_both_directions(lab: Lab, host: LabHost) -> None:
    lab.slow(host.name, latency=0.05)
    assert condition(lab, host) is Condition.SLOW
    with open_session(lab, host) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        begin = time.monotonic()
        session.stdin.write(b"ping\n")
        assert session.stdout.readline() == b"ping\n"
        assert time.monotonic() - begin >= 0.1


def test_a_slow_host_passes_so_many_bytes_a_second(lab: Lab, host: LabHost) -> None:
    lab.slow(host.name, rate=256 * 1024)
    begin = time.monotonic()
    assert len(ssh(lab, host, "head -c 131072 /dev/zero").stdout) == 131072
    assert time.monotonic() - begin >= 0.5


def test_a_slow_host_can_be_frozen_and_stays_slow_for_its_sessions(lab: Lab, host: LabHost) -> None:
    lab.slow(host.name, latency=0.01)
    with open_session(lab, host) as session:
        lab.freeze(host.name)
        assert session.poll() is None
        assert condition(lab, host) is Condition.FROZEN
    lab.restore(host.name)
    assert condition(lab, host) is Condition.UP
    assert not host.relay_pid.exists()


@pytest.mark.parametrize("hurt", ["cut", "kill", "freeze", "slow"])
def test_every_hurt_can_be_repeated_and_undone(lab: Lab, host: LabHost, hurt: str) -> None:
    for _ in range(2):
        getattr(lab, hurt)(host.name)
    for _ in range(2):
        lab.restore(host.name)
        assert ssh(lab, host, "echo well").stdout == b"well\n"
    assert condition(lab, host) is Condition.UP


def test_a_host_without_power_cannot_be_frozen(lab: Lab, host: LabHost) -> None:
    lab.kill(host.name)
    with pytest.raises(LabError, match=r"is down.*\n.*fleet lab restore h001"):
        lab.freeze(host.name)


def test_a_host_that_is_not_there_is_named(lab: Lab) -> None:
    with pytest.raises(UsageError, match="did you mean 'h001'"):
        lab.cut("h0001")
