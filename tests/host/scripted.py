"""A host that answers from a script, and values to work with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from orchestrator import ports
from orchestrator.errors import HostError
from orchestrator.host.procedures.context import Context, Memory
from orchestrator.host.replies import Last, Lock, Probe, Trial
from orchestrator.host.work import Assignment, HostPolicy, PackageWork, RunIdentity
from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.model.fleet import Endpoint, Host
from orchestrator.model.plan import Origin, Package, Use
from orchestrator.model.transfer import PLAIN, Abilities
from orchestrator.ports import Granted, Held, OnOutput, Payload, Reply

OK = Reply("ok")
FACTS = Reply("ok", "", {"os": "debian", "arch": "x86_64", "boot_id": "b1", "missing": []})
IDENTITY = RunIdentity("run-1", "ops@box", "seed")
NONCE = IDENTITY.host_nonce("gw1")

KINDS = ("modified", "missing", "wrong_mode")
Scripted = Reply | HostError


def entry(path: str, content: bytes = b"x", size: int = 100) -> FileEntry:
    return FileEntry(path, 0o644, size, hashlib.sha256(content).hexdigest())


def manifest(
    version: str = "2.4.0", files: Sequence[FileEntry] = (), package: str = "gateway"
) -> Manifest:
    digest = hashlib.sha256(f"{package} {version}".encode()).hexdigest()
    return Manifest(digest, package, version, 1, "2026-01-01T00:00:00Z", "0" * 64, tuple(files))


NEW = manifest("2.4.0", [entry("bin/run", b"run"), entry("README", b"new", 5000)])
OLD = manifest("2.3.0", [entry("bin/run", b"run"), entry("README", b"old")])


def work(name: str = "gateway", made: Manifest = NEW, **options: object) -> PackageWork:
    package = replace(Package(name, on="all", bundle=Origin("b")), **options)  # type: ignore[arg-type]
    return PackageWork(package, made, signers="ci ssh-ed25519 AAAA", identities=("ci",))


def assignment(*works: PackageWork, **variables: object) -> Assignment:
    host = Host("gw1", Endpoint("127.0.0.1"), ("gateways",), variables)
    return Assignment(host, works or (work(),), "canary")


def probed(probe: Probe) -> Reply:
    """Return the reply from which a probe is read."""
    trial, last, lock = probe.trial, probe.last, probe.lock
    drift, part = probe.drift, probe.part
    return Reply(
        "ok",
        "",
        {
            "active": probe.active or None,
            "previous": probe.previous or None,
            "releases": list(probe.releases),
            "proved": probe.proved,
            "proof": probe.proof,
            "kept": list(probe.kept),
            "drift": drift
            and {
                "listed": drift.listed,
                "reason": drift.reason,
                **{kind: list(getattr(drift, kind)) for kind in KINDS},
                **{f"{kind}_count": len(getattr(drift, kind)) for kind in KINDS},
            },
            "trial": trial
            and {
                "nonce": trial.nonce,
                "run": trial.run,
                "release": trial.release,
                "from": trial.before,
                "remaining": trial.remaining,
                "activated": trial.activated,
                "confirmed": trial.confirmed,
                "reboot": trial.reboot,
            },
            "triggers": [asdict(trigger) for trigger in probe.triggers],
            "last": last
            and {
                "nonce": last.nonce,
                "run": last.run,
                "from": last.before,
                "to": last.after,
                "outcome": last.outcome,
                "reason": last.reason,
            },
            "lock": lock
            and {"owner": lock.owner, "run": lock.run, "token": 3, "expires_in": lock.expires_in},
            "part": part and {"sha256": part.sha256, "size": part.size},
        },
    )


EMPTY = Probe(proof="nothing is active")
OUTDATED = Probe(active=OLD.release, releases=(OLD.release,), proof=f"{OLD.release} is active")
CURRENT = Probe(active=NEW.release, releases=(OLD.release, NEW.release), proved=True)


class FakeChannel:
    """Answers each operation with its next scripted reply; the last one is repeated."""

    def __init__(self, script: Mapping[str, Scripted | Sequence[Scripted]]) -> None:
        self.script = {
            op: [said] if isinstance(said, Reply | HostError) else list(said)
            for op, said in script.items()
        }
        self.calls: list[list[str]] = []
        self.payloads: list[Path] = []
        self.offsets: list[int] = []
        self.deadlines: list[float] = []
        self.closed = 0

    async def call(
        self,
        requests: Sequence[str],
        *,
        payload: Path | None = None,
        offset: int = 0,
        deadline: float,
        on_output: OnOutput | None = None,
    ) -> list[Reply]:
        self.calls.append(list(requests))
        self.deadlines.append(deadline)
        if payload:
            self.payloads.append(payload)
            self.offsets.append(offset)
        if on_output:
            on_output(f"{len(requests)} requests")
        return [self._answer(line.split(" ", 1)[0]) for line in requests]

    async def close(self) -> None:
        self.closed += 1

    @property
    def operations(self) -> list[list[str]]:
        """The operations of each round trip."""
        return [[line.split(" ", 1)[0] for line in call] for call in self.calls]

    def _answer(self, operation: str) -> Reply:
        said = self.script[operation]
        answer = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(answer, HostError):
            raise answer
        return answer


class FakeConnector:
    """Hands out channels, or raises errors, in the order given; the last one is repeated."""

    def __init__(self, *doors: FakeChannel | HostError) -> None:
        self.doors = list(doors)
        self.opened = 0
        self.closed = False

    async def open(self, host: Host) -> FakeChannel:
        self.opened += 1
        door = self.doors.pop(0) if len(self.doors) > 1 else self.doors[0]
        if isinstance(door, HostError):
            raise door
        return door

    async def close(self) -> None:
        self.closed = True


@dataclass
class FakeDepot:
    """Knows some manifests; payloads are only counted."""

    known: tuple[Manifest, ...] = (NEW, OLD)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    told: list[tuple[Abilities, str]] = field(default_factory=list)
    made: Payload | None = None

    def manifest(self, release: str) -> Manifest | None:
        return next((m for m in self.known if m.release == release), None)

    async def payload(
        self,
        manifest: Manifest,
        missing: tuple[FileEntry, ...],
        able: Abilities = PLAIN,
        base: str = "",
    ) -> Payload:
        self.asked.append(tuple(e.path for e in missing))
        self.told.append((able, base))
        if self.made:
            return self.made
        return Payload(Path("payload"), sum(e.size for e in missing), len(missing))


@dataclass
class Watch:
    """A clock that only sleeping moves."""

    at: float = 1000.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.at += seconds


@dataclass(frozen=True)
class FakeCheck:
    text: str
    timeout: float = 5.0

    def script(self) -> str:
        return self.text


def build_check(use: Use, variables: Mapping[str, object]) -> FakeCheck:
    facts = variables.get("facts")
    return FakeCheck(f"{use.name} {facts['os']}" if isinstance(facts, dict) else use.name)


@dataclass
class FakeGate:
    """Lets a host through, unless it is told not to; remembers who came and went."""

    held_by: str = ""
    log: list[str] = field(default_factory=list)

    async def acquire(self, host: str) -> Granted | Held:
        self.log.append(f"acquire {host}")
        return Held("lock", self.held_by, 3600.0, 30.0) if self.held_by else Granted()

    async def release(self, host: str) -> Held | None:
        self.log.append(f"release {host}")
        return Held("lock", self.held_by) if self.held_by else None


def build_gate(_use: Use, _variables: Mapping[str, object]) -> FakeGate:
    return FakeGate()


@dataclass(frozen=True)
class FakeTrigger:
    text: str

    def watches(self) -> tuple[ports.Watch, ...]:
        return (ports.Watch(self.text, every=30.0, timeout=10.0, threshold=2),)

    def boot_budget(self) -> ports.BootBudget | None:
        return None


def build_trigger(use: Use, variables: Mapping[str, object]) -> FakeTrigger:
    return FakeTrigger(f"{use.name} of {variables['package']}")


def context(
    channel: FakeChannel,
    what: Assignment | None = None,
    *,
    memory: Memory | None = None,
    connector: FakeConnector | None = None,
    depot: FakeDepot | None = None,
    watch: Watch | None = None,
    seconds: float = 60.0,
    policy: HostPolicy | None = None,
    gate: FakeGate | None = None,
) -> Context:
    what, watch = what or assignment(), watch or Watch()
    fresh = connector or FakeConnector(channel)
    return Context(
        assignment=what,
        identity=IDENTITY,
        policy=policy or HostPolicy(),
        memory=memory or Memory(),
        channel=channel,
        fresh=lambda: fresh.open(what.host),
        depot=depot or FakeDepot(),
        build_check=build_check,
        build_gate=build_gate if gate is None else lambda _use, _variables: gate,
        build_trigger=build_trigger,
        on_output=None,
        sleep=watch.sleep,
        clock=watch,
        until=watch.now() + seconds,
    )


def remembered(*probes: Probe, **tokens: int) -> Memory:
    """Return a memory as a CHECK of gateway (and db) leaves it."""
    names = ("gateway", "db")
    return Memory(dict(FACTS.fields), dict(zip(names, probes, strict=False)), dict(tokens))


def on_trial(active: str = NEW.release, **changes: object) -> Probe:
    trial = Trial(NONCE, "run-1", NEW.release, OLD.release, 90, activated=True)
    return Probe(active=active, trial=replace(trial, **changes))  # type: ignore[arg-type]


def ended(outcome: str, active: str, before: str = OLD.release, nonce: str = NONCE) -> Probe:
    last = Last(nonce, "run-1", before, NEW.release, outcome, "because")
    return Probe(active=active, proved=active == NEW.release, last=last)


def locked(run: str, expires_in: int = 60, trial: bool = False) -> Probe:
    armed = Trial("other", run, OLD.release, "", 40) if trial else None
    return replace(OUTDATED, lock=Lock("eve@box", run, expires_in), trial=armed)
