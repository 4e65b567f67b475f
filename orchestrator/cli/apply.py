"""``fleet apply``, ``resume`` and ``rollback``: the commands that drive a run."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from orchestrator import compose
from orchestrator.cli import looking
from orchestrator.cli.consent import agree, approvals, consent_flags, foresee
from orchestrator.cli.flags import ask_become, become_password, connection_flags, options_of, warn
from orchestrator.cli.lock import read_lock_of
from orchestrator.cli.screen import Screen, output_flags
from orchestrator.clock import WallClock
from orchestrator.compose import BecomePassword, Ready
from orchestrator.errors import BundleError, Position, Problem, UnknownRun
from orchestrator.home import Home
from orchestrator.host.work import RunIdentity
from orchestrator.journal import Journal, Owner, new_run_id
from orchestrator.model.event import Event, OperatorAsked, Request, RunStarted
from orchestrator.model.lock import Pin
from orchestrator.ports import RunLog
from orchestrator.rollout.machine import Rollout
from orchestrator.rollout.verdict import RunState, moved_nothing, run_state
from orchestrator.service.controller import Controller
from orchestrator.service.operator import operator
from orchestrator.service.options import RunOptions
from orchestrator.service.prepare import expect_locked, expect_same

GOING_BACK = frozenset({RunState.ROLLING_BACK, RunState.ROLLED_BACK, RunState.ABORTED})


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@connection_flags
@ask_become
@consent_flags
@click.option("--locked", is_flag=True, help="Exactly the releases that fleet lock wrote down.")
@click.option("-C", "--check", is_flag=True, help="Probe the hosts and change nothing.")
@click.option("-D", "--diff", is_flag=True, help="With --check: the files that would change.")
@output_flags
def apply(plan: Path, *, check: bool, diff: bool, ask_become_pass: bool, **given: Any) -> int:
    """Move the fleet to what PLAN says, wave by wave."""
    screen = Screen.of(given)
    consent = {"yes": given["yes"], "approved": approvals(given["approve"])}
    options = replace(options_of(given), locked=given["locked"], **consent)
    home = Home.find()
    site = compose.read_site(plan, options)
    password = become_password(ask=ask_become_pass)
    lock = read_lock_of(site.plan) if options.locked else None
    ready = compose.make_ready(site, home, options, lock.pins if lock else {})
    warn(ready.prepared)
    try:
        if lock:
            expect_locked(lock, ready.prepared.targets)
        if check:
            ready = foresee(ready, options, password, screen)
            return looking.look(ready, options, password, screen, diff=diff)
        with home.open_journal() as journal:
            refuse_denied(journal, ready)
            ready, options = agree(ready, options, password, screen)
            return begin(journal, home, ready, options, password, screen)
    finally:
        ready.close()


@click.command()
@click.argument("run")
@ask_become
@output_flags
def resume(run: str, *, ask_become_pass: bool, **given: Any) -> int:
    """Go on with RUN after a pause, a halt, or a controller that died (RUN: id, prefix or last)."""
    return _take_up(run, Request.RESUME, Screen.of(given), ask=ask_become_pass)


@click.command()
@click.argument("run_or_package", metavar="RUN|PACKAGE")
@ask_become
@output_flags
def rollback(run_or_package: str, *, ask_become_pass: bool, **given: Any) -> int:
    """Bring every host that RUN (or the last run of PACKAGE) moved back to what it had before."""
    with Home.find().open_journal() as journal:
        run = _run_of(journal, run_or_package)
    return _take_up(run, Request.ROLLBACK, Screen.of(given), ask=ask_become_pass)


def begin(
    journal: Journal,
    home: Home,
    ready: Ready,
    options: RunOptions,
    password: BecomePassword,
    screen: Screen,
) -> int:
    """Begin a run, drive it as long as may be, and return its exit code."""
    clock, plan, who = WallClock(), ready.prepared.plan, operator()
    started = RunStarted(
        at=clock.now(),
        run=new_run_id(clock, secrets.token_bytes),
        plan=plan.name,
        plan_source=plan.source,
        plan_digest=plan.digest,
        operator=who,
        nonce=secrets.token_hex(16),
        spec=ready.prepared.spec,
        targets=ready.prepared.targets,
        options=options.to_dict(),
    )
    log = journal.create_run(started, Owner.here())
    return _drive(journal, log, home, ready, options, password, screen, started.run)


def _take_up(run: str, request: Request, screen: Screen, *, ask: bool) -> int:
    home = Home.find()
    with home.open_journal() as journal:
        run = journal.find_run(run)
        started = next(journal.events(run)).event
        if not isinstance(started, RunStarted):
            raise UnknownRun(f"run {run} has no beginning", hint="the journal is damaged")
        options = RunOptions.from_dict(started.options)
        site = compose.read_site(Path(started.plan_source), options)
        pinned = {it.package: Pin(it.version, it.manifest) for it in started.targets}
        ready = None
        if request is Request.ROLLBACK or _goes_back(journal, run):
            ready = compose.make_ready_to_go_back(site, home, pinned)
        ready = ready or compose.make_ready(site, home, options, pinned)
        try:
            now = ready.prepared.targets
            expect_same(site.plan, started.plan_digest, started.targets, now)
            password = become_password(ask=ask)
            log = journal.take(run, Owner.here())
            asked = OperatorAsked(WallClock().now(), request, operator())
            return _drive(journal, log, home, ready, options, password, screen, run, asked)
        finally:
            ready.close()


def _goes_back(journal: Journal, run: str) -> bool:
    """Return whether the run lays nothing more down, whoever takes it up."""
    return run_state(_folded(journal, run)) in GOING_BACK


def _folded(journal: Journal, run: str) -> Rollout:
    return Rollout.fold(recorded.event for recorded in journal.events(run))


def _drive(
    journal: Journal,
    log: RunLog,
    home: Home,
    ready: Ready,
    options: RunOptions,
    password: BecomePassword,
    screen: Screen,
    run: str,
    *first: Event,
) -> int:
    past = list(journal.events(run))
    rollout = Rollout.fold(recorded.event for recorded in past)
    identity = RunIdentity(run, operator(), rollout.started.nonce)
    sink = screen.sink(rollout)
    screen.begun(rollout)

    async def drive() -> int:
        ssh = compose.connector(ready.prepared.plan, options, password, os.environ)
        engine = compose.driver(ready, ssh, identity, sink.output if screen.verbose else None)
        controller = Controller(
            journal,
            log,
            rollout,
            len(past),
            engine,
            sink,
            WallClock(),
            operator(),
            Owner.here().label,
        )
        return await controller.drive(*first)

    code = asyncio.run(drive())
    screen.left(rollout, journal, home, code)
    return code


def refuse_denied(journal: Journal, ready: Ready) -> None:
    """Raise BundleError for releases that were rolled back and not lifted since."""
    targets = {target.manifest: target for target in ready.prepared.targets}
    denied = journal.denied(list(targets))
    if denied:
        raise BundleError(
            *(
                Problem(
                    Position(ready.prepared.plan.source),
                    f"packages.{item.package}",
                    f"release {item.version} was rolled back by run {item.run}: {item.reason}",
                    f"mend the release, or lift it: fleet denylist lift {item.manifest[:12]}",
                )
                for item in denied
            )
        )


def _run_of(journal: Journal, name: str) -> str:
    try:
        return journal.find_run(name)
    except UnknownRun:
        carried = False
        for row in journal.runs():
            started = next(journal.events(row.run)).event
            if not isinstance(started, RunStarted):
                continue
            if any(target.package == name for target in started.targets):
                carried = True
                if not moved_nothing(_folded(journal, row.run)):
                    return row.run
        if carried:
            hint = "what each run did: fleet history"
            raise UnknownRun(f"no run has moved {name!r} on any host", hint=hint) from None
        raise
