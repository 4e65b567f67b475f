"""What local changes on a host mean under a plan's policy. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from orchestrator.host.replies import Drift, Probe
from orchestrator.model.bundle import Manifest
from orchestrator.model.keeping import DriftPolicy, OnDrift

KEEP, OVERWRITE = DriftPolicy.KEEP, DriftPolicy.OVERWRITE


@dataclass(frozen=True, slots=True)
class Changes:
    """What a host is told to do with local changes: paths to keep, and paths to overwrite."""

    keep: tuple[str, ...] = ()
    overwrite: tuple[str, ...] = ()
    keep_all: bool = False
    overwrite_all: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which paths stand in the way, are kept as the host has them, and are put back.

    What is not ``listed`` can only be overwritten as a whole, and stands in the way otherwise.
    """

    failing: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    listed: bool = True
    overwrite_all: bool = False

    @property
    def objects(self) -> bool:
        """Return whether the policy does not allow for what was found."""
        return bool(self.failing) or not (self.listed or self.overwrite_all)

    @property
    def mends(self) -> bool:
        """Return whether something is to be put back."""
        return not self.objects and (bool(self.mended) or not self.listed)

    @property
    def changes(self) -> Changes:
        """Return what the host is told when another release is laid down."""
        return Changes(self.kept, self.mended, overwrite_all=self.overwrite_all)


def weigh(policy: OnDrift, probe: Probe) -> Verdict:
    """Judge what has changed in the active release.

    What is gone is put back unless the policy is to fail: there are no bytes to keep.
    """
    drift = probe.drift or Drift()
    gone = dict.fromkeys(drift.missing)
    changed = dict.fromkeys((*drift.modified, *drift.wrong_mode, *probe.kept))
    present = [path for path in changed if path not in gone]
    return Verdict(
        failing=tuple(p for p in (*gone, *present) if policy.of(p) is DriftPolicy.FAIL),
        kept=tuple(p for p in present if policy.of(p) is KEEP),
        mended=tuple(
            [p for p in gone if policy.of(p) is not DriftPolicy.FAIL]
            + [p for p in present if policy.of(p) is OVERWRITE]
        ),
        listed=drift.listed,
        overwrite_all=policy.everywhere(OVERWRITE),
    )


def judged(policy: OnDrift, probe: Probe, release: str) -> Probe:
    """Return a probe for ``release`` as the policy sees it.

    Local changes that may stay count as proved; those that were taken over under another policy,
    and may stay no longer, do not.
    """
    if probe.active != release or (not probe.proved and probe.drift is None):
        return probe
    found = weigh(policy, probe)
    if found.objects or found.mends:
        again = [p for p in (*found.failing, *found.mended) if p in probe.kept]
        proof = probe.proof or f"{', '.join(again[:3])}: the host's own, and to be kept no longer"
        return replace(probe, proved=False, proof=proof)
    return replace(probe, proved=True, proof="", kept=found.kept)


def standing(policy: OnDrift, manifest: Manifest) -> Changes:
    """Return what may differ at any time while a release is active: what its host keeps."""
    if not policy.anywhere(KEEP):
        return Changes()
    if policy.everywhere(KEEP):
        return Changes(keep_all=True)
    paths = [file.path for file in manifest.files] + [d.path for d in manifest.folders]
    above = sorted({up for path in paths for up in _above(path)} - set(paths))
    return Changes(keep=tuple(path for path in (*paths, *above) if policy.of(path) is KEEP))


def damaged(manifest: Manifest, paths: Iterable[str] | None) -> frozenset[str]:
    """Return which files of a manifest lie at or below ``paths``; all of them for ``None``."""
    files = frozenset(entry.path for entry in manifest.files)
    if paths is None:
        return files
    bad = frozenset(paths)
    return frozenset(file for file in files if file in bad or bad & _above(file))


def _above(path: str) -> frozenset[str]:
    parts = path.split("/")
    return frozenset("/".join(parts[:n]) for n in range(1, len(parts)))
