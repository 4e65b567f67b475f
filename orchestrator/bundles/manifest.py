"""The manifest's one spelling, and the way back: only signed bytes become a Manifest.

The format is described field by field in ``docs/bundles.md``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from orchestrator.bundles import canonical, listing, rules
from orchestrator.bundles.shape import Shape
from orchestrator.bundles.tree import Entry, Flaw, Tree, flaws, shown
from orchestrator.bundles.trust import Signed
from orchestrator.errors import BundleError, Position, Problem
from orchestrator.model.bundle import (
    FORMAT,
    FileEntry,
    FolderEntry,
    LinkEntry,
    Manifest,
    Platform,
)

MAX_PROBLEMS = 20
"""Problems of one manifest that are named; a hostile one could have millions."""

FIELDS = (
    "created",
    "expires",
    "files",
    "folders",
    "format",
    "hooks",
    "links",
    "listing",
    "package",
    "platform",
    "revision",
    "shared",
    "version",
)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MODE = re.compile(r"[0-7]{4}")


@dataclass(frozen=True, slots=True)
class Header:
    """What a manifest says beside its tree."""

    package: str
    version: str
    revision: int
    created: str
    expires: str | None = None
    platform: Platform = Platform()
    hooks: dict[str, str] = field(default_factory=dict)


def encode(header: Header, tree: Tree) -> tuple[bytes, bytes]:
    """Return the bytes of the manifest and of the listing."""
    lines = listing.render(tree)
    document = {
        "format": FORMAT,
        "package": header.package,
        "version": header.version,
        "revision": header.revision,
        "created": header.created,
        "expires": header.expires,
        "platform": {"os": list(header.platform.os), "arch": list(header.platform.arch)},
        "hooks": header.hooks,
        "listing": hashlib.sha256(lines).hexdigest(),
        "files": [_file_document(entry) for entry in _sorted(tree.files)],
        "links": [{"path": e.path, "target": e.target} for e in _sorted(tree.links)],
        "folders": [{"path": e.path, "mode": f"{e.mode:04o}"} for e in _sorted(tree.folders)],
        "shared": sorted(tree.shared),
    }
    return canonical.encode(document), lines


def decode(signed: Signed, name: str) -> Manifest:
    """Return the manifest that signed bytes spell; ``name`` is their file, for messages.

    Raises BundleError when they are not canonical JSON, have an unknown, missing or mistyped
    field, an unsafe path or link, or a listing that is not that of their files.
    """
    try:
        document = Shape(canonical.decode(signed.raw)).fields(*FIELDS)
        if document["format"].number(1) != FORMAT:
            document["format"].refuse(f"this version of fleet reads format {FORMAT}")
        header, tree = _header(document), _tree(document)
        digest = document["listing"].text(_SHA256)
    except ValueError as error:
        raise BundleError.at(name, f"not a manifest: {error}", "build the bundle anew") from None
    found = tuple(_some((*flaws(tree), *hook_flaws(header.hooks, tree))))
    if found:
        raise BundleError(*(Problem(Position(name), shown(f.path), f.what) for f in found))
    if hashlib.sha256(listing.render(tree)).hexdigest() != digest:
        raise BundleError.at(name, "the listing is not that of its files", "build it anew")
    return Manifest(
        digest=hashlib.sha256(signed.raw).hexdigest(),
        package=header.package,
        version=header.version,
        revision=header.revision,
        created=header.created,
        listing=digest,
        files=tree.files,
        links=tree.links,
        folders=tree.folders,
        shared=tree.shared,
        hooks=header.hooks,
        platform=header.platform,
        expires=header.expires,
    )


def hook_flaws(hooks: Mapping[str, str], tree: Tree) -> Iterable[Flaw]:
    """Yield the hooks that do not name an executable file of the bundle."""
    modes = {entry.path: entry.mode for entry in tree.files}
    for name, path in hooks.items():
        if path not in modes:
            yield Flaw(path, f"hook {name} names no file of the bundle", "put it into the content")
        elif not modes[path] & 0o100:
            yield Flaw(path, f"hook {name} is not executable", "chmod +x")


def _header(document: dict[str, Shape]) -> Header:
    platform = document["platform"].fields("os", "arch")
    hooks = document["hooks"].fields(*rules.HOOKS, optional=True)
    expires = document["expires"]
    return Header(
        package=document["package"].ruled(rules.package_flaw),
        version=document["version"].ruled(rules.version_flaw),
        revision=document["revision"].number(1),
        created=document["created"].ruled(rules.instant_flaw),
        expires=None if expires.value is None else expires.ruled(rules.instant_flaw),
        platform=Platform(
            os=platform["os"].items(lambda item: item.ruled(rules.word_flaw)),
            arch=platform["arch"].items(lambda item: item.ruled(rules.word_flaw)),
        ),
        hooks={name: path.text() for name, path in hooks.items()},
    )


def _tree(document: dict[str, Shape]) -> Tree:
    tree = Tree(
        files=document["files"].items(_file),
        links=document["links"].items(_link),
        folders=document["folders"].items(_folder),
        shared=document["shared"].items(lambda item: item.text()),
    )
    entries: tuple[tuple[Entry, ...], ...] = (tree.files, tree.links, tree.folders)
    paths = [list(tree.shared), *([entry.path for entry in part] for part in entries)]
    if any(part != sorted(part) for part in paths):
        raise ValueError("its entries are not sorted by path")
    return tree


def _file_document(entry: FileEntry) -> dict[str, object]:
    return {
        "path": entry.path,
        "mode": f"{entry.mode:04o}",
        "size": entry.size,
        "sha256": entry.sha256,
    }


def _file(item: Shape) -> FileEntry:
    fields = item.fields("mode", "path", "sha256", "size")
    return FileEntry(
        path=fields["path"].text(),
        mode=int(fields["mode"].text(_MODE), 8),
        size=fields["size"].number(0),
        sha256=fields["sha256"].text(_SHA256),
    )


def _link(item: Shape) -> LinkEntry:
    fields = item.fields("path", "target")
    return LinkEntry(path=fields["path"].text(), target=fields["target"].text())


def _folder(item: Shape) -> FolderEntry:
    fields = item.fields("mode", "path")
    return FolderEntry(path=fields["path"].text(), mode=int(fields["mode"].text(_MODE), 8))


E = TypeVar("E", FileEntry, LinkEntry, FolderEntry)


def _sorted(entries: Iterable[E]) -> list[E]:
    return sorted(entries, key=lambda entry: entry.path)


def _some(found: tuple[Flaw, ...]) -> Iterable[Flaw]:
    yield from found[:MAX_PROBLEMS]
    if len(found) > MAX_PROBLEMS:
        yield Flaw("", f"and {len(found) - MAX_PROBLEMS} more problems")
