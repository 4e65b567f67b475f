"""RESERVE, UNRESERVE, REBOOT: a host passes its gates, reboots once on trial, and is back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from orchestrator.errors import FleetError, InputError, ProtocolError, Unreachable
from orchestrator.host import requests, requests_trial
from orchestrator.host.procedures.context import (
    GRACE,
    Asking,
    Build,
    Context,
    look,
    moving,
    refused,
)
from orchestrator.host.replies import Status, status, text
from orchestrator.host.work import PackageWork
from orchestrator.model.event import Result
from orchestrator.model.trial import BootHook, RebootWhen
from orchestrator.ports import Gate, Held, Outcome

ALREADY = "rebooted already"
"""What a host says that is on another boot than that on which its trial began."""
PAUSE = 2.0
"""Seconds between two looks at a host that reboots."""


async def reserve(ctx: Context) -> Outcome:
    """Ask every gate that the host's packages name, and whether the host is there to pass them."""
    found = await _known(ctx)
    for gate in found:
        answer = await gate.acquire(ctx.assignment.host.name)
        if isinstance(answer, Held):
            return _held(ctx, answer)
    if found:
        await ctx.ask([requests.ping()])
    return Outcome(Result.DONE)


async def unreserve(ctx: Context) -> Outcome:
    """Give the host's places back before it was activated."""
    kept = await give_back(ctx)
    return Outcome(Result.FAILED if kept else Result.DONE, kept)


async def give_back(ctx: Context) -> str:
    """Give the host's places back; return what keeps them from being free, if anything."""
    try:
        kept = [await gate.release(ctx.assignment.host.name) for gate in await _known(ctx)]
    except FleetError as error:  # the gates' options cannot be known
        return error.message
    return "; ".join(f"{held.gate}: {held.held_by}" for held in kept if held)


async def _known(ctx: Context) -> list[Gate]:
    """Return the gates before a reboot of the host, each once.

    The host itself is asked only where what it says of itself is needed and not known.
    """
    try:
        return gates(ctx)
    except InputError:
        if ctx.memory.facts is not None:
            raise
    await look(ctx)
    return gates(ctx)


def _held(ctx: Context, held: Held) -> Outcome:
    reason = f"held by {held.gate}: {held.held_by}"
    if ctx.on_output:
        ctx.on_output(reason)
    facts = {"gate": held.gate, "wait": held.wait, "again": held.again}
    return Outcome(Result.HELD, reason, facts={"held": facts})


def gates(ctx: Context) -> list[Gate]:
    """Return the gates before a reboot of the host by what is known of it; raises InputError."""
    renderer = ctx.renderer
    named = {
        reboot.lock: work
        for work in ctx.packages
        if (reboot := work.package.reboot).lock and reboot.when is not RebootWhen.NEVER
    }
    return [ctx.build_gate(use, renderer.variables(work)) for use, work in named.items() if use]


async def reboot(ctx: Context) -> Outcome:
    """Reboot the host under its trials, and wait until it answers from another boot.

    Another than that which it had when it was asked to: it may have booted since it was checked.
    """
    works = await moving(ctx)
    limit = patience(works)
    for work in works:
        reply = await ctx.change(work, renewal(ctx, work, limit))
        if status(reply) is not Status.OK:
            return refused(work, "rebooting", reply)
    work = works[-1]
    reply = await ctx.change(work, rebooting(ctx, works))
    if status(reply) is not Status.OK:
        return refused(work, "rebooting", reply)
    before = text(reply.fields, "boot_id")
    if reply.reason == ALREADY:
        return Outcome(Result.DONE, ALREADY, facts={"boot_id": before})
    if not before:
        return Outcome(Result.FAILED, "the host tells no boot id, so that no reboot can be proved")
    return await _come_back(ctx, before, limit)


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
        command=next(filter(None, map(ctx.renderer.reboot, works)), ""),
        unguarded=all(w.package.trial.boot_hook is BootHook.OPTIONAL for w in works),
    )


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
        if boot_id not in ("", before):
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
