"""The manifest's one spelling, and the way back: only bytes that are vouched for become a Manifest.

The format is described field by field in ``docs/bundle-format.md``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Protocol, TypeVar

from orchestrator.bundles import canonical, listing
from orchestrator.bundles.header import (
    Header,
    fields_of,
    header_document,
    header_flaws,
    read_header,
)
from orchestrator.bundles.shape import Shape
from orchestrator.bundles.tree import Entry, Flaw, Tree, flaws, shown
from orchestrator.errors import BundleError, Position, Problem
from orchestrator.model.bundle import (
    FileEntry,
    FolderEntry,
    LinkEntry,
    Manifest,
)

MAX_PROBLEMS = 20
"""Problems of one manifest that are named; a hostile one could have millions."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MODE = re.compile(r"[0-7]{4}")


class Vouched(Protocol):
    """Bytes of a manifest that someone vouches for: signers, or a run's journal."""

    @property
    def raw(self) -> bytes:
        """Return exactly the bytes that are vouched for."""

    def demand(self, package: str, name: str) -> None:
        """Raise TrustError unless as many vouch for them as ``package`` needs."""


def encode(header: Header, tree: Tree) -> tuple[bytes, bytes]:
    """Return the bytes of the manifest and of the listing."""
    lines = listing.render(tree)
    document = header_document(header) | {
        "listing": hashlib.sha256(lines).hexdigest(),
        "files": [_file_document(entry) for entry in _sorted(tree.files)],
        "links": [{"path": e.path, "target": e.target} for e in _sorted(tree.links)],
        "folders": [{"path": e.path, "mode": f"{e.mode:04o}"} for e in _sorted(tree.folders)],
        "shared": sorted(tree.shared),
    }
    return canonical.encode(document), lines


def decode(signed: Vouched, name: str) -> Manifest:
    """Return the manifest that trusted bytes spell; ``name`` is their file, for messages.

    Raises BundleError when they are not canonical JSON, have an unknown, missing or mistyped
    field, an unsafe path or link, or a listing that is not that of their files.
    """
    header, tree, digest = _parts(signed.raw, name)
    signed.demand(header.package, name)
    return Manifest(
        digest=hashlib.sha256(signed.raw).hexdigest(),
        listing=digest,
        files=tree.files,
        links=tree.links,
        folders=tree.folders,
        shared=tree.shared,
        **{field.name: getattr(header, field.name) for field in fields(header)},
    )


def contents(raw: bytes, name: str) -> dict[str, int]:
    """Return hash and size of each content that a manifest names, sorted, each once.

    Nothing of it is trusted: it serves to carry a bundle from one form to another. Raises
    BundleError as decode does.
    """
    return sizes(_parts(raw, name)[1].files)


def sizes(files: Iterable[FileEntry]) -> dict[str, int]:
    """Return the size of each content, each once, sorted by hash."""
    return dict(sorted({entry.sha256: entry.size for entry in files}.items()))


def _parts(raw: bytes, name: str) -> tuple[Header, Tree, str]:
    """Return header, tree and the listing's hash, of which only the signature is unproved."""
    try:
        document = fields_of(canonical.decode(raw))
        header, tree = read_header(document), _tree(document)
        digest = document["listing"].text(_SHA256)
    except ValueError as error:
        raise BundleError.at(name, f"not a manifest: {error}", "build the bundle anew") from None
    found = tuple(_some((*flaws(tree), *header_flaws(header, tree), *_size_flaws(tree))))
    if found:
        raise BundleError(*(Problem(Position(name), shown(f.path), f.what) for f in found))
    if hashlib.sha256(listing.render(tree)).hexdigest() != digest:
        raise BundleError.at(name, "the listing is not that of its files", "build it anew")
    return header, tree, digest


def _size_flaws(tree: Tree) -> Iterable[Flaw]:
    once = sizes(tree.files)
    for entry in tree.files:
        if once[entry.sha256] != entry.size:
            yield Flaw(entry.path, "the same content as another file, but of another size")


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
