"""What a procedure is given: one host, a channel to it, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from orchestrator.clock import Clock
from orchestrator.errors import Fenced, ProtocolError
from orchestrator.host import looking, requests
from orchestrator.host.drift import judged
from orchestrator.host.rendering import Renderer
from orchestrator.host.replies import Probe, Status, number, read_probe, status, tail
from orchestrator.host.requests import Claim, Place
from orchestrator.host.work import Assignment, HostPolicy, PackageWork, RunIdentity
from orchestrator.model.event import Result
from orchestrator.planning.wayback import Past
from orchestrator.ports import (
    BuildCheck,
    BuildGate,
    BuildTrigger,
    Channel,
    Depot,
    OnOutput,
    Outcome,
    Reply,
    Sleep,
)

GRACE = 10.0
"""Seconds beyond the host's own timeouts before a call is given up."""


@dataclass(slots=True)
class Memory:
    """What is remembered of one host from action to action; empty after a resume.

    ``tokens`` are the fencing tokens by package, ``trouble`` the reason of the last failure,
    ``elsewhere`` the probes of packages that the run leaves alone, and ``whole`` the
    packages whose content must go in full, and ``pasts`` what was said of those that go back.
    """

    facts: dict[str, object] | None = None
    probes: dict[str, Probe] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    trouble: str = ""
    elsewhere: dict[str, Probe] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    pasts: dict[str, Past] = field(default_factory=dict)


Build = Callable[[Place, Claim], str]
"""Builds a changing request, once it is known where and on whose behalf."""


class Asking(Protocol):
    """What requests are built from: a Context, or a host that will be asked without us."""

    @property
    def assignment(self) -> Assignment:
        """Return what the host is to get."""

    @property
    def nonce(self) -> str:
        """Return the nonce of the host's trial."""

    @property
    def renderer(self) -> Renderer:
        """Return a renderer with the facts known by now."""

    @property
    def build_check(self) -> BuildCheck:
        """Return what renders a check's options."""

    @property
    def build_trigger(self) -> BuildTrigger:
        """Return what renders a trigger's options."""

    @property
    def live(self) -> bool:
        """Return whether someone wants hooks' and checks' output as it comes."""

    def remaining(self) -> float:
        """Return the most seconds that one check may take."""


@dataclass(frozen=True, slots=True)
class Context:
    """One action on one host; ``until`` is the instant at which its time is up."""

    assignment: Assignment
    identity: RunIdentity
    policy: HostPolicy
    memory: Memory
    channel: Channel
    fresh: Callable[[], Awaitable[Channel]]
    """Opens another connection; raises as Connector.open does."""
    depot: Depot
    build_check: BuildCheck
    build_gate: BuildGate
    build_trigger: BuildTrigger
    on_output: OnOutput | None
    sleep: Sleep
    clock: Clock
    until: float

    @property
    def packages(self) -> tuple[PackageWork, ...]:
        """Return all packages of the host, in order of activation."""
        return self.assignment.packages

    @property
    def nonce(self) -> str:
        """Return the nonce of this run's trials on the host."""
        return self.identity.host_nonce(self.assignment.host.name)

    @property
    def renderer(self) -> Renderer:
        """Return a renderer with the facts known by now."""
        return Renderer(self.assignment, self.identity.run, self.memory.facts)

    @property
    def live(self) -> bool:
        """Return whether someone wants hooks' and checks' output as it comes."""
        return self.on_output is not None

    def place(self, work: PackageWork) -> Place:
        """Return where a package lives on this host."""
        return Renderer(self.assignment, self.identity.run).place(work)

    def over(self, channel: Channel) -> Context:
        """Return the same, over another channel."""
        return replace(self, channel=channel)

    def remaining(self) -> float:
        """Return the seconds left, never below 0."""
        return max(0.0, self.until - self.clock.now())

    async def ask(self, lines: Sequence[str], *, extra: float = 0.0) -> list[Reply]:
        """Send requests that change nothing, in one round trip."""
        deadline = self.remaining() + extra + GRACE
        return await self.channel.call(lines, deadline=deadline, on_output=self.on_output)

    async def change(
        self,
        work: PackageWork,
        build: Callable[[Place, Claim], str],
        payload: Path | None = None,
        offset: int = 0,
    ) -> Reply:
        """Send a changing request under the package's lock; raises Fenced.

        A payload goes with it from byte ``offset`` on.
        """
        line = build(self.place(work), self._claim(work))
        deadline = self.remaining() + GRACE
        [reply] = await self.channel.call(
            [line], payload=payload, offset=offset, deadline=deadline, on_output=self.on_output
        )
        if status(reply) is Status.FENCED:
            raise Fenced(
                f"{self.assignment.host}: package {work.name}: {reply.reason or 'token too old'}",
                hint=f"another controller has taken over; see: fleet status {self.identity.run}",
            )
        if token := number(reply.fields, "token"):
            self.memory.tokens[work.name] = token
        return reply

    def unlocked(self, work: PackageWork) -> None:
        """Forget the token of a lock that was let go of."""
        self.memory.tokens.pop(work.name, None)

    def _claim(self, work: PackageWork) -> Claim:
        token = self.memory.tokens.get(work.name, 0)
        return Claim(self.identity.run, self.identity.owner, token, self.policy.lock_ttl)


Procedure = Callable[[Context], Awaitable[Outcome]]
"""Carries out one action; raises HostError, and Fenced when another controller has taken over."""


async def look(ctx: Context, lines: Sequence[str] = (), *, extra: float = 0.0) -> list[Reply]:
    """Refresh facts and probes, and return the replies to ``lines``, all in one round trip."""
    places = looking.others(ctx.assignment)
    probes = [
        requests.probe(ctx.place(work), work.release, work.manifest.digest) for work in ctx.packages
    ]
    others = [looking.question(place) for place in places]
    facts, *replies = await ctx.ask([requests.facts(), *probes, *others, *lines], extra=extra)
    if status(facts) is not Status.OK:
        raise ProtocolError(f"the host told no facts: {facts.reason}")
    ctx.memory.facts = dict(facts.fields)
    found = zip(ctx.packages, replies, strict=False)
    ctx.memory.probes = {work.name: _seen(work, reply) for work, reply in found}
    end = len(probes) + len(others)
    ctx.memory.elsewhere = looking.probed(places, replies[len(probes) : end])
    return replies[end:]


def _seen(work: PackageWork, reply: Reply) -> Probe:
    return judged(work.package.on_drift, read_probe(reply), work.release)


async def moving(ctx: Context) -> list[PackageWork]:
    """Return the packages that this run moves on the host, in order; probes if nothing is known."""
    if ctx.memory.facts is None:
        await look(ctx)
    return [work for work in ctx.packages if _moves(ctx.memory.probes[work.name], ctx.nonce)]


def refused(
    work: PackageWork, doing: str, reply: Reply, *, result: Result = Result.FAILED
) -> Outcome:
    """Return the outcome for a reply that is not ``ok``: what was being done, and the answer."""
    why = reply.reason or f"the host answered {reply.status!r}"
    if status(reply) is Status.LOCKED:
        why = f"locked: {why}; let that run finish, or abort it"
    return Outcome(result, f"{doing} {work.name}: {why}", tail(reply))


def _moves(probe: Probe, nonce: str) -> bool:
    ours = (probe.trial and probe.trial.nonce == nonce) or (
        probe.last and probe.last.nonce == nonce
    )
    return bool(ours) or not probe.proved
