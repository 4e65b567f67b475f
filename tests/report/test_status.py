"""What ``fleet status`` and ``fleet history`` show."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from orchestrator.errors import ExitCode
from orchestrator.model.event import Action, OperatorAsked, Request, Result
from orchestrator.model.plan import (
    Amount,
    FailureBudget,
    OnHalt,
    UnreachableBudget,
    UnreachablePolicy,
)
from orchestrator.model.wave import Wave
from orchestrator.report.advice import MEANING, next_steps, verdict
from orchestrator.report.recap import recap
from orchestrator.report.render import history_table, recap_text, status_view
from orchestrator.report.status import HistoryRow, status
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.verdict import RunState
from tests.report.golden import expect
from tests.report.stories import BAD, START, bad_release, names, play, played, started

ALL = Amount(100, percent=True)
GOLDEN = Path(__file__).parent / "golden"


def shown(renderable: RenderableType, *, terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=110, force_terminal=terminal, color_system=None)
    console.print(renderable)
    return out.getvalue()


def test_status_of_a_bad_release():
    expect(GOLDEN / "status.txt", shown(status_view(status(played(*bad_release())[0]))))


def test_status_in_the_middle_of_a_bake_says_what_it_waits_for():
    first, endings = bad_release()
    for _, _, rollout, _ in play(first, endings):
        if rollout.waves[0].state.value == "baking":
            break
    view = shown(status_view(status(rollout)))
    assert "waits for bake: canary bakes" in view
    assert "until 2026-01-31T04:01:30Z" in view


@pytest.mark.parametrize(
    ("asked", "advised"),
    [
        ({}, "nothing: every host has been proved"),
        ({4: Request.ROLLBACK}, "the release is not denied to others"),
        ({4: Request.ABORT}, "`sh install.sh --install` on the host begins again"),
    ],
)
def test_a_run_of_a_medium_is_not_to_be_driven_from_here(
    asked: dict[int, Request], advised: str
) -> None:
    first = replace(
        started(Wave("medium", "medium", names(1, 1))), run="media-0123456789ab-01234567"
    )
    events = {seq: OperatorAsked(START, request, "eve@h001") for seq, request in asked.items()}
    rollout, _ = played(first, asked=events)
    shown_steps = " ".join(next_steps(rollout))
    assert advised in shown_steps
    assert "resume" not in shown_steps
    assert "fleet apply" not in shown_steps


def test_a_run_of_a_medium_under_way_is_gone_on_with_there() -> None:
    first = replace(
        started(Wave("medium", "medium", names(1, 1))), run="media-0123456789ab-01234567"
    )
    assert "`fleet media import RESULTS`" in next_steps(Rollout(first))[-1]
    row = HistoryRow(first.run, "gateway", "media: eve@h001", START)
    assert row.outcome == "its import was broken off: fleet media import RESULTS"


def test_history():
    rows = [
        HistoryRow("r3", "gateway", "eve", START, driven=True),
        HistoryRow("r2", "gateway", "eve", START),
        HistoryRow("r1", "gateway", "eve", START, START + 9, ExitCode.FAILED.value),
    ]
    assert [row.outcome for row in rows] == [
        "running",
        "its controller is gone: fleet resume r2",
        MEANING[ExitCode.FAILED],
    ]
    expect(GOLDEN / "history.txt", shown(history_table(rows)))


def test_markup_and_control_codes_of_others_are_not_read():
    evil = "[red]x[/red]\x1b[2J"
    first = started(Wave(evil, evil, (evil,)))
    rollout, _ = played(first, {(evil, Action.VALIDATE): (Result.FAILED, evil, evil)})
    view = shown(status_view(status(rollout))) + shown(recap_text(recap(rollout)))
    view += shown(history_table([HistoryRow(evil, evil, evil, START)]))
    assert "\x1b" not in view
    assert "[red]x[/red]\\x1b[2J" in view


def test_every_exit_code_has_a_meaning():
    assert set(MEANING) == set(ExitCode)


def ended(state: RunState):
    """Return a rollout that has come to ``state``."""
    waves = (Wave("a", "a", names(1, 2)), Wave("b", "b", names(3, 4)))
    bad = {("h003", Action.VALIDATE): BAD}
    stuck = {**bad, ("h003", Action.REVERT): (Result.STRANDED, "no way back", "")}

    def ask(request: Request):
        return {12: OperatorAsked(0, request, "eve")}

    stories = {
        RunState.COMPLETE: lambda: played(started(*waves)),
        RunState.HALTED: lambda: played(started(*waves, on_halt=OnHalt.HOLD), bad),
        RunState.ROLLED_BACK: lambda: played(started(*waves), bad),
        RunState.STRANDED: lambda: played(started(*waves), stuck),
        RunState.ABORTED: lambda: played(started(*waves), asked=ask(Request.ABORT)),
        RunState.PAUSED: lambda: played(started(*waves), asked=ask(Request.PAUSE)),
    }
    return stories[state]()[0]


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (RunState.COMPLETE, "nothing"),
        (RunState.HALTED, "fleet why run-1"),
        (RunState.ROLLED_BACK, "mend the release"),
        (RunState.STRANDED, "a person is needed"),
        (RunState.ABORTED, "fleet rollback run-1"),
        (RunState.PAUSED, "fleet resume run-1"),
    ],
)
def test_each_verdict_says_what_to_do_next(state, word):
    rollout = ended(state)
    assert verdict(rollout).startswith(f"{state}, exit ")
    assert any(word in step for step in next_steps(rollout))


def test_hosts_that_wait_for_a_connection_are_the_next_thing_to_do():
    policy = UnreachableBudget(Amount(1), then=UnreachablePolicy.DEFER)
    first = started(Wave("a", "a", names(1, 3)), max_unreachable=policy)
    silent = {("h002", Action.CHECK): (Result.UNREACHABLE, "no route to host", "")}
    rollout, _ = played(first, silent)
    assert verdict(rollout).startswith("complete, exit 3")
    assert any("unreachable hosts" in step for step in next_steps(rollout))


OPTIONS_AND_COMMANDS = [
    ({}, "fleet apply plan.yml"),
    ({"back_to": "previous"}, "fleet rollback plan.yml --to 2.4.0 --hosts h002"),
    (
        {"back_to": "2.4.0", "packages": ["gateway"], "restore_data": True, "limit": "edge"},
        "fleet rollback plan.yml --to 2.4.0 --package gateway --restore-data --hosts h002",
    ),
    (
        {"back_to": "2.4.0", "preserve_data": True, "backup_current": False},
        "fleet rollback plan.yml --to 2.4.0 --preserve-data --no-backup-current --hosts h002",
    ),
    (
        {"factory": {"gateway": "2.4.0"}},
        "fleet hosts restore --factory plan.yml --package gateway --hosts h002",
    ),
]


@pytest.mark.parametrize(("options", "command"), OPTIONS_AND_COMMANDS)
@pytest.mark.parametrize("result", [Result.UNREACHABLE, Result.FAILED])
def test_hosts_that_were_left_are_asked_again_as_they_were(options, command, result):
    everyone = {"max_unreachable": UnreachableBudget(ALL), "max_failures": FailureBudget(ALL)}
    first = started(Wave("a", "a", names(1, 3)), on_halt=OnHalt.HOLD, **everyone)
    left = {("h002", Action.CHECK): (result, "no route to host", "")}
    rollout, _ = played(replace(first, options=options), left)
    assert next_steps(rollout)[1].startswith(f"`{command}` ")


def test_each_package_goes_back_to_its_own_version():
    first = started(Wave("a", "a", names(1, 20)), max_unreachable=UnreachableBudget(ALL))
    targets = (*first.targets, replace(first.targets[0], package="db", version="7.1.0"))
    silent = {(host, Action.CHECK): (Result.UNREACHABLE, "gone", "") for host in names(2, 19)}
    options: dict[str, object] = {"back_to": "previous", "limit": "edge gw"}
    rollout, _ = played(replace(first, targets=targets, options=options), silent)
    assert [step.split("` ")[0] for step in next_steps(rollout)[1:]] == [
        "`fleet rollback plan.yml --to 2.4.0 --package gateway --hosts 'edge gw'",
        "`fleet rollback plan.yml --to 7.1.0 --package db --hosts 'edge gw'",
    ]


def test_a_run_that_moved_no_host_speaks_of_no_denied_release():
    first = started(Wave("a", "a", names(1, 3)))
    drifted = {("h001", Action.CHECK): (Result.FAILED, "app: bin/app is modified", "")}
    rollout, _ = played(first, drifted)
    assert verdict(rollout).startswith("rolled back, exit 2")
    assert next_steps(rollout)[0].startswith("mend what made hosts fail")
