"""What a probe means before anything was changed: nothing to do, an objection, an intention.

Pure: facts and probes in, words out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.host.drift import damaged, weigh
from orchestrator.host.looking import version
from orchestrator.host.replies import Drift, Probe, words
from orchestrator.host.versions import is_lower, version_of
from orchestrator.host.work import PackageWork
from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.planning.policy import demand
from orchestrator.ports import Depot

MEND = "mend it with fleet hosts repair, or let on_drift say keep or overwrite"


def is_there(probe: Probe) -> bool:
    """Return whether the release is proved and no trial could still take it away."""
    return probe.proved and probe.trial is None


def has_drifted(work: PackageWork, probe: Probe) -> bool:
    """Return whether the wanted release is active but its content is not what was signed."""
    return probe.active == work.release and not probe.proved


def objections(
    work: PackageWork, probe: Probe, facts: Mapping[str, object], run: str
) -> tuple[str, ...]:
    """Return why the package must not be moved on this host, worst first."""
    found = (
        _owned(probe, run),
        _tools(facts),
        _consent(work, probe),
        downgrade(work, probe),
        _drift(work, probe),
    )
    return tuple(f"{work.name}: {words}" for words in found if words)


def downgrade(work: PackageWork, probe: Probe) -> str:
    """Return what is newer on the host than the release, where that may not be."""
    if work.package.allow_downgrade:
        return ""
    was, new = _newest(work, probe)
    return f"{was}, {new}; set allow_downgrade: true if that is meant" if was else ""


def missing_files(manifest: Manifest, probe: Probe, depot: Depot) -> tuple[FileEntry, ...]:
    """Return the files whose content none of the complete releases on the host has."""
    known = [(name, there) for name in probe.releases if (there := depot.manifest(name))]
    drift = probe.drift or Drift()
    changed = frozenset((*drift.modified, *drift.missing, *probe.kept))
    have = {
        entry.sha256
        for name, there in known
        for entry in there.files
        if name != probe.active or (drift.listed and entry.path not in changed)
    }
    return tuple(entry for entry in manifest.files if entry.sha256 not in have)


def intention(work: PackageWork, probe: Probe, depot: Depot) -> dict[str, object]:
    """Return what would be done and why, as small facts; ``bytes`` are those before packing."""
    if is_there(probe):
        kept = f", with local changes kept: {shown(probe.kept)}" if probe.kept else ""
        why = f"there, and proved{kept}"
        return {"from": probe.active, "to": work.release, "bytes": 0, "why": why}
    missing = lacking(work, probe, depot)
    return {
        "from": probe.active,
        "to": work.release,
        "bytes": sum(entry.size for entry in missing),
        "files": len(missing),
        "why": _why(work, probe),
    }


def lacking(work: PackageWork, probe: Probe, depot: Depot) -> tuple[FileEntry, ...]:
    """Return the files that are to be sent: what is damaged, or what no release there has."""
    if not has_drifted(work, probe):
        return missing_files(work.manifest, probe, depot)
    found = weigh(work.package.on_drift, probe)
    modes = probe.drift.only_modes if probe.drift else frozenset()
    content = [path for path in found.mended if path not in modes or path in probe.kept]
    paths = damaged(work.manifest, content if found.listed else None)
    return tuple(entry for entry in work.manifest.files if entry.path in paths)


def _why(work: PackageWork, probe: Probe) -> str:
    if not probe.active:
        return "nothing is installed"
    found = weigh(work.package.on_drift, probe)
    said = [f"{probe.active} is active"]
    if found.kept:
        said.append(f"keeps {shown(found.kept)}")
    if found.mends:
        said.append(f"overwrites {shown(found.mended) if found.mended else 'what differs'}")
    return ", ".join(said)


def _owned(probe: Probe, run: str) -> str:
    lock, trial = probe.lock, probe.trial
    if lock and lock.run != run and (lock.expires_in > 0 or trial):
        until = f", {lock.expires_in} s more" if lock.expires_in > 0 else ""
        return f"locked by {lock.owner} (run {lock.run}{until}); let that run finish, or abort it"
    if trial and trial.run != run:
        return (
            f"run {trial.run} has {trial.release} on trial, {trial.remaining} s more; wait for it"
        )
    return ""


def _tools(facts: Mapping[str, object]) -> str:
    missing = words(facts, "missing")
    return f"the host lacks {', '.join(missing)}; install what provides it" if missing else ""


def _consent(work: PackageWork, probe: Probe) -> str:
    """Object to a change of version that is larger than what was agreed to."""
    if work.agreed is None or probe.active in ("", work.release):
        return ""
    manifest = work.manifest
    needs = demand(work.name, work.package.policy, [version(probe.active)], manifest)
    if work.agreed.covers(needs):
        return ""
    way = f"--approve {work.name}={manifest.version}"
    return f"{needs}, and no one agreed to it; to agree, apply again with {way}"


def _newest(work: PackageWork, probe: Probe) -> tuple[str, str]:
    """Return what is newer here, and how the bundle is older; empty when it is not."""
    version, created = work.manifest.version, work.manifest.created
    installed, seen = version_of(probe.active), probe.seen
    if probe.active == work.release:  # on its way to be mended
        return "", ""
    if is_lower(version, installed):
        return f"{installed} is active", f"{version} is lower"
    if seen and is_lower(version, seen.version):
        return f"{seen.version} was confirmed on this host", f"{version} is lower"
    if seen and created < seen.created:
        return f"a bundle of {seen.created} was confirmed on this host", f"this one is of {created}"
    return "", ""


def _drift(work: PackageWork, probe: Probe) -> str:
    found = weigh(work.package.on_drift, probe)
    if has_drifted(work, probe):
        if found.mends:
            return ""
        why = f"{work.release} is active but differs from what was signed: "
    elif found.objects:
        why = f"{probe.active} is active and was changed: "
    else:
        return ""
    told = probe.proof if has_drifted(work, probe) else probe.drift.reason if probe.drift else ""
    return f"{why}{told or shown(found.failing)}; {MEND}"


def shown(paths: Sequence[str]) -> str:
    """Return the first of some paths, and how many more there are."""
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return f"{', '.join(paths[:3])}{more}" if paths else "unproved"
