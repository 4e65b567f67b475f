"""Looking through a content folder, following nothing, missing nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.bundles.tree import Flaw, Tree
from orchestrator.errors import BundleError
from orchestrator.model.bundle import FileEntry, FolderEntry, LinkEntry

_USUAL_FOLDER = 0o755
_NOT_HASHED = "0" * 64


@dataclass(frozen=True, slots=True)
class Seen:
    """A thing in the content as the scan saw it; ``path`` is relative to the content's folder."""

    path: str
    content: Path
    status: os.stat_result

    @property
    def place(self) -> Path:
        """Return where it is."""
        return self.content / self.path

    @property
    def kind(self) -> int:
        """Return the type of file, one of stat's S_IF constants."""
        return stat.S_IFMT(self.status.st_mode)

    @property
    def mode(self) -> int:
        """Return the permission bits, with setuid, setgid and sticky."""
        return stat.S_IMODE(self.status.st_mode)

    @property
    def identity(self) -> tuple[int, ...]:
        """Return what changes when the file does."""
        return identity(self.status)

    def entry(self, size: int = 0, sha256: str = _NOT_HASHED) -> FileEntry:
        """Return the file's entry; without a hash it serves for checks of path and mode."""
        return FileEntry(self.path, self.mode, size, sha256)


@dataclass(slots=True)
class Found:
    """What a scan found; ``flaws`` are things that no bundle can hold."""

    files: list[Seen] = field(default_factory=list)
    links: list[LinkEntry] = field(default_factory=list)
    folders: list[FolderEntry] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)

    def tree(self, files: Iterable[FileEntry], shared: tuple[str, ...]) -> Tree:
        """Return the tree with the files' entries, hashed or not yet."""
        return Tree(tuple(files), tuple(self.links), tuple(self.folders), shared)


def identity(status: os.stat_result) -> tuple[int, ...]:
    """Return what tells two states of a file apart."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def scan(content: Path) -> Found:
    """Return everything below ``content``; raises BundleError if it is no folder."""
    if content.is_symlink() or not content.is_dir():
        raise BundleError.at(str(content), "no such folder", "put the bundle's files there")
    found = Found()
    pending = [Seen("", content, content.stat())]
    while pending:
        folder = pending.pop()
        try:
            inside = _inside(folder)
        except OSError as error:
            found.flaws.append(Flaw(folder.path, f"cannot be read: {error.strerror}"))
            continue
        if folder.path and (not inside or folder.mode != _USUAL_FOLDER):
            found.folders.append(FolderEntry(folder.path, folder.mode))
        for seen in inside:
            _TAKERS.get(seen.kind, _refuse)(found, seen)
        pending.extend(seen for seen in inside if seen.kind == stat.S_IFDIR)
    return found


def _inside(folder: Seen) -> list[Seen]:
    prefix = f"{folder.path}/" if folder.path else ""
    with os.scandir(folder.place) as entries:
        return [
            Seen(prefix + entry.name, folder.content, entry.stat(follow_symlinks=False))
            for entry in sorted(entries, key=lambda entry: entry.name)
        ]


def _take_file(found: Found, seen: Seen) -> None:
    found.files.append(seen)


def _take_link(found: Found, seen: Seen) -> None:
    target = os.readlink(seen.place)  # noqa: PTH115  (Path.readlink would respell the target)
    found.links.append(LinkEntry(seen.path, target))


def _take_folder(_found: Found, _seen: Seen) -> None:
    """Folders are taken when their inside is known."""


def _refuse(found: Found, seen: Seen) -> None:
    what = f"{_SPECIAL.get(seen.kind, 'something unknown')}, which no bundle can hold"
    found.flaws.append(Flaw(seen.path, what, "remove it"))


_TAKERS: Mapping[int, Callable[[Found, Seen], None]] = {
    stat.S_IFREG: _take_file,
    stat.S_IFLNK: _take_link,
    stat.S_IFDIR: _take_folder,
}

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
}
