"""A bundle in one ``.fleet`` file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.bundles import archive, layout
from orchestrator.bundles.members import Members
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources import claims
from orchestrator.bundles.sources.cache import Cache
from orchestrator.bundles.sources.offer import Offer
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError


@dataclass(frozen=True, slots=True)
class FileSource:
    """One ``.fleet`` file; its bundle is unpacked into the cache."""

    file: Path
    cache: Cache

    @property
    def place(self) -> str:
        """Return the file."""
        return str(self.file)

    def packages(self) -> tuple[str, ...]:
        """Return the one package."""
        return (self.offer().package,)

    def offers(self, package: str) -> tuple[Offer, ...]:
        """Return the bundle in the file."""
        offer = self.offer()
        if offer.package != package:
            what = f"a bundle of '{offer.package}', not of '{package}'"
            raise BundleError.at(self.place, what, "mend the plan's path")
        return (offer,)

    def offer(self) -> Offer:
        """Return what the file claims to be; raises BundleError for no bundle."""
        with opened(self.file) as stream:
            return self._head(stream)[0]

    def obtain(self, offer: Offer, trust: Trust) -> Bundle:
        """Return the bundle, unpacked unless it was before."""
        with opened(self.file) as stream, self.cache.alone(offer.package):
            _, signature = self._head(stream)
            stream.seek(0)
            found = self.cache.find(offer, signature, trust)
            return found or self.cache.add(stream, offer, trust)

    def beside(self, bundle: Bundle, trust: Trust) -> tuple[Bundle, ...]:
        """Return the package's other bundles in the cache."""
        return self.cache.others(bundle, trust)

    def _head(self, stream: BinaryIO) -> tuple[Offer, str]:
        parts = archive.parts(Members(stream, self.place))
        try:
            offer = claims.of_manifest(parts.manifest, self.place)
        except ValueError as error:
            raise BundleError.at(self.place, f"not a manifest: {error}", "build it anew") from None
        return offer, hashlib.sha256(parts.signature).hexdigest()


def opened(file: Path) -> BinaryIO:
    """Open a file; raises BundleError."""
    try:
        return layout.open_regular(file)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise BundleError.at(str(file), reason, "mend the path, or fetch it again") from None
