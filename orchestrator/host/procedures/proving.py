"""VALIDATE and SAMPLE: the release does what it is for, and still does."""

from __future__ import annotations

from orchestrator.host.procedures import checks, watching
from orchestrator.host.procedures.checking import differences
from orchestrator.host.procedures.context import Context, look, moving
from orchestrator.host.replies import Probe
from orchestrator.model.event import Result
from orchestrator.ports import Outcome


async def validate(ctx: Context) -> Outcome:
    """Run the validations of every package of the host, and hear its triggers."""
    await moving(ctx)
    questions = checks.validations(ctx)
    failed = await checks.settle(ctx, await checks.put(ctx, questions))
    failed = failed or await watching.settle(ctx)
    return failed or Outcome(Result.DONE, facts={"validations": len(questions)})


async def sample(ctx: Context) -> Outcome:
    """Prove again that every release is active, whole and well."""
    await look(ctx)
    unproved = [w for w in ctx.packages if not ctx.memory.probes[w.name].proved]
    if unproved:
        probes = [(work.name, ctx.memory.probes[work.name]) for work in unproved]
        reason = "; ".join(f"{name}: {_unproved(probe, ctx.nonce)}" for name, probe in probes)
        drifted = [w for w in unproved if ctx.memory.probes[w.name].active == w.release]
        return Outcome(
            Result.FAILED, reason, differences(ctx.memory.probes[w.name] for w in drifted)
        )
    return await validate(ctx)


def _unproved(probe: Probe, nonce: str) -> str:
    why = watching.went_back(probe, nonce)
    return f"went back by itself: {why}" if why else probe.proof or f"{probe.active} is active"
