"""Data of a package on one host: where it lies, and what stops and starts what writes to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import PurePosixPath

from orchestrator import templates
from orchestrator.errors import HostError
from orchestrator.host import services
from orchestrator.host.quoting import exports
from orchestrator.host.requests import Place
from orchestrator.host.requests_data import DataSet
from orchestrator.host.services import Service, Verb
from orchestrator.model.plan import Package

_PATH = re.compile(r"/[A-Za-z0-9 ._+@%,:=~/-]+", re.ASCII)

_ACTIVE = 'FLEET_TO=$(readlink "$FLEET_CURRENT") FLEET_TO=${FLEET_TO##*/}\nexport FLEET_TO\n'
"""Services are told what is active, as in hooks."""


def data_set(package: Package, place: Place, variables: Mapping[str, object]) -> DataSet:
    """Return a package's data on a host; raises HostError for paths that cannot be.

    The texts see FLEET_PACKAGE, FLEET_ROOT, FLEET_STATE, FLEET_SHARED, FLEET_CURRENT, FLEET_TO.
    """
    data, home = package.data, f"{place.root}/{place.package}"
    known = {
        "FLEET_PACKAGE": place.package,
        "FLEET_ROOT": place.root,
        "FLEET_STATE": place.state,
        "FLEET_SHARED": f"{home}/shared",
        "FLEET_CURRENT": f"{home}/current",
    }
    rendered = [templates.render(path, variables) for path in data.paths]
    return DataSet(
        paths=_apart(tuple(_absolute(path, f"{home}/shared") for path in rendered)),
        freeze=templates.render(data.freeze, variables) + _all(Verb.STOP, data.stop),
        thaw=_all(Verb.START, data.stop[::-1]) + templates.render(data.thaw, variables),
        env=exports(known) + _ACTIVE,
        hook_timeout=package.hooks.timeout,
        backups=package.backups,
    )


def _absolute(path: str, shared: str) -> str:
    found = path.rstrip("/") if path.startswith("/") else f"{shared}/{path}"
    parts = found.split("/")[1:]
    if not _PATH.fullmatch(found) or any(part in ("", ".", "..") for part in parts):
        hint = "name an absolute path, or one below the package's shared folder"
        raise HostError(f"{path!r} cannot be a path of data", hint=hint)
    return found


def _apart(paths: tuple[str, ...]) -> tuple[str, ...]:
    for one, other in combinations(map(PurePosixPath, paths), 2):
        if one.is_relative_to(other) or other.is_relative_to(one):
            raise HostError(f"data: {one} and {other} are not apart", hint="remove one of them")
    return paths


def _all(verb: Verb, units: Sequence[str]) -> str:
    """Return shell text that does the same to all services, on lines of its own."""
    return "\n" + services.text(Service(verb, unit) for unit in units) if units else ""
