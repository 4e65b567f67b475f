"""The single-file form of a bundle, ``<package>-<version>.fleet``: packed, unpacked, in one pass.

Member after member: the magic, manifest, signature, listing, then each content once, sorted by
hash. Nothing is held in memory but the first four. ``docs/bundle-format.md`` has every byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from orchestrator.bundles import layout, manifest, members, reader
from orchestrator.bundles.fresh import fresh, swap
from orchestrator.bundles.members import Members, Stream
from orchestrator.bundles.reader import Bundle, Damaged, Parts
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError, TrustError

MAGIC = "fleet-bundle"
"""The first member's name, and so the first bytes of the file."""

VERSION = b"1\n"
"""The first member's content: the number of the archive's own format."""


def write(folder: Path, to: BinaryIO) -> None:
    """Write the built bundle in ``folder`` as one file; the same bundle gives the same bytes.

    It may be unsigned. Content is hashed on its way: raises TrustError where it is not what the
    manifest says, BundleError for a manifest that no reader would take; what was written until
    then is of no use.
    """
    parts = reader.parts(folder)
    sizes = manifest.contents(parts.manifest, str(folder / layout.MANIFEST))
    places = {sha256: layout.content(folder, sha256) for sha256 in sizes}
    emit(parts, ((sha, n, _content(places[sha], sha, n)) for sha, n in sizes.items()), to)


def emit(parts: Parts, contents: Iterable[tuple[str, int, Iterable[bytes]]], to: BinaryIO) -> None:
    """Write an archive of small parts and contents: hash, size and bytes, sorted by hash."""
    for name, raw in ((MAGIC, VERSION), *parts.named()):
        to.writelines((members.header(name, len(raw)), raw, members.padding(len(raw))))
    for sha256, size, chunks in contents:
        to.write(members.header(_member(sha256), size))
        to.writelines(chunks)
        to.write(members.padding(size))
    to.write(members.END)


def unpack(stream: Stream, into: Path, trust: Trust, *, name: str) -> Bundle:
    """Lay the bundle in ``stream`` down as the folder ``into``, whole or not at all.

    Signature, manifest and listing are verified before anything is written, and content is
    hashed as it streams. ``name`` is what messages call the stream. What stands at ``into`` is
    replaced if it is the same bundle. Raises TrustError and BundleError as reader.read does, and
    BundleError for every deviation from the one form; FleetError when it cannot be written.
    """
    found = Members(stream, name)
    bundle = reader.current(reader.proved(parts(found), trust))
    _refuse_another(bundle, into)
    try:
        with fresh(into) as work:
            (work / layout.OBJECTS).mkdir(parents=True)
            bundle.parts.write(work)
            for sha256, _, chunks in contents(found, bundle):
                place = layout.content(work, sha256)
                place.parent.mkdir(exist_ok=True)
                with place.open("xb", buffering=0) as file:
                    file.writelines(chunks)
            found.end()
            swap(work, into)
    except OSError as error:
        hint = "make room there, or unpack into another folder"
        raise FleetError(f"{error.filename or into}: {error.strerror}", hint=hint) from None
    return replace(bundle, folder=into)


def parts(found: Members) -> Parts:
    """Read the members that come first; nothing of them is proved."""
    if found.small(MAGIC, members.BLOCK) != VERSION:
        mend = "a newer version of fleet may read it"
        raise BundleError.at(found.name, "not a bundle file of format 1", mend)
    raw = found.small(layout.MANIFEST, reader.MAX_MANIFEST)
    signature = b""
    if found.next_is(layout.SIGNATURE):
        signature = found.small(layout.SIGNATURE, reader.MAX_SIGNATURE)
    listing = found.small(layout.LISTING, reader.MAX_MANIFEST)
    return Parts(Path(found.name), raw, signature, listing)


def contents(found: Members, bundle: Bundle) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """Yield hash, size and chunks of each content that the manifest names, in the one order.

    Chunks must be taken before the next content is asked for; the last one proves them.
    """
    for sha256, size in manifest.sizes(bundle.manifest.files).items():
        yield sha256, size, _hashed(found, sha256, size)


def _hashed(found: Members, sha256: str, size: int) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in found.content(_member(sha256), size):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        what = f"the content of '{_member(sha256)}' is not what was signed"
        raise TrustError.at(found.name, what, "fetch it again, or build and sign it anew")


def _content(place: Path, sha256: str, size: int) -> Iterator[bytes]:
    try:
        yield from reader.content(place, sha256, size)
    except Damaged as damaged:
        mend = "fetch the bundle again, or build and sign it anew"
        raise TrustError.at(str(place), f"the content {damaged}", mend) from None


def _refuse_another(bundle: Bundle, into: Path) -> None:
    """Raise BundleError when something stands there that is not this bundle."""
    if not into.exists():
        return
    with suppress(BundleError):
        if reader.manifest_bytes(into) == bundle.manifest_bytes:
            return
    mend = "move it away, or unpack into another folder"
    raise BundleError.at(str(into), "there already, and not this bundle", mend)


def _member(sha256: str) -> str:
    return f"{layout.OBJECTS}/{sha256[:2]}/{sha256}"
