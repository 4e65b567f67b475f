"""Safety properties of the core under arbitrary orders, outcomes, operators and dead controllers.

The properties themselves are in the harness and are checked after every single event; here
hypothesis chooses what happens.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.errors import ExitCode
from orchestrator.model.event import Request, Result, TimePassed
from orchestrator.model.plan import (
    Amount,
    CommitScope,
    FailureBudget,
    OnHalt,
    UnavailabilityBudget,
    UnreachableBudget,
    UnreachablePolicy,
)
from orchestrator.model.wave import RolloutSpec, Wave
from orchestrator.rollout.explain import why_host, why_run
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import Perform
from orchestrator.rollout.renewals import held
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W
from orchestrator.rollout.tables import OUTCOMES
from orchestrator.rollout.verdict import exit_code
from tests.rollout.harness import World, good

amounts = st.one_of(
    st.integers(0, 4).map(Amount), st.integers(0, 100).map(lambda v: Amount(v, percent=True))
)


@st.composite
def specs(draw: st.DrawFn) -> RolloutSpec:
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    waves = tuple(
        Wave(
            f"w{i}",
            f"w{i}",
            tuple(f"h{i}-{n}" for n in range(size)),
            draw(st.sampled_from([0.0, 60.0])),
        )
        for i, size in enumerate(sizes)
    )
    names = [name for wave in waves for name in wave.hosts]
    return RolloutSpec(
        waves,
        max_parallel=draw(st.integers(1, 6)),
        max_unavailable=draw(st.none() | amounts.map(lambda a: UnavailabilityBudget(a, "zone"))),
        max_failures=FailureBudget(draw(amounts), draw(st.integers(1, 5))),
        max_unreachable=UnreachableBudget(
            draw(amounts), draw(st.integers(1, 5)), draw(st.sampled_from(UnreachablePolicy))
        ),
        on_halt=draw(st.sampled_from(OnHalt)),
        commit=draw(st.sampled_from(CommitScope)),
        resample=draw(st.integers(0, 3)),
        zones={name: draw(st.sampled_from("ab")) for name in names},
        renewal=draw(st.sampled_from([0.0, 40.0])),
        reserves=draw(st.booleans()),
        gated=tuple(draw(st.lists(st.sampled_from(names), unique=True))),
    )


def possible(world: World, perform: Perform) -> list[Result]:
    state = world.rollout.hosts[perform.host].state
    return list(OUTCOMES[state, perform.action])


class Rollouts(RuleBasedStateMachine):
    """Any order of outcomes, requests and restarts, over any small rollout."""

    world: World

    @initialize(spec=specs(), rules=st.sampled_from(Rules))
    def begin(self, spec: RolloutSpec, rules: Rules) -> None:
        self.world = World(spec, rules=rules)

    @precondition(lambda self: self.world.todo)
    @rule(data=st.data())
    def something_ends(self, data: st.DataObject) -> None:
        perform = data.draw(st.sampled_from(self.world.todo))
        wanted = good(perform) if data.draw(st.integers(0, 4)) else None
        reboots = not data.draw(st.integers(0, 3))
        held = {"gate": "lock", "wait": data.draw(st.sampled_from([0, 50])), "again": 10}
        self.world.facts = lambda _perform: {"reboot": reboots, "held": held}
        self.world.do(perform, wanted or data.draw(st.sampled_from(possible(self.world, perform))))

    @precondition(lambda self: self.world.wakes)
    @rule()
    def time_passes(self) -> None:
        self.world.wakes.sort()
        self.world.now = max(self.world.now, self.world.wakes.pop(0))
        self.world.feed(TimePassed(self.world.now))

    @rule(request=st.sampled_from([Request.PAUSE, Request.RESUME, Request.RESUME]))
    def operator_asks(self, request: Request) -> None:
        self.world.ask(request)

    @rule(begun=st.integers(0, 6), newer=st.booleans())
    def controller_dies(self, begun: int, newer: bool) -> None:
        self.world.rules = Rules.LATEST if newer else self.world.rules
        self.world.restart(begun)

    @invariant()
    def the_journal_folded_again_is_the_run_as_it_stands(self) -> None:
        again = Rollout.fold(self.world.events)
        assert {n: h.state for n, h in again.hosts.items()} == self.world.states()
        assert [w.state for w in again.waves] == self.world.wave_states()

    @invariant()
    def a_run_that_is_over_leaves_no_host_on_trial(self) -> None:
        if self.world.finished and not self.world.todo:
            assert not list(held(self.world.rollout.board))

    @invariant()
    def a_run_that_is_over_keeps_no_place_at_a_gate(self) -> None:
        over = self.world.finished and not self.world.todo
        if over and self.world.rollout.board.rules >= Rules.SECOND:
            assert not any(
                host.reserved or host.at_gate
                for host in self.world.rollout.hosts.values()
                if host.state is H.STAGED
            )

    @invariant()
    def every_wait_explains_itself(self) -> None:
        if not self.world.finished:
            assert why_run(self.world.rollout)
        for name, host in self.world.rollout.hosts.items():
            if host.state in {H.PENDING, H.STAGED} and not self.world.finished:
                assert why_host(self.world.rollout, name)

    @invariant()
    def it_is_never_stuck(self) -> None:
        assert self.world.todo or self.world.wakes or self.world.finished

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.ask(Request.RESUME)
        self.world.answer = good
        self.world.settle()
        states = set(self.world.states().values())
        if exit_code(self.world.rollout) is ExitCode.OK:
            assert states <= {H.COMMITTED, H.SKIPPED}, "0 although not every host is as planned"


class Rollbacks(Rollouts):
    """As above, and operators abort and roll back."""

    @rule(request=st.sampled_from([Request.ABORT, Request.ROLLBACK]))
    def operator_gives_up(self, request: Request) -> None:
        self.world.ask(request)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.answer = good
        self.world.ask(Request.ROLLBACK)
        asked_at = self.world.now
        while self.world.todo:  # a rollback never waits at a gate: no clock is needed to end it
            self.world.do(self.world.todo[0])
        assert self.world.finished, f"a rollback waits at a gate since {asked_at}"
        left = set(self.world.states().values()) & {H.CONFIRMED, H.COMMITTED}
        assert not left, "a rollback left a moved host behind"
        assert not any(w.state in {W.OPEN, W.BAKING} for w in self.world.rollout.waves)


quick = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRollouts = Rollouts.TestCase
TestRollouts.settings = quick
TestRollbacks = Rollbacks.TestCase
TestRollbacks.settings = quick
