"""What an outcome makes of a host, and what is asked of it next."""

from __future__ import annotations

from collections import deque

from orchestrator.errors import InvalidTransition
from orchestrator.model.event import Action, ActionEnded, Result
from orchestrator.model.plan import CommitScope, UnreachablePolicy
from orchestrator.rollout import gates
from orchestrator.rollout.board import Board
from orchestrator.rollout.records import HostRecord
from orchestrator.rollout.renewals import DUE, TOGETHER, hold
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W
from orchestrator.rollout.tables import OUTCOMES, UNSAFE_TO_REPEAT

NO_ANSWER = frozenset({Result.UNREACHABLE, Result.LOST})

NEXT: dict[tuple[H, Action], Action] = {
    (H.STAGING, Action.CHECK): Action.STAGE,
    (H.VALIDATING, Action.ACTIVATE): Action.VALIDATE,
    (H.VALIDATING, Action.REBOOT): Action.VALIDATE,
    (H.VALIDATING, Action.VALIDATE): Action.CONFIRM,
    (H.VALIDATING, Action.RESOLVE): Action.VALIDATE,
    (H.IN_DOUBT, Action.ACTIVATE): Action.RESOLVE,
    (H.IN_DOUBT, Action.REBOOT): Action.RESOLVE,
    (H.IN_DOUBT, Action.VALIDATE): Action.RESOLVE,
    (H.IN_DOUBT, Action.CONFIRM): Action.RESOLVE,
    (H.IN_DOUBT, Action.REVERT): Action.RESOLVE,
}
"""Asked as soon as an action has brought a host to a state; the rest is for the wave to decide."""


def ended(board: Board, event: ActionEnded) -> None:
    """Take the outcome of one action: move the host, count it, ask what comes next.

    Raises InvalidTransition for an outcome that nobody asked for.
    """
    host = board.hosts[event.host]
    if host.asked is not event.action:
        message = f"host {host.name} reports {event.action}, but {host.asked} was asked of it"
        raise InvalidTransition(message)
    armed = event.action is Action.RESOLVE and event.result is Result.IS_ARMED
    if armed and not _may_finish(board, host):
        host.going_back = True
    after = _after(board, host, event)
    board.answered(host)
    _remember(host, event)
    _count(board, host, event, after)
    if after is not host.state:
        board.move_host(event.at, host, after, event.reason)
    if armed and host.state is H.STAGED:
        _activate_again(board, event.at, host)
    else:
        _hold(board, event, host)
        _go_on(board, event, host)


def begun(board: Board, name: str, attempt: int) -> None:
    """Note that the intent is durable: from now on the action may have touched the host."""
    host = board.hosts[name]
    host.begun = True
    host.attempt = attempt


def taken_up(board: Board, at: float) -> None:
    """Go on after a controller was lost: ask again what was asked, or find out what came of it."""
    for host in board.hosts.values():
        action = host.asked
        if action is None:
            continue
        unknown = host.begun and action in UNSAFE_TO_REPEAT
        board.answered(host)
        if unknown:
            board.move_host(at, host, H.IN_DOUBT, f"controller lost during {action}")
        board.ask(host, Action.RESOLVE if unknown else action)


def send_back(board: Board, at: float, host: HostRecord, reason: str) -> None:
    """Begin to bring the old release back on a host."""
    board.move_host(at, host, H.REVERTING, reason)
    board.ask(host, Action.REVERT)


def _after(board: Board, host: HostRecord, event: ActionEnded) -> H:
    try:
        after = OUTCOMES[host.state, event.action][event.result]
    except KeyError:
        message = f"host {host.name}, {host.state}: {event.action} cannot end {event.result}"
        raise InvalidTransition(message) from None
    if event.action is Action.CHECK:
        return _after_check(board, event.result, after)
    if event.action is Action.RESOLVE and event.result is Result.IS_ARMED and host.going_back:
        return H.VALIDATING
    return after


def _may_finish(board: Board, host: HostRecord) -> bool:
    """Tell whether an activation that was cut off is still wanted."""
    return board.waves[host.wave].state in {W.HELD, W.OPEN}


def _after_check(board: Board, result: Result, after: H) -> H:
    if result in NO_ANSWER and board.spec.max_unreachable.then is not UnreachablePolicy.FAIL:
        return H.DEFERRED
    if after is H.STAGING and (board.aborted or board.rolling_back_run):
        return H.DEFERRED
    return after


def _remember(host: HostRecord, event: ActionEnded) -> None:
    host.reason = event.reason or host.reason
    host.output = event.output or host.output
    host.facts.update(event.facts)


def _count(board: Board, host: HostRecord, event: ActionEnded, after: H) -> None:
    silent = event.result in NO_ANSWER and after in _SILENT_COUNTS
    own_fault = after in _FAULTS and not host.going_back
    if silent:
        board.blame(host, unreachable=True)
    elif event.result is Result.INCONCLUSIVE and event.action is not Action.CHECK:
        board.not_measured(host)
    elif own_fault and after is not host.state:
        board.blame(host)


_SILENT_COUNTS = frozenset({H.FAILED, H.DEFERRED, H.CONFIRMED, H.COMMITTED})
_FAULTS = frozenset({H.FAILED, H.REVERTING, H.REVERTED, H.STRANDED, H.REGRESSED})


def _hold(board: Board, event: ActionEnded, host: HostRecord) -> None:
    """Keep account of which confirmed hosts are on trial, and must be given more time."""
    host.held = host.held and host.state is H.CONFIRMED and event.action is not Action.KEEP
    if host.state is H.CONFIRMED and event.action in _HELD_AFTER:
        hold(board, event.at, host, part=_until_due(board, event))


def _until_due(board: Board, event: ActionEnded) -> float:
    """Return after which part of a renewal the host is to be asked for the next one."""
    if event.action is Action.RESOLVE:
        return 0.0  # nobody knows how much time it has left
    silent = event.result in NO_ANSWER and board.rules >= Rules.SECOND
    return TOGETHER if silent else DUE


_HELD_AFTER = frozenset({Action.CONFIRM, Action.RENEW, Action.RESOLVE})


def _go_on(board: Board, event: ActionEnded, host: HostRecord) -> None:
    at, action = event.at, event.action
    if action is Action.RESERVE:
        _reserved(board, event, host)
    elif host.state is H.STAGED:
        if action is Action.UNRESERVE:
            gates.left(board, host)
        _wait_or_withdraw(board, host)
    elif host.state is H.VALIDATING and not host.going_back and _reboots(event):
        board.ask(host, Action.REBOOT)
    elif host.state is H.REVERTING:
        host.going_back = True
        board.ask(host, Action.REVERT)
    elif host.going_back and host.state in {H.VALIDATING, H.CONFIRMED}:
        send_back(board, at, host, "rolling back")
    elif host.state is H.CONFIRMED and _commits_alone(board, action):
        board.ask(host, Action.COMMIT)
    elif (following := NEXT.get((host.state, action))) is not None:
        board.ask(host, following)


def _reboots(event: ActionEnded) -> bool:
    """Tell whether the host says that its release still needs a reboot."""
    return event.action in {Action.ACTIVATE, Action.RESOLVE} and bool(event.facts.get("reboot"))


def _reserved(board: Board, event: ActionEnded, host: HostRecord) -> None:
    """Let a host activate that has passed its gate, and one that is held ask again.

    One that has asked for long enough is let go of, and has failed.
    """
    goes_on = not (host.going_back or board.aborted)
    held = event.result is Result.HELD
    if goes_on and event.result is Result.DONE:
        gates.passed(board, host)
    elif goes_on and held and gates.is_patient(event, host):
        gates.wait(board, event, host)
    else:
        if event.result is not Result.DONE and (goes_on or not held):
            board.blame(host, unreachable=event.result in NO_ANSWER)
        board.ask(host, Action.WITHDRAW)


def _activate_again(board: Board, at: float, host: HostRecord) -> None:
    """Finish an activation at once: its trial runs, and the host is out of service already."""
    board.move_host(at, host, H.ACTIVATING)
    board.ask(host, Action.ACTIVATE)


def _wait_or_withdraw(board: Board, host: HostRecord) -> None:
    if host.going_back or board.aborted:
        board.ask(host, Action.WITHDRAW)
    elif host.reserved and board.rules >= Rules.SECOND:
        gates.passed(board, host)  # found not to be activated: it has its place still
    else:
        board.staged.setdefault(host.zone, deque()).append(host.name)


def _commits_alone(board: Board, action: Action) -> bool:
    return board.spec.commit is CommitScope.HOST and action in {Action.CONFIRM, Action.RESOLVE}
