"""``fleet rollback``: a run is taken back, or hosts go back to a release that they had."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from orchestrator import compose
from orchestrator.cli import looking
from orchestrator.cli.apply import begin, folded, refuse_denied, take_up
from orchestrator.cli.consent import agree_to_go_back
from orchestrator.cli.flags import ask_become, become_password, connection_flags, options_of
from orchestrator.cli.screen import Screen, output_flags
from orchestrator.cli.ward import is_plan
from orchestrator.errors import UnknownRun, UsageError
from orchestrator.home import Home
from orchestrator.journal import Journal
from orchestrator.model.carried import is_carried
from orchestrator.model.event import Request, RunStarted
from orchestrator.rollout.verdict import moved_nothing
from orchestrator.service import wayback

PLAN = "plan.yml"
OF_A_RUN = frozenset({"what", "ask_become_pass", "output", "verbose"})
"""What may be given with a RUN; all else that is given would do nothing without --to."""


@click.command()
@click.argument("what", metavar="RUN|PACKAGE|[PLAN]", required=False)
@click.option("--to", metavar="previous|VERSION", help="Go back to this, outside of any run.")
@click.option("--package", "packages", multiple=True, help="With --to: only this package.")
@click.option("--preserve-data", is_flag=True, help="With --to: undo no step, leave data as it is.")
@click.option(
    "--backup-current/--no-backup-current",
    default=True,
    help="With --to: back up the data that the plan declares first (the default), or do not.",
)
@click.option(
    "--restore-data",
    is_flag=True,
    help="With --to: bring data back too, from the newest backup made under that release.",
)
@click.option("--test", is_flag=True, help="With --to: prove and tell everything, change nothing.")
@click.option("--yes", is_flag=True, help="With --to: go back without asking.")
@connection_flags
@ask_become
@output_flags
@click.pass_context
def rollback(
    ctx: click.Context,
    /,
    what: str | None,
    *,
    to: str | None,
    ask_become_pass: bool,
    **given: Any,
) -> int:
    """Take back what RUN (or the last run of PACKAGE) did to every host that it moved.

    With --to, take the hosts of PLAN (plan.yml) back to their previous release or to a version,
    by a run of its own, once configuration, data and the release itself are known to allow it.

    A RUN goes back as a whole: of the flags, it takes -K, --output and -v alone.
    """
    if to is not None:
        return _go_back(Path(what or PLAN), to, ask=ask_become_pass, given=given)
    _expect_flags_of_a_run(ctx)
    if what is None:
        raise UsageError("which run?", hint="name a run or a package, or say where --to")
    with Home.find().open_journal() as journal:
        run = _run_or_hint(journal, what)
    return take_up(run, Request.ROLLBACK, Screen.of(given), ask=ask_become_pass)


def _expect_flags_of_a_run(ctx: click.Context) -> None:
    """Raise UsageError for flags that a run's way back would not heed."""
    wrong = [
        "/".join((*it.opts, *it.secondary_opts))
        for it in ctx.command.params
        if it.name not in OF_A_RUN
        and ctx.get_parameter_source(it.name or "") is ParameterSource.COMMANDLINE
    ]
    if wrong:
        what = f"{', '.join(wrong)}: a run goes back as a whole, on every host that it moved"
        raise UsageError(what, hint="with --to only; nothing was changed")


def _run_or_hint(journal: Journal, what: str) -> str:
    try:
        return _run_of(journal, what)
    except UnknownRun as error:
        if not is_plan(what):
            raise
        hint = "the hosts of a plan go back with --to previous, or --to VERSION"
        raise UnknownRun(error.message, hint=hint) from None


def _go_back(plan: Path, to: str, *, ask: bool, given: dict[str, Any]) -> int:
    screen, home = Screen.of(given), Home.find()
    if given["restore_data"] and given["preserve_data"]:
        raise UsageError(
            "--restore-data and --preserve-data: one of the two",
            hint="the first replaces data by what a backup has, the second leaves it as it is",
        )
    options = replace(
        options_of(given),
        back_to=to,
        packages=given["packages"],
        preserve_data=given["preserve_data"],
        backup_current=given["backup_current"],
        restore_data=given["restore_data"],
    )
    site = compose.read_site(plan, options, partial(wayback.narrowed, options=options))
    password = become_password(ask=ask)
    looks = looking.survey(site, options, password)
    pinned = wayback.aims(site.plan, looks, to)
    options = replace(options, leaving=wayback.leaving(looks, pinned))
    ready = compose.make_ready_for_way_back(site, home, options, pinned)
    try:
        with home.open_journal() as journal:
            refuse_denied(journal, ready)
            found = looking.look_all(ready, options, password)
            if given["test"] or looking.refuse(found.values()):
                return looking.show(ready, found, screen)
            agree_to_go_back(wayback.moves(looks, pinned), screen, yes=given["yes"])
            return begin(journal, home, ready, options, password, screen)
    finally:
        ready.close()


def _run_of(journal: Journal, name: str) -> str:
    try:
        return journal.find_run(name)
    except UnknownRun:
        known = False
        for row in journal.runs():
            started = next(journal.events(row.run)).event
            if not isinstance(started, RunStarted):
                continue
            if any(target.package == name for target in started.targets):
                known = True
                if not is_carried(row.run) and not moved_nothing(folded(journal, row.run)):
                    return row.run
        if known:
            hint = "what each run did: fleet history"
            what = f"no run that was driven from here has moved {name!r} on any host"
            raise UnknownRun(what, hint=hint) from None
        raise
