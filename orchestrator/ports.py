"""Every seam on one page: the Protocols between the pure core, its drivers and the world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from orchestrator.model.bundle import FileEntry, Manifest
from orchestrator.model.event import Action, Event, Request, Result
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Use
from orchestrator.model.reach import Way
from orchestrator.model.transfer import PLAIN, Abilities, Base, Means

OnOutput = Callable[[str], None]
"""Receives one line of a hook's live output."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The final line of one request to the host program; see docs/host-protocol.md."""

    status: str
    reason: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


class Channel(Protocol):
    """One long-lived remote shell that runs the host program.

    Raises Unreachable when the connection is or becomes unusable, ProtocolError when the answer
    is not the protocol's.
    """

    async def call(
        self,
        requests: Sequence[str],
        *,
        payload: Path | None = None,
        offset: int = 0,
        deadline: float,
        on_output: OnOutput | None = None,
    ) -> list[Reply]:
        """Write all requests at once and return their final replies, in order.

        ``requests`` are lines without id and newline; a ``payload`` (a file, streamed from byte
        ``offset`` on) goes with a single request. ``deadline`` is in seconds for the whole call;
        when it passes the remote operation is ended, the channel is closed, and Unreachable is
        raised.
        """

    async def close(self) -> None:
        """End the session; whatever it still runs on the host ends with it."""


@runtime_checkable
class Detour(Protocol):
    """A channel to a host's recovery system, since its own address is dead."""

    @property
    def detour(self) -> str:
        """Return how the host was reached, in words."""


class Connector(Protocol):
    """Opens channels to hosts."""

    async def open(self, host: Host) -> Channel:
        """Log in, start the host program, and return the channel.

        Raises Unreachable, LoginRefused, HostKeyRefused or BecomeRefused.
        """

    async def close(self) -> None:
        """Close shared bastions and everything still open."""


class Tracer(Protocol):
    """Goes the way to a host layer by layer."""

    async def trace(self, host: Host) -> tuple[Way, Channel | None]:
        """Return how far one comes, and a channel when the host program answered."""


class HostCheck(Protocol):
    """A pre-check or validation, ready to be run on one host."""

    @property
    def timeout(self) -> float:
        """Return the seconds that one try may take."""

    def script(self) -> str:
        """Return sh text: exit 0 yes, 1 no, 21 not yet, anything else inconclusive."""


BuildCheck = Callable[[Use, Mapping[str, object]], HostCheck]
"""Renders a check's options with a host's variables; raises InputError."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A gate lets a host through, until the host's place is released."""


@dataclass(frozen=True, slots=True)
class Held:
    """A gate keeps a host: which one, and held by what.

    It may be asked for ``wait`` seconds in all, and is asked anew ``again`` seconds from now.
    """

    gate: str
    held_by: str
    wait: float = 0.0
    again: float = 0.0


class Gate(Protocol):
    """What a host has to pass before it reboots. Only a clear yes counts; trouble is a no."""

    async def acquire(self, host: str) -> Granted | Held:
        """Ask the gate once, which is soon over.

        A host that is through already is let through again, so that a run may ask anew. After
        ``Held`` a place may be taken all the same, by a yes that was lost: who stops asking
        releases it.
        """

    async def release(self, host: str) -> Held | None:
        """Give the host's place back, if it has one; return what keeps it from that, if anything.

        To be called when the host is in service again. Idempotent.
        """


BuildGate = Callable[[Use, Mapping[str, object]], Gate]
"""Renders a gate's options with a host's variables; raises InputError."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A question that a host on trial asks itself every so many seconds.

    ``script`` is sh text that exits as a check's does, within ``timeout`` seconds. So many bad
    answers in a row as ``threshold`` says take the host back; with ``after_yes``, none counts
    before the first good one. ``name`` tells apart the watches of one trigger.
    """

    script: str
    every: float
    timeout: float
    threshold: int
    name: str = ""
    after_yes: bool = False


@dataclass(frozen=True, slots=True)
class BootBudget:
    """How many boots a trial may take, and the seconds that a host has to come up in each."""

    attempts: int
    timeout: float


class HostTrigger(Protocol):
    """What takes one host back: watches, or boots that fail."""

    def watches(self) -> tuple[Watch, ...]:
        """Return what the host is to ask itself."""

    def boot_budget(self) -> BootBudget | None:
        """Return the boots that it may take, if that is what the trigger is about."""


BuildTrigger = Callable[[Use, Mapping[str, object]], HostTrigger]
"""Renders a trigger's options with a host's variables; raises InputError."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What staging sends: a spooled file, its bytes, and how many content files it holds.

    ``sha256`` is that of the file. ``base`` is what a patch is against, ``unpacked`` how many
    bytes undoing it gives, which begin with manifest, signature and listing as long as ``heads``.
    """

    path: Path
    size: int
    files: int
    means: Means = Means.GZIP
    sha256: str = ""
    base: Base | None = None
    unpacked: int = 0
    heads: tuple[int, int, int] = (0, 0, 0)


class Depot(Protocol):
    """Trusted bundles of the run, and the payloads made from them."""

    def manifest(self, release: str) -> Manifest | None:
        """Return the manifest of a release that the depot knows (also of earlier releases)."""

    async def payload(
        self,
        manifest: Manifest,
        missing: tuple[FileEntry, ...],
        able: Abilities = PLAIN,
        base: str = "",
    ) -> Payload:
        """Return the smallest payload with these files that a host of these abilities can undo.

        ``base`` is a release that the host has whole, if it may be patched. Built once, shared by
        all hosts.
        """


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one action on one host; becomes an ActionEnded."""

    result: Result
    reason: str = ""
    output: str = ""
    facts: dict[str, object] = field(default_factory=dict)


class ReadEngine(Protocol):
    """Looks at hosts and has no method that changes one: what dry runs are given."""

    async def look(self, host: str) -> Outcome:
        """Probe one host as CHECK does; ``facts`` say what would be done and why."""

    async def close(self) -> None:
        """Let go of every connection."""


class Engine(Protocol):
    """Carries out the core's instructions on hosts."""

    async def perform(self, host: str, action: Action, attempt: int) -> Outcome:
        """Do ``action`` on ``host`` and say what came of it; never raises a HostError.

        Raises Fenced when another controller has taken over: this one must stop.
        """

    async def release(self, host: str) -> None:
        """Close the connection to ``host``: the run has no more business with it."""

    async def close(self) -> None:
        """Let go of every connection."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its number in its run."""

    seq: int
    event: Event


class RunLog(Protocol):
    """The journal of one run, held under a lease by this controller."""

    async def append(self, event: Event) -> Recorded:
        """Return once the event is durable. Raises JournalError, LeaseHeld when taken over."""

    def requests(self) -> AsyncIterator[tuple[Request, str, str]]:
        """Yield what operators ask of this run from other processes: request, by, why."""

    async def close(self) -> None:
        """Give the lease back."""


class Sink(Protocol):
    """Observes a run; a failing sink cannot fail it."""

    def observe(self, recorded: Recorded, transitions: Iterable[object]) -> None:
        """See one journalled event and the transitions that it caused."""

    def output(self, host: str, line: str) -> None:
        """See one live line of a hook's or check's output."""

    def close(self) -> None:
        """Flush; the run is over or this controller leaves it."""


Sleep = Callable[[float], Awaitable[None]]
"""Waits for that many seconds (asyncio.sleep, or a virtual clock's)."""
