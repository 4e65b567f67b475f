"""Runs check scripts for real, with each shell and just the tools that a test allows."""

from __future__ import annotations

import http.server
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SHELLS = {"dash": ["dash"], "busybox": ["busybox", "ash"], "bash": ["bash", "--posix"]}
BASE = """
    awk cat df dirname env grep head mktemp rm sed sh sha256sum sleep tail timeout tr uname
"""
"""What any host has; a test adds the tools that it is about."""


@dataclass(frozen=True)
class Result:
    code: int
    reason: str
    output: str


class Host:
    """A shell, a folder of tools as its PATH, and a release to stand in."""

    def __init__(self, shell: str, folder: Path) -> None:
        self.shell = SHELLS[shell]
        self.tools = folder / "tools"
        self.release = folder / "release"
        self.tools.mkdir()
        self.release.mkdir()
        busybox = shutil.which("busybox")
        assert busybox, "busybox is missing: apt-get install busybox"
        for name in BASE.split():
            if shell == "busybox":
                (self.tools / name).symlink_to(busybox)
            else:
                self.add(name)

    def add(self, name: str, source: str | None = None) -> None:
        """Add a tool of this machine, perhaps of another name there."""
        found = shutil.which(source or name)
        assert found, f"{source or name} is missing: apt-get install it"
        (self.tools / name).symlink_to(Path(found).resolve() if source else found)

    def fake(self, name: str, text: str) -> None:
        """Add a tool that is this shell text."""
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, script: str) -> Result:
        """Run a script as the host program does."""
        shell = shutil.which(self.shell[0])
        assert shell, f"{self.shell[0]} is missing: apt-get install it"
        environment = {"PATH": str(self.tools), "TMPDIR": str(self.tools.parent)}
        done = subprocess.run(
            [shell, *self.shell[1:], "-c", script],
            cwd=self.release,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        return Result(done.returncode, (output.splitlines() or [""])[-1], output)


@contextmanager
def listening(address: str = "127.0.0.1") -> Iterator[int]:
    """Give a port that takes connections, and never says a word."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        yield int(server.getsockname()[1])


@contextmanager
def refusing() -> Iterator[int]:
    """Give a port that is ours and refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.split("/")[1])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200/")
        self.end_headers()
        self.wfile.write(b"first line\nversion 2.4 is up\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serving() -> Iterator[str]:
    """Give the URL of a server that answers /STATUS/… with that status."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
