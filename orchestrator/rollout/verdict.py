"""What a run has come to, in one word and one exit code (design section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from orchestrator.errors import ExitCode
from orchestrator.model.event import Target
from orchestrator.model.plan import UnreachablePolicy
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.records import HostRecord
from orchestrator.rollout.states import HostState as H
from orchestrator.rollout.states import WaveState as W


class RunState(StrEnum):
    """Where a run stands; derived from its waves and the operator's requests, never stored."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    HALTED = "halted"
    ABORTED = "aborted"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    STRANDED = "stranded"


def run_state(rollout: Rollout) -> RunState:
    """Return where the run stands."""
    board = rollout.board
    states = {record.state for record in rollout.waves}
    if W.STRANDED in states or any(wave.counts[H.STRANDED] for wave in rollout.waves):
        return RunState.STRANDED
    if W.ROLLING_BACK in states:
        return RunState.ROLLING_BACK
    if board.rolled_back:
        return RunState.ROLLED_BACK
    if board.aborted:
        return RunState.ABORTED
    if W.HALTED in states:
        return RunState.HALTED
    if states <= {W.PASSED} and rollout.finished:
        return RunState.COMPLETE
    return RunState.PAUSED if board.paused else RunState.RUNNING


_WENT_BACK = frozenset({W.ROLLED_BACK, W.ROLLING_BACK, W.STRANDED})


def taken_back(rollout: Rollout) -> tuple[Target, ...]:
    """Return the releases that hosts of waves that went back had got from the run, and gave back.

    A release that was there before, and was but proved or mended, is none of them.
    """
    gone = {name for wave in rollout.waves if wave.state in _WENT_BACK for name in wave.wave.hosts}
    back = [rollout.hosts[name] for name in gone if rollout.hosts[name].state is H.REVERTED]
    targets = rollout.started.targets
    return tuple(it for it in targets if any(_got(host, it.package) for host in back))


def why_taken_back(rollout: Rollout) -> str:
    """Return what the last wave that went back says of it."""
    last = next(wave for wave in reversed(rollout.waves) if wave.state in _WENT_BACK)
    return last.reason or "rolled back"


def _got(host: HostRecord, package: str) -> bool:
    """Return whether the run was to replace what the host had of a package, as far as is known."""
    packages = host.facts.get("packages")
    if not isinstance(packages, Mapping):
        return True
    found = packages.get(package, {"from": "", "to": ""})
    return "to" not in found or found["from"] != found["to"]


_UNMOVED = frozenset({H.PENDING, H.SKIPPED, H.FAILED, H.DEFERRED, H.WITHDRAWN})
_OVER = frozenset({RunState.COMPLETE, RunState.ROLLED_BACK, RunState.ABORTED})


def moved_nothing(rollout: Rollout) -> bool:
    """Tell whether the run is over, and no host ever had another release active for it."""
    packages = [target.package for target in rollout.started.targets]
    return run_state(rollout) in _OVER and not any(
        host.state not in _UNMOVED and any(_got(host, package) for package in packages)
        for host in rollout.hosts.values()
    )


_FAILED = frozenset(
    {RunState.STRANDED, RunState.ROLLING_BACK, RunState.ROLLED_BACK, RunState.ABORTED}
)


def exit_code(rollout: Rollout) -> ExitCode:
    """Return what ``fleet apply`` and ``fleet resume`` tell the shell; failures win."""
    state = run_state(rollout)
    failures = any(host.failed for host in rollout.hosts.values())
    silent = any(host.unreachable for host in rollout.hosts.values())
    only_silent = state is RunState.HALTED and silent
    if state in _FAILED or failures or (state is RunState.HALTED and not only_silent):
        return ExitCode.FAILED
    if state in {RunState.PAUSED, RunState.RUNNING}:
        return ExitCode.INTERRUPTED
    if silent:
        return _silent_code(rollout, halted=only_silent)
    return ExitCode.OK


def _silent_code(rollout: Rollout, *, halted: bool) -> ExitCode:
    later = rollout.board.spec.max_unreachable.then is UnreachablePolicy.DEFER
    return ExitCode.WAITING if later and not halted else ExitCode.UNREACHABLE
