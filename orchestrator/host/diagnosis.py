"""What a host tells a doctor, as values; and asking for it in one round trip. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import HostError
from orchestrator.host import requests, requests_recovery
from orchestrator.host.instants import instant
from orchestrator.host.looking import whole_question
from orchestrator.host.replies import (
    Probe,
    Status,
    flag,
    number,
    part,
    parts,
    read_probe,
    status,
    text,
    words,
)
from orchestrator.host.requests import Place
from orchestrator.ports import Channel, Reply

LINES = 12
"""Lines of a package's history that are looked at."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that holds a folder (``what``: root or state); no inodes: it counts none."""

    what: str
    folder: str
    mount: str
    size_kib: int = 0
    free_kib: int = 0
    inodes: int = 0
    inodes_free: int = 0
    writable: bool = True
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A lock that lies there; ``since`` is in seconds since 1970, by the host's clock.

    ``binds``: it keeps other runs out. ``lives``: the session that took it does.
    """

    run: str
    owner: str
    since: int
    expires_in: int
    binds: bool
    lives: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What ``diagnose`` told; ``damage`` are records that cannot be read.

    ``incomplete`` are releases that are not whole.
    ``services`` are pairs of a name and what the host says of it. ``backups`` counts those of
    replaced files; those of data are named, oldest first.
    """

    disks: tuple[Disk, ...] = ()
    packages: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    hold: Hold | None = None
    at_work: bool = False
    incomplete: tuple[str, ...] = ()
    services: tuple[tuple[str, str], ...] = ()
    backups: int = 0
    data_backups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A package to be looked at, and the services whose state is asked for."""

    place: Place
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a package's history: what happened (``at``: begin, end, …) to an operation.

    ``when`` is in seconds since 1970, by the host's clock.
    """

    when: int
    at: str
    op: str
    run: str = ""
    release: str = ""
    status: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """A package as its host tells of it; without a ``probe``, ``trouble`` says why."""

    place: Place
    diagnosis: Diagnosis
    probe: Probe | None = None
    trouble: str = ""
    history: tuple[Entry, ...] = ()


async def look_around(
    channel: Channel, root: str, state: str, *, deadline: float
) -> tuple[Mapping[str, object], Diagnosis]:
    """Return a host's facts, its disks and the packages there are; raises HostError."""
    facts, told = await channel.call(
        [requests.facts(), requests_recovery.diagnose(root, state)], deadline=deadline
    )
    return _facts(facts), read_diagnosis(_answered(told))


async def examine(
    channel: Channel, inquiries: Sequence[Inquiry], *, deadline: float
) -> tuple[Mapping[str, object], tuple[Patient, ...]]:
    """Return a host's facts and its packages, in one round trip; raises HostError."""
    lines = [requests.facts()]
    for it in inquiries:
        place = it.place
        lines.append(
            requests_recovery.diagnose(place.root, place.state, place.package, it.services)
        )
        lines += [whole_question(place), requests.history(place, LINES)]
    facts, *replies = await channel.call(lines, deadline=deadline)
    triples = zip(replies[::3], replies[1::3], replies[2::3], strict=True)
    patients = [_patient(it.place, *triple) for it, triple in zip(inquiries, triples, strict=True)]
    return _facts(facts), tuple(patients)


def _patient(place: Place, told: Reply, probed: Reply, recorded: Reply) -> Patient:
    diagnosis = read_diagnosis(_answered(told))
    history = tuple(map(_entry, parts(recorded.fields, "entries")))
    if status(probed) is not Status.OK:
        return Patient(place, diagnosis, None, probed.reason, history)
    return Patient(place, diagnosis, read_probe(probed), history=history)


def _entry(found: Mapping[str, object]) -> Entry:
    names = ("at", "op", "run", "release", "status", "reason")
    return Entry(instant(found, "t"), **{name: text(found, name) for name in names})


def read_diagnosis(fields: Mapping[str, object]) -> Diagnosis:
    """Return what ``diagnose`` told; raises ProtocolError."""
    return Diagnosis(
        disks=tuple(map(_disk, parts(fields, "disks"))),
        packages=words(fields, "packages"),
        damage=words(fields, "damage"),
        hold=_hold(part(fields, "lock")),
        at_work=flag(fields, "at_work"),
        incomplete=words(fields, "incomplete"),
        services=tuple((text(it, "name"), text(it, "state")) for it in parts(fields, "services")),
        backups=number(fields, "backups"),
        data_backups=words(fields, "data_backups"),
    )


def _disk(found: Mapping[str, object]) -> Disk:
    sizes = ("size_kib", "free_kib", "inodes", "inodes_free")
    return Disk(
        what=text(found, "what"),
        folder=text(found, "folder"),
        mount=text(found, "mount"),
        **{name: number(found, name) for name in sizes},
        writable=flag(found, "writable"),
        read_only=flag(found, "read_only"),
    )


def _hold(found: Mapping[str, object] | None) -> Hold | None:
    if found is None:
        return None
    return Hold(
        run=text(found, "run"),
        owner=text(found, "owner"),
        since=instant(found, "since"),
        expires_in=number(found, "expires_in"),
        binds=flag(found, "binds"),
        lives=flag(found, "lives"),
    )


def _facts(reply: Reply) -> Mapping[str, object]:
    """Return a host's facts once all of them can be read that are judged; raises HostError."""
    fields = _answered(reply)
    instant(fields, "epoch")
    words(fields, "missing")
    for name in ("init", "os", "user"):
        text(fields, name)
    return fields


def _answered(reply: Reply) -> Mapping[str, object]:
    if status(reply) is not Status.OK:
        raise HostError(reply.reason or f"the host answered {reply.status!r}")
    return reply.fields
