"""Why something waits: which gate, held by what, since when (``fleet why``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from orchestrator.model.event import Action
from orchestrator.rollout import gates
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import HostRecord, WaveRecord
from orchestrator.rollout.states import IN_FLIGHT, OUT_OF_SERVICE, SETTLED
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W

SHOWN = 5
GATE = "reboot lock"


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason to wait.

    ``gate`` names the rule, ``held_by`` what it waits for; ``since`` and ``until`` are seconds
    since the epoch, and ``until``, the earliest end, is ``None`` when no clock decides it.
    """

    gate: str
    held_by: str
    since: float
    until: float | None = None


def why_run(rollout: Rollout) -> tuple[Hold, ...]:
    """Return what the run as a whole waits for; empty when it is over."""
    board = rollout.board
    wave = board.wave
    holds = []
    if board.paused:
        holds.append(Hold("pause", "an operator paused the run: fleet resume", wave.since))
    holds += _WAVE_HOLDS[wave.state](rollout, wave)
    return tuple(holds)


def why_host(rollout: Rollout, name: str) -> tuple[Hold, ...]:
    """Return what ``name`` waits for; empty when nothing more will happen to it."""
    host = rollout.hosts[name]
    wave = rollout.waves[host.wave]
    if gates.is_held(host):
        return (Hold(GATE, host.reason, host.gate_since, host.gate_again),)
    if host.asked is not None:
        attempt = f", attempt {host.attempt}" if host.attempt > 1 else ""
        gate, held_by = _ASKED.get(host.asked, ("action", f"{host.asked} is under way"))
        return (Hold(gate, f"{held_by}{attempt}", host.since),)
    if host.state is H.STAGED and wave.state is W.OPEN:
        return (_turn_at_gate(rollout, host) or _budget(rollout, host),)
    if host.state in {H.PENDING, H.STAGED, H.CONFIRMED}:
        return _behind_wave(rollout, host, wave)
    return ()


def _behind_wave(rollout: Rollout, host: HostRecord, wave: WaveRecord) -> tuple[Hold, ...]:
    current = rollout.board.wave
    if wave.state is W.QUEUED:
        turn = Hold(
            "wave order", f"wave {wave.wave.name} follows {current.wave.name}", current.since
        )
        return (turn, *why_run(rollout))
    if host.state is H.PENDING and wave.state is W.OPEN:
        return (_place(rollout, wave),)
    if host.state is H.CONFIRMED:
        scope = rollout.board.spec.commit
        return (Hold("commit", f"commit: {scope}, the {scope} has not passed", host.since),)
    return why_run(rollout)


def _place(rollout: Rollout, wave: WaveRecord) -> Hold:
    board = rollout.board
    hosts = rollout.hosts.values()
    busy = _names(host for host in hosts if host.state in IN_FLIGHT and not gates.is_held(host))
    taken = f"{board.places} of {board.spec.max_parallel} places are taken, by {busy}"
    return Hold("max_parallel", taken, wave.since)


def _turn_at_gate(rollout: Rollout, host: HostRecord) -> Hold | None:
    """Return which other hosts ask their gates before this one, where that is what it waits for."""
    board = rollout.board
    waits = host.name in board.gated and not host.at_gate and board.has_room(host.zone)
    if not waits or not board.at_gates.total():
        return None
    others = _names(other for other in rollout.hosts.values() if other.at_gate)
    return Hold(GATE, f"others ask for a place before it: {others}", host.since)


def _budget(rollout: Rollout, host: HostRecord) -> Hold:
    board = rollout.board
    out = _names(
        other
        for other in rollout.hosts.values()
        if other.zone == host.zone and (other.unreachable or other.state in OUT_OF_SERVICE)
    )
    where = f" in {host.zone}" if host.zone else ""
    room = board.room(host.zone)
    used = board.out_of_service[host.zone]
    return Hold(
        "max_unavailable", f"{used} of {room} hosts{where} are out of service: {out}", host.since
    )


def _names(hosts: Iterator[HostRecord]) -> str:
    shown = [f"{host.name} ({host.state})" for host in islice(hosts, SHOWN + 1)]
    return ", ".join(shown[:SHOWN]) + (", …" if len(shown) > SHOWN else "")


def _between(rollout: Rollout, wave: WaveRecord) -> tuple[Hold, ...]:
    if not rollout.board.asked:
        return ()
    held_by = "hosts of earlier waves are proved again" if wave.proving else "hosts are committed"
    return (Hold("earlier waves", f"{held_by}: {rollout.board.asked} under way", wave.since),)


def _open(rollout: Rollout, wave: WaveRecord) -> tuple[Hold, ...]:
    left = wave.size - wave.count(SETTLED)
    to_go = Hold("wave", f"{wave.wave.name}: {left} of {wave.size} hosts to go", wave.since)
    return (to_go, *_held_by_gates(rollout))


def _held_by_gates(rollout: Rollout) -> tuple[Hold, ...]:
    """Return which hosts gates hold: one reason for each thing that gates say."""
    said: dict[str, list[HostRecord]] = {}
    for host in gates.held_hosts(rollout.board):
        said.setdefault(host.reason, []).append(host)
    return tuple(
        Hold(
            GATE,
            f"{_names(iter(hosts))}: {reason}",
            min(host.gate_since for host in hosts),
            min(host.gate_again for host in hosts),
        )
        for reason, hosts in islice(said.items(), SHOWN)
    )


def _baking(rollout: Rollout, wave: WaveRecord) -> tuple[Hold, ...]:
    if wave.heard:
        held_by = f"hosts are renewed, then committed: {rollout.board.asked} under way"
        return (Hold("commit", held_by, wave.since),)
    if wave.proving:
        left = rollout.board.asked
        return (Hold("bake", f"hosts are proved again: {left} under way", wave.since),)
    return (Hold("bake", f"{wave.wave.name} bakes", wave.since, wave.bake_until),)


def _halted(_rollout: Rollout, wave: WaveRecord) -> tuple[Hold, ...]:
    return (Hold("halt", f"{wave.wave.name} is halted: {wave.reason}", wave.since),)


_ASKED: Mapping[Action, tuple[str, str]] = {
    Action.RESERVE: (GATE, "it waits for a place among those that may reboot"),
    Action.REBOOT: ("reboot", "it reboots, and must come back on another boot"),
}
"""Actions that are a wait in themselves: which gate, held by what."""

_WAVE_HOLDS: Mapping[W, Callable[[Rollout, WaveRecord], tuple[Hold, ...]]] = {
    W.QUEUED: _between,
    W.HELD: _between,
    W.OPEN: _open,
    W.BAKING: _baking,
    W.PASSED: _between,
    W.HALTED: _halted,
    W.ROLLING_BACK: _halted,
    W.ROLLED_BACK: _between,
    W.STRANDED: _between,
}
