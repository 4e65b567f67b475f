"""What ``fleet status`` and ``fleet history`` show, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import ExitCode
from orchestrator.model.carried import is_carried
from orchestrator.report.advice import MEANING, next_steps, verdict
from orchestrator.report.troubles import Trouble, troubles
from orchestrator.rollout.explain import Hold, why_run
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import WaveRecord
from orchestrator.rollout.states import OUT_OF_SERVICE, SETTLED, HostState, WaveState
from orchestrator.rollout.verdict import RunState, run_state


@dataclass(frozen=True, slots=True)
class WaveStatus:
    """One wave: ``done`` hosts of ``size`` are settled; ``out`` are out of service now."""

    name: str
    state: WaveState
    since: float
    reason: str
    size: int
    done: int
    counts: Mapping[HostState, int]
    out: int
    failures: int
    unreachable: int


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as it stands; texts from elsewhere are not yet escaped, but for the troubles."""

    run: str
    plan: str
    operator: str
    started_at: float
    state: RunState
    verdict: str
    targets: tuple[str, ...]
    waves: tuple[WaveStatus, ...]
    holds: tuple[Hold, ...]
    troubles: Mapping[Trouble, list[str]]
    next_steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One run of the journal; ``verdict`` is ``None`` while it runs or after its controller died.

    ``driven`` tells whether a controller that may still live holds the run.
    """

    run: str
    plan: str
    operator: str
    started_at: float
    ended_at: float | None = None
    verdict: int | None = None
    driven: bool = False

    @property
    def outcome(self) -> str:
        """Return in words how the run ended, or that it has not."""
        if self.driven:
            return "running"
        if self.verdict is None and is_carried(self.run):
            return "its import was broken off: fleet media import RESULTS"
        if self.verdict is None:
            return f"its controller is gone: fleet resume {self.run}"
        return MEANING[ExitCode(self.verdict)]


def status(rollout: Rollout) -> RunStatus:
    """Return what there is to say of a run."""
    started = rollout.started
    return RunStatus(
        run=started.run,
        plan=started.plan,
        operator=started.operator,
        started_at=started.at,
        state=run_state(rollout),
        verdict=verdict(rollout),
        targets=tuple(f"{target.package} {target.version}" for target in started.targets),
        waves=tuple(map(wave_status, rollout.waves)),
        holds=why_run(rollout),
        troubles=troubles(rollout.hosts.values()),
        next_steps=next_steps(rollout),
    )


def wave_status(record: WaveRecord) -> WaveStatus:
    """Return what there is to say of one wave; costs the same for any number of hosts."""
    return WaveStatus(
        name=record.wave.name,
        state=record.state,
        since=record.since,
        reason=record.reason,
        size=record.size,
        done=record.count(SETTLED),
        counts={state: record.counts[state] for state in HostState if record.counts[state]},
        out=record.count(OUT_OF_SERVICE),
        failures=record.failures,
        unreachable=record.unreachable,
    )
