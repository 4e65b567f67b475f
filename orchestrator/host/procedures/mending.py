"""Putting back what differs in the release that is wanted, and active already."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from orchestrator.host import requests
from orchestrator.host.drift import standing
from orchestrator.host.procedures.context import Context
from orchestrator.host.replies import Status, status
from orchestrator.host.work import PackageWork
from orchestrator.model.bundle import FileEntry
from orchestrator.ports import Payload, Reply


async def mend(
    ctx: Context, work: PackageWork, files: tuple[FileEntry, ...]
) -> tuple[Reply, Payload]:
    """Send damaged files, and have them put back: then the package is where it should be."""
    payload = await ctx.depot.payload(work.manifest, files)
    reply = await ctx.change(work, mending(work, payload), payload.path)
    if status(reply) is Status.LACKS:
        payload = await ctx.depot.payload(work.manifest, work.manifest.files)
        reply = await ctx.change(work, mending(work, payload), payload.path)
    ctx.unlocked(work)  # the host lets go of the lock whatever came of it
    if status(reply) is Status.OK:
        probe = ctx.memory.probes[work.name]
        ctx.memory.probes[work.name] = replace(probe, proved=True, proof="", drift=None)
    return reply, payload


def mending(work: PackageWork, payload: Payload) -> partial[str]:
    """Return the request that puts files back, but for its place and claim."""
    return partial(
        requests.repair,
        release=work.release,
        manifest=work.manifest.digest,
        size=payload.size,
        signers=work.signers,
        identities=work.identities,
        changes=standing(work.package.on_drift, work.manifest),
    )
