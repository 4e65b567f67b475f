"""Hosts at the gate before their activation: nobody waits for them but themselves."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest

from orchestrator.model.event import Action, ActionEnded, Request, Result
from orchestrator.model.plan import Amount, FailureBudget, OnHalt, UnavailabilityBudget
from orchestrator.model.wave import RolloutSpec
from orchestrator.rollout.explain import why_host, why_run
from orchestrator.rollout.records import Perform, WaveMoved
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W
from tests.rollout.harness import World, good, spec
from tests.rollout.timed import Timed

WAIT, AGAIN = 7200.0, 30.0
TOOK = {Action.STAGE: 5.0, Action.ACTIVATE: 5.0, Action.VALIDATE: 5.0, Action.CONFIRM: 2.0}
FAILS = (Action.VALIDATE, Result.FAILED)
GIVE_BACK = frozenset({Action.UNRESERVE, Action.WITHDRAW, Action.CONFIRM, Action.REVERT})


class Gated(Timed):
    """A gate with ``slots``, and ``others`` who have theirs until then."""

    def __init__(
        self,
        spec: RolloutSpec,
        *,
        others: dict[str, float] | None = None,
        slots: int = 99,
        bad: dict[str, tuple[Action, Result]] | None = None,
    ) -> None:
        self.others, self.slots, self.bad = others or {}, slots, bad or {}
        self.holders: set[str] = set()
        self.most = 0
        super().__init__(spec, TOOK, self.outcome)

    def outcome(self, at: float, it: Perform) -> tuple[Result, dict[str, object]]:
        action, result = self.bad.get(it.host, (None, Result.DONE))
        if it.action in GIVE_BACK:
            self.holders.discard(it.host)
        if it.action is Action.RESERVE and not self.passes(at, it.host):
            return Result.HELD, {"held": {"gate": "lock", "wait": WAIT, "again": AGAIN}}
        return (result, {}) if it.action is action else (good(it), {})

    def passes(self, at: float, host: str) -> bool:
        free = at >= self.others.get(host, 0.0) and len(self.holders - {host}) < self.slots
        self.holders |= {host} if free else set()
        self.most = max(self.most, len(self.holders))
        return free

    def when(self, state: W) -> float:
        return next(m.at for m in self.moves if isinstance(m, WaveMoved) and m.after is state)

    def states(self) -> dict[str, H]:
        return {name: host.state for name, host in self.rollout.hosts.items()}


LONG = {"w0-2": WAIT - 60.0}
"""The second host is held for two hours."""


def test_a_host_that_is_held_passes_when_it_can() -> None:
    world = Gated(spec(2, reserves=True), others={"w0-2": 100.0})
    world.settle()
    assert world.count(H.COMMITTED) == 2
    assert 100.0 <= world.now <= 100.0 + AGAIN + 20.0
    asked = [at for at, it in world.asked if (it.host, it.action) == ("w0-2", Action.RESERVE)]
    assert all(b - a >= AGAIN for a, b in pairwise(asked))


def test_one_that_is_held_for_longer_than_its_gate_says_has_failed() -> None:
    world = Gated(spec(1, reserves=True), others={"w0-1": float("inf")})
    world.settle()
    assert world.states() == {"w0-1": H.WITHDRAWN}
    assert world.rollout.hosts["w0-1"].failed
    assert WAIT <= world.now <= WAIT + 2 * AGAIN


@pytest.mark.parametrize(
    ("on_halt", "states"),
    [
        (OnHalt.ROLLBACK_WAVE, [H.REVERTED, H.WITHDRAWN, H.REVERTED]),
        (OnHalt.HOLD, [H.CONFIRMED, H.STAGED, H.REVERTED]),
    ],
)
def test_a_wave_that_halts_waits_for_nobody_at_a_gate(on_halt: OnHalt, states: list[H]) -> None:
    world = Gated(spec(3, reserves=True, on_halt=on_halt), others=LONG, bad={"w0-3": FAILS})
    world.settle()
    assert world.now < 60.0
    assert [*world.states().values()] == states
    assert world.holders == set()


@pytest.mark.parametrize(
    ("request_", "state"),
    [
        (Request.PAUSE, H.STAGED),
        (Request.ABORT, H.WITHDRAWN),
        (Request.ROLLBACK, H.WITHDRAWN),
    ],
)
def test_nor_does_an_operator(request_: Request, state: H) -> None:
    world = Gated(spec(2, reserves=True), others=LONG)
    world.ask(60.0, request_)
    world.settle()
    assert world.now < 80.0
    assert world.states()["w0-2"] is state
    assert world.holders == set()


def test_who_was_paused_before_its_activation_asks_again_when_the_run_goes_on() -> None:
    world = World(spec(1, reserves=True))
    while not world.rollout.hosts["w0-1"].reserved:
        reserved = world.todo[0].action is Action.RESERVE
        if reserved:
            world.ask(Request.PAUSE)
        world.do(world.todo[0])
    world.settle()
    host = world.rollout.hosts["w0-1"]
    assert (host.state, host.reserved, host.at_gate) == (H.STAGED, False, False)
    world.restart()
    world.ask(Request.RESUME)
    world.settle()
    ended = [e.action for e in world.events if isinstance(e, ActionEnded)]
    at_gates = [a for a in ended if a in {Action.RESERVE, Action.UNRESERVE}]
    assert at_gates == [Action.RESERVE, Action.UNRESERVE, Action.RESERVE]
    assert world.states() == {"w0-1": H.COMMITTED}


def test_no_more_places_are_taken_than_hosts_may_be_out_of_service() -> None:
    budget = UnavailabilityBudget(Amount(2))
    world = Gated(spec(12, reserves=True, max_unavailable=budget))
    world.settle()
    assert world.count(H.COMMITTED) == 12
    assert world.most == 2


def test_who_is_held_takes_no_place_of_those_who_pass_no_gate() -> None:
    names = ("w0-1", "w0-2")
    world = Gated(
        spec(12, reserves=True, gated=names, max_parallel=2), others=dict.fromkeys(names, WAIT)
    )
    world.settle(until=400.0)
    assert world.count(H.CONFIRMED) == 10
    assert {it.host for _, it in world.asked if it.action is Action.RESERVE} == {*names}


def test_no_more_hosts_wait_at_gates_than_are_admitted_at_once() -> None:
    world = Gated(spec(12, reserves=True, max_parallel=3), slots=0)
    world.settle(until=1000.0)
    asked = {it.host for _, it in world.asked if it.action is Action.RESERVE}
    assert len(asked) == 3
    checked = {it.host for _, it in world.asked if it.action is Action.CHECK}
    assert len(checked) == 6


def test_one_at_a_time_where_the_gate_says_so() -> None:
    world = Gated(spec(8, reserves=True, max_failures=FailureBudget(Amount(0))), slots=1)
    world.settle()
    assert world.count(H.COMMITTED) == 8
    assert world.most == 1


def test_confirmed_hosts_are_renewed_while_others_wait_at_the_gate() -> None:
    world = Gated(spec(3, reserves=True, renewal=600.0, max_parallel=1), others=LONG)
    world.settle()
    assert world.count(H.COMMITTED) == 3
    assert world.longest_unheard() < 600.0


def test_every_wait_at_a_gate_names_it() -> None:
    world = World(spec(2, reserves=True, max_unavailable=UnavailabilityBudget(Amount(1))))
    while not any(perform.action is Action.RESERVE for perform in world.todo):
        world.do(world.todo[0])
    [asking] = [it for it in world.todo if it.action is Action.RESERVE]
    world.facts = lambda _perform: {"held": {"gate": "lock", "wait": 60.0, "again": 20.0}}
    world.do(asking, Result.HELD)
    world.rollout.hosts[asking.host].reason = "held by lock: full"
    while len(world.todo):
        world.do(world.todo[0])
    since = world.rollout.hosts[asking.host].gate_since
    [hold] = why_host(world.rollout, asking.host)
    assert hold.gate == "reboot lock"
    assert (hold.held_by, hold.since, hold.until) == ("held by lock: full", since, since + 20.0)
    [behind] = why_host(world.rollout, "w0-2" if asking.host == "w0-1" else "w0-1")
    assert behind.held_by == f"others ask for a place before it: {asking.host} (staged)"
    told = why_run(world.rollout)[1]
    assert told.held_by == f"{asking.host} (staged): held by lock: full"


def test_each_gate_is_asked_for_as_long_as_it_says() -> None:
    world = World(spec(1, reserves=True))
    for gate in ("first", "first", "second", "second"):
        while not any(perform.action is Action.RESERVE for perform in world.todo):
            world.step()
        held: dict[str, object] = {"gate": gate, "wait": 60.0, "again": 50.0}
        world.facts = partial(_held, held)
        world.do(world.todo[0], Result.HELD)
    assert world.states() == {"w0-1": H.STAGED}
    assert not world.rollout.hosts["w0-1"].failed


def _held(held: dict[str, object], _perform: Perform) -> dict[str, object]:
    return {"held": held}
