"""A built bundle's folder, or a folder of built bundles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles import layout, reader, rules, source
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources import claims
from orchestrator.bundles.sources.offer import Offer, expect, ordered
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError
from orchestrator.registry import near_miss

_NAME = re.compile(r"(?P<package>.+?)-(?P<version>\d+\.\d+\.\d+.*?)(?:_r(?P<revision>\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Built bundles in the folders of a folder, or the one that the folder itself is."""

    folder: Path

    @property
    def place(self) -> str:
        """Return the folder."""
        return str(self.folder)

    def offers(self, package: str) -> tuple[Offer, ...]:
        """Return the bundles of a package that lie here."""
        everything = list(self._everything())
        found = ordered(offer for offer in everything if offer.package == package)
        if not found:
            raise BundleError.at(self.place, *self._missing(package, everything))
        return found

    def obtain(self, offer: Offer, trust: Trust) -> Bundle:
        """Return the bundle where it lies."""
        return expect(reader.read(Path(offer.place), trust), offer)

    def beside(self, bundle: Bundle, trust: Trust) -> tuple[Bundle, ...]:
        """Return the package's other bundles that lie here, or beside the one that this is."""
        folder = bundle.folder.parent
        return trusted_others(bundle, trust, bundles_in(folder))

    def _everything(self) -> Iterator[Offer]:
        if (self.folder / layout.MANIFEST).exists():
            yield _claimed(self.folder)
            return
        if (self.folder / source.FILE).exists():
            mend = f"build it: fleet bundle build {self.folder}, and name what was built"
            raise BundleError.at(self.place, "a source folder, not a built bundle", mend)
        if not self.folder.is_dir():
            raise BundleError.at(self.place, "no such folder", "build the bundle, or mend the path")
        for folder in bundles_in(self.folder):
            with suppress(BundleError):
                yield _claimed(folder)

    def _missing(self, package: str, there: Iterable[Offer]) -> tuple[str, str]:
        names = sorted({offer.package for offer in there})
        if (self.folder / layout.MANIFEST).exists():
            return f"a bundle of '{names[0]}', not of '{package}'", "mend the plan's path"
        mend = near_miss(package, names) or (names and f"there are {', '.join(names[:10])}")
        return f"no bundle of '{package}' in it", mend or "build one: fleet bundle build DIR"


def bundles_in(folder: Path) -> list[Path]:
    """Return the folders of built bundles in a folder."""
    return sorted(path.parent for path in folder.glob(f"*/{layout.MANIFEST}"))


def trusted_others(bundle: Bundle, trust: Trust, folders: Iterable[Path]) -> tuple[Bundle, ...]:
    """Return the trusted bundles in some folders that are the same package's, but not this one."""
    ours = bundle.manifest
    found = []
    for folder in folders:
        with suppress(BundleError):
            if _claimed(folder).package == ours.package:
                found.append(reader.read(folder, trust, now=0.0))
    others = (other for other in found if other.manifest.package == ours.package)
    return tuple(other for other in others if other.manifest.digest != ours.digest)


def _claimed(folder: Path) -> Offer:
    """Return what the manifest claims; where it is broken, what the folder's name does.

    So a broken bundle is not passed over for an older one: obtaining it says what is wrong.
    """
    raw = reader.manifest_bytes(folder)
    try:
        return claims.of_manifest(raw, str(folder))
    except ValueError as error:
        named = _NAME.fullmatch(folder.name)
        if (
            not named
            or rules.package_flaw(named["package"])
            or rules.version_flaw(named["version"])
        ):
            place = str(folder / layout.MANIFEST)
            raise BundleError.at(place, f"not a manifest: {error}", "build it anew") from None
    return Offer(named["package"], named["version"], int(named["revision"] or 1), place=str(folder))
