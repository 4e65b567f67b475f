"""Finding runs, asking them, and the denylist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import ExitCode, UnknownRun
from orchestrator.journal import Denied, Journal
from orchestrator.model.event import Request
from tests.journal.conftest import FAR, NOW, RUN, TARGET, SetClock, started

RUNS = ("20260131-040506-k3f9", "20260131-040507-aaaa", "20260201-000000-bbbb")


@pytest.fixture
def runs(journal: Journal) -> Journal:
    for number, run in enumerate(RUNS):
        journal.create_run(started(run, NOW + number), FAR)
    return journal


def test_runs_are_listed_newest_first(runs: Journal) -> None:
    rows = runs.runs()
    assert [row.run for row in rows] == list(reversed(RUNS))
    assert (rows[0].plan, rows[0].plan_source, rows[0].plan_digest) == (
        "gateway-2.4",
        "plan.yml",
        "d1",
    )
    assert (rows[0].operator, rows[0].started_at, rows[0].events) == ("ops", NOW + 2, 1)
    assert rows[0].lease.owner == FAR


def test_a_run_of_a_medium_is_as_new_as_its_last_event(runs: Journal) -> None:
    carried = "media-0123456789ab-01234567"
    runs.create_run(started(carried, NOW - 100), FAR)
    assert runs.find_run("last") == RUNS[2]
    runs.finish(carried, 2, NOW + 100)
    assert runs.find_run("last") == carried


@pytest.mark.parametrize(
    ("word", "run"),
    [("last", RUNS[2]), (RUNS[0], RUNS[0]), ("20260131-040506", RUNS[0]), ("202602", RUNS[2])],
)
def test_a_run_is_found_by_prefix_or_as_the_last(runs: Journal, word: str, run: str) -> None:
    assert runs.find_run(word) == run


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("20260131", f"fits 2 runs\n  hint: say which: {RUNS[1]}, {RUNS[0]}"),
        ("", "fits 3 runs"),
        ("20260131-040506-k3f8", f"did you mean '{RUNS[0]}'"),
        ("%", f"the newest are {RUNS[2]}"),
    ],
)
def test_what_names_no_single_run_is_told_what_would(
    runs: Journal, word: str, message: str
) -> None:
    with pytest.raises(UnknownRun, match=message) as error:
        runs.find_run(word)
    assert error.value.exit_code is ExitCode.USAGE


def test_an_id_that_begins_another_is_still_found(journal: Journal) -> None:
    for run in ("run", "run-2"):
        journal.create_run(started(run), FAR)
    assert journal.find_run("run") == "run"


def test_an_empty_journal_has_no_last_run(journal: Journal) -> None:
    with pytest.raises(UnknownRun, match="no runs yet"):
        journal.find_run("last")


def test_a_request_to_an_unknown_run_is_refused(journal: Journal) -> None:
    with pytest.raises(UnknownRun):
        journal.ask(RUN, Request.ABORT, "ops")


def test_a_denied_release_stays_denied_until_it_is_lifted(runs: Journal, clock: SetClock) -> None:
    runs.deny(TARGET, RUNS[0], "validation failed on web2")
    clock.at += 5
    runs.deny(TARGET, RUNS[1], "again")
    entry = Denied(TARGET.manifest, "gateway", "2.4.0", RUNS[0], NOW, "validation failed on web2")
    assert runs.denied() == runs.denied([TARGET.manifest, "other"]) == [entry]
    assert runs.denied(["other"]) == runs.denied([]) == []
    assert runs.lift(TARGET.manifest, "ops")
    assert not runs.lift(TARGET.manifest, "ops")
    assert runs.denied() == []
    runs.deny(TARGET, RUNS[1], "again")
    assert runs.denied() == [replace(entry, run=RUNS[1], at=NOW + 5, reason="again")]


def test_a_release_is_denied_for_a_run_that_exists(journal: Journal) -> None:
    with pytest.raises(UnknownRun):
        journal.deny(TARGET, "no-such-run", "x")
