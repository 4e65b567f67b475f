"""Schedules: what operators, networks, disks and clocks do to one host, drawn from a seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "orchestrator/host/program"
PARTS = ("lock", "stage", "receive", "trial", "activate", "confirm", "revert", "retire")
POINTS = tuple(
    point
    for part in PARTS
    for point in re.findall(r"^ +point (\w+)$", (FOLDER / f"{part}.sh").read_text(), re.MULTILINE)
)
"""Where the host program can be killed on the way of a release."""

VERSIONS = ("1.0.0", "2.0.0", "3.0.0")


class Kind(StrEnum):
    """What happens."""

    BEGIN = "a new run begins"
    FORWARD = "the run goes on"
    BACK = "the run goes back"
    AGAIN = "the last request comes once more"
    STALE = "the last request comes with an old token"
    UNKNOWN = "the last request comes with a token that was never given out"
    FOREIGN = "the run's request comes with another run's nonce"
    UNSIGNED = "a release comes that nobody signed"
    TAMPERED = "a release comes with other bytes than were signed"
    WAIT = "nobody comes until the deadline has passed"
    WATCHDOG = "the watchdog is killed"
    FULL = "the disk is full"
    READ_ONLY = "the disk can be read only"
    MENDED = "the disk is mended"


class Fault(StrEnum):
    """What becomes of the session that carries an operation out."""

    NONE = ""
    POINT = "the session is killed at {point}"
    WATCHDOG_POINT = "the watchdog will be killed at {point}"
    HANG_UP = "the controller hangs up after {delay:.3f} s"
    HALF = "the connection is lost with half of the request"
    KILLED = "the session is killed after {delay:.3f} s"


@dataclass(frozen=True)
class Act:
    """One thing that happens; ``version``, ``deadline`` and ``bad`` are of a run that begins."""

    kind: Kind
    fault: Fault = Fault.NONE
    point: str = ""
    delay: float = 0.0
    version: str = ""
    deadline: int = 600
    bad: bool = False

    def __str__(self) -> str:
        told = str(self.kind)
        if self.kind is Kind.BEGIN:
            bad = ", whose hook fails" if self.bad else ""
            told += f": {self.version}{bad}, {self.deadline} s to confirm"
        fault = self.fault.format(point=self.point, delay=self.delay)
        return f"{told}; {fault}" if fault else told


@dataclass(frozen=True)
class Schedule:
    """A seed, and what follows from it."""

    seed: int
    platform: str
    acts: tuple[Act, ...]

    def __str__(self) -> str:
        lines = (f"  {number:2} {act}" for number, act in enumerate(self.acts, 1))
        return "\n".join([f"seed {self.seed}, on {self.platform}:", *lines])


WEIGHTS = {
    Kind.FORWARD: 50,
    Kind.BEGIN: 8,
    Kind.BACK: 6,
    Kind.AGAIN: 8,
    Kind.STALE: 4,
    Kind.UNKNOWN: 3,
    Kind.FOREIGN: 6,
    Kind.UNSIGNED: 2,
    Kind.TAMPERED: 3,
    Kind.WAIT: 4,
    Kind.WATCHDOG: 4,
}
DISK = {Kind.FULL: 4, Kind.READ_ONLY: 3, Kind.MENDED: 10}
FAULTY = {Kind.FORWARD, Kind.BACK, Kind.AGAIN, Kind.TAMPERED}
FAULTS = {
    Fault.NONE: 60,
    Fault.POINT: 20,
    Fault.WATCHDOG_POINT: 3,
    Fault.HANG_UP: 6,
    Fault.HALF: 3,
    Fault.KILLED: 8,
}


def draw(seed: int, platforms: tuple[str, ...], *, disk: bool) -> Schedule:
    """Return the schedule of a seed; with ``disk``, the disk has its days too."""
    chance = random.Random(seed)
    weights = WEIGHTS | DISK if disk else WEIGHTS
    acts = [_begin(chance)]
    acts += (_act(chance, weights) for _ in range(chance.randint(6, 14)))
    return Schedule(seed, chance.choice(platforms), tuple(acts))


def _act(chance: random.Random, weights: dict[Kind, int]) -> Act:
    [kind] = chance.choices(list(weights), list(weights.values()))
    if kind is Kind.BEGIN:
        return _begin(chance)
    if kind not in FAULTY:
        return Act(kind)
    [fault] = chance.choices(list(FAULTS), list(FAULTS.values()))
    return Act(kind, fault, chance.choice(POINTS), chance.uniform(0, 0.2))


def _begin(chance: random.Random) -> Act:
    return Act(
        Kind.BEGIN,
        version=chance.choice(VERSIONS),
        deadline=chance.choice((1, 2, 3, 600, 600)),
        bad=chance.random() < 0.15,
    )
