"""Where packages go back to: one release for each, by what the hosts have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.errors import HostError, PlanError, Problem, UsageError
from orchestrator.host.looking import Look, version
from orchestrator.host.replies import Probe
from orchestrator.host.versions import version_of
from orchestrator.model.lock import Pin
from orchestrator.model.plan import Package, Plan
from orchestrator.model.version import is_version
from orchestrator.planning.wayback import WayBack, way_back
from orchestrator.report.escaping import printable
from orchestrator.report.folding import compact
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.states import MOVED
from orchestrator.service.narrowing import only
from orchestrator.service.options import RunOptions
from orchestrator.service.preflight import Looks

PREVIOUS = "previous"


def narrowed(plan: Plan, options: RunOptions) -> Plan:
    """Return the plan by which a run goes back; raises UsageError for packages it has not.

    Raises PlanError where data is to come back and it declares none.
    """
    there = only(plan, options.packages) if options.packages else plan
    if options.restore_data and not any(package.data.paths for package in there.packages):
        what, mend = "the plan declares no data to bring back", "name it: data"
        raise PlanError(
            *(Problem(it.position, f"packages.{it.name}", what, mend) for it in there.packages)
        )
    return way_back(there, _way(options))


def way(options: RunOptions) -> WayBack | None:
    """Return how the packages of a run go back; ``None`` where it undoes nothing beside them."""
    return _way(options) if options.back_to else None


def _way(options: RunOptions) -> WayBack:
    return WayBack(options.preserve_data, options.backup_current, options.restore_data)


def aims(plan: Plan, looks: Looks, to: str) -> dict[str, Pin]:
    """Return where each package goes, with what the hosts tell of the digest.

    Raises UsageError, HostError, and PlanError with the hosts. Where hosts have different
    previous releases, nobody can tell which is meant.
    """
    if to != PREVIOUS and not is_version(to):
        raise UsageError(f"--to {to}: no version", hint="name one such as 2.4.1, or previous")
    if to != PREVIOUS and len(plan.packages) > 1:
        hint = f"add --package, one of {', '.join(p.name for p in plan.packages)}"
        raise UsageError(f"--to {to}: of which package?", hint=hint)
    _expect_answers(looks)
    if to != PREVIOUS:
        return {package.name: held(package.name, looks, to) for package in plan.packages}
    found = {package.name: _previous(package, looks) for package in plan.packages}
    problems = [it for it in found.values() if isinstance(it, Problem)]
    if problems:
        raise PlanError(*problems)
    return {name: it for name, it in found.items() if isinstance(it, Pin)}


def held(package: str, looks: Looks, version: str) -> Pin:
    """Return the release of a version that hosts have, the one that they have pinned, if any.

    It has no digest where that leaves several, or none.
    """
    probes = [probe for _, probe in _probes(package, looks)]
    golden = {probe.golden for probe in probes if version_of(probe.golden) == version}
    there = {it for probe in probes for it in probe.releases if version_of(it) == version}
    [digest, *others] = map(_digest, golden or there or {""})
    return Pin(version, "" if others else digest)


def leaving(looks: Looks, aims: Mapping[str, Pin]) -> tuple[str, ...]:
    """Return the releases that hosts have, and do not keep."""
    pairs = ((pin, probe) for name, pin in aims.items() for _, probe in _probes(name, looks))
    return tuple(sorted({p.active for pin, p in pairs if p.active and not _is(pin, p.active)}))


def moves(looks: Looks, aims: Mapping[str, Pin]) -> Iterator[str]:
    """Yield each move of a package on a host that is about to be made, in words."""
    for name, pin in aims.items():
        for _, probe in _probes(name, looks):
            if probe.active and not _is(pin, probe.active):
                yield f"{name}: {version(probe.active)} -> {pin.version}"


def left(rollout: Rollout) -> frozenset[str]:
    """Return the releases that hosts of a run have left for those of the run."""
    moves = (
        facts
        for host in rollout.hosts.values()
        if host.state in MOVED and isinstance(packages := host.facts.get("packages"), Mapping)
        for facts in packages.values()
    )
    return frozenset(str(facts["from"]) for facts in moves if facts["from"] != facts["to"])


def _previous(package: Package, looks: Looks) -> Pin | Problem:
    hosts: dict[str, list[str]] = {}
    for name, probe in _probes(package.name, looks):
        if probe.active:
            hosts.setdefault(probe.previous, []).append(name)
    [(release, _), *others] = hosts.items() or [("", [])]
    if release and not others:
        return Pin(version_of(release), _digest(release))
    told = [f"{version_of(it) or 'none'} of {compact(names)}" for it, names in hosts.items()]
    what = f"the hosts have different previous releases: {printable('; '.join(told))}"
    if not others:
        what = "the hosts have no previous release"
    mend = "name some of the hosts: --hosts, or a version: --to"
    return Problem(package.position, f"packages.{package.name}", what, mend)


def _probes(package: str, looks: Looks) -> Iterator[tuple[str, Probe]]:
    for name, look in looks.items():
        if isinstance(look, Look) and package in look.probes:
            yield name, look.probes[package]


def _expect_answers(looks: Looks) -> None:
    silent = [look for look in looks.values() if isinstance(look, HostError)]
    if silent and len(silent) == len(looks):
        raise silent[0]


def _digest(release: str) -> str:
    return release.rpartition("-")[2]


def _is(pin: Pin, release: str) -> bool:
    """Return whether a release is, as far as its name tells, that of the pin."""
    same = version_of(release) == pin.version
    return same and _digest(release).startswith(pin.digest[:12])
