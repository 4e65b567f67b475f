"""The bundles of one run behind the Depot port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TypeAlias

from orchestrator.bundles.delta.once import Once
from orchestrator.bundles.delta.patching import Job, Patcher, outline
from orchestrator.bundles.payload import PayloadStore
from orchestrator.bundles.reader import Bundle
from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.model.transfer import PLAIN, Abilities, Means
from orchestrator.ports import Payload

FULL = (Means.ZSTD, Means.XZ, Means.GZIP)
"""Ways to send full content, best first."""

PATCHES = (Means.ZSTD_PATCH, Means.BSDIFF)

SMALL = 64 << 10
"""Bytes of a patch below which no other kind of patch is tried."""

CLEARLY = 0.5
"""A patch this much smaller than quickly compressed content needs no comparison with the best."""

_Pair: TypeAlias = "tuple[str, str, frozenset[str]]"
_Key: TypeAlias = "tuple[str, str, frozenset[str], frozenset[Means]]"


class BundleDepot:
    """Trusted bundles by release; payloads are made off the loop, shared by all hosts.

    ``known`` are other releases: they tell what hosts have already, and patches are made against
    them. Without a ``patcher`` all content goes in full.
    """

    def __init__(
        self,
        bundles: Iterable[Bundle],
        store: PayloadStore,
        known: Iterable[Bundle] = (),
        patcher: Patcher | None = None,
    ) -> None:
        self._bundles = {bundle.manifest.release: bundle for bundle in bundles}
        self._known = {bundle.manifest.release: bundle for bundle in known} | self._bundles
        self._store = store
        self._patcher = patcher
        self._jobs: dict[_Pair, Job | None] = {}
        self._made: Once[_Key, Payload] = Once()

    def manifest(self, release: str) -> Manifest | None:
        """Return the manifest of a release that the run's bundles hold, or that is known."""
        bundle = self._known.get(release)
        return bundle.manifest if bundle else None

    async def payload(
        self,
        manifest: Manifest,
        missing: tuple[FileEntry, ...],
        able: Abilities = PLAIN,
        base: str = "",
    ) -> Payload:
        """Return the smallest payload with these files; raises TrustError or FleetError."""
        bundle = self._bundles[manifest.release]
        job = self._outline(bundle, missing, base)
        patches = frozenset(m for m in PATCHES if job and job.fits(m, able))
        full = next(means for means in FULL if means in able.means)
        key = (manifest.digest, base, frozenset(e.path for e in missing), patches | {full})
        smallest = partial(self._smallest, bundle, missing, full, job, patches)
        return await self._made.get(key, smallest)

    def _outline(self, bundle: Bundle, missing: tuple[FileEntry, ...], base: str) -> Job | None:
        """Return the job of patching, made out once for all hosts."""
        beneath = self._known.get(base)
        if not beneath or not self._patcher:
            return None
        key = (bundle.manifest.digest, base, frozenset(entry.path for entry in missing))
        if key not in self._jobs:
            self._jobs[key] = outline(bundle, missing, beneath)
        return self._jobs[key]

    async def _smallest(
        self,
        bundle: Bundle,
        missing: tuple[FileEntry, ...],
        full: Means,
        job: Job | None,
        patches: frozenset[Means],
    ) -> Payload:
        best: Payload | None = None
        plain = 0
        for means in PATCHES:
            if not job or not self._patcher or means not in patches or (best and best.size < SMALL):
                continue
            if made := await self._patcher.patch(job, means):
                patch, plain = made
                best = min(best or patch, patch, key=lambda payload: payload.size)
        if best and best.size < CLEARLY * plain:
            return best
        whole = await asyncio.to_thread(self._store.payload, bundle, missing, full)
        return min(whole, best or whole, key=lambda payload: payload.size)
