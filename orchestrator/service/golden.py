"""Back to the golden release: the plan by which a run restores it. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from orchestrator.errors import PlanError, Problem
from orchestrator.host.looking import Look, version
from orchestrator.model.lock import Pin
from orchestrator.model.plan import Plan
from orchestrator.service.narrowing import only
from orchestrator.service.preflight import Looks
from orchestrator.service.wayback import held


def golden(plan: Plan, packages: Collection[str]) -> dict[str, str]:
    """Return the golden version of each package, or of those named.

    Raises UsageError for a package that the plan has not, PlanError where it names no version.
    """
    named = only(plan, packages) if packages else plan
    found = {package.name: package.factory for package in named.packages if package.factory}
    lacking = [it for it in named.packages if it.name not in found]
    if lacking and (packages or not found):
        what, mend = "the plan names no golden release", "name its version: factory"
        raise PlanError(
            *(Problem(it.position, f"packages.{it.name}", what, mend) for it in lacking)
        )
    return found


def restoring(plan: Plan, versions: Mapping[str, str]) -> Plan:
    """Return the plan that brings packages back to these versions, and moves no other."""
    there = only(plan, versions)
    packages = (
        replace(package, version=versions[package.name], allow_downgrade=True)
        for package in there.packages
    )
    return replace(there, packages=tuple(packages))


def pins(looks: Looks, versions: Mapping[str, str]) -> dict[str, Pin]:
    """Return the golden release of each package, with what the hosts tell of the digest."""
    return {name: held(name, looks, version) for name, version in versions.items()}


def moves(looks: Looks, versions: Mapping[str, str]) -> Iterator[str]:
    """Yield each move that is about to be made, in words."""
    for look in looks.values():
        for name, wanted in versions.items():
            had = version(look.active(name)) if isinstance(look, Look) else ""
            if had and had != wanted:
                yield f"{name}: {had} -> {wanted}"
