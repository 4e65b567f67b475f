"""How content is sent to a host that can undo this and has that. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.host import source
from orchestrator.host.delivery import Delivery
from orchestrator.host.replies import Probe, number, words
from orchestrator.model.transfer import Abilities, Means, Part
from orchestrator.ports import Depot, Payload

SPOOLED = 256 << 10
"""Bytes of full content from which on it is spooled, so that a broken transfer can go on."""

SHARE = 2
"""Undoing a patch may take one part in so many of the memory that a host has left."""

_TOOLS: Mapping[str, Means] = {"zstd": Means.ZSTD, "xz": Means.XZ, "python3": Means.BSDIFF}


def abilities(facts: Mapping[str, object]) -> Abilities:
    """Return what a host can undo; raises ProtocolError when its facts are not such."""
    tools = words(facts, "tools")
    means = {Means.GZIP, *(means for tool, means in _TOOLS.items() if tool in tools)}
    if facts.get("zstd_patch") is True:
        means.add(Means.ZSTD_PATCH)
    return Abilities(frozenset(means), number(facts, "memory_available_kib") * 1024 // SHARE)


def in_full(able: Abilities) -> Abilities:
    """Return the same but for patches."""
    return Abilities(frozenset(means for means in able.means if not means.is_patch))


def base(probe: Probe, depot: Depot) -> str:
    """Return the release that a patch is best made against, empty when there is none.

    Where the active release has local changes, none is: what would be read is not what was signed.
    """
    if probe.drift or probe.kept:
        return ""
    for release in (probe.active, probe.previous, *reversed(probe.releases)):
        if release in probe.releases and depot.manifest(release):
            return release
    return ""


def delivery(payload: Payload, part: Part | None) -> Delivery:
    """Return the terms of sending a payload of which the host may have a part."""
    whole = not payload.means.is_patch
    if whole and payload.size < SPOOLED:
        return Delivery(payload.means, payload.size)
    rest = part and part.sha256 == payload.sha256 and 0 <= part.size <= payload.size
    offset = part.size if part and rest else 0
    beside = payload.base.size + payload.unpacked if payload.base else 0
    return Delivery(
        means=payload.means,
        size=payload.size,
        sha256=payload.sha256,
        offset=offset,
        spool_kib=-(-(payload.size - offset + beside) // 1024),
        base=payload.base,
        heads=payload.heads,
        script=source.undo_bsdiff() if payload.means is Means.BSDIFF else "",
    )
