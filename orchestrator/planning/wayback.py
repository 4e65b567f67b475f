"""Whether a package can go back to an earlier release by a run of its own: what keeps it. Pure.

What outlives releases must be readable for the release that comes back: configuration and data by
the numbers of their schemas, and by the migration steps that were done since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from orchestrator.model.bundle import ConfigEntry, Manifest
from orchestrator.model.keeping import DriftPolicy
from orchestrator.model.plan import (
    Amount,
    Cohort,
    CommitScope,
    FailureBudget,
    OnHalt,
    Package,
    Plan,
    RolloutPolicy,
    Step,
)
from orchestrator.model.version import is_version, precedence

ALL = Amount(100, percent=True)
WITH_DATA = ", or with the data of then: --restore-data"


@dataclass(frozen=True, slots=True)
class WayBack:
    """How a package goes back: whether its data is left as it is, and backed up first.

    ``restore_data`` brings the data back as well, from a backup of when the release was active.
    """

    preserve_data: bool = False
    backup: bool = True
    restore_data: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """What a host says of the release that is to come back.

    ``since`` are the steps done since it was active, newest first, ``None`` when nobody knows;
    ``done`` all that are done. ``backup`` names the newest backup of the data that was made while
    the release was active.
    """

    held: bool = False
    proof: str = ""
    since: tuple[str, ...] | None = ()
    done: tuple[str, ...] = ()
    backup: str = ""


def hindrances(
    package: Package, active: Manifest | None, target: Manifest, past: Past, way: WayBack
) -> Iterator[str]:
    """Yield all that keeps a package from going back from ``active`` to ``target``.

    ``active`` is ``None`` when its manifest is not known.
    """
    if past.held and past.proof:
        yield f"the release {target.release} on the host is damaged: {past.proof}"
    if brings_data(package, way) and not past.backup:
        yield (
            f"no backup of its data was made on the host while {target.version} was active; "
            "bring one there: fleet hosts restore --from FOLDER, or go back without --restore-data"
        )
    if not way.preserve_data:
        yield from _steps(package, target, past, way)
    if active is None:
        yield (
            "the manifest of what is active is not known here, so nobody can tell whether "
            f"{target.version} reads its configuration and data; put its bundle into the source"
        )
        return
    if _is_newer(target.version, active.version):
        yield f"{active.version} is active, and {target.version} is no way back; apply the plan"
    migrated = () if way.preserve_data else _migrated(package, past)
    yield from (
        words
        for entry in active.config
        if entry.path not in migrated
        and not (brings_data(package, way) and _is_data(package, entry.path))
        and _stays(package, target, entry.path)
        for words in _schema(package, entry, active, target)
    )


def brings_data(package: Package, way: WayBack) -> bool:
    """Return whether data of the package comes back with the release."""
    return way.restore_data and bool(package.data.paths)


def settled(package: Package, way: WayBack) -> frozenset[str]:
    """Return the steps that need no way down: all that they migrate comes back from the backup."""
    if not brings_data(package, way):
        return frozenset()
    return frozenset(
        step.name
        for step in package.steps
        if step.migrates and all(_is_data(package, path) for path in step.migrates)
    )


def _is_data(package: Package, path: str) -> bool:
    return any(f"{path}/".startswith(f"{data}/") for data in package.data.paths)


def _steps(package: Package, target: Manifest, past: Past, way: WayBack) -> Iterator[str]:
    leave = "or leave the data as it is: --preserve-data"
    if past.since is None:
        yield (
            f"nobody knows which of these steps {target.version} needs, since it never was active "
            f"here: {', '.join(past.done)}; {leave}"
        )
    known = _by_name(package)
    for name in past.since or ():
        if name in settled(package, way):
            continue
        if name not in known or not known[name].down:
            may = name in settled(package, WayBack(restore_data=True))
            also = WITH_DATA if may else ""
            yield f"step {name} was done since, and has no way down; give it one, {leave}{also}"


def _schema(
    package: Package, entry: ConfigEntry, active: Manifest, target: Manifest
) -> Iterator[str]:
    """Say it where the target does not read what the active release has written."""
    reads = dict(target.reads)
    own = {it.path: it.schema for it in target.config}
    highest = reads.get(entry.path, own.get(entry.path))
    if highest is None:
        told = "says of no schema that it reads it"
    elif highest < entry.schema:
        told = f"reads none beyond {highest}"
    else:
        return
    yield (
        f"{entry.path} has schema {entry.schema} of {active.version}, and {target.version} {told}; "
        f"go back to a release that does{WITH_DATA if _is_data(package, entry.path) else ''}"
    )


def _stays(package: Package, target: Manifest, path: str) -> bool:
    """Return whether what lies at a path is there for the target too, instead of its own."""
    if any(f"{path}/".startswith(f"{shared}/") for shared in target.shared):
        return True
    keeps = package.on_drift.of(path) is DriftPolicy.KEEP
    return keeps and any(entry.path == path for entry in target.files)


def _migrated(package: Package, past: Past) -> frozenset[str]:
    """Return the paths whose schema the way down of a step brings back."""
    known = _by_name(package)
    since = (known[name] for name in past.since or () if name in known)
    return frozenset(path for step in since if step.down for path in step.migrates)


def _by_name(package: Package) -> Mapping[str, Step]:
    return {step.name: step for step in package.steps}


def _is_newer(one: str, other: str) -> bool:
    return is_version(one) and is_version(other) and precedence(one) > precedence(other)


def way_back(plan: Plan, way: WayBack = WayBack()) -> Plan:
    """Return the plan as a run goes back by it: in reverse order, without canaries and bakes.

    Hosts stand for themselves: the first that cannot go back does not stop the others, and none
    of them is sent forward again.
    """
    return replace(
        plan,
        packages=tuple(replace(package, allow_downgrade=True) for package in plan.packages),
        edges=tuple(replace(e, before=e.after, after=e.before) for e in plan.edges),
        rollout=_unhindered(plan.rollout, max(p.data.timeout for p in plan.packages), way),
    )


def _unhindered(rollout: RolloutPolicy, copying: float, way: WayBack) -> RolloutPolicy:
    usual = rollout.timeouts
    timeouts = replace(
        usual,
        stage=usual.stage + copying,
        activate=usual.activate + (copying if way.restore_data else 0.0),
    )
    return replace(
        rollout,
        cohorts=(Cohort("everyone"),),
        max_failures=FailureBudget(ALL),
        max_unreachable=replace(rollout.max_unreachable, limit=ALL),
        on_halt=OnHalt.HOLD,
        commit=CommitScope.HOST,
        resample=Amount(0),
        timeouts=timeouts,
    )
