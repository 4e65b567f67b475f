"""A world of modelled hosts for the core: answers instructions, checks safety after each event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.model.event import (
    Action,
    ActionBegun,
    ActionEnded,
    ControllerStarted,
    Event,
    OperatorAsked,
    Request,
    Result,
    RunStarted,
    TimePassed,
)
from orchestrator.model.plan import CommitScope
from orchestrator.model.wave import RolloutSpec, Wave
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import Finish, HostMoved, Perform, Reaction, WakeAt
from orchestrator.rollout.renewals import AT_ONCE
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import IN_FLIGHT, OUT_OF_SERVICE
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W

GOOD = {
    Action.RESOLVE: Result.IS_STAGED,
}
Answer = Callable[[Perform], Result]
Facts = Callable[[Perform], dict[str, object]]


def good(perform: Perform) -> Result:
    return GOOD.get(perform.action, Result.DONE)


def no_facts(_perform: Perform) -> dict[str, object]:
    return {}


def spec(*waves: int, bake: float = 0.0, **policy: object) -> RolloutSpec:
    """Waves of so many hosts each, named w0, w1 …; hosts are w0-1, w0-2 …"""
    made = tuple(
        Wave(f"w{i}", f"w{i}", tuple(f"w{i}-{n}" for n in range(1, size + 1)), bake)
        for i, size in enumerate(waves)
    )
    return RolloutSpec(made, **policy)  # type: ignore[arg-type]


def started(spec: RolloutSpec) -> RunStarted:
    return RunStarted(0.0, "run-1", "p", "plan.yml", "d", "op", "n", spec)


@dataclass
class World:
    """Feeds a rollout; ``todo`` is what the core has instructed and nobody has done yet."""

    spec: RolloutSpec
    answer: Answer = good
    facts: Facts = no_facts
    now: float = 0.0
    rules: Rules = Rules.LATEST
    todo: list[Perform] = field(default_factory=list)
    wakes: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    moves: list[HostMoved] = field(default_factory=list)
    finished: bool = False

    def __post_init__(self) -> None:
        first = started(self.spec)
        self.events.append(first)
        self.rollout = Rollout(first)
        self.feed(ControllerStarted(self.now, "c1", self.rules))

    def feed(self, event: Event) -> Reaction:
        self.events.append(event)
        before = {name: host.state for name, host in self.rollout.hosts.items()}
        reaction = self.rollout.handle(event)
        self._take(reaction)
        self._check_safety(before, reaction)
        if not isinstance(event, ActionBegun | ControllerStarted):
            self._nobody_is_committed_beside_one_that_failed(reaction)
        if not isinstance(event, ActionBegun):
            self._no_renewal_waits_for_other_work()
            self._no_more_places_are_asked_for_than_can_be_used(reaction)
        return reaction

    def ask(self, request: Request) -> None:
        self.finished = False
        self.feed(OperatorAsked(self.now, request, "op"))

    def do(self, perform: Perform, result: Result | None = None) -> None:
        """Carry one instruction out: intent, then outcome."""
        self.todo.remove(perform)
        self.now += 1
        self.feed(ActionBegun(self.now, perform.host, perform.action, perform.attempt))
        found = result or self.answer(perform)
        facts = self.facts(perform)
        self.feed(
            ActionEnded(self.now, perform.host, perform.action, found, perform.attempt, facts=facts)
        )

    def restart(self, begun: int = 0) -> None:
        """Kill the controller with the first ``begun`` instructions begun; fold, and go on."""
        for perform in self.todo[:begun]:
            self.events.append(ActionBegun(self.now, perform.host, perform.action, perform.attempt))
        self.rollout = Rollout.fold(self.events)
        self.todo.clear()
        self.wakes.clear()
        self.finished = False
        self.feed(ControllerStarted(self.now, "c2", self.rules))

    def settle(self, limit: int = 100_000) -> None:
        """Run until the core says that nothing more will happen."""
        for _ in range(limit):
            if self.finished and not self.todo:
                return
            self.step()
        raise AssertionError("does not end")

    def step(self) -> None:
        """Do what was asked first, or let time pass where nothing is."""
        if self.todo:
            self.do(self.todo[0])
            return
        assert self.wakes, f"stuck: {self.states()} {self.wave_states()}"
        self.now = max(self.now, self.wakes.pop(self.wakes.index(min(self.wakes))))
        self.feed(TimePassed(self.now))

    def states(self) -> dict[str, H]:
        return {name: host.state for name, host in self.rollout.hosts.items()}

    def wave_states(self) -> list[W]:
        return [record.state for record in self.rollout.waves]

    def count(self, state: H) -> int:
        return Counter(self.states().values())[state]

    def _take(self, reaction: Reaction) -> None:
        for instruction in reaction.instructions:
            if isinstance(instruction, Perform):
                self.todo.append(instruction)
            elif isinstance(instruction, WakeAt):
                self.wakes.append(instruction.at)
            elif isinstance(instruction, Finish):
                self.finished = True
        self.moves += [m for m in reaction.transitions if isinstance(m, HostMoved)]

    # -- the named safety properties --------------------------------------------------------

    def _check_safety(self, before: dict[str, H], reaction: Reaction) -> None:
        self._one_action_at_a_time()
        self._counters_tell_the_truth()
        for move in reaction.transitions:
            again = isinstance(move, HostMoved) and before[move.host] is H.IN_DOUBT
            if isinstance(move, HostMoved) and move.after is H.ACTIVATING and not again:
                self._activation_is_allowed(move)
            if isinstance(move, HostMoved) and move.after is H.CHECKING:
                assert self._wave_of(move.host).state in {W.OPEN, W.HALTED}, (
                    "admitted by no open wave"
                )

    def _one_action_at_a_time(self) -> None:
        asked = Counter(perform.host for perform in self.todo)
        assert not asked or max(asked.values()) == 1, "two actions at once on a host"

    def _nobody_is_committed_beside_one_that_failed(self, reaction: Reaction) -> None:
        board = self.rollout.board
        for asked in reaction.instructions:
            if isinstance(asked, Perform) and asked.action is Action.COMMIT and not board.aborted:
                alone = self.spec.commit is CommitScope.HOST
                assert alone or self._wave_of(asked.host).state is not W.HALTED, "halted"

    def _no_renewal_waits_for_other_work(self) -> None:
        board = self.rollout.board
        if board.rules >= Rules.SECOND and board.renewals:
            overdue = board.renewals[0][0] <= self.now
            assert not overdue or board.renewing >= AT_ONCE, "a renewal waits"

    def _no_more_places_are_asked_for_than_can_be_used(self, reaction: Reaction) -> None:
        board = self.rollout.board
        new = [
            self.rollout.hosts[it.host]
            for it in reaction.instructions
            if isinstance(it, Perform) and (it.action, it.attempt) == (Action.RESERVE, 1)
        ]
        if board.rules < Rules.SECOND or not new:
            return
        assert board.at_gates.total() <= self.spec.max_parallel, "a crowd at the gates"
        everyone = not self.spec.gated  # others may go while a host with a gate asks it
        for zone in {host.zone for host in new if everyone}:
            used = board.out_of_service[zone] + board.at_gates[zone]
            assert used <= board.room(zone), "more places than hosts that may be activated"

    def _never_over_max_parallel(self) -> None:
        """Nobody is admitted over the limit; a host that must go back does not wait for it."""
        admitted = sum(host.state in IN_FLIGHT for host in self.rollout.hosts.values())
        assert admitted <= self.spec.max_parallel, "over max_parallel"

    def _counters_tell_the_truth(self) -> None:
        board = self.rollout.board
        hosts = list(board.hosts.values())
        assert board.in_flight == sum(host.state in IN_FLIGHT for host in hosts)
        assert board.asked == sum(host.asked is not None for host in hosts)
        at_gates = Counter(host.zone for host in hosts if host.at_gate)
        assert {z: n for z, n in board.at_gates.items() if n} == dict(at_gates)
        assert board.renewing == sum(host.asked is Action.RENEW for host in hosts)
        for index, record in enumerate(board.waves):
            members = [host for host in hosts if host.wave == index]
            assert record.asked == sum(host.asked is not None for host in members)
            real = Counter(host.state for host in members)
            assert {s: n for s, n in record.counts.items() if n} == dict(real)
        out = Counter(
            host.zone for host in hosts if host.unreachable or host.state in OUT_OF_SERVICE
        )
        assert {z: n for z, n in board.out_of_service.items() if n} == dict(out)

    def _activation_is_allowed(self, move: HostMoved) -> None:
        host = self.rollout.hosts[move.host]
        wave = self._wave_of(move.host)
        assert wave.state in {W.OPEN, W.HALTED}, f"activated while the wave is {wave.state}"
        for earlier in self.rollout.waves[: host.wave]:
            assert earlier.state is W.PASSED, "activated before an earlier wave passed"
        board = self.rollout.board
        assert board.out_of_service[host.zone] <= board.room(host.zone), "over max_unavailable"

    def _wave_of(self, name: str):
        return self.rollout.waves[self.rollout.hosts[name].wave]
