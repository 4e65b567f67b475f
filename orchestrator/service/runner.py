"""The live driver: journals intents and outcomes, and carries the core's instructions out.

The order is the design's: an intent is durable before its action begins, an outcome is durable
before the core sees it, and the core sees events in the journal's order.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from orchestrator.clock import Clock
from orchestrator.errors import FleetError
from orchestrator.model.event import (
    ActionBegun,
    ActionEnded,
    ControllerStarted,
    Event,
    OperatorAsked,
    Request,
    TimePassed,
)
from orchestrator.ports import Engine, Recorded, RunLog, Sink, Sleep
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import Finish, Instruction, Perform, WakeAt
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import MOVED, SETTLED

IDLE_CONNECTIONS = 256
"""Connections kept open to hosts that wait for their wave; older ones are closed first."""


class Runner:
    """Drives one run until it is over, held, or interrupted."""

    def __init__(
        self,
        rollout: Rollout,
        log: RunLog,
        engine: Engine,
        sink: Sink,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._rollout = rollout
        self._log = log
        self._engine = engine
        self._sink = sink
        self._clock = clock
        self._sleep = sleep
        self._ripe: dict[int, Recorded] = {}
        self._next = 0
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._tasks: asyncio.TaskGroup
        self._waiting: list[asyncio.Task[None]] = []
        self._busy = 0
        self._quiet = asyncio.Event()

    async def run(self, folded: int, *first: Event, controller: str) -> None:
        """Take the run up after ``folded`` events; return when nothing more will happen.

        ``first`` are events to journal right after the controller's own (an operator's resume).
        Raises JournalError when the journal fails or another controller has taken over, and
        Fenced when a host says so.
        """
        self._next = folded + 1
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._waiting.append(self._tasks.create_task(self._listen()))
                await self._record(self._taking_up(controller))
                for event in first:
                    await self._record(event)
                await self._over()
                for task in self._waiting:
                    task.cancel()
        except BaseExceptionGroup as group:
            raise _first_cause(group) from None

    def _taking_up(self, controller: str) -> ControllerStarted:
        return ControllerStarted(self._clock.now(), controller, Rules.LATEST)

    async def ask(self, request: Request, by: str, why: str = "") -> None:
        """Journal an operator's request and act on it."""
        await self._record(OperatorAsked(self._clock.now(), request, by, why))

    async def _over(self) -> None:
        while not (self._rollout.finished and not self._busy):
            self._quiet.clear()
            await self._quiet.wait()

    async def _listen(self) -> None:
        async for request, by, why in self._log.requests():
            await self.ask(request, by, why)

    async def _record(self, event: Event) -> None:
        recorded = await self._log.append(event)
        self._ripe[recorded.seq] = recorded
        while (ripe := self._ripe.pop(self._next, None)) is not None:
            self._next += 1
            self._apply(ripe)

    def _apply(self, recorded: Recorded) -> None:
        reaction = self._rollout.handle(recorded.event)
        self._sink.observe(recorded, reaction.transitions)
        for instruction in reaction.instructions:
            self._carry_out(instruction)
        self._quiet.set()

    def _carry_out(self, instruction: Instruction) -> None:
        if isinstance(instruction, Perform):
            self._busy += 1
            self._idle.pop(instruction.host, None)
            self._tasks.create_task(self._perform(instruction))
        elif isinstance(instruction, WakeAt):
            self._waiting.append(self._tasks.create_task(self._wake(instruction.at)))
        elif isinstance(instruction, Finish):
            self._quiet.set()

    async def _perform(self, asked: Perform) -> None:
        host, action, attempt = asked.host, asked.action, asked.attempt
        try:
            await self._record(ActionBegun(self._clock.now(), host, action, attempt))
            outcome = await self._engine.perform(host, action, attempt)
            ended = ActionEnded(
                self._clock.now(),
                host,
                action,
                outcome.result,
                attempt,
                outcome.reason,
                outcome.output,
                outcome.facts,
            )
            await self._record(ended)
            await self._let_go(host)
        finally:
            self._busy -= 1
            self._quiet.set()

    async def _let_go(self, name: str) -> None:
        """Close the connections that the run has no more use for."""
        host = self._rollout.hosts[name]
        if host.asked is not None or host.state not in SETTLED:
            return
        if host.state in MOVED and not self._rollout.finished:
            self._idle[name] = None
            if len(self._idle) <= IDLE_CONNECTIONS:
                return
            name, _ = self._idle.popitem(last=False)
        await self._engine.release(name)

    async def _wake(self, at: float) -> None:
        await self._sleep(max(0.0, at - self._clock.now()))
        await self._record(TimePassed(self._clock.now()))


def _first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that matters out of those of many tasks: ours before foreign ones."""
    flat: list[BaseException] = []
    queue: list[BaseException] = [group]
    while queue:
        error = queue.pop(0)
        if isinstance(error, BaseExceptionGroup):
            queue.extend(error.exceptions)
        else:
            flat.append(error)
    ours = [error for error in flat if isinstance(error, FleetError)]
    return (ours or flat)[0]
