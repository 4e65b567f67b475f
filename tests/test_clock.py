"""The wall clock goes on through suspends, and never runs backwards."""

from __future__ import annotations

import runpy
import time

import pytest

from orchestrator import clock
from orchestrator.clock import WallClock, iso

NOW = 1_800_000_000.0


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """Return what each of the machine's clocks says; the test turns them."""
    said = {time.CLOCK_REALTIME: NOW, time.CLOCK_MONOTONIC: 50.0, time.CLOCK_BOOTTIME: 70.0}
    monkeypatch.setattr(time, "time", lambda: said[time.CLOCK_REALTIME])
    monkeypatch.setattr(time, "clock_gettime", said.__getitem__)
    return said


def test_it_tells_the_time_of_day() -> None:
    assert abs(WallClock().now() - time.time()) < 1


def test_it_counts_the_time_of_a_suspend(clocks: dict[int, float]) -> None:
    wall = WallClock()
    clocks[time.CLOCK_BOOTTIME] += 3600
    assert wall.now() == NOW + 3600


def test_it_does_not_follow_a_clock_that_is_set_back(clocks: dict[int, float]) -> None:
    wall = WallClock()
    clocks[time.CLOCK_REALTIME] -= 3600
    assert wall.now() == NOW


def test_a_system_without_that_clock_has_another(
    clocks: dict[int, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    del clocks[time.CLOCK_BOOTTIME]
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    wall = runpy.run_path(clock.__file__)["WallClock"]()
    clocks[time.CLOCK_MONOTONIC] += 5
    assert wall.now() == NOW + 5


def test_instants_are_told_in_utc() -> None:
    assert iso(NOW) == "2027-01-15T08:00:00Z"
    assert iso(-1.0) == "1969-12-31T23:59:59Z"


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (1e12, "1000000000000 s after 1970"),
        (-1e12, "-1000000000000 s after 1970"),
        (1e300, "1e+300 s after 1970"),
        (float("inf"), "inf s after 1970"),
        (float("nan"), "nan s after 1970"),
    ],
)
def test_an_instant_that_no_calendar_has_is_told_in_seconds(at: float, shown: str) -> None:
    assert iso(at) == shown
