"""A package's triggers: given to the host with its activation, and heard before it is confirmed."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

from orchestrator.host import looking
from orchestrator.host.alarms import Alarms, alarms
from orchestrator.host.procedures.checks import FIRST_PAUSE, LONGEST_PAUSE
from orchestrator.host.procedures.context import Asking, Context
from orchestrator.host.rendering import Renderer
from orchestrator.host.replies import Probe, Said, Trigger
from orchestrator.host.work import PackageWork
from orchestrator.model.event import Result
from orchestrator.ports import Outcome

WELL = frozenset({Said.YES, Said.UNKNOWN})
"""Answers with which a host may be confirmed: a trigger that cannot tell never fires."""

OVER = frozenset({"reverted", "stranded"})
"""Outcomes of a trial that the host ended by itself, when nobody has asked for it."""


def alarms_of(ctx: Asking, renderer: Renderer, work: PackageWork) -> Alarms:
    """Return the triggers of a package, rendered for the host; raises InputError."""
    variables = renderer.variables(work)
    return alarms((use.name, ctx.build_trigger(use, variables)) for use in work.package.triggers)


def went_back(probe: Probe, nonce: str) -> str:
    """Return why the host has ended this run's trial by itself; empty if it has not."""
    last = probe.last
    return last.reason if last and last.nonce == nonce and last.outcome in OVER else ""


async def departures(ctx: Context) -> dict[str, str]:
    """Return why packages have gone back by themselves, by their names."""
    probes = await _probe(ctx, {work.name for work in ctx.packages})
    return {name: why for name, probe in probes.items() if (why := went_back(probe, ctx.nonce))}


def uneasy(probe: Probe) -> tuple[Trigger, ...]:
    """Return the triggers of a trial that say no, or not yet."""
    return tuple(t for t in probe.triggers if t.last in (Said.NO, Said.NOT_YET))


async def settle(ctx: Context) -> Outcome | None:
    """Wait until every trigger is content, until the time is up; return what is wrong, if anything.

    A host that has gone back is wrong at once.
    """
    watched = {work.name: names for work in ctx.packages if (names := _names(ctx, work))}
    pause = FIRST_PAUSE
    while watched:
        probes = await _probe(ctx, watched)
        for package, probe in probes.items():
            if why := went_back(probe, ctx.nonce):
                return Outcome(Result.FAILED, f"{package} went back by itself: {why}")
        found = [bad for name in watched for bad in _waits(ctx, probes[name], watched[name])]
        if not found or ctx.remaining() <= pause:
            return _worst(found)
        await ctx.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return None


def _names(ctx: Context, work: PackageWork) -> tuple[str, ...]:
    return tuple(watch.name for watch in alarms_of(ctx, ctx.renderer, work).watches)


async def _probe(ctx: Context, packages: Container[str]) -> dict[str, Probe]:
    places = [ctx.place(work) for work in ctx.packages if work.name in packages]
    replies = await ctx.ask([looking.question(place) for place in places])
    return looking.probed(places, replies)


def _worst(found: Sequence[Outcome]) -> Outcome | None:
    return next((bad for bad in found if bad.result is Result.FAILED), found[0] if found else None)


def _waits(ctx: Context, probe: Probe, names: Iterable[str]) -> Iterator[Outcome]:
    """Yield what would be wrong with a package's triggers if they never said more."""
    if not probe.trial or probe.trial.nonce != ctx.nonce:
        return
    said = {trigger.name: trigger for trigger in probe.triggers}
    for name in names:
        trigger = said.get(name)
        if not trigger or trigger.last is Said.NOTHING:
            yield Outcome(Result.INCONCLUSIVE, f"trigger {name}: the host's watchdog has not asked")
        elif trigger.last not in WELL:
            yield Outcome(Result.FAILED, str(trigger))
