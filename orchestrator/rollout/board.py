"""The board: the mutable state of one rollout, and the only place that moves a piece on it.

Counters are kept as pieces move, so that every rule costs the same for 10 and for 50,000 hosts.
"""

from __future__ import annotations

from collections import Counter, deque

from orchestrator.errors import InvalidTransition
from orchestrator.model.event import Action, RunStarted
from orchestrator.rollout.budgets import exceeded, unavailable_at_once
from orchestrator.rollout.records import (
    Finish,
    HostMoved,
    HostRecord,
    Instruction,
    Perform,
    Reaction,
    Transition,
    WaveMoved,
    WaveRecord,
)
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import IN_FLIGHT, OUT_OF_SERVICE, SETTLED, HostState, WaveState
from orchestrator.rollout.tables import HOST_MOVES, WAVE_MOVES


class Board:
    """Hosts, waves, counters, and what the present event has caused so far."""

    def __init__(self, started: RunStarted) -> None:
        self.started = started
        self.spec = started.spec
        self.waves = [WaveRecord(wave, since=started.at) for wave in self.spec.waves]
        self.hosts = {
            name: HostRecord(name, index, self.spec.zones.get(name, ""), since=started.at)
            for index, wave in enumerate(self.spec.waves)
            for name in wave.hosts
        }
        for record in self.waves:
            record.counts[HostState.PENDING] = len(record.wave.hosts)
            record.size = len(record.wave.hosts)
        self.zone_sizes = Counter(host.zone for host in self.hosts.values())
        self.out_of_service: Counter[str] = Counter()
        self.in_flight = 0
        self.asked = 0
        self.renewing = 0
        """How many of the actions asked of hosts are renewals."""
        self.rules: int = Rules.FIRST
        self.current = 0
        self.paused = False
        self.aborted = False
        self.let_go = False
        """An aborted run has asked for what lets go of its hosts."""
        self.rolling_back_run = False
        self.rolled_back = False
        self.finished = False
        self.pending: deque[str] = deque()
        """Hosts of the current wave that were not admitted yet."""
        self.staged: dict[str, deque[str]] = {}
        """Staged hosts that wait for their zone's unavailability budget."""
        self.gated = frozenset(self.spec.gated or self.hosts) if self.spec.reserves else frozenset()
        self.at_gates: Counter[str] = Counter()
        """Hosts of each zone that ask their gates, or have passed them and are not activated."""
        self.held_back: list[tuple[float, str]] = []
        """When hosts that a gate holds ask it again: a heap. They take no place meanwhile."""
        self.renewals: list[tuple[float, str]] = []
        """When hosts that are held on trial need more time: a heap."""
        self.wake = 0.0
        """When the run will be woken for the next of them."""
        self.backlog: deque[tuple[str, Action]] = deque()
        """Bulk work (proving again, committing, going back) that waits for a free place."""
        self._transitions: list[Transition] = []
        self._instructions: list[Instruction] = []

    @property
    def wave(self) -> WaveRecord:
        """Return the wave whose turn it is (the last one, when all have had theirs)."""
        return self.waves[min(self.current, len(self.waves) - 1)]

    def move_host(self, at: float, host: HostRecord, after: HostState, reason: str = "") -> None:
        """Move a host along its table, and every counter with it.

        Raises InvalidTransition, with the host's story, for a move that the table lacks.
        """
        before = host.state
        if after not in HOST_MOVES[before]:
            raise InvalidTransition(self._story(host, after))
        wave = self.waves[host.wave]
        was_out = self._is_out(host)
        wave.counts[before] -= 1
        wave.counts[after] += 1
        self.in_flight += (after in IN_FLIGHT) - (before in IN_FLIGHT)
        host.state = after
        host.since = at
        host.reason = reason or host.reason
        if after is not HostState.STAGED:
            self.leaves_gate(host)
        self._recount(host, was_out=was_out)
        moved = HostMoved(at, host.name, wave.wave.name, before, after, reason)
        host.story.append(moved)
        self._transitions.append(moved)

    def at_gate(self, host: HostRecord) -> None:
        """Note that a host asks its gate."""
        self.at_gates[host.zone] += not host.at_gate
        host.at_gate = True

    def leaves_gate(self, host: HostRecord) -> None:
        """Note that a host has no business at a gate, or no longer."""
        self.at_gates[host.zone] -= host.at_gate
        host.at_gate, host.gate = False, ""

    def move_wave(self, at: float, wave: WaveRecord, after: WaveState, reason: str = "") -> None:
        """Move a wave along its table; raises InvalidTransition."""
        before = wave.state
        if after not in WAVE_MOVES[before]:
            message = f"wave {wave.wave.name} cannot go from {before} to {after}"
            raise InvalidTransition(message)
        wave.state = after
        wave.since = at
        wave.reason = reason
        self._transitions.append(WaveMoved(at, wave.wave.name, before, after, reason))

    def ask(self, host: HostRecord, action: Action) -> None:
        """Instruct the driver to do ``action`` on ``host``."""
        if host.asked is not None:
            message = f"host {host.name} is asked for {action} while {host.asked} is under way"
            raise InvalidTransition(message)
        host.attempt = host.attempt + 1 if host.asked_before is action else 1
        host.asked_before = action
        host.asked = action
        host.begun = False
        self.asked += 1
        self.renewing += action is Action.RENEW
        self.waves[host.wave].asked += 1
        self.instruct(Perform(host.name, action, host.attempt))

    def answered(self, host: HostRecord) -> None:
        """Note that the outcome of what was asked of ``host`` is known."""
        self.renewing -= host.asked is Action.RENEW
        host.asked = None
        host.begun = False
        self.asked -= 1
        self.waves[host.wave].asked -= 1

    @property
    def busy(self) -> int:
        """Return how many actions under way take a place: renewals have places of their own."""
        return self.asked - (self.renewing if self.rules >= Rules.SECOND else 0)

    @property
    def places(self) -> int:
        """Return how many hosts take a place of ``max_parallel``."""
        return self.in_flight - len(self.held_back)

    def instruct(self, instruction: Instruction) -> None:
        """Add an instruction for the driver."""
        self._instructions.append(instruction)

    def finish(self) -> None:
        """Tell the driver, once, that nothing more will happen without an operator."""
        if not self.finished:
            self.finished = True
            self.instruct(Finish())

    def blame(self, host: HostRecord, *, unreachable: bool = False) -> None:
        """Count a host, once, against the failure or unreachable budget of the present wave."""
        if unreachable and not host.unreachable:
            was_out = self._is_out(host)
            host.unreachable = True
            self.wave.unreachable += 1
            self._recount(host, was_out=was_out)
        elif not unreachable and not host.failed:
            host.failed = True
            self.wave.failures += 1

    def not_measured(self, host: HostRecord) -> None:
        """Note that a check gave no answer: the host goes back, its wave waits for a person."""
        host.failed = True
        self.wave.unmeasured += 1

    def has_room(self, zone: str) -> bool:
        """Tell whether one more host of ``zone`` may go out of service."""
        return self.out_of_service[zone] < self.room(zone)

    def room(self, zone: str) -> int:
        """Return how many hosts of ``zone`` may be out of service at once."""
        budget = self.spec.max_unavailable
        size = self.zone_sizes[zone]
        return size if budget is None else unavailable_at_once(budget.limit, size)

    def over_budget(self, wave: WaveRecord) -> str:
        """Return in words which budget of the wave is exceeded, or the empty string."""
        finished = wave.count(SETTLED)
        failures = wave.failures - wave.forgiven_failures
        limit = self.spec.max_failures
        if exceeded(limit.limit, limit.min_sample, bad=failures, finished=finished, size=wave.size):
            return f"{failures} of {wave.size} hosts failed, more than max_failures {limit.limit}"
        silent = wave.unreachable - wave.forgiven_unreachable
        bound = self.spec.max_unreachable
        if exceeded(bound.limit, bound.min_sample, bad=silent, finished=finished, size=wave.size):
            return (
                f"{silent} of {wave.size} hosts are unreachable, "
                f"more than max_unreachable {bound.limit}"
            )
        return ""

    def reaction(self) -> Reaction:
        """Hand out, and forget, what the present event has caused."""
        made = Reaction(tuple(self._transitions), tuple(self._instructions))
        self._transitions.clear()
        self._instructions.clear()
        return made

    def _is_out(self, host: HostRecord) -> bool:
        return host.unreachable or host.state in OUT_OF_SERVICE

    def _recount(self, host: HostRecord, *, was_out: bool) -> None:
        self.out_of_service[host.zone] += self._is_out(host) - was_out

    def _story(self, host: HostRecord, after: HostState) -> str:
        lines = [f"host {host.name} cannot go from {host.state} to {after}; its story:"]
        lines += [
            f"  {moved.at:.3f} {moved.before} -> {moved.after} {moved.reason}".rstrip()
            for moved in host.story
        ]
        return "\n".join(lines)
