"""The lock file of a plan: ``<plan>.lock.yml`` beside it, read, written, and held against it.

Its text follows from the releases alone, so that equal locks are equal files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

from orchestrator import yamldoc
from orchestrator.errors import FleetError, InputError, PlanError, Problem
from orchestrator.model.lock import Lock, Locked
from orchestrator.model.plan import Origin, Package, Plan
from orchestrator.model.ranges import Range
from orchestrator.planfile.load import text_of
from orchestrator.planfile.names import PACKAGE
from orchestrator.planfile.origin import ORIGIN, Versions
from orchestrator.planfile.resolve import resolved_origin
from orchestrator.registry import near_miss
from orchestrator.schema import Field, Named, Reader, Rendering, Shape, Text, Whole

FORMAT = 1
HEAD = (
    "# Written by `fleet lock`; `fleet apply --locked` puts exactly these releases on the hosts.\n"
)

_LOCKED = Shape(
    Locked,
    "A release.",
    (
        Field("version", Versions(), "Its version."),
        Field("revision", Whole(1), "Which packaging of the version."),
        Field(
            "digest",
            Text("a sha256", r"[0-9a-f]{64}", "write 64 of 0-9 and a-f"),
            "The sha256 of its manifest.",
        ),
        Field("origin", ORIGIN, "Where it came from."),
    ),
)
_FILE = Shape(
    lambda lock, packages: packages,  # noqa: ARG005
    "A lock.",
    (
        Field("lock", Whole(FORMAT, FORMAT), "The format of this file."),
        Field("packages", Named(_LOCKED, PACKAGE), "The releases."),
    ),
)


def lock_path(plan: Path) -> Path:
    """Return where the lock of a plan lies: ``gateway.lock.yml`` beside ``gateway.yml``."""
    return plan.with_name(f"{plan.stem}.lock.yml")


def read_lock(path: Path) -> Lock:
    """Return the lock in a file; raises PlanError with every problem found."""
    try:
        node = yamldoc.parse(text_of(path), str(path))
    except InputError as error:
        raise PlanError(*error.problems) from None
    reader = Reader(Rendering.TEXT)
    packages = reader.decode(_FILE, node, "")
    if reader.problems or packages is None:
        raise PlanError(*reader.problems)
    return Lock(str(path), cast("tuple[Locked, ...]", packages))


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock in place of any that lies there, at once; raises FleetError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(spell_lock(lock, path.absolute().parent), "utf-8")
        partial.replace(path)
    except OSError as error:
        raise FleetError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            partial.unlink()


def spell_lock(lock: Lock, folder: Path) -> str:
    """Return the text of a lock that lies in ``folder``; its paths are relative to there."""
    lines = [HEAD, f"lock: {FORMAT}\n", "packages:\n"]
    for locked in lock.packages:
        lines.append(f"  {locked.name}:\n")
        lines += [f"    {key}: {value}\n" for key, value in _entries(locked, folder)]
    return "".join(lines)


def misfits(plan: Plan, lock: Lock) -> tuple[Problem, ...]:
    """Return how a lock does not fit a plan; paths of both were resolved."""
    return tuple(_misfits(plan, lock))


def _misfits(plan: Plan, lock: Lock) -> Iterator[Problem]:
    anew = f"write it anew: fleet lock {plan.source}"
    folder = Path(lock.source).absolute().parent
    known = {locked.name: locked for locked in lock.packages}
    packages = {package.name: package for package in plan.packages}
    for name, package in packages.items():
        if name not in known:
            what = f"not in the lock {lock.source}"
            yield Problem(package.position, f"packages.{name}", what, anew)
    for name, locked in known.items():
        flaw = _flaw(packages.get(name), locked, folder)
        if flaw:
            mend = "" if name in packages else near_miss(name, packages)
            yield Problem(locked.position, f"packages.{name}", flaw, mend or anew)


def _flaw(package: Package | None, locked: Locked, folder: Path) -> str:
    if package is None:
        return "the plan has no such package"
    if resolved_origin(locked.origin, folder) != package.bundle:
        return f"locked from {locked.origin}, and the plan takes it from {package.bundle}"
    if package.version is not None and not Range(package.version).allows(locked.version):
        return f"locked at {locked.version}, which is not in the plan's '{package.version}'"
    return ""


def _entries(locked: Locked, folder: Path) -> Iterator[tuple[str, object]]:
    yield "version", json.dumps(locked.version)
    yield "revision", locked.revision
    yield "digest", json.dumps(locked.digest)
    yield "origin", _spelled(locked.origin, folder)


def _spelled(origin: Origin, folder: Path) -> str:
    location = _relative(origin.location, folder)
    if not origin.git:
        return json.dumps(location, ensure_ascii=False)
    parts = {"git": location} | ({"folder": origin.folder} if origin.folder else {})
    return json.dumps(parts, ensure_ascii=False)


def _relative(location: str, folder: Path) -> str:
    """Return a path as seen from ``folder``, so that the lock holds on other machines too."""
    if not location.startswith("/"):
        return location
    relative = os.path.relpath(location, folder)
    return relative if relative.startswith(".") else f"./{relative}"
