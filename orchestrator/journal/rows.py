"""What the journal's tables say, as values."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.journal.owner import Owner
from orchestrator.model.carried import is_carried


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may append to a run, and until when; ``token`` grows with each taking.

    ``owner`` is None when the last controller gave the lease back.
    """

    token: int
    owner: Owner | None = None
    since: float = 0.0
    expires: float = 0.0

    def held(self, now: float) -> bool:
        """Return whether a controller that may still live holds the lease at ``now``."""
        return self.owner is not None and now < self.expires and not self.owner.proved_dead()


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run: times in seconds since the epoch; ``events`` is the number of its last event.

    ``ended_at`` and ``verdict`` (an exit code) are of the last orderly stop, and None while a
    controller drives the run, or after one died.
    """

    run: str
    plan: str
    plan_source: str
    plan_digest: str
    operator: str
    started_at: float
    ended_at: float | None
    verdict: int | None
    events: int
    lease: Lease

    @property
    def newness(self) -> tuple[float, int]:
        """Return what runs are sorted by: when they began, and for one of a medium when it ended.

        A host goes on with such a run after others that it began later, by taking it back. Its
        clock tells whole seconds: within one, the run that has more to tell is the later one.
        """
        if is_carried(self.run):
            return self.ended_at or self.started_at, self.events
        return self.started_at, 0


@dataclass(frozen=True, slots=True)
class Denied:
    """A release that was rolled back and is not tried again; ``manifest`` is its sha256."""

    manifest: str
    package: str
    version: str
    run: str
    at: float
    reason: str
