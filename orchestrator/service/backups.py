"""Backups of data on every host of a plan, without a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from orchestrator.errors import HostError
from orchestrator.host.procedures import keeping
from orchestrator.host.procedures.keeping import Backup, Restored
from orchestrator.host.rendering import Renderer
from orchestrator.host.requests import Claim, Place
from orchestrator.host.requests_data import DataSet
from orchestrator.host.work import Assignment, RunIdentity
from orchestrator.model.fleet import Host
from orchestrator.model.plan import Package, Plan
from orchestrator.ports import Channel, Connector
from orchestrator.service.prepare import Selected
from orchestrator.service.surveying import Found, place, visit

T = TypeVar("T")
LATEST = "latest"
LOCK_MARGIN = 600.0
"""Seconds for which the package is locked beyond the time that its data may take."""

One = Callable[[Channel, Host, Package, Place], Awaitable[T]]
"""Does something with one package of one host; may raise HostError."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup, and where it lies on this machine, if it was carried there.

    No ``backup``: there was no data yet.
    """

    backup: Backup | None
    here: Path | None = None


async def back_up(
    plan: Plan,
    chosen: Selected,
    connector: Connector,
    identity: RunIdentity,
    to: Path | None = None,
) -> Found[Made]:
    """Back up the data of every package on every host, and carry it to the folder ``to``."""

    async def one(channel: Channel, host: Host, package: Package, where: Place) -> Made:
        data, deadline = data_on(host, package), package.data.timeout
        claim = _claim(identity, package)
        made = await keeping.back_up(channel, where, claim, data, deadline=deadline)
        if made is None or to is None:
            return Made(made)
        target = _folder(to, host, package) / PurePosixPath(made.archive).name
        await keeping.fetch(channel, where, made, target, deadline=deadline)
        return Made(made, target)

    return await _each(plan, chosen, connector, one)


async def listed(plan: Plan, chosen: Selected, connector: Connector) -> Found[tuple[Backup, ...]]:
    """Return the backups of every package on every host, oldest first."""

    async def one(
        channel: Channel,
        host: Host,  # noqa: ARG001
        package: Package,  # noqa: ARG001
        where: Place,
    ) -> tuple[Backup, ...]:
        return await keeping.listed(channel, where, deadline=plan.rollout.timeouts.check)

    return await _each(plan, chosen, connector, one)


async def restore(
    plan: Plan,
    chosen: Selected,
    connector: Connector,
    identity: RunIdentity,
    source: str | Path,
) -> Found[Restored]:
    """Bring the data of all packages back on all hosts.

    ``source`` is the name of a backup that they have, or the latest, or a folder to which
    `back_up` has carried archives.
    """

    async def one(channel: Channel, host: Host, package: Package, where: Place) -> Restored:
        carried = None
        if isinstance(source, Path):
            carried = keeping.carried_in(_folder(source, host, package))
            name = carried.backup
        else:
            known = await keeping.listed(channel, where, deadline=plan.rollout.timeouts.check)
            name = newest_or(known, source).name
        return await keeping.restore(
            channel,
            where,
            _claim(identity, package),
            name,
            data_on(host, package),
            deadline=package.data.timeout,
            carried=carried,
        )

    return await _each(plan, chosen, connector, one)


def _folder(archives: Path, host: Host, package: Package) -> Path:
    """Return where the archives of a package of a host are, among those that were carried."""
    return archives / host.name.replace("/", "_") / package.name


def newest_or(known: Sequence[Backup], name: str) -> Backup:
    """Return the backup of that name, or the latest; raises HostError."""
    fitting = [backup for backup in known if name in (LATEST, backup.name)]
    if not fitting:
        what = f"no backup {name}" if name != LATEST else "no backup"
        raise HostError(what, hint="list them: fleet hosts backups PLAN")
    return fitting[-1]


def data_on(host: Host, package: Package) -> DataSet:
    """Return the data of a package on a host; raises HostError for paths that cannot be."""
    return Renderer(Assignment(host, (), ""), "").data(package)


def with_data(plan: Plan) -> tuple[str, ...]:
    """Return the packages of a plan that declare data."""
    return tuple(package.name for package in plan.packages if package.data.paths)


def _claim(identity: RunIdentity, package: Package) -> Claim:
    return Claim(identity.run, identity.owner, 0, package.data.timeout + LOCK_MARGIN)


async def _each(plan: Plan, chosen: Selected, connector: Connector, one: One[T]) -> Found[T]:
    async def all_of(
        channel: Channel, host: Host, packages: Sequence[Package]
    ) -> Sequence[T | HostError]:
        return [await _guarded(one, channel, host, package) for package in packages]

    return await visit(plan, chosen, connector, all_of)


async def _guarded(one: One[T], channel: Channel, host: Host, package: Package) -> T | HostError:
    try:
        return await one(channel, host, package, place(host, package))
    except HostError as error:
        return error
