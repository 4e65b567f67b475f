"""Putting back what differs in the release that is wanted, and active already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from orchestrator.host import requests
from orchestrator.host.drift import standing
from orchestrator.host.procedures.context import Context
from orchestrator.host.replies import Status, status
from orchestrator.host.requests import Claim, Place
from orchestrator.host.work import PackageWork
from orchestrator.model.bundle import FileEntry
from orchestrator.ports import Depot, Payload, Reply

Send = Callable[[Callable[[Place, Claim], str], Path], Awaitable[Reply]]
"""Sends a request, made for a place and a claim, with the payload in a file."""


async def mend(
    ctx: Context, work: PackageWork, files: tuple[FileEntry, ...]
) -> tuple[Reply, Payload]:
    """Have damaged files put back: then the package is where it should be."""
    send = partial(ctx.change, work)
    reply, payload = await put_back(work, files, ctx.depot, send)
    ctx.unlocked(work)  # the host lets go of the lock whatever came of it
    if status(reply) is Status.OK:
        probe = ctx.memory.probes[work.name]
        ctx.memory.probes[work.name] = replace(probe, proved=True, proof="", drift=None)
    return reply, payload


async def put_back(
    work: PackageWork, files: tuple[FileEntry, ...], depot: Depot, send: Send
) -> tuple[Reply, Payload]:
    """Send these files, and all of the release when they were not enough."""
    payload = await depot.payload(work.manifest, files)
    reply = await send(_request(work, payload), payload.path)
    if status(reply) is Status.LACKS:
        payload = await depot.payload(work.manifest, work.manifest.files)
        reply = await send(_request(work, payload), payload.path)
    return reply, payload


def _request(work: PackageWork, payload: Payload) -> partial[str]:
    return partial(
        requests.repair,
        release=work.release,
        manifest=work.manifest.digest,
        size=payload.size,
        signers=work.signers,
        identities=work.identities,
        changes=standing(work.package.on_drift, work.manifest),
    )
