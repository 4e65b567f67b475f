"""What a doctor knows of one host, and what it concludes: values, nothing is asked here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.doctor.spelling import Spelling
from orchestrator.host.diagnosis import Disk, Patient
from orchestrator.model.keeping import OnDrift
from orchestrator.model.reach import Way


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should know."""
    PROBLEM = "problem"


class Area(StrEnum):
    """What a finding is about, in the order in which they are shown."""

    REACH = "reach"
    CLOCK = "clock"
    TOOLS = "tools"
    DISK = "disk"
    LOCK = "lock"
    TRIAL = "trial"
    RELEASES = "releases"
    SERVICES = "services"
    BACKUPS = "backups"
    HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Finding:
    """One conclusion; ``mend`` is the one line to paste that mends it, ``package`` whose it is.

    ``console``: the command is for the host's own console, since nothing else reaches it.
    """

    level: Level
    area: Area
    what: str
    mend: str = ""
    package: str = ""
    console: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One host: the ways to it, in the order in which they were tried, and what it told.

    ``facts`` are empty when it could not be examined; ``trouble`` says what went wrong after it
    had answered. ``skew`` is how many seconds its clock is ahead of ours. ``planned`` has, for
    the packages that a plan puts there, what may differ.
    """

    host: str
    spelling: Spelling
    ways: tuple[Way, ...]
    facts: Mapping[str, object] = field(default_factory=dict, hash=False)
    skew: float = 0.0
    disks: tuple[Disk, ...] = ()
    patients: tuple[Patient, ...] = ()
    others: tuple[str, ...] = ()
    planned: Mapping[str, OnDrift] = field(default_factory=dict, hash=False)
    trouble: str = ""

    @property
    def is_reached(self) -> bool:
        """Return whether the host program answered on one of the ways."""
        return any(way.is_open for way in self.ways)


Rule = Callable[[Chart], Iterable[Finding]]
"""Judges a host as a whole."""

PatientRule = Callable[[Chart, Patient], Iterable[Finding]]
"""Judges one package of a host that could be examined."""
