"""A world in which actions take time, beside each other."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from itertools import count, pairwise

from orchestrator.model.event import (
    Action,
    ActionBegun,
    ActionEnded,
    ControllerStarted,
    Event,
    OperatorAsked,
    Request,
    Result,
    TimePassed,
)
from orchestrator.model.wave import RolloutSpec
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import Finish, Perform, Transition, WakeAt
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import HostState as H
from tests.rollout.harness import good, started

Answer = Callable[[float, Perform], tuple[Result, dict[str, object]]]

HEARD = frozenset({Action.CONFIRM, Action.RENEW, Action.COMMIT})


def well(_at: float, perform: Perform) -> tuple[Result, dict[str, object]]:
    return good(perform), {}


class Timed:
    """Carries out each instruction in the seconds that its action takes; 1 unless told."""

    def __init__(
        self, spec: RolloutSpec, took: Mapping[Action, float], answer: Answer = well
    ) -> None:
        first = started(spec)
        self.rollout, self.took, self.answer = Rollout(first), took, answer
        self.now, self.finished = 0.0, False
        self.moves: list[Transition] = []
        self.heard: dict[str, list[float]] = {name: [] for name in self.rollout.hosts}
        self.asked: list[tuple[float, Perform]] = []
        self._queue: list[tuple[float, int, Event | Perform]] = []
        self._number = count()
        self._feed(ControllerStarted(0.0, "c1", Rules.LATEST))

    def ask(self, at: float, request: Request) -> None:
        """Let an operator ask for something at that time."""
        self._put(at, OperatorAsked(at, request, "op"))

    def settle(self, until: float = float("inf")) -> None:
        """Go on until nothing more will happen, or until that time."""
        while self._queue and not self.finished and self._queue[0][0] <= until:
            self.now, _, what = heapq.heappop(self._queue)
            self._feed(self._ended(what) if isinstance(what, Perform) else what)

    def count(self, state: H) -> int:
        return sum(host.state is state for host in self.rollout.hosts.values())

    def longest_unheard(self) -> float:
        """Return for how long a host was on trial, confirmed, and not heard of."""
        return max(b - a for at in self.heard.values() for a, b in pairwise(at))

    def _feed(self, event: Event) -> None:
        reaction = self.rollout.handle(event)
        self.moves += reaction.transitions
        for instruction in reaction.instructions:
            if isinstance(instruction, Perform):
                self._begin(instruction)
            elif isinstance(instruction, WakeAt):
                self._put(instruction.at, TimePassed(instruction.at))
            elif isinstance(instruction, Finish):
                self.finished = True

    def _begin(self, it: Perform) -> None:
        self.asked.append((self.now, it))
        self._put(self.now + self.took.get(it.action, 1.0), it)
        self._feed(ActionBegun(self.now, it.host, it.action, it.attempt))

    def _ended(self, it: Perform) -> Event:
        if it.action in HEARD:
            self.heard[it.host].append(self.now)
        result, facts = self.answer(self.now, it)
        return ActionEnded(self.now, it.host, it.action, result, it.attempt, facts=facts)

    def _put(self, at: float, what: Event | Perform) -> None:
        heapq.heappush(self._queue, (at, next(self._number), what))
