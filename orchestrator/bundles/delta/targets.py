"""What a patch gives: manifest, signature, listing and missing files, as one run of bytes.

The listing lacks the hashes of these files, and the manifest its list of files: the host computes
the former from what it got, writes the latter from the listing, and then checks the hash of the
manifest. They are what would not compress.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles import canonical
from orchestrator.bundles.delta.bases import pour
from orchestrator.bundles.payload import Hashing
from orchestrator.bundles.reader import Bundle
from orchestrator.model.bundle import FileEntry

MOST_FILES = 2000
"""Files in one patch: cutting them out of it costs a host a process for each."""

_LISTING = re.compile(rb"^f [0-7]{4} [0-9]+ ([0-9a-f]{64}) ", re.MULTILINE)
_ODD = re.compile(r"[\n\\]")


@dataclass(frozen=True, slots=True)
class Target:
    """``files`` in the order of their paths, and what goes before them."""

    bundle: Bundle
    files: tuple[FileEntry, ...]
    manifest: bytes
    listing: bytes

    @property
    def heads(self) -> tuple[int, int, int]:
        """Return the lengths of manifest, signature and listing, as they are here."""
        return len(self.manifest), len(self.bundle.signature_bytes), len(self.listing)

    @property
    def size(self) -> int:
        """Return how many bytes it is in all."""
        return sum(self.heads) + sum(entry.size for entry in self.files)

    def write(self, path: Path) -> None:
        """Write it to a file; raises TrustError when content is not what was signed."""
        with path.open("wb") as file:
            to = Hashing(file)
            to.write(self.manifest + self.bundle.signature_bytes + self.listing)
            for entry in self.files:
                pour(self.bundle, entry, to)


def target(bundle: Bundle, files: Sequence[FileEntry]) -> Target | None:
    """Return the target with these files of the bundle, None where it cannot be put like this."""
    paths = {entry.path for entry in files}
    chosen = tuple(entry for entry in bundle.manifest.files if entry.path in paths)
    if len(chosen) > MOST_FILES or any(_ODD.search(path) for path in paths):
        return None
    manifest = _without_files(bundle)
    listing = _without_hashes(bundle.listing, [entry.sha256.encode() for entry in chosen])
    if manifest is None or listing is None:
        return None
    return Target(bundle, chosen, manifest, listing)


def _without_files(bundle: Bundle) -> bytes | None:
    """Return the manifest with ``@`` for its files; None unless a host can write them itself."""
    files = [
        {
            "mode": f"{entry.mode:04o}",
            "path": entry.path,
            "sha256": entry.sha256,
            "size": entry.size,
        }
        for entry in bundle.manifest.files
    ]
    before, found, after = bundle.manifest_bytes.partition(b'"files":' + canonical.encode(files))
    if not found or b"\n" in before + after:
        return None
    return before + b'"files":[@]' + after


def _without_hashes(listing: bytes, wanted: list[bytes]) -> bytes | None:
    """Return the listing with ``@`` for these hashes, None unless they come in this order in it.

    Files of the same content are all among ``wanted``, or none of them is.
    """
    pieces, end, left = [], 0, wanted[::-1]
    for found in _LISTING.finditer(listing):
        if left and found[1] == left[-1]:
            pieces += [listing[end : found.start(1)], b"@"]
            end = found.end(1)
            left.pop()
    return None if left else b"".join([*pieces, listing[end:]])
