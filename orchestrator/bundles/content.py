"""Signed content on its way somewhere: hashed as it is read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from orchestrator.bundles import layout
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.tree import shown
from orchestrator.errors import Position, Problem, TrustError
from orchestrator.model.bundle import FileEntry


@contextmanager
def content(bundle: Bundle, entry: FileEntry) -> Iterator[Content]:
    """Open a bundle's file for one reading of just its size.

    Raises TrustError, at the end at the latest, when it is not what was signed.
    """
    place = bundle.content(entry.sha256)
    try:
        file = layout.open_regular(place)
    except OSError as error:
        raise _damaged(place, entry, error.strerror) from None
    with file:
        reading = Content(file, place, entry)
        yield reading
        reading.finish()


class Content(io.RawIOBase):
    """A file on its way into a tar: hashed as it is read, and exactly as long as was signed."""

    def __init__(self, file: BinaryIO, place: Path, entry: FileEntry) -> None:
        super().__init__()
        self._file = file
        self._place = place
        self._entry = entry
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return just so many bytes; raises TrustError when there are fewer."""
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
