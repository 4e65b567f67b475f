"""The manifests of releases that runs began with: with them a run goes back without its sources.

A store may be down, a bundle expired, revoked or pruned, when its release must leave the hosts.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles import layout, manifest, reader
from orchestrator.bundles.fresh import fresh
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError

is_digest = re.compile(r"[0-9a-f]{12,64}").fullmatch

LIMIT = 200
"""Releases that are kept, the newest; a manifest takes about 200 bytes a file."""


@dataclass(frozen=True, slots=True)
class Known:
    """Bytes that were proved when a run began, known again by the digest in its journal."""

    raw: bytes

    def demand(self, package: str, name: str) -> None:
        """Ask for no signature: what goes back asks for no one's leave."""


@dataclass(frozen=True, slots=True)
class Released:
    """Folders named by digest, each with the small parts of a bundle and none of its content."""

    root: Path

    def keep(self, bundle: Bundle) -> None:
        """Remember a proved bundle; raises FleetError when it cannot be written."""
        place = self.root / bundle.manifest.digest
        if place.exists():
            return
        try:
            with fresh(place) as work:
                work.mkdir()
                bundle.parts.write(work)
                work.rename(place)
            self._trim()
        except OSError as error:
            if place.exists():  # another process was quicker
                return
            hint = "make room there, or set FLEET_HOME to a folder that can be written"
            raise FleetError(f"{error.filename or place}: {error.strerror}", hint=hint) from None

    def find(self, digest: str) -> Bundle | None:
        """Return the bundle with this manifest, fit for going back; its content is not there."""
        try:
            found = reader.parts(self.root / digest)
        except BundleError:
            return None
        if hashlib.sha256(found.manifest).hexdigest() != digest:
            return None
        known = manifest.decode(Known(found.manifest), str(found.place / layout.MANIFEST))
        return Bundle(known, found.place, found.manifest, found.signature, found.listing, ())

    def named(self, digest: str) -> Bundle | None:
        """Return the bundle whose manifest's digest begins so, as ``find`` does."""
        places = sorted(self.root.glob(f"{digest}*")) if is_digest(digest) else []
        return self.find(places[0].name) if len(places) == 1 else None

    def trusted(self, digest: str, trust: Trust) -> Bundle | None:
        """Return the same with its signatures proved; its content is not there.

        Raises TrustError when they do not hold, or the bundle has expired.
        """
        found = self.named(digest)
        return reader.read(found.folder, trust) if found else None

    def _trim(self) -> None:
        places = [path.parent for path in self.root.glob(f"*/{layout.MANIFEST}")]
        places.sort(key=lambda place: place.stat().st_mtime)
        for place in places[:-LIMIT]:
            shutil.rmtree(place, ignore_errors=True)
