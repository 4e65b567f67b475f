"""Journals of controllers that went by earlier rules are folded to what they came to then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.model.codec import from_dict
from orchestrator.model.event import Action, ControllerStarted
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.rules import Rules
from orchestrator.rollout.states import WaveState as W
from tests.rollout.harness import World, spec

JOURNALS = (Path(__file__).parent / "journals" / "first_rules.jsonl").read_text().splitlines()
"""A run a line, as a core of the first rules left it: events, states, and what it had asked."""


def stands(rollout: Rollout) -> dict[str, Any]:
    hosts = rollout.hosts.items()
    return {
        "hosts": {name: str(host.state) for name, host in hosts},
        "waves": [str(wave.state) for wave in rollout.waves],
        "asked": {name: str(host.asked) for name, host in hosts if host.asked},
    }


@pytest.mark.parametrize("line", JOURNALS, ids=range(len(JOURNALS)))
def test_a_journal_of_the_first_rules(line: str) -> None:
    run = json.loads(line)
    assert stands(Rollout.fold(map(from_dict, run.pop("events")))) == run


def test_a_controller_says_by_which_rules_it_goes_on() -> None:
    world = World(spec(1, renewal=200.0), rules=Rules.FIRST)
    while not any(perform.action is Action.COMMIT for perform in world.todo):
        world.do(world.todo[0])
    assert world.wave_states() == [W.PASSED]
    world.restart()
    assert world.rollout.board.rules == Rules.FIRST
    world.rules = Rules.LATEST
    world.restart()
    assert world.rollout.board.rules == Rules.LATEST
    world.settle()
    assert [e.rules for e in world.events if isinstance(e, ControllerStarted)] == [1, 1, 2]
