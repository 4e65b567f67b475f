"""The requests that have to do with data that outlives releases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.quoting import whole_seconds
from orchestrator.host.requests import Claim, Place, by, given, line, of
from orchestrator.model.keeping import BackupRetention


@dataclass(frozen=True, slots=True)
class DataSet:
    """Data of a package on one host: absolute paths, and how what writes to it is stopped.

    ``freeze`` and ``thaw`` are shell text that stops and starts it, with ``env`` before it.
    """

    paths: tuple[str, ...]
    freeze: str = ""
    thaw: str = ""
    env: str = ""
    hook_timeout: float = 120.0
    backups: BackupRetention = BackupRetention()


@dataclass(frozen=True, slots=True)
class Carried:
    """A backup's archive on this machine: the backup's name, its file, its hash and bytes."""

    backup: str
    path: Path
    sha256: str
    size: int

    @property
    def keys(self) -> dict[str, object]:
        """Return the keys of a request with which the archive is sent."""
        return {"bytes": self.size, "sha256": self.sha256, "suffix": self.path.suffix[1:]}


def backup(place: Place, claim: Claim, *, data: DataSet, let_go: bool = True) -> str:
    """Back the data up, once for each run, and with ``let_go`` let go of the lock."""
    kept = {"backups": data.backups.keep, "backups_age": math.ceil(data.backups.age)}
    return line("backup", of(place), by(claim), _at_rest(data, let_go=let_go), kept)


def restore(
    place: Place, claim: Claim, *, backup: str, data: DataSet, carried: Carried | None = None
) -> str:
    """Bring the data back from a backup, which may come with it, and let go of the lock."""
    keys = {"backup": backup, **(carried.keys if carried else {})}
    return line("restore", of(place), by(claim), keys, _at_rest(data, let_go=True))


def regain(data: DataSet) -> dict[str, object]:
    """Return the keys of an activation by which the data comes back with its release."""
    texts = given(freeze=data.freeze, thaw=data.thaw, data_env=data.env)
    return {"paths": "\n".join(data.paths), **texts}


def backups(place: Place) -> str:
    """Ask which backups of data there are."""
    return line("backups", of(place))


def fetch(place: Place, backup: str) -> str:
    """Ask for a backup's archive: live lines of base64."""
    return line("fetch", of(place), {"backup": backup})


def _at_rest(data: DataSet, *, let_go: bool) -> dict[str, object]:
    texts = given(
        freeze=data.freeze, thaw=data.thaw, env=data.env, release_lock="1" if let_go else ""
    )
    timeout = whole_seconds(data.hook_timeout)
    return {"paths": "\n".join(data.paths), "hook_timeout": timeout, **texts}
