"""What a host keeps of a package: releases, and backups of local changes."""

from __future__ import annotations

from dataclasses import dataclass


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
    """Which backups of local changes a host keeps: the newest ``keep``, none older than ``age``.

    ``age`` is in seconds; 0 means no limit.
    """

    keep: int = 10
    age: float = 90 * 86400.0
