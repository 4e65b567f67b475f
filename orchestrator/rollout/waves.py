"""How waves follow each other: opening, baking, passing, halting, going back."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Mapping

from orchestrator.model.event import Action
from orchestrator.model.plan import CommitScope, OnHalt
from orchestrator.rollout import gates
from orchestrator.rollout.admission import admit, line_up, withdraw_staged, work_off
from orchestrator.rollout.board import Board
from orchestrator.rollout.records import WakeAt, WaveRecord
from orchestrator.rollout.renewals import bring_forward, held, renew
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import MOVED, PROVEN, SETTLED, WaveState
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W


def progress(board: Board, at: float) -> None:
    """Carry every wave as far as it goes at this instant, then hand out work."""
    while not board.finished and _PROGRESS[board.wave.state](board, board.wave, at):
        pass
    _hand_out(board, at)
    if board.wave.state is W.OPEN and _stalled(board):
        _halt(board, board.wave, at, "hosts out of service use up max_unavailable", person=True)
        progress(board, at)


def _hand_out(board: Board, at: float) -> None:
    if board.rules >= Rules.SECOND:
        renew(board, at)
    if board.wave.state is W.OPEN:
        admit(board, at)
    work_off(board, at)
    if board.rules < Rules.SECOND:
        renew(board, at)


def open_again(board: Board, at: float) -> None:
    """Go on with a halted wave on an operator's word: what failed until now is forgiven.

    One that halted to go back, and still waits for hosts in flight, does go back.
    """
    wave = board.wave
    if wave.state is W.HALTED and not _goes_back(board, wave):
        wave.forgiven_failures = wave.failures
        wave.forgiven_unreachable = wave.unreachable
        wave.forgiven_unmeasured = wave.unmeasured
        wave.proving = wave.proved = False
        wave.accepted = wave.inconclusive
        wave.inconclusive = False
        board.move_wave(at, wave, W.OPEN, "opened again by an operator")


def halt_for_rollback(board: Board, at: float, reason: str) -> None:
    """Stop the present wave, if it moves, because the run is to go back or to end."""
    if board.wave.state in {W.HELD, W.OPEN, W.BAKING}:
        _halt(board, board.wave, at, reason)


def _queued(board: Board, wave: WaveRecord, at: float) -> bool:
    if board.asked or board.backlog:
        return False  # the wave before still commits
    if board.rolling_back_run and board.current:
        board.current -= 1
        return True
    if board.rolling_back_run or board.aborted:
        return _leave(board)
    board.move_wave(at, wave, W.HELD)
    board.pending = deque(wave.wave.hosts)
    sample = _sample(board)
    wave.proving = bool(sample)
    line_up(board, sample, Action.SAMPLE)
    return True


def _held(board: Board, wave: WaveRecord, at: float) -> bool:
    if wave.proving:
        if board.asked or board.backlog:
            return False
        wave.proving = False
        if _over(board, wave, at):
            return True
    if board.paused:
        return _leave(board)
    board.move_wave(at, wave, W.OPEN)
    return True


def _open(board: Board, wave: WaveRecord, at: float) -> bool:
    if _over(board, wave, at):
        return True
    if board.paused:
        board.move_wave(at, wave, W.HELD, "paused by an operator")
        return True
    if wave.count(SETTLED) < len(wave.wave.hosts) or wave.asked:
        return False
    if not wave.count(PROVEN) and not wave.accepted:
        _halt(board, wave, at, "no host of the wave could be proved", person=True)
        return True
    bake = wave.wave.bake if wave.count(MOVED) else 0.0  # what was there already has baked
    wave.bake_until = at + bake
    board.move_wave(at, wave, W.BAKING)
    if bake:
        board.instruct(WakeAt(wave.bake_until))
    return True


def _baking(board: Board, wave: WaveRecord, at: float) -> bool:
    if _over(board, wave, at):
        return True
    if at < wave.bake_until:
        return board.paused and _leave(board)
    if wave.wave.bake and not wave.proved and not wave.proving:
        wave.proving = True
        line_up(board, (n for n in wave.wave.hosts if board.hosts[n].state in MOVED), Action.SAMPLE)
        work_off(board, at)
    if _over(board, wave, at):
        return True
    if board.asked or board.backlog:
        return False
    wave.proving = False
    wave.proved = True
    if board.rules >= Rules.SECOND and not _committed(board, wave, at):
        return False
    _pass(board, wave, at)
    return True


def _committed(board: Board, wave: WaveRecord, at: float) -> bool:
    """Tell whether all is committed that a wave's success commits, and see to it.

    First each host that waited is asked whether it still has the release: one that went back by
    itself halts the wave before the others are committed.
    """
    if not wave.heard:
        wave.heard = True
        bring_forward(board, at)
    renew(board, at)
    if not board.asked and not wave.committing:
        wave.committing = True
        _line_up_commits(board, last=wave is board.waves[-1])
        work_off(board, at)
    return not board.asked


def _pass(board: Board, wave: WaveRecord, at: float) -> None:
    board.move_wave(at, wave, W.PASSED)
    last = wave is board.waves[-1]
    if board.rules < Rules.SECOND:
        _line_up_commits(board, last=last)
    board.current += 1


def _line_up_commits(board: Board, *, last: bool) -> None:
    """Commit the hosts of the present wave, or with ``commit: run`` those of all at the end."""
    scope: Mapping[CommitScope, list[WaveRecord]] = {CommitScope.RUN: board.waves if last else []}
    for record in scope.get(board.spec.commit, [board.wave]):
        names = (n for n in record.wave.hosts if board.hosts[n].state is H.CONFIRMED)
        line_up(board, names, Action.COMMIT)


def _passed(board: Board, wave: WaveRecord, at: float) -> bool:
    if not board.asked and not board.backlog and board.rolling_back_run:
        _go_back(board, wave, at, "the run goes back")
        return True
    return _leave(board)


def _halted(board: Board, wave: WaveRecord, at: float) -> bool:
    if board.asked or board.backlog:
        return False
    if _goes_back(board, wave):
        _go_back(board, wave, at, wave.reason)
        return True
    return _leave(board)


def _goes_back(board: Board, wave: WaveRecord) -> bool:
    by_policy = board.spec.on_halt is not OnHalt.HOLD
    return board.rolling_back_run or (by_policy and not wave.inconclusive and not board.aborted)


def _go_back(board: Board, wave: WaveRecord, at: float, reason: str) -> None:
    together = board.spec.commit is CommitScope.RUN  # what is committed together goes back together
    if together or board.spec.on_halt is OnHalt.ROLLBACK_RUN:
        board.rolling_back_run = True
    board.move_wave(at, wave, W.ROLLING_BACK, reason)
    board.rolled_back = True
    withdraw_staged(board)
    back = [n for n in reversed(wave.wave.hosts) if board.hosts[n].state in MOVED]
    for name in back:
        board.hosts[name].going_back = True
    line_up(board, back, Action.REVERT)
    work_off(board, at)


def _rolling_back(board: Board, wave: WaveRecord, at: float) -> bool:
    if board.asked or board.backlog:
        return False
    stranded = wave.counts[H.STRANDED]
    board.move_wave(at, wave, W.STRANDED if stranded else W.ROLLED_BACK, wave.reason)
    return True


def _rolled_back(board: Board, _wave: WaveRecord, at: float) -> bool:
    earlier = board.waves[board.current - 1] if board.current else None
    if board.rolling_back_run and earlier is not None:
        board.current -= 1
        _go_back(board, earlier, at, "the run goes back")
        return True
    board.finish()
    return False


def _over(board: Board, wave: WaveRecord, at: float) -> bool:
    """Halt the wave when a budget is exceeded, or when hosts could not be measured."""
    unmeasured = wave.unmeasured - wave.forgiven_unmeasured
    if over := board.over_budget(wave):
        _halt(board, wave, at, over)
    elif unmeasured:
        _halt(board, wave, at, f"checks of {unmeasured} hosts were inconclusive", person=True)
    else:
        return False
    return True


def _leave(board: Board) -> bool:
    if board.aborted and not board.let_go:
        _let_go(board)
    if board.asked or board.backlog:
        return False
    line_up(board, held(board), Action.KEEP)
    if board.rules >= Rules.SECOND:
        gates.ask_all_again(board)
        line_up(board, gates.leaving(board), Action.UNRESERVE)
    if not board.backlog:
        board.finish()
    return False


def _let_go(board: Board) -> None:
    """End an aborted run where it stands: no host keeps a lock that nobody would take from it."""
    board.let_go = True
    withdraw_staged(board)
    names = (name for name, host in board.hosts.items() if host.state is H.CONFIRMED)
    line_up(board, names, Action.COMMIT)


def _halt(board: Board, wave: WaveRecord, at: float, reason: str, *, person: bool = False) -> None:
    wave.inconclusive = person
    wave.heard = wave.committing = False
    board.backlog.clear()
    board.move_wave(at, wave, W.HALTED, reason)


def _stalled(board: Board) -> bool:
    waiting = board.staged or board.pending
    idle = not board.asked and not board.backlog and not board.held_back
    return bool(waiting) and idle and not board.paused


def _sample(board: Board) -> list[str]:
    """Choose the hosts of earlier waves that are proved again: stable, and different each wave."""
    moved = (
        name
        for record in board.waves[: board.current]
        for name in record.wave.hosts
        if board.hosts[name].state in MOVED
    )
    salt = f"{board.started.run}:{board.current}:"
    chosen = heapq.nsmallest(
        board.spec.resample, moved, key=lambda n: hashlib.sha256((salt + n).encode()).digest()
    )
    return sorted(chosen, key=lambda name: (board.hosts[name].wave, name))


_PROGRESS: Mapping[WaveState, Callable[[Board, WaveRecord, float], bool]] = {
    W.QUEUED: _queued,
    W.HELD: _held,
    W.OPEN: _open,
    W.BAKING: _baking,
    W.PASSED: _passed,
    W.HALTED: _halted,
    W.ROLLING_BACK: _rolling_back,
    W.ROLLED_BACK: _rolled_back,
    W.STRANDED: _rolled_back,
}
