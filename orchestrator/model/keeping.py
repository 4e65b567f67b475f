"""What a host keeps of a package: releases, local changes, and backups of these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Retention:
    """Which releases a host keeps besides the active and the previous one, which always stay.

    At most ``releases`` in all, none laid down longer than ``age`` seconds ago, and no more than
    leave ``free`` bytes on their file system; 0 means no such limit.
    """

    releases: int = 3
    age: float = 0.0
    free: int = 0


@dataclass(frozen=True, slots=True)
class BackupRetention:
    """Which backups a host keeps: the newest ``keep``, none older than ``age``.

    Those of local changes and those of data are counted apart. ``age`` is in seconds; 0 means no
    limit.
    """

    keep: int = 10
    age: float = 90 * 86400.0


@dataclass(frozen=True, slots=True)
class Data:
    """What a package works with that outlives its releases, so that it can be backed up.

    ``paths`` (templates) are absolute or below the package's shared folder. While they are copied
    or replaced, the services in ``stop`` are stopped; ``freeze`` and ``thaw`` are shell text
    (templates) run before that and after. ``timeout`` is in seconds, for all of it.
    """

    paths: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    freeze: str = ""
    thaw: str = ""
    timeout: float = 600.0


class DriftPolicy(StrEnum):
    """What becomes of managed files that were changed on a host.

    With KEEP the host's bytes and modes stay, and go on into the next release; what is gone is put
    back. With OVERWRITE the bundle's win, and the old bytes go to backups.
    """

    FAIL = "fail"
    KEEP = "keep"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True)
class OnDrift:
    """The policy of each path: that of the first glob that fits it, else ``default``.

    In a glob, ``*`` stands for any characters, ``/`` included; paths are relative to the release.
    """

    default: DriftPolicy = DriftPolicy.FAIL
    globs: tuple[tuple[str, DriftPolicy], ...] = ()

    def of(self, path: str) -> DriftPolicy:
        """Return what becomes of a local change at ``path``."""
        return next((p for glob, p in self.globs if fnmatchcase(path, glob)), self.default)

    def everywhere(self, policy: DriftPolicy) -> bool:
        """Return whether this is the policy of every path."""
        return {self.default, *(found for _, found in self.globs)} == {policy}

    def anywhere(self, policy: DriftPolicy) -> bool:
        """Return whether this may be the policy of some path."""
        return policy in {self.default, *(found for _, found in self.globs)}
