"""Raw bytes in, a trusted bundle or an error out.

The order of the checks: signature, then the shape of the manifest, then its paths and links, then
the listing, then (:func:`verify_content`) every byte of content.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.bundles import layout, manifest, rules, sshsig
from orchestrator.bundles.several import several
from orchestrator.bundles.tree import shown
from orchestrator.bundles.trust import Signature, Trust
from orchestrator.clock import WallClock
from orchestrator.errors import BundleError, Position, Problem, TrustError
from orchestrator.model.bundle import FileEntry, Manifest

MAX_MANIFEST = 128 << 20
"""Bytes of a manifest or listing that are read at most; a million files take about 200 each."""

MAX_SIGNATURE = 64 << 10


@dataclass(frozen=True, slots=True)
class Parts:
    """The small parts of a bundle as they were found; ``signature`` is empty when there is none.

    Nothing of them is proved. ``place`` is where they were found, for messages.
    """

    place: Path
    manifest: bytes
    signature: bytes
    listing: bytes

    def named(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and bytes of each part that there is, in their order in an archive."""
        yield layout.MANIFEST, self.manifest
        if self.signature:
            yield layout.SIGNATURE, self.signature
        yield layout.LISTING, self.listing

    def write(self, folder: Path) -> None:
        """Write the parts as files into the folder of a bundle."""
        for name, raw in self.named():
            (folder / name).write_bytes(raw)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose manifest is trusted; its content is checked by :func:`verify_content`."""

    manifest: Manifest
    folder: Path
    manifest_bytes: bytes
    signature_bytes: bytes
    listing: bytes
    signatures: tuple[Signature, ...]

    @property
    def parts(self) -> Parts:
        """Return its small parts."""
        return Parts(self.folder, self.manifest_bytes, self.signature_bytes, self.listing)

    def content(self, sha256: str) -> Path:
        """Return where the bytes with this hash lie."""
        return layout.content(self.folder, sha256)


def read(folder: Path, trust: Trust, *, now: float | None = None) -> Bundle:
    """Return the bundle in ``folder`` if a signer in ``trust`` vouches for it.

    ``now`` (seconds since the epoch; default: the clock) decides whether it has expired. Raises
    TrustError when the signature does not hold or has expired, BundleError when the manifest is
    malformed or hostile.
    """
    return current(proved(parts(folder), trust), now)


def parts(folder: Path) -> Parts:
    """Return the small parts of the built bundle in ``folder``; raises BundleError if none."""
    raw = manifest_bytes(folder)
    signature = folder / layout.SIGNATURE
    return Parts(
        place=folder,
        manifest=raw,
        signature=_read(signature, MAX_SIGNATURE) if signature.exists() else b"",
        listing=_read(folder / layout.LISTING, MAX_MANIFEST),
    )


def proved(found: Parts, trust: Trust) -> Bundle:
    """Return the bundle with these parts if its signature and manifest hold, expired or not."""
    place = found.place
    if not found.signature:
        mend = f"sign it: fleet bundle sign {place} --key KEY"
        raise TrustError.at(str(place / layout.SIGNATURE), "the bundle is not signed", mend)
    signed = trust.verify(found.manifest, found.signature, str(place / layout.SIGNATURE))
    trusted = manifest.decode(signed, str(place / layout.MANIFEST))
    if hashlib.sha256(found.listing).hexdigest() != trusted.listing:
        what = "not the listing that was signed"
        raise TrustError.at(str(place / layout.LISTING), what, "fetch the bundle again")
    return Bundle(
        manifest=trusted,
        folder=place,
        manifest_bytes=found.manifest,
        signature_bytes=found.signature,
        listing=found.listing,
        signatures=signed.signatures,
    )


def current(bundle: Bundle, now: float | None = None) -> Bundle:
    """Return the bundle unless it has expired; ``now`` as in read."""
    expires = bundle.manifest.expires
    if expires and rules.seconds(expires) <= (WallClock().now() if now is None else now):
        raise TrustError.at(str(bundle.folder), f"expired at {expires}", "get a newer bundle")
    return bundle


def manifest_bytes(folder: Path) -> bytes:
    """Return what ``folder/manifest.json`` holds, unverified; raises BundleError if none."""
    path = folder / layout.MANIFEST
    if not path.exists():
        mend = "name a folder or file that `fleet bundle build` made"
        raise BundleError.at(str(folder), "not a built bundle", mend)
    return _read(path, MAX_MANIFEST)


def verify_content(bundle: Bundle) -> None:
    """Hash all content; raises TrustError with every file that is missing or not as signed."""
    once = [*{entry.sha256: entry for entry in bundle.manifest.files}.values()]
    flaws = several(partial(_content_flaw, bundle), once)
    problems = [*_problems(bundle, zip(once, flaws, strict=True))]
    if problems:
        raise TrustError(*problems)


class Damaged(Exception):
    """Content is not as it was signed; the text goes after "the content of 'x'"."""


def content(place: Path, sha256: str, size: int) -> Iterator[bytes]:
    """Yield the content in a file; raises Damaged, at the end at the latest, if it is another."""
    digest = hashlib.sha256()
    try:
        with layout.open_regular(place) as file:
            if os.fstat(file.fileno()).st_size != size:
                raise Damaged("is not as long as was signed")
            for chunk in layout.chunks(file, size):
                digest.update(chunk)
                yield chunk
    except FileNotFoundError:
        raise Damaged("is missing") from None
    except OSError as error:
        raise Damaged(f"cannot be read: {error.strerror}") from None
    if digest.hexdigest() != sha256:
        raise Damaged("is not what was signed")


def claims(found: Parts) -> dict[str, object]:
    """Return what a bundle says of itself, as plain data of which nothing is proved.

    Keys: ``verified`` (always False), ``manifest`` (text, as found), ``signatures`` (each with
    ``namespace``, ``fingerprint``, ``algorithm`` as claimed, or ``malformed``).
    """
    text = found.manifest.decode(errors="backslashreplace")
    signatures = _claims(found.signature) if found.signature else []
    return {"verified": False, "manifest": text, "signatures": signatures}


def _claims(signatures: bytes) -> list[dict[str, str]]:
    try:
        claimed = [sshsig.parse(block) for block in sshsig.split(signatures)]
    except ValueError as error:
        return [{"malformed": str(error)}]
    return [
        {
            "namespace": parts.namespace,
            "fingerprint": parts.fingerprint,
            "algorithm": parts.algorithm,
        }
        for parts in claimed
    ]


def _read(path: Path, limit: int) -> bytes:
    try:
        with layout.open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            raw = file.read(min(size, limit + 1))
    except OSError as error:
        raise BundleError.at(str(path), f"cannot be read: {error.strerror}") from None
    if len(raw) > limit:
        raise BundleError.at(str(path), f"longer than {limit} bytes", "split the bundle")
    return raw


def _content_flaw(bundle: Bundle, entry: FileEntry) -> str:
    try:
        for _ in content(bundle.content(entry.sha256), entry.sha256, entry.size):
            pass
    except Damaged as damaged:
        return str(damaged)
    return ""


def _problems(bundle: Bundle, found: Iterable[tuple[FileEntry, str]]) -> Iterable[Problem]:
    for entry, flaw in found:
        if flaw:
            place = Position(str(bundle.content(entry.sha256)))
            what = f"the content of '{shown(entry.path)}' {flaw}"
            yield Problem(place, "", what, "fetch the bundle again, or build and sign it anew")
