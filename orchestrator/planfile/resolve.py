"""Paths of a plan, seen from its folder."""

from __future__ import annotations

import os.path
import re
from dataclasses import replace
from pathlib import Path

from orchestrator.model.plan import Origin, Plan


def resolved(plan: Plan, folder: Path, digest: str = "") -> Plan:
    """Return the plan with its relative paths taken from ``folder``, and with this digest."""
    packages = tuple(
        replace(package, bundle=resolved_origin(package.bundle, folder))
        for package in plan.packages
    )
    return replace(
        plan,
        digest=digest,
        packages=packages,
        inventory=tuple(_path(name, folder) for name in plan.inventory),
        allowed_signers=plan.allowed_signers and _path(plan.allowed_signers, folder),
    )


def resolved_origin(origin: Origin, folder: Path) -> Origin:
    """Return an origin with a path in it taken from ``folder``."""
    # URLs, short names (some/app) and ssh's host:path are no paths; ./app, ~/app and /app are.
    spelled_as_path = re.match(r"[./~]", origin.location)
    if "://" in origin.location or (origin.git and not spelled_as_path):
        return origin
    return replace(origin, location=_absolute(origin.location, folder))


def _path(name: str, folder: Path) -> str:
    # Neither a URL nor a list of hosts (``a,b`` or ``a,``) is a path.
    if "://" in name or ("," in name and "/" not in name):
        return name
    return _absolute(name, folder)


def _absolute(name: str, folder: Path) -> str:
    return os.path.normpath(folder / Path(name).expanduser())
