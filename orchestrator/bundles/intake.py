"""Taking the files of a source into a bundle: hashed, and copied to their place by content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from orchestrator.bundles import layout, reader
from orchestrator.bundles.reader import Damaged
from orchestrator.bundles.scan import Seen, identity
from orchestrator.bundles.tree import shown
from orchestrator.errors import BundleError, Position, Problem
from orchestrator.model.bundle import FileEntry


def take(files: Sequence[Seen], work: Path | None) -> tuple[FileEntry, ...]:
    """Return the entries of files that a scan saw, hashed, several at once.

    With the folder of a bundle they are copied into it, each content once. Raises BundleError for
    a file that changes meanwhile.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        if not work:
            return tuple(pool.map(_hash, files))
        (work / layout.OBJECTS).mkdir(parents=True)
        partials = (work / layout.OBJECTS / f".{number}" for number in range(len(files)))
        return tuple(pool.map(lambda seen, partial: _store(seen, work, partial), files, partials))


def again(seen: Seen, entry: FileEntry) -> Iterator[bytes]:
    """Yield the bytes of a file that was hashed before; raises BundleError if they are others."""
    try:
        yield from reader.content(seen.place, entry.sha256, entry.size)
    except Damaged:
        raise _changed(seen) from None


def _hash(seen: Seen) -> FileEntry:
    digest = hashlib.sha256()
    size = 0
    for chunk in _chunks(seen):
        digest.update(chunk)
        size += len(chunk)
    return seen.entry(size, digest.hexdigest())


def _store(seen: Seen, work: Path, partial: Path) -> FileEntry:
    digest = hashlib.sha256()
    size = 0
    with partial.open("wb", buffering=0) as writer:
        for chunk in _chunks(seen):
            digest.update(chunk)
            size += writer.write(chunk)
    place = layout.content(work, digest.hexdigest())
    place.parent.mkdir(exist_ok=True)
    partial.rename(place)
    return seen.entry(size, place.name)


def _chunks(seen: Seen) -> Iterator[bytes]:
    """Yield a file's bytes; raises BundleError unless it stays as the scan saw it."""
    with _opened(seen.place) as file:
        before = os.fstat(file.fileno())
        while chunk := file.read(layout.CHUNK):
            yield chunk
        after = os.fstat(file.fileno())
    if {seen.identity, identity(before), identity(after)} != {seen.identity}:
        raise _changed(seen)


def _changed(seen: Seen) -> BundleError:
    what = "changed while the bundle was being built"
    problem = Problem(Position(shown(str(seen.place))), "", what, "stop what writes to it")
    return BundleError(problem)


def _opened(place: Path) -> BinaryIO:
    try:
        return layout.open_regular(place)
    except OSError as error:
        raise BundleError.at(shown(str(place)), f"cannot be read: {error.strerror}") from None
