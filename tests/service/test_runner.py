"""The runner between the core and a world made of memory: order, endings, operators, failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from orchestrator.errors import Fenced, LeaseHeld
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
from orchestrator.ports import Outcome, Recorded
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W
from orchestrator.service.runner import Runner
from tests.rollout.harness import spec, started


class Clock:
    """Stands still but for those who sleep."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.at += seconds


class Log:
    """A journal in memory; ``fails_at`` is the number of the event that it refuses."""

    def __init__(self, fails_at: int = 0) -> None:
        self.events: list[Event] = []
        self.asked: asyncio.Queue[tuple[Request, str, str]] = asyncio.Queue()
        self.fails_at = fails_at

    async def append(self, event: Event) -> Recorded:
        await asyncio.sleep(0)
        if len(self.events) + 1 == self.fails_at:
            raise LeaseHeld("another controller has taken over")
        self.events.append(event)
        return Recorded(len(self.events) + 1, event)

    async def requests(self) -> AsyncIterator[tuple[Request, str, str]]:
        while True:
            yield await self.asked.get()

    async def close(self) -> None:
        """Hold nothing."""


class Engine:
    """Hosts that do as ``answers`` say, else well; checks that each intent is journalled first."""

    def __init__(self, log: Log, answers: dict[tuple[str, Action], Result] | None = None) -> None:
        self.log = log
        self.answers = answers or {}
        self.released: list[str] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.working = asyncio.Event()

    async def perform(self, host: str, action: Action, attempt: int) -> Outcome:
        begun = [e for e in self.log.events if isinstance(e, ActionBegun) and e.host == host]
        assert (begun[-1].action, begun[-1].attempt) == (action, attempt), "no intent before it"
        self.working.set()
        await self.hold.wait()
        if self.answers.get((host, action)) is Result.LOST:
            raise Fenced("another controller holds a newer token")
        return Outcome(self.answers.get((host, action), Result.DONE))

    async def release(self, host: str) -> None:
        self.released.append(host)

    async def close(self) -> None:
        """Hold nothing."""


class Sink:
    def __init__(self) -> None:
        self.seen: list[int] = []

    def observe(self, recorded: Recorded, transitions: Iterable[object]) -> None:
        self.seen.append(recorded.seq)

    def output(self, host: str, line: str) -> None:
        """See nothing."""

    def close(self) -> None:
        """Hold nothing."""


class Site:
    """A runner with its world."""

    def __init__(
        self, *waves: int, fails_at: int = 0, bake: float = 0.0, **answers: Result
    ) -> None:
        self.rollout = Rollout(started(spec(*waves, bake=bake)))
        self.log, self.sink, self.clock = Log(fails_at), Sink(), Clock()
        given = {
            (host.replace("_", "-"), Action.VALIDATE): result for host, result in answers.items()
        }
        self.engine = Engine(self.log, given)
        self.runner = Runner(
            self.rollout, self.log, self.engine, self.sink, self.clock, sleep=self.clock.sleep
        )

    async def run(self) -> None:
        async with asyncio.timeout(10):
            await self.runner.run(1, controller="c1")

    def states(self) -> set[H]:
        return {host.state for host in self.rollout.hosts.values()}


async def test_a_run_is_driven_to_its_end_in_the_order_of_the_journal() -> None:
    site = Site(1, 20)
    await site.run()
    assert site.states() == {H.COMMITTED}
    assert isinstance(site.log.events[0], ControllerStarted)
    assert site.sink.seen == list(range(2, len(site.log.events) + 2))


async def test_the_outcome_follows_its_intent_for_every_action() -> None:
    site = Site(3)
    await site.run()
    open_actions: dict[str, Action] = {}
    for event in site.log.events:
        if isinstance(event, ActionBegun):
            assert event.host not in open_actions
            open_actions[event.host] = event.action
        elif isinstance(event, ActionEnded):
            assert open_actions.pop(event.host) is event.action
    assert not open_actions


async def test_a_bake_is_slept_through_and_ends_with_an_event() -> None:
    site = Site(1, bake=600.0)
    await site.run()
    assert site.clock.at >= 600.0
    assert any(isinstance(event, TimePassed) for event in site.log.events)
    assert site.rollout.waves[0].state is W.PASSED


async def test_connections_are_let_go_when_a_host_is_settled() -> None:
    site = Site(2, w0_1=Result.FAILED)
    await site.run()
    assert site.states() == {H.REVERTED}
    assert sorted(site.engine.released) == ["w0-1", "w0-2"]


async def test_a_request_from_elsewhere_is_journalled_and_acted_on() -> None:
    site = Site(1, 5)
    site.engine.hold.clear()
    running = asyncio.create_task(site.run())
    await site.engine.working.wait()
    await site.log.asked.put((Request.PAUSE, "op", "lunch"))
    while not any(isinstance(e, OperatorAsked) for e in site.log.events):  # noqa: ASYNC110
        await asyncio.sleep(0)
    site.engine.hold.set()
    await running
    assert site.rollout.board.paused
    assert H.PENDING in site.states()


async def test_a_paused_bake_does_not_keep_the_controller() -> None:
    site = Site(1, bake=600.0)

    async def forever(_seconds: float) -> None:
        await asyncio.Event().wait()

    runner = Runner(site.rollout, site.log, site.engine, site.sink, site.clock, sleep=forever)
    async with asyncio.timeout(10):
        running = asyncio.create_task(runner.run(1, controller="c1"))
        while site.rollout.waves[0].state is not W.BAKING:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await runner.ask(Request.PAUSE, "op")
        await running
    assert site.rollout.waves[0].state is W.BAKING


@pytest.mark.parametrize("fails_at", [1, 2, 5, 9])
async def test_a_lost_lease_stops_everything_with_its_own_error(fails_at: int) -> None:
    site = Site(4, fails_at=fails_at)
    with pytest.raises(LeaseHeld):
        await site.run()
    assert len(site.log.events) == fails_at - 1


async def test_a_fenced_controller_stops() -> None:
    site = Site(4, w0_2=Result.LOST)
    with pytest.raises(Fenced):
        await site.run()
