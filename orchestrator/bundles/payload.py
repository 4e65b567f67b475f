"""What ``stage`` sends: gzipped tars with just the files that hosts lack, each made once."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import itertools
import os
import shutil
import tarfile
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from threading import Lock
from typing import BinaryIO, TypeAlias

from orchestrator.bundles import layout, rules
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.tree import OURS, shown
from orchestrator.errors import FleetError, Position, Problem, TrustError
from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.ports import Payload

SPOOL_LIMIT = 8 << 30
"""Bytes of payloads after which hosts that lack something of their own are sent everything."""

# Measured on 120 MiB of installed Python packages: level 1 packs 61 MB/s to 35 %, level 6
# 17 MB/s to 31 %. The first wave waits for it, and deltas will save more than a level can.
_LEVEL = 1
_PREFIX = "payloads-"

_Key: TypeAlias = "tuple[str, frozenset[str]]"


def missing(manifest: Manifest, have: Iterable[Manifest]) -> tuple[FileEntry, ...]:
    """Return the files of ``manifest`` whose bytes are in none of the releases in ``have``.

    Compute it once per set of releases, not once per host.
    """
    there = {entry.sha256 for other in have for entry in other.files}
    return tuple(entry for entry in manifest.files if entry.sha256 not in there)


class PayloadStore:
    """Payloads of one run, spooled below ``cache``; close it to remove them.

    Safe to use from many threads: a payload that several ask for at once is made once. Payloads
    stay until the store is closed. Folders that ended processes left behind are removed.
    """

    def __init__(self, cache: Path, *, limit: int = SPOOL_LIMIT) -> None:
        self.folder, self._held = _spool(cache)
        self._limit = limit
        self._spooled = 0
        self._numbers = itertools.count(1)
        self._guard = Lock()
        self._making: dict[_Key, Lock] = {}
        self._made: dict[_Key, Payload] = {}

    def payload(self, bundle: Bundle, files: Collection[FileEntry]) -> Payload:
        """Return the payload that carries at least ``files`` (entries of the bundle's manifest).

        It carries just these, unless the spool is full: then it carries the whole release, which
        serves every host. Raises TrustError when content is not what was signed, FleetError when
        the spool cannot be written.
        """
        key = _key(bundle, files)
        if self._spooled >= self._limit and key not in self._made:
            files = bundle.manifest.files
            key = _key(bundle, files)
        with self._guard:
            making = self._making.setdefault(key, Lock())
        with making:
            if key not in self._made:
                self._made[key] = self._make(bundle, key)
            return self._made[key]

    def close(self) -> None:
        """Remove all payloads."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._held)

    def _make(self, bundle: Bundle, key: _Key) -> Payload:
        files = [entry for entry in bundle.manifest.files if entry.path in key[1]]
        path = self.folder / f"{bundle.manifest.release}-{next(self._numbers)}.tar.gz"
        partial = path.with_suffix(".partial")
        try:
            with partial.open("wb") as spool:
                write(bundle, files, spool)
            partial.rename(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            hint = "make room there, or name another cache folder"
            raise FleetError(f"{error.filename or path}: {error.strerror}", hint=hint) from None
        except TrustError:
            partial.unlink(missing_ok=True)
            raise
        size = path.stat().st_size
        with self._guard:
            self._spooled += size
        return Payload(path, size, len(files))


def write(bundle: Bundle, files: Iterable[FileEntry], to: BinaryIO) -> None:
    """Write the gzipped GNU tar of the release's ``.fleet`` folder and ``files``.

    Same input, same bytes. Content is hashed on its way; raises TrustError where it differs.
    """
    ours = {
        layout.MANIFEST: bundle.manifest_bytes,
        layout.SIGNATURE: bundle.signature_bytes,
        layout.LISTING: bundle.listing,
    }
    mtime = rules.seconds(bundle.manifest.created)
    with (
        gzip.GzipFile("", "wb", _LEVEL, to, mtime=0) as packed,
        tarfile.TarFile(
            fileobj=packed,
            mode="w",
            format=tarfile.GNU_FORMAT,
            encoding="utf-8",
            copybufsize=layout.CHUNK,
        ) as tar,
    ):
        for name, raw in ours.items():
            tar.addfile(_head(f"{OURS}/{name}", 0o644, len(raw), mtime), io.BytesIO(raw))
        for entry in files:
            _add(tar, bundle, entry, mtime)


def _add(tar: tarfile.TarFile, bundle: Bundle, entry: FileEntry, mtime: int) -> None:
    place = bundle.content(entry.sha256)
    try:
        file = layout.open_regular(place)
    except OSError as error:
        raise _damaged(place, entry, error.strerror) from None
    with file:
        content = _Content(file, place, entry)
        tar.addfile(_head(entry.path, entry.mode, entry.size, mtime), content)
        content.finish()


class _Content(io.RawIOBase):
    """A file on its way into a tar: hashed as it is read, and exactly as long as was signed."""

    def __init__(self, file: BinaryIO, place: Path, entry: FileEntry) -> None:
        super().__init__()
        self._file = file
        self._place = place
        self._entry = entry
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        try:
            chunk = self._file.read(size)
        except OSError as error:
            raise _damaged(self._place, self._entry, error.strerror) from None
        if len(chunk) < size:
            raise _damaged(self._place, self._entry, "is shorter than was signed")
        self._digest.update(chunk)
        return chunk

    def finish(self) -> None:
        """Raise TrustError unless what was read is all there is, and what was signed."""
        if self._file.read(1) or self._digest.hexdigest() != self._entry.sha256:
            raise _damaged(self._place, self._entry, "is not what was signed")


def _damaged(place: Path, entry: FileEntry, what: str | None) -> TrustError:
    said = f"the content of '{shown(entry.path)}': {what}"
    mend = "fetch the bundle again, or build and sign it anew"
    return TrustError(Problem(Position(str(place)), "", said, mend))


def _head(name: str, mode: int, size: int, mtime: int) -> tarfile.TarInfo:
    head = tarfile.TarInfo(name)
    head.mode = mode
    head.size = size
    head.mtime = mtime
    return head


def _key(bundle: Bundle, files: Iterable[FileEntry]) -> _Key:
    return bundle.manifest.digest, frozenset(entry.path for entry in files)


def _spool(cache: Path) -> tuple[Path, int]:
    """Return a new folder below ``cache`` and the lock that says its process lives."""
    cache.mkdir(parents=True, exist_ok=True)
    descriptor = _lock(cache)
    try:
        _sweep(cache)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache))
        return folder, _lock(folder)
    finally:
        os.close(descriptor)


def _lock(folder: Path, how: int = fcntl.LOCK_EX) -> int:
    """Return a descriptor that holds the folder's lock until it is closed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sweep(cache: Path) -> None:
    """Remove the spools of processes that ended without doing so."""
    for folder in cache.glob(f"{_PREFIX}*"):
        try:
            descriptor = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # in use, or gone
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
