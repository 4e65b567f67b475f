"""RESOLVE: where does a host in doubt stand? Found by probe, never assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.host.procedures import watching
from orchestrator.host.procedures.context import Context, look
from orchestrator.host.replies import Probe
from orchestrator.model.event import Result
from orchestrator.ports import Outcome

KEPT = frozenset({"confirmed", "committed"})
"""Outcomes of a trial after which its release stays."""

ENDED_WELL = KEPT | {"reverted"}


@dataclass(frozen=True, slots=True)
class Sight:
    """A probe beside what this run wanted of the package, under its ``nonce``."""

    package: str
    release: str
    nonce: str
    probe: Probe


async def resolve(ctx: Context) -> Outcome:
    """Probe every package and say where the host as a whole stands."""
    await look(ctx)
    probes = ctx.memory.probes
    sights = [Sight(w.name, w.release, ctx.nonce, probes[w.name]) for w in ctx.packages]
    active = {sight.package: sight.probe.active for sight in sights}
    reason = "; ".join(_words(sight) for sight in sights)
    reboots = {"reboot": True} if any(map(_reboots, sights)) else {}
    return Outcome(stand(sights), reason, facts={"active": active, **reboots})


def stand(sights: Sequence[Sight]) -> Result:
    """Return where a host stands whose packages look like this.

    One stranded package strands the host. Where packages stand differently, the host's activation
    or return did not run to its end: it may be repeated while no trial has ended, else the host
    counts as on trial, from where it is confirmed as a whole or goes back.
    """
    found = {_stand(sight) for sight in sights} - {Result.ALREADY}
    if Result.STRANDED in found:
        return Result.STRANDED
    if len(found) == 1:
        return found.pop()
    if not found:
        return Result.IS_CONFIRMED
    if found == {Result.IS_STAGED, Result.IS_REVERTED}:
        return Result.IS_REVERTED
    if found & {Result.IS_CONFIRMED, Result.IS_REVERTED}:
        return Result.IS_TRIAL
    return Result.IS_ARMED


def _stand(sight: Sight) -> Result:
    """Return where one package stands; ALREADY when this run had nothing to do with it."""
    trial, last = sight.probe.trial, sight.probe.last
    if trial and trial.nonce == sight.nonce:
        if trial.confirmed and sight.probe.active == sight.release:
            return Result.IS_CONFIRMED
        new = Result.IS_TRIAL if trial.activated else Result.IS_ARMED
        flipped = {sight.release: new, trial.before: Result.IS_ARMED}
        return flipped.get(sight.probe.active, Result.STRANDED)
    if last and last.nonce == sight.nonce:
        return _after_trial(sight, last.before, last.outcome)
    if sight.probe.active != sight.release:
        return Result.IS_STAGED
    return Result.ALREADY if sight.probe.proved else Result.STRANDED


def _reboots(sight: Sight) -> bool:
    trial = sight.probe.trial
    return bool(trial and trial.nonce == sight.nonce and trial.reboot)


def _after_trial(sight: Sight, before: str, outcome: str) -> Result:
    active = sight.probe.active
    if active == before and outcome in ENDED_WELL:  # by us, or by hand after the trial
        return Result.IS_REVERTED
    if active == sight.release and outcome in KEPT:
        return Result.IS_CONFIRMED
    return Result.STRANDED


def _words(sight: Sight) -> str:
    trial, last = sight.probe.trial, sight.probe.last
    active = sight.probe.active or "nothing"
    if trial and trial.nonce == sight.nonce:
        uneasy = "".join(f"; {trigger}" for trigger in watching.uneasy(sight.probe))
        return f"{sight.package}: {active} is active, on trial for {trial.remaining} s more{uneasy}"
    if last and last.nonce == sight.nonce:
        why = f" ({last.reason})" if last.reason else ""
        return f"{sight.package}: {active} is active, {last.outcome}{why}"
    return f"{sight.package}: {active} is active, this run switched nothing"
