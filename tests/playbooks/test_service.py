"""How the demonstration's bundles run and validate their service, with a small one in its place."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from playbooks.demo.fetch import OWN_CONTENT
from tests.engines.sshd import alive

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "ash"]}
NOT_YET = 21

SERVICE = """\
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({health} if self.path == "/health" else 200)
        self.end_headers()
        self.wfile.write(b"This instance is running version {version} of the software.")

words = sys.argv
address = words[words.index("--interface") + 1], int(words[words.index("--port") + 1])
time.sleep({delay})
HTTPServer(address, Pages).serve_forever()
"""


@dataclass
class Host:
    """The folders of a package on a host, and the shell that its scripts run in."""

    folder: Path
    shell: list[str]
    port: int

    @property
    def current(self) -> Path:
        return self.folder / "current"

    @property
    def record(self) -> Path:
        return self.folder / "shared/run/pypiserver"

    @property
    def pid(self) -> int:
        return int(self.record.read_text().split()[0])

    def activate(self, version: str, health: int = 200, delay: float = 0.0) -> None:
        """Lay a release down and make it current; nothing is started."""
        release = self.folder / "releases" / f"{version}-0123456789ab"
        shutil.copytree(OWN_CONTENT, release)
        app = release / "app/pypiserver"
        app.mkdir(parents=True)
        text = SERVICE.format(version=version, health=health, delay=delay)
        (app / "__main__.py").write_text(text)
        self.current.unlink(missing_ok=True)
        self.current.symlink_to(release)

    def run(self, script: str, *words: str) -> tuple[int, str]:
        """Run a script of the newest release as fleet does; return its exit code and last line."""
        release = max((self.folder / "releases").iterdir())
        environment = {
            "PATH": os.environ["PATH"],
            "FLEET_CURRENT": str(self.current),
            "FLEET_SHARED": str(self.folder / "shared"),
            "FLEET_TO": release.name,
            "SERVICE_ADDRESS": "127.0.0.1",
            "SERVICE_PORT": str(self.port),
        }
        done = subprocess.run(
            [*self.shell, f"bin/{script}", *words],
            cwd=release,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, (done.stdout.splitlines() or [""])[-1]

    def validate(self) -> tuple[int, str]:
        """Validate until there is an answer."""
        ends = time.monotonic() + 20
        while (answer := self.run("validate"))[0] == NOT_YET and time.monotonic() < ends:
            time.sleep(0.05)
        return answer


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = Host(tmp_path, SHELLS[request.param], port)
    yield place
    place.current.unlink(missing_ok=True)
    assert place.run("service", "restart")[0] == 0


def test_each_release_replaces_the_one_before(host: Host) -> None:
    host.activate("1.0.0")
    assert host.run("service", "restart") == (0, "")
    assert host.validate() == (
        0,
        f"pypiserver 1.0.0 answers at http://127.0.0.1:{host.port}, and is well",
    )
    before = host.pid
    host.activate("1.1.0")
    assert host.run("service", "restart") == (0, "")
    assert host.validate()[0] == 0
    assert not alive(before)
    assert not list(host.folder.rglob("__pycache__"))


def test_starting_twice_is_starting_once(host: Host) -> None:
    host.activate("1.0.0")
    assert host.run("service", "start") == (0, "")
    before = host.pid
    assert host.run("service", "start") == (0, "")
    assert host.pid == before


def test_it_stands_alone(host: Host) -> None:
    host.activate("1.0.0")
    host.run("service", "start")
    assert os.getsid(host.pid) == host.pid
    assert os.readlink(f"/proc/{host.pid}/fd/0") == "/dev/null"  # noqa: PTH115


def test_it_ends_when_nothing_is_current(host: Host) -> None:
    host.activate("1.0.0")
    host.run("service", "restart")
    pid = host.pid
    host.current.unlink()
    assert host.run("service", "restart") == (0, "")
    assert not alive(pid)
    assert not host.record.exists()


def test_a_pid_that_is_someone_elses_is_left_alone(host: Host) -> None:
    host.activate("1.0.0")
    with subprocess.Popen(["sleep", "60"]) as other:
        host.record.parent.mkdir(parents=True)
        host.record.write_text(f"{other.pid} 1\n")
        assert host.run("service", "restart") == (0, "")
        assert host.pid != other.pid
        assert other.poll() is None
        other.kill()


def test_says_not_yet_until_it_answers(host: Host) -> None:
    host.activate("1.0.0", delay=60)
    host.run("service", "start")
    code, reason = host.run("validate")
    assert (code, "gives no answer" in reason) == (NOT_YET, True)


def test_another_version_that_answers_is_a_no(host: Host) -> None:
    host.activate("1.0.0")
    host.run("service", "restart")
    assert host.validate()[0] == 0
    host.activate("1.1.0")
    code, reason = host.run("validate")
    assert (code, "not as pypiserver 1.1.0" in reason) == (1, True)


def test_bad_health_is_a_no(host: Host) -> None:
    host.activate("1.0.0", health=500)
    host.run("service", "restart")
    assert host.validate() == (1, f"http://127.0.0.1:{host.port}/health answers 500")


def test_a_service_that_has_ended_is_a_no(host: Host) -> None:
    host.activate("1.0.0")
    host.run("service", "restart")
    assert host.validate()[0] == 0
    os.kill(host.pid, signal.SIGKILL)
    assert host.validate() == (1, "pypiserver does not run")
