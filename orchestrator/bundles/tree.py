"""What lies in a bundle, and the rules that keep it inside its release on every host."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from orchestrator.model.bundle import FileEntry, FolderEntry, LinkEntry

MAX_PATH = 2000
"""Bytes that a path may have: what is left of Linux' 4096 goes to the root and the release."""

MAX_NAME = 255
"""Bytes that one component may have on the usual file systems."""

MAX_HOPS = 40
"""Links that Linux follows while it resolves one path."""

OURS = ".fleet"
"""The folder in every release that belongs to the host program."""

Entry: TypeAlias = FileEntry | LinkEntry | FolderEntry


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong at one path of a tree, and how to mend it."""

    path: str
    what: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Tree:
    """The entries of a bundle; ``shared`` paths become links into the package's shared folder."""

    files: tuple[FileEntry, ...] = ()
    links: tuple[LinkEntry, ...] = ()
    folders: tuple[FolderEntry, ...] = ()
    shared: tuple[str, ...] = ()

    def entries(self) -> Iterator[tuple[str, str]]:
        """Yield every path with what it is: ``file``, ``link``, ``folder`` or ``shared path``."""
        yield from ((entry.path, "file") for entry in self.files)
        yield from ((entry.path, "link") for entry in self.links)
        yield from ((entry.path, "folder") for entry in self.folders)
        yield from ((path, "shared path") for path in self.shared)


def flaws(tree: Tree) -> Iterator[Flaw]:
    """Yield everything that makes a tree unfit to be laid down on a host."""
    yield from _name_flaws(tree)
    yield from _shape_flaws(tree)
    yield from _mode_flaws(tree)
    yield from _link_flaws(tree)


def shown(path: str) -> str:
    """Return a path fit for a message: what cannot be printed is escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in path
    )


def fold(path: str) -> str:
    """Return what is equal for two paths that some file system takes for the same.

    The canonical caseless match of the Unicode standard, section 3.13, D145.
    """
    if path.isascii():
        return path.lower()
    decomposed = unicodedata.normalize("NFD", path)
    return unicodedata.normalize("NFD", decomposed.casefold())


def text_flaw(text: str) -> str:
    """Return why ``text`` cannot be part of a path, or the empty string."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a name that is not UTF-8"
    if any(unicodedata.category(char) == "Cc" and char != "\n" for char in text):
        return "a control character in a name"
    return ""


def path_flaw(path: str) -> str:
    """Return why ``path`` is no path inside a release, or the empty string."""
    if not path:
        return "an empty path"
    if path.startswith("/"):
        return "an absolute path"
    flaw = text_flaw(path)
    if flaw:
        return flaw
    parts = path.split("/")
    if {"", ".", ".."} & set(parts):
        return "a path with an empty, '.' or '..' component"
    if fold(parts[0]) == OURS:
        return f"'{OURS}' belongs to the host program"
    if len(path.encode()) > MAX_PATH or any(len(part.encode()) > MAX_NAME for part in parts):
        return f"longer than {MAX_NAME} bytes in a name or {MAX_PATH} in all"
    return ""


def _name_flaws(tree: Tree) -> Iterator[Flaw]:
    for path, _ in tree.entries():
        what = path_flaw(path)
        if what:
            yield Flaw(path, what, "rename or remove it")


def _shape_flaws(tree: Tree) -> Iterator[Flaw]:
    """Find paths that are one and the same, or that lie below something that is no folder."""
    kinds: dict[str, str] = {}
    for path, kind in tree.entries():
        if path in kinds:
            yield Flaw(path, f"listed twice, as {kinds[path]} and as {kind}", "keep one of them")
        kinds[path] = kind
    parents = dict.fromkeys(chain.from_iterable(_parents(kinds)))
    for parent in parents:
        if kinds.get(parent, "folder") != "folder":
            what = f"a {kinds[parent]} and also the parent of other paths"
            yield Flaw(parent, what, "keep one of them")
    folded: dict[str, str] = {}
    for path in chain(kinds, parents):
        other = folded.setdefault(fold(path), path)
        if other != path:
            what = f"the same as '{shown(other)}' where upper and lower case are one"
            yield Flaw(path, what, "rename one of them")


def _parents(kinds: Mapping[str, str]) -> Iterator[list[str]]:
    seen: set[str] = set()
    for path in kinds:
        new = []
        parent = path.rpartition("/")[0]
        while parent and parent not in seen:
            seen.add(parent)
            new.append(parent)
            parent = parent.rpartition("/")[0]
        yield new


def _mode_flaws(tree: Tree) -> Iterator[Flaw]:
    needs = chain(
        ((entry.path, entry.mode, 0o400, "u+r") for entry in tree.files),
        ((entry.path, entry.mode, 0o700, "u+rwx") for entry in tree.folders),
    )
    for path, mode, least, symbolic in needs:
        if not 0 <= mode <= 0o777:
            yield Flaw(path, "setuid, setgid or sticky bit is set", "chmod ug-s,-t")
        elif mode & least != least:
            yield Flaw(path, f"mode {mode:04o} keeps its owner out", f"chmod {symbolic}")


def _link_flaws(tree: Tree) -> Iterator[Flaw]:
    targets = {link.path: link.target for link in tree.links}
    shared = set(tree.shared)
    for link in tree.links:
        what = _target_flaw(link) or _escape(link, targets, shared)
        if what:
            mend = "let it lead to a path inside the bundle, relative to the link"
            yield Flaw(link.path, f"a link to '{shown(link.target)}' {what}", mend)


def _target_flaw(link: LinkEntry) -> str:
    """Look at the target's text alone, as the host does."""
    if not link.target:
        return "that leads nowhere"
    if link.target.startswith("/"):
        return "that is absolute"
    flaw = text_flaw(link.target)
    if flaw or len(link.target.encode()) > MAX_PATH:
        return f"with {flaw or 'a target that is too long'}"
    depth = link.path.count("/")
    for part in link.target.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            return "that leads outside"
    return ""


def _escape(link: LinkEntry, targets: Mapping[str, str], shared: set[str]) -> str:
    """Follow a link as the kernel would, through the bundle's other links."""
    here = link.path.split("/")[:-1]
    pending = link.target.split("/")[::-1]
    hops = 0
    while pending:
        part = pending.pop()
        if part == "..":
            if not here:
                return "that leads outside through another link"
            here.pop()
        elif part not in ("", "."):
            here.append(part)
            name = "/".join(here)
            if name in shared:
                return "that climbs out of a shared path" if ".." in pending else ""
            if name in targets:
                hops += 1
                here.pop()
                pending.extend(targets[name].split("/")[::-1])
        if hops > MAX_HOPS:
            return "that goes in circles"
    return ""
