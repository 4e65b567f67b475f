"""Who may go next: places for hosts, the unavailability budget, and bulk work."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.model.event import Action
from orchestrator.rollout import gates
from orchestrator.rollout.board import Board
from orchestrator.rollout.hosts import send_back
from orchestrator.rollout.records import HostRecord
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import MOVED
from orchestrator.rollout.states import HostState as H


def admit(board: Board, at: float) -> None:
    """Let staged hosts activate and pending ones begin, as far as the limits allow."""
    gates.ask_again(board, at)
    _activate_staged(board, at)
    while board.pending and board.places < board.spec.max_parallel:
        host = board.hosts[board.pending.popleft()]
        board.move_host(at, host, H.CHECKING)
        board.ask(host, Action.CHECK)


def line_up(board: Board, names: Iterable[str], action: Action) -> None:
    """Add bulk work, to be given out as places become free."""
    board.backlog.extend((name, action) for name in names)


def work_off(board: Board, at: float) -> None:
    """Give out bulk work while fewer than ``max_parallel`` actions are under way.

    A host that is just being renewed has its turn when that is over.
    """
    later: list[tuple[str, Action]] = []
    while board.backlog and board.busy < board.spec.max_parallel:
        name, action = board.backlog.popleft()
        host = board.hosts[name]
        if host.asked is None and _still_due(host, action):
            _give_out(board, at, host, action)
        elif host.asked is Action.RENEW and board.rules >= Rules.SECOND:
            later.append((name, action))
    board.backlog.extendleft(reversed(later))


def withdraw_staged(board: Board) -> None:
    """Let go of every staged release that will not be activated."""
    gates.ask_all_again(board)
    for names in board.staged.values():
        line_up(board, names, Action.WITHDRAW)
    board.staged.clear()


def _activate_staged(board: Board, at: float) -> None:
    for zone in list(board.staged):
        names = board.staged[zone]
        while names and board.has_room(zone):
            host = board.hosts[names[0]]
            passes = host.name in board.gated and not host.reserved
            if passes and not gates.may_ask(board, host):
                break
            names.popleft()
            if passes:
                gates.ask(board, host)
                continue
            board.move_host(at, host, H.ACTIVATING)
            board.ask(host, Action.ACTIVATE)
        if not names:
            del board.staged[zone]


def _still_due(host: HostRecord, action: Action) -> bool:
    return host.state in _DUE[action]


_DUE = {
    Action.KEEP: frozenset({H.CONFIRMED}),
    Action.SAMPLE: MOVED,
    Action.COMMIT: frozenset({H.CONFIRMED}),
    Action.REVERT: MOVED,
    Action.WITHDRAW: frozenset({H.STAGED}),
    Action.UNRESERVE: frozenset({H.STAGED}),
}


def _give_out(board: Board, at: float, host: HostRecord, action: Action) -> None:
    if action is Action.REVERT:
        send_back(board, at, host, "rolling back")
    elif action is Action.UNRESERVE:
        gates.leave(board, host)
    else:
        board.ask(host, action)
