"""The indexes of a store: ``index.json`` of the store, and of each package in its folder.

They are unsigned and prove nothing: the manifests inside the files do. Form: docs/sources.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.bundles import rules
from orchestrator.bundles.layout import SUFFIX
from orchestrator.bundles.shape import Shape
from orchestrator.bundles.sources import claims
from orchestrator.bundles.sources.offer import Offer
from orchestrator.errors import BundleError

T = TypeVar("T")

NAME = "index.json"
FORMAT = 1
LONGEST = 64 << 20
"""Bytes of an index."""

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,240}" + re.escape(SUFFIX))
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A bundle of a store: what it claims to be, and its file beside the index.

    ``sha256`` is that of the file, ``signature`` that of the manifest.sig in it.
    """

    offer: Offer
    file: str
    size: int
    sha256: str
    signature: str


def read_entries(raw: bytes, folder: str) -> tuple[Entry, ...]:
    """Return a package's entries, oldest first; ``folder`` is where the index lies.

    Raises BundleError for an index that cannot be read.
    """

    def entry(item: Shape) -> Entry:
        file = item.field("file").text(_FILE)
        offer = claims.claimed(item, f"{folder}/{file}")
        return Entry(
            offer=offer,
            file=file,
            size=item.field("size").number(0),
            sha256=item.field("sha256").text(_SHA256),
            signature=item.field("signature").text(_SHA256),
        )

    found = _read(raw, f"{folder}/{NAME}", "bundles", entry)
    return tuple(sorted(found, key=lambda entry: entry.offer.order))


def read_packages(raw: bytes, store: str) -> tuple[str, ...]:
    """Return the packages that a store's index names; raises BundleError."""
    return _read(raw, f"{store}/{NAME}", "packages", lambda item: item.ruled(rules.package_flaw))


def render_entries(entries: Iterable[Entry]) -> bytes:
    """Return the index of a package."""
    return _render("bundles", [_document(entry) for entry in entries])


def render_packages(packages: Iterable[str]) -> bytes:
    """Return the index of a store."""
    return _render("packages", sorted(packages))


def _document(entry: Entry) -> dict[str, object]:
    offer = entry.offer
    return {
        "package": offer.package,
        "version": offer.version,
        "revision": offer.revision,
        "digest": offer.digest,
        "created": offer.created,
        "urgency": offer.urgency.value,
        "notes": offer.notes,
        "file": entry.file,
        "size": entry.size,
        "sha256": entry.sha256,
        "signature": entry.signature,
    }


def _render(key: str, items: list[object] | list[str] | list[dict[str, object]]) -> bytes:
    document = {"format": FORMAT, key: items}
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def _read(raw: bytes, name: str, key: str, read: Callable[[Shape], T]) -> tuple[T, ...]:
    try:
        document = Shape(json.loads(raw))
        if document.field("format").number(1) != FORMAT:
            document.refuse(f"this version of fleet reads format {FORMAT}")
        return document.field(key).items(read)
    except (ValueError, RecursionError) as error:
        why = str(error) if type(error) is ValueError else "not JSON"
        mend = "put back a copy, or move it away and push its bundles again"
        raise BundleError.at(name, f"not an index of bundles: {why}", mend) from None
