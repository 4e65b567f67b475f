from __future__ import annotations

import pytest

from orchestrator.errors import ProtocolError
from orchestrator.host.replies import Probe, Said, Trigger, read_probe, status
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


def test_what_triggers_said_is_read() -> None:
    told = {"name": "health", "bad": 1, "threshold": 2, "last": "no", "reason": "it is failed"}
    silent = {"name": "system_metrics.memory", "bad": 0, "threshold": 20, "last": "", "reason": ""}
    found = read_probe(Reply("ok", "", {"triggers": [told, silent]})).triggers
    assert found[0] == Trigger("health", 1, 2, Said.NO, "it is failed")
    assert [str(trigger) for trigger in found] == [
        "trigger health: it is failed (1 of 2)",
        "trigger system_metrics.memory: not asked yet",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"triggers": ["x"]},
        {"triggers": [{"last": "maybe"}]},
        {"active": 1},
        {"releases": "a"},
        {"releases": [1]},
        {"trial": []},
    ],
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
