"""From a source folder to a built bundle: scanned, checked, copied by content, then renamed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.bundles import archive, layout, manifest, rules, source
from orchestrator.bundles.forms import form_of, kept_signature
from orchestrator.bundles.fresh import fresh, swap
from orchestrator.bundles.header import Header, header_flaws
from orchestrator.bundles.intake import again, take
from orchestrator.bundles.reader import Parts
from orchestrator.bundles.scan import Found, Seen, scan
from orchestrator.bundles.source import Source
from orchestrator.bundles.tree import Flaw, Tree, flaws, shown
from orchestrator.clock import iso
from orchestrator.errors import BundleError, FleetError, Position, Problem
from orchestrator.model.bundle import FileEntry


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made; ``signed`` if an equal bundle stood there with a signature already.

    ``folder`` is the built bundle's; for the single-file form it is the file.
    """

    folder: Path
    package: str
    version: str
    revision: int
    digest: str
    files: int
    size: int
    signed: bool


def build(
    folder: Path,
    out: Path | None = None,
    *,
    file: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Built:
    """Build the bundle of source ``folder`` into ``out`` (default: built/), as folder or file.

    Same input, same bytes. ``created`` is that of bundle.yml, else SOURCE_DATE_EPOCH, else the
    newest modification time of bundle.yml and the content's files. Without a revision in
    bundle.yml it is that of an equal bundle in ``out``, or the one after the last signed one.
    Raises BundleError with everything that cannot be part of a bundle, and when a signed bundle
    of other content is there; FleetError when ``out`` cannot be written.
    """
    origin = source.load(folder)
    found = scan(origin.content)
    _refuse(origin, found)
    created = origin.header.created or _created(origin, found, environ)
    header = replace(origin.header, created=created)
    out = out or folder / "built"
    try:
        with fresh(out / layout.title(header.package, header.version, 1)) as work:
            made = _make(header, origin.shared, found, work, out, file=file)
    except OSError as error:
        hint = "make room there, or build into another folder with -o"
        raise FleetError(f"{error.filename or out}: {error.strerror}", hint=hint) from None
    return made


def _make(
    header: Header, shared: tuple[str, ...], found: Found, work: Path, out: Path, *, file: bool
) -> Built:
    """Make the bundle at ``work``, then put it into ``out`` under the name that it turns out."""
    files = take(found.files, None if file else work)
    tree = found.tree(files, shared)
    header = replace(header, revision=header.revision or _revision(header, tree, out))
    raw, lines = manifest.encode(header, tree)
    name = layout.title(header.package, header.version, header.revision)
    target = out / (name + layout.SUFFIX * file)
    parts = Parts(target, raw, kept_signature(target, raw), lines)
    if file:
        _write_file(parts, dict(zip(files, found.files, strict=True)), work)
    else:
        parts.write(work)
    swap(work, target)
    return Built(
        folder=target,
        package=header.package,
        version=header.version,
        revision=header.revision,
        digest=hashlib.sha256(raw).hexdigest(),
        files=len(files),
        size=sum(entry.size for entry in files),
        signed=bool(parts.signature),
    )


def _revision(header: Header, tree: Tree, out: Path) -> int:
    """Return the revision of an equal bundle in ``out``, else the first that is not signed."""
    there: list[tuple[int, Parts]] = []
    for place, number in layout.revisions(out, header.package, header.version).items():
        with suppress(BundleError):
            there.append((number, form_of(place).parts()))
    for number in sorted({number for number, _ in there}):
        raw, _ = manifest.encode(replace(header, revision=number), tree)
        if any(parts.manifest == raw for _, parts in there):
            return number
    signed = [number for number, parts in there if parts.signature]
    newest = max((number for number, _ in there), default=1)
    return newest + 1 if newest in signed else newest


def _write_file(parts: Parts, places: Mapping[FileEntry, Seen], work: Path) -> None:
    once = sorted({entry.sha256: entry for entry in places}.items())
    with work.open("wb") as to:
        contents = ((sha, e.size, again(places[e], e)) for sha, e in once)
        archive.emit(parts, contents, to)


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


def _created(origin: Source, found: Found, environ: Mapping[str, str]) -> str:
    epoch = environ.get("SOURCE_DATE_EPOCH", "")
    if epoch and not (epoch.isascii() and epoch.isdigit() and len(epoch) <= 10):
        what = f"'{epoch}' is not a number of seconds"
        raise BundleError.at("SOURCE_DATE_EPOCH", what, "unset it, or set it to a Unix time")
    if epoch:
        return iso(int(epoch))
    times = [origin.file.stat().st_mtime, *(seen.status.st_mtime for seen in found.files)]
    return iso(min(max(*times, 0), rules.LAST))
