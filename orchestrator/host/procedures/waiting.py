"""RENEW and KEEP: confirmed releases that wait on trial for their commit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from orchestrator.errors import OperationEnded, ProtocolError, Unreachable
from orchestrator.host import requests_trial
from orchestrator.host.procedures import watching
from orchestrator.host.procedures.context import Context, Procedure, moving, refused
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


def in_its_words(procedure: Procedure) -> Procedure:
    """Let a host that says no, since it has its release no longer, tell the reason that it had."""

    async def told(ctx: Context) -> Outcome:
        outcome = await procedure(ctx)
        return await _with_reason(ctx, outcome) if outcome.result is Result.FAILED else outcome

    return told


async def keep(ctx: Context) -> Outcome:
    """End the trials: what is confirmed stays until someone decides."""
    for work in await moving(ctx):
        reply = await ctx.change(work, confirmation(ctx, work))
        if status(reply) is not Status.OK:
            return refused(work, "keeping", reply)
    return Outcome(Result.DONE)


async def _with_reason(ctx: Context, outcome: Outcome) -> Outcome:
    try:
        found = await watching.departures(ctx)
    except (Unreachable, OperationEnded, ProtocolError):  # what it said first must do
        return outcome
    untold = {name: why for name, why in found.items() if why not in outcome.reason}
    words = [f"{name} went back by itself: {why}" for name, why in untold.items()]
    return replace(outcome, reason="; ".join((outcome.reason, *words)))
