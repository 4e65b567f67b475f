"""``lab.json``: what a lab should be, written atomically, changed by one command at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path

from orchestrator.errors import LabError
from orchestrator.lab.openssh import Sshd
from orchestrator.lab.spec import Condition, LabHost, LabKind, LabPaths, Slowness

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Intent:
    """How one host should be."""

    condition: Condition = Condition.UP
    slowness: Slowness | None = None
    """Set while the link is slow, also when the host was then frozen."""


@dataclass(frozen=True, slots=True)
class Record:
    """The whole of ``lab.json``; hosts are in order of their index."""

    kind: LabKind
    network: IPv4Network
    port: int
    intents: tuple[Intent, ...]
    sshd: Sshd | None = None
    tree: Path | None = None
    """The Debian tree of a lab of machines."""
    generation: int = 0
    """Counts the writes, so that the embedded server can say which it has put into effect."""

    def hosts(self, paths: LabPaths) -> tuple[LabHost, ...]:
        """Return all hosts."""
        return tuple(paths.host(i, self.network, self.port) for i in range(len(self.intents)))

    def intending(self, indexes: Iterable[int], intent: Intent) -> Record:
        """Return the record with another intent for some hosts; the slow freeze slow."""
        intents = list(self.intents)
        for index in indexes:
            stays = intent.condition is Condition.FROZEN
            slowness = intents[index].slowness if stays else intent.slowness
            intents[index] = Intent(intent.condition, slowness)
        return replace(self, intents=tuple(intents))


def save(paths: LabPaths, record: Record) -> Record:
    """Write ``lab.json`` with the next generation, and return what was written."""
    record = replace(record, generation=record.generation + 1)
    write_atomically(paths.record, json.dumps(_to_dict(record), indent=1) + "\n")
    return record


def load(paths: LabPaths) -> Record:
    """Read ``lab.json``.

    Raises:
        LabError: there is none, or it is not one that this version can read.

    """
    try:
        document = json.loads(paths.record.read_text())
    except FileNotFoundError:
        raise LabError(
            f"there is no lab in {paths.directory}", hint="start one with `fleet lab up`"
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(paths, str(error)) from error
    try:
        return _from_dict(document)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(paths, f"not of format {FORMAT}") from error


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that a reader sees the old text or the new one."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.replace(path)


@contextlib.contextmanager
def locked(paths: LabPaths) -> Iterator[None]:
    """Hold the lab's lock; waits for another command to finish.

    Raises:
        LabError: there is no such folder.

    """
    descriptor = _take_lock(paths)
    try:
        yield
    finally:
        os.close(descriptor)


def _take_lock(paths: LabPaths) -> int:
    while True:
        try:
            descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LabError(
                f"cannot lock the lab in {paths.directory}: {error.strerror}",
                hint="start one with `fleet lab up`",
            ) from error
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), paths.lock.stat()):
                return descriptor
        # `fleet lab down` removed the folder while we waited.
        os.close(descriptor)


def _unreadable(paths: LabPaths, why: str) -> LabError:
    return LabError(
        f"{paths.record} cannot be read: {why}",
        hint="if it was made by another version, end its processes with that one and remove it",
    )


def _to_dict(record: Record) -> dict[str, object]:
    return {
        "format": FORMAT,
        "kind": record.kind,
        "network": str(record.network),
        "port": record.port,
        "generation": record.generation,
        "sshd": record.sshd and record.sshd.to_dict(),
        "tree": record.tree and str(record.tree),
        "hosts": [_intent_to_dict(intent) for intent in record.intents],
    }


def _intent_to_dict(intent: Intent) -> dict[str, object]:
    slow = intent.slowness
    details = {"latency": slow.latency, "rate": slow.rate} if slow else {}
    return {"condition": intent.condition, **details}


def _from_dict(document: dict[str, object]) -> Record:
    if document["format"] != FORMAT:
        raise ValueError
    tree = document.get("tree")
    match document:
        case {
            "kind": str(kind),
            "network": str(network),
            "port": int(port),
            "generation": int(generation),
            "sshd": None | dict() as sshd,
            "hosts": list(hosts),
        }:
            return Record(
                kind=LabKind(kind),
                network=IPv4Network(network),
                port=port,
                generation=generation,
                sshd=Sshd.from_dict(sshd) if sshd else None,
                tree=Path(str(tree)) if tree else None,
                intents=tuple(map(_intent_from_dict, hosts)),
            )
    raise ValueError


def _intent_from_dict(document: dict[str, object]) -> Intent:
    condition = Condition(str(document["condition"]))
    match document:
        case {"latency": float(latency), "rate": None | int() as rate}:
            return Intent(condition, Slowness(latency, rate))
    return Intent(condition)
