"""The report: a whole one beside stored text, and the parts that depend on what happened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.model.event import (
    Action,
    ActionBegun,
    ActionEnded,
    ControllerStarted,
    OperatorAsked,
    Request,
    Result,
)
from orchestrator.model.plan import Amount, FailureBudget, OnHalt
from orchestrator.model.wave import Wave
from orchestrator.report.chronicle import Chronicle
from orchestrator.report.run_report import GROUPS, run_report
from orchestrator.rollout.machine import Rollout
from tests.report.golden import expect
from tests.report.stories import BAD, bad_release, names, played, started

GOLDEN = Path(__file__).parent / "golden"


def report(*story, **kw) -> str:
    return run_report(Chronicle.fold(played(*story, **kw)[1]))


def test_a_bad_release():
    expect(GOLDEN / "report_bad_release.md", report(*bad_release()))


def test_a_good_release():
    first = started(Wave("canary", "canary", names(1, 1), 30), Wave("rest", "rest", names(2, 9)))
    expect(GOLDEN / "report_good_release.md", report(first))


def test_operators_requests_are_on_the_timeline():
    first, endings = bad_release()
    asked = {20: OperatorAsked(0, Request.ABORT, "eve", "lunch")}
    text = report(first, endings, asked=asked)
    assert "eve asked to abort: lunch" in text
    assert "**aborted, exit 2" in text


def test_words_of_others_are_escaped_everywhere():
    evil = "<img src=x>|\x1b[2J`![](http://x)\n# owned"
    first = started(Wave(evil, evil, (evil,)))
    first = replace(first, plan=evil, plan_source=evil, operator=evil, run=evil)
    endings = {(evil, Action.VALIDATE): (Result.FAILED, evil, f"```\n{evil}\n</pre>")}
    text = report(first, endings)
    assert "\x1b" not in text
    for line in outside_blocks(text):
        assert not line.startswith("# owned")
        if "`fleet apply" not in line:  # a code span, in which nothing is markup
            assert "<img" not in line
            assert "![](" not in line


def outside_blocks(text: str) -> list[str]:
    outside, inside = [], False
    for line in text.splitlines():
        fence = line.startswith("````")  # one longer than the longest in the output
        if not inside and not fence:
            outside.append(line)
        inside ^= fence
    assert not inside
    return outside


def test_groups_beyond_many_are_counted():
    hosts = names(1, GROUPS + 30)
    first = started(
        Wave("w", "w", hosts),
        max_failures=FailureBudget(Amount(len(hosts))),
        max_parallel=len(hosts),
        on_halt=OnHalt.HOLD,
    )
    endings = {(h, Action.CHECK): (Result.FAILED, f"reason of {h}", "") for h in hosts}
    assert "… and 30 more hosts, for 30 more reasons." in report(first, endings)


def test_durations_are_medians_nearest_ranks_and_the_longest():
    told = Chronicle(Rollout(started(Wave("w", "w", names(1, 10)))))
    for name, seconds in zip(names(1, 10), (5, 1, 2, 3, 4, 6, 7, 8, 9, 10), strict=True):
        told.observe(ActionBegun(0.0, name, Action.STAGE), ())
        told.observe(ActionEnded(float(seconds), name, Action.STAGE, Result.DONE), ())
    (stage,) = told.durations()
    assert (stage.count, stage.median, stage.p90, stage.longest) == (10, 5, 9, 10)


def test_a_story_without_its_beginning_is_refused():
    with pytest.raises(TypeError, match="RunStarted"):
        Chronicle.fold([ControllerStarted(0.0, "c")])


def test_bytes_sent_are_summed():
    assert Chronicle.fold(played(*bad_release())[1]).sent == 7 * 1_500_000


def test_hosts_whose_output_differs_are_not_folded():
    first, endings = bad_release()
    endings["h006", Action.VALIDATE] = (BAD[0], BAD[1], "only here\n")
    text = report(first, endings)
    assert "**h006**: reverted" in text
    assert "**h007-h009 (3 hosts)**: reverted" in text


def test_hosts_that_could_not_verify_signatures_are_named():
    told = Chronicle(Rollout(started(Wave("w", "w", names(1, 4)))))
    said = ("verified", "unchecked: no ssh-keygen", "unchecked: no ssh-keygen", "")
    for name, words in zip(names(1, 4), said, strict=True):
        told.rollout.hosts[name].facts["staged"] = {"gateway": {"signature": words}}
    assert "## Signatures\n\n- h002, h003 (2 hosts): unchecked: no ssh-keygen\n" in run_report(told)
    told.rollout.hosts["h002"].facts.clear()
    told.rollout.hosts["h003"].facts.clear()
    assert "## Signatures" not in run_report(told)


def test_hosts_whose_cleanup_failed_are_named():
    told = Chronicle(Rollout(started(Wave("w", "w", names(1, 3)))))
    for name in names(2, 3):
        told.rollout.hosts[name].facts["left"] = {"app": "cleanup: exit status 1: in use"}
    section = "## Failed cleanups\n\n- h002, h003 (2 hosts): app: exit status 1: in use\n"
    assert section in run_report(told)
    told.rollout.hosts["h002"].facts.clear()
    told.rollout.hosts["h003"].facts["left"] = {}
    assert "## Failed cleanups" not in run_report(told)
