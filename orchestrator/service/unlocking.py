"""Breaking the locks that a doctor has found, without a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.doctor.chart import Chart
from orchestrator.errors import HostError, UsageError
from orchestrator.host import requests_recovery
from orchestrator.host.diagnosis import Hold, Patient
from orchestrator.host.replies import Status, status
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Timeouts
from orchestrator.ports import Connector
from orchestrator.registry import near_miss

LOCK = "lock"
"""The record that says who holds a package."""


@dataclass(frozen=True, slots=True)
class Held:
    """A package whose lock somebody holds."""

    host: str
    patient: Patient
    hold: Hold

    @property
    def package(self) -> str:
        """Return the package's name."""
        return self.patient.place.package

    @property
    def remaining(self) -> int | None:
        """Return the seconds that its trial has left, if one is on."""
        trial = self.patient.probe.trial if self.patient.probe else None
        return trial.remaining if trial else None


def held(charts: Sequence[Chart], package: str | None) -> Iterator[Held]:
    """Return the locks that hosts have, of all packages or of one."""
    for chart in charts:
        for patient in chart.patients:
            if patient.diagnosis.hold and package in (None, patient.place.package):
                yield Held(chart.host, patient, patient.diagnosis.hold)


def unreadable(chart: Chart, package: str | None) -> Iterator[str]:
    """Say of which locks of a host nobody can tell whether they are held."""
    for patient in chart.patients:
        name = patient.place.package
        if LOCK in patient.diagnosis.damage and package in (None, name):
            yield f"{name}: the record of its lock is damaged: fleet doctor tells how to mend it"


def expect_known(charts: Sequence[Chart], package: str | None) -> None:
    """Raise UsageError if hosts have answered, and none of them has the package."""
    answered = [chart for chart in charts if chart.is_reached and not chart.trouble]
    there = sorted({patient.place.package for it in answered for patient in it.patients})
    if package and answered and package not in there:
        hint = near_miss(package, there) or f"packages there are: {', '.join(there) or 'none'}"
        raise UsageError(f"no host that answered has a package '{package}'", hint=hint)


async def unlock(
    host: Host,
    locks: Sequence[Held],
    connector: Connector,
    timeouts: Timeouts,
    *,
    owner: str,
    force: bool,
) -> list[str | HostError]:
    """Break locks on one host, if they are still those that were found; return what it says.

    With ``force`` also where a trial is on: the host goes back at once.
    """
    lines = [
        requests_recovery.unlock(it.patient.place, held=it.hold.run, owner=owner, force=force)
        for it in locks
    ]
    try:
        channel = await connector.open(host)
        try:
            replies = await channel.call(lines, deadline=timeouts.revert * len(lines))
        finally:
            await channel.close()
    except HostError as error:
        return [error] * len(lines)
    return [
        reply.reason
        if status(reply) is Status.OK
        else HostError(f"not unlocked: {reply.reason or reply.status}")
        for reply in replies
    ]
