"""Bundles that were fetched or built here, by package and digest, with a limit to their size."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.bundles import archive, layout, reader
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources.built import bundles_in, trusted_others
from orchestrator.bundles.sources.offer import Offer, expect
from orchestrator.bundles.sources.writing import alone
from orchestrator.bundles.trust import Trust
from orchestrator.clock import WallClock
from orchestrator.errors import BundleError

CACHE = "bundles"
"""The cache's folder in fleet's home."""

LIMIT = 20 << 30
"""Bytes that the cache may hold; bundles in use count, but stay."""

ABANDONED = 86400.0
"""Seconds after which a download that was cut off may go to make room."""

_HELD: dict[tuple[int, int], int] = {}
"""Descriptors of the bundles that this process uses, by device and inode; locked until it ends."""


@dataclass(frozen=True, slots=True)
class Cache:
    """Folders ``<package>/<digest of the manifest>``; the names beginning with '.' are no bundles.

    What lies here is verified again each time, since others may write to the disk.
    """

    root: Path
    limit: int = LIMIT

    @property
    def downloads(self) -> Path:
        """Return where downloads that are not complete lie, and indexes of stores."""
        return self.root / ".downloads"

    def place(self, package: str, digest: str) -> Path:
        """Return where a bundle belongs."""
        return self.root / package / digest

    @contextmanager
    def alone(self, package: str) -> Iterator[None]:
        """Keep others from fetching bundles of a package; what a killed one left half goes."""
        folder = self.root / package
        with alone(folder / ".lock"):
            for left in folder.glob(".*/"):
                shutil.rmtree(left, ignore_errors=True)
            yield

    def find(self, offer: Offer, signature: str | None, trust: Trust) -> Bundle | None:
        """Return a cached bundle, proved; ``signature`` is the sha256 of manifest.sig, if known.

        A damaged one is removed, and one that bears another signature is not it. Raises
        TrustError when it cannot be trusted.
        """
        folder = self.place(offer.package, offer.digest)
        _hold(folder)
        if _sha256(folder / layout.MANIFEST) != offer.digest:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        if signature is not None and _sha256(folder / layout.SIGNATURE) != signature:
            return None
        try:
            bundle = expect(reader.read(folder, trust), offer)
            reader.verify_content(bundle)
        except BundleError as error:
            if not _is_damage(error, folder):
                raise
            shutil.rmtree(folder)
            return None
        return bundle

    def add(self, stream: BinaryIO, offer: Offer, trust: Trust) -> Bundle:
        """Unpack a .fleet file; raises as archive.unpack, and BundleError if it is another one."""
        folder = self.place(offer.package, offer.digest)
        bundle = archive.unpack(stream, folder, trust, name=offer.place)
        try:
            expect(bundle, offer)
        except BundleError:
            shutil.rmtree(folder)
            raise
        return self.keep(bundle)

    def keep(self, bundle: Bundle) -> Bundle:
        """Hold a bundle that was put where it belongs, and make room for it."""
        _hold(bundle.folder)
        with suppress(OSError):  # others may remove things at the same time
            self.trim()
        return bundle

    def others(self, bundle: Bundle, trust: Trust) -> tuple[Bundle, ...]:
        """Return the package's other trusted bundles that are cached; they are held too."""
        folders = [path for path in self._bundles() if path.parent.name == bundle.manifest.package]
        found = trusted_others(bundle, trust, folders)
        for other in found:
            _hold(other.folder)
        return found

    def trim(self, limit: int | None = None, *, check: bool = False) -> list[Path]:
        """Remove the bundles that were not used for longest, until the rest fits the limit.

        Those that any process uses stay. Return what was removed, or with ``check`` would be.
        """
        everything = [*self._bundles(), *self._abandoned()]
        sizes = {place: _size(place) for place in everything}
        total, removed = sum(sizes.values()), []
        for place in sorted(sizes, key=_used):
            if total <= (self.limit if limit is None else limit):
                break
            if _remove(place, check=check):
                total -= sizes[place]
                removed.append(place)
        return removed

    def _bundles(self) -> Iterator[Path]:
        for package in self.root.glob("[!.]*/"):
            yield from bundles_in(package)

    def _abandoned(self) -> Iterator[Path]:
        """Yield downloads that nobody has gone on with for a day."""
        old = WallClock().now() - ABANDONED
        return (path for path in self.downloads.glob("*.part") if _used(path) < old)


def _hold(folder: Path) -> None:
    """Lock a folder against removal until this process ends, and note that it was used."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        if _HELD.setdefault((status.st_dev, status.st_ino), descriptor) != descriptor:
            os.close(descriptor)
            return
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        os.utime(descriptor)


def _remove(place: Path, *, check: bool) -> bool:
    """Remove a bundle, or a download, that no process holds."""
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        if not check:
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        return True
    finally:
        os.close(descriptor)


def _is_damage(error: BundleError, folder: Path) -> bool:
    """Return whether fetching again would help: manifest and signature are as they should be."""
    listing, objects = folder / layout.LISTING, folder / layout.OBJECTS
    places = (Path(problem.position.file) for problem in error.problems)
    return any(place == listing or place.is_relative_to(objects) for place in places)


def _used(place: Path) -> float:
    return place.stat().st_mtime


def _size(place: Path) -> int:
    return sum(path.stat().st_size for path in (place, *place.rglob("*")) if path.is_file())


def _sha256(path: Path) -> str:
    try:
        with layout.open_regular(path) as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""
