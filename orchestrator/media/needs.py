"""What a release needs of its host, as one more pre-check: a host alone must judge it by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from shlex import quote

from orchestrator.host import source
from orchestrator.host.looking import tags
from orchestrator.host.work import Assignment, PackageWork
from orchestrator.model.bundle import Manifest, Platform
from orchestrator.model.plan import Use
from orchestrator.model.ranges import Range
from orchestrator.planning.needs import Arrival, Standing, Unmet, unmet
from orchestrator.ports import BuildCheck

_ACTIVE = """\
say() { echo "$1"; exit 1; }
active=$(readlink "$FLEET_CURRENT" 2>/dev/null)
active=${active#releases/}
[ "$active" != "$FLEET_TO" ] || { echo 'it is there already'; exit 0; }
active=${active%-*}
"""


@dataclass(frozen=True, slots=True)
class Needs:
    """What one release needs of the host that it goes to; a check, as HostCheck has it."""

    work: PackageWork
    platform: str = ""
    timeout: float = 10.0

    def script(self) -> str:
        """Return the sh text: platform, memory, floors, and that nothing newer is active."""
        manifest = self.work.manifest
        lines = [_ACTIVE]
        if memory := manifest.requires.memory:
            lines.append(_memory(-(-memory // 1024)))
        conditions = [*map(_floor, manifest.floors), *self._downgrade()]
        if conditions:
            lines += [source.part("versions.sh"), *conditions]
        if self.platform:
            lines.append(self.platform)
        return "".join(lines)

    def _downgrade(self) -> list[str]:
        if self.work.package.allow_downgrade:
            return []
        version = quote(self.work.manifest.version)
        return [
            f'! lower {version} "$active" || say "$active is active, and "{version}" is lower"\n'
        ]


def needs_of(work: PackageWork, build_check: BuildCheck) -> Needs:
    """Return the pre-check of what a release needs."""
    platform = work.manifest.platform
    asked = {"os": platform.os, "arch": platform.arch}
    options = tuple(sorted((name, words) for name, words in asked.items() if words))
    text = build_check(Use("platform", options), {}).script() if options else ""
    return Needs(work, text)


def absent(assignment: Assignment) -> Sequence[Unmet]:
    """Return what can be told without the host: tags, and packages that releases require.

    A package that the plan does not give the host counts as absent.
    """
    arrivals = [Arrival(_known(work.manifest)) for work in assignment.packages]
    return unmet(Standing(tags=tags(assignment.host)), arrivals)


def _known(manifest: Manifest) -> Manifest:
    """Return the manifest without what only the host can tell."""
    requires = replace(manifest.requires, memory=0)
    return replace(manifest, platform=Platform(), requires=requires, floors=())


def _memory(kib: int) -> str:
    return (
        "total=$(sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo)\n"
        f'[ "${{total:-0}}" -ge {kib} ] || '
        f'say "requires {kib} KiB of memory, the host has $total"\n'
    )


def _floor(text: str) -> str:
    least = quote(Range(text).least)
    return (
        f'[ -z "$active" ] || ! lower "$active" {least} || '
        f'say "$active is active, and "{quote(text)}" must be reached first"\n'
    )
