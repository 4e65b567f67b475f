"""How a release's content may travel to a host, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Means(StrEnum):
    """What turns the bytes that are sent back into a release's files."""

    ZSTD_PATCH = "zstd-patch"
    BSDIFF = "bsdiff"
    ZSTD = "zstd"
    XZ = "xz"
    GZIP = "gzip"

    @property
    def is_patch(self) -> bool:
        """Return whether it needs the bytes of another release on the host."""
        return self in (Means.ZSTD_PATCH, Means.BSDIFF)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a host can undo; ``memory`` is what undoing may take there, in bytes.

    Every host can undo gzip.
    """

    means: frozenset[Means] = frozenset({Means.GZIP})
    memory: int = 0


PLAIN = Abilities()
"""What every host can undo."""


@dataclass(frozen=True, slots=True)
class Base:
    """What a patch is against: a concatenation of files of one release on the host.

    First its manifest.json and listing, then the files on lines ``picks`` of its listing (from 1:
    ``3-5,9``). ``sha256`` and ``size`` (bytes) are those of the concatenation.
    """

    release: str
    picks: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """What a host has of a payload whose transfer was broken off: its first ``size`` bytes."""

    sha256: str
    size: int
