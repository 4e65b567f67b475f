"""A run told from its events: the rollout as it stands, and what only the way there shows."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator.model.event import (
    Action,
    ActionBegun,
    ActionEnded,
    ControllerStarted,
    Event,
    OperatorAsked,
    RunStarted,
)
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import Transition, WaveMoved
from orchestrator.rollout.states import WaveState


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline; ``what`` is not yet escaped."""

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Durations:
    """How long one kind of action took, in seconds."""

    action: Action
    count: int
    median: float
    p90: float
    longest: float


@dataclass
class Chronicle:
    """What the report is made from; at 50,000 hosts it holds one number for each action done."""

    rollout: Rollout
    timeline: list[Moment] = field(default_factory=list)
    opened: dict[str, float] = field(default_factory=dict)
    """Wave → when it first opened."""
    sent: int = 0
    """Bytes that staging sent, over all hosts."""
    ended: float = 0.0
    _begun: dict[str, float] = field(default_factory=dict)
    _took: dict[Action, array[float]] = field(default_factory=dict)

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Chronicle:
        """Return the run that these events tell of; the first must be its RunStarted."""
        stream = iter(events)
        started = next(stream)
        if not isinstance(started, RunStarted):
            message = "a run's first event is RunStarted"
            raise TypeError(message)
        told = cls(Rollout(started), ended=started.at)
        for event in stream:
            told.observe(event, told.rollout.handle(event).transitions)
        return told

    def observe(self, event: Event, transitions: Iterable[Transition]) -> None:
        """Note one event that the rollout has taken, and the transitions that it caused."""
        self.ended = event.at
        if isinstance(event, ActionBegun):
            self._begun[event.host] = event.at
        elif isinstance(event, ActionEnded):
            self._action_ended(event)
        elif isinstance(event, OperatorAsked):
            why = f": {event.why}" if event.why else ""
            self.timeline.append(Moment(event.at, f"{event.by} asked to {event.request}{why}"))
        elif isinstance(event, ControllerStarted):
            self.timeline.append(Moment(event.at, f"controller {event.controller} takes the run"))
        for moved in transitions:
            if isinstance(moved, WaveMoved):
                self._wave_moved(moved)

    def durations(self) -> list[Durations]:
        """Return median, ninetieth percentile (nearest rank) and longest of each kind of action."""
        took = {action: sorted(self._took[action]) for action in Action if action in self._took}
        return [_durations(action, values) for action, values in took.items()]

    def _action_ended(self, event: ActionEnded) -> None:
        begun = self._begun.pop(event.host, None)
        if begun is not None:
            self._took.setdefault(event.action, array("d")).append(event.at - begun)
        sent = event.facts.get("sent")
        if isinstance(sent, int):
            self.sent += sent

    def _wave_moved(self, moved: WaveMoved) -> None:
        if moved.after is WaveState.HELD and not moved.reason:
            return  # in passing, before it opens
        if moved.after is WaveState.OPEN:
            self.opened.setdefault(moved.wave, moved.at)
        why = f": {moved.reason}" if moved.reason else ""
        self.timeline.append(Moment(moved.at, f"wave {moved.wave} is {moved.after}{why}"))


def _durations(action: Action, values: list[float]) -> Durations:
    last = len(values) - 1
    return Durations(
        action,
        len(values),
        values[last // 2],
        values[-(-len(values) * 9 // 10) - 1],
        values[last],
    )
