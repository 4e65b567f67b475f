"""A part of the kill matrix on machines, for every day; the whole is ``tests.machines.matrix``."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.lab.lab import Lab
from tests.machines.matrix import ELSEWHERE, Actor, Case, Way, all_cases, points, try_all
from tests.machines.site import make_site

EVERY_DAY = (
    Case(Way.STAYS, "flipped", Actor.POWER),
    Case(Way.STAYS, "sealed", Actor.POWER),
    Case(Way.BACK, "steps_undone", Actor.POWER),
    Case(Way.ALONE, "current_moved_back", Actor.POWER),
    Case(Way.STAYS, "committed", Actor.PROGRAM),
    Case(Way.STAYS, "concluded", Actor.CONTROLLER),
)


@pytest.mark.ssh
@pytest.mark.machine
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_struck_anywhere_a_machine_is_wholly_old_or_wholly_new(
    machines: Lab, tmp_path: Path
) -> None:
    site = make_site(machines, tmp_path)
    verdicts = list(try_all(site, EVERY_DAY))
    assert [(it.case, it.flaws) for it in verdicts if it.flaws] == []


def test_every_point_is_in_the_matrix_or_said_to_be_elsewhere() -> None:
    tried = {case.point for case in all_cases()}
    assert set(EVERY_DAY) <= set(all_cases())
    assert not tried & set(ELSEWHERE)
    assert all(len(points(way)) > 5 for way in Way)
