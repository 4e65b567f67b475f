"""VALIDATE and SAMPLE: the release does what it is for, and still does."""

from __future__ import annotations

from orchestrator.host.procedures import checks
from orchestrator.host.procedures.checking import differences
from orchestrator.host.procedures.context import Context, look, moving
from orchestrator.model.event import Result
from orchestrator.ports import Outcome


async def validate(ctx: Context) -> Outcome:
    """Run the validations of every package of the host."""
    await moving(ctx)
    questions = checks.validations(ctx)
    failed = await checks.settle(ctx, await checks.put(ctx, questions))
    return failed or Outcome(Result.DONE, facts={"validations": len(questions)})


async def sample(ctx: Context) -> Outcome:
    """Prove again that every release is active, whole and well."""
    await look(ctx)
    unproved = [w for w in ctx.packages if not ctx.memory.probes[w.name].proved]
    if unproved:
        probes = [(work.name, ctx.memory.probes[work.name]) for work in unproved]
        reason = "; ".join(f"{name}: {p.proof or f'{p.active} is active'}" for name, p in probes)
        drifted = [w for w in unproved if ctx.memory.probes[w.name].active == w.release]
        return Outcome(
            Result.FAILED, reason, differences(ctx.memory.probes[w.name] for w in drifted)
        )
    return await validate(ctx)
