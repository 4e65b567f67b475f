"""Read-only questions to every host of a plan, without a run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from orchestrator.errors import HostError
from orchestrator.host.rendering import Renderer
from orchestrator.host.survey import VerifyReport, verify
from orchestrator.host.work import Assignment
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Package, Plan
from orchestrator.ports import Connector
from orchestrator.service.prepare import Selected, laid_over, plan_variables


@dataclass(frozen=True, slots=True)
class Place:
    """A package on a host."""

    host: str
    package: str


async def survey(
    plan: Plan, chosen: Selected, connector: Connector
) -> list[tuple[Place, VerifyReport | HostError]]:
    """Verify every package on every host that carries it, at most ``max_parallel`` at once.

    The answers come in the inventory's order; a host that could not answer has its HostError.
    """
    places = asyncio.Semaphore(plan.rollout.max_parallel)

    async def one(host: Host) -> list[tuple[Place, VerifyReport | HostError]]:
        async with places:
            return await _verify_host(plan, chosen, host, connector)

    own = plan_variables(plan)
    found = await asyncio.gather(*(one(laid_over(own, host)) for host in chosen.fleet))
    return [answer for answers in found for answer in answers]


async def _verify_host(
    plan: Plan, chosen: Selected, host: Host, connector: Connector
) -> list[tuple[Place, VerifyReport | HostError]]:
    packages = [p for p in plan.packages if host.name in chosen.carriers[p.name]]
    answers: list[tuple[Place, VerifyReport | HostError]] = []
    try:
        channel = await connector.open(host)
    except HostError as error:
        return [(Place(host.name, package.name), error) for package in packages]
    try:
        for package in packages:
            where = Place(host.name, package.name)
            try:
                root, state = _folders(host, package)
                found = await verify(channel, root, state, package.name)
                answers.append((where, found))
            except HostError as error:
                answers.append((where, error))
    finally:
        await channel.close()
    return answers


def _folders(host: Host, package: Package) -> tuple[str, str]:
    renderer = Renderer(Assignment(host, (), ""), "")
    return renderer.folders(package)
