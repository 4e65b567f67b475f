"""Examines hosts for a doctor: goes the way to each, and asks what it has. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator import templates
from orchestrator.clock import Clock
from orchestrator.doctor.chart import Chart
from orchestrator.doctor.spelling import Spelling
from orchestrator.errors import HostError, InputError, Unreachable
from orchestrator.host.diagnosis import Diagnosis, Inquiry, Patient, examine, look_around
from orchestrator.host.rendering import Renderer, Variables
from orchestrator.host.replies import number
from orchestrator.host.requests import Place
from orchestrator.host.work import Assignment
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Origin, Package, Plan
from orchestrator.ports import Channel, Tracer
from orchestrator.service.prepare import Selected, laid_over, plan_variables


@dataclass(frozen=True, slots=True)
class Doctor:
    """Examines the hosts of a plan, or of an inventory where the plan has no packages."""

    plan: Plan
    chosen: Selected
    tracer: Tracer
    clock: Clock
    spell: Callable[[Host], Spelling]

    async def examine_all(self) -> list[Chart]:
        """Return a chart for each host, in the inventory's order."""
        turns = asyncio.Semaphore(self.plan.rollout.max_parallel)
        own = plan_variables(self.plan)

        async def one(host: Host) -> Chart:
            async with turns:
                return await self._visit(laid_over(own, host))

        return list(await asyncio.gather(*map(one, self.chosen.fleet)))

    async def _visit(self, host: Host) -> Chart:
        way, channel = await self.tracer.trace(host)
        ways = [way]
        if isinstance(way.error, Unreachable) and host.recovery:
            spare = replace(host, endpoint=host.recovery, recovery=None)
            way, channel = await self.tracer.trace(spare)
            ways.append(replace(way, recovery=True))
        best = way if channel else ways[0]
        spelling = replace(self.spell(host), ssh=best.ssh)
        planned = {package.name: package.on_drift for package in self._carried(host)}
        chart = Chart(host.name, spelling, tuple(ways), planned=planned)
        if channel is None:
            return chart
        try:
            return await self._examined(chart, host, channel)
        except HostError as error:
            return replace(chart, trouble=error.message)
        finally:
            await channel.close()

    async def _examined(self, chart: Chart, host: Host, channel: Channel) -> Chart:
        """Ask in one round trip; without a plan, one more tells which packages there are."""
        renderer = Renderer(Assignment(host, (), ""), "")
        inquiries = [_inquiry(renderer, host, it) for it in self._carried(host)]
        within = self.plan.rollout.timeouts.check
        before = self.clock.now()
        patients: tuple[Patient, ...] = ()
        if inquiries:
            facts, patients = await examine(channel, inquiries, deadline=within * len(inquiries))
            around = patients[0].diagnosis
        else:
            root, state = renderer.folders(_nameless(""))
            facts, around = await look_around(channel, root, state, deadline=within)
        skew = _skew(number(facts, "epoch"), before, self.clock.now())
        if not inquiries and around.packages:
            found = [Inquiry(Place(n, *renderer.folders(_nameless(n)))) for n in around.packages]
            _, patients = await examine(channel, found, deadline=within * len(found))
        return replace(
            chart,
            facts=facts,
            skew=skew,
            disks=tuple(disk for it in (around, *_told(patients)) for disk in it.disks),
            patients=patients,
            others=tuple(n for n in around.packages if n not in _names(patients)),
        )

    def _carried(self, host: Host) -> Sequence[Package]:
        carriers = self.chosen.carriers
        return [it for it in self.plan.packages if host.name in carriers[it.name]]


def _inquiry(renderer: Renderer, host: Host, package: Package) -> Inquiry:
    place = Place(package.name, *renderer.folders(package))
    return Inquiry(place, tuple(_services(package, host.variables)))


def _services(package: Package, variables: Mapping[str, object]) -> Iterator[str]:
    """Return the services that a switch restarts or reloads; commands among them have no state."""
    known = Variables({"package": package.name}, variables)
    for item in dict.fromkeys((*package.restart, *package.reload)):
        try:
            service = templates.render(item, known)
        except InputError:  # it names the release, which a doctor does not look up
            continue
        if " " not in service:
            yield service


def _nameless(name: str) -> Package:
    """Return a package of which nothing is known but perhaps its name."""
    return Package(name, "", Origin(""))


def _skew(epoch: int, before: float, after: float) -> float:
    """Return by how much a host's clock was surely ahead of ours, in seconds."""
    if epoch < before - 1:
        return epoch - before
    return max(0.0, epoch - after)


def _told(patients: Sequence[Patient]) -> Iterator[Diagnosis]:
    return (patient.diagnosis for patient in patients)


def _names(patients: Sequence[Patient]) -> frozenset[str]:
    return frozenset(patient.place.package for patient in patients)
