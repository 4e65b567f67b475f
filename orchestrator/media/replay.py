"""A host's story played through the rollout's core, which takes no other than a run's.

A host alone was its own controller, so that each of its runs is a run of its own: one wave of one
host. What the core would not have asked for is refused before anything is journalled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from orchestrator.errors import InputError, InvalidTransition
from orchestrator.media.medium import Medium
from orchestrator.media.results import Story, plainly
from orchestrator.model.event import ActionBegun, ActionEnded, Event, RunStarted
from orchestrator.model.plan import CommitScope, OnHalt
from orchestrator.model.wave import RolloutSpec, Wave
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import Perform, Reaction

WAVE = "medium"


@dataclass(frozen=True, slots=True)
class Told:
    """A run with all of its events so far, and the rollout that they make."""

    file: str
    started: RunStarted
    events: tuple[Event, ...]
    rollout: Rollout


def told(medium: Medium, story: Story) -> Told:
    """Return the run that a story tells of; raises InputError when it cannot have been so."""
    if story.host not in medium.targets:
        what = f"medium {medium.id} has nothing for a host {story.host!r}"
        raise InputError.at(story.file, what, "these are not results of this medium")
    events = _on_time(medium, story.events)
    started = _started(medium, story, events[0].at)
    rollout = Rollout(started)
    try:
        return Told(story.file, started, (started, *_played(rollout, events)), rollout)
    except (InvalidTransition, KeyError, TypeError) as error:
        what = f"no run can have gone so: {plainly(str(error).splitlines()[0])}"
        mend = "save the results on that host again; what was imported before stays"
        raise InputError.at(story.file, what, mend) from None


def _played(rollout: Rollout, events: Iterable[Event]) -> list[Event]:
    """Give each event to the core, actions with the attempt that it asked for."""
    played: list[Event] = []
    attempt = 0
    for event in events:
        if isinstance(event, ActionEnded) and not rollout.hosts[event.host].begun:
            raise InvalidTransition(f"{event.action} ended and was never begun")
        played.append(_counted(event, attempt))
        attempt = _asked(rollout.handle(played[-1]), attempt)
    return played


def _counted(event: Event, attempt: int) -> Event:
    match event:
        case ActionBegun() | ActionEnded():
            return replace(event, attempt=attempt)
        case _:
            return event


def _asked(reaction: Reaction, attempt: int) -> int:
    asked = [it.attempt for it in reaction.instructions if isinstance(it, Perform)]
    return asked[-1] if asked else attempt


def _started(medium: Medium, story: Story, at: float) -> RunStarted:
    return RunStarted(
        at=at,
        run=story.run,
        plan=medium.plan,
        plan_source=medium.plan_source,
        plan_digest=medium.plan_digest,
        operator=f"media: {story.by}@{story.host}",
        nonce=story.nonce,
        spec=RolloutSpec(
            waves=(Wave(WAVE, WAVE, (story.host,)),),
            max_parallel=1,
            on_halt=OnHalt.HOLD,
            commit=CommitScope.HOST,
            resample=0,
        ),
        targets=medium.targets[story.host],
        options={**medium.options, "medium": medium.id},
    )


def _on_time(medium: Medium, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return the events as they are, or, of a host whose clock was before all, moved as a whole."""
    early = medium.built - events[0].at
    if early <= 0:
        return events
    return tuple(replace(event, at=event.at + early) for event in events)
