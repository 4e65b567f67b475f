"""``fleet hosts``: what hosts have, and mending it, without a run."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.cli.backups import backup, backups, restore
from orchestrator.cli.flags import ask_become, become_password, connection_flags, options_of
from orchestrator.cli.repair import repair
from orchestrator.cli.trust import enrol
from orchestrator.cli.unlock import unlock
from orchestrator.clock import WallClock
from orchestrator.compose import BecomePassword, Site
from orchestrator.errors import ExitCode, HostError, UsageError
from orchestrator.host.survey import KINDS, VerifyReport
from orchestrator.report.escaping import output_line
from orchestrator.schema.units import seconds
from orchestrator.service.options import RunOptions
from orchestrator.service.surveying import Found, Place, survey


@click.group()
def hosts() -> None:
    """Look at what the hosts of a plan have, and mend it."""


hosts.add_command(enrol)
hosts.add_command(repair)
hosts.add_command(backup)
hosts.add_command(backups)
hosts.add_command(restore)
hosts.add_command(unlock)


@hosts.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.option(
    "--changed-since",
    metavar="TIME",
    help="Hash only files that changed since: 2h (ago), 2026-01-31, 2026-01-31T04:00:00Z.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@connection_flags
@ask_become
def verify(
    plan: Path, *, changed_since: str | None, as_json: bool, ask_become_pass: bool, **given: Any
) -> int:
    """Hash what is active on every host of PLAN against its own signed manifest."""
    options = options_of(given)
    within = None if changed_since is None else _ago(changed_since)
    site = compose.read_site(plan, options)
    found = asyncio.run(_survey(site, options, become_password(ask=ask_become_pass), within))
    if as_json:
        click.echo(json.dumps([_document(*answer) for answer in found], indent=2))
    else:
        for place, report in found:
            _print(place, report)
    codes = {_code(report) for _, report in found}
    return ExitCode.FAILED if ExitCode.FAILED in codes else max(codes, default=ExitCode.OK)


async def _survey(
    site: Site, options: RunOptions, password: BecomePassword, within: float | None
) -> Found[VerifyReport]:
    ssh = compose.connector(site.plan, options, password, os.environ)
    try:
        return await survey(site.plan, site.chosen, ssh, within=within)
    finally:
        await ssh.close()


def _ago(text: str) -> float:
    """Return how long ago a time is, so that hosts can reckon by their own clocks."""
    duration = seconds(text)
    if duration is not None:
        return duration
    try:
        then = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        hint = "write 2h, 30m, 2026-01-31, or 2026-01-31T04:00:00Z"
        raise UsageError(f"--changed-since: '{text}' is no time", hint=hint) from None
    ago = WallClock().now() - then
    if ago < 0:
        raise UsageError(f"--changed-since: {text} is yet to come", hint="name a time that is past")
    return ago


def _code(report: VerifyReport | HostError) -> ExitCode:
    if isinstance(report, HostError):
        return report.exit_code
    return ExitCode.OK if report.clean or not report.active else ExitCode.FAILED


def _document(place: Place, report: VerifyReport | HostError) -> Mapping[str, object]:
    """Return what ``--json`` tells of one package on one host."""
    named = {"host": place.host, "package": place.package}
    if isinstance(report, HostError):
        return named | {"status": "error", "error": report.message}
    status = "none" if not report.active else "ok" if report.clean else "differs"
    paths = {kind: list(getattr(report, kind)) for kind in (*KINDS, "kept")}
    return named | {"status": status, "active": report.active, **paths, "unnamed": report.unnamed}


def _print(place: Place, report: VerifyReport | HostError) -> None:
    name = f"{place.host}  {place.package}"
    if isinstance(report, HostError):
        click.echo(output_line(f"{name}  {report.message}"))
    elif not report.active:
        click.echo(f"{name}  nothing active")
    else:
        click.echo(output_line(f"{name}  {report.active}  {'ok' if report.clean else 'differs'}"))
        for line in report.lines():
            click.echo(output_line(f"    {line}"))
