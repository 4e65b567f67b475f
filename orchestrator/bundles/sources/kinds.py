"""Which kind of source an origin names."""

from __future__ import annotations

from pathlib import Path

from orchestrator.bundles.layout import SUFFIX
from orchestrator.bundles.sources.cache import CACHE, Cache
from orchestrator.bundles.sources.file import FileSource
from orchestrator.bundles.sources.folder import FolderSource
from orchestrator.bundles.sources.offer import Source
from orchestrator.bundles.sources.store import FolderShelf, StoreSource, is_store
from orchestrator.errors import BundleError
from orchestrator.model.plan import Origin


def source_of(origin: Origin, home: Path) -> Source:
    """Return the source that an origin names; ``home`` is where downloads and clones are kept.

    Raises BundleError for what is no source.
    """
    cache = Cache(home / CACHE)
    if origin.git or "://" in origin.location:
        raise BundleError.at(str(origin), "not a folder of built bundles", "name a folder")
    path = Path(origin.location)
    if path.suffix == SUFFIX and not path.is_dir():
        return FileSource(path, cache)
    if is_store(path):
        return StoreSource(FolderShelf(path), cache)
    return FolderSource(path, cache)
