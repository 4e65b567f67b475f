from __future__ import annotations

import pytest

from orchestrator.errors import ProtocolError
from orchestrator.host.replies import Probe, read_probe, status
from orchestrator.ports import Reply

from .scripted import CURRENT, EMPTY, OUTDATED, ended, locked, on_trial, probed


@pytest.mark.parametrize(
    "probe",
    [EMPTY, OUTDATED, CURRENT, on_trial(), ended("reverted", "a"), locked("r", trial=True)],
)
def test_a_probe_is_read_as_it_was_said(probe: Probe) -> None:
    assert read_probe(probed(probe)) == probe


def test_a_trial_counts_as_activated_only_when_the_host_says_so() -> None:
    trial = {"nonce": "n", "run": "r", "release": "b", "from": None, "remaining": 5}
    read = read_probe(Reply("ok", "", {"trial": trial}))
    assert read.trial
    assert (read.trial.before, read.trial.activated) == ("", False)


@pytest.mark.parametrize(
    "fields", [{"active": 1}, {"releases": "a"}, {"releases": [1]}, {"trial": []}]
)
def test_a_lying_host_is_not_understood(fields: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match="unusable"):
        read_probe(Reply("ok", "", fields))


def test_other_answers_than_ok_to_a_probe() -> None:
    with pytest.raises(ProtocolError, match="no such place"):
        read_probe(Reply("error", "no such place"))


def test_unknown_status() -> None:
    with pytest.raises(ProtocolError, match="'maybe'"):
        status(Reply("maybe"))
