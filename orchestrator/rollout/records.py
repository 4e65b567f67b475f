"""What the core remembers of each host and wave, and what it tells the outside."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from orchestrator.model.event import Action
from orchestrator.model.wave import Wave
from orchestrator.rollout.states import HostState, WaveState

STORY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class HostMoved:
    """A host changed its state."""

    at: float
    host: str
    wave: str
    before: HostState
    after: HostState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WaveMoved:
    """A wave changed its state."""

    at: float
    wave: str
    before: WaveState
    after: WaveState
    reason: str = ""


Transition = HostMoved | WaveMoved


@dataclass(frozen=True, slots=True)
class Perform:
    """Instruction: carry out ``action`` on ``host``; ``attempt`` counts from 1."""

    host: str
    action: Action
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Instruction: send TimePassed once this instant has come."""

    at: float


@dataclass(frozen=True, slots=True)
class Finish:
    """Instruction: nothing more will happen without an operator; leave the run as it stands."""


Instruction = Perform | WakeAt | Finish


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one event caused: moves for those who watch, instructions for the driver."""

    transitions: tuple[Transition, ...] = ()
    instructions: tuple[Instruction, ...] = ()


@dataclass(slots=True)
class HostRecord:
    """One host in the run; at most one action is asked of it at a time."""

    name: str
    wave: int
    zone: str
    state: HostState = HostState.PENDING
    asked: Action | None = None
    asked_before: Action | None = None
    begun: bool = False
    attempt: int = 0
    since: float = 0.0
    reason: str = ""
    output: str = ""
    failed: bool = False
    """Counts against the failure budget."""
    unreachable: bool = False
    """Counts against the unreachable budget, and as out of service."""
    held: bool = False
    """Confirmed, and on trial until it is committed or let go of."""
    reserved: bool = False
    """Has passed the gate before activation."""
    at_gate: bool = False
    """Asks its gate, or has passed it, and is not activated yet."""
    gate: str = ""
    """The gate that holds it, if one does."""
    gate_since: float = 0.0
    gate_again: float = 0.0
    """When that gate is asked again."""
    going_back: bool = False
    """A rollback wants the old release here, whatever is found."""
    facts: dict[str, object] = field(default_factory=dict)
    story: deque[HostMoved] = field(default_factory=lambda: deque(maxlen=STORY_LENGTH))


@dataclass(slots=True)
class WaveRecord:
    """One wave in the run; ``size`` is frozen when it first opens."""

    wave: Wave
    state: WaveState = WaveState.QUEUED
    since: float = 0.0
    reason: str = ""
    size: int = 0
    counts: Counter[HostState] = field(default_factory=Counter)
    asked: int = 0
    """Actions asked of its hosts whose outcome is not known."""
    failures: int = 0
    unreachable: int = 0
    unmeasured: int = 0
    """Hosts that went back because a check was inconclusive."""
    forgiven_failures: int = 0
    forgiven_unreachable: int = 0
    forgiven_unmeasured: int = 0
    bake_until: float = 0.0
    proving: bool = False
    """Hosts are being proved again: before it opens, or at the end of the bake."""
    proved: bool = False
    heard: bool = False
    """Hosts that are held on trial were asked once more, before the first of them is committed."""
    committing: bool = False
    """Hosts are being committed; what fails now still halts the wave."""
    inconclusive: bool = False
    """Halted without a measurement: a person decides, nothing more is rolled back."""
    accepted: bool = False
    """A person has opened it again although nothing could be measured."""

    def count(self, states: frozenset[HostState]) -> int:
        """Return how many of its hosts are in one of ``states``."""
        return sum(self.counts[state] for state in states)
