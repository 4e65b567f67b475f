"""A store: ``.fleet`` files with an index for each package, in a folder or on a web server."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources import index
from orchestrator.bundles.sources.cache import Cache
from orchestrator.bundles.sources.file import opened
from orchestrator.bundles.sources.index import Entry
from orchestrator.bundles.sources.offer import Offer
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError
from orchestrator.registry import near_miss


class Shelf(Protocol):
    """Where a store's files lie; ``place`` is its name for messages, without credentials."""

    @property
    def place(self) -> str:
        """Return where it is."""

    def index(self, name: str) -> bytes | None:
        """Return an index by its path in the store, None if there is none; raises FleetError."""

    def open(self, name: str, entry: Entry) -> AbstractContextManager[BinaryIO]:
        """Lend an entry's file by its path in the store, complete; raises FleetError."""


@dataclass(frozen=True, slots=True)
class StoreSource:
    """The bundles of a store; they are unpacked into the cache."""

    shelf: Shelf
    cache: Cache

    @property
    def place(self) -> str:
        """Return where the store is."""
        return self.shelf.place

    def offers(self, package: str) -> tuple[Offer, ...]:
        """Return what the package's index names."""
        return tuple(entry.offer for entry in self._entries(package))

    def packages(self) -> tuple[str, ...]:
        """Return the packages of the store; raises BundleError if it is none."""
        raw = self.shelf.index(index.NAME)
        if raw is None:
            mend = "push a bundle to it: fleet bundle push BUNDLE STORE"
            raise BundleError.at(self.place, f"no store of bundles: it has no {index.NAME}", mend)
        return index.read_packages(raw, self.place)

    def obtain(self, offer: Offer, trust: Trust) -> Bundle:
        """Return the bundle from the cache, or fetch it."""
        entry = self._entry(offer)
        with self.cache.alone(offer.package):
            found = self.cache.find(offer, entry.signature, trust)
            if found:
                return found
            with self.shelf.open(f"{offer.package}/{entry.file}", entry) as stream:
                return self.cache.add(stream, offer, trust)

    def beside(self, bundle: Bundle, trust: Trust) -> tuple[Bundle, ...]:
        """Return the package's other bundles in the cache."""
        return self.cache.others(bundle, trust)

    def _entry(self, offer: Offer) -> Entry:
        for entry in self._entries(offer.package):
            if entry.offer == offer:
                return entry
        raise BundleError.at(offer.place, "no longer in the store", "run the command again")

    def _entries(self, package: str) -> tuple[Entry, ...]:
        raw = self.shelf.index(f"{package}/{index.NAME}")
        found = index.read_entries(raw, f"{self.place}/{package}") if raw is not None else ()
        known = tuple(entry for entry in found if entry.offer.package == package)
        if known:
            return known
        there = self.packages()
        if package in there:
            mend = "push its bundles again"
            raise BundleError.at(f"{self.place}/{package}", "the store has lost its index", mend)
        mend = near_miss(package, there) or f"there are {', '.join(there[:10])}"
        raise BundleError.at(self.place, f"no bundle of '{package}' in it", mend)


@dataclass(frozen=True, slots=True)
class FolderShelf:
    """A store in a folder of this machine, or of a network file system."""

    folder: Path

    @property
    def place(self) -> str:
        """Return the folder."""
        return str(self.folder)

    def index(self, name: str) -> bytes | None:
        """Return an index; raises FleetError when it cannot be read."""
        return read_index(self.folder / name)

    def open(self, name: str, entry: Entry) -> AbstractContextManager[BinaryIO]:  # noqa: ARG002
        """Lend a file where it lies."""
        return opened(self.folder / name)


def is_store(folder: Path) -> bool:
    """Return whether a folder is a store."""
    return (folder / index.NAME).is_file()


def read_index(path: Path) -> bytes | None:
    """Return the bytes of an index, None if it is not there; raises FleetError."""
    try:
        with path.open("rb") as file:
            raw = file.read(index.LONGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FleetError(f"{path}: {error.strerror}", hint="make it readable") from None
    expect_short(raw, str(path))
    return raw


def expect_short(raw: bytes | bytearray, place: str) -> None:
    """Raise BundleError for an index that is too long."""
    if len(raw) > index.LONGEST:
        raise BundleError.at(place, f"longer than {index.LONGEST} bytes", "prune the store")
