"""Options of a run go into the journal, and come out of it as they were."""

from __future__ import annotations

import json

import pytest

from orchestrator.errors import JournalError
from orchestrator.planning.policy import Given
from orchestrator.service.options import RunOptions


def test_options_come_out_as_they_went_in() -> None:
    options = RunOptions(
        inventory=("a", "b,"),
        extra_vars={"n": 1},
        locked=True,
        yes=True,
        approved={"app": "3.0.0"},
        agreed={"app": "2.0.0 -> 3.0.0 is a major change: --approve app=3.0.0 of me"},
    )
    back = RunOptions.from_dict(json.loads(json.dumps(options.to_dict())))
    assert back == options
    assert back.given == Given(yes=True, approved={"app": "3.0.0"})


def test_a_run_of_before_agreed_to_nothing() -> None:
    assert RunOptions.from_dict({"forks": 5, "unheard": 1}).given == Given()


def test_options_that_cannot_be_read() -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        RunOptions.from_dict({"inventory": "hosts"})
