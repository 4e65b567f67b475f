"""Waves and the specification of a rollout: all that the pure core is given to work from."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.model.plan import (
    CommitScope,
    FailureBudget,
    OnHalt,
    UnavailabilityBudget,
    UnreachableBudget,
)


@dataclass(frozen=True, slots=True)
class Wave:
    """Hosts that move together; ``bake`` is in seconds.

    ``name`` is the cohort's, with ``/2``, ``/3`` … where the graph splits a cohort.
    """

    name: str
    cohort: str
    hosts: tuple[str, ...]
    bake: float = 0.0


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """What a run is to do, complete and immutable; journalled with the run's first event.

    ``zones`` gives each host's unavailability group (hosts that are absent share one group).
    ``resample`` is the most hosts of earlier waves that are proved again before the next opens.
    ``silent`` is how long, in seconds, a host in doubt may stay silent. ``renewal`` is how long, in
    seconds, a confirmed host waits for its commit before its trial must be renewed; 0: its trial
    ends when it is confirmed. ``reserves`` says that hosts pass a gate before they are activated,
    those of ``gated``; all, where it names none.
    """

    waves: tuple[Wave, ...]
    max_parallel: int = 50
    max_unavailable: UnavailabilityBudget | None = None
    max_failures: FailureBudget = FailureBudget()
    max_unreachable: UnreachableBudget = UnreachableBudget()
    on_halt: OnHalt = OnHalt.ROLLBACK_WAVE
    commit: CommitScope = CommitScope.WAVE
    resample: int = 10
    silent: float = 300.0
    renewal: float = 0.0
    reserves: bool = False
    gated: tuple[str, ...] = ()
    zones: dict[str, str] = field(default_factory=dict, hash=False)
