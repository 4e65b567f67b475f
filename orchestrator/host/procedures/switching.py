"""ACTIVATE, CONFIRM, COMMIT, REVERT: the flip, its proof, its end, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from orchestrator.errors import FleetError, Unreachable
from orchestrator.host import requests, requests_data, requests_trial, services
from orchestrator.host.drift import standing
from orchestrator.host.procedures.context import Asking, Build, Context, moving, refused
from orchestrator.host.procedures.watching import alarms_of
from orchestrator.host.rendering import Renderer
from orchestrator.host.replies import Status, status, tail, text
from orchestrator.host.trial import terms
from orchestrator.host.work import PackageWork
from orchestrator.model.event import Result
from orchestrator.planning.wayback import brings_data
from orchestrator.ports import Outcome, Reply


async def activate(ctx: Context) -> Outcome:
    """Flip each package to its staged release, on trial; the first refusal ends it."""
    works, reboots = await moving(ctx), False
    for index, work in enumerate(works):
        reply = await ctx.change(work, activation(ctx, work, works[index + 1 :]))
        if status(reply) is Status.STRANDED:
            return refused(work, "activating", reply, result=Result.STRANDED)
        if status(reply) is not Status.OK:
            return refused(work, "activating", reply)
        reboots |= reply.fields.get("reboot") is True
    active = {w.name: w.release for w in ctx.packages}
    return Outcome(Result.DONE, facts={"active": active, **({"reboot": True} if reboots else {})})


async def confirm(ctx: Context) -> Outcome:
    """Prove each release over a fresh connection, which ends its trial or holds it on trial."""
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
    replies: list[tuple[PackageWork, Reply]] = []
    for work in await moving(ctx):
        reply = await ctx.change(work, commitment(ctx, work))
        if status(reply) is not Status.OK:
            return refused(work, "committing", reply)
        ctx.unlocked(work)
        replies.append((work, reply))
    return _done(replies)


async def revert(ctx: Context) -> Outcome:
    """Go back with every package that moved, last first; a failure does not stop the rest."""
    found: dict[Result, Outcome] = {}
    works, replies = await moving(ctx), []
    for index, work in reversed(list(enumerate(works))):
        reply = await ctx.change(work, _way_back(ctx, work, works[:index]))
        word = status(reply)
        if word is Status.OK:
            ctx.unlocked(work)
            replies.append((work, reply))
            continue
        result = Result.STRANDED if word is Status.STRANDED else Result.FAILED
        found.setdefault(result, refused(work, "reverting", reply, result=result))
    return found.get(Result.STRANDED) or found.get(Result.FAILED) or _done(replies)


async def _confirm_over(ctx: Context, works: list[PackageWork]) -> Outcome:
    before = text(ctx.memory.facts or {}, "boot_id")
    boot_id = before
    for work in works:
        hold = work.package.trial.renewal if ctx.policy.holds else 0.0
        reply = await ctx.change(work, confirmation(ctx, work, hold))
        if status(reply) is not Status.OK:
            return refused(work, "confirming", reply)
        boot_id = text(reply.fields, "boot_id") or boot_id
    return Outcome(Result.DONE, facts={"boot_id": boot_id, "rebooted": boot_id != before})


def _done(replies: Sequence[tuple[PackageWork, Reply]]) -> Outcome:
    """Return the good end of the packages; what a cleanup could not remove is told of, no more."""
    failed = {work.name: text(reply.fields, "cleanup") for work, reply in replies}
    left = {name: reason for name, reason in failed.items() if reason}
    output = next((tail(reply) for _, reply in replies if text(reply.fields, "cleanup")), "")
    return Outcome(Result.DONE, output=output, facts={"left": left} if left else {})


def activation(ctx: Asking, work: PackageWork, later: Sequence[PackageWork] = ()) -> Build:
    """Return what builds the request to activate a package, before ``later`` ones of the host."""
    alarms = alarms_of(ctx, ctx.renderer, work)
    return partial(
        requests.activate,
        release=work.release,
        manifest=work.manifest.digest,
        nonce=ctx.nonce,
        terms=terms(ctx.assignment, work, alarms.boots),
        wave=ctx.assignment.wave,
        texts=ctx.renderer.texts(work, later),
        alarms=alarms,
        signers=work.signers,
        identities=work.identities,
        allow_downgrade=work.package.allow_downgrade,
        changes=standing(work.package.on_drift, work.manifest),
        regain=_regain(ctx.renderer, work),
        live=ctx.live,
    )


def _regain(renderer: Renderer, work: PackageWork) -> Mapping[str, object] | None:
    if work.back is None or not brings_data(work.package, work.back):
        return None
    return requests_data.regain(renderer.data(work.package))


def confirmation(ctx: Asking, work: PackageWork, hold: float = 0.0) -> Build:
    """Return what builds the request to confirm it, and to hold it on trial for so long."""
    return partial(
        requests_trial.confirm,
        release=work.release,
        manifest=work.manifest.digest,
        nonce=ctx.nonce,
        hold=hold,
        changes=standing(work.package.on_drift, work.manifest),
    )


def commitment(ctx: Asking, work: PackageWork) -> Build:
    """Return what builds the request to commit it."""
    return partial(
        requests_trial.commit,
        release=work.release,
        manifest=work.manifest.digest,
        nonce=ctx.nonce,
        keep=work.package.keep,
        backups=work.package.backups,
        factory=work.package.factory or "",
        live=ctx.live,
    )


def _way_back(ctx: Context, work: PackageWork, after: Sequence[PackageWork]) -> Build:
    why = ctx.memory.trouble or f"run {ctx.identity.run} takes its release back"
    build = partial(requests_trial.revert, nonce=ctx.nonce, why=why, live=ctx.live)
    try:
        restart, heirs = _left(ctx.renderer, work, after)
    except FleetError:  # variables that are gone since keep nobody from going back
        return build
    return partial(build, restart=restart, left_to=[ctx.place(heir) for heir in heirs])


def _left(
    renderer: Renderer, work: PackageWork, after: Sequence[PackageWork]
) -> tuple[str, list[PackageWork]]:
    """Return who goes back later and has services of this package too, and what stays for it."""
    own = renderer.services(work) if after else ()
    heirs = [other for other in after if set(own) & set(renderer.services(other))]
    mine = services.without(own, map(renderer.services, heirs)) if heirs else ()
    return services.text(mine), heirs
