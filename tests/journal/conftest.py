"""A journal in a fresh folder, a clock that tests set, and events to write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.journal import Journal, Owner
from orchestrator.model.event import RunStarted, Target
from orchestrator.model.wave import RolloutSpec, Wave

NOW = 1_770_000_000.0
RUN = "20260202-024000-0000"
TARGET = Target("gateway", "2.4.0", "2.4.0-0123456789ab", "01" * 32)
FAR = Owner("far-ops", 4711, 99, "another-boot/1")


class SetClock:
    """A clock that stands still until it is set."""

    def __init__(self, at: float = NOW) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


def started(run: str = RUN, at: float = NOW) -> RunStarted:
    spec = RolloutSpec((Wave("everyone", "everyone", ("web1", "web2")),))
    return RunStarted(at, run, "gateway-2.4", "plan.yml", "d1", "ops", "n0", spec, (TARGET,))


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path: Path, clock: SetClock) -> Iterator[Journal]:
    with Journal.open(path, clock) as opened:
        yield opened
