"""Hosts held on trial until their commit: more time for them while the run is there to give it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from orchestrator.model.event import Action
from orchestrator.rollout.board import Board
from orchestrator.rollout.records import HostRecord, WakeAt
from orchestrator.rollout.states import HostState as H

DUE = 1 / 2
"""The part of a renewal after which the next one is due."""
TOGETHER = 1 / 16
"""The part of a renewal within which hosts are renewed together."""


def hold(board: Board, at: float, host: HostRecord, *, now: bool = False) -> None:
    """Note that a confirmed host is held on trial; it needs time later, or ``now``."""
    if board.spec.renewal:
        host.held = True
        later = 0.0 if now else board.spec.renewal * DUE
        heapq.heappush(board.renewals, (at + later, host.name))


def renew_all(board: Board, at: float) -> None:
    """Let every host that is held be asked at once: nobody has while the controller was away."""
    board.renewals = [(at, name) for name in sorted(held(board))]
    board.wake = 0.0


def renew(board: Board, at: float) -> None:
    """Ask for more time for those that need it, as far as places are free; wake for the next."""
    while board.renewals and board.renewals[0][0] <= at:
        if board.asked >= board.spec.max_parallel:
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


def _is_held(host: HostRecord) -> bool:
    return host.held and host.state is H.CONFIRMED


def _wake(board: Board, at: float) -> None:
    if board.renewals and not board.finished and board.wake <= at:
        board.wake = board.renewals[0][0] + board.spec.renewal * TOGETHER
        board.instruct(WakeAt(board.wake))
