"""``fleet status``, ``history``, ``why`` and ``abort``: looking at runs, and asking of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import asdict

import click

from orchestrator.cli.screen import Screen, output_flags, page
from orchestrator.clock import WallClock, iso
from orchestrator.errors import ExitCode, UsageError
from orchestrator.home import Home
from orchestrator.journal import Journal, Owner
from orchestrator.journal.rows import RunRow
from orchestrator.model.event import OperatorAsked, Request
from orchestrator.report import folding
from orchestrator.report.escaping import printable
from orchestrator.report.render import history_table
from orchestrator.report.status import HistoryRow
from orchestrator.rollout.explain import Hold, why_host, why_run
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.verdict import exit_code, run_state
from orchestrator.service.carrying import expect_driven_here
from orchestrator.service.operator import operator


@click.command()
@click.argument("run", default="last")
@output_flags
def status(run: str, **given: object) -> int:
    """Say where RUN (id, prefix or last) stands: its waves, and every host that is not fine."""
    screen = Screen.of(given)
    with Home.find().open_journal() as journal:
        rollout = _fold(journal, run)
    screen.standing(rollout)
    return exit_code(rollout)


@click.command()
@click.option("-n", "--last", default=20, show_default=True, help="How many runs, newest first.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text")
def history(*, last: int, output: str) -> int:
    """List the runs in the journal."""
    now = WallClock().now()
    with Home.find().open_journal() as journal:
        rows = [_row(row, now) for row in journal.runs()[:last]]
    if output == "json":
        for row in rows:
            click.echo(json.dumps({**asdict(row), "outcome": row.outcome}))
    elif rows:
        page().print(history_table(rows))
    else:
        click.echo("no runs yet: fleet apply PLAN", err=True)
    return ExitCode.OK


def _row(row: RunRow, now: float) -> HistoryRow:
    return HistoryRow(
        run=row.run,
        plan=row.plan,
        operator=row.operator,
        started_at=row.started_at,
        ended_at=row.ended_at,
        verdict=row.verdict,
        driven=row.lease.held(now),
    )


@click.command()
@click.argument("run")
@click.argument("host", required=False)
def why(run: str, host: str | None) -> int:
    """Say what RUN, or HOST in it, waits for: which gate, held by what, since when."""
    with Home.find().open_journal() as journal:
        rollout = _fold(journal, run)
    if host is None:
        click.echo(f"run {rollout.started.run} is {run_state(rollout)}")
        _show(why_run(rollout))
        return ExitCode.OK
    if host not in rollout.hosts:
        raise UsageError(f"host '{host}' is not in run {rollout.started.run}")
    record = rollout.hosts[host]
    reason = f": {printable(record.reason)}" if record.reason else ""
    click.echo(f"{host} is {record.state} since {iso(record.since)}{reason}")
    _show(why_host(rollout, host))
    for moved in record.story:
        said = printable(moved.reason)
        click.echo(f"  {iso(moved.at)}  {moved.before} -> {moved.after}  {said}".rstrip())
    return ExitCode.OK


@click.command()
@click.argument("run")
@click.option("--why", "reason", default="", help="Kept in the journal.")
def abort(run: str, reason: str) -> int:
    """Admit no more hosts to RUN, let those in flight finish, and end it where it stands."""
    clock = WallClock()
    with Home.find().open_journal() as journal:
        run = journal.find_run(run)
        expect_driven_here(run)
        if journal.lease(run).held(clock.now()):
            journal.ask(run, Request.ABORT, operator(), reason)
            click.echo(f"asked the controller of run {run} to abort; see: fleet status {run}")
            return ExitCode.OK
        return _abort_here(journal, run, reason)


def _abort_here(journal: Journal, run: str, reason: str) -> int:
    clock = WallClock()
    log = journal.take(run, Owner.here())

    async def journalled() -> None:
        await log.append(OperatorAsked(clock.now(), Request.ABORT, operator(), reason))
        await log.close()

    asyncio.run(journalled())
    rollout = _fold(journal, run)
    code = exit_code(rollout)
    journal.finish(run, code, clock.now())
    click.echo(f"run {run} is {run_state(rollout)}")
    left = [name for name, host in rollout.hosts.items() if host.asked is not None]
    if left:
        shown = folding.compact(left)
        click.echo(f"not settled yet: {shown}; settle them: fleet resume {run}")
    return ExitCode.OK


def _fold(journal: Journal, run: str) -> Rollout:
    events = journal.events(journal.find_run(run))
    return Rollout.fold(recorded.event for recorded in events)


def _show(holds: Iterable[Hold]) -> None:
    for hold in holds:
        until = f", until {iso(hold.until)}" if hold.until else ""
        click.echo(f"  {hold.gate}: {printable(hold.held_by)} (since {iso(hold.since)}{until})")
