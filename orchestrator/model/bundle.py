"""Bundles and releases as values: what a signed manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FORMAT = 1
"""The manifest's format number that this version writes."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A regular file: permission bits, bytes, and their lower-case hex sha256."""

    path: str
    mode: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LinkEntry:
    """A symlink whose target is relative and stays inside the release."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A folder that is empty, or whose mode is not 0755."""

    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Platform:
    """Where a bundle may run; an empty tuple means anywhere."""

    os: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose signature, shape and paths were checked.

    Only the bundle reader makes one, so that holding it means it may be trusted.
    ``digest`` is the sha256 (hex) of the manifest's bytes, ``listing`` that of the listing text
    (see docs/host-protocol.md). Paths are relative, with ``/``, decoded from UTF-8.
    """

    digest: str
    package: str
    version: str
    revision: int
    created: str
    listing: str
    files: tuple[FileEntry, ...]
    links: tuple[LinkEntry, ...] = ()
    folders: tuple[FolderEntry, ...] = ()
    shared: tuple[str, ...] = ()
    hooks: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Hook name (``pre_activate`` …) to a path inside the bundle."""
    platform: Platform = Platform()
    expires: str | None = None

    @property
    def release(self) -> str:
        """Return the release id: version and the first 12 hex digits of the digest."""
        return f"{self.version}-{self.digest[:12]}"

    @property
    def size(self) -> int:
        """Return the bytes of all files together."""
        return sum(entry.size for entry in self.files)
