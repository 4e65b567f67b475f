"""A dozen randomised fault schedules, as ``bench/faults.py`` plays them by the thousand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "bench/faults.py"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_schedule_violates_a_safety_property() -> None:
    done = subprocess.run(
        [sys.executable, PROGRAM, "--count", "12", "--jobs", "3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("12 schedules, no violation")
