"""Which kind of source an origin names."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from orchestrator.bundles.layout import SUFFIX
from orchestrator.bundles.sources.cache import CACHE, Cache
from orchestrator.bundles.sources.file import FileSource
from orchestrator.bundles.sources.folder import FolderSource
from orchestrator.bundles.sources.git import GitSource
from orchestrator.bundles.sources.offer import Source
from orchestrator.bundles.sources.store import FolderShelf, StoreSource, is_store
from orchestrator.bundles.sources.taps import refuse_secrets, repository
from orchestrator.errors import BundleError
from orchestrator.model.plan import Origin

if TYPE_CHECKING:
    from orchestrator.bundles.sources.http import HttpShelf


GIT = "git"
"""The folder of clones and pins in fleet's home."""


def source_of(origin: Origin, home: Path) -> Source:
    """Return the source that an origin names; ``home`` is where downloads and clones are kept.

    Raises BundleError for what is no source.
    """
    cache = Cache(home / CACHE)
    refuse_secrets(origin)
    if origin.git:
        url = repository(origin.location, home)
        return GitSource.at(url, origin.folder, home / GIT, cache, os.environ)
    scheme, _, rest = origin.location.partition("://")
    if rest and scheme in ("http", "https"):
        if "?" in rest or "#" in rest:
            mend = "end it with the store's folder; credentials belong elsewhere (docs/sources.md)"
            raise BundleError.at(f"{scheme}://…", "a store's URL with '?' or '#' in it", mend)
        return StoreSource(_http(origin.location, cache), cache)
    if rest and scheme != "file":
        mend = "write a path, or a URL that begins with https, http or file"
        raise BundleError.at(origin.location, f"no bundles come by '{scheme}'", mend)
    path = Path(unquote(urlsplit(origin.location).path) if rest else origin.location)
    if path.suffix == SUFFIX and not path.is_dir():
        return FileSource(path, cache)
    if is_store(path):
        return StoreSource(FolderShelf(path), cache)
    return FolderSource(path, cache)


def _http(url: str, cache: Cache) -> HttpShelf:
    # Loaded when it is asked for: httpx takes as long to import as most commands do to run.
    module = importlib.import_module("orchestrator.bundles.sources.http")
    return cast("HttpShelf", module.HttpShelf.at(url, cache.downloads, os.environ))
