"""CHECK: facts, state and pre-checks in one round trip tell what is to do and whether it may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from orchestrator.host.delivery import Delivery
from orchestrator.host.drift import standing
from orchestrator.host.looking import Look, needs
from orchestrator.host.procedures import checks, recalling
from orchestrator.host.procedures.checks import Question
from orchestrator.host.procedures.context import Context, look
from orchestrator.host.procedures.judging import intention, is_there, objections, shown
from orchestrator.host.procedures.rebooting import gates, rebooting
from orchestrator.host.procedures.staging import laying_down
from orchestrator.host.procedures.switching import activation
from orchestrator.host.rendering import Renderer, mentions_facts
from orchestrator.host.replies import Probe
from orchestrator.host.requests import Claim
from orchestrator.host.work import PackageWork
from orchestrator.model.event import Result
from orchestrator.model.plan import Use
from orchestrator.model.transfer import Means
from orchestrator.ports import Outcome

SHOWN: tuple[str, ...] = ("os", "os_version", "arch", "boot_id")
"""Facts of the host that go into the outcome."""

NO_BYTES = Delivery(Means.GZIP, 0)


async def check(ctx: Context) -> Outcome:
    """Decide what is to be done on the host. Changes nothing."""
    pairs = [(work, use) for work in ctx.packages for use in work.package.pre_checks]
    early = _questions(ctx, Renderer(ctx.assignment, ctx.identity.run), pairs, late=False)
    past = recalling.questions(ctx)
    lines = [*past, *(q.line for q in early)]
    replies = await look(ctx, lines, extra=checks.seconds(early))
    recalling.remember(ctx, replies[: len(past)])
    replies = replies[len(past) :]
    facts = _found(ctx)
    if not facts["changes"]:
        return Outcome(Result.ALREADY, _there(ctx), facts=facts)
    if stopped := _objection(ctx):
        return replace(stopped, facts=facts)
    _rehearse(ctx)
    answers = checks.answers(early, replies)
    answers += await checks.put(ctx, _questions(ctx, ctx.renderer, pairs, late=True))
    failed = await checks.settle(ctx, answers)
    if failed:
        return replace(failed, result=Result.FAILED, facts=facts)
    return Outcome(Result.DONE, facts=facts)


def _rehearse(ctx: Context) -> None:
    """Build what is sent later: what cannot be must show before anything is touched.

    Raises InputError for templates that fail, HostError for what no shell takes.
    """
    claim = Claim(ctx.identity.run, ctx.identity.owner, 0, ctx.policy.lock_ttl)
    for work in ctx.packages:
        changes = standing(work.package.on_drift, work.manifest)
        for build in (laying_down(ctx, work, NO_BYTES, changes), activation(ctx, work)):
            build(ctx.place(work), claim)
    if ctx.packages:
        rebooting(ctx, ctx.packages)(ctx.place(ctx.packages[-1]), claim)
    checks.validations(ctx)
    gates(ctx)


def differences(probes: Iterable[Probe]) -> str:
    """Return which files differ from what was signed, a line for each."""
    return "\n".join(line for probe in probes if probe.drift for line in probe.drift.lines())


def _questions(
    ctx: Context, renderer: Renderer, pairs: list[tuple[PackageWork, Use]], *, late: bool
) -> list[Question]:
    """Return the pre-checks that need no facts, or (``late``) those that do."""
    chosen = [(work, use) for work, use in pairs if _needs_facts(work, use) is late]
    return [checks.pre_check(ctx, renderer, work, use) for work, use in chosen]


def _needs_facts(work: PackageWork, use: Use) -> bool:
    return mentions_facts(use.options) or mentions_facts(work.package.environment)


def _objection(ctx: Context) -> Outcome | None:
    memory = ctx.memory
    facts = memory.facts or {}
    found = [
        objection
        for work in ctx.packages
        if not is_there(memory.probes[work.name])
        for objection in objections(work, memory.probes[work.name], facts, ctx.identity.run)
    ]
    found += map(
        str, needs(ctx.assignment, Look(facts, memory.probes | memory.elsewhere), ctx.depot)
    )
    found += recalling.objections(ctx)
    if not found:
        return None
    return Outcome(Result.FAILED, "; ".join(found), differences(memory.probes.values()))


def _there(ctx: Context) -> str:
    """Return what is said of a host that needs nothing: that it does, and what it keeps."""
    kept = [path for work in ctx.packages for path in ctx.memory.probes[work.name].kept]
    return f"there, and proved{f', with local changes kept: {shown(kept)}' if kept else ''}"


def _intention(ctx: Context, work: PackageWork, probe: Probe) -> dict[str, object]:
    found = intention(work, probe, ctx.depot)
    return found | {"why": f"{found['why']}{recalling.intention(ctx, work)}"}


def _found(ctx: Context) -> dict[str, object]:
    probes, facts = ctx.memory.probes, ctx.memory.facts or {}
    packages = {w.name: _intention(ctx, w, probes[w.name]) for w in ctx.packages}
    known = {key: facts[key] for key in SHOWN if key in facts}
    changes = sum(not is_there(probe) for probe in probes.values())
    return {"packages": packages, "changes": changes, **known}
