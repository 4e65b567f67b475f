"""What staging sends in full: a compressed tar of the release's own files and missing content."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import itertools
import lzma
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import BinaryIO, TypeAlias, cast

from orchestrator.bundles import layout, rules
from orchestrator.bundles.content import content
from orchestrator.bundles.delta.zstandard import CompressionParameter, ZstdFile
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.tree import OURS
from orchestrator.errors import FleetError, TrustError
from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.model.transfer import Means
from orchestrator.ports import Payload

SPOOL_LIMIT = 8 << 30
"""Bytes of payloads after which hosts that lack something of their own are sent everything."""

LARGE = 512 << 20
"""Bytes of content from which on speed counts more than size."""

# Measured on 120 MB of installed Python packages, one core: zstd 9 packs 70 MB/s to 22 %, 3
# 280 MB/s to 26 %; xz 1 25 MB/s to 23 %, 0 40 MB/s to 25 %; gzip 6 36 MB/s to 30 %, 1 110 MB/s to
# 34 %. The first wave waits for it, and patches save more than a level can.
LEVELS: Mapping[Means, tuple[int, int]] = {Means.ZSTD: (9, 3), Means.XZ: (1, 0), Means.GZIP: (6, 1)}
"""How hard to compress, up to LARGE and above."""

_PREFIX = "payloads-"

_Key: TypeAlias = "tuple[str, frozenset[str], Means]"


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

    def payload(
        self, bundle: Bundle, files: Collection[FileEntry], means: Means = Means.GZIP
    ) -> Payload:
        """Return the payload that carries at least ``files`` (entries of the bundle's manifest).

        It carries just these, unless the spool is full: then it carries the whole release, which
        serves every host. Raises TrustError when content is not what was signed, FleetError when
        the spool cannot be written.
        """
        key = _key(bundle, files, means)
        if self._spooled >= self._limit and key not in self._made:
            files = bundle.manifest.files
            key = _key(bundle, files, means)
        with self._guard:
            making = self._making.setdefault(key, Lock())
        with making:
            if key not in self._made:
                self._made[key] = self._make(bundle, key)
            return self._made[key]

    def place(self, bundle: Bundle, kind: str) -> Path:
        """Return a new path in the spool."""
        return self.folder / f"{bundle.manifest.release}-{next(self._numbers)}.{kind}"

    def close(self) -> None:
        """Remove all payloads."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._held)

    def _make(self, bundle: Bundle, key: _Key) -> Payload:
        files = [entry for entry in bundle.manifest.files if entry.path in key[1]]
        path = self.place(bundle, f"tar.{key[2]}")
        partial = path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                spool = Hashing(file)
                unpacked = pack(bundle, files, spool, key[2])
            partial.rename(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise unwritable(error, path) from None
        except TrustError:
            partial.unlink(missing_ok=True)
            raise
        size = path.stat().st_size
        with self._guard:
            self._spooled += size
        return Payload(path, size, len(files), key[2], spool.hexdigest(), unpacked=unpacked)


class Hashing(io.RawIOBase):
    """Writes to a file, and hashes what is written."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._digest = hashlib.sha256()
        self.hexdigest = self._digest.hexdigest

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # bytes are all that comes
        """Write all of ``data``."""
        self._digest.update(data)
        return self._file.write(data)


def pack(bundle: Bundle, files: Collection[FileEntry], to: Hashing, means: Means) -> int:
    """Write the tar of ``files`` compressed, and return how long the tar is."""
    large = sum(entry.size for entry in files) > LARGE
    with _PACKERS[means](to, LEVELS[means][large]) as packed:
        write(bundle, files, packed)
        return packed.tell()


def write(bundle: Bundle, files: Iterable[FileEntry], to: BinaryIO) -> None:
    """Write the GNU tar of the release's ``.fleet`` folder and ``files``.

    Same input, same bytes. Content is hashed on its way; raises TrustError where it differs.
    """
    ours = {
        layout.MANIFEST: bundle.manifest_bytes,
        layout.SIGNATURE: bundle.signature_bytes,
        layout.LISTING: bundle.listing,
    }
    mtime = rules.seconds(bundle.manifest.created)
    with tarfile.TarFile(
        fileobj=to,
        mode="w",
        format=tarfile.GNU_FORMAT,
        encoding="utf-8",
        copybufsize=layout.CHUNK,
    ) as tar:
        for name, raw in ours.items():
            tar.addfile(_head(f"{OURS}/{name}", 0o644, len(raw), mtime), io.BytesIO(raw))
        for entry in files:
            with content(bundle, entry) as file:
                tar.addfile(_head(entry.path, entry.mode, entry.size, mtime), file)


def unwritable(error: OSError, path: Path) -> FleetError:
    """Return what to say of a spool or cache that cannot be written."""
    hint = "make room there, or name another cache folder"
    return FleetError(f"{error.filename or path}: {error.strerror}", hint=hint)


def _zstd(to: Hashing, level: int) -> BinaryIO:
    options: dict[int, int] = {
        CompressionParameter.compression_level: level,
        CompressionParameter.checksum_flag: 1,
    }
    return cast(BinaryIO, ZstdFile(to, "wb", options=options))


def _gzip(to: Hashing, level: int) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile("", "wb", level, to, mtime=0))


def _xz(to: Hashing, level: int) -> BinaryIO:
    return cast(BinaryIO, lzma.LZMAFile(cast(BinaryIO, to), "wb", preset=level))


_PACKERS: Mapping[Means, Callable[[Hashing, int], BinaryIO]] = {
    Means.ZSTD: _zstd,
    Means.XZ: _xz,
    Means.GZIP: _gzip,
}


def _head(name: str, mode: int, size: int, mtime: int) -> tarfile.TarInfo:
    head = tarfile.TarInfo(name)
    head.mode = mode
    head.size = size
    head.mtime = mtime
    return head


def _key(bundle: Bundle, files: Iterable[FileEntry], means: Means) -> _Key:
    return bundle.manifest.digest, frozenset(entry.path for entry in files), means


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
