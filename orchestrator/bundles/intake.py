"""Taking the files of a source into a bundle: hashed, and copied to their place by content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import BinaryIO

from orchestrator.bundles import layout, reader
from orchestrator.bundles.reader import Damaged
from orchestrator.bundles.scan import Seen, identity
from orchestrator.bundles.several import several
from orchestrator.bundles.tree import shown
from orchestrator.errors import BundleError, Position, Problem
from orchestrator.model.bundle import FileEntry


def take(files: Sequence[Seen], work: Path | None) -> tuple[FileEntry, ...]:
    """Return the entries of files that a scan saw, hashed, several at once.

    With the folder of a bundle they are copied into it, each content once. Raises BundleError for
    a file that changes meanwhile.
    """
    if not work:
        return tuple(several(_hash, files))
    (work / layout.OBJECTS).mkdir(parents=True)
    return tuple(several(partial(_store, work), files))


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


def _store(work: Path, seen: Seen) -> FileEntry:
    unnamed = work / layout.OBJECTS / f".{get_ident()}"
    digest = hashlib.sha256()
    size = 0
    with unnamed.open("wb", buffering=0) as writer:
        for chunk in _chunks(seen):
            digest.update(chunk)
            size += writer.write(chunk)
    place = layout.content(work, digest.hexdigest())
    place.parent.mkdir(exist_ok=True)
    unnamed.rename(place)
    return seen.entry(size, place.name)


def _chunks(seen: Seen) -> Iterator[bytes]:
    """Yield a file's bytes; raises BundleError unless it stays as the scan saw it."""
    with _opened(seen.place) as file:
        before = os.fstat(file.fileno())
        yield from layout.chunks(file, before.st_size)
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
