"""The tables agree with their drawing, with each other, and with the design."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.model.event import Action
from orchestrator.rollout.states import IN_FLIGHT, SETTLED, HostState, WaveState
from orchestrator.rollout.tables import HOST_MOVES, OUTCOMES, WAVE_MOVES

DRAWING = Path(__file__).parents[2] / "docs" / "rollout-states.md"


def drawn(heading: str) -> set[tuple[str, str]]:
    section = DRAWING.read_text().split(f"## {heading}")[1].split("\n## ")[0]
    return set(re.findall(r"(\w+) --> (\w+)", section))


@pytest.mark.parametrize(("heading", "moves"), [("A host", HOST_MOVES), ("A wave", WAVE_MOVES)])
def test_the_drawing_is_the_table(heading, moves):
    table = {(a.name, b.name) for a, afters in moves.items() for b in afters}
    assert drawn(heading) == table


def test_every_state_has_its_row():
    assert set(HOST_MOVES) == set(HostState)
    assert set(WAVE_MOVES) == set(WaveState)


def test_every_outcome_stays_or_is_a_legal_move():
    for (state, _action), results in OUTCOMES.items():
        for after in results.values():
            assert after is state or after in HOST_MOVES[state]


def test_every_action_has_outcomes():
    assert {action for _state, action in OUTCOMES} == set(Action)


def test_every_state_is_pending_in_flight_or_settled():
    assert IN_FLIGHT | SETTLED | {HostState.PENDING} == set(HostState)
    assert not IN_FLIGHT & SETTLED
