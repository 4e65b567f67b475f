"""Backups of data on one host: made, listed, carried to the ops box, brought back."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.host import requests_data
from orchestrator.host.instants import instant
from orchestrator.host.quoting import whole_seconds
from orchestrator.host.replies import Status, number, status, text
from orchestrator.host.requests import Claim, Place
from orchestrator.host.requests_data import Carried, DataSet
from orchestrator.ports import Channel, Reply

OWNER_ONLY = 0o600
_ARCHIVE = re.compile(r"(\d+)-[\w.+~-]+\.tar\.(?:gz|zst)$", re.ASCII)
MARGIN = 30.0
"""Seconds beyond the plan's own timeouts before a host is given up."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup as a host tells of it; ``size`` is in bytes, ``made`` in seconds since 1970.

    ``archive`` is its path on the host, ``release`` what was active, ``by`` who made it.
    """

    name: str
    archive: str
    sha256: str
    size: int
    release: str = ""
    made: int = 0
    by: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back from a backup: ``paths``; ``old`` is where what they held lies now."""

    backup: str
    paths: tuple[str, ...]
    old: tuple[str, ...]


async def back_up(
    channel: Channel, place: Place, claim: Claim, data: DataSet, *, deadline: float
) -> Backup | None:
    """Have the data backed up; ``None`` where there is none yet. Raises HostError."""
    line = requests_data.backup(place, claim, data=data)
    reply = await _ask(channel, line, deadline + stopping(data), "not backed up")
    return read_backup(reply.fields) if "backup" in reply.fields else None


async def listed(channel: Channel, place: Place, *, deadline: float) -> tuple[Backup, ...]:
    """Return the backups of a package, oldest first; raises HostError."""
    reply = await _ask(channel, requests_data.backups(place), deadline, "no list of backups")
    found = reply.fields.get("backups")
    items = found if isinstance(found, list) else []
    return tuple(read_backup(item) for item in items if isinstance(item, Mapping))


async def restore(
    channel: Channel,
    place: Place,
    claim: Claim,
    name: str,
    data: DataSet,
    *,
    deadline: float,
    carried: Carried | None = None,
) -> Restored:
    """Bring the data back from the backup of that name, which may be sent; raises HostError."""
    line = requests_data.restore(place, claim, backup=name, data=data, carried=carried)
    [reply] = await channel.call(
        [line], payload=carried.path if carried else None, deadline=deadline + stopping(data)
    )
    _answered(reply, "not restored")
    paths, old = text(reply.fields, "restored"), text(reply.fields, "old")
    return Restored(name, tuple(paths.splitlines()), tuple(old.splitlines()))


async def fetch(
    channel: Channel, place: Place, backup: Backup, target: Path, *, deadline: float
) -> None:
    """Carry a backup's archive into a file of this machine, as it comes, and prove its hash.

    It appears when it is whole, with its hash in ``<name>.sha256``. Raises HostError.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _Download(part) as download:
            [reply] = await channel.call(
                [requests_data.fetch(place, backup.name)],
                deadline=deadline,
                on_output=download.take,
            )
            _answered(reply, "not fetched")
            download.finish(backup.sha256)
        beside = target.with_name(f"{target.name}.sha256")
        beside.write_text(f"{backup.sha256}  {target.name}\n")
        part.rename(target)
    except OSError as error:
        hint = "make room there, or name another folder"
        raise HostError(f"{error.filename or part}: {error.strerror}", hint=hint) from None
    finally:
        part.unlink(missing_ok=True)


def carried_in(folder: Path) -> Carried:
    """Return the newest of the archives that `fetch` left in a folder.

    Raises HostError where there is none, or one without its hash.
    """
    found = {int(match[1]): path for path in _files(folder) if (match := _ARCHIVE.match(path.name))}
    if not found:
        raise HostError(f"no backup in {folder}", hint="fetch some: fleet hosts backup PLAN --to")
    path = found[max(found)]
    beside = path.with_name(f"{path.name}.sha256")
    try:
        sha256 = beside.read_text().split(maxsplit=1)[0]
        with path.open("rb") as archive:
            size = os.fstat(archive.fileno()).st_size
    except OSError as error:
        hint = "bring it back, or let this user read it"
        raise HostError(f"cannot read {error.filename}: {error.strerror}", hint=hint) from None
    except (UnicodeDecodeError, IndexError):
        hint = "it holds the archive's hash, as sha256sum writes it: bring it back"
        raise HostError(f"{beside} is unusable", hint=hint) from None
    return Carried(path.name[: path.name.rindex(".tar.")], path, sha256, size)


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []


class _Download:
    """A file that is written as lines come; what goes wrong is kept until the end."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        self._file = os.fdopen(descriptor, "wb")
        self._hash = hashlib.sha256()
        self._error: OSError | None = None

    def __enter__(self) -> _Download:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, line: str) -> None:
        """Take one line of base64; never raises."""
        try:
            data = base64.b64decode(line)
            self._hash.update(data)
            self._file.write(data)
        except ValueError:
            self._hash.update(b"garbage")
        except OSError as error:
            self._error = self._error or error

    def finish(self, sha256: str) -> None:
        """Put all on disk; raises OSError, and HostError for other content than was recorded."""
        if self._error:
            raise self._error
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._hash.hexdigest() != sha256:
            raise HostError("not fetched: what came is not what the host has recorded")


def stopping(data: DataSet) -> float:
    """Return how long stopping and starting may take, in seconds."""
    return MARGIN + 2.0 * whole_seconds(data.hook_timeout)


def read_backup(fields: Mapping[str, object]) -> Backup:
    """Return a backup as a host describes it; raises ProtocolError."""
    return Backup(
        name=text(fields, "backup"),
        archive=text(fields, "archive"),
        sha256=text(fields, "sha256"),
        size=number(fields, "size"),
        release=text(fields, "release"),
        made=instant(fields, "epoch"),
        by=text(fields, "by"),
        paths=tuple(text(fields, "paths").splitlines()),
    )


async def _ask(channel: Channel, line: str, deadline: float, failed: str) -> Reply:
    [reply] = await channel.call([line], deadline=deadline)
    return _answered(reply, failed)


def _answered(reply: Reply, failed: str) -> Reply:
    if status(reply) is not Status.OK:
        raise HostError(f"{failed}: {reply.reason or f'the host answered {reply.status!r}'}")
    return reply
