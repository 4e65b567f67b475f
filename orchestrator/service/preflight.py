"""Looking at all hosts before a run: what they miss, and what the moves need. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from orchestrator.errors import HostError, Problem
from orchestrator.host.looking import Look, look_at, needs, others, version
from orchestrator.host.procedures.judging import downgrade
from orchestrator.host.rendering import Renderer
from orchestrator.host.requests import Place
from orchestrator.host.work import Assignment, PackageWork
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Plan
from orchestrator.planning.needs import Unmet, has_needs
from orchestrator.planning.policy import Demand, demand
from orchestrator.ports import Connector, Depot
from orchestrator.report.escaping import printable
from orchestrator.report.folding import compact
from orchestrator.service.prepare import Prepared, Selected, laid_over, plan_variables

Looks = Mapping[str, Look | HostError]
"""What was found on each host, in the fleet's order; a host that could not answer has its error."""


def is_needed(prepared: Prepared) -> bool:
    """Return whether a run may begin only after all its hosts were looked at."""
    return any(work.agreed is not None or has_needs(work.manifest) for work in prepared.works)


async def look_at_all(
    hosts: Iterable[Host],
    places: Callable[[Host], Sequence[Place]],
    connector: Connector,
    *,
    parallel: int,
    deadline: float,
) -> Looks:
    """Look at every host once, ``parallel`` at a time; ``deadline`` is in seconds for each."""
    turns = asyncio.Semaphore(parallel)

    async def one(host: Host) -> Look | HostError:
        async with turns:
            try:
                return await _look(host, places(host), connector, deadline)
            except HostError as error:
                return error

    hosts = tuple(hosts)
    found = await asyncio.gather(*map(one, hosts))
    return {host.name: look for host, look in zip(hosts, found, strict=True)}


async def _look(host: Host, places: Sequence[Place], connector: Connector, deadline: float) -> Look:
    channel = await connector.open(host)
    try:
        return await look_at(channel, places, deadline=deadline)
    finally:
        await channel.close()


async def look_before(prepared: Prepared, connector: Connector) -> Looks:
    """Look at every host of a run that is prepared."""

    def places(host: Host) -> Sequence[Place]:
        assignment = prepared.assignment(host.name)
        renderer = Renderer(assignment, "")
        return [*map(renderer.place, assignment.packages), *others(assignment)]

    rollout = prepared.plan.rollout
    return await look_at_all(
        (prepared.assignment(host.name).host for host in prepared.selected.fleet),
        places,
        connector,
        parallel=rollout.max_parallel,
        deadline=rollout.timeouts.check,
    )


async def look_over(plan: Plan, chosen: Selected, connector: Connector) -> Looks:
    """Look at what every host of a plan has of the packages that it carries."""
    own = plan_variables(plan)

    def places(host: Host) -> Sequence[Place]:
        renderer = Renderer(Assignment(host, (), ""), "")
        carried = (it for it in plan.packages if host.name in chosen.carriers[it.name])
        return [Place(package.name, *renderer.folders(package)) for package in carried]

    return await look_at_all(
        (laid_over(own, host) for host in chosen.fleet),
        places,
        connector,
        parallel=plan.rollout.max_parallel,
        deadline=plan.rollout.timeouts.check,
    )


def missing(prepared: Prepared, looks: Looks, depot: Depot) -> tuple[Problem, ...]:
    """Return what hosts miss of what their releases need; hosts that miss the same, together."""
    hosts: dict[Unmet, list[str]] = {}
    for name, look in looks.items():
        if isinstance(look, Look):
            assignment = prepared.assignment(name)
            for unmet in (*needs(assignment, look, depot), *_downgrades(assignment, look)):
                hosts.setdefault(unmet, []).append(name)
    positions = {package.name: package.position for package in prepared.plan.packages}
    return tuple(
        Problem(
            positions[unmet.package],
            f"packages.{unmet.package}",
            f"{compact(names)}: {printable(unmet.what)}",
            unmet.mend,
        )
        for unmet, names in hosts.items()
    )


def _downgrades(assignment: Assignment, look: Look) -> Iterator[Unmet]:
    for work in assignment.packages:
        probe = look.probes[work.name]
        words = "" if probe.active == work.release else downgrade(work, probe)
        if words:
            yield Unmet(work.name, words)


def demands(prepared: Prepared, looks: Looks) -> tuple[Demand, ...]:
    """Return what the moves need of packages whose version was chosen out of a range."""
    return tuple(
        _demand(work, looks.values()) for work in prepared.works if work.agreed is not None
    )


def _demand(work: PackageWork, looks: Iterable[Look | HostError]) -> Demand:
    releases = {look.active(work.name) for look in looks if isinstance(look, Look)}
    before = map(version, releases - {"", work.release})
    return demand(work.name, work.package.policy, before, work.manifest)
