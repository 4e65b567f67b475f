"""A built bundle's folder, or a folder of built bundles and ``.fleet`` files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bundles import layout, reader, source
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources.built import bundles_in, claimed, named_as, trusted_others
from orchestrator.bundles.sources.cache import Cache
from orchestrator.bundles.sources.file import FileSource
from orchestrator.bundles.sources.offer import Offer, expect, ordered
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError
from orchestrator.registry import near_miss


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The bundles in a folder, or the one that the folder itself is; they stay where they lie."""

    folder: Path
    cache: Cache

    @property
    def place(self) -> str:
        """Return the folder."""
        return str(self.folder)

    def packages(self) -> tuple[str, ...]:
        """Return the packages that there are bundles of; raises BundleError for no folder."""
        return tuple(sorted({offer.package for offer in self._everything()}))

    def offers(self, package: str) -> tuple[Offer, ...]:
        """Return the bundles of a package that lie here."""
        found = ordered(it for it in self._everything(package) if it.package == package)
        if not found:
            raise BundleError.at(self.place, *self._missing(package))
        return found

    def obtain(self, offer: Offer, trust: Trust) -> Bundle:
        """Return the bundle where it lies; a ``.fleet`` file is unpacked into the cache."""
        place = Path(offer.place)
        if place.suffix == layout.SUFFIX and place.is_file():
            return FileSource(place, self.cache).obtain(offer, trust)
        bundle = expect(reader.read(place, trust), offer)
        reader.verify_content(bundle)
        return bundle

    def beside(self, bundle: Bundle, trust: Trust) -> tuple[Bundle, ...]:
        """Return the package's other bundles in the same folder."""
        return trusted_others(bundle, trust, bundles_in(bundle.folder.parent))

    def _everything(self, package: str = "") -> Iterator[Offer]:
        """Yield what lies here, but not what is named as a bundle of another package."""
        if (self.folder / layout.MANIFEST).exists():
            yield claimed(self.folder)
            return
        if (self.folder / source.FILE).exists():
            mend = f"build it: fleet bundle build {self.folder}, and name what was built"
            raise BundleError.at(self.place, "a source folder, not a built bundle", mend)
        if not self.folder.is_dir():
            raise BundleError.at(self.place, "no such folder", "build the bundle, or mend the path")
        files = sorted(self.folder.glob(f"[!.]*{layout.SUFFIX}"))
        for place in (*bundles_in(self.folder), *files):
            named = named_as(place)
            if not package or not named or named.package == package:
                with suppress(BundleError):
                    yield self._claimed(place)

    def _claimed(self, place: Path) -> Offer:
        return FileSource(place, self.cache).offer() if place.is_file() else claimed(place)

    def _missing(self, package: str) -> tuple[str, str]:
        names = self.packages()
        if (self.folder / layout.MANIFEST).exists():
            return f"a bundle of '{names[0]}', not of '{package}'", "mend the plan's path"
        mend = near_miss(package, names) or (names and f"there are {', '.join(names[:10])}")
        return f"no bundle of '{package}' in it", mend or "build one: fleet bundle build DIR"
