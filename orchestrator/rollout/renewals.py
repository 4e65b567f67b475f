"""Hosts held on trial until their commit: more time for them while the run is there to give it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from orchestrator.model.event import Action
from orchestrator.rollout.board import Board
from orchestrator.rollout.records import HostRecord, WakeAt
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import HostState as H

DUE = 1 / 2
"""The part of a renewal after which the next one is due."""
TOGETHER = 1 / 16
"""The part of a renewal within which hosts are renewed together, and asked again if silent."""
AT_ONCE = 10
"""Renewals that may always be under way at once, however small ``max_parallel`` is."""


def hold(board: Board, at: float, host: HostRecord, *, part: float = DUE) -> None:
    """Note that a confirmed host is held on trial; it needs time after this part of a renewal."""
    if board.spec.renewal:
        host.held = True
        heapq.heappush(board.renewals, (at + board.spec.renewal * part, host.name))


def renew_all(board: Board, at: float) -> None:
    """Let every host that is held be asked at once: nobody has while the controller was away."""
    board.renewals = [(at, name) for name in sorted(held(board))]
    board.wake = 0.0


def bring_forward(board: Board, at: float) -> None:
    """Let each host be asked at once that was not heard of for a while: a commit comes next."""
    lately = at + board.spec.renewal * (DUE - TOGETHER)
    board.renewals = [(min(at, due) if due <= lately else due, n) for due, n in board.renewals]
    heapq.heapify(board.renewals)


def renew(board: Board, at: float) -> None:
    """Ask for more time for those that need it, as far as places are free; wake for the next."""
    while board.renewals and board.renewals[0][0] <= at:
        if _full(board):
            return
        _, name = heapq.heappop(board.renewals)
        host = board.hosts[name]
        if _is_held(host) and host.asked is None:
            board.ask(host, Action.RENEW)
        elif _is_held(host):
            heapq.heappush(board.renewals, (at + board.spec.renewal * TOGETHER, name))
    _wake(board, at)


def held(board: Board) -> Iterable[str]:
    """Return the hosts that are held on trial."""
    return (name for name, host in board.hosts.items() if _is_held(host))


def _full(board: Board) -> bool:
    """Tell whether a renewal must wait; other work never makes it wait, or hosts would go back."""
    if board.rules < Rules.SECOND:
        return board.asked >= board.spec.max_parallel
    return board.renewing >= max(AT_ONCE, board.spec.max_parallel)


def _is_held(host: HostRecord) -> bool:
    return host.held and host.state is H.CONFIRMED


def _wake(board: Board, at: float) -> None:
    if not board.renewals or board.finished:
        return
    wake = board.renewals[0][0] + board.spec.renewal * TOGETHER
    if board.wake <= at or wake < board.wake:
        board.wake = wake
        board.instruct(WakeAt(wake))
