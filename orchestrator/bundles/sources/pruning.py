"""Taking old bundles out of a store or a folder."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from orchestrator.bundles.sources.folder import FolderSource
from orchestrator.bundles.sources.offer import Offer, Source, ordered
from orchestrator.bundles.sources.publish import withdraw
from orchestrator.bundles.sources.store import FolderShelf, StoreSource
from orchestrator.bundles.sources.writing import writing
from orchestrator.errors import UsageError
from orchestrator.model.ranges import LATEST, Range


def surplus(offers: Iterable[Offer], keep: int, needed: Collection[str]) -> tuple[Offer, ...]:
    """Return the offers of one package that may go, oldest first.

    The newest ``keep`` stay, and the newest release, and those whose digest is needed.
    """
    there = ordered(offers)
    releases = [offer for offer in there if Range(LATEST).allows(offer.version)]
    stay = {offer.digest for offer in (*there[-keep:], *releases[-1:])} | set(needed)
    return tuple(offer for offer in there if offer.digest not in stay)


def remove(source: Source, offers: Sequence[Offer]) -> None:
    """Take offers out of a source; raises UsageError for one that can only be read."""
    if isinstance(source, StoreSource) and isinstance(source.shelf, FolderShelf):
        for package in {offer.package for offer in offers}:
            gone = (offer.digest for offer in offers if offer.package == package)
            withdraw(source.shelf.folder, package, gone)
    elif isinstance(source, FolderSource):
        for offer in offers:
            _delete(Path(offer.place))
    else:
        hint = "name a folder: of built bundles, or of a store"
        raise UsageError(f"{source.place}: nothing can be removed here", hint=hint)


def _delete(place: Path) -> None:
    with writing(place):
        if place.is_file():
            place.unlink()
            return
        leaving = place.with_name(f".{place.name}.removed")
        place.rename(leaving)  # at once: half a bundle is none
        shutil.rmtree(leaving)
