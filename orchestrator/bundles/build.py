"""From a source folder to a built bundle: scanned, checked, copied by content, then renamed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from orchestrator.bundles import layout, manifest, rules, source
from orchestrator.bundles.fresh import fresh_folder, swap
from orchestrator.bundles.header import Header, header_flaws
from orchestrator.bundles.scan import Found, Seen, identity, scan
from orchestrator.bundles.source import Source
from orchestrator.bundles.tree import Flaw, flaws, shown
from orchestrator.clock import iso
from orchestrator.errors import BundleError, FleetError, Position, Problem
from orchestrator.model.bundle import FileEntry


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made; ``signed`` if an equal bundle stood there with a signature already."""

    folder: Path
    package: str
    version: str
    digest: str
    files: int
    size: int
    signed: bool


def build(
    folder: Path, out: Path | None = None, *, environ: Mapping[str, str] = os.environ
) -> Built:
    """Build the bundle of source ``folder`` into ``out/<package>-<version>`` (default: built/).

    Same input, same bytes. ``created`` is that of bundle.yml, else SOURCE_DATE_EPOCH, else the
    newest modification time of bundle.yml and the content's files. Raises BundleError with
    everything that cannot be part of a bundle, and when a signed bundle of other content is there;
    FleetError when ``out`` cannot be written.
    """
    origin = source.load(folder)
    found = scan(origin.content)
    _refuse(origin, found)
    header = _header(origin, found, environ)
    target = (out or folder / "built") / f"{header.package}-{header.version}"
    try:
        with fresh_folder(target) as work:
            files = tuple(_store(seen, work) for seen in found.files)
            raw, lines = manifest.encode(header, found.tree(files, origin.shared))
            (work / layout.MANIFEST).write_bytes(raw)
            (work / layout.LISTING).write_bytes(lines)
            signed = _publish(work, target, raw)
    except OSError as error:
        hint = "make room there, or build into another folder with -o"
        raise FleetError(f"{error.filename or target}: {error.strerror}", hint=hint) from None
    return Built(
        folder=target,
        package=header.package,
        version=header.version,
        digest=hashlib.sha256(raw).hexdigest(),
        files=len(files),
        size=sum(entry.size for entry in files),
        signed=signed,
    )


def _refuse(origin: Source, found: Found) -> None:
    """Raise BundleError for all that is wrong with the content, at once."""
    tree = found.tree((seen.entry() for seen in found.files), origin.shared)
    everything = [*found.flaws, *flaws(tree), *header_flaws(origin.header, tree)]
    if everything:
        raise BundleError(*(_problem(origin, flaw) for flaw in everything))


def _problem(origin: Source, flaw: Flaw) -> Problem:
    if flaw.path in origin.places:
        return Problem(origin.places[flaw.path], shown(flaw.path), flaw.what, flaw.mend)
    place = shown(f"{origin.content}/{flaw.path}")
    return Problem(Position(place), "", flaw.what, flaw.mend)


def _header(origin: Source, found: Found, environ: Mapping[str, str]) -> Header:
    created = origin.header.created or _created(origin, found, environ)
    return replace(origin.header, created=created, revision=origin.header.revision or 1)


def _created(origin: Source, found: Found, environ: Mapping[str, str]) -> str:
    epoch = environ.get("SOURCE_DATE_EPOCH", "")
    if epoch and not (epoch.isascii() and epoch.isdigit() and len(epoch) <= 10):
        what = f"'{epoch}' is not a number of seconds"
        raise BundleError.at("SOURCE_DATE_EPOCH", what, "unset it, or set it to a Unix time")
    if epoch:
        return iso(int(epoch))
    times = [origin.file.stat().st_mtime, *(seen.status.st_mtime for seen in found.files)]
    return iso(min(max(*times, 0), rules.LAST))


def _store(seen: Seen, work: Path) -> FileEntry:
    """Copy a file to its place by content, hashing on the way."""
    partial = work / layout.OBJECTS / ".partial"
    size, sha256 = _copy(seen, partial)
    place = layout.content(work, sha256)
    if place.exists():
        partial.unlink()
    else:
        place.parent.mkdir(exist_ok=True)
        partial.rename(place)
    return seen.entry(size, sha256)


def _copy(seen: Seen, to: Path) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    with _opened(seen.place) as reader, to.open("wb") as writer:
        before = os.fstat(reader.fileno())
        while chunk := reader.read(layout.CHUNK):
            digest.update(chunk)
            size += writer.write(chunk)
        after = os.fstat(reader.fileno())
    states = {seen.identity, identity(before), identity(after)}
    if len(states) > 1 or size != after.st_size:
        what = "changed while the bundle was being built"
        raise BundleError.at(shown(str(seen.place)), what, "stop what writes to it, build again")
    return size, digest.hexdigest()


def _opened(place: Path) -> BinaryIO:
    try:
        return layout.open_regular(place)
    except OSError as error:
        raise BundleError.at(shown(str(place)), f"cannot be read: {error.strerror}") from None


def _publish(work: Path, target: Path, raw: bytes) -> bool:
    """Put a built bundle in place of an equal or unsigned one; say whether it is signed."""
    signature = target / layout.SIGNATURE
    signed = signature.exists()
    if target.exists() and not (target / layout.MANIFEST).exists():
        mend = "move it away, or build into another folder with -o"
        raise BundleError.at(str(target), "there already, and not a bundle", mend)
    if signed and (target / layout.MANIFEST).read_bytes() != raw:
        mend = "raise the version in bundle.yml, or build into another folder with -o"
        raise BundleError.at(str(target), "signed already, with other content", mend)
    if signed:
        shutil.copyfile(signature, work / layout.SIGNATURE)
    swap(work, target)
    return signed
