"""What ``fleet hosts`` prints of hosts' own words."""

from __future__ import annotations

import pytest

from orchestrator.cli.hosts import _print
from orchestrator.cli.trust import _print as print_enrolled
from orchestrator.errors import HostError
from orchestrator.host.procedures.enrolling import Enrolled, Enrolment
from orchestrator.host.survey import VerifyReport
from orchestrator.service.surveying import Place

HOSTILE = "x\x1b[2J\nh2  app  ok"


@pytest.mark.parametrize(
    "report", [VerifyReport("1.0.0-abc", extra=(HOSTILE,)), HostError(HOSTILE)]
)
def test_a_files_name_neither_acts_on_the_terminal_nor_forges_a_line(
    report: VerifyReport | HostError, capsys: pytest.CaptureFixture[str]
) -> None:
    _print(Place("h1", "app"), report)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert not any(line.startswith("h2") for line in said.splitlines())


@pytest.mark.parametrize("answer", [Enrolled("/s", Enrolment.UNABLE, HOSTILE), HostError(HOSTILE)])
def test_nor_do_words_of_a_host_that_is_enrolled(
    answer: Enrolled | HostError, capsys: pytest.CaptureFixture[str]
) -> None:
    print_enrolled("h1", answer)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert len(said.splitlines()) == 1
