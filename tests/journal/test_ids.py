"""Run ids sort by time and can be read aloud."""

from __future__ import annotations

import secrets

from orchestrator.journal import new_run_id
from tests.journal.conftest import SetClock


def test_a_run_id_is_the_start_and_some_entropy() -> None:
    clock = SetClock(1_769_832_306.9)
    assert new_run_id(clock, lambda count: bytes(range(count))) == "20260131-040506-0123"
    assert new_run_id(clock, lambda count: b"\xff" * count) == "20260131-040506-zzzz"


def test_ids_of_one_second_differ_and_later_ones_sort_later() -> None:
    early = {new_run_id(SetClock(1_769_832_306), secrets.token_bytes) for _ in range(50)}
    assert len(early) > 45
    assert max(early) < new_run_id(SetClock(1_769_832_307), secrets.token_bytes)
