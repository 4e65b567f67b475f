"""What is worth a line: wave moves, milestones, operators' requests, and hosts in trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from orchestrator.model.event import ActionEnded, ControllerStarted, Event, OperatorAsked
from orchestrator.ports import Recorded
from orchestrator.report.escaping import printable, tail
from orchestrator.report.folding import compact
from orchestrator.report.troubles import LINES, Trouble
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import HostMoved, HostRecord, WaveMoved, WaveRecord
from orchestrator.rollout.states import PROVEN, HostState, WaveState
from orchestrator.sinks.alarms import Alarm, Alarms

H = HostState
W = WaveState


class Tone(Enum):
    """How much a note matters."""

    ROUTINE = "routine"
    NEWS = "news"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Note:
    """A line for people and, below it, lines of output; safe to print."""

    at: float
    tone: Tone
    text: str
    output: tuple[str, ...] = ()


ALARMING = frozenset({H.FAILED, H.DEFERRED, H.REVERTING, H.STRANDED, H.REGRESSED, H.IN_DOUBT})
"""Moves to these are told, except of hosts that go back through no fault of their own."""

ALWAYS_ALARMING = frozenset({H.STRANDED, H.REGRESSED, H.IN_DOUBT})

WAVE_TONES: Mapping[W, Tone] = {W.HALTED: Tone.TROUBLE, W.STRANDED: Tone.TROUBLE}

QUARTERS = 4
"""A wave of at least this many hosts is told of by quarters."""


class Notes:
    """Turns events into notes at a cost that does not grow with the fleet."""

    def __init__(self, rollout: Rollout, *, verbose: bool = False) -> None:
        self._rollout = rollout
        self._verbose = verbose
        self._waves = {record.wave.name: record for record in rollout.waves}
        self._alarms = Alarms()
        self._quarters: dict[str, int] = {}

    def of(self, recorded: Recorded, transitions: Iterable[object]) -> list[Note]:
        """Return what is worth a line of one event and the moves that it caused."""
        event = recorded.event
        told = _TOLD.get(type(event))
        notes = [told(event)] if told else []
        for moved in transitions:
            if isinstance(moved, HostMoved):
                notes += self._host_moved(event, moved)
            elif isinstance(moved, WaveMoved):
                notes += self.rest(event.at) + self._wave_moved(moved)
        return notes + self.due(event.at)

    def due(self, at: float) -> list[Note]:
        """Return notes that have waited long enough."""
        return [_alarm(at, alarm) for alarm in self._alarms.due(at)]

    def rest(self, at: float) -> list[Note]:
        """Return every note that still waits."""
        return [_alarm(at, alarm) for alarm in self._alarms.rest()]

    def _host_moved(self, event: Event, moved: HostMoved) -> list[Note]:
        host = self._rollout.hosts[moved.host]
        notes = self._milestone(moved, host)
        if _alarms(moved, host):
            output = tail(_output(event, moved.host), LINES)
            trouble = Trouble(moved.after, printable(moved.reason), output)
            notes += [_alarm(moved.at, alarm) for alarm in self._alarms.add(trouble, moved.host)]
        elif self._verbose:
            notes.append(Note(moved.at, Tone.ROUTINE, f"{printable(moved.host)}: {moved.after}"))
        return notes

    def _milestone(self, moved: HostMoved, host: HostRecord) -> list[Note]:
        """Tell when another quarter of a wave is proved; the whole is told by the wave's move."""
        if moved.after not in PROVEN or moved.before in PROVEN:
            return []
        record = self._rollout.waves[host.wave]
        proved = record.count(PROVEN)
        before = self._quarters.get(moved.wave, QUARTERS * (proved - 1) // record.size)
        now = self._quarters[moved.wave] = max(before, QUARTERS * proved // record.size)
        if not before < now < QUARTERS <= record.size:
            return []
        text = f"{printable(moved.wave)}: {proved} of {record.size} confirmed"
        skipped = record.counts[H.SKIPPED]
        there = f" ({skipped} had the release already)" if skipped else ""
        return [Note(moved.at, Tone.ROUTINE, text + there)]

    def _wave_moved(self, moved: WaveMoved) -> list[Note]:
        if moved.after is W.HELD and not moved.reason:
            return []  # in passing, before it opens
        text = f"wave {printable(moved.wave)} is {moved.after}"
        if moved.reason:
            text += f": {printable(moved.reason)}"
        text += f" ({_hosts(self._waves[moved.wave])})"
        return [Note(moved.at, WAVE_TONES.get(moved.after, Tone.ROUTINE), text)]


def _alarms(moved: HostMoved, host: HostRecord) -> bool:
    if moved.after in ALWAYS_ALARMING:
        return True
    return moved.after in ALARMING and (host.failed or host.unreachable)


def _output(event: Event, host: str) -> str:
    return event.output if isinstance(event, ActionEnded) and event.host == host else ""


def _alarm(at: float, alarm: Alarm) -> Note:
    trouble = alarm.trouble
    text = f"{compact(alarm.hosts)}: {trouble.state}"
    text += f": {trouble.reason}" if trouble.reason else ""
    return Note(at, Tone.TROUBLE, text, () if alarm.again else trouble.output)


def _hosts(record: WaveRecord) -> str:
    counts = ", ".join(f"{record.counts[state]} {state}" for state in H if record.counts[state])
    return f"{record.size} hosts: {counts}"


def _operator_asked(event: OperatorAsked) -> Note:
    why = f": {event.why}" if event.why else ""
    return Note(event.at, Tone.NEWS, printable(f"{event.by} asked to {event.request}{why}"))


def _controller_started(event: ControllerStarted) -> Note:
    return Note(event.at, Tone.ROUTINE, printable(f"controller {event.controller} takes the run"))


_TOLD: Mapping[type, Callable[..., Note]] = {
    OperatorAsked: _operator_asked,
    ControllerStarted: _controller_started,
}
