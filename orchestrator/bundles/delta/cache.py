"""Patches made earlier, kept on disk up to a size: those not used for longest go first."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.model.transfer import Base

LIMIT = 2 << 30
"""Bytes of patches that are kept."""

_NOTE = ".json"


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch in a file of its own; ``plain`` is how long the target is without a base."""

    path: Path
    size: int
    sha256: str
    plain: int
    base: Base


class PatchCache:
    """A folder of patches by key (hex digits), safe to be shared by many processes."""

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit

    def take(self, key: str, to: Path) -> Patch | None:
        """Return the patch with this key, linked to ``to`` so that nothing can take it away.

        None where it is not there, or is not what was put there.
        """
        kept = self._folder / key
        with suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(kept.with_suffix(_NOTE).read_text("utf-8"))
            _link(kept, to)
            if _digest(to) == note["sha256"]:
                os.utime(kept)
                size, base = to.stat().st_size, Base(**note["base"])
                return Patch(to, size, note["sha256"], int(note["plain"]), base)
            to.unlink()
        return None

    def put(self, key: str, patch: Patch) -> None:
        """Keep a patch; a folder that cannot be written only costs time later."""
        note = {
            "sha256": patch.sha256,
            "plain": patch.plain,
            "base": {name: getattr(patch.base, name) for name in Base.__slots__},
        }
        with suppress(OSError), self._alone():
            kept = self._folder / key
            _link(patch.path, kept)
            os.utime(kept)
            kept.with_suffix(_NOTE).write_text(json.dumps(note), "utf-8")
            self._evict()

    def _evict(self) -> None:
        aged = sorted((path.stat().st_mtime_ns, path) for path in self._folder.glob("[0-9a-f]*"))
        patches = [path for _, path in aged if path.suffix != _NOTE]
        total = sum(path.stat().st_size for path in patches)
        for path in patches:
            if total <= self._limit:
                break
            total -= path.stat().st_size
            path.unlink()
            path.with_suffix(_NOTE).unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _link(source: Path, to: Path) -> None:
    to.unlink(missing_ok=True)
    to.hardlink_to(source)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
