"""``fleet hosts unlock``: a lock is shown, and broken after a yes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from orchestrator import compose
from orchestrator.cli.flags import ask_become, become_password, connection_flags, options_of
from orchestrator.cli.ward import Ward, words_argument
from orchestrator.clock import iso
from orchestrator.compose import BecomePassword
from orchestrator.doctor.chart import Chart
from orchestrator.errors import ExitCode, HostError, NotAgreed
from orchestrator.report.escaping import output_line
from orchestrator.report.figures import span
from orchestrator.report.folding import compact
from orchestrator.service import unlocking
from orchestrator.service.narrowing import only
from orchestrator.service.operator import operator
from orchestrator.service.unlocking import Held


@click.command()
@words_argument
@click.option("--package", metavar="NAME", help="Only the lock of this package.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Even during a trial: the host goes back at once.")
@connection_flags
@ask_become
def unlock(
    words: tuple[str, ...],
    *,
    package: str | None,
    yes: bool,
    force: bool,
    ask_become_pass: bool,
    **given: Any,
) -> int:
    """Break the locks that runs hold on hosts, after showing who holds them.

    Whoever held a lock is locked out: what it still does is ended, and it is refused from then on.
    An armed trial is never left without its end: it refuses, and with --force the host goes back.
    """
    ward = Ward.of(words, options_of(given))
    if package and ward.plan:
        only(ward.site.plan, [package])
    password = become_password(ask=ask_become_pass)
    charts = asyncio.run(ward.examine(password))
    codes = [_unknown(chart, package) for chart in charts]
    unlocking.expect_known(charts, package)
    locks = list(unlocking.held(charts, package))
    for lock in locks:
        click.echo(_told(lock))
    if not locks:
        _say_free([chart for chart, code in zip(charts, codes, strict=True) if not code], charts)
    elif _agreed(yes=yes):
        codes += asyncio.run(_unlock_all(ward, locks, password, force=force))
    return ExitCode.FAILED if ExitCode.FAILED in codes else max(codes, default=ExitCode.OK)


def _unknown(chart: Chart, package: str | None) -> ExitCode:
    """Say why nobody knows whether a host's locks are held."""
    error = None if chart.is_reached else chart.ways[0].error
    trouble = error.message if error else chart.trouble
    told = [trouble] if trouble else list(unlocking.unreadable(chart, package))
    for what in told:
        click.echo(output_line(f"{chart.host}  {what}"), err=True)
    if not told:
        return ExitCode.OK
    return error.exit_code if error else ExitCode.FAILED


def _say_free(free: Sequence[Chart], charts: Sequence[Chart]) -> None:
    """Say that no lock is held, of those hosts alone that told so."""
    where = "" if len(free) == len(charts) else f" on {compact([it.host for it in free])}"
    if free:
        click.echo(f"no lock is held{where}")


def _told(lock: Held) -> str:
    hold, left = lock.hold, lock.remaining
    until = f"expires in {span(hold.expires_in)}" if hold.expires_in > 0 else "has expired"
    session = "its session lives" if hold.lives else "its session is gone"
    trial = "no trial is on" if left is None else f"a trial is on for {span(left)} more"
    who = f"run {hold.run} ({hold.owner}) holds it since {iso(hold.since)}, {until}"
    return output_line(f"{lock.host}  {lock.package}  {who}; {session}; {trial}")


def _agreed(*, yes: bool) -> bool:
    if not yes and not sys.stdin.isatty():
        raise NotAgreed("breaking a lock needs a yes", hint="look who holds it, then give --yes")
    return yes or click.confirm("Break them?", err=True)


async def _unlock_all(
    ward: Ward, locks: Sequence[Held], password: BecomePassword, *, force: bool
) -> list[ExitCode]:
    plan = ward.site.plan
    connector = compose.connector(plan, ward.options, password, os.environ)
    codes = []
    try:
        for host in ward.site.chosen.fleet:
            if mine := [lock for lock in locks if lock.host == host.name]:
                timeouts = plan.rollout.timeouts
                answers = await unlocking.unlock(
                    host, mine, connector, timeouts, owner=operator(), force=force
                )
                codes += [_answered(*pair) for pair in zip(mine, answers, strict=True)]
    finally:
        await connector.close()
    return codes


def _answered(lock: Held, answer: str | HostError) -> ExitCode:
    said = answer.message if isinstance(answer, HostError) else answer
    click.echo(output_line(f"{lock.host}  {lock.package}  {said}"))
    return answer.exit_code if isinstance(answer, HostError) else ExitCode.OK
