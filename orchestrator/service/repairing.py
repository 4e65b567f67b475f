"""Putting back damaged files on every host of a plan, without a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.host import requests
from orchestrator.host.drift import judged, weigh
from orchestrator.host.procedures.judging import lacking
from orchestrator.host.procedures.mending import Send, put_back
from orchestrator.host.replies import Probe, Status, number, read_probe, status, text
from orchestrator.host.requests import Claim
from orchestrator.host.work import PackageWork, RunIdentity
from orchestrator.model.fleet import Host
from orchestrator.model.keeping import DriftPolicy, OnDrift
from orchestrator.model.plan import Package, Timeouts
from orchestrator.ports import Channel, Connector, Depot, Reply
from orchestrator.service.prepare import Prepared
from orchestrator.service.surveying import Found, place, visit

LOCK = 600.0
"""Seconds for which a repair takes the package; it lets go of it at its end."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was put back: how many paths of which release; ``backup`` has the old bytes, if any.

    ``kept`` are local changes that the plan lets stay. An empty ``release``: nothing is active.
    """

    release: str
    mended: int = 0
    backup: str = ""
    kept: tuple[str, ...] = ()


async def repair(
    prepared: Prepared, depot: Depot, connector: Connector, identity: RunIdentity
) -> Found[Repaired]:
    """Put back what differs from the plan's releases, where they are active.

    Local changes stay where the plan says ``keep``; all others are overwritten, and their bytes go
    to backups. One round trip for each host that is whole; hosts are visited side by side.
    """
    plan = prepared.plan
    works = {work.name: _willing(work) for work in prepared.works}

    async def one(
        channel: Channel, host: Host, packages: Sequence[Package]
    ) -> list[Repaired | HostError]:
        visitor = _Visit(channel, host, depot, identity, plan.rollout.timeouts)
        return await visitor.repair([works[package.name] for package in packages])

    return await visit(plan, prepared.selected, connector, one)


@dataclass(frozen=True, slots=True)
class _Visit:
    """One channel to one host."""

    channel: Channel
    host: Host
    depot: Depot
    identity: RunIdentity
    timeouts: Timeouts

    async def repair(self, works: Sequence[PackageWork]) -> list[Repaired | HostError]:
        """Look at all packages in one round trip, and mend those that need it."""
        questions = [
            requests.probe(place(self.host, work.package), work.release, work.manifest.digest)
            for work in works
        ]
        deadline = self.timeouts.check * len(works)
        replies = await self.channel.call(questions, deadline=deadline)
        return [await self._settle(*pair) for pair in zip(works, replies, strict=True)]

    async def _settle(self, work: PackageWork, reply: Reply) -> Repaired | HostError:
        try:
            return await self._one(work, read_probe(reply))
        except HostError as error:
            return error

    async def _one(self, work: PackageWork, found: Probe) -> Repaired:
        if not found.active:
            return Repaired("")
        if found.active != work.release:
            raise HostError(
                f"{found.active} is active, and the plan's release is {work.release}",
                hint="apply the plan, or name the version that is active: version:, or --locked",
            )
        probe = judged(work.package.on_drift, found, work.release)
        kept = weigh(work.package.on_drift, found).kept
        if probe.proved:
            return Repaired(work.release, kept=kept)
        files = lacking(work, probe, self.depot)
        answer, _ = await put_back(work, files, self.depot, self._sender(work.package))
        if status(answer) is not Status.OK:
            raise HostError(f"not repaired: {answer.reason or answer.status}")
        mended, backup = number(answer.fields, "mended"), text(answer.fields, "backup")
        return Repaired(work.release, mended, backup, kept)

    def _sender(self, package: Package) -> Send:
        where = place(self.host, package)
        claim = Claim(self.identity.run, self.identity.owner, 0, LOCK)

        async def send(build: Callable[[requests.Place, Claim], str], payload: Path) -> Reply:
            line = build(where, claim)
            [reply] = await self.channel.call([line], payload=payload, deadline=self.timeouts.stage)
            return reply

        return send


def _willing(work: PackageWork) -> PackageWork:
    """Return the work with a policy that puts back what an upgrade would stop at."""
    policy = work.package.on_drift
    meant: Mapping[DriftPolicy, DriftPolicy] = {DriftPolicy.KEEP: DriftPolicy.KEEP}
    overwrite = DriftPolicy.OVERWRITE
    globs = tuple((glob, meant.get(found, overwrite)) for glob, found in policy.globs)
    willing = OnDrift(meant.get(policy.default, overwrite), globs)
    return replace(work, package=replace(work.package, on_drift=willing))
