"""STAGE and WITHDRAW: lay releases down beside the active ones, and let go of them again."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from orchestrator.host import requests
from orchestrator.host.procedures.context import Context, moving, refused
from orchestrator.host.procedures.judging import missing_files
from orchestrator.host.replies import Status, number, status, text
from orchestrator.host.work import PackageWork
from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.model.event import Result
from orchestrator.ports import Outcome, Payload, Reply

BLOCK = 4096
"""Bytes in which file systems give out space, as a rule."""

SPARE_KIB = 1024
"""Room for what is not content: the manifest, folders, the host's own records."""


async def stage(ctx: Context) -> Outcome:
    """Send what the host lacks of each release, and have every byte proved there.

    A host that cannot take one of them keeps no lock and nothing half of any.
    """
    staged: dict[str, object] = {}
    sent = 0
    works = await moving(ctx)
    for work in works:
        there = ctx.memory.probes[work.name].releases
        missing = missing_files(work.manifest, there, ctx.depot)
        reply, payload = await _send(ctx, work, missing)
        if status(reply) is Status.LACKS:
            reply, payload = await _send(ctx, work, work.manifest.files)
        if status(reply) is not Status.OK:
            await _let_go(ctx, [work for work in works if work.name in ctx.memory.tokens])
            return refused(work, "staging", reply)
        staged[work.name] = _tally(payload, reply)
        sent += payload.size
    return Outcome(Result.DONE, facts={"staged": staged, "sent": sent})


async def withdraw(ctx: Context) -> Outcome:
    """Let go of the staged releases and of the locks."""
    return await _let_go(ctx, await moving(ctx))


async def _let_go(ctx: Context, works: Iterable[PackageWork]) -> Outcome:
    outcome = Outcome(Result.DONE)
    for work in works:
        reply = await ctx.change(work, partial(requests.withdraw, release=work.release))
        if status(reply) is Status.OK:
            ctx.unlocked(work)
        else:
            outcome = refused(work, "withdrawing", reply)
    return outcome


async def _send(
    ctx: Context, work: PackageWork, files: tuple[FileEntry, ...]
) -> tuple[Reply, Payload]:
    payload = await ctx.depot.payload(work.manifest, files)

    build = partial(
        requests.stage,
        release=work.release,
        manifest=work.manifest.digest,
        size=payload.size,
        signers=work.signers,
        identities=work.identities,
        allow_downgrade=work.package.allow_downgrade,
        need_kib=need_kib(work.manifest),
    )
    return await ctx.change(work, build, payload.path), payload


def need_kib(manifest: Manifest) -> int:
    """Return the space that a release takes, in KiB, each file rounded up to whole blocks."""
    blocks = sum(-(-entry.size // BLOCK) for entry in manifest.files)
    return blocks * BLOCK // 1024 + SPARE_KIB


def _tally(payload: Payload, reply: Reply) -> dict[str, object]:
    return {
        "sent": payload.size,
        "files": payload.files,
        "received": number(reply.fields, "received"),
        "reused": number(reply.fields, "reused"),
        "signature": text(reply.fields, "signature"),
    }
