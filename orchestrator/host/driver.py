"""The live engine: carries the core's instructions out on hosts, over one connection for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

from tenacity import AsyncRetrying, RetryCallState, wait_exponential, wait_random

from orchestrator.clock import Clock
from orchestrator.errors import (
    BecomeRefused,
    Fenced,
    FleetError,
    HostError,
    HostKeyRefused,
    LoginRefused,
    OperationEnded,
    ProtocolError,
    Unreachable,
)
from orchestrator.host import requests
from orchestrator.host.actions import (
    AT_GATES,
    BEGUN_WHEN_CUT,
    BROUGHT,
    BUDGETS,
    BY_DETOUR,
    PATIENT,
    PROVES_ITSELF,
    REFUSAL_FAILS,
)
from orchestrator.host.lazily import WhenNeeded
from orchestrator.host.places import Places
from orchestrator.host.procedures import PROCEDURES
from orchestrator.host.procedures.context import Context, Memory
from orchestrator.host.procedures.rebooting import give_back
from orchestrator.host.work import Assignment, HostPolicy, RunIdentity
from orchestrator.model.event import Action, Result
from orchestrator.model.fleet import Host
from orchestrator.ports import (
    BuildCheck,
    BuildGate,
    BuildTrigger,
    Channel,
    Connector,
    Depot,
    Detour,
    Outcome,
    Sleep,
)

IDLE = 30.0
"""Seconds of silence after which a channel must answer a ping before it is trusted again."""

REFUSALS = (LoginRefused, HostKeyRefused, BecomeRefused)


class _Signal(Exception):
    """Carries an error to where it is decided whether the action may be tried again."""

    def __init__(self, error: HostError) -> None:
        super().__init__(error)
        self.error = error


class _NotReached(_Signal):
    """No connection: nothing was begun."""


class _Elsewhere(_Signal):
    """The host answers by its recovery address alone, where its own system is to be proved."""


class _Cut(_Signal):
    """The connection or the operation was lost, or became unintelligible, during the action."""


@dataclass(slots=True)
class _Link:
    """One host's channel, and what is remembered of the host."""

    channel: Channel | None = None
    used: float = 0.0
    memory: Memory = field(default_factory=Memory)

    @property
    def detour(self) -> str:
        """Return by which other address than its own the host was reached, if so."""
        return self.channel.detour if isinstance(self.channel, Detour) else ""

    async def drop(self) -> None:
        """Close the channel, if there is one."""
        channel, self.channel = self.channel, None
        if channel is not None:
            await channel.close()


class _Driver:
    """What looking at hosts and changing them have in common."""

    def __init__(
        self,
        connector: Connector,
        assignments: Callable[[str], Assignment],
        depot: Depot,
        build_check: BuildCheck,
        build_gate: BuildGate,
        build_trigger: BuildTrigger,
        identity: RunIdentity,
        clock: Clock,
        *,
        policy: HostPolicy | None = None,
        on_output: Callable[[str, str], None] | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._connector = connector
        self._assignments = assignments
        self._depot = depot
        self._build_check, self._build_gate = build_check, build_gate
        self._build_trigger, self._identity = build_trigger, identity
        self._clock = clock
        self._policy = policy or HostPolicy()
        self._on_output = on_output
        self._sleep = sleep
        self._links: dict[str, _Link] = {}
        self._places = Places()

    async def release(self, host: str) -> None:
        """Close the connection to ``host`` and forget what is remembered of it."""
        if link := self._links.pop(host, None):
            await link.drop()

    async def close(self) -> None:
        """Let go of every connection."""
        for host in list(self._links):
            await self.release(host)
        await self._connector.close()

    async def _carry_out(self, host: str, action: Action) -> Outcome:
        """Do one action, as often as it may be tried, and put every failure into the outcome."""
        link = self._links.setdefault(host, _Link())
        try:
            outcome: Outcome = await self._retrying(action)(self._once, link, host, action)
        except _NotReached as signal:
            outcome = _closed_door(action, signal.error)
        except _Elsewhere as signal:
            outcome = Outcome(Result.FAILED, signal.error.message)
        except _Cut as signal:
            outcome = _cut_off(action, signal.error)
        except Fenced:
            raise
        except FleetError as error:
            outcome = Outcome(Result.FAILED, _one_line(error), getattr(error, "output", ""))
        if outcome.result in (Result.FAILED, Result.INCONCLUSIVE):
            link.memory.trouble = outcome.reason
        if self._places.are_due(host, action, outcome.result):
            kept = await give_back(await self._reached(link, host, Action.UNRESERVE))
            self._places.given_back(host, kept)
            outcome.facts.update({"gate": kept} if kept else {})
        return outcome

    async def _once(self, link: _Link, host: str, action: Action) -> Outcome:
        ctx = await self._reached(link, host, action)
        try:
            outcome = await PROCEDURES[action](ctx)
        except (Unreachable, OperationEnded, ProtocolError) as error:
            await link.drop()
            raise _Cut(error) from error
        except REFUSALS as error:  # sudo may say no as late as with the first answer
            await link.drop()
            raise _NotReached(error) from error
        if action not in AT_GATES:
            link.used = self._clock.now()
        detour = link.detour
        if action is Action.REBOOT:  # the connection went down with the host
            await link.drop()
        return replace(outcome, reason=_joined(outcome.reason, detour)) if detour else outcome

    async def _reached(self, link: _Link, host: str, action: Action) -> Context:
        """Return what an action works with, over an open channel unless it may need none."""
        assignment = self._assignments(host)
        opened = partial(self._channel, link, self._reached_for(action, assignment.host))
        if action in AT_GATES:
            return self._context(assignment, link.memory, WhenNeeded(opened), action)
        try:
            channel = await opened()
        except (Unreachable, *REFUSALS) as error:
            raise _NotReached(error) from error
        if link.detour and action not in self._by_detour:
            raise _Elsewhere(Unreachable(f"it answers {link.detour}: its own system is dead"))
        return self._context(assignment, link.memory, channel, action)

    async def _channel(self, link: _Link, host: Host) -> Channel:
        """Return a channel that works as far as anyone can tell, opening one if need be.

        A host's own address is tried before each action anew.
        """
        if link.detour:
            await link.drop()
        if link.channel is not None and self._clock.now() - link.used > IDLE:
            try:
                deadline = self._policy.timeouts.connect
                await link.channel.call([requests.ping()], deadline=deadline)
                link.used = self._clock.now()
            except (Unreachable, ProtocolError):
                await link.drop()
        if link.channel is None:
            link.channel = await self._connector.open(host)
            link.used = self._clock.now()
        return link.channel

    @property
    def _by_detour(self) -> frozenset[Action]:
        return BY_DETOUR | BROUGHT if self._policy.by_recovery else BY_DETOUR

    def _reached_for(self, action: Action, host: Host) -> Host:
        """Return the host, without its recovery address where an action may not go by that."""
        asked = self._by_detour | PROVES_ITSELF
        return host if action in asked else replace(host, recovery=None)

    def _context(
        self, assignment: Assignment, memory: Memory, channel: Channel, action: Action
    ) -> Context:
        name, show = assignment.host.name, self._on_output
        return Context(
            assignment=assignment,
            identity=self._identity,
            policy=self._policy,
            memory=memory,
            channel=channel,
            fresh=partial(self._connector.open, replace(assignment.host, recovery=None)),
            depot=self._depot,
            build_check=self._build_check,
            build_gate=self._build_gate,
            build_trigger=self._build_trigger,
            on_output=partial(show, name) if show else None,
            sleep=self._sleep,
            clock=self._clock,
            until=self._clock.now() + BUDGETS[action](self._policy.timeouts),
        )

    def _retrying(self, action: Action) -> AsyncRetrying:
        """Return how often, and for how long, an action is tried."""
        retries, timeouts = self._policy.retries, self._policy.timeouts
        patience = timeouts.silent if action in PATIENT else inf
        if action in PROVES_ITSELF:
            patience = BUDGETS[action](timeouts) if self._policy.by_recovery else 0.0
        give_up = self._clock.now() + patience
        return AsyncRetrying(
            sleep=self._sleep,
            retry=partial(_may_repeat, action, max(2, retries.attempts)),
            stop=lambda _state: self._clock.now() >= give_up,
            wait=wait_exponential(multiplier=retries.backoff, max=retries.max_backoff)
            + wait_random(0, retries.backoff),
            reraise=True,
        )


class HostDriver(_Driver):
    """The Engine that changes hosts."""

    async def perform(self, host: str, action: Action, attempt: int) -> Outcome:
        """Do ``action`` on ``host``; raises Fenced when another controller has taken over."""
        if attempt > 1 and action not in AT_GATES and host in self._links:
            await self._links[host].drop()  # the connection may be why it is asked again
        return await self._carry_out(host, action)


class Looker(_Driver):
    """The ReadEngine: looks at hosts, and has no method that changes one."""

    async def look(self, host: str) -> Outcome:
        """Probe one host as CHECK does, and let go of it."""
        try:
            return await self._carry_out(host, Action.CHECK)
        finally:
            await self.release(host)


def _may_repeat(action: Action, attempts: int, state: RetryCallState) -> bool:
    error = _raised(state)
    if isinstance(error, _Elsewhere):
        return True
    if isinstance(error, _NotReached):  # the connector has tried as often as the plan says
        return action in PATIENT and isinstance(error.error, Unreachable)
    if not isinstance(error, _Cut):
        return False
    if action is Action.STAGE:  # what arrived is not sent again
        return state.attempt_number < attempts
    return action in {
        Action.RESOLVE,
        Action.COMMIT,
    }  # they decide nothing, so that they can be repeated


def _raised(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _closed_door(action: Action, error: HostError) -> Outcome:
    failed = isinstance(error, REFUSALS) and action in REFUSAL_FAILS
    return Outcome(Result.FAILED if failed else Result.UNREACHABLE, _one_line(error))


def _cut_off(action: Action, error: HostError) -> Outcome:
    result = Result.UNREACHABLE if isinstance(error, Unreachable) else Result.FAILED
    return Outcome(Result.LOST if action in BEGUN_WHEN_CUT else result, _one_line(error))


def _one_line(error: FleetError) -> str:
    """Return an error as one line for people, its hint included."""
    return _joined(*(" ".join(part.split()) for part in (error.message, error.hint)))


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
