"""RESERVE and REBOOT: a host passes its gates, reboots once on trial, and must come back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from orchestrator.errors import ProtocolError, Unreachable
from orchestrator.host import requests, requests_trial
from orchestrator.host.procedures.context import GRACE, Asking, Build, Context, moving, refused
from orchestrator.host.replies import Status, status, text
from orchestrator.host.work import PackageWork
from orchestrator.model.event import Result
from orchestrator.model.trial import BootHook, RebootWhen
from orchestrator.ports import Gate, Held, Outcome

PAUSE = 2.0
"""Seconds between two looks at a host that reboots."""


async def reserve(ctx: Context) -> Outcome:
    """Pass every gate that the host's packages name."""
    for gate in gates(ctx):
        answer = await gate.acquire(ctx.assignment.host.name, partial(_tell, ctx))
        if isinstance(answer, Held):
            return Outcome(Result.FAILED, f"held by {answer.gate}: {answer.held_by}")
    return Outcome(Result.DONE)


async def give_back(ctx: Context) -> str:
    """Give the host's places back; return what keeps them from being free, if anything."""
    kept = [await gate.release(ctx.assignment.host.name) for gate in gates(ctx)]
    return "; ".join(f"{held.gate}: {held.held_by}" for held in kept if held)


def gates(ctx: Context) -> list[Gate]:
    """Return the gates before a reboot of the host, each once."""
    renderer = ctx.renderer
    named = {
        reboot.lock: work
        for work in ctx.packages
        if (reboot := work.package.reboot).lock and reboot.when is not RebootWhen.NEVER
    }
    return [ctx.build_gate(use, renderer.variables(work)) for use, work in named.items() if use]


async def reboot(ctx: Context) -> Outcome:
    """Reboot the host under its trials, and wait until it answers from another boot."""
    works = await moving(ctx)
    limit = patience(works)
    before = text(ctx.memory.facts or {}, "boot_id")
    for work in works:
        reply = await ctx.change(work, renewal(ctx, work, limit))
        if status(reply) is not Status.OK:
            return refused(work, "rebooting", reply)
    refusal = await _begin(ctx, works)
    return refusal or await _come_back(ctx, before, limit)


def patience(works: Sequence[PackageWork]) -> float:
    """Return the seconds within which a host that carries these must be back."""
    return max(work.package.reboot.deadline for work in works)


def renewal(ctx: Asking, work: PackageWork, limit: float) -> Build:
    """Return what builds the request for more time on trial: what a reboot may take besides."""
    seconds = work.package.trial.deadline + limit
    return partial(requests_trial.renew, nonce=ctx.nonce, seconds=seconds)


def rebooting(ctx: Asking, works: Sequence[PackageWork]) -> Build:
    """Return what builds the request to reboot a host on which these are on trial."""
    return partial(
        requests_trial.reboot,
        nonce=ctx.nonce,
        command=next((w.package.reboot.command for w in works if w.package.reboot.command), ""),
        unguarded=all(w.package.trial.boot_hook is BootHook.OPTIONAL for w in works),
    )


async def _begin(ctx: Context, works: Sequence[PackageWork]) -> Outcome | None:
    work = works[-1]
    reply = await ctx.change(work, rebooting(ctx, works))
    return None if status(reply) is Status.OK else refused(work, "rebooting", reply)


async def _come_back(ctx: Context, before: str, patience: float) -> Outcome:
    """Look until the boot id is another; raises Unreachable when nobody answers in time."""
    await ctx.channel.close()
    began = ctx.clock.now()
    while True:
        await ctx.sleep(PAUSE)
        took = ctx.clock.now() - began
        try:
            boot_id = await _boot_id(ctx)
        except (Unreachable, ProtocolError):
            if took >= patience:
                raise
            continue
        if boot_id != before:
            return Outcome(Result.DONE, facts={"boot_id": boot_id, "reboot_seconds": round(took)})
        if took >= patience:
            why = f"still on boot {before} {patience:g} s after it was asked to reboot"
            return Outcome(Result.FAILED, why)


async def _boot_id(ctx: Context) -> str:
    channel = await ctx.fresh()
    try:
        [facts] = await channel.call([requests.facts()], deadline=GRACE)
    finally:
        await channel.close()
    return text(facts.fields, "boot_id")


def _tell(ctx: Context, held: Held) -> None:
    if ctx.on_output:
        ctx.on_output(f"held by {held.gate}: {held.held_by}")
