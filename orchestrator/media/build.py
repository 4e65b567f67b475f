"""Laying a medium down in a folder: the same input gives the same bytes, dates included."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import FleetError, UsageError
from orchestrator.host import source
from orchestrator.media.kit import Kit
from orchestrator.media.medium import Medium
from orchestrator.media.private import OWNER, create
from orchestrator.media.script import script_text

SUMS = "SHA256SUMS"
SCRIPT = "install.sh"
SCRIPT_MODE = 0o700
BLOCK = 1 << 20

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,59}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cargo:
    """What goes onto a medium: kits of hosts, payloads by release, and the trust file's text."""

    medium: Medium
    kits: tuple[Kit, ...]
    payloads: Mapping[str, Path]
    signers: str


def lay_down(cargo: Cargo, folder: Path) -> str:
    """Write the medium into a folder that is empty or not there, and return its sums' sha256.

    Files are for their owner alone (0600): environment and hooks may hold secrets. Raises
    UsageError for a folder with something in it or a host whose name cannot be a folder's,
    FleetError when it cannot be written.
    """
    for kit in cargo.kits:
        expect_name(kit.host)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty", hint="name a new folder, or empty it")
        for inner in ("hosts", "releases", *(f"hosts/{kit.host}" for kit in cargo.kits)):
            (folder / inner).mkdir(mode=0o700)
        for name, text in _texts(cargo):
            _write(folder / name, text)
        for release, payload in sorted(cargo.payloads.items()):
            _copy(payload, folder / "releases" / f"{release}.tar.gz")
        sums = "".join(f"{_digest(folder / name)}  {name}\n" for name in names(folder))
        _write(folder / SUMS, sums)
        _date(folder, cargo.medium.built)
    except OSError as error:
        hint = "is the disk full, or the folder not yours?"
        raise FleetError(f"{error.filename or folder}: {error.strerror}", hint=hint) from None
    return hashlib.sha256(sums.encode()).hexdigest()


def names(folder: Path) -> list[str]:
    """Return the files below a folder by their relative paths, sorted."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def expect_name(host: str) -> None:
    """Raise UsageError for a host whose name cannot be that of a folder on any file system."""
    if not _NAME.fullmatch(host):
        what = f"host {host!r} cannot have a folder on a medium"
        hint = "its name in the inventory has to be letters, digits, '.', '_', '-', at most 60"
        raise UsageError(what, hint=hint)


def _texts(cargo: Cargo) -> Iterator[tuple[str, str]]:
    medium = cargo.medium
    yield SCRIPT, script_text()
    yield "program", source.program_text()
    yield "medium", f"id {medium.id}\nplan {' '.join(medium.plan.split())}\n"
    yield "allowed_signers", cargo.signers
    for kit in cargo.kits:
        for name, text in kit.files.items():
            yield f"hosts/{kit.host}/{name}", text


def _write(path: Path, text: str) -> None:
    with create(path, SCRIPT_MODE if path.name == SCRIPT else OWNER) as file:
        file.write(text.encode())


def _copy(payload: Path, place: Path) -> None:
    with payload.open("rb") as content, create(place) as file:
        shutil.copyfileobj(content, file, BLOCK)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _date(folder: Path, at: float) -> None:
    """Date every file and folder, the innermost first."""
    below: Iterable[Path] = sorted(folder.rglob("*"), reverse=True)
    for path in (*below, folder):
        os.utime(path, (at, at))
