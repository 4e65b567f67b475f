"""Raw bytes in, a trusted bundle or an error out.

The order of the checks: signature, then the shape of the manifest, then its paths and links, then
the listing, then (:func:`verify_content`) every byte of content.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles import layout, manifest, rules, sshsig
from orchestrator.bundles.tree import shown
from orchestrator.bundles.trust import Signature, Trust
from orchestrator.clock import WallClock
from orchestrator.errors import BundleError, Position, Problem, TrustError
from orchestrator.model.bundle import FileEntry, Manifest

MAX_MANIFEST = 128 << 20
"""Bytes of a manifest or listing that are read at most; a million files take about 200 each."""

MAX_SIGNATURE = 64 << 10


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose manifest is trusted; its content is checked by :func:`verify_content`."""

    manifest: Manifest
    folder: Path
    manifest_bytes: bytes
    signature_bytes: bytes
    listing: bytes
    signature: Signature

    def content(self, sha256: str) -> Path:
        """Return where the bytes with this hash lie."""
        return layout.content(self.folder, sha256)


def read(folder: Path, trust: Trust, *, now: float | None = None) -> Bundle:
    """Return the bundle in ``folder`` if a signer in ``trust`` vouches for it.

    ``now`` (seconds since the epoch; default: the clock) decides whether it has expired. Raises
    TrustError when the signature does not hold or has expired, BundleError when the manifest is
    malformed or hostile.
    """
    raw = manifest_bytes(folder)
    path = folder / layout.SIGNATURE
    if not path.exists():
        mend = f"sign it: fleet bundle sign {folder} --key KEY"
        raise TrustError.at(str(path), "the bundle is not signed", mend)
    bundle = open_signed(folder, trust, raw, _read(path, MAX_SIGNATURE))
    expires = bundle.manifest.expires
    if expires and rules.seconds(expires) <= (WallClock().now() if now is None else now):
        raise TrustError.at(str(folder), f"expired at {expires}", "get a newer bundle")
    return bundle


def open_signed(folder: Path, trust: Trust, raw: bytes, signature: bytes) -> Bundle:
    """Return the bundle in ``folder`` whose manifest and signature were read already."""
    signed = trust.verify(raw, signature, str(folder / layout.SIGNATURE))
    trusted = manifest.decode(signed, str(folder / layout.MANIFEST))
    path = folder / layout.LISTING
    listing = _read(path, MAX_MANIFEST)
    if hashlib.sha256(listing).hexdigest() != trusted.listing:
        raise TrustError.at(str(path), "not the listing that was signed", "fetch it again")
    return Bundle(trusted, folder, raw, signature, listing, signed.signature)


def manifest_bytes(folder: Path) -> bytes:
    """Return what ``folder/manifest.json`` holds, unverified; raises BundleError if none."""
    path = folder / layout.MANIFEST
    if not path.exists():
        mend = "name a folder that `fleet bundle build` made"
        raise BundleError.at(str(folder), "not a built bundle", mend)
    return _read(path, MAX_MANIFEST)


def verify_content(bundle: Bundle) -> None:
    """Hash all content; raises TrustError with every file that is missing or not as signed."""
    once = {(entry.sha256, entry.size): entry for entry in bundle.manifest.files}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        flaws = pool.map(lambda entry: _content_flaw(bundle, entry), once.values())
        problems = [*_problems(bundle, zip(once.values(), flaws, strict=True))]
    if problems:
        raise TrustError(*problems)


def inspect_unverified(folder: Path) -> dict[str, object]:
    """Return what a bundle says of itself, as plain data of which nothing is proved.

    Keys: ``verified`` (always False), ``manifest`` (text, as found), ``signature`` (None, or
    ``namespace``, ``fingerprint``, ``algorithm`` as claimed, or ``malformed``).
    """
    path = folder / layout.SIGNATURE
    claims = _claims(_read(path, MAX_SIGNATURE)) if path.exists() else None
    text = manifest_bytes(folder).decode(errors="backslashreplace")
    return {"verified": False, "manifest": text, "signature": claims}


def _claims(signature: bytes) -> dict[str, str]:
    try:
        parts = sshsig.parse(signature)
    except ValueError as error:
        return {"malformed": str(error)}
    return {
        "namespace": parts.namespace,
        "fingerprint": parts.fingerprint,
        "algorithm": parts.algorithm,
    }


def _read(path: Path, limit: int) -> bytes:
    try:
        with layout.open_regular(path) as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise BundleError.at(str(path), f"cannot be read: {error.strerror}") from None
    if len(raw) > limit:
        raise BundleError.at(str(path), f"longer than {limit} bytes", "split the bundle")
    return raw


def _content_flaw(bundle: Bundle, entry: FileEntry) -> str:
    digest = hashlib.sha256()
    try:
        with layout.open_regular(bundle.content(entry.sha256)) as file:
            if os.fstat(file.fileno()).st_size != entry.size:
                return "is not as long as was signed"
            while chunk := file.read(layout.CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if digest.hexdigest() == entry.sha256 else "is not what was signed"


def _problems(bundle: Bundle, found: Iterable[tuple[FileEntry, str]]) -> Iterable[Problem]:
    for entry, flaw in found:
        if flaw:
            place = Position(str(bundle.content(entry.sha256)))
            what = f"the content of '{shown(entry.path)}' {flaw}"
            yield Problem(place, "", what, "fetch the bundle again, or build and sign it anew")
