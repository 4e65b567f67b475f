"""The recap, beside stored text."""

from __future__ import annotations

from pathlib import Path

from orchestrator.model.event import Action, Result
from orchestrator.model.plan import Amount, FailureBudget, UnreachableBudget, UnreachablePolicy
from orchestrator.model.wave import Wave
from orchestrator.report.recap import COLUMNS, labelled, recap, row_text, totals
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.states import HostState
from tests.report.golden import expect
from tests.report.stories import BAD, bad_release, names, played, started

GOLDEN = Path(__file__).parent / "golden"


def text(rollout: Rollout, *, verbose: bool = False) -> str:
    rows = labelled(recap(rollout, verbose=verbose))
    lines = [f"{label} : {row_text(row)}" for label, row in rows]
    return "\n".join([*lines, totals(rollout)]) + "\n"


def large() -> Rollout:
    """Five hundred hosts of which a few fail, one is deferred, and one cannot go back."""
    first = started(
        Wave("all", "all", names(1, 500)),
        max_failures=FailureBudget(Amount(50)),
        max_unreachable=UnreachableBudget(Amount(5), then=UnreachablePolicy.DEFER),
        max_parallel=500,
    )
    endings = {(name, Action.VALIDATE): BAD for name in ("h010", "h011", "h012", "h300")}
    endings["h300", Action.REVERT] = (Result.STRANDED, "gateway: current is gone", "")
    endings["h400", Action.CHECK] = (Result.UNREACHABLE, "no route to host", "")
    return played(first, endings)[0]


def test_a_small_fleet_has_a_line_for_each_host():
    expect(GOLDEN / "recap_small.txt", text(played(*bad_release())[0]))


def test_a_large_fleet_folds_equal_lines():
    expect(GOLDEN / "recap_large.txt", text(large()))


def test_verbose_never_folds():
    assert len(recap(large(), verbose=True)) == 500


def test_every_host_is_in_one_row():
    rollout = large()
    hosts = [host for _, hosts in recap(rollout) for host in hosts]
    assert sorted(hosts) == sorted(rollout.hosts)


def test_facts_that_are_not_what_they_should_be_do_no_harm():
    first = started(Wave("w", "w", ("h1",)))
    rollout, _ = played(first)
    rollout.hosts["h1"].facts.update(packages="many", changes="all")
    ((row, _),) = recap(rollout)
    assert dict(zip(COLUMNS, row.counts, strict=True))["ok"] == 1


def test_the_reason_of_a_host_that_went_back_is_why_it_failed():
    rollout, _ = played(*bad_release())
    rows = {hosts[0]: row for row, hosts in recap(rollout)}
    assert rows["h006"].reason == "gateway: validation http: 503"
    assert rows["h006"].state is HostState.REVERTED


def test_a_hostile_reason_stays_in_its_line():
    first, endings = bad_release()
    endings["h006", Action.VALIDATE] = (BAD[0], "\x1b[2Jh001 : ok=1\n\x1b]0;x\x07", "")
    shown = text(played(first, endings)[0])
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 12


def test_a_fleet_of_several_packages_counts_packages():
    rollout, _ = played(started(Wave("w", "w", ("h1",))))
    rollout.hosts["h1"].facts.update(packages={"a": {}, "b": {}, "c": {}}, changes=2)
    ((row, _),) = recap(rollout)
    assert row.counts[:2] == (3, 2)
