"""Payloads that are spooled, and patches, as docs/transfer.md has them, for the tests."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.bundles.delta import encoders
from orchestrator.bundles.delta.encoders import Segment
from orchestrator.host.source import undo_bsdiff
from tests.host.program.builder import Release, encoded
from tests.host.program.driver import Answer, Place, Session


@dataclass(frozen=True)
class Delivery:
    """The bytes of a payload, and the keys that go with them."""

    data: bytes
    keys: dict[str, Any]

    def send(self, place: Place, session: Session, offset: int = 0, **changes: Any) -> Answer:
        """Stage with it."""
        return place.do(session, "stage", self.data[offset:], **self.request(offset) | changes)

    def request(self, offset: int = 0) -> dict[str, Any]:
        """Return the keys of a stage request."""
        return self.keys | {"bytes": len(self.data) - offset, "offset": offset}

    def less(self, *names: str, **changes: Any) -> Delivery:
        """Return the same without some keys, and with others changed."""
        kept = {key: value for key, value in self.keys.items() if key not in names}
        return replace(self, keys=kept | changes)


def whole(release: Release, means: str = "gzip", only: list[str] | None = None) -> Delivery:
    """Return full content that is to be spooled."""
    tar = gzip.decompress(release.payload(only))
    command = {"gzip": ["gzip", "-nc"], "xz": ["xz", "-c"], "zstd": ["zstd", "-qc"]}[means]
    packed = subprocess.run(command, input=tar, capture_output=True, check=True).stdout
    return _delivery(release, means, packed)


def patch(old: Release, new: Release, means: str = "zstd-patch") -> Delivery:
    """Return what brings a host with one release to another."""
    base, picks = basis(old, new)
    target, heads = goal(old, new)
    packed = _ENCODERS[means](base, target)
    keys = {"base": old.id, "picks": picks, "heads": heads}
    keys["base_sha256"] = hashlib.sha256(base).hexdigest()
    if means == "bsdiff":
        keys["script"] = undo_bsdiff()
    return _delivery(new, means, packed).less(**keys)


def basis(old: Release, new: Release) -> tuple[bytes, str]:
    """Return the base of a patch, and its picks."""
    pieces, picks = [old.manifest, old.listing], []
    by_name = {encoded(path): data for path, data in old.files.items()}
    for number, line in enumerate(old.listing.decode().splitlines(), start=1):
        name = line.split(" ", 4)[-1]
        if line.startswith("f ") and by_name[name] not in new.files.values():
            pieces.append(by_name[name])
            picks.append(str(number))
    return b"".join(pieces), ",".join(picks)


def goal(old: Release, new: Release) -> tuple[bytes, str]:
    """Return what a patch gives, and the lengths of its heads."""
    listing, manifest, content = new.listing, new.manifest, b""
    for _, data in sorted(new.files.items()):
        if data not in old.files.values():
            digest = hashlib.sha256(data).hexdigest().encode()
            listing = listing.replace(b" " + digest + b" ", b" @ ")
            content += data
    start, end = manifest.index(b'"files":[') + 9, manifest.index(b'],"format"')
    manifest = manifest[:start] + b"@" + manifest[end:]
    heads = f"{len(manifest)} {len(new.signature)} {len(listing)}"
    return manifest + new.signature + listing + content, heads


def _bsdiff(base: bytes, target: bytes) -> bytes:
    half = len(target) // 2
    ends = ((0, len(base)), (0, half)), ((9, len(base)), (half, len(target)))
    return encoders.bsdiff(base, target, [Segment(*pair) for pair in ends])


_ENCODERS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "zstd-patch": encoders.zstd_patch,
    "bsdiff": _bsdiff,
}


def _delivery(release: Release, means: str, packed: bytes) -> Delivery:
    digest = hashlib.sha256(packed).hexdigest()
    return Delivery(packed, {"means": means, "sha256": digest, **release.named()})


def parts(place: Place) -> list[Path]:
    """Return what lies in the spool."""
    return sorted((place.records / "incoming").glob("*"))
