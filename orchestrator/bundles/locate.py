"""Finding the bundle that a plan names: a built bundle's folder, or a folder of them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

from orchestrator.bundles import layout, reader, rules, source
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError
from orchestrator.model.bundle import Manifest
from orchestrator.registry import near_miss

_NAME = re.compile(r"(.+?)-\d+\.\d+\.\d+.*", re.DOTALL)


def fetch(location: Path, package: str, version: str | None, trust: Trust) -> Bundle:
    """Return the trusted bundle of ``package`` at ``location``; raises as find and read do.

    What the signed manifest says is compared with what was asked for, since folder names prove
    nothing.
    """
    folder = find(location, package, version)
    bundle = reader.read(folder, trust)
    _expect(folder, package, version, bundle.manifest.package, bundle.manifest.version)
    return bundle


def find(location: Path, package: str, version: str | None) -> Path:
    """Return the folder of the built bundle of ``package`` (any version: there must be just one).

    Raises BundleError, naming the versions that are there, when none or several fit. Nothing that
    is found here is trusted yet.
    """
    if (location / layout.MANIFEST).exists():
        claimed = _claimed(location)
        _expect(location, package, version, *claimed)
        return location
    if (location / source.FILE).exists():
        mend = f"build it: fleet bundle build {location}, and name what was built"
        raise BundleError.at(str(location), "a source folder, not a built bundle", mend)
    if not location.is_dir():
        raise BundleError.at(str(location), "no such folder", "build the bundle, or mend the path")
    return location / f"{package}-{_choose(location, package, version)}"


def versions(location: Path, package: str) -> list[str]:
    """Return the versions of ``package`` in a folder of built bundles, oldest first."""
    names = (path.parent.name for path in location.glob(f"*/{layout.MANIFEST}"))
    found = (name.removeprefix(f"{package}-") for name in names if name.startswith(f"{package}-"))
    return sorted((v for v in found if not rules.version_flaw(v)), key=rules.precedence)


def siblings(bundle: Bundle, trust: Trust) -> tuple[Manifest, ...]:
    """Return the trusted manifests of the package's other bundles that lie beside this one.

    They tell what hosts with an earlier release have already; so expired ones count too, and
    those that cannot be trusted are left out.
    """
    location, package = bundle.folder.parent, bundle.manifest.package
    folders = (location / f"{package}-{version}" for version in versions(location, package))
    found = []
    for folder in folders:
        if folder != bundle.folder:
            with suppress(BundleError):
                found.append(reader.read(folder, trust, now=0.0).manifest)
    return tuple(m for m in found if m.package == package and m.digest != bundle.manifest.digest)


def _choose(location: Path, package: str, version: str | None) -> str:
    there = versions(location, package)
    if not there:
        raise BundleError.at(
            str(location), f"no bundle of '{package}' in it", _packages(location, package)
        )
    if version is None and len(there) == 1:
        return there[0]
    if version in there:
        return version
    listed = f"there are {_some(there)}"
    if version is None:
        raise BundleError.at(
            str(location), f"several versions of '{package}'", f"name one: {listed}"
        )
    mend = "; ".join(filter(None, (near_miss(version, there), listed)))
    raise BundleError.at(str(location), f"no version '{version}' of '{package}'", mend)


def _packages(location: Path, package: str) -> str:
    names = (path.parent.name for path in location.glob(f"*/{layout.MANIFEST}"))
    there = sorted({found[1] for found in map(_NAME.fullmatch, names) if found})
    close = near_miss(package, there)
    return close or (f"there are {_some(there)}" if there else "build one: fleet bundle build DIR")


def _some(words: list[str]) -> str:
    more = f" and {len(words) - 10} more" if len(words) > 10 else ""
    return ", ".join(words[-10:]) + more


def _claimed(folder: Path) -> tuple[str, str]:
    """Return package and version as an unverified manifest has them; for choosing only."""
    try:
        document = json.loads(reader.manifest_bytes(folder))
        return str(document["package"]), str(document["version"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BundleError.at(str(folder / layout.MANIFEST), "not a manifest") from None


def _expect(folder: Path, package: str, version: str | None, *found: str) -> None:
    asked = (package, version or found[1])
    if asked != found:
        what = f"a bundle of {found[0]!r} {found[1]}, not of '{package}' {asked[1]}"
        raise BundleError.at(str(folder), what, "mend the plan, or name another folder")
