"""Bundles and releases as values: what a signed manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
class ConfigEntry:
    """A configuration file, and the number of the schema that this release writes it in."""

    path: str
    schema: int


@dataclass(frozen=True, slots=True)
class Platform:
    """Where a bundle may run; an empty tuple means anywhere."""

    os: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()


class Urgency(StrEnum):
    """How soon a release should reach the fleet, as its maker sees it."""

    LOW = "low"
    NORMAL = "normal"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Requirements:
    """What must be on a host before a release may go there.

    ``packages`` pairs a package (or what one provides) with a range of versions; ``memory`` is in
    bytes; ``tags`` must all be among the host's ``fleet_tags``.
    """

    packages: tuple[tuple[str, str], ...] = ()
    memory: int = 0
    tags: tuple[str, ...] = ()


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
    urgency: Urgency = Urgency.NORMAL
    notes: str = ""
    requires: Requirements = Requirements()
    provides: tuple[tuple[str, str], ...] = ()
    """Pairs of a name that other bundles may require and the version of it that this one has."""
    floors: tuple[str, ...] = ()
    """Ranges of versions that a host must have reached before it may get this one."""
    config: tuple[ConfigEntry, ...] = ()
    reads: tuple[tuple[str, int], ...] = ()
    """Pairs of a path and the highest number of its schema that this release reads, where that is
    beyond its own."""

    reboot: bool = False
    """Whether a host must be rebooted for the release to work."""

    @property
    def release(self) -> str:
        """Return the release id: version and the first 12 hex digits of the digest."""
        return f"{self.version}-{self.digest[:12]}"

    @property
    def size(self) -> int:
        """Return the bytes of all files together."""
        return sum(entry.size for entry in self.files)
