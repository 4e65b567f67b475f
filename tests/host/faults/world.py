"""One host, the runs that come to it, and what the acts of a schedule do to both."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.host.program.builder import Release
from tests.host.program.driver import Answer, Place, living

from .acts import Act, Kind
from .disk import Disk
from .sessions import Doomed

QUIET = Act(Kind.FORWARD)
ORDER = ("stage", "activate", "check", "confirm", "commit")
NONCED = ("confirm", "commit", "revert")
CHANGES = {"allow_downgrade": 1, "keep": 9}


def release(version: str) -> Release:
    """Return the release of a version, unsigned."""
    files = {
        "bin/app": f"app {version}".encode(),
        "etc/app.conf": b"the same in all\n" * 50,
        f"lib/{version}": version.encode() * 300,
    }
    links = {"app": "bin/app"}
    return Release(files, {"bin/app": 0o755}, links, shared=("data",), version=version)


def hooks(version: str, *, bad: bool) -> dict[str, Any]:
    """Return the texts of an activation: a step for each version up to this one."""
    count = int(version[0])
    mark = '"$FLEET_SHARED/steps/s{}"'
    texts: dict[str, Any] = {
        "restart": 'cat "$FLEET_CURRENT/bin/app" >"$FLEET_SHARED/running" || :',
        "post_activate": "exit 1" if bad else "",
        "steps": " ".join(f"s{number}" for number in range(1, count + 1)),
    }
    for number in range(1, count + 1):
        there = mark.format(number)
        texts[f"step_up_{number}"] = f'mkdir -p "$FLEET_SHARED/steps" && : >{there}'
        texts[f"step_down_{number}"] = f"rm -f {there}"
    return texts


@dataclass(frozen=True)
class Order:
    """One request, as it may be sent again, or by somebody else."""

    operation: str
    release: Release
    keys: dict[str, Any]
    payload: bytes = b""

    @property
    def nonce(self) -> str:
        return str(self.keys.get("nonce", ""))


@dataclass
class World:
    """A host's folders and the newest run; ``signers`` and ``identities`` go with each release."""

    place: Place
    releases: dict[str, Release]
    trust: dict[str, str]
    disk: Disk | None = None
    runs: int = 0
    begun: Act = QUIET
    step: int = 0
    last: Order | None = None
    activated: float = 0.0
    """When something was last activated, by the monotonic clock."""
    wounded: bool = False
    """Whether a watchdog may be gone, or could not work."""
    asked: set[str] = field(default_factory=set)
    """Nonces whose confirmation was asked for."""
    confirmed: str = ""
    """The release whose confirmation was answered, until somebody may have changed it."""

    @property
    def target(self) -> Release:
        return self.releases[self.begun.version]

    @property
    def nonce(self) -> str:
        return f"nonce-{self.runs}"

    def begin(self, act: Act) -> None:
        """Let another run take over."""
        self.runs += 1
        self.place.run, self.place.token = f"run-{self.runs}", 0
        self.begun, self.step, self.last = act, 0, None

    def order(self, operation: str, **changes: Any) -> Order:
        """Return what the run asks for."""
        keys: dict[str, Any] = {"nonce": self.nonce} | CHANGES | self.target.named() | self.trust
        payload = b""
        if operation == "stage":
            payload = self.target.payload()
            keys |= {"bytes": len(payload)}
        if operation == "activate":
            keys |= hooks(self.begun.version, bad=self.begun.bad)
            keys |= {"deadline": self.begun.deadline, "hook_timeout": 20, "boot_hook": "none"}
        if operation == "check":
            keys |= {"name": "app", "script": "grep -q app bin/app", "timeout": 20}
            keys |= {"in": f"{self.place.home}/current"}
        if operation == "revert":
            keys |= {"why": "asked", "release_lock": 1}
        claim = self.place.claim() if operation != "check" else {}
        return Order(operation, self.target, claim | keys | changes, payload)

    def send(self, order: Order, act: Act = QUIET) -> Answer | None:
        """Send a request over a session of its own; ``None`` when no answer came."""
        self.last = order
        self._note(order)
        try:
            with Doomed(self.place.environment, act) as session:
                answer = session.ask(order.operation, order.payload, **order.keys)
        except EOFError:
            self.place.token, self.wounded = 0, True
            return None
        self.wounded |= answer.status == "ended"
        if order.keys.get("run") == self.place.run:
            self.place.token = answer.fields.get("token", self.place.token)
        if order.operation == "confirm" and answer.status == "ok":
            self.confirmed = order.release.id
        return answer

    def _note(self, order: Order) -> None:
        if order.operation == "confirm":
            self.asked.add(order.nonce)
        if order.operation in ("activate", "revert"):
            self.confirmed = ""
            self.activated = time.monotonic()

    def refused(self) -> Answer | None:
        """Come as somebody whom a trial keeps out: that wakes a watchdog that is gone."""
        stranger = self.order("withdraw", run="stranger", token=10**6)
        with Doomed(self.place.environment, QUIET) as session:
            return session.ask(stranger.operation, **stranger.keys)

    def kill_watchdog(self) -> None:
        """Kill the watchdog, as anybody may."""
        with contextlib.suppress(OSError, IndexError, ValueError):
            number = int((self.place.records / "watchdog").read_text().split()[0])
            if number in living(str(self.place.records / "program")):
                os.kill(number, signal.SIGKILL)
                self.wounded = True

    def record(self, name: str) -> dict[str, str]:
        """Return a record of the host's, such as its trial; empty when there is none."""
        try:
            text = (self.place.records / name).read_text()
        except OSError:
            return {}
        return dict(re.findall(rf"^{name}_(\w+)='([^']*)'$", text, re.MULTILINE))

    @property
    def trial(self) -> dict[str, str]:
        """Return the trial that is on, or nothing."""
        trial = self.record("trial")
        return {} if trial.get("nonce") == self.record("last").get("nonce") else trial

    def history(self) -> list[str]:
        """Return the host's own record of what it did, and its folder of records."""
        kept = _text(self.place.records / "history.jsonl") or ""
        return [*kept.splitlines(), *sorted(path.name for path in self.place.records.iterdir())]

    def going_back(self, nonce: str) -> bool:
        """Return whether the way back of a trial has begun."""
        progress = _text(self.place.records / "progress") or ""
        return f"reverting {nonce}" in progress.splitlines()

    def ledger(self) -> set[str]:
        """Return the steps that the ledger tells of."""
        path = self.place.records / "ledger"
        lines = path.read_text().splitlines() if path.exists() else []
        return {line.split()[0] for line in lines if line}

    def snapshot(self, *, all_records: bool) -> dict[str, object]:
        """Return what no stranger may change; ``all_records`` with the lock and the history."""
        records = ["trial", "last", "ledger", "undo", "seen"]
        records += ["lock", "token", "history.jsonl"] * all_records
        links = {name: _link(self.place.home / name) for name in ("current", "previous")}
        found = {name: _text(self.place.records / name) for name in records}
        return {**links, **found, "releases": sorted(self.complete())}

    def complete(self) -> set[str]:
        """Return the releases that are marked complete."""
        return {mark.parts[-3] for mark in self.place.home.glob("releases/*/.fleet/complete")}


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _link(path: Path) -> str | None:
    return os.readlink(path) if path.is_symlink() else None  # noqa: PTH115  as it is written


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Wait for a condition; return whether it came about in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def forged(good: Release) -> Release:
    """Return a release that says it is the same, and brings other bytes."""
    return replace(good, forged={"bin/app": b"evil " + good.files["bin/app"][5:]})


def unsigned(version: str) -> Release:
    """Return a release that nobody signed, of content that was never signed either."""
    plain = release(version)
    return replace(plain, files=plain.files | {"bin/app": b"evil"})
