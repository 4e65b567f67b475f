"""STAGE and WITHDRAW: lay releases down beside the active ones, and let go of them again."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from orchestrator.errors import Unreachable
from orchestrator.host import requests, requests_trial, sending
from orchestrator.host.delivery import Delivery
from orchestrator.host.drift import Changes, weigh
from orchestrator.host.procedures import recalling
from orchestrator.host.procedures.context import Asking, Build, Context, moving, refused
from orchestrator.host.procedures.judging import has_drifted, lacking
from orchestrator.host.procedures.mending import mend
from orchestrator.host.replies import Status, number, status, text
from orchestrator.host.work import PackageWork
from orchestrator.model.bundle import Manifest
from orchestrator.model.event import Result
from orchestrator.model.transfer import Part
from orchestrator.ports import Outcome, Payload, Reply

BLOCK = 4096
"""Bytes in which file systems give out space, as a rule."""

SPARE_KIB = 1024
"""Room for what is not content: the manifest, folders, the host's own records."""


async def stage(ctx: Context) -> Outcome:
    """Send what the host lacks of each release, and have every byte proved there.

    A host that cannot take one of them keeps no lock and nothing half of any. When the connection
    is lost, what arrived is asked for before more is sent.
    """
    works = await moving(ctx)
    try:
        return await _stage(ctx, works)
    except Unreachable:
        ctx.memory.facts = None
        raise


async def withdraw(ctx: Context) -> Outcome:
    """Let go of the staged releases and of the locks."""
    return await _let_go(ctx, await moving(ctx))


async def _let_go(ctx: Context, works: Iterable[PackageWork]) -> Outcome:
    outcome = Outcome(Result.DONE)
    for work in works:
        reply = await ctx.change(work, partial(requests_trial.withdraw, release=work.release))
        if status(reply) is Status.OK:
            ctx.unlocked(work)
        else:
            outcome = refused(work, "withdrawing", reply)
    return outcome


async def _stage(ctx: Context, works: list[PackageWork]) -> Outcome:
    staged: dict[str, object] = {}
    sent = 0
    for work in works:
        reply, tally = await _lay_down(ctx, work)
        if status(reply) is not Status.OK:
            await _let_go(ctx, [work for work in works if work.name in ctx.memory.tokens])
            return refused(work, "staging", reply)
        backup, wrong = await recalling.back_up(ctx, work)
        if wrong:
            await _let_go(ctx, [work for work in works if work.name in ctx.memory.tokens])
            return wrong
        staged[work.name] = tally | ({"backup": backup} if backup else {})
        sent += number(tally, "sent")
    return Outcome(Result.DONE, facts={"staged": staged, "sent": sent})


async def _lay_down(ctx: Context, work: PackageWork) -> tuple[Reply, dict[str, object]]:
    """Send what is missing in the cheapest way, and everything in full when that did not do."""
    probe, able = ctx.memory.probes[work.name], sending.abilities(ctx.memory.facts or {})
    if has_drifted(work, probe):
        reply, payload = await mend(ctx, work, lacking(work, probe, ctx.depot))
        return reply, _tally(payload, reply, payload.size)
    part, lost = probe.part, 0
    if work.name not in ctx.memory.whole:
        missing, base = lacking(work, probe, ctx.depot), sending.base(probe, ctx.depot)
        payload = await ctx.depot.payload(work.manifest, missing, able, base)
        reply, sent = await _send(ctx, work, payload, part)
        if status(reply) is not Status.LACKS:
            return reply, _tally(payload, reply, sent)
        ctx.memory.whole.add(work.name)
        part, lost = None, sent
    payload = await ctx.depot.payload(work.manifest, work.manifest.files, sending.in_full(able))
    reply, sent = await _send(ctx, work, payload, part)
    return reply, _tally(payload, reply, lost + sent)


async def _send(
    ctx: Context, work: PackageWork, payload: Payload, part: Part | None
) -> tuple[Reply, int]:
    """Send a payload; returns the answer, and how many bytes went."""
    delivery = sending.delivery(payload, part)
    changes = weigh(work.package.on_drift, ctx.memory.probes[work.name]).changes
    build = laying_down(ctx, work, delivery, changes)
    reply = await ctx.change(work, build, payload.path, delivery.offset)
    return reply, payload.size - delivery.offset


def laying_down(ctx: Asking, work: PackageWork, delivery: Delivery, changes: Changes) -> Build:
    """Return what builds the request to lay a release down from a delivery."""
    return partial(
        requests.stage,
        release=work.release,
        manifest=work.manifest.digest,
        delivery=delivery,
        signers=work.signers,
        identities=work.identities,
        allow_downgrade=work.package.allow_downgrade,
        need_kib=need_kib(work.manifest),
        changes=changes,
        nonce=ctx.nonce,
        wave=ctx.assignment.wave,
        texts=ctx.renderer.texts(work),
        live=ctx.live,
    )


def need_kib(manifest: Manifest) -> int:
    """Return the space that a release takes, in KiB, each file rounded up to whole blocks."""
    blocks = sum(-(-entry.size // BLOCK) for entry in manifest.files)
    return blocks * BLOCK // 1024 + SPARE_KIB


def _tally(payload: Payload, reply: Reply, sent: int) -> dict[str, object]:
    return {
        "sent": sent,
        "means": str(payload.means),
        "files": payload.files,
        "received": number(reply.fields, "received"),
        "reused": number(reply.fields, "reused"),
        "signature": text(reply.fields, "signature"),
    }
