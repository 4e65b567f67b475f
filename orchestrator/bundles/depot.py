"""The bundles of one run behind the Depot port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from orchestrator.bundles.payload import PayloadStore
from orchestrator.bundles.reader import Bundle
from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.ports import Payload


class BundleDepot:
    """Trusted bundles by release; payloads are made in threads, shared by all hosts."""

    def __init__(self, bundles: Iterable[Bundle], store: PayloadStore) -> None:
        self._bundles = {bundle.manifest.release: bundle for bundle in bundles}
        self._store = store

    def manifest(self, release: str) -> Manifest | None:
        """Return the manifest of a release that the run's bundles hold."""
        bundle = self._bundles.get(release)
        return bundle.manifest if bundle else None

    async def payload(self, manifest: Manifest, missing: tuple[FileEntry, ...]) -> Payload:
        """Return the payload with these files; raises TrustError or FleetError as the store."""
        bundle = self._bundles[manifest.release]
        return await asyncio.to_thread(self._store.payload, bundle, missing)
