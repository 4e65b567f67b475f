"""The bundles of one run behind the Depot port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from orchestrator.bundles.payload import PayloadStore
from orchestrator.bundles.reader import Bundle
from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.ports import Payload


class BundleDepot:
    """Trusted bundles by release; payloads are made in threads, shared by all hosts.

    ``known`` are manifests of other releases: they tell what hosts have already.
    """

    def __init__(
        self, bundles: Iterable[Bundle], store: PayloadStore, known: Iterable[Manifest] = ()
    ) -> None:
        self._bundles = {bundle.manifest.release: bundle for bundle in bundles}
        self._known = {manifest.release: manifest for manifest in known}
        self._store = store

    def manifest(self, release: str) -> Manifest | None:
        """Return the manifest of a release that the run's bundles hold, or that is known."""
        bundle = self._bundles.get(release)
        return bundle.manifest if bundle else self._known.get(release)

    async def payload(self, manifest: Manifest, missing: tuple[FileEntry, ...]) -> Payload:
        """Return the payload with these files; raises TrustError or FleetError as the store."""
        bundle = self._bundles[manifest.release]
        return await asyncio.to_thread(self._store.payload, bundle, missing)
