"""``fleet hosts``: looking at what hosts have, without a run."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.cli.flags import ask_become, become_password, connection_flags, options_of
from orchestrator.compose import BecomePassword, Site
from orchestrator.errors import ExitCode, HostError
from orchestrator.host.survey import VerifyReport
from orchestrator.service.options import RunOptions
from orchestrator.service.surveying import Place, survey


@click.group()
def hosts() -> None:
    """Look at what the hosts of a plan have."""


@hosts.command()
@click.argument("plan", type=click.Path(path_type=Path))
@connection_flags
@ask_become
def verify(plan: Path, *, ask_become_pass: bool, **given: Any) -> int:
    """Hash what is active on every host of PLAN against its own signed manifest."""
    options = options_of(given)
    site = compose.read_site(plan, options)
    found = asyncio.run(_survey(site, options, become_password(ask=ask_become_pass)))
    codes = {_print(place, report) for place, report in found}
    return ExitCode.FAILED if ExitCode.FAILED in codes else max(codes, default=ExitCode.OK)


async def _survey(
    site: Site, options: RunOptions, password: BecomePassword
) -> list[tuple[Place, VerifyReport | HostError]]:
    ssh = compose.connector(site.plan, options, password, os.environ)
    try:
        return await survey(site.plan, site.chosen, ssh)
    finally:
        await ssh.close()


def _print(place: Place, report: VerifyReport | HostError) -> ExitCode:
    name = f"{place.host}  {place.package}"
    if isinstance(report, HostError):
        click.echo(f"{name}  {report.message}")
        return report.exit_code
    if not report.active:
        click.echo(f"{name}  nothing active")
        return ExitCode.OK
    click.echo(f"{name}  {report.active}  {'ok' if report.clean else 'differs'}")
    for line in report.lines():
        click.echo(f"    {line}")
    return ExitCode.OK if report.clean else ExitCode.FAILED
