"""Hosts at the gate before their activation: who may ask it, who is held, who leaves it.

A question at a gate is short. Whoever is held asks again as long as the wave is open, and holds
nobody up meanwhile: neither other hosts, nor an operator.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping

from orchestrator.model.event import Action, ActionEnded
from orchestrator.rollout.board import Board
from orchestrator.rollout.records import HostRecord, WakeAt
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import HostState as H


def may_ask(board: Board, host: HostRecord) -> bool:
    """Tell whether a host may ask its gate: no more do than can be activated with what they get."""
    if host.at_gate or board.rules < Rules.SECOND:
        return True
    zone = host.zone
    room = board.room(zone) - board.out_of_service[zone] - board.at_gates[zone]
    return room > 0 and board.at_gates.total() < board.spec.max_parallel


def ask(board: Board, host: HostRecord) -> None:
    """Let a host ask its gate."""
    board.at_gate(host)
    board.ask(host, Action.RESERVE)


def passed(board: Board, host: HostRecord) -> None:
    """Let a host that has its place go first."""
    board.at_gate(host)
    host.reserved, host.gate = True, ""
    board.staged.setdefault(host.zone, deque()).appendleft(host.name)


def is_patient(event: ActionEnded, host: HostRecord) -> bool:
    """Tell whether the gate that says no may be asked again: each for as long as it says."""
    if (gate := str(_held(event).get("gate"))) != host.gate:
        host.gate, host.gate_since = gate, event.at
    return event.at < host.gate_since + _seconds(event, "wait")


def wait(board: Board, event: ActionEnded, host: HostRecord) -> None:
    """Let a host that is held ask again later."""
    host.gate_again = event.at + _seconds(event, "again")
    heapq.heappush(board.held_back, (host.gate_again, host.name))
    board.instruct(WakeAt(host.gate_again))


def ask_again(board: Board, at: float) -> None:
    """Let those that a gate held take their turn again when it has come."""
    while board.held_back and board.held_back[0][0] <= at:
        _, name = heapq.heappop(board.held_back)
        zone = board.hosts[name].zone
        board.staged.setdefault(zone, deque()).appendleft(name)


def ask_all_again(board: Board) -> None:
    """Let everyone who is held take a turn as soon as there are any."""
    ask_again(board, float("inf"))


def leaving(board: Board) -> Iterable[str]:
    """Return the staged hosts that have, or may have, a place that they will not use for now."""
    return (
        name
        for names in board.staged.values()
        for name in names
        if board.hosts[name].reserved or board.hosts[name].at_gate
    )


def leave(board: Board, host: HostRecord) -> None:
    """Let a staged host give back what it got; it takes its turn with the others after that."""
    board.staged[host.zone].remove(host.name)
    board.ask(host, Action.UNRESERVE)


def left(board: Board, host: HostRecord) -> None:
    """Note that a host has given back what it got."""
    host.reserved = False
    board.leaves_gate(host)


def held_hosts(board: Board) -> Iterable[HostRecord]:
    """Return the hosts that a gate holds, those first that ask again first."""
    return (board.hosts[name] for _, name in sorted(board.held_back))


def is_held(host: HostRecord) -> bool:
    """Tell whether the last that a gate said to the host was no."""
    return host.state is H.STAGED and bool(host.gate)


def _held(event: ActionEnded) -> Mapping[str, object]:
    told = event.facts.get("held")
    return told if isinstance(told, Mapping) else {}


def _seconds(event: ActionEnded, key: str) -> float:
    value = _held(event).get(key)
    return float(value) if isinstance(value, int | float) else 0.0
