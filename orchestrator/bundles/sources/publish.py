"""Putting bundles into a store in a folder, and taking old ones out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from orchestrator.bundles import archive, layout, source
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources import claims, index
from orchestrator.bundles.sources.index import Entry
from orchestrator.bundles.sources.store import read_index
from orchestrator.bundles.sources.writing import alone, writing
from orchestrator.errors import BundleError

LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a bundle: ``fresh`` unless the store had it, signatures and all."""

    entry: Entry
    fresh: bool


def push(bundle: Bundle, store: Path) -> Pushed:
    """Put a trusted bundle into the store in a folder, which is made if need be.

    Readers see the old index or the new one, whose files are complete. A bundle that was signed
    anew takes the place of itself. Raises BundleError for a version and revision that the store
    has with other content and for a folder that is no store, TrustError for damaged content,
    FleetError when it cannot be written.
    """
    _refuse_other(store)
    with writing(store), alone(store / LOCK):
        return _push(bundle, store)


def withdraw(store: Path, package: str, digests: Iterable[str]) -> list[Entry]:
    """Take bundles out of a store, and the files that its index no longer names.

    Raises BundleError for a broken index, FleetError when the store cannot be written.
    """
    gone = set(digests)
    with writing(store), alone(store / LOCK):
        entries = _entries(store, package)
        left = [entry for entry in entries if entry.offer.digest not in gone]
        _publish(store / package / index.NAME, index.render_entries(left))
        named = {entry.file for entry in left}
        for path in (store / package).glob(f"*{layout.SUFFIX}"):
            if path.name not in named:
                path.unlink()
        return [entry for entry in entries if entry.offer.digest in gone]


def _refuse_other(store: Path) -> None:
    """Raise BundleError for a folder of built bundles, and for a bundle's own."""
    for pattern in (layout.MANIFEST, source.FILE, f"*/{layout.MANIFEST}"):
        if found := next(store.glob(pattern), None):
            mend = "name a store last, or a folder that is empty or new"
            raise BundleError.at(str(store), f"no store: there is {found.relative_to(store)}", mend)


def _push(bundle: Bundle, store: Path) -> Pushed:
    package = bundle.manifest.package
    folder = store / package
    entries = _entries(store, package)
    signature = hashlib.sha256(bundle.signature_bytes).hexdigest()
    same = _same(bundle, entries, folder)
    if same and same.signature == signature and (folder / same.file).exists():
        _name(store, package)  # a killed push may not have come so far
        return Pushed(same, fresh=False)
    folder.mkdir(exist_ok=True)
    entry = _write(bundle, folder, signature)
    others = (other for other in entries if other is not same)
    every = sorted((*others, entry), key=lambda entry: entry.offer.order)
    _publish(folder / index.NAME, index.render_entries(every))
    _name(store, package)
    return Pushed(entry, fresh=True)


def _name(store: Path, package: str) -> None:
    """Make sure that the store's own index names a package."""
    known = read_index(store / index.NAME)
    packages = set(index.read_packages(known, str(store))) if known else set()
    if package not in packages:
        _publish(store / index.NAME, index.render_packages(packages | {package}))


def _same(bundle: Bundle, entries: Iterable[Entry], folder: Path) -> Entry | None:
    """Return the entry of the same bundle; raises BundleError for another one of its name."""
    ours = bundle.manifest
    for entry in entries:
        theirs = entry.offer
        if theirs.digest == ours.digest:
            return entry
        if (theirs.version, theirs.revision) == (ours.version, ours.revision):
            what = f"there already is a '{ours.package}' {theirs.label} with other content"
            raise BundleError.at(str(folder), what, "raise version or revision in bundle.yml")
    return None


def _write(bundle: Bundle, folder: Path, signature: str) -> Entry:
    ours = bundle.manifest
    with _partial(folder) as file:
        hashing = _Hashing(file)
        archive.write(bundle.folder, cast("BinaryIO", hashing))
        sha256 = hashing.digest.hexdigest()
        title = layout.title(ours.package, ours.version, ours.revision)
        name = f"{title}-{sha256[:12]}{layout.SUFFIX}"
        size = file.tell()
        _settle(file, folder / name)
    offer = claims.of_manifest(bundle.manifest_bytes, f"{folder}/{name}")
    return Entry(offer, name, size, sha256, signature)


class _Hashing:
    """A stream that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self._file = file

    def write(self, chunk: bytes) -> int:
        self.digest.update(chunk)
        return self._file.write(chunk)

    def writelines(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self.write(chunk)


def _entries(store: Path, package: str) -> tuple[Entry, ...]:
    folder = store / package
    raw = read_index(folder / index.NAME)
    return index.read_entries(raw, str(folder)) if raw is not None else ()


@contextmanager
def _partial(folder: Path) -> Iterator[BinaryIO]:
    """Lend a file that goes unless it was settled; files of killed writers go as well."""
    for left in folder.glob(".*.partial"):  # the lock is ours, so nobody writes to them
        left.unlink()
    path = folder / ".new.partial"
    try:
        with path.open("xb") as file:
            yield file
    finally:
        path.unlink(missing_ok=True)


def _settle(file: BinaryIO, path: Path) -> None:
    """Give a lent file its name, durably; web servers may read it."""
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
    Path(str(file.name)).rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(path: Path, raw: bytes) -> None:
    with _partial(path.parent) as file:
        file.write(raw)
        _settle(file, path)
