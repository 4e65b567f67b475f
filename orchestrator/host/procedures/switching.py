"""ACTIVATE, CONFIRM, COMMIT, REVERT: the flip, its proof, its end, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from orchestrator.errors import Unreachable
from orchestrator.host import requests
from orchestrator.host.drift import standing
from orchestrator.host.procedures.context import Asking, Context, moving, refused
from orchestrator.host.replies import Status, status, text
from orchestrator.host.requests import Claim, Place
from orchestrator.host.work import PackageWork
from orchestrator.model.event import Result
from orchestrator.ports import Outcome

Build = Callable[[Place, Claim], str]


async def activate(ctx: Context) -> Outcome:
    """Flip each package to its staged release, on trial; the first refusal ends it."""
    for work in await moving(ctx):
        reply = await ctx.change(work, activation(ctx, work))
        if status(reply) is Status.STRANDED:
            return refused(work, "activating", reply, result=Result.STRANDED)
        if status(reply) is not Status.OK:
            return refused(work, "activating", reply)
    return Outcome(Result.DONE, facts={"active": {w.name: w.release for w in ctx.packages}})


async def confirm(ctx: Context) -> Outcome:
    """End the trials over a fresh connection, on which each release is proved again."""
    works = await moving(ctx)
    try:
        channel = await ctx.fresh()
    except Unreachable as error:
        return Outcome(Result.UNREACHABLE, f"no fresh connection: {error.message}")
    try:
        return await _confirm_over(ctx.over(channel), works)
    finally:
        await channel.close()


async def commit(ctx: Context) -> Outcome:
    """Make the confirmed releases final and let go of the locks."""
    for work in await moving(ctx):
        reply = await ctx.change(work, commitment(ctx, work))
        if status(reply) is not Status.OK:
            return refused(work, "committing", reply)
        ctx.unlocked(work)
    return Outcome(Result.DONE)


async def revert(ctx: Context) -> Outcome:
    """Go back with every package that moved, last first; a failure does not stop the rest."""
    found: dict[Result, Outcome] = {}
    for work in reversed(await moving(ctx)):
        reply = await ctx.change(work, _way_back(ctx))
        word = status(reply)
        if word is Status.OK:
            ctx.unlocked(work)
            continue
        result = Result.STRANDED if word is Status.STRANDED else Result.FAILED
        found.setdefault(result, refused(work, "reverting", reply, result=result))
    return found.get(Result.STRANDED) or found.get(Result.FAILED) or Outcome(Result.DONE)


async def _confirm_over(ctx: Context, works: list[PackageWork]) -> Outcome:
    before = text(ctx.memory.facts or {}, "boot_id")
    boot_id = before
    for work in works:
        reply = await ctx.change(work, confirmation(ctx, work))
        if status(reply) is not Status.OK:
            return refused(work, "confirming", reply)
        boot_id = text(reply.fields, "boot_id") or boot_id
    return Outcome(Result.DONE, facts={"boot_id": boot_id, "rebooted": boot_id != before})


def activation(ctx: Asking, work: PackageWork) -> Build:
    """Return what builds the request to activate a package."""
    return partial(
        requests.activate,
        release=work.release,
        manifest=work.manifest.digest,
        nonce=ctx.nonce,
        deadline=work.package.trial,
        wave=ctx.assignment.wave,
        texts=ctx.renderer.texts(work),
        signers=work.signers,
        identities=work.identities,
        allow_downgrade=work.package.allow_downgrade,
        changes=standing(work.package.on_drift, work.manifest),
        live=ctx.live,
    )


def confirmation(ctx: Asking, work: PackageWork) -> Build:
    """Return what builds the request to confirm it."""
    return partial(
        requests.confirm,
        release=work.release,
        manifest=work.manifest.digest,
        nonce=ctx.nonce,
        changes=standing(work.package.on_drift, work.manifest),
    )


def commitment(ctx: Asking, work: PackageWork) -> Build:
    """Return what builds the request to commit it."""
    return partial(
        requests.commit,
        release=work.release,
        manifest=work.manifest.digest,
        nonce=ctx.nonce,
        keep=work.package.keep,
        backups=work.package.backups,
    )


def _way_back(ctx: Context) -> Build:
    why = ctx.memory.trouble or f"run {ctx.identity.run} takes its release back"
    return partial(requests.revert, nonce=ctx.nonce, why=why, live=ctx.live)
