"""Which kind of source an origin names."""

from __future__ import annotations

from pathlib import Path

from orchestrator.bundles.sources.folder import FolderSource
from orchestrator.bundles.sources.offer import Source
from orchestrator.errors import BundleError
from orchestrator.model.plan import Origin


def source_of(origin: Origin, home: Path) -> Source:  # noqa: ARG001
    """Return the source that an origin names; ``home`` is where downloads and clones are kept.

    Raises BundleError for what is no source.
    """
    if origin.git or "://" in origin.location:
        raise BundleError.at(str(origin), "not a folder of built bundles", "name a folder")
    return FolderSource(Path(origin.location))
