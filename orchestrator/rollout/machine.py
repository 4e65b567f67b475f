"""The rollout: events in, instructions out. No clock, no chance, no I/O (design section 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import singledispatchmethod

from orchestrator.model.event import (
    ActionBegun,
    ActionEnded,
    ControllerStarted,
    Event,
    OperatorAsked,
    Request,
    RunStarted,
    TimePassed,
)
from orchestrator.rollout import gates, hosts
from orchestrator.rollout.board import Board
from orchestrator.rollout.records import HostRecord, Reaction, WakeAt, WaveRecord
from orchestrator.rollout.renewals import renew_all
from orchestrator.rollout.states import WaveState
from orchestrator.rollout.waves import halt_for_rollback, open_again, progress


class Rollout:
    """One run, folded from its events.

    Feed every event exactly once, in journal order. The same events always give the same
    reactions, so a journal folded again is the run as it stands.
    """

    def __init__(self, started: RunStarted) -> None:
        self.board = Board(started)

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Rollout:
        """Return the run that these events tell of; the first must be its RunStarted."""
        stream = iter(events)
        started = next(stream)
        if not isinstance(started, RunStarted):
            message = "a run's first event is RunStarted"
            raise TypeError(message)
        rollout = cls(started)
        for event in stream:
            rollout.handle(event)
        return rollout

    @property
    def started(self) -> RunStarted:
        """Return the run's first event."""
        return self.board.started

    @property
    def hosts(self) -> Mapping[str, HostRecord]:
        """Return every host of the run by name, in wave order."""
        return self.board.hosts

    @property
    def waves(self) -> list[WaveRecord]:
        """Return the waves in their order."""
        return self.board.waves

    @property
    def finished(self) -> bool:
        """Tell whether nothing more will happen without an operator."""
        return self.board.finished

    def handle(self, event: Event) -> Reaction:
        """Take one event and return what it caused.

        Raises InvalidTransition for an event that cannot follow the earlier ones.
        """
        self._take(event)
        if not isinstance(event, RunStarted | ActionBegun):
            progress(self.board, event.at)
        return self.board.reaction()

    @singledispatchmethod
    def _take(self, event: Event) -> None:
        raise TypeError(type(event).__name__)

    @_take.register
    def _run_started(self, event: RunStarted) -> None:
        """Do nothing: the constructor has taken it."""

    @_take.register
    def _action_begun(self, event: ActionBegun) -> None:
        hosts.begun(self.board, event.host, event.attempt)

    @_take.register
    def _action_ended(self, event: ActionEnded) -> None:
        hosts.ended(self.board, event)

    @_take.register
    def _time_passed(self, event: TimePassed) -> None:
        """Do nothing: progress looks at the time of every event."""

    @_take.register
    def _controller_started(self, event: ControllerStarted) -> None:
        self.board.finished = False
        self.board.rules = event.rules
        hosts.taken_up(self.board, event.at)
        renew_all(self.board, event.at)
        gates.ask_all_again(self.board)
        wave = self.board.wave
        if wave.state is WaveState.BAKING and event.at < wave.bake_until:
            self.board.instruct(WakeAt(wave.bake_until))

    @_take.register
    def _operator_asked(self, event: OperatorAsked) -> None:
        self.board.finished = False
        _REQUESTS[event.request](self.board, event)


def _pause(board: Board, _event: OperatorAsked) -> None:
    board.paused = True


def _resume(board: Board, event: OperatorAsked) -> None:
    board.paused = board.let_go = False
    if not board.aborted:
        open_again(board, event.at)


def _abort(board: Board, event: OperatorAsked) -> None:
    board.aborted = True
    board.paused = False
    halt_for_rollback(board, event.at, f"aborted by {event.by}")


def _rollback(board: Board, event: OperatorAsked) -> None:
    board.rolling_back_run = True
    board.paused = False
    halt_for_rollback(board, event.at, f"rolled back by {event.by}")
    board.current = min(board.current, len(board.waves) - 1)


_REQUESTS: Mapping[Request, Callable[[Board, OperatorAsked], None]] = {
    Request.PAUSE: _pause,
    Request.RESUME: _resume,
    Request.ABORT: _abort,
    Request.ROLLBACK: _rollback,
}
