"""A session with the host program over pipes, and a package's place on a host, for tests."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.host.source import BOOTSTRAP, program_line
from tests.host.program.builder import Release

_HARMLESS = re.compile(
    "Killed|Terminated|File size limit"  # a shell tells of its children's deaths
    "|Broken pipe|write error|I/O error"  # nobody listens any more
    "|ignored null byte"
)

PATIENCE = 30.0
"""Seconds after which an answer that has not come never will."""


def word(value: object) -> str:
    """Return a value as a word of a request line."""
    return shlex.quote(str(value)).replace("\n", "'\"$NL\"'")


@dataclass(frozen=True)
class Answer:
    """A final line, and the live lines before it."""

    fields: dict[str, Any]
    live: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(f"{name} is not in {self.fields}") from None


class Session:
    """One running host program; a context manager."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the session)
        self.process = subprocess.Popen(
            ["sh", "-c", BOOTSTRAP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={"FLEET_DEBUG": "1", **environment},
            start_new_session=True,
        )
        self._buffer = b""
        self._ids = 0
        self.send(program_line())

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Write to the program; a program that is gone is noticed when its answer is read."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def request(self, operation: str, payload: bytes = b"", **keys: Any) -> int:
        """Send a request without waiting, and return its id."""
        self._ids += 1
        words = [str(self._ids), operation]
        words += [f"{key.rstrip('_')}={word(value)}" for key, value in keys.items()]
        self.send(" ".join(words).encode(errors="surrogateescape") + b"\n" + payload)
        return self._ids

    def line(self, patience: float = PATIENCE) -> dict[str, Any]:
        """Return the next line; raises EOFError at the end of the output."""
        deadline = time.monotonic() + patience
        assert self.process.stdout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, left))
            if not ready:
                raise TimeoutError(f"no answer, only {self._buffer!r}")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise EOFError(self._buffer.decode(errors="replace"))
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError:
            raise ValueError(line.decode(errors="replace")) from None
        return found

    def answer(self, patience: float = PATIENCE) -> Answer:
        """Return the next final line with the live lines before it."""
        live = []
        while "status" not in (found := self.line(patience)):
            live.append(found["output"])
        return Answer(found, live)

    def ask(self, operation: str, payload: bytes = b"", **keys: Any) -> Answer:
        """Send a request and return its answer."""
        number = self.request(operation, payload, **keys)
        found = self.answer()
        assert found.id == number
        return found

    def hang_up(self) -> None:
        """End the program's input, as a lost connection does."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def close(self) -> None:
        """Hang up and wait for the end; the program says nothing on stderr."""
        self.hang_up()
        assert self.process.stdout
        try:
            self.process.wait(PATIENCE)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process.stdout.close()
            with self._complaints as file:
                file.seek(0)
                said = file.read().decode()
        odd = [line for line in said.splitlines() if not _HARMLESS.search(line)]
        assert not odd, said


@dataclass
class Place:
    """Where one package lives, and as whom requests come."""

    root: Path
    state: Path
    environment: dict[str, str]
    package: str = "gateway"
    run: str = "run-1"
    token: int = 0

    @property
    def home(self) -> Path:
        """The package's folder below root."""
        return self.root / self.package

    @property
    def records(self) -> Path:
        """The package's folder below state."""
        return self.state / self.package

    def release(self, release: Release) -> Path:
        """The folder of a release."""
        return self.home / "releases" / release.id

    @property
    def active(self) -> str:
        """The active release, or the empty string."""
        link = self.home / "current"
        return link.readlink().name if link.is_symlink() else ""

    @contextlib.contextmanager
    def session(self, **environment: str) -> Iterator[Session]:
        """Open a session."""
        with Session(self.environment | environment) as session:
            yield session

    def where(self) -> dict[str, Any]:
        """The keys that every operation has."""
        return {"package": self.package, "root": self.root, "state": self.state}

    def claim(self, **changes: object) -> dict[str, Any]:
        """The keys of a changing operation."""
        keys = {"run": self.run, "owner": "somebody", "token": self.token, "lock_ttl": 600}
        return self.where() | keys | changes

    def do(self, session: Session, operation: str, payload: bytes = b"", **keys: Any) -> Answer:
        """Do a changing operation, and remember the token."""
        answer = session.ask(operation, payload, **self.claim(**keys))
        self.token = answer.fields.get("token", self.token)
        return answer

    def probe(self, session: Session, release: Release) -> Answer:
        """Probe for a release."""
        return session.ask("probe", **self.where(), **release.named())

    def stage(
        self, session: Session, release: Release, only: list[str] | None = None, **keys: Any
    ) -> Answer:
        """Stage a release, sending all of its files, or ``only`` some."""
        data = release.payload(only)
        return self.do(session, "stage", data, bytes=len(data), **release.named(), **keys)

    def activate(
        self, session: Session, release: Release, nonce: str = "n1", **keys: Any
    ) -> Answer:
        """Activate a release."""
        usual: dict[str, Any] = {"nonce": nonce, "deadline": 600, "wave": "canary"}
        usual |= {"hook_timeout": 20, "boot_hook": "none"}  # tests leave their machine alone
        return self.do(session, "activate", **release.named(), **usual | keys)

    def confirm(self, session: Session, release: Release, nonce: str = "n1", **keys: Any) -> Answer:
        """Confirm a release."""
        return self.do(session, "confirm", **release.named(), nonce=nonce, **keys)

    def commit(
        self, session: Session, release: Release, nonce: str = "n1", keep: int = 3
    ) -> Answer:
        """Commit a release."""
        return self.do(session, "commit", **release.named(), nonce=nonce, keep=keep)

    def revert(self, session: Session, nonce: str = "n1", **keys: Any) -> Answer:
        """Revert a trial."""
        return self.do(session, "revert", nonce=nonce, why="asked", **keys)

    def repair(
        self, session: Session, release: Release, only: list[str] | None = None, **keys: Any
    ) -> Answer:
        """Repair the active release, sending all of its files, or ``only`` some."""
        data = release.payload(only)
        answer = self.do(session, "repair", data, bytes=len(data), **release.named(), **keys)
        self.token = 0
        return answer

    def install(
        self, session: Session, release: Release, nonce: str = "n0", keep: int = 3, **keys: Any
    ) -> None:
        """Bring a release on, all the way; ``keys`` go with the request to stage.

        What they let stay may stay to the end.
        """
        stays = {key: keys[key] for key in ("keep_paths", "keep_all") if key in keys}
        steps = [
            self.stage(session, release, **keys),
            self.activate(session, release, nonce, **stays),
            self.confirm(session, release, nonce, **stays),
            self.commit(session, release, nonce, keep),
        ]
        assert [step.status for step in steps] == ["ok"] * 4, [step.fields for step in steps]
        self.token = 0


def until(condition: Any, patience: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def watchdog(place: Place) -> int:
    """Return the watchdog's process id."""
    return int((place.records / "watchdog").read_text().split()[0])


def lose_watchdog(place: Place) -> None:
    """End the watchdog, and whoever would start it again, as a power cut does."""
    kill_all(f"{place.records}/program")


def kill_all(token: str) -> None:
    """Kill the processes whose command line holds a text, and the groups that they lead."""
    while found := [pid for pid, command in living(token).items() if token in command]:
        for pid in found:
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError):
                    kill(pid, signal.SIGKILL)


def living(token: str) -> dict[int, str]:
    """Return the processes whose command line or environment holds a text, and their commands."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            text = command + (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if token.encode() in text and state not in "ZX":
                found[int(folder.name)] = command.decode(errors="replace").replace("\0", " ")
    return found
