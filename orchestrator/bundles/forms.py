"""The two forms of a built bundle behind one face: a folder, or a ``.fleet`` file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from orchestrator.bundles import archive, layout, reader
from orchestrator.bundles.fresh import fresh, swap
from orchestrator.bundles.members import Members
from orchestrator.bundles.reader import Bundle, Parts
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError


class Form(Protocol):
    """A built bundle in one of its forms."""

    def parts(self) -> Parts:
        """Return its small parts as found; raises BundleError when it is no bundle."""

    def verify(self, bundle: Bundle) -> None:
        """Hash all content of the bundle that its parts make; raises TrustError for damage."""

    def sign(self, bundle: Bundle) -> None:
        """Verify all content, then put the bundle's signature in place of what is there.

        Raises TrustError for damage, FleetError when it cannot be written.
        """


@dataclass(frozen=True, slots=True)
class FolderForm:
    """A folder with manifest, signature, listing and objects."""

    place: Path

    def parts(self) -> Parts:
        """Read them from their files."""
        return reader.parts(self.place)

    def verify(self, bundle: Bundle) -> None:
        """Hash all content, several files at once."""
        reader.verify_content(bundle)

    def sign(self, bundle: Bundle) -> None:
        """Verify all content, then write the signature's file."""
        reader.verify_content(bundle)
        with _written(self.place / layout.SIGNATURE) as work:
            work.write_bytes(bundle.signature_bytes)


@dataclass(frozen=True, slots=True)
class FileForm:
    """A ``.fleet`` file, read from its beginning to its end in one go."""

    place: Path

    def parts(self) -> Parts:
        """Read them from the beginning of the file."""
        with _opened(self.place) as file:
            return archive.parts(self._members(file))

    def verify(self, bundle: Bundle) -> None:
        """Hash all content."""
        with _opened(self.place) as file:
            for _, _, chunks in self._contents(file, bundle):
                for _ in chunks:
                    pass

    def sign(self, bundle: Bundle) -> None:
        """Write the file anew with the signature; content is verified on its way."""
        target = self.place.resolve()
        with _opened(self.place) as file, _written(target) as work, work.open("wb") as to:
            archive.emit(bundle.parts, self._contents(file, bundle), to)

    def _members(self, file: BinaryIO) -> Members:
        return Members(file, str(self.place))

    def _contents(
        self, file: BinaryIO, bundle: Bundle
    ) -> Iterator[tuple[str, int, Iterator[bytes]]]:
        members = self._members(file)
        found = archive.parts(members)
        if (found.manifest, found.listing) != (bundle.manifest_bytes, bundle.listing):
            raise BundleError.at(str(self.place), "changed while it was read", "try again")
        yield from archive.contents(members, bundle)
        members.end()


def form_of(place: Path) -> Form:
    """Return the bundle at a path in the form that it has there."""
    return FileForm(place) if place.is_file() else FolderForm(place)


def verify(place: Path, trust: Trust) -> Bundle:
    """Return the bundle at a path, in either form, after proving all of it; raises as read does."""
    form = form_of(place)
    bundle = reader.current(reader.proved(form.parts(), trust))
    form.verify(bundle)
    return bundle


def pack(folder: Path, target: Path) -> None:
    """Write the built bundle in ``folder`` as the file ``target``.

    What is there is replaced unless it is no bundle, or signed and another one or the folder is
    not. Raises as archive.write does, FleetError when the file cannot be written.
    """
    signed = kept_signature(target, reader.manifest_bytes(folder))
    if signed and not (folder / layout.SIGNATURE).exists():
        mend = "unpack it, or move it away"
        raise BundleError.at(str(target), f"signed already, and {folder} is not", mend)
    with _written(target) as work, work.open("wb") as to:
        archive.write(folder, to)


def unpack(file: Path, into: Path | None, trust: Trust) -> Bundle:
    """Lay a ``.fleet`` file down as folder ``into`` (default: its name without suffix).

    Raises as archive.unpack does.
    """
    if not into and file.suffix != layout.SUFFIX:
        mend = "name the folder to make with -o"
        raise BundleError.at(str(file), f"its name does not end in {layout.SUFFIX}", mend)
    with _opened(file) as stream:
        return archive.unpack(stream, into or file.with_suffix(""), trust, name=str(file))


def kept_signature(target: Path, raw: bytes) -> bytes:
    """Return the signature of the equal bundle at ``target``, or nothing if it may be replaced.

    Raises BundleError when what is there is no bundle, or signed and with another manifest.
    """
    if not target.exists():
        return b""
    try:
        found = form_of(target).parts()
    except BundleError:
        mend = "move it away, or name another place with -o"
        raise BundleError.at(str(target), "there already, and not a bundle", mend) from None
    if found.signature and found.manifest != raw:
        mend = "raise version or revision in bundle.yml, or name another place with -o"
        raise BundleError.at(str(target), "signed already, with other content", mend)
    return found.signature if found.manifest == raw else b""


def _opened(place: Path) -> BinaryIO:
    try:
        return place.open("rb", buffering=0)
    except OSError as error:
        raise BundleError.at(str(place), f"cannot be read: {error.strerror}") from None


@contextmanager
def _written(target: Path) -> Iterator[Path]:
    """Lend a path for a new file that replaces ``target`` when all went well."""
    try:
        with fresh(target) as work:
            yield work
            swap(work, target)
    except OSError as error:
        hint = "make the folder writable, make room there, or name another place"
        raise FleetError(f"{error.filename or target}: {error.strerror}", hint=hint) from None
