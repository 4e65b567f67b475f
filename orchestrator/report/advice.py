"""What a verdict means, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import ExitCode
from orchestrator.model.carried import is_carried
from orchestrator.report.again import again
from orchestrator.report.escaping import printable
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.verdict import RunState, exit_code, run_state, taken_back

MEANING: Mapping[ExitCode, str] = {
    ExitCode.OK: "the fleet is as the plan says",
    ExitCode.FAILED: "hosts failed, or the run was halted, aborted or rolled back",
    ExitCode.WAITING: "the run waits, for approval, a window or deferred hosts",
    ExitCode.UNREACHABLE: "only unreachable hosts stand in the way",
    ExitCode.USAGE: "wrong usage",
    ExitCode.INVALID: "the plan, the inventory or a bundle is invalid",
    ExitCode.INTERRUPTED: "interrupted: the run can be taken up again",
}

_NEXT: Mapping[RunState, tuple[str, ...]] = {
    RunState.RUNNING: (
        "`fleet status {run}` shows where it stands",
        "`fleet resume {run}` takes it up again if its controller is gone",
    ),
    RunState.PAUSED: ("`fleet resume {run}` goes on where it was paused",),
    RunState.COMPLETE: ("nothing: every host has been proved",),
    RunState.HALTED: (
        "`fleet why {run}` says what stopped it",
        "`fleet resume {run}` goes on and forgives what failed until now",
        "`fleet rollback {run}` brings every host back to what it had before",
    ),
    RunState.ABORTED: (
        "`fleet rollback {run}` brings the hosts that moved back to what they had before",
        "`{again}` begins again; hosts that have the release are left alone",
    ),
    RunState.ROLLING_BACK: ("`fleet resume {run}` goes on with the rollback",),
    RunState.ROLLED_BACK: (
        "mend the release and give it a higher version; the one that was rolled back is denied",
        "`fleet apply {plan}` begins again with the new one",
    ),
    RunState.STRANDED: (
        "look at the stranded hosts: they are neither old nor new, and a person is needed",
        "`fleet why {run} HOST` tells what is known of one",
    ),
}

_GO_ON = (
    "`sh install.sh --install` on its host goes on with it, `--back` takes it back",
    "`fleet media import RESULTS` then brings what came of it",
)
_STOPPED = (
    "`fleet why {run}` says what stopped it",
    "mend that; `sh install.sh --install` on the host begins again",
)

_NEXT_OF_MEDIUM: Mapping[RunState, tuple[str, ...]] = {
    **_NEXT,
    RunState.RUNNING: _GO_ON,
    RunState.PAUSED: _GO_ON,
    RunState.HALTED: _STOPPED,
    RunState.ABORTED: _STOPPED,
    RunState.ROLLING_BACK: _GO_ON,
    RunState.ROLLED_BACK: (
        "the host has what it had before; the release is not denied to others",
        "if it was the release: mend it, give it a higher version, and carry that there",
    ),
}
"""A host that is its own controller is asked on the spot; a run is brought in, never driven."""

_SILENT = (
    "mend the way to the unreachable hosts",
    "`{again}` again brings them up; the others are left alone",
)

_PARTLY = (
    "mend what made hosts fail; they have what they had before",
    "`{again}` tries them again; the others are left alone",
)


def verdict(rollout: Rollout) -> str:
    """Return state, exit code and meaning in one line."""
    code = exit_code(rollout)
    return f"{run_state(rollout)}, exit {code.value}: {MEANING[code]}"


def next_steps(rollout: Rollout) -> tuple[str, ...]:
    """Return what to do next, most likely first; commands stand between backticks."""
    started, commands = rollout.started, again(rollout)
    run, plan = (printable(name).replace("`", "'") for name in (started.run, started.plan_source))
    return tuple(
        step.format(run=run, plan=plan, again=command)
        for step in _steps(rollout)
        for command in (commands if "{again}" in step else commands[:1])
    )


def _steps(rollout: Rollout) -> tuple[str, ...]:
    state, code = run_state(rollout), exit_code(rollout)
    if is_carried(rollout.started.run):
        return _NEXT_OF_MEDIUM[state]
    untouched = state is RunState.ROLLED_BACK and not taken_back(rollout)
    if untouched or (state is RunState.COMPLETE and code is not ExitCode.OK):
        return _PARTLY if code is ExitCode.FAILED else _SILENT
    return _NEXT[state]
