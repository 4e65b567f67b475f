"""Read-only questions to every host of a plan, without a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.errors import HostError
from orchestrator.host import requests
from orchestrator.host.rendering import Renderer
from orchestrator.host.survey import VerifyReport, verify
from orchestrator.host.work import Assignment
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Package, Plan
from orchestrator.ports import Channel, Connector
from orchestrator.service.prepare import Selected, laid_over, plan_variables

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A package on a host."""

    host: str
    package: str


Found = list[tuple[Place, T | HostError]]
"""What came of each package on each host, in the inventory's order."""

Visit = Callable[[Channel, Host, Sequence[Package]], Awaitable[Sequence[T | HostError]]]
"""Does something with the packages of one host; may raise HostError for all of them."""


async def survey(
    plan: Plan, chosen: Selected, connector: Connector, *, within: float | None = None
) -> Found[VerifyReport]:
    """Verify every package on every host that carries it, in one round trip for each host.

    With ``within``, only what changed in the last so many seconds is hashed.
    """

    async def one(
        channel: Channel, host: Host, packages: Sequence[Package]
    ) -> list[VerifyReport | HostError]:
        places = [place(host, package) for package in packages]
        deadline = plan.rollout.timeouts.check * len(packages)
        reports = await verify(channel, places, within=within, deadline=deadline)
        pairs = zip(packages, reports, strict=True)
        return [r if isinstance(r, HostError) else r.under(p.on_drift) for p, r in pairs]

    return await visit(plan, chosen, connector, one)


async def visit(plan: Plan, chosen: Selected, connector: Connector, what: Visit[T]) -> Found[T]:
    """Open a channel to every host that carries a package, at most ``max_parallel`` at once."""
    places = asyncio.Semaphore(plan.rollout.max_parallel)

    async def one(host: Host) -> Found[T]:
        packages = [p for p in plan.packages if host.name in chosen.carriers[p.name]]
        async with places:
            answers = await _visit_host(connector, host, packages, what)
        return [(Place(host.name, p.name), a) for p, a in zip(packages, answers, strict=True)]

    own = plan_variables(plan)
    found = await asyncio.gather(*(one(laid_over(own, host)) for host in chosen.fleet))
    return [answer for answers in found for answer in answers]


async def _visit_host(
    connector: Connector, host: Host, packages: Sequence[Package], what: Visit[T]
) -> Sequence[T | HostError]:
    try:
        channel = await connector.open(host)
        try:
            return await what(channel, host, packages)
        finally:
            await channel.close()
    except HostError as error:
        return [error] * len(packages)


def place(host: Host, package: Package) -> requests.Place:
    """Return where a package lives on a host; raises HostError when that is no absolute path."""
    renderer = Renderer(Assignment(host, (), ""), "")
    return requests.Place(package.name, *renderer.folders(package))
