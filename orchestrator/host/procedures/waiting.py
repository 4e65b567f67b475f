"""RENEW and KEEP: confirmed releases that wait on trial for their commit."""

from __future__ import annotations

from functools import partial

from orchestrator.host import requests_trial
from orchestrator.host.procedures.context import Context, moving, refused
from orchestrator.host.procedures.switching import confirmation
from orchestrator.host.replies import Status, number, status
from orchestrator.model.event import Result
from orchestrator.ports import Outcome


async def renew(ctx: Context) -> Outcome:
    """Give every package on trial more time; one that went back by itself says so."""
    remaining: dict[str, object] = {}
    for work in await moving(ctx):
        build = partial(requests_trial.renew, nonce=ctx.nonce, seconds=work.package.trial.renewal)
        reply = await ctx.change(work, build)
        if status(reply) is not Status.OK:
            return refused(work, "renewing", reply)
        remaining[work.name] = number(reply.fields, "remaining")
    return Outcome(Result.DONE, facts={"remaining": remaining})


async def keep(ctx: Context) -> Outcome:
    """End the trials: what is confirmed stays until someone decides."""
    for work in await moving(ctx):
        reply = await ctx.change(work, confirmation(ctx, work))
        if status(reply) is not Status.OK:
            return refused(work, "keeping", reply)
    return Outcome(Result.DONE)
