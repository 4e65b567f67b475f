"""What the folders of built bundles claim to be, and which of them can be trusted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from orchestrator.bundles import layout, reader, rules
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources import claims
from orchestrator.bundles.sources.offer import Offer
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError

_NAME = re.compile(r"(?P<package>.+?)-(?P<version>\d+\.\d+\.\d+.*?)(?:_r(?P<revision>\d{1,9}))?")


def bundles_in(folder: Path) -> list[Path]:
    """Return the folders of built bundles in a folder."""
    return sorted(path.parent for path in folder.glob(f"[!.]*/{layout.MANIFEST}"))


def claimed(folder: Path) -> Offer:
    """Return what the manifest claims; where it is broken, what the folder's name does.

    So a broken bundle is not passed over for an older one: obtaining it says what is wrong.
    """
    raw = reader.manifest_bytes(folder)
    try:
        return claims.of_manifest(raw, str(folder))
    except ValueError as error:
        named = named_as(folder)
        if not named:
            place = str(folder / layout.MANIFEST)
            raise BundleError.at(place, f"not a manifest: {error}", "build it anew") from None
        return named


def trusted_others(bundle: Bundle, trust: Trust, folders: Iterable[Path]) -> tuple[Bundle, ...]:
    """Return the trusted bundles in some folders that are the same package's, but not this one."""
    ours = bundle.manifest
    found = []
    for folder in folders:
        with suppress(BundleError):
            if (named_as(folder) or claimed(folder)).package == ours.package:
                found.append(reader.read(folder, trust, now=0.0))
    others = (other for other in found if other.manifest.package == ours.package)
    return tuple(other for other in others if other.manifest.digest != ours.digest)


def named_as(place: Path) -> Offer | None:
    """Return what the name of a bundle's folder or file says, if ``build`` could have given it."""
    found = _NAME.fullmatch(place.name.removesuffix(layout.SUFFIX))
    if not found or rules.package_flaw(found["package"]) or rules.version_flaw(found["version"]):
        return None
    revision = int(found["revision"] or 1)
    return Offer(found["package"], found["version"], revision, place=str(place))
