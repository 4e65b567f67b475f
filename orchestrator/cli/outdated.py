"""``fleet outdated`` and ``fleet bundle outdated``: what there is, and what could come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.bundles.obtaining import candidates
from orchestrator.cli import looking
from orchestrator.cli.flags import (
    ask_become,
    become_password,
    connection_flags,
    options_of,
    plan_flags,
    plan_options,
)
from orchestrator.cli.screen import page
from orchestrator.compose import Site
from orchestrator.errors import ExitCode, HostError
from orchestrator.home import Home
from orchestrator.host.looking import Look, version
from orchestrator.model.plan import Package, Plan
from orchestrator.model.version import is_version, precedence
from orchestrator.planfile import lock_path, read_lock
from orchestrator.planning.outlook import Candidate, outlook
from orchestrator.report.outdated import Row, outdated_view
from orchestrator.service.preflight import Looks

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object per package.")


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@connection_flags
@ask_become
@as_json
def outdated(plan: Path, *, ask_become_pass: bool, as_json: bool, **given: Any) -> int:
    """Show, for each package of PLAN, what the hosts have and what could come; changes nothing.

    What could come is what the sources say; apply proves it before it is used.
    """
    options = options_of(given)
    site = compose.read_site(plan, options)
    offered = candidates(site.plan, Home.find().root)
    looks = looking.survey(site, options, become_password(ask=ask_become_pass))
    locked = _locked(site.plan)
    rows = [
        _row(site, package, looks, offered[package.name], locked.get(package.name, ""))
        for package in site.plan.packages
    ]
    _show(rows, as_json=as_json)
    silent = any(isinstance(look, HostError) for look in looks.values())
    return ExitCode.UNREACHABLE if silent else ExitCode.OK


@click.command("outdated")
@click.argument("plan", type=click.Path(path_type=Path))
@plan_flags
@as_json
def of_sources(plan: Path, *, as_json: bool, **given: Any) -> int:
    """Show, for each package of PLAN, what its source has beside what is locked; asks no host."""
    meant = compose.read_plan(plan, plan_options(given))
    offered = candidates(meant, Home.find().root)
    locked = _locked(meant)
    rows = []
    for package in meant.packages:
        held = locked.get(package.name, "")
        found = outlook(package, [held], offered[package.name])
        rows.append(Row(found, {}, locked=held))
    _show(rows, as_json=as_json, installed="locked")
    return ExitCode.OK


def _row(
    site: Site, package: Package, looks: Looks, offered: Sequence[Candidate], locked: str
) -> Row:
    hosts: dict[str, list[str]] = {}
    silent = []
    for host in site.chosen.fleet:
        if host.name not in site.chosen.carriers[package.name]:
            continue
        look = looks[host.name]
        if isinstance(look, Look):
            hosts.setdefault(version(look.active(package.name)), []).append(host.name)
        else:
            silent.append(host.name)
    ordered = {it: hosts[it] for it in sorted(hosts, key=_order)}
    return Row(outlook(package, hosts, offered), ordered, silent, locked)


def _order(found: str) -> tuple[bool, object]:
    return (True, precedence(found)) if is_version(found) else (False, found)


def _locked(plan: Plan) -> Mapping[str, str]:
    """Return the versions in the plan's lock; none where there is no lock."""
    path = lock_path(Path(plan.source))
    pins = read_lock(path).pins if path.exists() else {}
    return {name: pin.version for name, pin in pins.items()}


def _show(rows: Sequence[Row], *, as_json: bool, installed: str = "installed") -> None:
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.document, ensure_ascii=False))
    else:
        page().print(outdated_view(rows, installed=installed))
